"""A PyTorch network as ONNX, checked against PyTorch."""

from __future__ import annotations

import copy
import logging
import warnings
from dataclasses import dataclass

import numpy as np
import onnx
import onnxruntime
import torch
from torch import Tensor, nn

from numeye.errors import RunError

# Largest difference between torch and ONNX Runtime, relative to the largest output, or to 1.
MAX_PARITY_ERROR = 1e-4
MAX_PARITY_IMAGES = 5_000
BATCH_SIZE = 500
OPSET = 18  # of ONNX; the mean pooling of 19 is a hundred times as slow in ONNX Runtime 1.32


@dataclass(frozen=True)
class Signature:
    """Names of an ONNX file's outputs, and the shape of its input `images` (N, 1, H, W).

    Attributes:
        outputs: their names, in order.
        split: where a second output begins in the columns of the network's result (N, K); 0 for a
            single output.
        side_multiple: H and W may be any multiples of it; 0 if they are fixed.
        width_multiple: W alone may be any multiple of it, and the output (N, W / multiple, K) has
            as many rows; 0 if W is fixed.
    """

    outputs: tuple[str, ...] = ("logits",)
    split: int = 0
    side_multiple: int = 0
    width_multiple: int = 0


class _SplitOutputs(nn.Module):
    """A network whose result (N, K) becomes two outputs."""

    def __init__(self, model: nn.Module, split: int) -> None:
        super().__init__()
        self.model = model
        self.split = split

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        outputs = self.model(images)  # (N, K)
        return outputs[:, : self.split], outputs[:, self.split :]


def to_onnx(
    model: nn.Module,
    examples: Tensor,
    signature: Signature = Signature(),
    *,
    optimize: bool = True,
) -> bytes:
    """Return a network as ONNX; its parameters keep their names.

    Args:
        model: in evaluation mode.
        examples: (N, 1, H, W) with N above 1; only the shape counts.
        signature: names of the outputs; see `numeye.training.tasks`.
        optimize: False leaves each layer as it is in the model, batch normalisation too, and each
            parameter under its name in `state_dict()`. Then other weights of the same network can
            replace those in the file.

    Raises:
        RunError: PyTorch could not export the network.
    """
    logging.getLogger("torch.onnx").setLevel(logging.ERROR)
    wrapped = _SplitOutputs(model, signature.split).eval() if signature.split else model
    dimensions = {0: torch.export.Dim("n")}
    if signature.side_multiple:
        dimensions[2] = signature.side_multiple * torch.export.Dim("h")
        dimensions[3] = signature.side_multiple * torch.export.Dim("w")
    if signature.width_multiple:
        dimensions[3] = signature.width_multiple * torch.export.Dim("w")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # what the exporter says of its own use of PyTorch
        program = torch.onnx.export(
            wrapped,
            (torch.zeros_like(examples),),
            dynamo=True,
            opset_version=OPSET,
            optimize=optimize,
            verbose=False,
            input_names=["images"],
            output_names=list(signature.outputs),
            dynamic_shapes=(dimensions,),
        )
    if program is None:
        raise RunError("torch.onnx.export returned no graph; expected an ONNX program")
    graph = program.model_proto
    if wrapped is not model and not optimize:
        _remove_prefix(graph, "model.")
    if signature.width_multiple:
        _open_columns(graph)
    return _without_metadata(graph)


def check_parity(model: nn.Module, graph: bytes, images: Tensor) -> np.ndarray:
    """Return the outputs of ONNX Runtime, checked against those of PyTorch.

    PyTorch computes in double precision: where a picture is almost even, its own outputs in single
    precision may differ more from these than those of ONNX Runtime.

    Args:
        model: in evaluation mode.
        graph: the same network as ONNX.
        images: (N, 1, H, W).

    Returns:
        The outputs side by side, (N, K), (N, 15, H/4, W/4) or (N, W/4, 29).

    Raises:
        RunError: an output differs by more than `MAX_PARITY_ERROR`.
    """
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    batches = torch.split(images, BATCH_SIZE)
    exact = copy.deepcopy(model).double()
    with torch.no_grad():
        expected = torch.cat([exact(batch.double()) for batch in batches]).numpy()
    runs = [session.run(None, {"images": batch.numpy()}) for batch in batches]
    actual = np.concatenate([np.concatenate(outputs, axis=1) for outputs in runs])
    error = float(np.abs(expected - actual).max()) / max(1.0, float(np.abs(expected).max()))
    if not error <= MAX_PARITY_ERROR:
        raise RunError(
            f"torch and ONNX Runtime differ by {error:.2g} in their outputs; expected at most"
            f" {MAX_PARITY_ERROR:g}"
        )
    return actual


def export_checked(
    model: nn.Module, images: Tensor, signature: Signature
) -> tuple[bytes, np.ndarray]:
    """Return a network as ONNX, and ONNX Runtime's outputs for up to `MAX_PARITY_IMAGES` images.

    Raises:
        RunError: PyTorch and ONNX Runtime disagree.
    """
    graph = to_onnx(model, images[:2], signature)
    return graph, check_parity(model, graph, images[:MAX_PARITY_IMAGES])


def _open_columns(model: onnx.ModelProto) -> None:
    """Leave the number of columns open in the shapes that a graph states.

    The exporter takes the length of a recurrent layer's sequence for that of the example. The
    layer itself runs with any.
    """
    del model.graph.value_info[:]
    for output in model.graph.output:
        output.type.tensor_type.shape.dim[1].dim_param = "w"


def _remove_prefix(model: onnx.ModelProto, prefix: str) -> None:
    """Remove from the names of the parameters the prefix that a wrapper added."""
    names = {tensor.name: tensor.name.removeprefix(prefix) for tensor in model.graph.initializer}
    for tensor in model.graph.initializer:
        tensor.name = names[tensor.name]
    for node in model.graph.node:
        node.input[:] = [names.get(name, name) for name in node.input]


def _without_metadata(model: onnx.ModelProto) -> bytes:
    """Return the file without the exporter's debugging notes.

    They contain paths of the machine that trained.
    """
    for part in (
        model,
        model.graph,
        *model.graph.node,
        *model.graph.input,
        *model.graph.output,
        *model.graph.value_info,
    ):
        del part.metadata_props[:]
        part.doc_string = ""
    for value in model.graph.initializer:
        del value.metadata_props[:]
    content: bytes = model.SerializeToString(deterministic=True)
    return content
