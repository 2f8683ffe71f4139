"""Check sums of numbers: Luhn, ISBN and MOD 97-10."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class CheckSum:
    """A check sum: the sum of the values of all digits leaves a certain remainder.

    Attributes:
        modulus: by which the sum is divided.
        remainder: of a number that is right.
        value_of: value of a digit, by the digit and the number of digits to its right.
        length: number of digits, if it is fixed.
    """

    modulus: int
    remainder: int
    value_of: Callable[[int, int], int]
    length: int | None = None

    def __call__(self, text: str) -> bool:
        """Tell whether a text consists of digits and its sum is right."""
        if not (text.isascii() and text.isdigit()) or self.length not in (None, len(text)):
            return False
        total = sum(self.value_of(int(digit), after) for after, digit in enumerate(reversed(text)))
        return total % self.modulus == self.remainder


def _luhn(digit: int, after: int) -> int:
    return sum(divmod(digit * (1 + after % 2), 10))


NO_CHECK = CheckSum(1, 0, lambda _digit, _after: 0)
CHECKS: dict[str, CheckSum] = {
    "luhn": CheckSum(10, 0, _luhn),  # Luhn 1960, US patent 2950048
    # ISO 2108, before 2007; digits only
    "isbn10": CheckSum(11, 0, lambda digit, after: digit * (after + 1), 10),
    "isbn13": CheckSum(10, 0, lambda digit, after: digit * (1 + after % 2 * 2), 13),  # ISO 2108
    # ISO 7064, MOD 97-10
    "mod97": CheckSum(97, 1, lambda digit, after: digit * pow(10, after, 97)),
}
