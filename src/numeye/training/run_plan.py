"""A plan for a training: the user's options combined with what a run folder already holds."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch

from numeye.errors import RunError, UsageError
from numeye.models.recipe import Recipe, RunConfig, load_recipe
from numeye.models.run_folder import Run, folder_in_use_message
from numeye.training.loop import choose_device
from numeye.training.networks import create_model
from numeye.training.optimizers import OPTIMIZERS, SCHEDULES, look_up
from numeye.training.synthetic.parameters import check_families
from numeye.training.tasks import create_loss, trainer_for

DEFAULT_RECIPE = "classic"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training that can start or continue; nothing is written yet.

    Attributes:
        folder: the run folder.
        config: all that is to be done.
        run: the run that is in the folder already, or None.
    """

    folder: Path
    config: RunConfig
    run: Run | None

    def open_run(self, start: Mapping[str, Any]) -> Run:
        """Create the run folder, or record that the run in it gets more epochs.

        Args:
            start: hardware and data of this start, for `environment.jsonl`.

        Raises:
            RunError: the folder holds something else.
            OutputError: it cannot be written.
        """
        if self.run is None:
            return Run.create(self.folder, self.config, start)
        if self.config != self.run.config:
            self.run.extend(self.config)
        return self.run


def plan_training(
    recipe: str | None,
    *,
    epochs: str | int | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    pendigits: bool = True,
    **options: Any,
) -> Plan:
    """Combine the options with what is in the run folder.

    Args:
        recipe: name or TOML file. Default: the recipe of the run to resume, else `classic`.
        epochs: number of epochs, or "+N" for N more than the run has.
        folder: the run folder. Default: `runs/RECIPE-seedSEED`.
        resume: continue the run in that folder, if there is one.
        pendigits: False leaves out the pen trajectories of a recipe that draws them.
        options: `seed`, `data` and `device`; None counts as not given.

    Raises:
        UsageError: an option is wrong, or does not fit the run.
        RunError: the folder holds another run.
    """
    options = {name: value for name, value in options.items() if value is not None}
    requested = None if recipe is None else load_recipe(recipe)
    if requested is not None and not pendigits:
        requested = replace(requested, pendigits=False)
    if folder is None:
        name = requested.name if requested else DEFAULT_RECIPE
        folder = Path("runs") / f"{name}-seed{options.get('seed', 0)}"
    path = Path(folder)
    if resume and (path / "config.json").is_file():
        plan = _plan_resume(path, recipe, requested, epochs, options)
        if plan.config.recipe.pendigits and not pendigits:
            raise RunError(
                f"{path}: this run draws pen trajectories; leave --no-pendigits out, or choose"
                " another folder with --run"
            )
        return plan
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(folder_in_use_message(path))
    requested = requested or load_recipe(DEFAULT_RECIPE)
    total = _total_epochs(epochs, requested.epochs, resuming=False)
    return Plan(folder=path, config=RunConfig(recipe=requested, epochs=total, **options), run=None)


def _plan_resume(
    path: Path,
    recipe: str | None,
    requested: Recipe | None,
    epochs: str | int | None,
    options: Mapping[str, Any],
) -> Plan:
    run = Run.open(path)
    if run.is_training():
        raise RunError(folder_in_use_message(path))
    if requested is not None and not requested.trains_as(run.config.recipe):
        name = run.config.recipe.name
        other = "another version of it" if requested.name == name else name
        raise RunError(
            f"{path}: this run is of the recipe {other}, not {recipe}; choose another folder with"
            " --run"
        )
    _check_same_options(run, options)
    total = _total_epochs(epochs, run.config.epochs, resuming=True)
    if total < run.config.epochs:
        raise UsageError(
            f"--epochs {epochs}: {path} has {run.config.epochs} epochs, and a run cannot be"
            " shortened; leave --epochs out, or add epochs with +N"
        )
    device = options.get("device", run.config.device)
    return Plan(folder=path, config=replace(run.config, epochs=total, device=device), run=run)


def _check_same_options(run: Run, options: Mapping[str, Any]) -> None:
    for name in ("seed", "data"):
        value = getattr(run.config, name)
        if name in options and options[name] != value:
            raise RunError(
                f"{run.folder}: this run has --{name} {value}, not {options[name]}; choose another"
                " folder with --run"
            )


def _total_epochs(epochs: str | int | None, base: int, *, resuming: bool) -> int:
    if epochs is None:
        return base
    match = re.fullmatch(r"(\+?)(\d{1,6})", str(epochs))
    if not match:
        raise UsageError(f"--epochs {epochs}: expected a number such as 5, or +5 to continue a run")
    if match[1] and not resuming:
        raise UsageError(
            f"--epochs {epochs}: there is no run to continue; add --resume, or leave out the +"
        )
    return int(match[2]) + (base if match[1] else 0)


def check_config(config: RunConfig) -> None:
    """Check, before anything starts, that this machine can train a config.

    Raises:
        UsageError: device, network, loss, optimizer, schedule or a family of effects is unknown,
            or the network does not fit the task.
    """
    choose_device(config.device)
    create_loss(config.recipe)
    _check_network(config.recipe)
    look_up(OPTIMIZERS, config.recipe.optimizer, "optimizer")
    look_up(SCHEDULES, config.recipe.schedule, "schedule")
    check_families(config.recipe.without)


def _check_network(recipe: Recipe) -> None:
    """Check the shape of what the network returns for two empty samples."""
    trainer = trainer_for(recipe)
    try:
        with torch.no_grad():
            model = create_model(recipe.model).eval()
            shape = tuple(model(torch.zeros(2, *trainer.example_shape)).shape)
    # wrong sizes; wrong types, where the annotations of shapes are checked
    except (RuntimeError, TypeError):
        shape = ()
    if shape != (2, *trainer.output_shape):
        raise UsageError(
            f"recipe {recipe.name}: the model {recipe.model} cannot learn from {trainer.samples};"
            " choose another model"
        )
