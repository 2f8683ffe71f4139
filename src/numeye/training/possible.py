"""Whether what a recipe asks for can be had here, before anything is begun: rendering alone may take minutes."""

from __future__ import annotations

import torch

from numeye.config import Recipe, RunConfig
from numeye.errors import UsageError
from numeye.training.loop import LOSSES, OPTIMIZERS, SCHEDULES, choose_device, named
from numeye.training.models import create_model
from numeye.training.paper.ranges import check_families

# What is learnt from, pixels a side of two that are shown to try, and the shape of what is to be answered to them.
SHOWN = (("tiles", 128, (2, 15, 32, 32)), ("paper", 40, (2, 15)), ("digits", 28, (2, 10)))


def check_possible(config: RunConfig) -> None:
    """Say what of a config cannot be had here, before anything is begun.

    Raises:
        UsageError: the device, the network, the loss or the optimiser.
    """
    choose_device(config.device)
    named(LOSSES, config.recipe.loss, "loss")
    _check_fits(config.recipe)
    named(OPTIMIZERS, config.recipe.optimizer, "optimizer")
    named(SCHEDULES, config.recipe.schedule, "schedule")
    check_families(config.recipe.without)


def _check_fits(recipe: Recipe) -> None:
    """Show the network once what it would learn from, and look at the shape of what it answers."""
    things, side, wanted = next(kind for kind in SHOWN if kind[0] == "digits" or getattr(recipe, kind[0]))
    try:
        with torch.no_grad():
            shape = tuple(create_model(recipe.model).eval()(torch.zeros(2, 1, side, side)).shape)
    except (RuntimeError, TypeError):  # of sizes; of types, where those that are written are checked
        shape = ()
    if shape != wanted:
        raise UsageError(f"recipe {recipe.name}: the model {recipe.model} cannot learn from {things}; choose another")
