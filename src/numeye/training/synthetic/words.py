"""Words, codes and printed numbers: characters of one font side by side."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, DIGITS, OTHER
from numeye.training.synthetic.canvas import UNREADABLE, Canvas, crop_to_content
from numeye.training.synthetic.distance_fields import DistanceFields, decode_field
from numeye.training.synthetic.fonts import LETTERS, LOOKALIKES, POINTS
from numeye.training.synthetic.number_plans import NumberPlan
from numeye.training.synthetic.parameters import LineRanges
from numeye.training.synthetic.rasterizer import Rasterizer
from numeye.training.synthetic.signs import label_of

if TYPE_CHECKING:
    from jaxtyping import Float32

# Each letter about as often as in Latin text, and at least once.
LETTER_FREQUENCIES = "eeeetttaaaoooiiinnssrrhhddlllcummpgbfykvwjxqz"
# Shares of the rows: words, words in capitals, numbers, codes; the rest is any characters.
TEXT_SHARE, CAPITALS_SHARE, NUMBERS_SHARE, CODES_SHARE = 0.52, 0.12, 0.15, 0.09
MIN_LETTER_PX, MIN_FAINT_LETTER_PX = 9.0, 6.0  # lower letters are unreadable, or no characters
MAX_WORD_LETTERS = 10
UNITS, UNIT_SHARE = ("kg", "km", "m", "cm", "st", "nd", "rd", "th", "h", "pts", "x"), 0.12
# Between letters, and between words, in heights of a digit of the font.
LETTER_GAP, WORD_GAP = (0.03, 0.15), (0.3, 0.6)


@dataclass(frozen=True, kw_only=True)
class WordWriter:
    """Writes words, codes and numbers with the characters of some fonts.

    Attributes:
        fields: distance fields of the n characters.
        heights: their heights, in heights of their font's 0.
        descents: how far they reach below the line, likewise; negative for those above it.
        fonts: for each font, the index of each of its characters.
    """

    fields: DistanceFields
    heights: Float32[np.ndarray, " n"]
    descents: Float32[np.ndarray, " n"]
    fonts: Sequence[Mapping[str, int]]

    def write(
        self,
        canvas: Canvas,
        rasterizer: Rasterizer,
        height: float,
        left: float,
        top: float,
        count: int,
        rng: np.random.Generator,
    ) -> None:
        """Write one row of random characters; see `write_text`.

        Args:
            canvas: canvas to write on.
            rasterizer: draws the letters; its drawings must have room for one.
            height: height that a digit of the font would have, pixels.
            left: where the row begins.
            top: top of such a digit on the same line.
            count: number of characters, spaces included.
            rng: decides which font and characters.
        """
        font = self.fonts[int(rng.integers(len(self.fonts)))]
        text = _sample_text(font, count, rng)
        self.write_text(canvas, rasterizer, height, left, top, text, rng, font=font)

    def write_text(
        self,
        canvas: Canvas,
        rasterizer: Rasterizer,
        height: float,
        left: float,
        top: float,
        text: str,
        rng: np.random.Generator,
        *,
        font: Mapping[str, int] | None = None,
    ) -> float:
        """Write a text, as far as the canvas goes, and return where it ends.

        It leaves out the places of other characters.

        Args:
            canvas: canvas to write on.
            rasterizer: draws the characters; its drawings must have room for one.
            height: height that a digit of the font has, pixels.
            left: where the text begins.
            top: top of such a digit on the same line.
            text: what to write; a character that the font lacks is a space.
            rng: decides the style.
            font: index of each character of the font; None for any font.
        """
        font = font or self.fonts[int(rng.integers(len(self.fonts)))]
        style, middle = replace(rasterizer.sample_style(rng), angle=0.0), rasterizer.size / 2
        gap = rng.uniform(*LETTER_GAP)
        for place, character in enumerate(text):
            if left > canvas.size or canvas.is_full:
                break
            if character not in font:  # a space, or a letter that the font lacks
                left += height * rng.uniform(*WORD_GAP)
                continue
            number = font[character]
            drawing = rasterizer.draw(
                decode_field(self.fields.edge[number]),
                False,
                rng,
                height=max(2.0, height * float(self.heights[number])),
                centre=(middle, middle),
                style=style,
                upright=True,
            )
            letter = crop_to_content(drawing)
            if letter is None:
                continue
            bottom = top + height * (1 + float(self.descents[number]))
            # beside a number, an l may as well be a 1
            min_gap = height if character in LOOKALIKES and not _is_in_number(text, place) else 0.0
            if canvas.has_room(left, bottom - len(letter), letter, min_gap):
                label = _label(text, place, len(letter))
                canvas.paste(letter, int(left), int(bottom - len(letter)), label)
            left += letter.shape[1] + height * gap
        return left


def _label(text: str, place: int, height_px: int) -> int | None:
    """Return the label of a character of a text; None for a letter too small to be one.

    A letter that may be a digit is unreadable where no letter stands beside it.
    """
    character = text[place]
    if character in CHARACTERS and character != OTHER:
        return label_of(character)
    if height_px < MIN_LETTER_PX:
        return UNREADABLE if height_px >= MIN_FAINT_LETTER_PX else None
    if character in LOOKALIKES and not _touches(text, place, LETTERS):
        return UNREADABLE
    return label_of(character)


def _is_in_number(text: str, place: int) -> bool:
    return text[place] == "/" and _touches(text, place, DIGITS)


def _touches(text: str, place: int, characters: str) -> bool:
    """Tell whether one of these characters stands right beside a place of a text."""
    return any(neighbour in characters for neighbour in _neighbours(text, place))


def _neighbours(text: str, place: int) -> str:
    return text[place - 1 : place] + text[place + 1 : place + 2]


def _sample_text(font: Mapping[str, int], count: int, rng: np.random.Generator) -> str:
    """Return about `count` characters of one kind of row."""
    kind = rng.random()
    if kind < TEXT_SHARE + CAPITALS_SHARE:
        return _sample_words(count, kind > TEXT_SHARE, rng)
    kind -= TEXT_SHARE + CAPITALS_SHARE
    if kind < NUMBERS_SHARE:
        return _join(lambda: _sample_number(rng), count)
    if kind < NUMBERS_SHARE + CODES_SHARE:
        return _join(lambda: _sample_code(rng), count)
    # Among any characters nothing shows whether a lookalike is a digit.
    unambiguous = [character for character in font if character not in LOOKALIKES + DIGITS + POINTS]
    return "".join(rng.choice([*unambiguous, " "], count))


def _sample_words(count: int, capitals: bool, rng: np.random.Generator) -> str:
    """Return words with the letters of Latin text, some of them capitalized."""

    def sample_word() -> str:
        letters = int(rng.integers(1, MAX_WORD_LETTERS + 1))
        word = "".join(rng.choice(list(LETTER_FREQUENCIES), letters))
        if capitals:
            return word.upper()
        return word.capitalize() if rng.random() < 0.2 else word

    return _join(sample_word, count)


def _sample_number(rng: np.random.Generator) -> str:
    """Return a number with its signs, or a number and a unit."""
    count = int(rng.integers(1, 9))
    digits = "".join(rng.choice(list(DIGITS), count))
    plan = NumberPlan.sample(count, LineRanges(before=0.3, behind=0.2), rng)
    body = "".join(plan.signs.get(place, "") + digit for place, digit in enumerate(digits))
    unit = str(rng.choice(UNITS)) if rng.random() < UNIT_SHARE else ""
    return plan.before + body + plan.behind + unit


def _sample_code(rng: np.random.Generator) -> str:
    """Return digits and capitals that are no lookalikes, side by side."""
    capitals = [letter for letter in LETTERS[:26] if letter not in LOOKALIKES]
    return "".join(rng.choice([*DIGITS, *DIGITS, *capitals], int(rng.integers(3, 11))))


def _join(sample: Callable[[], str], count: int) -> str:
    """Return samples with spaces between them, cut to `count` characters."""
    words, remaining = list[str](), count
    while remaining > 0:
        words.append(sample())
        remaining -= len(words[-1]) + 1
    return " ".join(words)[:count]
