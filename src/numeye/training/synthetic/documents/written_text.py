"""What a token on a page counts as: the text of a number, or nothing.

The rules are those of the command line's contract: each letter is `~`, letters only behind a number
(units, ordinals) do not belong to it, filler strokes are never part of it, and a word without a
digit is no number.
"""

from __future__ import annotations

from numeye.models.characters import CURRENCIES, DIGITS, FILLERS, OTHER, SIGNS
from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.fonts import LETTERS, LOOKALIKES
from numeye.training.synthetic.signs import label_of

NARROW_SPACE = "_"  # in texts to write: a gap within a number, as between thousands
TEXT_CELL = OTHER  # stands for all the words of a table's cell


def label_in(text: str, place: int) -> int:
    """Return the label of a character of a text: its place in `CHARACTERS`.

    A letter that may be a digit is unreadable where no letter stands beside it.
    """
    neighbours = text[max(place - 1, 0) : place] + text[place + 1 : place + 2]
    ambiguous = text[place] in LOOKALIKES and text[place] in LETTERS
    alone = not any(neighbour in LETTERS for neighbour in neighbours)
    return UNREADABLE if ambiguous and alone else label_of(text[place])


def number_of(token: str) -> str | None:
    """Return the text of the number that a token is; None where it holds no digit.

    Args:
        token: characters as they are written, without a space.
    """
    known = DIGITS + SIGNS + CURRENCIES
    kept = [c for c in token if c not in FILLERS + NARROW_SPACE]
    text = "".join(c if c in known else OTHER for c in kept)
    if not any(c in DIGITS for c in text):
        return None
    without_unit = text.rstrip(OTHER)
    return without_unit if OTHER not in without_unit else text


def numbers_of(text: str) -> list[str]:
    """Return the numbers in a text whose tokens are separated by spaces."""
    numbers = [number_of(token) for token in text.split()]
    return [number for number in numbers if number is not None]


def cell_text(text: str) -> str:
    """Return what a table's cell holds: its numbers, `~` for words alone, or nothing."""
    return " ".join(numbers_of(text)) or (TEXT_CELL if text.strip() else "")
