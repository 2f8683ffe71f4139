"""The layers of an ONNX graph: their kinds, inputs, weights and geometry.

Nothing is assumed about the network, so the networks of users can be explained as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass, fields, replace
from typing import Any

import numpy as np

# Operators that are layers, and the usual names of these. A sum is the end of a residual block.
LAYER_KINDS = {
    "Conv": "convolution",
    "BatchNormalization": "normalisation",
    "Relu": "ReLU",
    **dict.fromkeys(
        ("LeakyRelu", "Elu", "Gelu", "Sigmoid", "Tanh", "HardSwish", "PRelu"), "activation"
    ),
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"), "pooling"),
    "Gemm": "linear",
    "MatMul": "linear",
    "Add": "sum",
}
# The kind of a tensor that layers read and no layer makes, such as maps that are joined
INTERMEDIATE = "step"
# Operators that do not change the numbers
RESHAPING_OPERATORS = frozenset(
    {"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"}
)


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer, or a tensor between two layers.

    Attributes:
        name: kind and number, such as `convolution 2`.
        kind: a value of `LAYER_KINDS`, or `INTERMEDIATE`.
        operation: the ONNX operator.
        tensor: name of the output tensor in the graph.
        shape: (units, height, width) or (units,).
        sources: tensors that the layer reads and that depend on the picture.
        kernel, strides, dilations: rows and columns; 1 if the layer has none.
        pads: rows of padding above, columns to the left.
        pads_count: True if a mean counts the padding, as 0.
        group: number of groups of units that do not read each other's inputs.
        weights: names of the tensors of weight and bias, if the layer has them.
        scales: factors of weight and bias.
        units_first: True if the first axis of the weight is the units.
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
        """Return the layer for JSON; `weights` says only whether it has any."""
        omitted = ("tensor", "weights", "scales", "units_first")
        values = {
            field.name: getattr(self, field.name)
            for field in fields(self)
            if field.name not in omitted
        }
        return values | {"weights": bool(self.weights)}


def find_layers(graph: Any) -> list[Layer]:
    """Return the layers of a graph in the order of computation, without names and geometry."""
    producers = {name: node for node in graph.node for name in node.output}
    pictures = find_picture_tensors(graph)
    biases = _find_biases(graph, pictures, producers)
    layers: dict[str, Layer] = {}  # by tensor
    for node in graph.node:
        if node.op_type not in LAYER_KINDS or node.output[0] not in pictures:
            continue
        sources = tuple(_origin(name, producers) for name in node.input if name in pictures)
        if node.op_type == "Add" and len(sources) < 2:  # a bias
            continue
        tensor, *bias = biases.get(node.output[0], (node.output[0],))
        for name in sources:
            if name in producers and name not in layers:
                behind = tuple(dict.fromkeys(_find_sources(name, producers, pictures, layers)))
                layers[name] = Layer(
                    name="",
                    kind=INTERMEDIATE,
                    operation=producers[name].op_type,
                    tensor=name,
                    sources=behind,
                )
        layers[tensor] = Layer(
            name="",
            kind=LAYER_KINDS[node.op_type],
            operation=node.op_type,
            tensor=tensor,
            sources=sources,
            weights=(*_weights(node, pictures), *bias),
        )
    return list(layers.values())


def _weights(node: Any, pictures: set[str]) -> tuple[str, ...]:
    """Return the tensors of weight and bias; none if both factors depend on the picture."""
    if (
        node.op_type not in ("Conv", "Gemm", "MatMul")
        or node.input[0] not in pictures
        or node.input[1] in pictures
    ):
        return ()
    return tuple(name for name in node.input[1:3] if name and name not in pictures)


def _find_biases(
    graph: Any, pictures: set[str], producers: dict[str, Any]
) -> dict[str, tuple[str, str]]:
    """Find the products whose only use is a sum with a constant: linear layers in two nodes.

    Returns:
        For the tensor of each such product the tensors of the sum and of the constant, the bias.
    """
    uses = Counter(name for node in graph.node for name in node.input)
    uses.update(port.name for port in graph.output)
    biases = {}
    for node in graph.node:
        product = [name for name in node.input if name in pictures]
        constant = [name for name in node.input if name not in pictures]
        if node.op_type == "Add" and len(product) == len(constant) == 1 and uses[product[0]] == 1:
            factor = producers.get(product[0])
            if (
                factor is not None
                and factor.op_type == "MatMul"
                and len(_weights(factor, pictures)) == 1
            ):
                biases[product[0]] = (node.output[0], constant[0])
    return biases


def find_picture_tensors(graph: Any, past: str = "") -> set[str]:
    """Return the tensors that depend on the picture; all others are constant.

    Args:
        graph: graph of an ONNX model.
        past: a tensor; if given, only dependencies that do not go through it count.
    """
    constants = {tensor.name for tensor in graph.initializer}
    dependent = {port.name for port in graph.input if port.name not in constants}
    for node in graph.node:
        if (not past or past not in node.output) and dependent.intersection(_inputs(node)):
            dependent.update(name for name in node.output if name)  # unused outputs have no name
    return dependent


def _inputs(node: Any) -> list[str]:
    """Return the tensors whose values a node uses, not only their shape or type."""
    count = {"Shape": 0, "Size": 0, "CastLike": 1}.get(node.op_type)
    return list(node.input[:count])


def _origin(name: str, producers: dict[str, Any]) -> str:
    """Return the tensor with the same numbers before they were reshaped."""
    while name in producers and producers[name].op_type in RESHAPING_OPERATORS:
        name = producers[name].input[0]
    return name


def _find_sources(
    name: str, producers: dict[str, Any], pictures: set[str], layers: Container[str]
) -> Iterator[str]:
    """Yield the layers, or the picture, that a tensor depends on by way of other operators.

    A source may come more than once.
    """
    waiting, visited = [name], {name}
    while waiting:
        for read in producers[waiting.pop()].input:
            origin = _origin(read, producers)
            if read not in pictures or origin in visited:
                continue
            visited.add(origin)
            if origin in layers or origin not in producers:
                yield origin
            else:
                waiting.append(origin)


def name_layers(layers: list[Layer]) -> list[Layer]:
    """Return the layers with names: kind and number, counted for each kind."""
    counts: Counter[str] = Counter()
    named = []
    for layer in layers:
        counts[layer.kind] += 1
        named.append(replace(layer, name=f"{layer.kind} {counts[layer.kind]}"))
    return named


def complete_layer(
    layer: Layer,
    graph: Any,
    shapes: dict[str, tuple[int, ...]],
    stored: Callable[[str], np.ndarray],
) -> Layer:
    """Return a layer with its shape and geometry.

    Args:
        layer: a layer of `find_layers`.
        graph: its graph.
        shapes: shapes of the tensors of all layers, without the batch axis.
        stored: returns a weight by the name of its tensor.
    """
    layer = replace(layer, shape=shapes[layer.tensor])
    if layer.kind == INTERMEDIATE:
        return layer
    node = next(node for node in graph.node if layer.tensor in node.output)
    attributes = {attribute.name: attribute for attribute in node.attribute}
    if layer.operation in ("Gemm", "MatMul"):
        return _complete_linear(layer, attributes)
    source = next((shapes[name] for name in layer.sources if name in shapes), layer.shape)
    if layer.operation.startswith("Global") and len(source) == 3:
        return replace(layer, kernel=(source[1], source[2]))
    if layer.operation not in ("Conv", "MaxPool", "AveragePool") or len(source) != 3:
        return layer
    kernel = _pair(attributes, "kernel_shape") or _kernel_shape(layer, stored)
    strides = _pair(attributes, "strides") or (1, 1)
    dilations = _pair(attributes, "dilations") or (1, 1)
    return replace(
        layer,
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        pads=_pads(attributes, source, kernel, strides, dilations),
        pads_count="count_include_pad" in attributes and bool(attributes["count_include_pad"].i),
        group=attributes["group"].i if "group" in attributes else 1,
    )


def _complete_linear(layer: Layer, attributes: dict[str, Any]) -> Layer:
    alpha, beta = (attributes[name].f if name in attributes else 1.0 for name in ("alpha", "beta"))
    # A product along another axis has no units, and so no weights that belong to units.
    weights = layer.weights if len(layer.shape) == 1 else ()
    units_first = bool("transB" in attributes and attributes["transB"].i)
    return replace(layer, weights=weights, scales=(alpha, beta), units_first=units_first)


def _pair(attributes: dict[str, Any], name: str) -> tuple[int, int] | None:
    values = list(attributes[name].ints) if name in attributes else []
    return (values[0], values[1]) if len(values) >= 2 else None


def _kernel_shape(layer: Layer, stored: Callable[[str], np.ndarray]) -> tuple[int, int]:
    shape = stored(layer.weights[0]).shape if layer.weights else (1, 1, 1, 1)
    return shape[2], shape[3]


def _pads(
    attributes: dict[str, Any],
    source: tuple[int, ...],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> tuple[int, int]:
    """Return the padding above and to the left, also where the graph says "SAME"."""
    automatic = attributes["auto_pad"].s.decode() if "auto_pad" in attributes else "NOTSET"
    if not automatic.startswith("SAME"):
        is_given = "pads" in attributes and automatic == "NOTSET"
        values = list(attributes["pads"].ints) if is_given else [0, 0]
        return values[0], values[1]
    missing = [
        max((-(-side // stride) - 1) * stride + (size - 1) * dilation + 1 - side, 0)
        for side, stride, size, dilation in zip(source[1:], strides, kernel, dilations, strict=True)
    ]
    first = [pad // 2 if automatic == "SAME_UPPER" else -(-pad // 2) for pad in missing]
    return first[0], first[1]
