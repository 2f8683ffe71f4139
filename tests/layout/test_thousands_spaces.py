"""Spaces between thousands, told by the gaps of a number."""

from __future__ import annotations

from itertools import pairwise

import pytest

from numeye.layout.thousands_spaces import find_thousands_spaces
from numeye.models.characters import CHARACTERS
from numeye.results import Character

HEIGHT = 30
WIDTHS = {"1": 6, ".": 4, ",": 4}  # of the others it is 18


def characters(text: str, space: int = 16, gap: int = 3) -> list[Character]:
    """Return the characters of a text with gaps and spaces in pixels between them."""
    written, left = [], 0
    for item in text:
        if item == " ":
            left += space - gap
            continue
        width = WIDTHS.get(item, 18)
        shares = tuple(float(item == other) for other in CHARACTERS)
        written.append(
            Character(text=item, confidence=1.0, box=(left, 0, width, HEIGHT), probabilities=shares)
        )
        left += width + gap
    return written


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("1 250,00", (1,)),
        ("-1 250", (2,)),
        ("12 345 678.50", (2, 5)),
        ("#1 250=", (2,)),
        ("5 12", ()),
        ("12 34", ()),
        ("1250 300", ()),
        ("0 250", ()),
        ("250", ()),
        ("1.250", ()),
    ],
)
def test_a_space_separates_thousands_if_the_groups_fit(text: str, places: tuple[int, ...]) -> None:
    assert find_thousands_spaces(characters(text)) == places


def test_wide_gaps_around_a_one_are_no_spaces() -> None:
    apart = characters("2 345", space=12)
    assert find_thousands_spaces(apart) == (1,)
    written = characters("1 345", space=14)  # the step is that of the other digits
    centres = [character.box[0] + character.box[2] / 2 for character in written]
    steps = [after - before for before, after in pairwise(centres)]
    assert steps[0] - max(steps[1:]) < 0.2 * HEIGHT
    assert find_thousands_spaces(written) == ()


def test_gaps_that_are_all_wide_are_no_spaces() -> None:
    assert find_thousands_spaces(characters("1 250", space=18, gap=14)) == ()
    assert find_thousands_spaces([]) == ()
