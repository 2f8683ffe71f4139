"""The loop a textbook would write, and how much more ours costs.

`python -m numeye.training.bare` (as `numeye bench train` starts it) trains `classic` with `loop.py` and with
`bare_epoch` by turns, epoch by epoch, on the same digits in one process, and prints the seconds of both as JSON. In
the clock are the training steps, reading the batches included; ours runs with its progress bar.
"""

from __future__ import annotations

import io
import json
import sys
import tempfile
import time
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import torch
from rich.console import Console
from torch import nn
from torch.utils.data import DataLoader, Dataset, Subset

from numeye.config import RunConfig, load_recipe
from numeye.runs import Run
from numeye.training.console import listener
from numeye.training.data import Loaders, Pair, loaders
from numeye.training.loop import Callback, Training
from numeye.training.models import create_model

DIGITS = 16_000  # an epoch of 250 steps: some seconds


def bare_epoch(model: nn.Module, loader: DataLoader[Pair], optimizer: torch.optim.Optimizer) -> float:
    """One epoch as a textbook has it: no records, no checks, no bar. Returns the mean loss."""
    loss_function = nn.CrossEntropyLoss()
    loss_sum = 0.0
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        logits = model(images)
        loss = loss_function(logits, labels)
        loss.backward()
        optimizer.step()
        loss_sum += loss.item()
    return loss_sum / len(loader)


class BareBetween(Callback):
    """After each epoch of ours, one of the bare loop on the same digits."""

    def __init__(self, loader: DataLoader[Pair], learning_rate: float) -> None:
        self.loader = loader
        self.model = create_model("classic")
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate)
        self.seconds: list[float] = []

    def epoch_ended(self, training: Training, row: dict[str, Any]) -> None:
        """Run and time it."""
        begun = time.perf_counter()
        bare_epoch(self.model, self.loader, self.optimizer)
        self.seconds.append(time.perf_counter() - begun)


def compare(rounds: int, cache: str | None = None) -> dict[str, Any]:
    """Seconds of each epoch of both loops; one round more is run first and left out, to warm up."""
    recipe = load_recipe("classic")
    batches = _fewer(loaders("mnist", recipe.batch_size, cache))
    digits = cast("Dataset[Pair]", batches.train.dataset)
    bare = BareBetween(DataLoader(digits, batch_size=recipe.batch_size, shuffle=True), recipe.learning_rate)
    console = Console(file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        config = RunConfig(recipe=recipe, epochs=rounds + 1, device="cpu")
        run = Run.create(Path(folder) / "run", config)
        with closing(listener(console)) as bar:
            Training(run, batches, [bar, bare]).fit()
        ours = [row["seconds"] for row in run.metrics()]
    return {"digits": DIGITS, "ours": ours[1:], "bare": bare.seconds[1:]}


def _fewer(batches: Loaders) -> Loaders:
    digits = Subset(cast("Dataset[Pair]", batches.train.dataset), range(DIGITS))
    train = DataLoader(digits, batch_size=batches.train.batch_size, shuffle=True, generator=batches.generator)
    return replace(batches, train=train)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(compare(int(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None)) + "\n")
