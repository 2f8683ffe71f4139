"""Strings under a network for transcription: their exact probabilities, and the best of them.

For each column the network gives probabilities of the characters and of a blank. A string has the
probability of all ways to spread its characters over the columns (CTC, Graves et al. 2006,
https://doi.org/10.1145/1143844.1143891): a character may go on over several columns, there may be
blanks between two characters, and there must be one between two of the same.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, NO_CHARACTER

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

BLANK = NO_CHARACTER  # index of the blank, behind all characters
BEAM_WIDTH = 12  # beginnings of strings that are followed at a column
MIN_PROBABILITY = 1e-3  # of a character that is tried as the next one at a column

_Scores = list[float]  # of a beginning: ends with a blank, ends with its last character


def string_log_probabilities(
    logs: Float64[np.ndarray, "columns 29"], texts: Sequence[str]
) -> Float64[np.ndarray, " n"]:
    """Return the exact log probability of each string, by the forward algorithm.

    Args:
        logs: log probabilities of `CHARACTERS` and of the blank for each column, at least one.
        texts: n strings of `CHARACTERS`.

    Returns:
        Minus infinity for a string that needs more columns.
    """
    if not texts:
        return np.zeros(0)
    counts = np.array([len(text) for text in texts])
    states, may_skip = _states(texts, int(counts.max()))
    emitted = logs[:, states]  # (columns, n, states)
    forward = np.full(states.shape, -np.inf)  # (n, states)
    forward[:, :2] = emitted[0, :, :2]
    for row in emitted[1:]:
        ways = forward.copy()
        np.logaddexp(ways[:, 1:], forward[:, :-1], out=ways[:, 1:])
        skips = np.where(may_skip[:, 2:], forward[:, :-2], -np.inf)
        np.logaddexp(ways[:, 2:], skips, out=ways[:, 2:])
        forward = ways + row
    rows = np.arange(len(texts))
    with_blank = forward[rows, 2 * counts]
    without = np.where(counts > 0, forward[rows, 2 * counts - 1], -np.inf)
    total: np.ndarray = np.logaddexp(with_blank, without)
    return total


def find_best_strings(logs: Float64[np.ndarray, "columns 29"], count: int) -> list[str]:
    """Return the most probable strings, the most probable first, by a prefix beam search.

    Beginnings of strings are followed from column to column, and all ways to the same beginning
    are added up (Graves and Jaitly 2014). It may miss a string; what it finds is to be scored by
    `string_log_probabilities`.

    Args:
        logs: log probabilities of `CHARACTERS` and of the blank for each column.
        count: how many strings to return, up to `BEAM_WIDTH`; there may be fewer.
    """
    beams: dict[str, _Scores] = {"": [1.0, 0.0]}
    for row in np.exp(logs):
        likely = np.flatnonzero(row[:BLANK] >= MIN_PROBABILITY).tolist()
        beams = _next_beams(beams, row.tolist(), likely)
    return list(beams)[:count]


def _states(
    texts: Sequence[str], longest: int
) -> tuple[Int64[np.ndarray, "n states"], Bool[np.ndarray, "n states"]]:
    """Return the classes of each string's states, and which can follow the last but one.

    There is a blank before, between and behind the characters. A character can follow another one
    without a blank if it differs from it.
    """
    states = np.full((len(texts), 2 * longest + 1), BLANK)
    for row, text in enumerate(texts):
        states[row, 1 : 2 * len(text) : 2] = [CHARACTERS.index(character) for character in text]
    if not longest:
        states = np.pad(states, ((0, 0), (0, 2)), constant_values=BLANK)
    may_skip = np.zeros(states.shape, bool)
    may_skip[:, 2:] = (states[:, 2:] != BLANK) & (states[:, 2:] != states[:, :-2])
    return states, may_skip


def _next_beams(
    beams: dict[str, _Scores], row: list[float], likely: list[int]
) -> dict[str, _Scores]:
    """Return the best beginnings after one more column, scaled to at most 1."""
    following: defaultdict[str, _Scores] = defaultdict(lambda: [0.0, 0.0])
    for text, (of_blank, of_last) in beams.items():
        total = of_blank + of_last
        same = following[text]
        same[0] += total * row[BLANK]
        if text:
            same[1] += of_last * row[CHARACTERS.index(text[-1])]
        for choice in likely:
            character = CHARACTERS[choice]
            # the last character again needs a blank in between
            before = of_blank if text.endswith(character) else total
            following[text + character][1] += before * row[choice]
    best = sorted(following.items(), key=lambda item: -sum(item[1]))[:BEAM_WIDTH]
    scale = max(sum(best[0][1]), math.ulp(0.0))
    return {text: [a / scale, b / scale] for text, (a, b) in best if a + b > 0}
