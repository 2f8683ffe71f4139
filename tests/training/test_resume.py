"""Runs that were killed, stopped or damaged continue as if nothing had happened."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest

from numeye.errors import RunError
from numeye.models.run_folder import MODEL, OPTIMIZER, Run
from numeye.training.interrupts import TrainingInterrupted
from numeye.training.train import train
from tests.conftest import write_idx
from tests.training.conftest import EPOCHS, final_weights

pytestmark = pytest.mark.slow

# The process kills itself at the n-th rename: between writing and renaming, or right after. Every
# file of a run is renamed into place, so these are all the moments at which the disk changes.
KILLED = """
import os, signal, sys
count, rename = 0, os.replace
def replace(*arguments):
    global count
    count += 1
    if count == {at} and {before}: os.kill(os.getpid(), signal.SIGKILL)
    rename(*arguments)
    if count == {at}: os.kill(os.getpid(), signal.SIGKILL)
os.replace = replace
from numeye.training.train import train
train("classic", epochs={epochs}, data={data!r}, run={run!r}, device="cpu", resume=True)
"""


@pytest.mark.kill
@pytest.mark.parametrize(
    ("at", "before"), [(1, True), (4, False), (8, True), (12, False), (14, True), (17, True)]
)
def test_a_run_killed_at_any_rename_continues_to_the_same_weights(
    at: int, before: bool, uninterrupted: Path, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    script = KILLED.format(at=at, before=before, epochs=EPOCHS, data=str(few_digits), run=str(run))
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (run / "report.html").exists()
    train("classic", epochs=EPOCHS, data=str(few_digits), run=run, device="cpu", resume=True)
    assert final_weights(run) == final_weights(uninterrupted)
    assert not list(run.rglob("*.tmp"))
    assert (run / "model.onnx").read_bytes() == (uninterrupted / "model.onnx").read_bytes()
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = [
        json.loads(line) for line in (uninterrupted / "metrics.jsonl").read_text().splitlines()
    ]
    for key in ("epoch", "train_loss", "validation_loss", "validation_accuracy"):
        assert [row[key] for row in rows] == [row[key] for row in expected]


# Slow steps, so that a kill meets the middle of an epoch.
SLOW = """
import time, numeye.cli.app, numeye.training.loop as loop
step = loop.Training._step
loop.Training._step = lambda *arguments: (time.sleep(0.05), step(*arguments))[1]
numeye.cli.app.run()
"""


@pytest.mark.kill
@pytest.mark.parametrize("seconds_after_start", [0.05, 0.3])
def test_a_run_killed_within_an_epoch_continues_to_the_same_weights(
    seconds_after_start: float, uninterrupted: Path, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = _train_command(few_digits, run)
    with subprocess.Popen(
        [sys.executable, "-c", SLOW, *command[3:]], stderr=subprocess.PIPE
    ) as process:
        _wait_for(run / "checkpoints" / "epoch-0000", process)
        time.sleep(seconds_after_start)
        process.kill()
    assert not (run / "report.html").exists()
    done = subprocess.run([*command, "--resume"], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert final_weights(run) == final_weights(uninterrupted)


@pytest.mark.slow
@pytest.mark.kill
def test_ctrl_c_saves_the_step_and_prints_the_command_to_continue(
    uninterrupted: Path, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", SLOW, *_train_command(few_digits, run)[3:]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _wait_for(run / "checkpoints" / "epoch-0001", process)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"numeye train --run {run} --resume" in stderr
    stopped = sorted(path.name for path in (run / "checkpoints").iterdir())[-1]
    assert re.fullmatch(r"epoch-000\d-step-\d+", stopped)
    assert "Traceback" not in stderr
    command_line = stderr.rsplit("continue with: numeye ", 1)[1].strip().split()
    done = subprocess.run(
        [sys.executable, "-m", "numeye", *command_line], capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    assert final_weights(run) == final_weights(uninterrupted)
    assert not list((run / "checkpoints").glob("*-step-*"))


@pytest.mark.parametrize(
    ("broken", "how"),
    [
        (MODEL, "cut"),
        (MODEL, "gone"),
        (OPTIMIZER, "altered"),
        ("state.json", "cut"),
        ("state.json", "gone"),
    ],
)
def test_a_damaged_checkpoint_is_reported_and_the_previous_one_used(
    broken: str, how: str, uninterrupted: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    file = run / "checkpoints" / "epoch-0003" / broken
    content = file.read_bytes()
    middle = len(content) // 2
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(
            content[:middle]
            if how == "cut"
            else content[:middle] + b"not it" + content[middle + 6 :]
        )
    messages: list[str] = []
    train("classic", run=run, device="cpu", resume=True, progress=messages.append)
    assert any(
        "epoch-0003" in line and broken in line and "skipped" in line for line in messages
    ), messages
    assert any("continuing after epoch 2" in line for line in messages), messages
    assert final_weights(run) == final_weights(uninterrupted)


@pytest.mark.slow
def test_more_epochs_for_a_finished_run(
    uninterrupted: Path, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    train("classic", epochs=1, data=str(few_digits), run=run, device="cpu")
    train("classic", epochs="+2", run=run, device="cpu", resume=True)
    assert final_weights(run) == final_weights(uninterrupted)
    assert json.loads((run / "card.json").read_text())["epochs"] == EPOCHS
    assert len((run / "environment.jsonl").read_text().splitlines()) == 2


def test_a_finished_run_is_not_changed(uninterrupted: Path) -> None:
    before = {
        path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*") if path.name != ".lock"
    }
    messages: list[str] = []
    train("classic", run=uninterrupted, resume=True, progress=messages.append)
    assert "has completed its 3 epochs" in messages[-1]
    assert "--epochs +5" in messages[-1]
    after = {
        path: path.stat().st_mtime_ns for path in uninterrupted.rglob("*") if path.name != ".lock"
    }
    assert before == after


@pytest.mark.slow
def test_a_run_does_not_continue_with_other_digits(
    few_digits: Path, tmp_path: Path, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    own = tmp_path / "own"
    shutil.copytree(few_digits, own)
    train("classic", epochs=1, data=str(own), run=tmp_path / "run", device="cpu")
    write_idx(own, train_images[640:1280], train_labels[640:1280])
    with pytest.raises(RunError, match="its digits changed since .*run began"):
        train("classic", epochs="+1", run=tmp_path / "run", resume=True, device="cpu")
    write_idx(own, train_images[:640], train_labels[:640])
    train("classic", epochs="+1", run=tmp_path / "run", resume=True, device="cpu")


def test_damaged_checkpoints_do_not_count_among_those_kept(
    uninterrupted: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    (run / "checkpoints" / "epoch-0003" / OPTIMIZER).write_bytes(b"damaged")
    Run.open(run).save_checkpoint(4, 0, {MODEL: b"model", OPTIMIZER: b"optimizer"}, {})
    kept = {path.parent.name for path in run.glob(f"checkpoints/*/{OPTIMIZER}")}
    assert kept >= {"epoch-0002", "epoch-0004"}


@pytest.mark.parametrize(
    ("file", "content"),
    [
        ("metrics.jsonl", "[1, 2]\n"),
        ("metrics.jsonl", '{"epoch": 1}\n'),
        ("environment.jsonl", "3\n"),
    ],
)
def test_damaged_records_give_a_message_of_one_line(
    uninterrupted: Path, tmp_path: Path, file: str, content: str
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    (run / file).write_text(content)
    with pytest.raises(RunError, match=f"{file}: damaged; expected one JSON object in each line"):
        train("classic", epochs="+1", run=run, resume=True, device="cpu")


def test_a_run_continues_without_the_record_of_its_starts(
    uninterrupted: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    (run / "environment.jsonl").unlink()
    (run / "card.json").write_text("[]")
    train("classic", epochs="+1", run=run, resume=True, device="cpu")
    assert json.loads((run / "card.json").read_text())["epochs"] == EPOCHS + 1


def test_a_finished_run_without_its_model_is_exported_again(
    uninterrupted: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(uninterrupted, run)
    (run / "model.onnx").unlink()
    train("classic", run=run, resume=True)
    assert (run / "model.onnx").read_bytes() == (uninterrupted / "model.onnx").read_bytes()


def test_ctrl_c_during_the_export_prints_the_command_to_continue(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("numeye.training.export.export", interrupted)
    with pytest.raises(
        TrainingInterrupted, match=f"numeye train --run {tmp_path / 'run'} --resume$"
    ):
        train("classic", epochs=1, data=str(few_digits), run=tmp_path / "run")


@pytest.mark.slow
def test_the_printed_command_continues_a_run_of_an_own_recipe(
    few_digits: Path, tmp_path: Path
) -> None:
    recipe = tmp_path / "slow.toml"
    recipe.write_text('model = "classic"\nlearning_rate = 0.0005\nepochs = 1\n')
    run = train(str(recipe), data=str(few_digits), run=tmp_path / "run")
    recipe.unlink()
    assert (
        run.resume_command(" --epochs +1")
        == f"numeye train --run {tmp_path / 'run'} --resume --epochs +1"
    )
    more = train(run=tmp_path / "run", resume=True, epochs="+1")
    assert (more.config.epochs, more.config.recipe.learning_rate) == (2, 0.0005)
    assert (
        "numeye train slow.toml --seed 0 --epochs 2"
        in (tmp_path / "run" / "report.html").read_text()
    )


def _train_command(data: Path, run: Path) -> list[str]:
    arguments = [
        "train",
        "classic",
        "--epochs",
        EPOCHS,
        "--data",
        data,
        "--run",
        run,
        "--device",
        "cpu",
    ]
    return [sys.executable, "-m", "numeye", *map(str, arguments)]


def _wait_for(path: Path, process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
