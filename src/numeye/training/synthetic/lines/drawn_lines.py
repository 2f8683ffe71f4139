"""Lines drawn alone: one number on synthetic paper, with parts of its neighbours."""

from __future__ import annotations

import numpy as np

from numeye.training.synthetic.canvas import Canvas
from numeye.training.synthetic.digit_crops import MIN_AGREEMENT
from numeye.training.synthetic.lines.line import Line, cut_number
from numeye.training.synthetic.page_tiles import STRIP_PX, PageGenerator

SERIES = 32  # tells the random numbers of lines from those of tiles and strips
NEIGHBOUR_SHARE = 0.3  # of the lines have a number above, below or both
SPACINGS = (1.15, 2.0)  # from line to line, in heights of the digits
SHORT_SHARE, SHORT_DIGITS = 0.75, 8  # most numbers have at most so many digits


class DrawnLines:
    """A series of lines.

    Args:
        pages: whose digits, paper, light and camera the lines share.
    """

    def __init__(self, pages: PageGenerator) -> None:
        self._pages = pages

    def line(self, seed: int, index: int) -> Line:
        """Return line number `index` of the series `seed`; it depends on these two only."""
        rng = np.random.Generator(np.random.PCG64([seed, index, SERIES]))
        while True:
            line = self._draw(rng)
            if line is not None:
                return line

    def _draw(self, rng: np.random.Generator) -> Line | None:
        """Return a random line; None where the number is cut, covered or lost."""
        canvas, pages = Canvas(STRIP_PX), self._pages
        writer = pages.sample_line(pages.sample_height(rng), rng)
        most = SHORT_DIGITS if rng.random() < SHORT_SHARE else pages.ranges.line.most
        count, top = int(rng.integers(1, most + 1)), (STRIP_PX - writer.height) / 2
        end = writer.write_number(canvas, 8 + writer.height, top, count, rng)
        characters = len(canvas.labels)
        if end > STRIP_PX or not characters:
            return None
        writer.draw_pen_marks(canvas, 0, rng)
        for side in (-1, 1):
            if rng.random() < NEIGHBOUR_SHARE:
                beside = top + side * writer.height * rng.uniform(*SPACINGS)
                left = rng.uniform(-2, 2) * writer.height
                writer.write_number(canvas, left, beside, int(rng.integers(1, 9)), rng)
        tile, agreements = pages.photograph(canvas, writer.height, rng)
        if (agreements[:characters] < MIN_AGREEMENT).any():
            return None
        return cut_number(tile.picture, tile.labels[:characters], tile.boxes[:characters], rng)
