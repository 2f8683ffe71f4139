"""What each layer of `classic` says of pictures."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from numeye.training.evidence import networks
from numeye.training.evidence.study import Study
from numeye.training.evidence.traditional import CNN, result_name
from numeye.training.models import Classic

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

LAYERS = ("pixels", "conv1", "conv2", "fc1")
BATCH = 500


def trained(study: Study, seed: int) -> Classic:
    """The network of the comparison."""
    return networks.with_weights(Classic(), study[result_name(CNN, seed)].arrays)


def untrained(seed: int) -> Classic:
    """One with its first random weights, to compare with."""
    torch.manual_seed(seed)
    return Classic().eval()


def maps(model: Classic, images: Float[Tensor, "n 1 28 28"]) -> dict[str, Tensor]:
    """Both convolutions before pooling, after ReLU, and the hidden layer of the decision, and the logits."""
    conv1 = model.relu(model.conv1(images))  # (N, 16, 28, 28)
    conv2 = model.relu(model.conv2(model.pool(conv1)))  # (N, 32, 14, 14)
    fc1 = model.relu(model.fc1(model.flatten(model.pool(conv2))))  # (N, 128)
    return {"conv1": conv1, "conv2": conv2, "fc1": fc1, "logits": model.fc2(fc1)}  # logits (N, 10)


@torch.no_grad()
def seen(
    model: Classic, pixels: Float32[np.ndarray, "n 28 28"], *, pooled: bool = True
) -> dict[str, Float32[np.ndarray, "n ..."]]:
    """What each of `LAYERS` makes of pictures; of the convolutions, pooled or not."""
    images = torch.from_numpy(np.ascontiguousarray(pixels))[:, None]
    found: dict[str, list[Tensor]] = {name: [] for name in LAYERS}
    for batch in torch.split(images, BATCH):
        made = maps(model, batch)
        found["pixels"].append(batch[:, 0])
        for name in ("conv1", "conv2"):
            found[name].append(model.pool(made[name]) if pooled else made[name])
        found["fc1"].append(made["fc1"])
    return {name: torch.cat(parts).numpy() for name, parts in found.items()}


def flat(features: Float32[np.ndarray, "n ..."]) -> Float32[np.ndarray, "n features"]:
    """A row for each picture."""
    return features.reshape(len(features), -1)
