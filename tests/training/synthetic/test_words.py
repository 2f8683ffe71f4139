"""Words on synthetic pages: letters on a line, in their sizes, that leave room for numbers."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.models.characters import CHARACTERS, DIGITS, OTHER
from numeye.training.synthetic import fonts, words
from numeye.training.synthetic.canvas import UNREADABLE, Canvas
from numeye.training.synthetic.distance_fields import (
    FIELD_PX,
    DistanceFields,
    edge_field,
    encode_field,
)
from numeye.training.synthetic.parameters import Ranges
from numeye.training.synthetic.rasterizer import Rasterizer
from numeye.training.synthetic.signs import label_of
from numeye.training.synthetic.words import WordWriter

PLAIN = Rasterizer(size=70, ranges=Ranges(), without=("shape", "ink"))


@pytest.fixture(scope="module")
def blocks() -> WordWriter:
    """Return a font whose x is 0.7 high and whose p reaches 0.3 below the line; both are square."""
    mask = np.zeros((FIELD_PX, FIELD_PX), np.uint8)
    mask[6:50, 6:50] = 255
    edge = np.stack([encode_field(edge_field(mask))] * 2)
    return WordWriter(
        fields=DistanceFields(edge=edge, skeleton=None, labels=np.full(2, 10)),
        heights=np.array([0.7, 1.0], np.float32),
        descents=np.array([0.0, 0.3], np.float32),
        fonts=[{"x": 0, "p": 1}],
    )


def written(blocks: WordWriter, text: str, monkeypatch: pytest.MonkeyPatch, canvas: Canvas) -> None:
    monkeypatch.setattr(words, "_sample_text", lambda *_: text)
    blocks.write(canvas, PLAIN, 40.0, 10, 30, len(text), np.random.default_rng(0))


@pytest.mark.parametrize(("text", "top", "bottom"), [("xxx", 42, 70), ("p", 42, 82)])
def test_letters_stand_on_a_line_or_hang_below_it(
    text: str, top: int, bottom: int, blocks: WordWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = Canvas(160)
    written(blocks, text, monkeypatch, canvas)
    rows = np.flatnonzero(canvas.drawing.max(axis=1) > 0.5)
    assert (rows[0], rows[-1] + 1) == pytest.approx((top, bottom), abs=2)


def test_letters_have_small_gaps_and_words_large_ones(
    blocks: WordWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    canvas = Canvas(160)
    written(blocks, "xx x", monkeypatch, canvas)
    columns = np.flatnonzero(canvas.drawing.max(axis=0) > 0.5)
    near, wide = sorted(np.diff(columns)[np.diff(columns) > 1].tolist())
    assert near < 10 < wide


def test_words_leave_room_for_digits(blocks: WordWriter, monkeypatch: pytest.MonkeyPatch) -> None:
    canvas, digit = Canvas(160), np.ones((30, 20), np.float32)
    canvas.paste(digit, 40, 40, 3)
    written(blocks, "xxxxx", monkeypatch, canvas)
    assert canvas.labels[0] == 3
    letters = [label for label in canvas.labels[1:] if label != UNREADABLE]
    assert set(letters) == {CHARACTERS.index(OTHER)}
    columns = np.flatnonzero(canvas.drawing[45:65].max(axis=0) > 0.5)
    assert set(range(40, 60)) <= set(columns.tolist())
    assert len(columns) > 60  # some letters are beside it


def sample_rows(kind: str) -> list[str]:
    """Return rows of letters, of digits and signs, or of any characters."""
    font, rng = dict.fromkeys(fonts.LETTERS + fonts.SIGNS, 0), np.random.default_rng(0)
    rows = [words._sample_text(font, 60, rng) for _ in range(600)]
    assert all(len(row) <= 60 for row in rows)
    kinds = {
        "letters": lambda row: not set(row) - set(fonts.LETTERS + " "),
        "digits": lambda row: set(row) & set(DIGITS),
        "any": lambda row: set(row) & set("{}[]<>\\"),
    }
    return [row for row in rows if kinds[kind](row)]


def test_words_hold_every_letter() -> None:
    rows = sample_rows("letters")
    assert set("abcdefghijklmnopqrstuvwxyz") <= set("".join(rows))
    assert any(row.isupper() for row in rows)
    assert len(rows) > 300


def test_numbers_and_codes_have_digits_signs_and_capitals_that_look_like_none() -> None:
    characters = set("".join(sample_rows("digits")))
    assert characters >= set(DIGITS + ".,-/$%" + "ACEF")
    assert not characters & set("OQIZSB")


def test_rows_of_any_characters_have_none_that_looks_like_a_digit() -> None:
    rows = sample_rows("any")
    assert len(rows) > 40
    assert not set("".join(rows)) & set(fonts.LOOKALIKES + DIGITS)


@pytest.mark.parametrize(
    ("text", "height", "labels"),
    [
        ("xI1", 20, [OTHER, OTHER, "1"]),
        ("I", 20, [UNREADABLE]),  # it may be a 1
        ("I 7", 20, [UNREADABLE, None, "7"]),
        ("a", 7, [UNREADABLE]),
        ("a", 5, [None]),
        ("1/2", 20, ["1", "/", "2"]),
        ("?", 20, [OTHER]),
    ],
)
def test_each_character_has_the_label_that_its_neighbours_allow(
    text: str, height: int, labels: list[str | int | None]
) -> None:
    expected = [label_of(label) if isinstance(label, str) else label for label in labels]
    characters = [place for place, character in enumerate(text) if character != " "]
    assert [words._label(text, place, height) for place in characters] == [
        label for label, character in zip(expected, text, strict=True) if character != " "
    ]
