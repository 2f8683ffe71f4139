"""The packaged default model on single digits: what its card states holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import Reader, evaluate, open_data
from numeye.errors import UsageError
from numeye.models import registry, risk_control

SAMPLES = Path(__file__).parents[2] / "examples" / "digits"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(single=True)


def test_its_card_says_how_it_was_made() -> None:
    model = registry.load()
    assert model.card["name"] == "recognizer"
    assert model.card["recipe"]["paper"] > 0
    assert model.task == "localization"
    assert len(model.onnx) < 4_000_000
    assert "Open Font License" in model.card["licence"]
    assert model.calibration is not None
    assert b"site-packages" not in model.onnx
    assert b"/home/" not in model.onnx


def test_it_reads_validation_digits_as_the_pictures_they_are(
    reader: Reader, mnist_cache: Path
) -> None:
    data = open_data("mnist:validation", cache=mnist_cache).subset(np.arange(0, 5_000, 5))
    measured = evaluate(reader, data)
    assert measured.accuracy >= 99.3
    assert measured.to_dict()["rejected"] <= 1


@pytest.mark.parametrize("turned", [False, True])
def test_polarity_and_the_paper_around_do_not_matter(
    reader: Reader, mnist_cache: Path, turned: bool
) -> None:
    data = open_data("mnist:validation", cache=mnist_cache)
    right = 0
    for number in range(100):
        page = np.full((300, 400), 0 if turned else 235, np.uint8)
        digit = np.asarray(data.pictures[number])
        large = np.asarray(Image.fromarray(digit).resize((84, 84), Image.Resampling.BICUBIC))
        page[180:264, 30:114] = large if turned else 235 - large // 2
        right += reader.read(page).text == data.labels[number]
    assert right >= 98


@pytest.mark.parametrize("kind", ["blank", "noise", "gradient", "ruled"])
def test_pictures_without_a_digit_are_rejected(reader: Reader, kind: str) -> None:
    random = np.random.default_rng(0)
    read = 0
    for _ in range(30):
        page = np.full((120, 160), 220, np.uint8)
        if kind == "noise":
            page = random.integers(0, 256, page.shape, np.uint8)
        elif kind == "gradient":
            page = np.linspace(80, 230, 160).astype(np.uint8)[None].repeat(120, axis=0)
        elif kind == "ruled":
            page[int(random.integers(5, 20)) :: 24] = 120
        read += reader.read(page).rejected is None
    assert read <= 1


@pytest.mark.slow
def test_it_keeps_to_an_error_rate_or_says_that_it_cannot(mnist_cache: Path) -> None:
    data = open_data("mnist:validation", cache=mnist_cache).subset(np.arange(1_000))
    reader = Reader(single=True, max_error=0.002)
    assert reader.risk_threshold is not None
    assert reader.risk_threshold.threshold > 0.9
    plain, strict = evaluate(Reader(single=True), data).to_dict(), evaluate(reader, data).to_dict()
    assert strict["accuracy"] == plain["accuracy"]
    assert 50 > strict["rejected"] > plain["rejected"]
    assert strict["accuracy_accepted"] >= 99.6  # of a thousand; 99.8 of many
    with pytest.raises(UsageError, match="cannot guarantee"):
        Reader(single=True, max_error=1e-6)


@pytest.mark.parametrize("single", [True, False])
def test_the_samples_are_read(single: bool) -> None:
    for reading in Reader(single=single).read_many([SAMPLES]):
        name = Path(reading.image).stem
        assert reading.text == ("" if name == "blank" else name[0])


MAX_ERRORS = (0.001, 0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.1, 0.3, 0.9)  # shares, stricter first


def test_a_higher_max_error_never_rejects_more() -> None:
    model = registry.load()
    assert model.rejection is not None
    assert model.calibration is not None
    lowest = model.rejection.unsure
    thresholds = [
        risk_control.find_risk_threshold("recognizer", model.calibration, share, lowest=lowest)
        for share in MAX_ERRORS
    ]
    confidences = [threshold.threshold for threshold in thresholds]
    coverages = [threshold.coverage for threshold in thresholds]
    assert confidences == sorted(confidences, reverse=True)
    assert coverages == sorted(coverages)
    assert len(set(confidences[:6])) == 6  # 2 and 3 % are not the same
    assert confidences[-1] == model.rejection.unsure  # what the card holds anyway


def test_a_high_max_error_accepts_what_is_accepted_without_one(mnist_cache: Path) -> None:
    data = open_data("mnist:validation", cache=mnist_cache).subset(np.arange(0, 5_000, 40))
    plain, lax, strict = (
        evaluate(Reader(single=True, max_error=share), data).accepted
        for share in (None, 0.1, 0.005)
    )
    assert (lax == plain).all()
    assert not (strict & ~lax).any()


def test_its_card_shows_how_often_it_is_right_when_it_is_unsure() -> None:
    card = registry.load().card
    reliability = card["reliability"]
    assert sum(row["n"] for row in reliability["reliability"]) == reliability["n"] > 10_000
    for row in reliability["reliability"]:
        if row["n"] >= 75:  # fewer prove little: 20 points are within chance
            assert row["confidence"] == pytest.approx(row["accuracy"], abs=8)
    assert reliability["mce"] < 4
    low = [row for row in reliability["reliability"] if row["high"] <= 50]
    n = sum(row["n"] for row in low)
    confidence, accuracy = (
        sum(row["n"] * (row[key] or 0) for row in low) / n for key in ("confidence", "accuracy")
    )
    assert confidence == pytest.approx(accuracy, abs=15)  # 41 of 100 points apart before
    assert card["calibrated"]["by"] == "python benchmarks/recalibrate.py recognizer"
