"""Strings against the characters that were found."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.models.characters import CHARACTERS
from numeye.recognition.transcription.alignment import align, character_logs
from numeye.results import Character

INSERTED = -4.0


def character(text: str, left: int, *, confidence: float = 0.9, **others: float) -> Character:
    """Return a character that may also be others."""
    shares = np.zeros(len(CHARACTERS))
    for name, share in others.items():
        shares[CHARACTERS.index(name.removeprefix("as_"))] = share
    shares[CHARACTERS.index(text)] = 1 - shares.sum()
    return Character(
        text=text,
        confidence=confidence * float(shares[CHARACTERS.index(text)]),
        box=(left, 10, 12, 20),
        probabilities=tuple(shares.tolist()),
    )


FOUND = [character("1", 0, as_7=0.2), character("8", 20), character("5", 40)]


def test_a_string_of_as_many_characters_has_the_product_of_their_probabilities() -> None:
    logs = character_logs(FOUND)
    same = align("185", logs, INSERTED)
    assert same.log_probability == pytest.approx(np.log(0.9 * 0.8 * 0.9 * 0.9))
    assert same.places == (0, 1, 2)
    other = align("785", logs, INSERTED)
    assert other.log_probability == pytest.approx(np.log(0.9 * 0.2 * 0.9 * 0.9))


def test_characters_may_be_left_out_and_put_in() -> None:
    logs = character_logs(FOUND)
    shorter = align("15", logs, INSERTED)
    assert shorter.places == (0, 2)
    assert shorter.log_probability == pytest.approx(np.log(0.9 * 0.8 * 0.1 * 0.9))
    longer = align("1845", logs, INSERTED)
    assert longer.places == (0, 1, None, 2)
    assert longer.log_probability == pytest.approx(np.log(0.9 * 0.8 * 0.9 * 0.9) + INSERTED)
    ends = align("-185%", logs, INSERTED)
    assert ends.places == (None, 0, 1, 2, None)


def test_nothing_in_common_is_possible_but_unlikely() -> None:
    logs = character_logs(FOUND)
    assert align("00", logs, INSERTED).log_probability < align("18", logs, INSERTED).log_probability
    assert align("", logs, INSERTED).places == ()
