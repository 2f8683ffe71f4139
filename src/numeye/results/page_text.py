"""The text of a page: its rows of numbers, and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from numeye.results.numbers import Number
from numeye.results.tables import Table

REJECTED_NUMBER = "?"  # in a text, stands for a number that was rejected
EMPTY_CELL = "_"  # in a text, stands for an empty cell of a table


class _Line(NamedTuple):
    """A row of numbers, or a table.

    Attributes:
        level: its centre, for a table its upper edge, in pixels from the top.
        is_table: whether it is a table.
        text: of it.
    """

    level: float
    is_table: bool
    text: str


def page_text(numbers: Sequence[Number], tables: Sequence[Table]) -> str:
    """Return the text of a page.

    Spaces separate numbers or cells, and line ends separate rows. An empty line stands between a
    table and what is before or after it. Struck-out numbers are left out.

    Args:
        numbers: of the page, row by row.
        tables: of the page, in reading order. Their numbers are not in the text a second time.
    """
    rows = groupby(
        (number for number in numbers if number.table is None and not number.struck_out),
        key=lambda number: number.row,
    )
    lines = [_number_line(list(row)) for _, row in rows]
    level = 0.0
    for table in tables:  # in their order, also where one beside another is a little higher
        level = max(level, table.box[1])
        lines.append(_Line(level, True, _table_text(table)))
    if tables:
        lines.sort(key=lambda line: line.level)
    blocks = groupby(enumerate(lines), key=lambda item: item[0] if item[1].is_table else -1)
    return "\n\n".join("\n".join(line.text for _, line in block) for _, block in blocks)


def _number_line(row: list[Number]) -> _Line:
    centres = [number.box[1] + number.box[3] / 2 for number in row]
    text = " ".join(number.text or REJECTED_NUMBER for number in row)
    return _Line(sum(centres) / len(centres), False, text)


def _table_text(table: Table) -> str:
    return "\n".join(" ".join(cell or EMPTY_CELL for cell in row) for row in table.rows)
