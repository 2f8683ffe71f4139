"""Lines cut out of whole documents: tables, forms, comb boxes, cheques, notes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.models.characters import DIGITS
from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.documents.document import (
    SyntheticDocument,
    boxes_of,
    make_document,
    transform,
)
from numeye.training.synthetic.documents.stationery import Stationery
from numeye.training.synthetic.lines.line import Line, cut_number

if TYPE_CHECKING:
    from jaxtyping import Float64

SERIES = 33  # tells the random numbers of these lines from those of others
LINES_PER_DOCUMENT = 24
MIN_TEXT_PX = 8.0  # numbers with smaller digits are left out
TILT = 1.5  # standard deviation of what is left of a page's turn, degrees
CONTEXT = 1.0  # paper around a number that is straightened with it, in heights of its box
ONE_DIGIT_SHARE = 0.3  # of the numbers with a single digit are kept: pages have too many of them


class DocumentLines:
    """A series of lines, several of each document.

    Args:
        stationery: what the documents are written with.
    """

    def __init__(self, stationery: Stationery) -> None:
        self._stationery = stationery
        self._key: tuple[int, int] | None = None  # seed and index of the document below
        self._lines: list[Line] = []

    def line(self, seed: int, index: int) -> Line | None:
        """Return line number `index` of the series `seed`; None where its document has too few.

        It depends on these two only. Lines in rising order are fast: a document is drawn once.
        """
        key = seed, index // LINES_PER_DOCUMENT
        if key != self._key:
            document = make_document(self._stationery, *key)
            rng = np.random.Generator(np.random.PCG64([*key, SERIES]))
            self._key, self._lines = key, document_lines(document, LINES_PER_DOCUMENT, rng)
        place = index % LINES_PER_DOCUMENT
        return self._lines[place] if place < len(self._lines) else None


def document_lines(document: SyntheticDocument, count: int, rng: np.random.Generator) -> list[Line]:
    """Cut up to `count` random numbers out of a document."""
    lines = list[Line]()
    for word in rng.permutation(np.unique(document.words)).tolist():
        members = np.flatnonzero(document.words == word)
        line = _cut_word(document, members, rng)
        if line is not None:
            lines.append(line)
        if len(lines) == count:
            break
    return lines


def _cut_word(
    document: SyntheticDocument, members: np.ndarray, rng: np.random.Generator
) -> Line | None:
    """Return the number of some characters; None where they are none that can be read."""
    labels = document.labels[members]
    digits = int((labels < len(DIGITS)).sum())
    is_small = document.text_heights[members].min() < MIN_TEXT_PX
    if not digits or is_small or UNREADABLE in labels:
        return None
    if digits == 1 and rng.random() >= ONE_DIGIT_SHARE:
        return None
    outlines = document.outlines[members]
    turn = _map_to_level(boxes_of(outlines), rng.normal(0, TILT) - document.turned)
    boxes = boxes_of(transform(outlines, turn))
    low, high = boxes[:, :2].min(axis=0), boxes[:, 2:].max(axis=0)
    context = CONTEXT * (high[1] - low[1])
    shift = np.array([[1, 0, context - low[0]], [0, 1, context - low[1]], [0, 0, 1]])
    width, height = np.ceil(high - low + 2 * context).astype(int).tolist()
    picture = cv2.warpAffine(
        document.picture,
        (shift @ turn)[:2],
        (width, height),
        flags=cv2.INTER_LINEAR,
        borderMode=cv2.BORDER_REPLICATE,
    )
    moved = boxes + np.tile([context - low[0], context - low[1]], 2)
    return cut_number(np.asarray(picture, np.uint8), labels, moved, rng)


def _map_to_level(boxes: np.ndarray, degrees: float) -> Float64[np.ndarray, "3 3"]:
    """Return the map that turns a picture against the clock around the middle of some boxes."""
    middle = (boxes[:, :2].min(axis=0) + boxes[:, 2:].max(axis=0)) / 2
    angle = np.deg2rad(degrees)
    rotation = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    turn = np.eye(3)
    turn[:2, :2], turn[:2, 2] = rotation, middle - rotation @ middle
    return turn
