"""Digits and other characters on a page, and the reasons why an answer is rejected."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from numeye.models.characters import CHARACTERS, DIGITS, FILLERS, OTHER

Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the picture as stored
Point = tuple[float, float]  # x, y in the same pixels
Quad = tuple[
    Point, Point, Point, Point
]  # the corners as the page is read: upper left, upper right, lower right, lower left

# Reasons for no answer. The first two mean that there is no digit, the others that it is uncertain.
BLANK, NOT_A_DIGIT, TOO_SMALL, TOO_BLURRED = "blank", "not a digit", "too small", "too blurred"

MAX_STORED_PROBABILITIES = 10  # of a character, in JSON
MIN_STORED_PROBABILITY = 0.001  # a smaller one is not in JSON, unless it is the largest


@dataclass(frozen=True, kw_only=True)
class Digit:
    """One digit in a picture.

    Attributes:
        digit: the best answer, 0 to 9.
        confidence: the probability that it is right, 0 to 1. A model that knows the class "no
            digit" gives that class a share, so the confidence is less than the largest of
            `probabilities` by the probability that there is no digit.
        box: x, y, width, height in pixels of the picture as stored.
        probabilities: of the digits 0 to 9, if it is a digit; they sum to 1.
        frame: x, y, width, height of the crop that the network saw last, in the same pixels. It can
            extend beyond the picture. None for a model that does not choose its crop.
    """

    digit: int
    confidence: float
    box: Box
    probabilities: tuple[float, ...]
    frame: Box | None = None

    @property
    def text(self) -> str:
        """The digit as text."""
        return str(self.digit)

    def to_dict(self) -> dict[str, Any]:
        """Return the digit as JSON stores it; without `frame` if that is None."""
        values = {
            "digit": self.digit,
            "confidence": self.confidence,
            "box": list(self.box),
            "probabilities": list(self.probabilities),
        }
        return values if self.frame is None else {**values, "frame": list(self.frame)}


@dataclass(frozen=True, kw_only=True)
class Character:
    """One character of a number: a digit, a sign, a filler stroke, or a letter.

    Attributes:
        text: the best answer, one of `numeye.models.characters.CHARACTERS`. "~" stands for a letter
            or any other character.
        confidence: the probability that it is right, 0 to 1.
        box: x, y, width, height in pixels of the picture as stored.
        probabilities: of the 28 `CHARACTERS` in their order, if there is a character; they sum
            to 1.
        quad: the four corners in the same pixels, if the page was turned or deskewed; else None.
    """

    text: str
    confidence: float
    box: Box
    probabilities: tuple[float, ...]
    quad: Quad | None = None

    @classmethod
    def of_digit(cls, digit: Digit) -> Character:
        """Return a digit as a character that can be no sign."""
        rest = (0.0,) * (len(CHARACTERS) - len(DIGITS))
        return cls(
            text=digit.text,
            confidence=digit.confidence,
            box=digit.box,
            probabilities=(*digit.probabilities, *rest),
        )

    @property
    def filler(self) -> bool:
        """Whether it is a stroke that fills the room around an amount, and no part of its text."""
        return self.text in FILLERS

    @property
    def is_digit(self) -> bool:
        """Whether it is one of the ten digits."""
        return self.text in DIGITS

    def to_digit(self) -> Digit:
        """Return a character that is a digit, with the probabilities of the ten digits.

        Raises:
            ValueError: it is no digit.
        """
        shares = self.probabilities[: len(DIGITS)]
        if not any(shares):
            shares = (1.0,) * len(DIGITS)
        total = sum(shares)
        return Digit(
            digit=int(self.text),
            confidence=self.confidence,
            box=self.box,
            probabilities=tuple(share / total for share in shares),
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the character as JSON stores it, with its most probable answers."""
        shares = zip(CHARACTERS, self.probabilities, strict=True)
        best = sorted(shares, key=lambda answer: -answer[1])[:MAX_STORED_PROBABILITIES]
        likely = [answer for answer in best[1:] if answer[1] >= MIN_STORED_PROBABILITY]
        return {
            "text": self.text,
            "confidence": self.confidence,
            "box": list(self.box),
            "probabilities": dict([best[0], *likely]),
            **({"filler": True} if self.filler else {}),
            **quad_to_dict(self.quad),
        }


def quad_to_dict(quad: Quad | None) -> dict[str, Any]:
    """Return the corners as JSON stores them; nothing where there are none."""
    return {} if quad is None else {"quad": [list(corner) for corner in quad]}


def unsure_reason(answer: Digit | Character) -> str:
    """Return the reason to reject an uncertain answer: its two best answers, the smaller first."""
    probabilities = answer.probabilities
    by_probability = sorted(range(len(probabilities)), key=lambda place: -probabilities[place])
    first, second = (CHARACTERS[place] for place in sorted(by_probability[:2]))
    return f"unsure between {first} and {'a letter' if second == OTHER else second}"
