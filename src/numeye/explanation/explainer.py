"""Explanation of an answer: input, activations of all layers, and attribution maps."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import PictureError
from numeye.explanation import attribution
from numeye.explanation.activations import NetworkInspector
from numeye.explanation.attribution import PATCH_PX, STEP_PX
from numeye.explanation.input_steps import NetworkInput, prepare_input
from numeye.explanation.onnx_graph import INTERMEDIATE, Layer
from numeye.io import images
from numeye.io.images import Picture
from numeye.models import registry
from numeye.models.card import Model
from numeye.models.probabilities import NO_DIGIT
from numeye.models.runtime import Network
from numeye.recognition.digit_readers import DEFAULT_REJECTION
from numeye.results import NOT_A_DIGIT

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, UInt8


@dataclass(frozen=True, kw_only=True)
class LayerActivations:
    """The activations of one layer for a picture.

    Attributes:
        layer: the layer.
        values: (units, height, width), or (units,).
    """

    layer: Layer
    values: Float32[np.ndarray, "units ..."]

    @property
    def name(self) -> str:
        """Return kind and number of the layer, such as `convolution 2`."""
        return self.layer.name

    @property
    def peaks(self) -> Float64[np.ndarray, " units"]:
        """Return the highest activation of each unit."""
        highest: np.ndarray = self.values.reshape(len(self.values), -1).max(axis=1)
        return highest.astype(np.float64)

    @property
    def active_percent(self) -> float:
        """Return the share of activations above 0, in percent."""
        return float((self.values > 0).mean() * 100)

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.values.shape))
        strongest = int(self.peaks.argmax())
        best = f"strongest unit {strongest} ({self.peaks[strongest]:.2f})"
        return f"{self.name:<14} {shape:<14} {self.active_percent:3.0f} % above 0, {best}"

    def to_dict(self) -> dict[str, Any]:
        """Return a summary for JSON, without the activations."""
        return {
            "layer": self.name,
            "shape": list(self.values.shape),
            "active": self.active_percent,
            "strongest": int(self.peaks.argmax()),
        }


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """The answer of a network to a picture of one digit, and how it came to be.

    Attributes:
        model: name of the model.
        network_input: the input of the network, and the steps to it.
        probabilities: probabilities of the digits; the eleventh, if there is one, of no digit.
        no_digit: threshold, 0 to 1: with a higher probability of no digit there is none.
        activations: activations of all layers and of tensors between them, in the order in which
            they are computed.
        occlusion_map: (rows, columns) percentage points by which the answer's probability falls
            when that part of `pixels` is hidden; None if not requested.
        ablation_cam: (height, width) where the last maps support the answer; None if not requested
            or not possible.
    """

    model: str
    network_input: NetworkInput
    probabilities: Float64[np.ndarray, " classes"]
    no_digit: float
    activations: tuple[LayerActivations, ...]
    occlusion_map: Float64[np.ndarray, "rows columns"] | None
    ablation_cam: Float[np.ndarray, "height width"] | None

    @property
    def pixels(self) -> Float32[np.ndarray, "side side"]:
        """Return the input of the network, (side, side) 0 to 1."""
        return self.network_input.pixels

    @property
    def layers(self) -> tuple[LayerActivations, ...]:
        """Return the activations of the layers, without those between them."""
        return tuple(values for values in self.activations if values.layer.kind != INTERMEDIATE)

    @property
    def answer(self) -> str:
        """Return the most probable digit, or "no digit"."""
        best = best_answer(self.probabilities, self.no_digit)
        return str(best) if best < NO_DIGIT else "no digit"

    @property
    def confidence(self) -> float:
        """Return the probability of the answer, 0 to 1."""
        return float(self.probabilities[best_answer(self.probabilities, self.no_digit)])

    @property
    def rejected(self) -> str | None:
        """Return why there is no digit, or None."""
        return self.network_input.rejected or (NOT_A_DIGIT if self.answer == "no digit" else None)

    def __str__(self) -> str:
        head = f"{self.answer}   {self.confidence * 100:.1f}%   ({self.model})"
        lines = [head, *map(str, self.layers)]
        if self.occlusion_map is not None:
            place = np.unravel_index(int(self.occlusion_map.argmax()), self.occlusion_map.shape)
            y, x = (index * STEP_PX for index in place)
            most = f"costs most: {self.occlusion_map.max():.0f} points"
            lines.append(f"hiding the {PATCH_PX}x{PATCH_PX} pixels at {x},{y} {most}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """Return the explanation for JSON, without activations."""
        return {
            "model": self.model,
            "answer": self.answer,
            "probabilities": self.probabilities.tolist(),
            "layers": [layer.to_dict() for layer in self.layers],
            "occlusion_map": None if self.occlusion_map is None else self.occlusion_map.tolist(),
        }


class Explainer:
    """Explains the answers of one network; safe for several threads.

    Args:
        model: a model that reads single digits.

    Attributes:
        model: the model.
        network: its network.
        inspector: the layers of the network.

    Raises:
        UsageError: the model detects digits on pages, or has no layer of a known kind.
        ModelError: its file is damaged, or it is a network of another shape.
        MissingExtra: the extra [explain] is not installed.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.network = Network(model, 1)
        self.prepare_input(np.full((4, 4), 255, np.uint8))  # raises if it detects digits on pages
        self.inspector = NetworkInspector(model)

    def prepare_input(
        self, grey: UInt8[np.ndarray, "height width"], without: Collection[str] = ()
    ) -> NetworkInput:
        """Turn a picture into the input; see `numeye.explanation.input_steps.prepare_input`."""
        return prepare_input(grey, self.network, self.model, without)

    def probabilities(
        self, pixels: Float32[np.ndarray, "n side side"]
    ) -> Float64[np.ndarray, "n classes"]:
        """Return the calibrated probabilities for inputs of the network."""
        return self.model.scaling.probabilities(self.network(pixels)[0])

    def explain(
        self,
        grey: UInt8[np.ndarray, "height width"],
        without: Collection[str] = (),
        *,
        layers: bool = True,
        occlusion_map: bool = False,
        ablation_cam: bool = False,
    ) -> Explanation:
        """Explain the answer to one picture.

        Args:
            grey: (height, width) uint8.
            without: keys of the steps to leave out.
            layers: keep the activations of all layers.
            occlusion_map: compute the occlusion map.
            ablation_cam: compute the Ablation-CAM map.
        """
        network_input = self.prepare_input(grey, without)
        inputs = network_input.pixels[None]  # (1, side, side)
        probabilities = self.probabilities(inputs)[0]
        activations = self._compute_activations(inputs) if layers or ablation_cam else ()
        no_digit = (self.model.rejection or DEFAULT_REJECTION).no_digit
        best = best_answer(probabilities, no_digit)
        occlusion = None
        if occlusion_map:
            occlusion = attribution.occlusion_map(inputs[0], best, self.probabilities)
        return Explanation(
            model=self.model.name,
            network_input=network_input,
            probabilities=probabilities,
            no_digit=no_digit,
            activations=activations if layers else (),
            occlusion_map=occlusion,
            ablation_cam=self._compute_ablation_cam(activations, best) if ablation_cam else None,
        )

    def _compute_activations(
        self, inputs: Float32[np.ndarray, "1 side side"]
    ) -> tuple[LayerActivations, ...]:
        values = self.inspector.compute_activations(inputs)
        return tuple(
            LayerActivations(layer=layer, values=values[layer.tensor][0])
            for layer in self.inspector.layers
        )

    def _compute_ablation_cam(
        self, activations: tuple[LayerActivations, ...], answer: int
    ) -> Float[np.ndarray, "height width"] | None:
        """Return the map for the last layer with maps after which the network can be cut.

        Pooled maps do not count: their resolution is lower.
        """
        for maps in reversed(activations):
            places = maps.values[0].size if maps.values.ndim == 3 else 1
            if places > 1 and maps.layer.kind in ("ReLU", "activation", "convolution"):
                cam = attribution.ablation_cam(self.inspector, maps.values, maps.layer, answer)
                if cam is not None:
                    return cam
        return None


def best_answer(probabilities: Float64[np.ndarray, " classes"], no_digit: float) -> int:
    """Return the most probable digit, or 10 if no digit is more probable than `no_digit`."""
    is_rejected = len(probabilities) > NO_DIGIT and probabilities[NO_DIGIT] > no_digit
    return NO_DIGIT if is_rejected else int(probabilities[:NO_DIGIT].argmax())


def explain(picture: Picture, model: str | Path | None = None) -> Explanation:
    """Read one digit and explain the answer.

    Args:
        picture: see `numeye.read`.
        model: name of a packaged model, a run folder or an ONNX file that reads single digits
            (default: the default model).

    Raises:
        PictureError: the picture cannot be read, or is blank.
        UsageError: there is no such model, or it detects digits on pages.
        ModelError: its file is damaged, or it is a network of another shape.
        MissingExtra: the extra [explain] is not installed.
    """
    explainer = Explainer(registry.load(model))
    explanation = explainer.explain(
        images.only_page(picture).grey, occlusion_map=True, ablation_cam=True
    )
    if explanation.network_input.rejected is not None:
        raise PictureError(
            f"no digit found ({explanation.network_input.rejected}), so there is nothing to explain"
        )
    return explanation
