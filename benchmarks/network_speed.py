"""How fast a packaged model answers: the network alone, and the whole way from pixels in memory to a reading.

Usage: python benchmarks/network_speed.py [MODEL ...]   (a minute; `reader` and `classic` where left out)
In the clock: ONNX Runtime on one picture and on batches of 256, on all cores; then `Reader.read` and `read_many` on
MNIST's validation digits, all glances and looks included. Models take turns; medians over the rounds are printed.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

import numpy as np

from numeye import Reader, open_data, source, weights
from numeye.eyes import SHAPES, Network

ROUNDS, SINGLE, BATCH = 15, 50, 256


def seconds(work: Callable[[], object]) -> float:
    """Of one call."""
    begun = time.perf_counter()
    work()
    return time.perf_counter() - begun


def tasks(name: str, pictures: list[np.ndarray]) -> dict[str, tuple[Callable[[], object], int]]:
    """What is timed of a model, and how many pictures each is."""
    model = weights.load(name)
    network, reader = Network(model, 0), Reader(model=name, single=True)
    shape = SHAPES[network.framing][0][0][1:]
    one, many = (np.random.default_rng(0).random((count, *shape), np.float32) for count in (1, BATCH))
    return {
        "network, one at a time": (lambda: [network(one) for _ in range(SINGLE)], SINGLE),
        f"network, batches of {BATCH}": (lambda: network(many), BATCH),
        "Reader.read": (lambda: [reader.read(picture) for picture in pictures[:SINGLE]], SINGLE),
        "Reader.read_many": (lambda: list(reader.read_many(pictures[:BATCH])), BATCH),
    }


def main() -> None:
    """Print a line for each."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("models", nargs="*", default=["reader", "classic"])
    asked = parser.parse_args()
    pictures = list(np.asarray(open_data("mnist:validation").pictures)[:BATCH])
    timed = {(name, what): task for name in asked.models for what, task in tasks(name, pictures).items()}
    taken: dict[tuple[str, str], list[float]] = {key: [] for key in timed}
    for _ in range(ROUNDS + 1):  # the first is not counted
        for key, (work, count) in timed.items():
            taken[key].append(seconds(work) / count)
    print(f"{source.environment()['processor']}, {os.cpu_count()} cores; medians of {ROUNDS} rounds by turns")
    for (name, what), times in taken.items():
        middle = float(np.median(times[1:]))
        print(f"{name:<10}{what:<26}{middle * 1e3:>8.3f} ms a picture{1 / middle:>9,.0f} a second")


if __name__ == "__main__":
    main()
