"""Which way up a page lies, told by its digits: a part of it is looked at from all four sides.

A 6 from above is a 9 from below, and a 0 is a 0 from everywhere; but a 3, a 4 or a 7 is no digit upside down, and lines
of digits on their side are found in pieces. So how many digits there are, and how much they look like digits, tells
together. It is only asked where what was found on a page, as it lies, hardly looks like digits. But a page of numbers,
however it lies, has some that look like digits. Where there are none, and many from another side, those are letters.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import numpy as np

from numeye.locate import Spots

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    Eleven = Float64[np.ndarray, "n 11"]

ASKED = 24  # digits at most, the likeliest ones, that have a say
FEWEST = 3  # digits that are needed for a page to be turned
WELL = -0.35  # mean logarithm of a digit's probability from which on a page lies well
CLEARLY = 0.35  # by how much what is seen must be better from another side
MANY, NONE = 10, -4.0  # so many digits are not all missed: what a digit tells, as the page lies, if all were
WORST = -6.0  # what a digit tells at the least, and one that is not found
PART = 30.0  # times as wide and high as a digit, is the part of a page that is looked at
NO_DIGIT = 10

# Where digits may be on a picture, and logarithms of the probabilities of the ten digits and of none, for each.
See = Callable[[np.ndarray], tuple[Spots, "Eleven"]]


def lies_well(spots: Spots, looks: Eleven) -> bool:
    """Whether what was found looks like digits as it lies, or there is nothing.

    Args:
        spots: what was found.
        looks: logarithms of the probabilities of the ten digits and of none, for each of them.
    """
    return not len(spots) or _worth(spots, looks, min(len(spots), ASKED)) >= WELL


def quarter_turns(grey: UInt8[np.ndarray, "height width"], spots: Spots, see: See) -> int:
    """By how many quarters of a turn, against the clock, the page is to be turned; 0 where no other side is better.

    Args:
        grey: (height, width) uint8.
        spots: what was found as it lies, at least one.
        see: finds digits on a picture, and looks at each.
    """
    part = _part(grey, spots)
    seen = [see(np.ascontiguousarray(np.rot90(part, turns))) for turns in range(4)]
    most = min(max(len(found) for found, _ in seen), ASKED)
    if most < FEWEST:
        return 0
    sides = [_worth(found, looks, most) for found, looks in seen]
    best = int(np.argmax(sides))
    letters = most >= MANY and sides[0] < NONE
    return best if sides[best] > sides[0] + CLEARLY and not letters else 0


def _part(grey: UInt8[np.ndarray, "height width"], spots: Spots) -> UInt8[np.ndarray, "part_height part_width"]:
    """The square around the likeliest digits."""
    boxes = spots.boxes[_likeliest(spots)]
    middle = np.median((boxes[:, :2] + boxes[:, 2:]) / 2, axis=0)
    half = PART / 2 * float(np.median((boxes[:, 2:] - boxes[:, :2]).max(axis=1)))
    left, top = np.maximum(middle - half, 0).astype(int)
    right, bottom = np.ceil(middle + half).astype(int)
    return grey[top:bottom, left:right]


def _worth(spots: Spots, looks: Eleven, most: int) -> float:
    """How likely the `most` likeliest digits are, each: the mean logarithm."""
    likely = _likeliest(spots)[:most]
    there = -np.logaddexp(0, -spots.there[likely])  # the logarithm of the probability that there is a digit
    told = np.clip(there + _legible(looks[likely]), WORST, None)
    return float((told.sum() + WORST * (most - len(likely))) / most)


def _likeliest(spots: Spots) -> np.ndarray:
    return np.argsort(-spots.there, kind="stable")[:ASKED]


def _legible(looks: Eleven) -> Float64[np.ndarray, " n"]:
    """The logarithm of the best digit's probability; one that is none at all counts no more than a little."""
    best: np.ndarray = looks[:, :NO_DIGIT].max(axis=1).clip(min=WORST)
    return best
