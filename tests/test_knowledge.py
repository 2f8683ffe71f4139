"""What is known of a number, and the most probable answer that fits it."""

from __future__ import annotations

import itertools
import math
import re
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from numeye.errors import UsageError
from numeye.knowledge import CHECKS, NONE, Knowledge, best

VALID = {
    "luhn": ["79927398713", "4111111111111111", "0", "18"],
    "isbn10": ["0306406152", "0201633612"],
    "isbn13": ["9780306406157", "9783161484100"],
    "mod97": ["79444", "3214282912345698765432161182", "1"],  # the long one: the IBAN GB82 WEST 1234 5698 7654 32
}


def sure(text: str, *, p: float = 0.99) -> np.ndarray:
    """Places with the digits of a text, each as probable; the rest is shared by all else."""
    likely = np.full((len(text), 11), (1 - p) / 10)
    likely[np.arange(len(text)), [int(digit) for digit in text]] = p
    return np.log(likely)


def place(**likely: float) -> np.ndarray:
    """One place where only a few answers are possible: `d7=0.9, none=0.1`."""
    row = np.zeros((1, 11))
    for name, p in likely.items():
        row[0, NONE if name == "none" else int(name[1:])] = p
    with np.errstate(divide="ignore"):
        return np.log(row)


@pytest.mark.parametrize(("check", "text"), [(check, text) for check, texts in VALID.items() for text in texts])
def test_check_sums_of_known_numbers_are_right(check: str, text: str) -> None:
    assert CHECKS[check](text)
    assert Knowledge(check=check).fits(text)


@pytest.mark.parametrize("check", CHECKS)
def test_no_check_sum_overlooks_a_wrong_digit(check: str) -> None:
    text = VALID[check][0]
    for at, digit in itertools.product(range(len(text)), "0123456789"):
        assert CHECKS[check](text[:at] + digit + text[at + 1 :]) == (digit == text[at])


@pytest.mark.parametrize("text", ["", "030640615", "030640615X", "97803064061570", "7992739871x", "\u0661\u0668", "-7"])
def test_what_is_no_such_number_has_no_check_sum(text: str) -> None:
    assert not any(check(text) for check in CHECKS.values())


def test_all_that_is_asked_must_fit() -> None:
    knowledge = Knowledge(expect=r"4\d*", digits=16, check="luhn")
    assert knowledge.fits("4111111111111111")
    assert not knowledge.fits("4111111111111112")
    assert not knowledge.fits("411111111111116")
    assert not knowledge.fits("5555555555554444")


def test_no_digits_at_all_never_fit() -> None:
    assert not Knowledge(expect=r"\d*").fits("")
    assert not Knowledge().fits("")
    assert best(Knowledge(expect=r"\d*"), np.zeros((0, 11))) is None
    assert best(Knowledge(), place(none=1.0)) is None


@pytest.mark.parametrize(
    ("asked", "longest"),
    [
        ({}, math.inf),
        ({"digits": 5}, 5),
        ({"check": "isbn13"}, 13),
        ({"check": "luhn"}, math.inf),
        ({"expect": r"\d{2,4}(19|20)?"}, 6),
        ({"expect": r"(\d{3}|\d)(?:0*|7)"}, math.inf),
        ({"expect": r"(x*|){9}\d"}, 1),
        ({"expect": r"\d+", "digits": 3}, 3),
    ],
)
def test_how_long_a_number_can_be(asked: dict[str, Any], longest: float) -> None:
    assert Knowledge(**asked).longest == longest


def test_it_says_what_is_asked() -> None:
    assert str(Knowledge(expect=r"\d{5}", digits=5, check="luhn")) == r"\d{5}, 5 digits, luhn"
    assert str(Knowledge(digits=1)) == "1 digit"
    assert str(Knowledge()) == "any number"
    assert not Knowledge()
    assert Knowledge(check="mod97")


@pytest.mark.parametrize(
    ("asked", "message"),
    [
        (
            {"expect": r"[0-"},
            r"expect [0-: no regular expression (unterminated character set at position 0); write one",
        ),
        ({"expect": r"\d**"}, r"expect \d**: no regular expression (multiple repeat at position 3)"),
        (
            {"expect": r"\d{3}-\d{4}"},
            r"expect \d{3}-\d{4}: matches no number, which is digits alone; write one",
        ),
        ({"expect": r"x*"}, r"expect x*: matches no number"),
        ({"expect": r"[A-Z]\d|(x|y)"}, r"expect [A-Z]\d|(x|y): matches no number"),
        ({"expect": r"(?=1)\d"}, r"expect (?=1)\d: cannot be searched for; expected digits, \d, [...]"),
        ({"expect": r"(\d)\1"}, r"expect (\d)\1: cannot be searched for"),
        ({"expect": r"\b\d"}, r"expect \b\d: cannot be searched for"),
        ({"expect": r"1$2"}, r"expect 1$2: cannot be searched for"),
        ({"expect": r"\d++1"}, r"expect \d++1: cannot be searched for"),
        ({"expect": r"\x31"}, r"expect \x31: cannot be searched for"),
        (
            {"expect": r"((\d{0,99}){99})*"},
            r"expect ((\d{0,99}){99})*: with its repeats written out it has 9,901 parts",
        ),
        ({"expect": r"\d{1001,}"}, r"expect \d{1001,}: with its repeats written out it has 1,001 parts, at most 1,000"),
        ({"digits": 0}, "digits 0: expected how many digits a number has, 1 or more"),
        ({"check": "iban"}, "check iban: expected one of luhn, isbn10, isbn13, mod97"),
    ],
)
def test_what_makes_no_sense_is_refused_in_one_line(asked: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as caught:
        Knowledge(**asked)
    assert str(caught.value).startswith(message)
    assert "\n" not in str(caught.value)


def test_a_wrong_digit_with_a_close_second_is_mended() -> None:
    logs = sure("79927398713")
    logs[4] = place(d7=0.45, d8=0.55)
    fit = best(Knowledge(check="luhn"), logs)
    assert fit is not None
    assert fit.text == "79927398713"
    assert fit.log_likely == pytest.approx(10 * math.log(0.99) + math.log(0.45))
    assert 0.8 < fit.share < 1


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("p", [0.9, 0.99999])
def test_a_doubtful_digit_is_mended_by_each_check_sum(check: str, p: float) -> None:
    text = VALID[check][1]
    logs = sure(text, p=p)
    wrong = (int(text[7]) + 1) % 10
    logs[7] = np.log((np.exp(logs[7]) + 1.1 * np.eye(11)[wrong]) / 2.1)
    fit = best(Knowledge(digits=len(text), check=check), logs)
    assert fit is not None
    assert fit.text == text


def test_a_spurious_place_is_dropped() -> None:
    logs = np.concatenate([sure("12"), place(d1=0.8, none=0.2), sure("345")])
    fit = best(Knowledge(digits=5), logs)
    assert fit is not None
    assert (fit.text, fit.choices) == ("12345", (1, 2, NONE, 3, 4, 5))


def test_sixteen_digits_are_found_in_nineteen_places() -> None:
    text = "4111111111111111"
    logs = np.concatenate([sure("7", p=0.999), sure(text[:9], p=0.9999), sure("17", p=0.999), sure(text[9:], p=0.9999)])
    for knowledge in (Knowledge(digits=16, check="luhn", expect="4.*"), Knowledge(expect=r"41{15}")):
        fit = best(knowledge, logs)
        assert fit is not None
        assert fit.text == text


def test_where_nothing_is_known_it_is_what_is_most_probable() -> None:
    fit = best(Knowledge(), np.concatenate([place(d1=0.6, none=0.4), place(d2=0.3, none=0.7)]))
    assert fit is not None
    assert (fit.choices, fit.text) == ((1, NONE), "1")
    assert fit.share == pytest.approx(0.6 * 0.7 / (1 - 0.4 * 0.7))


@pytest.mark.parametrize(
    "knowledge",
    [
        Knowledge(digits=4),
        Knowledge(expect=r"\d{4,}"),
        Knowledge(expect=r"[1-9]2"),
        Knowledge(check="isbn10"),
        Knowledge(digits=2, check="isbn13"),
    ],
)
def test_nothing_fits(knowledge: Knowledge) -> None:
    assert best(knowledge, sure("123") + place(**{f"d{digit}": 1.0 for digit in (0, 1, 3)})) is None


def test_hopeless_expressions_take_no_time() -> None:
    assert best(Knowledge(expect=r"(\d+)+0"), sure("1" * 20)) is not None
    assert best(Knowledge(expect=r"\d{9}1\d*"), sure("1" * 20)) is not None  # a state for each set of ones
    assert best(Knowledge(expect=r"((\d{0,9}){0,9}){0,9}8"), sure("1" * 20)) is not None
    assert not Knowledge(expect=r"(((\d+)+)+)+1").fits("0" * 40)  # by `re` it would take years


atoms = st.sampled_from([r"\d", "0", "1", "[12]", "[^0]", ".", r"\.", "x"])
repeats = st.sampled_from(["", "", "?", "*", "+", "{2}", "{1,2}", "{,2}", "{2,}", "+?", "{0}"])
expressions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, repeats).map(lambda both: f"({both[0]}){both[1]}"),
        st.lists(inner, min_size=1, max_size=4).map("".join),
        st.lists(inner, min_size=1, max_size=3).map(lambda ways: f"(?:{'|'.join(ways)})"),
    ),
    max_leaves=6,
)


def is_possible(demand: dict[str, Any]) -> bool:
    """False where no number matches the expression, which is refused."""
    try:
        Knowledge(**demand)
    except UsageError as error:
        assert "matches no number" in str(error)
        return False
    return True


demands = st.fixed_dictionaries(
    {
        "expect": st.none()
        | expressions
        | st.sampled_from([r"^\d{3}$", r"20\d\d", r"(?P<year>19|20)\d*", r"[^\]3][]4-7]*|\$"]),
        "digits": st.none() | st.integers(1, 4),
        "check": st.sampled_from([None, None, "luhn", "mod97"]),
    }
)


@st.composite
def places(draw: st.DrawFn, count: st.SearchStrategy[int], *, most: int = 11) -> np.ndarray:
    """Places at which no more than `most` answers are possible."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    likely = rng.dirichlet(np.full(11, draw(st.sampled_from([0.05, 0.3, 1.0]))), draw(count)) + 1e-9
    likely *= np.argsort(np.argsort(-likely, axis=1), axis=1) < most
    with np.errstate(divide="ignore"):
        return np.log(likely / likely.sum(axis=1, keepdims=True))


def by_trying_all(knowledge: Knowledge, logs: np.ndarray) -> tuple[tuple[int, ...], float, float] | None:
    """The best answer, the logarithm of its probability, and its share, from each and every answer."""
    fitting, known = {}, {}
    for choices in itertools.product(*(np.flatnonzero(row > -np.inf).tolist() for row in logs)):
        text = "".join(str(choice) for choice in choices if choice != NONE)
        if text not in known:  # by `re`, which goes another way
            known[text] = text != "" and (knowledge.expect is None or bool(re.fullmatch(knowledge.expect, text)))
            known[text] = known[text] and replace(knowledge, expect=None).fits(text)
            assert known[text] == knowledge.fits(text)
        if known[text]:
            fitting[choices] = float(logs[np.arange(len(logs)), choices].sum())
    if not fitting:
        return None
    choices = max(fitting, key=lambda choices: fitting[choices])
    return choices, fitting[choices], math.exp(fitting[choices]) / math.fsum(map(math.exp, fitting.values()))


def check_against_all(knowledge: Knowledge, logs: np.ndarray) -> None:
    fit, expected = best(knowledge, logs), by_trying_all(knowledge, logs)
    assert (fit is None) == (expected is None)
    if fit is not None and expected is not None:
        assert fit.choices == expected[0]
        assert fit.log_likely == pytest.approx(expected[1])
        assert fit.share == pytest.approx(expected[2])
        assert knowledge.fits(fit.text)


@settings(max_examples=40)
@given(demands, places(st.integers(1, 3)))
def test_it_finds_what_trying_all_answers_finds(asked: dict[str, Any], logs: np.ndarray) -> None:
    assume(is_possible(asked))
    check_against_all(Knowledge(**asked), logs)


@settings(max_examples=5)
@given(demands, places(st.just(4)))
def test_it_finds_what_trying_all_answers_of_four_places_finds(asked: dict[str, Any], logs: np.ndarray) -> None:
    assume(is_possible(asked))
    check_against_all(Knowledge(**asked), logs)


@settings(max_examples=10)
@given(st.sampled_from([*CHECKS]), places(st.integers(9, 13), most=2))
def test_it_finds_what_trying_all_answers_of_long_numbers_finds(check: str, logs: np.ndarray) -> None:
    check_against_all(Knowledge(check=check), logs)


@settings(max_examples=30)
@given(demands, places(st.integers(5, 20)))
def test_what_it_finds_always_fits(asked: dict[str, Any], logs: np.ndarray) -> None:
    assume(is_possible(asked))
    knowledge = Knowledge(**asked)
    fit = best(knowledge, logs)
    if fit is not None:
        assert knowledge.fits(fit.text)
        assert fit.log_likely == pytest.approx(logs[np.arange(len(logs)), fit.choices].sum())
        assert 0 <= fit.share <= 1


def test_what_is_given_up_counts_against_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    knowledge, logs = Knowledge(expect=r"\d{2}1\d*"), sure("2112", p=0.6)
    whole = best(knowledge, logs)
    monkeypatch.setattr("numeye.knowledge.LIMIT", 3)
    fit = best(knowledge, logs)
    assert whole is not None
    assert fit is not None
    assert (fit.text, fit.log_likely) == (whole.text, whole.log_likely)
    assert 0 < fit.share < whole.share
