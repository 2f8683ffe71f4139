"""How training shows itself: a bar on a terminal, plain lines elsewhere, a table row an epoch on both."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from numeye.training.loop import Callback, Training

HEADER = "epoch   train loss   val. loss   val. accuracy   seconds"
PLAIN_EVERY = 30.0  # seconds between two lines where there is no bar


def listener(console: Console) -> Lines:
    """What suits the console: a bar on a terminal, lines elsewhere."""
    return Bar(console) if console.is_terminal else Lines(console)


def format_row(row: dict[str, Any]) -> str:
    """One epoch as a line below `HEADER`."""
    return (
        f"{row['epoch']:5d}   {row['train_loss']:10.4f}   {row['validation_loss']:9.4f}   "
        f"{row['validation_accuracy']:11.2f} %   {row['seconds']:7.1f}"
    )


class Lines(Callback):
    """Plain lines: the rows, and now and then how far the epoch is."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._next = 0.0

    def started(self, training: Training) -> None:
        """Print the table's head and the rows that are there already."""
        self.console.print(HEADER, highlight=False)
        for row in training.run.metrics():
            self.console.print(format_row(row), highlight=False)
        self._next = time.monotonic() + PLAIN_EVERY

    def stepped(self, training: Training, pictures: int) -> None:
        """Print a line when the last one is a while ago."""
        now = time.monotonic()
        if now >= self._next:
            self._next = now + PLAIN_EVERY
            steps = len(training.loaders.train)
            self.console.print(f"epoch {training.epoch + 1}: step {training.step} of {steps}", highlight=False)

    def epoch_ended(self, training: Training, row: dict[str, Any]) -> None:
        """Print the epoch's row."""
        self.console.print(format_row(row), highlight=False)

    def close(self) -> None:
        """Nothing is left open."""


class Bar(Lines):
    """A bar over the whole training, with images/s and the time left; the rows stand above it."""

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self._bar = Progress(
            TextColumn("{task.description}"),
            BarColumn(),
            TextColumn("{task.percentage:3.0f} %  {task.fields[speed]} images/s  left"),
            TimeRemainingColumn(),
            console=console,
            transient=True,
        )
        self._task = TaskID(0)
        self._shown = 0.0
        self._begun = 0.0
        self._pictures = 0

    def started(self, training: Training) -> None:
        """Print the table's head and show the bar."""
        super().started(training)
        steps = len(training.loaders.train)
        done = training.epoch * steps + training.step
        total = training.run.config.epochs * steps
        self._task = self._bar.add_task("starting", total=total, completed=done, speed="-")
        self._begun = time.monotonic()
        self._bar.start()

    def stepped(self, training: Training, pictures: int) -> None:
        """Move the bar, at most ten times a second."""
        self._pictures += pictures
        now = time.monotonic()
        if now - self._shown >= 0.1:
            self._shown = now
            self._show(training, f"epoch {training.epoch + 1}", f"{self._pictures / (now - self._begun):,.0f}")

    def validating(self, training: Training) -> None:
        """Say so: it takes a moment."""
        self._show(training, "validating", "-")

    def epoch_ended(self, training: Training, row: dict[str, Any]) -> None:
        """Print the row above the bar and count the speed anew."""
        super().epoch_ended(training, row)
        self._begun, self._pictures = time.monotonic(), 0

    def close(self) -> None:
        """Take the bar away."""
        self._bar.stop()

    def _show(self, training: Training, what: str, speed: str) -> None:
        done = training.epoch * len(training.loaders.train) + training.step
        self._bar.update(self._task, completed=done, description=what, speed=speed)
