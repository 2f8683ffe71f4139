"""Which way up a page lies."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.locate import Spots
from numeye.upright import lies_well, quarter_turns

ARROWS = np.full((60, 200), 255, np.uint8)  # six of them, that point up
for _left in range(10, 190, 30):
    ARROWS[10:30, _left : _left + 4] = 0


def found(there: list[float]) -> Spots:
    """Digits in a row, so likely each."""
    boxes = np.array([[20.0 * n, 10, 20.0 * n + 10, 30] for n in range(len(there))]).reshape(-1, 4)
    return Spots(boxes, np.array(there, float), np.zeros((len(there), 10)))


def looks(count: int, digit: float) -> np.ndarray:
    """All alike: a 4 with that probability."""
    told = np.full((count, 11), np.log(1e-3))
    told[:, 4], told[:, 10] = np.log(digit), np.log(1 - digit)
    return told


def see(grey: np.ndarray) -> tuple[Spots, np.ndarray]:
    """Finds six fours where the arrows point up, six that are hardly digits upside down, and two on their side."""
    if grey.shape[0] > grey.shape[1]:
        return found([0.0] * 2), looks(2, 0.9)
    upwards = (grey[:30] == 0).sum() > (grey[30:] == 0).sum()
    return found([3.0] * 6), looks(6, 0.99 if upwards else 0.3)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_page_is_turned_until_its_digits_are_digits(turns: int) -> None:
    lying = np.ascontiguousarray(np.rot90(ARROWS, -turns))
    assert quarter_turns(lying, see(lying)[0], see) == turns


def test_a_page_lies_well_where_what_is_seen_looks_like_digits_or_nothing_is() -> None:
    assert lies_well(found([2.0] * 9), looks(9, 0.99))
    assert not lies_well(found([2.0] * 9), looks(9, 0.01))
    assert not lies_well(found([2.0]), looks(1, 0.01))
    assert lies_well(found([]), looks(0, 0.01))


def test_many_digits_tell_more_than_a_few_that_look_better() -> None:
    lying = np.ascontiguousarray(np.rot90(ARROWS, 1))

    def few_but_clear(grey: np.ndarray) -> tuple[Spots, np.ndarray]:
        return (found([3.0] * 2), looks(2, 0.999)) if grey.shape[0] > grey.shape[1] else see(grey)

    assert quarter_turns(lying, found([3.0] * 2), few_but_clear) == 3


@pytest.mark.parametrize(("count", "turns"), [(8, 3), (12, 0)])
def test_many_letters_that_look_like_digits_from_one_side_only_turn_nothing(count: int, turns: int) -> None:
    lying = np.ascontiguousarray(np.rot90(ARROWS, 1))

    def letters(grey: np.ndarray) -> tuple[Spots, np.ndarray]:
        on_their_side = grey.shape[0] < grey.shape[1] and (grey[:30] == 0).sum() > (grey[30:] == 0).sum()
        return found([3.0] * count), looks(count, 0.99 if on_their_side else 1e-9)

    assert quarter_turns(lying, found([3.0] * count), letters) == turns


def test_where_no_side_is_clearly_better_or_too_little_is_seen_the_page_stays() -> None:
    assert quarter_turns(ARROWS, found([1.0] * 5), lambda _: (found([1.0] * 5), looks(5, 0.5))) == 0
    assert quarter_turns(ARROWS, found([1.0] * 2), lambda _: (found([1.0] * 2), looks(2, 0.5))) == 0
