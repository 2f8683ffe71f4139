"""Small ONNX networks for tests, good and bad ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper


def node(kind: str, inputs: str, output: str, **attributes: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **attributes)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def network(
    nodes: Sequence[onnx.NodeProto],
    sides: Sequence[int | str] = ("n", 1, 28, 28),
    **stored: np.ndarray,
) -> onnx.ModelProto:
    """Return a network of nodes from `x` to `e`, followed by pooling and a linear layer."""
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])]
    initializers = [
        numpy_helper.from_array(value, name)
        for name, value in {"last": zeros(1, 10), **stored}.items()
    ]
    end = [
        node("ReduceMean", "e", "m", axes=[1], keepdims=1),
        node("GlobalAveragePool", "m", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f last", "y"),
    ]
    graph = helper.make_graph([*nodes, *end], "own", ports, outputs, initializers)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def content(*nodes: onnx.NodeProto, **options: Any) -> bytes:
    """Return the file of a network; options as for `network`."""
    file: bytes = network(nodes, **options).SerializeToString()
    return file


def make_external(*, attribute: bool) -> bytes:
    """Return a network with a constant or a weight in another file."""
    model = network([node("Identity", "x", "e")])
    if attribute:
        model.graph.node.insert(
            0, helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(zeros(2)))
        )
    tensor = model.graph.node[0].attribute[0].t if attribute else model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    file: bytes = model.SerializeToString()
    return file
