"""From a page to its numbers."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.eyes import ZoomEyes
from numeye.image import Page
from numeye.knowledge import Knowledge
from numeye.locate import STRIDE, Spots
from numeye.results import Digit, Reading
from numeye.scan import PageEyes
from numeye.weighing import Weighing

SIDE = 24  # pixels of a digit
HEIGHT = 160  # pixels of a page


@pytest.fixture(autouse=True)
def _at_first_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second opinion: the networks here know one size only."""
    monkeypatch.setattr("numeye.scan.SURE", 0.0)
    monkeypatch.setattr("numeye.scan.locate.AGAIN", ())


def spotter(pixels: np.ndarray) -> np.ndarray:
    """Finds squares of SIDE pixels; their grey level, in tens, says which digit it takes them for."""
    levels = np.rint(pixels[0, 0] * 255).astype(int)
    maps = np.zeros((15, *(side // STRIDE for side in levels.shape)), np.float32)
    maps[0] = -9
    if len(levels) < HEIGHT:  # a smaller picture of the page
        return maps[None]
    corner = (levels < 200) & (np.roll(levels, 1, 0) >= 200) & (np.roll(levels, 1, 1) >= 200)
    for top, left in np.argwhere(corner):
        middle = np.array([left, top]) + SIDE / 2
        column, row = (middle // STRIDE).astype(int)
        maps[0, row, column] = 5
        maps[1 + levels[top, left] // 10, row, column] = 6
        maps[11:13, row, column] = (middle - (np.array([column, row]) + 0.5) * STRIDE) / 8
        maps[13:, row, column] = np.log(SIDE / 16)
    return maps[None]


def looker(answer: int, strength: float = 8.0) -> object:
    def network(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits = np.zeros((len(pixels), 11), np.float32)
        logits[:, answer] = strength
        return logits, np.tile(np.float32([0.5, 0.5, 0.7, 0.7]), (len(pixels), 1))

    return network


def page(*digits: tuple[int, int, int], height: int = HEIGHT, width: int = 400) -> Page:
    """Digits as (digit, left, top)."""
    grey = np.full((height, width), 255, np.uint8)
    for digit, left, top in digits:
        grey[top : top + SIDE, left : left + SIDE] = 10 * digit
    return Page(name="a.png", index=0, grey=grey)


def line(text: str, left: int, top: int, step: int = 30) -> list[tuple[int, int, int]]:
    return [(int(digit), left + step * place, top) for place, digit in enumerate(text)]


def read(found: Page, look: object = None, threshold: float = 0.0, **weights: object) -> Reading:
    weighing = Weighing(**weights)  # type: ignore[arg-type]
    eyes = PageEyes(spotter, look or looker(3, 0.0), weighing, threshold)  # type: ignore[arg-type]
    return eyes.read([found])[0]


def test_numbers_in_rows_are_read_in_order() -> None:
    reading = read(page(*line("407", 10, 10), *line("1250", 200, 12), *line("88", 14, 90)))
    assert reading.text == "407 1250\n88"
    assert reading.numbers is not None
    assert [(one.row, one.index) for one in reading.numbers] == [(0, 0), (0, 1), (1, 0)]
    assert reading.digits[0].box == pytest.approx((10, 10, SIDE, SIDE), abs=2)
    assert all(sum(digit.probabilities) == pytest.approx(1) for digit in reading.digits)


def test_a_blank_page_and_one_without_digits_say_so() -> None:
    assert read(page()).rejected == "blank"
    empty = page()
    empty.grey[20:40, 20:300] = 210
    empty.grey[60:63, :] = 205
    reading = read(empty)
    assert (reading.rejected, reading.digits, reading.numbers) == ("not a digit", (), ())


def test_both_networks_are_weighed() -> None:
    found = page(*line("77", 10, 10))
    assert read(found, looker(1), reader=0.0).text == "77"
    assert read(found, looker(1), reader=2.0).text == "11"


def test_a_look_that_sees_no_digit_can_take_one_away() -> None:
    found = page(*line("77", 10, 10))
    assert read(found, looker(10, 30.0), there=(0.0, 1.0, 0.0)).text == "77"
    assert read(found, looker(10, 30.0), there=(0.0, 1.0, 1.0)).rejected == "not a digit"


def test_a_number_below_the_threshold_is_set_aside_alone() -> None:
    sure = read(page(*line("40", 10, 10), *line("7", 200, 10)))
    assert sure.numbers is not None
    least = (sure.numbers[0].confidence + sure.numbers[1].confidence) / 2
    reading = read(page(*line("40", 10, 10), *line("7", 200, 10)), threshold=least)
    assert reading.text == "? 7"
    assert reading.numbers is not None
    assert (reading.numbers[0].rejected or "").startswith("unsure between ")
    every = read(page(*line("40", 10, 10)), threshold=1.0)
    assert (every.text, every.rejected) == ("", every.numbers[0].rejected if every.numbers else None)


class Alone(ZoomEyes):
    """Sees a 3 on every page, and is so sure of it."""

    def __init__(self, sure: float) -> None:
        self.sure = sure

    def read(self, pages: list[Page]) -> list[Reading]:
        digit = Digit(digit=3, confidence=self.sure, box=(1, 1, 9, 9), probabilities=(0.0,) * 3 + (1.0,) + (0.0,) * 6)
        return [Reading(image="", page=0, digits=(digit,), picture=page.grey) for page in pages]


@pytest.mark.parametrize(("sure", "threshold", "text"), [(0.91, 0.5, "3"), (0.89, 0.5, ""), (0.91, 0.99, "")])
def test_a_digit_that_only_the_reader_saw_must_be_as_sure_as_a_promise_asks(
    sure: float, threshold: float, text: str
) -> None:
    eyes = PageEyes(spotter, looker(3, 0.0), Weighing(), threshold, alone=Alone(sure))
    assert eyes.read([page()])[0].text == text


def test_the_confidence_of_a_number_is_what_was_learnt_of_the_product_of_its_digits() -> None:
    found = page(*line("40", 10, 10))
    plain = read(found).numbers
    doubted = read(found, number=(-1.0, 0.5)).numbers
    assert plain is not None
    assert doubted is not None
    product = plain[0].digits[0].confidence * plain[0].digits[1].confidence
    assert plain[0].confidence == pytest.approx(product)
    odds = np.log(product / (1 - product))
    assert doubted[0].confidence == pytest.approx(1 / (1 + np.exp(1 - 0.5 * odds)))


def test_a_weighing_gives_probabilities_whatever_it_is_told() -> None:
    spots = Spots(np.zeros((3, 4)), np.array([-1e3, 0.0, 1e3]), np.full((3, 10), 1e3))
    looks = np.log(np.tile(np.array([*[1e-300] * 10, 1.0]), (3, 1)))
    there, which = Weighing(there=(0.0, 1.0, 1.0)).weigh(spots, looks)
    assert np.isfinite(there).all()
    assert which.sum(axis=1) == pytest.approx(1)


def known(found: Page, **knowledge: object) -> Reading:
    eyes = PageEyes(spotter, looker(3, 0.0), Weighing(), knowledge=Knowledge(**knowledge))  # type: ignore[arg-type]
    return eyes.read([found])[0]


def test_numbers_that_fit_what_is_known_say_so() -> None:
    reading = known(page(*line("407", 10, 10), *line("123", 250, 10)), digits=3)
    assert reading.text == "407 123"
    assert reading.numbers is not None
    assert [number.fits for number in reading.numbers] == ["3 digits"] * 2
    assert reading.to_dict()["numbers"][0]["fits"] == "3 digits"


def test_neighbours_are_one_number_where_only_together_they_fit() -> None:
    found = page(*line("4111", 10, 10), *line("1111", 150, 10), *line("2111", 290, 60))
    assert read(found).text == "4111 1111\n2111"
    assert known(found, expect=r"\d{8}|2111").text == "41111111\n2111"
    assert known(found, digits=4).text == "4111 1111\n2111"


def test_what_stands_closely_is_parted_where_only_then_it_fits() -> None:
    found = page(*line("12345", 10, 10), *line("67890", 168, 10))  # 14 pixels between them
    assert read(found).text == "1234567890"
    assert known(found, digits=5).text == "12345 67890"
    assert known(found, expect=r"\d+").text == "1234567890"
    assert known(page(*line("1234567890", 10, 10)), digits=5).rejected == "does not fit 5 digits"


def test_what_cannot_fit_is_not_parted_until_it_does() -> None:
    def sure(text: str, **knowledge: str) -> Reading:
        weighing, what = Weighing(there=(5.0, 1.0, 0.0)), Knowledge(**knowledge)  # type: ignore[arg-type]
        eyes = PageEyes(spotter, looker(3, 0.0), weighing, knowledge=what)  # type: ignore[arg-type]
        return eyes.read([page(*line(text, 10, 10, step=38))])[0]

    assert sure("4539148", check="luhn").rejected == "does not fit luhn"
    assert sure("45391", expect=r"\d{2,4}").confidence < 0.25  # 45 391, 453 91, or none of both


def test_a_number_that_was_parted_is_less_sure() -> None:
    apart = known(page(*line("12345", 10, 10), *line("67890", 230, 10)), digits=5)
    close = known(page(*line("12345", 10, 10), *line("67890", 168, 10)), digits=5)
    assert close.text == apart.text
    assert close.confidence < apart.confidence - 0.05


def test_a_mark_between_two_numbers_that_may_be_a_digit_does_not_join_them() -> None:
    def unsure(pixels: np.ndarray) -> np.ndarray:
        maps = spotter(pixels)
        maps[:, 0] = np.where(maps[:, 1 + 9] > 5, -2.0, maps[:, 0])  # a 9 is hardly a digit
        return maps

    found = page(*line("407", 10, 10), (9, 108, 10), *line("1250", 146, 10))
    eyes = PageEyes(unsure, looker(3, 0.0), Weighing(), knowledge=Knowledge(expect=r"\d{3,4}"))  # type: ignore[arg-type]
    assert eyes.read([found])[0].text == "407 1250"


def test_what_is_hardly_a_digit_is_no_number_of_its_own() -> None:
    found = page(*line("407", 10, 10), (1, 150, 10))

    def look(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        logits, boxes = looker(3, 0.0)(pixels)
        logits[-1] = 0
        logits[-1, 10] = 7  # the last one is most likely none
        return logits, boxes

    eyes = PageEyes(spotter, look, Weighing(there=(0.0, 0.0, 1.0)), knowledge=Knowledge(expect=r"\d+"))
    assert eyes.read([found])[0].text == "407"


def test_numbers_stay_apart_where_a_join_is_no_likelier() -> None:
    found = page(*line("12", 10, 10), *line("34", 200, 10), *line("5", 380, 10))
    assert known(found, expect=r"\d+").text == "12 34 5"
    assert known(found, expect=r"\d{2}|\d{4}").text.startswith("12 34")


def test_a_number_that_cannot_fit_is_set_aside_alone() -> None:
    reading = known(page(*line("407", 10, 10), *line("12", 250, 10)), digits=3)
    assert reading.text == "407 ?"
    assert reading.numbers is not None
    assert reading.numbers[1].rejected == "does not fit 3 digits"
    assert [digit.digit for digit in reading.numbers[1].digits] == [1, 2]
    assert reading.doubtful


def test_a_check_sum_mends_the_likeliest_mistake() -> None:
    def unsure(pixels: np.ndarray) -> np.ndarray:
        maps = spotter(pixels)
        maps[:, 1 + 8] = np.where(maps[:, 1 + 3] > 5, 5.5, maps[:, 1 + 8])  # each 3 may as well be an 8
        return maps

    eyes = PageEyes(unsure, looker(3, 0.0), Weighing(), knowledge=Knowledge(check="luhn"))  # type: ignore[arg-type]
    plain = PageEyes(unsure, looker(3, 0.0), Weighing())  # type: ignore[arg-type]
    found = page(*line("79927393713", 10, 10))
    assert plain.read([found])[0].text == "79927393713"
    assert eyes.read([found])[0].text == "79927398713"


def test_a_strip_that_is_read_with_doubt_is_looked_at_again(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = page(*line("407", 10, 10)), []

    def second(grey: np.ndarray, first: Spots, network: object) -> Spots:
        asked.append(len(first))
        return first.take(np.arange(2))

    monkeypatch.setattr("numeye.scan.locate.again", second)
    assert (read(found).text, asked) == ("407", [])
    monkeypatch.setattr("numeye.scan.SURE", 2.0)
    assert (len(read(found).text), asked) == (2, [3])
    monkeypatch.setattr("numeye.scan.SMALL", 0)
    large = page(*line("407", 10, 10), height=320)
    assert (read(large).text, asked) == ("407", [3])


def test_what_a_second_opinion_leaves_in_its_place_is_not_looked_at_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    found, asked = page(*line("407", 10, 10)), list[int]()
    shift = np.array([[0, 0, 0, 0], [1, 0, 1, 0], [12, 0, 12, 0]])  # of each digit, left, top, right and bottom

    def second(grey: np.ndarray, first: Spots, network: object) -> Spots:
        inner = first.take(np.argsort(first.boxes[:, 0]))
        return Spots(inner.boxes + shift, inner.there, inner.which)

    def look(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        asked.append(len(pixels))
        return looker(3, 0.0)(pixels)  # type: ignore[operator,no-any-return]

    monkeypatch.setattr("numeye.scan.locate.again", second)
    monkeypatch.setattr("numeye.scan.SURE", 2.0)
    reading = read(found, look)
    assert (reading.text, asked) == ("407", [3, 1])
    assert [digit.box[0] for digit in reading.digits] == pytest.approx([10, 41, 82], abs=1)
