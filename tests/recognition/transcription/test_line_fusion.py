"""The weights of the fusion, and what a card may state of them."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numeye.errors import ModelError
from numeye.models.card import Model
from numeye.recognition.transcription.line_fusion import Candidates, LineFusion


def candidates(parts: list[float], lines: list[float]) -> Candidates:
    texts = tuple(str(number) for number in range(len(parts)))
    return Candidates(texts, np.log(np.array(parts)), np.log(np.array(lines)))


def test_the_weight_says_how_much_the_whole_line_counts() -> None:
    both = candidates([0.6, 0.3], [0.1, 0.8])
    assert LineFusion(weight=0.0).shares(both) == pytest.approx([2 / 3, 1 / 3])
    assert LineFusion(weight=1.0).shares(both) == pytest.approx([0.06 / 0.3, 0.24 / 0.3])
    assert LineFusion(weight=0.5).shares(both).sum() == pytest.approx(1)


def test_impossible_strings_get_no_share() -> None:
    some = Candidates(("1", "2"), np.log([0.5, 0.5]), np.array([-np.inf, -3.0]))
    assert LineFusion().shares(some) == pytest.approx([0, 1])
    none = Candidates(("1", "2"), np.log([0.5, 0.5]), np.array([-np.inf, -np.inf]))
    assert LineFusion().shares(none) == pytest.approx([0.5, 0.5])
    assert LineFusion(weight=0.0).shares(none) == pytest.approx([0.5, 0.5])


def test_the_confidence_is_a_probability_that_follows_the_share() -> None:
    fusion = LineFusion(weight=1.0)
    sure, unsure = candidates([0.9, 0.1], [0.9, 0.1]), candidates([0.5, 0.5], [0.6, 0.4])
    assert fusion.confidence(sure, 0) == pytest.approx(81 / 82)
    assert fusion.confidence(unsure, 0) == pytest.approx(0.6)
    doubtful = LineFusion(weight=1.0, number=(-2.0, 0.5, 0.0, 0.0))
    assert doubtful.confidence(sure, 0) < fusion.confidence(sure, 0)
    alone = candidates([0.9], [0.9])
    assert 0.99 < fusion.confidence(alone, 0) < 1


def model(fusion: Any) -> Model:
    return Model(name="lines", onnx=b"", card={"fusion": fusion})


def test_a_card_states_the_weights() -> None:
    fusion = LineFusion(weight=0.7, below=0.9, inserted=-3.0, number=(0.1, 0.9, 0.2, 0.3))
    assert LineFusion.from_card(model(fusion.to_card())) == fusion
    assert LineFusion.from_card(model({})) == LineFusion()
    assert LineFusion.from_card(Model(name="lines", onnx=b"", card={})) == LineFusion()


@pytest.mark.parametrize(
    "fusion",
    [
        {"weight": -1},
        {"below": 1.5},
        {"inserted": 2},
        {"number": [1, 2]},
        {"number": 3},
        {"weight": True},
        {"weights": 1},
        [1],
        {"number": [0, 1, 0, float("nan")]},
    ],
)
def test_impossible_weights_are_refused(fusion: Any) -> None:
    with pytest.raises(ModelError, match="lines: the card's fusion is"):
        LineFusion.from_card(model(fusion))
