"""The order in which people read: digits to numbers, numbers to rows.

A digit goes with the one to its right that stands at the same height: so lines may slope, and bend. What stands farther
apart than digits of one number do is another number of the same row: gaps come in two kinds there, narrow and wide.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom
    Gaps = Float64[np.ndarray, " gaps"]

ALONGSIDE = 0.4  # of the lower of two digits' heights, that both share, for them to stand in one line
REACH = 3.0  # heights that the next digit of a line may be away
SPLIT = 0.8  # heights between two digits, from which on they may be of two numbers, and are where ...
WIDER = 0.45  # ... others are so much narrower, with none between, and so are steps from middle to middle, or from ...
CLEAR = 1.2  # ... so many heights on, where of FOUR gaps and more no more than one in four is narrow: a pair may stand
FOUR = 4  # closely, or something between two cells be taken for a digit; or from ...
FAR = 1.8  # ... so many heights on in any case
PIECE = 0.3  # heights between two digits of a number where what is known of it may part it
LEVEL = 0.55  # heights, of the larger part, that two parts of one row may be higher or lower, without the page's slope
TILTS = tuple(side * step / 400 for step in range(1, 61) for side in (-1, 1))  # slopes that short numbers may have
EXACTLY = 0.15  # heights that two of them may be higher or lower then

OVER = 0.5  # of the narrower of two digits, from which on one stands above the other

Number = list[int]  # digits, from left to right
Row = list[Number]

# Of the gaps between neighbours, and of the steps from middle to middle: which part numbers.
Where = Callable[[np.ndarray, np.ndarray], np.ndarray]


def rows(boxes: Boxes, sure: Bool[np.ndarray, " n"] | None = None) -> list[Row]:
    """The digits of a page by their places in `boxes`, as rows of numbers; each is in one number.

    Args:
        boxes: (n, 4) left, top, right and bottom of each digit, in any order.
        sure: (n,) those between which gaps part numbers; the others go with the number that is nearer. None for all.
    """
    if not len(boxes):
        return []
    sure = np.ones(len(boxes), bool) if sure is None else sure
    chains = _chains(boxes)
    slope, across = _slope(boxes, chains), _middles(boxes)[:, 0]
    return [
        _split(boxes, sorted(row, key=lambda digit: across[digit]), sure) for row, *_ in _grouped(boxes, chains, slope)
    ]


def pieces(boxes: Boxes, number: Number, sure: Bool[np.ndarray, " n"]) -> Row:
    """The parts of a number at whose gaps it may be parted, where what is known of it asks for that.

    Args:
        boxes: (n, 4) left, top, right and bottom of each digit of the page.
        number: its digits, from left to right.
        sure: (n,) those between which gaps part numbers.
    """
    high = _height(boxes, number)
    return _cut(boxes, number, sure, lambda gaps, _: gaps > PIECE * high)


def columns(boxes: Boxes, row_of: list[int]) -> list[int | None] | None:
    """The column of each number of a page, from 0, where its rows are those of a table.

    A number is in the column of the nearest one above it that it stands under, at least partly. Headings and totals,
    which stand over or under several numbers of one row, are in no column.

    Args:
        boxes: (n, 4) left, top, right and bottom of each number.
        row_of: the row of each, from 0.

    Returns:
        None where the others stand under each other in no order, fewer than two columns have two of them, or what
        stands over or under several has one of its own in its column, as a number that was parted has.
    """
    of = np.array(row_of)
    every = np.arange(len(boxes))
    across = [n for n in every.tolist() if any(len(near) > 1 for near in _near(boxes, of, n, every))]
    one = np.setdiff1d(every, across)
    first: dict[int, int] = {}  # of each number, the first one of its column
    for number in one.tolist():
        above = _near(boxes, of, number, one)[0]
        if len({first[n] for n in above}) > 1:
            return None
        first[number] = first[above[0]] if above else number
    middles = _middles(boxes)[:, 0]
    groups = {start: [n for n in first if first[n] == start] for start in set(first.values())}
    ordered = sorted(groups, key=lambda start: float(middles[groups[start]].mean()))
    told = [ordered.index(first[n]) if n in first else None for n in every.tolist()]
    spanned = {first[n] for number in across for near in _near(boxes, of, number, one) for n in near if len(near) > 1}
    if any(len(groups[start]) == 1 for start in spanned):
        return None
    pairs = pairwise([(row_of[n], ordered.index(first[n])) for n in first])
    rising = all(row != next_row or here < there for (row, here), (next_row, there) in pairs)
    return told if rising and sum(len(group) > 1 for group in groups.values()) > 1 else None


def _near(
    boxes: Boxes, row_of: Int64[np.ndarray, " n"], number: int, among: Int64[np.ndarray, " m"]
) -> tuple[list[int], list[int]]:
    """Those of the nearest row above, and of the nearest one below, that a number stands under, or over."""
    beside = among[(boxes[among, 0] < boxes[number, 2]) & (boxes[number, 0] < boxes[among, 2])]
    away = row_of[beside] - row_of[number]
    above, below = (np.where(side > 0, side, np.inf) for side in (-away, away))
    nearest = [beside[(side == side.min(initial=np.inf)) & np.isfinite(side)].tolist() for side in (above, below)]
    return nearest[0], nearest[1]


def _chains(boxes: Boxes) -> list[Number]:
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


class _Line(NamedTuple):
    """Digits that stand at one level.

    Attributes:
        digits: in any order.
        level: the mean of their middles, in pixels from the top, without the page's slope.
        height: of a typical one.
    """

    digits: list[int]
    level: float
    height: float


def _grouped(boxes: Boxes, chains: list[Number], slope: float) -> list[_Line]:
    """Chains that stand at one level under a slope, together, from top to bottom."""
    middles = _middles(boxes)
    levels = middles[:, 1] - slope * middles[:, 0]

    def line(digits: list[int]) -> _Line:
        return _Line(digits, float(levels[digits].mean()), _height(boxes, digits))

    found: list[_Line] = []
    for one in sorted(map(line, chains), key=lambda one: one.level):
        home = next((number for number in reversed(range(len(found))) if _same_row(boxes, found[number], one)), None)
        if home is None:
            found.append(one)
        else:
            found[home] = line([*found[home].digits, *one.digits])
    return sorted(found, key=lambda one: one.level)


def _slope(boxes: Boxes, chains: list[Number]) -> float:
    """How much the lines of the page fall for each pixel to the right.

    By the digits' feet or by their heads, whichever says less: a small last digit stands on the line, or hangs from it.
    """
    long = [chain for chain in chains if len(chain) > 2]
    if not long:
        return _tilt(boxes, chains)
    x = _middles(boxes)[:, 0]
    steps = np.concatenate([np.full(len(chain), x[chain[-1]] - x[chain[0]]) for chain in long])
    said = []
    for edge in (boxes[:, 1], boxes[:, 3]):
        falls = np.concatenate([np.full(len(chain), edge[chain[-1]] - edge[chain[0]]) for chain in long])
        said.append(float(np.median(falls / np.maximum(steps, 1e-9))))
    return min(said, key=abs)


def _tilt(boxes: Boxes, chains: list[Number]) -> float:
    """The slope under which the most of short numbers stand exactly beside another, if that is half of them."""
    x, y = np.array([_middles(boxes)[chain].mean(axis=0) for chain in chains]).T
    near = EXACTLY * _height(boxes, [digit for chain in chains for digit in chain])
    beside = [int((np.diff(np.sort(y - tilt * x)) < near).sum()) for tilt in (0.0, *TILTS)]
    best = int(np.argmax(beside))
    return TILTS[best - 1] if best and beside[best] >= max(len(chains) / 2, beside[0] + 2) else 0.0


def _same_row(boxes: Boxes, row: _Line, other: _Line) -> bool:
    """At one level, and nowhere above each other; small digits may stand on the line of large ones, or hang from it."""
    if abs(row.level - other.level) > LEVEL * max(row.height, other.height):
        return False
    left, right = (boxes[:, side] for side in (0, 2))
    (a, b) = row.digits, other.digits
    wide = np.minimum.outer(right[a] - left[a], right[b] - left[b])
    shared = np.minimum.outer(right[a], right[b]) - np.maximum.outer(left[a], left[b])
    return not bool((shared > OVER * wide).any())


def _split(boxes: Boxes, row: list[int], sure: Bool[np.ndarray, " n"]) -> Row:
    """Into numbers, where the gaps are wide: too wide for any number, or than others between the same two of those."""
    high = _height(boxes, row)
    parts = _cut(boxes, row, sure, lambda gaps, _: gaps > FAR * high)
    return [
        number for part in parts for number in _cut(boxes, part, sure, lambda gaps, steps: _wide(gaps, steps, high))
    ]


def _wide(gaps: Gaps, steps: Gaps, high: float) -> Bool[np.ndarray, " gaps"]:
    """Which gaps part numbers, where there are two kinds of them, narrow ones and wide ones.

    In cells steps from middle to middle are alike, and gaps are not, beside a 1; where digits are wide steps are not
    alike, and gaps are. So both must be wider.
    """
    ordered = np.sort(gaps)
    breaks = 1 + np.flatnonzero(np.diff(ordered) > WIDER * high)  # before each, so many are narrower
    several = breaks[(breaks > len(gaps) / FOUR) | (len(gaps) < FOUR)]
    least = ordered[[*several, *breaks][0]] if len(breaks) else np.inf
    apart = (gaps > (SPLIT if len(several) else CLEAR) * high) & (gaps >= least)
    wide: np.ndarray = apart & (steps > steps.min(initial=np.inf) + WIDER * high)
    return wide


def _cut(boxes: Boxes, digits: list[int], sure: Bool[np.ndarray, " n"], where: Where) -> Row:
    """At those gaps between sure digits that `where` says; an unsure one in such a gap goes with the nearer side."""
    firm = [place for place, digit in enumerate(digits) if sure[digit]]
    left, right = boxes[digits, 0], boxes[digits, 2]
    ends, begins = firm[:-1], firm[1:]
    middles = (left + right) / 2
    cuts = []
    for number in np.flatnonzero(where(left[begins] - right[ends], middles[begins] - middles[ends])).tolist():
        end, begin = ends[number], begins[number]
        nearer = [left[place] - right[end] > left[begin] - right[place] for place in range(end + 1, begin)]
        cuts.append(next((end + 1 + place for place, goes in enumerate(nearer) if goes), begin))
    return [part.tolist() for part in np.split(np.array(digits), cuts)]


def _height(boxes: Boxes, digits: list[int]) -> float:
    """Of a typical one."""
    return float(np.median(boxes[digits, 3] - boxes[digits, 1]))


def _middles(boxes: Boxes) -> Float64[np.ndarray, "n 2"]:
    middles: np.ndarray = (boxes[:, :2] + boxes[:, 2:]) / 2
    return middles
