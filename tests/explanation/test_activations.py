"""Layers of networks: their geometry, and that their weights give their activations."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn
from torch.nn.functional import conv2d

from numeye.errors import ModelError, UsageError
from numeye.explanation.activations import NetworkInspector
from numeye.explanation.explainer import Explainer
from numeye.explanation.onnx_graph import Layer
from numeye.models import registry
from numeye.models.card import Model
from numeye.models.recipe import load_recipe
from numeye.training.networks import create_model
from numeye.training.onnx_export import to_onnx
from numeye.training.tasks import trainer_for

RNG = np.random.default_rng(0)
SIDE = 28


def noise(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def build_model(
    nodes: Sequence[onnx.NodeProto],
    side: int | str = SIDE,
    kind: int = TensorProto.FLOAT,
    **weights: np.ndarray,
) -> bytes:
    """A network of these nodes, from `x` to `y`."""
    inputs = [helper.make_tensor_value_info("x", kind, ["n", 1, side, side])]
    outputs = [helper.make_tensor_value_info("y", kind, ["n", 10])]
    initializers = [numpy_helper.from_array(value, name) for name, value in weights.items()]
    graph = helper.make_graph(nodes, "own", inputs, outputs, initializers)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def inspect(nodes: Sequence[onnx.NodeProto], **weights: Any) -> NetworkInspector:
    return NetworkInspector(Model(name="own", onnx=build_model(nodes, **weights), card={}))


END = [
    node("GlobalAveragePool", "end", "g"),
    node("Flatten", "g", "f"),
    node("Gemm", "f last", "y", transB=1),
]


def inspect_torch(model: nn.Module) -> NetworkInspector:
    return NetworkInspector(
        Model(
            name="own",
            onnx=to_onnx(model.eval(), torch.zeros(2, 1, SIDE, SIDE), optimize=False),
            card={},
        )
    )


def pictures(side: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).random((count, side, side), np.float32)


def recompute(layer: Layer, weight: np.ndarray, bias: np.ndarray, below: np.ndarray) -> np.ndarray:
    """Return the activations of a layer with weights from those, (n, ...), of the layer below."""
    if layer.kind == "linear":
        return below.reshape(len(below), -1) @ weight.T + bias
    _, rows, columns = layer.shape
    top, left = layer.pads
    high = (rows - 1) * layer.strides[0] + (layer.kernel[0] - 1) * layer.dilations[0] + 1
    wide = (columns - 1) * layer.strides[1] + (layer.kernel[1] - 1) * layer.dilations[1] + 1
    down, right = max(high - top - below.shape[2], 0), max(wide - left - below.shape[3], 0)
    padded = np.pad(below, ((0, 0), (0, 0), (top, down), (left, right)))[:, :, :high, :wide]
    tensors = (torch.from_numpy(np.ascontiguousarray(array)) for array in (padded, weight, bias))
    return conv2d(
        *tensors, stride=layer.strides, dilation=layer.dilations, groups=layer.group
    ).numpy()


def assert_weights_explain_layers(inspector: NetworkInspector) -> int:
    """Recompute each layer with weights from the layer below; return their number."""
    inputs = pictures(inspector.side)
    activations = {inspector.input: inputs[:, None], **inspector.compute_activations(inputs)}
    weighing = [layer for layer in inspector.layers if layer.weights]
    for layer in weighing:
        units = [inspector.unit_weights(layer, number) for number in range(layer.shape[0])]
        whole = inspector.layer_weights(layer)
        assert whole is not None
        assert all(unit is not None for unit in units)
        weight, bias = (
            np.stack([unit.weight for unit in units]),
            np.array([unit.bias for unit in units], np.float32),
        )
        np.testing.assert_array_equal(weight, whole)
        assert layer.kind == "linear" or weight.shape[2:] == layer.kernel
        (source,) = layer.sources
        output = recompute(layer, weight, bias, activations[source])
        np.testing.assert_allclose(output, activations[layer.tensor], atol=1e-4, err_msg=layer.name)
    return len(weighing)


# --- the packaged ones


@pytest.mark.parametrize(("name", "weighing"), [("classic", 4), ("recognizer", 10)])
def test_units_times_the_layer_below_are_the_layer(name: str, weighing: int) -> None:
    assert assert_weights_explain_layers(NetworkInspector(registry.load(name))) == weighing


@pytest.mark.parametrize("name", ["classic", "recognizer"])
def test_the_last_layers_are_what_the_network_answers(name: str) -> None:
    explainer = Explainer(registry.load(name))
    inspector = explainer.inspector
    inputs = pictures(inspector.side)
    outputs = explainer.network(inputs)
    linear = [layer for layer in inspector.layers if layer.kind == "linear"][-len(outputs) :]
    activations = inspector.compute_activations(inputs, linear)
    for layer, output in zip(linear, outputs, strict=True):
        np.testing.assert_allclose(activations[layer.tensor], output, atol=1e-4)


def test_each_picture_is_computed_by_itself() -> None:
    inspector = NetworkInspector(registry.load("classic"))
    inputs = pictures(28, 4)
    together = inspector.compute_activations(inputs)
    for number, picture in enumerate(inputs):
        for tensor, values in inspector.compute_activations(picture[None]).items():
            np.testing.assert_allclose(values[0], together[tensor][number], atol=1e-5)


# --- layers of networks from torch


class Residual(nn.Module):
    """A block whose input is added to what it makes.

    With grouped and dilated convolutions and normalisation.
    """

    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv2d(1, 8, (5, 3), stride=(2, 1), padding=(2, 1))
        self.norm = nn.BatchNorm2d(8)
        self.grouped = nn.Conv2d(8, 8, 3, padding=2, dilation=2, groups=4, bias=False)
        self.pool = nn.MaxPool2d(2)
        self.average = nn.AvgPool2d(3, stride=2, padding=1)
        self.end = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        x = torch.relu(self.norm(self.first(images)))
        x = self.average(self.pool(x + self.grouped(x)))
        return self.end(nn.functional.adaptive_avg_pool2d(x, 1).flatten(1))


def test_a_step_that_is_no_layer_has_the_layers_behind_it_as_sources() -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1] * 4),
        node("Clip", "c low high", "cut"),
        node("Sigmoid", "cut", "gate"),
        node("Mul", "cut gate", "swish"),
        node("Neg", "swish", "n"),
        node("Conv", "n v", "end", pads=[1] * 4),
        *END,
    ]
    kernels = {"w": noise(3, 1, 3, 3), "v": noise(4, 3, 3, 3), "last": noise(10, 4)}
    inspector = inspect(nodes, **kernels, low=np.float32(0), high=np.float32(6))
    layers = {layer.tensor: layer for layer in inspector.layers}
    assert layers["end"].sources == ("n",)
    assert (layers["n"].kind, set(layers["n"].sources)) == ("step", {"cut", "gate"})
    assert (layers["cut"].kind, layers["cut"].sources) == ("step", ("c",))
    assert layers["gate"].sources == ("cut",)


def test_layers_of_torch_have_their_shapes_and_sources() -> None:
    model = Residual().eval()
    assert model.norm.running_mean is not None
    model.norm.running_mean += 0.3
    inspector = inspect_torch(model)
    layers = {layer.name: layer for layer in inspector.layers}
    assert {name: layer.shape for name, layer in layers.items()} == {
        "convolution 1": (8, 14, 28),
        "normalisation 1": (8, 14, 28),
        "ReLU 1": (8, 14, 28),
        "convolution 2": (8, 14, 28),
        "sum 1": (8, 14, 28),
        "pooling 1": (8, 7, 14),
        "pooling 2": (8, 4, 7),
        "step 1": (8, 1, 1),
        "linear 1": (10,),
    }
    first, grouped = layers["convolution 1"], layers["convolution 2"]
    assert (first.kernel, first.strides, first.pads, first.dilations) == (
        (5, 3),
        (2, 1),
        (2, 1),
        (1, 1),
    )
    assert (grouped.kernel, grouped.pads, grouped.dilations, grouped.group) == (
        (3, 3),
        (2, 2),
        (2, 2),
        4,
    )
    assert (layers["pooling 2"].kernel, layers["pooling 2"].strides, layers["pooling 2"].pads) == (
        (3, 3),
        (2, 2),
        (1, 1),
    )
    assert set(layers["sum 1"].sources) == {layers["ReLU 1"].tensor, grouped.tensor}
    assert layers["linear 1"].sources == (layers["step 1"].tensor,)
    assert first.sources == (inspector.input,)
    assert assert_weights_explain_layers(inspector) == 3
    inputs = pictures(SIDE)
    with torch.no_grad():
        x = model.first(torch.from_numpy(inputs[:, None]))
        steps = {"convolution 1": x, "normalisation 1": model.norm(x)}
        steps["ReLU 1"] = torch.relu(steps["normalisation 1"])
        steps["sum 1"] = steps["ReLU 1"] + model.grouped(steps["ReLU 1"])
        steps["pooling 2"] = model.average(model.pool(steps["sum 1"]))
    activations = inspector.compute_activations(inputs)
    for name, expected in steps.items():
        np.testing.assert_allclose(
            activations[layers[name].tensor], expected.numpy(), atol=1e-4, err_msg=name
        )


@pytest.mark.parametrize("name", ["classic", "recognizer"])
def test_activations_of_a_network_that_is_not_folded_are_those_of_torch(name: str) -> None:
    """As snapshots of a training are."""
    torch.manual_seed(0)
    model = create_model(name).eval()
    trainer = trainer_for(load_recipe(name))
    side = trainer.example_shape[-1]
    graph = to_onnx(
        model, torch.zeros(2, *trainer.example_shape), trainer.signature, optimize=False
    )
    inspector = NetworkInspector(Model(name=name, onnx=graph, card={}))
    expected: dict[str, list[np.ndarray]] = {"convolution": [], "normalisation": [], "linear": []}
    kinds = {nn.Conv2d: "convolution", nn.BatchNorm2d: "normalisation", nn.Linear: "linear"}
    for module in model.modules():
        if type(module) in kinds:
            outputs = expected[kinds[type(module)]]
            module.register_forward_hook(
                lambda _, inputs, activations, outputs=outputs: outputs.append(activations.numpy())
            )
    inputs = pictures(side)
    with torch.no_grad():
        model(torch.from_numpy(inputs[:, None]))
    activations = inspector.compute_activations(inputs)
    for kind, outputs in expected.items():
        layers = [layer for layer in inspector.layers if layer.kind == kind]
        assert len(layers) == len(outputs)
        for layer, output in zip(layers, outputs, strict=True):
            np.testing.assert_allclose(
                activations[layer.tensor], output, atol=1e-4, err_msg=layer.name
            )
    assert_weights_explain_layers(inspector)
    tensors = {inspector.input, *(layer.tensor for layer in inspector.layers)}
    assert all(tensors.issuperset(layer.sources) for layer in inspector.layers)


# --- and by hand


SIZES = [(2, 1, 1), (3, 2, 1), (4, 3, 1), (5, 2, 1)]  # kernel, stride, dilation
PADDED = [
    (auto, *size) for auto in ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET") for size in SIZES
]
# beside SAME, ONNX Runtime does not run it
APART = [(auto, 2, 1, 3) for auto in ("VALID", "NOTSET")]


@pytest.mark.parametrize(("auto", "kernel", "stride", "dilation"), PADDED + APART)
def test_padding_that_is_left_to_the_runtime(
    auto: str, kernel: int, stride: int, dilation: int
) -> None:
    attributes = {"auto_pad": auto, "strides": [stride] * 2, "dilations": [dilation] * 2}
    nodes = [node("Conv", "x w b", "end", **attributes), *END]
    inspector = inspect(nodes, w=noise(4, 1, kernel, kernel), b=noise(4), last=noise(10, 4))
    layer = inspector.find_layer("convolution 1")
    assert (layer.kernel, layer.strides, layer.dilations) == (
        (kernel,) * 2,
        (stride,) * 2,
        (dilation,) * 2,
    )
    assert assert_weights_explain_layers(inspector) == 2


@pytest.mark.parametrize("bias", [(10,), (1, 10), (1,), ()])
@pytest.mark.parametrize("across", [0, 1])
def test_linear_layers_with_scales_either_way_round_and_any_bias(
    bias: tuple[int, ...], across: int
) -> None:
    weight = noise(10, 784) if across else noise(784, 10)
    nodes = [
        node("Flatten", "x", "f"),
        node("Gemm", "f w b", "y", alpha=0.5, beta=2.0, transB=across),
    ]
    inspector = inspect(nodes, w=weight, b=np.asarray(noise(*bias), np.float32))
    assert [(layer.name, layer.shape, layer.sources) for layer in inspector.layers] == [
        ("linear 1", (10,), ("x",))
    ]
    assert assert_weights_explain_layers(inspector) == 1


def test_a_product_and_a_sum_with_a_constant_are_one_linear_layer() -> None:
    nodes = [
        node("Flatten", "x", "f"),
        node("MatMul", "f w", "p"),
        node("Add", "b p", "s"),
        node("Relu", "s", "r"),
        node("MatMul", "r v", "q"),
        node("Add", "q c", "y"),
    ]
    inspector = inspect(nodes, w=noise(784, 6), b=noise(6), v=noise(6, 10), c=noise(1, 10))
    assert [layer.name for layer in inspector.layers] == ["linear 1", "ReLU 1", "linear 2"]
    assert [layer.tensor for layer in inspector.layers] == ["s", "r", "y"]
    assert assert_weights_explain_layers(inspector) == 2


def test_a_product_that_others_read_as_well_stands_by_itself() -> None:
    nodes = [
        node("Flatten", "x", "f"),
        node("MatMul", "f w", "p"),
        node("Add", "b p", "s"),
        node("Add", "s p", "y"),
    ]
    inspector = inspect(nodes, w=noise(784, 10), b=noise(10))
    assert [(layer.name, layer.tensor) for layer in inspector.layers] == [
        ("linear 1", "p"),
        ("step 1", "s"),
        ("sum 1", "y"),
    ]
    assert assert_weights_explain_layers(inspector) == 1


def test_weights_that_the_graph_makes_of_others() -> None:
    constant = node("Constant", "", "k", value=numpy_helper.from_array(noise(3, 2, 5, 3)))
    del constant.input[:]
    nodes = [
        node("Cast", "half", "w", to=TensorProto.FLOAT),
        node("Identity", "stored", "b"),
        constant,
        node("Conv", "x w b", "c"),
        node("Conv", "c k", "end"),
        *END,
    ]
    inspector = inspect(
        nodes, half=noise(2, 1, 3, 3).astype(np.float16), stored=noise(2), last=noise(10, 3)
    )
    assert [inspector.find_layer(f"convolution {number}").kernel for number in (1, 2)] == [
        (3, 3),
        (5, 3),
    ]
    assert assert_weights_explain_layers(inspector) == 3


def test_a_pool_over_all_places_has_a_kernel_as_large_as_its_source() -> None:
    inspector = inspect([node("Conv", "x w", "end"), *END], w=noise(4, 1, 5, 3), last=noise(10, 4))
    layer = inspector.find_layer("pooling 1")
    assert (layer.operation, layer.shape, layer.kernel) == (
        "GlobalAveragePool",
        (4, 1, 1),
        (24, 26),
    )


def test_what_both_sides_come_from_the_picture_weighs_nothing() -> None:
    nodes = [
        node("Flatten", "x", "f"),
        node("Gemm", "f w", "a"),
        node("Mul", "a a", "m"),
        node("MatMul", "square x", "rows"),
        node("Flatten", "rows", "g"),
        node("Gemm", "g v m", "y"),
    ]
    inspector = inspect(nodes, w=noise(784, 10), v=noise(784, 10), square=noise(28, 28))
    has_weights = {
        layer.name: bool(layer.weights) for layer in inspector.layers if layer.kind == "linear"
    }
    assert has_weights == {"linear 1": True, "linear 2": False, "linear 3": True}
    assert (
        inspector.layer_weights(inspector.find_layer("linear 2"))
        is inspector.unit_weights(inspector.find_layer("linear 2"), 0)
        is None
    )
    assert inspector.find_layer("linear 3").weights == ("v",)


def test_results_that_nobody_wants_make_no_picture_of_a_constant() -> None:
    dropped = helper.make_node("Dropout", ["x"], ["d", ""])
    nodes = [
        dropped,
        helper.make_node("Clip", ["w", "", ""], ["limited"]),
        node("Conv", "d limited", "end"),
        *END,
    ]
    inspector = inspect(nodes, w=noise(4, 1, 3, 3), last=noise(10, 4))
    assert inspector.find_layer("convolution 1").sources == ("x",)
    assert assert_weights_explain_layers(inspector) == 2


# --- what cannot be taken apart


def test_units_and_layers_that_there_are_not() -> None:
    inspector = NetworkInspector(registry.load("classic"))
    first = inspector.find_layer("convolution 1")
    for number in (-1, 16):
        with pytest.raises(
            UsageError, match=rf"convolution 1 has the units 0 to 15; found {number}"
        ):
            inspector.unit_weights(first, number)
    assert inspector.unit_weights(inspector.find_layer("pooling 1"), 0) is None
    with pytest.raises(
        UsageError, match=r"classic has no layer 'eyes'; it has convolution 1, ReLU 1, "
    ):
        inspector.find_layer("eyes")


FLAT = node("Flatten", "x", "f")
WITHOUT_LAYER = build_model(
    [FLAT, node("Einsum", "f w", "y", equation="ij,jk->ik")], w=noise(784, 10)
)
OF_DOUBLES = build_model(
    [FLAT, node("MatMul", "f w", "y")],
    kind=TensorProto.DOUBLE,
    w=noise(784, 10).astype(np.float64),
)
FAILING = build_model(
    [FLAT, node("Reshape", "f shape", "r"), node("MatMul", "r w", "y")],
    w=noise(784, 10),
    shape=np.array([3, -1]),
)
BROKEN = {
    "damaged": (b"nothing", ModelError, "own: not an ONNX model"),
    "cut off": (registry.load("classic").onnx[:9_000], ModelError, "own: not an ONNX model"),
    "without a layer": (WITHOUT_LAYER, UsageError, "none of Conv, .* nothing of it can be shown"),
    "of other numbers": (OF_DOUBLES, ModelError, "own: cannot be run"),
    "that fails": (FAILING, ModelError, "own: cannot be run"),
    "for pages": (registry.load("detector").onnx, UsageError, "own: takes pictures of any size"),
}


@pytest.mark.parametrize("name", BROKEN)
def test_broken_and_strange_networks_are_errors(name: str) -> None:
    content, error, message = BROKEN[name]
    with pytest.raises(error, match=message):
        NetworkInspector(Model(name="own", onnx=content, card={}))


def test_the_tail_goes_on_where_it_was_cut_and_is_none_where_others_go_past_it() -> None:
    inspector = NetworkInspector(registry.load("classic"))
    inputs = pictures(28)
    activations = inspector.compute_activations(inputs)
    last = activations[inspector.find_layer("linear 2").tensor]
    for name in ("convolution 1", "ReLU 2", "pooling 2", "linear 1"):
        layer = inspector.find_layer(name)
        tail = inspector.build_tail(layer)
        assert tail is not None
        np.testing.assert_allclose(tail(activations[layer.tensor]), last, atol=1e-4)
    residual = inspect_torch(Residual())
    assert residual.build_tail(residual.find_layer("convolution 2")) is None
    layer, activations = residual.find_layer("sum 1"), residual.compute_activations(inputs)
    tail = residual.build_tail(layer)  # it asks the picture how many there are
    assert tail is not None
    np.testing.assert_allclose(
        tail(activations[layer.tensor]),
        activations[residual.find_layer("linear 1").tensor],
        atol=1e-4,
    )
