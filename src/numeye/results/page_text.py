"""The text of a page: its rows of numbers, and its tables."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from typing import NamedTuple

from numeye.results.numbers import Number
from numeye.results.tables import Table

REJECTED_NUMBER = "?"  # in a text, stands for a number that was rejected
EMPTY_CELL = "_"  # in a text, stands for an empty cell of a table


class Block(NamedTuple):
    """A row of numbers outside the tables, or a table.

    Attributes:
        level: the centre of a row, the upper edge of a table, in pixels from the top.
        numbers: of the row, from left to right; of the table, row by row.
        table: the table; None for a row.
    """

    level: float
    numbers: list[Number]
    table: Table | None


def page_text(numbers: Sequence[Number], tables: Sequence[Table]) -> str:
    """Return the text of a page.

    Spaces separate numbers or cells, and line ends separate rows. An empty line stands between a
    table and what is before or after it. Struck-out numbers are left out.

    Args:
        numbers: of the page, row by row.
        tables: of the page, in reading order. Their numbers are not in the text a second time.
    """
    blocks = page_blocks(numbers, tables)
    parts = groupby(enumerate(blocks), key=lambda item: -1 if item[1].table is None else item[0])
    return "\n\n".join("\n".join(_text(block) for _, block in part) for _, part in parts)


def page_blocks(numbers: Sequence[Number], tables: Sequence[Table]) -> list[Block]:
    """Return the rows and tables of a page in reading order, without the struck-out numbers.

    Args:
        numbers: of the page, row by row.
        tables: of the page, in reading order.
    """
    valid = [number for number in numbers if not number.struck_out]
    rows = groupby(
        (number for number in valid if number.table is None), key=lambda number: number.row
    )
    blocks = [Block(_centre(row), row, None) for row in (list(row) for _, row in rows)]
    level = 0.0
    for place, table in enumerate(tables):  # in their order, even if one beside another is higher
        level = max(level, table.box[1])
        inside = [number for number in valid if number.table == place]
        blocks.append(Block(level, sorted(inside, key=lambda number: number.row), table))
    return sorted(blocks, key=lambda block: block.level) if tables else blocks


def _centre(row: list[Number]) -> float:
    return sum(number.box[1] + number.box[3] / 2 for number in row) / len(row)


def _text(block: Block) -> str:
    if block.table is not None:
        return "\n".join(" ".join(cell or EMPTY_CELL for cell in row) for row in block.table.rows)
    return " ".join(number.text or REJECTED_NUMBER for number in block.numbers)
