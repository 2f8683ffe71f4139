"""Training from the outside: what it writes, what it refuses, and what the network learns."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from numeye import Reader, evaluate, open_data
from numeye.errors import RunError, TrainingError, UsageError
from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.run_folder import MODEL, OPTIMIZER, Run
from numeye.training.bare_loop import bare_epoch
from numeye.training.loaders import digit_loaders
from numeye.training.loop import Callback, Training, epoch_seed
from numeye.training.networks import create_model
from numeye.training.run_plan import plan_training
from numeye.training.train import train
from tests.conftest import Numeye, write_idx
from tests.training.conftest import EPOCHS, final_weights


def test_a_run_folder_holds_everything_that_is_needed_to_repeat_it(
    uninterrupted: Path, few_digits: Path
) -> None:
    config = json.loads((uninterrupted / "config.json").read_text())
    assert config["recipe"]["name"] == "classic"
    assert (config["epochs"], config["seed"], config["data"]) == (EPOCHS, 0, str(few_digits))
    start = json.loads((uninterrupted / "environment.jsonl").read_text().splitlines()[0])
    assert start["packages"]["torch"] == torch.__version__.split("+")[0]
    assert len(start["source"]["sha256"]) == 64
    rows = [json.loads(line) for line in (uninterrupted / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]
    assert rows[-1]["train_loss"] < rows[0]["train_loss"] < 2.4
    assert all(row["images_per_second"] > 0 for row in rows)
    assert {path.name for path in (uninterrupted / "checkpoints").iterdir()} == {
        f"epoch-{n:04d}" for n in range(4)
    }
    with_optimizer = sorted(
        path.parent.name for path in uninterrupted.glob(f"checkpoints/*/{OPTIMIZER}")
    )
    assert with_optimizer == ["epoch-0002", "epoch-0003"]
    assert not [path for path in uninterrupted.rglob("*") if path.suffix == ".tmp"]
    for name in ("model.onnx", "model.safetensors", "card.json", "report.html"):
        assert (uninterrupted / name).stat().st_size > 0


def test_config_and_environment_are_written_before_the_first_step(
    tmp_path: Path, few_digits: Path
) -> None:
    seen: list[set[str]] = []

    class Look(Callback):
        def on_start(self, training: Training) -> None:
            seen.append({path.name for path in training.run.folder.iterdir()})

    train("classic", epochs=1, data=str(few_digits), run=tmp_path / "run", callbacks=[Look()])
    assert seen == [{".lock", "config.json", "environment.jsonl", "checkpoints"}]


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(
    uninterrupted: Path, few_digits: Path, tmp_path: Path
) -> None:
    for seed in (0, 1):
        config = RunConfig(
            recipe=load_recipe("classic"),
            epochs=EPOCHS,
            seed=seed,
            data=str(few_digits),
            device="cpu",
        )
        Training(Run.create(tmp_path / str(seed), config), digit_loaders(str(few_digits), 64)).fit()
    assert final_weights(tmp_path / "0") == final_weights(uninterrupted)
    assert final_weights(tmp_path / "1") != final_weights(uninterrupted)


def test_each_epoch_depends_only_on_seed_and_number() -> None:
    seeds = {epoch_seed(seed, epoch) for seed in range(20) for epoch in range(20)}
    assert len(seeds) == 400
    assert epoch_seed(0, 0) == 586149471454540918  # frozen: another value would change every run


def test_a_second_training_in_the_same_folder_is_refused(few_digits: Path, tmp_path: Path) -> None:
    refused: list[str] = []

    class Second(Callback):
        def on_epoch_end(self, training: Training, row: dict[str, object]) -> None:
            with pytest.raises(RunError, match="another training works in it") as error:
                train("classic", run=training.run.folder, resume=True, device="cpu")
            refused.append(str(error.value))

    train(
        "classic",
        epochs=1,
        data=str(few_digits),
        run=tmp_path / "run",
        device="cpu",
        callbacks=[Second()],
    )
    assert len(refused) == 1


def test_a_folder_that_another_training_creates_at_the_same_moment_is_in_use(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    config = RunConfig(recipe=load_recipe("classic"), epochs=1)
    record = Run.record_start

    def after_another(self: Run, *facts: object) -> None:
        monkeypatch.setattr(Run, "record_start", record)
        Run.create(tmp_path / "run", config)
        record(self)

    monkeypatch.setattr(Run, "record_start", after_another)
    with pytest.raises(RunError, match="run: in use already; continue with --resume"):
        Run.create(tmp_path / "run", config)
    assert len(Run.open(tmp_path / "run").starts()) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["run"]


def test_a_loss_that_is_not_finite_stops_with_the_last_good_checkpoint(
    tmp_path: Path, few_digits: Path
) -> None:
    recipe = tmp_path / "wild.toml"
    recipe.write_text('model = "classic"\nlearning_rate = 1e18\nepochs = 2\n')
    with pytest.raises(TrainingError, match=r"became (nan|inf).* in epoch 1") as raised:
        train(str(recipe), data=str(few_digits), run=tmp_path / "run")
    assert str(tmp_path / "run" / "checkpoints" / "epoch-0000") in str(raised.value)
    assert "a learning rate below 1e+18 usually helps" in str(raised.value)
    kept = Run.open(tmp_path / "run").newest_checkpoint((MODEL, OPTIMIZER), print)
    assert kept is not None
    assert kept.epoch == 0


def test_each_wrong_option_has_a_clear_error(
    uninterrupted: Path, few_digits: Path, tmp_path: Path
) -> None:
    other = tmp_path / "other.toml"
    other.write_text('model = "classic"\nepochs = 2\n')
    with pytest.raises(RunError, match="in use already; continue with --resume"):
        train("classic", run=uninterrupted)
    with pytest.raises(RunError, match=r"this run is of the recipe classic, not .*other.toml"):
        train(str(other), run=uninterrupted, resume=True)
    with pytest.raises(RunError, match="this run has --seed 0, not 7"):
        train("classic", seed=7, run=uninterrupted, resume=True)
    with pytest.raises(UsageError, match="a run cannot be shortened"):
        train("classic", epochs=1, run=uninterrupted, resume=True)
    with pytest.raises(UsageError, match="there is no run to continue"):
        train("classic", epochs="+5", run=tmp_path / "new", data=str(few_digits))
    with pytest.raises(UsageError, match="expected a number such as 5"):
        train("classic", epochs="five", run=tmp_path / "new")
    with pytest.raises(UsageError, match="no recipe 'clasic'; there are classic"):
        train("clasic", run=tmp_path / "new")
    with pytest.raises(UsageError, match="--device quantum: not available on this machine"):
        train("classic", device="quantum", run=tmp_path / "new", data=str(few_digits))
    with pytest.raises(UsageError, match="no data set"):
        train("classic", run=tmp_path / "new", data=str(tmp_path / "nowhere"))
    other.write_text('model = "clasic"\n')
    with pytest.raises(UsageError, match="no network 'clasic'; expected one of classic"):
        train(str(other), run=tmp_path / "new", data=str(few_digits))
    assert not (tmp_path / "new").exists()


def test_about_and_expected_result_do_not_make_another_recipe(
    uninterrupted: Path, tmp_path: Path
) -> None:
    recipe = load_recipe("classic")
    assert recipe.trains_as(replace(recipe, about="the same", expected=None))
    assert not recipe.trains_as(replace(recipe, learning_rate=0.1))
    same = tmp_path / "classic.toml"
    same.write_text('model = "classic"\nepochs = 5\nabout = "In other words."\n')
    assert plan_training(str(same), folder=uninterrupted, resume=True).run is not None


def test_the_loop_learns_what_a_bare_loop_learns(tmp_path: Path, few_digits: Path) -> None:
    """With the same first weights and batches: the loop adds records, not mathematics."""
    recipe = load_recipe("classic")
    config = RunConfig(recipe=recipe, epochs=1, data=str(few_digits), device="cpu")
    ours = Training(Run.create(tmp_path / "run", config), digit_loaders(str(few_digits), 64)).fit()

    torch.manual_seed(0)
    bare = create_model("classic")
    batches = digit_loaders(str(few_digits), 64)
    batches.generator.manual_seed(epoch_seed(0, 0))
    bare_epoch(bare, batches.train, torch.optim.Adam(bare.parameters(), lr=1e-3))
    for name, value in bare.state_dict().items():
        assert torch.equal(value, ours.state_dict()[name]), name


GOLDEN_LOSSES = [2.2662, 2.0253, 1.5147]


def test_golden_loss_curve(uninterrupted: Path) -> None:
    rows = [json.loads(line) for line in (uninterrupted / "metrics.jsonl").read_text().splitlines()]
    assert np.allclose([row["train_loss"] for row in rows], GOLDEN_LOSSES, atol=0.02)


@pytest.mark.slow
def test_three_epochs_of_6000_digits_read_nine_in_ten(
    tmp_path: Path, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    write_idx(tmp_path, train_images[:6000], train_labels[:6000])
    run = train("classic", epochs=3, data=str(tmp_path), run=tmp_path / "run")
    assert run.metrics()[-1]["validation_accuracy"] > 92
    assert evaluate(Reader(run.folder), open_data("mnist:validation")).accuracy > 92


@pytest.mark.slow
def test_the_command_line_trains_exports_measures_and_reports(
    numeye: Numeye, few_digits: Path, tmp_path: Path
) -> None:
    run = tmp_path / "run"
    trained = numeye("train", "classic", "--epochs", 1, "--data", few_digits, "--run", run)
    assert trained.stdout == f"{run}: trained for 1 epoch; see its report.html\n"
    exported = numeye("export", run, "--to", tmp_path / "exported")
    assert exported.stdout == f"{tmp_path / 'exported'}\n"
    assert (tmp_path / "exported" / "model.onnx").read_bytes() == (run / "model.onnx").read_bytes()
    measured = numeye("evaluate", run, "--data", few_digits, "--report", tmp_path / "own.html")
    assert "/ 640 * 100 = " in measured.stdout
    assert measured.stderr == f"report: {tmp_path / 'own.html'}\n"
    assert "<svg" in (tmp_path / "own.html").read_text(encoding="utf-8")
    strings = Path(__file__).parents[2] / "examples" / "numbers"
    (tmp_path / "labels.csv").write_text("file,label\nrows.png,407\n")
    (tmp_path / "rows.png").write_bytes((strings / "rows.png").read_bytes())
    refused = numeye("evaluate", run, "--data", tmp_path, "--report", tmp_path / "own.html")
    assert (refused.returncode, refused.stdout) == (2, "")
    assert ": expected a data set of one digit a picture" in refused.stderr


def test_pen_trajectories_can_be_left_out(tmp_path: Path) -> None:
    with_pens = plan_training("detector", folder=tmp_path / "run")
    without = plan_training("detector", folder=tmp_path / "run", pendigits=False)
    assert with_pens.config.recipe.pendigits
    assert not without.config.recipe.pendigits
    Run.create(tmp_path / "run", with_pens.config)
    with pytest.raises(RunError, match="another version of it"):
        plan_training("detector", folder=tmp_path / "run", resume=True, pendigits=False)
    with pytest.raises(RunError, match="draws pen trajectories; leave --no-pendigits out"):
        plan_training(None, folder=tmp_path / "run", resume=True, pendigits=False)
    Run.create(tmp_path / "other", without.config)
    again = plan_training("detector", folder=tmp_path / "other", resume=True, pendigits=False)
    assert again.config == without.config
