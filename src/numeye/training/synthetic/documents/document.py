"""Documents: pictures of whole pages, with the numbers, tables and characters on them.

`make_documents` draws them one after the other. A document depends on (seed, index) and on its
split, and on nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.digit_crops import MIN_AGREEMENT, agreement
from numeye.training.synthetic.documents.kinds.cheques import draw_cheque
from numeye.training.synthetic.documents.kinds.forms import draw_answer_sheet, draw_form
from numeye.training.synthetic.documents.kinds.ledgers import draw_ledger
from numeye.training.synthetic.documents.kinds.mark_sheets import draw_mark_sheet, draw_number_table
from numeye.training.synthetic.documents.kinds.notes import draw_note, draw_number_list
from numeye.training.synthetic.documents.kinds.score_cards import draw_digit_grid, draw_score_card
from numeye.training.synthetic.documents.page import Page
from numeye.training.synthetic.documents.photography import Photograph, photograph
from numeye.training.synthetic.documents.stationery import Stationery, load_stationery
from numeye.training.synthetic.documents.surroundings import add_surroundings
from numeye.training.synthetic.specs import Split

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64, UInt8

KINDS: dict[str, tuple[float, Callable[[Stationery, np.random.Generator], Page]]] = {
    "mark sheet": (0.22, draw_mark_sheet),
    "number table": (0.1, draw_number_table),
    "ledger": (0.14, draw_ledger),
    "score card": (0.1, draw_score_card),
    "digit grid": (0.05, draw_digit_grid),
    "form": (0.14, draw_form),
    "answer sheet": (0.04, draw_answer_sheet),
    "note": (0.12, draw_note),
    "number list": (0.05, draw_number_list),
    "cheque": (0.04, draw_cheque),
}
SERIES = 24  # tells the random numbers of documents from those of tiles
# How many pages are turned by a quarter or a half, and how many are far from straight.
TURNED_SHARE, SKEWED_SHARE = 0.08, 0.06
CUT_SHARE = 0.7  # share of the pages without much empty paper below
SMALL_SKEW, LARGE_SKEW = 1.5, 45.0  # standard deviation and largest, degrees
STRENGTHS = (1.0, 0.6, 0.3, 0.0)  # of the effects, from try to try, until hardly a digit is lost
MAX_LOST_SHARE = 0.01


@dataclass(frozen=True, kw_only=True)
class SyntheticDocument:
    """A picture of a page and what is on it.

    Attributes:
        picture: (height, width), 0 black to 255 white.
        rows: numbers as written, in reading order, one tuple a row. Struck-out ones are left out.
        tables: for each table, for each row, the text of each cell: numbers as written, `~` for
            words alone, nothing for an empty cell.
        struck_out: the numbers that were struck out.
        labels: (n,) place of each character in `CHARACTERS`, or `UNREADABLE`.
        outlines: (n, 16, 2) outermost points x, y of each character, pixels of the picture.
        text_heights: (n,) height of the digits that the character stands beside, pixels.
        words: (n,) number of the word that the character is in: characters without a space between
            them.
        kind: what it is, one of `KINDS`.
        turned: how far the page is turned against the clock, degrees.
    """

    picture: UInt8[np.ndarray, "height width"]
    rows: tuple[tuple[str, ...], ...]
    tables: tuple[tuple[tuple[str, ...], ...], ...]
    struck_out: tuple[str, ...]
    labels: Int64[np.ndarray, " n"]
    outlines: Float32[np.ndarray, "n 16 2"]
    text_heights: Float32[np.ndarray, " n"]
    words: Int64[np.ndarray, " n"]
    kind: str
    turned: float

    @property
    def boxes(self) -> Float32[np.ndarray, "n 4"]:
        """Left, top, right and bottom of each character."""
        return boxes_of(self.outlines)


def boxes_of(outlines: Float32[np.ndarray, "n 16 2"]) -> Float32[np.ndarray, "n 4"]:
    """Return left, top, right and bottom of each outline."""
    low, high = outlines.min(axis=1), outlines.max(axis=1)
    return np.concatenate([low, high], axis=1)


def make_documents(
    count: int,
    seed: int,
    split: Split,
    cache: str | Path | None = None,
    *,
    writers: bool = False,
    pendigits: bool = False,
) -> Iterator[SyntheticDocument]:
    """Draw the first `count` documents of a series.

    Args:
        count: how many.
        seed: number of the series.
        split: `fit` or `validation`: which digits and fonts.
        cache: folder of MNIST, of the fonts and of pendigits, all of them fetched.
        writers: whether MNIST's digits are split by their writers.
        pendigits: whether pen trajectories are among the digits of the split `fit`.

    Raises:
        DataError: one of these is not available.
    """
    stationery = load_stationery(split, cache, writers=writers, pendigits=pendigits)
    for index in range(count):
        yield make_document(stationery, seed, index)


def make_document(stationery: Stationery, seed: int, index: int) -> SyntheticDocument:
    """Draw document number `index` of the series `seed`."""
    rng = np.random.Generator(np.random.PCG64([seed, index, SERIES]))
    kinds = list(KINDS)
    kind = str(rng.choice(kinds, p=[KINDS[name][0] for name in kinds]))
    page = KINDS[kind][1](stationery, rng)
    if rng.random() < CUT_SHARE:
        page.cut_below(rng.uniform(20, 150))
    add_surroundings(page, stationery, rng)
    turned = _sample_turn(rng)
    labels, outlines, text_heights = page.characters()
    is_digit = labels < 10
    smallest = float(np.quantile(text_heights[is_digit], 0.05)) if is_digit.any() else 20.0
    shot, seen, labels = _photograph_legibly(page.ink, labels, outlines, turned, smallest, rng)
    scale = float(np.sqrt(abs(np.linalg.det(shot.matrix[:2, :2]))))
    return SyntheticDocument(
        picture=shot.picture,
        rows=tuple(tuple(row) for row in page.rows if row),
        tables=tuple(page.tables),
        struck_out=tuple(page.struck_out),
        labels=labels,
        outlines=seen,
        text_heights=text_heights * np.float32(scale),
        words=np.array(page.words, np.int64),
        kind=kind,
        turned=turned,
    )


def _sample_turn(rng: np.random.Generator) -> float:
    """Return how far a page is turned against the clock, degrees."""
    skew = rng.normal(0, SMALL_SKEW)
    if rng.random() < SKEWED_SHARE:
        skew = rng.uniform(-LARGE_SKEW, LARGE_SKEW)
    quarters = int(rng.integers(1, 4)) if rng.random() < TURNED_SHARE else 0
    return float(90 * quarters + skew)


def _photograph_legibly(
    ink: UInt8[np.ndarray, "h w"],
    labels: Int64[np.ndarray, " n"],
    outlines: Float32[np.ndarray, "n 16 2"],
    turned: float,
    digit_height: float,
    rng: np.random.Generator,
) -> tuple[Photograph, Float32[np.ndarray, "n 16 2"], Int64[np.ndarray, " n"]]:
    """Return a photograph in which few digits are lost, outlines in it, and labels.

    Characters that are lost get the label `UNREADABLE`.
    """
    for strength in STRENGTHS:
        shot = photograph(ink, turned, digit_height, rng, strength=strength)
        seen = transform(outlines, shot.matrix)
        agreements = _agreements(shot, boxes_of(seen))
        readable = labels != UNREADABLE
        lost = readable & (agreements < MIN_AGREEMENT)
        if lost.sum() <= MAX_LOST_SHARE * readable.sum():
            break
    return shot, seen, np.where(lost, UNREADABLE, labels)


def _agreements(shot: Photograph, boxes: Float32[np.ndarray, "n 4"]) -> np.ndarray:
    """Return how well each character can be seen; 0 beyond the picture's border."""
    picture = shot.picture.astype(np.float32) / np.float32(255)
    height, width = picture.shape
    left, top, right, bottom = boxes.T  # (n,) each
    seen = (left < width - 1) & (top < height - 1) & (right > 1) & (bottom > 1)
    return np.array(
        [
            agreement(picture, shot.ink, tuple(box)) if inside else 0.0
            for box, inside in zip(boxes.tolist(), seen.tolist(), strict=True)
        ]
    )


def transform(
    points: Float32[np.ndarray, "n k 2"], matrix: np.ndarray
) -> Float32[np.ndarray, "n k 2"]:
    """Return points mapped by a homography."""
    if not len(points):
        return points
    flat = points.reshape(-1, 1, 2).astype(np.float64)
    moved = cv2.perspectiveTransform(flat, matrix)
    return np.asarray(moved, np.float32).reshape(points.shape)
