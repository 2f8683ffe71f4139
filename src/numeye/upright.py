"""Which way up a page lies, told by its digits: the reader looks at each from all four sides.

A 6 from above is a 9 from below, and a 0 is a 0 from everywhere; but a 3, a 4 or a 7 is no digit upside down. So the
mean over some digits tells. It is only asked where what was found on a page, as it lies, hardly looks like digits.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye import zoom

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

ASKED = 24  # digits at most, that are looked at from all sides
FEWEST = 3  # digits that are needed
WELL = -0.25  # mean logarithm of a digit's probability from which on a page lies well
CLEARLY = 0.35  # by how much that mean must be better from another side
NO_DIGIT = 10


def lies_well(looks: Float64[np.ndarray, "n 11"]) -> bool:
    """Whether what was found looks like digits as it lies, or is too little to tell.

    Args:
        looks: logarithms of the probabilities of the ten digits and of none.
    """
    return len(looks) < FEWEST or _legible(looks) >= WELL


def quarter_turns(windows: Float32[np.ndarray, "n 40 40"], look: zoom.Network) -> int:
    """By how many quarters of a turn, against the clock, the page is to be turned; 0 where no other side is better.

    Args:
        windows: n digits in their surroundings, as the reader sees them.
        look: the network that reads single digits.
    """
    sides = []
    for turns in range(4):
        logits, _ = look(np.ascontiguousarray(np.rot90(windows, turns, axes=(1, 2))))
        sides.append(_legible(zoom.log_softmax(logits)))
    best = int(np.argmax(sides))
    return best if sides[best] > sides[0] + CLEARLY else 0


def _legible(looks: Float64[np.ndarray, "n 11"]) -> float:
    """The mean logarithm of the best digit's probability; one that is none at all counts no more than a little."""
    return float(looks[:, :NO_DIGIT].max(axis=1).clip(min=-6).mean())
