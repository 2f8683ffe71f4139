"""What do single units answer to?

Top activations among training digits, and pictures that are made to maximize an activation.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
import torch
from torch import Tensor

from numeye.study.experiments import digits, layers
from numeye.study.experiments.traditional import CNN, training_step
from numeye.study.steps import Result, Step, Study
from numeye.training.networks import Classic

if TYPE_CHECKING:
    from jaxtyping import Float, Float32

PATCHES_STEP, MAXIMIZED_STEP, EXAMPLE_STEP = "units/patches", "units/ideal", "units/example"
SEARCHED_DIGITS = 4_000  # training digits in which the top activations are searched
PATCHES_PER_UNIT = 8  # each from another digit
# Distance between two positions of a map, and side of a receptive field, in pixels.
RECEPTIVE_FIELDS_PX = {"conv1": (1, 3), "conv2": (2, 8)}
ASCENT_STEPS, ASCENT_RATE = 200, 0.01
BLUR_SHARE = 0.02  # share of each pixel that its neighbours replace in each step
CENTER = 7  # row and column of the middle of conv2's map
MAXIMIZED_UNITS = {"conv2": 16, "fc1": 16, "logits": 10}  # the first so many of each layer


def steps(study: Study) -> list[Step]:
    """Return the steps, all about one network."""
    cnn = [training_step(CNN, study.seeds[0])]
    return [
        Step(PATCHES_STEP, _collect_patches, cnn),
        Step(MAXIMIZED_STEP, _maximize, cnn),
        Step(EXAMPLE_STEP, _choose_examples, cnn),
    ]


def top_patches(
    activations: Float32[np.ndarray, "n units h w"],
    pixels: Float32[np.ndarray, "n 28 28"],
    layer: str,
) -> Float32[np.ndarray, "units best side side"]:
    """Return the patches with the top activations of each unit, each from another picture.

    Args:
        activations: of a convolution, before pooling.
        pixels: the pictures, black beyond their border.
        layer: a key of `RECEPTIVE_FIELDS_PX`.
    """
    step, side = RECEPTIVE_FIELDS_PX[layer]
    margin = side // 2 + 1
    padded = np.pad(pixels, ((0, 0), (margin, margin), (margin, margin)))
    n, units, _, width = activations.shape
    flat = activations.reshape(n, units, -1)
    patches = np.zeros((units, PATCHES_PER_UNIT, side, side), np.float32)
    for unit in range(units):
        order = np.argsort(-flat[:, unit].max(axis=1), kind="stable")
        for rank, number in enumerate(order[:PATCHES_PER_UNIT]):
            position = divmod(int(flat[number, unit].argmax()), width)
            top, left = (p * step + (step - 1) // 2 - (side - 1) // 2 + margin for p in position)
            patches[unit, rank] = padded[number, top : top + side, left : left + side]
    return patches


def maximize_activation(model: Classic, layer: str, unit: int) -> Float32[np.ndarray, "28 28"]:
    """Return a smooth picture that maximizes a unit's activation, by gradient ascent from grey.

    Erhan et al. 2009, "Visualizing higher-layer features of a deep network".
    """
    image = torch.full((1, 1, 28, 28), 0.3)
    kernel = torch.tensor([[0.0, 1, 0], [1, 0, 1], [0, 1, 0]]).reshape(1, 1, 3, 3) / 4
    for _ in range(ASCENT_STEPS):
        image.requires_grad_(True)
        (gradient,) = torch.autograd.grad(_objective(model, layer, unit, image), image)
        with torch.no_grad():
            image = image + ASCENT_RATE * gradient / (gradient.abs().mean() + 1e-8)
            blurred = torch.nn.functional.conv2d(image, kernel, padding=1)
            image = ((1 - BLUR_SHARE) * image + BLUR_SHARE * blurred).clamp(0, 1)
    picture: np.ndarray = image[0, 0].numpy()
    return picture


def _objective(model: Classic, layer: str, unit: int, image: Float[Tensor, "1 1 28 28"]) -> Tensor:
    """Return the input of the unit's ReLU, of a convolution in the middle of its map.

    The output of the ReLU has no gradient while it is 0.
    """
    if layer == "logits":
        return layers.layer_outputs(model, image)["logits"][0, unit]
    conv2 = model.conv2(model.pool(model.relu(model.conv1(image))))
    if layer == "conv2":
        return conv2[0, unit, CENTER, CENTER]  # type: ignore[no-any-return]
    pooled = model.flatten(model.pool(model.relu(conv2)))
    return model.fc1(pooled)[0, unit]  # type: ignore[no-any-return]


def _collect_patches(study: Study) -> Result:
    model = layers.load_trained(study, study.seeds[0])
    pixels = digits.load_training(study).first(SEARCHED_DIGITS).pixels
    activations = layers.activations(model, pixels, pooled=False)
    patches = {
        layer: top_patches(activations[layer], pixels, layer) for layer in RECEPTIVE_FIELDS_PX
    }
    return Result({}, {**patches, "filters": model.conv1.weight.detach().numpy()[:, 0]})


def _maximize(study: Study) -> Result:
    model = layers.load_trained(study, study.seeds[0]).requires_grad_(False)
    pictures = {
        layer: np.array([maximize_activation(model, layer, unit) for unit in range(count)])
        for layer, count in MAXIMIZED_UNITS.items()
    }
    return Result({}, pictures)


def _choose_examples(study: Study) -> Result:
    """Keep three test digits with their ten logits.

    Of the first thousand, those with the largest, the median and the smallest margin between the
    best two logits.
    """
    model = layers.load_trained(study, study.seeds[0])
    test = digits.load_test(study).first(1_000)
    with torch.no_grad():
        outputs = layers.layer_outputs(model, torch.from_numpy(test.pixels)[:, None])
    logits = outputs["logits"].numpy()
    ascending = np.sort(logits, axis=1)
    order = np.argsort(-(ascending[:, -1] - ascending[:, -2]), kind="stable")
    chosen = order[[0, len(order) // 2, len(order) - 1]]
    examples = test.take(chosen)
    return Result(
        {}, {"pixels": examples.pixels, "labels": examples.labels, "logits": logits[chosen]}
    )
