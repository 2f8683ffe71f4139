"""Which way up a page lies."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.upright import FEWEST, lies_well, quarter_turns

ARROW = np.zeros((40, 40), np.float32)
ARROW[2:20, 18:22] = 1.0  # points up


def seer(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Reads a 4 where the arrow points up, and no digit elsewhere."""
    logits = np.zeros((len(pixels), 11), np.float32)
    up = pixels[:, :20].sum(axis=(1, 2)) > pixels[:, 20:].sum(axis=(1, 2)) + 50
    logits[up, 4], logits[~up, 10] = 8.0, 4.0
    return logits, np.zeros((len(pixels), 4), np.float32)


@pytest.mark.parametrize("turns", [0, 1, 2, 3])
def test_a_page_is_turned_until_its_digits_are_digits(turns: int) -> None:
    lying = np.stack([np.rot90(ARROW, -turns)] * 5)
    assert quarter_turns(np.ascontiguousarray(lying), seer) == turns


def test_a_page_lies_well_where_digits_are_seen_or_too_little_to_tell() -> None:
    digit, none = np.full((1, 11), np.log(0.001)), np.full((1, 11), np.log(0.001))
    digit[0, 4], none[0, 10] = np.log(0.99), np.log(0.99)
    assert lies_well(digit.repeat(9, axis=0))
    assert not lies_well(none.repeat(9, axis=0))
    assert lies_well(none.repeat(FEWEST - 1, axis=0))


def test_where_no_side_is_clearly_better_the_page_stays() -> None:
    def either(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = np.zeros((len(pixels), 11), np.float32)
        logits[:, 0] = 3.0 + pixels[:, :20].mean(axis=(1, 2))
        return logits, np.zeros((len(pixels), 4), np.float32)

    assert quarter_turns(np.stack([np.ascontiguousarray(np.rot90(ARROW, 2))] * 8), either) == 0
