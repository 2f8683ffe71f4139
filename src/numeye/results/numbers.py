"""Numbers on a page: characters that belong together, and what they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

from numeye.models.characters import CHARACTERS, CURRENCIES, FILLERS, OTHER, SIGNS
from numeye.results.best_strings import find_best_strings
from numeye.results.characters import Box, Character, Digit, Quad, quad_to_dict

Kind = Literal["integer", "decimal", "date", "time", "fraction", "code", "text", "other"]


@dataclass(frozen=True, kw_only=True)
class Number:
    """Characters that belong together.

    Attributes:
        characters: at least one, from left to right; also filler strokes.
        confidence: the probability that the whole number is right, its signs included, 0 to 1; also
            of a rejected number.
        kind: what the text is, "integer" or "date" for example.
        value: the value as a decimal number, such as "-1250.50"; None where the text has none.
        date: the ISO date, such as "2024-03-12", if it is a date; else None.
        alternatives: other values or dates that the same text can have, the likeliest first.
        struck_out: whether the number is crossed out.
        row: the row of the page, or of the table, that the number is in, from 0.
        index: the place in that row, from 0.
        column: the column of the table, from 0; None where there is none, and for headings and
            totals.
        table: the table that the number is in, from 0; None where it is in none.
        rejected: the reason if the number is rejected, else None. A rejected number has neither
            value nor date nor alternatives.
        constraints: those that helped to read it, such as "16 digits, luhn"; None without any.
        spaces: places in `characters` before which a space separates thousands.
        digits_only: whether `text` leaves out everything but the digits.
        quad: the four corners in pixels of the picture as stored, if the page was turned or
            deskewed; else None.
    """

    characters: tuple[Character, ...]
    confidence: float
    kind: Kind = "integer"
    value: str | None = None
    date: str | None = None
    alternatives: tuple[str, ...] = ()
    struck_out: bool = False
    row: int = 0
    index: int = 0
    column: int | None = None
    table: int | None = None
    rejected: str | None = None
    constraints: str | None = None
    spaces: tuple[int, ...] = ()
    digits_only: bool = False
    quad: Quad | None = None

    def __post_init__(self) -> None:
        if self.rejected:
            for name, nothing in (("value", None), ("date", None), ("alternatives", ())):
                object.__setattr__(self, name, nothing)

    @property
    def text(self) -> str:
        """The number as written, without filler strokes; empty if the number is rejected."""
        return "" if self.rejected else self.best_text

    @property
    def best_text(self) -> str:
        """The best answer as written, without filler strokes; also of a rejected number."""
        return self._written([character.text for character in self.characters])

    @property
    def digits(self) -> tuple[Digit, ...]:
        """The digits among the characters."""
        return tuple(character.to_digit() for character in self.characters if character.is_digit)

    @property
    def box(self) -> Box:
        """The smallest box around all characters but filler strokes."""
        boxes = [character.box for character in self.characters if not character.filler]
        boxes = boxes or [character.box for character in self.characters]
        left, top = (min(box[side] for box in boxes) for side in (0, 1))
        right, bottom = (max(box[side] + box[side + 2] for box in boxes) for side in (0, 1))
        return left, top, right - left, bottom - top

    def best(self, count: int) -> list[tuple[str, float]]:
        """Return the most probable texts with their probabilities, the most probable first.

        The characters are taken as independent, and constraints are left aside. Which characters
        belong to the text is taken as known: all texts have as many as `text`.

        Args:
            count: how many texts to return, at least 1; there may be fewer.
        """
        answers = [self._answers(character) for character in self.characters]
        return [
            (self._written(texts), probability)
            for texts, probability in find_best_strings(answers, count)
        ]

    def to_dict(self) -> dict[str, Any]:
        """Return the number as JSON stores it."""
        return {
            "text": self.text,
            "kind": self.kind,
            "value": self.value,
            "date": self.date,
            "alternatives": list(self.alternatives),
            "struck_out": self.struck_out,
            "confidence": self.confidence,
            "rejected": self.rejected,
            "row": self.row,
            "index": self.index,
            "column": self.column,
            "table": self.table,
            "box": list(self.box),
            "characters": [character.to_dict() for character in self.characters],
            "digits": [digit.to_dict() for digit in self.digits],
            **({} if self.constraints is None else {"constraints": self.constraints}),
            **quad_to_dict(self.quad),
        }

    def _written(self, texts: Sequence[str]) -> str:
        """Return texts of all characters as one, with spaces and without what is not text."""
        spaces = () if self.digits_only else self.spaces
        parts = (
            f" {text}" if place in spaces else text
            for place, text in enumerate(texts)
            if text not in self._silent
        )
        return "".join(parts).strip()

    @property
    def _silent(self) -> str:
        """The characters that are never part of the text."""
        return SIGNS + CURRENCIES + FILLERS + OTHER if self.digits_only else FILLERS

    def _answers(self, character: Character) -> list[tuple[str, float]]:
        """Return what a character can be, with probabilities; no text stays no text."""
        answers = list(zip(CHARACTERS, character.probabilities, strict=True))
        silent = [answer for answer in answers if answer[0] in self._silent]
        if character.text in self._silent:
            return [(character.text, sum(share for _, share in silent))]
        return [answer for answer in answers if answer not in silent]
