"""The lines of tables: all of them, some, or none; double, thick, faint, or drawn by hand."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic.strokes import smooth_curve

if TYPE_CHECKING:
    from numeye.training.synthetic.documents.page import Page

LEFT, TOP, RIGHT, BOTTOM = range(4)


@dataclass(frozen=True, kw_only=True)
class LineStyle:
    """How the lines of a table are drawn.

    Attributes:
        across: whether lines lie between rows.
        down: whether lines stand between columns.
        outer: for left, top, right and bottom, whether the outer line is there.
        width: pixels.
        outer_width: pixels, of the outer lines.
        level: how dark, 0 to 255.
        by_hand: standard deviation of each point of a line drawn by hand, pixels; 0 with a ruler.
        double: distance to a second line, pixels; 0 for single lines.
        overshoot: how far lines reach beyond the table, pixels.
    """

    across: bool
    down: bool
    outer: tuple[bool, bool, bool, bool]
    width: float
    outer_width: float
    level: int
    by_hand: float = 0.0
    double: float = 0.0
    overshoot: float = 0.0

    @classmethod
    def sample(cls, rng: np.random.Generator, *, drawn: bool = False) -> LineStyle:
        """Return a random style.

        Args:
            rng: decides.
            drawn: whether the lines are drawn with a pen, not printed.
        """
        across, down, outer = _sample_presence(rng)
        width = float(rng.choice([0.7, 1.0, 1.5, 2.0, 3.0], p=[0.2, 0.35, 0.25, 0.15, 0.05]))
        faint = rng.random() < 0.22
        by_hand = rng.uniform(0.6, 2.5) if drawn and rng.random() < 0.6 else 0.0
        return cls(
            across=across,
            down=down,
            outer=outer,
            width=width,
            outer_width=width * (rng.uniform(1.5, 2.5) if rng.random() < 0.25 else 1.0),
            level=int(rng.uniform(40, 100) if faint else rng.uniform(110, 255)),
            by_hand=by_hand,
            double=rng.uniform(3, 6) if rng.random() < 0.07 and not drawn else 0.0,
            overshoot=rng.uniform(0, 14) if drawn else 0.0,
        )


def _sample_presence(
    rng: np.random.Generator,
) -> tuple[bool, bool, tuple[bool, bool, bool, bool]]:
    """Return whether there are lines between rows, between columns, and on the four sides."""
    chance = rng.random()
    if chance < 0.55:
        return True, True, (True, True, True, True)
    if chance < 0.72:  # open on some sides
        left, top, right, bottom = (bool(side) for side in rng.random(4) < 0.4)
        return True, True, (left, top, right, bottom)
    if chance < 0.82:  # lines between rows only
        return True, False, (False, bool(rng.random() < 0.6), False, bool(rng.random() < 0.6))
    if chance < 0.87:  # lines between columns only
        return False, True, (bool(rng.random() < 0.6), False, bool(rng.random() < 0.6), False)
    if chance < 0.9:  # a frame
        return False, False, (True, True, True, True)
    return False, False, (False, False, False, False)


def draw_table_lines(
    page: Page,
    columns: Sequence[float],
    rows: Sequence[float],
    style: LineStyle,
    rng: np.random.Generator,
    *,
    merged: frozenset[tuple[int, int]] = frozenset(),
    header_line: float = 1.0,
) -> None:
    """Draw the lines of a table.

    Args:
        page: to draw on.
        columns: x of the c + 1 edges of c columns.
        rows: y of the r + 1 edges of r rows.
        style: how.
        rng: decides how lines drawn by hand go.
        merged: (row, column) of the cells that are one with the cell on their left.
        header_line: the line under the first row is so many times as wide.
    """
    last_row, last_column = len(rows) - 1, len(columns) - 1
    for number, y in enumerate(rows):
        inner = 0 < number < last_row
        side = style.outer[TOP] if number == 0 else style.outer[BOTTOM]
        if style.across if inner else side:
            width = style.width if inner else style.outer_width
            width *= header_line if number == 1 else 1.0
            _draw_rule(page, (columns[0], y), (columns[-1], y), width, style, rng)
    for number, x in enumerate(columns):
        inner = 0 < number < last_column
        side = style.outer[LEFT] if number == 0 else style.outer[RIGHT]
        if style.down if inner else side:
            width = style.width if inner else style.outer_width
            for first, end in _runs(number, last_row, merged):
                _draw_rule(page, (x, rows[first]), (x, rows[end]), width, style, rng)


def _runs(column: int, row_count: int, merged: frozenset[tuple[int, int]]) -> list[tuple[int, int]]:
    """Return first and end row of each part of a line that no merged cell interrupts."""
    runs, first = list[tuple[int, int]](), 0
    for row in range(row_count + 1):
        if row == row_count or (row, column) in merged:
            if row > first:
                runs.append((first, row))
            first = row + 1
    return runs


def _draw_rule(
    page: Page,
    start: tuple[float, float],
    end: tuple[float, float],
    width: float,
    style: LineStyle,
    rng: np.random.Generator,
) -> None:
    ends = np.array([start, end], np.float64)
    along = (ends[1] - ends[0]) / max(float(np.abs(ends[1] - ends[0]).max()), 1.0)
    if style.overshoot:
        reach = rng.uniform(-0.3, 1.0, 2) * style.overshoot
        ends = ends + np.stack([-reach[0] * along, reach[1] * along])
    lines = [_wander(ends, style.by_hand, rng) if style.by_hand else ends]
    if style.double:
        lines.append(lines[0] + along[::-1] * style.double)
    page.draw_lines(lines, width, style.level)


def _wander(ends: np.ndarray, deviation: float, rng: np.random.Generator) -> np.ndarray:
    """Return a line drawn without a ruler."""
    count = max(4, int(np.abs(ends[1] - ends[0]).max() / 90))
    share = np.linspace(0, 1, count)[:, None]
    walk = np.cumsum(rng.normal(0, deviation, (count, 2)), axis=0)
    walk -= share * walk[-1]  # it comes back to its end
    points = ends[0] + share * (ends[1] - ends[0]) + walk
    return smooth_curve(points + rng.normal(0, 0.5 * deviation, (count, 2)), 5)
