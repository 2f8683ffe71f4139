"""A benchmark: our training loop beside the loop of a textbook, n = 16,000 digits an epoch.

`python -m numeye.training.bare_loop ROUNDS [CACHE]`, which `numeye bench train` starts, trains
`classic` with `loop.py` and with `bare_epoch` in turn, epoch by epoch, on the same digits in one
process. It prints the seconds of both as JSON. The training steps are timed, with the reading of
the batches; ours shows its progress bar meanwhile.
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

from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.run_folder import Run
from numeye.training.loaders import Loaders, Pair, digit_loaders
from numeye.training.loop import Callback, Training
from numeye.training.networks import create_model
from numeye.training.progress import progress_callback

DIGITS = 16_000  # an epoch of 250 steps: some seconds


def bare_epoch(
    model: nn.Module, loader: DataLoader[Pair], optimizer: torch.optim.Optimizer
) -> float:
    """Train one epoch as a textbook does, without records, checks or bar; return the mean loss."""
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


class BareLoopCallback(Callback):
    """Runs, after each epoch of ours, one epoch of the bare loop on the same digits."""

    def __init__(self, loader: DataLoader[Pair], learning_rate: float) -> None:
        self.loader = loader
        self.model = create_model("classic")
        self.optimizer = torch.optim.Adam(self.model.parameters(), lr=learning_rate)
        self.seconds: list[float] = []

    def on_epoch_end(self, training: Training, row: dict[str, Any]) -> None:
        """Run and time an epoch of the bare loop."""
        started = time.perf_counter()
        bare_epoch(self.model, self.loader, self.optimizer)
        self.seconds.append(time.perf_counter() - started)


def compare(rounds: int, cache: str | None = None) -> dict[str, Any]:
    """Return the seconds of each epoch of both loops, without a first round to warm up."""
    recipe = load_recipe("classic")
    loaders = _limit_digits(digit_loaders("mnist", recipe.batch_size, cache))
    digits = cast("Dataset[Pair]", loaders.train.dataset)
    bare = BareLoopCallback(
        DataLoader(digits, batch_size=recipe.batch_size, shuffle=True), recipe.learning_rate
    )
    console = Console(file=io.StringIO(), force_terminal=True)
    with tempfile.TemporaryDirectory() as folder:
        config = RunConfig(recipe=recipe, epochs=rounds + 1, device="cpu")
        run = Run.create(Path(folder) / "run", config)
        with closing(progress_callback(console)) as bar:
            Training(run, loaders, [bar, bare]).fit()
        ours = [row["seconds"] for row in run.metrics()]
    return {"digits": DIGITS, "ours": ours[1:], "bare": bare.seconds[1:]}


def _limit_digits(loaders: Loaders) -> Loaders:
    digits = Subset(cast("Dataset[Pair]", loaders.train.dataset), range(DIGITS))
    train = DataLoader(
        digits, batch_size=loaders.train.batch_size, shuffle=True, generator=loaders.generator
    )
    return replace(loaders, train=train)


if __name__ == "__main__":
    cache_folder = sys.argv[2] if len(sys.argv) > 2 else None
    sys.stdout.write(json.dumps(compare(int(sys.argv[1]), cache_folder)) + "\n")
