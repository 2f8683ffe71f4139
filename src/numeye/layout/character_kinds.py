"""Kinds of characters that reading order treats differently."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, DIGITS, OTHER

if TYPE_CHECKING:
    from jaxtyping import Bool, Int64

SMALL_SIGNS = ".,'-+:="  # lower than the digits of their row
_IS_SMALL = np.array([character in SMALL_SIGNS for character in CHARACTERS])


@dataclass(frozen=True, eq=False)
class CharacterKinds:
    """Which characters are digits, letters and small signs; the others are as high as digits.

    Attributes:
        is_digit: True for each digit.
        is_letter: True for each letter or unknown character.
        is_small_sign: True for each of `SMALL_SIGNS`.
    """

    is_digit: Bool[np.ndarray, " n"]
    is_letter: Bool[np.ndarray, " n"]
    is_small_sign: Bool[np.ndarray, " n"]

    @classmethod
    def of(cls, classes: Int64[np.ndarray, " n"]) -> CharacterKinds:
        """Return the kinds of characters, given by their places in `CHARACTERS`."""
        return cls(
            is_digit=classes < len(DIGITS),
            is_letter=classes == CHARACTERS.index(OTHER),
            is_small_sign=_IS_SMALL[classes],
        )

    @classmethod
    def digits(cls, count: int) -> CharacterKinds:
        """Return the kinds of `count` digits."""
        return cls.of(np.zeros(count, np.int64))
