"""The packaged reader beside the networks of a study: what it says of pictures, and its weights back in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from numeye import weights, zoom
from numeye.eyes import Network
from numeye.metrics import softmax
from numeye.training.models import create_model

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, UInt8

BATCH = 250


def told(pictures: Sequence[UInt8[np.ndarray, "_ _"]]) -> Float64[np.ndarray, "n 11"]:
    """Eleven calibrated probabilities of each picture, the last for no digit, as `numeye read --single` has them."""
    model = weights.load()
    network = Network(model, 1)

    batches = (pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH))
    sights = [sight for batch in batches for sight in zoom.see(list(batch), network.look)]
    blank = np.append(np.full(10, -np.inf), 0.0)  # nothing was seen
    rows = np.array([blank if sight is None else sight.log_probabilities / model.temperature for sight in sights])
    return softmax(rows.astype(np.float64))


def answers(pictures: Sequence[UInt8[np.ndarray, "_ _"]]) -> np.ndarray:
    """Which digit each is most likely, were it one; -1 where nothing is seen."""
    said = told(pictures)
    return np.where(said[:, :10].max(axis=1) > 0, said[:, :10].argmax(axis=1), -1)


class Glance(nn.Module):
    """The packaged reader's first look at a picture of 28x28, in torch, so that gradients can be had."""

    def __init__(self) -> None:
        super().__init__()
        self.network = create_model("reader")
        self.network.load_state_dict(_state(self.network))
        self.eval()

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Logits of the ten digits, of pictures with values 0 to 1."""
        larger = nn.functional.interpolate(images, size=(40, 40), mode="bilinear", align_corners=False)
        said: Tensor = self.network(larger)[:, :10]
        return said


def _state(network: nn.Module) -> dict[str, Tensor]:
    """The ONNX file's weights under torch's names; batch normalisation lies in its convolutions' weights already."""
    graph = onnx.load_model_from_string(weights.load().onnx).graph
    stored = {one.name: torch.from_numpy(numpy_helper.to_array(one).copy()) for one in graph.initializer}
    state = network.state_dict()
    for name in state:
        convolution, _, what = name.rpartition(".1.")  # `down1.1.bias` is the normalisation behind `down1.0.weight`
        if f"model.{name}" in stored:
            state[name] = stored[f"model.{name}"]
        elif what == "bias" and f"model.{convolution}.0.weight_bias" in stored:
            state[name] = stored[f"model.{convolution}.0.weight_bias"]
        elif what == "running_var":
            state[name] = torch.full_like(state[name], 1 - 1e-5)  # so that with its epsilon it divides by 1
    return state
