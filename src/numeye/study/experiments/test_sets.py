"""The pictures that every model of a study reads, by name, so that all read the same ones."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage

from numeye.errors import DataError, NumeyeError
from numeye.evaluation.suite import list_data_sets
from numeye.io import images
from numeye.io.datasets import DataSet, open_data
from numeye.recognition.preprocessing import frame
from numeye.study.experiments import digits
from numeye.study.experiments.corruptions import (
    CORRUPTIONS,
    corrupt,
    rotation_matrix,
    transform_about_center,
)
from numeye.study.steps import Result, Step, Study

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int64, UInt8

# Amounts of each kind of displacement.
DISPLACEMENTS = {
    "shift": (-6, -4, -3, -2, -1, 0, 1, 2, 3, 4, 6),  # pixels to the right
    "turn": (-60, -45, -30, -20, -10, 0, 10, 20, 30, 45, 60),  # degrees
    "size": (0.5, 0.6, 0.7, 0.8, 0.9, 1.0, 1.1, 1.2, 1.3),  # factor
}
CORRUPTED_STEP, WILD_STEP = "questions/corrupted", "questions/wild"

Predict = Callable[["Float32[np.ndarray, 'n 28 28']"], "Int64[np.ndarray, ' n']"]


def steps(study: Study) -> list[Step]:
    """Return the steps that prepare all pictures but MNIST's own."""
    corrupted = [Step(CORRUPTED_STEP, _corrupt)]
    return corrupted if study.wild is None else [*corrupted, Step(WILD_STEP, _prepare_wild)]


def required_steps(study: Study) -> list[str]:
    """Return the names of the steps that must be finished before a model can read the sets."""
    return [step.name for step in steps(study)]


def pictures(study: Study) -> Iterator[tuple[str, Float32[np.ndarray, "n 28 28"]]]:
    """Yield the name and the pictures of each set.

    Names are `test`, `corrupted/NAME`, `shift/PIXELS`, `turn/DEGREES`, `size/FACTOR` and
    `wild/SET`.
    """
    test = digits.load_test(study)
    yield "test", test.pixels
    for name, corrupted in study[CORRUPTED_STEP].arrays.items():
        yield f"corrupted/{name}", corrupted.astype(np.float32) / 255
    upright = test.first(study.scale.displaced)
    for kind, amounts in DISPLACEMENTS.items():
        for amount in amounts:
            yield f"{kind}/{amount:g}", displace(upright.pixels, kind, amount)
    for name in wild_names(study):
        yield f"wild/{name}", study[WILD_STEP].arrays[name].astype(np.float32) / 255


def labels(study: Study, name: str) -> Int64[np.ndarray, " n"]:
    """Return the labels of a set."""
    kind, _, rest = name.partition("/")
    if kind == "wild":
        return study[WILD_STEP].arrays[f"{rest}.labels"]
    count = {"test": study.scale.test, "corrupted": study.scale.corrupted}.get(
        kind, study.scale.displaced
    )
    return digits.load_test(study).labels[:count]


def predict_all(study: Study, predict: Predict) -> dict[str, np.ndarray]:
    """Return a model's answers to all sets, as arrays of a result."""
    return {name: predict(pixels).astype(np.int8) for name, pixels in pictures(study)}


def is_right(study: Study, result: Result, name: str) -> Bool[np.ndarray, " n"]:
    """Return which answers of a result to one set are right."""
    right: np.ndarray = result.arrays[name] == labels(study, name)
    return right


def wild_names(study: Study) -> list[str]:
    """Return the names of the sets of real pictures; none without `--wild`."""
    return [] if study.wild is None else list(study[WILD_STEP].facts["sets"])


def wild_pictures(study: Study, name: str) -> list[UInt8[np.ndarray, "_ _"]]:
    """Return the real pictures of a set as they are, not in MNIST's frame.

    Raises:
        DataError: the set changed after the study prepared it.
    """
    paths = {path.stem: path for path in _wild_paths(study)}
    data = open_data(str(paths[name.removeprefix("wild/")]))
    if not np.array_equal(data.digits(), labels(study, name)):
        raise DataError(
            f"{study.wild}: {name} has changed since the study began; restore it, or choose another"
            " folder with --run"
        )
    return [images.only_page(picture).grey for picture in data.pictures]


def displace(
    pixels: Float32[np.ndarray, "n 28 28"], kind: str, amount: float
) -> Float32[np.ndarray, "n 28 28"]:
    """Return pictures shifted to the right, rotated about their centre, or resized about it.

    Args:
        pixels: the pictures.
        kind: a key of `DISPLACEMENTS`.
        amount: pixels, degrees, or the factor.
    """
    if kind == "shift":
        shifted: np.ndarray = ndimage.shift(pixels, (0, 0, amount), order=1)
        return shifted
    matrix: Float64[np.ndarray, "2 2"] = (
        rotation_matrix(np.deg2rad(amount)) if kind == "turn" else np.eye(2) / amount
    )
    return np.array([transform_about_center(picture, matrix) for picture in pixels], np.float32)


def _corrupt(study: Study) -> Result:
    test = digits.load_test(study).first(study.scale.corrupted)
    return Result({}, {name: corrupt(test, name) for name in CORRUPTIONS})


def _wild_paths(study: Study) -> list[Path]:
    return [] if study.wild is None else list_data_sets(study.wild)


def _prepare_wild(study: Study) -> Result:
    """Put real pictures into MNIST's frame, for models that know no other.

    Raises:
        DataError: there is no data set of single digits.
    """
    arrays: dict[str, np.ndarray] = {}
    names = []
    for path in _wild_paths(study):
        try:
            data = open_data(str(path))
            if data.layout != "digit":
                continue
            arrays |= {path.stem: _framed(data), f"{path.stem}.labels": data.digits()}
            names.append(path.stem)
        except NumeyeError as error:
            study.progress(f"left out: {error}")
    if not names:
        raise DataError(
            f"{study.wild}: holds no data set of single digits; leave out --wild, or name another"
            " folder"
        )
    return Result({"sets": names}, arrays)


def _framed(data: DataSet) -> UInt8[np.ndarray, "n 28 28"]:
    if data.framed:
        return np.asarray(data.pictures, np.uint8)
    framed = [frame(images.only_page(picture).grey).pixels for picture in data.pictures]
    return np.asarray(np.rint(np.array(framed) * 255), np.uint8)
