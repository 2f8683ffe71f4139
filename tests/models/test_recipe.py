from __future__ import annotations

import json
import re
import subprocess
import sys
from dataclasses import FrozenInstanceError, replace
from pathlib import Path
from typing import Any

import pytest

from numeye.errors import UsageError
from numeye.models.recipe import ExpectedResult, Recipe, RunConfig, list_recipes, load_recipe

OWN = """
about = "own"
model = "classic"
optimizer = "sgd"
learning_rate = 0.1
epochs = 2

[expected]
accuracy = 97.5
minutes = 1
"""


def write(folder: Path, content: str | bytes, name: str = "own.toml") -> str:
    path = folder / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return str(path)


# The tiles of the first have changed since it was trained last; the other was never trained.
NOT_MEASURED = {"transcription"}  # no weights of it are packaged


@pytest.mark.parametrize("name", list_recipes())
def test_a_packaged_recipe_states_its_expected_result_if_it_was_measured(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.name == name
    assert recipe.about.endswith(".")
    assert (recipe.expected is None) == (name in NOT_MEASURED)
    if recipe.expected is not None:
        assert (50 if recipe.tiles else 90) < recipe.expected.accuracy < 100


def test_classic_is_what_everyone_begins_with() -> None:
    assert "classic" in list_recipes()
    recipe = load_recipe("classic")
    assert (recipe.model, recipe.optimizer, recipe.batch_size, recipe.epochs) == (
        "classic",
        "adam",
        64,
        5,
    )


def test_an_own_recipe_is_named_by_its_file_and_filled_up_with_defaults(tmp_path: Path) -> None:
    assert load_recipe(write(tmp_path, OWN)) == Recipe(
        name="own",
        about="own",
        model="classic",
        loss="cross-entropy",
        optimizer="sgd",
        learning_rate=0.1,
        batch_size=64,
        epochs=2,
        expected=ExpectedResult(accuracy=97.5, minutes=1),
    )


LINES = 'model = "recognizer"\nloss = "localization"\npaper = 99\nlines = 9\n'
PAPER = 'model = "recognizer"\nloss = "localization"\npaper = 99\n'
INVALID_RECIPES = {
    "unknown key": (
        'model = "classic"\nlerning_rate = 1',
        "unknown key 'lerning_rate'; expected some of name",
    ),
    "unknown key of the expected result": (
        'model = "classic"\n[expected]\nspeed = 1',
        "unknown key 'speed'; expected some of accuracy",
    ),
    "half an expected result": ('model = "classic"\n[expected]\nminutes = 1', "accuracy"),
    "an expected result of one number": ('model = "classic"\nexpected = 99', "expected is 99"),
    "no model": ("epochs = 2", "model"),
    "a number as model": ("model = 3", "model"),
    "no epochs": ('model = "classic"\nepochs = 0', "epochs is 0, expected"),
    "epochs below zero": ('model = "classic"\nepochs = -1', "epochs is -1"),
    "epochs in words": ('model = "classic"\nepochs = "five"', "epochs is 'five'"),
    "half an epoch": ('model = "classic"\nepochs = 2.5', "epochs"),
    "epochs of true": ('model = "classic"\nepochs = true', "epochs"),
    "half a picture": ('model = "classic"\nbatch_size = 0.5', "batch_size"),
    "no step": ('model = "classic"\nlearning_rate = 0.0', "learning_rate"),
    "an endless step": ('model = "classic"\nlearning_rate = inf', "learning_rate"),
    "a step of nan": ('model = "classic"\nlearning_rate = nan', "learning_rate"),
    "half a line": ('model = "recognizer"\npaper = 100\nlines = 0.5', "lines is 0.5"),
    "another loss than goes with it": (
        'model = "recognizer"\npaper = 99',
        "loss is 'cross-entropy', expected 'localization'",
    ),
    "fewer crops than a step takes": (
        'model = "recognizer"\nloss = "localization"\npaper = 63',
        "paper is 63, expected at least one batch of 64",
    ),
    "lines without paper": ('model = "recognizer"\nlines = 10', "lines needs paper"),
    "lines, and families left out": (LINES + 'without = ["ink"]', "cannot be used with without"),
    "an unknown split": (
        PAPER + 'split = "people"',
        "split is 'people', expected random or writers",
    ),
    "pendigits that is no flag": (
        PAPER + "pendigits = 1",
        "pendigits is 1, expected true or false",
    ),
    "pendigits without paper": (
        'model = "classic"\npendigits = true',
        "pendigits is for synthetic",
    ),
    "writers without paper": ('model = "classic"\nsplit = "writers"', "split is for synthetic"),
    "no TOML": ("model: classic", "not a recipe"),
    "not UTF-8": (b'about = "\xff"', "not a recipe"),
}


# Tests check all types at run time. A user does not, so the messages come from another process.
LOAD = """
import json, sys
from numeye.models.recipe import load_recipe
from numeye.errors import UsageError

messages = {}
for path in sys.argv[1:]:
    try:
        messages[path] = f"no error: {load_recipe(path)}"
    except UsageError as error:
        messages[path] = str(error)
print(json.dumps(messages))
"""


@pytest.fixture(scope="module")
def messages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Return the message for each of INVALID_RECIPES."""
    folder = tmp_path_factory.mktemp("recipes")
    paths = {
        fault: write(folder, content, f"{n}.toml")
        for n, (fault, (content, _)) in enumerate(INVALID_RECIPES.items())
    }
    process = subprocess.run(
        [sys.executable, "-c", LOAD, *paths.values()], capture_output=True, text=True, check=True
    )
    messages = json.loads(process.stdout)
    return {fault: messages[path] for fault, path in paths.items()}


@pytest.mark.parametrize("fault", INVALID_RECIPES)
def test_a_file_that_is_no_recipe_is_a_usage_error(fault: str, messages: dict[str, str]) -> None:
    assert re.search(f"^(?!no error).*{INVALID_RECIPES[fault][1]}", messages[fault])
    assert "\n" not in messages[fault]


@pytest.mark.parametrize(
    "name", ["clasic", "", "../recipes/classic", "classic.toml", "/nowhere/own.toml"]
)
def test_a_recipe_that_is_not_there_is_a_usage_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="there are classic|no such file"):
        load_recipe(name)
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(UsageError, match="folder.toml: cannot be read"):
        load_recipe("folder.toml")


def config(**changes: Any) -> RunConfig:
    return RunConfig(**{"recipe": load_recipe("classic"), "epochs": 3, **changes})


@pytest.mark.parametrize(
    "stored",
    [
        config(),
        config(epochs=1, seed=2**31 - 1, data="own digits/ü", device="cuda:1"),
        config(recipe=Recipe(name="own", model="classic", learning_rate=0.1 + 0.2)),
    ],
)
def test_a_run_is_the_same_after_a_way_through_json(stored: RunConfig) -> None:
    assert RunConfig.from_dict(json.loads(json.dumps(stored.to_dict()))) == stored


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"epochs": 0}, r"--epochs 0: expected 1 or more"),
        ({"epochs": -3}, r"--epochs -3"),
        ({"seed": -1}, r"--seed -1: expected 0 to 2147483647"),
        ({"seed": 2**31}, r"--seed 2147483648"),
    ],
)
def test_a_run_of_no_epoch_or_with_a_seed_out_of_range_is_a_usage_error(
    change: dict[str, int], message: str
) -> None:
    with pytest.raises(UsageError, match=message):
        config(**change)
    with pytest.raises(UsageError, match=message):
        RunConfig.from_dict({**config().to_dict(), **change})


@pytest.mark.parametrize("lost", ["recipe", "epochs"])
def test_a_stored_run_that_lacks_a_field_is_a_usage_error(lost: str) -> None:
    stored = config().to_dict()
    del stored[lost]
    with pytest.raises(UsageError, match=r"config\.json: "):
        RunConfig.from_dict(stored)


@pytest.mark.parametrize(
    "change",
    [
        {"unknown": 1},
        {"epochs": "3"},
        {"seed": None},
        {"recipe": "classic"},
        {"recipe": None},
        {"recipe": 5},
        {"recipe": {"name": "x", "model": "classic", "unknown": 1}},
    ],
)
def test_a_stored_run_of_another_kind_is_a_usage_error(change: dict[str, Any]) -> None:
    with pytest.raises(UsageError, match=r"config\.json: "):
        RunConfig.from_dict({**config().to_dict(), **change})


def test_what_was_asked_for_cannot_be_changed_afterwards() -> None:
    with pytest.raises(FrozenInstanceError):
        config().epochs = 9  # type: ignore[misc]
    with pytest.raises(UsageError, match="epochs is 0"):
        replace(load_recipe("classic"), epochs=0)


def test_a_recipe_may_leave_effects_of_the_paper_out(tmp_path: Path) -> None:
    recipe = load_recipe(
        write(tmp_path, OWN.replace("epochs = 2", 'epochs = 2\nwithout = ["fonts", "ink"]'))
    )
    assert recipe.without == ("fonts", "ink")
    config = RunConfig(recipe=recipe, epochs=2)
    assert RunConfig.from_dict(json.loads(json.dumps(config.to_dict()))) == config
    with pytest.raises(UsageError, match="without is 'fonts', expected a list of texts"):
        replace(recipe, without="fonts")


@pytest.mark.parametrize("name", list_recipes())
def test_packaged_recipes_of_synthetic_pictures_split_writers_and_draw_pens(name: str) -> None:
    recipe = load_recipe(name)
    assert recipe.splits_writers == recipe.pendigits == (recipe.task != "classification")
    stored = RunConfig(recipe=recipe, epochs=1).to_dict()
    del stored["recipe"]["split"], stored["recipe"]["pendigits"]  # as older versions stored it
    older = RunConfig.from_dict(json.loads(json.dumps(stored))).recipe
    assert (older.split, older.pendigits) == ("random", False)
