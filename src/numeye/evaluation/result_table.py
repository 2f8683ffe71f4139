"""The figures of several data sets as a table of aligned lines."""

from __future__ import annotations

from typing import Any

from numeye.evaluation.result import EvaluationResult
from numeye.io.labels import Layout
from numeye.printable import printable

# The columns of the table of each layout: heading, width in characters, key of `to_dict`
TABLE_COLUMNS: dict[Layout, tuple[tuple[str, int, str], ...]] = {
    "digit": (
        ("n", 9, "n"),
        ("accuracy %", 12, "accuracy"),
        ("95 % interval", 17, "interval"),
        ("ECE %", 7, "ece"),
        ("rejected %", 12, "rejected"),
        ("accuracy of accepted %", 24, "accuracy_accepted"),
    ),
    "numbers": (
        ("n", 9, "n"),
        ("exact %", 9, "accuracy"),
        ("95 % interval", 17, "interval"),
        ("CER %", 7, "cer"),
        ("surest half %", 15, "best_half"),
        ("precision %", 13, "precision"),
        ("recall %", 10, "recall"),
        ("ECE %", 7, "ece"),
        ("rejected %", 12, "rejected"),
        ("exact of accepted %", 21, "accuracy_accepted"),
    ),
    "grid": (
        ("cells", 9, "n"),
        ("right %", 9, "accuracy"),
        ("95 % interval", 17, "interval"),
        ("digit or not: F1 %", 20, "f1"),
        ("digits right %", 16, "digits_right"),
    ),
    "document": (
        ("numbers", 9, "n"),
        ("found %", 9, "found_rate"),
        ("95 % interval", 17, "interval"),
        ("false %", 9, "false_rate"),
        ("tables right", 14, "tables_right"),
        ("of", 6, "tables"),
        ("ECE %", 7, "ece"),
        ("rejected %", 12, "rejected"),
        ("right of accepted %", 21, "accuracy_accepted"),
    ),
}


class ResultTable:
    """The figures of data sets of one layout as aligned lines.

    Args:
        layout: the layout of the data sets.
        title: the line above the table.
        names: names of all data sets, for the width of the first column.
    """

    def __init__(self, layout: Layout, title: str, names: list[str]) -> None:
        self.title = title
        self._columns = TABLE_COLUMNS[layout]
        self._width = max(map(len, [*names, f"mean of {len(names)} sets"]))
        self._accuracies: list[float] = []

    def heading(self) -> str:
        """Return the title and the names of the columns."""
        return f"{self.title}\n{self._line('set', [name for name, _, _ in self._columns])}"

    def row(self, result: EvaluationResult) -> str:
        """Return the line of one data set and count it for the mean."""
        self._accuracies.append(result.accuracy)
        shown = result.to_dict()
        cells = [_format_cell(shown.get(key)) for _, _, key in self._columns]
        return self._line(result.data, cells)

    def mean(self) -> str | None:
        """Return the line with the mean accuracy of the sets so far, all with the same weight.

        None if there are fewer than two.
        """
        count = len(self._accuracies)
        if count < 2:
            return None
        return self._line(
            f"mean of {count} sets", ["", _format_cell(sum(self._accuracies) / count)]
        )

    def _line(self, name: str, cells: list[str]) -> str:
        name = printable(name)
        padded = (
            f"{cell:>{width}}" for cell, (_, width, _) in zip(cells, self._columns, strict=False)
        )
        return f"{name:<{self._width}}" + "".join(padded)


def _format_cell(value: Any) -> str:
    if isinstance(value, list):
        return f"{value[0]:.2f} to {value[1]:.2f}"
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"
