"""Networks that somebody drops on the page: looked at before they are run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numeye.errors import MissingExtra, UsageError
from numeye.layers import of_pictures

BYTES = 20_000_000
NODES = 2_000
STANDARD = ("", "ai.onnx")  # domains whose operators every runtime has
# What networks that read digits are made of. Told by what is allowed, not by what is not: ONNX has 200 operators and
# gets more, among them some that run graphs within graphs (If, Loop, Scan) or make tensors of any size out of a number
# (ConstantOfShape, Expand, Range, Resize, Tile). What these here cost is found by `numeye.server.trial`.
ALLOWED = frozenset([
    "Conv", "Gemm", "MatMul", "BatchNormalization", "InstanceNormalization", "LayerNormalization",
    "GroupNormalization", "LpNormalization", "LRN",
    "MaxPool", "AveragePool", "LpPool", "GlobalAveragePool", "GlobalMaxPool",
    "Relu", "LeakyRelu", "PRelu", "Elu", "Celu", "Selu", "Gelu", "Mish", "Sigmoid", "HardSigmoid", "HardSwish",
    "Tanh", "Softplus", "Softsign", "Softmax", "LogSoftmax",
    "Add", "Sub", "Mul", "Div", "Pow", "Sqrt", "Exp", "Log", "Abs", "Neg", "Sign", "Erf", "Reciprocal", "Floor",
    "Ceil", "Round", "Clip", "Min", "Max", "Mean", "Sum",
    "ReduceMean", "ReduceMax", "ReduceMin", "ReduceSum", "ReduceSumSquare", "ReduceL1", "ReduceL2",
    "ReduceLogSumExp", "ArgMax", "ArgMin",
    "Equal", "Less", "LessOrEqual", "Greater", "GreaterOrEqual", "And", "Or", "Not", "Where",
    "Reshape", "Flatten", "Squeeze", "Unsqueeze", "Transpose", "Concat", "Split", "Slice", "Gather", "Pad", "Shape",
    "Size",
    "Identity", "Dropout", "Cast", "CastLike", "Constant",
])  # fmt: skip
# Those among them whose results have sizes that the numbers of an input say, of any but the first.
SIZED = frozenset([
    "Reshape", "Pad", "Slice", "Split", "Squeeze", "Unsqueeze", *(one for one in ALLOWED if one.startswith("Reduce")),
])  # fmt: skip


def check(content: bytes) -> None:
    """Let an ONNX file pass that is small, whole in itself and made of standard operators.

    Raises:
        UsageError: it is not; nothing of it has been run, and no other file was looked at.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("own networks", "serve") from error
    if len(content) > BYTES:
        raise UsageError(f"a network of {len(content):,} bytes; at most {BYTES:,} are taken")
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise UsageError(f"not an ONNX model that can be read ({_said(error)})") from error
    for reason in _reasons(model, onnx.TensorProto.EXTERNAL):  # first: the checker looks for files that are named
        raise UsageError(f"{reason}; expected a network whole in one file, of standard operators")
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        raise UsageError(f"not an ONNX model that can be read ({_said(error)})") from error


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0][:200]


def _reasons(model: Any, external: int) -> Iterator[str]:
    if len(model.graph.node) > NODES:
        yield f"a network of {len(model.graph.node):,} nodes, at most {NODES:,} are taken"
    if model.functions:
        yield "a network with functions of its own"
    if model.training_info:
        yield "a network with graphs that train it"
    attributes = [one for node in model.graph.node for one in node.attribute]
    if model.graph.sparse_initializer or any(_is_sparse(one) for one in attributes):
        yield "a network of sparse weights"  # few bytes that become any number of them
    tensors = [
        *model.graph.initializer,
        *(one.t for one in attributes),
        *(t for one in attributes for t in one.tensors),
    ]
    if any(tensor.data_location == external or tensor.external_data for tensor in tensors):
        yield "a network whose weights lie in other files"
    for node in model.graph.node:
        if node.domain not in STANDARD:
            yield f"an operator of its own ({node.domain}.{node.op_type})"
        if node.op_type not in ALLOWED or any(one.HasField("g") or one.graphs for one in node.attribute):
            yield f"the operator {node.op_type[:60]}"
    yield from _sized_by_pictures(model.graph)


def _sized_by_pictures(graph: Any) -> Iterator[str]:
    """A trial with one picture would tell nothing of others. Without these, no size hangs on what a picture shows."""
    pictures = of_pictures(graph)
    for node in graph.node:
        if node.op_type in SIZED and pictures.intersection(node.input[1:]):
            yield f"a {node.op_type} by what the picture shows"


def _is_sparse(attribute: Any) -> bool:
    return attribute.HasField("sparse_tensor") or bool(attribute.sparse_tensors)
