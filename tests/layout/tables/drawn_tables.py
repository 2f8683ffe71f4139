"""Pages with tables and comb fields, drawn with pen strokes, and where their digits are."""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np
from PIL import Image, ImageDraw

Point = tuple[float, float]

PAPER, FINE = 240, 2  # grey of paper; pixels of the drawing for each pixel of the page

# x, y of pen strokes in a digit's height, y down
DIGITS: dict[str, list[list[Point]]] = {
    "0": [[(0.3 + 0.28 * math.sin(a / 3), 0.5 - 0.5 * math.cos(a / 3)) for a in range(20)]],
    "1": [[(0.2, 0.0), (0.16, 1.0)]],
    "2": [[(0.05, 0.2), (0.2, 0.0), (0.5, 0.05), (0.5, 0.35), (0.05, 1.0), (0.55, 1.0)]],
    "3": [[(0.1, 0.05), (0.5, 0.05), (0.25, 0.42), (0.5, 0.7), (0.3, 1.0), (0.05, 0.9)]],
    "4": [[(0.3, 0.0), (0.05, 0.6), (0.6, 0.6)], [(0.45, 0.3), (0.43, 1.0)]],
    "5": [[(0.5, 0.0), (0.12, 0.0), (0.1, 0.45), (0.5, 0.55), (0.4, 0.95), (0.05, 1.0)]],
    "6": [[(0.45, 0.0), (0.1, 0.5), (0.1, 0.9), (0.4, 1.0), (0.5, 0.65), (0.12, 0.6)]],
    "7": [[(0.05, 0.0), (0.55, 0.0), (0.2, 1.0)]],
    "8": [[(0.5, 0.1), (0.1, 0.15), (0.5, 0.75), (0.3, 1.0), (0.08, 0.75), (0.5, 0.1)]],
    "9": [[(0.5, 0.1), (0.1, 0.1), (0.1, 0.45), (0.5, 0.4), (0.5, 0.1), (0.45, 1.0)]],
}
ADVANCE = {"1": 0.45}  # of a digit, in its height; others 0.75


@dataclass(frozen=True, kw_only=True)
class Digit:
    """A digit on the page, with its box: left, top, right, bottom."""

    text: str
    box: tuple[float, float, float, float]


@dataclass(kw_only=True)
class Drawing:
    """A page on which digits and lines are drawn.

    Attributes:
        width: of the page in pixels.
        height: of the page in pixels.
        text: height of a digit in pixels.
        turn: of the page, in degrees.
        wobble: of hand-drawn lines, in pixels.
        ink: grey of the pen.
        noise: of the paper, in grey levels.
        seed: of the noise and of the jitter.
    """

    width: int
    height: int
    text: float = 30.0
    turn: float = 0.0
    wobble: float = 0.0
    ink: int = 60
    noise: float = 3.0
    seed: int = 0
    digits: list[Digit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random = np.random.default_rng(self.seed)
        self.canvas = Image.new("L", (self.width * FINE, self.height * FINE), PAPER)
        self.pen = ImageDraw.Draw(self.canvas)

    def stroke(self, points: Sequence[Point], wide: float, ink: int) -> list[Point]:
        """Draw a line through points of the upright page, and return them as they lie."""
        placed = [self.place(*point) for point in points]
        scaled = [(x * FINE, y * FINE) for x, y in placed]
        self.pen.line(scaled, fill=ink, width=max(1, round(wide * FINE)), joint="curve")
        return placed

    def place(self, x: float, y: float) -> Point:
        """Return where a point of the upright page lies."""
        angle, x, y = math.radians(self.turn), x - self.width / 2, y - self.height / 2
        cos, sin = math.cos(angle), math.sin(angle)
        return x * cos - y * sin + self.width / 2, x * sin + y * cos + self.height / 2

    def line(self, start: Point, stop: Point, *, ink: int = 100, wide: float = 1.5) -> None:
        """Draw a ruled line; it wobbles if the page is drawn by hand."""
        count = max(2, round(math.dist(start, stop) / 20))
        share = np.linspace(0, 1, count)
        points = np.outer(1 - share, start) + np.outer(share, stop)
        drift = np.cumsum(self.random.normal(0, 1, points.shape), axis=0)
        points = points + self.wobble * (drift - np.outer(share, drift[-1])) / math.sqrt(count)
        self.stroke([(float(x), float(y)) for x, y in points], wide, ink)

    def number(self, text: str, x: float, y: float, *, ink: int | None = None) -> None:
        """Draw digits whose middle is at a point of the upright page."""
        advances = [ADVANCE.get(digit, 0.75) * self.text for digit in text]
        left = x - sum(advances) / 2
        for digit, advance in zip(text, advances, strict=True):
            strokes = []
            top = y - self.text / 2 + self.random.normal(0, 0.05) * self.text
            high = self.text * self.random.uniform(0.9, 1.1)
            for points in DIGITS[digit]:
                moved = [(left + px * high, top + py * high) for px, py in points]
                strokes += self.stroke(moved, self.text / 12, self.ink if ink is None else ink)
            sides = np.array(strokes)
            low, far = sides.min(axis=0) - self.text / 24, sides.max(axis=0) + self.text / 24
            self.digits.append(Digit(text=digit, box=(*low.tolist(), *far.tolist())))
            left += advance

    @property
    def boxes(self) -> np.ndarray:
        """The boxes of the digits, (n, 4)."""
        return np.array([digit.box for digit in self.digits], float).reshape(-1, 4)

    @property
    def grey(self) -> np.ndarray:
        """The page, (height, width) uint8."""
        page = np.asarray(self.canvas.reduce(FINE), float)
        noisy = page + self.random.normal(0, self.noise, page.shape)
        return np.clip(np.round(noisy), 0, 255).astype(np.uint8)

    def texts(self, places: Sequence[int]) -> str:
        """Return the digits at these places."""
        return "".join(self.digits[place].text for place in places)


def draw_table(
    drawing: Drawing,
    rows: Sequence[Sequence[str]],
    *,
    left: float,
    top: float,
    cell: Point,
    without: str = "",
    ink: int = 100,
    wide: float = 1.5,
    is_drawn: Callable[[bool, int, int], bool] = lambda across, edge, place: True,
) -> None:
    """Draw a table of numbers.

    Args:
        drawing: the page.
        rows: the numbers, "" for an empty cell.
        left: of the table.
        top: of the table.
        cell: width and height of a cell.
        without: the outer lines that are not drawn, of "top", "bottom", "left" and "right"; "all"
            for no line at all.
        ink: grey of the lines.
        wide: of the lines, in pixels.
        is_drawn: tells for each line between two cells (across, which edge, which cell of it)
            whether it is drawn.
    """
    wide_cell, high_cell = cell
    down, across = len(rows), len(rows[0])
    for is_across, edges, places in ((True, down, across), (False, across, down)):
        sides = ("top", "bottom") if is_across else ("left", "right")
        for edge in range(edges + 1):
            side = {0: sides[0], edges: sides[1]}.get(edge)
            if without == "all" or (side and side in without):
                continue
            parts = [place for place in range(places) if is_drawn(is_across, edge, place)]
            for start, stop in _runs(parts):
                if is_across:
                    y = top + edge * high_cell
                    ends = (left + start * wide_cell, y), (left + stop * wide_cell, y)
                else:
                    x = left + edge * wide_cell
                    ends = (x, top + start * high_cell), (x, top + stop * high_cell)
                drawing.line(*ends, ink=ink, wide=wide)
    for row, texts in enumerate(rows):
        for column, text in enumerate(texts):
            if text:
                x = left + (column + 0.5) * wide_cell + drawing.random.normal(0, 0.08) * wide_cell
                y = top + (row + 0.5) * high_cell + drawing.random.normal(0, 0.03) * high_cell
                drawing.number(text, x, y)


def _runs(parts: list[int]) -> list[tuple[int, int]]:
    """Return the first and the last edge of each run of neighbours."""
    starts = [part for part in parts if part - 1 not in parts]
    stops = [part + 1 for part in parts if part + 1 not in parts]
    return list(zip(starts, stops, strict=True))


def random_rows(seed: int, rows: int, columns: int, digits: int = 2) -> list[list[str]]:
    """Return numbers of so many digits."""
    random = np.random.default_rng(seed)
    low = 10 ** (digits - 1) if digits > 1 else 0
    values = random.integers(low, 10**digits, (rows, columns))
    return [[str(value) for value in row] for row in values.tolist()]
