from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path

import numpy as np
import onnxruntime
import pytest
import torch
from safetensors.numpy import load_file

from numeye import Reader, evaluate, open_data
from numeye.errors import RunError
from numeye.models import registry
from numeye.models.run_folder import Run
from numeye.training.export import best_checkpoint, export, load_weights
from numeye.training.loaders import digit_loaders
from numeye.training.networks import create_model
from numeye.training.onnx_export import MAX_PARITY_ERROR, check_parity, to_onnx
from numeye.training.tasks.classification import safe_temperature
from numeye.training.train import train

PICTURES = torch.rand(4, 1, 28, 28)


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Run:
    return train(
        "classic", epochs=1, data=str(few_digits), run=tmp_path_factory.mktemp("runs") / "one"
    )


def test_onnx_computes_what_torch_computes_on_real_digits(
    run: Run, train_images: np.ndarray
) -> None:
    model = load_weights(run, best_checkpoint(run))
    pixels = train_images[:1000].astype(np.float32) / 255
    with torch.no_grad():
        expected = model(torch.from_numpy(pixels[:, None])).numpy()
    assert np.abs(Reader(run.folder).logits(pixels) - expected).max() <= MAX_PARITY_ERROR


@pytest.mark.slow
def test_the_packaged_weights_have_the_accuracy_on_their_card(mnist_cache: Path) -> None:
    """Everyone who measures the packaged file gets the accuracy on the card."""
    card = registry.load().card
    measured = evaluate(Reader(), open_data("mnist", cache=mnist_cache))
    assert measured.correct == card["accuracy"]["correct"]
    assert measured.accuracy > 98.5


def test_the_files_describe_each_other(run: Run) -> None:
    card = json.loads((run.folder / "card.json").read_text())
    assert card["sha256"] == hashlib.sha256((run.folder / "model.onnx").read_bytes()).hexdigest()
    assert card["epochs"] == 1
    assert set(card["trained"]) == {"time", "source", "packages", "processor", "cores", "gpu"}
    assert card["trained"]["cores"] >= 1
    assert card["accuracy"] is None  # a data folder has no test digits
    stored = load_file(run.folder / "model.safetensors")
    assert {name: value.size for name, value in stored.items()}["fc1.weight"] == 128 * 1568


def test_the_epoch_with_the_best_validation_is_exported(run: Run, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    shutil.copytree(run.folder, folder)
    more = train(epochs=3, run=folder, resume=True)
    rows = more.metrics()
    for best in (1, 2, 3):
        more.write_metrics(
            [{**row, "validation_accuracy": 90.0 + (row["epoch"] == best)} for row in rows]
        )
        assert best_checkpoint(more).epoch == best
    more.write_metrics([{**row, "validation_accuracy": 90.0} for row in rows])
    assert best_checkpoint(more).epoch == 1


def test_parameters_keep_their_names_in_the_graph() -> None:
    import onnx

    graph = onnx.load_from_string(to_onnx(create_model("classic").eval(), PICTURES)).graph
    assert {value.name for value in graph.initializer} >= set(create_model("classic").state_dict())
    assert not any(node.metadata_props or node.doc_string for node in graph.node)


def test_a_graph_with_other_outputs_is_refused() -> None:
    with pytest.raises(RunError, match="torch and ONNX Runtime differ by"):
        check_parity(
            create_model("classic"), to_onnx(create_model("classic").eval(), PICTURES), PICTURES
        )


def test_an_export_to_another_folder_does_not_change_the_run(
    run: Run, few_digits: Path, tmp_path: Path
) -> None:
    before = {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()}
    export(run, digit_loaders(str(few_digits), 64), tmp_path / "out")
    assert {path: path.read_bytes() for path in run.folder.rglob("*") if path.is_file()} == before
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert sorted(names) == ["card.json", "model.onnx", "model.safetensors"]
    session = onnxruntime.InferenceSession(
        tmp_path / "out" / "model.onnx", providers=["CPUExecutionProvider"]
    )
    assert [port.name for port in (*session.get_inputs(), *session.get_outputs())] == [
        "images",
        "logits",
    ]


def test_the_runtimes_may_be_compared_on_fewer_digits_than_validate(
    run: Run, few_digits: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("numeye.training.onnx_export.MAX_PARITY_IMAGES", 3)
    card = json.loads(
        (export(run, digit_loaders(str(few_digits), 64), tmp_path) / "card.json").read_text()
    )
    assert 0.05 < card["temperature"] < 20


def test_digits_without_an_error_do_not_raise_confidence() -> None:
    logits, labels = np.eye(10)[:6] * 3, np.arange(6)
    assert safe_temperature(logits, labels) == 1
    assert safe_temperature(-logits, labels) > 10
    assert (
        0.05
        < safe_temperature(np.tile(logits, (50, 1)), np.append(np.tile(labels, 50)[:-1], 0))
        < 1
    )


def test_a_run_without_a_complete_epoch_is_not_exported(few_digits: Path, tmp_path: Path) -> None:
    from numeye.models.recipe import RunConfig, load_recipe

    config = RunConfig(recipe=load_recipe("classic"), epochs=1, data=str(few_digits))
    with pytest.raises(
        RunError, match="no epoch is complete yet; continue with: numeye train --run .* --resume"
    ):
        export(Run.create(tmp_path / "run", config), digit_loaders(str(few_digits), 64))
