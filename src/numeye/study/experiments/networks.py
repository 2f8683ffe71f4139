"""Networks of a study, trained by the project's own loop on arrays instead of files."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from torch import Tensor, nn

from numeye.errors import RunError
from numeye.models.recipe import Recipe, RunConfig
from numeye.models.run_folder import MODEL, Run
from numeye.study.experiments import digits as mnist_digits
from numeye.study.experiments import variants  # noqa: F401 - registers its networks by name
from numeye.study.experiments.digits import Digits
from numeye.training.batching import Batches
from numeye.training.loaders import Loaders
from numeye.training.loop import Training
from numeye.training.networks import create_model

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64

    from numeye.study.steps import Study

TRAINING_BATCH, READING_BATCH = 64, 500
Network = TypeVar("Network", bound=nn.Module)


class RepeatedDigits:
    """Pictures with labels, each shown several times in an epoch.

    Attributes:
        images: (N, 1, 28, 28).
        labels: (N,).
        times: how often an epoch shows each picture.
    """

    def __init__(self, digits: Digits, times: int = 1) -> None:
        self.images = torch.from_numpy(np.ascontiguousarray(digits.pixels))[:, None]
        self.labels = torch.from_numpy(digits.labels)
        self.times = times

    def __len__(self) -> int:
        """Number of pictures that an epoch shows."""
        return len(self.labels) * self.times


class ArrayBatches(Batches[RepeatedDigits]):
    """Batches of images (B, 1, 28, 28) and labels (B,); the last batch may be smaller."""

    def __len__(self) -> int:
        """Number of batches."""
        return -(-len(self.dataset) // self.batch_size)

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return the images and labels at these indices."""
        rows = torch.from_numpy(numbers % len(self.dataset.labels))
        return self.dataset.images[rows], self.dataset.labels[rows]


@dataclass(frozen=True, kw_only=True)
class TrainingSpec:
    """What to train, and how.

    Attributes:
        name: of the training's folder.
        model: a name of `numeye.training.networks.list_models`.
        digits: to learn from.
        seed: of the first weights and of every shuffle.
        epochs: passes over the digits. An epoch over fewer digits than the scale's `least` repeats
            them until it has shown at least so many.
        shuffled: False to keep the order of the digits in every epoch.
        learning_rate: of Adam.
        validation: measured after each epoch (default: the study's held-out digits).
    """

    name: str
    model: str
    digits: Digits
    seed: int
    epochs: int
    shuffled: bool = True
    learning_rate: float = 1e-3
    validation: Digits | None = None


@dataclass(frozen=True)
class TrainedNetwork:
    """A network, and the record of its training.

    Attributes:
        model: the network, in evaluation mode.
        rows: of each epoch, as in `metrics.jsonl`.
        epoch_scores: the score of the network after each epoch, if one was requested.
    """

    model: nn.Module
    rows: list[dict[str, Any]]
    epoch_scores: list[float]

    @property
    def seconds(self) -> float:
        """Duration of the training steps."""
        return float(sum(row["seconds"] for row in self.rows))


def train(
    study: Study, spec: TrainingSpec, score: Callable[[nn.Module], float] | None = None
) -> TrainedNetwork:
    """Train a network as `classic` is trained, or continue a training that was stopped.

    Args:
        study: whose folder holds the run while it is trained.
        spec: what differs from the recipe `classic`.
        score: measures the network as it was after each epoch.

    Raises:
        TrainingInterrupted: Ctrl-C was pressed; the progress is saved.
    """
    folder = study.folder / "trainings" / spec.name
    recipe = Recipe(
        name="evidence",
        about=(
            f"{spec.name}: {len(spec.digits):,} digits of MNIST's train, a part of numeye compare"
        ),
        model=spec.model,
        learning_rate=spec.learning_rate,
        epochs=spec.epochs,
    )
    config = RunConfig(recipe=recipe, epochs=spec.epochs, seed=spec.seed, device="cpu")
    run = _open_or_create_run(folder, config)
    training = Training(run, _create_loaders(study, spec))
    training.resume(study.progress)
    training.fit()
    scores = [] if score is None else _score_checkpoints(run, spec.model, score)
    trained = TrainedNetwork(training.model.eval(), run.metrics(), scores)
    study.finished_runs.append(folder)
    return trained


def _open_or_create_run(folder: Path, config: RunConfig) -> Run:
    """Return the run that was stopped, or a new one if there is none with this configuration."""
    if folder.exists():
        try:
            run = Run.open(folder)
            if run.config == config:
                return run
        except RunError:
            pass  # a damaged run is replaced
        shutil.rmtree(folder)
    return Run.create(folder, config)


def _score_checkpoints(run: Run, name: str, score: Callable[[nn.Module], float]) -> list[float]:
    """Return the score after each epoch.

    It reads checkpoints, so that a training that was stopped and continued lacks no epoch.
    """
    scores, model = [], create_model(name)
    for checkpoint in sorted(run.checkpoints(), key=lambda checkpoint: checkpoint.epoch):
        if checkpoint.epoch and not checkpoint.step:
            model.load_state_dict(load_tensors(checkpoint.read(MODEL)))
            scores.append(score(model.eval()))
    return scores


def _create_loaders(study: Study, spec: TrainingSpec) -> Loaders:
    generator = torch.Generator()
    training = RepeatedDigits(spec.digits, times=-(-study.scale.least // len(spec.digits)))
    validation = RepeatedDigits(spec.validation or mnist_digits.load_validation(study))
    return Loaders(
        train=ArrayBatches(training, TRAINING_BATCH, generator if spec.shuffled else None),
        validation=ArrayBatches(validation, READING_BATCH),
        generator=generator,
    )


@torch.no_grad()
def logits(model: nn.Module, pixels: Float32[np.ndarray, "n 28 28"]) -> Float32[np.ndarray, "n 10"]:
    """Return a network's logits of pictures."""
    images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None]
    batches = [model(batch) for batch in torch.split(images, READING_BATCH)]
    outputs: np.ndarray = torch.cat(batches).numpy()
    return outputs


def predict(model: nn.Module, pixels: Float32[np.ndarray, "n 28 28"]) -> Int64[np.ndarray, " n"]:
    """Return the most likely digit of each picture."""
    answers: np.ndarray = logits(model, pixels).argmax(axis=1)
    return answers


def accuracy(model: nn.Module, digits: Digits) -> float:
    """Return the share of digits in percent that a network reads right."""
    return mnist_digits.accuracy(predict(model, digits.pixels), digits)


def weights_of(model: nn.Module) -> dict[str, np.ndarray]:
    """Return a network's weights as arrays of a result."""
    return {f"weights.{name}": value.numpy().copy() for name, value in model.state_dict().items()}


def load_weights(model: Network, arrays: dict[str, np.ndarray]) -> Network:
    """Load weights from the arrays of a result into a network, and return it."""
    weights = {
        key.removeprefix("weights."): value
        for key, value in arrays.items()
        if key.startswith("weights.")
    }
    model.load_state_dict({key: torch.from_numpy(value) for key, value in weights.items()})
    model.eval()
    return model
