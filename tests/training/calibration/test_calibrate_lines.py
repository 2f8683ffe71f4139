"""Calibration of a network for transcription."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.models import registry
from numeye.recognition.transcription.line_fusion import Candidates, LineFusion
from numeye.training.calibration import calibrate_lines
from numeye.training.calibration.calibrate_lines import (
    Case,
    count_right,
    fit_confidence,
    fit_fusion,
    fit_weight,
)
from numeye.training.synthetic.page_tiles import PageGenerator, Tile


def cases(line_skill: float, count: int = 400) -> list[Case]:
    """Return numbers that detector and recognizer guess, and the network knows better or worse."""
    random = np.random.default_rng(0)
    drawn = []
    for _ in range(count):
        truth = int(random.integers(2))
        parts = random.normal(0, 0.5, 2)
        lines = random.normal(0, 1, 2)
        lines[truth] += line_skill
        drawn.append(Case(Candidates(("17", "77"), parts, lines), ("17", "77")[truth]))
    return drawn


def test_the_weight_follows_from_what_the_network_knows() -> None:
    skilled, ignorant = cases(3.0), cases(0.0)
    fusion = fit_weight(skilled, LineFusion())
    without = LineFusion(weight=0.0)
    assert fusion.weight >= 0.5
    assert count_right(fusion, skilled) > 0.95 * len(skilled)
    assert count_right(fusion, skilled) > count_right(without, skilled)
    assert fit_weight(cases(-3.0), LineFusion()).weight == 0
    best = fit_weight(ignorant, LineFusion())
    assert count_right(best, ignorant) >= count_right(without, ignorant)


def test_the_confidence_is_as_high_as_the_share_of_right_numbers() -> None:
    drawn = cases(1.0, 2_000)
    fusion = fit_confidence(drawn, LineFusion(weight=1.0))
    confidences = []
    for case in drawn:
        best = int(fusion.shares(case.candidates).argmax())
        confidences.append(fusion.confidence(case.candidates, best))
    assert np.mean(confidences) == pytest.approx(count_right(fusion, drawn) / 2_000, abs=0.01)


def test_a_more_probable_string_never_gets_a_lower_confidence() -> None:
    for count in (3, 10, 40):
        for skill in (-3.0, 0.0, 3.0):
            number = fit_confidence(cases(skill, count), LineFusion(weight=1.0)).number
            assert number[1] >= 0
            assert np.abs(number).max() < 20


def test_few_or_equal_cases_leave_the_defaults() -> None:
    assert fit_fusion([]) == LineFusion()
    all_right = [Case(Candidates(("1",), np.zeros(1), np.zeros(1)), "1")] * 50
    assert fit_confidence(all_right, LineFusion()) == LineFusion()


class Strips(PageGenerator):
    """Strips with one dark bar each."""

    def __init__(self) -> None:
        pass

    def strip(self, seed: int, index: int) -> Tile:
        picture = np.full((48, 60), 240, np.uint8)
        picture[8:40, 26 : 30 + index % 3] = 20
        return Tile(
            picture=picture,
            labels=np.array([1]),
            boxes=np.array([[26, 8, 30, 40]], np.float32),
        )


@pytest.fixture
def _ones(monkeypatch: pytest.MonkeyPatch) -> None:
    """Replace the network by one that always reads 1."""

    class Ones:
        def __init__(self, *_: object) -> None:
            pass

        def __call__(self, pixels: np.ndarray) -> list[np.ndarray]:
            logits = np.zeros((len(pixels), pixels.shape[2] // 4, 29), np.float32)
            logits[:, :, 28], logits[:, 1, 1] = 5, 10
            return [logits]

    reader = calibrate_lines.build_reader(None)
    monkeypatch.setattr(calibrate_lines, "STRIP_COUNT", 9)
    monkeypatch.setattr(calibrate_lines, "Network", Ones)

    def build_reader(line_reader: object) -> object:
        reader._line_reader = line_reader  # type: ignore[assignment]
        return reader

    monkeypatch.setattr(calibrate_lines, "build_reader", build_reader)


@pytest.mark.usefixtures("_ones")
def test_the_card_names_its_partners_and_counts_both_readers() -> None:
    entries = calibrate_lines.calibrate(b"", Strips())
    assert entries["detector"]["sha256"] == registry.load("detector").card["sha256"]
    assert entries["recognizer"]["name"] == "recognizer"
    assert LineFusion(**entries["fusion"] | {"number": tuple(entries["fusion"]["number"])})
    assert entries["readers"]["n"] == 6
    assert entries["readers"]["fused"] >= entries["readers"]["parts"]
    assert entries["calibration"]["n"] == 6
    assert 0 <= entries["calibration"]["start"] <= 1
