"""Probabilities of strings, against all paths, and the best strings."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest

from numeye.models.characters import CHARACTERS
from numeye.recognition.transcription.ctc import (
    BLANK,
    find_best_strings,
    string_log_probabilities,
)

USED = (0, 1, 2, BLANK)  # all other classes are impossible, so that all paths can be tried


def random_logs(columns: int, seed: int) -> np.ndarray:
    """Return random log probabilities of three digits and the blank."""
    logs = np.full((columns, BLANK + 1), -np.inf)
    shares = np.random.default_rng(seed).dirichlet(np.ones(len(USED)), columns)
    logs[:, USED] = np.log(shares)
    return logs


def collapse(path: tuple[int, ...]) -> str:
    kept = [choice for place, choice in enumerate(path) if place == 0 or choice != path[place - 1]]
    return "".join(CHARACTERS[choice] for choice in kept if choice != BLANK)


def by_all_paths(logs: np.ndarray) -> dict[str, float]:
    """Return the probability of each string, from all paths one by one."""
    totals: dict[str, float] = {}
    for path in product(USED, repeat=len(logs)):
        probability = float(np.exp(sum(logs[place, choice] for place, choice in enumerate(path))))
        text = collapse(path)
        totals[text] = totals.get(text, 0.0) + probability
    return totals


@pytest.mark.parametrize("seed", range(4))
@pytest.mark.parametrize("columns", [1, 2, 6])
def test_the_probability_of_a_string_is_that_of_all_its_paths(columns: int, seed: int) -> None:
    logs = random_logs(columns, seed)
    expected = by_all_paths(logs)
    texts = list(expected)
    scores = np.exp(string_log_probabilities(logs, texts))
    assert scores == pytest.approx([expected[text] for text in texts])
    assert scores.sum() == pytest.approx(1)


def test_a_string_that_needs_more_columns_is_impossible() -> None:
    logs = random_logs(3, 0)
    scores = string_log_probabilities(logs, ["", "11", "111", "0121", "9"])
    assert np.isfinite(scores[:2]).all()
    assert (scores[2:] == -np.inf).all()
    assert len(string_log_probabilities(logs, [])) == 0
    assert string_log_probabilities(logs, [""])[0] == pytest.approx(logs[:, BLANK].sum())


@pytest.mark.parametrize("seed", range(6))
def test_the_search_finds_the_most_probable_strings(seed: int) -> None:
    logs = random_logs(6, seed)
    expected = by_all_paths(logs)
    best = sorted(expected, key=lambda text: -expected[text])
    assert find_best_strings(logs, 1) == best[:1]
    assert set(find_best_strings(logs, 4)[:2]) <= set(best[:4])


def test_long_lines_do_not_underflow() -> None:
    logs = np.tile(random_logs(1, 0), (400, 1))
    (best,) = find_best_strings(logs, 1)
    assert np.isfinite(string_log_probabilities(logs, [best])).all()
