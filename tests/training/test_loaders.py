from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from numeye.errors import DataError, UsageError
from numeye.training.loaders import digit_loaders, mnist_dataset


def test_all_70_000_images_come_through_torchvision_as_tensors_of_0_to_1(mnist_cache: Path) -> None:
    train, test = mnist_dataset(True, mnist_cache), mnist_dataset(False, mnist_cache)
    assert len(train) + len(test) == 70_000
    image, label = train[0]
    assert (image.shape, image.dtype, label) == ((1, 28, 28), torch.float32, 5)
    assert float(image.min()) == 0.0
    assert float(image.max()) == 1.0


def test_batches_of_64_shuffled_anew_each_epoch(mnist_cache: Path) -> None:
    batches = digit_loaders("mnist", 64, mnist_cache)
    assert (len(batches.train.dataset), len(batches.validation.dataset)) == (55_000, 5_000)
    batches.generator.manual_seed(1)
    first, second = (next(iter(batches.train)) for _ in range(2))
    assert first[0].shape == (64, 1, 28, 28)
    assert not torch.equal(first[1], second[1])
    batches.generator.manual_seed(1)
    assert torch.equal(next(iter(batches.train))[0], first[0])


def test_no_validation_digit_is_trained_on(mnist_cache: Path) -> None:
    batches = digit_loaders("mnist", 64, mnist_cache)
    assert not set(batches.train.dataset.indices) & set(batches.validation.dataset.indices)


def test_own_pictures_are_framed_as_the_reader_frames_them(
    tmp_path: Path, train_images: np.ndarray
) -> None:
    for digit in range(10):
        (tmp_path / str(digit)).mkdir()
        for number in range(6):
            big = Image.fromarray(255 - train_images[digit * 6 + number]).resize((90, 90))
            big.save(tmp_path / str(digit) / f"{number}.png")
    batches = digit_loaders(str(tmp_path), 16)
    assert (len(batches.train.dataset), len(batches.validation.dataset)) == (55, 5)
    images, labels = next(iter(batches.train))
    assert images.shape == (16, 1, 28, 28)
    assert labels.dtype == torch.int64
    # light strokes on black, in the middle
    assert float(images[:, :, 0].max()) < 0.5 < float(images.amax())


def test_unsuitable_data_gives_a_clear_error(tmp_path: Path) -> None:
    messages: list[str] = []
    np.savez(tmp_path / "few.npz", images=np.zeros((3, 28, 28), np.uint8), labels=np.arange(3))
    with pytest.raises(DataError, match="0 digits; training needs at least 12"):
        digit_loaders(str(tmp_path / "few.npz"), 64, progress=messages.append)
    assert "3 of 3 pictures hold no digit and are left out" in messages[0]
    with pytest.raises(UsageError, match="mnist:train"):
        digit_loaders("mnist:train", 64)
    with pytest.raises(UsageError, match="no data set"):
        digit_loaders(str(tmp_path / "nowhere"), 64)
