"""Snapshots of a network while it learns: what training writes, and what can be read from it."""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import nn

from numeye.errors import MissingExtra, ModelError, RunError
from numeye.models import snapshots
from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.run_folder import MODEL, Run
from numeye.training.loop import Callback, Training
from numeye.training.networks import create_model
from numeye.training.onnx_export import to_onnx
from numeye.training.tasks import trainer_for
from numeye.training.train import train

pytestmark = pytest.mark.slow

EPOCHS = 3


@pytest.fixture(scope="module")
def watched(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Run:
    folder = tmp_path_factory.mktemp("runs") / "watched"
    return train(
        "classic", epochs=EPOCHS, data=str(few_digits), run=folder, device="cpu", watch=True
    )


def test_a_watched_run_writes_rows_and_snapshots(watched: Run, tmp_path: Path) -> None:
    rows, kept = watched.steps(), watched.snapshot_steps()
    last = rows[-1]["step"]
    assert kept == [step for step in (0, 1, 2, 5, 10, 20, 50, 100) if step < last] + [last]
    steps = [row["step"] for row in rows]
    assert steps == sorted(set(steps))
    assert set(steps) >= {1, 2, 5, *range(10, last + 1, 10), last}
    assert set(steps) >= {last * epoch // EPOCHS for epoch in range(1, EPOCHS + 1)}
    assert 2.2 < rows[0]["loss"] < 2.4
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert all(0 <= row["accuracy"] <= 100 for row in rows)
    assert rows[-1]["accuracy"] > 30
    # The weights that are snapshot last are those of the last checkpoint; and a damaged end is
    # passed over.
    final = load_file(watched.folder / "checkpoints" / f"epoch-{EPOCHS:04d}" / MODEL)
    assert all(
        torch.equal(value, final[name])
        for name, value in load_file(watched.snapshot_path(last)).items()
    )
    with (watched.folder / "steps.jsonl").open("ab") as file:
        file.write(b'{"step": 9')
    assert watched.steps() == rows


def test_watching_changes_no_weight_and_other_runs_write_no_snapshots(
    watched: Run, few_digits: Path, tmp_path: Path
) -> None:
    plain = train("classic", epochs=1, data=str(few_digits), run=tmp_path / "run", device="cpu")
    first = Path("checkpoints") / "epoch-0001" / MODEL
    assert (plain.folder / first).read_bytes() == (watched.folder / first).read_bytes()
    names = {path.name for path in plain.folder.iterdir()}
    assert not names & {"graph.onnx", "snapshots", "steps.jsonl"}
    assert (plain.is_watched, plain.steps(), plain.snapshot_steps()) == (False, [], [])
    assert (plain.is_finished, watched.is_finished) == (True, True)


@pytest.mark.kill
def test_a_killed_run_continues_with_the_same_rows_and_snapshots(
    watched: Run, few_digits: Path, tmp_path: Path
) -> None:
    class Kill(Callback):
        def on_step(self, training: Training, pictures: int) -> None:
            if training.epoch == 1 and training.step == len(training.loaders.train) - 1:
                raise MemoryError

    with pytest.raises(MemoryError):
        train(
            "classic",
            epochs=EPOCHS,
            data=str(few_digits),
            run=tmp_path / "run",
            device="cpu",
            watch=True,
            callbacks=[Kill()],
        )
    run = Run.open(tmp_path / "run")
    assert run.snapshot_steps()[-1] > len(run.metrics())
    run.snapshot_path(10_000).write_bytes(b"of a future that will not be")
    train(run=run.folder, resume=True, device="cpu")  # once watched, always watched
    assert run.steps() == watched.steps()
    assert run.snapshot_steps() == watched.snapshot_steps()
    for step in run.snapshot_steps():
        assert run.snapshot_path(step).read_bytes() == watched.snapshot_path(step).read_bytes()


@pytest.mark.parametrize(
    ("name", "shape"), [("classic", (3, 1, 28, 28)), ("recognizer", (3, 1, 40, 40))]
)
def test_other_weights_in_the_graph_compute_what_torch_computes(
    name: str, shape: tuple[int, ...], tmp_path: Path
) -> None:
    (tmp_path / "graph.onnx").write_bytes(
        to_onnx(
            create_model(name).eval(),
            torch.zeros(shape),
            trainer_for(load_recipe(name)).signature,
            optimize=False,
        )
    )
    other = create_model(name).eval()
    for module in other.modules():
        if isinstance(module, nn.BatchNorm2d):
            for value, low in (
                (module.running_mean, -0.2),
                (module.running_var, 0.5),
                (module.weight.data, 0.5),
            ):
                assert value is not None
                value.copy_(torch.rand_like(value) + low)
    state = {key: value for key, value in other.state_dict().items() if value.is_floating_point()}
    save_file(state, tmp_path / "other.safetensors")
    images = torch.rand(shape)
    with torch.no_grad():
        expected = other(images).numpy()
    content = snapshots._replace_weights(tmp_path / "graph.onnx", tmp_path / "other.safetensors")
    session = onnxruntime.InferenceSession(content, providers=["CPUExecutionProvider"])
    actual = np.concatenate(session.run(None, {"images": images.numpy()}), axis=1)
    assert np.abs(actual - expected).max() < 1e-4


def test_a_snapshot_is_a_model_that_computes_what_torch_computes(
    watched: Run, train_images: np.ndarray
) -> None:
    from numeye.models.runtime import Network

    images = train_images[:50].astype(np.float32) / 255
    for step in watched.snapshot_steps():
        model = snapshots.load(watched.folder, step)
        assert model.name == f"watched, step {step}"
        network = create_model("classic").eval()
        network.load_state_dict(load_file(watched.snapshot_path(step)))
        with torch.no_grad():
            expected = network(torch.from_numpy(images[:, None])).numpy()
        assert np.abs(Network(model, 1)(images)[0] - expected).max() < 1e-4


def test_missing_and_damaged_files_give_a_clear_error(
    watched: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = Run.create(tmp_path / "run", RunConfig(recipe=load_recipe("classic"), epochs=1))
    with pytest.raises(RunError, match=r"no graph.onnx in it; numeye train --watch writes one"):
        snapshots.load(run.folder, 0)
    (run.folder / "graph.onnx").write_bytes((watched.folder / "graph.onnx").read_bytes())
    with pytest.raises(RunError, match=r"no snapshot of step 3; there is none yet"):
        snapshots.load(run.folder, 3)
    run.snapshot_path(3).parent.mkdir()
    run.snapshot_path(3).write_bytes(watched.snapshot_path(1).read_bytes()[:1000])
    with pytest.raises(RunError, match=r"no snapshot of step 4; there are 1, from 3 to 3"):
        snapshots.load(run.folder, 4)
    with pytest.raises(ModelError, match=r"step-0000003.safetensors: damaged"):
        snapshots.load(run.folder, 3)
    save_file({"conv1.weight": torch.zeros(2, 2)}, run.snapshot_path(3))
    with pytest.raises(
        ModelError,
        match=r"conv1.weight has shape \(2, 2\); in graph.onnx it is of shape \(16, 1, 3, 3",
    ):
        snapshots.load(run.folder, 3)
    (run.folder / "graph.onnx").write_bytes(b"no graph")
    with pytest.raises(ModelError, match=r"graph.onnx: damaged \(.*; numeye train --watch"):
        snapshots.load(run.folder, 3)
    monkeypatch.setitem(sys.modules, "onnx", None)
    with pytest.raises(MissingExtra, match=r"needs the extra \[explain\]"):
        snapshots.load(run.folder, 3)
