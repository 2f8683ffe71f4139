"""Figures, drawn with matplotlib.

Matplotlib is the one library that writes SVG and PNG and has types, without a browser or a server.
"""

from __future__ import annotations

import io
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib as mpl
import numpy as np
from matplotlib import figure as mpl_figure

from numeye.study.measures import Measure

if TYPE_CHECKING:
    from jaxtyping import Float
    from matplotlib.axes import Axes

# Okabe and Ito's colours, which colour-blind people can tell apart. Each series also has a marker
# of its own, for print without colour.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#6b6b6b", "#000000")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "numeye",
    "font.family": "sans-serif",
    "font.size": 9.5,
    "axes.spines.top": False,
    "axes.spines.right": False,
}
MAX_DARK_SHARE = 0.55  # of a heat map's range: below it the numbers are white


def new_figure(
    rows: int = 1, columns: int = 1, *, width: float = 9.0, height: float = 3.4
) -> tuple[Any, Any]:
    """Return a figure and its axes, as `matplotlib.figure.Figure.subplots` does.

    Args:
        rows: number of rows of axes.
        columns: number of columns of axes.
        width: of the figure, in inches.
        height: of the figure, in inches.
    """
    with mpl.rc_context(STYLE):
        figure = mpl_figure.Figure(figsize=(width, height), layout="constrained")
        return figure, figure.subplots(rows, columns)


def to_svg(figure: mpl_figure.Figure) -> str:
    """Return a figure as SVG; the same numbers give the same text."""
    buffer = io.StringIO()
    with mpl.rc_context(STYLE):
        figure.savefig(buffer, format="svg", metadata={"Date": None, "Creator": None}, dpi=150)
    svg = buffer.getvalue()
    return svg[svg.index("<svg") :]


def draw_curve(
    axes: Axes, x: Sequence[float], measures: Sequence[Measure], label: str, series: int
) -> None:
    """Draw a line through values, with their intervals as error bars."""
    axes.errorbar(
        x,
        [measure.value for measure in measures],
        yerr=np.transpose([_error_bar(measure) for measure in measures]),
        label=label,
        color=COLOURS[series % len(COLOURS)],
        marker=MARKERS[series % len(MARKERS)],
        markersize=4,
        linewidth=1.4,
        capsize=2,
        elinewidth=0.9,
    )


def draw_dots(axes: Axes, rows: Mapping[str, Measure], *, series: int = 0) -> None:
    """Draw a dot with its interval for each row, the first row on top."""
    for row, measure in enumerate(rows.values()):
        axes.errorbar(
            measure.value,
            row,
            xerr=np.transpose([_error_bar(measure)]),
            color=COLOURS[series],
            marker=MARKERS[series],
            markersize=5,
            capsize=3,
            elinewidth=1.2,
        )
    axes.set_yticks(range(len(rows)), list(rows))
    axes.invert_yaxis()
    axes.grid(axis="x", alpha=0.3)


def _error_bar(measure: Measure) -> tuple[float, float]:
    """Return how far the interval reaches below and above the value; 0 where there is none."""
    below, above = measure.value - measure.low, measure.high - measure.value
    return max(float(np.nan_to_num(below)), 0.0), max(float(np.nan_to_num(above)), 0.0)


def draw_pictures(
    axes: Axes,
    pictures: Float[np.ndarray, "n height width"],
    *,
    columns: int,
    low: float = 0,
    high: float = 1,
) -> None:
    """Draw small pictures side by side, with a gap of one pixel between them.

    Args:
        axes: where to draw.
        pictures: grey values.
        columns: pictures in a row.
        low: the value that is drawn black.
        high: the value that is drawn white.
    """
    count, height, width = pictures.shape
    rows = -(-count // columns)
    sheet = np.full((rows * (height + 1) - 1, columns * (width + 1) - 1), np.nan)
    for number, picture in enumerate(pictures):
        top, left = number // columns * (height + 1), number % columns * (width + 1)
        sheet[top : top + height, left : left + width] = picture
    axes.imshow(sheet, cmap="gray", vmin=low, vmax=high, interpolation="nearest")
    axes.set_axis_off()


def draw_heat_map(
    axes: Axes,
    values: Float[np.ndarray, "n n"],
    names: Sequence[str],
    *,
    low: float,
    high: float,
) -> None:
    """Draw a square table as colours, with its numbers in the cells."""
    axes.imshow(values, cmap="cividis", vmin=low, vmax=high)
    axes.set_xticks(range(len(names)), list(names), rotation=30, ha="right")
    axes.set_yticks(range(len(names)), list(names))
    for (row, column), value in np.ndenumerate(values):
        is_dark = (value - low) / (high - low) < MAX_DARK_SHARE
        colour = "white" if is_dark else "black"
        axes.text(column, row, f"{value:.2f}", ha="center", va="center", color=colour)
