"""Optimizers, learning rate schedules and the moving average of the weights."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from numeye.errors import UsageError
from numeye.models.recipe import Recipe

OPTIMIZERS: dict[str, type[torch.optim.Optimizer]] = {
    "adam": torch.optim.Adam,
    "adamw": torch.optim.AdamW,
}
WARM_UP = 0.1  # share of the training in which `one_cycle` rises


def one_cycle(share: float) -> float:
    """Return the factor of the learning rate: a linear rise, then a fall along a cosine to 0.

    The idea is from Smith and Topin 2017, https://arxiv.org/abs/1708.07120.

    Args:
        share: how much of the training is done, 0 to 1.
    """
    if share < WARM_UP:
        return share / WARM_UP
    return 0.5 * (1 + math.cos(math.pi * (share - WARM_UP) / (1 - WARM_UP)))


# Each gives the factor of the learning rate for the share of the training that is done.
SCHEDULES: dict[str, Callable[[float], float]] = {
    "constant": lambda _: 1.0,
    "one-cycle": one_cycle,
}


def look_up(table: dict[str, Any], name: str, kind: str) -> Any:
    """Return the entry that a recipe names.

    Args:
        table: entries by name.
        name: as the recipe has it.
        kind: what the entries are, for the message.

    Raises:
        UsageError: the table has no such name.
    """
    if name not in table:
        raise UsageError(f"no {kind} {name!r}; expected one of {', '.join(sorted(table))}")
    return table[name]


def create_optimizer(recipe: Recipe, model: nn.Module) -> torch.optim.Optimizer:
    """Return a recipe's optimizer for the weights of a network.

    Raises:
        UsageError: the recipe names an optimizer that does not exist.
    """
    optimizer_type: Any = look_up(OPTIMIZERS, recipe.optimizer, "optimizer")
    # `numeye.training.reproducibility` says why
    fused = {"fused": True} if recipe.reproducible else {}
    optimizer: torch.optim.Optimizer = optimizer_type(
        model.parameters(), lr=recipe.learning_rate, weight_decay=recipe.weight_decay, **fused
    )
    return optimizer


def moving_average(model: nn.Module, steps: int) -> AveragedModel:
    """Return a copy of a network that holds the moving average of its weights.

    The statistics of batch normalisation are averaged too (Polyak and Juditsky 1992). At the
    beginning the average is over fewer steps. Otherwise the random first weights would still count
    after a short training.

    Args:
        model: whose weights are averaged.
        steps: over how many steps, about.
    """

    def average(averaged: Any, current: Any, count: Any) -> None:
        decay = min(1 - 1 / steps, (1 + int(count)) / (10 + int(count)))
        get_ema_multi_avg_fn(decay)(averaged, current, count)  # type: ignore[no-untyped-call]

    return AveragedModel(model, multi_avg_fn=average, use_buffers=True)


def match_memory_layout(optimizer: torch.optim.Optimizer) -> None:
    """Store the optimizer's state of each weight in the weight's memory layout.

    Steps are faster so. A state that was read from a file has another layout.
    """
    for parameter, state in optimizer.state.items():
        for key, value in state.items():
            if isinstance(value, Tensor) and value.shape == parameter.shape:
                state[key] = torch.empty_like(parameter, dtype=value.dtype).copy_(value)
