"""The training loop: one for every recipe, and the same code on CPU and CUDA.

The heart is `Training._step`: forward pass, loss, backpropagation, optimizer step. The rest keeps
records, so that a run may be killed at any moment. Everything random in an epoch depends only on
the seed and the number of the epoch. So the weights and the state of the optimizer at the end of an
epoch are enough to continue and, on a CPU, to end with exactly the same weights.
"""

from __future__ import annotations

import hashlib
import math
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from typing import Any, NamedTuple

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn

from numeye.errors import RunError, TrainingError, UsageError
from numeye.models.run_folder import MODEL, OPTIMIZER, Checkpoint, Run
from numeye.training.interrupts import TrainingInterrupted, stop_signals
from numeye.training.loaders import Loaders
from numeye.training.networks import create_model
from numeye.training.optimizers import (
    SCHEDULES,
    create_optimizer,
    look_up,
    match_memory_layout,
    moving_average,
)
from numeye.training.pretrained import STATISTICS_BATCHES, load_pretrained
from numeye.training.reproducibility import cpu_has_bfloat16
from numeye.training.tasks import create_loss

RANDOM_STATE = "random.cpu"
RAW_PREFIX = "raw."  # of the weights that the optimizer changes, if their average is the model


class StepResult(NamedTuple):
    """What one step computed: mean loss, outputs before the step, and targets."""

    loss: float
    outputs: Tensor
    targets: Tensor


class Callback:
    """Base class of callbacks: override the methods of the events that you need."""

    def on_start(self, training: Training) -> None:
        """React to the start: training is about to take its first step, or to continue."""

    def on_step(self, training: Training, pictures: int) -> None:
        """React to the end of one step; its batch had `pictures` pictures."""

    def on_validation(self, training: Training) -> None:
        """React to the start of the validation, after the last step of an epoch."""

    def on_epoch_end(self, training: Training, row: dict[str, Any]) -> None:
        """React to the end of an epoch; its checkpoint and `row` (`metrics.jsonl`) are written."""


class Training:
    """A network in training, and how far it is.

    Attributes:
        run: where the records and checkpoints are written.
        loaders: batches to train and to validate on.
        device: where the network is computed.
        model: the network whose weights the optimizer changes.
        epoch: number of complete epochs.
        step: number of steps in the current epoch.
        last_step: what the last step computed, for callbacks; None before the first step.
    """

    def __init__(self, run: Run, loaders: Loaders, callbacks: Sequence[Callback] = ()) -> None:
        recipe = run.config.recipe
        self.run = run
        self.loaders = loaders
        self.callbacks = callbacks
        self.device = choose_device(run.config.device)
        torch.manual_seed(run.config.seed)  # so the first weights depend on nothing but the seed
        # On a CPU, bfloat16 is 1.5 times as fast if the channels of a pixel lie together.
        layout = torch.channels_last if recipe.precision == "bfloat16" else torch.contiguous_format
        model = create_model(recipe.model)
        if recipe.pretrained and not run.checkpoints():
            batches = (images for images, _ in islice(loaders.validation, STATISTICS_BATCHES))
            load_pretrained(model, recipe.pretrained, batches)
        self.model = model.to(self.device).to(memory_format=layout)
        self.loss_function = create_loss(recipe)
        self.optimizer = create_optimizer(recipe, self.model)
        self.schedule = look_up(SCHEDULES, recipe.schedule, "schedule")
        self.average = moving_average(self.model, recipe.average) if recipe.average else None
        self.epoch = 0
        self.step = 0
        self.last_step: StepResult | None = None
        self._loss_sum = 0.0  # over the pictures of the current epoch
        self._pictures = 0
        self._seconds = 0.0

    def fit(self) -> nn.Module:
        """Train until the run's number of epochs is complete, and return the network.

        Raises:
            TrainingInterrupted: Ctrl-C or a termination signal stopped it; `resume` continues from
                this step.
            TrainingError: the loss became infinite or not a number.
        """
        if not self.run.checkpoints():
            self._save()  # the random first weights
        self._notify("on_start", self)
        with stop_signals() as stop:
            while self.epoch < self.run.config.epochs:
                self._run_epoch(stop)
                if stop.is_set():  # during the validation; the checkpoint is saved
                    raise self._interrupted()
        return self.model

    def resume(self, progress: Callable[[str], object]) -> None:
        """Go back to the newest intact checkpoint, or to the beginning if there is none.

        Args:
            progress: receives one line for each damaged checkpoint.
        """
        self.run.remove_temporary_files()
        checkpoint = self.run.newest_checkpoint((MODEL, OPTIMIZER), progress)
        if checkpoint is not None:
            self._restore(checkpoint)
        rows = self.run.metrics()
        completed = [row for row in rows if row["epoch"] <= self.epoch]
        # A kill between the row of an epoch and its checkpoint: that epoch is trained again.
        if len(completed) < len(rows):
            self.run.write_metrics(completed)

    def _run_epoch(self, stop: threading.Event) -> None:
        self._train_epoch(stop)
        self._notify("on_validation", self)
        row = self._epoch_row()
        self.epoch, self.step = self.epoch + 1, 0
        self._loss_sum, self._pictures, self._seconds = 0.0, 0, 0.0
        self.run.write_metrics([*self.run.metrics(), row])
        self._save()
        self._notify("on_epoch_end", self, row)

    def _train_epoch(self, stop: threading.Event) -> None:
        self.model.train()
        batches = self._batches()
        started = time.perf_counter()
        for images, labels in batches:
            self._loss_sum += self._step(images, labels) * len(labels)
            self._pictures += len(labels)
            self.step += 1
            for callback in self.callbacks:
                callback.on_step(self, len(labels))
            if stop.is_set():
                self._seconds += time.perf_counter() - started
                self._save()
                raise self._interrupted()
        self._seconds += time.perf_counter() - started

    def _step(self, images: Tensor, labels: Tensor) -> float:
        """Learn from one batch, pictures (B, 1, H, W) and labels (B), and return its mean loss."""
        images, labels = images.to(self.device), labels.to(self.device)
        with self._autocast():
            logits = self.model(images)  # forward pass: (B, 1, 28, 28) -> (B, 10)
        loss = self.loss_function(logits.float(), labels)  # how wrong, one number
        value: float = loss.item()
        if not math.isfinite(value):
            raise TrainingError(self._divergence_message("loss", value))
        self.optimizer.zero_grad()
        loss.backward()  # backpropagation: which way each weight should move
        self._set_learning_rate()
        self.optimizer.step()  # and move it a little
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.last_step = StepResult(value, logits.detach(), labels)
        return value

    @property
    def steps(self) -> int:
        """Number of steps since the start of the run, over all epochs."""
        return self.epoch * len(self.loaders.train) + self.step

    @property
    def total_steps(self) -> int:
        """Number of steps that the whole run takes."""
        return self.run.config.epochs * len(self.loaders.train)

    def _set_learning_rate(self) -> None:
        """Set the learning rate from the share of the training that is done.

        It depends on nothing else, so that a checkpoint need not store it.
        """
        factor = self.schedule(self.steps / self.total_steps)
        for group in self.optimizer.param_groups:
            group["lr"] = self.run.config.recipe.learning_rate * factor

    def _autocast(self) -> Any:
        half = self.run.config.recipe.precision == "bfloat16"
        is_quick = self.device.type != "cpu" or cpu_has_bfloat16()
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half and is_quick)

    @property
    def evaluated_model(self) -> nn.Module:
        """The network that is validated, stored and exported: the average if the recipe has one."""
        return self.model if self.average is None else self.average.module

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Return the current epoch's batches, from the current step on.

        Everything random is seeded by seed and epoch.
        """
        seed = epoch_seed(self.run.config.seed, self.epoch)
        self.loaders.generator.manual_seed(seed)
        batches = islice(self.loaders.train, self.step, None)
        if self.step == 0:
            torch.manual_seed(seed)
        return batches

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """Return mean loss and accuracy in percent on the validation digits."""
        model = self.evaluated_model.eval()
        loss_sum, correct, total = 0.0, 0, 0
        for images, labels in self.loaders.validation:
            images, labels = images.to(self.device), labels.to(self.device)
            logits = model(images)  # (B, 10)
            loss_sum += self.loss_function(logits, labels).item() * len(labels)
            correct += int(self.loss_function.correct(logits, labels).sum())
            total += len(labels)
        return loss_sum / total, correct / total * 100

    def _epoch_row(self) -> dict[str, Any]:
        started = time.perf_counter()
        validation_loss, validation_accuracy = self._validate()
        if not math.isfinite(validation_loss):
            raise TrainingError(self._divergence_message("validation loss", validation_loss))
        return {
            "epoch": self.epoch + 1,
            "train_loss": self._loss_sum / self._pictures,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            # of the training steps, with the reading of the batches
            "seconds": round(self._seconds, 3),
            "validation_seconds": round(time.perf_counter() - started, 3),
            "images_per_second": round(self._pictures / self._seconds, 1),
        }

    def _interrupted(self) -> TrainingInterrupted:
        place = f"in epoch {self.epoch + 1} after {self.step} steps"
        return TrainingInterrupted(f"{place}; continue with: {self.run.resume_command()}")

    def _divergence_message(self, name: str, value: float) -> str:
        checkpoint = self.run.newest_checkpoint((MODEL,), lambda _: None)
        saved = (
            f"the last good checkpoint is {checkpoint.folder}"
            if checkpoint
            else "there is no checkpoint yet"
        )
        rate = self.run.config.recipe.learning_rate
        return (
            f"the {name} became {value} in epoch {self.epoch + 1}, step {self.step + 1}; {saved}; "
            f"a learning rate below {rate:g} usually helps"
        )

    def _notify(self, event: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, event)(*arguments)

    def _save(self) -> None:
        optimizer = {
            f"{number}.{key}": value.contiguous()
            for number, values in self.optimizer.state_dict()["state"].items()
            for key, value in values.items()
            if isinstance(value, Tensor)
        }
        raw = {}
        if self.average is not None:
            raw = {RAW_PREFIX + name: value for name, value in _contiguous(self.model).items()}
        files = {
            MODEL: save_tensors(_contiguous(self.evaluated_model)),
            OPTIMIZER: save_tensors({**optimizer, **raw, RANDOM_STATE: torch.get_rng_state()}),
        }
        sums = {"loss_sum": self._loss_sum, "pictures": self._pictures, "seconds": self._seconds}
        self.run.save_checkpoint(self.epoch, self.step, files, sums)

    def _restore(self, checkpoint: Checkpoint) -> None:
        stored = load_tensors(checkpoint.read(OPTIMIZER))
        # It matters only within an epoch; `_batches` sets it at the beginning of one.
        torch.set_rng_state(stored.pop(RANDOM_STATE))
        raw = {
            name.removeprefix(RAW_PREFIX): stored.pop(name)
            for name in list(stored)
            if name.startswith(RAW_PREFIX)
        }
        try:
            self._load_weights(load_tensors(checkpoint.read(MODEL)), raw, stored)
        except (RuntimeError, ValueError) as error:
            first_line = str(error).splitlines()[0]
            raise RunError(
                f"{checkpoint.folder}: its weights are of another network ({first_line})"
            ) from error
        self.epoch, self.step = checkpoint.epoch, checkpoint.step
        if self.average is not None:  # at a count of 0 the next update would replace the average
            self.average.n_averaged.fill_(self.steps)
        self._loss_sum = checkpoint.state["loss_sum"]
        self._pictures = checkpoint.state["pictures"]
        self._seconds = checkpoint.state["seconds"]

    def _load_weights(
        self, weights: dict[str, Tensor], raw: dict[str, Tensor], optimizer: dict[str, Tensor]
    ) -> None:
        self.evaluated_model.load_state_dict(weights)
        self.model.load_state_dict(raw or weights)
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in optimizer.items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = value
        groups = self.optimizer.state_dict()["param_groups"]
        self.optimizer.load_state_dict({"state": state, "param_groups": groups})
        match_memory_layout(self.optimizer)


def _contiguous(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in model.state_dict().items()}


def epoch_seed(seed: int, epoch: int) -> int:
    """Return a seed of 63 bits that differs for each pair of run seed and epoch."""
    digest = hashlib.sha256(f"numeye/{seed}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def choose_device(name: str) -> torch.device:
    """Return the device of this name; `auto` is CUDA if there is one, else the CPU.

    Raises:
        UsageError: this machine has no such device.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(
            f"--device {name}: not available on this machine ({str(error).splitlines()[0]})"
        ) from error
    return device
