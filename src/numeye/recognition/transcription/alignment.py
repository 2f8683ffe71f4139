"""Compares a string with the characters that the detector found."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, NO_CHARACTER
from numeye.results import Character

if TYPE_CHECKING:
    from jaxtyping import Float64

MIN_PROBABILITY = 1e-6  # of one character, and of no character


@dataclass(frozen=True)
class Alignment:
    """Which characters of a string are which of those that were found.

    Attributes:
        log_probability: of the string, by the detector and the recognizer.
        places: for each character of the string the place of the one that was found; None for one
            that was not. They ascend.
    """

    log_probability: float
    places: tuple[int | None, ...]


def character_logs(characters: Sequence[Character]) -> Float64[np.ndarray, "n 29"]:
    """Return for each character the log probabilities of `CHARACTERS` and of "no character"."""
    classes = np.array([character.probabilities for character in characters], np.float64)
    classes = classes.reshape(-1, NO_CHARACTER)
    best = [CHARACTERS.index(character.text) for character in characters]
    of_best = classes[np.arange(len(best)), best]
    confidence = np.array([character.confidence for character in characters], np.float64)
    objectness = np.clip(confidence / np.maximum(of_best, MIN_PROBABILITY), 0, 1)[:, None]
    joint = np.append(classes * objectness, 1 - objectness, axis=1)
    logs: np.ndarray = np.log(np.maximum(joint, MIN_PROBABILITY))
    return logs


def align(text: str, logs: Float64[np.ndarray, "n 29"], inserted: float) -> Alignment:
    """Return the most probable alignment of a string with the characters that were found.

    Each of these is one of the string's, or none at all; each of the string's is one of these, or
    was not found (the weighted edit distance of Wagner and Fischer 1974).

    Args:
        text: string of `CHARACTERS`.
        logs: of the characters that were found; see `character_logs`.
        inserted: log probability of a character that was not found.
    """
    choices = [CHARACTERS.index(character) for character in text]
    scores = _prefix_scores(choices, logs, inserted)
    found, end = len(logs), len(choices)
    places: list[int | None] = [None] * end
    while found and end:
        score = scores[found][end]
        if score == scores[found - 1][end - 1] + logs[found - 1, choices[end - 1]]:
            found, end = found - 1, end - 1
            places[end] = found
        elif score == scores[found - 1][end] + logs[found - 1, NO_CHARACTER]:
            found -= 1
        else:
            end -= 1
    return Alignment(scores[-1][-1], tuple(places))


def _prefix_scores(
    choices: list[int], logs: Float64[np.ndarray, "n 29"], inserted: float
) -> list[list[float]]:
    """Return the best score of each beginning of both: found characters (rows), and the string."""
    scores = [[inserted * place for place in range(len(choices) + 1)]]
    for row in logs.tolist():
        before, absent = scores[-1], row[NO_CHARACTER]
        current = [before[0] + absent]
        for place, choice in enumerate(choices):
            current.append(
                max(
                    before[place] + row[choice],
                    before[place + 1] + absent,
                    current[place] + inserted,
                )
            )
        scores.append(current)
    return scores
