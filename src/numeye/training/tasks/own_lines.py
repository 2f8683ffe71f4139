"""A user's own pictures of numbers, as lines to learn from."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import DataError, UsageError
from numeye.evaluation.number_texts import normalize_numbers
from numeye.io import datasets, images
from numeye.io.datasets import DataSet
from numeye.models import registry
from numeye.models.characters import CHARACTERS
from numeye.models.runtime import Network
from numeye.recognition import detector
from numeye.recognition.transcription.line_pictures import Box, add_margins, cut_line
from numeye.training.synthetic.lines.line import MAX_LINE_CHARACTERS, Line

if TYPE_CHECKING:
    from jaxtyping import UInt8

MIN_LINES = 12  # of a data folder
VALIDATION_EVERY = 12  # one line of so many validates
SPLIT_SEED = 20_261_201


@dataclass(frozen=True, kw_only=True)
class OwnLines:
    """The lines of a data folder.

    Attributes:
        fit: those to learn from.
        validation: those to validate on.
        digest: sha256 of all of them.
    """

    fit: list[Line]
    validation: list[Line]
    digest: str


def load_own_lines(data: str, progress: Callable[[str], object]) -> OwnLines:
    """Cut the numbers out of the pictures of a data folder; one line of 12 validates.

    The packaged detector finds where on its picture a number is, as in reading.

    Args:
        data: path of a data folder of layout `numbers`, one number a picture.
        progress: receives one line before it begins.

    Raises:
        UsageError: the set is of another layout.
        DataError: there are too few pictures, or a label is not one number of known characters.
        PictureError: a picture cannot be read.
    """
    dataset = _open_numbers(data)
    labels = [_parse_label(dataset, place) for place in range(len(dataset))]
    progress(f"{data}: cutting the numbers out of {len(labels):,} pictures")
    network = Network(registry.load(registry.DETECTOR), 0)
    lines = []
    for picture, places in zip(dataset.pictures, labels, strict=True):
        grey = images.only_page(picture).grey
        box = add_margins(_find_number(grey, lambda pixels: network(pixels[:, 0])[0]))
        lines.append(Line(picture=cut_line(grey, box), labels=np.array(places, np.int64)))
    order = np.argsort(np.random.PCG64(SPLIT_SEED).random_raw(len(lines)), kind="stable")
    count = max(1, len(lines) // VALIDATION_EVERY)
    return OwnLines(
        fit=[lines[place] for place in order[count:].tolist()],
        validation=[lines[place] for place in order[:count].tolist()],
        digest=_digest(lines),
    )


def _open_numbers(data: str) -> DataSet:
    if data in datasets.SPLITS:
        raise UsageError(
            f"--data {data}: holds single digits; expected mnist (left out) or a data folder of"
            " layout numbers"
        )
    dataset = datasets.open_data(data, split="train")
    if dataset.layout != "numbers":
        raise UsageError(
            f"--data {data}: its layout is {dataset.layout}; expected numbers, that is a labels.csv"
            " with one number a picture, such as 1,250.50"
        )
    if len(dataset) < MIN_LINES:
        raise DataError(
            f"{data}: {len(dataset)} pictures; training needs at least {MIN_LINES}, better hundreds"
        )
    return dataset


def _parse_label(dataset: DataSet, place: int) -> list[int]:
    """Return the places in `CHARACTERS` of a label's characters; spaces do not count.

    Raises:
        DataError: it has several lines, characters that no number has, no digit, or too many.
    """
    label = dataset.labels[place]
    rows = normalize_numbers(dataset.name, label).split("\n")
    if len(rows) > 1:
        raise DataError(
            f"{dataset.name}: the label {label!r} has {len(rows)} lines; expected one number a"
            " picture"
        )
    text = "".join(rows[0].split())
    if len(text) > MAX_LINE_CHARACTERS:
        raise DataError(
            f"{dataset.name}: the label {label!r} has {len(text)} characters; expected at most"
            f" {MAX_LINE_CHARACTERS}"
        )
    return [CHARACTERS.index(character) for character in text]


def _find_number(grey: UInt8[np.ndarray, "height width"], run: detector.Network) -> Box:
    """Return the box of all characters of a picture; the whole picture where there is none."""
    detections = detector.detect(grey, run)
    boxes = detections.boxes[detections.objectness >= 0]
    if not len(boxes):
        return 0.0, 0.0, float(grey.shape[1]), float(grey.shape[0])
    left, top = boxes[:, :2].min(axis=0).tolist()
    right, bottom = boxes[:, 2:].max(axis=0).tolist()
    return left, top, right, bottom


def _digest(lines: list[Line]) -> str:
    digest = hashlib.sha256()
    for line in lines:
        digest.update(line.picture.tobytes() + line.labels.tobytes())
    return digest.hexdigest()
