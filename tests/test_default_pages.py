"""The default model on pages: numbers of any size and polarity, upside down, none."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import DataSet, Reader, open_data, weights
from numeye.regions import Form, parse
from numeye.strings import evaluate_strings

NUMBERS = Path(__file__).parent.parent / "examples" / "numbers"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def digits(mnist_cache: Path) -> DataSet:
    return open_data("mnist:validation", cache=mnist_cache)


def string(digits: DataSet, count: int, random: np.random.Generator, height: int = 28) -> tuple[np.ndarray, str]:
    """Digits as they are, side by side, dark on light."""
    chosen = random.integers(len(digits), size=count).tolist()
    line = np.concatenate([np.asarray(digits.pictures[number]) for number in chosen], axis=1)
    line = np.pad(line, 6)
    size = (round(line.shape[1] * height / 28), round(line.shape[0] * height / 28))
    large = np.asarray(Image.fromarray(line).resize(size, Image.Resampling.BICUBIC))
    return 235 - (large.astype(int) * 200 // 255).astype(np.uint8), "".join(digits.labels[number] for number in chosen)


def test_its_card_says_how_it_was_made() -> None:
    model = weights.load(weights.SPOTTER)
    assert model.card["name"] == "spotter"
    assert model.card["recipe"]["tiles"] > 0
    assert model.framing == "pages"
    assert model.card["reader"]["sha256"] == weights.load().card["sha256"]
    assert len(model.onnx) + len(weights.load().onnx) < 6_000_000
    assert "Open Font License" in model.card["licence"]
    assert model.calibration is not None
    assert b"site-packages" not in model.onnx
    assert b"/home/" not in model.onnx


@pytest.mark.parametrize(
    ("height", "count", "right"),
    [(16, 40, 85), (28, 200, 95), (70, 40, 90), (120, 40, 90), (150, 40, 90), (200, 40, 90)],
)
def test_strings_are_read_whatever_their_size(
    height: int, count: int, right: float, reader: Reader, digits: DataSet
) -> None:
    random = np.random.default_rng(height)
    made = [string(digits, 5, random, height) for _ in range(count)]
    data = DataSet(name="strings", pictures=[one for one, _ in made], labels=tuple(text for _, text in made))
    measured = evaluate_strings(reader, data)
    assert measured.accuracy >= right
    assert measured.cer <= 4


def test_strings_that_are_cut_at_their_ink_are_read_as_well(reader: Reader, digits: DataSet) -> None:
    """No paper is left around: the first and the last digit touch the picture's edge."""
    random = np.random.default_rng(12)
    made = []
    for _ in range(100):
        grey, text = string(digits, 5, random, 40)
        rows, columns = (np.flatnonzero((grey < 200).any(axis=axis)) for axis in (1, 0))
        made.append((grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], text))
    pictures = [np.ascontiguousarray(grey) for grey, _ in made]
    data = DataSet(name="cut", pictures=pictures, labels=tuple(text for _, text in made))
    assert evaluate_strings(reader, data).accuracy >= 93


def test_light_on_dark_is_the_same(reader: Reader, digits: DataSet) -> None:
    random = np.random.default_rng(0)
    made = [string(digits, 4, random, 40)[0] for _ in range(20)]
    assert sum(reader.read(one).text == reader.read(255 - one).text for one in made) >= 18


def test_it_promises_few_wrong_numbers_among_many() -> None:
    promised = Reader(max_error=0.03).promise
    assert promised is not None
    assert promised.coverage > 0.4  # of strips harder than most


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_that_lies_wrong_is_turned(turns: int, reader: Reader) -> None:
    page = np.asarray(Image.open(NUMBERS / "rows.png").convert("L"))
    reading = reader.read(np.ascontiguousarray(np.rot90(page, -turns)))
    assert (reading.turned, reading.text) == (90 * turns, "407 1250\n88 31170\n9526")
    assert reading.to_dict()["turned"] == 90 * turns
    assert "turned" not in reader.read(page).to_dict()


def test_a_region_is_read_as_it_lies_and_its_boxes_are_of_the_page(reader: Reader) -> None:
    lying = np.rot90(np.asarray(Image.open(NUMBERS / "rows.png").convert("L")))
    whole = Form(regions=(parse("0,0,100%,100%", 1),))
    (reading,) = reader.read_many([np.ascontiguousarray(lying)], form=whole)
    assert (reading.turned, reading.picture.shape) == (0, lying.shape)


def test_boxes_of_a_region_are_those_of_the_page(reader: Reader) -> None:
    page = np.asarray(Image.open(NUMBERS / "rows.png").convert("L"))
    low = page.shape[0] * 2 // 3
    (lowest,) = reader.read_many([page], form=Form(regions=(parse(f"0,{low},100%,{page.shape[0] - low}", 1),)))
    assert lowest.text == "9526"
    for digit, same in zip(lowest.digits, reader.read(page).digits[-4:], strict=True):
        assert digit.box == pytest.approx(same.box, abs=4)


def test_a_grid_on_its_side_is_read_as_it_would_stand(reader: Reader) -> None:
    page = np.asarray(Image.open(NUMBERS / "table.png").convert("L"))
    (upright,) = reader.read_many([page], grid=True)
    (lying,) = reader.read_many([np.ascontiguousarray(np.rot90(page, -1))], grid=True)
    assert (lying.turned, lying.cells) == (90, upright.cells)


def test_small_numbers_beside_large_ones(reader: Reader, digits: DataSet) -> None:
    random, page = np.random.default_rng(5), np.full((1000, 1400), 235, np.uint8)
    written = []
    for top, left, height in ((60, 100, 180), (600, 900, 26), (700, 200, 26), (850, 500, 26)):
        line, text = string(digits, 4, random, height)
        page[top : top + line.shape[0], left : left + line.shape[1]] = line
        written.append(text)
    assert reader.read(page).text.split() == written


def test_a_page_with_nothing_on_it_has_no_number(reader: Reader) -> None:
    random = np.random.default_rng(0)
    noise = random.normal(200, 12, (500, 400)).clip(0, 255).astype(np.uint8)
    ruled = np.full((500, 400), 235, np.uint8)
    ruled[10::28] = 140
    for page, why in ((np.full((500, 400), 240, np.uint8), "blank"), (noise, None), (ruled, "not a digit")):
        reading = reader.read(page)
        assert reading.text == ""
        assert reading.numbers == ()
        assert why in (None, reading.rejected)


def test_small_numbers_far_apart_on_a_large_page(reader: Reader, digits: DataSet) -> None:
    random = np.random.default_rng(1)
    page, written = np.full((2400, 1700), 235, np.uint8), []
    for top, left in ((100, 1200), (1200, 80), (2200, 900)):
        line, text = string(digits, 5, random, 40)
        page[top : top + line.shape[0], left : left + line.shape[1]] = line
        written.append(text)
    begun = time.perf_counter()
    assert reader.read(page).text.split() == written
    assert time.perf_counter() - begun < 20


def test_many_pages_are_answered_in_their_order_and_as_one_by_one(reader: Reader, digits: DataSet) -> None:
    random = np.random.default_rng(2)
    made = [string(digits, int(random.integers(1, 9)), random, 32)[0] for _ in range(12)]
    together = [reading.text for reading in reader.read_many(made)]
    assert together == [reader.read(one).text for one in made]
