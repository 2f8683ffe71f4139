"""Unsure numbers are read again as a whole."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from numeye.io.images import Page
from numeye.layout.constraints.constraints import Constraints
from numeye.layout.number_formats import NumberFormat
from numeye.models.characters import CHARACTERS
from numeye.recognition.number_reader import NumberReader
from numeye.recognition.page_reader import PageReader
from numeye.recognition.score_fusion import ScoreFusion
from numeye.recognition.transcription.ctc import BLANK
from numeye.recognition.transcription.line_fusion import LineFusion
from numeye.recognition.transcription.line_reader import LineReader
from numeye.results import Character, Number
from tests.recognition.test_page_reader import detect, line, page, recognizer
from tests.recognition.transcription.test_alignment import character

GREY = np.full((60, 300), 255, np.uint8)
Run = Callable[[np.ndarray], np.ndarray]


def saying(*texts: str, strength: float = 6.0) -> Run:
    """Return a network that reads these texts on all lines, each a little less than the one before.

    Texts have the same length; a place that differs holds all of its characters.
    """

    def run(pixels: np.ndarray) -> np.ndarray:
        columns = max(pixels.shape[2] // 4, 2 * len(texts[0]) + 1)
        logits = np.zeros((len(pixels), columns, BLANK + 1), np.float32)
        logits[:, :, BLANK] = strength
        for rank, text in enumerate(texts):
            for place, sign in enumerate(text):
                logits[:, 2 * place + 1, CHARACTERS.index(sign)] = 2 * strength - rank
        return logits

    return run


def number_of(*characters: Character, confidence: float = 0.4, **others: object) -> Number:
    return Number(characters=characters, confidence=confidence, **others)  # type: ignore[arg-type]


def numbers(constraints: Constraints | None = None, threshold: float = 0.5) -> NumberReader:
    return NumberReader(
        fusion=ScoreFusion(),
        threshold=threshold,
        constraints=constraints,
        number_format=NumberFormat(),
    )


def reread(
    run: Run,
    number: Number,
    constraints: Constraints | None = None,
    fusion: LineFusion | None = None,
) -> Number:
    reader = LineReader(run, fusion or LineFusion(weight=1.0))
    (changed,) = reader.reread(GREY, [number], numbers(constraints))
    return changed


UNSURE = number_of(character("1", 20, as_7=0.45), character("8", 40), row=2, table=0, column=1)


def test_the_line_decides_between_the_best_strings() -> None:
    changed = reread(saying("78"), UNSURE)
    assert changed.text == "78"
    assert changed.value == "78"
    assert changed.confidence > 0.9
    assert [part.box for part in changed.characters] == [part.box for part in UNSURE.characters]
    assert (changed.row, changed.table, changed.column) == (2, 0, 1)
    assert reread(saying("18"), UNSURE).text == "18"


def test_characters_agree_with_the_text_and_its_probability() -> None:
    changed = reread(saying("78"), UNSURE)
    for part in changed.characters:
        best = CHARACTERS[int(np.argmax(part.probabilities))]
        assert part.text == best
        assert sum(part.probabilities) == pytest.approx(1)
        assert 0 < part.confidence <= 1
    assert changed.best(1)[0][0] == changed.text


def test_a_sure_number_is_not_read_again() -> None:
    sure = number_of(*UNSURE.characters, confidence=0.96)
    assert reread(saying("78"), sure) is sure
    assert reread(saying("78"), sure, fusion=LineFusion(below=0.99)).text == "78"


def test_a_character_that_was_not_found_lies_between_its_neighbours() -> None:
    wide = number_of(character("1", 20), character("5", 80))
    changed = reread(saying("185"), wide)
    assert changed.text == "185"
    middle = changed.characters[1]
    assert middle.text == "8"
    assert 32 <= middle.box[0] < middle.box[0] + middle.box[2] <= 80
    assert middle.box[1::2] == (10, 20)


def test_two_digits_that_touch_were_found_as_one() -> None:
    one = number_of(character("0", 20), character("9", 34))
    changed = reread(saying("009"), one)
    assert changed.text == "009"
    lefts = [part.box[0] for part in changed.characters]
    assert lefts == sorted(lefts)
    assert all(part.box[2] > 0 for part in changed.characters)


def test_signs_at_the_ends_stay_on_the_picture() -> None:
    ends = number_of(character("1", 2), character("2", 280))
    changed = reread(saying("-12%"), ends)
    assert changed.text == "-12%"
    for left, top, width, height in (part.box for part in changed.characters):
        assert left >= 0
        assert left + width <= GREY.shape[1]
        assert top >= 0
        assert top + height <= GREY.shape[0]


def test_a_false_character_is_dropped() -> None:
    false = number_of(character("1", 20), character("7", 34, confidence=0.5), character("8", 50))
    changed = reread(saying("18"), false)
    assert changed.text == "18"
    assert [part.box[0] for part in changed.characters] == [20, 50]


def test_filler_strokes_stay_where_they_are() -> None:
    filled = number_of(character("#", 0), *UNSURE.characters, character("=", 60))
    changed = reread(saying("78"), filled)
    assert changed.text == "78"
    assert "".join(part.text for part in changed.characters) == "#78="


def test_constraints_leave_only_strings_that_fit() -> None:
    fits = reread(saying("78"), UNSURE, Constraints(pattern="1[0-9]"))
    assert fits.text == "18"
    assert fits.constraints is not None
    rescued = reread(saying("185"), UNSURE, Constraints(digits=3))
    assert rescued.text == "185"
    assert reread(saying("78"), UNSURE, Constraints(digits=7)) is UNSURE


def test_a_number_that_stays_unsure_is_rejected() -> None:
    flat = reread(saying("78", strength=0.1), UNSURE, fusion=LineFusion(number=(-3.0, 1.0, 0, 0)))
    assert flat.rejected == "unsure between 1 and 7"
    assert flat.text == ""


@pytest.mark.parametrize("said", ["--", "1~", "12-", "#1"])
def test_what_is_no_number_is_no_candidate(said: str) -> None:
    assert reread(saying(said), UNSURE).best_text in ("18", "78")


def test_lines_of_different_widths_are_read_in_batches() -> None:
    shapes: list[tuple[int, ...]] = []

    def run(pixels: np.ndarray) -> np.ndarray:
        shapes.append(pixels.shape)
        return saying("78")(pixels)

    long = number_of(character("1", 5, as_7=0.45), character("8", 250))
    reader = LineReader(run, LineFusion(weight=1.0))
    changed = reader.reread(GREY, [UNSURE, long, UNSURE, UNSURE], numbers())
    assert [number.text for number in changed] == ["78"] * 4
    assert sorted(shape[0] for shape in shapes) == [1, 3]
    assert {shape[1] for shape in shapes} == {32}
    assert reader.reread(GREY, [], numbers()) == []


def test_a_page_is_read_with_the_line_reader() -> None:
    digits = line("47", 20, 20)
    weak = ScoreFusion(number=(-3.0, 0.2))  # no number is confident
    arguments = detect, recognizer(3, 0.0), weak, 0.5
    without = PageReader(*arguments)  # type: ignore[arg-type]
    reader = PageReader(*arguments, line_reader=LineReader(saying("49"), LineFusion(weight=3.0)))  # type: ignore[arg-type]
    scan: Page = page(*digits)
    assert without.read([scan])[0].numbers[0].best_text == "47"
    reading = reader.read([scan])[0]
    assert reading.text == "49"
    assert [digit.digit for digit in reading.digits] == [4, 9]
    constrained = reader.with_constraints(Constraints(pattern="4[78]"))
    assert constrained.read([scan])[0].numbers[0].best_text == "47"
