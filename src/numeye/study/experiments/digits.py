"""MNIST's digits in memory, as arrays: to learn from, to choose by and to test on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numeye.io.datasets import open_data

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64, Num

    from numeye.study.steps import Study


@dataclass(frozen=True)
class Digits:
    """Pictures with their labels.

    Attributes:
        pixels: (n, 28, 28), from 0 (black) to 1 (white); strokes are white.
        labels: (n,), 0 to 9.
    """

    pixels: Float32[np.ndarray, "n 28 28"]
    labels: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        """Number of pictures."""
        return len(self.labels)

    @property
    def flat(self) -> Float32[np.ndarray, "n 784"]:
        """The pictures as rows of pixels."""
        return self.pixels.reshape(len(self), -1)

    def take(self, indices: Int64[np.ndarray, " m"]) -> Digits:
        """Return the digits at these indices, in this order."""
        return Digits(self.pixels[indices], self.labels[indices])

    def first(self, count: int) -> Digits:
        """Return the first `count` digits."""
        return Digits(self.pixels[:count], self.labels[:count])

    def sample(self, count: int, seed: int = 0) -> Digits:
        """Return a random sample with as equal numbers of each digit as possible.

        With the same seed, a larger sample begins with the smaller ones.
        """
        order = np.random.default_rng(seed).permutation(len(self))
        labels = self.labels[order]
        rank = np.empty(len(self), np.int64)  # how many of the same digit come before
        for digit in range(10):
            members = labels == digit
            rank[members] = np.arange(members.sum())
        return self.take(order[np.argsort(rank, kind="stable")[:count]])


@lru_cache(maxsize=4)
def load(name: str, cache: str | Path | None) -> Digits:
    """Return all digits of `mnist:fit`, `mnist:validation` or `mnist`."""
    data = open_data(name, cache=cache)
    return Digits(np.asarray(data.pictures, np.float32) / 255, data.digits())


def load_training(study: Study) -> Digits:
    """Return the digits that the models of a study learn from."""
    return load("mnist:fit", study.cache).sample(study.scale.train)


def load_validation(study: Study) -> Digits:
    """Return the held-out training digits, by which settings are chosen."""
    return load("mnist:validation", study.cache).sample(study.scale.held)


def load_test(study: Study) -> Digits:
    """Return the test digits, which each model reads once."""
    return load("mnist", study.cache).first(study.scale.test)


def accuracy(answers: Num[np.ndarray, " n"], digits: Digits) -> float:
    """Return the share of right answers in percent."""
    return float((answers == digits.labels).mean() * 100)
