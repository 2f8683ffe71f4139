"""Log probabilities of places, as the networks give them."""

from __future__ import annotations

import numpy as np

from numeye.models.characters import CHARACTERS, NO_CHARACTER


def class_logs_of(text: str, *, p: float = 0.99) -> np.ndarray:
    """Return the log probabilities of a text: p for each character, the rest shared by all others.

    A space stands for no character.
    """
    likely = np.full((len(text), NO_CHARACTER + 1), (1 - p) / NO_CHARACTER)
    likely[np.arange(len(text)), [f"{CHARACTERS} ".index(character) for character in text]] = p
    return np.log(likely)


def place(**likely: float) -> np.ndarray:
    """Return one place where only a few digits are possible: `d7=0.9, none=0.1`."""
    return choice({name[1:] if name != "none" else "": p for name, p in likely.items()})


def choice(likely: dict[str, float]) -> np.ndarray:
    """Return one place where only a few characters are possible; "" is no character."""
    row = np.zeros((1, NO_CHARACTER + 1))
    for character, p in likely.items():
        row[0, CHARACTERS.index(character) if character else NO_CHARACTER] = p
    with np.errstate(divide="ignore"):
        return np.log(row)
