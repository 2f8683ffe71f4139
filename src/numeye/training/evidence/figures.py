"""Figures, by matplotlib: the one library of which SVG, PNG and typed code come without a browser or a server."""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import figure as mpl_figure

from numeye.training.evidence.document import Measure

if TYPE_CHECKING:
    from matplotlib.axes import Axes

# Okabe and Ito's colours, told apart by colour-blind people; each comes with a mark of its own, for print.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6b6b", "#000000")
MARKS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "numeye",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
}


def canvas(rows: int = 1, columns: int = 1, *, width: float = 9.0, height: float = 3.4) -> tuple[Any, Any]:
    """A figure and its axes, as `matplotlib.figure.Figure.subplots` gives them; sizes in inches."""
    with mpl.rc_context(STYLE):
        figure = mpl_figure.Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns)


def to_svg(figure: mpl_figure.Figure) -> str:
    """The drawing, the same to the last character for the same numbers."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=150)
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def curve(axes: Axes, x: Sequence[float], measures: Sequence[Measure], label: str, number: int) -> None:
    """A line through values, with their intervals as bars."""
    values = np.array([m.value for m in measures])
    below = np.nan_to_num(values - [m.low for m in measures])
    above = np.nan_to_num([m.high for m in measures] - values)
    axes.errorbar(
        x, values, yerr=np.maximum([below, above], 0), label=label, color=COLOURS[number % len(COLOURS)],
        marker=MARKS[number % len(MARKS)], markersize=4, linewidth=1.4, capsize=2, elinewidth=0.9,
    )  # fmt: skip


def dots(axes: Axes, rows: Mapping[str, Measure], *, number: int = 0) -> None:
    """A dot with its interval for each row, the first on top."""
    for place, measure in enumerate(rows.values()):
        left, right = np.nan_to_num(measure.value - measure.low), np.nan_to_num(measure.high - measure.value)
        axes.errorbar(
            measure.value, place, xerr=[[max(left, 0)], [max(right, 0)]], color=COLOURS[number],
            marker=MARKS[number], markersize=5, capsize=3, elinewidth=1.2,
        )  # fmt: skip
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)


def pictures(axes: Axes, grid: np.ndarray, *, columns: int, low: float = 0, high: float = 1) -> None:
    """Small pictures (n, height, width) side by side, `columns` a row, with a line of paper between them."""
    count, height, width = grid.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for number, picture in enumerate(grid):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        sheet[top : top + height, left : left + width] = picture
    axes.imshow(sheet, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_axis_off()


def heat(axes: Axes, values: np.ndarray, names: Sequence[str], *, low: float, high: float) -> None:
    """A square table as colours, with its numbers in it."""
    axes.imshow(values, cmap="cividis", vmin=low, vmax=high)
    axes.set_xticks(range(len(names)), list(names), rotation=30, ha="right")
    axes.set_yticks(range(len(names)), list(names))
    for (row, column), value in np.ndenumerate(values):
        dark = (value - low) / (high - low) < 0.55
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color="white" if dark else "black")
