"""Finds where words and amounts begin within a row: at gaps beside letters and currency signs."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.character_kinds import CharacterKinds

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels


@dataclass(frozen=True, kw_only=True)
class StartLimits:
    """Gaps that separate, in heights of a character.

    Attributes:
        word_gap: between a letter and a digit that are not in one word.
        currency_gap: by how much the gap on one side of a currency sign between digits must be
            wider than that on its other side, so that it separates two amounts.
    """

    word_gap: float = 0.25
    currency_gap: float = 0.3


LIMITS = StartLimits()


def find_word_starts(
    boxes: Boxes, rows: list[list[int]], kinds: CharacterKinds
) -> Bool[np.ndarray, " n"]:
    """Tell which characters begin a word: there is a letter on one side of the gap before them.

    Args:
        boxes: of all characters.
        rows: their places in each row, from left to right.
        kinds: of the characters.
    """
    begins = np.zeros(len(boxes), bool)
    for row in rows:
        heights = boxes[row, 3] - boxes[row, 1]
        gap_px = LIMITS.word_gap * float(np.median(heights[~kinds.is_small_sign[row]]))
        for before, after in pairwise(row):
            has_letter = kinds.is_letter[before] != kinds.is_letter[after]
            begins[after] = has_letter and boxes[after, 0] - boxes[before, 2] > gap_px
    return begins


def find_amount_starts(
    boxes: Boxes, rows: list[list[int]], kinds: CharacterKinds
) -> Bool[np.ndarray, " n"]:
    """Tell which characters begin an amount, or follow one, by the gaps beside a currency sign.

    Args:
        boxes: of all characters.
        rows: their places in each row, from left to right.
        kinds: of the characters.
    """
    begins = np.zeros(len(boxes), bool)
    for row in rows:
        gaps = boxes[row[1:], 0] - boxes[row[:-1], 2]
        for place in range(1, len(row) - 1):
            beside, sign, behind = row[place - 1 : place + 2]
            if not (kinds.is_currency[sign] and kinds.is_digit[[beside, behind]].all()):
                continue
            height = boxes[sign, 3] - boxes[sign, 1]
            before, after = gaps[place - 1] / height, gaps[place] / height
            if max(before, after) >= LIMITS.currency_gap + max(min(before, after), 0):
                begins[sign if before > after else behind] = True
    return begins
