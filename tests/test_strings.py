"""How well numbers were read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye import DataSet, Reader
from numeye.errors import DataError
from numeye.results import Digit, Number, Reading
from numeye.strings import Strings, edits, evaluate_strings, matches

digits = st.text("012", max_size=8)


@pytest.mark.parametrize(
    ("said", "written", "expected"),
    [
        ("", "", 0),
        ("", "407", 3),
        ("407", "", 3),
        ("407", "407", 0),
        ("417", "407", 1),
        ("47", "407", 1),
        ("4007", "407", 1),
        ("704", "407", 2),
    ],
)
def test_edits_are_characters_put_in_taken_out_or_changed(said: str, written: str, expected: int) -> None:
    assert edits(said, written) == expected


@given(digits, digits, digits)
def test_edits_are_a_distance(a: str, b: str, c: str) -> None:
    assert edits(a, b) == edits(b, a)
    assert (edits(a, b) == 0) == (a == b)
    assert edits(a, c) <= edits(a, b) + edits(b, c)


def test_each_box_is_found_once() -> None:
    there = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    said = np.array([[1.0, 0, 10, 10], [0, 1, 10, 10], [60, 0, 70, 10]])
    assert matches(said, there) == 1
    assert matches(there, there) == 2
    assert matches(np.zeros((0, 4)), there) == 0
    assert matches(said, np.zeros((0, 4))) == 0


def reading(text: str, confidence: float, *, rejected: str | None = None) -> Reading:
    found = tuple(
        Digit(digit=int(one), confidence=confidence, box=(12 * place, 0, 10, 10), probabilities=(0.1,) * 10)
        for place, one in enumerate(text)
    )
    numbers = (Number(digits=found, confidence=confidence),) if found else ()
    return Reading(image="", digits=found, numbers=numbers, rejected=rejected, picture=np.zeros((9, 9), np.uint8))


def measured() -> Strings:
    answers = [reading("407", 0.9), reading("12", 0.8), reading("", 0.0, rejected="blank"), reading("88", 0.99)]
    boxes = [np.array([[12.0 * place, 0, 12 * place + 10, 10] for place in range(count)]) for count in (3, 3, 1, 2)]
    return Strings(data="cheques", model="spotter", labels=["407", "123", "5", "88"], readings=answers, boxes=boxes)


def test_a_string_is_right_if_all_of_it_is() -> None:
    shown = measured().to_dict()
    assert (shown["n"], shown["correct"], shown["accuracy"]) == (4, 2, 50.0)
    assert shown["interval"][0] < 50 < shown["interval"][1]


def test_characters_wrong_are_counted_over_those_written() -> None:
    assert measured().cer == pytest.approx(100 * 2 / 9)


def test_a_label_of_several_numbers_asks_where_each_ends() -> None:
    whole = reading("4071250", 0.9)
    two = replace(
        whole,
        numbers=(Number(digits=whole.digits[:3], confidence=0.9), Number(digits=whole.digits[3:], confidence=0.9)),
    )
    found = Strings(data="", model="", labels=["407 1250", "407 1250", "4071250", "4071250"], readings=[whole, two] * 2)
    assert found.right.tolist() == [False, True, True, True]
    assert found.cer == pytest.approx(100 * 1 / 30)
    assert (found.parted, found.to_dict()["parted"]) == (50, 50)
    assert "50.00 % of labels without a space" in str(found)


@pytest.mark.parametrize("label", ["40 ", " 40", "4  0", "4x"])
def test_a_label_that_is_no_numbers_is_refused(label: str) -> None:
    data = DataSet(name="mine", pictures=[np.zeros((9, 9), np.uint8)], labels=(label,))
    with pytest.raises(DataError, match="mine: the label .* is not digits, 0 to 9, with one space between numbers"):
        evaluate_strings(Reader(), data)


def test_the_surest_half_and_what_is_rejected() -> None:
    shown = measured().to_dict()
    assert shown["best_half"] == 100
    assert (shown["rejected"], shown["accuracy_accepted"]) == (25.0, pytest.approx(200 / 3))


def test_a_string_of_which_one_number_is_set_aside_is_not_accepted() -> None:
    whole = reading("407", 0.9)
    assert whole.numbers is not None
    doubted = replace(whole, numbers=(*whole.numbers, replace(whole.numbers[0], rejected="too blurred")))
    found = Strings(data="", model="", labels=["407", "407"], readings=[whole, doubted])
    assert found.to_dict()["rejected"] == 50


def test_precision_and_recall_of_the_boxes() -> None:
    shown = measured().to_dict()
    assert (shown["precision"], shown["recall"]) == (100.0, pytest.approx(700 / 9))


def test_where_boxes_are_not_known_nothing_is_said_of_them() -> None:
    found = Strings(data="", model="", labels=["88"], readings=[reading("88", 0.9)])
    assert "recall" not in found.to_dict()
