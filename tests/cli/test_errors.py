"""A command that fails ends in one line and an exit status."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.sample_pictures import SEVEN
from tests.conftest import Numeye


def _cut_model(folder: Path) -> list[object]:
    (folder / "cut.onnx").write_bytes(b"\x08\x0a" * 500)
    return ["read", SEVEN, "--model", folder / "cut.onnx"]


def _other_recipe(folder: Path) -> list[object]:
    recipe = {"name": "other", "model": "classic"}
    (folder / "config.json").write_text(json.dumps({"recipe": recipe, "epochs": 5}))
    return ["train", "classic", "--run", folder, "--resume"]


def _half_a_batch(folder: Path) -> list[object]:
    (folder / "own.toml").write_text('model = "classic"\nbatch_size = 6.5\n')
    return ["train", folder / "own.toml", "--run", folder / "run"]


def _no_recipe(folder: Path) -> list[object]:
    (folder / "own.toml").write_text('model = "classic"\nspeed = "high"\n')
    return ["train", folder / "own.toml", "--run", folder / "run"]


def _broken_config(folder: Path) -> list[object]:
    (folder / "config.json").write_text('{"recipe": ')
    return ["train", "classic", "--run", folder, "--resume"]


def _broken_npz(folder: Path) -> list[object]:
    (folder / "digits.npz").write_bytes(b"PK\x03\x04 cut")
    return ["evaluate", "--data", folder / "digits.npz"]


def _strings(folder: Path) -> list[object]:
    shutil.copy(SEVEN, folder / "seven.jpg")
    (folder / "labels.csv").write_text("file,label\nseven.jpg,407\n")
    return ["evaluate", "classic", "--data", folder]


def _two_kinds_of_regions(folder: Path) -> list[object]:
    (folder / "form.toml").write_text('[total]\nregion = "0,0,5,5"\n')
    return ["read", SEVEN, "--region", "0,0,5,5", "--regions", folder / "form.toml"]


def _diary(folder: Path) -> list[object]:
    (folder / "diary").write_text("nothing today\n")
    return ["read", SEVEN, "--json", "--append", folder / "diary"]


def _file_as_folder(folder: Path) -> list[object]:
    (folder / "file").write_text("")
    return ["read", SEVEN, "--overlay", folder / "file"]


WRONG: dict[str, tuple[Callable[[Path], list[object]], int, str]] = {
    "a missing file": (lambda f: ["read", f / "no.png"], 1, "no such file"),
    "a folder without pictures": (lambda f: ["read", f], 1, "no picture in this folder"),
    "an unwritable overlay": (_file_as_folder, 1, "cannot be written"),
    "an unwritable run": (lambda f: ["train", "--run", "/proc/run"], 1, "cannot be written"),
    "a cut model": (_cut_model, 1, "not an ONNX model that can be run"),
    "a name that no file can have": (
        lambda f: ["read", SEVEN, "--model", "long" * 80],
        1,
        "File name too long",
    ),
    "no such model": (
        lambda f: ["read", SEVEN, "--model", "clasic"],
        2,
        "no model 'clasic'; expected classic",
    ),
    "a folder that is no run": (lambda f: ["evaluate", f], 1, "no model.onnx in this folder"),
    "no such recipe": (lambda f: ["train", "clasic"], 2, "no recipe 'clasic'; there are classic"),
    "epochs in words": (
        lambda f: ["train", "--epochs", "five", "--run", f / "r"],
        2,
        "expected a number such as 5",
    ),
    "a run of another recipe": (_other_recipe, 1, "this run is of the recipe other, not classic"),
    "half a batch": (_half_a_batch, 2, "batch_size is 6.5, expected a whole number above 0"),
    "a recipe with an unknown key": (
        _no_recipe,
        2,
        "unknown key 'speed'; expected some of name, about, model",
    ),
    "a broken config": (_broken_config, 1, "config.json: damaged"),
    "a seed below zero": (
        lambda f: ["train", "--seed", "-1", "--run", f / "r"],
        2,
        "--seed -1: expected 0 to",
    ),
    "no such data": (lambda f: ["evaluate", "--data", f / "no"], 2, "no data set"),
    "no such synthetic data": (
        lambda _: ["evaluate", "--data", "synthetic:no"],
        2,
        "no data set 'synthetic:no': expected synthetic:documents, ",
    ),
    "a folder that is no data": (lambda f: ["evaluate", "--data", f], 1, "not a data folder"),
    "a broken npz": (_broken_npz, 1, "not an .npz that can be read"),
    "labels of several digits": (
        _strings,
        2,
        "its labels are numbers; classic reads one digit a picture",
    ),
    "a sum that there is none": (
        lambda f: ["read", SEVEN, "--check", "lun"],
        2,
        "check lun: expected one of luhn",
    ),
    "an expression that is none": (lambda f: ["read", SEVEN, "--pattern", "["], 2, "pattern"),
    "a number known of a digit": (
        lambda f: ["read", "--single", SEVEN, "--digits", "3"],
        2,
        "reads one digit a picture",
    ),
    "a region in words": (
        lambda f: ["read", SEVEN, "--region", "left"],
        2,
        "expected x,y,width,height",
    ),
    "a region beyond": (
        lambda f: ["read", SEVEN, "--region", "9000,0,5,5"],
        1,
        "lies outside the picture",
    ),
    "regions twice": (_two_kinds_of_regions, 2, "--region and --regions: choose one"),
    "regions of a digit": (
        lambda f: ["read", "--single", SEVEN, "--grid"],
        2,
        "reads one digit a picture",
    ),
    "a grid and regions": (
        lambda f: ["read", SEVEN, "--grid", "--region", "0,0,5,5"],
        2,
        "choose one",
    ),
    "no such form": (lambda f: ["read", SEVEN, "--regions", f / "form.toml"], 2, "no such file"),
    "no grid": (lambda f: ["read", SEVEN, "--grid"], 1, "no grid found"),
    "two regions of one name": (
        lambda f: ["read", SEVEN, "--region", "a=0,0,9,9", "--region", "a=9,9,9,9"],
        2,
        "two regions have this name",
    ),
    "plain text to go on with": (
        lambda f: ["read", SEVEN, "--append", f / "a"],
        2,
        "expected --csv or --json",
    ),
    "a file of something else": (_diary, 1, "diary, line 1: not an answer as --json writes it"),
    "export of no run": (lambda f: ["export", f], 1, "not a run folder (it has no config.json)"),
    "a report of no run": (
        lambda f: ["evaluate", "--report", f / "r.html"],
        2,
        "expected a run folder as MODEL",
    ),
    "seeds in words": (lambda f: ["bench", "train", "--seeds", "one"], 2, "expected whole numbers"),
}


@pytest.mark.parametrize("case", WRONG)
def test_an_error_is_one_line(case: str, numeye: Numeye, tmp_path: Path) -> None:
    arguments, status, expected = WRONG[case]
    process = numeye(*arguments(tmp_path), cwd=tmp_path)
    assert process.returncode == status, process.stderr
    assert len(process.stderr.splitlines()) == 1, process.stderr
    assert process.stderr.startswith("numeye: ")
    assert expected in process.stderr
