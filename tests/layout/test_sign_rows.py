"""Signs and letters among the digits of a page."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.layout.character_kinds import CharacterKinds
from numeye.layout.reading_order import group_rows
from numeye.models.characters import CHARACTERS

HEIGHT = 30.0
# Top and foot of the signs, in heights of a digit; all other characters reach from 0 to 1.
LEVELS = {".": (0.88, 1.0), ",": (0.88, 1.2), "'": (0.0, 0.25), "-": (0.45, 0.55)}
LEVELS |= {":": (0.4, 1.0), "+": (0.25, 0.75), "=": (0.4, 0.6), "/": (-0.1, 1.15)}
WIDTHS = {".": 0.12, ",": 0.15, "'": 0.1, "-": 0.5, ":": 0.12, " ": 0.4}
GAP = 0.12


def write(
    text: str, left: float, top: float, height: float = HEIGHT
) -> list[tuple[str, list[float]]]:
    """Return the characters of a text with their boxes; each space is a gap of 0.4 heights."""
    placed = []
    for character in text:
        width = WIDTHS.get(character, 0.6) * height
        if character != " ":
            first, last = LEVELS.get(character, (0.0, 1.0))
            box = [left, top + first * height, left + width, top + last * height]
            placed.append((character, box))
        left += width + GAP * height
    return placed


def rows(*texts: list[tuple[str, list[float]]], seed: int | None = None) -> list[list[str]]:
    """Return the numbers of each row as texts."""
    placed = [character for text in texts for character in text]
    if seed is not None:
        placed = [placed[n] for n in np.random.default_rng(seed).permutation(len(placed))]
    classes = np.array([CHARACTERS.index(character) for character, _ in placed])
    boxes = np.array([box for _, box in placed])
    groups = group_rows(boxes, kinds=CharacterKinds.of(classes))
    return [["".join(placed[place][0] for place in number) for number in row] for row in groups]


@pytest.mark.parametrize(
    "text",
    ["3.14", "20.5", "7,8", "-7", "-264.27", "1,250.00", "12/03/2024", "(18)", "1'250", "9:30"],
)
@pytest.mark.parametrize("seed", [0, 1])
def test_signs_are_in_the_number_beside_them(text: str, seed: int) -> None:
    assert rows(write(text, 20, 40), seed=seed) == [[text]]


def test_signs_of_lines_close_together_stay_in_their_line() -> None:
    lines = [
        write(text, 20, 40 + 1.4 * HEIGHT * row) for row, text in enumerate(["1.5", "2'7", "-8"])
    ]
    assert rows(*lines) == [["1.5"], ["2'7"], ["-8"]]


def test_words_without_a_digit_are_left_out() -> None:
    assert rows(write("~~~~~", 20, 40), write("12", 300, 40)) == [["12"]]
    assert rows(write("~~ 7", 20, 40)) == [["7"]]
    assert rows(write("7 ~~", 20, 40)) == [["7"]]
    assert rows(write("~~~~~", 20, 40)) == []


def test_letters_in_a_code_are_kept() -> None:
    assert rows(write("~23~~1045", 20, 40)) == [["~23~~1045"]]


def test_a_sign_far_from_all_digits_is_left_out() -> None:
    assert rows(write("12", 20, 40), write("-", 300, 40)) == [["12"]]
    assert rows(write("-", 300, 40)) == []


def test_letters_far_from_all_digits_take_no_time() -> None:
    text = [
        character for row in range(60) for character in write("~" * 50, 20, 60 + 20 * row, 12.0)
    ]
    assert rows(write("12.5", 20, 10), text)[0] == ["12.5"]


def test_a_comma_that_hangs_down_stays_in_its_row() -> None:
    above, below = write("1,5", 20, 40), write("2 7", 26, 40 + 1.15 * HEIGHT)
    assert rows(above, below) == [["1,5"], ["27"]]


@pytest.mark.parametrize(
    ("text", "amounts"),
    [
        ("$19.03 $29.00", ["$19.03", "$29.00"]),
        ("19.03$ 29.00$", ["19.03$", "29.00$"]),
        ("5$00", ["5$00"]),
    ],
)
def test_a_currency_sign_belongs_to_the_nearer_digits(text: str, amounts: list[str]) -> None:
    assert rows(write(text, 20, 40)) == [amounts]
