"""Gives a number the characters of another string, with boxes and probabilities that agree."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS
from numeye.recognition.boxes import to_result_box
from numeye.recognition.transcription.alignment import Alignment, align, character_logs
from numeye.results import Character, Number

if TYPE_CHECKING:
    from jaxtyping import Float64

    Box = Float64[np.ndarray, " 4"]  # left, top, right and bottom

BEFORE_SHARE = 1e-3  # share of a character's probabilities that stay as they were


def rewrite(
    number: Number,
    texts: Sequence[str],
    shares: Float64[np.ndarray, " n"],
    inserted: float,
    shape: tuple[int, ...],
) -> tuple[Character, ...]:
    """Return the characters of the best string.

    A character that was found keeps its box. One that was not found lies between those beside it.
    Filler strokes stay.

    Args:
        number: as it was read.
        texts: n strings that it may be.
        shares: their probabilities; they sum to 1.
        inserted: log probability of a character that was not found.
        shape: height and width of the picture.
    """
    found = [place for place, part in enumerate(number.characters) if not part.filler]
    before = [number.characters[place] for place in found]
    text = texts[int(shares.argmax())]
    alignment = align(text, character_logs(before), inserted)
    classes, sure = _class_shares(texts, shares, len(text))
    boxes = _boxes(alignment, before)
    placed = list[tuple[float, Character]]()
    key = -1.0
    for place, (character, origin) in enumerate(zip(text, alignment.places, strict=True)):
        known = None if origin is None else before[origin]
        key = key + 1e-3 if origin is None else float(found[origin])
        probabilities = _blend(classes[place], known)
        choice = CHARACTERS.index(character)
        box = to_result_box(boxes[place], shape) if known is None else known.box
        rewritten = Character(
            text=character,
            confidence=float(sure * classes[place, choice]),
            box=box,
            probabilities=tuple(probabilities.tolist()),
        )
        placed.append((key, rewritten))
    fillers = [(float(n), part) for n, part in enumerate(number.characters) if part.filler]
    return tuple(part for _, part in sorted([*placed, *fillers], key=lambda pair: pair[0]))


def _class_shares(
    texts: Sequence[str], shares: Float64[np.ndarray, " n"], length: int
) -> tuple[Float64[np.ndarray, "length 28"], float]:
    """Return the probabilities of each place's characters, and that of strings of this length.

    The first are given that the string is as long; each row sums to 1.
    """
    classes = np.zeros((length, len(CHARACTERS)))
    for text, share in zip(texts, shares.tolist(), strict=True):
        if len(text) == length:
            choices = [CHARACTERS.index(character) for character in text]
            classes[np.arange(length), choices] += share
    total = float(classes[0].sum())
    return classes / total, min(total, 1.0)


def _blend(classes: Float64[np.ndarray, " 28"], known: Character | None) -> np.ndarray:
    """Return probabilities of a character in which no answer that was possible is impossible."""
    before = np.full(len(classes), 1 / len(classes)) if known is None else known.probabilities
    blended = (1 - BEFORE_SHARE) * classes + BEFORE_SHARE * np.asarray(before)
    probabilities: np.ndarray = blended / blended.sum()
    return probabilities


def _boxes(alignment: Alignment, before: Sequence[Character]) -> list[Box]:
    """Return a box for each character of a string: its own, or one between its neighbours'."""
    own = [None if place is None else _corners(before[place]) for place in alignment.places]
    known = np.array([_corners(character) for character in before])
    width = float(np.median(known[:, 2] - known[:, 0]))
    return [
        _between(own, place, known, width) if box is None else box for place, box in enumerate(own)
    ]


def _between(
    own: Sequence[Box | None], place: int, known: Float64[np.ndarray, "n 4"], width: float
) -> Box:
    """Return the box of a character that was not found, at its share of the gap it stands in."""
    first = next((n for n in range(place, -1, -1) if own[n] is not None), -1)
    end = next((n for n in range(place, len(own)) if own[n] is not None), len(own))
    left_box = own[first] if first >= 0 else None
    right_box = own[end] if end < len(own) else None
    beside = [box for box in (left_box, right_box) if box is not None]
    rows = np.mean(beside, axis=0) if beside else known.mean(axis=0)
    count, number = end - first - 1, place - first - 1  # of those in the gap, and which it is
    if left_box is not None and right_box is not None:
        low, high = float(left_box[2]), float(right_box[0])
        if high - low < count * width / 4:  # the neighbours touch or cover the gap
            low, high = float(left_box[[0, 2]].mean()), float(right_box[[0, 2]].mean())
    elif left_box is not None:
        low, high = float(left_box[2]), float(left_box[2]) + count * width
    elif right_box is not None:
        low, high = float(right_box[0]) - count * width, float(right_box[0])
    else:
        low, high = float(known[:, 0].min()), float(known[:, 2].max())
    step = (high - low) / count
    return np.array([low + number * step, rows[1], low + (number + 1) * step, rows[3]])


def _corners(character: Character) -> Box:
    left, top, width, height = character.box
    return np.array([left, top, left + width, top + height], np.float64)
