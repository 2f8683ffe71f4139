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

from numeye.config import Recipe, RunConfig
from numeye.errors import RunError
from numeye.runs import MODEL, Run
from numeye.training.batches import Batches
from numeye.training.data import Loaders
from numeye.training.evidence import digits as mnist_digits
from numeye.training.evidence import variants  # noqa: F401 - its networks are made by their names
from numeye.training.evidence.digits import Digits
from numeye.training.loop import Training
from numeye.training.models import create_model

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64

    from numeye.training.evidence.study import Study

BATCH = 500
Network = TypeVar("Network", bound=nn.Module)


class Several:
    """Pictures with labels, gone through so many times.

    Attributes:
        images: (N, 1, 28, 28).
        labels: (N,).
        times: that one epoch shows each.
    """

    def __init__(self, digits: Digits, times: int = 1) -> None:
        self.images = torch.from_numpy(np.ascontiguousarray(digits.pixels))[:, None]
        self.labels = torch.from_numpy(digits.labels)
        self.times = times

    def __len__(self) -> int:
        """Of one epoch."""
        return len(self.labels) * self.times


class ArrayBatches(Batches[Several]):
    """Batches (B, 1, 28, 28) and labels (B), the last one as long as what is left."""

    def __len__(self) -> int:
        """How many batches there are."""
        return -(-len(self.dataset) // self.batch_size)

    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Those digits."""
        rows = torch.from_numpy(numbers % len(self.dataset.labels))
        return self.dataset.images[rows], self.dataset.labels[rows]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One training of a study.

    Attributes:
        name: of its folder.
        model: a name of `numeye.training.models.list_models`.
        digits: to learn from.
        seed: of weights and shuffles.
        epochs: passes; of fewer digits than a scale's `least`, over so many.
        shuffled: False to go through them in the order in which they are, every time.
        learning_rate: of Adam.
        validation: what each epoch is measured on; the study's where left out.
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
class Trained:
    """A network, and how it came to be.

    Attributes:
        model: the network, ready to answer.
        rows: of each epoch, as `metrics.jsonl` has them.
        looks: what was asked of the network after each epoch.
    """

    model: nn.Module
    rows: list[dict[str, Any]]
    looks: list[float]

    @property
    def seconds(self) -> float:
        """What its training steps took."""
        return float(sum(row["seconds"] for row in self.rows))


def train(study: Study, asked: Asked, look: Callable[[nn.Module], float] | None = None) -> Trained:
    """Train a network, or go on with a training that was stopped: as `classic` is, but for what is asked.

    Args:
        study: whose folder it is kept in while it learns.
        asked: what is trained, and on what.
        look: is asked of the network as it was after each epoch.

    Raises:
        Stopped: by Ctrl-C; what was learnt is saved.
    """
    folder = study.folder / "trainings" / asked.name
    recipe = Recipe(
        name="evidence",
        about=f"{asked.name}: {len(asked.digits):,} digits of MNIST's train, a part of numeye compare",
        model=asked.model,
        learning_rate=asked.learning_rate,
        epochs=asked.epochs,
    )
    config = RunConfig(recipe=recipe, epochs=asked.epochs, seed=asked.seed, device="cpu")
    run = _run(folder, config)
    training = Training(run, _loaders(study, asked))
    training.resume(study.say)
    training.fit()
    looks = [] if look is None else _looks(run, asked.model, look)
    done = Trained(training.model.eval(), run.metrics(), looks)
    study.finished.append(folder)
    return done


def _run(folder: Path, config: RunConfig) -> Run:
    """The run that was stopped; a new one where there is none, or one that was asked for something else."""
    if folder.exists():
        try:
            run = Run.open(folder)
            if run.config == config:
                return run
        except RunError:
            pass  # damaged
        shutil.rmtree(folder)
    return Run.create(folder, config)


def _looks(run: Run, name: str, look: Callable[[nn.Module], float]) -> list[float]:
    """From the checkpoints, so that a training that was stopped lacks none."""
    found, model = [], create_model(name)
    for checkpoint in sorted(run.checkpoints(), key=lambda one: one.epoch):
        if checkpoint.epoch and not checkpoint.step:
            model.load_state_dict(load_tensors(checkpoint.read(MODEL)))
            found.append(look(model.eval()))
    return found


def _loaders(study: Study, asked: Asked) -> Loaders:
    generator = torch.Generator()
    pool = Several(asked.digits, times=-(-study.scale.least // len(asked.digits)))
    held = Several(asked.validation or mnist_digits.validation(study))
    return Loaders(
        train=ArrayBatches(pool, 64, generator if asked.shuffled else None),
        validation=ArrayBatches(held, BATCH),
        generator=generator,
    )


@torch.no_grad()
def logits(model: nn.Module, pixels: Float32[np.ndarray, "n 28 28"]) -> Float32[np.ndarray, "n 10"]:
    """What a network says of pictures."""
    images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None]
    parts = [model(images[start : start + BATCH]) for start in range(0, len(images), BATCH)]
    said: np.ndarray = torch.cat(parts).numpy()
    return said


def answers(model: nn.Module, pixels: Float32[np.ndarray, "n 28 28"]) -> Int64[np.ndarray, " n"]:
    """Which digit a network says each picture is."""
    said: np.ndarray = logits(model, pixels).argmax(axis=1)
    return said


def weights_of(model: nn.Module) -> dict[str, np.ndarray]:
    """A network's weights, to be kept in a result."""
    return {f"weights.{name}": value.numpy().copy() for name, value in model.state_dict().items()}


def with_weights(model: Network, arrays: dict[str, np.ndarray]) -> Network:
    """A network with the weights that a result kept."""
    kept = {key.removeprefix("weights."): value for key, value in arrays.items() if key.startswith("weights.")}
    model.load_state_dict({key: torch.from_numpy(value) for key, value in kept.items()})
    model.eval()
    return model
