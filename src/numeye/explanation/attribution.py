"""Attribution without gradients: occlusion maps and Ablation-CAM."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from numeye.explanation.activations import NetworkInspector
from numeye.explanation.onnx_graph import Layer

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64

PATCH_PX, STEP_PX = 6, 2  # side of the patch that is hidden, and distance between two places
ABLATION_BATCH = 64  # maps that are set to 0 in one run, each in a copy of all maps

Probabilities = Callable[[np.ndarray], np.ndarray]  # (n, side, side) pixels to (n, classes)


def occlusion_map(
    pixels: Float32[np.ndarray, "height width"], answer: int, probabilities: Probabilities
) -> Float64[np.ndarray, "rows columns"]:
    """Return how much the probability of the answer falls when a patch hides part of the picture.

    The patch has the grey of the border and moves over the whole picture: Zeiler and Fergus 2014
    (https://arxiv.org/abs/1311.2901).

    Args:
        pixels: the input of the network, 0 to 1.
        answer: class of the answer.
        probabilities: returns the probabilities of such pixels.

    Returns:
        Percentage points for each place of the patch, 0 where the probability rises.
    """
    height, width = pixels.shape
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    rows, columns = (
        range(0, height - PATCH_PX + 1, STEP_PX),
        range(0, width - PATCH_PX + 1, STEP_PX),
    )
    places = [(top, left) for top in rows for left in columns]
    pictures = np.repeat(pixels[None], 1 + len(places), axis=0)  # the first with nothing hidden
    for picture, (top, left) in zip(pictures[1:], places, strict=True):
        picture[top : top + PATCH_PX, left : left + PATCH_PX] = np.median(border)
    chances = probabilities(pictures)[:, answer]  # (1 + places,)
    losses: np.ndarray = (chances[0] - chances[1:]) * 100
    return losses.reshape(len(rows), len(columns)).clip(min=0)


def ablation_cam(
    inspector: NetworkInspector,
    maps: Float32[np.ndarray, "units height width"],
    layer: Layer,
    answer: int,
) -> Float[np.ndarray, "height width"] | None:
    """Return where a layer has activations that support the answer.

    This is the sum of the layer's maps, each weighted by how much the score of the answer falls
    when that map is set to 0. Ablation-CAM (Desai and Ramaswamy 2020,
    https://doi.org/10.1109/WACV45572.2020.9093360).

    Args:
        inspector: the network.
        maps: activations of the layer.
        layer: a layer with maps.
        answer: class of the answer.

    Returns:
        The weighted sum, negative values as 0; None if the network cannot be cut after the layer.
    """
    tail = inspector.build_tail(layer)
    if tail is None:
        return None
    score = float(tail(maps[None])[0, answer])
    ablated_scores = []
    for start in range(0, len(maps), ABLATION_BATCH):
        units = np.arange(start, min(start + ABLATION_BATCH, len(maps)))
        ablated = np.repeat(maps[None], len(units), axis=0)  # (batch, units, height, width)
        ablated[np.arange(len(units)), units] = 0
        ablated_scores.append(tail(ablated)[:, answer])
    shares = (score - np.concatenate(ablated_scores)) / max(abs(score), 1e-6)  # (units,)
    cam: np.ndarray = np.tensordot(shares, maps, axes=1).clip(min=0)
    return cam
