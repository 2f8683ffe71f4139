"""Arranges the characters of a page: tables, their cells, and the rows of all other numbers.

Ruled lines and the alignment of characters tell where tables are. Characters in different cells are
never one number, and the characters of a comb field are always one.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import cmp_to_key
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout import reading_order
from numeye.layout.character_kinds import CharacterKinds
from numeye.layout.reading_order import Number, Row
from numeye.layout.tables import grid_finding
from numeye.layout.tables.aligned_tables import find_aligned_tables
from numeye.layout.tables.grid_cells import GridCells, place_characters
from numeye.layout.tables.page_frame import fit_frame, flatten_line
from numeye.layout.tables.ruled_lines import RuledLines, find_ruled_lines
from numeye.layout.tables.table_layout import TableLayout

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, UInt8

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels
    Picture = UInt8[np.ndarray, "height width"]

SIDE_BY_SIDE = 0.5  # share of the height of the lower of two tables that is beside the other one


@dataclass(frozen=True, kw_only=True)
class PlacedNumbers:
    """Numbers that are read from left to right: a row of the page, or what is in one cell.

    Attributes:
        numbers: the characters of each number, by their places in the boxes.
        row: the row of the page without its tables, or of the table, from 0.
        column: of the table, from 0; None outside of tables.
        table: which table, from 0; None outside of tables.
    """

    numbers: Row
    row: int
    column: int | None = None
    table: int | None = None


@dataclass(frozen=True)
class PageLayout:
    """What is where on a page.

    Attributes:
        parts: all numbers in reading order.
        tables: in reading order.
    """

    parts: tuple[PlacedNumbers, ...]
    tables: tuple[TableLayout, ...] = ()


@dataclass(frozen=True)
class _Block:
    """A row of the page, or a table with what is in its cells."""

    top: float
    parts: list[PlacedNumbers]
    table: TableLayout | None = None


def arrange_page(
    grey: Picture,
    boxes: Boxes,
    is_likely: Bool[np.ndarray, " n"],
    kinds: CharacterKinds | None = None,
    *,
    is_table: bool = False,
) -> PageLayout:
    """Arrange the characters of a page.

    Args:
        grey: (height, width) uint8, upright or turned by a few degrees.
        boxes: left, top, right and bottom of each character in pixels.
        is_likely: False for what is hardly a character; it shows neither lines nor cells.
        kinds: which characters are digits, letters and small signs; None if all are digits.
        is_table: whether the page is known to hold tables. Then a single row or column of cells is
            one, and so are rows of aligned numbers without lines of which some are missing.
    """
    kinds = CharacterKinds.digits(len(boxes)) if kinds is None else kinds
    lines = find_ruled_lines(grey, boxes[is_likely & ~kinds.is_small_sign])
    if lines.horizontal or lines.vertical:
        blocks, rows = _ruled_blocks(
            lines, boxes, is_likely, kinds, grey.shape, 1 if is_table else 2
        )
    else:
        blocks, rows = [], reading_order.group_rows(boxes, is_likely, kinds=kinds)
    blocks += _free_blocks(boxes, rows, is_table=is_table)
    return _in_order(blocks)


def _ruled_blocks(
    lines: RuledLines,
    boxes: Boxes,
    is_likely: Bool[np.ndarray, " n"],
    kinds: CharacterKinds,
    shape: tuple[int, ...],
    min_rows: int,
) -> tuple[list[_Block], list[Row]]:
    """Return the ruled tables, and the rows of the numbers outside of them."""
    frame = fit_frame(lines, shape)
    flat = frame.flatten_boxes(boxes)
    grids = grid_finding.find_ruled_grids(lines, frame, boxes[is_likely & ~kinds.is_small_sign])
    places = place_characters(
        grids, flat, is_likely, lines.text_height, min_rows=min_rows, is_sign=kinds.is_small_sign
    )
    bars = [flatten_line(bar, frame, is_across=False) for bar in grid_finding.find_bars(lines)]
    rows = reading_order.group_rows(flat, is_likely, replace(places.cells, bars=bars), kinds)
    in_cells: dict[tuple[int, int, int], Row] = {}
    free_rows: list[Row] = []
    for row in rows:
        free_rows.append([])
        for number in row:
            place = _place(places, number)
            (in_cells.setdefault(place, []) if place else free_rows[-1]).append(number)
    blocks = [
        _Block(
            float(table.box[1]),
            [
                PlacedNumbers(numbers=numbers, row=row, column=column, table=index)
                for (of, row, column), numbers in sorted(in_cells.items())
                if of == index
            ],
            table,
        )
        for index, table in enumerate(places.tables)
    ]
    return blocks, [row for row in free_rows if row]


def _place(places: GridCells, number: Number) -> tuple[int, int, int] | None:
    """Return the table of a number, its row and its column; None outside of tables."""
    first = number[0]
    if places.table[first] < 0:
        return None
    return int(places.table[first]), int(places.row[first]), int(places.column[first])


def _free_blocks(boxes: Boxes, rows: list[Row], *, is_table: bool) -> Iterator[_Block]:
    """Yield tables without lines, and the rows that are in none."""
    start = 0
    for table in find_aligned_tables(boxes, rows, may_be_incomplete=is_table):
        yield from (_row_block(boxes, row) for row in rows[start : table.first])
        start = table.first + len(table.columns)
        parts = [
            PlacedNumbers(numbers=[number], row=index, column=column, table=0)
            for index, (row, columns) in enumerate(
                zip(rows[table.first : start], table.columns, strict=True)
            )
            for number, column in zip(row, columns, strict=True)
        ]
        yield _Block(float(table.layout.box[1]), parts, table.layout)
    yield from (_row_block(boxes, row) for row in rows[start:])


def _row_block(boxes: Boxes, row: Row) -> _Block:
    level = float(np.mean([boxes[number, 1::2].mean() for number in row]))
    return _Block(level, [PlacedNumbers(numbers=row, row=0)])


def _in_order(blocks: Sequence[_Block]) -> PageLayout:
    """Return rows and tables from top to bottom, tables beside each other from left to right."""
    ordered = sorted(blocks, key=cmp_to_key(_compare))
    parts: list[PlacedNumbers] = []
    tables: list[TableLayout] = []
    row = 0
    for block in ordered:
        if block.table is None:
            parts += [replace(part, row=row) for part in block.parts]
            row += 1
        else:
            parts += [replace(part, table=len(tables)) for part in block.parts]
            tables.append(block.table)
    return PageLayout(tuple(parts), tuple(tables))


def _compare(one: _Block, other: _Block) -> int:
    """Return whether a block is read before (-1) or after (1) another one."""
    if one.table is None or other.table is None:
        return int(np.sign(one.top - other.top))
    (left, top, _, height), (other_left, other_top, _, other_height) = (
        one.table.box,
        other.table.box,
    )
    shared = min(top + height, other_top + other_height) - max(top, other_top)
    if shared > SIDE_BY_SIDE * min(height, other_height):
        return left - other_left
    return top - other_top
