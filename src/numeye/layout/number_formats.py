"""Says what the text of a number means: its kind, its value, its date.

Many texts can be read in two ways. The likeliest reading is first, and the others are its
alternatives:

- 1,250 and 1.250: with three digits behind the only separator, it separates thousands; the
  alternative is a decimal mark.
- (18): brackets mean a negative amount, as in accounting; the alternative is 18.
- 12/03/2024: the day is before the month; the alternative is the month before the day.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from fractions import Fraction
from typing import Literal, cast

from numeye.layout.constraints.calendar_patterns import ANY_ORDER
from numeye.layout.constraints.constraints import Constraints
from numeye.layout.constraints.number_ranges import NumberRange
from numeye.layout.dates_and_times import DateOrder, is_time, read_dates
from numeye.models.characters import CURRENCIES, DIGITS, OTHER
from numeye.results import Kind, Number

DecimalMark = Literal[".", ","]

MIN_CODE_DIGITS = 7  # groups of digits with as many in all are a code, such as a telephone number

# Characters of other sources, as the networks write them: spaces, apostrophes, minus signs.
_AS_WRITTEN = str.maketrans(
    {
        **dict.fromkeys("\u00a0\u2007\u2009\u202f", " "),
        **dict.fromkeys("\u2018\u2019\u02bc", "'"),
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2212", "-"),
    }
)
_CURRENCY = f"[{re.escape(CURRENCIES)}]"
_AMOUNT = re.compile(
    rf"(?P<before>[-+]?{_CURRENCY}?[-+]?) ?(?P<open>\()?(?P<inside>[-+]?{_CURRENCY}?[-+]?) ?"
    rf"(?P<body>\d[\d., ']*|[.,]\d+)(?P<no_cents>(?<=[.,])--?)?"
    rf" ?(?P<end_inside>%|{_CURRENCY})?(?P<close>\))? ?(?P<end>%|{_CURRENCY})?",
    re.ASCII,
)
_FRACTION = re.compile(r"([-+]?)(\d+(?:[.,]\d+)?)/(\d+(?:[.,]\d+)?)", re.ASCII)
# Three groups with points, or with a year before hyphens, are a date that does not exist.
_CODE = re.compile(r"(?!\d+\.\d+\.\d+$|\d{4}-\d\d?-\d\d?$)\+?\(?\d+(?:[-. ()]+\d+)+", re.ASCII)

# The groups of thousands that each separator makes; in India, those before are of two digits.
_GROUPED = {mark: rf"[1-9]\d{{0,2}}(?:{re.escape(mark)}\d{{3}})+" for mark in ",.' "}
_GROUPED[","] += r"|[1-9]\d?(?:,\d{2})+,\d{3}"


@dataclass(frozen=True, kw_only=True)
class Interpretation:
    """What a text means.

    Attributes:
        kind: "integer" and "decimal" have a value, "date" has a date. "time" is a time of day. A
            "fraction" has a value where that is an exact decimal number: 17/20 has 0.85, and 1/3
            has none. "code" is letters with digits, or groups of at least 7 digits; "text" has no
            digit, but a letter; "other" is the rest.
        value: decimal number such as "-1250.50", with the decimals that are written. A percent sign
            does not change it. None where there is none.
        date: ISO date, such as "2024-03-12"; else None.
        alternatives: the other values or dates that the text can have, the likeliest first.
    """

    kind: Kind
    value: str | None = None
    date: str | None = None
    alternatives: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class NumberFormat:
    """What is known of how numbers are written.

    Attributes:
        decimal_mark: the mark before the decimals; None for either.
        date_order: the order of day, month and year; None for any.
        decimals: how many decimals every number has; None for any.
        values: the range of its values; None for any.
        digits_only: whether the text of a number is its digits alone.
    """

    decimal_mark: DecimalMark | None = None
    date_order: DateOrder | None = None
    decimals: int | None = None
    values: NumberRange | None = None
    digits_only: bool = False

    def with_constraints(self, constraints: Constraints | None) -> NumberFormat:
        """Return the format with what constraints tell of how numbers are written."""
        if constraints is None:
            return self
        mark, order = constraints.decimal_mark, constraints.date
        return NumberFormat(
            decimal_mark=cast("DecimalMark | None", mark) or self.decimal_mark,
            date_order=self.date_order if order in (None, ANY_ORDER) else cast("DateOrder", order),
            decimals=self.decimals if constraints.decimals is None else constraints.decimals,
            values=constraints.values or self.values,
            digits_only=self.digits_only,
        )

    def apply(self, number: Number) -> Number:
        """Return a number with the kind, value, date and alternatives of its text."""
        meaning = interpret(
            replace(number, digits_only=False).best_text,
            decimal_mark=self.decimal_mark,
            date_order=self.date_order,
            decimals=self.decimals,
            values=self.values,
        )
        return replace(number, **vars(meaning), digits_only=self.digits_only)


def interpret(
    text: str,
    *,
    decimal_mark: DecimalMark | None = None,
    date_order: DateOrder | None = None,
    decimals: int | None = None,
    values: NumberRange | None = None,
) -> Interpretation:
    """Return what the text of a number means.

    Args:
        text: as written, "1'250.50" for example; "~" stands for a letter.
        decimal_mark: the mark before the decimals; the other one then separates thousands only.
            None where either may be it.
        date_order: see `numeye.layout.dates_and_times.read_dates`.
        decimals: how many decimals the number has, if that is known. Of several values, those with
            as many are taken; where there is none, those without decimals.
        values: the range of the number, if that is known. Of several values, those in it are taken.
    """
    text = " ".join(text.translate(_AS_WRITTEN).split())
    if not any(character in DIGITS for character in text):
        return Interpretation(kind="text" if OTHER in text else "other")
    if OTHER in text:
        return Interpretation(kind="code")
    if dates := read_dates(text, date_order):
        return Interpretation(kind="date", date=dates[0], alternatives=tuple(dates[1:]))
    if is_time(text):
        return Interpretation(kind="time")
    if match := _FRACTION.fullmatch(text):
        return _fraction(match, decimal_mark)
    amounts = _with_decimals(list(dict.fromkeys(_amounts(text, decimal_mark))), decimals)
    if values is not None:
        amounts = [amount for amount in amounts if Decimal(amount) in values] or amounts
    if amounts:
        kind: Kind = "decimal" if "." in amounts[0] else "integer"
        return Interpretation(kind=kind, value=amounts[0], alternatives=tuple(amounts[1:]))
    return Interpretation(kind="code" if _is_code(text) else "other")


def has_thousands_spaces(text: str) -> bool:
    """Tell whether the spaces in a text separate thousands, as in "1 250,00".

    Args:
        text: as written; False if it has no space.
    """
    if any(not part[-1:].isdecimal() for part in text.split(" ")[:-1]):
        return False  # a space behind a sign
    match = _AMOUNT.fullmatch(text.translate(_AS_WRITTEN))
    return match is not None and any(mark == " " for mark, _ in _readings(match["body"], None))


def _is_code(text: str) -> bool:
    digits = sum(character in DIGITS for character in text)
    return digits >= MIN_CODE_DIGITS and _CODE.fullmatch(text) is not None


def _fraction(match: re.Match[str], decimal_mark: DecimalMark | None) -> Interpretation:
    sign, *parts = match.groups()
    other_mark = {".": ",", ",": "."}.get(decimal_mark or "")
    if other_mark and any(other_mark in part for part in parts):
        return Interpretation(kind="other")
    numerator, denominator = (Fraction(part.replace(",", ".")) for part in parts)
    if not denominator:
        return Interpretation(kind="other")
    value = _exact_decimal(numerator / denominator)
    return Interpretation(kind="fraction", value=None if value is None else _signed(value, sign))


def _exact_decimal(number: Fraction) -> str | None:
    """Return a fraction of at least 0 as a decimal number; None where it has no end."""
    rest, decimals = number.denominator, 0
    while rest % 10 == 0 or rest % 5 == 0 or rest % 2 == 0:
        rest //= 10 if rest % 10 == 0 else 5 if rest % 5 == 0 else 2
        decimals += 1
    if rest != 1:
        return None
    digits = str(number.numerator * 10**decimals // number.denominator).zfill(decimals + 1)
    return f"{digits[:-decimals]}.{digits[-decimals:]}" if decimals else digits


def _amounts(text: str, decimal_mark: DecimalMark | None) -> Iterator[str]:
    """Yield the values that an amount can have, with the sign that is likeliest first."""
    match = _AMOUNT.fullmatch(text)
    if match is None or not _is_well_formed(match):
        return
    body = match["body"]
    if match["no_cents"]:
        body = body[:-1]
    values = [value for _, value in _readings(body.rstrip(), decimal_mark)]
    if match["no_cents"]:
        values = [value for value in values if "." not in value]
    signs = match["before"] + match["inside"]
    has_sign = "-" in signs or "+" in signs
    if match["open"] and not has_sign:
        for value in values:
            yield _signed(value, "-")
            yield value
        return
    for value in values:
        yield _signed(value, "-" if "-" in signs else "")


def _is_well_formed(match: re.Match[str]) -> bool:
    """Tell whether an amount has both brackets or none, and at most one sign and one unit."""
    marks = "".join(match[name] or "" for name in ("before", "inside", "end_inside", "end"))
    return (
        bool(match["open"]) == bool(match["close"])
        and sum(mark in "+-" for mark in marks) <= 1
        and sum(mark in f"%{CURRENCIES}" for mark in marks) <= 1
    )


def _readings(body: str, decimal_mark: DecimalMark | None) -> Iterator[tuple[str | None, str]]:
    """Yield what separates thousands, or None, and the value, for each way to read an amount.

    Args:
        body: digits and separators.
        decimal_mark: see `interpret`.
    """
    for group_mark, whole in (*_GROUPED.items(), (None, r"\d*")):
        for mark in (".", ",") if decimal_mark is None else (decimal_mark,):
            match = re.fullmatch(rf"({whole})(?:{re.escape(mark)}(\d*))?", body)
            if match and mark != group_mark:
                digits = re.sub(r"\D", "", match[1]).lstrip("0") or "0"
                yield group_mark, f"{digits}.{match[2]}" if match[2] else digits


def _signed(value: str, sign: str) -> str:
    """Return a value with its sign; a plus and the sign of zero are left out."""
    return f"-{value}" if sign == "-" and value.strip("0.") else value


def _with_decimals(values: list[str], decimals: int | None) -> list[str]:
    """Return the values with so many decimals, or else those without, or else all."""
    if decimals is None:
        return values
    counts = [len(value.partition(".")[2]) for value in values]
    for count in (decimals, 0):
        if count in counts:
            return [value for value, n in zip(values, counts, strict=True) if n == count]
    return values
