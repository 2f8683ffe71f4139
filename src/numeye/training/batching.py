"""Batches of synthetic pictures, cut anew in every epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

P = TypeVar("P", bound=Sized)


class Batches(ABC, Generic[P]):
    """Batches of samples from a pool; order and samples depend only on the generator's state.

    Args:
        pool: to take samples from.
        batch_size: samples in a step.
        generator: seeded before each epoch; None gives the same samples in order every time.
    """

    def __init__(self, pool: P, batch_size: int, generator: torch.Generator | None = None) -> None:
        self.dataset = pool
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        """Return the number of batches; training leaves out a last one that is not full."""
        full = len(self.dataset) // self.batch_size
        return full if self.generator else -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """Yield the batches of one epoch."""
        if self.generator is None:
            order, seed = np.arange(len(self.dataset)), 0
        else:
            order = torch.randperm(len(self.dataset), generator=self.generator).numpy()
            seed = int(torch.randint(2**62, (1,), generator=self.generator))
        order = self.arrange(order, np.random.Generator(np.random.PCG64([seed, len(self)])))
        for number in range(len(self)):
            numbers = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield self.batch(numbers, np.random.Generator(np.random.PCG64([seed, number])))

    def arrange(self, order: np.ndarray, random: np.random.Generator) -> np.ndarray:
        """Return the numbers of the pictures in the order in which batches are cut from them.

        Args:
            order: all numbers, shuffled for training.
            random: for a further shuffle.
        """
        return order

    @abstractmethod
    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """Return samples of some pictures of the pool, and their targets.

        Args:
            numbers: of the pictures.
            random: decides how they are cut.
        """
