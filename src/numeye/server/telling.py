"""What a network saw in a picture, as JSON tells it."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.explain import Explainer, Explanation
from numeye.feeding import Fed

if TYPE_CHECKING:
    from jaxtyping import Num


def explained(found: Explanation, explainer: Explainer, shape: tuple[int, ...]) -> dict[str, Any]:
    """All that was found.

    Args:
        found: in a picture.
        explainer: which found it.
        shape: of the picture as it came, (height, width).
    """
    return {
        "model": found.model,
        "answer": None if found.fed.rejected else found.answer,
        "rejected": found.rejected,
        "probabilities": found.probabilities.tolist(),
        "picture": [shape[1], shape[0]],
        "window": found.fed.window,
        "input": explainer.anatomy.input,
        "pixels": floats(found.pixels),
        "steps": _steps(found.fed),
        "layers": _layers(found),
        "hidden": None if found.hidden is None else floats(found.hidden),
        "activation": None if found.activation is None else floats(found.activation),
    }


def _steps(fed: Fed) -> list[dict[str, Any]]:
    return [
        {"key": step.key, "about": step.about, "done": step.done, "needed": step.needed, "picture": greys(step.picture)}
        for step in fed.steps
    ]


def _layers(found: Explanation) -> list[dict[str, Any]]:
    return [
        {**one.layer.to_dict(), "tensor": one.layer.tensor, "active": one.active, "values": floats(one.values)}
        for one in found.seen
    ]


def floats(values: Num[np.ndarray, ...]) -> dict[str, Any]:
    """Numbers: their shape, and float32, the lowest byte first, in base64."""
    return {"shape": list(values.shape), "values": base64.b64encode(values.astype("<f4").tobytes()).decode()}


def greys(picture: Num[np.ndarray, "height width"]) -> dict[str, Any]:
    """A picture: its shape, and a byte for each pixel in base64."""
    return {"shape": list(picture.shape), "values": base64.b64encode(picture.astype(np.uint8).tobytes()).decode()}
