"""Dates: compared with Python's calendar, for whole centuries."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from numeye.layout.constraints.automaton import accepts
from numeye.layout.constraints.calendar_patterns import ORDERS, date_pattern
from numeye.layout.constraints.regex_automaton import PatternAutomaton, parse_pattern


def automaton(order: str) -> PatternAutomaton:
    return PatternAutomaton(parse_pattern(date_pattern(order)))


def days(first: int, last: int) -> set[tuple[int, int, int]]:
    """Return all days of some years, as day, month and year."""
    start, end = date(first, 1, 1), date(last, 12, 31)
    every = (start + timedelta(index) for index in range((end - start).days + 1))
    return {(day.day, day.month, day.year) for day in every}


def test_four_centuries_have_the_days_of_the_calendar() -> None:
    dates, calendar = automaton("dmy"), days(1800, 2200)
    for year in range(1800, 2201):
        for day, month in ((28, 2), (29, 2), (30, 2)):
            fits = (day, month, year) in calendar
            assert accepts(dates, f"{day}/{month}/{year}") == fits, (day, month, year)
    for year in (1896, 1900, 1999, 2000, 2023, 2024, 2100):
        for month in range(14):
            for day in range(33):
                fits = (day, month, year) in calendar
                assert accepts(dates, f"{day:02}.{month:02}.{year}") == fits, (day, month, year)


def test_years_of_two_digits() -> None:
    dates, calendar = automaton("dmy"), days(2000, 2099)
    for year in range(100):
        for day, month in ((29, 2), (30, 2), (31, 4), (31, 12)):
            fits = (day, month, 2000 + year) in calendar
            assert accepts(dates, f"{day}-{month}-{year:02}") == fits


@pytest.mark.parametrize(
    ("order", "text"), [("dmy", "31/12/1999"), ("mdy", "12/31/1999"), ("ymd", "1999/12/31")]
)
def test_each_order(order: str, text: str) -> None:
    fitting = [name for name in ORDERS if accepts(automaton(name), text)]
    assert fitting == ["any", order]


def test_digits_without_separators_are_a_date_of_a_known_order() -> None:
    for order, text in (("dmy", "29022024"), ("mdy", "022924"), ("ymd", "20240229")):
        assert accepts(automaton(order), text)
        assert not accepts(automaton("any"), text)
    assert not accepts(automaton("dmy"), "30022024")
    assert not accepts(automaton("dmy"), "122024")


@pytest.mark.parametrize("text", ["1.2.03", "01.02.2003", "1/2/03", "1-2-2003", "10.10.10"])
def test_days_and_months_of_one_or_two_digits(text: str) -> None:
    assert accepts(automaton("any"), text)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "1.2",
        "1.2.3",
        "1.2.203",
        "1/2.03",
        "1.2.03.",
        "001.2.03",
        "1.2.0203",
        "0.2.03",
        "12032024",
    ],
)
def test_other_texts_are_no_dates(text: str) -> None:
    assert not accepts(automaton("any"), text)
