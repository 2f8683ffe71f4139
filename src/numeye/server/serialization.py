"""Explanations of a network's answer as JSON."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.explanation.explainer import Explainer, Explanation
from numeye.explanation.input_steps import NetworkInput

if TYPE_CHECKING:
    from jaxtyping import Num


def explanation_to_dict(
    explanation: Explanation, explainer: Explainer, shape: tuple[int, ...]
) -> dict[str, Any]:
    """Return an explanation with everything that was computed.

    Args:
        explanation: Of one picture.
        explainer: The explainer that made it.
        shape: The picture's height and width in pixels, as it was sent.
    """
    network_input = explanation.network_input
    occlusion_map, ablation_cam = explanation.occlusion_map, explanation.ablation_cam
    return {
        "model": explanation.model,
        "answer": None if network_input.rejected else explanation.answer,
        "rejected": explanation.rejected,
        "probabilities": explanation.probabilities.tolist(),
        "picture": [shape[1], shape[0]],
        "crop": network_input.crop_box,
        "input": explainer.inspector.input,
        "pixels": encode_floats(explanation.pixels),
        "steps": _steps_to_dicts(network_input),
        "layers": _layers_to_dicts(explanation),
        "occlusion_map": None if occlusion_map is None else encode_floats(occlusion_map),
        "ablation_cam": None if ablation_cam is None else encode_floats(ablation_cam),
    }


def _steps_to_dicts(network_input: NetworkInput) -> list[dict[str, Any]]:
    return [
        {
            "key": step.key,
            "description": step.description,
            "applied": step.applied,
            "required": step.required,
            "picture": encode_grey(step.picture),
        }
        for step in network_input.steps
    ]


def _layers_to_dicts(explanation: Explanation) -> list[dict[str, Any]]:
    return [
        {
            **activation.layer.to_dict(),
            "tensor": activation.layer.tensor,
            "active": activation.active_percent,
            "values": encode_floats(activation.values),
        }
        for activation in explanation.activations
    ]


def encode_floats(values: Num[np.ndarray, ...]) -> dict[str, Any]:
    """Return an array's shape, and its numbers as little-endian float32 in base64."""
    return {
        "shape": list(values.shape),
        "values": base64.b64encode(values.astype("<f4").tobytes()).decode(),
    }


def encode_grey(picture: Num[np.ndarray, "height width"]) -> dict[str, Any]:
    """Return a picture's shape, and a byte for each pixel in base64."""
    return {
        "shape": list(picture.shape),
        "values": base64.b64encode(picture.astype(np.uint8).tobytes()).decode(),
    }
