"""Measure what pinned instruction sets cost: training steps of `classic` with and without them.

Usage: python benchmarks/reproducible.py [PAIRS]   (default: 40)

Takes about a minute on 2 cores. Two processes, with two threads each, take turns of 20 steps with
64 MNIST digits; reading the batches is timed, too. Printed is the median ratio over the pairs of
turns with its 95 % interval (bootstrap over pairs), by wall clock and by processor time; the second
is the better one if the machine has other work. Threads sleep while they wait.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

STEPS = 20
BATCH = 64
MAX_PAIRS = 41  # an epoch has 860 steps, and one turn warms up
RESAMPLES = 2000


def work(reproducible: bool) -> None:
    """Take a turn for each line of standard input; print its wall-clock and processor seconds."""
    from numeye.models.recipe import RunConfig, load_recipe
    from numeye.models.run_folder import Run
    from numeye.training import reproducibility as mode
    from numeye.training.loaders import digit_loaders
    from numeye.training.loop import Training

    mode.pin_instruction_sets(mode.PINNED if reproducible else {})
    recipe = replace(load_recipe("classic"), reproducible=reproducible)
    with TemporaryDirectory() as folder, mode.fixed_threads(True):
        config = RunConfig(recipe=recipe, epochs=1, device="cpu")
        training = Training(Run.create(Path(folder) / "run", config), digit_loaders("mnist", BATCH))
        batches = iter(training.loaders.train)
        for _ in sys.stdin:
            wall, processor = time.perf_counter(), time.process_time()
            for _, (images, labels) in zip(range(STEPS), batches, strict=False):
                training._step(images, labels)
            print(time.perf_counter() - wall, time.process_time() - processor, flush=True)


def take_turn(worker: subprocess.Popen[str]) -> list[float]:
    """Let a process take a turn and return its wall-clock and processor seconds."""
    assert worker.stdin is not None
    assert worker.stdout is not None
    print("turn", file=worker.stdin, flush=True)
    return [float(word) for word in worker.stdout.readline().split()]


def interval(ratios: np.ndarray) -> tuple[float, float]:
    """Return the 95 % interval of the median, by bootstrap."""
    samples = np.random.default_rng(0).choice(ratios, (RESAMPLES, len(ratios)))
    low, high = np.quantile(np.median(samples, axis=1), (0.025, 0.975))
    return float(low), float(high)


def measure(pairs: int) -> np.ndarray:
    """Return the seconds, (pairs, free or pinned, wall clock or processor)."""
    environment = {**os.environ, "OMP_WAIT_POLICY": "passive"}
    command = [sys.executable, __file__]
    free, pinned = (
        subprocess.Popen([*command, name], stdin=-1, stdout=-1, text=True, env=environment)
        for name in ("free", "pinned")
    )
    rows = []
    for number in range(min(pairs, MAX_PAIRS) + 1):
        turns = {
            worker: take_turn(worker)
            for worker in ((free, pinned) if number % 2 else (pinned, free))
        }
        rows.append([turns[free], turns[pinned]])
    for worker in (free, pinned):
        worker.communicate()
    return np.array(rows[1:])


def main(pairs: int) -> None:
    """Print a line for each clock."""
    seconds = measure(pairs)
    for column, clock in enumerate(("wall clock", "processor time")):
        ratios = seconds[:, 1, column] / seconds[:, 0, column]
        low, high = interval(ratios)
        free, pinned = np.median(seconds[:, :, column], axis=0) / STEPS * 1000
        print(
            f"{clock}: pinned / free x {np.median(ratios):.2f} ({low:.2f} to {high:.2f};"
            f" {len(ratios)} pairs); {pinned:.1f} and {free:.1f} ms a step"
        )


if __name__ == "__main__":
    if sys.argv[1:] in (["free"], ["pinned"]):
        work(sys.argv[1] == "pinned")
    else:
        main(int(sys.argv[1]) if sys.argv[1:] else 40)
