"""Turns the candidates of a page into numbers, with confidences and reasons to reject."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from numeye.layout import reading_order, segmentation
from numeye.layout.constraints.automaton import strip_unit
from numeye.layout.constraints.constrained_search import Fit, find_best_fit
from numeye.layout.constraints.constraints import Constraints
from numeye.layout.number_bounds import find_impossible_signs, find_numbers
from numeye.layout.number_formats import NumberFormat
from numeye.layout.page_layout import PlacedNumbers
from numeye.layout.tables.columns import assign_columns
from numeye.layout.thousands_spaces import find_thousands_spaces
from numeye.models.characters import CHARACTERS, NO_CHARACTER
from numeye.recognition.boxes import to_result_box
from numeye.recognition.candidates import Candidates
from numeye.recognition.digit_readers import MIN_DIGIT_PX
from numeye.recognition.score_fusion import ScoreFusion
from numeye.results import TOO_SMALL, Character, Number, unsure_reason

MIN_LIKELY_DIGIT = 0.6  # confidence; see `without_doubtful`
# Probability of a sign where no number has it, as a share of that within a number. Brackets have
# more: they follow the numbers of a list.
STRAY_SHARES = {"/": 0.03, "(": 0.1, ")": 0.1}


@dataclass(frozen=True, kw_only=True)
class NumberReader:
    """Reads numbers from candidates.

    Attributes:
        fusion: says how confident a number is.
        threshold: least confidence of a number that is accepted, 0 to 1.
        constraints: what is known of every number; None for nothing.
        number_format: what is known of how numbers are written.
    """

    fusion: ScoreFusion
    threshold: float
    constraints: Constraints | None
    number_format: NumberFormat

    def read_parts(self, candidates: Candidates, parts: Sequence[PlacedNumbers]) -> list[Number]:
        """Read the numbers of a page, each with its row, and its cell if it is in a table.

        Without constraints, doubtful numbers are left out; see `without_doubtful`.

        Args:
            candidates: of the page.
            parts: its rows and cells.
        """
        numbers = [
            replace(number, table=part.table, column=part.column)
            for part in parts
            for number in self.read_row(candidates, part.numbers, part.row)
        ]
        return numbers if self.constraints else without_doubtful(numbers)

    def read_row(
        self, candidates: Candidates, row: reading_order.Row, row_index: int
    ) -> list[Number]:
        """Read the numbers of a row.

        Args:
            candidates: of the page.
            row: its numbers as the gaps between digits separate them.
            row_index: of the row on the page, from 0.
        """
        if not self.constraints:
            return [
                number
                for places in row
                for number in self._read_freely(candidates, places, row_index)
            ]
        segments = segmentation.split_row(
            candidates.boxes, row, candidates.class_logs(), candidates.is_likely, self.constraints
        )
        return [self._read_fit(candidates, places, fit, row_index) for places, fit in segments]

    def read_cell(self, candidates: Candidates, row_index: int) -> Number | None:
        """Read all candidates as one number, from left to right; None if there is no digit.

        Args:
            candidates: of the cell.
            row_index: of the cell in its grid, from 0.
        """
        centres = candidates.boxes[:, 0] + candidates.boxes[:, 2]
        places = np.argsort(centres, kind="stable").tolist()
        if not self.constraints:
            numbers = self._read_freely(candidates, places, row_index)
            return max(numbers, key=lambda number: len(number.digits), default=None)
        logs = candidates.class_logs()[places]
        fit = segmentation.credible_fit(find_best_fit(self.constraints, logs), logs)
        if fit is None and not segmentation.has_digit(logs):
            return None
        return self._read_fit(candidates, places, fit, row_index)

    def rebuild(
        self, number: Number, characters: tuple[Character, ...], confidence: float
    ) -> Number:
        """Return a number with other characters, for which it may be accepted or rejected.

        Args:
            number: as it was read; its place on the page stays.
            characters: that fit the constraints, if there are any.
            confidence: the probability that they are right, 0 to 1.
        """
        changed = replace(
            number,
            characters=characters,
            confidence=confidence,
            rejected=self._reason_to_reject(characters, confidence),
            constraints=str(self.constraints) if self.constraints else None,
            spaces=find_thousands_spaces(characters),
        )
        return self.number_format.apply(changed)

    def _read_freely(
        self, candidates: Candidates, places: list[int], row_index: int
    ) -> list[Number]:
        """Return the most probable numbers of characters without wide gaps."""
        candidates = _doubt_impossible_signs(candidates, places)
        characters = _best_characters(candidates, places)
        return [
            self._build(
                candidates, [places[n] for n in own], [characters[n] for n in own], row_index
            )
            for own in find_numbers([character.text for character in characters])
        ]

    def _build(
        self,
        candidates: Candidates,
        places: Sequence[int],
        characters: Sequence[Character],
        row_index: int,
    ) -> Number:
        """Return the number of these characters, with its confidence."""
        product = float(np.prod([part.confidence for part in characters if not part.filler]))
        product *= candidates.none_missed_probability(places)
        confidence = self.fusion.number_confidence(product)
        return self._number(tuple(characters), confidence, row_index)

    def _read_fit(
        self, candidates: Candidates, places: list[int], fit: Fit | None, row_index: int
    ) -> Number:
        """Return the number of a fit; without one the most probable number, rejected."""
        if fit is None:
            is_likely = candidates.is_likely
            likely = [place for place in places if is_likely[place]] or places
            free = self._build(candidates, likely, _best_characters(candidates, likely), row_index)
            return replace(free, rejected=f"does not fit {self.constraints}")
        characters = _characters(candidates, places, fit.choices)
        product = segmentation.fit_probability(fit, candidates.class_logs()[places])
        confidence = self.fusion.number_confidence(product)
        number = self._number(characters, confidence, row_index)
        return replace(number, constraints=str(self.constraints))

    def _number(
        self, characters: tuple[Character, ...], confidence: float, row_index: int
    ) -> Number:
        number = Number(
            characters=characters,
            confidence=confidence,
            row=row_index,
            rejected=self._reason_to_reject(characters, confidence),
            spaces=find_thousands_spaces(characters),
        )
        return self.number_format.apply(number)

    def _reason_to_reject(self, characters: tuple[Character, ...], confidence: float) -> str | None:
        if confidence >= self.threshold:
            return None
        least_sure = min(characters, key=lambda character: character.confidence)
        is_small = least_sure.is_digit and max(least_sure.box[2:]) < MIN_DIGIT_PX
        return TOO_SMALL if is_small else unsure_reason(least_sure)


def without_doubtful(numbers: Sequence[Number]) -> list[Number]:
    """Leave out numbers none of whose digits is likely; most of them are dirt or letters.

    Those in a table stay, and so do all if there is no other number.
    """
    if not any(map(_has_likely_digit, numbers)):
        return list(numbers)
    return [number for number in numbers if number.table is not None or _has_likely_digit(number)]


def _has_likely_digit(number: Number) -> bool:
    return any(digit.confidence >= MIN_LIKELY_DIGIT for digit in number.digits)


def place_in_rows(numbers: list[Number]) -> tuple[Number, ...]:
    """Set the place of each number in its row; outside of tables also the row and the column.

    Rows of the page without a number are not counted.
    """
    free = [number for number in numbers if number.table is None]
    rows = sorted({number.row for number in free})
    free = [replace(number, row=rows.index(number.row)) for number in free]
    boxes = np.array([number.box for number in free], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]  # from x, y, width, height
    columns = assign_columns(boxes, [number.row for number in free])
    if columns is not None:
        pairs = zip(free, columns, strict=True)
        free = [replace(number, column=column) for number, column in pairs]
    count_of_row: Counter[tuple[int | None, int]] = Counter()
    placed, following = [], iter(free)
    for number in numbers:
        number = next(following) if number.table is None else number
        row = number.table, number.row
        placed.append(replace(number, index=count_of_row[row]))
        count_of_row[row] += 1
    return tuple(placed)


def _doubt_impossible_signs(candidates: Candidates, places: Sequence[int]) -> Candidates:
    """Return the candidates with less probability of signs that no number has where they stand."""
    texts = [character.text for character in _best_characters(candidates, places)]
    impossible = find_impossible_signs(texts)
    if not impossible:
        return candidates
    probabilities = candidates.class_probabilities.copy()
    for place, text in impossible.items():
        row = probabilities[places[place]]
        row[CHARACTERS.index(text)] *= STRAY_SHARES[text]
        row /= row.sum()
    return replace(candidates, class_probabilities=probabilities)


def _best_characters(candidates: Candidates, places: Sequence[int]) -> list[Character]:
    choices = candidates.class_probabilities[list(places)].argmax(axis=1).tolist()
    pairs = zip(places, choices, strict=True)
    return [_character(candidates, place, choice) for place, choice in pairs]


def _characters(
    candidates: Candidates, places: Sequence[int], choices: Sequence[int]
) -> tuple[Character, ...]:
    """Return the chosen characters of a number, without the letters behind it.

    Args:
        candidates: of the page.
        places: of the candidates, from left to right.
        choices: for each place an index in `CHARACTERS`, or `NO_CHARACTER`.
    """
    chosen = [pair for pair in zip(places, choices, strict=True) if pair[1] != NO_CHARACTER]
    number = strip_unit("".join(CHARACTERS[choice] for _, choice in chosen))
    kept = chosen[: len(number)] or chosen
    return tuple(_character(candidates, place, choice) for place, choice in kept)


def _character(candidates: Candidates, place: int, choice: int) -> Character:
    probabilities = candidates.class_probabilities[place]
    return Character(
        text=CHARACTERS[choice],
        confidence=float(candidates.objectness[place] * probabilities[choice]),
        box=to_result_box(candidates.boxes[place], candidates.shape),
        probabilities=tuple(probabilities.tolist()),
    )
