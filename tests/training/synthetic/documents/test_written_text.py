"""What counts as a number on a document, and how numbers are written."""

from __future__ import annotations

import datetime as dt
import re

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.models.characters import CHARACTERS, OTHER
from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.documents import number_texts
from numeye.training.synthetic.documents.written_text import (
    cell_text,
    label_in,
    number_of,
    numbers_of,
)

seeds = st.integers(0, 2**32 - 1)


@pytest.mark.parametrize(
    ("token", "number"),
    [
        ("B23BB1045", "~23~~1045"),
        ("A4", "~4"),
        ("5kg", "5"),
        ("3rd", "3"),
        ("=179=", "179"),
        ("$1,250.00", "$1,250.00"),
        ("1_250,00", "1250,00"),
        ("(18)", "(18)"),
        ("-7", "-7"),
        ("Total", None),
        ("-", None),
    ],
)
def test_a_token_is_the_text_of_a_number_or_none(token: str, number: str | None) -> None:
    assert number_of(token) == number


def test_words_between_numbers_do_not_count() -> None:
    assert numbers_of("3 kg rice for 12.50") == ["3", "12.50"]
    assert [cell_text(text) for text in ("Ana Lee", "", "17/20 late")] == ["~", "", "17/20"]


def test_a_letter_like_a_digit_is_unreadable_where_no_letter_is_beside_it() -> None:
    assert label_in("Oslo", 0) == CHARACTERS.index(OTHER)
    assert label_in("5O5", 1) == UNREADABLE
    assert label_in("x5", 1) == CHARACTERS.index("5")


@given(seeds)
def test_every_kind_of_number_holds_a_number(seed: int) -> None:
    text = number_texts.write_any(np.random.default_rng(seed))
    assert numbers_of(text)
    assert all(any(c.isdigit() for c in number) for number in numbers_of(text))


@given(seeds)
def test_fractions_are_at_most_one(seed: int) -> None:
    points, total = map(int, number_texts.write_fraction(np.random.default_rng(seed)).split("/"))
    assert 0 <= points <= total


@given(seeds)
def test_thousands_are_in_groups_of_three(seed: int) -> None:
    rng = np.random.default_rng(seed)
    text = number_texts.write_amount("'", ",", 2)(rng)
    assert re.fullmatch(r"\d{1,3}('\d{3})*,\d\d", text)


@given(seeds)
def test_dates_are_days_of_the_calendar(seed: int) -> None:
    rng = np.random.default_rng(seed)
    parts = [int(part) for part in re.split(r"[/.-]", number_texts.sample_date_format(rng)(rng))]
    if len(parts) == 2:
        parts.append(2000)
    day_first = parts if parts[0] <= 31 else parts[::-1]
    day, month, year = day_first[0], day_first[1], day_first[2]
    if month > 12:
        day, month = month, day
    assert dt.date(max(year, 1), month, day)


@given(seeds)
def test_times_are_times_of_the_day(seed: int) -> None:
    text = number_texts.write_time(np.random.default_rng(seed))
    hour, minute = map(int, re.sub("[a-z]", "", text).split(":"))
    assert hour < 24
    assert minute < 60
