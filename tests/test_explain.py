from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image

from conftest import Numeye
from numeye import read, weights
from numeye.attribution import PATCH, STEP
from numeye.errors import PictureError, UsageError
from numeye.explain import Explanation, explain
from numeye.explained import save
from numeye.training.models import Classic

SEVEN = Path(__file__).parent.parent / "examples" / "digits" / "7-turned.jpg"


@pytest.fixture(scope="module")
def seven() -> Explanation:
    return explain(SEVEN, "classic")


def classic() -> Classic:
    """The packaged network in torch."""
    graph = onnx.load_model_from_string(weights.load("classic").onnx).graph
    stored = {
        one.name.removeprefix("model."): torch.from_numpy(numpy_helper.to_array(one).copy())
        for one in graph.initializer
    }
    model = Classic()
    model.load_state_dict({name: stored[name] for name in model.state_dict()})
    return model.eval()


def test_every_layer_is_what_torch_says_it_is(seven: Explanation) -> None:
    model, found = classic(), {layer.name: layer.values for layer in seven.layers}
    with torch.no_grad():
        x = torch.from_numpy(seven.pixels)[None, None]
        steps = {"convolution 1": model.conv1, "ReLU 1": model.relu, "pooling 1": model.pool,
                 "convolution 2": model.conv2, "ReLU 2": model.relu, "pooling 2": model.pool}  # fmt: skip
        for name, step in steps.items():
            x = step(x)
            np.testing.assert_allclose(found[name], x[0].numpy(), atol=1e-4)
        x = model.flatten(x)
        for name, step in {"linear 1": model.fc1, "ReLU 3": model.relu, "linear 2": model.fc2}.items():
            x = step(x)
            np.testing.assert_allclose(found[name], x[0].numpy(), atol=1e-4)
    assert list(found) == [*steps, "linear 1", "ReLU 3", "linear 2"]


def test_the_answer_is_that_of_read(seven: Explanation) -> None:
    reading = read(SEVEN, model="classic", single=True)
    assert seven.answer == reading.text == "7"
    np.testing.assert_allclose(seven.probabilities, reading.digits[0].probabilities, atol=1e-6)


def test_the_default_reader_is_shown_as_well(tmp_path: Path) -> None:
    seen = explain(SEVEN)
    assert (seen.model, seen.answer, seen.pixels.shape) == ("reader", "7", (40, 40))
    assert [layer.values.shape for layer in seen.layers][:2] == [(24, 40, 40), (24, 40, 40)]
    assert [layer.name for layer in seen.layers if layer.name.startswith("sum")] == ["sum 1", "sum 2"]


def test_hiding_where_nothing_is_costs_nothing_and_the_strokes_cost_most(seven: Explanation) -> None:
    ink = seven.pixels > 0.5
    inked = np.array([[ink[t : t + PATCH, left : left + PATCH].any() for left in range(0, 28 - PATCH + 1, STEP)]
                      for t in range(0, 28 - PATCH + 1, STEP)])  # fmt: skip
    assert seven.hidden.shape == inked.shape
    assert seven.hidden.min() >= 0
    assert inked[np.unravel_index(seven.hidden.argmax(), inked.shape)]
    assert seven.hidden[~inked].max() < seven.hidden.max() / 2


def test_it_is_saved_as_a_picture_or_a_page(seven: Explanation, tmp_path: Path) -> None:
    with Image.open(save(seven, tmp_path / "seven.png")) as picture:
        assert picture.width > 600
        assert picture.height > 2_000
    page = save(seven, tmp_path / "seven.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == page.count('alt="') == 1 + len(seven.layers)
    assert "http" not in page
    with pytest.raises(UsageError, match=r"ends in \.png or \.html"):
        save(seven, tmp_path / "seven.txt")


def test_what_cannot_be_explained_is_told() -> None:
    with pytest.raises(UsageError, match="spotter: finds digits on pages"):
        explain(SEVEN, "spotter")
    for model in ("classic", "reader"):
        with pytest.raises(PictureError, match="no digit found"):
            explain(np.full((40, 40), 255, np.uint8), model)


def test_own_networks_are_shown_and_strange_ones_are_told(tmp_path: Path) -> None:
    inputs = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 1, 28, 28])]
    outputs = [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 10])]
    weight = numpy_helper.from_array(np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32), "w")
    flat = onnx.helper.make_node("Flatten", ["x"], ["f"])
    for kind, shown in (("MatMul", ["linear 1"]), ("Einsum", None)):
        extra = {"equation": "ij,jk->ik"} if kind == "Einsum" else {}
        node = onnx.helper.make_node(kind, ["f", "w"], ["y"], **extra)
        graph = onnx.helper.make_graph([flat, node], "own", inputs, outputs, [weight])
        model = onnx.helper.make_model(graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8)
        path = tmp_path / f"{kind}.onnx"
        path.write_bytes(model.SerializeToString())
        if shown is None:
            with pytest.raises(UsageError, match="nothing of it can be shown"):
                explain(SEVEN, path)
        else:
            assert [layer.name for layer in explain(SEVEN, path).layers] == shown


def test_the_command_prints_lines_or_json(numeye: Numeye, tmp_path: Path) -> None:
    done = numeye("explain", SEVEN, "--model", "classic", "--save", tmp_path / "x.html")
    assert done.returncode == 0
    assert done.stdout.splitlines()[0] == "7   100.0%   (classic)"
    assert done.stderr == f"saved: {tmp_path / 'x.html'}\n"
    found = json.loads(numeye("explain", SEVEN, "--json").stdout)
    assert (found["answer"], len(found["probabilities"]), found["layers"][0]["shape"]) == ("7", 11, [24, 40, 40])
    assert numeye("explain", tmp_path / "nothing.png").returncode == 1
