"""Digits for training: torchvision's MNIST over our cache, or a data folder of your own."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils.data import DataLoader, Dataset, Subset, TensorDataset
from torchvision import datasets as vision
from torchvision import transforms

from numeye import datasets, image, mnist
from numeye.config import Recipe
from numeye.datasets import DataSet
from numeye.errors import DataError, UsageError
from numeye.framing import frame
from numeye.training.batches import Batches
from numeye.training.paper.pool import Pool, PoolSpec, TileSpec, open_pool, open_tiles
from numeye.training.tiles import TileViews
from numeye.training.views import Views

VALIDATION_CROPS, CALIBRATION_CROPS, VALIDATION_TILES = 20_000, 40_000, 2_000
HELD = 2  # the series of the crops to validate: crops of one series and number are alike where no digit is on them
Pair = tuple[Tensor, Tensor]  # pictures (B, 1, 28, 28) of 0 to 1, labels (B)


@dataclass(frozen=True, kw_only=True)
class Loaders:
    """What one training reads from.

    Attributes:
        train: shuffled anew each time it is gone through, from `generator`.
        validation: always in the same order.
        generator: seeded by the loop before each epoch, so that an epoch's order hangs on nothing but its number.
        digest: of digits of one's own, which may change from one start to the next.
        calibration: crops held back from which certainty is learnt; None for those of validation.
    """

    train: DataLoader[Pair] | Batches[Any]
    validation: DataLoader[Pair] | Batches[Any]
    generator: torch.Generator
    digest: str | None = None
    calibration: Pool | None = None


def mnist_dataset(train: bool, cache: str | Path | None = None) -> vision.MNIST:
    """MNIST as torchvision gives it: pairs of a picture (1, 28, 28) with values 0 to 1 and a label.

    The raw files are those that `numeye.mnist.fetch` has checked; torchvision finds them and downloads nothing.
    """
    root = mnist.fetch(cache)
    return vision.MNIST(str(root), train=train, download=True, transform=transforms.ToTensor())


def loaders(
    data: str, batch_size: int, cache: str | Path | None = None, say: Callable[[str], object] = lambda _: None
) -> Loaders:
    """Batches to train on and to choose by.

    Args:
        data: `mnist`, or a data folder; one digit in twelve is held back for validation, each class alike.
        batch_size: pictures a step.
        cache: where MNIST is kept.
        say: is told which pictures of your own are left out.

    Raises:
        UsageError: there is no such data set.
        DataError: it is damaged, or too small.
        PictureError: one of its pictures cannot be read.
    """
    fitted, held, digest = (*_mnist(cache), None) if data == "mnist" else _own(data, say)
    generator = torch.Generator()
    return Loaders(
        train=DataLoader(fitted, batch_size=batch_size, shuffle=True, generator=generator),
        validation=DataLoader(held, batch_size=500),
        generator=generator,
        digest=digest,
    )


def paper_loaders(
    recipe: Recipe, cache: str | Path | None = None, say: Callable[[str], object] = lambda _: None
) -> Loaders:
    """Views of synthetic paper: of a recipe's crops of the digits to fit to, and of 20,000 of those held back.

    What the recipe leaves out is left out of the first only, and its lines are added to them only.
    """
    generator = torch.Generator()
    fitted = open_pool(PoolSpec(split="fit", without=tuple(recipe.without)), recipe.paper, cache, say=say)
    held = open_pool(PoolSpec(split="validation", seed=HELD), VALIDATION_CROPS, cache, say=say)
    kept = open_pool(PoolSpec(split="validation", seed=1), CALIBRATION_CROPS, cache, say=say)
    lines = open_tiles(TileSpec(split="fit"), recipe.lines, cache, say=say) if recipe.lines else None
    train = Views(fitted, recipe.batch_size, generator, lines)
    return Loaders(train=train, validation=Views(held, 500), generator=generator, calibration=kept)


def tile_loaders(
    recipe: Recipe, cache: str | Path | None = None, say: Callable[[str], object] = lambda _: None
) -> Loaders:
    """Views of parts of synthetic pages: of a recipe's tiles, and of 2,000 of the digits and fonts held back."""
    generator = torch.Generator()
    fitted = open_tiles(TileSpec(split="fit"), recipe.tiles, cache, say=say)
    held = open_tiles(TileSpec(split="validation", seed=1), VALIDATION_TILES, cache, say=say)
    train = TileViews(fitted, recipe.batch_size, generator)
    return Loaders(train=train, validation=TileViews(held, 100), generator=generator)


def _mnist(cache: str | Path | None) -> tuple[Dataset[Pair], Dataset[Pair]]:
    whole = mnist_dataset(train=True, cache=cache)
    fitted, held = datasets.validation_split(whole.targets.numpy(), datasets.VALIDATION)
    return Subset(whole, fitted.tolist()), Subset(whole, held.tolist())


def _own(data: str, say: Callable[[str], object]) -> tuple[Dataset[Any], Dataset[Any], str]:
    if data in datasets.SPLITS:
        raise UsageError(f"--data {data}: training takes mnist (its 55,000 digits and 5,000 to validate) or a folder")
    pixels, labels = _framed(datasets.open_data(data, part="train"), say)
    if len(labels) < 12:
        raise DataError(f"{data}: {len(labels)} digits; training needs at least 12, better hundreds")
    whole = TensorDataset(torch.from_numpy(pixels)[:, None], torch.from_numpy(labels))  # (N, 1, 28, 28), (N)
    fitted, held = datasets.validation_split(labels, len(labels) // 12)
    digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    return Subset(whole, fitted.tolist()), Subset(whole, held.tolist()), digest


def _framed(digits: DataSet, say: Callable[[str], object]) -> tuple[np.ndarray, np.ndarray]:
    """Each picture framed as the reader will frame it, and its label; those without a digit are left out."""
    labels = digits.digits()
    if digits.framed:
        return np.asarray(digits.pictures, np.float32) / 255, labels
    framed, kept = [], []
    for number, picture in enumerate(digits.pictures):
        found = frame(image.only_page(picture).grey)
        if found.rejected is None:
            framed.append(found.pixels)
            kept.append(number)
    if len(kept) < len(labels):
        say(f"{digits.name}: {len(labels) - len(kept)} of {len(labels)} pictures hold no digit and are left out")
    return np.array(framed, np.float32), labels[kept]
