"""Rows of characters as numbers that fit: what is joined, split, left out and never split off."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.layout.constraints.constrained_search import find_best_fit
from numeye.layout.constraints.constraints import Constraints
from numeye.layout.segmentation import Segment, credible_fit, fit_probability, split_row
from numeye.models.characters import CHARACTERS, NO_CHARACTER

STEP_PX, GAP_PX, WIDTH_PX, HEIGHT_PX = 22.0, 60.0, 20.0, 30.0


def class_logs_of(text: str, p: float = 0.9999) -> np.ndarray:
    likely = np.full((len(text), NO_CHARACTER + 1), (1 - p) / NO_CHARACTER)
    likely[np.arange(len(text)), [CHARACTERS.index(character) for character in text]] = p
    return np.log(likely)


def split(written: str, *, close: float = 0.0, **constraints: object) -> list[Segment]:
    """Split a row. A space is a wide gap; `_` is a gap of `close` pixels more than others."""
    boxes: list[tuple[float, float, float, float]] = []
    row: list[list[int]] = [[]]
    left = 0.0
    for character in written:
        if character in " _":
            left += GAP_PX if character == " " else close
            row += [[]] if character == " " else []
            continue
        row[-1].append(len(boxes))
        boxes.append((left, 0.0, left + WIDTH_PX, HEIGHT_PX))
        left += STEP_PX
    text = written.replace(" ", "").replace("_", "")
    is_likely = np.ones(len(text), bool)
    known = Constraints(**constraints)  # type: ignore[arg-type]
    return split_row(np.array(boxes), row, class_logs_of(text), is_likely, known)


def texts(segments: list[Segment]) -> list[str | None]:
    return [segment.fit.text if segment.fit else None for segment in segments]


@pytest.mark.parametrize(
    ("written", "constraints", "expected"),
    [
        ("1,250 $1.75", {"digits": (3, 4)}, ["1,250", "$1.75"]),
        ("1,250 17.5", {"digits": 4}, ["1,250", None]),
        ("4111 1111 1111 1111", {"digits": 16, "check": "luhn"}, ["4111111111111111"]),
        ("4111- 1111-1111 -1111", {"digits": 16, "check": "luhn"}, ["4111-1111-1111-1111"]),
        ("12 / 03 / 2024", {"date": "dmy"}, ["12/03/2024"]),
        ("17.5 -3 20", {"range": "-5..20:0.5"}, ["17.5", "-3", "20"]),
        ("17.5 -7 20", {"range": "-5..20:0.5"}, ["17.5", None, "20"]),
    ],
)
def test_numbers_with_signs(
    written: str, constraints: dict[str, object], expected: list[str | None]
) -> None:
    assert texts(split(written, **constraints)) == expected


def test_what_has_no_digit_is_left_out() -> None:
    assert texts(split("~~~~ 1250 ~~", digits=4)) == ["1250"]
    assert texts(split("- 45 -", digits=2)) == ["45"]
    assert texts(split("~~ - ~", digits=2)) == []


def test_a_sign_with_a_gap_is_joined_where_only_then_the_number_fits() -> None:
    assert texts(split("- 3", range="-5..-1")) == ["-3"]
    assert texts(split("- 3", range="-5..5")) == ["3"]


def test_letters_close_to_a_number_are_not_split_off() -> None:
    for gap in (0.0, 15.0):
        assert texts(split("~~_1250", close=gap, digits=4)) == [None]
        assert texts(split("~~_12_50", close=gap, range="0..9999")) == [None]
    assert texts(split("1250~~", digits=4)) == ["1250"]


def test_signs_and_digits_are_not_split_off() -> None:
    assert texts(split("-7", close=15, range="0..100")) == [None]
    assert texts(split("-_7", close=15, range="0..100")) == [None]
    assert texts(split("20.5", pattern=r"\d{2,3}")) == [None]
    assert texts(split("12345_67890", close=15, digits=5)) == ["12345", "67890"]


def test_a_letter_that_may_be_a_digit_is_no_number() -> None:
    def doubtful(letter: float) -> np.ndarray:
        row = np.full((1, NO_CHARACTER + 1), 1e-9)
        row[0, CHARACTERS.index("~")], row[0, 8] = letter, 1 - letter
        return np.log(row)

    constraints = Constraints(digits=1)
    likely, unlikely = doubtful(0.3), doubtful(0.7)
    assert credible_fit(find_best_fit(constraints, unlikely), unlikely) is None
    fit = credible_fit(find_best_fit(constraints, likely), likely)
    assert fit is not None
    assert fit_probability(fit, likely) == pytest.approx(0.7 / (0.7 + 0.02 + 0.3))
