"""The recipe `recognizer`: average, schedule and half precision survive a stop."""

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
from numeye.errors import UsageError
from numeye.models.calibration import NoDigitScaling, Scaling
from numeye.models.recipe import Recipe, RunConfig, load_recipe
from numeye.models.run_folder import MODEL, Run
from numeye.training import export
from numeye.training.calibration import calibrate_digits
from numeye.training.interrupts import TrainingInterrupted
from numeye.training.loaders import Loaders
from numeye.training.loop import Callback, Training
from numeye.training.networks import create_model, standardise
from numeye.training.optimizers import one_cycle
from numeye.training.run_plan import check_config
from numeye.training.synthetic import distance_fields
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.disk_cache import Pool
from numeye.training.synthetic.specs import crop_dtype
from numeye.training.tasks import trainer_for
from numeye.training.tasks.crop_samples import CropSamples

STEPS = 6


@pytest.fixture(scope="module")
def pool(train_images: np.ndarray, train_labels: np.ndarray) -> Pool:
    made = distance_fields.compute_fields(train_images[:100])
    paper = CropGenerator(
        digits=distance_fields.DistanceFields(
            edge=made[0], skeleton=made[1], labels=train_labels[:100]
        )
    )
    part = np.empty(STEPS * 32, crop_dtype(48))
    for number in range(len(part)):
        crop = paper.crop(0, number)
        part[number] = (crop.picture, crop.label, crop.box)
    return Pool([part])


def batches(pool: Pool) -> Loaders:
    generator = torch.Generator()
    return Loaders(
        train=CropSamples(pool, 32, generator),
        validation=CropSamples(pool, 100),
        generator=generator,
    )


def recipe() -> Recipe:
    return replace(load_recipe("recognizer"), batch_size=32, average=5)


def run_in(folder: Path) -> Run:
    return Run.create(folder, RunConfig(recipe=recipe(), epochs=2, device="cpu"))


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, pool: Pool) -> Run:
    run = run_in(tmp_path_factory.mktemp("recognizer") / "undisturbed")
    Training(run, batches(pool)).fit()
    return run


class StopAfter(Callback):
    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, training: Training, pictures: int) -> None:
        self.steps -= 1
        if self.steps == 0:
            os.kill(os.getpid(), signal.SIGINT)


@pytest.mark.slow
@pytest.mark.parametrize("steps", [2, STEPS, STEPS + 4])
def test_a_run_stopped_at_any_step_continues_to_the_same_weights(
    undisturbed: Run, pool: Pool, tmp_path: Path, steps: int
) -> None:
    run = run_in(tmp_path / "run")
    with pytest.raises(TrainingInterrupted):
        Training(run, batches(pool), [StopAfter(steps)]).fit()
    again = Training(run, batches(pool))
    again.resume(pytest.fail)
    again.fit()
    expected, actual = (
        item.newest_checkpoint((MODEL,), pytest.fail) for item in (undisturbed, run)
    )
    assert expected is not None
    assert actual is not None
    assert actual.read(MODEL) == expected.read(MODEL)


class Averaging(Callback):
    """Computes the average of the weights after each step by hand."""

    def __init__(self) -> None:
        self.average: dict[str, torch.Tensor] = {}
        self.steps = 0

    def on_step(self, training: Training, pictures: int) -> None:
        decay = min(1 - 1 / 5, (1 + self.steps) / (10 + self.steps)) if self.steps else 0.0
        for name, weight in training.model.named_parameters():
            before = self.average.get(name, torch.zeros_like(weight))
            self.average[name] = (decay * before + (1 - decay) * weight).detach()
        self.steps += 1


@pytest.mark.slow
def test_the_evaluated_weights_are_an_average_of_the_trained_ones(
    pool: Pool, tmp_path: Path
) -> None:
    average = Averaging()
    training = Training(run_in(tmp_path / "run"), batches(pool), [average])
    training.fit()
    for name, kept in training.evaluated_model.named_parameters():
        assert torch.allclose(kept, average.average[name], atol=1e-6)
        assert not torch.equal(kept, dict(training.model.named_parameters())[name])


def test_the_state_of_the_optimizer_has_the_memory_layout_of_the_weights(
    undisturbed: Run, pool: Pool
) -> None:
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
    assert (
        Training(Run.create(tmp_path / "run", bare), batches(pool)).optimizer.defaults[
            "weight_decay"
        ]
        == 0
    )


def test_one_cycle_rises_for_a_tenth_and_falls_to_0() -> None:
    assert one_cycle(0) == 0
    assert one_cycle(0.1) == 1
    assert one_cycle(1) < 1e-9
    assert all(one_cycle(share / 100) > one_cycle(share / 100 + 0.01) for share in range(10, 99))


def test_contrast_and_polarity_do_not_change_the_outputs() -> None:
    torch.manual_seed(0)
    pictures = torch.zeros(3, 1, 40, 40)
    pictures[:, :, 10:30, 18:22] = torch.tensor([0.3, 0.6, 0.9]).reshape(3, 1, 1, 1)
    seen = standardise(pictures)
    assert torch.allclose(seen[1], seen[2], atol=0.1)
    assert torch.allclose(standardise(1 - pictures), seen, atol=1e-5)
    assert (seen[:, :, 20, 20] > 0).all()
    model = create_model("recognizer").eval()
    assert torch.allclose(model(1 - pictures), model(pictures), atol=1e-4)
    assert torch.isfinite(model(torch.zeros(1, 1, 40, 40))).all()  # a blank picture


@pytest.mark.slow
def test_an_exported_recognizer_can_read_and_its_card_names_its_task(
    undisturbed: Run, pool: Pool
) -> None:
    folder = export.export(undisturbed, batches(pool))
    card = json.loads((folder / "card.json").read_text())
    session = onnxruntime.InferenceSession(
        (folder / "model.onnx").read_bytes(), providers=["CPUExecutionProvider"]
    )
    assert [port.shape[1:] for port in session.get_outputs()] == [[11], [4]]
    assert card["task"] == "localization"
    reading = Reader(folder).read(np.asarray(pool.picture(0)))
    # after so short a training it may find no digit
    assert len(reading.text) == (reading.rejected is None)
    assert all(sum(digit.probabilities) == pytest.approx(1) for digit in reading.digits)
    assert "Open Font License" in card["licence"]


def test_the_error_curve_counts_answers_at_or_above_each_threshold() -> None:
    confidences = np.array([0.9, 0.5, 0.9, 0.3])
    right = np.array([True, False, False, True])
    assert calibrate_digits.error_curve(confidences, right) == [
        [0.9, 2, 1],
        [0.5, 3, 2],
        [0.3, 4, 2],
    ]


def test_a_data_folder_is_refused(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="recognizer learns from synthetic pictures of MNIST's digits only"
    ):
        trainer_for(recipe()).make_loaders(RunConfig(recipe=recipe(), epochs=1, data=str(tmp_path)))


def test_the_crops_that_fit_the_temperature_are_not_counted(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every other crop fits, with errors here that match its confidence; the others have none."""
    random, n = np.random.default_rng(0), 4_000
    logs = np.log(random.dirichlet(np.full(11, 0.2), n) + 1e-9)
    labels = logs[:, :10].argmax(axis=1)
    labels[::2] = [
        random.choice(11, p=row)
        for row in np.exp(logs[::2]) / np.exp(logs[::2]).sum(axis=1, keepdims=True)
    ]
    clean = np.log(np.full((1_000, 11), 1e-3))
    clean[:, 3] = 0.0
    clean[:5, 10] = [0.0, -0.5, -1.0, -1.5, -2.0]  # five in a thousand may have no digit
    monkeypatch.setattr(calibrate_digits, "read_crops", lambda *_: (3 * logs, labels))
    monkeypatch.setattr(calibrate_digits, "read_pictures", lambda *_: (clean, None))
    plain = DataSet(name="plain", pictures=[np.zeros((1, 1), np.uint8)], labels=("3",))
    card = calibrate_digits.calibrate(b"", pool, plain)
    assert card["temperature"] == pytest.approx(3, rel=0.1)
    assert [wrong for _, _, wrong in card["calibration"]["curve"]] == [0] * len(
        card["calibration"]["curve"]
    )
    # Counted are accepted answers: not "no digit", and with the confidence that the card needs.
    probabilities = Scaling(
        temperature=card["temperature"], no_digit=NoDigitScaling(**card["no_digit"])
    ).probabilities(3 * logs[1::2])
    accepted = (probabilities[:, 10] <= card["rejection"]["no_digit"]) & (
        probabilities[:, :10].max(axis=1) >= card["rejection"]["unsure"]
    )
    assert card["calibration"]["n"] == n // 2
    assert card["calibration"]["curve"][-1] == [card["rejection"]["unsure"], accepted.sum(), 0]
    assert sum(row["n"] for row in card["reliability"]["reliability"]) == (labels[1::2] < 10).sum()


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"model": "classic"}, "the model classic cannot learn from crops"),
        ({"model": "detector"}, "the model detector cannot learn from crops"),
        (
            {
                "task": "classification",
                "paper": 0,
                "lines": 0,
                "loss": "cross-entropy",
                "split": "random",
                "pendigits": False,
            },
            "the model recognizer cannot learn from digits",
        ),
        (
            {"task": "detection", "paper": 0, "lines": 0, "tiles": 64, "loss": "detection"},
            "the model recognizer cannot learn from tiles",
        ),
    ],
)
def test_a_network_that_does_not_fit_its_task_is_refused_at_once(
    change: dict[str, Any], says: str
) -> None:
    with pytest.raises(UsageError, match=says):
        check_config(RunConfig(recipe=replace(recipe(), **change), epochs=1))


@pytest.mark.parametrize("name", ["classic", "detector", "recognizer"])
def test_packaged_recipes_fit(name: str) -> None:
    check_config(RunConfig(recipe=load_recipe(name), epochs=1))
