"""What is known of a number: parsing, what fits, and messages about what contradicts itself."""

from __future__ import annotations

import itertools
import math
import re
from typing import Any

import pytest

from numeye.errors import UsageError
from numeye.layout.constraints.check_sums import CHECKS
from numeye.layout.constraints.constraints import Constraints, parse_digits

VALID = {
    "luhn": ["79927398713", "4111111111111111", "0", "18"],
    "isbn10": ["0306406152", "0201633612"],
    "isbn13": ["9780306406157", "9783161484100"],
    # the long one: the IBAN GB82 WEST 1234 5698 7654 32
    "mod97": ["79444", "3214282912345698765432161182", "1"],
}


@pytest.mark.parametrize(
    ("check", "text"), [(check, text) for check, texts in VALID.items() for text in texts]
)
def test_check_sums_of_known_numbers_are_right(check: str, text: str) -> None:
    assert CHECKS[check](text)
    assert Constraints(check=check).fits(text)


@pytest.mark.parametrize("check", CHECKS)
def test_every_check_sum_finds_a_wrong_digit(check: str) -> None:
    text = VALID[check][0]
    for at, digit in itertools.product(range(len(text)), "0123456789"):
        assert CHECKS[check](text[:at] + digit + text[at + 1 :]) == (digit == text[at])


@pytest.mark.parametrize(
    "text", ["", "030640615", "030640615X", "97803064061570", "7992739871x", "\u0661\u0668", "-7"]
)
def test_other_texts_have_no_check_sum(text: str) -> None:
    assert not any(check(text) for check in CHECKS.values())


def test_all_constraints_must_fit() -> None:
    constraints = Constraints(pattern=r"4\d*", digits=16, check="luhn")
    assert constraints.fits("4111111111111111")
    assert not constraints.fits("4111111111111112")
    assert not constraints.fits("411111111111116")
    assert not constraints.fits("5555555555554444")


def test_a_text_without_digits_never_fits() -> None:
    assert not Constraints(pattern=r"\d*").fits("")
    assert not Constraints().fits("")
    assert not Constraints().fits("-")
    assert not Constraints(pattern=r"\d*-").fits("-")


def test_signs_do_not_count_as_digits() -> None:
    for text in ("1250", "1,250", "1'250", "12.50", "-1250", "$12.50", "(1250)", "12/50", "12:50"):
        assert Constraints(digits=4).fits(text)
        assert not Constraints(digits=5).fits(text)
    assert Constraints(digits=16, check="luhn").fits("4111-1111-1111-1111")
    assert not Constraints(digits=16, check="luhn").fits("4111-1111-1111-1112")


def test_a_range_of_digits() -> None:
    fitting = [
        text for text in ("1", "12", "1.23", "1234") if Constraints(digits=(2, 3)).fits(text)
    ]
    assert fitting == ["12", "1.23"]


def test_letters_belong_to_a_number_unless_they_stand_behind_it() -> None:
    assert Constraints(digits=2).fits("12~~.")
    assert Constraints(range="5..5", decimals=0).fits("5.-")
    assert not Constraints(digits=2).fits("~12")
    assert not Constraints(digits=2).fits("1~2")
    assert Constraints(pattern=r"~\d{2}~+\d").fits("~12~~3")
    assert Constraints(range="0..100").fits("12~")


def test_a_pattern_is_about_all_characters() -> None:
    date = Constraints(pattern=r"\d{2}/\d{2}/\d{4}")
    assert date.fits("12/03/2024")
    assert not date.fits("12032024")
    assert Constraints(pattern=r"-?\d+\.\d").fits("-7.5")
    assert not Constraints(pattern=r"\d{4}").fits("1,250")
    assert Constraints(pattern=r"\$\d+").fits("$179")
    assert Constraints(pattern=r"[(]\d+\)").fits("(18)")
    assert Constraints(pattern="1.3").fits("1-3")
    assert Constraints(pattern=r"\D\d").fits("€5")


def test_all_kinds_of_constraints_hold_together() -> None:
    constraints = Constraints(
        pattern=r"[45]\D\d+", digits=(2, 3), decimals=1, range="4..6:0.5", decimal_mark=","
    )
    fitting = [
        text for text in ("4,5", "5,0", "4.5", "4,50", "4,6", "6,0") if constraints.fits(text)
    ]
    assert fitting == ["4,5", "5,0"]


@pytest.mark.parametrize(
    ("text", "expected"), [("5", 5), ("16", 16), ("1-3", (1, 3)), (" 2-2 ", (2, 2))]
)
def test_numbers_of_digits_are_parsed(text: str, expected: object) -> None:
    assert parse_digits(text) == expected


@pytest.mark.parametrize("text", ["", "x", "-3", "1-", "1..3", "1-2-3", "1.5", "٣", "12345"])
def test_other_numbers_of_digits_are_an_error(text: str) -> None:
    message = f"digits {text}: expected a number or a range, such as 5 or 1-3"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_digits(text)


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({}, math.inf),
        ({"digits": 5}, 5),
        ({"check": "isbn13"}, 13),
        ({"check": "luhn"}, math.inf),
        ({"pattern": r"\d{2,4}(19|20)?"}, 6),
        ({"pattern": r"(\d{3}|\d)(?:0*|7)"}, math.inf),
        ({"pattern": r"(x*|){9}\d"}, 1),
        ({"pattern": r"\d+", "digits": 3}, 3),
        ({"pattern": r"\d{2}/\d{2}(/\d{4})?"}, 8),
        ({"pattern": r".-\D+"}, 1),
        ({"digits": (2, 4)}, 4),
        ({"range": "0..100"}, 9),
        ({"range": "-5..5", "decimals": 1}, 2),
        ({"decimals": 2}, math.inf),
        ({"date": "any"}, 8),
    ],
)
def test_largest_number_of_digits(options: dict[str, Any], expected: float) -> None:
    assert Constraints(**options).max_digits == expected


@pytest.mark.parametrize(
    ("options", "text"),
    [
        ({"pattern": r"\d{5}", "digits": 5, "check": "luhn"}, r"\d{5}, 5 digits, luhn"),
        ({"digits": 1}, "1 digit"),
        ({"digits": (1, 3)}, "1 to 3 digits"),
        ({"digits": (2, 2)}, "2 digits"),
        ({"range": "0..100:0.5", "decimals": 1}, "1 decimal, 0 to 100 in steps of 0.5"),
        ({"range": "-5..5", "decimals": 0}, "0 decimals, -5 to 5"),
        ({"date": "any"}, "a date"),
        ({"date": "dmy"}, "a date (day, month, year)"),
        ({"decimals": 2, "decimal_mark": ","}, "2 decimals"),
        ({}, "any number"),
    ],
)
def test_constraints_as_text(options: dict[str, Any], text: str) -> None:
    assert str(Constraints(**options)) == text


def test_a_decimal_mark_alone_is_no_constraint() -> None:
    assert not Constraints()
    assert not Constraints(decimal_mark=".")
    for options in ({"check": "mod97"}, {"decimals": 0}, {"range": "0..1"}, {"date": "ymd"}):
        assert Constraints(**options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"pattern": r"[0-"},
            (
                r"pattern [0-: not a regular expression (unterminated character set at position 0);"
                r" write one"
            ),
        ),
        (
            {"pattern": r"\d**"},
            r"pattern \d**: not a regular expression (multiple repeat at position 3)",
        ),
        (
            {"pattern": r"x*"},
            (
                r"pattern x*: matches no number, which has digits, signs, and ~ for each letter;"
                r" write one such as \d{5}"
            ),
        ),
        ({"pattern": r"[A-Z]\d|(x|y)"}, r"pattern [A-Z]\d|(x|y): matches no number"),
        ({"pattern": r"\D+"}, r"pattern \D+: matches no number"),
        (
            {"pattern": r"(?=1)\d"},
            (
                r"pattern (?=1)\d: not supported; expected characters, \d, [...], (...|...) and"
                r" repeats such as {5}"
            ),
        ),
        ({"pattern": r"(\d)\1"}, r"pattern (\d)\1: not supported"),
        ({"pattern": r"\b\d"}, r"pattern \b\d: not supported"),
        ({"pattern": r"1$2"}, r"pattern 1$2: not supported"),
        ({"pattern": r"\d++1"}, r"pattern \d++1: not supported"),
        ({"pattern": r"\x31"}, r"pattern \x31: not supported"),
        (
            {"pattern": r"((\d{0,99}){99})*"},
            r"pattern ((\d{0,99}){99})*: too long; with its repeats written out it has 9,901 parts",
        ),
        (
            {"pattern": r"\d{1001,}"},
            (
                r"pattern \d{1001,}: too long; with its repeats written out it has 1,001 parts, and"
                r" at most 1,000"
            ),
        ),
        ({"digits": 0}, "digits 0: expected 1 or more"),
        ({"digits": (0, 3)}, "digits 0-3: expected 1 or more"),
        ({"digits": (3, 1)}, "digits 3-1: expected the smaller number first"),
        ({"check": "iban"}, "check iban: expected one of luhn, isbn10, isbn13, mod97"),
        ({"decimals": -1}, "decimals -1: expected 0 to 6"),
        ({"decimals": 7}, "decimals 7: expected 0 to 6"),
        ({"date": "dym"}, "date dym: expected one of any, dmy, mdy, ymd"),
        ({"decimal_mark": ".,"}, "decimal mark .,: expected . or ,"),
        ({"decimal_mark": ""}, "decimal mark : expected . or ,"),
        (
            {"range": "0-100"},
            ("range 0-100: expected A..B or A..B:STEP, such as 0..100, -5..5 or 0..100:0.5"),
        ),
        ({"range": "5..-5"}, "range 5..-5: 5 is more than -5; write -5..5"),
        ({"range": "0..1:0"}, "range 0..1:0: the step is 0, expected more than 0"),
        ({"range": "0..0.1234567"}, "range 0..0.1234567: expected numbers of at most 15 digits"),
        ({"range": "1e3..2e3"}, "range 1e3..2e3: expected A..B"),
    ],
)
def test_invalid_constraints_are_an_error_of_one_line(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Constraints(**options)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"digits": 5, "check": "isbn13"},
            "digits 5: expected 13, the length that check isbn13 needs",
        ),
        (
            {"digits": (1, 9), "check": "isbn10"},
            "digits 1-9: expected 10, the length that check isbn10 needs",
        ),
        (
            {"digits": 5, "pattern": r"\d{4}"},
            "pattern \\d{4}: matches no number of 5 digits; the longest that it matches has 4",
        ),
        (
            {"digits": 1, "range": "10..99"},
            "no number fits 1 digit, 10 to 99; these contradict each other",
        ),
        ({"date": "dmy", "decimals": 1}, "no number fits 1 decimal, a date (day, month, year)"),
        ({"pattern": r"\d+~"}, r"no number fits \d+~"),
        ({"pattern": r"\d+,\d", "decimals": 1, "decimal_mark": "."}, "no number fits"),
        ({"range": "0.1..0.9:0.3", "decimals": 0}, "no number fits 0 decimals, 0.1 to 0.9"),
    ],
)
def test_constraints_that_contradict_each_other_are_an_error(
    options: dict[str, Any], message: str
) -> None:
    with pytest.raises(UsageError) as caught:
        Constraints(**options).raise_if_inconsistent()
    assert str(caught.value).startswith(message)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"digits": 16, "check": "luhn"},
        {"digits": (9, 13), "check": "isbn10"},
        {"range": "-5..5:0.5", "decimals": 2},
        {"date": "any", "digits": 8},
        {"pattern": r"\d{9}1\d*|\d{30}", "digits": 30},
        {"range": "0..999999:997", "digits": 6},
    ],
)
def test_constraints_that_a_number_can_meet_are_consistent(options: dict[str, Any]) -> None:
    Constraints(**options).raise_if_inconsistent()
