"""What single units want to see: training patches they answer to most, and pictures made for them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from numeye.training.evidence import digits, layers
from numeye.training.evidence.study import Result, Step, Study
from numeye.training.evidence.traditional import CNN, result_name
from numeye.training.models import Classic

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

PATCHES, IDEAL, EXAMPLE = "units/patches", "units/ideal", "units/example"
LOOKED_AT = 4_000  # training digits among which the strongest answers are looked for
BEST = 8  # of each unit, from as many digits
FIELDS = {"conv1": (1, 3), "conv2": (2, 8)}  # pixels from place to place of a map, and that one place sees
ASCENT, RATE = 200, 0.01  # steps, and how far each goes
BLUR = 0.02  # share of each pixel that its neighbours take over in each step


def steps(study: Study) -> list[Step]:
    """All of one network."""
    network = [result_name(CNN, study.seeds[0])]
    return [Step(PATCHES, _patches, network), Step(IDEAL, _ideal, network), Step(EXAMPLE, _example, network)]


def strongest(
    answers: Float32[np.ndarray, "n units h w"], pixels: Float32[np.ndarray, "n 28 28"], layer: str
) -> Float32[np.ndarray, "units best side side"]:
    """Of each unit, what it saw where it answered most, in as many different pictures; black beyond their border."""
    step, side = FIELDS[layer]
    room = side // 2 + 1
    padded = np.pad(pixels, ((0, 0), (room, room), (room, room)))
    n, units, _, wide = answers.shape
    flat = answers.reshape(n, units, -1)
    patches = np.zeros((units, BEST, side, side), np.float32)
    for unit in range(units):
        for rank, number in enumerate(np.argsort(-flat[:, unit].max(axis=1), kind="stable")[:BEST]):
            row, column = divmod(int(flat[number, unit].argmax()), wide)
            top, left = (place * step + (step - 1) // 2 - (side - 1) // 2 + room for place in (row, column))
            patches[unit, rank] = padded[number, top : top + side, left : left + side]
    return patches


def ideal(model: Classic, layer: str, unit: int) -> Float32[np.ndarray, "28 28"]:
    """A picture that a unit answers to as much as can be, by gradient ascent from grey, kept smooth.

    Erhan et al. 2009, "Visualizing higher-layer features of a deep network".
    """
    image = torch.full((1, 1, 28, 28), 0.3)
    kernel = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]).reshape(1, 1, 3, 3) / 4
    for _ in range(ASCENT):
        image.requires_grad_(True)
        (gradient,) = torch.autograd.grad(_wanted(model, layer, unit, image), image)
        with torch.no_grad():
            image = image + RATE * gradient / (gradient.abs().mean() + 1e-8)
            image = (1 - BLUR) * image + BLUR * torch.nn.functional.conv2d(image, kernel, padding=1)
            image = image.clamp(0, 1)
    made: np.ndarray = image[0, 0].numpy()
    return made


def _wanted(model: Classic, layer: str, unit: int, image: Float[Tensor, "1 1 28 28"]) -> Tensor:
    """What goes into the unit's ReLU, of a map in its middle: of its answer nothing would pull where it is silent."""
    if layer == "logits":
        return layers.maps(model, image)["logits"][0, unit]
    conv2 = model.conv2(model.pool(model.relu(model.conv1(image))))
    if layer == "conv2":
        return conv2[0, unit, 7, 7]  # type: ignore[no-any-return]
    pooled = model.flatten(model.pool(model.relu(conv2)))
    return model.fc1(pooled)[0, unit]  # type: ignore[no-any-return]


def _patches(study: Study) -> Result:
    model = layers.trained(study, study.seeds[0])
    pixels = digits.fitted(study).first(LOOKED_AT).pixels
    said = layers.seen(model, pixels, pooled=False)
    found = {layer: strongest(said[layer], pixels, layer) for layer in FIELDS}
    return Result({}, {**found, "filters": model.conv1.weight.detach().numpy()[:, 0]})


def _ideal(study: Study) -> Result:
    model = layers.trained(study, study.seeds[0]).requires_grad_(False)
    counts = {"conv2": 16, "fc1": 16, "logits": 10}
    made = {layer: np.array([ideal(model, layer, unit) for unit in range(n)]) for layer, n in counts.items()}
    return Result({}, made)


def _example(study: Study) -> Result:
    """Test digits with their ten logits: the surest, a middling one and the most doubtful of the first thousand."""
    model = layers.trained(study, study.seeds[0])
    some = digits.test(study).first(1_000)
    with torch.no_grad():
        said = layers.maps(model, torch.from_numpy(some.pixels)[:, None])["logits"].numpy()
    ahead = np.sort(said, axis=1)[:, -1] - np.sort(said, axis=1)[:, -2]
    order = np.argsort(-ahead, kind="stable")
    chosen = order[[0, len(order) // 2, len(order) - 1]]
    return Result({}, {"pixels": some.pixels[chosen], "labels": some.labels[chosen], "logits": said[chosen]})
