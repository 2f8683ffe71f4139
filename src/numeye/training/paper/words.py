"""Words: letters of one font side by side, as text has them, or any of its characters in a row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.paper.fonts import LOOKALIKES
from numeye.training.paper.ink import Fields, unpack
from numeye.training.paper.line import cropped

if TYPE_CHECKING:
    from jaxtyping import Float32

    from numeye.training.paper.hand import Hand
    from numeye.training.paper.sheet import Sheet

OFTEN = "eeeetttaaaoooiiinnssrrhhddlllcummpgbfykvwjxqz"  # about as often as in Latin text; each letter at least once
TEXT, CAPITALS = 0.65, 0.12  # share of the rows that are words, and that are all capitals; the others are any signs
LONGEST = 10  # letters of a word
GAP, SPACE = (0.03, 0.15), (0.3, 0.6)  # between letters, and between words, of the height of a digit


@dataclass(frozen=True, kw_only=True)
class Words:
    """Every character of some fonts that is no digit, those that look like one too.

    Attributes:
        fields: of them.
        heights: of their ink, of that of the font's 0.
        feet: how far below the line they go, likewise; above it where negative.
        fonts: of each font the number of each of its characters.
    """

    fields: Fields
    heights: Float32[np.ndarray, " n"]
    feet: Float32[np.ndarray, " n"]
    fonts: Sequence[Mapping[str, int]]

    def write(
        self,
        sheet: Sheet,
        hand: Hand,
        height: float,
        left: float,
        top: float,
        count: int,
        random: np.random.Generator,
    ) -> None:
        """One row of so many characters, as far as the sheet goes; it goes round the digits that are there.

        Args:
            sheet: that is written on.
            hand: that writes; its crop has room for a letter.
            height: pixels, of a digit of the font, which would stand on the same line.
            left: where the row begins.
            top: of such a digit in it.
            count: of characters, spaces among them.
            random: decides which.
        """
        style, middle = replace(hand.style(random), angle=0.0), (hand.size / 2, hand.size / 2)
        font, gap = self.fonts[int(random.integers(len(self.fonts)))], random.uniform(*GAP)
        for character in _text(font, count, random):
            if left > sheet.size:
                return
            if character not in font:  # a space, or a letter that the font lacks
                left += height * random.uniform(*SPACE)
                continue
            number = font[character]
            source, tall = unpack(self.fields.edge[number]), max(2.0, height * float(self.heights[number]))
            ink = hand.write(source, False, random, height=tall, centre=middle, style=style, upright=True)
            ink_there = cropped(ink)
            if ink_there is None:
                continue
            foot = top + height * (1 + float(self.feet[number]))
            apart = height if character in LOOKALIKES else 0.0  # beside a number, an l may as well be a 1
            if sheet.free(left, foot - len(ink_there), ink_there, apart):
                sheet.put(ink_there, int(left), int(foot - len(ink_there)))
            left += ink_there.shape[1] + height * gap


def _text(font: Mapping[str, int], count: int, random: np.random.Generator) -> str:
    """Words, some of them capitals or with one; or any characters but those that, among signs, may be a digit."""
    kind = random.random()
    if kind > TEXT + CAPITALS:
        telling = [character for character in font if character not in LOOKALIKES]
        return "".join(random.choice([*telling, " "], count))
    words, left = list[str](), count
    while left > 0:
        word = "".join(random.choice(list(OFTEN), int(random.integers(1, LONGEST + 1))))
        word = word.upper() if kind > TEXT else word.capitalize() if random.random() < 0.2 else word
        words.append(word)
        left -= len(word) + 1
    return " ".join(words)[:count]
