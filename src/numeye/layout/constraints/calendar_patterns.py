"""Regular expressions of all days of the calendar, as people write them.

A day and a month have one or two digits, a year has four (from 1000) or two. The three are
separated by `.`, `/` or `-`, by the same sign twice. The 29th of February is only in leap years. A
year of two digits may be of any century, and 00 stands for 2000: every fourth is a leap year.
Where the order is known, six or eight digits without separators are a date, too.
"""

from __future__ import annotations

from functools import lru_cache

ANY_ORDER = "any"
ORDERS = {  # and what a date of that order is called
    ANY_ORDER: "a date",
    "dmy": "a date (day, month, year)",
    "mdy": "a date (month, day, year)",
    "ymd": "a date (year, month, day)",
}
SEPARATORS = (r"\.", "/", "-")

# Days, and the months that have them.
DAYS_AND_MONTHS = (
    ("(?:0[1-9]|1[0-9]|2[0-8])", "(?:0[1-9]|1[0-2])"),
    ("(?:29|30)", "(?:0[13-9]|1[0-2])"),
    ("31", "(?:0[13578]|1[02])"),
)
LEAP_DAY = ("29", "02")
YEAR = "(?:[1-9][0-9])?[0-9]{2}"
FOURTH = "[2468][048]|[13579][26]"  # 12, 16, ... 96
LEAP_YEAR = f"(?:(?:[1-9][0-9])?(?:0[48]|{FOURTH})|(?:{FOURTH})?00)"


@lru_cache(maxsize=len(ORDERS))
def date_pattern(order: str) -> str:
    """Return the expression that matches all dates of an order, one of `ORDERS`."""
    if order == ANY_ORDER:
        orders = [letters for letters in ORDERS if letters != ANY_ORDER]
        return "|".join(_separated(letters) for letters in orders)
    return f"{_separated(order)}|{'|'.join(_join(order, '', *parts) for parts in _days())}"


def _separated(order: str) -> str:
    return "|".join(
        _join(order, separator, _with_optional_zero(day), _with_optional_zero(month), year)
        for separator in SEPARATORS
        for day, month, year in _days()
    )


def _days() -> list[tuple[str, str, str]]:
    """Return days, the months and the years that have them."""
    return [*((day, month, YEAR) for day, month in DAYS_AND_MONTHS), (*LEAP_DAY, LEAP_YEAR)]


def _with_optional_zero(two_digits: str) -> str:
    return two_digits.replace("(?:0", "(?:0?").replace("02", "0?2")


def _join(order: str, separator: str, day: str, month: str, year: str) -> str:
    return separator.join({"d": day, "m": month, "y": year}[letter] for letter in order)
