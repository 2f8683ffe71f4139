"""Reads unsure numbers of a page again, as a whole, and scores their best strings anew.

1. Each number below a confidence is cut out of the page (`line_pictures.py`).
2. The network for transcription gives log probabilities of the characters of each column.
3. Candidates are the best strings of detector and recognizer, and the best ones of the network.
   With constraints only those that fit.
4. Each is scored by both ways of reading (`alignment.py`, `ctc.py`), and the best one is taken
   (`line_fusion.py`).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.constraints.constraints import Constraints
from numeye.layout.number_bounds import find_numbers
from numeye.models.card import Model
from numeye.models.characters import DIGITS, FILLERS
from numeye.models.probabilities import log_softmax
from numeye.models.runtime import Network
from numeye.recognition.number_reader import NumberReader
from numeye.recognition.transcription import ctc
from numeye.recognition.transcription.alignment import align, character_logs
from numeye.recognition.transcription.line_fusion import Candidates, LineFusion
from numeye.recognition.transcription.line_pictures import add_margins, cut_line, stack_lines
from numeye.recognition.transcription.rewriting import rewrite
from numeye.results import Character, Number

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

    Grey = UInt8[np.ndarray, "height width"]
    ColumnLogs = Float64[np.ndarray, "columns 29"]

PARTS_COUNT = 12  # best strings of detector and recognizer that are candidates
LINES_COUNT = 8  # and of the network for transcription
BATCH_WIDTH_PX = 32  # lines of the same multiple of it are one batch

# (n, 32, width) grey, 0 black to 1 white, in; out (n, width / 4, 29) logits.
RunLines = Callable[["Float32[np.ndarray, 'n 32 width']"], "Float32[np.ndarray, 'n columns 29']"]


class LineReader:
    """Reads numbers as a whole.

    Args:
        run: runs a network for transcription; see `RunLines`.
        fusion: weights of the fusion with detector and recognizer.
    """

    def __init__(self, run: RunLines, fusion: LineFusion) -> None:
        self._run = run
        self.fusion = fusion

    @classmethod
    def of_model(cls, network: Network, model: Model) -> LineReader:
        """Return the reader of a model for transcription, with the weights of its card.

        Raises:
            ModelError: the card states impossible weights.
        """
        return cls(lambda pixels: network(pixels)[0], LineFusion.from_card(model))

    def reread(self, grey: Grey, numbers: Sequence[Number], reader: NumberReader) -> list[Number]:
        """Return the numbers of a page, the unsure ones read again.

        Args:
            grey: the page in which they were found.
            numbers: with boxes in its pixels.
            reader: has read them; it knows their constraints and least confidence.
        """
        unsure = [place for place, number in enumerate(numbers) if self._is_unsure(number)]
        logs = self.column_logs(grey, [numbers[place] for place in unsure])
        changed = list(numbers)
        for place, columns in zip(unsure, logs, strict=True):
            changed[place] = self.reread_number(numbers[place], columns, reader, grey.shape)
        return changed

    def column_logs(self, grey: Grey, numbers: Sequence[Number]) -> list[ColumnLogs]:
        """Return for each number the log probabilities of its columns.

        Args:
            grey: the page.
            numbers: with boxes in its pixels.
        """
        lines = [cut_line(grey, add_margins(_bounds(number))) for number in numbers]
        batches = defaultdict[int, list[int]](list)
        for place, line in enumerate(lines):
            batches[-(-line.shape[1] // BATCH_WIDTH_PX)].append(place)
        logs: dict[int, ColumnLogs] = {}
        for places in batches.values():
            logits = self._run(stack_lines([lines[place] for place in places]))
            logs |= zip(places, map(log_softmax, logits), strict=True)
        return [logs[place] for place in range(len(lines))]

    def _is_unsure(self, number: Number) -> bool:
        return number.confidence < self.fusion.below and bool(visible_characters(number))

    def reread_number(
        self, number: Number, columns: ColumnLogs, reader: NumberReader, shape: tuple[int, ...]
    ) -> Number:
        """Return an unsure number, read again.

        Args:
            number: as it was read.
            columns: log probabilities of its columns.
            reader: has read it.
            shape: height and width of the page.
        """
        fusion = self.fusion
        candidates = find_candidates(number, columns, reader.constraints, fusion.inserted)
        if candidates is None:
            return number
        shares = fusion.shares(candidates)
        characters = rewrite(number, candidates.texts, shares, fusion.inserted, shape)
        confidence = fusion.confidence(candidates, int(shares.argmax()))
        return reader.rebuild(number, characters, confidence)


def find_candidates(
    number: Number, columns: ColumnLogs, constraints: Constraints | None, inserted: float
) -> Candidates | None:
    """Return what a number may be; None if nothing is possible.

    Args:
        number: as it was read.
        columns: log probabilities of its columns.
        constraints: what is known of it; None for nothing.
        inserted: log probability of a character that was not found.
    """
    # Without spaces, and with signs even where the text leaves them out.
    written = replace(number, rejected=None, spaces=(), digits_only=False)
    parts = [text for text, _ in written.best(PARTS_COUNT)]
    texts = dict.fromkeys([*parts, *ctc.find_best_strings(columns, LINES_COUNT)])
    possible = tuple(text for text in texts if _is_possible(text, written.best_text, constraints))
    if not possible:
        return None
    logs = character_logs(visible_characters(number))
    aligned = [align(text, logs, inserted).log_probability for text in possible]
    return Candidates(possible, np.array(aligned), ctc.string_log_probabilities(columns, possible))


def visible_characters(number: Number) -> list[Character]:
    """Return the characters of a number without filler strokes."""
    return [character for character in number.characters if not character.filler]


def _bounds(number: Number) -> tuple[float, float, float, float]:
    left, top, width, height = number.box
    return float(left), float(top), float(left + width), float(top + height)


def _is_possible(text: str, read: str, constraints: Constraints | None) -> bool:
    """Tell whether a string is a number, and meets the constraints if there are any."""
    if any(filler in text for filler in FILLERS) or not any(digit in text for digit in DIGITS):
        return False
    if constraints:
        return constraints.fits(text)
    return text == read or find_numbers(text) == [[*range(len(text))]]
