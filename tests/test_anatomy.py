"""Networks taken apart: what their layers are, and that they calculate what is said of them."""

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

from numeye import weights
from numeye.anatomy import Anatomy
from numeye.errors import ModelError, UsageError
from numeye.explain import Explainer
from numeye.layers import Layer
from numeye.training.export import to_onnx
from numeye.training.models import create_model
from numeye.weights import Model

RNG = np.random.default_rng(0)
SIDE = 28


def some(*shape: int) -> np.ndarray:
    return RNG.normal(size=shape).astype(np.float32)


def node(kind: str, inputs: str, output: str, **told: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **told)


def built(
    nodes: Sequence[onnx.NodeProto], side: int | str = SIDE, kind: int = TensorProto.FLOAT, **stored: np.ndarray
) -> bytes:
    """A network of these nodes, from `x` to `y`."""
    inputs = [helper.make_tensor_value_info("x", kind, ["n", 1, side, side])]
    outputs = [helper.make_tensor_value_info("y", kind, ["n", 10])]
    kept = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    graph = helper.make_graph(nodes, "own", inputs, outputs, kept)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    content: bytes = model.SerializeToString()
    return content


def taken_apart(nodes: Sequence[onnx.NodeProto], **stored: Any) -> Anatomy:
    return Anatomy(Model(name="own", onnx=built(nodes, **stored), card={}))


END = [node("GlobalAveragePool", "end", "g"), node("Flatten", "g", "f"), node("Gemm", "f last", "y", transB=1)]


def exported(model: nn.Module) -> Anatomy:
    return Anatomy(Model(name="own", onnx=to_onnx(model.eval(), torch.zeros(2, 1, SIDE, SIDE), folded=False), card={}))


def pictures(side: int, count: int = 3) -> np.ndarray:
    return np.random.default_rng(1).random((count, side, side), np.float32)


def recomputed(layer: Layer, weight: np.ndarray, bias: np.ndarray, below: np.ndarray) -> np.ndarray:
    """What a layer that weighs makes of (n, ...) below it, with what `Anatomy` tells of it and no more."""
    if layer.kind == "linear":
        return below.reshape(len(below), -1) @ weight.T + bias
    _, rows, columns = layer.shape
    top, left = layer.pads
    high = (rows - 1) * layer.strides[0] + (layer.kernel[0] - 1) * layer.dilations[0] + 1
    wide = (columns - 1) * layer.strides[1] + (layer.kernel[1] - 1) * layer.dilations[1] + 1
    down, right = max(high - top - below.shape[2], 0), max(wide - left - below.shape[3], 0)
    padded = np.pad(below, ((0, 0), (0, 0), (top, down), (left, right)))[:, :, :high, :wide]
    tensors = (torch.from_numpy(np.ascontiguousarray(one)) for one in (padded, weight, bias))
    return conv2d(*tensors, stride=layer.strides, dilation=layer.dilations, groups=layer.group).numpy()


def assert_weighs_as_it_tells(anatomy: Anatomy) -> int:
    """Each layer with weights, from the numbers of the layer below it; returns how many there are."""
    given = pictures(anatomy.side)
    made = {anatomy.input: given[:, None], **anatomy.see(given)}
    weighing = [layer for layer in anatomy.layers if layer.weights]
    for layer in weighing:
        units = [anatomy.unit(layer, number) for number in range(layer.shape[0])]
        whole = anatomy.weight(layer)
        assert whole is not None
        assert all(unit is not None for unit in units)
        weight, bias = np.stack([unit.weight for unit in units]), np.array([unit.bias for unit in units], np.float32)
        np.testing.assert_array_equal(weight, whole)
        assert layer.kind == "linear" or weight.shape[2:] == layer.kernel
        (source,) = layer.sources
        found = recomputed(layer, weight, bias, made[source])
        np.testing.assert_allclose(found, made[layer.tensor], atol=1e-4, err_msg=layer.name)
    return len(weighing)


# --- the packaged ones -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("name", "weighing"), [("classic", 4), ("reader", 10)])
def test_units_times_the_layer_below_are_the_layer(name: str, weighing: int) -> None:
    assert assert_weighs_as_it_tells(Anatomy(weights.load(name))) == weighing


@pytest.mark.parametrize("name", ["classic", "reader"])
def test_the_last_layers_are_what_the_network_answers(name: str) -> None:
    explainer = Explainer(weights.load(name))
    anatomy = explainer.anatomy
    given = pictures(anatomy.side)
    outputs = explainer.network(given)
    linear = [layer for layer in anatomy.layers if layer.kind == "linear"][-len(outputs) :]
    made = anatomy.see(given, linear)
    for layer, output in zip(linear, outputs, strict=True):
        np.testing.assert_allclose(made[layer.tensor], output, atol=1e-4)


def test_each_picture_is_seen_by_itself() -> None:
    anatomy = Anatomy(weights.load("classic"))
    given = pictures(28, 4)
    together = anatomy.see(given)
    for number, one in enumerate(given):
        for tensor, values in anatomy.see(one[None]).items():
            np.testing.assert_allclose(values[0], together[tensor][number], atol=1e-5)


# --- layers of networks from torch -------------------------------------------------------------------------------


class Residual(nn.Module):
    """A block whose input is added to what it makes, with grouped and dilated convolutions and normalisation."""

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


def test_a_step_that_is_no_layer_is_told_with_the_layers_behind_it() -> None:
    nodes = [
        node("Conv", "x w", "c", pads=[1] * 4),
        node("Clip", "c low high", "cut"),
        node("Sigmoid", "cut", "gate"),
        node("Mul", "cut gate", "swish"),
        node("Neg", "swish", "n"),
        node("Conv", "n v", "end", pads=[1] * 4),
        *END,
    ]
    kernels = {"w": some(3, 1, 3, 3), "v": some(4, 3, 3, 3), "last": some(10, 4)}
    anatomy = taken_apart(nodes, **kernels, low=np.float32(0), high=np.float32(6))
    told = {layer.tensor: layer for layer in anatomy.layers}
    assert told["end"].sources == ("n",)
    assert (told["n"].kind, set(told["n"].sources)) == ("step", {"cut", "gate"})
    assert (told["cut"].kind, told["cut"].sources) == ("step", ("c",))
    assert told["gate"].sources == ("cut",)


def test_layers_of_torch_are_told_with_shapes_and_sources() -> None:
    model = Residual().eval()
    assert model.norm.running_mean is not None
    model.norm.running_mean += 0.3
    anatomy = exported(model)
    told = {layer.name: layer for layer in anatomy.layers}
    assert {name: layer.shape for name, layer in told.items()} == {
        "convolution 1": (8, 14, 28), "normalisation 1": (8, 14, 28), "ReLU 1": (8, 14, 28),
        "convolution 2": (8, 14, 28), "sum 1": (8, 14, 28), "pooling 1": (8, 7, 14), "pooling 2": (8, 4, 7),
        "step 1": (8, 1, 1), "linear 1": (10,),
    }  # fmt: skip
    first, grouped = told["convolution 1"], told["convolution 2"]
    assert (first.kernel, first.strides, first.pads, first.dilations) == ((5, 3), (2, 1), (2, 1), (1, 1))
    assert (grouped.kernel, grouped.pads, grouped.dilations, grouped.group) == ((3, 3), (2, 2), (2, 2), 4)
    assert (told["pooling 2"].kernel, told["pooling 2"].strides, told["pooling 2"].pads) == ((3, 3), (2, 2), (1, 1))
    assert set(told["sum 1"].sources) == {told["ReLU 1"].tensor, grouped.tensor}
    assert told["linear 1"].sources == (told["step 1"].tensor,)
    assert first.sources == (anatomy.input,)
    assert assert_weighs_as_it_tells(anatomy) == 3
    given = pictures(SIDE)
    with torch.no_grad():
        x = model.first(torch.from_numpy(given[:, None]))
        steps = {"convolution 1": x, "normalisation 1": model.norm(x)}
        steps["ReLU 1"] = torch.relu(steps["normalisation 1"])
        steps["sum 1"] = steps["ReLU 1"] + model.grouped(steps["ReLU 1"])
        steps["pooling 2"] = model.average(model.pool(steps["sum 1"]))
    made = anatomy.see(given)
    for name, expected in steps.items():
        np.testing.assert_allclose(made[told[name].tensor], expected.numpy(), atol=1e-4, err_msg=name)


@pytest.mark.parametrize("name", ["classic", "reader"])
def test_a_network_that_is_not_folded_is_seen_as_torch_runs_it(name: str) -> None:
    """As snapshots of a training are."""
    torch.manual_seed(0)
    model = create_model(name).eval()
    side = 28 if name == "classic" else 40
    anatomy = Anatomy(Model(name=name, onnx=to_onnx(model, torch.zeros(2, 1, side, side), folded=False), card={}))
    expected: dict[str, list[np.ndarray]] = {"convolution": [], "normalisation": [], "linear": []}
    kinds = {nn.Conv2d: "convolution", nn.BatchNorm2d: "normalisation", nn.Linear: "linear"}
    for module in model.modules():
        if type(module) in kinds:
            kept = expected[kinds[type(module)]]
            module.register_forward_hook(lambda _, given, made, kept=kept: kept.append(made.numpy()))
    given = pictures(side)
    with torch.no_grad():
        model(torch.from_numpy(given[:, None]))
    made = anatomy.see(given)
    for kind, outputs in expected.items():
        layers = [layer for layer in anatomy.layers if layer.kind == kind]
        assert len(layers) == len(outputs)
        for layer, output in zip(layers, outputs, strict=True):
            np.testing.assert_allclose(made[layer.tensor], output, atol=1e-4, err_msg=layer.name)
    assert_weighs_as_it_tells(anatomy)
    tensors = {anatomy.input, *(layer.tensor for layer in anatomy.layers)}
    assert all(tensors.issuperset(layer.sources) for layer in anatomy.layers)


# --- and by hand -------------------------------------------------------------------------------------------------


SIZES = [(2, 1, 1), (3, 2, 1), (4, 3, 1), (5, 2, 1)]  # kernel, stride, dilation
PADDED = [(auto, *size) for auto in ("SAME_UPPER", "SAME_LOWER", "VALID", "NOTSET") for size in SIZES]
APART = [(auto, 2, 1, 3) for auto in ("VALID", "NOTSET")]  # beside SAME, ONNX Runtime does not run it


@pytest.mark.parametrize(("auto", "kernel", "stride", "dilation"), PADDED + APART)
def test_padding_that_is_left_to_the_runtime(auto: str, kernel: int, stride: int, dilation: int) -> None:
    told = {"auto_pad": auto, "strides": [stride] * 2, "dilations": [dilation] * 2}
    nodes = [node("Conv", "x w b", "end", **told), *END]
    anatomy = taken_apart(nodes, w=some(4, 1, kernel, kernel), b=some(4), last=some(10, 4))
    layer = anatomy.find("convolution 1")
    assert (layer.kernel, layer.strides, layer.dilations) == ((kernel,) * 2, (stride,) * 2, (dilation,) * 2)
    assert assert_weighs_as_it_tells(anatomy) == 2


@pytest.mark.parametrize("bias", [(10,), (1, 10), (1,), ()])
@pytest.mark.parametrize("across", [0, 1])
def test_linear_layers_with_scales_either_way_round_and_any_bias(bias: tuple[int, ...], across: int) -> None:
    weight = some(10, 784) if across else some(784, 10)
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w b", "y", alpha=0.5, beta=2.0, transB=across)]
    anatomy = taken_apart(nodes, w=weight, b=np.asarray(some(*bias), np.float32))
    assert [(one.name, one.shape, one.sources) for one in anatomy.layers] == [("linear 1", (10,), ("x",))]
    assert assert_weighs_as_it_tells(anatomy) == 1


def test_a_product_and_a_sum_with_a_constant_are_one_linear_layer() -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f w", "p"), node("Add", "b p", "s"), node("Relu", "s", "r"),
             node("MatMul", "r v", "q"), node("Add", "q c", "y")]  # fmt: skip
    anatomy = taken_apart(nodes, w=some(784, 6), b=some(6), v=some(6, 10), c=some(1, 10))
    assert [one.name for one in anatomy.layers] == ["linear 1", "ReLU 1", "linear 2"]
    assert [one.tensor for one in anatomy.layers] == ["s", "r", "y"]
    assert assert_weighs_as_it_tells(anatomy) == 2


def test_a_product_that_others_read_as_well_stands_by_itself() -> None:
    nodes = [node("Flatten", "x", "f"), node("MatMul", "f w", "p"), node("Add", "b p", "s"), node("Add", "s p", "y")]
    anatomy = taken_apart(nodes, w=some(784, 10), b=some(10))
    assert [(one.name, one.tensor) for one in anatomy.layers] == [("linear 1", "p"), ("step 1", "s"), ("sum 1", "y")]
    assert assert_weighs_as_it_tells(anatomy) == 1


def test_weights_that_the_graph_makes_of_others() -> None:
    constant = node("Constant", "", "k", value=numpy_helper.from_array(some(3, 2, 5, 3)))
    del constant.input[:]
    nodes = [node("Cast", "half", "w", to=TensorProto.FLOAT), node("Identity", "stored", "b"), constant,
             node("Conv", "x w b", "c"), node("Conv", "c k", "end"), *END]  # fmt: skip
    anatomy = taken_apart(nodes, half=some(2, 1, 3, 3).astype(np.float16), stored=some(2), last=some(10, 3))
    assert [anatomy.find(f"convolution {number}").kernel for number in (1, 2)] == [(3, 3), (5, 3)]
    assert assert_weighs_as_it_tells(anatomy) == 3


def test_a_pool_over_all_places_has_a_kernel_as_large_as_its_source() -> None:
    anatomy = taken_apart([node("Conv", "x w", "end"), *END], w=some(4, 1, 5, 3), last=some(10, 4))
    layer = anatomy.find("pooling 1")
    assert (layer.operation, layer.shape, layer.kernel) == ("GlobalAveragePool", (4, 1, 1), (24, 26))


def test_what_both_sides_come_from_the_picture_weighs_nothing() -> None:
    nodes = [node("Flatten", "x", "f"), node("Gemm", "f w", "a"), node("Mul", "a a", "m"),
             node("MatMul", "square x", "rows"), node("Flatten", "rows", "g"), node("Gemm", "g v m", "y")]  # fmt: skip
    anatomy = taken_apart(nodes, w=some(784, 10), v=some(784, 10), square=some(28, 28))
    told = {one.name: bool(one.weights) for one in anatomy.layers if one.kind == "linear"}
    assert told == {"linear 1": True, "linear 2": False, "linear 3": True}
    assert anatomy.weight(anatomy.find("linear 2")) is anatomy.unit(anatomy.find("linear 2"), 0) is None
    assert anatomy.find("linear 3").weights == ("v",)


def test_results_that_nobody_wants_make_no_picture_of_a_constant() -> None:
    dropped = helper.make_node("Dropout", ["x"], ["d", ""])
    nodes = [dropped, helper.make_node("Clip", ["w", "", ""], ["limited"]), node("Conv", "d limited", "end"), *END]
    anatomy = taken_apart(nodes, w=some(4, 1, 3, 3), last=some(10, 4))
    assert anatomy.find("convolution 1").sources == ("x",)
    assert assert_weighs_as_it_tells(anatomy) == 2


# --- what cannot be taken apart ----------------------------------------------------------------------------------


def test_units_and_layers_that_there_are_not() -> None:
    anatomy = Anatomy(weights.load("classic"))
    first = anatomy.find("convolution 1")
    for number in (-1, 16):
        with pytest.raises(UsageError, match=rf"convolution 1 has the units 0 to 15; found {number}"):
            anatomy.unit(first, number)
    assert anatomy.unit(anatomy.find("pooling 1"), 0) is None
    with pytest.raises(UsageError, match=r"classic has no layer 'eyes'; it has convolution 1, ReLU 1, "):
        anatomy.find("eyes")


FLAT = node("Flatten", "x", "f")
BROKEN = {
    "damaged": (b"nothing", ModelError, "own: not an ONNX model"),
    "cut off": (weights.load("classic").onnx[:9_000], ModelError, "own: not an ONNX model"),
    "without a layer": (built([FLAT, node("Einsum", "f w", "y", equation="ij,jk->ik")], w=some(784, 10)), UsageError,
                        "none of Conv, .* nothing of it can be shown"),
    "of other numbers": (built([FLAT, node("MatMul", "f w", "y")], kind=TensorProto.DOUBLE,
                               w=some(784, 10).astype(np.float64)), ModelError, "own: cannot be run"),
    "that fails": (built([FLAT, node("Reshape", "f shape", "r"), node("MatMul", "r w", "y")],
                         w=some(784, 10), shape=np.array([3, -1])), ModelError, "own: cannot be run"),
    "for pages": (weights.load("spotter").onnx, UsageError, "own: takes pictures of any size"),
}  # fmt: skip


@pytest.mark.parametrize("name", BROKEN)
def test_broken_and_strange_networks_are_told(name: str) -> None:
    content, error, said = BROKEN[name]
    with pytest.raises(error, match=said):
        Anatomy(Model(name="own", onnx=content, card={}))


def test_the_tail_goes_on_where_it_was_cut_and_is_none_where_others_go_past_it() -> None:
    anatomy = Anatomy(weights.load("classic"))
    given = pictures(28)
    made = anatomy.see(given)
    last = made[anatomy.find("linear 2").tensor]
    for name in ("convolution 1", "ReLU 2", "pooling 2", "linear 1"):
        layer = anatomy.find(name)
        tail = anatomy.tail(layer)
        assert tail is not None
        np.testing.assert_allclose(tail(made[layer.tensor]), last, atol=1e-4)
    residual = exported(Residual())
    assert residual.tail(residual.find("convolution 2")) is None
    layer, made = residual.find("sum 1"), residual.see(given)
    tail = residual.tail(layer)  # it asks the picture how many there are
    assert tail is not None
    np.testing.assert_allclose(tail(made[layer.tensor]), made[residual.find("linear 1").tensor], atol=1e-4)
