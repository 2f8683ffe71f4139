"""The recipe `reader`: average, schedule and half precision survive a stop; its export can be read with."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch

from numeye import Reader
from numeye.config import Recipe, RunConfig, load_recipe
from numeye.errors import UsageError
from numeye.runs import MODEL, Run
from numeye.training import calibrate, export
from numeye.training.data import Loaders
from numeye.training.loop import Callback, Stopped, Training, one_cycle
from numeye.training.models import create_model, standardise
from numeye.training.paper import ink
from numeye.training.paper.crop import Paper
from numeye.training.paper.pool import Pool, crop_type
from numeye.training.train import run_loaders
from numeye.training.views import Views

STEPS = 6


@pytest.fixture(scope="module")
def pool(train_images: np.ndarray, train_labels: np.ndarray) -> Pool:
    made = ink._make(train_images[:100])
    paper = Paper(digits=ink.Fields(edge=made[0], line=made[1], labels=train_labels[:100]))
    part = np.empty(STEPS * 32, crop_type(48))
    for number in range(len(part)):
        crop = paper.crop(0, number)
        part[number] = (crop.picture, crop.label, crop.box)
    return Pool([part])


def batches(pool: Pool) -> Loaders:
    generator = torch.Generator()
    return Loaders(train=Views(pool, 32, generator), validation=Views(pool, 100), generator=generator)


def recipe() -> Recipe:
    return replace(load_recipe("reader"), batch_size=32, average=5)


def run_in(folder: Path) -> Run:
    return Run.create(folder, RunConfig(recipe=recipe(), epochs=2, device="cpu"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pool: Pool) -> Run:
    run = run_in(tmp_path_factory.mktemp("reader") / "undisturbed")
    Training(run, batches(pool)).fit()
    return run


class StopAfter(Callback):
    def __init__(self, steps: int) -> None:
        self.steps = steps

    def stepped(self, training: Training, pictures: int) -> None:
        self.steps -= 1
        if self.steps == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.parametrize("steps", [2, STEPS, STEPS + 4])
def test_stopped_at_any_step_it_goes_on_to_the_same_weights(
    undisturbed: Run, pool: Pool, tmp_path: Path, steps: int
) -> None:
    run = run_in(tmp_path / "run")
    with pytest.raises(Stopped):
        Training(run, batches(pool), [StopAfter(steps)]).fit()
    again = Training(run, batches(pool))
    again.resume(pytest.fail)
    again.fit()
    expected, found = (one.newest((MODEL,), pytest.fail) for one in (undisturbed, run))
    assert expected is not None
    assert found is not None
    assert found.read(MODEL) == expected.read(MODEL)


def test_the_kept_weights_are_an_average_of_those_that_are_stepped(pool: Pool, tmp_path: Path) -> None:
    training = Training(run_in(tmp_path / "run"), batches(pool))
    training.fit()
    kept, stepped = dict(training.kept.named_parameters()), dict(training.model.named_parameters())
    assert any(not torch.equal(kept[name], stepped[name]) for name in kept)
    assert all(torch.allclose(kept[name], stepped[name], atol=0.2) for name in kept)


def test_the_schedule_rises_for_a_tenth_and_falls_to_nothing() -> None:
    assert one_cycle(0) == 0
    assert one_cycle(0.1) == 1
    assert one_cycle(1) < 1e-9
    assert all(one_cycle(share / 100) > one_cycle(share / 100 + 0.01) for share in range(10, 99))


def test_the_network_does_not_mind_contrast_or_polarity() -> None:
    torch.manual_seed(0)
    pictures = torch.zeros(3, 1, 40, 40)
    pictures[:, :, 10:30, 18:22] = torch.tensor([0.3, 0.6, 0.9]).reshape(3, 1, 1, 1)
    seen = standardise(pictures)
    assert torch.allclose(seen[1], seen[2], atol=0.1)
    assert torch.allclose(standardise(1 - pictures), seen, atol=1e-5)
    assert (seen[:, :, 20, 20] > 0).all()
    model = create_model("reader").eval()
    assert torch.allclose(model(1 - pictures), model(pictures), atol=1e-4)
    assert torch.isfinite(model(torch.zeros(1, 1, 40, 40))).all()  # a blank picture


def test_what_is_exported_says_how_it_is_fed_and_can_be_read_with(undisturbed: Run, pool: Pool) -> None:
    folder = export.export(undisturbed, batches(pool))
    card = json.loads((folder / "card.json").read_text())
    session = onnxruntime.InferenceSession((folder / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"])
    assert [port.shape[1:] for port in session.get_outputs()] == [[11], [4]]
    assert card["preprocessing"]["framing"] == "zoom"
    low, high = calibrate.NO_DIGIT_BOUNDS
    assert low <= card["rejection"]["no_digit"] <= high
    assert card["rejection"]["unsure"] == calibrate.UNSURE_AT
    thresholds, accepted, wrong = zip(*card["calibration"]["curve"], strict=True)
    assert list(thresholds) == sorted(thresholds, reverse=True)
    assert accepted[-1] == card["calibration"]["n"]
    assert 0 <= wrong[-1] <= accepted[-1]
    reading = Reader(folder).read(np.asarray(pool.picture(0)))
    assert len(reading.text) == (reading.rejected is None)  # trained for a moment only, it may see no digit
    assert all(sum(digit.probabilities) == pytest.approx(1) for digit in reading.digits)
    assert "Open Font License" in card["licence"]


def test_the_error_curve_counts_what_is_at_least_so_sure() -> None:
    confidences = np.array([0.9, 0.5, 0.9, 0.3])
    right = np.array([True, False, False, True])
    assert calibrate.error_curve(confidences, right) == [[0.9, 2, 1], [0.5, 3, 2], [0.3, 4, 2]]


def test_own_digits_are_refused_in_one_line(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="reader learns from mnist on synthetic paper only"):
        run_loaders(RunConfig(recipe=load_recipe("reader"), epochs=1, data=str(tmp_path)))
