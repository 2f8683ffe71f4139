from __future__ import annotations

import io
import json
import os
import shutil
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
from onnx import TensorProto, helper
from PIL import Image, ImageColor, ImageFilter

import numeye
from numeye import DataSet, Reader, evaluate, weights
from numeye.drawing import FRAME
from numeye.errors import ModelError, PictureError, UsageError
from numeye.results import Unreadable
from numeye.zoom import SIZE, Window, cut

SAMPLES = Path(__file__).parent.parent / "examples" / "digits"


def alone(model: Path, **asked: Any) -> Reader:
    """One that reads one digit a picture."""
    return Reader(model, single=True, **asked)


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
    "given",
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
def test_however_a_picture_is_given_the_answer_is_the_same(given: Callable[[Path], object]) -> None:
    assert numeye.read(given(SAMPLES / "1-blue-pen.jpg")).text == "1"


def test_several_at_once_and_a_folder_come_in_order(reader: Reader) -> None:
    names = sorted(str(path) for path in SAMPLES.iterdir() if path.suffix != ".md")
    assert [reading.image for reading in reader.read_many([SAMPLES])] == names
    assert [r.text for r in numeye.read_many([names[3], names[1]])] == ["3", "1"]


def test_a_batch_answers_as_its_pictures_one_by_one(reader: Reader, train_images: np.ndarray) -> None:
    pictures = [*train_images[:150]]
    together = list(reader.read_many(pictures))
    for reading, picture in zip(together, pictures, strict=True):
        alone = reader.read(picture)
        assert alone.text == reading.text
        assert alone.digits[0].probabilities == pytest.approx(reading.digits[0].probabilities, abs=1e-5)


def test_the_stream_goes_on_over_what_cannot_be_read(reader: Reader, tmp_path: Path) -> None:
    empty = tmp_path / "folder"
    empty.mkdir()
    good = SAMPLES / "7-turned.jpg"
    found = list(reader.stream([good, tmp_path / "nothing.png", empty, good]))
    assert [type(one) is Unreadable for one in found] == [False, True, True, False]
    assert "no such file" in found[1].to_dict()["error"]
    assert "no picture in this folder" in found[2].to_dict()["error"]
    with pytest.raises(PictureError, match="no such file"):
        list(reader.read_many([good, tmp_path / "nothing.png"]))


def test_each_page_of_a_tiff_is_a_reading(reader: Reader, tmp_path: Path) -> None:
    pages = [Image.open(SAMPLES / name).convert("L") for name in ("1-blue-pen.jpg", "5-chalk.png", "3-pencil.png")]
    pages[0].save(tmp_path / "three.tif", save_all=True, append_images=pages[1:])
    found = list(reader.read_many([tmp_path / "three.tif"]))
    assert [(reading.page, reading.text) for reading in found] == [(0, "1"), (1, "5"), (2, "3")]
    with pytest.raises(PictureError, match="has more than one page; read_many reads them all"):
        reader.read(tmp_path / "three.tif")


def test_two_readers_and_eight_threads(tmp_path: Path, reader: Reader) -> None:
    shutil.copy(weights.ASSETS / "classic.onnx", tmp_path / "own.onnx")
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
    shutil.copy(weights.ASSETS / "classic.onnx", tmp_path / "soft.onnx")
    (tmp_path / "soft.json").write_text(json.dumps({"temperature": 4.0}))
    pixels = train_images[:200].astype(np.float32) / 255
    plain, soft = Reader("classic").probabilities(pixels), Reader(tmp_path / "soft.onnx").probabilities(pixels)
    assert (plain.argmax(axis=1) == soft.argmax(axis=1)).all()
    assert soft.max(axis=1).mean() < plain.max(axis=1).mean()


def _graph(inputs: list[object], outputs: list[object]) -> bytes:
    node = helper.make_node("Identity", ["x"], ["y"])
    value = [helper.make_tensor_value_info(n, TensorProto.FLOAT, s) for n, s in (("x", inputs), ("y", outputs))]
    model = helper.make_model(helper.make_graph([node], "g", value[:1], value[1:]), ir_version=9)
    buffer = io.BytesIO()
    onnx.save(model, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("cut.onnx", (weights.ASSETS / "classic.onnx").read_bytes()[:5000], "not an ONNX model that can be run"),
        ("text.onnx", b"hello", "not an ONNX model that can be run"),
        ("empty.onnx", b"", "not an ONNX model that can be run"),
        ("foreign.onnx", _graph(["n", 3, 224, 224], ["n", 3, 224, 224]), r"another network: .*expected \(N,1,28,28\)"),
        ("foreign.onnx", _graph(["n", 3, 40, 40], ["n", 3, 40, 40]), r"or \(N,1,40,40\) in, \(N,11\) and \(N,4\) out"),
        ("fixed.onnx", _graph([1, 1, 28, 28], [1, 1, 28, 28]), "another network"),
    ],
)
def test_a_model_that_is_none_is_said_in_one_line(name: str, content: bytes, says: str, tmp_path: Path) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(ModelError, match=says) as raised:
        Reader(tmp_path / name)
    assert "\n" not in str(raised.value)


@pytest.mark.parametrize(
    ("card", "says"),
    [
        ({"sha256": "0" * 64}, "damaged .*not the sha256 of its card"),
        ({"temperature": 0}, "temperature is 0; expected a number above 0"),
        ({"temperature": float("nan")}, "temperature is nan; expected a number above 0"),
        ({"temperature": 1e9}, "temperature is 1000000000.0; expected a number above 0"),
        ({"temperature": True}, "temperature is True"),
        ({"temperature": "1"}, "temperature is '1'"),
        ({"preprocessing": {"framing": "cubist"}}, "asks for the framing 'cubist'"),
        ({"preprocessing": {"framing": "zoom"}}, r"another network: .*expected \(N,1,40,40\) in, \(N,11\) and"),
        ({"preprocessing": {"framing": 7}}, "preprocessing is {'framing': 7}; expected an object such as"),
        ({"preprocessing": "mnist"}, "preprocessing is 'mnist'; expected an object such as"),
        ({"preprocessing": {"range": [0, 255]}}, r"range of pixels is \[0, 255\]; expected \[0, 1\]"),
        ({"rejection": 0.5}, "rejection is 0.5; expected"),
        ({"rejection": {"no_digit": 0.5}}, "rejection is {'no_digit': 0.5}; expected"),
        ({"rejection": {"no_digit": 0.5, "unsure": float("nan")}}, "rejection is .*nan}; expected"),
        ({"rejection": {"no_digit": 2, "unsure": 0.5}}, "rejection is .*; expected"),
        ([], "not a card"),
    ],
)
def test_a_card_that_does_not_fit_is_said(card: object, says: str, tmp_path: Path) -> None:
    shutil.copy(weights.ASSETS / "classic.onnx", tmp_path / "own.onnx")
    (tmp_path / "own.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=says):
        Reader(tmp_path / "own.onnx")


def test_no_such_model_names_those_that_there_are(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError, match="no model 'clasic'; expected classic, reader, spotter, a run folder or an ONNX file"
    ):
        Reader("clasic")
    with pytest.raises(ModelError, match="no model.onnx in this folder; expected the folder of a finished run"):
        Reader(tmp_path)
    (tmp_path / "checkpoints").mkdir()
    with pytest.raises(ModelError, match="numeye export .* makes it"):
        Reader(tmp_path)


def test_the_packaged_card_says_how_the_weights_were_made() -> None:
    model = weights.load("classic")
    assert model.card["recipe"]["name"] == "classic"
    assert model.card["parameters"] == 206_922
    assert model.card["seeds"] == [0]
    assert len(model.onnx) < 4_000_000
    measured = model.card["accuracy"]
    assert measured["accuracy"] == measured["correct"] / measured["n"] * 100
    assert b"site-packages" not in model.onnx
    assert b"/home/" not in model.onnx


# ---- models that look for themselves, with a network that is made up: it finds what differs from the corner -----

TINY_CURVE = [[0.99, 3_000, 0], [0.9, 9_000, 9], [0.5, 9_800, 200]]
CARD: dict[str, Any] = {
    "preprocessing": {"framing": "zoom", "size": [40, 40], "range": [0, 1]},
    "temperature": 1.0,
    "rejection": {"no_digit": 0.5, "unsure": 0.5},
    "calibration": {"data": "made up", "n": 10_000, "level": 0.95, "curve": TINY_CURVE},
}


def _zoom_graph(logits: list[float]) -> bytes:
    """Images (N, 1, 40, 40) -> these logits (N, 11), and as boxes (N, 4) the bounds of what differs from the corner."""
    weights_: dict[str, np.ndarray] = {
        "zero": np.array([0], np.int64),
        "one": np.array([1], np.int64),
        "axes": np.array([2, 3], np.int64),
        "least": np.array(0.25, np.float32),
        "size": np.array(SIZE, np.float32),
        "half": np.array(0.5, np.float32),
        "up": np.arange(1, SIZE + 1, dtype=np.float32),
        "down": np.arange(SIZE, 0, -1, dtype=np.float32),
        "nothing": np.zeros(1, np.float32),
        "row": np.array([logits], np.float32),
        "flat": np.array([-1, SIZE], np.int64),
    }
    make = helper.make_node
    nodes = [
        make("Slice", ["images", "zeros", "ones", "axes"], ["corner"]),
        make("Sub", ["images", "corner"], ["apart"]),
        make("Abs", ["apart"], ["far"]),
        make("Greater", ["far", "least"], ["is_ink"]),
        make("Cast", ["is_ink"], ["ink"], to=TensorProto.FLOAT),
    ]
    weights_["zeros"], weights_["ones"] = np.zeros(2, np.int64), np.ones(2, np.int64)
    for name, axis in (("x", 2), ("y", 3)):
        nodes += [
            make("ReduceMax", ["ink"], [f"{name}_any"], axes=[axis], keepdims=0),  # (N, 1, 40)
            make("Reshape", [f"{name}_any", "flat"], [f"{name}_row"]),
            make("Mul", [f"{name}_row", "up"], [f"{name}_up"]),
            make("Mul", [f"{name}_row", "down"], [f"{name}_down"]),
            make("ReduceMax", [f"{name}_up"], [f"{name}_last"], axes=[1], keepdims=1),
            make("ReduceMax", [f"{name}_down"], [f"{name}_rest"], axes=[1], keepdims=1),
            make("Sub", ["size", f"{name}_rest"], [f"{name}_first"]),
            make("Add", [f"{name}_first", f"{name}_last"], [f"{name}_sum"]),
            make("Mul", [f"{name}_sum", "half"], [f"{name}_middle"]),
            make("Sub", [f"{name}_last", f"{name}_first"], [f"{name}_length"]),
        ]
    nodes += [
        make("Concat", ["x_middle", "y_middle", "x_length", "y_length"], ["bounds"], axis=1),
        make("Div", ["bounds", "size"], ["boxes"]),
        make("Mul", ["x_middle", "nothing"], ["zeros_of_n"]),
        make("Add", ["zeros_of_n", "row"], ["logits"]),
    ]
    value = helper.make_tensor_value_info
    graph = helper.make_graph(
        nodes,
        "fake",
        [value("images", TensorProto.FLOAT, ["n", 1, SIZE, SIZE])],
        [value("logits", TensorProto.FLOAT, ["n", 11]), value("boxes", TensorProto.FLOAT, ["n", 4])],
        [onnx.numpy_helper.from_array(array, name) for name, array in weights_.items()],
    )
    model = helper.make_model(graph, ir_version=9, opset_imports=[helper.make_opsetid("", 17)])
    onnx.checker.check_model(model)
    return model.SerializeToString()


FakeModel = Callable[..., Path]


@pytest.fixture
def fake(tmp_path: Path) -> FakeModel:
    """Write a made-up model and its card: `odds` are the digits' logits, "none" that of no digit."""

    def write(card: dict[str, Any] | None = CARD, /, **odds: float) -> Path:
        row = [0.0] * 11
        for name, value in (odds or {"d3": 12.0}).items():
            row[10 if name == "none" else int(name[1:])] = value
        path = tmp_path / "fake.onnx"
        path.write_bytes(_zoom_graph(row))
        path.with_suffix(".json").unlink(missing_ok=True)
        if card is not None:
            path.with_suffix(".json").write_text(json.dumps(card))
        return path

    return write


def _sheet(x: int, y: int, width: int, height: int) -> np.ndarray:
    grey = np.full((300, 200), 240, np.uint8)
    grey[y : y + height, x : x + width] = 30
    return grey


def test_a_model_that_looks_for_itself_says_what_and_where(fake: FakeModel) -> None:
    reading = alone(fake()).read(_sheet(60, 80, 60, 100))
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
def test_what_was_looked_at_is_drawn_in_dashes(place: tuple[int, int, int, int], fake: FakeModel) -> None:
    drawn = alone(fake()).read(_sheet(*place)).draw()
    below = drawn.crop((0, 300, drawn.width, drawn.height))
    dashes = ImageColor.getrgb(FRAME)
    assert 20 < (np.asarray(drawn) == dashes).all(axis=2).sum() < 3 * 300
    assert not (np.asarray(below) == dashes).all(axis=2).any()


def test_confidence_leaves_room_for_no_digit_and_the_ten_sum_to_one(fake: FakeModel) -> None:
    digit = alone(fake(d3=5.0, none=4.0)).read(_sheet(60, 80, 60, 100)).digits[0]
    total = np.exp(5) + np.exp(4) + 9
    assert digit.confidence == pytest.approx(np.exp(5) / total)
    assert sum(digit.probabilities) == pytest.approx(1)
    assert max(digit.probabilities) == pytest.approx(np.exp(5) / (np.exp(5) + 9))


def test_the_temperature_divides_all_eleven(fake: FakeModel) -> None:
    digit = alone(fake({**CARD, "temperature": 2.0}, d3=8.0, none=2.0)).read(_sheet(60, 80, 60, 100)).digits[0]
    assert digit.confidence == pytest.approx(np.exp(4) / (np.exp(4) + np.exp(1) + 9))


def _smear(sigma: float) -> np.ndarray:
    return np.asarray(Image.fromarray(_sheet(85, 80, 30, 100)).filter(ImageFilter.GaussianBlur(sigma)))


@pytest.mark.parametrize(
    ("odds", "picture", "reason"),
    [
        ({"d3": 12.0}, np.full((300, 200), 240, np.uint8), "blank"),
        ({"d3": 1.0, "none": 9.0}, _sheet(60, 80, 60, 100), "not a digit"),
        ({"d9": 3.0, "d4": 3.1}, _sheet(60, 80, 60, 100), "unsure between 4 and 9"),
        ({"d2": 3.1, "d0": 3.0}, _sheet(60, 80, 60, 100), "unsure between 0 and 2"),
        ({"d4": 3.1, "d9": 3.0}, _sheet(60, 80, 4, 6), "too small"),
        ({"d4": 3.1, "d9": 3.0}, _smear(25), "too blurred"),
        ({"d4": 12.0}, _smear(25), None),
        ({"d4": 12.0}, _sheet(60, 80, 4, 6), None),
    ],
)
def test_what_is_not_relied_on_says_why(
    odds: dict[str, float], picture: np.ndarray, reason: str | None, fake: FakeModel
) -> None:
    reading = alone(fake(**odds)).read(picture)
    assert reading.rejected == reason
    assert len(reading.digits) == (reason != "blank")
    if reason:
        assert (reading.text, reading.confidence) == ("", 0.0)
        assert reading.draw().width >= 200
    found = reason in ("blank", "not a digit")
    assert reading.refusal == ("" if reason is None else f"{'no digit found' if found else 'rejected'} ({reason})")


def test_where_the_card_does_not_say_the_shapes_tell_and_half_is_the_bound(fake: FakeModel) -> None:
    reader = alone(fake(None, d3=2.0, d4=1.9))
    assert reader.model.framing == "zoom"
    assert reader.read(_sheet(60, 80, 60, 100)).rejected == "unsure between 3 and 4"
    assert alone(fake(None)).read(_sheet(60, 80, 60, 100)).text == "3"


def test_a_plain_onnx_file_is_fed_with_mnists_frame(tmp_path: Path) -> None:
    shutil.copy(weights.ASSETS / "classic.onnx", tmp_path / "own.onnx")
    assert Reader(tmp_path / "own.onnx").model.framing == "mnist"


def test_a_run_folder_holds_a_model_of_either_kind(fake: FakeModel, tmp_path: Path) -> None:
    path = fake()
    run = tmp_path / "run"
    run.mkdir()
    shutil.copy(path, run / "model.onnx")
    (run / "card.json").write_text(json.dumps(CARD))
    assert alone(run).read(_sheet(60, 80, 60, 100)).text == "3"


def test_both_kinds_side_by_side_in_many_threads(fake: FakeModel, reader: Reader) -> None:
    zoom, answers = alone(fake()), []
    expected = {0: reader.read(SAMPLES / "7-turned.jpg"), 1: zoom.read(SAMPLES / "7-turned.jpg")}

    def work(number: int) -> None:
        for _ in range(5):
            kind = number % 2
            answers.append((reader, zoom)[kind].read(SAMPLES / "7-turned.jpg") == expected[kind])

    threads = [threading.Thread(target=work, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers == [True] * 40
    assert (expected[0].text, expected[1].text) == ("7", "3")
    assert expected[0].digits[0].frame is None


def test_a_batch_of_pages_is_read_as_one_by_one(fake: FakeModel) -> None:
    reader = alone(fake())
    pages = [_sheet(60 + number, 80, 20 + number, 100) for number in range(70)]
    for together, page in zip(reader.read_many(pages), pages, strict=True):
        assert together == reader.read(page)


def test_one_answer_a_picture(fake: FakeModel, tmp_path: Path) -> None:
    pages = [Image.open(SAMPLES / name).convert("L") for name in ("1-blue-pen.jpg", "5-chalk.png")]
    pages[0].save(tmp_path / "two.tif", save_all=True, append_images=pages[1:])
    found = list(alone(fake()).read_each([pages[0], tmp_path / "two.tif", pages[1]]))
    assert [type(one) is Unreadable for one in found] == [False, True, False]
    assert "has more than one page" in found[1].to_dict()["error"]


def test_the_raw_network_can_be_asked(fake: FakeModel) -> None:
    reader = alone(fake({**CARD, "temperature": 2.0}, d3=4.0))
    pixels = cut(_sheet(60, 80, 60, 100), Window(90, 130, 140))[None]
    assert reader.logits(pixels).tolist() == [[0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0]]
    assert reader.probabilities(pixels)[0, 3] == pytest.approx(np.exp(2) / (np.exp(2) + 10))
    assert reader.logits(pixels[:0]).shape == (0, 11)


def test_logits_that_are_not_finite_are_refused(fake: FakeModel) -> None:
    with pytest.raises(ModelError, match="logits are not finite") as raised:
        alone(fake(d3=float("nan"))).read(_sheet(60, 80, 60, 100))
    assert "\n" not in str(raised.value)


def test_mnists_own_pictures_are_read_as_any_other(fake: FakeModel, train_images: np.ndarray) -> None:
    data = DataSet(name="own", pictures=train_images[:300], labels=("3",) * 300, framed=True)
    measured = evaluate(alone(fake()), data)
    assert measured.accuracy == 100
    assert measured.accepted.all()
    assert (measured.confidences < 1).all()


def test_a_network_that_was_trained_further_is_loaded_again(fake: FakeModel) -> None:
    for digit in (3, 4):
        own = fake(**{f"d{digit}": 9.0})
        os.utime(own, ns=(digit, digit))
        assert numeye.read(_sheet(60, 80, 60, 100), model=own, single=True).text == str(digit)


def test_many_are_read_with_the_network_that_one_is_though_its_file_has_gone(fake: FakeModel) -> None:
    own = fake(d3=9.0)
    kept = Reader(own, single=True)
    own.unlink()
    assert kept.for_single().read(_sheet(60, 80, 60, 100)).text == "3"
    assert Reader(kept.model, single=True).read(_sheet(60, 80, 60, 100)).text == "3"


@pytest.mark.parametrize(
    ("odds", "asked", "reason"),
    [(2.5, None, None), (2.5, 0.003, "unsure between 3 and 4"), (2.5, 0.05, None), (9.0, 0.003, None)],
)
def test_a_promise_sets_the_threshold(odds: float, asked: float | None, reason: str | None, fake: FakeModel) -> None:
    path = fake(d3=odds, d4=0.1)
    assert alone(path, max_error=asked).read(_sheet(60, 80, 60, 100)).rejected == reason
    assert numeye.read(_sheet(60, 80, 60, 100), model=path, single=True, max_error=asked).rejected == reason
    assert (
        next(numeye.read_many([_sheet(60, 80, 60, 100)], model=path, single=True, max_error=asked)).rejected == reason
    )


def test_a_promise_says_how_much_is_accepted(fake: FakeModel) -> None:
    kept = alone(fake(), max_error=0.003).promise
    assert kept is not None
    assert (kept.threshold, kept.coverage) == (0.9, 0.9)
    assert alone(fake()).promise is None
    with pytest.raises(UsageError, match=r"0.001 % wrong is more than .* it can promise 0.175 % at the least"):
        alone(fake(), max_error=0.00001)
    assert alone(fake(), max_error=0.00175).promise is not None


def test_what_is_accepted_under_a_promise_is_what_was_counted(fake: FakeModel) -> None:
    card = {**CARD, "rejection": {"no_digit": 0.05, "unsure": 0.5}}
    kept = alone(fake(card), max_error=0.5).promise
    assert kept is not None
    assert kept.threshold == 0.99  # below 0.95, some answers are set aside as no digit


def test_a_model_without_a_calibration_promises_nothing(fake: FakeModel) -> None:
    with pytest.raises(UsageError, match="classic: promises no error rate, since its card has no calibration"):
        Reader("classic", max_error=0.01)
    with pytest.raises(UsageError, match="its card has no calibration"):
        alone(fake({}), max_error=0.01)
    with pytest.raises(UsageError, match="expected a number between 0 and 1"):
        alone(fake(), max_error=1.5)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"curve": []}, "calibration curve is \\[\\]; expected"),
        ({"curve": None}, "calibration curve is None"),
        ({"curve": [[0.9, 10]]}, "calibration curve is"),
        ({"curve": [[0.9, 10, 11]]}, "calibration curve is"),
        ({"curve": [[0.9, 10, 1.5]]}, "calibration curve is"),
        ({"curve": [[1.9, 10, 1]]}, "calibration curve is"),
        ({"curve": [[float("nan"), 10, 1]]}, "calibration curve is"),
        ({"curve": [[0.9, 99_999, 1]]}, "calibration curve is .*counts up to 10000"),
        ({"curve": [[0.5, 10, 1], [0.9, 20, 1]]}, "thresholds descending"),
        ({"curve": [[0.9, 10, 1], [0.5, 9, 1]]}, "calibration curve is"),
        ({"n": 0}, "number of calibration pictures is 0"),
        ({"n": "many"}, "number of calibration pictures is 'many'"),
        ({"level": 95}, "level of calibration is 95; expected a number between 0 and 1"),
        ({"data": 5}, "calibration is"),
    ],
)
def test_a_calibration_that_makes_no_sense_is_said(changes: dict[str, Any], says: str, fake: FakeModel) -> None:
    path = fake({**CARD, "calibration": {**CARD["calibration"], **changes}})
    with pytest.raises(ModelError, match=says) as raised:
        alone(path, max_error=0.01)
    assert len(str(raised.value)) < 300 + len(str(path))
    assert "\n" not in str(raised.value)


def test_the_command_line_says_what_it_promises(fake: FakeModel, tmp_path: Path, numeye: Callable[..., Any]) -> None:
    path, picture = fake(d3=2.5, d4=0.1), tmp_path / "sheet.png"
    Image.fromarray(_sheet(60, 80, 60, 100)).save(picture)
    done = numeye("read", "--single", picture, "--model", path, "--max-error", "5%")
    assert (done.returncode, done.stdout) == (0, "3\n")
    assert done.stderr == (
        "at most 5 % wrong among what is accepted: 98.0 % of the calibration pictures were (threshold 0.5)\n"
    )
    asked = ["--model", path, "--max-error", "0.003", "--json", "--overlay", tmp_path / "drawn"]
    done = numeye("read", "--single", picture, *asked)
    assert done.returncode == 3
    assert json.loads(done.stdout)["rejected"] == "unsure between 3 and 4"
    assert done.stderr.endswith(f"numeye: {picture}: rejected (unsure between 3 and 4)\n")
    assert (tmp_path / "drawn" / "sheet.png.read.png").is_file()
    done = numeye("read", picture, "--max-error", "lots")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.startswith("numeye: --max-error lots: expected a share between 0 and 100 %")
    done = numeye("read", picture, "--model", "classic", "--max-error", "1%")
    assert done.returncode == 2
    assert "no calibration" in done.stderr
