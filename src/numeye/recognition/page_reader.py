"""Reads the numbers of a page.

1. Rings around numbers are erased (`numeye.recognition.rings`).
2. The detector finds every digit of the page (`numeye.recognition.detector`).
3. The recognizer classifies each of them, in a crop with some context.
4. The scores of both are combined (`numeye.recognition.score_fusion`).
5. The digits become numbers, rows and columns (`numeye.recognition.number_reader`).
6. Unsure numbers are read again as a whole, with a network for `transcription` if there is one.

A page on which the detector finds no number may still hold one digit, which is localized from
coarse to fine (`numeye.recognition.localizer`).
"""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.io.images import Page
from numeye.layout.answer_bubbles import find_bubbles
from numeye.layout.constraints.constraints import Constraints
from numeye.layout.number_formats import NumberFormat
from numeye.layout.page_layout import PageLayout, arrange_page
from numeye.models.card import Model
from numeye.models.probabilities import NO_DIGIT, log_softmax
from numeye.models.runtime import Network
from numeye.recognition import detector, localizer
from numeye.recognition.boxes import Detections, iou
from numeye.recognition.candidates import MIN_LIKELY, MIN_POSSIBLE, Candidates
from numeye.recognition.crops import cut_around
from numeye.recognition.digit_readers import NO_REJECTION, LocalizationReader
from numeye.recognition.localizer import CONTEXT
from numeye.recognition.number_reader import NumberReader, place_in_rows
from numeye.recognition.orientation import orientation
from numeye.recognition.orientation.turning import TurnedPage, move_to_stored, turn_upright
from numeye.recognition.preprocessing import frame
from numeye.recognition.rings import erase_rings
from numeye.recognition.score_fusion import ScoreFusion
from numeye.recognition.strike_out import mark_struck_out
from numeye.recognition.table_reading import add_text_cells, build_tables
from numeye.recognition.transcription.line_reader import LineReader
from numeye.results import BLANK, NOT_A_DIGIT, Character, Number, Reading, unsure_reason

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    ClassLogs = Float64[np.ndarray, "n 11"]
    Grey = UInt8[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class PageReaderLimits:
    """When a page is turned or refined, and when a single digit is accepted.

    Attributes:
        min_turned_px: pages whose shorter side is smaller are taken to lie as they should.
        confident_number: a page is not refined where all numbers are this confident.
        max_refined_pixels: pages of which the detector receives more pixels at first are not
            refined, unless they are narrow.
        min_digit_share: characters that are less probably digits are not classified.
        same_box_iou: from this intersection over union on, a refined box is the same as before, and
            is not classified again.
        min_single_confidence: of a digit that only the localizer found.
    """

    min_turned_px: int = 200
    confident_number: float = 0.9
    max_refined_pixels: int = 500_000
    min_digit_share: float = 0.02
    same_box_iou: float = 0.7
    min_single_confidence: float = 0.9


LIMITS = PageReaderLimits()


class PageReader:
    """Reads all numbers of a page.

    Args:
        run_detector: runs the detector on one picture; see `numeye.recognition.detector.Network`.
        run_recognizer: runs the recognizer on crops; see `numeye.recognition.localizer.Network`.
        fusion: weights that combine their scores.
        threshold: least confidence of a number that is accepted, 0 to 1.
        single_reader: reads one digit where no number is found; None to read none.
        line_reader: reads unsure numbers again as a whole; None to leave them as they are.
        constraints: what is known of every number; None for nothing.
        number_format: what is known of how numbers are written.
    """

    def __init__(
        self,
        run_detector: detector.Network,
        run_recognizer: localizer.Network,
        fusion: ScoreFusion,
        threshold: float = 0.0,
        *,
        single_reader: LocalizationReader | None = None,
        line_reader: LineReader | None = None,
        constraints: Constraints | None = None,
        number_format: NumberFormat | None = None,
    ) -> None:
        self._run_detector = run_detector
        self._run_recognizer = run_recognizer
        self._single_reader = single_reader
        self._line_reader = line_reader
        self._is_table = False
        self._numbers = NumberReader(
            fusion=fusion,
            threshold=threshold,
            constraints=constraints,
            number_format=number_format or NumberFormat(),
        )

    def with_constraints(self, constraints: Constraints | None) -> PageReader:
        """Return the same reader with other constraints; it keeps its own if these say nothing."""
        return PageReader(
            self._run_detector,
            self._run_recognizer,
            self._numbers.fusion,
            self._numbers.threshold,
            single_reader=self._single_reader,
            line_reader=self._line_reader,
            constraints=constraints or self._numbers.constraints,
            number_format=self._numbers.number_format.with_constraints(constraints),
        )

    def for_tables(self) -> PageReader:
        """Return the same reader for pages that are known to hold tables; it reads only these."""
        reader = copy(self)
        reader._is_table, reader._single_reader = True, None
        return reader

    def read(self, pages: list[Page]) -> list[Reading]:
        """Return one reading a page."""
        return [self._read_page(page, may_turn=True) for page in pages]

    def read_region(self, region: Page) -> Reading:
        """Read a part of a page. It is never turned: whoever chose it knows how it lies."""
        return self._read_page(region, may_turn=False)

    def read_cells(
        self, grey: Grey, rows: list[int], columns: list[int]
    ) -> dict[tuple[int, int], Number]:
        """Read the number of each cell of a grid; empty cells are left out.

        Args:
            grey: (height, width) uint8, the straightened grid.
            rows: edges of the rows in pixels: where each begins, and where the last one ends.
            columns: edges of the columns.

        Returns:
            The numbers by row and column, from 0.
        """
        candidates = self._combine(grey, *self.detect_and_classify(grey))
        centres = (candidates.boxes[:, :2] + candidates.boxes[:, 2:]) / 2
        row, column = (
            np.searchsorted(edges, centres[:, axis], "right") - 1
            for axis, edges in ((1, rows), (0, columns))
        )
        numbers = {}
        for cell in sorted({(int(y), int(x)) for y, x in zip(row, column, strict=True)}):
            inside = candidates.select((row == cell[0]) & (column == cell[1]))
            number = self._numbers.read_cell(self._select_possible(inside), cell[0])
            if number is not None:
                numbers[cell] = replace(number, index=cell[1], column=cell[1])
        return numbers

    def find_quarter_turns(self, grey: Grey) -> int:
        """Return by how many quarters a picture must be turned counter-clockwise to be read best.

        Args:
            grey: (height, width) uint8.
        """
        detections = detector.detect(grey, self._run_detector)
        return orientation.find_quarter_turns(grey, detections, self._run_detector) or 0

    def detect_and_classify(self, grey: Grey) -> tuple[Detections, ClassLogs]:
        """Detect the digits of a picture and classify each.

        Args:
            grey: (height, width) uint8.

        Returns:
            The detections, and the recognizer's log probabilities of the ten digits and of
            "no digit" for each.
        """
        grey, detections = self._detect(grey)
        if not len(detections):
            return detections, np.zeros((0, NO_DIGIT + 1))
        return detections, self._classify(grey, detections)

    def _detect(self, grey: Grey) -> tuple[Grey, Detections]:
        """Detect the characters of a picture; without the rings on it where that loses none.

        Returns:
            The picture in which they were detected, and the detections.
        """
        detections = detector.detect(grey, self._run_detector)
        erased = erase_rings(grey)
        if erased is grey:
            return grey, detections
        others = detector.detect(erased, self._run_detector)
        loses = (others.objectness >= 0).sum() < (detections.objectness >= 0).sum()
        return (grey, detections) if loses else (erased, others)

    def _read_page(self, page: Page, *, may_turn: bool) -> Reading:
        grey, detections = self._detect(page.grey)
        erased = replace(page, grey=grey)
        if may_turn and min(page.grey.shape) >= LIMITS.min_turned_px:
            turned = turn_upright(erased, detections, self._run_detector)
            reading = turned and self._read_turned(page, turned)
            if reading:
                return reading
        return self._read_numbers(page, grey, detections) or self._read_single(page)

    def _read_turned(self, page: Page, turned: TurnedPage) -> Reading | None:
        """Read a page as it was turned, with boxes of the page as stored; None if it is empty."""
        upright = replace(page, grey=turned.transform.turn(page.grey))
        reading = self._read_numbers(upright, turned.page.grey, turned.detections)
        return reading and move_to_stored(reading, turned.transform, page.grey)

    def _read_numbers(self, page: Page, erased: Grey, detections: Detections) -> Reading | None:
        """Read the numbers of a page that lies as it should; None if there is none.

        Args:
            page: with its ruled lines, and strokes through numbers.
            erased: (height, width) uint8, the page without rings.
            detections: of the page without rings.
        """
        if not len(detections):
            return None
        class_logs = self._classify(erased, detections)
        layout, numbers = self._find_numbers(page.grey, erased, detections, class_logs)
        if _is_worth_refining(page.grey, numbers):
            refined = self._refine(erased, detections, class_logs)
            refined_layout, refined_numbers = self._find_numbers(page.grey, erased, *refined)
            if refined_numbers:
                layout, numbers = refined_layout, refined_numbers
        if self._line_reader is not None:
            numbers = self._line_reader.reread(erased, numbers, self._numbers)
        return self._reading(page, layout, numbers)

    def _refine(
        self, grey: Grey, first: Detections, class_logs: ClassLogs
    ) -> tuple[Detections, ClassLogs]:
        """Average over more scales; only boxes that have moved are classified again."""
        detections = detector.refine(grey, first, self._run_detector)
        overlaps = np.stack([iou(box, first.boxes) for box in detections.boxes])  # (n, m)
        is_same = overlaps.max(axis=1) >= LIMITS.same_box_iou
        refined_logs = class_logs[overlaps.argmax(axis=1)]
        refined_logs[~is_same] = self._classify(grey, detections.select(~is_same))
        return detections, refined_logs

    def _classify(self, grey: Grey, detections: Detections) -> ClassLogs:
        """Classify what may be digits; of other characters the recognizer knows nothing."""
        class_logs = np.full((len(detections), NO_DIGIT + 1), -np.log(NO_DIGIT + 1))
        may_be_digit = detections.digit_shares >= LIMITS.min_digit_share
        if may_be_digit.any():
            crops = cut_around(grey, detections.boxes[may_be_digit], CONTEXT)
            logits, _ = self._run_recognizer(crops)
            class_logs[may_be_digit] = log_softmax(logits)
        return class_logs

    def _find_numbers(
        self, grey: Grey, erased: Grey, detections: Detections, class_logs: ClassLogs
    ) -> tuple[PageLayout, list[Number]]:
        """Return the rows and cells of a page, and its numbers in reading order."""
        candidates = self._select_possible(self._combine(grey, detections, class_logs))
        layout = arrange_page(
            grey,
            candidates.boxes,
            candidates.is_likely,
            candidates.kinds,
            is_table=self._is_table,
        )
        numbers = mark_struck_out(erased, self._numbers.read_parts(candidates, layout.parts))
        if self._is_table:
            numbers = [number for number in numbers if number.table is not None]
        return layout, numbers

    def _reading(self, page: Page, layout: PageLayout, numbers: list[Number]) -> Reading | None:
        """Return the reading with these numbers; None if there is none."""
        if not numbers:
            return None
        all_rejected = all(number.rejected for number in numbers)
        in_cells = add_text_cells(page.grey, layout, numbers)
        return Reading(
            image=page.name,
            page=page.index,
            digits=tuple(digit for number in numbers for digit in number.digits),
            numbers=place_in_rows(in_cells),
            tables=build_tables(layout.tables, in_cells),
            rejected=numbers[0].rejected if all_rejected else None,
            picture=page.grey,
        )

    def _combine(self, grey: Grey, detections: Detections, class_logs: ClassLogs) -> Candidates:
        """Return what may be characters, without the bubbles of an answer sheet."""
        objectness, class_probabilities = self._numbers.fusion.fuse(detections, class_logs)
        is_zero = (class_probabilities.argmax(axis=1) == 0) & (objectness >= MIN_POSSIBLE)
        kept = ~find_bubbles(detections.boxes, is_zero)
        return Candidates(
            detections.boxes[kept], objectness[kept], class_probabilities[kept], grey.shape
        )

    def _select_possible(self, candidates: Candidates) -> Candidates:
        """Keep what is likely a digit; with constraints, which can tell, also what may be one."""
        lowest = MIN_POSSIBLE if self._numbers.constraints else MIN_LIKELY
        return candidates.select(candidates.objectness >= lowest)

    def _read_single(self, page: Page) -> Reading:
        """Read a page on which no number was found: at most one digit."""
        if self._single_reader is None:
            why = BLANK if frame(page.grey).rejected == BLANK else NOT_A_DIGIT
            return Reading(
                image=page.name,
                page=page.index,
                digits=(),
                numbers=(),
                rejected=why,
                picture=page.grey,
            )
        reading = self._single_reader.read([page])[0]
        if reading.rejected in (BLANK, NOT_A_DIGIT):
            return replace(reading, digits=(), numbers=())
        (digit,) = reading.digits
        constraints = self._numbers.constraints
        least = max(LIMITS.min_single_confidence, self._numbers.threshold)
        rejected = reading.rejected or (unsure_reason(digit) if digit.confidence < least else None)
        if rejected is None and constraints and not constraints.fits(str(digit.digit)):
            rejected = f"does not fit {constraints}"
        number = Number(
            characters=(Character.of_digit(digit),), confidence=digit.confidence, rejected=rejected
        )
        number = self._numbers.number_format.apply(number)
        return replace(reading, numbers=(number,), rejected=rejected)


def build_page_reader(
    detector_network: Network,
    recognizer_network: Network,
    card: Model,
    single_reader: LocalizationReader,
    threshold: float | None,
    number_format: NumberFormat | None = None,
    line_reader: LineReader | None = None,
) -> PageReader:
    """Return the reader for a detector and a recognizer.

    Args:
        detector_network: runs the detector.
        recognizer_network: runs the recognizer.
        card: the detector's, which states the weights of the fusion.
        single_reader: reads one digit where no number is found.
        threshold: least confidence of a number that is accepted; the card's if None.
        number_format: what is known of how numbers are written; None for nothing.
        line_reader: reads unsure numbers again as a whole; None to leave them as they are.
    """

    def run_detector(pixels: np.ndarray) -> np.ndarray:
        return detector_network(pixels[:, 0])[0]

    least = (card.rejection or NO_REJECTION).unsure if threshold is None else threshold
    return PageReader(
        run_detector,
        recognizer_network.localize,
        ScoreFusion.from_card(card),
        least,
        single_reader=single_reader,
        line_reader=line_reader,
        number_format=number_format,
    )


def reading_score(reading: Reading) -> float:
    """Return how much was read, and how confidently, to compare readings of one page.

    It is the sum of the digits' confidences above 0.5.
    """
    return sum(digit.confidence - 0.5 for digit in reading.digits)


def _is_worth_refining(grey: Grey, numbers: Sequence[Number]) -> bool:
    """Tell whether a page is small enough to be refined, and some number is not confident."""
    is_small = (
        min(grey.shape) < LIMITS.min_turned_px
        or detector.input_pixels(grey.shape) <= LIMITS.max_refined_pixels
    )
    if not is_small or not numbers:
        return is_small
    return any(number.confidence < LIMITS.confident_number for number in numbers)
