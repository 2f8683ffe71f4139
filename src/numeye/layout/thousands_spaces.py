"""Finds the spaces that separate thousands in a number, as in "1 250,00"."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import NamedTuple

from numeye.layout.number_formats import has_thousands_spaces
from numeye.models.characters import DIGITS
from numeye.results import Character


@dataclass(frozen=True, kw_only=True)
class ThousandsSpaceLimits:
    """Which gaps are spaces. Lengths are in heights of a digit.

    Attributes:
        min_gap: between two digits with a space between them.
        min_difference: by which the gap, and the step from centre to centre, are wider than where
            there is no space. Around a 1, gaps are wide, but steps are not.
    """

    min_gap: float = 0.35
    min_difference: float = 0.2


LIMITS = ThousandsSpaceLimits()


class _Gap(NamedTuple):
    """What lies between two digits: `place` is that of the second one, in characters."""

    place: int
    gap: float
    step: float


def find_thousands_spaces(characters: Sequence[Character]) -> tuple[int, ...]:
    """Return the places in a number before which a space separates thousands.

    There are none unless all groups fit, and their spaces are clearly wider than the other gaps.

    Args:
        characters: of the number, from left to right; also filler strokes.
    """
    gaps = _digit_gaps(characters)
    spaces = [gap for gap in gaps if gap.gap >= LIMITS.min_gap]
    others = [gap for gap in gaps if gap.gap < LIMITS.min_gap]
    if not spaces or not others:
        return ()
    wider = min(gap.gap for gap in spaces) - max(gap.gap for gap in others)
    longer = min(gap.step for gap in spaces) - max(gap.step for gap in others)
    places = tuple(gap.place for gap in spaces)
    if min(wider, longer) < LIMITS.min_difference:
        return ()
    text = "".join(
        f" {character.text}" if place in places else character.text
        for place, character in enumerate(characters)
        if not character.filler
    )
    return places if has_thousands_spaces(text) else ()


def _digit_gaps(characters: Sequence[Character]) -> list[_Gap]:
    """Return the gaps between digits that follow each other, in heights of a digit."""
    heights = sorted(item.box[3] for item in characters if item.text in DIGITS)
    if not heights:
        return []
    height = max(1e-9, heights[len(heights) // 2])
    gaps = []
    for place, (first, second) in enumerate(pairwise(characters), 1):
        if first.text in DIGITS and second.text in DIGITS:
            gap = second.box[0] - first.box[0] - first.box[2]
            step = gap + (first.box[2] + second.box[2]) / 2
            gaps.append(_Gap(place, max(0.0, gap / height), step / height))
    return gaps
