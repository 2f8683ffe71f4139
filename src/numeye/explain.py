"""What a network saw in a picture: how it was fed, every layer, and which parts of the picture mattered."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import attribution, image, weights
from numeye.anatomy import Anatomy
from numeye.attribution import PATCH, STEP
from numeye.errors import PictureError
from numeye.eyes import Network
from numeye.feeding import Fed, feed
from numeye.image import Picture
from numeye.layers import BETWEEN, Layer
from numeye.metrics import softmax
from numeye.results import NOT_A_DIGIT
from numeye.weights import Model

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, UInt8


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What one layer made of the picture.

    Attributes:
        layer: which, and how it works.
        values: (units, height, width), or (units,).
    """

    layer: Layer
    values: Float32[np.ndarray, "units ..."]

    @property
    def name(self) -> str:
        """Kind and number, such as `convolution 2`."""
        return self.layer.name

    @property
    def strength(self) -> Float64[np.ndarray, " units"]:
        """Of each unit, its strongest answer."""
        found: np.ndarray = self.values.reshape(len(self.values), -1).max(axis=1).astype(np.float64)
        return found

    @property
    def active(self) -> float:
        """Share of all its numbers above 0, in percent."""
        return float((self.values > 0).mean() * 100)

    def __str__(self) -> str:
        shape = " x ".join(map(str, self.values.shape))
        strongest = int(self.strength.argmax())
        best = f"strongest unit {strongest} ({self.strength[strongest]:.2f})"
        return f"{self.name:<14} {shape:<14} {self.active:3.0f} % above 0, {best}"

    def to_dict(self) -> dict[str, Any]:
        """For JSON; without the numbers themselves."""
        best = int(self.strength.argmax())
        return {"layer": self.name, "shape": list(self.values.shape), "active": self.active, "strongest": best}


@dataclass(frozen=True, kw_only=True)
class Explanation:
    """One digit, as a network saw it.

    Attributes:
        model: its name.
        fed: what it was fed with.
        probabilities: of its answers; the eleventh, where there is one, is no digit.
        seen: what each layer made of it, and what stands between them, in the order in which they work.
        hidden: (rows, columns) points by which the answer's probability falls when that part of `pixels` is hidden.
        activation: (height, width) where the last maps saw what speaks for the answer; None where that is not known.
    """

    model: str
    fed: Fed
    probabilities: Float64[np.ndarray, " classes"]
    seen: tuple[Seen, ...]
    hidden: Float64[np.ndarray, "rows columns"] | None
    activation: Float[np.ndarray, "height width"] | None

    @property
    def pixels(self) -> Float32[np.ndarray, "side side"]:
        """(side, side) what it was fed with, 0 to 1."""
        return self.fed.pixels

    @property
    def layers(self) -> tuple[Seen, ...]:
        """What is a layer."""
        return tuple(one for one in self.seen if one.layer.kind != BETWEEN)

    @property
    def answer(self) -> str:
        """The most probable one."""
        best = int(self.probabilities.argmax())
        return str(best) if best < 10 else "no digit"

    @property
    def rejected(self) -> str | None:
        """Why there is no digit, or None."""
        return self.fed.rejected or (NOT_A_DIGIT if self.answer == "no digit" else None)

    def __str__(self) -> str:
        head = f"{self.answer}   {self.probabilities.max() * 100:.1f}%   ({self.model})"
        lines = [head, *map(str, self.layers)]
        if self.hidden is not None:
            row, column = np.unravel_index(int(self.hidden.argmax()), self.hidden.shape)
            most = f"costs most: {self.hidden.max():.0f} points"
            lines.append(f"hiding the {PATCH}x{PATCH} pixels at {column * STEP},{row * STEP} {most}")
        return "\n".join(lines)

    def to_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "model": self.model,
            "answer": self.answer,
            "probabilities": self.probabilities.tolist(),
            "layers": [layer.to_dict() for layer in self.layers],
            "hidden": None if self.hidden is None else self.hidden.tolist(),
        }


class Explainer:
    """Shows what one network sees; safe to call from several threads.

    Args:
        model: that reads one digit.

    Raises:
        UsageError: it finds digits on pages, or nothing of it can be shown.
        ModelError: its file is damaged, or it is a network of another shape.
        MissingExtra: the extra [explain] is not installed.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self.network = Network(model, 1)
        self.fed_with(np.full((4, 4), 255, np.uint8))  # one that finds digits on pages is told at once
        self.anatomy = Anatomy(model)

    def fed_with(self, grey: UInt8[np.ndarray, "height width"], without: Collection[str] = ()) -> Fed:
        """How a picture comes to the network; see `numeye.feeding`."""
        return feed(grey, self.network, self.model, without)

    def probabilities(self, pixels: Float32[np.ndarray, "n side side"]) -> Float64[np.ndarray, "n classes"]:
        """Calibrated, of what the network was fed with."""
        return softmax(self.network(pixels)[0].astype(np.float64) / self.model.temperature)

    def explain(
        self,
        grey: UInt8[np.ndarray, "height width"],
        without: Collection[str] = (),
        *,
        layers: bool = True,
        hidden: bool = False,
        activation: bool = False,
    ) -> Explanation:
        """One picture as it saw it.

        Args:
            grey: (height, width) uint8.
            without: steps on the way that are left out.
            layers: show what each layer made of it.
            hidden: find what must not be hidden.
            activation: find where the last maps saw what speaks for the answer.
        """
        fed = self.fed_with(grey, without)
        said = self.probabilities(fed.pixels[None])[0]
        made = self.anatomy.see(fed.pixels[None]) if layers or activation else {}
        seen = tuple(Seen(layer=layer, values=made[layer.tensor][0]) for layer in self.anatomy.layers if made)
        best = int(said.argmax())
        return Explanation(
            model=self.model.name,
            fed=fed,
            probabilities=said,
            seen=seen if layers else (),
            hidden=attribution.hidden(fed.pixels, best, self.probabilities) if hidden else None,
            activation=self._activation(seen, best) if activation else None,
        )

    def _activation(self, seen: tuple[Seen, ...], answer: int) -> Float[np.ndarray, "height width"] | None:
        """By the last maps that are convolved and not pooled yet, and behind which the network can be cut off."""
        for one in reversed(seen):
            places = one.values[0].size if one.values.ndim == 3 else 1
            if places > 1 and one.layer.kind in ("ReLU", "activation", "convolution"):
                found = attribution.silenced(self.anatomy, one.values, one.layer, answer)
                if found is not None:
                    return found
        return None


def explain(picture: Picture, model: str | Path | None = None) -> Explanation:
    """Read one digit, and show what each layer saw.

    Args:
        picture: see `numeye.read`.
        model: a packaged model's name, a run folder or an ONNX file that reads one digit; the default where left out.

    Raises:
        PictureError: it cannot be read, or nothing is on it.
        UsageError: there is no such model, or it finds digits on pages.
        ModelError: its file is damaged, or it is a network of another shape.
        MissingExtra: the extra [explain] is not installed.
    """
    explainer = Explainer(weights.load(model))
    explanation = explainer.explain(image.only_page(picture).grey, hidden=True, activation=True)
    if explanation.fed.rejected is not None:
        raise PictureError(f"no digit found ({explanation.fed.rejected}), so there is nothing to explain")
    return explanation
