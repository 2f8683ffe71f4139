"""Numbers of characters: their texts, their digits, and their most probable texts."""

from __future__ import annotations

from dataclasses import replace
from itertools import product
from math import prod
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.models.characters import CHARACTERS, FILLERS
from numeye.results import Character, Digit, Number, unsure_reason
from numeye.results.best_strings import find_best_strings


def character(shares: str | dict[str, float], x: int = 0, confidence: float = 0.9) -> Character:
    """A character whose answers have these shares, the first one is the best."""
    shares = {shares: 1.0} if isinstance(shares, str) else shares
    return Character(
        text=next(iter(shares)),
        confidence=confidence,
        box=(x, 5, 8, 12),
        probabilities=tuple(shares.get(item, 0.0) for item in CHARACTERS),
    )


def number(*parts: str | dict[str, float], **changes: Any) -> Number:
    characters = tuple(character(part, 10 * place) for place, part in enumerate(parts))
    return Number(characters=characters, confidence=0.9, **changes)


@pytest.mark.parametrize(
    ("text", "shown"),
    [("-20.5", "-20.5"), ("#150.00#", "150.00"), ("=*", ""), ("~23~", "~23~"), ("($18)", "($18)")],
)
def test_the_text_is_as_written_without_fillers(text: str, shown: str) -> None:
    result = number(*text)
    assert (result.text, result.best_text) == (shown, shown)
    rejected = replace(result, rejected="too small")
    assert (rejected.text, rejected.best_text) == ("", shown)


def test_spaces_stand_between_thousands_and_not_at_fillers() -> None:
    result = number(*"#1250,00=", spaces=(1, 2, 8))
    assert result.text == "1 250,00"
    assert result.best(1)[0][0] == "1 250,00"
    assert replace(result, digits_only=True).text == "125000"


def test_the_box_leaves_fillers_out_unless_there_is_nothing_else() -> None:
    assert number(*"##12#").box == (20, 5, 18, 12)
    assert number(*"##").box == (0, 5, 18, 12)


def test_digits_are_those_among_the_characters_with_shares_of_their_own() -> None:
    result = number("-", {"4": 0.6, "9": 0.2, "-": 0.2}, ".", "5")
    four, five = result.digits
    assert (four.digit, four.confidence, four.box) == (4, 0.9, (10, 5, 8, 12))
    assert four.probabilities == pytest.approx([0, 0, 0, 0, 0.75, 0, 0, 0, 0, 0.25])
    assert five.probabilities[5] == 1
    forced = replace(character("~"), text="7").to_digit()
    assert forced.probabilities == pytest.approx([0.1] * 10)
    with pytest.raises(ValueError, match="invalid literal"):
        character("-").to_digit()


@given(st.lists(st.floats(0.001, 1), min_size=10, max_size=10), st.integers(0, 9))
def test_a_digit_is_the_same_after_it_was_a_character(shares: list[float], answer: int) -> None:
    probabilities = tuple(share / sum(shares) for share in shares)
    digit = Digit(digit=answer, confidence=0.5, box=(1, 2, 3, 4), probabilities=probabilities)
    back = Character.of_digit(digit).to_digit()
    assert (back.digit, back.confidence, back.box) == (answer, 0.5, (1, 2, 3, 4))
    np.testing.assert_allclose(back.probabilities, probabilities)


def test_a_rejected_number_has_no_meaning() -> None:
    result = number(*"407", kind="integer", value="407", alternatives=("4.07",), date="x")
    assert result.value == "407"
    rejected = replace(result, rejected="unsure between 0 and 6")
    assert (rejected.value, rejected.date, rejected.alternatives) == (None, None, ())
    assert (rejected.kind, rejected.confidence) == ("integer", 0.9)


def test_the_json_of_a_number_is_the_contract() -> None:
    corners = ((0.0, 5.0), (8.5, 5.0), (8.5, 17.0), (0.0, 17.0))
    result = number("-", {"7": 0.98, ".": 0.02}, "#", kind="integer", value="-7", table=1, column=2)
    stored = result.to_dict()
    assert list(stored) == [
        *("text", "kind", "value", "date", "alternatives", "struck_out", "confidence", "rejected"),
        *("row", "index", "column", "table", "box", "characters", "digits"),
    ]
    assert (stored["text"], stored["value"], stored["date"]) == ("-7", "-7", None)
    assert (stored["alternatives"], stored["struck_out"]) == ([], False)
    assert (stored["row"], stored["column"], stored["table"]) == (0, 2, 1)
    assert stored["characters"] == [
        {"text": "-", "confidence": 0.9, "box": [0, 5, 8, 12], "probabilities": {"-": 1.0}},
        {
            "text": "7",
            "confidence": 0.9,
            "box": [10, 5, 8, 12],
            "probabilities": {"7": 0.98, ".": 0.02},
        },
        {
            "text": "#",
            "confidence": 0.9,
            "box": [20, 5, 8, 12],
            "probabilities": {"#": 1.0},
            "filler": True,
        },
    ]
    assert [digit["digit"] for digit in stored["digits"]] == [7]
    turned = replace(
        result,
        quad=corners,
        constraints="1 digit",
        characters=(replace(result.characters[1], quad=corners),),
    ).to_dict()
    assert turned["quad"] == turned["characters"][0]["quad"] == [list(point) for point in corners]
    assert turned["constraints"] == "1 digit"


def test_json_has_the_ten_most_probable_answers_at_most() -> None:
    even = dict.fromkeys(CHARACTERS, 1 / len(CHARACTERS))
    assert len(character(even).to_dict()["probabilities"]) == 10
    stored = character({"7": 0.9, ".": 0.0995, "1": 0.0005}).to_dict()["probabilities"]
    assert list(stored.items()) == [("7", 0.9), (".", 0.0995)]


def test_the_best_texts_are_distinct_and_their_probabilities_products() -> None:
    result = number({"-": 0.9, "~": 0.1}, {"4": 0.6, "9": 0.3, "1": 0.1}, {"=": 0.8, "1": 0.2})
    assert result.best(10) == [
        ("-4", pytest.approx(0.432)),
        ("-9", pytest.approx(0.216)),
        ("-1", pytest.approx(0.072)),
        ("~4", pytest.approx(0.048)),
        ("~9", pytest.approx(0.024)),
        ("~1", pytest.approx(0.008)),
    ]
    assert result.best(1) == result.best(10)[:1]
    assert result.best(0) == []


def test_the_best_texts_of_digits_alone_have_digits_alone() -> None:
    result = number({"-": 0.9, "7": 0.1}, {"4": 0.6, "9": 0.3, ".": 0.1}, digits_only=True)
    assert result.text == "4"
    assert result.best(5) == [("4", pytest.approx(0.54)), ("9", pytest.approx(0.27))]


def test_a_text_of_many_doubtful_characters_is_found_at_once() -> None:
    even = dict.fromkeys(CHARACTERS, 1 / len(CHARACTERS))
    best = number(*[even] * 40).best(50)
    assert len({text for text, _ in best}) == 50


@given(
    st.lists(
        st.lists(st.floats(0, 1), min_size=1, max_size=4).filter(lambda shares: sum(shares) > 0),
        min_size=1,
        max_size=4,
    ),
    st.integers(1, 40),
)
def test_no_string_is_more_probable_than_the_best(shares: list[list[float]], count: int) -> None:
    answers = [list(zip("abcd", row, strict=False)) for row in shares]
    every = sorted(
        (
            (prod(share for _, share in choice), tuple(text for text, _ in choice))
            for choice in product(*([item for item in row if item[1] > 0] for row in answers))
        ),
        reverse=True,
    )
    best = find_best_strings(answers, count)
    assert [share for _, share in best] == [share for share, _ in every][:count]
    assert len({texts for texts, _ in best}) == len(best)
    assert {(share, texts) for texts, share in best} <= set(every)


@given(st.text(CHARACTERS, min_size=1, max_size=8), st.integers(1, 5))
def test_the_best_text_is_the_text(text: str, count: int) -> None:
    parts = [{item: 0.7, "5": 0.2, "=": 0.1} | {item: 0.7} for item in text]
    result = number(*parts)
    best = result.best(count)
    assert best[0][0] == result.text == "".join(item for item in text if item not in FILLERS)
    shares = [share for _, share in best]
    assert shares == sorted(shares, reverse=True)


def test_a_doubtful_character_is_named_with_its_rival() -> None:
    assert unsure_reason(character({"9": 0.5, "4": 0.4})) == "unsure between 4 and 9"
    assert unsure_reason(character({"~": 0.5, "1": 0.4})) == "unsure between 1 and a letter"
    assert unsure_reason(number({"4": 0.5, "9": 0.4}).digits[0]) == "unsure between 4 and 9"
