"""A network in whole numbers: convolutions in 8 bits, which processors do several times as fast as in floating point.

Each layer's outputs are mapped to 0 to 255 by the range of all but a hundred thousandth of them on some pictures,
weights to -64 to 63 for each channel (Jacob et al. 2018, https://arxiv.org/abs/1712.05877): seven bits, since without
VNNI two products of eight bits overflow where x86 processors add them. The first convolution, which sees pixels, and
the last one, which gives the answers, keep their full precision.
"""

from __future__ import annotations

import io
import logging
import tempfile
from collections.abc import Iterator
from contextlib import redirect_stdout
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnx
from onnxruntime.quantization import CalibrationDataReader, CalibrationMethod, QuantType, quantize_static

if TYPE_CHECKING:
    from jaxtyping import Float32

LAYERS = ["Conv", "Relu", "Add"]  # what is computed in whole numbers; what pools, enlarges and normalises is not
COUNTED = 99.999  # percent of a layer's outputs that lie in its range


class _Pictures(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Pictures one by one, as ONNX Runtime asks for them."""

    def __init__(self, images: Float32[np.ndarray, "n 1 h w"]) -> None:
        self._left: Iterator[Float32[np.ndarray, "1 h w"]] = iter(images)

    def get_next(self) -> dict[str, Float32[np.ndarray, "1 1 h w"]] | None:
        picture = next(self._left, None)
        return None if picture is None else {"images": picture[None]}


def quantise(graph: bytes, images: Float32[np.ndarray, "n 1 h w"]) -> bytes:
    """The same network in whole numbers.

    Args:
        graph: ONNX, of which `images` is the only input, with at least three convolutions.
        images: by which the range of each layer's outputs is known; about a hundred.
    """
    model = onnx.load_from_string(graph)
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    logger, level = logging.getLogger(), logging.getLogger().level
    logger.setLevel(logging.ERROR)  # it advises to simplify the graph first, which the exporter has done
    try:
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):  # it tells each step
            target = Path(folder) / "quantised.onnx"
            quantize_static(
                model,
                target,
                _Pictures(images),
                op_types_to_quantize=LAYERS,
                nodes_to_exclude=[convolutions[0], convolutions[-1]],
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": COUNTED},
            )
            return target.read_bytes()
    finally:
        logger.setLevel(level)
