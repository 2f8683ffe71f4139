"""The packaged reader beside the networks of a study: its answers, and its weights in torch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from numeye.models import registry
from numeye.models.runtime import Network
from numeye.recognition import localizer
from numeye.training.networks import create_model

if TYPE_CHECKING:
    from jaxtyping import Float, Float64, UInt8

BATCH = 250
CROP_PX = 40  # side of the pictures that the network of the packaged reader takes
# `BatchNorm2d` adds its epsilon to the variance; with this variance it divides by 1.
UNIT_VARIANCE = 1 - 1e-5


def probabilities(pictures: Sequence[UInt8[np.ndarray, "_ _"]]) -> Float64[np.ndarray, "n 11"]:
    """Return eleven calibrated probabilities of each picture, as `numeye read --single` has them.

    The last one is that of no digit. It is 1 where no digit was located.
    """
    model = registry.load()
    network = Network(model, 1)

    batches = (pictures[start : start + BATCH] for start in range(0, len(pictures), BATCH))
    samples = [
        sample for batch in batches for sample in localizer.localize(list(batch), network.localize)
    ]
    rows = np.tile(np.append(np.zeros(10), 1.0), (len(samples), 1))
    located = [number for number, sample in enumerate(samples) if sample is not None]
    log_probabilities = [sample.log_probabilities for sample in samples if sample is not None]
    if log_probabilities:
        rows[located] = model.scaling.probabilities(np.stack(log_probabilities))
    return rows


def predict(pictures: Sequence[UInt8[np.ndarray, "_ _"]]) -> np.ndarray:
    """Return the most likely digit of each picture; -1 where no digit was located."""
    of_digits = probabilities(pictures)[:, :10]
    return np.where(of_digits.max(axis=1) > 0, of_digits.argmax(axis=1), -1)


class TorchRecognizer(nn.Module):
    """The network of the packaged reader in torch, which gives gradients.

    It classifies a 28x28 picture once, without the second crop that the reader takes.
    """

    def __init__(self) -> None:
        super().__init__()
        self.network = create_model("recognizer")
        self.network.load_state_dict(_state_of_packaged(self.network))
        self.eval()

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Return the logits of the ten digits, of pictures with values 0 to 1."""
        enlarged = nn.functional.interpolate(
            images, size=(CROP_PX, CROP_PX), mode="bilinear", align_corners=False
        )
        logits: Tensor = self.network(enlarged)[:, :10]
        return logits


def _state_of_packaged(network: nn.Module) -> dict[str, Tensor]:
    """Return the weights of the packaged ONNX file under torch's names.

    The file has batch normalization folded into the weights of the convolutions.
    """
    graph = onnx.load_model_from_string(registry.load().onnx).graph
    stored = {
        tensor.name: torch.from_numpy(numpy_helper.to_array(tensor).copy())
        for tensor in graph.initializer
    }
    state = network.state_dict()
    for name in state:
        # `down1.1.bias` belongs to the normalization behind `down1.0.weight`.
        convolution, _, parameter = name.rpartition(".1.")
        if f"model.{name}" in stored:
            state[name] = stored[f"model.{name}"]
        elif parameter == "bias" and f"model.{convolution}.0.weight_bias" in stored:
            state[name] = stored[f"model.{convolution}.0.weight_bias"]
        elif parameter == "running_var":
            state[name] = torch.full_like(state[name], UNIT_VARIANCE)
    return state
