"""Puts the digits of a page in the order in which people read: into numbers and rows.

A digit is linked with the digit to its right that stands at the same height; so lines may slope and
bend. Digits farther apart than those of one number are different numbers of the same row: there,
gaps come in two kinds, narrow and wide. Digits in different cells of a table are different numbers,
too, and so are digits between which several rows have a gap at one place, and the two sides of a
gap beside a letter or a currency sign.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numeye.layout.aligned_gaps import find_aligned_gaps
from numeye.layout.character_kinds import CharacterKinds
from numeye.layout.number_starts import find_amount_starts, find_word_starts
from numeye.layout.sign_rows import add_signs

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

    from numeye.layout.cells import Cells

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels
    Gaps = Float64[np.ndarray, " gaps"]

Number = list[int]  # its digits, from left to right, by their places in `boxes`
Row = list[Number]

# Tells, by the gaps between neighbours and the steps from centre to centre, which gaps separate.
ChooseGaps = Callable[[np.ndarray, np.ndarray], np.ndarray]


@dataclass(frozen=True, kw_only=True)
class ReadingOrderLimits:
    """Distances that separate digits, numbers and rows, in heights of a digit.

    Attributes:
        min_shared_height: of the lower of two digits, that both must share to be in one line.
        max_reach: between a digit and the next one of its line.
        min_number_gap: between two numbers, where several other gaps are narrow.
        min_gap_difference: between the widest narrow gap and the narrowest wide gap; the steps from
            centre to centre must differ by as much.
        clear_number_gap: between two numbers, where no more than one in `few_gaps` gaps is narrow:
            two digits may stand close together, or a mark between two cells be taken for a digit.
        few_gaps: see `clear_number_gap`; of fewer gaps, one narrow gap counts as several.
        max_number_gap: between two digits of one number.
        min_split_gap: at which constraints may split a number.
        max_level_difference: between two parts of one row without the page's slope, in heights of
            the larger part.
        exact_level_difference: between two short numbers of one row, if the slope is found by them.
        max_shared_width: of the narrower of two digits, that may lie over the other in one row.
        max_word: of the letters before or behind a digit.
    """

    min_shared_height: float = 0.4
    max_reach: float = 3.0
    min_number_gap: float = 0.8
    min_gap_difference: float = 0.45
    clear_number_gap: float = 1.2
    few_gaps: int = 4
    max_number_gap: float = 1.8
    min_split_gap: float = 0.3
    max_level_difference: float = 0.55
    exact_level_difference: float = 0.15
    max_shared_width: float = 0.5
    max_word: float = 10.0


LIMITS = ReadingOrderLimits()

LETTER_BLOCK = 512  # letters that are compared with all digits at once; limits the memory

# Slopes that are tried for a page of short numbers.
SLOPES = tuple(side * step / 400 for step in range(1, 61) for side in (-1, 1))


def group_rows(
    boxes: Boxes,
    is_likely: Bool[np.ndarray, " n"] | None = None,
    cells: Cells | None = None,
    kinds: CharacterKinds | None = None,
) -> list[Row]:
    """Group the characters of a page into rows of numbers; each digit is in one number.

    Signs and letters near a digit are in its number. Words without a digit are left out.

    Args:
        boxes: left, top, right and bottom of each character in pixels, in any order.
        is_likely: the characters between which gaps separate numbers; the others go with the nearer
            number. None for all.
        cells: the cells of ruled tables and comb fields in which they are; None for none.
        kinds: which characters are digits, letters and small signs; None if all are digits.
    """
    kinds = CharacterKinds.digits(len(boxes)) if kinds is None else kinds
    is_likely = np.ones(len(boxes), bool) if is_likely is None else is_likely
    rows, slope = _find_rows(boxes, kinds)
    likely_rows = [[place for place in row if is_likely[place]] for row in rows]
    begins = find_aligned_gaps(boxes, likely_rows, slope)
    begins |= find_word_starts(boxes, rows, kinds) | find_amount_starts(boxes, rows, kinds)
    split_rows = [_split_row(boxes, row, is_likely, begins, cells, kinds) for row in rows]
    numbers = [[number for number in row if kinds.is_digit[number].any()] for row in split_rows]
    return [row for row in numbers if row]


def _find_rows(boxes: Boxes, kinds: CharacterKinds) -> tuple[list[list[int]], float]:
    """Return the characters of each row from left to right, and the slope of the rows."""
    bodies = np.flatnonzero(~kinds.is_small_sign & _is_near_digit(boxes, kinds))
    if not len(bodies):
        return [], 0.0
    body_boxes = boxes[bodies]
    chains = _link_chains(body_boxes)
    slope, centre_x = _find_slope(body_boxes, chains), _centres(boxes)[:, 0]
    lines = _join_chains(body_boxes, chains, slope)
    rows = add_signs(
        boxes,
        [bodies[line.digits].tolist() for line in lines],
        np.flatnonzero(kinds.is_small_sign),
        kinds.levels,
    )
    return [sorted(row, key=lambda place: centre_x[place]) for row in rows], slope


def _is_near_digit(boxes: Boxes, kinds: CharacterKinds) -> Bool[np.ndarray, " n"]:
    """Tell for each letter whether a digit may be in its word, so that text is not arranged."""
    is_near = ~kinds.is_letter
    letters, digits = np.flatnonzero(kinds.is_letter), boxes[kinds.is_digit]
    if not len(letters) or not len(digits):
        return is_near
    height = _typical_height(boxes, np.flatnonzero(kinds.is_digit).tolist())
    reach = np.array([LIMITS.max_word, 0.0]) * height
    for start in range(0, len(letters), LETTER_BLOCK):
        block = letters[start : start + LETTER_BLOCK]
        near = (boxes[block, None, :2] - reach < digits[:, 2:]) & (
            digits[:, :2] < boxes[block, None, 2:] + reach
        )
        is_near[block] = near.all(axis=2).any(axis=1)
    return is_near


def split_at_gaps(boxes: Boxes, number: Number, is_likely: Bool[np.ndarray, " n"]) -> Row:
    """Split a number at all gaps at which constraints may split it.

    Args:
        boxes: left, top, right and bottom of each digit of the page in pixels.
        number: its digits, from left to right.
        is_likely: the digits between which gaps separate.
    """
    gap_px = LIMITS.min_split_gap * _typical_height(boxes, number)
    return _cut(boxes, number, is_likely, lambda gaps, _: gaps > gap_px)


# --- lines


class _Line(NamedTuple):
    """Digits that stand at one level.

    Attributes:
        digits: in any order.
        level: mean of their centres, in pixels from the top, without the page's slope.
        height: of a typical digit, in pixels.
    """

    digits: list[int]
    level: float
    height: float


def _link_chains(boxes: Boxes) -> list[Number]:
    """Link digits side by side where each is the nearest one of the other."""
    right_of, left_of = _nearest_digits(boxes)
    count = len(boxes)
    is_mutual = (right_of >= 0) & (left_of[right_of] == np.arange(count))
    linked: list[int] = np.where(is_mutual, right_of, -1).tolist()
    starts = set(range(count)) - {digit for digit in linked if digit >= 0}
    chains = []
    for start in sorted(starts):
        chain = [start]
        while linked[chain[-1]] >= 0:
            chain.append(linked[chain[-1]])
        chains.append(chain)
    return chains


def _nearest_digits(boxes: Boxes) -> tuple[Int64[np.ndarray, " n"], Int64[np.ndarray, " n"]]:
    """Return the nearest digit to the right and to the left of each; -1 where there is none."""
    centres, heights = _centres(boxes), boxes[:, 3] - boxes[:, 1]
    lower = np.minimum(heights[:, None], heights)
    higher = np.maximum(heights[:, None], heights)
    shared = np.minimum(boxes[:, None, 3], boxes[:, 3]) - np.maximum(boxes[:, None, 1], boxes[:, 1])
    right = centres[None, :, 0] - centres[:, None, 0]  # [i, j]: how far j is to the right of i
    order = np.arange(len(boxes))
    is_ahead = (right > 0) | ((right == 0) & (order[:, None] < order))
    gap = boxes[None, :, 0] - boxes[:, None, 2]
    is_in_line = (
        is_ahead & (shared >= LIMITS.min_shared_height * lower) & (gap <= LIMITS.max_reach * higher)
    )
    off = np.abs(centres[None, :, 1] - centres[:, None, 1])
    distance = np.where(is_in_line, right + 2 * off, np.inf)
    right_of = np.where(is_in_line.any(axis=1), distance.argmin(axis=1), -1)
    left_of = np.where(is_in_line.any(axis=0), distance.argmin(axis=0), -1)
    return right_of, left_of


def _join_chains(boxes: Boxes, chains: list[Number], slope: float) -> list[_Line]:
    """Join the chains that stand at one level under a slope; return lines from top to bottom."""
    centres = _centres(boxes)
    levels = centres[:, 1] - slope * centres[:, 0]

    def make_line(digits: list[int]) -> _Line:
        return _Line(digits, float(levels[digits].mean()), _typical_height(boxes, digits))

    lines: list[_Line] = []
    for chain in sorted(map(make_line, chains), key=lambda line: line.level):
        same_row = (n for n in reversed(range(len(lines))) if _is_one_row(boxes, lines[n], chain))
        index = next(same_row, None)
        if index is None:
            lines.append(chain)
        else:
            lines[index] = make_line([*lines[index].digits, *chain.digits])
    return sorted(lines, key=lambda line: line.level)


def _is_one_row(boxes: Boxes, row: _Line, other: _Line) -> bool:
    """Tell whether two lines stand at one level, and no digit stands above another.

    Small digits may stand on the line of large ones, or hang from it.
    """
    if abs(row.level - other.level) > LIMITS.max_level_difference * max(row.height, other.height):
        return False
    left, right = boxes[:, 0], boxes[:, 2]
    a, b = row.digits, other.digits
    narrower = np.minimum.outer(right[a] - left[a], right[b] - left[b])
    shared = np.minimum.outer(right[a], right[b]) - np.maximum.outer(left[a], left[b])
    return not bool((shared > LIMITS.max_shared_width * narrower).any())


def _find_slope(boxes: Boxes, chains: list[Number]) -> float:
    """Return how many pixels the lines of the page fall for each pixel to the right.

    It is taken from the lower or the upper edges of the digits, whichever slope less: a small last
    digit stands on the line, or hangs from it.
    """
    long_chains = [chain for chain in chains if len(chain) > 2]
    if not long_chains:
        return _try_slopes(boxes, chains)
    x = _centres(boxes)[:, 0]
    steps = np.concatenate(
        [np.full(len(chain), x[chain[-1]] - x[chain[0]]) for chain in long_chains]
    )
    slopes = []
    for edge in (boxes[:, 1], boxes[:, 3]):
        falls = np.concatenate(
            [np.full(len(chain), edge[chain[-1]] - edge[chain[0]]) for chain in long_chains]
        )
        slopes.append(float(np.median(falls / np.maximum(steps, 1e-9))))
    return min(slopes, key=abs)


def _try_slopes(boxes: Boxes, chains: list[Number]) -> float:
    """Return the slope under which most short numbers stand exactly beside another.

    0 where that is fewer than half of them, or hardly more than without a slope.
    """
    x, y = np.array([_centres(boxes)[chain].mean(axis=0) for chain in chains]).T
    digits = [digit for chain in chains for digit in chain]
    tolerance = LIMITS.exact_level_difference * _typical_height(boxes, digits)
    pairs = [int((np.diff(np.sort(y - slope * x)) < tolerance).sum()) for slope in (0.0, *SLOPES)]
    best = int(np.argmax(pairs))
    return SLOPES[best - 1] if best and pairs[best] >= max(len(chains) / 2, pairs[0] + 2) else 0.0


# --- numbers


def _split_row(
    boxes: Boxes,
    row: list[int],
    is_likely: Bool[np.ndarray, " n"],
    begins: Bool[np.ndarray, " n"],
    cells: Cells | None,
    kinds: CharacterKinds,
) -> Row:
    """Split a row between cells, where several rows have a gap, and at wide gaps."""
    height = _typical_height(boxes, [place for place in row if not kinds.is_small_sign[place]])
    separates = begins[row[1:]]
    if cells is not None:
        separates = cells.choose(boxes, row, separates)
    parts = [part.tolist() for part in np.split(np.array(row), 1 + np.flatnonzero(separates))]
    return [
        number
        for part in parts
        for number in (
            [part]
            if len(part) == 1 or (cells is not None and cells.is_comb[part].all())
            else _split_into_numbers(boxes, part, is_likely, height)
        )
    ]


def _split_into_numbers(
    boxes: Boxes, row: list[int], is_likely: Bool[np.ndarray, " n"], height: float
) -> Row:
    """Split a row at gaps too wide for any number, and then at gaps much wider than others."""
    parts = _cut(boxes, row, is_likely, lambda gaps, _: gaps > LIMITS.max_number_gap * height)
    return [
        number
        for part in parts
        for number in _cut(
            boxes, part, is_likely, lambda gaps, steps: _find_wide_gaps(gaps, steps, height)
        )
    ]


def _find_wide_gaps(gaps: Gaps, steps: Gaps, height: float) -> Bool[np.ndarray, " gaps"]:
    """Tell which gaps separate numbers, if there are narrow ones and wide ones.

    In cells, the steps from centre to centre are alike, and the gaps beside a 1 are not. Where
    digits have different widths, the steps differ, and the gaps do not. So both must be wider.
    """
    ordered = np.sort(gaps)
    # indices of gaps that are much wider than the next narrower one
    jumps = 1 + np.flatnonzero(np.diff(ordered) > LIMITS.min_gap_difference * height)
    several = jumps[(jumps > len(gaps) / LIMITS.few_gaps) | (len(gaps) < LIMITS.few_gaps)]
    least = ordered[[*several, *jumps][0]] if len(jumps) else np.inf
    lowest = LIMITS.min_number_gap if len(several) else LIMITS.clear_number_gap
    is_wide = (gaps > lowest * height) & (gaps >= least)
    wide_steps = steps > steps.min(initial=np.inf) + LIMITS.min_gap_difference * height
    separates: np.ndarray = is_wide & wide_steps
    return separates


def _cut(
    boxes: Boxes, digits: list[int], is_likely: Bool[np.ndarray, " n"], choose: ChooseGaps
) -> Row:
    """Cut digits at the chosen gaps between likely digits.

    An unlikely digit in such a gap goes with the nearer side.
    """
    likely = [place for place, digit in enumerate(digits) if is_likely[digit]]
    left, right = boxes[digits, 0], boxes[digits, 2]
    ends, begins = likely[:-1], likely[1:]
    centre_x = (left + right) / 2
    chosen = choose(left[begins] - right[ends], centre_x[begins] - centre_x[ends])
    cuts = []
    for index in np.flatnonzero(chosen).tolist():
        end, begin = ends[index], begins[index]
        right_is_nearer = [
            left[place] - right[end] > left[begin] - right[place] for place in range(end + 1, begin)
        ]
        first = next((place for place, nearer in enumerate(right_is_nearer) if nearer), None)
        cuts.append(begin if first is None else end + 1 + first)
    return [part.tolist() for part in np.split(np.array(digits), cuts)]


def _typical_height(boxes: Boxes, digits: list[int]) -> float:
    return float(np.median(boxes[digits, 3] - boxes[digits, 1]))


def _centres(boxes: Boxes) -> Float64[np.ndarray, "n 2"]:
    centres: np.ndarray = (boxes[:, :2] + boxes[:, 2:]) / 2
    return centres
