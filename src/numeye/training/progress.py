"""Progress of a training on a console: a bar on a terminal, plain lines elsewhere."""

from __future__ import annotations

import time
from typing import Any

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskID, TextColumn, TimeRemainingColumn

from numeye.training.loop import Callback, Training

HEADER = "epoch   train loss   val. loss   val. accuracy   seconds"
LINE_INTERVAL_S = 30.0  # between two lines where there is no bar
BAR_INTERVAL_S = 0.1


def progress_callback(console: Console) -> ProgressLines:
    """Return what suits the console: a bar on a terminal, else lines."""
    return ProgressBar(console) if console.is_terminal else ProgressLines(console)


def format_row(row: dict[str, Any]) -> str:
    """Return one epoch as a line below `HEADER`."""
    return (
        f"{row['epoch']:5d}   {row['train_loss']:10.4f}   {row['validation_loss']:9.4f}   "
        f"{row['validation_accuracy']:11.2f} %   {row['seconds']:7.1f}"
    )


class ProgressLines(Callback):
    """Plain lines: one for each epoch, and one every 30 seconds with the step."""

    def __init__(self, console: Console) -> None:
        self.console = console
        self._next_line = 0.0

    def on_start(self, training: Training) -> None:
        """Print the header and the rows of earlier epochs."""
        self.console.print(HEADER, highlight=False)
        for row in training.run.metrics():
            self.console.print(format_row(row), highlight=False)
        self._next_line = time.monotonic() + LINE_INTERVAL_S

    def on_step(self, training: Training, pictures: int) -> None:
        """Print a line if the last one is 30 seconds old."""
        now = time.monotonic()
        if now >= self._next_line:
            self._next_line = now + LINE_INTERVAL_S
            steps = len(training.loaders.train)
            self.console.print(
                f"epoch {training.epoch + 1}: step {training.step} of {steps}", highlight=False
            )

    def on_epoch_end(self, training: Training, row: dict[str, Any]) -> None:
        """Print the epoch's row."""
        self.console.print(format_row(row), highlight=False)

    def close(self) -> None:
        """Do nothing; a bar must be removed here."""


class ProgressBar(ProgressLines):
    """A bar over the whole training with images/s and the time left, below the rows."""

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
        self._last_update = 0.0
        self._epoch_start = 0.0
        self._pictures = 0

    def on_start(self, training: Training) -> None:
        """Print the header and show the bar."""
        super().on_start(training)
        steps = len(training.loaders.train)
        completed = training.epoch * steps + training.step
        total = training.run.config.epochs * steps
        self._task = self._bar.add_task("starting", total=total, completed=completed, speed="-")
        self._epoch_start = time.monotonic()
        self._bar.start()

    def on_step(self, training: Training, pictures: int) -> None:
        """Move the bar, at most ten times a second."""
        self._pictures += pictures
        now = time.monotonic()
        if now - self._last_update >= BAR_INTERVAL_S:
            self._last_update = now
            speed = f"{self._pictures / (now - self._epoch_start):,.0f}"
            self._update(training, f"epoch {training.epoch + 1}", speed)

    def on_validation(self, training: Training) -> None:
        """Show that the validation takes a moment."""
        self._update(training, "validating", "-")

    def on_epoch_end(self, training: Training, row: dict[str, Any]) -> None:
        """Print the row above the bar, and measure the speed anew."""
        super().on_epoch_end(training, row)
        self._epoch_start, self._pictures = time.monotonic(), 0

    def close(self) -> None:
        """Remove the bar."""
        self._bar.stop()

    def _update(self, training: Training, description: str, speed: str) -> None:
        completed = training.epoch * len(training.loaders.train) + training.step
        self._bar.update(self._task, completed=completed, description=description, speed=speed)
