"""Readers of pictures with the model `classic`, and models that cannot be loaded."""

from __future__ import annotations

import io
import json
import shutil
import threading
from collections.abc import Callable
from pathlib import Path

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image

import numeye
from numeye import Reader
from numeye.errors import ModelError, PictureError, UsageError
from numeye.models import registry
from numeye.results import Unreadable

SAMPLES = Path(__file__).parent.parent / "examples" / "digits"


@pytest.fixture(scope="module")
def reader() -> Reader:
    return Reader("classic")


@pytest.fixture(scope="module")
def seven() -> np.ndarray:
    return np.array(Image.open(SAMPLES / "1-blue-pen.jpg").convert("L"))


@pytest.mark.parametrize("path", sorted(SAMPLES.glob("[0-9]*")), ids=lambda path: path.name)
def test_every_sample_is_read_as_its_name_says(path: Path, reader: Reader) -> None:
    reading = reader.read(path)
    assert reading.text == path.name[0]
    assert reading.rejected is None
    assert sum(reading.digits[0].probabilities) == pytest.approx(1, abs=1e-9)
    assert reading.confidence == max(reading.digits[0].probabilities)


@pytest.mark.parametrize(
    "convert",
    [
        str,
        Path,
        Path.read_bytes,
        Image.open,
        lambda path: np.array(Image.open(path)),
        lambda path: np.array(Image.open(path).convert("L")),
        lambda path: np.array(Image.open(path).convert("L")) / 255,
        lambda path: 255 - np.array(Image.open(path).convert("L")),
        lambda path: np.array(Image.open(path).convert("L")).astype(np.int64) * 257,
        lambda path: np.array(Image.open(path).convert("L")) < 128,
    ],
    ids=["str", "Path", "bytes", "PIL", "colour", "grey", "unit", "inverted", "wide", "mask"],
)
def test_however_a_picture_is_given_the_answer_is_the_same(
    convert: Callable[[Path], object],
) -> None:
    assert numeye.read(convert(SAMPLES / "1-blue-pen.jpg")).text == "1"


def test_several_at_once_and_a_folder_come_in_order(reader: Reader) -> None:
    names = sorted(str(path) for path in SAMPLES.iterdir() if path.suffix != ".md")
    assert [reading.image for reading in reader.read_many([SAMPLES])] == names
    assert [r.text for r in numeye.read_many([names[3], names[1]])] == ["3", "1"]


def test_a_batch_answers_as_its_pictures_one_by_one(
    reader: Reader, train_images: np.ndarray
) -> None:
    pictures = [*train_images[:150]]
    together = list(reader.read_many(pictures))
    for reading, picture in zip(together, pictures, strict=True):
        alone = reader.read(picture)
        assert alone.text == reading.text
        assert alone.digits[0].probabilities == pytest.approx(
            reading.digits[0].probabilities, abs=1e-5
        )


def test_the_stream_continues_after_a_picture_that_cannot_be_read(
    reader: Reader, tmp_path: Path
) -> None:
    empty = tmp_path / "folder"
    empty.mkdir()
    good = SAMPLES / "7-turned.jpg"
    results = list(reader.stream([good, tmp_path / "nothing.png", empty, good]))
    assert [type(result) is Unreadable for result in results] == [False, True, True, False]
    assert "no such file" in results[1].to_dict()["error"]
    assert "no picture in this folder" in results[2].to_dict()["error"]
    with pytest.raises(PictureError, match="no such file"):
        list(reader.read_many([good, tmp_path / "nothing.png"]))


def test_each_page_of_a_tiff_is_a_reading(reader: Reader, tmp_path: Path) -> None:
    pages = [
        Image.open(SAMPLES / name).convert("L")
        for name in ("1-blue-pen.jpg", "5-chalk.png", "3-pencil.png")
    ]
    pages[0].save(tmp_path / "three.tif", save_all=True, append_images=pages[1:])
    results = list(reader.read_many([tmp_path / "three.tif"]))
    assert [(reading.page, reading.text) for reading in results] == [(0, "1"), (1, "5"), (2, "3")]
    with pytest.raises(PictureError, match="has more than one page, expected one; numeye read and"):
        reader.read(tmp_path / "three.tif")


def test_two_readers_and_eight_threads(tmp_path: Path, reader: Reader) -> None:
    shutil.copy(registry.PACKAGED / "classic.onnx", tmp_path / "own.onnx")
    readers, answers = [reader, Reader(tmp_path / "own.onnx")], []

    def work(number: int) -> None:
        for _ in range(5):
            answers.append(readers[number % 2].read(SAMPLES / "7-turned.jpg").text)

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == ["7"] * 40


def test_the_temperature_of_the_card_softens_without_changing_the_answer(
    tmp_path: Path, train_images: np.ndarray
) -> None:
    shutil.copy(registry.PACKAGED / "classic.onnx", tmp_path / "soft.onnx")
    (tmp_path / "soft.json").write_text(json.dumps({"temperature": 4.0}))
    pixels = train_images[:200].astype(np.float32) / 255
    plain, soft = (
        Reader("classic").probabilities(pixels),
        Reader(tmp_path / "soft.onnx").probabilities(pixels),
    )
    assert (plain.argmax(axis=1) == soft.argmax(axis=1)).all()
    assert soft.max(axis=1).mean() < plain.max(axis=1).mean()


def _graph(inputs: list[object], outputs: list[object]) -> bytes:
    node = helper.make_node("Identity", ["x"], ["y"])
    value = [
        helper.make_tensor_value_info(n, TensorProto.FLOAT, s)
        for n, s in (("x", inputs), ("y", outputs))
    ]
    model = helper.make_model(helper.make_graph([node], "g", value[:1], value[1:]), ir_version=9)
    buffer = io.BytesIO()
    onnx.save(model, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        (
            "cut.onnx",
            (registry.PACKAGED / "classic.onnx").read_bytes()[:5000],
            "not an ONNX model that can be run",
        ),
        ("text.onnx", b"hello", "not an ONNX model that can be run"),
        ("empty.onnx", b"", "not an ONNX model that can be run"),
        (
            "foreign.onnx",
            _graph(["n", 3, 224, 224], ["n", 3, 224, 224]),
            r"another network: .*expected \(N,1,28,28\)",
        ),
        (
            "foreign.onnx",
            _graph(["n", 3, 40, 40], ["n", 3, 40, 40]),
            r"or \(N,1,40,40\) in, \(N,11\) and \(N,4\) out",
        ),
        ("fixed.onnx", _graph([1, 1, 28, 28], [1, 1, 28, 28]), "another network"),
    ],
)
def test_a_file_that_is_no_model_is_an_error_of_one_line(
    name: str, content: bytes, message: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=message) as raised:
        Reader(tmp_path / name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("card", "message"),
    [
        ({"sha256": "0" * 64}, "damaged .*not the sha256 of its card"),
        ({"temperature": 0}, "temperature is 0; expected a number above 0"),
        ({"temperature": float("nan")}, "temperature is nan; expected a number above 0"),
        ({"temperature": 1e9}, "temperature is 1000000000.0; expected a number above 0"),
        ({"temperature": True}, "temperature is True"),
        ({"temperature": "1"}, "temperature is '1'"),
        ({"task": "cubist"}, "names the task 'cubist'"),
        (
            {"task": "localization"},
            r"another network: .*expected \(N,1,40,40\) in, \(N,11\) and",
        ),
        (
            {"task": 7},
            "task is 7; expected one of classification, localization, detection",
        ),
        ({"preprocessing": "mnist"}, "preprocessing is 'mnist'; expected an object such as"),
        (
            {"preprocessing": {"range": [0, 255]}},
            r"range of pixels is \[0, 255\]; expected \[0, 1\]",
        ),
        ({"rejection": 0.5}, "rejection is 0.5; expected"),
        ({"rejection": {"no_digit": 0.5}}, "rejection is {'no_digit': 0.5}; expected"),
        ({"rejection": {"no_digit": 0.5, "unsure": float("nan")}}, "rejection is .*nan}; expected"),
        ({"rejection": {"no_digit": 2, "unsure": 0.5}}, "rejection is .*; expected"),
        ([], "not a card"),
    ],
)
def test_a_card_that_does_not_fit_is_an_error(card: object, message: str, tmp_path: Path) -> None:
    shutil.copy(registry.PACKAGED / "classic.onnx", tmp_path / "own.onnx")
    (tmp_path / "own.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=message):
        Reader(tmp_path / "own.onnx")


def test_no_such_model_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError,
        match="no model 'clasic'; expected classic, detector, recognizer, a run folder or an",
    ):
        Reader("clasic")
    with pytest.raises(
        ModelError, match="no model.onnx in this folder; expected the folder of a finished run"
    ):
        Reader(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ModelError, match="numeye export .* makes it"):
        Reader(tmp_path)


def test_the_packaged_card_says_how_the_weights_were_made() -> None:
    model = registry.load("classic")
    assert model.card["recipe"]["name"] == "classic"
    assert model.card["parameters"] == 206_922
    assert model.card["seeds"] == [0]
    assert len(model.onnx) < 4_000_000
    measured = model.card["accuracy"]
    assert measured["accuracy"] == measured["correct"] / measured["n"] * 100
    assert b"site-packages" not in model.onnx
    assert b"/home/" not in model.onnx
