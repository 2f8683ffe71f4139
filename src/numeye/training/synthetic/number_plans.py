"""Plans of numbers: which of their digits are zeros or cents, and which signs stand among them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

    from numeye.training.synthetic.parameters import LineRanges

# Each sign about as often as numbers have it.
SIGNS_BETWEEN = ".,-.,:'.,-/"
SIGNS_BEFORE, SIGNS_BEHIND = "#*=-$$-+x-€£¥", "=-*#%-x%€"
GROUP_SEPARATORS = ".,' "  # between thousands
DATE_SIGNS = "//.-"
DATE_PLACES = {5: (1, 2), 6: (2, 4), 7: (1, 3), 8: (2, 4)}  # of the signs, by number of digits


@dataclass(frozen=True, kw_only=True)
class NumberPlan:
    """What one number is to look like. Lengths are multiples of the height of its digits.

    Attributes:
        first_height: height of the first digit.
        first_drop: share of its additional height that hangs below the line.
        zeros_from: place from which on all digits are zeros.
        cents_from: place from which on digits are small and raised.
        cents_height: height of those.
        cents_raise: how far they are raised.
        signs: the sign before a place, for some places; a space is a gap.
        before: signs before the number.
        behind: signs behind the number.
    """

    first_height: float
    first_drop: float
    zeros_from: int
    cents_from: int
    cents_height: float
    cents_raise: float
    signs: dict[int, str]
    before: str
    behind: str

    @classmethod
    def sample(cls, count: int, ranges: LineRanges, rng: np.random.Generator) -> NumberPlan:
        """Return a random plan of a number of `count` digits."""
        long = count > 1
        formatted = rng.random() < ranges.formatted
        signs = (_sample_format if formatted else _sample_signs)(count, ranges, rng)
        before, behind = _sample_outer_signs(ranges, rng)
        zeros_from = cents_from = count
        if long and rng.random() < ranges.round_amounts:
            zeros_from = int(rng.integers(1, count))
        if count > 2 and rng.random() < ranges.cents:
            cents_from = count - 2
        tall = long and rng.random() < ranges.tall_first
        return cls(
            first_height=rng.uniform(*ranges.taller) if tall else 1.0,
            first_drop=rng.uniform(0, 1),
            # half of all cents are 00
            zeros_from=min(zeros_from, cents_from) if rng.random() < 0.5 else zeros_from,
            cents_from=cents_from,
            cents_height=rng.uniform(0.4, 0.8),
            cents_raise=rng.uniform(0.1, 0.6),
            signs=signs,
            before=before,
            behind=behind,
        )


def _sample_signs(count: int, ranges: LineRanges, rng: np.random.Generator) -> dict[int, str]:
    """Return signs by the place that they stand before."""
    signs = {
        place: str(rng.choice(list(SIGNS_BETWEEN)))
        for place in range(1, count)
        if rng.random() < ranges.between
    }
    if rng.random() < ranges.grouped:
        separator, first = str(rng.choice(list(GROUP_SEPARATORS))), int(rng.integers(1, 4))
        signs |= dict.fromkeys(range(first, count, 3), separator)
    return signs


def _sample_format(count: int, _: LineRanges, rng: np.random.Generator) -> dict[int, str]:
    """Return the signs of a decimal number, a fraction, a time or a date of so many digits."""
    kind = rng.random()
    if count in DATE_PLACES and kind < 0.5:
        return dict.fromkeys(DATE_PLACES[count], str(rng.choice(list(DATE_SIGNS))))
    if count in (3, 4) and kind < 0.2:
        return {count - 2: ":"}
    if 2 <= count <= 6 and kind < 0.45:
        return {int(rng.integers(1, count)): "/"}
    if count > 1:
        return {max(1, count - int(rng.integers(1, 4))): str(rng.choice(list(".,")))}
    return {}


def _sample_outer_signs(ranges: LineRanges, rng: np.random.Generator) -> tuple[str, str]:
    """Return the signs before and behind a number, up to three of the same kind on a side."""
    if rng.random() < ranges.bracketed:
        return "(", ")"
    repeats = [1, 1, 1, 2, 3]
    before, behind = (
        str(rng.choice(list(signs))) * int(rng.choice(repeats)) if rng.random() < share else ""
        for signs, share in ((SIGNS_BEFORE, ranges.before), (SIGNS_BEHIND, ranges.behind))
    )
    return before, behind
