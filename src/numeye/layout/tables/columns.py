"""Assigns columns to numbers that stand below each other."""

from __future__ import annotations

from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels


def assign_columns(boxes: Boxes, row_of: list[int]) -> list[int | None] | None:
    """Return the column of each number of a page, from 0, if its rows are those of a table.

    A number is in the column of the nearest number above it that it stands under, at least partly.
    Headings and totals, which stand over or under several numbers of one row, are in no column.

    Args:
        boxes: left, top, right and bottom of each number in pixels.
        row_of: the row of each, from 0.

    Returns:
        None where the others do not stand under each other in order, where fewer than two columns
        have two numbers, or where a number spans several of which one is alone in its column, as
        the parts of a number that was split do.
    """
    rows, every = np.array(row_of), np.arange(len(boxes))
    spanning = [
        n
        for n in every.tolist()
        if any(len(near) > 1 for near in _neighbours(boxes, rows, n, every))
    ]
    cells = np.setdiff1d(every, spanning)
    first: dict[int, int] = {}  # of each cell, the first one of its column
    for cell in cells.tolist():
        above = _neighbours(boxes, rows, cell, cells)[0]
        if len({first[n] for n in above}) > 1:
            return None
        first[cell] = first[above[0]] if above else cell
    centre_x = (boxes[:, 0] + boxes[:, 2]) / 2
    columns = {start: [n for n in first if first[n] == start] for start in set(first.values())}
    ordered = sorted(columns, key=lambda start: float(centre_x[columns[start]].mean()))
    spanned = {
        first[n]
        for number in spanning
        for near in _neighbours(boxes, rows, number, cells)
        for n in near
        if len(near) > 1
    }
    if any(len(columns[start]) == 1 for start in spanned):
        return None
    pairs = pairwise([(row_of[n], ordered.index(first[n])) for n in first])
    is_ordered = all(row != next_row or left < right for (row, left), (next_row, right) in pairs)
    if not is_ordered or sum(len(column) > 1 for column in columns.values()) < 2:
        return None
    return [ordered.index(first[n]) if n in first else None for n in every.tolist()]


def _neighbours(
    boxes: Boxes, row_of: Int64[np.ndarray, " n"], number: int, among: Int64[np.ndarray, " m"]
) -> tuple[list[int], list[int]]:
    """Return the numbers right above and right below a number, in the nearest row that has any."""
    overlaps = (boxes[among, 0] < boxes[number, 2]) & (boxes[number, 0] < boxes[among, 2])
    overlapping = among[overlaps]
    rows_below = row_of[overlapping] - row_of[number]
    nearest = []
    for distance in (-rows_below, rows_below):
        positive = np.where(distance > 0, distance, np.inf)
        is_nearest = (positive == positive.min(initial=np.inf)) & np.isfinite(positive)
        nearest.append(overlapping[is_nearest].tolist())
    return nearest[0], nearest[1]
