"""What a training run is asked to do: frozen dataclasses, and recipes read from TOML."""

from __future__ import annotations

import math
import tomllib
from collections.abc import Sequence
from dataclasses import asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, TypeVar

from numeye.errors import UsageError

RECIPES = Path(__file__).parent / "recipes"

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Promise:
    """What a recipe says of itself; the page shows it beside the recipe.

    Attributes:
        accuracy: percent of MNIST test read right, mean over seeds where there are several; of a recipe that finds
            digits on pages, percent of the validation tiles of which everything, and nothing else, was found and read.
        minutes: wall clock of one training on two CPU cores.
    """

    accuracy: float
    minutes: float


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to train one network.

    Attributes:
        name: the file's name without `.toml`.
        about: one sentence for people.
        model: a name of `numeye.training.models.list_models`.
        loss: a name of `numeye.training.loop.LOSSES`.
        optimizer: a name of `numeye.training.loop.OPTIMIZERS`.
        learning_rate: step size, the largest of the schedule, above 0.
        batch_size: pictures a step.
        epochs: passes over the training digits.
        weight_decay: of AdamW, 0 or more.
        schedule: a name of `numeye.training.loop.SCHEDULES`.
        average: the weights kept are a moving average over this many steps; 0 keeps the last ones.
        precision: `float32`, or `bfloat16` for the forward pass.
        paper: crops of synthetic paper to learn from; 0 for MNIST's digits as they are.
        lines: parts of synthetic pages of whose digits some looks are taken, beside those of the paper; 0 for none.
        tiles: parts of synthetic pages to learn from instead; 0 for a network that does not find digits on pages.
        without: families of effects to leave out of the paper; see `numeye.training.paper.ranges.FAMILIES`.
        promise: what to expect; None for a recipe nobody has measured.
    """

    name: str
    about: str = ""
    model: str
    loss: str = "cross-entropy"
    optimizer: str = "adam"
    learning_rate: float = 1e-3
    batch_size: int = 64
    epochs: int = 5
    weight_decay: float = 0.0
    schedule: str = "constant"
    average: int = 0
    precision: str = "float32"
    paper: int = 0
    lines: int = 0
    tiles: int = 0
    without: Sequence[str] = ()
    promise: Promise | None = None

    def __post_init__(self) -> None:
        for name in ("name", "about", "model", "loss", "optimizer", "schedule", "precision"):
            if not isinstance(getattr(self, name), str):
                raise UsageError(f"recipe {self.name}: {name} is {getattr(self, name)!r}, expected a text")
        if self.promise is not None and not isinstance(self.promise, Promise):
            raise UsageError(f"recipe {self.name}: promise is {self.promise!r}, expected a table")
        if not isinstance(self.without, list | tuple) or not all(isinstance(name, str) for name in self.without):
            raise UsageError(f"recipe {self.name}: without is {self.without!r}, expected a list of texts")
        object.__setattr__(self, "without", tuple(self.without))  # TOML and JSON have lists
        self._check_numbers()
        self._check_what_it_learns_from()
        if self.precision not in ("float32", "bfloat16"):
            raise UsageError(f"recipe {self.name}: precision is {self.precision!r}, expected float32 or bfloat16")

    def trains_as(self, other: Recipe) -> bool:
        """Whether the same weights come of both: what they say of themselves is for people."""
        return replace(self, about="", promise=None) == replace(other, about="", promise=None)

    def _check_what_it_learns_from(self) -> None:
        if self.tiles and (self.paper or self.without):
            raise UsageError(f"recipe {self.name}: tiles does not go with paper or without; leave one out")
        fitting = "spot" if self.tiles else "find-and-read" if self.paper else "cross-entropy"
        if self.loss in ("spot", "find-and-read", "cross-entropy") and self.loss != fitting:
            raise UsageError(f"recipe {self.name}: loss is {self.loss}, expected {fitting} for what it learns from")
        for name in ("paper", "tiles"):
            if 0 < getattr(self, name) < self.batch_size:
                raise UsageError(
                    f"recipe {self.name}: {name} is {getattr(self, name)}, expected a batch of "
                    f"{self.batch_size} at least"
                )
        if self.lines and (self.without or not self.paper):
            raise UsageError(f"recipe {self.name}: lines goes with paper, and not with without; leave it out")

    def _check_numbers(self) -> None:
        for name in ("learning_rate", "batch_size", "epochs"):
            value = getattr(self, name)
            kind, what = (float | int, "number") if name == "learning_rate" else (int, "whole number")
            if not isinstance(value, kind) or isinstance(value, bool) or not 0 < value < math.inf:
                raise UsageError(f"recipe {self.name}: {name} is {value!r}, expected a {what} above 0")
        for name in ("weight_decay", "average", "paper", "lines", "tiles"):
            value = getattr(self, name)
            kind, what = (float | int, "number") if name == "weight_decay" else (int, "whole number")
            if not isinstance(value, kind) or isinstance(value, bool) or not 0 <= value < math.inf:
                raise UsageError(f"recipe {self.name}: {name} is {value!r}, expected a {what} of 0 or more")


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A recipe and what this one run adds to it: all that decides the weights that come out.

    Attributes:
        recipe: how to train.
        epochs: passes over the training digits; the recipe's own number unless the user said otherwise.
        seed: of the first weights and of every shuffle, 0 to 2**31 - 1.
        data: what to train on: `mnist`, or the path of a data folder.
        device: `auto` (CUDA where there is one), `cpu`, `cuda` or `cuda:1`.
    """

    recipe: Recipe
    epochs: int
    seed: int = 0
    data: str = "mnist"
    device: str = "auto"

    def __post_init__(self) -> None:
        if self.epochs < 1:
            raise UsageError(f"--epochs {self.epochs}: expected 1 or more, or +N to go on with a run")
        if not 0 <= self.seed < 2**31:
            raise UsageError(f"--seed {self.seed}: expected 0 to {2**31 - 1}")

    def to_dict(self) -> dict[str, Any]:
        """For `config.json`; `from_dict` is the way back."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> RunConfig:
        """Read what `to_dict` wrote.

        Raises:
            UsageError: a field is missing or unknown.
        """
        recipe = stored.get("recipe")
        if not isinstance(recipe, dict):
            raise UsageError(f"config.json: recipe is {recipe!r}, expected a table")
        return _build(cls, {**stored, "recipe": _recipe(recipe, "config.json")}, "config.json")


def list_recipes() -> list[str]:
    """The names of the packaged recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str) -> Recipe:
    """A packaged recipe by its name, or an own one by the path of its TOML file.

    Raises:
        UsageError: there is none of that name, or the file is no recipe.
    """
    own = name.endswith(".toml")
    path = Path(name) if own else RECIPES / f"{name}.toml"
    if not own and name not in list_recipes():
        raise UsageError(f"no recipe {name!r}; there are {', '.join(list_recipes())}, or the path of a .toml")
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not a recipe ({error}); expected a TOML file") from error
    return _recipe({"name": path.stem, **table}, str(path))


def _recipe(table: dict[str, Any], where: str) -> Recipe:
    promise = table.get("promise")
    if isinstance(promise, dict):
        table = {**table, "promise": _build(Promise, promise, where)}
    return _build(Recipe, table, where)


def _build(kind: type[T], table: dict[str, Any], where: str) -> T:
    known = [field.name for field in fields(kind)]  # type: ignore[arg-type]
    unknown = [key for key in table if key not in known]
    if unknown:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}; expected some of {', '.join(known)}")
    try:
        return kind(**table)
    except TypeError as error:
        raise UsageError(f"{where}: {error}") from error
