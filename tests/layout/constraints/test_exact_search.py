"""The search finds the same as trying all answers, by Python's `re`, `decimal` and `datetime`."""

from __future__ import annotations

import itertools
import math
import re
from datetime import date
from decimal import Decimal
from typing import Any

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from numeye.errors import UsageError
from numeye.layout.constraints.check_sums import CHECKS
from numeye.layout.constraints.constrained_search import find_best_fit
from numeye.layout.constraints.constraints import Constraints
from numeye.models.characters import CHARACTERS, DIGITS, FILLERS, NO_CHARACTER
from tests.layout.constraints.class_logs import choice, class_logs_of

pytestmark = pytest.mark.slow

BEHIND = ".,'-+/:(~"  # what does not belong to a number behind its last digit
SYMBOLS = "[$€£¥]"
FRONT = rf"(?:{SYMBOLS}?(?P<a>[+-]?)|(?P<b>[+-]){SYMBOLS})"


def decimal_values(text: str, mark: str | None) -> list[tuple[Decimal, int, int]]:
    """Return all ways to understand a number: value, digits before the mark, decimals."""
    bracketed = re.fullmatch(rf"({SYMBOLS}?)\(({SYMBOLS}?)(.*)\)", text)
    if bracketed is not None:
        if (bracketed[1] and bracketed[2]) or re.search(r"^[+-]|[()]", bracketed[3]):
            return []
        inside = decimal_values(bracketed[1] + bracketed[2] + bracketed[3], mark)
        return [(sign * value, *rest) for value, *rest in inside for sign in (1, -1)]
    values = []
    for point in mark or ".,":
        for separator in {".", ",", "'"} - {point, mark}:
            whole = rf"(?P<whole>\d*|\d{{1,3}}(?:\{separator}\d{{3}})+)"
            body = rf"{whole}(?:\{point}(?P<decimals>\d+))?(?:{SYMBOLS}|%)?"
            match = re.fullmatch(FRONT + body, text)
            if match is None or not (match["whole"] or match["decimals"]):
                continue
            digits, decimals = match["whole"].replace(separator, ""), match["decimals"] or ""
            value = Decimal(f"{match['a'] or match['b'] or ''}{digits or 0}.{decimals or 0}")
            values.append((value, len(digits), len(decimals)))
    return values


def is_date(text: str, order: str) -> bool:
    """Tell by Python's calendar whether a text is a date."""
    for letters in ("dmy", "mdy", "ymd") if order == "any" else (order,):
        lengths = {"d": 2, "m": 2, "y": len(text) - 4}
        if order != "any" and re.fullmatch(r"\d{6}|\d{8}", text):
            ends = list(itertools.accumulate(lengths[letter] for letter in letters))
            text = f"{text[: ends[0]]}/{text[ends[0] : ends[1]]}/{text[ends[1] :]}"
        for sign in "./-":
            parts = dict(zip(letters, text.split(sign), strict=False))
            if text.count(sign) != 2 or not all(part.isdigit() for part in parts.values()):
                continue
            is_year = len(parts["y"]) == 2 or re.fullmatch(r"[1-9]\d{3}", parts["y"])
            if not is_year or max(len(parts["d"]), len(parts["m"])) > 2:
                continue
            year = int(parts["y"]) + (2000 if len(parts["y"]) == 2 else 0)
            try:
                date(year, int(parts["m"]), int(parts["d"]))
            except ValueError:
                continue
            return True
    return False


def is_right(constraints: Constraints, text: str) -> bool:
    """Tell without an automaton whether a text fits."""
    digits = "".join(character for character in text if character in DIGITS)
    least, most = constraints.least_digits, constraints.most_digits
    if not least <= len(digits) <= most or text.endswith((*BEHIND,)):
        return False
    if constraints.check and not CHECKS[constraints.check](digits):
        return False
    if constraints.pattern is not None and not re.fullmatch(constraints.pattern, text):
        return False
    if constraints.date and not is_date(text, constraints.date):
        return False
    if constraints.has_free_signs and "~" in text:
        return False
    if constraints.decimals is None and constraints.values is None:
        return True
    return any(
        constraints.decimals in (decimals, None)
        and decimals <= 6
        and in_range(constraints, *number)
        for *number, decimals in decimal_values(text, constraints.decimal_mark)
    )


def in_range(constraints: Constraints, value: Decimal, whole: int) -> bool:
    values = constraints.values
    if values is None:
        return True
    is_step = values.step is None or (value - values.low) % values.step == 0
    return values.low <= value <= values.high and is_step and whole <= values.whole_digits


def try_all(
    constraints: Constraints, logs: np.ndarray
) -> tuple[tuple[int, ...], float, float] | None:
    """Try all answers; return the best one, its log probability and its share."""
    fitting: dict[tuple[int, ...], float] = {}
    for choices in itertools.product(*(np.flatnonzero(row > -np.inf).tolist() for row in logs)):
        characters = [CHARACTERS[index] if index < NO_CHARACTER else "" for index in choices]
        written = "".join(sign for sign in characters if sign not in FILLERS)
        text = written.rstrip(BEHIND)
        right = is_right(constraints, text)
        assert right == constraints.fits(text), text
        if right and not drops_clear(constraints, characters, np.exp(logs)):
            fitting[choices] = float(logs[np.arange(len(logs)), choices].sum())
    if not fitting:
        return None
    choices = max(fitting, key=lambda choices: fitting[choices])
    total = math.fsum(map(math.exp, fitting.values()))
    return choices, fitting[choices], math.exp(fitting[choices]) / total


def drops_clear(constraints: Constraints, characters: list[str], likely: np.ndarray) -> bool:
    """Tell whether an answer leaves out what is clearly there."""
    is_behind = True
    for character, row in zip(reversed(characters), likely[::-1], strict=True):
        counted = row[:NO_CHARACTER].copy()
        counted[[CHARACTERS.index(filler) for filler in FILLERS]] = 0
        if is_behind and character and character in BEHIND:
            counted[[CHARACTERS.index(sign) for sign in BEHIND]] = 0
        elif character and character not in FILLERS:
            is_behind = False
            if character in DIGITS or not constraints.has_free_signs:
                continue
            counted = counted[:10]
        if counted.sum() > 0.9 + 1e-9:
            return True
    return False


atoms = st.sampled_from(
    [r"\d", "0", "1", "[12]", "[^0]", ".", r"\.", "-", "/", "~", r"[.,/-]", r"\D", "x"]
)
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


def is_possible(options: dict[str, Any]) -> bool:
    """Return False where no number matches the expression, which is an error."""
    try:
        Constraints(**options)
    except UsageError as error:
        assert "matches no number" in str(error)
        return False
    return True


ranges = st.sampled_from(
    [
        "0..100",
        "-5..5",
        "-5..5:0.5",
        "17..83",
        "0..1:0.25",
        "-9.5..-1.2",
        "3..3000:7",
        "0.5..12:1.5",
    ]
)
any_options = st.fixed_dictionaries(
    {},
    optional={
        "pattern": expressions
        | st.sampled_from([r"^\d{3}$", r"20\d\d", r"(?P<year>19|20)\d*", r"[^\]3][]4-7]*|\$"]),
        "digits": st.integers(1, 4) | st.sampled_from([(1, 2), (2, 5)]),
        "check": st.sampled_from(["luhn", "mod97"]),
    },
)
value_options = st.fixed_dictionaries(
    {},
    optional={
        "range": ranges,
        "decimals": st.integers(0, 2),
        "decimal_mark": st.sampled_from(".,"),
        "digits": st.sampled_from([2, (1, 3)]),
    },
)


@st.composite
def places(
    draw: st.DrawFn, count: st.SearchStrategy[int], most: int = 4, likely: str = CHARACTERS
) -> np.ndarray:
    """Draw places at which no more than `most` answers are possible, mostly of `likely` ones."""
    rng = np.random.default_rng(draw(st.integers(0, 2**32)))
    rows = []
    for _ in range(draw(count)):
        signs = rng.choice([*likely, ""], size=most)
        weights = rng.dirichlet(np.full(len(set(signs)), draw(st.sampled_from([0.2, 1.0])))) + 1e-9
        rows.append(choice(dict(zip(sorted(set(signs)), weights / weights.sum(), strict=True))))
    return np.concatenate(rows)


def check_against_all(constraints: Constraints, logs: np.ndarray) -> None:
    fit, expected = find_best_fit(constraints, logs), try_all(constraints, logs)
    assert (fit is None) == (expected is None)
    if fit is not None and expected is not None:
        assert fit.log_probability == pytest.approx(expected[1])
        assert fit.share == pytest.approx(expected[2])
        assert constraints.fits(fit.text)
        assert logs[np.arange(len(logs)), fit.choices].sum() == pytest.approx(expected[1])


@settings(max_examples=60)
@given(any_options, places(st.integers(1, 4), likely=DIGITS * 2 + ".-/~#,"))
def test_it_finds_what_trying_all_answers_finds(options: dict[str, Any], logs: np.ndarray) -> None:
    assume(is_possible(options))
    check_against_all(Constraints(**options), logs)


@settings(max_examples=60)
@given(value_options, places(st.integers(1, 5), most=3, likely=DIGITS + "..,,--+$%'~=()"))
def test_it_finds_what_trying_all_numbers_finds(options: dict[str, Any], logs: np.ndarray) -> None:
    check_against_all(Constraints(**options), logs)


@settings(max_examples=10)
@given(
    st.sampled_from(["any", "dmy", "mdy", "ymd"]),
    st.sampled_from(["29/2/24", "31.4.99", "99-12-31", "1/1/2000", "290224", "20240229"]),
    places(st.just(8), 2, "0123112//.-"),
)
def test_it_finds_what_trying_all_dates_finds(order: str, text: str, logs: np.ndarray) -> None:
    mixed = np.logaddexp(logs[: len(text)], class_logs_of(text, p=1 - 1e-12)) - math.log(2)
    mixed[mixed < math.log(1e-9)] = -np.inf
    check_against_all(Constraints(date=order), mixed)


@settings(max_examples=10)
@given(st.sampled_from([*CHECKS]), places(st.integers(9, 12), 2, DIGITS))
def test_it_finds_what_trying_all_answers_of_long_numbers_finds(
    check: str, logs: np.ndarray
) -> None:
    check_against_all(Constraints(check=check), logs)


@settings(max_examples=30)
@given(any_options | value_options, places(st.integers(5, 20), 29))
def test_what_it_finds_always_fits(options: dict[str, Any], logs: np.ndarray) -> None:
    assume(is_possible(options))
    constraints = Constraints(**options)
    fit = find_best_fit(constraints, logs)
    if fit is not None:
        assert constraints.fits(fit.text)
        assert fit.log_probability == pytest.approx(logs[np.arange(len(logs)), fit.choices].sum())
        assert 0 <= fit.share <= 1
