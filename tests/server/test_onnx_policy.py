"""Networks from users that are rejected before anything runs."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper

from numeye.errors import UsageError
from numeye.explanation.onnx_graph import LAYER_KINDS
from numeye.models import registry
from numeye.server.security import onnx_policy
from tests.server.onnx_networks import content, make_external, network, node, zeros

EXPECTATION = "expected a network in one file, of standard operators"


def test_all_layers_that_can_be_explained_are_allowed() -> None:
    assert set(LAYER_KINDS) <= onnx_policy.ALLOWED_OPERATORS


def test_all_operators_with_a_shape_input_are_known() -> None:
    """An input that takes integers only determines the output's shape."""
    only_indices = {"Gather"}  # its indices select values and do not set the shape
    integer_types = {"tensor(int64)", "tensor(int32)"}
    for name in onnx_policy.ALLOWED_OPERATORS:
        schema = onnx.defs.get_schema(name)
        types = {
            constraint.type_param_str: set(constraint.allowed_type_strs)
            for constraint in schema.type_constraints
        }
        input_types = [types.get(port.type_str, {port.type_str}) for port in schema.inputs]
        if any(allowed <= integer_types for allowed in input_types):
            assert name in onnx_policy.SHAPE_INPUT_OPERATORS | only_indices


def test_shapes_may_depend_on_the_batch_size() -> None:
    batch = [
        node("Shape", "x", "s"),
        node("Slice", "s zero one", "n"),
        node("Concat", "n rest", "t", axis=0),
    ]
    onnx_policy.check(
        content(
            *batch,
            node("Reshape", "x t", "e"),
            zero=np.zeros(1, np.int64),
            one=np.ones(1, np.int64),
            rest=np.array([1, 28, 28]),
        )
    )


def make_altered(alter: Any) -> bytes:
    model = network([node("Identity", "x", "e")])
    alter(model)
    file: bytes = model.SerializeToString()
    return file


def with_function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function(
            "d", "f", ["a"], ["b"], [node("Relu", "a", "b")], [helper.make_opsetid("", 17)]
        )
    )


def with_sparse_weights(model: onnx.ModelProto) -> None:
    value = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    place = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(value, place, [2**40]))


def branch() -> onnx.NodeProto:
    graph = helper.make_graph(
        [node("Relu", "x", "t")],
        "b",
        [],
        [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)],
    )
    return node("If", "c", "e", then_branch=graph, else_branch=graph)


def make_hidden_graph() -> bytes:
    """Return a network with a graph in an attribute of an allowed operator."""
    inner = node("Relu", "x", "e")
    inner.attribute.append(helper.make_attribute("body", helper.make_graph([], "b", [], [])))
    return content(inner)


# They compute a number from the picture's pixels, as a tensor with one element.
COUNT_NODES = [
    node("ReduceMax", "x", "r", keepdims=0),
    node("Mul", "r scale", "m"),
    node("Cast", "m", "k", to=TensorProto.INT64),
]
SCALE = {"scale": np.full(1, 50_000, np.float32)}


def make_data_dependent(kind: str) -> bytes:
    inputs = "x k k" if kind == "Slice" else "x k"
    model = network([*COUNT_NODES, node(kind, inputs, "e")], **SCALE)
    model.opset_import[0].version = 18  # since then all of them have the shape as an input
    # ReduceMax would need its axes as an input
    model.graph.node[0].CopyFrom(node("GlobalMaxPool", "x", "r"))
    file: bytes = model.SerializeToString()
    return file


REJECTED_BEFORE_RUNNING = {
    "noise": (np.random.default_rng(0).bytes(5_000), "not an ONNX model that can be read"),
    "nothing": (b"", "not an ONNX model that can be read"),
    "cut off": (registry.load("classic").onnx[:100_000], "not an ONNX model that can be read"),
    "not a network": (Path(__file__).read_bytes(), "not an ONNX model that can be read"),
    "too large": (
        bytes(onnx_policy.MAX_MODEL_BYTES + 1),
        "the network has 20,000,001 bytes; expected at most 20,000,000",
    ),
    "too many nodes": (
        content(*[node("Relu", "x", f"r{n}") for n in range(2_000)], node("Relu", "x", "e")),
        "2,005 nodes",
    ),
    "weights elsewhere": (make_external(attribute=False), "weights are in other files"),
    "constants elsewhere": (make_external(attribute=True), "weights are in other files"),
    "an unknown domain": (
        content(node("Run", "x", "e", domain="com.example")),
        "the operator com.example.Run is not standard",
    ),
    "an operator of ONNX Runtime": (
        content(node("FusedConv", "x w", "e", domain="com.microsoft"), w=zeros(1, 1, 3, 3)),
        "com.microsoft",
    ),
    "functions": (make_altered(with_function), "defines functions"),
    "training": (make_altered(lambda model: model.training_info.add()), "contains training graphs"),
    "sparse weights": (make_altered(with_sparse_weights), "sparse weights"),
    "a branch": (content(branch(), c=np.array(True)), "the operator If"),
    "a hidden graph": (make_hidden_graph(), "the operator Relu"),
    "any size": (
        content(
            node("ConstantOfShape", "s", "z"),
            node("Add", "x z", "e"),
            s=np.array([1, 1, 10**6, 10**6]),
        ),
        "the operator ConstantOfShape",
    ),
    "broadcast": (
        content(node("Expand", "x s", "e"), s=np.array([1, 1, 28, 28])),
        "the operator Expand",
    ),
    "random numbers": (
        content(
            helper.make_node("RandomNormal", [], ["r"], shape=[10**9]), node("Identity", "x", "e")
        ),
        "the operator RandomNormal",
    ),
    "padding by the picture": (
        content(
            node("ReduceMax", "x", "r", keepdims=0),
            node("Cast", "r", "i", to=TensorProto.INT64),
            node("Mul", "i s", "p"),
            node("Pad", "x p", "e"),
            s=np.ones(8, np.int64),
        ),
        "the output shape of Pad depends on the picture's pixels",
    ),
    "a product of a slice": (
        content(
            *COUNT_NODES,
            node("Slice", "v zero k zero", "t"),
            node("Reshape", "t column", "a"),
            node("Reshape", "t row", "b"),
            node("MatMul", "a b", "c"),
            node("ReduceMax", "c", "d", keepdims=0),
            node("Add", "x d", "e"),
            v=zeros(50_000),
            zero=np.zeros(1, np.int64),
            column=np.array([-1, 1]),
            row=np.array([1, -1]),
            **SCALE,
        ),
        "the output shape of Slice depends on the picture's pixels",
    ),
    "padding as wide as a slice": (
        content(
            *COUNT_NODES,
            node("Slice", "v zero k zero", "t"),
            node("Shape", "t", "z"),
            node("Concat", "nothing z z", "p", axis=0),
            node("Pad", "x p", "e"),
            v=zeros(50_000),
            zero=np.zeros(1, np.int64),
            nothing=np.zeros(6, np.int64),
            **SCALE,
        ),
        "the output shape of Slice depends on the picture's pixels",
    ),
    **{
        kind: (
            make_data_dependent(kind),
            f"the output shape of {kind} depends on the picture's pixels",
        )
        for kind in sorted(onnx_policy.SHAPE_INPUT_OPERATORS)
    },
}


@pytest.mark.parametrize("name", REJECTED_BEFORE_RUNNING)
def test_bad_networks_are_rejected_before_anything_runs(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Neither ONNX Runtime nor another file is used."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    content, message = REJECTED_BEFORE_RUNNING[name]
    with pytest.raises(UsageError) as error:
        onnx_policy.check(content)
    assert message in str(error.value)
    assert "\n" not in str(error.value)
    assert EXPECTATION in str(error.value) or "ONNX" in message or "bytes" in message
