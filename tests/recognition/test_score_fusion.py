"""The fusion of two networks' scores, and its weights on a card."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numeye.errors import ModelError
from numeye.models.card import Model
from numeye.models.characters import CHARACTERS
from numeye.recognition.boxes import Detections
from numeye.recognition.detector import UNKNOWN_CLASS_LOGIT
from numeye.recognition.score_fusion import ScoreFusion


def model(fusion: Any) -> Model:
    return Model(name="own", onnx=b"", card={"fusion": fusion})


def test_weights_are_read_from_the_card() -> None:
    stated = {"detector": 0.8, "recognizer": 0.4, "objectness": [0.1, 1, 0.5], "number": [0.0, 0.9]}
    found = ScoreFusion.from_card(model(stated))
    assert found == ScoreFusion(
        detector=0.8, recognizer=0.4, objectness=(0.1, 1, 0.5), number=(0.0, 0.9)
    )
    assert ScoreFusion.from_card(Model(name="own", onnx=b"", card={})) == ScoreFusion()


@pytest.mark.parametrize(
    "stated",
    [
        7,
        [1.0],
        {"speed": 1.0},
        {"detector": "much"},
        {"detector": [1.0]},
        {"objectness": 1.0},
        {"objectness": [1.0, 2.0]},
        {"number": [1.0, float("nan")]},
        {"recognizer": None},
    ],
)
def test_a_card_with_invalid_weights_is_an_error(stated: Any) -> None:
    with pytest.raises(ModelError, match="own: the card's fusion"):
        ScoreFusion.from_card(model(stated))


def test_weights_apply_to_digits_and_objectness() -> None:
    class_logits = np.where(np.arange(28) < 10, np.eye(28)[[3]] * 2.0, UNKNOWN_CLASS_LOGIT)
    detections = Detections(np.zeros((1, 4)), np.array([0.0]), class_logits)
    class_logs = np.full((1, 11), np.log(0.01))
    class_logs[0, 7], class_logs[0, 10] = np.log(0.8), np.log(0.11)
    for detector, recognizer, best in ((1.0, 0.0, 3), (0.0, 1.0, 7)):
        _, digits = ScoreFusion(detector=detector, recognizer=recognizer).fuse(
            detections, class_logs
        )
        assert int(digits[0].argmax()) == best
    objectness, _ = ScoreFusion(objectness=(0.0, 1.0, 0.0)).fuse(detections, class_logs)
    assert objectness[0] == pytest.approx(0.5)
    objectness, _ = ScoreFusion(objectness=(0.0, 0.0, 1.0)).fuse(detections, class_logs)
    assert objectness[0] == pytest.approx(0.89)


def test_what_is_no_digit_is_told_by_the_detector_alone() -> None:
    detections = Detections(np.zeros((1, 4)), np.array([2.0]), np.eye(28)[[12]] * 40.0)
    for class_logs in (np.full((1, 11), np.log(1 / 11)), np.log(np.eye(11)[[3]] + 1e-300)):
        objectness, characters = ScoreFusion(objectness=(0.0, 1.0, 1.0)).fuse(
            detections, class_logs
        )
        assert CHARACTERS[int(characters[0].argmax())] == "'"
        assert objectness[0] == pytest.approx(1 / (1 + np.exp(-2)))
