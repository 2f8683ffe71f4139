"""The text of a page: its rows of numbers, and its tables."""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterator, Sequence
from itertools import groupby
from typing import NamedTuple

from numeye.results.characters import Box
from numeye.results.numbers import Number
from numeye.results.tables import Table

REJECTED_NUMBER = "?"  # in a text, stands for a number that was rejected
EMPTY_CELL = "_"  # in a text, stands for an empty cell of a table


class Block(NamedTuple):
    """A row of numbers outside the tables, or a table.

    Attributes:
        level: the centre of a row, the upper edge of a table, in pixels from the top of the page as
            it is read.
        numbers: of the row, from left to right; of the table, row by row.
        table: the table; None for a row.
    """

    level: float
    numbers: list[Number]
    table: Table | None


def page_text(numbers: Sequence[Number], tables: Sequence[Table], turned: float = 0.0) -> str:
    """Return the text of a page.

    Spaces separate numbers or cells, and line ends separate rows. An empty line stands between a
    table and what is before or after it. Struck-out numbers are left out.

    Args:
        numbers: of the page, row by row.
        tables: of the page, in reading order. Their numbers are not in the text a second time.
        turned: by how many degrees counter-clockwise the page was turned to be read.
    """
    blocks = page_blocks(numbers, tables, turned)
    parts = groupby(enumerate(blocks), key=lambda item: -1 if item[1].table is None else item[0])
    return "\n\n".join("\n".join(_text(block) for _, block in part) for _, part in parts)


def page_blocks(
    numbers: Sequence[Number], tables: Sequence[Table], turned: float = 0.0
) -> list[Block]:
    """Return the rows and tables of a page in reading order, without the struck-out numbers.

    The rows stay in their order, and so do the tables: of two tables side by side the right one may
    be a little higher, and of two rows that slope the lower one.

    Args:
        numbers: of the page, row by row.
        tables: of the page, in reading order.
        turned: by how many degrees counter-clockwise the page was turned to be read.
    """
    valid = [number for number in numbers if not number.struck_out]
    rows = groupby(
        (number for number in valid if number.table is None), key=lambda number: number.row
    )
    blocks, waiting = list[Block](), deque(_table_blocks(valid, tables, turned))
    for row in (list(row) for _, row in rows):
        level = sum(_level(number.box, turned) for number in row) / len(row)
        while waiting and waiting[0].level <= level:
            blocks.append(waiting.popleft())
        blocks.append(Block(level, row, None))
    return [*blocks, *waiting]


def _table_blocks(numbers: list[Number], tables: Sequence[Table], turned: float) -> Iterator[Block]:
    for place, table in enumerate(tables):
        inside = [number for number in numbers if number.table == place]
        level = float(table.box[1])
        if turned:  # its box has room beside the table
            boxes = [number.box for number in inside] or [table.box]
            level = min(_level(box, turned) for box in boxes)
        yield Block(level, sorted(inside, key=lambda number: number.row), table)


def _level(box: Box, turned: float) -> float:
    """Return how far down the middle of a box is on the turned page, in pixels."""
    x, y, width, height = box
    angle = math.radians(turned)
    return (y + height / 2) * math.cos(angle) - (x + width / 2) * math.sin(angle)


def _text(block: Block) -> str:
    if block.table is not None:
        return "\n".join(" ".join(cell or EMPTY_CELL for cell in row) for row in block.table.rows)
    return " ".join(number.text or REJECTED_NUMBER for number in block.numbers)
