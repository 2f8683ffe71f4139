"""Circles to fill in, which look like zeros."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.layout.answer_bubbles import find_bubbles


def circles(rows: int, columns: int, *, width: float = 24, step: float = 32) -> np.ndarray:
    """Boxes of circles in rows and columns, as a detector finds them."""
    random = np.random.default_rng(0)
    x, y = np.meshgrid(100 + step * np.arange(columns), 50 + 50.0 * np.arange(rows))
    boxes = np.stack([x.ravel(), y.ravel(), x.ravel() + width, y.ravel() + 24], axis=1)
    return boxes + random.uniform(-0.5, 0.5, boxes.shape)


def count(boxes: np.ndarray, is_zero: bool = True) -> int:
    return int(find_bubbles(boxes, np.full(len(boxes), is_zero)).sum())


@pytest.mark.parametrize("factor", [0.5, 1.0, 3.0])
def test_circles_in_rows_are_bubbles(factor: float) -> None:
    assert count(factor * circles(6, 4)) == 24


def test_what_stands_beside_bubbles_is_none() -> None:
    boxes = np.concatenate([circles(6, 4), [[20.0, 50, 34, 74], [300, 58, 324, 84]]])
    is_zero = np.arange(len(boxes)) != len(boxes) - 2  # the last one is a written 0
    assert find_bubbles(boxes, is_zero).tolist() == [True] * 24 + [False] * 2


@pytest.mark.parametrize(
    "boxes",
    [
        circles(6, 4, width=15),  # printed zeros are narrow
        circles(6, 4, step=25),  # and stand close together
        circles(6, 2),  # a row has three or more
        circles(1, 4),  # and a page has many
        circles(6, 4) * np.random.default_rng(1).uniform(0.9, 1.1, (24, 4)),  # written ones differ
        np.zeros((0, 4)),
    ],
)
def test_zeros_are_no_bubbles(boxes: np.ndarray) -> None:
    assert count(boxes) == 0


def test_other_characters_are_no_bubbles() -> None:
    assert count(circles(6, 4), is_zero=False) == 0
