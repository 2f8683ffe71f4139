"""Readers with an error rate."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

import numeye
from numeye import Reader
from numeye.errors import ModelError, UsageError
from tests.fake_localizer import CARD, FakeModel, draw_sheet, single_reader

PICTURE = draw_sheet(60, 80, 60, 100)


@pytest.mark.parametrize(
    ("odds", "max_error", "reason"),
    [
        (2.5, None, None),
        (2.5, 0.003, "unsure between 3 and 4"),
        (2.5, 0.05, None),
        (9.0, 0.003, None),
    ],
)
def test_an_error_rate_sets_the_threshold(
    odds: float, max_error: float | None, reason: str | None, fake: FakeModel
) -> None:
    path = fake(d3=odds, d4=0.1)
    assert single_reader(path, max_error=max_error).read(PICTURE).rejected == reason
    assert numeye.read(PICTURE, model=path, single=True, max_error=max_error).rejected == reason
    assert (
        next(numeye.read_many([PICTURE], model=path, single=True, max_error=max_error)).rejected
        == reason
    )


def test_an_error_rate_has_a_coverage(fake: FakeModel) -> None:
    threshold = single_reader(fake(), max_error=0.003).risk_threshold
    assert threshold is not None
    assert (threshold.threshold, threshold.coverage) == (0.9, 0.9)
    assert single_reader(fake()).risk_threshold is None
    with pytest.raises(
        UsageError, match=r"rate of at most 0.001 %; the lowest possible error rate is 0.175 %"
    ):
        single_reader(fake(), max_error=0.00001)
    assert single_reader(fake(), max_error=0.00175).risk_threshold is not None


def test_an_error_rate_accepts_the_answers_that_were_counted(fake: FakeModel) -> None:
    card = {**CARD, "rejection": {"no_digit": 0.05, "unsure": 0.5}}
    threshold = single_reader(fake(card), max_error=0.5).risk_threshold
    assert threshold is not None
    assert threshold.threshold == 0.99  # below 0.95, some answers are rejected as no digit
    # A card with a start has counted these answers too.
    counted = {**card, "calibration": {**CARD["calibration"], "start": 0.99}}
    assert [
        single_reader(fake(counted), max_error=max_error).risk_threshold.threshold
        for max_error in (0.003, 0.5)
    ] == [
        0.9,
        0.5,
    ]


def test_an_error_rate_also_limits_the_probability_of_no_digit(
    fake: FakeModel,
) -> None:
    no_digit = {"constant": 0.0, "weight": 1.0, "fitted": 0.25, "share": 0.02}
    counted = {
        "n": 10_000,
        "level": 0.95,
        "start": 0.9,
        "curve": [[0.9, 5_000, 0], [0.5, 9_000, 9]],
    }
    path = fake({**CARD, "no_digit": no_digit, "calibration": counted}, d3=12.0, none=10.0)
    strict, lax = single_reader(path, max_error=0.0007), single_reader(path, max_error=0.3)
    answers = [reader.read(PICTURE) for reader in (strict, lax, single_reader(path))]
    assert [reader.risk_threshold.threshold for reader in (strict, lax)] == [0.9, 0.5]
    # if one in four pictures had no digit, the probability of a digit would be only 88 %
    assert answers[0].digits[0].confidence > 0.98
    assert [bool(answer.rejected) for answer in answers] == [True, False, False]


def test_a_model_without_a_calibration_has_no_error_rate(fake: FakeModel) -> None:
    with pytest.raises(
        UsageError,
        match="classic: its card has no calibration, which --max-error needs; choose detector or",
    ):
        Reader("classic", max_error=0.01)
    with pytest.raises(UsageError, match="its card has no calibration"):
        single_reader(fake({}), max_error=0.01)
    with pytest.raises(UsageError, match="expected a number between 0 and 1"):
        single_reader(fake(), max_error=1.5)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"curve": []}, "calibration curve is \\[\\]; expected"),
        ({"curve": None}, "calibration curve is None"),
        ({"curve": [[0.9, 10]]}, "calibration curve is"),
        ({"curve": [[0.9, 10, 11]]}, "calibration curve is"),
        ({"curve": [[0.9, 10, 1.5]]}, "calibration curve is"),
        ({"curve": [[1.9, 10, 1]]}, "calibration curve is"),
        ({"curve": [[float("nan"), 10, 1]]}, "calibration curve is"),
        ({"curve": [[0.9, 99_999, 1]]}, "calibration curve is .*counts up to 10000"),
        ({"curve": [[0.5, 10, 1], [0.9, 20, 1]]}, "thresholds descending"),
        ({"curve": [[0.9, 10, 1], [0.5, 9, 1]]}, "calibration curve is"),
        ({"n": 0}, "number of calibration pictures is 0"),
        ({"n": "many"}, "number of calibration pictures is 'many'"),
        ({"level": 95}, "level of calibration is 95; expected a number between 0 and 1"),
        ({"data": 5}, "calibration is"),
        ({"start": 1.5}, "start of the calibration is 1.5; expected a threshold, 0 to 1"),
        ({"start": "high"}, "start of the calibration is 'high'"),
    ],
)
def test_an_impossible_calibration_is_an_error(
    changes: dict[str, Any], message: str, fake: FakeModel
) -> None:
    path = fake({**CARD, "calibration": {**CARD["calibration"], **changes}})
    with pytest.raises(ModelError, match=message) as raised:
        single_reader(path, max_error=0.01)
    assert len(str(raised.value)) < 300 + len(str(path))
    assert "\n" not in str(raised.value)


def test_the_command_line_states_the_error_rate(
    fake: FakeModel, tmp_path: Path, numeye: Callable[..., Any]
) -> None:
    path, picture = fake(d3=2.5, d4=0.1), tmp_path / "sheet.png"
    Image.fromarray(PICTURE).save(picture)
    process = numeye("read", "--single", picture, "--model", path, "--max-error", "5%")
    assert (process.returncode, process.stdout) == (0, "3\n")
    assert (
        process.stderr
        == "at most 5 % of the accepted answers are wrong; the threshold 0.5 accepted 98.0 % of the"
        " calibration pictures\n"
    )
    options = ["--model", path, "--max-error", "0.003", "--json", "--overlay", tmp_path / "drawn"]
    process = numeye("read", "--single", picture, *options)
    assert process.returncode == 3
    assert json.loads(process.stdout)["rejected"] == "unsure between 3 and 4"
    assert process.stderr.endswith(f"numeye: {picture}: rejected (unsure between 3 and 4)\n")
    assert (tmp_path / "drawn" / "sheet.png.read.png").is_file()
    process = numeye("read", picture, "--max-error", "lots")
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith(
        "numeye: --max-error lots: expected a share between 0 and 100 %"
    )
    process = numeye("read", picture, "--model", "classic", "--max-error", "1%")
    assert process.returncode == 2
    assert "no calibration" in process.stderr
