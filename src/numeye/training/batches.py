"""Batches of synthetic paper, cut anew in every epoch."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sized
from typing import Generic, TypeVar

import numpy as np
import torch
from torch import Tensor

P = TypeVar("P", bound=Sized)


class Batches(ABC, Generic[P]):
    """Goes through a pool in an order, and with views, that hang on the generator's state and on nothing else.

    Args:
        pool: to take from.
        batch_size: views a step.
        generator: seeded before each epoch; None for always the same views, in order.
    """

    def __init__(self, pool: P, batch_size: int, generator: torch.Generator | None = None) -> None:
        self.dataset = pool
        self.batch_size = batch_size
        self.generator = generator

    def __len__(self) -> int:
        """How many batches there are; a last one that is not full is left out when training."""
        return len(self.dataset) // self.batch_size if self.generator else -(-len(self.dataset) // self.batch_size)

    def __iter__(self) -> Iterator[tuple[Tensor, Tensor]]:
        """One epoch."""
        if self.generator is None:
            order, seed = np.arange(len(self.dataset)), 0
        else:
            order = torch.randperm(len(self.dataset), generator=self.generator).numpy()
            seed = int(torch.randint(2**62, (1,), generator=self.generator))
        for number in range(len(self)):
            numbers = order[number * self.batch_size : (number + 1) * self.batch_size]
            yield self.batch(numbers, np.random.Generator(np.random.PCG64([seed, number])))

    @abstractmethod
    def batch(self, numbers: np.ndarray, random: np.random.Generator) -> tuple[Tensor, Tensor]:
        """The views of some pictures of the pool, and what is to be said of them."""
