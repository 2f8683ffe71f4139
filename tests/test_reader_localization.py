"""Readers of one digit a picture, with a model for localization."""

from __future__ import annotations

import json
import os
import shutil
import threading
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageColor, ImageFilter

import numeye
from numeye import DataSet, Reader, evaluate
from numeye.errors import ModelError
from numeye.explanation.explainer import Explainer
from numeye.io.drawing import FRAME_COLOUR
from numeye.models import registry
from numeye.recognition.crops import Square, cut
from numeye.results import Unreadable
from tests.fake_localizer import CARD, FakeModel, draw_sheet, single_reader

SAMPLES = Path(__file__).parent.parent / "examples" / "digits"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader("classic")


def test_a_digit_has_a_box_and_the_frame_that_was_classified(fake: FakeModel) -> None:
    reading = single_reader(fake()).read(draw_sheet(60, 80, 60, 100))
    digit = reading.digits[0]
    assert (reading.text, reading.rejected) == ("3", None)
    assert digit.box == pytest.approx((60, 80, 60, 100), abs=4)
    assert digit.frame is not None
    assert digit.frame[2] == digit.frame[3] == pytest.approx(140, abs=8)
    stored = reading.to_dict()["digits"][0]
    assert list(stored) == ["digit", "confidence", "box", "probabilities", "frame"]
    assert stored["frame"] == list(digit.frame)
    assert json.loads(reading.to_json()) == reading.to_dict()


@pytest.mark.parametrize("place", [(60, 80, 60, 100), (60, 190, 60, 110)])
def test_the_frame_is_drawn_in_dashes(place: tuple[int, int, int, int], fake: FakeModel) -> None:
    drawing = single_reader(fake()).read(draw_sheet(*place)).draw()
    below = drawing.crop((0, 300, drawing.width, drawing.height))
    dashes = ImageColor.getrgb(FRAME_COLOUR)
    assert 20 < (np.asarray(drawing) == dashes).all(axis=2).sum() < 3 * 300
    assert not (np.asarray(below) == dashes).all(axis=2).any()


def test_confidence_includes_no_digit_and_the_ten_probabilities_sum_to_one(fake: FakeModel) -> None:
    digit = single_reader(fake(d3=5.0, none=4.0)).read(draw_sheet(60, 80, 60, 100)).digits[0]
    total = np.exp(5) + np.exp(4) + 9
    assert digit.confidence == pytest.approx(np.exp(5) / total)
    assert sum(digit.probabilities) == pytest.approx(1)
    assert max(digit.probabilities) == pytest.approx(np.exp(5) / (np.exp(5) + 9))


def test_the_temperature_divides_all_eleven(fake: FakeModel) -> None:
    digit = (
        single_reader(fake({**CARD, "temperature": 2.0}, d3=8.0, none=2.0))
        .read(draw_sheet(60, 80, 60, 100))
        .digits[0]
    )
    assert digit.confidence == pytest.approx(np.exp(4) / (np.exp(4) + np.exp(1) + 9))


def _smear(sigma: float) -> np.ndarray:
    return np.asarray(
        Image.fromarray(draw_sheet(85, 80, 30, 100)).filter(ImageFilter.GaussianBlur(sigma))
    )


@pytest.mark.parametrize(
    ("odds", "picture", "reason"),
    [
        ({"d3": 12.0}, np.full((300, 200), 240, np.uint8), "blank"),
        ({"d3": 1.0, "none": 9.0}, draw_sheet(60, 80, 60, 100), "not a digit"),
        ({"d9": 3.0, "d4": 3.1}, draw_sheet(60, 80, 60, 100), "unsure between 4 and 9"),
        ({"d2": 3.1, "d0": 3.0}, draw_sheet(60, 80, 60, 100), "unsure between 0 and 2"),
        ({"d4": 3.1, "d9": 3.0}, draw_sheet(60, 80, 4, 6), "too small"),
        ({"d4": 3.1, "d9": 3.0}, _smear(25), "too blurred"),
        ({"d4": 12.0}, _smear(25), None),
        ({"d4": 12.0}, draw_sheet(60, 80, 4, 6), None),
    ],
)
def test_a_rejected_answer_has_a_reason(
    odds: dict[str, float], picture: np.ndarray, reason: str | None, fake: FakeModel
) -> None:
    reading = single_reader(fake(**odds)).read(picture)
    assert reading.rejected == reason
    assert len(reading.digits) == (reason != "blank")
    if reason:
        assert (reading.text, reading.confidence) == ("", 0.0)
        assert reading.draw().width >= 200
    is_empty = reason in ("blank", "not a digit")
    assert reading.rejection_message == (
        "" if reason is None else f"{'no digit found' if is_empty else 'rejected'} ({reason})"
    )


def test_without_a_card_the_shapes_give_the_task_and_the_threshold_is_one_half(
    fake: FakeModel,
) -> None:
    reader = single_reader(fake(None, d3=2.0, d4=1.9))
    assert reader.model.task == "localization"
    assert reader.read(draw_sheet(60, 80, 60, 100)).rejected == "unsure between 3 and 4"
    assert single_reader(fake(None)).read(draw_sheet(60, 80, 60, 100)).text == "3"


def test_a_plain_onnx_file_gets_mnists_frame(tmp_path: Path) -> None:
    shutil.copy(registry.PACKAGED / "classic.onnx", tmp_path / "own.onnx")
    assert Reader(tmp_path / "own.onnx").model.task == "classification"


def test_a_run_folder_holds_a_model_of_either_kind(fake: FakeModel, tmp_path: Path) -> None:
    path = fake()
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(path, run / "model.onnx")
    (run / "card.json").write_text(json.dumps(CARD))
    assert single_reader(run).read(draw_sheet(60, 80, 60, 100)).text == "3"


def test_both_kinds_side_by_side_in_many_threads(fake: FakeModel, reader: Reader) -> None:
    localizer, answers = single_reader(fake()), []
    expected = {
        0: reader.read(SAMPLES / "7-turned.jpg"),
        1: localizer.read(SAMPLES / "7-turned.jpg"),
    }

    def work(number: int) -> None:
        for _ in range(5):
            kind = number % 2
            answers.append(
                (reader, localizer)[kind].read(SAMPLES / "7-turned.jpg") == expected[kind]
            )

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 40
    assert (expected[0].text, expected[1].text) == ("7", "3")
    assert expected[0].digits[0].frame is None


def test_a_batch_gives_the_same_as_single_pictures(fake: FakeModel) -> None:
    reader = single_reader(fake())
    pages = [draw_sheet(60 + number, 80, 20 + number, 100) for number in range(70)]
    for together, page in zip(reader.read_many(pages), pages, strict=True):
        assert together == reader.read(page)


def test_read_each_returns_one_result_for_each_picture(fake: FakeModel, tmp_path: Path) -> None:
    pages = [Image.open(SAMPLES / name).convert("L") for name in ("1-blue-pen.jpg", "5-chalk.png")]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    results = list(single_reader(fake()).read_each([pages[0], tmp_path / "two.tif", pages[1]]))
    assert [type(result) is Unreadable for result in results] == [False, True, False]
    assert "has more than one page" in results[1].to_dict()["error"]


def test_raw_outputs_of_the_network_are_available(fake: FakeModel) -> None:
    reader = single_reader(fake({**CARD, "temperature": 2.0}, d3=4.0))
    pixels = cut(draw_sheet(60, 80, 60, 100), Square(90, 130, 140))[None]
    assert reader.logits(pixels).tolist() == [[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]]
    assert reader.probabilities(pixels)[0, 3] == pytest.approx(np.exp(2) / (np.exp(2) + 10))
    assert reader.logits(pixels[:0]).shape == (0, 11)


def test_logits_that_are_not_finite_are_an_error(fake: FakeModel) -> None:
    with pytest.raises(ModelError, match="logits are not finite") as raised:
        single_reader(fake(d3=float("nan"))).read(draw_sheet(60, 80, 60, 100))
    assert "\n" not in str(raised.value)


def test_pictures_of_mnist_are_read_like_others(fake: FakeModel, train_images: np.ndarray) -> None:
    data = DataSet(name="own", pictures=train_images[:300], labels=("3",) * 300, framed=True)
    measured = evaluate(single_reader(fake()), data)
    assert measured.accuracy == 100
    assert measured.accepted.all()
    assert (measured.confidences < 1).all()


def test_a_network_that_was_trained_further_is_loaded_again(fake: FakeModel) -> None:
    for digit in (3, 4):
        own = fake(**{f"d{digit}": 9.0})
        os.utime(own, ns=(digit, digit))
        assert numeye.read(draw_sheet(60, 80, 60, 100), model=own, single=True).text == str(digit)


def test_a_loaded_reader_does_not_need_its_file(
    fake: FakeModel,
) -> None:
    own = fake(d3=9.0)
    kept_reader = Reader(own, single=True)
    own.unlink()
    assert kept_reader.for_single().read(draw_sheet(60, 80, 60, 100)).text == "3"
    assert Reader(kept_reader.model, single=True).read(draw_sheet(60, 80, 60, 100)).text == "3"


def test_no_digit_has_its_own_scaling(fake: FakeModel) -> None:
    no_digit = {"constant": 0.5, "weight": 0.8, "fitted": 0.2, "share": 0.05}
    path = fake({**CARD, "temperature": 2.0, "no_digit": no_digit}, d3=8.0, none=6.0)
    reader = single_reader(path)
    digit = reader.read(draw_sheet(60, 80, 60, 100)).digits[0]
    odds = 0.5 + 0.8 * (6 - np.log(np.exp(8) + 9)) + np.log(0.05 / 0.95) - np.log(0.2 / 0.8)
    has_digit = 1 - 1 / (1 + np.exp(-odds))
    probability = np.exp(4) / (np.exp(4) + 9)
    assert digit.confidence == pytest.approx(has_digit * probability)
    assert max(digit.probabilities) == pytest.approx(probability)
    assert sum(digit.probabilities) == pytest.approx(1)
    pixels = cut(draw_sheet(60, 80, 60, 100), Square(90, 130, 140))[None]
    assert reader.probabilities(pixels)[0, 3] == pytest.approx(has_digit * probability)
    explainer = Explainer(registry.load(path))
    np.testing.assert_allclose(explainer.probabilities(pixels), reader.probabilities(pixels))
