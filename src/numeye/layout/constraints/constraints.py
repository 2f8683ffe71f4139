"""What is known of a number: a pattern, its length, a check sum, its decimals, its range, a date.

`numeye.layout.constraints.constrained_search` finds the most probable number that fits.
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection
from dataclasses import dataclass
from functools import cached_property

from numeye.errors import UsageError
from numeye.layout.constraints import automaton
from numeye.layout.constraints.automaton import Automaton, Product, strip_unit
from numeye.layout.constraints.calendar_patterns import ORDERS, date_pattern
from numeye.layout.constraints.check_sums import CHECKS
from numeye.layout.constraints.number_ranges import (
    DECIMAL_MARKS,
    MAX_DECIMALS,
    NumberAutomaton,
    NumberRange,
    parse_range,
)
from numeye.layout.constraints.regex_automaton import PatternAutomaton, max_digits, parse_pattern
from numeye.models.characters import DIGITS, OTHER

DATE_DIGITS = 8
WITHOUT_LETTERS = f"[^{OTHER}]*"  # matches digits with any signs between and around them
DIGIT_COUNT = re.compile(r"(\d{1,4})(?:-(\d{1,4}))?", re.ASCII)

DigitCount = int | tuple[int, int]


@dataclass(frozen=True, kw_only=True)
class Constraints:
    r"""What is known of a number; false where nothing is.

    Attributes:
        pattern: a regular expression that the whole number matches with its signs, such as
            `\d{2}/\d{2}/\d{4}`, or None. It may have characters, `\d` and other classes, groups,
            `|` and repeats; `~` stands for a letter, and `.` for any character.
        digits: how many digits it has: a number, or the least and the largest; None if that is not
            known. Signs do not count.
        check: a name of `CHECKS`, or None. It is a check of the digits; an ISBN-10 whose check
            digit is an X cannot be read.
        decimals: how many digits stand behind the decimal mark, or None.
        range: the values that the number may have, as `A..B` or `A..B:STEP`, or None.
        date: "dmy", "mdy", "ymd" or "any" if the number is a day of the calendar, else None.
        decimal_mark: "." or ","; None if both may be the decimal mark. On its own it is no
            constraint: it tells how `decimals` and `range` understand a number.

    Raises:
        UsageError: one of them is not valid.
    """

    pattern: str | None = None
    digits: DigitCount | None = None
    check: str | None = None
    decimals: int | None = None
    range: str | None = None
    date: str | None = None
    decimal_mark: str | None = None

    def __post_init__(self) -> None:
        if self.pattern is not None:
            parse_pattern(self.pattern)
        if self.digits is not None:
            _check_digits(self.digits)
        if self.range is not None:
            parse_range(self.range)
        if self.decimals is not None and not 0 <= self.decimals <= MAX_DECIMALS:
            raise UsageError(f"decimals {self.decimals}: expected 0 to {MAX_DECIMALS}")
        _check_name("check", self.check, CHECKS)
        _check_name("date", self.date, ORDERS)
        _check_name("decimal mark", self.decimal_mark, tuple(DECIMAL_MARKS))

    def __bool__(self) -> bool:
        stated = (self.pattern, self.digits, self.check, self.decimals, self.range, self.date)
        return any(part is not None for part in stated)

    def __str__(self) -> str:
        parts = (
            self.pattern,
            None if self.digits is None else self._digits_text,
            self.check,
            None if self.decimals is None else _plural(self.decimals, "decimal"),
            None if self.values is None else str(self.values),
            None if self.date is None else ORDERS[self.date],
        )
        return ", ".join(part for part in parts if part is not None) or "any number"

    @property
    def values(self) -> NumberRange | None:
        """The range, parsed."""
        return None if self.range is None else parse_range(self.range)

    @property
    def _digits_text(self) -> str:
        least, most = self.least_digits, self.most_digits
        return _plural(least, "digit") if least == most else f"{least} to {most} digits"

    @property
    def least_digits(self) -> int:
        """How many digits a number has at least, by `digits`."""
        return self.digits[0] if isinstance(self.digits, tuple) else self.digits or 1

    @property
    def most_digits(self) -> float:
        """How many digits a number has at most, by `digits`; infinite if that is not known."""
        return self.digits[1] if isinstance(self.digits, tuple) else self.digits or math.inf

    @property
    def max_digits(self) -> float:
        """How many digits a number has at most; infinite if that is not known."""
        limits = [self.most_digits]
        if self.check is not None:
            limits.append(CHECKS[self.check].length or math.inf)
        if self.pattern is not None:
            limits.append(max(map(max_digits, parse_pattern(self.pattern))))
        if self.date is not None:
            limits.append(DATE_DIGITS)
        if self.values is not None:
            limits.append(NumberAutomaton(self.values, self.decimals).max_digits)
        return min(limits)

    @property
    def has_free_signs(self) -> bool:
        """Whether nothing is known of the signs of a number, so that it may have any."""
        return (self.pattern, self.decimals, self.range, self.date) == (None,) * 4

    @cached_property
    def automaton(self) -> Automaton:
        """Accepts what fits `pattern`, `decimals`, `range` and `date`; it counts no digits."""
        parts: list[Automaton] = []
        pattern = WITHOUT_LETTERS if self.has_free_signs else self.pattern
        if pattern is not None:
            parts.append(PatternAutomaton(parse_pattern(pattern)))
        if self.decimals is not None or self.values is not None:
            parts.append(NumberAutomaton(self.values, self.decimals, self.decimal_mark))
        if self.date is not None:
            parts.append(PatternAutomaton(parse_pattern(date_pattern(self.date))))
        return parts[0] if len(parts) == 1 else Product(tuple(parts))

    def raise_if_inconsistent(self) -> None:
        """Check that a number can meet all constraints at once.

        Raises:
            UsageError: no number can.
        """
        length = CHECKS[self.check].length if self.check else None
        if length is not None and not self.least_digits <= length <= self.most_digits:
            raise UsageError(
                f"digits {_as_written(self.least_digits, self.most_digits)}: expected {length}, the"
                f" length that check {self.check} needs"
            )
        least = length or self.least_digits
        if self.pattern is not None and self.max_digits < least:
            raise UsageError(
                f"pattern {self.pattern}: matches no number of {least} digits; the longest that"
                f" it matches has {self.max_digits}"
            )
        if not automaton.is_possible(self.automaton, least, length or self.most_digits):
            raise UsageError(f"no number fits {self}; these contradict each other")

    def fits(self, text: str) -> bool:
        """Tell whether a number meets all constraints; a text without digits never does.

        Letters behind a number, such as a unit, do not belong to it.
        """
        number = strip_unit(text)
        digits = "".join(character for character in number if character in DIGITS)
        return (
            self.least_digits <= len(digits) <= self.most_digits
            and (self.check is None or CHECKS[self.check](digits))
            and automaton.accepts(self.automaton, number)
        )


def parse_digits(text: str) -> DigitCount:
    """Parse the number of digits of a number: N, or A-B.

    Raises:
        UsageError: it is anything else.
    """
    match = DIGIT_COUNT.fullmatch(text.strip())
    if match is None:
        raise UsageError(f"digits {text}: expected a number or a range, such as 5 or 1-3")
    return int(match[1]) if match[2] is None else (int(match[1]), int(match[2]))


def _check_digits(digits: DigitCount) -> None:
    least, most = digits if isinstance(digits, tuple) else (digits, digits)
    if least < 1:
        raise UsageError(f"digits {_as_written(least, most)}: expected 1 or more")
    if least > most:
        raise UsageError(f"digits {least}-{most}: expected the smaller number first")


def _check_name(what: str, name: str | None, names: Collection[str]) -> None:
    if name is not None and name not in names:
        expected = f"one of {', '.join(names)}" if len(names) > 2 else " or ".join(names)
        raise UsageError(f"{what} {name}: expected {expected}")


def _as_written(least: int, most: float) -> str:
    return str(least) if least == most else f"{least}-{most}"


def _plural(count: int, noun: str) -> str:
    return f"{count} {noun}{'' if count == 1 else 's'}"
