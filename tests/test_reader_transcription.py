"""Models for transcription in a reader: their own, packaged ones, and what they cannot do."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper, numpy_helper

import numeye
from numeye import Reader
from numeye.errors import UsageError
from numeye.models import registry
from numeye.models.card import Model
from numeye.models.characters import NO_CHARACTER
from numeye.models.runtime import Network
from numeye.models.task import TRANSCRIPTION
from numeye.recognition.model_networks import ModelNetworks


def tiny_network() -> bytes:
    """Return a network that looks at the mean grey of each column, and prefers the digit 7."""
    weights = np.zeros((1, NO_CHARACTER + 1), np.float32)
    weights[0, 7], weights[0, NO_CHARACTER] = 1, 2
    nodes = [
        helper.make_node(
            "AveragePool", ["images"], ["pooled"], kernel_shape=[32, 4], strides=[32, 4]
        ),
        helper.make_node("Squeeze", ["pooled", "axis"], ["row"]),  # (n, 1, w/4)
        helper.make_node("Transpose", ["row"], ["columns"], perm=[0, 2, 1]),
        helper.make_node("MatMul", ["columns", "weights"], ["logits"]),
    ]
    graph = helper.make_graph(
        nodes,
        "tiny",
        [helper.make_tensor_value_info("images", TensorProto.FLOAT, ["n", 1, 32, "4*w"])],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["n", "w", NO_CHARACTER + 1])],
        [
            numpy_helper.from_array(weights, "weights"),
            numpy_helper.from_array(np.array([2], np.int64), "axis"),
        ],
    )
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 18)], ir_version=10)
    content: bytes = model.SerializeToString()
    onnx.checker.check_model(model)
    return content


GRAPH = tiny_network()
SAMPLE = Path(__file__).parent.parent / "examples" / "numbers" / "rows.png"


def card(**changes: Any) -> dict[str, Any]:
    """Return a card that names the packaged models."""
    partners = {
        name: {"sha256": registry.load(name).card["sha256"]} for name in ("detector", "recognizer")
    }
    sha256 = hashlib.sha256(GRAPH).hexdigest()
    return {"task": "transcription", "sha256": sha256, "accuracy": None, **partners, **changes}


def model(**changes: Any) -> Model:
    return Model(name="lines", onnx=GRAPH, card=card(**changes))


def test_the_task_is_known_by_the_card_or_by_the_shapes() -> None:
    for each in (model(), Model(name="lines", onnx=GRAPH, card={})):
        network = Network(each, 1)
        assert network.task == TRANSCRIPTION.name
        assert network(np.zeros((2, 32, 40), np.float32))[0].shape == (2, 10, 29)


def test_a_model_reads_together_with_the_packaged_ones() -> None:
    reader = Reader(model(fusion={"weight": 0.0, "below": 1.0}), threads=1)
    assert (reader.model.name, reader.detector and reader.detector.name) == (
        "recognizer",
        "detector",
    )
    assert reader.name == "detector + recognizer + lines"
    reading = reader.read(SAMPLE)
    assert reading.numbers
    without = Reader(threads=1).read(SAMPLE)
    assert reading.text.split() == without.text.split()  # of no weight
    reader.release()


def test_it_reads_no_single_digits(tmp_path: Path) -> None:
    message = "lines: it reads whole numbers together with the packaged detector"
    with pytest.raises(UsageError, match=message):
        Reader(model(), single=True)
    (tmp_path / "model.onnx").write_bytes(GRAPH)
    (tmp_path / "card.json").write_text(json.dumps(card()))
    with pytest.raises(UsageError, match=": reads whole numbers; expected a model that reads one"):
        numeye.explain(np.zeros((40, 40), np.uint8), model=tmp_path)


def test_error_rates_need_a_calibration_on_its_card() -> None:
    with pytest.raises(UsageError, match="lines: its card has no calibration"):
        Reader(model(), max_error=0.02)
    curve = [[0.9, 500, 0], [0.5, 900, 20]]
    calibrated = model(calibration={"data": "x", "n": 1000, "level": 0.95, "curve": curve})
    reader = Reader(calibrated, max_error=0.05)
    assert reader.risk_threshold is not None
    with pytest.raises(UsageError, match="lines: its error rates are known only together with"):
        Reader(
            model(
                calibration={"data": "x", "n": 1000, "level": 0.95, "curve": curve},
                recognizer={"name": "other", "sha256": "0"},
            ),
            max_error=0.05,
        )


@pytest.fixture
def packaged(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a folder of the packaged models, in which tests may put another one."""
    for path in registry.PACKAGED.iterdir():
        if path.stem in ("detector", "recognizer"):
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(registry, "PACKAGED", tmp_path)
    return tmp_path


def package(folder: Path, entries: dict[str, Any]) -> None:
    (folder / "transcription.onnx").write_bytes(GRAPH)
    (folder / "transcription.json").write_text(json.dumps(entries))


def test_a_packaged_one_is_used_with_the_models_that_it_was_fitted_with(packaged: Path) -> None:
    assert ModelNetworks(registry.load(), 1).line_model is None
    package(packaged, card())
    networks = ModelNetworks(registry.load(), 1)
    assert networks.line_model is not None
    assert networks.line_model.name == "transcription"
    assert networks.line_network is not None
    assert Reader(threads=1).read(SAMPLE).numbers
    package(packaged, card(recognizer={"sha256": "of another one"}))
    assert ModelNetworks(registry.load(), 1).line_model is None
    package(packaged, card(detector=None))
    assert ModelNetworks(registry.load(), 1).line_network is None


def test_the_list_of_models_says_what_it_is_for(
    packaged: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from numeye.cli.models import models

    package(packaged, card(parameters=29))
    models()
    assert (
        "transcription: 29 parameters, reads whole numbers again where detector and recognizer are"
        " unsure\n" in capsys.readouterr().out
    )
