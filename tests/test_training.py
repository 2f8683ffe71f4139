"""Training from the outside: what it writes, how it stops, and that it goes on as if nothing had been."""

from __future__ import annotations

import json
import re
import shutil
import signal
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from conftest import Numeye, write_idx
from numeye import Reader, evaluate, open_data
from numeye.config import RunConfig, load_recipe
from numeye.errors import RunError, TrainingError, UsageError
from numeye.runs import MODEL, OPTIMIZER, Run
from numeye.training.bare import bare_epoch
from numeye.training.data import loaders
from numeye.training.loop import Callback, Stopped, Training, seed_of_epoch
from numeye.training.models import create_model
from numeye.training.plan import plan_training
from numeye.training.train import train

EPOCHS = 3


def final_weights(folder: Path) -> bytes:
    return (folder / "checkpoints" / f"epoch-{EPOCHS:04d}" / MODEL).read_bytes()


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    train("classic", epochs=EPOCHS, data=str(few_digits), run=folder, device="cpu")
    return folder


def test_a_run_folder_holds_everything_that_made_it(undisturbed: Path, few_digits: Path) -> None:
    config = json.loads((undisturbed / "config.json").read_text())
    assert config["recipe"]["name"] == "classic"
    assert (config["epochs"], config["seed"], config["data"]) == (EPOCHS, 0, str(few_digits))
    start = json.loads((undisturbed / "environment.jsonl").read_text().splitlines()[0])
    assert start["packages"]["torch"] == torch.__version__.split("+")[0]
    assert len(start["source"]["sha256"]) == 64
    rows = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"] < 2.4
    assert all(row["images_per_second"] > 0 for row in rows)
    assert {path.name for path in (undisturbed / "checkpoints").iterdir()} == {f"epoch-{n:04d}" for n in range(4)}
    with_optimizer = sorted(path.parent.name for path in undisturbed.glob(f"checkpoints/*/{OPTIMIZER}"))
    assert with_optimizer == ["epoch-0002", "epoch-0003"]
    assert not [path for path in undisturbed.rglob("*") if path.suffix == ".tmp"]
    for name in ("model.onnx", "model.safetensors", "card.json", "report.html"):
        assert (undisturbed / name).stat().st_size > 0


def test_config_and_environment_are_there_before_the_first_step(tmp_path: Path, few_digits: Path) -> None:
    seen: list[set[str]] = []

    class Look(Callback):
        def started(self, training: Training) -> None:
            seen.append({path.name for path in training.run.folder.iterdir()})

    train("classic", epochs=1, data=str(few_digits), run=tmp_path / "run", callbacks=[Look()])
    assert seen == [{".lock", "config.json", "environment.jsonl", "checkpoints"}]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    undisturbed: Path, few_digits: Path, tmp_path: Path
) -> None:
    for seed in (0, 1):
        config = RunConfig(recipe=load_recipe("classic"), epochs=EPOCHS, seed=seed, data=str(few_digits), device="cpu")
        Training(Run.create(tmp_path / str(seed), config), loaders(str(few_digits), 64)).fit()
    assert final_weights(tmp_path / "0") == final_weights(undisturbed)
    assert final_weights(tmp_path / "1") != final_weights(undisturbed)


def test_each_epoch_hangs_on_seed_and_number_alone() -> None:
    seeds = {seed_of_epoch(seed, epoch) for seed in range(20) for epoch in range(20)}
    assert len(seeds) == 400
    assert seed_of_epoch(0, 0) == 586149471454540918  # frozen: another value would change every run


# The process kills itself at the n-th rename: between writing and renaming, or right after. Every file of a run
# comes about by a rename, so these are all the moments at which what is on the disk changes.
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
@pytest.mark.parametrize(("at", "before"), [(1, True), (4, False), (8, True), (12, False), (14, True), (17, True)])
def test_killed_at_any_rename_it_goes_on_to_the_same_weights(
    at: int, before: bool, undisturbed: Path, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    script = KILLED.format(at=at, before=before, epochs=EPOCHS, data=str(few_digits), run=str(run))
    killed = subprocess.run([sys.executable, "-c", script], capture_output=True, timeout=120)
    assert killed.returncode == -signal.SIGKILL, killed.stderr.decode()
    assert not (run / "report.html").exists()
    train("classic", epochs=EPOCHS, data=str(few_digits), run=run, device="cpu", resume=True)
    assert final_weights(run) == final_weights(undisturbed)
    assert not list(run.rglob("*.tmp"))
    assert (run / "model.onnx").read_bytes() == (undisturbed / "model.onnx").read_bytes()
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    expected = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    for key in ("epoch", "train_loss", "validation_loss", "validation_accuracy"):
        assert [row[key] for row in rows] == [row[key] for row in expected]


# Steps that take a while, so that an epoch has a middle.
SLOW = """
import time, numeye.cli, numeye.training.loop as loop
step = loop.Training._step
loop.Training._step = lambda *given: (time.sleep(0.05), step(*given))[1]
numeye.cli.run()
"""


@pytest.mark.kill
@pytest.mark.parametrize("seconds_after_start", [0.05, 0.3])
def test_killed_in_the_middle_of_an_epoch(
    seconds_after_start: float, undisturbed: Path, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = _train_command(few_digits, run)
    with subprocess.Popen([sys.executable, "-c", SLOW, *command[3:]], stderr=subprocess.PIPE) as process:
        _wait_for(run / "checkpoints" / "epoch-0000", process)
        time.sleep(seconds_after_start)
        process.kill()
    assert not (run / "report.html").exists()
    done = subprocess.run([*command, "--resume"], capture_output=True, timeout=120)
    assert done.returncode == 0, done.stderr.decode()
    assert final_weights(run) == final_weights(undisturbed)


@pytest.mark.kill
def test_ctrl_c_saves_the_very_step_and_prints_the_command_that_goes_on(
    undisturbed: Path, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    command = [sys.executable, "-c", SLOW, *_train_command(few_digits, run)[3:]]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        _wait_for(run / "checkpoints" / "epoch-0001", process)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert process.returncode == 130
    assert f"numeye train --run {run} --resume" in said
    stopped = sorted(path.name for path in (run / "checkpoints").iterdir())[-1]
    assert re.fullmatch(r"epoch-000\d-step-\d+", stopped)
    assert "Traceback" not in said
    go_on = said.rsplit("this goes on: numeye ", 1)[1].strip().split()
    done = subprocess.run([sys.executable, "-m", "numeye", *go_on], capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    assert final_weights(run) == final_weights(undisturbed)
    assert not list((run / "checkpoints").glob("*-step-*"))


@pytest.mark.parametrize(
    ("broken", "how"),
    [(MODEL, "cut"), (MODEL, "gone"), (OPTIMIZER, "altered"), ("state.json", "cut"), ("state.json", "gone")],
)
def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    broken: str, how: str, undisturbed: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    file = run / "checkpoints" / "epoch-0003" / broken
    content = file.read_bytes()
    middle = len(content) // 2
    if how == "gone":
        file.unlink()
    else:
        file.write_bytes(content[:middle] if how == "cut" else content[:middle] + b"not it" + content[middle + 6 :])
    said: list[str] = []
    train("classic", run=run, device="cpu", resume=True, say=said.append)
    assert any("epoch-0003" in line and broken in line and "passing it over" in line for line in said), said
    assert any("going on after epoch 2" in line for line in said), said
    assert final_weights(run) == final_weights(undisturbed)


def test_more_epochs_for_a_finished_run(undisturbed: Path, few_digits: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    train("classic", epochs=1, data=str(few_digits), run=run, device="cpu")
    train("classic", epochs="+2", run=run, device="cpu", resume=True)
    assert final_weights(run) == final_weights(undisturbed)
    assert json.loads((run / "card.json").read_text())["epochs"] == EPOCHS
    assert len((run / "environment.jsonl").read_text().splitlines()) == 2


def test_a_finished_run_is_left_alone(undisturbed: Path) -> None:
    before = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*") if path.name != ".lock"}
    said: list[str] = []
    train("classic", run=undisturbed, resume=True, say=said.append)
    assert "has finished its 3 epochs" in said[-1]
    assert "--epochs +5" in said[-1]
    after = {path: path.stat().st_mtime_ns for path in undisturbed.rglob("*") if path.name != ".lock"}
    assert before == after


def test_two_trainings_in_one_folder_are_kept_apart(few_digits: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    class Second(Callback):
        def epoch_ended(self, training: Training, row: dict[str, object]) -> None:
            with pytest.raises(RunError, match="another training is at work in it") as error:
                train("classic", run=training.run.folder, resume=True, device="cpu")
            refused.append(str(error.value))

    train("classic", epochs=1, data=str(few_digits), run=tmp_path / "run", device="cpu", callbacks=[Second()])
    assert len(refused) == 1


def test_a_run_does_not_go_on_with_other_digits(
    few_digits: Path, tmp_path: Path, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    own = tmp_path / "own"
    shutil.copytree(few_digits, own)
    train("classic", epochs=1, data=str(own), run=tmp_path / "run", device="cpu")
    write_idx(own, train_images[640:1280], train_labels[640:1280])
    with pytest.raises(RunError, match="other digits than when .*run began"):
        train("classic", epochs="+1", run=tmp_path / "run", resume=True, device="cpu")
    write_idx(own, train_images[:640], train_labels[:640])
    train("classic", epochs="+1", run=tmp_path / "run", resume=True, device="cpu")


def test_damaged_checkpoints_do_not_count_among_those_kept(undisturbed: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    (run / "checkpoints" / "epoch-0003" / OPTIMIZER).write_bytes(b"damaged")
    Run.open(run).save_checkpoint(4, 0, {MODEL: b"model", OPTIMIZER: b"optimizer"}, {})
    kept = {path.parent.name for path in run.glob(f"checkpoints/*/{OPTIMIZER}")}
    assert kept >= {"epoch-0002", "epoch-0004"}


@pytest.mark.parametrize(
    ("file", "content"),
    [("metrics.jsonl", "[1, 2]\n"), ("metrics.jsonl", '{"epoch": 1}\n'), ("environment.jsonl", "3\n")],
)
def test_records_of_another_kind_end_in_one_line(undisturbed: Path, tmp_path: Path, file: str, content: str) -> None:
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    (run / file).write_text(content)
    with pytest.raises(RunError, match=f"{file}: damaged; expected a JSON object a line"):
        train("classic", epochs="+1", run=run, resume=True, device="cpu")


def test_without_the_record_of_its_starts_a_run_goes_on(undisturbed: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    (run / "environment.jsonl").unlink()
    (run / "card.json").write_text("[]")
    train("classic", epochs="+1", run=run, resume=True, device="cpu")
    assert json.loads((run / "card.json").read_text())["epochs"] == EPOCHS + 1


def test_a_finished_run_whose_model_is_gone_is_exported_again(undisturbed: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    shutil.copytree(undisturbed, run)
    (run / "model.onnx").unlink()
    train("classic", run=run, resume=True)
    assert (run / "model.onnx").read_bytes() == (undisturbed / "model.onnx").read_bytes()


def test_ctrl_c_during_the_export_prints_the_command_that_goes_on(
    few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("numeye.training.export.export", interrupted)
    with pytest.raises(Stopped, match=f"numeye train --run {tmp_path / 'run'} --resume$"):
        train("classic", epochs=1, data=str(few_digits), run=tmp_path / "run")


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(tmp_path: Path, few_digits: Path) -> None:
    recipe = tmp_path / "wild.toml"
    recipe.write_text('model = "classic"\nlearning_rate = 1e18\nepochs = 2\n')
    with pytest.raises(TrainingError, match=r"became (nan|inf).* in epoch 1") as raised:
        train(str(recipe), data=str(few_digits), run=tmp_path / "run")
    assert str(tmp_path / "run" / "checkpoints" / "epoch-0000") in str(raised.value)
    assert "a learning rate below 1e+18 helps" in str(raised.value)
    kept = Run.open(tmp_path / "run").newest((MODEL, OPTIMIZER), print)
    assert kept is not None
    assert kept.epoch == 0


def test_what_cannot_be_trained_ends_in_one_clear_error(undisturbed: Path, few_digits: Path, tmp_path: Path) -> None:
    other = tmp_path / "other.toml"
    other.write_text('model = "classic"\nepochs = 2\n')
    with pytest.raises(RunError, match="in use already; go on with --resume"):
        train("classic", run=undisturbed)
    with pytest.raises(RunError, match=r"this run is of the recipe classic, not .*other.toml"):
        train(str(other), run=undisturbed, resume=True)
    with pytest.raises(RunError, match="this run has --seed 0, not 7"):
        train("classic", seed=7, run=undisturbed, resume=True)
    with pytest.raises(UsageError, match="a run cannot be shortened"):
        train("classic", epochs=1, run=undisturbed, resume=True)
    with pytest.raises(UsageError, match="there is no run to go on with"):
        train("classic", epochs="+5", run=tmp_path / "new", data=str(few_digits))
    with pytest.raises(UsageError, match="expected a number such as 5"):
        train("classic", epochs="five", run=tmp_path / "new")
    with pytest.raises(UsageError, match="no recipe 'clasic'; there are classic"):
        train("clasic", run=tmp_path / "new")
    with pytest.raises(UsageError, match="--device quantum: not to be had here"):
        train("classic", device="quantum", run=tmp_path / "new", data=str(few_digits))
    with pytest.raises(UsageError, match="no data set"):
        train("classic", run=tmp_path / "new", data=str(tmp_path / "nowhere"))
    other.write_text('model = "clasic"\n')
    with pytest.raises(UsageError, match="no network 'clasic'; there are classic"):
        train(str(other), run=tmp_path / "new", data=str(few_digits))
    assert not (tmp_path / "new").exists()


def test_what_a_recipe_says_of_itself_makes_it_no_other(undisturbed: Path, tmp_path: Path) -> None:
    recipe = load_recipe("classic")
    assert recipe.trains_as(replace(recipe, about="the same", promise=None))
    assert not recipe.trains_as(replace(recipe, learning_rate=0.1))
    same = tmp_path / "classic.toml"
    same.write_text('model = "classic"\nepochs = 5\nabout = "In other words."\n')
    assert plan_training(str(same), folder=undisturbed, resume=True).run is not None


def test_a_recipe_of_ones_own_is_gone_on_with_by_the_command_that_is_printed(few_digits: Path, tmp_path: Path) -> None:
    recipe = tmp_path / "slow.toml"
    recipe.write_text('model = "classic"\nlearning_rate = 0.0005\nepochs = 1\n')
    run = train(str(recipe), data=str(few_digits), run=tmp_path / "run")
    recipe.unlink()
    assert run.resume_command(" --epochs +1") == f"numeye train --run {tmp_path / 'run'} --resume --epochs +1"
    more = train(run=tmp_path / "run", resume=True, epochs="+1")
    assert (more.config.epochs, more.config.recipe.learning_rate) == (2, 0.0005)
    assert "numeye train slow.toml --seed 0 --epochs 2" in (tmp_path / "run" / "report.html").read_text()


def test_the_loop_learns_what_a_bare_loop_learns(tmp_path: Path, few_digits: Path) -> None:
    """Same first weights, same batches: the loop adds books, not mathematics."""
    config = RunConfig(recipe=load_recipe("classic"), epochs=1, data=str(few_digits), device="cpu")
    ours = Training(Run.create(tmp_path / "run", config), loaders(str(few_digits), 64)).fit()

    torch.manual_seed(0)
    bare = create_model("classic")
    batches = loaders(str(few_digits), 64)
    batches.generator.manual_seed(seed_of_epoch(0, 0))
    bare_epoch(bare, batches.train, torch.optim.Adam(bare.parameters(), lr=1e-3))
    for name, value in bare.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


GOLDEN_LOSSES = [2.2662, 2.0253, 1.5147]


def test_golden_loss_curve(undisturbed: Path) -> None:
    rows = [json.loads(line) for line in (undisturbed / "metrics.jsonl").read_text().splitlines()]
    assert np.allclose([row["train_loss"] for row in rows], GOLDEN_LOSSES, atol=0.02)


def test_three_epochs_of_6000_digits_read_nine_in_ten(
    tmp_path: Path, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    write_idx(tmp_path, train_images[:6000], train_labels[:6000])
    run = train("classic", epochs=3, data=str(tmp_path), run=tmp_path / "run")
    assert run.metrics()[-1]["validation_accuracy"] > 92
    assert evaluate(Reader(run.folder), open_data("mnist:validation")).accuracy > 92


def test_the_command_line_trains_exports_measures_and_reports(numeye: Numeye, few_digits: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    trained = numeye("train", "classic", "--epochs", 1, "--data", few_digits, "--run", run)
    assert trained.stdout == f"{run}: trained for 1 epoch; report.html in it shows how\n"
    exported = numeye("export", run, "--to", tmp_path / "exported")
    assert exported.stdout == f"{tmp_path / 'exported'}\n"
    assert (tmp_path / "exported" / "model.onnx").read_bytes() == (run / "model.onnx").read_bytes()
    measured = numeye("evaluate", run, "--data", few_digits, "--report", tmp_path / "own.html")
    assert "/ 640 * 100 = " in measured.stdout
    assert measured.stderr == f"report: {tmp_path / 'own.html'}\n"
    assert "<svg" in (tmp_path / "own.html").read_text(encoding="utf-8")
    strings = Path(__file__).parent.parent / "examples" / "numbers"
    (tmp_path / "labels.csv").write_text("file,label\nrows.png,407\n")
    (tmp_path / "rows.png").write_bytes((strings / "rows.png").read_bytes())
    refused = numeye("evaluate", run, "--data", tmp_path, "--report", tmp_path / "own.html")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert "is of strings; expected a data set of one digit a picture" in refused.stderr


def _train_command(data: Path, run: Path) -> list[str]:
    arguments = ["train", "classic", "--epochs", EPOCHS, "--data", data, "--run", run, "--device", "cpu"]
    return [sys.executable, "-m", "numeye", *map(str, arguments)]


def _wait_for(path: Path, process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    deadline = time.monotonic() + 60
    while not path.exists():
        assert process.poll() is None, "training ended before it could be killed"
        assert time.monotonic() < deadline
        time.sleep(0.01)
