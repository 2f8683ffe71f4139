"""Pictures with labels: MNIST, and data folders of your own. No torch.

A data folder is one of: a folder per class (`0/` ... `9/`), a `labels.csv` (columns file,label; an optional column
boxes holds where each digit is, `c@x,y,w,h;...`) beside its pictures, an `.npz` (images uint8 NxHxW, labels int64), or
raw IDX files. A label is a digit, a string of digits, or a grid: rows joined by `/`, 0 for an empty cell and ? for one
that does not count.
"""

from __future__ import annotations

import csv
import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from numeye import mnist
from numeye.errors import DataError, PictureError, UsageError
from numeye.image import Picture, in_folder

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

VALIDATION = 5_000  # of MNIST's 60,000 training digits, held back for every choice
SPLIT_SEED = 20_260_101
SPLITS = {
    "mnist": "the 10,000 test digits",
    "mnist:train": "the 60,000 training digits",
    "mnist:fit": "the 55,000 of them that weights are fitted to",
    "mnist:validation": "the 5,000 of them that choices are made on",
}
Part = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Pictures and what is written on them.

    Attributes:
        name: as the user named it.
        pictures: n pictures as `numeye.image.pages` takes them: paths or arrays of (height, width) uint8.
        labels: n labels; of one digit each, or strings of digits, with spaces where several numbers are told apart.
        boxes: of each picture, left, top, right and bottom of its digits in any order; None where that is not known.
        framed: True where the pictures are in MNIST's own frame already (28x28, light on black) and go to the
            network as they are.
    """

    name: str
    pictures: Sequence[Picture] | np.ndarray
    labels: tuple[str, ...]
    boxes: tuple[Float64[np.ndarray, "_ 4"], ...] | None = None
    framed: bool = False

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.labels):
            raise DataError(f"{self.name}: {len(self.pictures):,} pictures but {len(self.labels):,} labels")
        if not self.labels:
            raise DataError(f"{self.name}: holds no picture")

    def __len__(self) -> int:
        """How many pictures there are."""
        return len(self.labels)

    @property
    def kind(self) -> Literal["digits", "strings", "grids"]:
        """What the labels are: single digits, unless one of them is longer; grids, if one has rows or open cells."""
        if any(mark in label for mark in "/?" for label in self.labels):
            return "grids"
        long = any(len(label) > 1 and label.replace(" ", "").isdigit() for label in self.labels)
        return "strings" if long else "digits"

    def digits(self) -> Int64[np.ndarray, " n"]:
        """The labels as numbers 0 to 9.

        Raises:
            DataError: some label is not a single digit.
        """
        for label in self.labels:
            if len(label) != 1 or label not in "0123456789":
                raise DataError(f"{self.name}: the label {label!r} is not one digit, 0 to 9")
        return np.array([int(label) for label in self.labels], np.int64)

    def subset(self, indices: Int64[np.ndarray, " m"]) -> DataSet:
        """The pictures of these numbers, in this order."""
        chosen = indices.tolist()
        if isinstance(self.pictures, np.ndarray):
            pictures: Sequence[Picture] | np.ndarray = self.pictures[indices]
        else:
            pictures = [self.pictures[i] for i in chosen]
        boxes = tuple(self.boxes[i] for i in chosen) if self.boxes is not None else None
        return replace(self, pictures=pictures, labels=tuple(self.labels[i] for i in chosen), boxes=boxes)


def open_data(data: str, *, cache: str | Path | None = None, part: Part = "test") -> DataSet:
    """Open a data set by name or path.

    Args:
        data: a key of `SPLITS` (MNIST is fetched where it is not there yet), or the path of a data folder.
        cache: where MNIST is kept; see `mnist.cache_folder`.
        part: which of the two is meant where a folder of raw IDX files holds both.

    Raises:
        UsageError: there is no such data set.
        DataError: it is damaged or of a kind that is not known.
    """
    if data in SPLITS:
        return _open_mnist(data, cache)
    path = Path(data)
    if not os.path.exists(path):  # noqa: PTH110 - a name that no file can have is no error here
        raise UsageError(f"no data set {data!r}: expected {', '.join(SPLITS)}, or the path of a data folder")
    return replace(open_folder(path, part), name=data)


def open_folder(path: Path, part: Part = "test") -> DataSet:
    """Open a data folder, an `.npz` or a raw IDX file that is there; see `open_data`.

    Raises:
        DataError: it is damaged or of a kind that is not known.
    """
    try:
        if path.suffix == ".npz":
            return _open_npz(path)
        if path.is_file():
            return _open_idx(path)
        if (path / "labels.csv").is_file():
            return _open_csv(path)
        images = _idx_images(path)
        return _open_idx(_of_part(path, images, part)) if images else _open_classes(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def is_data_folder(path: Path) -> bool:
    """True where a folder has the marks of a data set, whole or damaged: a table, raw IDX files, or class folders.

    Raises:
        OSError: the folder cannot be read.
    """
    marks = {"labels.csv", *"0123456789"}
    return any(entry.name in marks for entry in path.iterdir()) or bool(_idx_images(path))


def validation_split(
    labels: Int64[np.ndarray, " n"], count: int, seed: int = SPLIT_SEED
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " v"]]:
    """Part `labels` into (fitted to, held back), each class in the same proportion, for ever in the same way.

    Args:
        labels: n class numbers.
        count: how many to hold back; classes with an equal fraction left over are served in order.
        seed: another number is another split.
    """
    # The raw stream of PCG64 is fixed by its definition; numpy's shuffles may change between releases.
    keys = np.random.PCG64(seed).random_raw(len(labels))
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * (count / len(labels))
    shares = np.floor(exact).astype(np.int64)
    most_left_over = np.argsort(-(exact - shares), kind="stable")
    shares[most_left_over[: count - int(shares.sum())]] += 1
    held = np.zeros(len(labels), bool)
    for digit, share in zip(classes, shares, strict=True):
        members = np.flatnonzero(labels == digit)
        held[members[np.argsort(keys[members], kind="stable")[:share]]] = True
    return np.flatnonzero(~held), np.flatnonzero(held)


def _open_mnist(name: str, cache: str | Path | None) -> DataSet:
    mnist.fetch(cache)
    images, labels = mnist.load("test" if name == "mnist" else "train", cache)
    whole = DataSet(name=name, pictures=images, labels=tuple(map(str, labels.tolist())), framed=True)
    if name in ("mnist", "mnist:train"):
        return whole
    fitted, held = validation_split(labels, VALIDATION)
    return whole.subset(fitted if name == "mnist:fit" else held)


def _open_npz(path: Path) -> DataSet:
    try:
        with path.open("rb") as file, np.load(file, allow_pickle=False) as stored:
            missing = [key for key in ("images", "labels") if key not in stored.files]
            if missing:
                raise DataError(f"{path}: no array {missing[0]!r}; expected images (N,H,W) and labels (N)")
            images, labels = np.asarray(stored["images"]), np.asarray(stored["labels"])
    except DataError:
        raise
    except Exception as error:
        raise DataError(f"{path}: not an .npz that can be read ({error or type(error).__name__})") from error
    if images.ndim != 3 or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: images {images.shape} and labels {labels.shape} of {labels.dtype}; "
            "expected images (N,H,W) and labels (N) of whole numbers"
        )
    return DataSet(name=str(path), pictures=images, labels=tuple(map(str, labels.tolist())))


def _idx_images(folder: Path) -> list[Path]:
    """The raw IDX files of images in a folder, by name; a packed one that lies there unpacked too is left out."""
    names = sorted(entry.name for entry in folder.iterdir())
    plain = [name for name in names if name.endswith("images-idx3-ubyte")]
    packed = [name for name in names if name.endswith("images-idx3-ubyte.gz") and name[:-3] not in plain]
    return [folder / name for name in [*plain, *packed]]


def _of_part(folder: Path, images: list[Path], part: Part) -> Path:
    """The one file of images, or that one of several whose name tells that it is of this part."""
    if len(images) == 1:
        return images[0]
    words = {"train"} if part == "train" else {"t10k", "test"}
    matching = [file for file in images if words & set(re.split("[^a-z0-9]+", file.name.lower()))]
    if len(matching) != 1:
        raise DataError(
            f"{folder}: holds {', '.join(file.name for file in images)}; expected one with "
            f"{' or '.join(sorted(words))} in its name, or the path of the file that is meant"
        )
    return matching[0]


def _open_idx(images: Path) -> DataSet:
    beside = images.with_name(images.name.replace("images-idx3", "labels-idx1"))
    if beside == images or not beside.is_file():
        raise DataError(f"{images}: no labels beside it; expected NAME-images-idx3-ubyte and NAME-labels-idx1-ubyte")
    pictures, labels = mnist.read_idx(images), mnist.read_idx(beside)
    if pictures.ndim != 3 or labels.ndim != 1:
        raise DataError(f"{images}: images of rank {pictures.ndim} and labels of rank {labels.ndim}; expected 3 and 1")
    framed = pictures.shape[1:] == (28, 28)
    return DataSet(name=str(images), pictures=pictures, labels=tuple(map(str, labels.tolist())), framed=framed)


def _open_csv(folder: Path) -> DataSet:
    table = folder / "labels.csv"
    try:
        with table.open(encoding="utf-8-sig", newline="") as lines:
            reader = csv.DictReader(lines)
            if not {"file", "label"} <= set(reader.fieldnames or ()):
                raise DataError(f"{table}: columns {reader.fieldnames}; expected file and label")
            every = list(reader)
    except (UnicodeDecodeError, csv.Error, OSError) as error:
        raise DataError(f"{table}: not a table of comma-separated values ({error})") from error
    rows = [(str(row["file"] or ""), str(row["label"] or "").strip()) for row in every]
    for number, (file, label) in enumerate(rows, start=2):
        if not file or not label:
            raise DataError(f"{table}: line {number} has no {'label' if file else 'file'}")
    return DataSet(
        name=str(folder),
        pictures=[str(folder / file) for file, _ in rows],
        labels=tuple(label for _, label in rows),
        boxes=tuple(_boxes(table, row["boxes"]) for row in every) if "boxes" in (reader.fieldnames or ()) else None,
    )


def _boxes(table: Path, written: str | None) -> Float64[np.ndarray, "n 4"]:
    """From `c@x,y,w,h;...`: left, top, right and bottom of each digit."""
    parts = [part.partition("@")[2].split(",") for part in (written or "").split(";") if part.strip()]
    try:
        sides = np.array([[float(side) for side in part] for part in parts], np.float64).reshape(-1, 4)
    except ValueError as error:
        raise DataError(f"{table}: boxes are {written!r}; expected c@x,y,w,h;... with a part for each digit") from error
    sides[:, 2:] += sides[:, :2]
    return sides


def _open_classes(folder: Path) -> DataSet:
    pictures: list[str] = []
    labels: list[str] = []
    for digit in "0123456789":
        if (folder / digit).is_dir():
            try:
                found = in_folder(folder / digit)
            except PictureError as error:
                if isinstance(error.__cause__, OSError):
                    raise DataError(str(error)) from error
                continue  # a class may well be empty
            pictures += map(str, found)
            labels += [digit] * len(found)
    if not pictures:
        raise DataError(
            f"{folder}: not a data folder; expected folders 0 to 9 with pictures, a labels.csv, or raw IDX files"
        )
    return DataSet(name=str(folder), pictures=pictures, labels=tuple(labels))
