"""From a page to its numbers: find every digit, look at each from close by, weigh both answers, put them in order.

The network `spotter` sees the page at once and says where digits are, and which (`numeye.locate`). The network that
reads single digits then looks at each in its surroundings. How much each of them counts, and how sure a whole number
is, is for the spotter's card to say.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye import locate, order, zoom
from numeye.framing import frame
from numeye.image import Page
from numeye.locate import Spots
from numeye.metrics import softmax
from numeye.results import BLANK, NOT_A_DIGIT, TOO_SMALL, Box, Digit, Number, Reading, unsure_between
from numeye.zoom import LOOK, Window, cut

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

NO_DIGIT = 10  # its place among the answers of a look
LEGIBLE = 8  # pixels that the longer side of a digit needs at least


@dataclass(frozen=True, kw_only=True)
class Weighing:
    """How the answers of both networks become one.

    Attributes:
        spotter: weight of the spotter's logits of the ten digits.
        reader: weight of the logarithms of the ten digits' probabilities in the look.
        there: of the log-odds that there is a digit: a constant, the weight of the spotter's and that of the look's.
        number: of the log-odds that a number is right: a constant, and the weight of what its digits say together.
    """

    spotter: float = 1.0
    reader: float = 0.5
    there: tuple[float, float, float] = (0.0, 1.0, 0.0)
    number: tuple[float, float] = (0.0, 1.0)

    def weigh(self, spots: Spots, looks: Float64[np.ndarray, "n 11"]) -> tuple[np.ndarray, np.ndarray]:
        """Probabilities that there is a digit (n,), and of the ten digits, if there is one (n, 10).

        Args:
            spots: what the spotter said.
            looks: logarithms of the probabilities of the ten digits and of none, in the looks.
        """
        which = softmax(self.spotter * spots.which + self.reader * looks[:, :NO_DIGIT])
        odds = log_odds_of_a_digit(looks)
        constant, of_spotter, of_look = self.there
        return sigmoid(constant + of_spotter * spots.there + of_look * odds), which

    def number_right(self, likely: float) -> float:
        """The probability that a number is right, from the product of its digits'."""
        likely = min(max(likely, 1e-9), 1 - 1e-9)
        constant, weight = self.number
        return float(sigmoid(np.array(constant + weight * (np.log(likely) - np.log1p(-likely)))))


class PageEyes:
    """Reads all numbers of a page.

    Args:
        find: the network that sees whole pages.
        look: the network that sees single digits.
        weighing: of their answers.
        threshold: the least confidence of a number that is relied on.
    """

    def __init__(self, find: locate.Network, look: zoom.Network, weighing: Weighing, threshold: float = 0.0) -> None:
        self._find = find
        self._look = look
        self._weighing = weighing
        self._threshold = threshold

    def read(self, pages: list[Page]) -> list[Reading]:
        """One reading a page."""
        return [self._reading(page) for page in pages]

    def _reading(self, page: Page) -> Reading:
        digits = [digit for digit in self._digits(page.grey) if digit is not None]
        if not digits:
            why = BLANK if frame(page.grey).rejected == BLANK else NOT_A_DIGIT
            return Reading(image=page.name, page=page.index, digits=(), numbers=(), rejected=why, picture=page.grey)
        boxes = np.array([(x, y, x + width, y + height) for x, y, width, height in (one.box for one in digits)], float)
        rows = order.rows(boxes)
        numbers = tuple(
            self._number(tuple(digits[place] for place in places), row, index)
            for row, places_of_row in enumerate(rows)
            for index, places in enumerate(places_of_row)
        )
        return Reading(
            image=page.name,
            page=page.index,
            digits=tuple(digit for number in numbers for digit in number.digits),
            numbers=numbers,
            rejected=numbers[0].rejected if all(number.rejected for number in numbers) else None,
            picture=page.grey,
        )

    def see(self, grey: UInt8[np.ndarray, "height width"]) -> tuple[Spots, Float64[np.ndarray, "n 11"]]:
        """Where digits may be, and what the look at each says, as logarithms of probabilities."""
        spots = locate.find(grey, self._find)
        if not len(spots):
            return spots, np.zeros((0, NO_DIGIT + 1))
        return spots, self._looks(grey, spots)

    def _digits(self, grey: np.ndarray) -> list[Digit | None]:
        """Each spot as a digit; None for one that is more likely none."""
        spots, looks = self.see(grey)
        there, which = self._weighing.weigh(spots, looks)
        return [
            Digit(
                digit=int(row.argmax()),
                confidence=float(chance * row.max()),
                box=_whole(box, grey.shape),
                probabilities=tuple(row.tolist()),
            )
            if chance >= 0.5
            else None
            for box, chance, row in zip(spots.boxes, there, which, strict=True)
        ]

    def _looks(self, grey: np.ndarray, spots: Spots) -> Float64[np.ndarray, "n 11"]:
        middles, sides = (spots.boxes[:, :2] + spots.boxes[:, 2:]) / 2, spots.boxes[:, 2:] - spots.boxes[:, :2]
        windows = [
            Window(float(x), float(y), LOOK * float(side))
            for (x, y), side in zip(middles, sides.max(axis=1), strict=True)
        ]
        logits, _ = self._look(np.stack([cut(grey, window) for window in windows]))
        return zoom.log_softmax(logits)

    def _number(self, digits: tuple[Digit, ...], row: int, index: int) -> Number:
        confidence = self._weighing.number_right(float(np.prod([digit.confidence for digit in digits])))
        rejected = None
        if confidence < self._threshold:
            doubtful = min(digits, key=lambda digit: digit.confidence)
            rejected = TOO_SMALL if max(doubtful.box[2:]) < LEGIBLE else unsure_between(doubtful)
        return Number(digits=digits, confidence=confidence, row=row, index=index, rejected=rejected)


def log_odds_of_a_digit(looks: Float64[np.ndarray, "n 11"]) -> Float64[np.ndarray, " n"]:
    """That there is one against that there is none, from logarithms of probabilities; held within 20."""
    none = np.clip(looks[:, NO_DIGIT], -20, -2e-9)
    odds: np.ndarray = np.log(-np.expm1(none)) - none
    return odds


def sigmoid(logits: Float64[np.ndarray, ...]) -> Float64[np.ndarray, ...]:
    """Probabilities from log-odds."""
    probabilities: np.ndarray = 0.5 * (1 + np.tanh(0.5 * logits))
    return probabilities


def _whole(box: Float64[np.ndarray, " 4"], shape: tuple[int, ...]) -> Box:
    """In whole pixels of the picture, at least one of them and none outside."""
    left, top = min(max(round(box[0]), 0), shape[1] - 1), min(max(round(box[1]), 0), shape[0] - 1)
    right, bottom = min(max(round(box[2]), left + 1), shape[1]), min(max(round(box[3]), top + 1), shape[0])
    return left, top, right - left, bottom - top
