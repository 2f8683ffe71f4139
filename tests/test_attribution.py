"""Which parts an answer hangs on, and what excites units: against what torch, or nothing but the network, says."""

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

from numeye import attribution, excitement, mnist, weights, zoom
from numeye.attribution import PATCH, STEP, hidden, silenced
from numeye.errors import DataError, ModelError
from numeye.excitement import BEST, DIGITS, Excitement
from numeye.explain import Explainer
from test_explain import classic
from test_own import content, node

SIDE = 28
SPOTS = len(range(0, SIDE - PATCH + 1, STEP))
WEIGHTS = np.random.default_rng(0).random((2, SIDE, SIDE))
EXPLAINERS = {name: Explainer(weights.load(name)) for name in ("classic", "reader")}
PIXELS = arrays.arrays(np.float32, (SIDE, SIDE), elements=st.floats(0, 1, width=32))


def weighed(pixels: np.ndarray) -> np.ndarray:
    """Two answers; each is a weighed mean of the pixels."""
    return np.stack([(pixels * weight).sum(axis=(1, 2)) / weight.sum() for weight in WEIGHTS], axis=1)


# --- hidden ------------------------------------------------------------------------------------------------------


@settings(max_examples=30)
@given(pixels=PIXELS, answer=st.integers(0, 1))
def test_each_patch_of_paper_costs_what_lay_under_it(pixels: np.ndarray, answer: int) -> None:
    pixels[[0, -1]] = pixels[:, [0, -1]] = 0
    found = hidden(pixels, answer, weighed)
    lost = pixels * WEIGHTS[answer] / WEIGHTS[answer].sum() * 100
    expected = [[lost[y : y + PATCH, x : x + PATCH].sum() for x in range(0, SIDE - PATCH + 1, STEP)]
                for y in range(0, SIDE - PATCH + 1, STEP)]  # fmt: skip
    np.testing.assert_allclose(found, expected, atol=1e-4)


def test_paper_is_what_the_border_shows_and_a_gain_is_no_loss() -> None:
    paper = np.full((SIDE, SIDE), 0.8, np.float32)
    assert not hidden(paper, 0, weighed).any()
    dark = paper.copy()
    dark[10:12, 10:12] = 0  # hidden under light paper, the answer's share grows
    assert not hidden(dark, 0, weighed).any()
    assert hidden(dark, 0, lambda pixels: 1 - weighed(pixels)).max() > 0


def test_where_it_looks_it_looks_everywhere() -> None:
    for y, x in ((0, 0), (27, 27), (0, 27), (13, 14)):
        point = np.zeros((SIDE, SIDE), np.float32)
        point[y, x] = 1
        found = hidden(point, 0, lambda pixels: pixels[:, y : y + 1, x].astype(np.float64))  # noqa: B023
        covers = np.array([[top <= y < top + PATCH and left <= x < left + PATCH for left in range(0, 23, STEP)]
                           for top in range(0, 23, STEP)])  # fmt: skip
        assert np.array_equal(found > 0, covers)
        assert covers.shape == (SPOTS, SPOTS)
        assert covers.any()


# --- silenced ----------------------------------------------------------------------------------------------------


def test_silencing_is_what_torch_makes_of_it(train_images: np.ndarray) -> None:
    model, explainer = classic(), EXPLAINERS["classic"]
    layer = explainer.anatomy.find("ReLU 2")
    for number in range(5):
        pixels = train_images[number].astype(np.float32) / 255
        maps = explainer.anatomy.see(pixels[None], [layer])[layer.tensor][0]
        answer = int(explainer.probabilities(pixels[None])[0].argmax())

        def score(seen: torch.Tensor, answer: int) -> float:
            return float(model.fc2(model.relu(model.fc1(model.flatten(model.pool(seen)))))[0, answer])

        with torch.no_grad():
            seen = model.relu(model.conv2(model.pool(model.relu(model.conv1(torch.from_numpy(pixels)[None, None])))))
            whole, expected = score(seen, answer), torch.zeros(seen.shape[2:])
            for unit in range(seen.shape[1]):
                without = seen.clone()
                without[0, unit] = 0
                expected += (whole - score(without, answer)) / abs(whole) * seen[0, unit]
        found = silenced(explainer.anatomy, maps, layer, answer)
        assert found is not None
        np.testing.assert_allclose(found, expected.clamp(min=0).numpy(), atol=1e-4)
        shown = explainer.explain(train_images[number], activation=True).activation
        assert shown is not None
        assert shown.shape == (14, 14)


@pytest.mark.parametrize("most", [1, 5, 1_000])
def test_it_does_not_matter_how_many_are_silenced_at_once(most: int, monkeypatch: pytest.MonkeyPatch) -> None:
    anatomy = EXPLAINERS["reader"].anatomy
    layer = anatomy.find("ReLU 8")
    maps = anatomy.see(np.random.default_rng(0).random((1, 40, 40), np.float32), [layer])[layer.tensor][0]
    expected = silenced(anatomy, maps, layer, 3)
    monkeypatch.setattr(attribution, "AT_ONCE", most)
    found = silenced(anatomy, maps, layer, 3)
    assert expected is not None
    assert found is not None
    np.testing.assert_allclose(found, expected, rtol=1e-4, atol=1e-5)


def test_where_others_go_past_a_layer_it_cannot_be_silenced() -> None:
    anatomy = EXPLAINERS["reader"].anatomy
    layer = anatomy.find("convolution 5")  # within a residual block
    maps = np.zeros(layer.shape, np.float32)
    assert silenced(anatomy, maps, layer, 0) is None


# --- excitement --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "layer"),
    [("classic", "convolution 1"), ("classic", "linear 2"), ("reader", "ReLU 3"), ("reader", "step 2")],
)
def test_digits_that_excite_a_unit_give_the_values_that_are_told(
    name: str, layer: str, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    excitement.training_digits.cache_clear()
    explainer = EXPLAINERS[name]
    anatomy = explainer.anatomy
    one = anatomy.find(layer)
    told, unit = Excitement(explainer), one.shape[0] // 2
    found = told.of(one, unit)
    assert found == sorted(found, key=lambda each: -each.value)
    assert len(found) == BEST
    cut = partial(zoom.cut, window=zoom.Window.whole(28, 28))
    fed = (
        train_images[:DIGITS] / np.float32(255)
        if anatomy.side == 28
        else np.stack([cut(digit) for digit in train_images[:DIGITS]])
    )
    made = np.concatenate(
        [anatomy.see(fed[start : start + 100], [one])[one.tensor][:, unit] for start in range(0, DIGITS, 100)]
    )
    strongest = made.reshape(DIGITS, -1).max(axis=1)
    np.testing.assert_allclose([each.value for each in found], np.sort(strongest)[::-1][:BEST], atol=1e-4)
    for each in found:
        number = next(n for n in range(DIGITS) if np.array_equal(train_images[n], each.digit))
        assert train_labels[number] == each.label
        assert len(each.at) == len(one.shape) - 1
        assert made[number][each.at] == pytest.approx(each.value, abs=1e-4)


@pytest.mark.parametrize("name", EXPLAINERS)
def test_up_to_a_layer_the_network_is_the_same_and_holds_no_other(name: str) -> None:
    anatomy = EXPLAINERS[name].anatomy
    pixels = np.random.default_rng(0).random((3, anatomy.side, anatomy.side), np.float32)
    seen = anatomy.see(pixels)
    for layer in anatomy.layers:
        assert [port.name for port in anatomy._cut([anatomy.input], layer.tensor).get_outputs()] == [layer.tensor]
        np.testing.assert_allclose(anatomy.upto(layer)(pixels), seen[layer.tensor], atol=1e-5)


# Of what a layer makes, 10 MB are 50 digits: all forty together would be 400.
SHOW = r"""
import re, sys
from pathlib import Path
import numpy as np
from numeye import excitement
from numeye.anatomy import Anatomy
from numeye.weights import Model
anatomy = Anatomy(Model(name="deep", onnx=sys.stdin.buffer.read(), card={}))
assert len(anatomy.layers) > 40
digits = np.zeros((100, 28, 28), np.uint8)
def peak():  # of this program alone; ru_maxrss begins with that of whoever started it
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])
before = peak()
for layer in anatomy.layers[::20]:
    assert sum(len(made) for made in excitement.shown(anatomy, layer, digits)) == 100
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
    done = subprocess.run([sys.executable, "-c", SHOW], input=deep, capture_output=True, check=True)
    assert int(done.stdout) < 150_000


def test_of_large_layers_fewer_are_shown_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    anatomy = EXPLAINERS["classic"].anatomy  # the largest layer has 16 x 28 x 28 numbers
    digits = np.zeros((120, 28, 28), np.uint8)
    for most, sizes in ((10**9, [50, 50, 20]), (45 * 12_544, [45, 45, 30]), (1, [1] * 120)):
        monkeypatch.setattr(excitement, "NUMBERS", most)
        assert [len(made) for made in excitement.shown(anatomy, anatomy.layers[-1], digits)] == sizes


def test_only_so_many_digits_are_kept_in_memory(mnist_cache: Path) -> None:
    digits, labels = excitement.training_digits()
    assert (len(digits), len(labels), digits.base) == (DIGITS, DIGITS, None)


def test_a_layer_is_shown_the_digits_once(mnist_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    told = Excitement(EXPLAINERS["classic"])
    layer = EXPLAINERS["classic"].anatomy.find("pooling 2")
    first = told.of(layer, 0)
    monkeypatch.setattr(excitement, "_as_fed", lambda *_: pytest.fail("shown again"))
    assert [one.value for one in told.of(layer, 0)] == [one.value for one in first]
    assert len(told.of(layer, 1)) == BEST


def test_what_is_missing_or_not_finite_is_told(mnist_cache: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    layer = EXPLAINERS["classic"].anatomy.find("ReLU 1")
    monkeypatch.setattr(excitement, "_as_fed", lambda digits, side: np.full(digits.shape, np.nan, np.float32))
    with pytest.raises(ModelError, match="classic: what ReLU 1 makes of digits is not finite"):
        Excitement(EXPLAINERS["classic"]).of(layer, 0)
    excitement.training_digits.cache_clear()
    monkeypatch.setattr(mnist, "status", lambda: {"train-images": "missing", "test-images": "ok"})
    with pytest.raises(DataError, match="not in the cache; numeye data fetches them"):
        Excitement(EXPLAINERS["classic"]).of(layer, 0)
