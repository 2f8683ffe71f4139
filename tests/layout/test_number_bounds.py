"""Which characters that stand together are numbers."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.layout.number_bounds import find_impossible_signs, find_numbers
from numeye.models.characters import CHARACTERS, DIGITS, FILLERS


def texts(characters: str) -> list[str]:
    """Return the numbers of a row of characters, with their fillers."""
    return ["".join(characters[place] for place in number) for number in find_numbers(characters)]


@pytest.mark.parametrize(
    ("characters", "numbers"),
    [
        ("407", ["407"]),
        ("12/03/2024", ["12/03/2024"]),
        ("-264.27", ["-264.27"]),
        ("(18)", ["(18)"]),
        ("$1,250.00", ["$1,250.00"]),
        ("15%", ["15%"]),
        ("20€", ["20€"]),
        ("~23~~1045", ["~23~~1045"]),
        ("5~~", ["5"]),  # a unit
        ("~~~5~~~", []),  # a word, in which a letter looks like a digit
        ("1~~.", ["1"]),  # an ordinal
        ("12.", ["12"]),
        (".5", ["5"]),
        ("~~~", []),
        ("-./", []),
        ("", []),
        ("=264.27=", ["=264.27="]),
        ("**12#34", ["**12", "#34"]),
        ("3=4", ["3", "=4"]),
        ("---12", ["12"]),
        ("--12", ["12"]),
        ("(18", ["18"]),
        ("18)", ["18"]),
        ("-=12=-", ["=12="]),
    ],
)
def test_numbers_end_where_no_digit_follows(characters: str, numbers: list[str]) -> None:
    assert texts(characters) == numbers


def digits_of(characters: str) -> list[int]:
    """Return the places of the digits that are not in words."""
    places, begin = list[int](), 0
    for part in re.split(f"[{re.escape(FILLERS)}]", characters):
        inside = [begin + place for place, text in enumerate(part) if text in DIGITS]
        places += inside if part.count("~") <= 2 * len(inside) else []
        begin += len(part) + 1
    return places


@given(st.text(CHARACTERS, max_size=20))
def test_every_digit_that_is_not_in_a_word_is_in_one_number(characters: str) -> None:
    numbers = find_numbers(characters)
    places = [place for number in numbers for place in number]
    assert places == sorted(set(places))
    assert [place for place in places if characters[place] in DIGITS] == digits_of(characters)
    for number in numbers:
        written = [place for place in number if characters[place] not in FILLERS]
        assert written == list(range(written[0], written[-1] + 1))


@pytest.mark.parametrize(
    ("characters", "places"),
    [
        ("/5400", [0]),
        ("540/", [3]),
        ("17/20", []),
        ("(18)", []),
        ("(18", [0]),
        ("69)", [2]),
        ("6)9", [1]),
        ("~/5", [1]),
        ("/~5", []),  # no digit is beside it
        ("5~/", []),
        ("/", []),
        ("", []),
    ],
)
def test_slashes_outside_and_lone_brackets_are_impossible(
    characters: str, places: list[int]
) -> None:
    impossible = find_impossible_signs(characters)
    assert list(impossible) == places
    assert all(characters[place] == sign for place, sign in impossible.items())
