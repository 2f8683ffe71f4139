"""Measure the speed of a packaged model: the network alone, and the reader as a whole.

Usage: python benchmarks/network_speed.py [MODEL ...]   (default: recognizer and classic)

Takes a minute. Timed are ONNX Runtime for one picture and for batches of 256, on all cores, then
`Reader.read` and `read_many` for MNIST's validation digits, with all crops that they need. Models
take turns; the times are medians over the rounds.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np

from numeye import Reader, open_data
from numeye.models import environment, registry
from numeye.models.runtime import Network
from numeye.models.task import TASKS

ROUNDS = 15
SINGLE, BATCH = 50, 256  # pictures


def seconds(work: Callable[[], object]) -> float:
    """Return the duration of one call in seconds."""
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def tasks(name: str, pictures: list[np.ndarray]) -> dict[str, tuple[Callable[[], object], int]]:
    """Return the calls that are timed for a model, with the number of pictures in each."""
    model = registry.load(name)
    network, reader = Network(model, 0), Reader(model=name, single=True)
    shape = TASKS[network.task].input_shape[1:]
    single, batch = (
        np.random.default_rng(0).random((count, *shape), np.float32) for count in (1, BATCH)
    )
    return {
        "network, one at a time": (lambda: [network(single) for _ in range(SINGLE)], SINGLE),
        f"network, batches of {BATCH}": (lambda: network(batch), BATCH),
        "Reader.read": (lambda: [reader.read(picture) for picture in pictures[:SINGLE]], SINGLE),
        "Reader.read_many": (lambda: list(reader.read_many(pictures[:BATCH])), BATCH),
    }


def main() -> None:
    """Print a line for each model and call."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("models", nargs="*", default=["recognizer", "classic"])
    options = parser.parse_args()
    pictures = list(np.asarray(open_data("mnist:validation").pictures)[:BATCH])
    timed = {
        (name, call): task
        for name in options.models
        for call, task in tasks(name, pictures).items()
    }
    durations: dict[tuple[str, str], list[float]] = {key: [] for key in timed}
    for _ in range(ROUNDS + 1):  # the first is not counted
        for key, (work, count) in timed.items():
            durations[key].append(seconds(work) / count)
    processor = environment.environment()["processor"]
    print(f"{processor}, {os.cpu_count()} cores; medians of {ROUNDS} rounds by turns")
    for (name, call), times in durations.items():
        median = float(np.median(times[1:]))
        print(f"{name:<10}{call:<26}{median * 1e3:>8.3f} ms a picture{1 / median:>9,.0f} a second")


if __name__ == "__main__":
    main()
