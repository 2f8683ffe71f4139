"""Which ONNX files from users may be run, decided before anything of them is run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numeye.errors import MissingExtra, UsageError, first_line
from numeye.explanation.onnx_graph import find_picture_tensors

MAX_MODEL_BYTES = 20_000_000
MAX_NODES = 2_000
MAX_REASON_CHARACTERS = 200  # of a message of onnx
STANDARD_DOMAINS = ("", "ai.onnx")  # domains whose operators every runtime has
# Operators that networks for reading digits are made of. This is a list of what is allowed, not of
# what is forbidden: ONNX has 200 operators and gets more. Some run graphs within graphs (If, Loop,
# Scan) or make tensors of any size out of a number (ConstantOfShape, Expand, Range, Resize, Tile).
# What the operators below cost is measured by `numeye.server.security.onnx_sandbox`.
ALLOWED_OPERATORS = frozenset(
    [
        # layers and normalization
        "Conv",
        "Gemm",
        "MatMul",
        "BatchNormalization",
        "InstanceNormalization",
        "LayerNormalization",
        "GroupNormalization",
        "LpNormalization",
        "LRN",
        "MaxPool",
        "AveragePool",
        "LpPool",
        "GlobalAveragePool",
        "GlobalMaxPool",
        # activation functions
        "Relu",
        "LeakyRelu",
        "PRelu",
        "Elu",
        "Celu",
        "Selu",
        "Gelu",
        "Mish",
        "Sigmoid",
        "HardSigmoid",
        "HardSwish",
        "Tanh",
        "Softplus",
        "Softsign",
        "Softmax",
        "LogSoftmax",
        # arithmetic
        "Add",
        "Sub",
        "Mul",
        "Div",
        "Pow",
        "Sqrt",
        "Exp",
        "Log",
        "Abs",
        "Neg",
        "Sign",
        "Erf",
        "Reciprocal",
        "Floor",
        "Ceil",
        "Round",
        "Clip",
        "Min",
        "Max",
        "Mean",
        "Sum",
        "ReduceMean",
        "ReduceMax",
        "ReduceMin",
        "ReduceSum",
        "ReduceSumSquare",
        "ReduceL1",
        "ReduceL2",
        "ReduceLogSumExp",
        "ArgMax",
        "ArgMin",
        "Equal",
        "Less",
        "LessOrEqual",
        "Greater",
        "GreaterOrEqual",
        "And",
        "Or",
        "Not",
        "Where",
        # shapes
        "Reshape",
        "Flatten",
        "Squeeze",
        "Unsqueeze",
        "Transpose",
        "Concat",
        "Split",
        "Slice",
        "Gather",
        "Pad",
        "Shape",
        "Size",
        "Identity",
        "Dropout",
        "Cast",
        "CastLike",
        "Constant",
    ]
)  # fmt: skip - a table reads better in rows than with a name a line
# Those among them whose output shape depends on the numbers of an input other than the first.
SHAPE_INPUT_OPERATORS = frozenset(
    ["Reshape", "Pad", "Slice", "Split", "Squeeze", "Unsqueeze"]
    + [operator for operator in ALLOWED_OPERATORS if operator.startswith("Reduce")]
)


def check(content: bytes) -> None:
    """Accept an ONNX file that is small, complete in one file and made of standard operators.

    Args:
        content: The file's bytes.

    Raises:
        UsageError: It is not. Nothing of it was run, and no other file was opened.
        MissingExtra: onnx is not installed.
    """
    try:
        import onnx
    except ImportError as error:
        raise MissingExtra("own networks", "serve") from error
    if len(content) > MAX_MODEL_BYTES:
        raise UsageError(
            f"the network has {len(content):,} bytes; expected at most {MAX_MODEL_BYTES:,}"
        )
    try:
        model = onnx.load_model_from_string(content)
    except Exception as error:
        raise _unreadable(error) from error
    # This comes before the checker, which opens the files that a model names.
    for violation in _violations(model, onnx.TensorProto.EXTERNAL):
        raise UsageError(f"{violation}; expected a network in one file, of standard operators")
    try:
        onnx.checker.check_model(model)
    except Exception as error:
        raise _unreadable(error) from error


def _unreadable(error: Exception) -> UsageError:
    reason = first_line(error)[:MAX_REASON_CHARACTERS]
    return UsageError(f"not an ONNX model that can be read ({reason})")


def _violations(model: Any, external_location: int) -> Iterator[str]:
    graph = model.graph
    if len(graph.node) > MAX_NODES:
        yield f"the network has {len(graph.node):,} nodes, more than {MAX_NODES:,}"
    if model.functions:
        yield "the network defines functions"
    if model.training_info:
        yield "the network contains training graphs"
    attributes = [attribute for node in graph.node for attribute in node.attribute]
    if graph.sparse_initializer or any(map(_is_sparse, attributes)):
        yield "the network has sparse weights"  # few bytes that become any number of them
    tensors = [
        *graph.initializer,
        *(attribute.t for attribute in attributes),
        *(tensor for attribute in attributes for tensor in attribute.tensors),
    ]
    if any(tensor.data_location == external_location or tensor.external_data for tensor in tensors):
        yield "the network's weights are in other files"
    for node in graph.node:
        yield from _node_violations(node)
    yield from _data_dependent_shapes(graph)


def _node_violations(node: Any) -> Iterator[str]:
    if node.domain not in STANDARD_DOMAINS:
        yield f"the operator {node.domain}.{node.op_type} is not standard"
    has_graph = any(attribute.HasField("g") or attribute.graphs for attribute in node.attribute)
    if node.op_type not in ALLOWED_OPERATORS or has_graph:
        yield f"the operator {node.op_type[:60]} is not allowed"


def _data_dependent_shapes(graph: Any) -> Iterator[str]:
    """Yield operators whose output shape depends on the picture's pixels.

    With such operators a run in the sandbox with one picture would say nothing about others.
    """
    picture_tensors = find_picture_tensors(graph)
    for node in graph.node:
        if node.op_type in SHAPE_INPUT_OPERATORS and picture_tensors.intersection(node.input[1:]):
            yield f"the output shape of {node.op_type} depends on the picture's pixels"


def _is_sparse(attribute: Any) -> bool:
    return attribute.HasField("sparse_tensor") or bool(attribute.sparse_tensors)
