"""A page: what is drawn on it, where its characters are, and which numbers stand on it.

The page is flat and upright. Paper, light and camera come later (`photography.py`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic.canvas import SUBPIXEL_BITS, UNREADABLE, to_fixed_point
from numeye.training.synthetic.documents.written_text import cell_text, numbers_of

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Int64, UInt8

    Drawing = UInt8[np.ndarray, "height width"]

MIN_DRAWN_SHARE = 0.4  # of its darkest pixel: from there on, a pixel belongs to a character
# Eight directions, in which the outermost pixels of a character are its outline.
_ANGLES = np.arange(8) * np.pi / 8
_DIRECTIONS = np.stack([np.cos(_ANGLES), np.sin(_ANGLES)]).astype(np.float32)  # (2, 8)

Box = tuple[float, float, float, float]  # left, top, right and bottom, pixels


@dataclass(frozen=True)
class Glyph:
    """One character of a composition, before it is put on a page.

    Attributes:
        drawing: (h, w), 0 to 255, without empty rows and columns around it.
        left: its first column, from the beginning of the composition.
        top: its first row, from the line that the characters stand on.
        label: its place in `CHARACTERS`.
        word: how many spaces stand before it in the text.
    """

    drawing: Drawing
    left: float
    top: float
    label: int
    word: int = 0


@dataclass(frozen=True)
class Composition:
    """Characters side by side, ready to be put on a page.

    Attributes:
        text: what is written; spaces separate its tokens.
        glyphs: its characters.
        width: where it ends, pixels.
        height: height of its digits, pixels.
        slope: pixels down for each pixel to the right.
    """

    text: str
    glyphs: tuple[Glyph, ...]
    width: float
    height: float
    slope: float = 0.0


@dataclass(frozen=True)
class Written:
    """A composition on a page.

    Attributes:
        box: left, top, right and bottom of its characters.
        first: number of its first character on the page.
        end: number of the first character behind it.
        height: height of its digits, pixels.
    """

    box: Box
    first: int
    end: int
    height: float

    @property
    def width(self) -> float:
        """Width of its characters, pixels."""
        return self.box[2] - self.box[0]


class Page:
    """A drawing, the characters on it and the numbers that they form.

    Args:
        height: pixels.
        width: pixels.

    Attributes:
        ink: (height, width), 0 nothing to 255 as dark as ink can be.
        labels: place in `CHARACTERS` of each character, or `UNREADABLE`.
        outlines: (16, 2) outermost points x, y of each character.
        text_heights: height of the digits beside each character, pixels.
        words: number of the word that each character is in: characters without a space between
            them.
        rows: numbers in reading order, one list a row.
        tables: for each table, for each row, what its cells hold.
        struck_out: the numbers that were struck out.
    """

    def __init__(self, height: int, width: int) -> None:
        self.ink = np.zeros((height, width), np.uint8)
        self.labels: list[int] = []
        self.outlines: list[np.ndarray] = []
        self.text_heights: list[float] = []
        self.words: list[int] = []
        self.rows: list[list[str]] = [[]]
        self.tables: list[tuple[tuple[str, ...], ...]] = []
        self.struck_out: list[str] = []

    @property
    def height(self) -> int:
        """Height in pixels."""
        return int(self.ink.shape[0])

    @property
    def width(self) -> int:
        """Width in pixels."""
        return int(self.ink.shape[1])

    # --- numbers

    def start_row(self) -> None:
        """Begin a new row of numbers."""
        if self.rows[-1]:
            self.rows.append([])

    def add_numbers(self, text: str) -> None:
        """Add the numbers in a text to the current row."""
        self.rows[-1] += numbers_of(text)

    def add_table(self, rows: Sequence[Sequence[str]]) -> None:
        """Add a table whose cells hold these texts."""
        self.tables.append(tuple(tuple(cell_text(text) for text in row) for row in rows))

    # --- drawing

    def write(
        self, composition: Composition, left: float, foot: float, *, counts: bool = True
    ) -> Written:
        """Put characters on the page.

        Args:
            composition: the characters.
            left: where it begins.
            foot: y of the line that the characters stand on, at `left`.
            counts: whether its numbers are added to the current row.
        """
        first, first_word = len(self.labels), self.words[-1] + 1 if self.words else 0
        for glyph in composition.glyphs:
            x, y = left + glyph.left, foot + glyph.top + composition.slope * glyph.left
            self._add_character(glyph, round(x), round(y), composition.height)
            self.words += [first_word + glyph.word] * (len(self.labels) - len(self.words))
        if counts:
            self.add_numbers(composition.text)
        return Written(self._box_of(first, left, foot), first, len(self.labels), composition.height)

    def _add_character(self, glyph: Glyph, left: int, top: int, text_height: float) -> None:
        self.paste(glyph.drawing, left, top)
        if not glyph.drawing.any():
            return
        mask = glyph.drawing > MIN_DRAWN_SHARE * glyph.drawing.max()
        points = cv2.findNonZero(mask.astype(np.uint8))
        corner = np.array([left, top], np.float32)
        outline = _outermost(points.reshape(-1, 2).astype(np.float32)) + corner
        inside = (outline >= 0).all() and (outline <= [self.width, self.height]).all()
        self.labels.append(glyph.label if inside else UNREADABLE)
        self.outlines.append(outline)
        self.text_heights.append(text_height)

    def _box_of(self, first: int, left: float, foot: float) -> Box:
        if first == len(self.labels):
            return left, foot, left, foot
        points = np.concatenate(self.outlines[first:])
        low, high = points.min(axis=0).tolist(), points.max(axis=0).tolist()
        return low[0], low[1], high[0], high[1]

    def paste(self, drawing: Drawing, left: int, top: int) -> None:
        """Draw something over the page. What lies beyond the border is lost."""
        height, width = drawing.shape
        x, y = max(left, 0), max(top, 0)
        right, bottom = min(left + width, self.width), min(top + height, self.height)
        if x < right and y < bottom:
            under = self.ink[y:bottom, x:right]  # a view of the page
            np.maximum(under, drawing[y - top : bottom - top, x - left : right - left], out=under)

    def draw_lines(
        self, lines: Sequence[Float[np.ndarray, "_ 2"]], width: float, level: int
    ) -> None:
        """Draw lines through points x, y.

        Args:
            lines: the points of each.
            width: pixels.
            level: how dark, 0 to 255.
        """
        layer, left, top = draw_polylines(lines, width, level)
        self.paste(layer, left, top)

    def draw_line(
        self, start: tuple[float, float], end: tuple[float, float], width: float, level: int
    ) -> None:
        """Draw a straight line between two points x, y."""
        self.draw_lines([np.array([start, end], np.float64)], width, level)

    def cut_below(self, margin: float) -> None:
        """Cut off the empty paper below, but for this margin in pixels."""
        last = int(np.flatnonzero(self.ink.any(axis=1)).max(initial=0))
        self.ink = self.ink[: last + 1 + int(margin)].copy()

    def join_words(self, first: int) -> None:
        """Note that the characters from number `first` on form one word, as in a comb field."""
        self.words[first:] = self.words[first : first + 1] * (len(self.words) - first)

    def make_unreadable(self, written: Written) -> None:
        """Note that nobody can read these characters."""
        self.labels[written.first : written.end] = [UNREADABLE] * (written.end - written.first)

    def characters(
        self,
    ) -> tuple[Int64[np.ndarray, " n"], Float32[np.ndarray, "n 16 2"], Float32[np.ndarray, " n"]]:
        """Return labels, outlines and text heights of all characters."""
        return (
            np.array(self.labels, np.int64),
            np.array(self.outlines, np.float32).reshape(-1, 16, 2),
            np.array(self.text_heights, np.float32),
        )


def draw_polylines(
    lines: Sequence[Float[np.ndarray, "_ 2"]], width: float, level: int
) -> tuple[Drawing, int, int]:
    """Draw lines on a drawing that is just large enough.

    Lines finer than a pixel are drawn lighter.

    Returns:
        The drawing, and its first column and row on the page.
    """
    points = np.concatenate(lines)
    margin = width / 2 + 2
    left, top = np.floor(points.min(axis=0) - margin).astype(int).tolist()
    right, bottom = np.ceil(points.max(axis=0) + margin).astype(int).tolist()
    # Twice as large, so that widths can be half a pixel.
    layer = np.zeros((2 * (bottom - top), 2 * (right - left)), np.uint8)
    level = round(level * min(1.0, 0.5 + 0.5 * width))
    pixels = max(1, round(2 * width))
    for line in lines:
        corners = [to_fixed_point(2 * (line - np.array([left, top])))]
        cv2.polylines(layer, corners, False, level, pixels, cv2.LINE_AA, SUBPIXEL_BITS)
    size = (right - left, bottom - top)
    return np.asarray(cv2.resize(layer, size, interpolation=cv2.INTER_AREA), np.uint8), left, top


def _outermost(points: Float32[np.ndarray, "n 2"]) -> Float32[np.ndarray, "16 2"]:
    """Return the outermost pixels' corners in eight directions, on both sides."""
    along = points @ _DIRECTIONS  # (n, 8)
    chosen = np.concatenate([along.argmax(axis=0), along.argmin(axis=0)])  # (16,)
    middle = points[chosen] + np.float32(0.5)
    # half a pixel outwards, since a pixel has a size
    out = np.concatenate([_DIRECTIONS.T, -_DIRECTIONS.T])  # (16, 2)
    outline: np.ndarray = middle + np.float32(0.5) * np.sign(np.round(out, 3))
    return outline
