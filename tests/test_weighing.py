"""How the answers of two networks become one, and what a card may say of it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from numeye.errors import ModelError
from numeye.locate import Spots
from numeye.weighing import Weighing
from numeye.weights import Model


def model(weighing: Any) -> Model:
    return Model(name="own", onnx=b"", card={"weighing": weighing})


def test_a_card_is_taken_at_its_word() -> None:
    stated = {"spotter": 0.8, "reader": 0.4, "there": [0.1, 1, 0.5], "number": [0.0, 0.9]}
    found = Weighing.of(model(stated))
    assert found == Weighing(spotter=0.8, reader=0.4, there=(0.1, 1, 0.5), number=(0.0, 0.9))
    assert Weighing.of(Model(name="own", onnx=b"", card={})) == Weighing()


@pytest.mark.parametrize(
    "stated",
    [
        7,
        [1.0],
        {"speed": 1.0},
        {"spotter": "much"},
        {"spotter": [1.0]},
        {"there": 1.0},
        {"there": [1.0, 2.0]},
        {"number": [1.0, float("nan")]},
        {"reader": None},
    ],
)
def test_a_card_that_makes_no_sense_is_said(stated: Any) -> None:
    with pytest.raises(ModelError, match="own: the card's weighing"):
        Weighing.of(model(stated))


def test_both_have_a_say_in_which_and_in_whether() -> None:
    spots = Spots(np.zeros((1, 4)), np.array([0.0]), np.eye(10)[[3]] * 2.0)
    looks = np.full((1, 11), np.log(0.01))
    looks[0, 7], looks[0, 10] = np.log(0.8), np.log(0.11)
    for spotter, reader, best in ((1.0, 0.0, 3), (0.0, 1.0, 7)):
        _, which = Weighing(spotter=spotter, reader=reader).weigh(spots, looks)
        assert int(which[0].argmax()) == best
    there, _ = Weighing(there=(0.0, 1.0, 0.0)).weigh(spots, looks)
    assert there[0] == pytest.approx(0.5)
    there, _ = Weighing(there=(0.0, 0.0, 1.0)).weigh(spots, looks)
    assert there[0] == pytest.approx(0.89)
