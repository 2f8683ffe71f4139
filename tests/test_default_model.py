"""The default model, as it is packaged: what it promises stands on its card and holds."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import Reader, evaluate, open_data, weights
from numeye.errors import UsageError

SAMPLES = Path(__file__).parent.parent / "examples" / "digits"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader(single=True)


def test_its_card_says_how_it_was_made() -> None:
    model = weights.load()
    assert model.card["name"] == "reader"
    assert model.card["recipe"]["paper"] > 0
    assert model.framing == "zoom"
    assert len(model.onnx) < 4_000_000
    assert "Open Font License" in model.card["licence"]
    assert model.calibration is not None
    assert b"site-packages" not in model.onnx
    assert b"/home/" not in model.onnx


def test_it_reads_validation_digits_as_the_pictures_they_are(reader: Reader, mnist_cache: Path) -> None:
    data = open_data("mnist:validation", cache=mnist_cache).subset(np.arange(0, 5_000, 5))
    measured = evaluate(reader, data)
    assert measured.accuracy >= 99.3
    assert measured.to_dict()["rejected"] <= 1


@pytest.mark.parametrize("turned", [False, True])
def test_it_does_not_mind_polarity_or_the_paper_around(reader: Reader, mnist_cache: Path, turned: bool) -> None:
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
def test_what_is_no_digit_is_not_read(reader: Reader, kind: str) -> None:
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


def test_it_keeps_a_promise_or_says_that_it_cannot(mnist_cache: Path) -> None:
    data = open_data("mnist:validation", cache=mnist_cache).subset(np.arange(1_000))
    reader = Reader(single=True, max_error=0.002)
    assert reader.promise is not None
    assert reader.promise.threshold > 0.9
    plain, strict = evaluate(Reader(single=True), data).to_dict(), evaluate(reader, data).to_dict()
    assert strict["accuracy"] == plain["accuracy"]
    assert 50 > strict["rejected"] > plain["rejected"]
    assert strict["accuracy_accepted"] >= 99.6  # of a thousand; 99.8 of many
    with pytest.raises(UsageError, match="can promise"):
        Reader(single=True, max_error=1e-6)


@pytest.mark.parametrize("single", [True, False])
def test_the_samples_are_read(single: bool) -> None:
    for reading in Reader(single=single).read_many([SAMPLES]):
        name = Path(reading.image).stem
        assert reading.text == ("" if name == "blank" else name[0])
