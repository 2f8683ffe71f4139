"""Crops of text lines, from which the recognizer learns."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from numeye.models.probabilities import NO_DIGIT
from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.disk_cache import Pool, Tiles
from numeye.training.synthetic.page_tiles import TILE_PX, Tile
from numeye.training.synthetic.specs import TileSpec, crop_dtype
from numeye.training.tasks import line_samples
from numeye.training.tasks.crop_samples import LINE_SHARE, CropSamples
from numeye.training.tasks.cropping import box_in_region, cut_region

BOXES = np.array(
    [[20, 40, 38, 70], [42, 42, 46, 71], [60, 38, 90, 70], [150, 40, 160, 70]], np.float32
)
LABELS = np.array([4, 1, 0, UNREADABLE])


def tile(labels: np.ndarray = LABELS, boxes: np.ndarray = BOXES) -> Tile:
    """Return a tile on which each digit has its own grey level, and all else is white."""
    picture = np.full((TILE_PX, TILE_PX), 255, np.uint8)
    for label, (left, top, right, bottom) in zip(labels, boxes.astype(int), strict=True):
        picture[top:bottom, left:right] = 10 + 20 * label
    return Tile(picture=picture, labels=labels, boxes=boxes)


def test_a_crop_of_a_digit_has_it_in_the_middle_with_its_box() -> None:
    random, sampled_labels = np.random.default_rng(0), set()
    for _ in range(400):
        region, label, box = line_samples.sample_region(tile(), random)
        if label == NO_DIGIT:
            continue
        sampled_labels.add(label)
        x, y, width, height = box_in_region(box, region)
        assert abs(x - 0.5) < 0.11
        assert abs(y - 0.5) < 0.11
        assert 0.5 < max(width, height) < 1.0
        crop = cut_region(tile().picture, region, np.array([0.0, 0.0]))
        assert crop[int(y * 40), int(x * 40)] == 10 + 20 * label
    assert sampled_labels == {0, 1, 4}  # not the one that the border cuts off


@pytest.mark.parametrize("labels", [LABELS, LABELS[:0]])
def test_a_crop_without_a_digit_keeps_its_distance_from_all_digits(labels: np.ndarray) -> None:
    random, boxes, count = np.random.default_rng(0), BOXES[: len(labels)], 0
    for _ in range(400):
        (x, y, side, _), label, _ = line_samples.sample_region(tile(labels, boxes), random)
        if label != NO_DIGIT or side > TILE_PX:
            continue
        count += 1
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert (np.abs(middles - (x, y)).max(axis=1, initial=0) > 0.1 * side).all()
    assert count > (60 if len(labels) else 350)


def test_a_crop_with_one_complete_digit_is_never_labelled_no_digit() -> None:
    random, box_alone = np.random.default_rng(0), np.array([[80, 80, 92, 104]], np.float32)
    for _ in range(2_000):
        (x, y, side, _), label, _ = line_samples.sample_region(
            tile(np.array([7]), box_alone), random
        )
        if label == NO_DIGIT and side < TILE_PX:
            exact = side / 1.6  # crops are larger, and a little off the centre
            assert (box_alone[0, :2] < np.array([x, y]) - exact / 2).any() or (
                box_alone[0, 2:] > np.array([x, y]) + exact / 2
            ).any()


def test_pixels_are_averaged_where_several_become_one() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (192, 192)).astype(np.uint8)
    noise[64:128] = 128  # a line that stays where it is
    for side, most in ((40.0, 80), (120.0, 45), (192.0, 35)):
        crop = cut_region(noise, (96.0, 160.0, side, side), np.array([0.0, 0.0]))
        assert np.std(crop[20:30].astype(float)) < most
    marked = np.full((192, 192), 255, np.uint8)
    marked[64:128, 24:168] = 0  # stays where it is
    whole = cut_region(marked, (96.0, 96.0, 192.0, 192.0), np.array([0.0, 0.0])) < 128
    edges = [
        place for axis in (1, 0) for place in np.flatnonzero(whole.any(axis=axis))[[0, -1]].tolist()
    ]
    assert edges == [13, 26, 5, 34]


def test_the_whole_tile_is_no_digit_if_digits_leave_no_room() -> None:
    boxes = np.array(
        [[x, y, x + 20, y + 20] for x in range(0, TILE_PX, 20) for y in range(0, TILE_PX, 20)],
        np.float32,
    )
    random, crowded = np.random.default_rng(0), tile(np.full(len(boxes), 7), boxes)
    samples = [line_samples.sample_region(crowded, random) for _ in range(200)]
    empty = [(region, box.tolist()) for region, label, box in samples if label == NO_DIGIT]
    assert empty
    assert all(box == [0, 0, TILE_PX, TILE_PX] for _, box in empty)
    assert max(region[2] for region, _ in empty) > TILE_PX


def test_digits_that_are_too_small_are_not_sampled() -> None:
    small = tile(np.array([3]), np.array([[80, 80, 85, 87]], np.float32))
    random = np.random.default_rng(0)
    assert {line_samples.sample_region(small, random)[1] for _ in range(50)} == {NO_DIGIT}


@pytest.fixture
def crops() -> Pool:
    """Return crops without a digit, so that all digits come from lines."""
    part = np.zeros(200, crop_dtype(48))
    part["label"], part["box"] = NO_DIGIT, (0, 0, 48, 48)
    return Pool([part])


@pytest.fixture
def tiles() -> Tiles:
    part = np.zeros(3, TileSpec(split="fit").row)
    part["picture"], part["count"] = tile().picture, len(LABELS)
    part["label"][:, : len(LABELS)], part["box"][:, : len(LABELS)] = LABELS, BOXES
    return Tiles([part])


def test_a_share_of_the_samples_shows_text_lines(crops: Pool, tiles: Tiles) -> None:
    batches = list(CropSamples(crops, 50, torch.Generator(), tiles))
    labels = torch.cat([targets[:, 0] for _, targets in batches])
    share = float((labels < NO_DIGIT).float().mean())
    assert 0.5 * LINE_SHARE < share < LINE_SHARE
    assert set(labels.tolist()) == {0, 1, 4, NO_DIGIT}
    assert all(images.shape == (50, 1, 40, 40) for images, _ in batches)
    # no lines without tiles
    assert all(int(targets[0, 0]) == NO_DIGIT for _, targets in CropSamples(crops, 1))


def test_the_same_state_of_the_generator_gives_the_same_samples(crops: Pool, tiles: Tiles) -> None:
    first, again, other = (
        list(CropSamples(crops, 50, torch.Generator().manual_seed(s), tiles)) for s in (1, 1, 2)
    )
    for (images, targets), (images_again, targets_again) in zip(first, again, strict=True):
        assert torch.equal(images, images_again)
        assert torch.equal(targets, targets_again)
    assert not all(torch.equal(a[1], b[1]) for a, b in zip(first, other, strict=True))
