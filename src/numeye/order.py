"""The order in which people read: digits to numbers, numbers to rows.

A digit goes with the one to its right that stands at the same height: so lines may slope, and bend. What stands farther
apart than digits of one number do is another number of the same row.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom

ALONGSIDE = 0.4  # of the lower of two digits' heights, that both share, for them to stand in one line
REACH = 3.0  # heights that the next digit of a line may be away
SPLIT = 0.8  # heights between two digits, from which on they are of two numbers, and ...
WIDER = 0.45  # ... so much more than is usual in their row; or in any case from ...
FAR = 1.8  # ... so many heights on
LEVEL = 0.55  # heights, of the larger part, that two parts of one row may be higher or lower, without the page's slope

OVER = 0.5  # of the narrower of two digits, from which on one stands above the other

Number = list[int]  # digits, from left to right
Row = list[Number]


def rows(boxes: Boxes) -> list[Row]:
    """The digits of a page by their places in `boxes`, as rows of numbers; each is in one number.

    Args:
        boxes: (n, 4) left, top, right and bottom of each digit, in any order.
    """
    if not len(boxes):
        return []
    chains = _chains(boxes)
    slope = _slope(boxes, chains)
    found: list[list[int]] = []
    for chain in sorted(chains, key=lambda chain: _level(boxes, chain, slope)):
        home = next((row for row in found if _same_row(boxes, row, chain, slope)), None)
        if home is None:
            found.append(list(chain))
        else:
            home.extend(chain)
    found.sort(key=lambda row: _level(boxes, row, slope))
    return [_split(boxes, sorted(row, key=lambda digit: _middles(boxes)[digit, 0])) for row in found]


def columns(boxes: Boxes, row_of: list[int]) -> list[int] | None:
    """The column of each number of a page, from 0, where its rows are those of a table.

    A number is in the column of the nearest one above it that it stands under, at least partly.

    Args:
        boxes: (n, 4) left, top, right and bottom of each number.
        row_of: the row of each, from 0.

    Returns:
        None where numbers stand under each other in no order, or fewer than two columns have two of them.
    """
    column: list[int] = []  # of each number, the first one of its column
    for number, row in enumerate(row_of):
        left, right = boxes[number, [0, 2]]
        under = [n for n in range(number) if row_of[n] < row and boxes[n, 0] < right and left < boxes[n, 2]]
        nearest = [n for n in under if row_of[n] == max(row_of[m] for m in under)]
        if len({column[n] for n in nearest}) > 1:
            return None
        column.append(column[nearest[0]] if nearest else number)
    middles = _middles(boxes)[:, 0]
    ordered = sorted(set(column), key=lambda first: np.mean(middles[np.array(column) == first]))
    told = [ordered.index(first) for first in column]
    pairs = zip(zip(row_of, told, strict=True), zip(row_of[1:], told[1:], strict=True), strict=False)
    rising = all(row != next_row or here < there for (row, here), (next_row, there) in pairs)
    return told if rising and sum(told.count(n) > 1 for n in range(len(ordered))) > 1 else None


def _chains(boxes: Boxes) -> list[list[int]]:
    """Digits that stand side by side, each with the nearest one of which it is the nearest, too."""
    after, before = _neighbours(boxes)
    count = len(boxes)
    linked: list[int] = np.where((after >= 0) & (before[after] == np.arange(count)), after, -1).tolist()
    first = set(range(count)) - {j for j in linked if j >= 0}
    chains = []
    for start in sorted(first):
        chain = [start]
        while linked[chain[-1]] >= 0:
            chain.append(linked[chain[-1]])
        chains.append(chain)
    return chains


def _neighbours(boxes: Boxes) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """The nearest digit to the right and to the left of each, -1 where there is none."""
    middles, heights = _middles(boxes), boxes[:, 3] - boxes[:, 1]
    least = np.minimum(heights[:, None], heights)
    shared = np.minimum(boxes[:, None, 3], boxes[:, 3]) - np.maximum(boxes[:, None, 1], boxes[:, 1])
    right = middles[None, :, 0] - middles[:, None, 0]  # [i, j]: how far j is to the right of i
    ahead = (right > 0) | ((right == 0) & (np.arange(len(boxes))[:, None] < np.arange(len(boxes))))
    gap = boxes[None, :, 0] - boxes[:, None, 2]
    fits = ahead & (shared >= ALONGSIDE * least) & (gap <= REACH * np.maximum(heights[:, None], heights))
    off = np.abs(middles[None, :, 1] - middles[:, None, 1])
    away = np.where(fits, right + 2 * off, np.inf)
    after = np.where(fits.any(axis=1), away.argmin(axis=1), -1)
    before = np.where(fits.any(axis=0), away.argmin(axis=0), -1)
    return after, before


def _slope(boxes: Boxes, chains: list[list[int]]) -> float:
    """How much the lines of the page fall for each pixel to the right.

    By the digits' feet or by their heads, whichever says less: a small last digit stands on the line, or hangs from it.
    """
    long = [chain for chain in chains if len(chain) > 2]
    if not long:
        return 0.0
    x = _middles(boxes)[:, 0]
    steps = np.concatenate([np.full(len(chain), x[chain[-1]] - x[chain[0]]) for chain in long])
    said = []
    for edge in (boxes[:, 1], boxes[:, 3]):
        falls = np.concatenate([np.full(len(chain), edge[chain[-1]] - edge[chain[0]]) for chain in long])
        said.append(float(np.median(falls / np.maximum(steps, 1e-9))))
    return min(said, key=abs)


def _level(boxes: Boxes, digits: list[int], slope: float) -> float:
    middles = _middles(boxes)[digits]
    return float(np.mean(middles[:, 1] - slope * middles[:, 0]))


def _same_row(boxes: Boxes, row: list[int], chain: list[int], slope: float) -> bool:
    """At one level, and nowhere above each other; small digits may stand on the line of large ones, or hang from it."""
    heights = boxes[:, 3] - boxes[:, 1]
    high = max(float(np.median(heights[row])), float(np.median(heights[chain])))
    if abs(_level(boxes, row, slope) - _level(boxes, chain, slope)) > LEVEL * high:
        return False
    left, right = (boxes[:, side] for side in (0, 2))
    wide = np.minimum.outer(right[row] - left[row], right[chain] - left[chain])
    shared = np.minimum.outer(right[row], right[chain]) - np.maximum.outer(left[row], left[chain])
    return not bool((shared > OVER * wide).any())


def _split(boxes: Boxes, row: list[int]) -> Row:
    """Into numbers, where the gaps are wide."""
    high = float(np.median((boxes[:, 3] - boxes[:, 1])[row]))
    gaps = boxes[row[1:], 0] - boxes[row[:-1], 2]
    usual = float(np.median(gaps)) if len(gaps) else 0.0
    wide = ((gaps > SPLIT * high) & (gaps > usual + WIDER * high)) | (gaps > FAR * high)
    return [part.tolist() for part in np.split(np.array(row), np.flatnonzero(wide) + 1)]


def _middles(boxes: Boxes) -> Float64[np.ndarray, "n 2"]:
    middles: np.ndarray = (boxes[:, :2] + boxes[:, 2:]) / 2
    return middles
