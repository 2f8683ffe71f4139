"""Trainings that start from the weights of a packaged model."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from numeye.errors import RunError
from numeye.models import registry
from numeye.training.calibration.calibrate_numbers import onnx_detector
from numeye.training.networks import create_model
from numeye.training.pretrained import describe_pretrained, load_pretrained

ROWS = Path(__file__).parents[2] / "examples" / "numbers" / "rows.png"


def pictures(count: int) -> torch.Tensor:
    """Return parts (N, 1, 64, 96) of a page of numbers, 0 to 1."""
    page = np.asarray(Image.open(ROWS).convert("L"), np.float32) / 255
    random = np.random.default_rng(0)
    tops, lefts = (random.integers(0, side, count) for side in np.array(page.shape) - [64, 96])
    parts = [page[y : y + 64, x : x + 96] for y, x in zip(tops, lefts, strict=True)]
    return torch.from_numpy(np.stack(parts)[:, None])


@pytest.mark.parametrize("training", [False, True])
def test_the_first_answers_are_those_of_the_packaged_model(training: bool) -> None:
    torch.manual_seed(0)
    model, images = create_model("detector"), pictures(8)
    load_pretrained(model, "detector", [images[:4], images[4:]])
    packaged = onnx_detector(registry.load("detector").onnx)(images.numpy())
    known = packaged.shape[1] - 4
    with torch.no_grad():
        maps = model.train(training)(images).numpy()
    maps = np.concatenate([maps[:, :known], maps[:, -4:]], axis=1)
    # the packaged model rounds its activations to 8 bits
    assert np.abs(maps - packaged).mean() < 0.1 * np.abs(packaged).mean()


def test_the_card_says_whose_weights_came_first() -> None:
    card = registry.load("detector").card
    described = describe_pretrained("detector")
    assert (described["name"], described["sha256"]) == ("detector", card["sha256"])
    assert described["recipe"] == card["recipe"]


def test_a_model_of_another_architecture_is_refused() -> None:
    with pytest.raises(RunError, match="pretrained classic: it has no layer fine.0.0"):
        load_pretrained(create_model("detector"), "classic", [pictures(2)])
