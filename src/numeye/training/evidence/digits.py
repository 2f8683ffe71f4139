"""MNIST's digits in memory, as arrays: to learn from, to choose by, and to be tested on."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numeye.datasets import open_data

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64, Num

    from numeye.training.evidence.study import Study


@dataclass(frozen=True)
class Digits:
    """Pictures with their labels.

    Attributes:
        pixels: (n, 28, 28) 0 black to 1 white; ink is white.
        labels: (n,) 0 to 9.
    """

    pixels: Float32[np.ndarray, "n 28 28"]
    labels: Int64[np.ndarray, " n"]

    def __len__(self) -> int:
        """How many."""
        return len(self.labels)

    @property
    def flat(self) -> Float32[np.ndarray, "n 784"]:
        """The pictures as rows of pixels."""
        return self.pixels.reshape(len(self), -1)

    def take(self, numbers: Int64[np.ndarray, " m"]) -> Digits:
        """Some of them."""
        return Digits(self.pixels[numbers], self.labels[numbers])

    def first(self, count: int) -> Digits:
        """The first so many."""
        return Digits(self.pixels[:count], self.labels[:count])

    def some(self, count: int, seed: int = 0) -> Digits:
        """So many, drawn by lot, as many of each digit as can be: each lot of a seed begins with its smaller ones."""
        order = np.random.default_rng(seed).permutation(len(self))
        labels = self.labels[order]
        turn = np.empty(len(self), np.int64)  # the how-manieth of its digit each is
        for digit in range(10):
            members = labels == digit
            turn[members] = np.arange(members.sum())
        return self.take(order[np.argsort(turn, kind="stable")[:count]])


@lru_cache(maxsize=4)
def load(name: str, cache: str | Path | None) -> Digits:
    """All of `mnist:fit`, `mnist:validation` or `mnist`."""
    found = open_data(name, cache=cache)
    return Digits(np.asarray(found.pictures, np.float32) / 255, found.digits())


def fitted(study: Study) -> Digits:
    """What a study learns from."""
    return load("mnist:fit", study.cache).some(study.scale.train)


def validation(study: Study) -> Digits:
    """What settings are chosen by: digits of train that no weight is fitted to."""
    return load("mnist:validation", study.cache).some(study.scale.held)


def test(study: Study) -> Digits:
    """What each model is tested on, once."""
    return load("mnist", study.cache).first(study.scale.test)


def accuracy(answers: Num[np.ndarray, " n"], asked: Digits) -> float:
    """Right answers in percent."""
    return float((answers == asked.labels).mean() * 100)
