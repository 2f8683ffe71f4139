"""Accepts numbers by their value: within a range, in steps, with so many decimals.

A number is read from right to left, as a person compares two numbers of equal length: each digit
further to the left decides anew which of them is larger. Whether a digit is a decimal is known only
at the decimal mark. So all numbers of decimals are followed side by side, until the mark is read.
"""

from __future__ import annotations

import math
import re
from collections.abc import Hashable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from functools import cached_property, lru_cache
from typing import NamedTuple, cast

from numeye.errors import UsageError
from numeye.layout.constraints.automaton import TEXT_CHARACTERS
from numeye.models.characters import CURRENCIES, DIGITS

DECIMAL_MARKS = ".,"
SEPARATORS = ".,'"  # of thousands
GROUP_DIGITS = 3
MAX_DECIMALS = 6  # of a number, where neither the range nor an option says more
MAX_BOUND_DIGITS = 15  # before the decimal point of a range's numbers
EXPECTED_RANGE = "expected A..B or A..B:STEP, such as 0..100, -5..5 or 0..100:0.5"
NUMBER = r"[+-]?\d+(?:\.\d+)?"
RANGE = re.compile(rf"({NUMBER})\.\.({NUMBER})(?::(\d+(?:\.\d+)?))?", re.ASCII)


@dataclass(frozen=True)
class NumberRange:
    """The values from one number to another, both included.

    Attributes:
        low: the least value.
        high: the largest value.
        step: between two values, counted from `low`; None for all values.
    """

    low: Decimal
    high: Decimal
    step: Decimal | None = None

    def __str__(self) -> str:
        steps = "" if self.step is None else f" in steps of {self.step}"
        return f"{self.low} to {self.high}{steps}"

    def __contains__(self, value: Decimal) -> bool:
        is_step = self.step is None or (value - self.low) % self.step == 0
        return self.low <= value <= self.high and is_step

    @property
    def whole_digits(self) -> int:
        """How many digits before the decimal mark its numbers have at most."""
        return len(str(int(max(abs(self.low), abs(self.high)))))

    @property
    def decimals(self) -> int:
        """How many decimals its bounds and its step are written with at most."""
        return max(_decimals(value) for value in (self.low, self.high, self.step or Decimal(0)))


@lru_cache(maxsize=64)
def parse_range(text: str) -> NumberRange:
    """Parse A..B or A..B:STEP.

    Raises:
        UsageError: it is anything else.
    """
    match = RANGE.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"range {text}: {EXPECTED_RANGE}")
    low, high = Decimal(match[1]), Decimal(match[2])
    values = NumberRange(low, high, Decimal(match[3]) if match[3] else None)
    if low > high:
        raise UsageError(f"range {text}: {low} is more than {high}; write {high}..{low}")
    if values.step == 0:
        raise UsageError(f"range {text}: the step is 0, expected more than 0")
    if values.whole_digits > MAX_BOUND_DIGITS or values.decimals > MAX_DECIMALS:
        raise UsageError(
            f"range {text}: expected numbers of at most {MAX_BOUND_DIGITS} digits and"
            f" {MAX_DECIMALS} decimals"
        )
    return values


def _decimals(value: Decimal) -> int:
    return max(0, -cast("int", value.as_tuple().exponent))


class _State(NamedTuple):
    """What is known of a number after its last characters.

    Attributes:
        side: index of the sign's values in `NumberAutomaton._sides`.
        part: of the number that has been reached; see below.
        left: decimals that are still to come before the decimal mark.
        low: 1 if the digits so far are more than those of the side's least value, -1 if less.
        high: the same for the side's largest value.
        remainder: of the digits so far, divided by the step.
        mark: the decimal mark; "" where there is none, before it is read, and once it no longer
            matters, since `separator` is known.
        whole: digits before the decimal mark so far; without a range, only those of a group.
        separator: of thousands; "" as long as there is none, `UNGROUPED` if there can be none.
        symbols: `CURRENCY`, % and the sign of the number, as far as they have been read on this
            side of the number.
        in_brackets: whether a bracket is still to be opened before the number.
        has_sign: whether nothing more needs to tell that the number is negative.
    """

    side: int
    part: str
    left: int = 0
    low: int = 0
    high: int = 0
    remainder: int = 0
    mark: str = ""
    whole: int = 0
    separator: str = ""
    symbols: str = ""
    in_brackets: bool = False
    has_sign: bool = False


# Parts of a number, from right to left.
BEHIND, DECIMALS, WHOLE, GROUP, FRONT = "behind", "decimals", "whole", "group", "front"
UNGROUPED = "ungrouped"
CURRENCY = "$"  # stands for each of the currency signs


class _Side(NamedTuple):
    """The absolute values of one sign that a number may have, in units of the last decimal.

    Attributes:
        sign: that may stand before the number.
        low: the least value.
        high: the largest value; None for all.
        remainder: of all values, divided by the step.
    """

    sign: str
    low: int = 0
    high: int | None = None
    remainder: int = 0


@dataclass(frozen=True)
class NumberAutomaton:
    """Accepts decimal numbers as people write them.

    A number may have a sign, currency signs, a percent sign and separators of thousands. In
    brackets it is negative or positive, whichever fits. With a range it has no more digits before
    the decimal mark than the range's longest number; so leading zeros are allowed up to this
    length.

    Attributes:
        values: the range of the values; None for all.
        decimals: how many decimals a number has; None for up to `MAX_DECIMALS`.
        decimal_mark: "." or ","; None for both.
    """

    values: NumberRange | None = None
    decimals: int | None = None
    decimal_mark: str | None = None
    _moves: dict[Hashable, dict[str, Hashable]] = field(
        default_factory=dict, init=False, repr=False, compare=False
    )

    @property
    def max_digits(self) -> float:
        """How many digits a number has at most; infinite without a range."""
        if self.values is None:
            return math.inf
        return self.values.whole_digits + self._decimal_counts[-1]

    @cached_property
    def start(self) -> Hashable:
        """The state before anything is read."""
        return frozenset(
            _State(
                side=index,
                part=BEHIND,
                left=count,
                low=_compare_zeros(side.low, self._scale - count),
                high=_compare_zeros(side.high or 0, self._scale - count),
            )
            for index, side in enumerate(self._sides)
            for count in self._decimal_counts
        )

    def moves(self, state: Hashable) -> dict[str, Hashable]:
        """Return each character that may come next, and the state after it."""
        known = self._moves.get(state)
        if known is None:
            known = self._moves[state] = self._find_moves(cast("frozenset[_State]", state))
        return known

    def is_end(self, state: Hashable) -> bool:
        """Tell whether the number may begin here."""
        return any(self._is_complete(part) for part in cast("frozenset[_State]", state))

    @cached_property
    def _decimal_counts(self) -> tuple[int, ...]:
        if self.decimals is not None:
            return (self.decimals,)
        return tuple(range(MAX_DECIMALS + 1))

    @cached_property
    def _scale(self) -> int:
        """How many decimals all values are compared with."""
        return max(self._decimal_counts[-1], self.values.decimals if self.values else 0)

    @cached_property
    def _step(self) -> int:
        step = self.values.step if self.values else None
        return 1 if step is None else self._scaled(step)

    @cached_property
    def _sides(self) -> tuple[_Side, ...]:
        if self.values is None:
            return _Side("+"), _Side("-")
        low, high = self._scaled(self.values.low), self._scaled(self.values.high)
        sides = []
        if high >= 0:
            sides.append(_Side("+", max(0, low), high, low % self._step))
        if low < 0:
            sides.append(_Side("-", max(0, -high), -low, -low % self._step))
        return tuple(sides)

    @cached_property
    def _has_groups(self) -> bool:
        return self.values is None or self.values.whole_digits > GROUP_DIGITS

    def _scaled(self, value: Decimal) -> int:
        return int(value.scaleb(self._scale))

    def _find_moves(self, state: frozenset[_State]) -> dict[str, Hashable]:
        after = {
            character: frozenset(
                next_part for part in state for next_part in self._read(part, character)
            )
            for character in TEXT_CHARACTERS
        }
        return {character: next_state for character, next_state in after.items() if next_state}

    def _read(self, state: _State, character: str) -> Iterator[_State]:
        """Yield the states after one more character to the left."""
        if character in DIGITS:
            yield from self._read_digit(state, int(character))
            return
        if state.part == BEHIND and character == ")" and not state.symbols:
            yield state._replace(in_brackets=True, has_sign=True)
        is_mark = character in (self.decimal_mark or DECIMAL_MARKS)
        if state.part == DECIMALS and not state.left and is_mark:
            mark = character if self._has_groups else DECIMAL_MARKS[0]
            yield state._replace(part=WHOLE, mark=mark)
        if state.part == WHOLE and self._is_separator(state, character):
            yield state._replace(part=GROUP, separator=character)
        yield from self._read_symbol(state, character)

    def _read_digit(self, state: _State, digit: int) -> Iterator[_State]:
        if state.part == BEHIND:
            state = state._replace(part=DECIMALS if state.left else WHOLE, symbols="")
        if state.part == DECIMALS and state.left:
            added = self._add_digit(state, self._scale - state.left, digit)
            if added is not None:
                yield added._replace(left=state.left - 1)
        elif state.part == GROUP or (state.part == WHOLE and not self._needs_separator(state)):
            added = self._add_digit(state, self._scale + state.whole, digit)
            if added is not None and (next_state := self._count_digit(added)) is not None:
                yield next_state

    def _add_digit(self, state: _State, place: int, digit: int) -> _State | None:
        """Return the state with a digit at a place from the right; None if no value has it."""
        side, step = self._sides[state.side], self._step
        remainder = (state.remainder + digit * pow(10, place, step)) % step
        if (side.remainder - remainder) % math.gcd(10 ** (place + 1), step):
            return None
        if side.high is None:
            return state
        low = side.low and (_compare(digit, side.low, place) or state.low)
        high = _compare(digit, side.high, place) or state.high
        return state._replace(low=low, high=high, remainder=remainder)

    def _count_digit(self, state: _State) -> _State | None:
        """Return the state with one more digit before the decimal mark; None if none can follow."""
        whole, separator = state.whole + 1, state.separator
        if self._has_groups and state.whole == GROUP_DIGITS and not separator:
            separator = UNGROUPED
        if self.values is None and (whole > GROUP_DIGITS or separator == UNGROUPED):
            whole = 1
        next_state = state._replace(
            part=WHOLE,
            left=0,
            whole=whole,
            separator=separator,
            mark="" if separator else state.mark,
        )
        if self.values is not None and whole >= self.values.whole_digits:
            is_last = whole == self.values.whole_digits and self._is_in_range(next_state)
            return next_state if is_last else None
        return next_state

    def _needs_separator(self, state: _State) -> bool:
        return state.separator not in ("", UNGROUPED) and state.whole % GROUP_DIGITS == 0

    def _is_separator(self, state: _State, character: str) -> bool:
        """Tell whether a character may separate thousands here."""
        if character not in SEPARATORS or character in (state.mark, self.decimal_mark):
            return False
        is_after_group = state.whole > 0 and state.whole % GROUP_DIGITS == 0
        return self._has_groups and is_after_group and state.separator in ("", character)

    def _read_symbol(self, state: _State, character: str) -> Iterator[_State]:
        """Yield the state after a currency sign, a percent sign or the number's sign."""
        symbol = CURRENCY if character in CURRENCIES else character
        if symbol in state.symbols:
            return
        if state.part == BEHIND and symbol in (CURRENCY, "%") and not state.symbols:
            yield state._replace(symbols=symbol)
        sign = self._sides[state.side].sign
        is_first = state.part == WHOLE and self._has_digits(state) and self._is_in_range(state)
        if not is_first and state.part != FRONT:
            return
        front = _State(
            side=state.side,
            part=FRONT,
            symbols="".join(sorted(state.symbols + symbol)),
            in_brackets=state.in_brackets,
            has_sign=state.has_sign or symbol == sign,
        )
        if symbol == CURRENCY or (symbol == sign and not state.has_sign):
            yield front
        if symbol == "(" and state.in_brackets:
            yield front._replace(in_brackets=False)

    def _is_complete(self, state: _State) -> bool:
        lacks_sign = self._sides[state.side].sign == "-" and not state.has_sign
        if lacks_sign or state.in_brackets:
            return False
        is_number = state.part == WHOLE and self._has_digits(state) and self._is_in_range(state)
        return is_number or state.part == FRONT

    def _has_digits(self, state: _State) -> bool:
        return state.whole > 0 or state.mark != ""

    def _is_in_range(self, state: _State) -> bool:
        """Tell whether the digits so far are the absolute value of a number that fits."""
        side, place = self._sides[state.side], self._scale + state.whole
        if side.high is None:
            return True
        is_above = side.high // 10**place == 0 and state.high > 0
        is_below = side.low // 10**place > 0 or state.low < 0
        return not is_above and not is_below and state.remainder == side.remainder


def _compare(digit: int, bound: int, place: int) -> int:
    """Compare a digit with that of a bound at the same place: 1 if it is more, -1 if less."""
    other = bound // int(10**place) % 10
    return (digit > other) - (digit < other)


def _compare_zeros(bound: int, places: int) -> int:
    """Compare so many zeros with the last digits of a bound."""
    return -1 if bound % int(10**places) else 0
