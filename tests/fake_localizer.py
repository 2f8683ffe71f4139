"""A fake model for localization: it finds what differs from the corner of a picture."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
from onnx import TensorProto, helper

from numeye import Reader
from numeye.recognition.crops import CROP_PX

FakeModel = Callable[..., Path]  # card and logits -> path of the model; see `write_fake_model`

TINY_CURVE = [[0.99, 3_000, 0], [0.9, 9_000, 9], [0.5, 9_800, 200]]
CARD: dict[str, Any] = {
    "task": "localization",
    "preprocessing": {"size": [40, 40], "range": [0, 1]},
    "temperature": 1.0,
    "rejection": {"no_digit": 0.5, "unsure": 0.5},
    "calibration": {"data": "made up", "n": 10_000, "level": 0.95, "curve": TINY_CURVE},
}


def write_fake_model(folder: Path, card: dict[str, Any] | None = CARD, /, **odds: float) -> Path:
    """Write a fake model and its card, and return its path.

    Args:
        folder: folder for the files.
        card: its card; None for a model without one.
        odds: logits by name, "d0" to "d9" for the digits and "none" for no digit; else 0.
    """
    logits = [0.0] * 11
    for name, value in (odds or {"d3": 12.0}).items():
        logits[10 if name == "none" else int(name[1:])] = value
    path = folder / "fake.onnx"
    path.write_bytes(_localizer_graph(logits))
    path.with_suffix(".json").unlink(missing_ok=True)
    if card is not None:
        path.with_suffix(".json").write_text(json.dumps(card))
    return path


def single_reader(model: Path, **options: Any) -> Reader:
    """Return a reader of one digit a picture."""
    return Reader(model, single=True, **options)


def draw_sheet(x: int, y: int, width: int, height: int) -> np.ndarray:
    """Return a light page of 300x200 pixels with one dark rectangle."""
    grey = np.full((300, 200), 240, np.uint8)
    grey[y : y + height, x : x + width] = 30
    return grey


def _localizer_graph(logits: list[float]) -> bytes:
    """Build a network: images (N, 1, 40, 40) -> these logits (N, 11) and boxes (N, 4).

    A box has the bounds of what differs from the corner of the image.
    """
    constants: dict[str, np.ndarray] = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "axes": np.array([2, 3], np.int64),
        "least": np.array(0.25, np.float32),
        "size": np.array(CROP_PX, np.float32),
        "half": np.array(0.5, np.float32),
        "up": np.arange(1, CROP_PX + 1, dtype=np.float32),
        "down": np.arange(CROP_PX, 0, -1, dtype=np.float32),
        "nothing": np.zeros(1, np.float32),
        "row": np.array([logits], np.float32),
        "flat": np.array([-1, CROP_PX], np.int64),
    }
    make = helper.make_node
    nodes = [
        make("Slice", ["images", "zeros", "ones", "axes"], ["corner"]),
        make("Sub", ["images", "corner"], ["apart"]),
        make("Abs", ["apart"], ["far"]),
        make("Greater", ["far", "least"], ["is_stroke"]),
        make("Cast", ["is_stroke"], ["stroke"], to=TensorProto.FLOAT),
    ]
    constants["zeros"], constants["ones"] = np.zeros(2, np.int64), np.ones(2, np.int64)
    for name, axis in (("x", 2), ("y", 3)):
        nodes += [
            make("ReduceMax", ["stroke"], [f"{name}_any"], axes=[axis], keepdims=0),  # (N, 1, 40)
            make("Reshape", [f"{name}_any", "flat"], [f"{name}_row"]),
            make("Mul", [f"{name}_row", "up"], [f"{name}_up"]),
            make("Mul", [f"{name}_row", "down"], [f"{name}_down"]),
            make("ReduceMax", [f"{name}_up"], [f"{name}_last"], axes=[1], keepdims=1),
            make("ReduceMax", [f"{name}_down"], [f"{name}_rest"], axes=[1], keepdims=1),
            make("Sub", ["size", f"{name}_rest"], [f"{name}_first"]),
            make("Add", [f"{name}_first", f"{name}_last"], [f"{name}_sum"]),
            make("Mul", [f"{name}_sum", "half"], [f"{name}_middle"]),
            make("Sub", [f"{name}_last", f"{name}_first"], [f"{name}_length"]),
        ]
    nodes += [
        make("Concat", ["x_middle", "y_middle", "x_length", "y_length"], ["bounds"], axis=1),
        make("Div", ["bounds", "size"], ["boxes"]),
        make("Mul", ["x_middle", "nothing"], ["zeros_of_n"]),
        make("Add", ["zeros_of_n", "row"], ["logits"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "fake",
        [value("images", TensorProto.FLOAT, ["n", 1, CROP_PX, CROP_PX])],
        [
            value("logits", TensorProto.FLOAT, ["n", 11]),
            value("boxes", TensorProto.FLOAT, ["n", 4]),
        ],
        [onnx.numpy_helper.from_array(array, name) for name, array in constants.items()],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    return model.SerializeToString()
