"""How well numbers were read."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye import DataSet, Reader
from numeye.errors import DataError
from numeye.evaluation.numbers import (
    NumbersResult,
    count_matched_boxes,
    edit_distance,
    evaluate_numbers,
)
from numeye.results import Character, Digit, Number, Reading
from tests.evaluation.fake_readings import PICTURE, FakeReader, page

digits = st.text("012", max_size=8)


@pytest.mark.parametrize(
    ("answer", "written", "expected"),
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
def test_edits_are_characters_put_in_taken_out_or_changed(
    answer: str, written: str, expected: int
) -> None:
    assert edit_distance(answer, written) == expected


@given(digits, digits, digits)
def test_edits_are_a_distance(a: str, b: str, c: str) -> None:
    assert edit_distance(a, b) == edit_distance(b, a)
    assert (edit_distance(a, b) == 0) == (a == b)
    assert edit_distance(a, c) <= edit_distance(a, b) + edit_distance(b, c)


def test_each_box_is_found_once() -> None:
    labelled = np.array([[0.0, 0, 10, 10], [20, 0, 30, 10]])
    answer = np.array([[1.0, 0, 10, 10], [0, 1, 10, 10], [60, 0, 70, 10]])
    assert count_matched_boxes(answer, labelled) == 1
    assert count_matched_boxes(labelled, labelled) == 2
    assert count_matched_boxes(np.zeros((0, 4)), labelled) == 0
    assert count_matched_boxes(answer, np.zeros((0, 4))) == 0


def reading(text: str, confidence: float, *, rejected: str | None = None) -> Reading:
    read_digits = tuple(
        Digit(
            digit=int(character),
            confidence=confidence,
            box=(12 * place, 0, 10, 10),
            probabilities=(0.1,) * 10,
        )
        for place, character in enumerate(text)
    )
    characters = tuple(map(Character.of_digit, read_digits))
    numbers = (Number(characters=characters, confidence=confidence),) if read_digits else ()
    return Reading(
        image="",
        digits=read_digits,
        numbers=numbers,
        rejected=rejected,
        picture=np.zeros((9, 9), np.uint8),
    )


def make_result() -> NumbersResult:
    answers = [
        reading("407", 0.9),
        reading("12", 0.8),
        reading("", 0.0, rejected="blank"),
        reading("88", 0.99),
    ]
    boxes = [
        np.array([[12.0 * place, 0, 12 * place + 10, 10] for place in range(count)])
        for count in (3, 3, 1, 2)
    ]
    return NumbersResult(
        data="cheques",
        model="detector",
        labels=["407", "123", "5", "88"],
        readings=answers,
        boxes=boxes,
    )


def test_a_string_is_right_if_all_of_it_is() -> None:
    figures = make_result().to_dict()
    assert (figures["n"], figures["correct"], figures["accuracy"]) == (4, 2, 50.0)
    assert figures["interval"][0] < 50 < figures["interval"][1]


def test_characters_wrong_are_counted_over_those_written() -> None:
    assert make_result().cer == pytest.approx(100 * 2 / 9)


def test_in_a_label_of_several_numbers_it_counts_where_each_ends() -> None:
    single = reading("4071250", 0.9)
    characters = single.numbers[0].characters
    split = replace(
        single,
        numbers=(
            Number(characters=characters[:3], confidence=0.9),
            Number(characters=characters[3:], confidence=0.9),
        ),
    )
    result = NumbersResult(
        data="",
        model="",
        labels=["407 1250", "407 1250", "4071250", "4071250"],
        readings=[single, split] * 2,
    )
    assert result.is_correct.tolist() == [False, True, True, True]
    assert result.cer == pytest.approx(100 * 1 / 30)
    assert (result.split_percent, result.to_dict()["split"]) == (50, 50)
    assert "50.00 % of labels of one number" in str(result)


@pytest.mark.parametrize("label", ["4x", "4\u0663", "40?", "-", "~~"])
def test_a_label_without_numbers_is_an_error(label: str) -> None:
    data = DataSet(name="mine", pictures=[np.zeros((9, 9), np.uint8)], labels=(label,))
    with pytest.raises(DataError, match="mine: the label .* has .*; expected digits, the signs"):
        evaluate_numbers(Reader(), data)


@pytest.mark.parametrize(
    ("label", "rows", "right"),
    [
        ("20.5", ["20.5"], True),
        ("20.5", ["205"], False),
        ("205", ["20.5"], True),
        ("-7", ["7"], False),
        ("\u22127", ["-7"], True),
        ("12/03/2024", ["12/03/2024"], True),
        ("1250,00", ["1_250,00"], True),
        ("1 250,00", ["1_250,00"], True),
        (" 1\t250,00\u00a0", ["1 250,00"], True),
        ("1\n2 3", ["1", "2 3"], True),
        ("1\r\n2 3", ["1", "2 3"], True),
        ("1 2\n3", ["1", "2 3"], False),
        ("1 2 3", ["1", "2 3"], True),
        ("517", ["[517] 5 17"], True),
    ],
)
def test_signs_count_where_the_label_has_some(label: str, rows: list[str], right: bool) -> None:
    data = DataSet(name="", pictures=[PICTURE], labels=(label,), stated_layout="numbers")
    result = evaluate_numbers(FakeReader(page(*rows)), data)
    assert result.is_correct.tolist() == [right]
    assert (result.cer == 0) == right


def test_the_surest_half_and_what_is_rejected() -> None:
    figures = make_result().to_dict()
    assert figures["best_half"] == 100
    assert (figures["rejected"], figures["accuracy_accepted"]) == (25.0, pytest.approx(200 / 3))


def test_a_string_of_which_one_number_is_rejected_is_not_accepted() -> None:
    single = reading("407", 0.9)
    assert single.numbers is not None
    doubted = replace(
        single, numbers=(*single.numbers, replace(single.numbers[0], rejected="too blurred"))
    )
    result = NumbersResult(data="", model="", labels=["407", "407"], readings=[single, doubted])
    assert result.to_dict()["rejected"] == 50


def test_precision_and_recall_of_the_boxes() -> None:
    figures = make_result().to_dict()
    assert (figures["precision"], figures["recall"]) == (100.0, pytest.approx(700 / 9))


def test_without_boxes_there_is_no_recall() -> None:
    result = NumbersResult(data="", model="", labels=["88"], readings=[reading("88", 0.9)])
    assert "recall" not in result.to_dict()
