"""The recipe `reader`: average, schedule and half precision survive a stop; its export can be read with."""

from __future__ import annotations

import json
import os
import signal
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
import pytest
import torch

from numeye import DataSet, Reader
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
from numeye.training.possible import check_possible
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


class Averaging(Callback):
    """The average of the weights after each step, reckoned by hand."""

    def __init__(self) -> None:
        self.average: dict[str, torch.Tensor] = {}
        self.steps = 0

    def stepped(self, training: Training, pictures: int) -> None:
        decay = min(1 - 1 / 5, (1 + self.steps) / (10 + self.steps)) if self.steps else 0.0
        for name, weight in training.model.named_parameters():
            before = self.average.get(name, torch.zeros_like(weight))
            self.average[name] = (decay * before + (1 - decay) * weight).detach()
        self.steps += 1


def test_the_kept_weights_are_an_average_of_those_that_are_stepped(pool: Pool, tmp_path: Path) -> None:
    average = Averaging()
    training = Training(run_in(tmp_path / "run"), batches(pool), [average])
    training.fit()
    for name, kept in training.kept.named_parameters():
        assert torch.allclose(kept, average.average[name], atol=1e-6)
        assert not torch.equal(kept, dict(training.model.named_parameters())[name])


def test_what_the_optimiser_remembers_lies_in_memory_as_the_weights_do(undisturbed: Run, pool: Pool) -> None:
    training = Training(undisturbed, batches(pool))
    training.resume(pytest.fail)
    alike = [
        value.stride() == parameter.stride()
        for parameter, remembered in training.optimizer.state.items()
        for value in remembered.values()
        if value.shape == parameter.shape
    ]
    assert len(alike) > 20
    assert all(alike)


def test_adamw_without_a_decay_has_none(tmp_path: Path, pool: Pool) -> None:
    bare = RunConfig(recipe=replace(recipe(), weight_decay=0.0), epochs=1, device="cpu")
    assert Training(Run.create(tmp_path / "run", bare), batches(pool)).optimizer.defaults["weight_decay"] == 0


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


def test_what_fits_the_temperature_is_not_what_is_counted(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every other crop fits, and is wrong here as often as it is sure; the others are all right."""
    random, n = np.random.default_rng(0), 4_000
    logs = np.log(random.dirichlet(np.full(11, 0.2), n) + 1e-9)
    labels = logs[:, :10].argmax(axis=1)
    labels[::2] = [random.choice(11, p=row) for row in np.exp(logs[::2]) / np.exp(logs[::2]).sum(axis=1, keepdims=True)]
    clean = np.log(np.full((1_000, 11), 1e-3))
    clean[:, 3] = 0.0
    clean[:5, 10] = [0.0, -0.5, -1.0, -1.5, -2.0]  # of five in a thousand there may be none
    monkeypatch.setattr(calibrate, "read_pool", lambda *_: (3 * logs, labels))
    monkeypatch.setattr(calibrate, "read", lambda *_: (clean, None))
    plain = DataSet(name="plain", pictures=[np.zeros((1, 1), np.uint8)], labels=("3",))
    card = calibrate.calibrate(b"", pool, plain)
    assert card["temperature"] == pytest.approx(3, rel=0.1)
    assert [wrong for _, _, wrong in card["calibration"]["curve"]] == [0] * len(card["calibration"]["curve"])
    assert card["calibration"]["curve"][-1][1] == card["calibration"]["n"] == n // 2
    assert 0.2 < card["rejection"]["no_digit"] < 0.5


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "classic"}, "the model classic cannot learn from paper"),
        ({"model": "spotter"}, "the model spotter cannot learn from paper"),
        ({"paper": 0, "lines": 0, "loss": "cross-entropy"}, "the model reader cannot learn from digits"),
        ({"paper": 0, "lines": 0, "tiles": 64, "loss": "spot"}, "the model reader cannot learn from tiles"),
    ],
)
def test_a_network_that_does_not_fit_what_it_learns_from_is_told_at_once(change: dict[str, Any], says: str) -> None:
    with pytest.raises(UsageError, match=says):
        check_possible(RunConfig(recipe=replace(recipe(), **change), epochs=1))


@pytest.mark.parametrize("name", ["classic", "reader", "spotter"])
def test_packaged_recipes_fit(name: str) -> None:
    check_possible(RunConfig(recipe=load_recipe(name), epochs=1))
