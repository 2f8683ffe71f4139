"""What a user asks of a training, and what a run folder says already, as one plan that holds together."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from numeye.config import RunConfig, load_recipe
from numeye.errors import RunError, UsageError
from numeye.runs import Run

DEFAULT_RECIPE = "classic"


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A training that can be begun or gone on with; nothing has been written yet.

    Attributes:
        folder: the run folder.
        config: what is asked for, all in all.
        run: the run that is in the folder already, or None.
    """

    folder: Path
    config: RunConfig
    run: Run | None

    def open(self, hardware: Mapping[str, Any]) -> Run:
        """Make the run folder, or write down that the run in it is to have more epochs.

        Raises:
            RunError: there is something else in the folder.
            OutputError: it cannot be written.
        """
        if self.run is None:
            return Run.create(self.folder, self.config, hardware)
        if self.config != self.run.config:
            self.run.extend(self.config)
        return self.run


def plan_training(
    recipe: str | None,
    *,
    epochs: str | int | None = None,
    folder: str | Path | None = None,
    resume: bool = False,
    **asked: Any,
) -> Plan:
    """Bring together what is asked for and what is there.

    Args:
        recipe: name or TOML file; that of the run, or `classic`, where None.
        epochs: how many in all, or "+N".
        folder: `runs/RECIPE-seedSEED` where left out.
        resume: go on with the run in that folder, where there is one.
        asked: seed, data and device; None where left out.

    Raises:
        UsageError: it makes no sense.
        RunError: the run in the folder is another one.
    """
    asked = {name: value for name, value in asked.items() if value is not None}
    wanted = None if recipe is None else load_recipe(recipe)
    if folder is None:
        folder = Path("runs") / f"{wanted.name if wanted else DEFAULT_RECIPE}-seed{asked.get('seed', 0)}"
    path = Path(folder)
    if resume and (path / "config.json").is_file():
        run = Run.open(path)
        if wanted is not None and not wanted.trains_as(run.config.recipe):
            other = "another version of it" if wanted.name == run.config.recipe.name else run.config.recipe.name
            raise RunError(f"{path}: this run is of the recipe {other}, not {recipe}; choose another folder with --run")
        _check_same(run, asked)
        device = asked.get("device", run.config.device)
        total = _epochs(epochs, run.config.epochs, started=True)
        if total < run.config.epochs:
            raise UsageError(f"--epochs {epochs}: {path} was asked for {run.config.epochs}; a run cannot be shortened")
        return Plan(folder=path, config=replace(run.config, epochs=total, device=device), run=run)
    if path.exists() and (not path.is_dir() or any(path.iterdir())):
        raise RunError(f"{path}: in use already; go on with --resume, or choose another folder with --run")
    wanted = wanted or load_recipe(DEFAULT_RECIPE)
    total = _epochs(epochs, wanted.epochs, started=False)
    return Plan(folder=path, config=RunConfig(recipe=wanted, epochs=total, **asked), run=None)


def _check_same(run: Run, asked: Mapping[str, Any]) -> None:
    for name in ("seed", "data"):
        had = getattr(run.config, name)
        if name in asked and asked[name] != had:
            raise RunError(
                f"{run.folder}: this run has --{name} {had}, not {asked[name]}; choose another folder with --run"
            )


def _epochs(asked: str | int | None, base: int, *, started: bool) -> int:
    if asked is None:
        return base
    match = re.fullmatch(r"(\+?)(\d{1,6})", str(asked))
    if not match:
        raise UsageError(f"--epochs {asked}: expected a number such as 5, or +5 to go on with a run")
    if match[1] and not started:
        raise UsageError(f"--epochs {asked}: there is no run to go on with; add --resume, or leave out the +")
    return int(match[2]) + (base if match[1] else 0)
