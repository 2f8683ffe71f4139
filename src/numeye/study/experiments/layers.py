"""The activations of each layer of `classic`."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from numeye.study.experiments import networks
from numeye.study.experiments.traditional import CNN, training_step
from numeye.study.steps import Study
from numeye.training.networks import Classic

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

LAYERS = ("pixels", "conv1", "conv2", "fc1")
BATCH = 500


def load_trained(study: Study, seed: int) -> Classic:
    """Return the trained network of the comparison."""
    return networks.load_weights(Classic(), study[training_step(CNN, seed)].arrays)


def create_untrained(seed: int) -> Classic:
    """Return a network with its first random weights, for comparison."""
    torch.manual_seed(seed)
    return Classic().eval()


def layer_outputs(model: Classic, images: Float[Tensor, "n 1 28 28"]) -> dict[str, Tensor]:
    """Return the activations of both convolutions and of the hidden layer, and the logits.

    Those of the convolutions are after ReLU and before pooling.
    """
    conv1 = model.relu(model.conv1(images))  # (N, 16, 28, 28)
    conv2 = model.relu(model.conv2(model.pool(conv1)))  # (N, 32, 14, 14)
    fc1 = model.relu(model.fc1(model.flatten(model.pool(conv2))))  # (N, 128)
    return {"conv1": conv1, "conv2": conv2, "fc1": fc1, "logits": model.fc2(fc1)}  # logits (N, 10)


@torch.no_grad()
def activations(
    model: Classic, pixels: Float32[np.ndarray, "n 28 28"], *, pooled: bool = True
) -> dict[str, Float32[np.ndarray, "n ..."]]:
    """Return the activations of each of `LAYERS`.

    Args:
        model: the network.
        pixels: pictures, 0 to 1.
        pooled: whether those of the convolutions are pooled.
    """
    images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None]
    batches: dict[str, list[Tensor]] = {name: [] for name in LAYERS}
    for batch in torch.split(images, BATCH):
        outputs = layer_outputs(model, batch)
        batches["pixels"].append(batch[:, 0])
        for name in ("conv1", "conv2"):
            batches[name].append(model.pool(outputs[name]) if pooled else outputs[name])
        batches["fc1"].append(outputs["fc1"])
    return {name: torch.cat(tensors).numpy() for name, tensors in batches.items()}


def flatten(features: Float32[np.ndarray, "n ..."]) -> Float32[np.ndarray, "n features"]:
    """Return one row of features for each picture."""
    return features.reshape(len(features), -1)
