"""The training loop: one for every recipe, on CPU and CUDA by the same code.

The heart of it is `Training._step`: forward pass, loss, backpropagation, step. The rest keeps the books so that a run
can be killed at any moment: everything random in an epoch hangs on (seed, epoch) alone, so weights and optimiser state
at an epoch's boundary are all that is needed to go on and end, on a CPU, in exactly the same weights.
"""

from __future__ import annotations

import hashlib
import math
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from itertools import islice
from typing import Any, NamedTuple

import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from numeye.errors import RunError, TrainingError, UsageError
from numeye.runs import MODEL, OPTIMIZER, Checkpoint, Run
from numeye.training.data import Loaders
from numeye.training.losses import CrossEntropy, FindAndRead, Spot
from numeye.training.models import create_model

LOSSES: dict[str, Callable[[], Any]] = {"cross-entropy": CrossEntropy, "find-and-read": FindAndRead, "spot": Spot}
OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {"adam": torch.optim.Adam, "adamw": torch.optim.AdamW}

RANDOM_STATE = "random.cpu"
RAW = "raw."  # the weights that are stepped, where those that are kept are their average


def one_cycle(done: float) -> float:
    """Up for a tenth of the training, then down along a cosine to nothing (Smith and Topin 2017)."""
    return done / 0.1 if done < 0.1 else 0.5 * (1 + math.cos(math.pi * (done - 0.1) / 0.9))


# Share of the learning rate by the share of the training that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "one-cycle": one_cycle,
}


class Stopped(Exception):
    """Someone pressed Ctrl-C; where training stood has been saved."""


class Batch(NamedTuple):
    """What one step learnt from: its mean loss, what the network said before it, and what is to be said."""

    loss: float
    outputs: Tensor
    targets: Tensor


class Callback:
    """What is told how training goes; override what you want to hear of."""

    def started(self, training: Training) -> None:
        """Training is about to take its first step, or to go on."""

    def stepped(self, training: Training, pictures: int) -> None:
        """One batch of so many pictures has been learnt from."""

    def validating(self, training: Training) -> None:
        """An epoch's last step is done and its validation begins."""

    def epoch_ended(self, training: Training, row: dict[str, Any]) -> None:
        """An epoch is done and its checkpoint is safe; `row` is its line of `metrics.jsonl`."""


class Training:
    """A network being trained, and how far it has come.

    Attributes:
        run: where it is written down.
        loaders: what it learns from.
        device: where it is computed.
        epoch: whole epochs done.
        step: steps done in the current epoch.
        last: the batch of the last step, for callbacks that ask more of it; None before the first.
    """

    def __init__(self, run: Run, loaders: Loaders, callbacks: Sequence[Callback] = ()) -> None:
        recipe = run.config.recipe
        self.run = run
        self.loaders = loaders
        self.callbacks = callbacks
        self.device = choose_device(run.config.device)
        torch.manual_seed(run.config.seed)  # the first weights hang on the seed and nothing else
        # Where each pixel's channels lie together, half precision is half as fast again on a CPU.
        layout = torch.channels_last if recipe.precision == "bfloat16" else torch.contiguous_format
        self.model = create_model(recipe.model).to(self.device).to(memory_format=layout)
        self.loss_function = named(LOSSES, recipe.loss, "loss")()
        optimizer_type: Any = named(OPTIMIZERS, recipe.optimizer, "optimizer")
        self.optimizer: torch.optim.Optimizer = optimizer_type(
            self.model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay
        )
        self.schedule = named(SCHEDULES, recipe.schedule, "schedule")
        self.average = _average(self.model, recipe.average) if recipe.average else None
        self.epoch = 0
        self.step = 0
        self.last: Batch | None = None
        self._loss_sum = 0.0  # over the pictures of the current epoch
        self._pictures = 0
        self._seconds = 0.0

    def fit(self) -> nn.Module:
        """Train until the run's number of epochs is done.

        Raises:
            Stopped: by Ctrl-C or a termination signal; `resume` goes on from this very step.
            TrainingError: the loss is not finite any more.
        """
        if not self.run.checkpoints():
            self._save()  # the random weights everything starts from
        self._tell("started", self)
        with _stop_signals() as stop:
            while self.epoch < self.run.config.epochs:
                self._run_epoch(stop)
                if stop.is_set():  # while the epoch was validated: its checkpoint is safe
                    raise self._stopped()
        return self.model

    def resume(self, say: Callable[[str], object]) -> None:
        """Go back to the newest checkpoint that is whole; to the beginning where there is none."""
        self.run.sweep()
        checkpoint = self.run.newest((MODEL, OPTIMIZER), say)
        if checkpoint is not None:
            self._restore(checkpoint)
        rows = self.run.metrics()
        done = [row for row in rows if row["epoch"] <= self.epoch]
        if len(done) < len(rows):  # killed between an epoch's row and its checkpoint: that epoch is learnt again
            self.run.write_metrics(done)

    def _run_epoch(self, stop: threading.Event) -> None:
        self._train_epoch(stop)
        self._tell("validating", self)
        row = self._epoch_row()
        self.epoch, self.step = self.epoch + 1, 0
        self._loss_sum, self._pictures, self._seconds = 0.0, 0, 0.0
        self.run.write_metrics([*self.run.metrics(), row])
        self._save()
        self._tell("epoch_ended", self, row)

    def _train_epoch(self, stop: threading.Event) -> None:
        self.model.train()
        batches = self._batches()
        begun = time.perf_counter()
        for images, labels in batches:
            self._loss_sum += self._step(images, labels) * len(labels)
            self._pictures += len(labels)
            self.step += 1
            for callback in self.callbacks:
                callback.stepped(self, len(labels))
            if stop.is_set():
                self._seconds += time.perf_counter() - begun
                self._save()
                raise self._stopped()
        self._seconds += time.perf_counter() - begun

    def _step(self, images: Tensor, labels: Tensor) -> float:
        """Learn from one batch, pictures (B, 1, H, W) and labels (B), and return its mean loss."""
        images, labels = images.to(self.device), labels.to(self.device)
        with self._precision():
            logits = self.model(images)  # forward pass: (B, 1, 28, 28) -> (B, 10)
        loss = self.loss_function(logits.float(), labels)  # how wrong, one number
        value: float = loss.item()
        if not math.isfinite(value):
            raise TrainingError(self._not_finite("loss", value))
        self.optimizer.zero_grad()
        loss.backward()  # backpropagation: which way each weight should move
        self._set_learning_rate()
        self.optimizer.step()  # and move it a little
        if self.average is not None:
            self.average.update_parameters(self.model)
        self.last = Batch(value, logits.detach(), labels)
        return value

    @property
    def steps(self) -> int:
        """Steps done since the very first, over all epochs."""
        return self.epoch * len(self.loaders.train) + self.step

    @property
    def steps_in_all(self) -> int:
        """Steps that will be done when the run has finished."""
        return self.run.config.epochs * len(self.loaders.train)

    def _set_learning_rate(self) -> None:
        """By how much of the training is done; hangs on nothing else, so that nothing of it needs to be stored."""
        share = self.schedule(self.steps / self.steps_in_all)
        for group in self.optimizer.param_groups:
            group["lr"] = self.run.config.recipe.learning_rate * share

    def _precision(self) -> Any:
        half = self.run.config.recipe.precision == "bfloat16"
        return torch.autocast(self.device.type, torch.bfloat16, enabled=half)

    @property
    def kept(self) -> nn.Module:
        """The network whose weights are validated, stored and exported: the average where there is one."""
        return self.model if self.average is None else self.average.module

    def _batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """The current epoch's batches from the current step on, everything random seeded by (seed, epoch)."""
        seed = seed_of_epoch(self.run.config.seed, self.epoch)
        self.loaders.generator.manual_seed(seed)
        batches = islice(self.loaders.train, self.step, None)
        if self.step == 0:
            torch.manual_seed(seed)
        return batches

    @torch.no_grad()
    def _validate(self) -> tuple[float, float]:
        """Mean loss and accuracy in percent on the digits held back."""
        model = self.kept.eval()
        loss_sum, correct, total = 0.0, 0, 0
        for images, labels in self.loaders.validation:
            images, labels = images.to(self.device), labels.to(self.device)
            logits = model(images)  # (B, 10)
            loss_sum += self.loss_function(logits, labels).item() * len(labels)
            correct += int(self.loss_function.right(logits, labels).sum())
            total += len(labels)
        return loss_sum / total, correct / total * 100

    def _epoch_row(self) -> dict[str, Any]:
        begun = time.perf_counter()
        validation_loss, validation_accuracy = self._validate()
        if not math.isfinite(validation_loss):
            raise TrainingError(self._not_finite("validation loss", validation_loss))
        return {
            "epoch": self.epoch + 1,
            "train_loss": self._loss_sum / self._pictures,
            "validation_loss": validation_loss,
            "validation_accuracy": validation_accuracy,
            "seconds": round(self._seconds, 3),  # of the training steps, reading the batches included
            "validation_seconds": round(time.perf_counter() - begun, 3),
            "images_per_second": round(self._pictures / self._seconds, 1),
        }

    def _stopped(self) -> Stopped:
        where = f"in epoch {self.epoch + 1} after {self.step} steps"
        return Stopped(f"{where}; this goes on: {self.run.resume_command()}")

    def _not_finite(self, what: str, value: float) -> str:
        good = self.run.newest((MODEL,), lambda _: None)
        kept = f"the last good checkpoint is {good.folder}" if good else "no checkpoint was written yet"
        return (
            f"the {what} became {value} in epoch {self.epoch + 1}, step {self.step + 1}; {kept}; "
            f"a learning rate below {self.run.config.recipe.learning_rate:g} helps most often"
        )

    def _tell(self, what: str, *arguments: Any) -> None:
        for callback in self.callbacks:
            getattr(callback, what)(*arguments)

    def _save(self) -> None:
        optimizer = {
            f"{number}.{key}": value.contiguous()
            for number, values in self.optimizer.state_dict()["state"].items()
            for key, value in values.items()
            if isinstance(value, Tensor)
        }
        raw = {} if self.average is None else {RAW + name: value for name, value in _tensors(self.model).items()}
        files = {
            MODEL: save_tensors(_tensors(self.kept)),
            OPTIMIZER: save_tensors({**optimizer, **raw, RANDOM_STATE: torch.get_rng_state()}),
        }
        sums = {"loss_sum": self._loss_sum, "pictures": self._pictures, "seconds": self._seconds}
        self.run.save_checkpoint(self.epoch, self.step, files, sums)

    def _restore(self, checkpoint: Checkpoint) -> None:
        stored = load_tensors(checkpoint.read(OPTIMIZER))
        torch.set_rng_state(stored.pop(RANDOM_STATE))  # used as it is only within an epoch; see _batches
        raw = {name.removeprefix(RAW): stored.pop(name) for name in list(stored) if name.startswith(RAW)}
        state: dict[int, dict[str, Tensor]] = {}
        for name, value in stored.items():
            number, _, key = name.partition(".")
            state.setdefault(int(number), {})[key] = value
        try:
            kept = load_tensors(checkpoint.read(MODEL))
            self.kept.load_state_dict(kept)
            self.model.load_state_dict(raw or kept)
            groups = self.optimizer.state_dict()["param_groups"]
            self.optimizer.load_state_dict({"state": state, "param_groups": groups})
            _lay_out_alike(self.optimizer)
        except (RuntimeError, ValueError) as error:
            first = str(error).splitlines()[0]
            raise RunError(f"{checkpoint.folder}: weights of another network ({first})") from error
        self.epoch, self.step = checkpoint.epoch, checkpoint.step
        if self.average is not None:  # it counts from here: the first update would else replace it
            self.average.n_averaged.fill_(self.steps)
        self._loss_sum = checkpoint.state["loss_sum"]
        self._pictures = checkpoint.state["pictures"]
        self._seconds = checkpoint.state["seconds"]


def _lay_out_alike(optimizer: torch.optim.Optimizer) -> None:
    """What the optimiser remembers of each weight in the weight's own order of memory: steps are quicker."""
    for parameter, remembered in optimizer.state.items():
        for key, value in remembered.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                remembered[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)


def _average(model: nn.Module, steps: int) -> AveragedModel:
    """A moving average of the weights, those of the batch normalisation included (Polyak and Juditsky 1992).

    Over fewer steps at first, or the random weights of the beginning would still count after a short training.
    """

    def average(kept: Any, now: Any, count: Any) -> None:
        decay = min(1 - 1 / steps, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(decay)(kept, now, count)  # type: ignore[no-untyped-call]

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def _tensors(model: nn.Module) -> dict[str, Tensor]:
    return {name: value.contiguous() for name, value in model.state_dict().items()}


def seed_of_epoch(seed: int, epoch: int) -> int:
    """A number of 63 bits that hangs on both and is unlike that of any other pair."""
    digest = hashlib.sha256(f"numeye/{seed}/{epoch}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def hardware() -> dict[str, Any]:
    """What decides, beside the source, whether two trainings are alike to the last bit: torch's threads, the GPU."""
    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {"threads": torch.get_num_threads(), "gpu": gpu}


def choose_device(name: str) -> torch.device:
    """The device of that name; `auto` is CUDA where there is one.

    Raises:
        UsageError: there is none of that name here.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    try:
        device = torch.device(name)
        torch.empty(0, device=device)
    except (RuntimeError, AssertionError) as error:
        raise UsageError(f"--device {name}: not to be had here ({str(error).splitlines()[0]})") from error
    return device


@contextmanager
def _stop_signals() -> Iterator[threading.Event]:
    """An event that Ctrl-C and SIGTERM set, so that no step is cut in half; the second Ctrl-C stops at once."""
    stop = threading.Event()
    if threading.current_thread() is not threading.main_thread():
        yield stop  # only the main thread may listen to signals
        return

    def on_signal(*_: object) -> None:
        if stop.is_set():
            raise KeyboardInterrupt
        stop.set()

    before = {number: signal.signal(number, on_signal) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield stop
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def named(table: dict[str, Any], name: str, what: str) -> Any:
    """What a recipe names.

    Raises:
        UsageError: there is none of this name.
    """
    if name not in table:
        raise UsageError(f"no {what} {name!r}; there are {', '.join(sorted(table))}")
    return table[name]
