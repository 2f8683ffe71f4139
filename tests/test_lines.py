"""Looks at the digits of lines: what the reader is taught of numbers."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from numeye.training import lines
from numeye.training.paper.crop import NO_DIGIT
from numeye.training.paper.page import SIZE, Tile
from numeye.training.paper.pool import Pool, Tiles, TileSpec, crop_type
from numeye.training.paper.sheet import CUT
from numeye.training.views import LINES, Views
from numeye.training.windows import cut, seen

BOXES = np.array([[20, 40, 38, 70], [42, 42, 46, 71], [60, 38, 90, 70], [150, 40, 160, 70]], np.float32)
LABELS = np.array([4, 1, 0, CUT])


def tile(labels: np.ndarray = LABELS, boxes: np.ndarray = BOXES) -> Tile:
    """Paper on which each digit is a grey of its own, and all else is white."""
    picture = np.full((SIZE, SIZE), 255, np.uint8)
    for label, (left, top, right, bottom) in zip(labels, boxes.astype(int), strict=True):
        picture[top:bottom, left:right] = 10 + 20 * label
    return Tile(picture=picture, labels=labels, boxes=boxes)


def test_a_look_at_a_digit_has_it_in_the_middle_and_says_where_it_ends() -> None:
    random, seen_labels = np.random.default_rng(0), set()
    for _ in range(400):
        window, label, box = lines.look(tile(), random)
        if label == NO_DIGIT:
            continue
        seen_labels.add(label)
        x, y, width, height = seen(box, window)
        assert abs(x - 0.5) < 0.11
        assert abs(y - 0.5) < 0.11
        assert 0.5 < max(width, height) < 1.0
        shown = cut(tile().picture, window, np.array([0.0, 0.0]))
        assert shown[int(y * 40), int(x * 40)] == 10 + 20 * label
    assert seen_labels == {0, 1, 4}  # the one that the border cut is not looked at


@pytest.mark.parametrize("labels", [LABELS, LABELS[:0]])
def test_a_look_at_nothing_is_beside_every_digit(labels: np.ndarray) -> None:
    random, boxes, found = np.random.default_rng(0), BOXES[: len(labels)], 0
    for _ in range(400):
        (x, y, side, _), label, _ = lines.look(tile(labels, boxes), random)
        if label != NO_DIGIT or side > SIZE:
            continue
        found += 1
        middles = (boxes[:, :2] + boxes[:, 2:]) / 2
        assert (np.abs(middles - (x, y)).max(axis=1, initial=0) > 0.1 * side).all()
    assert found > (60 if len(labels) else 350)


def test_a_whole_digit_that_stands_alone_is_never_nothing() -> None:
    random, one = np.random.default_rng(0), np.array([[80, 80, 92, 104]], np.float32)
    for _ in range(2_000):
        (x, y, side, _), label, _ = lines.look(tile(np.array([7]), one), random)
        if label == NO_DIGIT and side < SIZE:
            exact = side / 1.6  # windows are as much wider, and a little beside, what was asked for
            assert (one[0, :2] < np.array([x, y]) - exact / 2).any() or (
                one[0, 2:] > np.array([x, y]) + exact / 2
            ).any()


def test_where_several_pixels_become_one_they_are_averaged() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (192, 192)).astype(np.uint8)
    noise[64:128] = 128  # a line that stays where it is
    for side, most in ((40.0, 80), (120.0, 45), (192.0, 35)):
        shown = cut(noise, (96.0, 160.0, side, side), np.array([0.0, 0.0]))
        assert np.std(shown[20:30].astype(float)) < most
    marked = np.full((192, 192), 255, np.uint8)
    marked[64:128, 24:168] = 0  # stays where it is
    whole = cut(marked, (96.0, 96.0, 192.0, 192.0), np.array([0.0, 0.0])) < 128
    edges = [place for axis in (1, 0) for place in np.flatnonzero(whole.any(axis=axis))[[0, -1]].tolist()]
    assert edges == [13, 26, 5, 34]


def test_where_digits_leave_no_room_the_whole_tile_is_no_digit() -> None:
    boxes = np.array([[x, y, x + 20, y + 20] for x in range(0, SIZE, 20) for y in range(0, SIZE, 20)], np.float32)
    random, crowded = np.random.default_rng(0), tile(np.full(len(boxes), 7), boxes)
    looks = [lines.look(crowded, random) for _ in range(200)]
    nothing = [(window, box.tolist()) for window, label, box in looks if label == NO_DIGIT]
    assert nothing
    assert all(box == [0, 0, SIZE, SIZE] for _, box in nothing)
    assert max(window[2] for window, _ in nothing) > SIZE


def test_digits_too_small_to_be_read_are_not_looked_at() -> None:
    small = tile(np.array([3]), np.array([[80, 80, 85, 87]], np.float32))
    random = np.random.default_rng(0)
    assert {lines.look(small, random)[1] for _ in range(50)} == {NO_DIGIT}


# --- among the views of crops ------------------------------------------------------------------------------------


@pytest.fixture
def crops() -> Pool:
    """Crops in which there is nothing, so that what is a digit is of a line."""
    part = np.zeros(200, crop_type(48))
    part["label"], part["box"] = NO_DIGIT, (0, 0, 48, 48)
    return Pool([part])


@pytest.fixture
def tiles() -> Tiles:
    part = np.zeros(3, TileSpec(split="fit").row)
    part["picture"], part["count"] = tile().picture, len(LABELS)
    part["label"][:, : len(LABELS)], part["box"][:, : len(LABELS)] = LABELS, BOXES
    return Tiles([part])


def test_a_share_of_the_views_is_of_lines(crops: Pool, tiles: Tiles) -> None:
    batches = list(Views(crops, 50, torch.Generator(), tiles))
    labels = torch.cat([targets[:, 0] for _, targets in batches])
    share = float((labels < NO_DIGIT).float().mean())
    assert 0.5 * LINES < share < LINES
    assert set(labels.tolist()) == {0, 1, 4, NO_DIGIT}
    assert all(images.shape == (50, 1, 40, 40) for images, _ in batches)
    assert all(int(targets[0, 0]) == NO_DIGIT for _, targets in Views(crops, 1))  # none where there are no tiles


def test_the_same_state_of_the_generator_gives_the_same_views(crops: Pool, tiles: Tiles) -> None:
    first, again, other = (list(Views(crops, 50, torch.Generator().manual_seed(s), tiles)) for s in (1, 1, 2))
    for (images, targets), (images_again, targets_again) in zip(first, again, strict=True):
        assert torch.equal(images, images_again)
        assert torch.equal(targets, targets_again)
    assert not all(torch.equal(a[1], b[1]) for a, b in zip(first, other, strict=True))
