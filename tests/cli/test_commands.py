"""The commands beside `read`: what they print where, and how they end."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.cli.sample_pictures import BLANK, SAMPLES, SEVEN
from tests.conftest import Numeye


def test_evaluate_prints_correct_divided_by_total(numeye: Numeye, tmp_path: Path) -> None:
    process = numeye("evaluate", "classic", "--mistakes", tmp_path / "out")
    assert process.returncode == 0
    assert "/ 10,000 * 100 = 99.04 %   (95 % interval 98.83 to 99.21)" in process.stdout
    counts = [line.split()[1:11] for line in process.stdout.splitlines()[-10:]]
    assert sum(int(count) for row in counts for count in row if count != ".") == 10_000
    with Image.open(tmp_path / "out" / "mnist-mistakes.png") as sheet:
        assert sheet.width > 500
        assert sheet.height > 500


CONTRACT = {
    "data",
    "n",
    "correct",
    "accuracy",
    "interval",
    "model",
    "rejected",
    "accuracy_accepted",
    "ece",
}


@pytest.mark.parametrize(
    ("picture", "label", "kind"),
    [("card.png", "4539148803436467", "cer"), ("table.png", "530070/600195/098003/804001", "f1")],
)
def test_numbers_and_grids_have_the_contracts_keys_too(
    picture: str, label: str, kind: str, numeye: Numeye, tmp_path: Path
) -> None:
    shutil.copy(SAMPLES.parent / "numbers" / picture, tmp_path)
    (tmp_path / "labels.csv").write_text(f"file,label\n{picture},{label}\n")
    process = numeye("evaluate", "--data", tmp_path, "--json")
    scores = json.loads(process.stdout)
    assert (process.returncode, process.stderr) == (0, "")
    assert set(scores) >= CONTRACT | {kind}
    assert scores["accuracy"] == 100


def test_documents_have_the_contracts_keys_too(numeye: Numeye, tmp_path: Path) -> None:
    for name in ("card.png", "rows.png"):
        shutil.copy(SAMPLES.parent / "numbers" / name, tmp_path)
    (tmp_path / "labels.csv").write_text(
        'file,label,layout\ncard.png,4539148803436467,document\nrows.png,"407 1250\n9",document\n'
    )
    process = numeye("evaluate", "--data", tmp_path, "--json")
    scores = json.loads(process.stdout)
    keys = {"found", "false", "found_rate", "false_rate", "tables_right"}
    assert (process.returncode, process.stderr) == (0, "")
    assert set(scores) >= CONTRACT | keys
    assert (scores["n"], scores["found_rate"]) == (4, scores["accuracy"])
    assert scores["found"] == scores["correct"] >= 1


def test_evaluate_json_has_the_contracts_keys(numeye: Numeye) -> None:
    scores = json.loads(
        numeye("evaluate", "classic", "--data", "mnist:validation", "--json").stdout
    )
    assert set(scores) >= CONTRACT
    assert (scores["data"], scores["n"], scores["model"]) == ("mnist:validation", 5000, "classic")
    assert scores["accuracy"] == scores["correct"] / scores["n"] * 100
    assert scores["interval"][0] < scores["accuracy"] < scores["interval"][1]
    assert np.array(scores["confusion"]).sum() == 5000


def test_evaluate_reads_own_folders_and_names_what_cannot_be_read(
    numeye: Numeye, tmp_path: Path
) -> None:
    for name in ("3-pencil.png", "5-chalk.png", "7-turned.jpg"):
        (tmp_path / name[0]).mkdir()
        shutil.copy(SAMPLES / name, tmp_path / name[0])
    shutil.copy(BLANK, tmp_path / "3")
    (tmp_path / "5" / "broken.png").write_bytes(b"no")
    process = numeye("evaluate", "--data", tmp_path, "--json")
    page = json.loads(process.stdout)
    assert process.returncode == 1
    assert "broken.png: not a picture" in process.stderr
    assert (page["n"], page["correct"], page["rejected"], page["accuracy_accepted"]) == (
        4,
        3,
        25.0,
        100.0,
    )


def test_data_doctor_models_and_version(numeye: Numeye) -> None:
    assert numeye("data", "mnist").stdout.count(" ok") == 4
    assert "sha256 as on its card" in numeye("doctor").stdout
    classic, detector, recognizer = numeye("models").stdout.splitlines()
    assert classic.startswith("classic: 206,922 parameters, 99.04 % of 10,000")
    assert recognizer.startswith("recognizer  (default): 838,199 parameters, 99.")
    assert detector == (
        "detector  (default): 1,197,585 parameters, finds the characters of a page for the model"
        " recognizer"
    )
    assert [
        json.loads(line)["default"] for line in numeye("models", "--json").stdout.splitlines()
    ] == [0, 1, 1]
    assert numeye("--version").stdout == "numeye 0.1.0\n"


def test_data_check_shows_missing_files_and_downloads_nothing(
    numeye: Numeye, tmp_path: Path
) -> None:
    process = numeye("data", "--check", "--cache", tmp_path)
    assert process.returncode == 1
    assert process.stdout.count(" missing\n") == 4 + 2
    assert not list(tmp_path.iterdir())


def test_data_is_taken_from_a_folder(numeye: Numeye, tmp_path: Path, mnist_cache: Path) -> None:
    (tmp_path / "cache").mkdir()
    cache = ("--cache", tmp_path / "cache")
    process = numeye("data", "--from", mnist_cache, "mnist", *cache)
    assert (process.returncode, process.stdout.count(" ok\n")) == (0, 4)
    # without a name, all that the folder has is taken, and only MNIST must be there in the end
    process = numeye("data", "--from", tmp_path, *cache)
    assert (process.returncode, process.stdout.count(" ok\n")) == (0, 4)
    assert process.stdout.count(" missing\n") == 2
    assert process.stderr.startswith(f"numeye: {tmp_path}: holds no undamaged pendigits-orig.tra")
    process = numeye("data", "pendigits", "--from", tmp_path, *cache)
    assert (process.returncode, process.stdout.count(" missing\n")) == (1, 2)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["emnist"], "no data set 'emnist' to fetch; expected mnist or pendigits"),
        (["--from", "nowhere"], "--from nowhere: no such folder"),
        (["--from", ".", "--check"], "--from and --check: expected one of them"),
    ],
)
def test_data_with_wrong_arguments_is_wrong_usage(
    arguments: list[str], message: str, numeye: Numeye
) -> None:
    process = numeye("data", *arguments)
    assert (process.returncode, process.stdout, process.stderr) == (2, "", f"numeye: {message}\n")


COMMANDS = [
    "read",
    "explain",
    "train",
    "evaluate",
    "compare",
    "serve",
    "export",
    "models",
    "data",
    "doctor",
    "bench",
]


@pytest.mark.parametrize("command", COMMANDS)
def test_every_command_has_help(command: str, numeye: Numeye) -> None:
    process = numeye(command, "--help")
    assert process.returncode == 0
    assert process.stdout.startswith("Usage: ")
    assert "Traceback" not in process.stderr


def test_a_closed_pipe_gives_no_traceback() -> None:
    pictures = " ".join([str(SEVEN)] * 300)
    shell = f"{sys.executable} -m numeye read {pictures} | head -1"
    process = subprocess.run(["/bin/sh", "-c", shell], capture_output=True, text=True, timeout=60)
    assert process.stdout == f"{SEVEN}\t7\n"
    assert process.stderr == ""


def test_only_paper_and_pages_can_be_shown(numeye: Numeye) -> None:
    process = numeye("data", "--show", "rain")
    assert (process.returncode, process.stderr) == (
        2,
        "numeye: --show rain: expected paper, pages or documents\n",
    )
