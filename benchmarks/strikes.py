"""Measure how well struck-out numbers are told from others, by the shape of what strikes them out.

Usage: python benchmarks/strikes.py [--n N]

Needs numeye[train]; takes about a minute on 2 cores. Each kind has N numbers of two to eight digits
on synthetic paper (1,000), of digits and fonts that the networks did not learn from. Their boxes
are those of the drawing, so mistakes of the networks do not count. Printed is how often a number is
taken for struck out, with its 95 % interval: high is right but for "nothing" and "a ring or lines".
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import NumeyeError
from numeye.evaluation.metrics import wilson_interval
from numeye.recognition.strike_out import find_struck_out
from numeye.training.synthetic.canvas import Canvas
from numeye.training.synthetic.marks import pen_marks
from numeye.training.synthetic.page_tiles import STRIP_PX, PageGenerator
from numeye.training.synthetic.validation_sets import make_pages

if TYPE_CHECKING:
    from numeye.training.synthetic.page_tiles import Tile
    from numeye.training.synthetic.text_lines import TextLine

COUNT, SEED = 1_000, 20_261_201
MIN_DIGITS, MAX_DIGITS = 2, 8

Mark = Callable[[Canvas, "TextLine", np.random.Generator], None]


def leave(canvas: Canvas, line: TextLine, rng: np.random.Generator) -> None:
    """Draw nothing."""


def surround(canvas: Canvas, line: TextLine, rng: np.random.Generator) -> None:
    """Draw a ring, a box or lines under the number."""
    pen_marks.surround(canvas, canvas.boxes, line.height, line.stroke_width, rng)


def strike(shape: pen_marks.Shape) -> Mark:
    """Return a function that draws this shape through the number."""

    def draw(canvas: Canvas, line: TextLine, rng: np.random.Generator) -> None:
        pen_marks.draw_shape(canvas, canvas.boxes, line.height, line.stroke_width, shape, rng)

    return draw


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What is drawn on a number.

    Attributes:
        name: of it.
        mark: draws it.
        ruled: share of the strips with ruled lines.
    """

    name: str
    mark: Mark
    ruled: float = 0.0


KINDS = (
    Kind(name="nothing", mark=leave),
    Kind(name="nothing, on ruled paper", mark=leave, ruled=1.0),
    Kind(name="a ring or lines", mark=surround),
    Kind(name="level lines", mark=strike(pen_marks.shape_strikes)),
    Kind(name="level lines, on ruled paper", mark=strike(pen_marks.shape_strikes), ruled=1.0),
    Kind(name="diagonals", mark=strike(pen_marks.shape_cross)),
    Kind(name="a zigzag", mark=strike(pen_marks.shape_zigzag)),
)


def draw_strips(pages: PageGenerator, kind: Kind, count: int) -> Iterator[Tile]:
    """Draw numbers, each with this mark and no other."""
    ranges = replace(pages.ranges, ruled=kind.ruled, under=0.0, back=0.0)
    plain = replace(pages, ranges=ranges)
    for number in range(count):
        rng = np.random.default_rng([SEED, number])
        digits = int(rng.integers(MIN_DIGITS, MAX_DIGITS + 1))
        canvas, line = _write(plain, digits, rng)
        while canvas.labelled_boxes()[1][:, 2].max() > STRIP_PX - line.height:
            canvas, line = _write(plain, digits, rng)
        kind.mark(canvas, line, rng)
        yield plain.photograph(canvas, line.height, rng)[0]


def _write(pages: PageGenerator, digits: int, rng: np.random.Generator) -> tuple[Canvas, TextLine]:
    """Write a number in the middle of a strip."""
    line = pages.sample_line(pages.sample_height(rng), rng)
    unmarked = replace(line.ranges, surrounded=0.0, struck_out=0.0, underlined=0.0, filled=0.0)
    line, canvas = replace(line, ranges=unmarked), Canvas(STRIP_PX)
    line.write_number(canvas, line.height, (STRIP_PX - line.height) / 2, digits, rng)
    return canvas, line


def main() -> None:
    """Parse the arguments, measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--n", type=int, default=COUNT, help="numbers of each kind")
    count = parser.parse_args().n
    if count < 1:
        parser.error(f"--n {count}: expected 1 or more")
    pages = make_pages()
    print(f"taken for struck out, {count:,} numbers of each kind")
    for kind in KINDS:
        strips = draw_strips(pages, kind, count)
        struck = sum(
            find_struck_out(strip.picture, strip.boxes.astype(np.float64)) for strip in strips
        )
        low, high = wilson_interval(struck, count)
        print(f"{kind.name:30}{100 * struck / count:6.1f} %   ({low:.1f} to {high:.1f})")


if __name__ == "__main__":
    try:
        main()
    except NumeyeError as error:
        sys.exit(f"strikes.py: {error}")
