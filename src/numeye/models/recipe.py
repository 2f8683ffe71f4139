"""Recipes and run configurations: how a network is trained."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import MISSING, asdict, dataclass, fields, replace
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from numeye.errors import UsageError
from numeye.io import structured_files
from numeye.models.task import CLASSIFICATION, DETECTION, LOCALIZATION, TASKS, TRANSCRIPTION, Task

RECIPES = Path(__file__).parent / "recipes"
TEXT_FIELDS = (
    *("name", "about", "model", "task", "loss", "optimizer", "schedule", "precision"),
    *("split", "pretrained"),
)
FLAGS = ("pendigits", "reproducible")
PICTURES = ("paper", "tiles", "strings")  # numbers of synthetic pictures; one kind a recipe
MAX_SEED = 2**31 - 1

T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class ExpectedResult:
    """The result to expect of a recipe; the page shows it beside the recipe.

    Attributes:
        accuracy: percent of MNIST test that is read correctly, the mean over seeds if there are
            several. For detection: percent of the validation tiles on which exactly the digits
            that are there were found and read correctly.
        minutes: duration of one training on two CPU cores.
    """

    accuracy: float
    minutes: float

    def __post_init__(self) -> None:
        for name in ("accuracy", "minutes"):
            value = getattr(self, name)
            if not _is_number(value, float | int) or not 0 <= value < math.inf:
                raise UsageError(f"expected: {name} is {value!r}, expected a number of 0 or more")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """One way to train one network.

    Attributes:
        name: name of the file without `.toml`.
        about: one sentence for people.
        model: a name of `numeye.training.networks.list_models`.
        task: `classification`, `localization`, `detection` or `transcription`. If it is empty, it
            follows from the pictures that the recipe learns from.
        loss: the loss of its task; see `numeye.models.task`.
        optimizer: a name of `numeye.training.optimizers.OPTIMIZERS`.
        learning_rate: step size, the largest one of the schedule, above 0.
        batch_size: pictures in each step.
        epochs: passes over the training digits.
        weight_decay: of AdamW, 0 or more.
        schedule: a name of `numeye.training.optimizers.SCHEDULES`.
        average: the final weights are a moving average over this many steps; 0: the last weights.
        precision: `float32`, or `bfloat16` for the forward pass where the machine computes in it.
        paper: number of crops of synthetic paper to learn from; 0: MNIST's digits as they are.
        lines: number of synthetic text lines from which further crops are cut; 0: none. It needs
            `paper`.
        tiles: number of tiles of synthetic pages to learn from, for detection; 0: none.
        strings: number of pictures of one synthetic number each to learn from, for transcription;
            0: none.
        split: which of MNIST's training digits validate: `random`, those of `mnist:validation`; or
            `writers`, those of `mnist:writers`, whose writers are not learned from. It needs
            `paper`, `tiles` or `strings`.
        pendigits: draw digits from pen trajectories, too, see `numeye.io.pendigits`. It needs
            `paper`, `tiles` or `strings`.
        without: families of effects that the synthetic paper leaves out; see
            `numeye.training.synthetic.parameters.FAMILIES`.
        pretrained: name of the packaged model whose weights the training starts from; empty: random
            weights.
        reproducible: fix instruction sets and threads, so that other processors give the same
            weights, bit for bit; see `numeye.training.reproducibility`.
        expected: the result to expect; None if it has not been measured.

    Raises:
        UsageError: a value has the wrong type, is out of range, or does not fit the others.
    """

    name: str
    about: str = ""
    model: str
    task: str = ""
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
    strings: int = 0
    split: str = "random"
    pendigits: bool = False
    without: Sequence[str] = ()
    pretrained: str = ""
    reproducible: bool = False
    expected: ExpectedResult | None = None

    def __post_init__(self) -> None:
        self._check_types()
        object.__setattr__(self, "without", tuple(self.without))  # TOML and JSON have lists
        self._check_numbers()
        self._check_task()
        self._check_sizes()
        self._check_digits()
        if self.precision not in ("float32", "bfloat16"):
            self._raise_invalid("precision", "float32 or bfloat16")

    @property
    def splits_writers(self) -> bool:
        """Whether no writer of MNIST's digits is both learned from and validated on."""
        return self.split == "writers"

    def trains_as(self, other: Recipe) -> bool:
        """Return whether both recipes give the same weights."""
        return replace(self, about="", expected=None) == replace(other, about="", expected=None)

    def _check_types(self) -> None:
        for name in TEXT_FIELDS:
            if not isinstance(getattr(self, name), str):
                self._raise_invalid(name, "a text")
        if self.expected is not None and not isinstance(self.expected, ExpectedResult):
            self._raise_invalid("expected", "a table")
        for name in FLAGS:
            if not isinstance(getattr(self, name), bool):
                self._raise_invalid(name, "true or false")
        if not isinstance(self.without, list | tuple) or not all(
            isinstance(name, str) for name in self.without
        ):
            self._raise_invalid("without", "a list of texts")

    def _check_numbers(self) -> None:
        for name in ("learning_rate", "batch_size", "epochs"):
            value, kind, expected = getattr(self, name), *_number_kind(name)
            if not _is_number(value, kind) or not 0 < value < math.inf:
                self._raise_invalid(name, f"{expected} above 0")
        for name in ("weight_decay", "average", *PICTURES, "lines"):
            value, kind, expected = getattr(self, name), *_number_kind(name)
            if not _is_number(value, kind) or not 0 <= value < math.inf:
                self._raise_invalid(name, f"{expected} of 0 or more")

    def _check_task(self) -> None:
        if self.tiles and (self.paper or self.without):
            raise UsageError(
                f"recipe {self.name}: tiles cannot be used with paper or without; leave one out"
            )
        if self.strings and (self.paper or self.tiles or self.without):
            raise UsageError(
                f"recipe {self.name}: strings cannot be used with paper, tiles or without; leave"
                " one out"
            )
        fitting = self._fitting_task()
        if not self.task:
            object.__setattr__(self, "task", fitting.name)
        if self.task != fitting.name:
            self._raise_invalid("task", f"{fitting.name!r} for the pictures that it learns from")
        if self.loss in {task.loss for task in TASKS.values()} and self.loss != fitting.loss:
            self._raise_invalid("loss", f"{fitting.loss!r} for the task {fitting.name!r}")

    def _fitting_task(self) -> Task:
        """Return the task of the pictures that the recipe learns from."""
        if self.strings:
            return TRANSCRIPTION
        return DETECTION if self.tiles else LOCALIZATION if self.paper else CLASSIFICATION

    def _check_sizes(self) -> None:
        for name in PICTURES:
            if 0 < getattr(self, name) < self.batch_size:
                self._raise_invalid(name, f"at least one batch of {self.batch_size}")
        if self.lines and (self.without or not self.paper):
            raise UsageError(
                f"recipe {self.name}: lines needs paper and cannot be used with without; leave"
                " lines out"
            )

    def _check_digits(self) -> None:
        if self.split not in ("random", "writers"):
            self._raise_invalid("split", "random or writers")
        is_synthetic = any(getattr(self, name) for name in PICTURES)
        if (self.splits_writers or self.pendigits) and not is_synthetic:
            name = "pendigits" if self.pendigits else "split"
            raise UsageError(
                f"recipe {self.name}: {name} is for synthetic pictures only; leave it out, or add"
                " paper, tiles or strings"
            )

    def _raise_invalid(self, name: str, expected: str) -> NoReturn:
        raise UsageError(
            f"recipe {self.name}: {name} is {getattr(self, name)!r}, expected {expected}"
        )


@dataclass(frozen=True, kw_only=True)
class RunConfig:
    """A recipe and the options of one run: everything that decides the final weights.

    Attributes:
        recipe: how to train.
        epochs: passes over the training digits; they may differ from the recipe's.
        seed: random seed of the first weights and of every shuffle, 0 to 2**31 - 1.
        data: the training data: `mnist`, or the path of a data folder.
        device: `auto` (CUDA if it is available), `cpu`, `cuda` or `cuda:1`.

    Raises:
        UsageError: a value has the wrong type or is out of range.
    """

    recipe: Recipe
    epochs: int
    seed: int = 0
    data: str = "mnist"
    device: str = "auto"

    def __post_init__(self) -> None:
        for name in ("epochs", "seed"):
            if not _is_number(getattr(self, name), int):
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected a whole number")
        for name in ("data", "device"):
            if not isinstance(getattr(self, name), str):
                raise UsageError(f"{name} is {getattr(self, name)!r}, expected a text")
        if self.epochs < 1:
            raise UsageError(f"--epochs {self.epochs}: expected 1 or more, or +N to continue a run")
        if not 0 <= self.seed <= MAX_SEED:
            raise UsageError(f"--seed {self.seed}: expected 0 to {MAX_SEED}")

    def to_dict(self) -> dict[str, Any]:
        """Return the content of `config.json`, which `from_dict` reads."""
        return asdict(self)

    @classmethod
    def from_dict(cls, stored: dict[str, Any]) -> RunConfig:
        """Build a configuration from the content of `config.json`.

        Raises:
            UsageError: a field is missing or unknown.
        """
        if not isinstance(stored, dict):
            raise UsageError("expected a JSON object")
        recipe = stored.get("recipe")
        if not isinstance(recipe, dict):
            raise UsageError(f"config.json: recipe is {recipe!r}, expected a table")
        return _build(
            cls, {**stored, "recipe": _build_recipe(recipe, "config.json")}, "config.json"
        )


def list_recipes() -> list[str]:
    """Return the names of the packaged recipes."""
    return sorted(path.stem for path in RECIPES.glob("*.toml"))


def load_recipe(name: str) -> Recipe:
    """Load a packaged recipe by its name, or your own by the path of its TOML file.

    Raises:
        UsageError: there is no such recipe, or the file is not a recipe.
    """
    available = f"{', '.join(list_recipes())}, or the path of a .toml"
    if not name:
        raise UsageError(f"the name of a recipe is empty; there are {available}")
    is_path = name.endswith(".toml")
    path = Path(name) if is_path else RECIPES / f"{name}.toml"
    if not is_path and name not in list_recipes():
        raise UsageError(f"no recipe {name!r}; there are {available}")
    try:
        table = structured_files.load_toml(path)
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file; expected a recipe as TOML") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise UsageError(f"{path}: not a recipe ({error}); expected a TOML file") from error
    return _build_recipe({"name": path.stem, **table}, str(path))


def _build_recipe(table: dict[str, Any], file: str) -> Recipe:
    expected = table.get("expected")
    if isinstance(expected, dict):
        table = {**table, "expected": _build(ExpectedResult, expected, file)}
    return _build(Recipe, table, file)


def _build(kind: type[T], table: dict[str, Any], file: str) -> T:
    """Return a dataclass with the values of a table; `file` is for messages."""
    allowed = fields(kind)  # type: ignore[arg-type]  # only dataclasses come here
    names = [field.name for field in allowed]
    unknown = [key for key in table if key not in names]
    if unknown:
        raise UsageError(f"{file}: unknown key {unknown[0]!r}; expected some of {', '.join(names)}")
    required = [field.name for field in allowed if field.default is MISSING]
    missing = [name for name in required if name not in table]
    if missing:
        raise UsageError(f"{file}: the key {missing[0]!r} is missing")
    try:
        return kind(**table)
    except TypeError as error:
        raise UsageError(f"{file}: {error}") from error


def _number_kind(name: str) -> tuple[Any, str]:
    """Return the type of a number of a recipe, and its name in messages."""
    is_fraction = name in ("learning_rate", "weight_decay")
    return (float | int, "a number") if is_fraction else (int, "a whole number")


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)
