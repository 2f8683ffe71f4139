"""Finds out by which angle a page must be turned to be read.

The detector has learned from upright characters. Those that lie askew it finds only in pieces, and
of those that are upside down it is less sure which they are. So the clearness of the detections
(see `clearness`) says whether a page lies as it should, and costs nothing. Only where it is low, or
the rows of digits slope, the skew of the page is estimated
(`numeye.recognition.orientation.skew`). Then parts of the page that hold many characters are turned
by the skew and by each quarter more. The direction in which they are clearest counts, if what the
detector finds looks like characters.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, OTHER
from numeye.models.probabilities import sigmoid, softmax
from numeye.recognition import detector
from numeye.recognition.boxes import Detections
from numeye.recognition.crops import paper_level
from numeye.recognition.digit_readers import MIN_DIGIT_PX
from numeye.recognition.orientation import skew
from numeye.recognition.orientation.page_transform import FULL_TURN_DEG, QUARTER_DEG, cut_turned

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    Grey = UInt8[np.ndarray, "height width"]
    Point = Float64[np.ndarray, " 2"]
    Clearness = Float64[np.ndarray, " n"]

LETTER = CHARACTERS.index(OTHER)
ALL_QUARTERS = (0, 1, 2, 3)
UPRIGHT_OR_NOT = (0, 2)


@dataclass(frozen=True, kw_only=True)
class OrientationLimits:
    """When a page is turned, and how much of it is looked at to decide.

    Attributes:
        certainty_power: see `clearness`.
        letter_weight: of a letter, beside that of a digit; many letters look like other ones upside
            down.
        min_upright: weighted mean of the clearness from which on a page is not on its side.
        few_characters: divided by the root of their number, what the mean must have more for a page
            not to be upside down ...
        surely_upright: ... at most.
        kept_skew_deg: a page with less skew is not turned; its lines may slope.
        same_skew_deg: the skews of strokes and of digits confirm each other up to this difference.
        min_clearness: of the skew of strokes, to count more than that of upright digits.
        min_characters: of the best direction, from which on a page is turned by quarters.
        min_likeness: mean clearness of the likely detections in the best direction.
        min_gain: how many times more evidence the best direction must have than another.
        decided_characters: from so many in the best direction on, and with `decided_gain` times
            the evidence of each other direction, no further part is looked at.
        decided_gain: see `decided_characters`.
        min_kept: share of the evidence of the page as it lies that a turned page must have.
        max_samples: how many parts of the page are looked at.
        sample_sides: side of such a part, in longer sides of a character.
        sample_digit_px: longer side of a character on what the detector receives of it.
        typical_side: quantile of the sides of all detections that is taken for a character's; of
            characters on their side, many are found in pieces.
        side_factors: the parts are looked at with these times the typical side, until enough
            characters are found: of some pages, pieces are detected only.
        min_sample_evidence: expected number of characters on a further part.
        max_centres: detections that are tried as the centre of a part.
    """

    certainty_power: int = 32
    letter_weight: float = 0.5
    min_upright: float = 0.6
    few_characters: float = 6.0
    surely_upright: float = 2.2
    kept_skew_deg: float = 6.0
    same_skew_deg: float = 4.0
    min_clearness: float = 2.0
    min_characters: int = 3
    min_likeness: float = 0.45
    min_gain: float = 1.2
    decided_characters: int = 10
    decided_gain: float = 3.0
    min_kept: float = 0.9
    max_samples: int = 2
    sample_sides: float = 8.0
    sample_digit_px: float = 30.0
    typical_side: float = 0.6
    side_factors: tuple[float, ...] = (1.0, 2.5)
    min_sample_evidence: float = 3.0
    max_centres: int = 200


LIMITS = OrientationLimits()


def find_turn(grey: Grey, detections: Detections, network: detector.Network) -> float:
    """Return by how many degrees counter-clockwise a page must be turned to be read, 0 to 360.

    0 where the page lies as it should, or no other direction is clearly better.

    Args:
        grey: (height, width) uint8.
        detections: of the page as it lies.
        network: runs the detector on one picture; see `numeye.recognition.detector.Network`.
    """
    detections = detections.select(~detections.is_small_sign)  # they look alike in all directions
    quarters = _possible_quarters(detections)
    slope = digit_slope(detections)
    may_be_on_side = quarters == ALL_QUARTERS
    degrees = 0.0
    if may_be_on_side or slope:
        degrees = _skew(grey, 0.0 if may_be_on_side else slope)
    turns: int | None = 0
    if len(quarters) > 1:
        turns = find_quarter_turns(grey, detections, network, degrees, quarters)
    if turns is None:  # strokes and digits that slope alike are lines, whatever they look like
        is_sure = not may_be_on_side or abs(degrees - slope) <= LIMITS.same_skew_deg
        return degrees % FULL_TURN_DEG if is_sure else 0.0
    return (degrees + QUARTER_DEG * turns) % FULL_TURN_DEG


def evidence(detections: Detections) -> float:
    """Return the sum of the clearness of all detections."""
    return float(clearness(detections).sum())


def clearness(detections: Detections) -> Clearness:
    """Return how much each detection looks like an upright character, 0 or more.

    It is the log-odds that there is a character, 0 where it is unlikely, times its weight and a
    power of the probability of its class: upside down, characters are found, too, but it is not
    certain which.
    """
    certainty = softmax(detections.class_logits).max(axis=1, initial=0) ** LIMITS.certainty_power
    odds = np.maximum(detections.objectness, 0)
    result: np.ndarray = _weights(detections) * odds * certainty
    return result


def _weights(detections: Detections) -> Float64[np.ndarray, " n"]:
    is_letter = detections.class_logits.argmax(axis=1) == LETTER
    weights: np.ndarray = np.where(is_letter, LIMITS.letter_weight, 1.0)
    return weights


def find_quarter_turns(
    grey: Grey,
    detections: Detections,
    network: detector.Network,
    degrees: float = 0.0,
    quarters: tuple[int, ...] = ALL_QUARTERS,
) -> int | None:
    """Return by how many quarters more a page must be turned to be read.

    Args:
        grey: (height, width) uint8.
        detections: of the page as it lies.
        network: runs the detector on one picture; see `numeye.recognition.detector.Network`.
        degrees: by which it is turned counter-clockwise at least.
        quarters: the answers that are possible, 0 to 3 counter-clockwise; the first one is 0.

    Returns:
        One of them; None where nothing looks like characters in the best direction.
    """
    sides = (detections.boxes[:, 2:] - detections.boxes[:, :2]).max(axis=1)
    detections = detections.select((sides >= MIN_DIGIT_PX) & ~detections.is_small_sign)
    if not len(detections):
        return None
    directions = _look_in_directions(
        grey, detections, network, [degrees + QUARTER_DEG * turns for turns in quarters]
    )
    scores = [float(clear.sum()) for clear in directions]
    best = int(np.argmax(scores))
    count = len(directions[best])
    if not count or scores[best] < LIMITS.min_likeness * count:
        return None
    is_clear = count >= LIMITS.min_characters and scores[best] >= LIMITS.min_gain * scores[0]
    return quarters[best] if is_clear else 0


def _possible_quarters(detections: Detections) -> tuple[int, ...]:
    """Return the quarters by which a page may have to be turned, as far as its detections tell.

    Upside down, some digits are others, and a few of them may look well by chance.
    """
    count = len(detections)
    if not count:
        return (0,)
    likeness = evidence(detections) / float(_weights(detections).sum())
    least = LIMITS.min_upright + LIMITS.few_characters / math.sqrt(count)
    if likeness >= min(least, LIMITS.surely_upright):
        return (0,)
    return UPRIGHT_OR_NOT if likeness >= LIMITS.min_upright else ALL_QUARTERS


def digit_slope(detections: Detections) -> float:
    """Return the skew of the likely characters in degrees; 0 where it is small.

    Args:
        detections: of a page.
    """
    is_likely = (detections.objectness > 0) & ~detections.is_small_sign
    slope = skew.skew_of_digits(detections.boxes[is_likely])
    return slope if abs(slope) > LIMITS.kept_skew_deg else 0.0


def _skew(grey: Grey, slope: float) -> float:
    """Return the skew of a page in degrees; 0 where it is small or not clear.

    Args:
        grey: (height, width) uint8.
        slope: the skew of the digits, which counts where that of the strokes is less clear.
    """
    found = skew.skew_of_strokes(grey)
    is_confirmed = slope and abs(found.degrees - slope) <= LIMITS.same_skew_deg
    if slope and not is_confirmed and found.clearness < LIMITS.min_clearness:
        return slope
    is_askew = abs(found.degrees) > LIMITS.kept_skew_deg and (found.is_clear or is_confirmed)
    return found.degrees if is_askew else 0.0


def _character_side(detections: Detections) -> float:
    sides = (detections.boxes[:, 2:] - detections.boxes[:, :2]).max(axis=1)
    return float(np.quantile(sides, LIMITS.typical_side))


def _sample_centres(detections: Detections, radius: float) -> Iterator[Point]:
    """Yield centres of the parts of a page that hold most characters, in pixels."""
    centres = (detections.boxes[:, :2] + detections.boxes[:, 2:]) / 2
    weights = sigmoid(detections.objectness)
    step = max(1, -(-len(centres) // LIMITS.max_centres))
    distances = np.linalg.norm(centres[::step, None] - centres, axis=2)  # (candidates, n)
    for sample in range(LIMITS.max_samples):
        held = (distances < radius) @ weights
        best = int(held.argmax())
        if sample and held[best] < LIMITS.min_sample_evidence:
            return
        inside = (distances[best] < radius) & (weights > 0)
        centre = np.average(centres[inside], axis=0, weights=weights[inside])
        yield centre
        weights = np.where(np.linalg.norm(centres - centre, axis=1) < radius, 0, weights)


def _look_in_directions(
    grey: Grey, detections: Detections, network: detector.Network, directions: list[float]
) -> list[Clearness]:
    """Return the clearness of likely characters on parts of a page, turned by each angle."""
    clear: list[Clearness] = []
    for factor in LIMITS.side_factors:
        side = LIMITS.sample_sides * factor * _character_side(detections)
        clear = [np.zeros(0) for _ in directions]
        for centre in _sample_centres(detections, side / 2):
            clear = [
                np.append(before, _look(grey, centre, side, degrees, network))
                for before, degrees in zip(clear, directions, strict=True)
            ]
            if _is_decided(clear):
                return clear
        if max(map(len, clear)) >= LIMITS.min_characters:
            break
    return clear


def _is_decided(clear: list[Clearness]) -> bool:
    """Tell whether one of several directions is so much better that no more must be looked at."""
    *_, second, best = sorted(clear, key=np.sum)
    return len(best) >= LIMITS.decided_characters and bool(
        best.sum() >= LIMITS.decided_gain * second.sum()
    )


def _look(
    grey: Grey, centre: Point, side: float, degrees: float, network: detector.Network
) -> Clearness:
    """Return the clearness of likely characters on a part of a page that is turned.

    Only the circle in it counts, which holds the same characters in each direction.
    """
    multiple = detector.INPUT_MULTIPLE_PX
    size = multiple * round(LIMITS.sample_sides * LIMITS.sample_digit_px / multiple)
    sample = cut_turned(grey, centre, side, degrees, size, paper_level(grey))
    detections = detector.detect_at_scale(sample, 1.0, network)
    middle = (detections.boxes[:, :2] + detections.boxes[:, 2:]) / 2
    is_inside = np.linalg.norm(middle - size / 2, axis=1) < size / 2
    counts = is_inside & (detections.objectness > 0) & ~detections.is_small_sign
    return clearness(detections.select(counts))
