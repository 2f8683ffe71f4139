"""From a page to its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.io.images import Page
from numeye.layout.constraints.constraints import Constraints
from numeye.recognition import detector, page_reader
from numeye.recognition.boxes import Detections
from numeye.recognition.detector import STRIDE_PX, DetectorLimits
from numeye.recognition.digit_readers import LocalizationReader
from numeye.recognition.page_reader import PageReader, PageReaderLimits
from numeye.recognition.score_fusion import ScoreFusion
from numeye.results import Digit, Reading

SIDE = 24  # pixels of a digit
HEIGHT = 160  # pixels of a page


@pytest.fixture(autouse=True)
def _without_refining(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn refining off: the networks here know one scale only."""
    monkeypatch.setattr(page_reader, "LIMITS", PageReaderLimits(confident_number=0.0))
    monkeypatch.setattr(detector, "LIMITS", DetectorLimits(refinement_scales=()))


def detect(pixels: np.ndarray) -> np.ndarray:
    """Detect squares of SIDE pixels.

    The grey level of a square, divided by ten, is its digit.
    """
    levels = np.rint(pixels[0, 0] * 255).astype(int)
    maps = np.zeros((15, *(side // STRIDE_PX for side in levels.shape)), np.float32)
    maps[0] = -9
    if len(levels) < HEIGHT:  # a smaller picture of the page
        return maps[None]
    corner = (levels < 200) & (np.roll(levels, 1, 0) >= 200) & (np.roll(levels, 1, 1) >= 200)
    for top, left in np.argwhere(corner):
        middle = np.array([left, top]) + SIDE / 2
        column, row = (middle // STRIDE_PX).astype(int)
        maps[0, row, column] = 5
        maps[1 + levels[top, left] // 10, row, column] = 6
        maps[11:13, row, column] = (middle - (np.array([column, row]) + 0.5) * STRIDE_PX) / 8
        maps[13:, row, column] = np.log(SIDE / 16)
    return maps[None]


def recognizer(answer: int, strength: float = 8.0) -> object:
    def network(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = np.zeros((len(pixels), 11), np.float32)
        logits[:, answer] = strength
        return logits, np.tile(np.float32([0.5, 0.5, 0.7, 0.7]), (len(pixels), 1))

    return network


def page(*digits: tuple[int, int, int], height: int = HEIGHT, width: int = 400) -> Page:
    """Return a page with digits, each as (digit, left, top)."""
    grey = np.full((height, width), 255, np.uint8)
    for digit, left, top in digits:
        grey[top : top + SIDE, left : left + SIDE] = 10 * digit
    return Page(name="a.png", index=0, grey=grey)


def line(text: str, left: int, top: int, step: int = 30) -> list[tuple[int, int, int]]:
    return [(int(digit), left + step * place, top) for place, digit in enumerate(text)]


def read(
    scan: Page, recognize: object = None, threshold: float = 0.0, **weights: object
) -> Reading:
    fusion = ScoreFusion(**weights)  # type: ignore[arg-type]
    reader = PageReader(detect, recognize or recognizer(3, 0.0), fusion, threshold)  # type: ignore[arg-type]
    return reader.read([scan])[0]


def test_numbers_in_rows_are_read_in_order() -> None:
    reading = read(page(*line("407", 10, 10), *line("1250", 200, 12), *line("88", 14, 90)))
    assert reading.text == "407 1250\n88"
    assert [(number.row, number.index) for number in reading.numbers] == [(0, 0), (0, 1), (1, 0)]
    assert reading.digits[0].box == pytest.approx((10, 10, SIDE, SIDE), abs=2)
    assert all(sum(digit.probabilities) == pytest.approx(1) for digit in reading.digits)


def test_blank_pages_and_pages_without_digits_are_rejected() -> None:
    assert read(page()).rejected == "blank"
    empty = page()
    empty.grey[20:40, 20:300] = 210
    empty.grey[60:63, :] = 205
    reading = read(empty)
    assert (reading.rejected, reading.digits, reading.numbers) == ("not a digit", (), ())


def test_the_weights_decide_between_both_networks() -> None:
    scan = page(*line("77", 10, 10))
    assert read(scan, recognizer(1), recognizer=0.0).text == "77"
    assert read(scan, recognizer(1), recognizer=2.0).text == "11"


def test_the_recognizer_can_remove_a_detection() -> None:
    scan = page(*line("77", 10, 10))
    assert read(scan, recognizer(10, 30.0), objectness=(0.0, 1.0, 0.0)).text == "77"
    assert read(scan, recognizer(10, 30.0), objectness=(0.0, 1.0, 1.0)).rejected == "not a digit"


def test_only_the_number_below_the_threshold_is_rejected() -> None:
    sure = read(page(*line("40", 10, 10), *line("7", 200, 10)))
    threshold = (sure.numbers[0].confidence + sure.numbers[1].confidence) / 2
    reading = read(page(*line("40", 10, 10), *line("7", 200, 10)), threshold=threshold)
    assert reading.text == "? 7"
    assert (reading.numbers[0].rejected or "").startswith("unsure between ")
    all_rejected = read(page(*line("40", 10, 10)), threshold=1.0)
    assert (all_rejected.text, all_rejected.rejected) == (
        "",
        all_rejected.numbers[0].rejected,
    )


class ConstantReader(LocalizationReader):
    """Reads a 3 on every page, with the same confidence."""

    def __init__(self, sure: float) -> None:
        self.sure = sure

    def read(self, pages: list[Page]) -> list[Reading]:
        digit = Digit(
            digit=3,
            confidence=self.sure,
            box=(1, 1, 9, 9),
            probabilities=(0.0,) * 3 + (1.0,) + (0.0,) * 6,
        )
        return [Reading(image="", page=0, digits=(digit,), picture=page.grey) for page in pages]


@pytest.mark.parametrize(
    ("sure", "threshold", "text"), [(0.91, 0.5, "3"), (0.89, 0.5, ""), (0.91, 0.99, "")]
)
def test_a_digit_that_only_the_localizer_found_needs_the_threshold(
    sure: float, threshold: float, text: str
) -> None:
    reader = PageReader(
        detect, recognizer(3, 0.0), ScoreFusion(), threshold, single_reader=ConstantReader(sure)
    )
    assert reader.read([page()])[0].text == text


def test_the_confidence_of_a_number_is_fitted_to_the_product_of_its_digits() -> None:
    scan = page(*line("40", 10, 10))
    unconstrained = read(scan).numbers
    weighted = read(scan, number=(-1.0, 0.5)).numbers
    assert unconstrained is not None
    assert weighted is not None
    product = unconstrained[0].digits[0].confidence * unconstrained[0].digits[1].confidence
    assert unconstrained[0].confidence == pytest.approx(product)
    odds = np.log(product / (1 - product))
    assert weighted[0].confidence == pytest.approx(1 / (1 + np.exp(1 - 0.5 * odds)))


def test_fusion_of_extreme_scores_gives_probabilities() -> None:
    detections = Detections(np.zeros((3, 4)), np.array([-1e3, 0.0, 1e3]), np.full((3, 28), 1e3))
    looks = np.log(np.tile(np.array([*[1e-300] * 10, 1.0]), (3, 1)))
    there, which = ScoreFusion(objectness=(0.0, 1.0, 1.0)).fuse(detections, looks)
    assert np.isfinite(there).all()
    assert which.sum(axis=1) == pytest.approx(1)


def read_with(scan: Page, **constraints: object) -> Reading:
    reader = PageReader(
        detect, recognizer(3, 0.0), ScoreFusion(), constraints=Constraints(**constraints)
    )  # type: ignore[arg-type]
    return reader.read([scan])[0]


def test_numbers_name_the_constraints_that_they_fit() -> None:
    reading = read_with(page(*line("407", 10, 10), *line("123", 250, 10)), digits=3)
    assert reading.text == "407 123"
    assert [number.constraints for number in reading.numbers] == ["3 digits"] * 2
    assert reading.to_dict()["numbers"][0]["constraints"] == "3 digits"


def test_neighbours_are_one_number_where_only_together_they_fit() -> None:
    scan = page(*line("4111", 10, 10), *line("1111", 150, 10), *line("2111", 290, 60))
    assert read(scan).text == "4111 1111\n2111"
    assert read_with(scan, pattern=r"\d{8}|2111").text == "41111111\n2111"
    assert read_with(scan, digits=4).text == "4111 1111\n2111"


def test_close_digits_are_split_where_only_then_they_fit() -> None:
    scan = page(*line("12345", 10, 10), *line("67890", 168, 10))  # 14 pixels between them
    assert read(scan).text == "1234567890"
    assert read_with(scan, digits=5).text == "12345 67890"
    assert read_with(scan, pattern=r"\d+").text == "1234567890"
    assert (
        read_with(page(*line("1234567890", 10, 10)), digits=5).rejected == "does not fit 5 digits"
    )


def test_numbers_of_any_length_are_not_split_to_fit() -> None:
    def sure(text: str, **constraints: str) -> Reading:
        fusion, constraints = ScoreFusion(objectness=(5.0, 1.0, 0.0)), Constraints(**constraints)  # type: ignore[arg-type]
        reader = PageReader(detect, recognizer(3, 0.0), fusion, constraints=constraints)  # type: ignore[arg-type]
        return reader.read([page(*line(text, 10, 10, step=38))])[0]

    assert sure("4539148", check="luhn").rejected == "does not fit luhn"
    assert sure("45391", pattern=r"\d{2,4}").confidence < 0.25  # 45 391, 453 91, or none of both


def test_a_split_number_is_less_confident() -> None:
    apart = read_with(page(*line("12345", 10, 10), *line("67890", 230, 10)), digits=5)
    close = read_with(page(*line("12345", 10, 10), *line("67890", 168, 10)), digits=5)
    assert close.text == apart.text
    assert close.confidence < apart.confidence - 0.05


def test_a_possible_digit_between_two_numbers_does_not_join_them() -> None:
    def detect_unsurely(pixels: np.ndarray) -> np.ndarray:
        maps = detect(pixels)
        maps[:, 0] = np.where(maps[:, 1 + 9] > 5, -2.0, maps[:, 0])  # a 9 is hardly a digit
        return maps

    scan = page(*line("407", 10, 10), (9, 108, 10), *line("1250", 146, 10))
    reader = PageReader(
        detect_unsurely,
        recognizer(3, 0.0),
        ScoreFusion(),
        constraints=Constraints(pattern=r"\d{3,4}"),
    )  # type: ignore[arg-type]
    assert reader.read([scan])[0].text == "407 1250"


def test_an_unlikely_digit_is_no_number_on_its_own() -> None:
    scan = page(*line("407", 10, 10), (1, 150, 10))

    def recognize(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, boxes = recognizer(3, 0.0)(pixels)
        logits[-1] = 0
        logits[-1, 10] = 7  # the last one is most likely none
        return logits, boxes

    reader = PageReader(
        detect,
        recognize,
        ScoreFusion(objectness=(0.0, 0.0, 1.0)),
        constraints=Constraints(pattern=r"\d+"),
    )
    assert reader.read([scan])[0].text == "407"


def test_numbers_are_not_joined_where_that_is_not_more_likely() -> None:
    scan = page(*line("12", 10, 10), *line("34", 200, 10), *line("5", 380, 10))
    assert read_with(scan, pattern=r"\d+").text == "12 34 5"
    assert read_with(scan, pattern=r"\d{2}|\d{4}").text.startswith("12 34")


def test_only_the_number_that_cannot_fit_is_rejected() -> None:
    reading = read_with(page(*line("407", 10, 10), *line("12", 250, 10)), digits=3)
    assert reading.text == "407 ?"
    assert reading.numbers[1].rejected == "does not fit 3 digits"
    assert [digit.digit for digit in reading.numbers[1].digits] == [1, 2]
    assert reading.has_rejected


def test_a_check_sum_corrects_the_most_likely_mistake() -> None:
    def detect_unsurely(pixels: np.ndarray) -> np.ndarray:
        maps = detect(pixels)
        # each 3 may as well be an 8
        maps[:, 1 + 8] = np.where(maps[:, 1 + 3] > 5, 5.5, maps[:, 1 + 8])
        return maps

    reader = PageReader(
        detect_unsurely, recognizer(3, 0.0), ScoreFusion(), constraints=Constraints(check="luhn")
    )  # type: ignore[arg-type]
    unconstrained = PageReader(detect_unsurely, recognizer(3, 0.0), ScoreFusion())  # type: ignore[arg-type]
    scan = page(*line("1003", 10, 10))
    assert unconstrained.read([scan])[0].text == "1003"
    assert reader.read([scan])[0].text == "1008"


def test_a_strip_with_an_unsure_number_is_refined(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan, counts = page(*line("407", 10, 10)), []

    def refine(grey: np.ndarray, first: Detections, network: object) -> Detections:
        counts.append(len(first))
        return first.select(np.arange(2))

    monkeypatch.setattr(detector, "refine", refine)
    assert (read(scan).text, counts) == ("407", [])
    monkeypatch.setattr(page_reader, "LIMITS", PageReaderLimits(confident_number=2.0))
    assert (len(read(scan).text), counts) == (2, [3])
    limits = PageReaderLimits(confident_number=2.0, max_refined_pixels=0)
    monkeypatch.setattr(page_reader, "LIMITS", limits)
    large = page(*line("407", 10, 10), height=320)
    assert (read(large).text, counts) == ("407", [3])


def test_boxes_that_stay_in_place_are_not_classified_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    scan, counts = page(*line("407", 10, 10)), list[int]()
    # of each digit, left, top, right and bottom
    shift = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [12, 0, 12, 0]])

    def refine(grey: np.ndarray, first: Detections, network: object) -> Detections:
        inner = first.select(np.argsort(first.boxes[:, 0]))
        return Detections(inner.boxes + shift, inner.objectness, inner.class_logits)

    def recognize(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        counts.append(len(pixels))
        return recognizer(3, 0.0)(pixels)  # type: ignore[operator,no-any-return]

    monkeypatch.setattr(detector, "refine", refine)
    monkeypatch.setattr(page_reader, "LIMITS", PageReaderLimits(confident_number=2.0))
    reading = read(scan, recognize)
    assert (reading.text, counts) == ("407", [3, 1])
    assert [digit.box[0] for digit in reading.digits] == pytest.approx([10, 41, 82], abs=1)
