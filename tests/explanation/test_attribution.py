"""Occlusion maps, Ablation-CAM and top activations, compared with torch and plain runs."""

from __future__ import annotations

import subprocess
import sys
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra import numpy as arrays

from numeye.errors import DataError, ModelError
from numeye.explanation import attribution, top_activations
from numeye.explanation.attribution import PATCH_PX, STEP_PX, ablation_cam, occlusion_map
from numeye.explanation.explainer import Explainer
from numeye.explanation.top_activations import DIGIT_COUNT, TOP_COUNT, TopActivations
from numeye.io import mnist
from numeye.models import registry
from numeye.recognition import crops
from tests.explanation.test_explainer import classic
from tests.server.onnx_networks import content, node

SIDE = 28
PLACES = len(range(0, SIDE - PATCH_PX + 1, STEP_PX))
WEIGHTS = np.random.default_rng(0).random((2, SIDE, SIDE))
EXPLAINERS = {name: Explainer(registry.load(name)) for name in ("classic", "recognizer")}
PIXELS = arrays.arrays(np.float32, (SIDE, SIDE), elements=st.floats(0, 1, width=32))


def weighted_means(pixels: np.ndarray) -> np.ndarray:
    """Two answers; each is a weighed mean of the pixels."""
    return np.stack(
        [(pixels * weight).sum(axis=(1, 2)) / weight.sum() for weight in WEIGHTS], axis=1
    )


# --- occlusion map


@settings(max_examples=30)
@given(pixels=PIXELS, answer=st.integers(0, 1))
def test_each_patch_costs_what_it_hides(pixels: np.ndarray, answer: int) -> None:
    pixels[[0, -1]] = pixels[:, [0, -1]] = 0
    found = occlusion_map(pixels, answer, weighted_means)
    lost = pixels * WEIGHTS[answer] / WEIGHTS[answer].sum() * 100
    places = range(0, SIDE - PATCH_PX + 1, STEP_PX)
    expected = [[lost[y : y + PATCH_PX, x : x + PATCH_PX].sum() for x in places] for y in places]
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_the_patch_has_the_grey_of_the_border_and_a_gain_is_no_loss() -> None:
    paper = np.full((SIDE, SIDE), 0.8, np.float32)
    assert not occlusion_map(paper, 0, weighted_means).any()
    dark = paper.copy()
    dark[10:12, 10:12] = 0  # hidden under light paper, the answer's share grows
    assert not occlusion_map(dark, 0, weighted_means).any()
    assert occlusion_map(dark, 0, lambda pixels: 1 - weighted_means(pixels)).max() > 0


def test_the_patch_covers_every_pixel() -> None:
    for y, x in ((0, 0), (27, 27), (0, 27), (13, 14)):
        point = np.zeros((SIDE, SIDE), np.float32)
        point[y, x] = 1
        found = occlusion_map(
            point, 0, lambda pixels, y=y, x=x: pixels[:, y : y + 1, x].astype(np.float64)
        )
        starts = np.arange(0, 23, STEP_PX)
        rows, columns = ((starts <= index) & (index < starts + PATCH_PX) for index in (y, x))
        covers = np.logical_and.outer(rows, columns)
        assert np.array_equal(found > 0, covers)
        assert covers.shape == (PLACES, PLACES)
        assert covers.any()


# --- Ablation-CAM


def test_ablation_cam_is_that_of_torch(train_images: np.ndarray) -> None:
    model, explainer = classic(), EXPLAINERS["classic"]
    layer = explainer.inspector.find_layer("ReLU 2")
    for number in range(5):
        pixels = train_images[number].astype(np.float32) / 255
        maps = explainer.inspector.compute_activations(pixels[None], [layer])[layer.tensor][0]
        answer = int(explainer.probabilities(pixels[None])[0].argmax())

        def score(outputs: torch.Tensor, answer: int) -> float:
            return float(
                model.fc2(model.relu(model.fc1(model.flatten(model.pool(outputs)))))[0, answer]
            )

        with torch.no_grad():
            outputs = model.relu(
                model.conv2(
                    model.pool(model.relu(model.conv1(torch.from_numpy(pixels)[None, None])))
                )
            )
            full_score, expected = score(outputs, answer), torch.zeros(outputs.shape[2:])
            for unit in range(outputs.shape[1]):
                ablated = outputs.clone()
                ablated[0, unit] = 0
                expected += (
                    (full_score - score(ablated, answer)) / abs(full_score) * outputs[0, unit]
                )
        found = ablation_cam(explainer.inspector, maps, layer, answer)
        assert found is not None
        np.testing.assert_allclose(found, expected.clamp(min=0).numpy(), atol=1e-4)
        explained = explainer.explain(train_images[number], ablation_cam=True).ablation_cam
        assert explained is not None
        assert explained.shape == (14, 14)


@pytest.mark.parametrize("size", [1, 5, 1_000])
def test_ablation_cam_does_not_depend_on_the_batch_size(
    size: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    inspector = EXPLAINERS["recognizer"].inspector
    layer = inspector.find_layer("ReLU 8")
    maps = inspector.compute_activations(
        np.random.default_rng(0).random((1, 40, 40), np.float32), [layer]
    )[layer.tensor][0]
    expected = ablation_cam(inspector, maps, layer, 3)
    monkeypatch.setattr(attribution, "ABLATION_BATCH", size)
    found = ablation_cam(inspector, maps, layer, 3)
    assert expected is not None
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_there_is_no_ablation_cam_where_a_way_leads_around_the_layer() -> None:
    inspector = EXPLAINERS["recognizer"].inspector
    layer = inspector.find_layer("convolution 5")  # within a residual block
    maps = np.zeros(layer.shape, np.float32)
    assert ablation_cam(inspector, maps, layer, 0) is None


# --- top activations


@pytest.mark.parametrize(
    ("name", "layer"),
    [
        ("classic", "convolution 1"),
        ("classic", "linear 2"),
        ("recognizer", "ReLU 3"),
        ("recognizer", "step 2"),
    ],
)
def test_top_activations_are_those_of_a_plain_run(
    name: str, layer: str, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    top_activations.load_training_digits.cache_clear()
    explainer = EXPLAINERS[name]
    inspector = explainer.inspector
    layer = inspector.find_layer(layer)
    top, unit = TopActivations(explainer), layer.shape[0] // 2
    found = top.of_unit(layer, unit)
    assert found == sorted(found, key=lambda digit: -digit.value)
    assert len(found) == TOP_COUNT
    cut = partial(crops.cut, square=crops.Square.covering(28, 28))
    network_input = (
        train_images[:DIGIT_COUNT] / np.float32(255)
        if inspector.side == 28
        else np.stack([cut(digit) for digit in train_images[:DIGIT_COUNT]])
    )
    activations = np.concatenate(
        [
            inspector.compute_activations(network_input[start : start + 100], [layer])[
                layer.tensor
            ][:, unit]
            for start in range(0, DIGIT_COUNT, 100)
        ]
    )
    highest = activations.reshape(DIGIT_COUNT, -1).max(axis=1)
    np.testing.assert_allclose(
        [digit.value for digit in found], np.sort(highest)[::-1][:TOP_COUNT], atol=1e-4
    )
    for digit in found:
        number = next(n for n in range(DIGIT_COUNT) if np.array_equal(train_images[n], digit.digit))
        assert train_labels[number] == digit.label
        assert len(digit.position) == len(layer.shape) - 1
        assert activations[number][digit.position] == pytest.approx(digit.value, abs=1e-4)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_up_to_a_layer_the_network_is_the_same_and_holds_no_other(name: str) -> None:
    inspector = EXPLAINERS[name].inspector
    pixels = np.random.default_rng(0).random((3, inspector.side, inspector.side), np.float32)
    maps = inspector.compute_activations(pixels)
    for layer in inspector.layers:
        assert [
            port.name for port in inspector._cut([inspector.input], layer.tensor).get_outputs()
        ] == [layer.tensor]
        np.testing.assert_allclose(
            inspector.build_head(layer)(pixels), maps[layer.tensor], atol=1e-5
        )


# Of what a layer makes, 10 MB are 50 digits: all forty together would be 400.
SHOW = r"""
import re, sys
from pathlib import Path
import numpy as np
from numeye.explanation import top_activations
from numeye.explanation.activations import NetworkInspector
from numeye.models.card import Model
inspector = NetworkInspector(Model(name="deep", onnx=sys.stdin.buffer.read(), card={}))
assert len(inspector.layers) > 40
digits = np.zeros((100, 28, 28), np.uint8)
def peak():  # of this program alone; ru_maxrss begins with that of whoever started it
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
for layer in inspector.layers[::20]:
    batches = top_activations.compute_in_batches(inspector, layer, digits)
    assert sum(map(len, batches)) == 100
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no /proc")
def test_a_deep_network_takes_no_more_memory_than_one_layer() -> None:
    nodes = [
        node("Conv", "x w", "r0", pads=[1] * 4),
        *[node("Relu", f"r{n}", f"r{n + 1}") for n in range(40)],
        node("Identity", "r40", "e"),
    ]
    deep = content(*nodes, w=np.ones((64, 1, 3, 3), np.float32))
    process = subprocess.run(
        [sys.executable, "-c", SHOW], input=deep, capture_output=True, check=True
    )
    assert int(process.stdout) < 150_000


def test_batches_of_large_layers_are_smaller(monkeypatch: pytest.MonkeyPatch) -> None:
    inspector = EXPLAINERS["classic"].inspector  # the largest layer has 16 x 28 x 28 numbers
    digits = np.zeros((120, 28, 28), np.uint8)
    for size, sizes in ((10**9, [50, 50, 20]), (45 * 12_544, [45, 45, 30]), (1, [1] * 120)):
        monkeypatch.setattr(top_activations, "MAX_BATCH_VALUES", size)
        batches = top_activations.compute_in_batches(inspector, inspector.layers[-1], digits)
        assert [len(batch) for batch in batches] == sizes


def test_only_so_many_digits_are_kept_in_memory(mnist_cache: Path) -> None:
    digits, labels = top_activations.load_training_digits()
    assert (len(digits), len(labels), digits.base) == (DIGIT_COUNT, DIGIT_COUNT, None)


def test_a_layer_is_computed_once(mnist_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    top = TopActivations(EXPLAINERS["classic"])
    layer = EXPLAINERS["classic"].inspector.find_layer("pooling 2")
    first = top.of_unit(layer, 0)
    monkeypatch.setattr(top_activations, "_to_inputs", lambda *_: pytest.fail("shown again"))
    assert [digit.value for digit in top.of_unit(layer, 0)] == [digit.value for digit in first]
    assert len(top.of_unit(layer, 1)) == TOP_COUNT


def test_missing_digits_and_activations_that_are_not_finite_are_errors(
    mnist_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = EXPLAINERS["classic"].inspector.find_layer("ReLU 1")
    monkeypatch.setattr(
        top_activations,
        "_to_inputs",
        lambda digits, side: np.full(digits.shape, np.nan, np.float32),
    )
    with pytest.raises(ModelError, match="classic: what ReLU 1 makes of digits is not finite"):
        TopActivations(EXPLAINERS["classic"]).of_unit(layer, 0)
    top_activations.load_training_digits.cache_clear()
    monkeypatch.setattr(mnist, "status", lambda: {"train-images": "missing", "test-images": "ok"})
    with pytest.raises(DataError, match="not in the cache; numeye data fetches them"):
        TopActivations(EXPLAINERS["classic"]).of_unit(layer, 0)
