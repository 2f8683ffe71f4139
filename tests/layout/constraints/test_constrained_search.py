"""The most probable number that fits: exact, and without dropping what is clearly there."""

from __future__ import annotations

import math

import numpy as np
import pytest

from numeye.layout.constraints.check_sums import CHECKS
from numeye.layout.constraints.constrained_search import Fit, count_states, find_best_fit
from numeye.layout.constraints.constraints import Constraints
from numeye.models.characters import NO_CHARACTER
from tests.layout.constraints.class_logs import choice, class_logs_of, place

VALID = {
    "luhn": "4111111111111111",
    "isbn10": "0201633612",
    "isbn13": "9783161484100",
    "mod97": "3214282912345698765432161182",
}


def best(constraints: Constraints, *parts: np.ndarray) -> str | None:
    """Return the best text for some places."""
    fit = find_best_fit(constraints, np.concatenate(parts))
    return None if fit is None else fit.text


def test_without_a_digit_there_is_no_fit() -> None:
    assert find_best_fit(Constraints(pattern=r"\d*"), np.zeros((0, NO_CHARACTER + 1))) is None
    assert find_best_fit(Constraints(), place(none=1.0)) is None
    assert find_best_fit(Constraints(), choice({"-": 1.0})) is None


def test_a_wrong_digit_with_a_close_second_is_corrected() -> None:
    logs = class_logs_of("79927398713")
    logs[4] = place(d7=0.45, d8=0.55)
    fit = find_best_fit(Constraints(check="luhn"), logs)
    assert fit is not None
    assert fit.text == "79927398713"
    assert fit.log_probability == pytest.approx(10 * math.log(0.99) + math.log(0.45))
    assert 0.8 < fit.share < 1


@pytest.mark.parametrize("check", CHECKS)
@pytest.mark.parametrize("p", [0.9, 0.99999])
def test_each_check_sum_corrects_a_doubtful_digit(check: str, p: float) -> None:
    text = VALID[check]
    logs = class_logs_of(text, p=p)
    wrong = (int(text[7]) + 1) % 10
    logs[7] = np.log((np.exp(logs[7]) + 1.1 * np.eye(NO_CHARACTER + 1)[wrong]) / 2.1)
    fit = find_best_fit(Constraints(digits=len(text), check=check), logs)
    assert fit is not None
    assert fit.text == text


def test_a_spurious_place_is_dropped() -> None:
    logs = np.concatenate([class_logs_of("12"), place(d1=0.8, none=0.2), class_logs_of("345")])
    fit = find_best_fit(Constraints(digits=5), logs)
    assert fit is not None
    assert (fit.text, fit.choices) == ("12345", (1, 2, NO_CHARACTER, 3, 4, 5))


def test_sixteen_digits_are_found_in_nineteen_places() -> None:
    text = "4111111111111111"
    logs = np.concatenate(
        [
            place(d7=0.85, none=0.15),
            class_logs_of(text[:9], p=0.9999),
            place(d1=0.85, none=0.15),
            place(d7=0.85, none=0.15),
            class_logs_of(text[9:], p=0.9999),
        ]
    )
    for constraints in (
        Constraints(digits=16, check="luhn", pattern="4.*"),
        Constraints(pattern=r"41{15}"),
    ):
        fit = find_best_fit(constraints, logs)
        assert fit is not None
        assert fit.text == text


def test_without_constraints_the_most_probable_answer_is_found() -> None:
    fit = find_best_fit(
        Constraints(), np.concatenate([place(d1=0.6, none=0.4), place(d2=0.3, none=0.7)])
    )
    assert fit is not None
    assert (fit.choices, fit.text) == ((1, NO_CHARACTER), "1")
    assert fit.share == pytest.approx(0.6 * 0.7 / (1 - 0.4 * 0.7))


@pytest.mark.parametrize(
    "constraints",
    [
        Constraints(digits=4),
        Constraints(pattern=r"\d{4,}"),
        Constraints(pattern=r"[1-9]2"),
        Constraints(check="isbn10"),
        Constraints(digits=2, check="isbn13"),
    ],
)
def test_impossible_constraints_have_no_fit(constraints: Constraints) -> None:
    assert (
        find_best_fit(
            constraints, class_logs_of("123") + place(**{f"d{digit}": 1.0 for digit in (0, 1, 3)})
        )
        is None
    )


def test_complex_expressions_are_fast() -> None:
    assert find_best_fit(Constraints(pattern=r"(\d+)+0"), class_logs_of("1" * 20)) is not None
    # a state for each set of ones
    assert find_best_fit(Constraints(pattern=r"\d{9}1\d*"), class_logs_of("1" * 20)) is not None
    assert (
        find_best_fit(Constraints(pattern=r"((\d{0,9}){0,9}){0,9}8"), class_logs_of("1" * 20))
        is not None
    )
    assert not Constraints(pattern=r"(((\d+)+)+)+1").fits("0" * 40)  # by `re` it would take years


# --- what is clearly there


@pytest.mark.parametrize(
    ("constraints", "written"),
    [
        (Constraints(digits=4), "12345"),
        (Constraints(digits=4), "~1234"),
        (Constraints(digits=4), "12~34"),
        (Constraints(pattern=r"\d{3}"), "20.5"),
        (Constraints(pattern=r"\d{4}"), "1,250"),
        (Constraints(pattern=r"\d{2}"), "(18)"),
        (Constraints(range="0..100"), "-7"),
        (Constraints(range="0..100"), "~7"),
        (Constraints(decimals=0), "20.5"),
        (Constraints(date="dmy"), "12/03/20241"),
        (Constraints(date="dmy"), "30/02/2024"),
        (Constraints(check="luhn"), "4111-1111-1111-1112"),
    ],
)
def test_a_clear_character_is_not_dropped(constraints: Constraints, written: str) -> None:
    fit = find_best_fit(constraints, class_logs_of(written, p=0.95))
    # only with another character in its place, which is hardly probable
    assert fit is None or fit.log_probability < math.log(0.01)


@pytest.mark.parametrize(
    ("constraints", "written", "text"),
    [
        (Constraints(digits=4), "1,250", "1,250"),
        (Constraints(digits=2), "(18)", "(18)"),
        (Constraints(digits=16, check="luhn"), "4111-1111-1111-1111", "4111-1111-1111-1111"),
        (Constraints(digits=(1, 3)), "$17.5", "$17.5"),
        (Constraints(digits=3), "##1 2=3**", "123"),
        (Constraints(digits=2), "12~~.", "12"),
        (Constraints(digits=2), "12.-", "12"),
        (Constraints(digits=2), "12%", "12%"),
        (Constraints(range="0..20"), "12~~", "12"),
        (Constraints(range="-5..5:0.5"), "-4.5", "-4.5"),
        (Constraints(decimals=2), "$1,250.00", "$1,250.00"),
        (Constraints(date="any"), "29.2.2024", "29.2.2024"),
        (Constraints(pattern=r"\d{2}/\d{2}/\d{4}"), "12/03/2024", "12/03/2024"),
    ],
)
def test_a_number_that_fits_keeps_its_signs(
    constraints: Constraints, written: str, text: str
) -> None:
    fit = find_best_fit(constraints, class_logs_of(written, p=0.999))
    assert fit is not None
    assert fit.text == text
    assert fit.share > 0.9


def test_what_is_clear_decides_at_nine_tenths() -> None:
    for p, text in ((0.89, "1"), (0.91, None)):
        assert best(Constraints(digits=1), choice({"7": p, "": 1 - p}), place(d1=1.0)) in (
            text,
            "7",
        )
        unsure = choice({"7": p / 2, "3": p / 2, "": 0.8 - p + 0.2})
        assert best(Constraints(pattern="1"), unsure, place(d1=1.0)) == text
        filler = choice({"7": p, "=": (1 - p) / 2, "": (1 - p) / 2})
        assert best(Constraints(pattern="1"), filler, place(d1=1.0)) == text


def test_a_clear_digit_is_no_sign_that_does_not_count() -> None:
    for p, text in ((0.89, "/2"), (0.92, None)):
        one_or_slash = choice({"1": p, "/": 1 - p})
        assert best(Constraints(digits=1), one_or_slash, place(d2=1.0)) == text
    assert best(Constraints(pattern="/2"), choice({"1": 0.95, "/": 0.05}), place(d2=1.0)) == "/2"


def test_a_clear_digit_is_no_letter_of_a_unit() -> None:
    for p, text in ((0.89, "2"), (0.92, None)):
        assert best(Constraints(pattern="2"), place(d2=1.0), choice({"5": p, "~": 1 - p})) == text


def test_a_sign_is_understood_by_the_constraints() -> None:
    slash_or_one = choice({"1": 0.9, "/": 0.1})
    parts = [class_logs_of("12"), slash_or_one, class_logs_of("03"), slash_or_one]
    assert best(Constraints(date="dmy"), *parts, class_logs_of("2024")) == "12/03/2024"
    point = choice({".": 0.5, ",": 0.5})
    assert best(Constraints(range="20..21"), place(d2=1.0), point, place(d0=1.0)) is None
    assert (
        best(Constraints(range="2..3", decimal_mark=","), place(d2=1.0), point, place(d0=1.0))
        == "2,0"
    )


def test_how_many_states_constraints_have() -> None:
    assert count_states(Constraints(digits=16, check="luhn")) < 25
    assert count_states(Constraints(pattern=r"\d{12}1\d*")) == 1000
    for options in ({"range": "0..100"}, {"range": "-5..5:0.5"}, {"date": "dmy"}, {"decimals": 1}):
        assert count_states(Constraints(**options)) < 100


def test_states_that_are_given_up_reduce_the_share(monkeypatch: pytest.MonkeyPatch) -> None:
    constraints, logs = Constraints(pattern=r"\d{2}1\d*"), class_logs_of("2112", p=0.6)
    whole = find_best_fit(constraints, logs)
    monkeypatch.setattr("numeye.layout.constraints.constrained_search.MAX_STATES", 3)
    fit = find_best_fit(constraints, logs)
    assert whole is not None
    assert fit is not None
    assert isinstance(fit, Fit)
    assert (fit.text, fit.log_probability) == (whole.text, whole.log_probability)
    assert 0 < fit.share < whole.share
