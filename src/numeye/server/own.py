"""Networks that somebody drops on the page: looked at before they are run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from numeye.errors import MissingExtra, UsageError

BYTES = 20_000_000
NODES = 2_000
STANDARD = ("", "ai.onnx")  # domains whose operators every runtime has
# Operators that make tensors of any size out of nothing, or run graphs within graphs.
REFUSED = frozenset({"Loop", "Scan", "If", "SequenceMap", "Range", "Expand", "Tile", "Resize", "Upsample", "RandomNormal",
                     "RandomUniform", "RandomNormalLike", "RandomUniformLike"})  # fmt: skip


def check(content: bytes) -> None:
    """Let an ONNX file pass that is small, whole in itself and made of standard operators.

    Raises:
        UsageError: it is not; nothing of it has been run.
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
        onnx.checker.check_model(model)
    except Exception as error:
        first = (str(error).strip().splitlines() or [type(error).__name__])[0][:200]
        raise UsageError(f"not an ONNX model that can be read ({first})") from error
    for reason in _reasons(model, onnx.TensorProto.EXTERNAL):
        raise UsageError(f"{reason}; expected a network whole in one file, of standard operators")


def _reasons(model: Any, external: int) -> Iterator[str]:
    if len(model.graph.node) > NODES:
        yield f"a network of {len(model.graph.node):,} nodes, at most {NODES:,} are taken"
    if model.functions:
        yield "a network with functions of its own"
    tensors = [*model.graph.initializer, *(one.t for node in model.graph.node for one in node.attribute)]
    if any(tensor.data_location == external for tensor in tensors):
        yield "a network whose weights lie in other files"
    for node in model.graph.node:
        if node.domain not in STANDARD:
            yield f"an operator of its own ({node.domain}.{node.op_type})"
        if node.op_type in REFUSED:
            yield f"the operator {node.op_type}"
