"""The default model on pages: numbers of any size and polarity, upside down, none."""

from __future__ import annotations

import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import DataSet, Reader, open_data
from numeye.evaluation.numbers import evaluate_numbers
from numeye.layout.regions import Form, parse_region
from numeye.models import registry, risk_control

NUMBERS = Path(__file__).parents[2] / "examples" / "numbers"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader()


@pytest.fixture(scope="module")
def digits(mnist_cache: Path) -> DataSet:
    return open_data("mnist:validation", cache=mnist_cache)


def string(
    digits: DataSet, count: int, random: np.random.Generator, height: int = 28
) -> tuple[np.ndarray, str]:
    """Return unchanged digits side by side, dark on light, and their text."""
    chosen = random.integers(len(digits), size=count).tolist()
    line = np.concatenate([np.asarray(digits.pictures[number]) for number in chosen], axis=1)
    line = np.pad(line, 6)
    size = (round(line.shape[1] * height / 28), round(line.shape[0] * height / 28))
    large = np.asarray(Image.fromarray(line).resize(size, Image.Resampling.BICUBIC))
    return 235 - (large.astype(int) * 200 // 255).astype(np.uint8), "".join(
        digits.labels[number] for number in chosen
    )


def test_its_card_says_how_it_was_made() -> None:
    model = registry.load(registry.DETECTOR)
    assert model.card["name"] == "detector"
    assert model.card["recipe"]["tiles"] > 0
    assert model.task == "detection"
    assert model.card["recognizer"]["sha256"] == registry.load().card["sha256"]
    assert len(model.onnx) + len(registry.load().onnx) < 6_000_000
    assert "Open Font License" in model.card["licence"]
    assert model.calibration is not None
    assert b"site-packages" not in model.onnx
    assert b"/home/" not in model.onnx


@pytest.mark.slow
@pytest.mark.parametrize(
    ("height", "count", "right"),
    [(16, 40, 85), (28, 200, 95), (70, 40, 90), (120, 40, 90), (150, 40, 90), (200, 40, 90)],
)
def test_strings_are_read_whatever_their_size(
    height: int, count: int, right: float, reader: Reader, digits: DataSet
) -> None:
    random = np.random.default_rng(height)
    lines = [string(digits, 5, random, height) for _ in range(count)]
    data = DataSet(
        name="strings",
        pictures=[picture for picture, _ in lines],
        labels=tuple(text for _, text in lines),
    )
    measured = evaluate_numbers(reader, data)
    assert measured.accuracy >= right
    assert measured.cer <= 4


def test_strings_that_are_cut_at_their_strokes_are_read_as_well(
    reader: Reader, digits: DataSet
) -> None:
    """No paper is left around: the first and the last digit touch the picture's edge."""
    random = np.random.default_rng(12)
    lines = []
    for _ in range(100):
        grey, text = string(digits, 5, random, 40)
        rows, columns = (np.flatnonzero((grey < 200).any(axis=axis)) for axis in (1, 0))
        lines.append((grey[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1], text))
    pictures = [np.ascontiguousarray(grey) for grey, _ in lines]
    data = DataSet(name="cut", pictures=pictures, labels=tuple(text for _, text in lines))
    assert evaluate_numbers(reader, data).accuracy >= 93


def test_light_on_dark_is_the_same(reader: Reader, digits: DataSet) -> None:
    random = np.random.default_rng(0)
    lines = [string(digits, 4, random, 40)[0] for _ in range(20)]
    assert sum(reader.read(page).text == reader.read(255 - page).text for page in lines) >= 18


def test_an_error_rate_of_3_percent_still_accepts_many_numbers() -> None:
    threshold = Reader(max_error=0.03).risk_threshold
    assert threshold is not None
    assert threshold.coverage > 0.4  # of strips harder than most


def test_a_higher_max_error_for_numbers_never_rejects_more() -> None:
    model = registry.load("detector")
    assert model.calibration is not None
    assert model.rejection is not None
    shares = (0.02, 0.03, 0.05, 0.1, 0.2, 0.5)
    thresholds = [
        risk_control.find_risk_threshold(
            "detector", model.calibration, share, lowest=model.rejection.unsure
        )
        for share in shares
    ]
    confidences = [threshold.threshold for threshold in thresholds]
    assert confidences == sorted(confidences, reverse=True)
    assert confidences[-1] == model.rejection.unsure  # the threshold without max_error


def test_confidences_of_numbers_are_right_in_each_bin() -> None:
    reliability = registry.load("detector").card["reliability"]
    assert sum(row["n"] for row in reliability["reliability"]) == reliability["n"]
    for row in reliability["reliability"]:
        is_accepted = row["low"] >= 50
        assert row["confidence"] == pytest.approx(row["accuracy"], abs=5 if is_accepted else 15)
    assert reliability["mce"] < 10


@pytest.mark.parametrize("turns", [1, 2, 3])
def test_a_page_that_lies_wrong_is_turned(turns: int, reader: Reader) -> None:
    page = np.asarray(Image.open(NUMBERS / "rows.png").convert("L"))
    reading = reader.read(np.ascontiguousarray(np.rot90(page, -turns)))
    assert (reading.turned, reading.text) == (90 * turns, "407 1250\n88 31170\n9526")
    assert reading.to_dict()["turned"] == 90 * turns
    assert "turned" not in reader.read(page).to_dict()


def test_a_region_is_read_as_it_lies_and_its_boxes_are_of_the_page(reader: Reader) -> None:
    lying = np.rot90(np.asarray(Image.open(NUMBERS / "rows.png").convert("L")))
    whole_page = Form(regions=(parse_region("0,0,100%,100%", 1),))
    (reading,) = reader.read_many([np.ascontiguousarray(lying)], form=whole_page)
    assert (reading.turned, reading.picture.shape) == (0, lying.shape)


def test_boxes_of_a_region_are_those_of_the_page(reader: Reader) -> None:
    page = np.asarray(Image.open(NUMBERS / "rows.png").convert("L"))
    low = page.shape[0] * 2 // 3
    (lowest,) = reader.read_many(
        [page], form=Form(regions=(parse_region(f"0,{low},100%,{page.shape[0] - low}", 1),))
    )
    assert lowest.text == "9526"
    for digit, same in zip(lowest.digits, reader.read(page).digits[-4:], strict=True):
        assert digit.box == pytest.approx(same.box, abs=4)


def test_a_grid_on_its_side_is_read_as_it_would_stand(reader: Reader) -> None:
    page = np.asarray(Image.open(NUMBERS / "table.png").convert("L"))
    (upright,) = reader.read_many([page], grid=True)
    (lying,) = reader.read_many([np.ascontiguousarray(np.rot90(page, -1))], grid=True)
    assert (lying.turned, lying.tables[0].rows) == (90, upright.tables[0].rows)


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
    for page, why in (
        (np.full((500, 400), 240, np.uint8), "blank"),
        (noise, None),
        (ruled, "not a digit"),
    ):
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


def test_many_pages_are_answered_in_their_order_and_as_one_by_one(
    reader: Reader, digits: DataSet
) -> None:
    random = np.random.default_rng(2)
    lines = [string(digits, int(random.integers(1, 9)), random, 32)[0] for _ in range(12)]
    together = [reading.text for reading in reader.read_many(lines)]
    assert together == [reader.read(page).text for page in lines]
