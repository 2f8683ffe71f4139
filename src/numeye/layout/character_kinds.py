"""Kinds of characters that reading order treats differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, CURRENCIES, DIGITS, OTHER

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

SMALL_SIGNS = ".,'-+:="  # lower than the digits of their row
_IS_SMALL = np.array([character in SMALL_SIGNS for character in CHARACTERS])
_IS_CURRENCY = np.array([character in CURRENCIES for character in CHARACTERS])
# Where the middle of a sign is, from the top (0) to the foot (1) of the digits of its row.
LEVELS = {".": 1.0, ",": 1.0, "'": 0.0}
_LEVELS = np.array([LEVELS.get(character, 0.5) for character in CHARACTERS])


@dataclass(frozen=True, eq=False)
class CharacterKinds:
    """Which characters are digits, letters and small signs; the others are as high as digits.

    Attributes:
        is_digit: True for each digit.
        is_letter: True for each letter or unknown character.
        is_small_sign: True for each of `SMALL_SIGNS`.
        is_currency: True for each currency sign.
        levels: where the middle of each is, from the top (0) to the foot (1) of its row.
    """

    is_digit: Bool[np.ndarray, " n"]
    is_letter: Bool[np.ndarray, " n"]
    is_small_sign: Bool[np.ndarray, " n"]
    is_currency: Bool[np.ndarray, " n"]
    levels: Float64[np.ndarray, " n"]

    @classmethod
    def of(cls, classes: Int64[np.ndarray, " n"]) -> CharacterKinds:
        """Return the kinds of characters, given by their places in `CHARACTERS`."""
        return cls(
            is_digit=classes < len(DIGITS),
            is_letter=classes == CHARACTERS.index(OTHER),
            is_small_sign=_IS_SMALL[classes],
            is_currency=_IS_CURRENCY[classes],
            levels=_LEVELS[classes],
        )

    @classmethod
    def digits(cls, count: int) -> CharacterKinds:
        """Return the kinds of `count` digits."""
        return cls.of(np.zeros(count, np.int64))
