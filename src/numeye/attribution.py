"""Which parts of a picture an answer hangs on, without gradients: by hiding them, and by silencing what saw them."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from numeye.anatomy import Anatomy
from numeye.layers import Layer

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64

PATCH, STEP = 6, 2  # pixels a side of what is hidden, and from one place to the next
AT_ONCE = 64  # of the maps that are silenced: each time all others are copied

Probabilities = Callable[[np.ndarray], np.ndarray]  # (n, side, side) pixels in, (n, classes) out


def hidden(
    pixels: Float32[np.ndarray, "height width"], answer: int, probabilities: Probabilities
) -> Float64[np.ndarray, "rows columns"]:
    """Points by which the answer's probability falls when a patch of paper lies over each part in turn.

    Zeiler and Fergus 2014 (https://arxiv.org/abs/1311.2901).

    Args:
        pixels: what the network was fed with, 0 to 1.
        answer: its class.
        probabilities: of such pixels.
    """
    height, width = pixels.shape
    border = np.concatenate([pixels[0], pixels[-1], pixels[:, 0], pixels[:, -1]])
    rows, columns = range(0, height - PATCH + 1, STEP), range(0, width - PATCH + 1, STEP)
    shown = np.repeat(pixels[None], 1 + len(rows) * len(columns), axis=0)  # the first with nothing hidden
    for number, (top, left) in enumerate((top, left) for top in rows for left in columns):
        shown[number + 1, top : top + PATCH, left : left + PATCH] = np.median(border)
    found = probabilities(shown)[:, answer]
    fallen: np.ndarray = (found[0] - found[1:]) * 100
    return fallen.reshape(len(rows), len(columns)).clip(min=0)


def silenced(
    anatomy: Anatomy, maps: Float32[np.ndarray, "units height width"], layer: Layer, answer: int
) -> Float[np.ndarray, "height width"] | None:
    """Where what speaks for the answer was seen: maps of a layer, each by how much the score falls without it.

    Ablation-CAM (Desai and Ramaswamy 2020, https://openaccess.thecvf.com/content_WACV_2020/papers/
    Desai_Ablation-CAM_Visual_Explanations_for_Deep_Convolutional_Network_via_Gradient-free_Localization_WACV_2020_paper.pdf).
    None where the rest of the network cannot be cut off behind the layer.

    Args:
        anatomy: of the network.
        maps: what the layer made of the picture.
        layer: which.
        answer: its class.
    """
    tail = anatomy.tail(layer)
    if tail is None:
        return None
    whole = float(tail(maps[None])[0, answer])
    parts = []
    for start in range(0, len(maps), AT_ONCE):
        units = np.arange(start, min(start + AT_ONCE, len(maps)))
        without = np.repeat(maps[None], len(units), axis=0)
        without[np.arange(len(units)), units] = 0
        parts.append(tail(without)[:, answer])
    share = (whole - np.concatenate(parts)) / max(abs(whole), 1e-6)
    found: np.ndarray = np.tensordot(share, maps, axes=1).clip(min=0)
    return found
