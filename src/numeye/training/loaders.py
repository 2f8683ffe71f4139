"""Batches of digits: torchvision's MNIST from our cache, or a data folder of your own."""

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

from numeye.errors import DataError, UsageError
from numeye.io import datasets, images, mnist
from numeye.io.datasets import DataSet
from numeye.recognition.preprocessing import frame
from numeye.training.batching import Batches
from numeye.training.synthetic.disk_cache import Pool

VALIDATION_BATCH_SIZE = 500
MIN_DIGITS = 12  # of a data folder
VALIDATION_FRACTION = 12  # one digit of so many validates

Pair = tuple[Tensor, Tensor]  # pictures (B, 1, 28, 28) of 0 to 1, labels (B)


@dataclass(frozen=True, kw_only=True)
class Loaders:
    """What one training reads from.

    Attributes:
        train: batches in a new order each time, drawn from `generator`.
        validation: batches in a fixed order.
        generator: the loop seeds it before each epoch, so that the order depends only on the
            number of the epoch.
        digest: sha256 of the digits of a data folder, which may change between two starts; None
            for MNIST.
        calibration: validation crops that calibrate the confidence; None for those of
            `validation`.
        writers: whether MNIST's digits are split by their writers; else at random.
    """

    train: DataLoader[Pair] | Batches[Any]
    validation: DataLoader[Pair] | Batches[Any]
    generator: torch.Generator
    digest: str | None = None
    calibration: Pool | None = None
    writers: bool = False


def mnist_dataset(train: bool, cache: str | Path | None = None) -> vision.MNIST:
    """Return MNIST as torchvision has it: pairs of a picture (1, 28, 28) of 0 to 1 and a label.

    `numeye.io.mnist.fetch` has checked the raw files. torchvision finds them and downloads nothing.
    """
    root = mnist.fetch(cache)
    return vision.MNIST(str(root), train=train, download=True, transform=transforms.ToTensor())


def digit_loaders(
    data: str,
    batch_size: int,
    cache: str | Path | None = None,
    progress: Callable[[str], object] = lambda _: None,
) -> Loaders:
    """Return batches of digits to train and to validate on.

    Args:
        data: `mnist`, or a data folder; one digit of 12 in each class of a folder is for
            validation.
        batch_size: pictures in a step.
        cache: where MNIST is kept.
        progress: receives one line if pictures of a folder are left out.

    Raises:
        UsageError: there is no such data set.
        DataError: it is damaged, or too small.
        PictureError: one of its pictures cannot be read.
    """
    train, validation, digest = (
        (*split_mnist(cache), None) if data == "mnist" else _split_folder(data, progress)
    )
    generator = torch.Generator()
    return Loaders(
        train=DataLoader(train, batch_size=batch_size, shuffle=True, generator=generator),
        validation=DataLoader(validation, batch_size=VALIDATION_BATCH_SIZE),
        generator=generator,
        digest=digest,
    )


def split_mnist(cache: str | Path | None) -> tuple[Dataset[Pair], Dataset[Pair]]:
    """Split MNIST's 60,000 training digits into 55,000 to fit and 5,000 to validate."""
    digits = mnist_dataset(train=True, cache=cache)
    fit, validation = datasets.validation_split(digits.targets.numpy(), datasets.VALIDATION_SIZE)
    return Subset(digits, fit.tolist()), Subset(digits, validation.tolist())


def _split_folder(
    data: str, progress: Callable[[str], object]
) -> tuple[Dataset[Any], Dataset[Any], str]:
    """Return a folder's digits to fit, those to validate, and the sha256 of all of them."""
    if data in datasets.SPLITS:
        raise UsageError(
            f"--data {data}: cannot be trained on; expected mnist (55,000 digits to fit, 5,000 to"
            " validate) or a data folder"
        )
    pixels, labels = _frame_pictures(datasets.open_data(data, split="train"), progress)
    if len(labels) < MIN_DIGITS:
        raise DataError(
            f"{data}: {len(labels)} digits; training needs at least {MIN_DIGITS}, better hundreds"
        )
    # (N, 1, 28, 28), (N)
    digits = TensorDataset(torch.from_numpy(pixels)[:, None], torch.from_numpy(labels))
    fit, validation = datasets.validation_split(labels, len(labels) // VALIDATION_FRACTION)
    digest = hashlib.sha256(pixels.tobytes() + labels.tobytes()).hexdigest()
    return Subset(digits, fit.tolist()), Subset(digits, validation.tolist()), digest


def _frame_pictures(
    digits: DataSet, progress: Callable[[str], object]
) -> tuple[np.ndarray, np.ndarray]:
    """Return each picture framed as the reader frames it, and its label.

    Pictures without a digit are left out.
    """
    labels = digits.digits()
    if digits.framed:
        return np.asarray(digits.pictures, np.float32) / 255, labels
    pixels, kept = [], []
    for number, picture in enumerate(digits.pictures):
        framing = frame(images.only_page(picture).grey)
        if framing.rejected is None:
            pixels.append(framing.pixels)
            kept.append(number)
    if len(kept) < len(labels):
        progress(
            f"{digits.name}: {len(labels) - len(kept)} of {len(labels)} pictures hold no digit and"
            " are left out"
        )
    return np.array(pixels, np.float32), labels[kept]
