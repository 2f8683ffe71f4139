"""What the texts of numbers mean."""

from __future__ import annotations

from datetime import date
from decimal import Decimal
from typing import Literal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.layout.constraints.constraints import Constraints
from numeye.layout.constraints.number_ranges import parse_range
from numeye.layout.number_formats import (
    Interpretation,
    NumberFormat,
    has_thousands_spaces,
    interpret,
)
from numeye.models.characters import CHARACTERS
from numeye.results import Character, Digit, Number

# text, kind, value or date, alternatives
VALUES = [
    ("0", "integer", "0", ()),
    ("407", "integer", "407", ()),
    ("007", "integer", "7", ()),
    ("4111111111111111", "integer", "4111111111111111", ()),
    ("20.5", "decimal", "20.5", ()),
    ("20,5", "decimal", "20.5", ()),
    ("20.50", "decimal", "20.50", ()),
    (".5", "decimal", "0.5", ()),
    ("0.250", "decimal", "0.250", ()),
    ("0,250", "decimal", "0.250", ()),
    ("1250,000", "decimal", "1250.000", ()),
    ("3.14159", "decimal", "3.14159", ()),
    ("5.", "integer", "5", ()),
    # thousands
    ("1,250", "integer", "1250", ("1.250",)),
    ("1.250", "integer", "1250", ("1.250",)),
    ("12.250", "integer", "12250", ("12.250",)),
    ("1'250", "integer", "1250", ()),
    ("1\u2019250", "integer", "1250", ()),
    ("1 250", "integer", "1250", ()),
    ("1\u2009250", "integer", "1250", ()),
    ("1\u202f250,00", "decimal", "1250.00", ()),
    ("1 250,00", "decimal", "1250.00", ()),
    ("1'250.50", "decimal", "1250.50", ()),
    ("1,250.00", "decimal", "1250.00", ()),
    ("1.250,00", "decimal", "1250.00", ()),
    ("1,250,000", "integer", "1250000", ()),
    ("1.250.000", "integer", "1250000", ()),
    ("1 250 000", "integer", "1250000", ()),
    ("12,34,567", "integer", "1234567", ()),
    # signs and units
    ("-7", "integer", "-7", ()),
    ("\u22127", "integer", "-7", ()),
    ("+7", "integer", "7", ()),
    ("-0", "integer", "0", ()),
    ("-0.0", "decimal", "0.0", ()),
    ("-20,5", "decimal", "-20.5", ()),
    ("$179", "integer", "179", ()),
    ("€ 5", "integer", "5", ()),
    ("5 €", "integer", "5", ()),
    ("-$5", "integer", "-5", ()),
    ("$-5", "integer", "-5", ()),
    ("£1,250.00", "decimal", "1250.00", ()),
    ("¥1,250", "integer", "1250", ("1.250",)),
    ("50%", "integer", "50", ()),
    ("12.5 %", "decimal", "12.5", ()),
    ("-3%", "integer", "-3", ()),
    ("1250.-", "integer", "1250", ()),
    ("1'250.--", "integer", "1250", ()),
    ("1,250,-", "integer", "1250", ()),
    # accounting
    ("(18)", "integer", "-18", ("18",)),
    ("(0)", "integer", "0", ()),
    ("($18.50)", "decimal", "-18.50", ("18.50",)),
    ("$(18.50)", "decimal", "-18.50", ("18.50",)),
    ("(18%)", "integer", "-18", ("18",)),
    ("(18)%", "integer", "-18", ("18",)),
    ("(-18)", "integer", "-18", ()),
    ("(1,250)", "integer", "-1250", ("1250", "-1.250", "1.250")),
    # fractions
    ("17/20", "fraction", "0.85", ()),
    ("-1/2", "fraction", "-0.5", ()),
    ("20/20", "fraction", "1", ()),
    ("100/5", "fraction", "20", ()),
    ("0/20", "fraction", "0", ()),
    ("17.5/20", "fraction", "0.875", ()),
    ("17,5/20", "fraction", "0.875", ()),
    ("1/1000", "fraction", "0.001", ()),
    ("1/3", "fraction", None, ()),
    ("17/30", "fraction", None, ()),
    # times
    ("12:30", "time", None, ()),
    ("0:05", "time", None, ()),
    ("23:59:59", "time", None, ()),
    ("1:02:03.45", "time", None, ()),
    # codes
    ("~23~~1045", "code", None, ()),
    ("12~", "code", None, ()),
    ("978-3-16-148410-0", "code", None, ()),
    ("3-16-148410-~", "code", None, ()),
    ("+41 44 668 18 00", "code", None, ()),
    ("(044) 668 18 00", "code", None, ()),
    ("01.42.34.56.78", "code", None, ()),
    ("4111 1111 1111 1111", "code", None, ()),
    ("555-1234", "code", None, ()),
    # text and the rest
    ("~", "text", None, ()),
    ("~~~ ~~", "text", None, ()),
    ("-~", "text", None, ()),
    *((text, "other", None, ()) for text in ("", "-", ".", "()", "%", "3-2", "1.2.3", "12 34")),
    *((text, "other", None, ()) for text in ("1,2,3", "1)", "(18", "--5", "5€5", "€5€", "5/0")),
    *((text, "other", None, ()) for text in ("25:00", "12:60", "3:2", "1 1/2", "1/2/3", "5.11.")),
    *((text, "other", None, ()) for text in ("0,250,000", "1,25,00", "1.250.00", "1'25", "%5")),
    *((text, "other", None, ()) for text in ("$5%", "+-5", "-(-5)", "1,250'000", "\u0663")),
    *((text, "other", None, ()) for text in ("31/02/2024", "31.02.2024", "2023-02-29", "13/13/13")),
]
DATES = [
    ("12/03/2024", "2024-03-12", ("2024-12-03",)),
    ("12.03.2024", "2024-03-12", ("2024-12-03",)),
    ("12-3-2024", "2024-03-12", ("2024-12-03",)),
    ("13/03/2024", "2024-03-13", ()),
    ("03/13/2024", "2024-03-13", ()),
    ("03/03/2024", "2024-03-03", ()),
    ("5.11.98", "1998-11-05", ("1998-05-11",)),
    ("2024-03-12", "2024-03-12", ()),
    ("2024/3/12", "2024-03-12", ()),
    ("29/02/2024", "2024-02-29", ()),
    ("98-11-05", "1998-11-05", ()),
    ("12/03/04", "2004-03-12", ("2004-12-03", "2012-03-04")),
    ("31/12/68", "2068-12-31", ()),
    ("31/12/69", "1969-12-31", ()),
    ("31/12/00", "2000-12-31", ()),
]


@pytest.mark.parametrize(("text", "kind", "value", "alternatives"), VALUES)
def test_a_text_has_a_kind_and_a_value(
    text: str, kind: str, value: str | None, alternatives: tuple[str, ...]
) -> None:
    meaning = interpret(text)
    assert (meaning.kind, meaning.value, meaning.alternatives) == (kind, value, alternatives)
    assert meaning.date is None


@pytest.mark.parametrize(("text", "iso", "alternatives"), DATES)
def test_a_date_is_a_real_day_and_its_swap_an_alternative(
    text: str, iso: str, alternatives: tuple[str, ...]
) -> None:
    assert interpret(text) == Interpretation(kind="date", date=iso, alternatives=alternatives)


@pytest.mark.parametrize(
    ("text", "order", "iso"),
    [
        ("12/03/2024", "dmy", "2024-03-12"),
        ("12/03/2024", "mdy", "2024-12-03"),
        ("12/03/2024", "ymd", None),
        ("2024-03-12", "dmy", None),
        ("13/03/2024", "mdy", None),
        ("12/03/04", "ymd", "2012-03-04"),
        ("12032024", "dmy", "2024-03-12"),
        ("120304", "mdy", "2004-12-03"),
        ("20240312", "ymd", "2024-03-12"),
        ("20241312", "ymd", None),
    ],
)
def test_where_the_order_is_known_a_date_has_no_alternative(
    text: str, order: Literal["dmy", "mdy", "ymd"], iso: str | None
) -> None:
    meaning = interpret(text, date_order=order)
    assert (meaning.date, meaning.kind == "date") == (iso, iso is not None)
    assert meaning.alternatives == ()


@pytest.mark.parametrize(
    ("text", "mark", "value"),
    [
        ("1,250", ",", "1.250"),
        ("1,250", ".", "1250"),
        ("1.250", ",", "1250"),
        ("1.250", ".", "1.250"),
        ("20.5", ".", "20.5"),
        ("20.5", ",", None),
        ("1'250,5", ",", "1250.5"),
        ("1'250,5", ".", None),
        ("(1,250)", ".", "-1250"),
        ("17.5/20", ",", None),
        ("17.5/20", ".", "0.875"),
    ],
)
def test_where_the_decimal_mark_is_known_the_other_one_only_separates_thousands(
    text: str, mark: Literal[".", ","], value: str | None
) -> None:
    meaning = interpret(text, decimal_mark=mark)
    assert meaning.value == value
    assert not any(alternative.strip("-") != "1250" for alternative in meaning.alternatives)


@pytest.mark.parametrize(
    ("text", "decimals", "value", "alternatives"),
    [
        ("1,250", 3, "1.250", ()),
        ("1,250", 0, "1250", ()),
        ("1,250", 2, "1250", ()),
        ("1,250", None, "1250", ("1.250",)),
        ("20.55", 1, "20.55", ()),
        ("(1.250)", 3, "-1.250", ("1.250",)),
    ],
)
def test_the_number_of_decimals_decides_between_values(
    text: str, decimals: int | None, value: str, alternatives: tuple[str, ...]
) -> None:
    meaning = interpret(text, decimals=decimals)
    assert (meaning.value, meaning.alternatives) == (value, alternatives)


@pytest.mark.parametrize(
    ("first", "second", "joined"),
    [
        ("1", "250", True),
        ("1", "250,00", True),
        ("-1", "250", True),
        ("$12", "250.5", True),
        ("1 250", "000", True),
        ("(1", "250)", True),
        ("1", "250%", True),
        ("12", "5", False),
        ("12", "34", False),
        ("1250", "300", False),
        ("0", "250", False),
        ("1,000", "250", False),
        ("1", "2500", False),
        ("1", "-250", False),
        ("1,", "250", False),
        ("$", "1 250", False),
        ("", "250", False),
        ("1", "", False),
        ("12:30", "250", False),
    ],
)
def test_a_space_joins_only_if_the_groups_fit(first: str, second: str, joined: bool) -> None:
    assert has_thousands_spaces(f"{first} {second}") is joined


@given(
    value=st.decimals(-(10**12), 10**12, places=2),
    grouping=st.sampled_from([(",", "."), (".", ","), ("'", "."), ("'", ","), (" ", ",")]),
    sign=st.sampled_from(["-", "()"]),
    currency=st.sampled_from(["", "$", "€", "£"]),
)
def test_an_amount_is_read_back_however_it_is_written(
    value: Decimal, grouping: tuple[str, str], sign: str, currency: str
) -> None:
    group, mark = grouping
    text = f"{abs(value):,.2f}".translate(str.maketrans({",": group, ".": mark}))
    text = f"{currency}{text}"
    if value < 0:
        text = f"-{text}" if sign == "-" else f"({text})"
    meaning = interpret(text)
    assert (meaning.kind, meaning.value) == ("decimal", f"{value + 0:.2f}")


@given(st.integers(-(10**15), 10**15), st.sampled_from(["", ",", ".", "'", " "]))
def test_an_integer_is_read_back_with_any_separator(number: int, group: str) -> None:
    meaning = interpret(f"{number:,}".replace(",", group))
    assert (meaning.kind, meaning.value) == ("integer", str(number))
    assert all(Decimal(other) * 1000 == number for other in meaning.alternatives)


@given(
    st.dates(date(1000, 1, 1), date(9999, 12, 31)),
    st.sampled_from([("%d", "%m", "%Y"), ("%m", "%d", "%Y"), ("%Y", "%m", "%d")]),
    st.sampled_from("./-"),
)
def test_a_date_is_read_back_in_any_order(
    day: date, order: tuple[str, ...], separator: str
) -> None:
    text = separator.join(day.strftime(part).zfill(2) for part in order)
    meaning = interpret(text)
    assert day.isoformat() in (meaning.date, *meaning.alternatives)
    known = "".join(part[1].lower() for part in order)
    assert interpret(text, date_order=known).date == day.isoformat()  # type: ignore[arg-type]


@given(
    st.text(CHARACTERS + " ", max_size=40),
    st.sampled_from([None, ".", ","]),
    st.sampled_from([None, "dmy", "mdy", "ymd"]),
    st.none() | st.integers(0, 4),
)
def test_any_text_has_a_meaning_that_holds_together(
    text: str,
    mark: Literal[".", ","] | None,
    order: Literal["dmy", "mdy", "ymd"] | None,
    decimals: int | None,
) -> None:
    meaning = interpret(text, decimal_mark=mark, date_order=order, decimals=decimals)
    assert (meaning.date is not None) == (meaning.kind == "date")
    if meaning.kind in ("integer", "decimal"):
        assert meaning.value is not None
        assert ("." in meaning.value) == (meaning.kind == "decimal")
    elif meaning.kind != "fraction":
        assert meaning.value is None
    for other in (*meaning.alternatives, meaning.value or "0"):
        assert date.fromisoformat(other) if meaning.kind == "date" else Decimal(other).is_finite()
    best = meaning.date or meaning.value
    assert len({best, *meaning.alternatives}) == 1 + len(meaning.alternatives)


def number(text: str, **changes: bool) -> Number:
    seven = Digit(digit=7, confidence=0.9, box=(0, 0, 9, 9), probabilities=(0.1,) * 10)
    character = Character.of_digit(seven)
    characters = tuple(
        Character(**{**vars(character), "text": item}) for item in text if item != " "
    )
    return Number(characters=characters, confidence=0.9, **changes)


def test_a_format_gives_a_number_its_meaning() -> None:
    plain = NumberFormat().apply(number("-1,250"))
    assert (plain.kind, plain.value, plain.alternatives) == ("integer", "-1250", ("-1.250",))
    decimal = NumberFormat(decimal_mark=",").apply(number("-1,250"))
    assert (decimal.kind, decimal.value, decimal.alternatives) == ("decimal", "-1.250", ())
    day = NumberFormat(date_order="mdy").apply(number("12/03/2024"))
    assert (day.kind, day.value, day.date) == ("date", None, "2024-12-03")


def test_digits_alone_keep_the_value_of_the_whole_number() -> None:
    only = NumberFormat(digits_only=True).apply(number("-20.5"))
    assert (only.text, only.value) == ("205", "-20.5")
    again = NumberFormat().apply(only)
    assert (again.text, again.value) == ("-20.5", "-20.5")


def test_a_range_decides_between_two_values() -> None:
    for text, bounds, value in (
        ("1,250", "0..9", "1.250"),
        ("1,250", "0..2000", "1250"),
        ("(18)", "-20..0", "-18"),
        ("(18)", "0..20", "18"),
        ("1,250", "5..6", "1250"),
    ):
        assert interpret(text, values=parse_range(bounds)).value == value
    assert interpret("(18)", values=parse_range("0..20")).alternatives == ()
    known = NumberFormat().with_constraints(Constraints(range="0..9"))
    assert known.values == parse_range("0..9")
