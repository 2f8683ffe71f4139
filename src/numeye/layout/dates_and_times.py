"""Reads dates and times of day from their texts."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date
from typing import Literal

DateOrder = Literal["dmy", "mdy", "ymd"]

# Without a known order, the first one that gives a real date is the likeliest.
DATE_ORDERS: tuple[DateOrder, ...] = ("dmy", "mdy", "ymd")
# Years of two digits are those from 1969 to 2068, as POSIX and Python's %y have it.
FIRST_SHORT_YEAR = 1969

_SEPARATED = re.compile(r"(\d{1,4})([./-])(\d{1,2})\2(\d{1,4})", re.ASCII)
_COMPACT = {
    "dmy": re.compile(r"(\d\d)(\d\d)(\d{4}|\d\d)", re.ASCII),
    "mdy": re.compile(r"(\d\d)(\d\d)(\d{4}|\d\d)", re.ASCII),
    "ymd": re.compile(r"(\d{4}|\d\d)(\d\d)(\d\d)", re.ASCII),
}
_TIME = re.compile(r"([01]?\d|2[0-3]):[0-5]\d(:[0-5]\d([.,]\d+)?)?", re.ASCII)


def read_dates(text: str, order: DateOrder | None = None) -> list[str]:
    """Return the dates that a text can mean, as ISO dates, the likeliest first.

    Day, month and year are separated by points, slashes or hyphens. The year has four digits or
    two; two digits are a year from 1969 to 2068. Only real calendar days count.

    Args:
        text: such as "12/03/2024", which is March 12 or December 3.
        order: of day, month and year; None where it is not known: then a day before the month is
            likeliest, next a month before the day, next a year of two digits at the front. Where it
            is known, six or eight digits without separators are a date, too.
    """
    parts = _parts(text, order)
    if parts is None:
        return []
    orders: Iterable[DateOrder] = DATE_ORDERS if order is None else [order]
    dates = [_iso_date(dict(zip(letters, parts, strict=True))) for letters in orders]
    return list(dict.fromkeys(iso for iso in dates if iso is not None))


def is_time(text: str) -> bool:
    """Tell whether a text is a time of day, such as "12:30" or "12:30:05"."""
    return _TIME.fullmatch(text) is not None


def _parts(text: str, order: DateOrder | None) -> tuple[str, str, str] | None:
    if match := _SEPARATED.fullmatch(text):
        return match[1], match[3], match[4]
    match = _COMPACT[order].fullmatch(text) if order else None
    return (match[1], match[2], match[3]) if match else None


def _iso_date(parts: dict[str, str]) -> str | None:
    """Return the date of a day `d`, a month `m` and a year `y`; None where there is none."""
    if len(parts["y"]) not in (2, 4) or len(parts["d"]) > 2:
        return None
    year = int(parts["y"])
    if len(parts["y"]) == 2:
        year = FIRST_SHORT_YEAR + (year - FIRST_SHORT_YEAR) % 100
    try:
        return date(year, int(parts["m"]), int(parts["d"])).isoformat()
    except ValueError:
        return None
