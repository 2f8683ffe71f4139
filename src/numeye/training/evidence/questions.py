"""The pictures that every model of a study answers, by name: so that all are asked the same."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from numeye import image
from numeye.datasets import DataSet, open_data
from numeye.errors import DataError, NumeyeError
from numeye.framing import frame
from numeye.training.evidence import digits
from numeye.training.evidence.corruptions import CORRUPTIONS, about_middle, corrupted, turn
from numeye.training.evidence.study import Result, Step, Study
from numeye.wild import data_sets

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int64, UInt8

SHIFTS = (-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6)  # pixels to the right
TURNS = (-60, -45, -30, -20, -10, 0, 10, 20, 30, 45, 60)  # degrees
SIZES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3)  # of the digit's own
WAYS = {"shift": SHIFTS, "turn": TURNS, "size": SIZES}
WILD = "questions/wild"

Answer = Callable[["Float32[np.ndarray, 'n 28 28']"], "Int64[np.ndarray, ' n']"]


def steps(study: Study) -> list[Step]:
    """Make what is not MNIST's own."""
    own = [Step("questions/corrupted", _corrupted)]
    return own if study.wild is None else [*own, Step(WILD, _wild)]


def needed(study: Study) -> list[str]:
    """The steps without which they cannot be asked."""
    return [step.name for step in steps(study)]


def asked(study: Study) -> Iterator[tuple[str, Float32[np.ndarray, "n 28 28"]]]:
    """Names and pictures: `test`, `corrupted/NAME`, `shift/PIXELS`, `turn/DEGREES`, `size/SHARE`, `wild/SET`."""
    test = digits.test(study)
    yield "test", test.pixels
    for name, pictures in study["questions/corrupted"].arrays.items():
        yield f"corrupted/{name}", pictures.astype(np.float32) / 255
    some = test.first(study.scale.displaced)
    for way, amounts in WAYS.items():
        for amount in amounts:
            yield f"{way}/{amount:g}", displaced(some.pixels, way, amount)
    for name in wild_sets(study):
        yield f"wild/{name}", study[WILD].arrays[name].astype(np.float32) / 255


def labels(study: Study, name: str) -> Int64[np.ndarray, " n"]:
    """What is written on the pictures of that name."""
    kind, _, rest = name.partition("/")
    if kind == "wild":
        return study[WILD].arrays[f"{rest}.labels"]
    count = {"test": study.scale.test, "corrupted": study.scale.corrupted}.get(kind, study.scale.displaced)
    return digits.test(study).labels[:count]


def answered(study: Study, answer: Answer) -> dict[str, np.ndarray]:
    """What one model says of all of them, as arrays of a result."""
    return {name: answer(pixels).astype(np.int8) for name, pixels in asked(study)}


def right(study: Study, found: Result, name: str) -> np.ndarray:
    """Which of its answers are right."""
    correct: np.ndarray = found.arrays[name] == labels(study, name)
    return correct


def wild_sets(study: Study) -> list[str]:
    """The data sets of single digits among real pictures, where there are any."""
    return [] if study.wild is None else list(study[WILD].facts["sets"])


def wild_pictures(study: Study, name: str) -> list[UInt8[np.ndarray, "_ _"]]:
    """The real pictures of that name as they are."""
    paths = {path.stem: path for path in _sets(study)}
    found = open_data(str(paths[name.removeprefix("wild/")]))
    if not np.array_equal(found.digits(), labels(study, name)):
        raise DataError(f"{study.wild}: {name} is not what it was when the study began; put it back")
    return [image.only_page(picture).grey for picture in found.pictures]


def displaced(pixels: Float32[np.ndarray, "n 28 28"], way: str, amount: float) -> Float32[np.ndarray, "n 28 28"]:
    """Pictures shifted to the right, turned about their middle, or resized about it."""
    if way == "shift":
        moved: np.ndarray = ndimage.shift(pixels, (0, 0, amount), order=1)
        return moved
    matrix = _matrix(way, amount)
    return np.array([about_middle(picture, matrix) for picture in pixels], np.float32)


def _matrix(way: str, amount: float) -> Float64[np.ndarray, "2 2"]:
    return turn(np.deg2rad(amount)) if way == "turn" else np.eye(2) / amount


def _corrupted(study: Study) -> Result:
    some = digits.test(study).first(study.scale.corrupted)
    return Result({}, {name: corrupted(some, name) for name in CORRUPTIONS})


def _sets(study: Study) -> list[Path]:
    return [] if study.wild is None else data_sets(study.wild)


def _wild(study: Study) -> Result:
    """Real pictures in MNIST's frame, for models that know no other; the packaged reader takes them as they are."""
    arrays: dict[str, np.ndarray] = {}
    names = []
    for path in _sets(study):
        try:
            data = open_data(str(path))
            if data.kind != "digits":
                continue
            arrays |= {path.stem: _framed(data), f"{path.stem}.labels": data.digits()}
            names.append(path.stem)
        except NumeyeError as error:
            study.say(f"left out: {error}")
    if not names:
        raise DataError(f"{study.wild}: holds no data set of single digits; leave out --wild, or name another folder")
    return Result({"sets": names}, arrays)


def _framed(data: DataSet) -> UInt8[np.ndarray, "n 28 28"]:
    if data.framed:
        return np.asarray(data.pictures, np.uint8)
    framed = [frame(image.only_page(picture).grey).pixels for picture in data.pictures]
    return np.asarray(np.rint(np.array(framed) * 255), np.uint8)
