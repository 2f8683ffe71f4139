"""Candidates become numbers with their signs."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from numeye.layout.constraints.constraints import Constraints
from numeye.layout.number_formats import NumberFormat
from numeye.models.characters import CHARACTERS
from numeye.recognition.candidates import Candidates
from numeye.recognition.number_reader import NumberReader, without_doubtful
from numeye.recognition.score_fusion import ScoreFusion
from numeye.results import Number

SIDE, STEP = 20, 24  # of a character, and from one to the next, in pixels


def candidates(text: str, sure: float = 0.99) -> Candidates:
    left = STEP * np.arange(len(text), dtype=float)[:, None]
    boxes = np.hstack([left, np.zeros_like(left), left + SIDE, np.full_like(left, SIDE)])
    rest = (1 - sure) / (len(CHARACTERS) - 1)
    probabilities = np.array(
        [[sure if item == answer else rest for answer in CHARACTERS] for item in text]
    )
    return Candidates(boxes, np.full(len(text), 0.99), probabilities, (SIDE, STEP * len(text)))


def read(text: str, sure: float = 0.99, **changes: Any) -> Number:
    options: dict[str, Any] = {"threshold": 0.0, "constraints": None, **changes}
    reader = NumberReader(
        fusion=ScoreFusion(), number_format=options.pop("number_format", NumberFormat()), **options
    )
    (number,) = reader.read_row(candidates(text, sure), [list(range(len(text)))], 0)
    return number


@pytest.mark.parametrize(
    ("written", "text", "kind", "value"),
    [
        ("-20.5", "-20.5", "decimal", "-20.5"),
        ("$179", "$179", "integer", "179"),
        ("#150=#", "150", "integer", "150"),
        ("20~~", "20", "integer", "20"),
        ("~23~~1045", "~23~~1045", "code", None),
        ("12:30", "12:30", "time", None),
    ],
)
def test_signs_fillers_and_letters(written: str, text: str, kind: str, value: str | None) -> None:
    number = read(written)
    assert (number.text, number.kind, number.value) == (text, kind, value)
    assert [digit.text for digit in number.digits] == [item for item in text if item.isdecimal()]


def test_the_format_decides_what_a_number_means() -> None:
    assert read("1,250").alternatives == ("1.250",)
    number = read("1,250", number_format=NumberFormat(decimal_mark=",", digits_only=True))
    assert (number.text, number.value, number.alternatives) == ("1250", "1.250", ())


def test_a_doubtful_sign_rejects_the_whole_number() -> None:
    number = read("-7", sure=0.4, threshold=0.9)
    assert number.rejected is not None
    assert (number.text, number.value) == ("", None)
    assert number.best_text == "-7"


def test_constraints_read_signs_too() -> None:
    number = read("12/03/2024", constraints=Constraints(date="dmy"))
    assert (number.text, number.constraints) == ("12/03/2024", "a date (day, month, year)")
    misfit = read("407", constraints=Constraints(date="dmy"))
    assert misfit.rejected == "does not fit a date (day, month, year)"


@pytest.mark.parametrize(
    ("written", "place", "sign", "share", "expected"),
    [
        ("15400", 0, "/", 0.1, "15400"),
        ("15400", 0, "/", 0.001, "5400"),  # clearly a slash, that no number has there
        ("51400", 1, "/", 0.4, "5/400"),
        ("54001", 4, ")", 0.3, "54001"),
        ("54001", 4, ")", 0.02, "5400"),
    ],
)
def test_a_sign_that_no_number_has_there_may_be_a_digit(
    written: str, place: int, sign: str, share: float, expected: str
) -> None:
    page = candidates(written, sure=0.999)
    page.class_probabilities[place] = 0
    page.class_probabilities[place, CHARACTERS.index(sign)] = 1 - share
    page.class_probabilities[place, CHARACTERS.index("1")] = share
    reader = NumberReader(
        fusion=ScoreFusion(), number_format=NumberFormat(), threshold=0.0, constraints=None
    )
    (number,) = reader.read_row(page, [list(range(len(written)))], 0)
    assert number.text == expected


def test_doubtful_numbers_beside_others_are_left_out_unless_they_are_in_a_table() -> None:
    sure, doubtful = read("407"), read("3", sure=0.4)
    in_table = replace(doubtful, table=0)
    assert without_doubtful([sure, doubtful, in_table]) == [sure, in_table]
    assert without_doubtful([doubtful]) == [doubtful]
    assert without_doubtful([]) == []
