"""Words on synthetic pages: letters on a line, in their sizes, that go round numbers."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.training.paper import fonts, words
from numeye.training.paper.hand import Hand
from numeye.training.paper.ink import SIDE, Fields, edge_field, pack
from numeye.training.paper.ranges import Ranges
from numeye.training.paper.sheet import Sheet
from numeye.training.paper.words import Words

PLAIN = Hand(size=70, ranges=Ranges(), without=("shape", "ink"))


@pytest.fixture(scope="module")
def blocks() -> Words:
    """A font whose x is 0.7 high and whose p hangs below the line by 0.3; both are squares."""
    mask = np.zeros((SIDE, SIDE), np.uint8)
    mask[6:50, 6:50] = 255
    edge = np.stack([pack(edge_field(mask))] * 2)
    return Words(
        fields=Fields(edge=edge, line=None, labels=np.full(2, 10)),
        heights=np.array([0.7, 1.0], np.float32),
        feet=np.array([0.0, 0.3], np.float32),
        fonts=[{"x": 0, "p": 1}],
    )


def written(blocks: Words, text: str, monkeypatch: pytest.MonkeyPatch, sheet: Sheet) -> None:
    monkeypatch.setattr(words, "_text", lambda *_: text)
    blocks.write(sheet, PLAIN, 40.0, 10, 30, len(text), np.random.default_rng(0))


@pytest.mark.parametrize(("text", "top", "bottom"), [("xxx", 42, 70), ("p", 42, 82)])
def test_letters_stand_on_a_line_or_hang_below_it(
    text: str, top: int, bottom: int, blocks: Words, monkeypatch: pytest.MonkeyPatch
) -> None:
    sheet = Sheet(160)
    written(blocks, text, monkeypatch, sheet)
    rows = np.flatnonzero(sheet.ink.max(axis=1) > 0.5)
    assert (rows[0], rows[-1] + 1) == pytest.approx((top, bottom), abs=2)


def test_words_are_parted_and_letters_too(blocks: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet = Sheet(160)
    written(blocks, "xx x", monkeypatch, sheet)
    inked = np.flatnonzero(sheet.ink.max(axis=0) > 0.5)
    near, wide = sorted(np.diff(inked)[np.diff(inked) > 1].tolist())
    assert near < 10 < wide


def test_words_go_round_digits(blocks: Words, monkeypatch: pytest.MonkeyPatch) -> None:
    sheet, digit = Sheet(160), np.ones((30, 20), np.float32)
    sheet.put(digit, 40, 40, 3)
    written(blocks, "xxxxx", monkeypatch, sheet)
    assert sheet.labels == [3]
    inked = np.flatnonzero(sheet.ink[45:65].max(axis=0) > 0.5)
    assert set(range(40, 60)) <= set(inked.tolist())
    assert len(inked) > 60  # some letters have found room


def test_words_hold_every_letter_and_rows_of_signs_none_that_looks_like_a_digit() -> None:
    font, random = dict.fromkeys(fonts.LETTERS + fonts.SIGNS, 0), np.random.default_rng(0)
    rows = [words._text(font, 60, random) for _ in range(400)]
    signs = [row for row in rows if set(row) & set("{}#~")]
    text = [row for row in rows if not set(row) & set("{}#~")]
    assert len(text) > 2 * len(signs) > 100
    assert not set("".join(signs)) & set(fonts.LOOKALIKES)
    assert set("abcdefghijklmnopqrstuvwxyz") <= set("".join(text))
    assert any(row.isupper() for row in text)
    assert all(len(row) <= 60 for row in rows)
