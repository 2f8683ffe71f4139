"""The page's looking inside.

Every number it shows is the network's own, as torch and the graph have it.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from playwright.sync_api import Page

from tests.explanation.test_explainer import classic
from tests.web.screen import Screen, shaped

pytestmark = pytest.mark.web

LAYERS = [
    "convolution 1",
    "ReLU 1",
    "pooling 1",
    "convolution 2",
    "ReLU 2",
    "pooling 2",
    "linear 1",
    "ReLU 3",
    "linear 2",
]


def unpacked(packed: dict[str, Any]) -> np.ndarray:
    return np.frombuffer(base64.b64decode(packed["values"]), "<f4").reshape(packed["shape"])


def in_torch(pixels: np.ndarray) -> dict[str, np.ndarray]:
    """What each layer of the textbook network makes of its input."""
    model = classic()
    steps = [
        model.conv1,
        model.relu,
        model.pool,
        model.conv2,
        model.relu,
        model.pool,
        model.fc1,
        model.relu,
        model.fc2,
    ]
    found, x = {}, torch.from_numpy(pixels.copy())[None, None]
    with torch.no_grad():
        for name, step in zip(LAYERS, steps, strict=True):
            x = step(model.flatten(x) if name == "linear 1" else x)
            found[name] = x[0].numpy()
    return found


def look(screen: Screen, model: str) -> tuple[Page, dict[str, Any]]:
    """Look inside at a seven; the page, and the answer to it that the layers were shown from."""
    page = screen.open(f"m={model}&v=inside" if "/" not in model else "v=inside")
    if "/" in model:
        screen.model(model)
    with page.expect_response(lambda one: "v1/explain" in one.url and "layers=true" in one.url):
        screen.seven()
    screen.quiet()  # the last of the answers while it was drawn
    with page.expect_response(
        lambda one: "v1/explain" in one.url and "layers=true" in one.url
    ) as asked:
        page.click("#tab-inside")
    screen.layer(asked.value.json()["layers"][-1]["name"])
    screen.quiet()
    return page, asked.value.json()


def press(screen: Screen, layer: str, unit: int, *place: int) -> None:
    """Go to a number by the keyboard, and ask for its sum."""
    page, maps = screen.page, screen.layer(layer)
    page.focus(maps)
    # The cursor may be anywhere in the layer: first back to its first number.
    ways = [("PageUp", "PageDown"), ("ArrowUp", "ArrowDown"), ("ArrowLeft", "ArrowRight")]
    for (back, there), times in zip(ways, (unit, *place), strict=False):
        page.eval_on_selector(maps, PRESS, [back, 400])
        page.eval_on_selector(maps, PRESS, [there, times])
    page.keyboard.press("Enter")
    title = f"{layer}, unit {unit}" + (", row {}, column {}".format(*place) if place else "")
    page.wait_for_function(
        "title => document.querySelector('#detail h3')?.textContent === title", arg=title
    )


PRESS = """(maps, [key, times]) => {
    const pressed = () => new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true });
    for (let n = 0; n < times; n++) maps.dispatchEvent(pressed());
}"""


DISTINCT = """canvas => {
    const { data } = canvas.getContext("2d").getImageData(0, 0, canvas.width, canvas.height);
    return new Set(new Uint32Array(data.buffer)).size;
}"""


def total(page: Page) -> float:
    """The sum that the page works out."""
    return float(page.inner_text("#sum").removeprefix("Sum: ").replace("\u2212", "-"))


def most(values: np.ndarray) -> tuple[int, ...]:
    return tuple(int(one) for one in np.unravel_index(values.argmax(), values.shape))


def test_all_numbers_are_those_of_torch(screen: Screen) -> None:
    page, answer = look(screen, "classic")
    told = in_torch(unpacked(answer["pixels"]))
    saved = screen.numbers("#view-inside")
    assert [layer["name"] for layer in saved["layers"]] == LAYERS
    assert (
        page.eval_on_selector_all("canvas.maps", "all => all.map(one => one.dataset.layer)")
        == LAYERS
    )
    for layer in saved["layers"]:
        np.testing.assert_allclose(shaped(layer), told[layer["name"]], atol=1e-4)
    for name in ("convolution 1", "ReLU 1", "pooling 1", "convolution 2", "linear 1", "linear 2"):
        place = most(told[name])
        press(screen, name, *place)
        # four digits are shown
        assert total(page) == pytest.approx(float(told[name][place]), abs=1.5e-4), name
    corner = (3, 0, 0)  # half of what it looks at is outside of the picture
    press(screen, "convolution 2", *corner)
    assert total(page) == pytest.approx(float(told["convolution 2"][corner]), abs=1.5e-4)


def test_the_written_out_parts_add_up(screen: Screen) -> None:
    page, answer = look(screen, "classic")
    told = in_torch(unpacked(answer["pixels"]))["convolution 2"]
    press(screen, "convolution 2", *most(told))
    cells = page.locator("#detail table.numbers >> nth=-1").locator("td").all_inner_texts()
    assert len(cells) == 16 + 1  # inputs, and the bias
    assert sum(float(cell.replace("\u2212", "-")) for cell in cells) == pytest.approx(
        float(told.max()), abs=1e-3
    )
    page.wait_for_selector(".top-activations canvas")
    assert page.locator(".top-activations figure").count() == 9


def test_the_readers_sums_are_its_own_numbers(screen: Screen) -> None:
    page, answer = look(screen, "recognizer")
    layers = {layer["name"]: layer for layer in screen.numbers("#view-inside")["layers"]}
    for layer in answer["layers"]:
        layers[layer["name"]]["strides"] = layer["strides"]
    kinds = {name.split()[0] for name in layers}
    assert {"convolution", "ReLU", "linear", "sum", "step"} <= kinds
    strided = next(name for name, one in layers.items() if one["strides"] == [2, 2])
    for name in ("convolution 1", strided, "ReLU 1", "sum 2", "linear 1", "step 1"):
        values = shaped(layers[name])
        press(screen, name, *most(values))
        if name == "step 1":
            assert page.inner_text("#sum") == ""
        else:
            assert total(page) == pytest.approx(float(values.max()), rel=1e-4, abs=1e-3), name
        shown = page.locator("#detail p.muted", has_text="The network computed").inner_text()
        assert shown == f"The network computed {values.max():.4f}."


def test_hovering_lights_up_what_is_looked_at(screen: Screen) -> None:
    page, _ = look(screen, "classic")
    dark = screen.inked("#boxes")
    page.hover(screen.layer("pooling 1"), position={"x": 30, "y": 30})
    for below in ("pooling 1", "ReLU 1", "convolution 1"):
        assert screen.inked(f'canvas.maps[data-layer="{below}"] + canvas.overlay') > 0
    assert screen.inked('canvas.maps[data-layer="linear 1"] + canvas.overlay') == 0
    assert screen.inked("#boxes") > dark
    assert page.inner_text("#hover").startswith("pooling 1, unit 0, row ")
    page.mouse.move(5, 5)
    page.wait_for_function("() => !document.querySelector('#hover').textContent")
    assert screen.inked("#boxes") == dark
    page.click(screen.layer("linear 2"), position={"x": 8, "y": 8})
    page.wait_for_selector("#sum")
    assert page.inner_text("#detail h3 >> nth=0") == "linear 2, unit 0"
    assert screen.inked("#boxes") > 0


def test_nothing_moves_under_the_pointer(screen: Screen) -> None:
    page, _ = look(screen, "classic")
    maps = page.locator(screen.layer("convolution 2"))
    maps.scroll_into_view_if_needed()
    before = maps.bounding_box()
    maps.hover(position={"x": 30, "y": 40})
    page.wait_for_function("() => document.querySelector('#hover').textContent")
    assert maps.bounding_box() == before


def test_the_layers_by_keyboard(screen: Screen) -> None:
    page, _ = look(screen, "classic")
    page.focus(screen.layer("convolution 1"))
    for key in ("ArrowDown", "ArrowRight", "ArrowRight", "PageDown"):
        page.keyboard.press(key)
    assert page.inner_text("#hover").startswith("convolution 1, unit 1, row 1, column 2: ")
    page.keyboard.press("Enter")
    page.wait_for_selector("#sum")
    assert page.inner_text("#detail h3 >> nth=0") == "convolution 1, unit 1, row 1, column 2"


def test_what_mattered_and_colours(screen: Screen) -> None:
    page, _ = look(screen, "classic")
    page.click("#attribution")
    page.wait_for_selector("#detail canvas.pixel")
    assert page.locator("#detail canvas.pixel").count() == 2
    for place in range(2):
        assert page.locator("#detail canvas.pixel").nth(place).evaluate(DISTINCT) > 5
    maps, seen = screen.layer("convolution 2"), set()
    for scaling in ("layer", "unit", "network"):
        page.select_option("#scaling", scaling)
        seen.add(screen.picture(maps))
    assert len(seen) == 3


def test_another_network_or_an_empty_paper_shows_no_stale_sum(screen: Screen) -> None:
    page, _ = look(screen, "recognizer")
    press(screen, "convolution 1", 20, 39, 39)
    screen.model("classic")  # has 16 units of 28 x 28
    screen.layer("linear 2")
    page.wait_for_function("() => !document.querySelector('#sum')")
    page.click("#clear")
    screen.reads("Draw something")
    assert page.locator("canvas.maps").count() == 0  # they were of what is gone
    page.click("#attribution")
    screen.settled()
    assert page.locator("#problem").is_hidden()


# --- own networks
# ---------------------------------------------------------------------------


def own(**changes: Any) -> bytes:
    """A network of another shape.

    Strided and dilated convolutions, padded means, MatMul and LeakyRelu.
    """
    chance = np.random.default_rng(3)

    def weight(name: str, *shape: int) -> TensorProto:
        return numpy_helper.from_array((chance.normal(size=shape) / 3).astype(np.float32), name)

    dilated = changes.get("dilated", {"pads": [2, 2, 2, 2]})
    nodes = [
        helper.make_node(
            "Conv",
            ["x", "k", "b"],
            ["c"],
            kernel_shape=[5, 3],
            strides=[2, 1],
            auto_pad="SAME_LOWER",
        ),
        helper.make_node("LeakyRelu", ["c"], ["l"], alpha=0.1),
        helper.make_node(
            "AveragePool", ["l"], ["p"], kernel_shape=[3, 3], strides=[2, 2], pads=[1, 1, 1, 1]
        ),
        helper.make_node(
            "Conv", ["p", "k2"], ["d"], kernel_shape=[3, 3], dilations=[2, 2], group=2, **dilated
        ),
        helper.make_node(
            "MaxPool", ["d"], ["m"], kernel_shape=[2, 2], strides=[2, 2], pads=[1, 1, 1, 1]
        ),
        helper.make_node("Flatten", ["m"], ["f"]),
        helper.make_node("MatMul", ["f", "w"], ["y0"]),
        helper.make_node("Add", ["y0", "bias"], ["y"]),
    ]
    stored = [
        weight("k", 4, 1, 5, 3),
        weight("b", 4),
        weight("k2", 6, 2, 3, 3),
        weight("w", 6 * 4 * 8, 10),
        weight("bias", 10),
    ]
    nodes += changes.get("nodes", [])
    inputs = [helper.make_tensor_value_info("x", TensorProto.FLOAT, ["n", 1, 28, 28])]
    outputs = [
        helper.make_tensor_value_info(changes.get("ends", "y"), TensorProto.FLOAT, ["n", 10])
    ]
    graph = helper.make_graph(nodes, "own", inputs, outputs, stored)
    domains = [helper.make_opsetid("", 17), helper.make_opsetid("mine", 1)]
    model = helper.make_model(graph, opset_imports=domains, ir_version=8)
    if changes.get("outside"):
        onnx.external_data_helper.set_external_data(model.graph.initializer[3], "weights.bin")
        model.graph.initializer[3].ClearField("raw_data")
    return model.SerializeToString()


@pytest.mark.parametrize("asked", ["a number", "#attribution"])
def test_what_comes_late_is_not_shown_beside_an_empty_paper(screen: Screen, asked: str) -> None:
    page, _ = look(screen, "classic")
    if asked == "#attribution":
        page.click(asked)
    else:
        page.click(screen.layer("convolution 1"), position={"x": 30, "y": 30})
    page.click("#clear")
    screen.quiet()
    assert page.inner_text("#detail") == ""


def test_what_a_place_looks_at_goes_past_steps_that_are_no_layer(screen: Screen) -> None:
    page = screen.open()
    looked_at = """async () => {
        const { fields } = await import("/net.js");
        const same = { kernel: [1, 1], strides: [1, 1], dilations: [1, 1], pads: [0, 0],
            shape: [2, 9, 9] };
        const three = { ...same, kernel: [3, 3], pads: [1, 1] };
        const input = { name: "input", kind: "input", tensor: "x", sources: [], shape: [1, 9, 9] };
        const layers = [
            { ...three, kind: "convolution", tensor: "a", sources: ["x"] },
            { ...same, kind: "step", tensor: "b", sources: ["a"] },
            { ...three, kind: "convolution", tensor: "c", sources: ["b"] },
        ];
        for (let block = 0; block < 40; block++) { // each way through them would be one of 2 ** 40
            const before = layers.at(-1).tensor;
            layers.push({ ...same, kind: "ReLU", tensor: `r${block}`, sources: [before] });
            layers.push({ ...same, kind: "sum", tensor: `s${block}`, sources: [before,
                `r${block}`] });
        }
        const net = { layers, input, byTensor: new Map([input, ...layers].map((one) =>
            [one.tensor, one])) };
        const found = fields(net, layers.at(-1), 4, 4);
        return ["x", "a", "c"].map((name) => ["top", "left", "bottom", "right"].map((side) =>
            found.get(name)[side]));
    }"""
    assert page.evaluate(looked_at) == [[2, 2, 6, 6], [3, 3, 5, 5], [4, 4, 4, 4]]


def test_an_own_network_is_looked_into(screen: Screen) -> None:
    page = screen.open("v=inside")
    screen.seven()
    page.set_input_files("#own", {"name": "mine.onnx", "mimeType": "", "buffer": own()})
    page.wait_for_function("() => document.querySelector('#model').value.startsWith('own/')")
    assert (
        page.eval_on_selector("#model", "select => select.selectedOptions[0].textContent")
        == "mine.onnx"
    )
    screen.layer("activation 1")
    screen.quiet()
    for layer in screen.numbers("#view-inside")["layers"]:
        values = shaped(layer)
        places = [
            most(values),
            tuple(0 for _ in values.shape),
            tuple(side - 1 for side in values.shape),
        ]
        for place in places:
            press(screen, layer["name"], *place)
            if layer["operation"] == "LeakyRelu":
                continue
            assert total(page) == pytest.approx(float(values[place]), abs=1e-3), (
                layer["name"],
                place,
            )


def test_own_networks_may_be_dropped(screen: Screen) -> None:
    page = screen.open()
    screen.drop(own(), "dropped.onnx", "")
    page.wait_for_function("() => document.querySelector('#model').value.startsWith('own/')")


REFUSED = {
    "text": (b"no network", "not an ONNX model"),
    "outside": (own(outside=True), ""),
    "unable": (own(dilated={"auto_pad": "SAME_UPPER"}), "cannot be run"),
    "domain": (
        own(nodes=[helper.make_node("Mine", ["y"], ["z"], domain="mine")], ends="z"),
        "mine.Mine",
    ),
}


@pytest.mark.parametrize("why", REFUSED)
def test_refused_networks_are_told(screen: Screen, why: str) -> None:
    page = screen.open()
    content, said = REFUSED[why]
    page.set_input_files("#own", {"name": "x.onnx", "mimeType": "", "buffer": content})
    screen.told(said)
    assert page.input_value("#model") == "recognizer"
    screen.seven()


@pytest.fixture(autouse=True)
def few_threads() -> Iterator[None]:
    """Others use the machine, too."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
