"""Which layers a graph of ONNX has: what each of them is, what it reads, and how it works.

Nothing is known beforehand of packaged models, so own ones are read as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

# Operations whose results are shown, and what people call them. A sum is where a residual block adds what came in.
LAYERS = {
    "Conv": "convolution",
    "BatchNormalization": "normalisation",
    "Relu": "ReLU",
    **dict.fromkeys(("LeakyRelu", "Elu", "Gelu", "Sigmoid", "Tanh", "HardSwish", "PRelu"), "activation"),
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"), "pooling"),
    "Gemm": "linear",
    "MatMul": "linear",
    "Add": "sum",
}
BETWEEN = "step"  # a tensor that a layer reads and none made: what was done to the picture before, or maps joined
FORWARD = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"})  # the same numbers


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer, or what stands between two.

    Attributes:
        name: kind and number, such as `convolution 2`.
        kind: see `LAYERS`; `BETWEEN` for what is none.
        operation: ONNX's name for it.
        tensor: its result, by ONNX's name.
        shape: (units, height, width) or (units,).
        sources: the tensors that it reads and that come from the picture.
        kernel, strides, dilations: rows and columns; 1 where it has none.
        pads: rows above, columns to the left.
        pads_count: whether a mean counts what lies outside of the maps, as 0.
        group: into how many parts units are divided that do not see each other.
        weights: ONNX's names of weight and bias, as far as it has them.
        scales: what these are multiplied by, and whether the weight lies units first.
    """

    name: str
    kind: str
    operation: str
    tensor: str
    shape: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)
    pads_count: bool = False
    group: int = 1
    weights: tuple[str, ...] = ()
    scales: tuple[float, float] = (1.0, 1.0)
    units_first: bool = True

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without weights."""
        kept = ("tensor", "weights", "scales", "units_first")
        told = {one.name: getattr(self, one.name) for one in fields(self) if one.name not in kept}
        return told | {"weights": bool(self.weights)}


def drafts(graph: Any) -> list[Layer]:
    """Its layers and what they read, in the order in which they work; without names and shapes."""
    made_by = {name: node for node in graph.node for name in node.output}
    pictures = of_pictures(graph)
    biases = _biases(graph, pictures, made_by)
    found: dict[str, Layer] = {}
    for node in graph.node:
        if node.op_type not in LAYERS or node.output[0] not in pictures:
            continue
        sources = tuple(_origin(name, made_by) for name in node.input if name in pictures)
        if node.op_type == "Add" and len(sources) < 2:  # a bias
            continue
        tensor, *bias = biases.get(node.output[0], (node.output[0],))
        for name in sources:
            if name in made_by and name not in found:
                behind = tuple(dict.fromkeys(_behind(name, made_by, pictures, found)))
                found[name] = Layer(name="", kind=BETWEEN, operation=made_by[name].op_type, tensor=name, sources=behind)
        found[tensor] = Layer(
            name="",
            kind=LAYERS[node.op_type],
            operation=node.op_type,
            tensor=tensor,
            sources=sources,
            weights=(*_weights(node, pictures), *bias),
        )
    return list(found.values())


def _weights(node: Any, pictures: set[str]) -> tuple[str, ...]:
    """Weight and bias of a node that weighs what it is shown; none where both sides come from the picture."""
    if node.op_type not in ("Conv", "Gemm", "MatMul") or node.input[0] not in pictures or node.input[1] in pictures:
        return ()
    return tuple(name for name in node.input[1:3] if name and name not in pictures)


def _biases(graph: Any, pictures: set[str], made_by: dict[str, Any]) -> dict[str, tuple[str, str]]:
    """Of each product that nothing but a sum with a constant reads: the sum and the constant, which is its bias."""
    reads = Counter(name for node in graph.node for name in node.input)
    reads.update(port.name for port in graph.output)
    found = {}
    for node in graph.node:
        product = [name for name in node.input if name in pictures]
        constant = [name for name in node.input if name not in pictures]
        if node.op_type == "Add" and len(product) == len(constant) == 1 and reads[product[0]] == 1:
            maker = made_by.get(product[0])
            if maker is not None and maker.op_type == "MatMul" and len(_weights(maker, pictures)) == 1:
                found[product[0]] = (node.output[0], constant[0])
    return found


def of_pictures(graph: Any, past: str = "") -> set[str]:
    """The tensors that hang on what goes in, not by way of `past` alone; all others are the same for every picture."""
    constants = {one.name for one in graph.initializer}
    found = {port.name for port in graph.input if port.name not in constants}
    for node in graph.node:
        if (not past or past not in node.output) and found.intersection(_read(node)):
            found.update(name for name in node.output if name)  # no name: what it could give, and nobody wants
    return found


def _read(node: Any) -> list[str]:
    """The tensors whose numbers a node takes; of others it wants to know the shape or the type alone."""
    taken = {"Shape": 0, "Size": 0, "CastLike": 1}.get(node.op_type)
    return list(node.input[:taken])


def _origin(name: str, made_by: dict[str, Any]) -> str:
    """The tensor that holds the same numbers before they were only laid out anew."""
    while name in made_by and made_by[name].op_type in FORWARD:
        name = made_by[name].input[0]
    return name


def _behind(name: str, made_by: dict[str, Any], pictures: set[str], found: Container[str]) -> Iterator[str]:
    """The layers, or the picture, that a tensor hangs on by way of operators that are none; each once or more."""
    waiting, seen = [name], {name}
    while waiting:
        for read in made_by[waiting.pop()].input:
            origin = _origin(read, made_by)
            if read not in pictures or origin in seen:
                continue
            seen.add(origin)
            if origin in found or origin not in made_by:
                yield origin
            else:
                waiting.append(origin)


def numbered(layers: list[Layer]) -> list[Layer]:
    """With their names: of each kind the first, the second, and so on."""
    counted: Counter[str] = Counter()
    found = []
    for layer in layers:
        counted[layer.kind] += 1
        found.append(replace(layer, name=f"{layer.kind} {counted[layer.kind]}"))
    return found


def shaped(layer: Layer, graph: Any, shapes: dict[str, tuple[int, ...]], stored: Callable[[str], np.ndarray]) -> Layer:
    """With its shape, and what its node says of kernels and strides."""
    made = replace(layer, shape=shapes[layer.tensor])
    if layer.kind == BETWEEN:
        return made
    node = next(node for node in graph.node if layer.tensor in node.output)
    told = {one.name: one for one in node.attribute}
    if layer.operation in ("Gemm", "MatMul"):
        alpha, beta = (told[name].f if name in told else 1.0 for name in ("alpha", "beta"))
        weights = layer.weights if len(made.shape) == 1 else ()  # a product in each row has no units
        first = bool("transB" in told and told["transB"].i)
        return replace(made, weights=weights, scales=(alpha, beta), units_first=first)
    before = next((shapes[name] for name in layer.sources if name in shapes), made.shape)
    if layer.operation.startswith("Global") and len(before) == 3:
        return replace(made, kernel=(before[1], before[2]))
    if layer.operation not in ("Conv", "MaxPool", "AveragePool") or len(before) != 3:
        return made
    kernel = _pair(told, "kernel_shape", None) or _sides(layer, stored)
    strides, dilations = _pair(told, "strides", (1, 1)), _pair(told, "dilations", (1, 1))
    assert kernel and strides and dilations  # noqa: S101 - for mypy: both have defaults
    return replace(
        made,
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        pads=_pads(told, before, kernel, strides, dilations),
        pads_count="count_include_pad" in told and bool(told["count_include_pad"].i),
        group=told["group"].i if "group" in told else 1,
    )


def _pair(told: dict[str, Any], name: str, otherwise: tuple[int, int] | None) -> tuple[int, int] | None:
    values = list(told[name].ints) if name in told else []
    return (values[0], values[1]) if len(values) >= 2 else otherwise


def _sides(layer: Layer, stored: Callable[[str], np.ndarray]) -> tuple[int, int]:
    shape = stored(layer.weights[0]).shape if layer.weights else (1, 1, 1, 1)
    return shape[2], shape[3]


def _pads(
    told: dict[str, Any],
    before: tuple[int, ...],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> tuple[int, int]:
    """Rows above and columns to the left, where the graph leaves it to the runtime, too."""
    automatic = told["auto_pad"].s.decode() if "auto_pad" in told else "NOTSET"
    if not automatic.startswith("SAME"):
        values = list(told["pads"].ints) if "pads" in told and automatic == "NOTSET" else [0, 0]
        return values[0], values[1]
    missing = [
        max((-(-side // stride) - 1) * stride + (size - 1) * apart + 1 - side, 0)
        for side, stride, size, apart in zip(before[1:], strides, kernel, dilations, strict=True)
    ]
    first = [one // 2 if automatic == "SAME_UPPER" else -(-one // 2) for one in missing]
    return first[0], first[1]
