"""Quantization: convolutions in 8-bit integers, several times as fast as in floating point.

The outputs of each layer are mapped to 0 to 255, by the range of all but a hundred thousandth of
them on some pictures. Weights are mapped to -64 to 63 for each channel (Jacob et al. 2018,
https://arxiv.org/abs/1712.05877). These are seven bits: on x86 processors without VNNI the sum of
two products of eight bits overflows. The first convolution, which receives pixels, and the last
one, which gives the results, keep their full precision.
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
from onnxruntime.quantization import (
    CalibrationDataReader,
    CalibrationMethod,
    QuantType,
    quantize_static,
)

if TYPE_CHECKING:
    from jaxtyping import Float32

QUANTIZED_OPERATORS = ["Conv", "Relu", "Add"]  # not those that pool, enlarge and normalise
RANGE_PERCENTILE = 99.999  # of a layer's outputs lie in its range


class _CalibrationImages(CalibrationDataReader):  # type: ignore[misc]  # it has no types
    """Pictures one by one, as ONNX Runtime asks for them."""

    def __init__(self, images: Float32[np.ndarray, "n 1 h w"]) -> None:
        self._remaining: Iterator[Float32[np.ndarray, "1 h w"]] = iter(images)

    def get_next(self) -> dict[str, Float32[np.ndarray, "1 1 h w"]] | None:
        picture = next(self._remaining, None)
        return None if picture is None else {"images": picture[None]}


def quantize(graph: bytes, images: Float32[np.ndarray, "n 1 h w"]) -> bytes:
    """Return a network whose convolutions, but the first and the last, use 8-bit integers.

    Args:
        graph: ONNX with the single input `images` and at least three convolutions.
        images: about a hundred, which give the range of each layer's outputs.
    """
    model = onnx.load_from_string(graph)
    convolutions = [node.name for node in model.graph.node if node.op_type == "Conv"]
    logger, level = logging.getLogger(), logging.getLogger().level
    # The library advises to simplify the graph first, which the exporter has done.
    logger.setLevel(logging.ERROR)
    try:
        # The library prints each of its steps.
        with tempfile.TemporaryDirectory() as folder, redirect_stdout(io.StringIO()):
            target = Path(folder) / "quantised.onnx"
            quantize_static(
                model,
                target,
                _CalibrationImages(images),
                op_types_to_quantize=QUANTIZED_OPERATORS,
                nodes_to_exclude=[convolutions[0], convolutions[-1]],
                per_channel=True,
                reduce_range=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=CalibrationMethod.Percentile,
                extra_options={"CalibPercentile": RANGE_PERCENTILE},
            )
            return target.read_bytes()
    finally:
        logger.setLevel(level)
