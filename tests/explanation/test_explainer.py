from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import onnx
import pytest
import torch
from onnx import numpy_helper
from PIL import Image

from numeye import read
from numeye.errors import PictureError, UsageError
from numeye.explanation.attribution import PATCH_PX, STEP_PX
from numeye.explanation.explainer import Explanation, best_answer, explain
from numeye.explanation.export import save
from numeye.models import registry
from numeye.training.networks import Classic
from tests.conftest import Numeye

SEVEN = Path(__file__).parents[2] / "examples" / "digits" / "7-turned.jpg"


@pytest.fixture(scope="module")
def seven() -> Explanation:
    return explain(SEVEN, "classic")


def classic() -> Classic:
    """The packaged network in torch."""
    graph = onnx.load_model_from_string(registry.load("classic").onnx).graph
    stored = {
        tensor.name.removeprefix("model."): torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    model = Classic()
    model.load_state_dict({name: stored[name] for name in model.state_dict()})
    return model.eval()


def test_every_layer_is_what_torch_says_it_is(seven: Explanation) -> None:
    model, explained = classic(), {layer.name: layer.values for layer in seven.layers}
    with torch.no_grad():
        x = torch.from_numpy(seven.pixels)[None, None]
        steps = {
            "convolution 1": model.conv1,
            "ReLU 1": model.relu,
            "pooling 1": model.pool,
            "convolution 2": model.conv2,
            "ReLU 2": model.relu,
            "pooling 2": model.pool,
        }
        for name, step in steps.items():
            x = step(x)
            np.testing.assert_allclose(explained[name], x[0].numpy(), atol=1e-4)
        x = model.flatten(x)
        for name, step in {
            "linear 1": model.fc1,
            "ReLU 3": model.relu,
            "linear 2": model.fc2,
        }.items():
            x = step(x)
            np.testing.assert_allclose(explained[name], x[0].numpy(), atol=1e-4)
    assert list(explained) == [*steps, "linear 1", "ReLU 3", "linear 2"]


def test_the_answer_is_that_of_read(seven: Explanation) -> None:
    reading = read(SEVEN, model="classic", single=True)
    assert seven.answer == reading.text == "7"
    np.testing.assert_allclose(seven.probabilities, reading.digits[0].probabilities, atol=1e-6)


def test_the_default_reader_is_shown_as_well(tmp_path: Path) -> None:
    explanation = explain(SEVEN)
    assert (explanation.model, explanation.answer, explanation.pixels.shape) == (
        "recognizer",
        "7",
        (40, 40),
    )
    assert [layer.values.shape for layer in explanation.layers][:2] == [(24, 40, 40), (24, 40, 40)]
    assert [layer.name for layer in explanation.layers if layer.name.startswith("sum")] == [
        "sum 1",
        "sum 2",
    ]


@pytest.mark.parametrize(("none", "answer"), [(0.02, 3), (0.04, 10), (0.6, 10)])
def test_there_is_no_digit_where_the_reader_says_so(none: float, answer: int) -> None:
    """The card may call a picture "not a digit" though some digit is more likely."""
    probabilities = np.append(np.full(10, (1 - none) / 20), none)
    probabilities[3] += (1 - none) / 2
    assert best_answer(probabilities, 0.03) == answer
    assert best_answer(probabilities[:10], 0.03) == 3


def test_hiding_where_nothing_is_costs_nothing_and_the_strokes_cost_most(
    seven: Explanation,
) -> None:
    strokes, places = seven.pixels > 0.5, range(0, 28 - PATCH_PX + 1, STEP_PX)
    hides_strokes = np.array(
        [[strokes[y : y + PATCH_PX, x : x + PATCH_PX].any() for x in places] for y in places]
    )
    assert seven.occlusion_map.shape == hides_strokes.shape
    assert seven.occlusion_map.min() >= 0
    assert hides_strokes[np.unravel_index(seven.occlusion_map.argmax(), hides_strokes.shape)]
    assert seven.occlusion_map[~hides_strokes].max() < seven.occlusion_map.max() / 2


def test_it_is_saved_as_a_picture_or_a_page(seven: Explanation, tmp_path: Path) -> None:
    with Image.open(save(seven, tmp_path / "seven.png")) as picture:
        assert picture.width > 600
        assert picture.height > 2_000
    page = save(seven, tmp_path / "seven.html").read_text(encoding="utf-8")
    assert page.count("<figure>") == page.count('alt="') == 1 + len(seven.layers)
    assert "http" not in page
    with pytest.raises(UsageError, match=r"ends in \.png or \.html"):
        save(seven, tmp_path / "seven.txt")


def test_what_cannot_be_explained_is_an_error() -> None:
    with pytest.raises(UsageError, match="detector: finds digits on pages"):
        explain(SEVEN, "detector")
    for model in ("classic", "recognizer"):
        with pytest.raises(PictureError, match="no digit found"):
            explain(np.full((40, 40), 255, np.uint8), model)


def test_own_networks_are_explained_and_strange_ones_are_errors(tmp_path: Path) -> None:
    inputs = [onnx.helper.make_tensor_value_info("x", onnx.TensorProto.FLOAT, ["n", 1, 28, 28])]
    outputs = [onnx.helper.make_tensor_value_info("y", onnx.TensorProto.FLOAT, ["n", 10])]
    weight = numpy_helper.from_array(
        np.random.default_rng(0).normal(size=(784, 10)).astype(np.float32), "w"
    )
    flat = onnx.helper.make_node("Flatten", ["x"], ["f"])
    for kind, names in (("MatMul", ["linear 1"]), ("Einsum", None)):
        extra = {"equation": "ij,jk->ik"} if kind == "Einsum" else {}
        node = onnx.helper.make_node(kind, ["f", "w"], ["y"], **extra)
        graph = onnx.helper.make_graph([flat, node], "own", inputs, outputs, [weight])
        model = onnx.helper.make_model(
            graph, opset_imports=[onnx.helper.make_opsetid("", 17)], ir_version=8
        )
        path = tmp_path / f"{kind}.onnx"
        path.write_bytes(model.SerializeToString())
        if names is None:
            with pytest.raises(UsageError, match="nothing of it can be shown"):
                explain(SEVEN, path)
        else:
            assert [layer.name for layer in explain(SEVEN, path).layers] == names


def test_the_command_prints_lines_or_json(numeye: Numeye, tmp_path: Path) -> None:
    process = numeye("explain", SEVEN, "--model", "classic", "--save", tmp_path / "x.html")
    assert process.returncode == 0
    assert process.stdout.splitlines()[0] == "7   100.0%   (classic)"
    assert process.stderr == f"saved: {tmp_path / 'x.html'}\n"
    explained = json.loads(numeye("explain", SEVEN, "--json").stdout)
    assert (
        explained["answer"],
        len(explained["probabilities"]),
        explained["layers"][0]["shape"],
    ) == (
        "7",
        11,
        [24, 40, 40],
    )
    assert numeye("explain", tmp_path / "nothing.png").returncode == 1
