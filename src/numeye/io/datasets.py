"""Pictures with labels: MNIST, and data folders of your own.

A data folder is one of:

- a folder per class, `0/` to `9/`;
- a `labels.csv` beside its pictures, with the columns file and label, and optionally boxes (the
  place of each digit as `c@x,y,w,h;...`), layout and tables;
- an `.npz` with images (uint8, N x H x W) and labels (int64, N);
- raw IDX files.

What a label looks like is the layout of the set:

- `digit`: one digit;
- `numbers`: one number, or several with spaces between them and line ends between rows;
- `grid`: rows with `/` between them, 0 for an empty cell and `?` for a cell that does not count;
- `document`: all numbers of a page, as in `numbers`; empty for a page without any.
"""

from __future__ import annotations

import io
import os
import re
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from numeye.errors import DataError, PictureError, UsageError
from numeye.io import file_limits, mnist, pen_pictures
from numeye.io.images import Picture, pictures_in_folder
from numeye.io.labels import Layout, Table, infer_layout, read_label_table

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

VALIDATION_SIZE = 5_000  # of the 60,000 training digits of MNIST
SPLIT_SEED = 20_260_101
# The digits of `mnist:writers`, as indices; `benchmarks/writers_split.py` makes it.
WRITERS_FILE = Path(__file__).with_name("mnist_writers.npy")
SPLITS = {
    "mnist": "the 10,000 test digits",
    "mnist:train": "the 60,000 training digits",
    "mnist:fit": "55,000 of the training digits, to fit the weights",
    "mnist:validation": "5,000 of the training digits, to choose settings",
    "mnist:writers:fit": "55,012 of the training digits, to fit the weights",
    "mnist:writers": "4,988 of the training digits, by other writers, to choose settings",
    "pendigits": "3,498 pen trajectories of 14 writers, drawn as pictures",
}
Split = Literal["train", "test"]


@dataclass(frozen=True, kw_only=True)
class DataSet:
    """Pictures and their labels.

    Attributes:
        name: as the user gave it.
        pictures: n pictures as `numeye.io.images.pages` takes them: paths, or arrays of
            (height, width) uint8.
        labels: n labels, as the layout says; "" for a picture without a digit.
        boxes: left, top, right and bottom of the digits of each picture, in any order; None where
            they are not known.
        framed: whether the pictures are prepared as in MNIST (28x28, light on black), so that the
            network can take them unchanged.
        tables: the tables on each picture; None where they are not known. Only documents have some.
        stated_layout: the layout; None to take it from the labels.

    Raises:
        DataError: there is no picture, or not one label per picture.
    """

    name: str
    pictures: Sequence[Picture] | np.ndarray
    labels: tuple[str, ...]
    boxes: tuple[Float64[np.ndarray, "_ 4"], ...] | None = None
    framed: bool = False
    tables: tuple[tuple[Table, ...], ...] | None = None
    stated_layout: Layout | None = None

    def __post_init__(self) -> None:
        if len(self.pictures) != len(self.labels):
            raise DataError(
                f"{self.name}: {len(self.pictures):,} pictures but {len(self.labels):,} labels"
            )
        if not self.labels:
            raise DataError(f"{self.name}: holds no picture")

    def __len__(self) -> int:
        """Return the number of pictures."""
        return len(self.labels)

    @property
    def layout(self) -> Layout:
        """What the labels look like: as stated, else as `numeye.io.labels.infer_layout` says."""
        return self.stated_layout or infer_layout(self.labels)

    @property
    def is_empty(self) -> bool:
        """Whether no picture has a digit: what is read on them is false."""
        return not any(self.labels)

    def digits(self) -> Int64[np.ndarray, " n"]:
        """Return the labels as numbers 0 to 9.

        Raises:
            DataError: a label is not a single digit.
        """
        for label in self.labels:
            if len(label) != 1 or label not in "0123456789":
                raise DataError(f"{self.name}: the label {label!r} is not one digit, 0 to 9")
        return np.array([int(label) for label in self.labels], np.int64)

    def subset(self, indices: Int64[np.ndarray, " m"]) -> DataSet:
        """Return the data set of some pictures, in the order of their indices."""
        chosen = indices.tolist()
        if isinstance(self.pictures, np.ndarray):
            pictures: Sequence[Picture] | np.ndarray = self.pictures[indices]
        else:
            pictures = [self.pictures[i] for i in chosen]
        return replace(
            self,
            pictures=pictures,
            labels=tuple(self.labels[i] for i in chosen),
            boxes=tuple(self.boxes[i] for i in chosen) if self.boxes is not None else None,
            tables=tuple(self.tables[i] for i in chosen) if self.tables is not None else None,
            stated_layout=self.layout,
        )


def open_data(data: str, *, cache: str | Path | None = None, split: Split = "test") -> DataSet:
    """Open a data set by name or path.

    Args:
        data: a key of `SPLITS`, which is downloaded if necessary, or the path of a data
            folder.
        cache: the folder of MNIST; see `mnist.cache_folder`.
        split: which part to open if a folder of raw IDX files holds both.

    Raises:
        UsageError: there is no such data set.
        DataError: it is damaged, or no kind of data folder.
    """
    if data == "pendigits":
        pictures, digits = pen_pictures.open_test_digits(cache)
        return DataSet(name=data, pictures=pictures, labels=tuple(map(str, digits.tolist())))
    if data in SPLITS:
        return _open_mnist(data, cache)
    if not data:
        raise UsageError(
            f"the name of a data set is empty; expected {', '.join(SPLITS)}, or the path of a data"
            " folder"
        )
    path = Path(data)
    # Path.exists raises on a name that no file can have.
    if not os.path.exists(path):  # noqa: PTH110
        raise UsageError(
            f"no data set {data!r}: expected {', '.join(SPLITS)}, or the path of a data folder"
        )
    return replace(open_folder(path, split), name=data)


def open_folder(path: Path, split: Split = "test") -> DataSet:
    """Open an existing data folder, `.npz` or raw IDX file; see `open_data`.

    Raises:
        DataError: it is damaged, or no kind of data folder.
    """
    try:
        if path.suffix == ".npz":
            return _open_npz(path)
        if path.is_file():
            return _open_idx(path)
        if (path / "labels.csv").is_file():
            return _open_csv(path)
        images = _idx_images(path)
        return _open_idx(_split_file(path, images, split)) if images else _open_classes(path)
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error


def is_data_folder(path: Path) -> bool:
    """Return whether a folder looks like a data set, complete or damaged.

    It does if it has a `labels.csv`, raw IDX files or class folders.

    Raises:
        OSError: the folder cannot be read.
    """
    markers = {"labels.csv", *"0123456789"}
    return any(entry.name in markers for entry in path.iterdir()) or bool(_idx_images(path))


def validation_split(
    labels: Int64[np.ndarray, " n"], count: int, seed: int = SPLIT_SEED
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " v"]]:
    """Split digits into those to fit weights to, and those to choose settings on.

    Both have all classes in the same proportion. The same arguments give the same split with every
    release of numpy.

    Args:
        labels: n class numbers.
        count: the size v of the second part. Places that are left after rounding go to the classes
            with the largest remainders, in their order if these are equal.
        seed: another seed gives another split.

    Returns:
        The indices of the m = n - v digits to fit, and of the v others, both ascending.
    """
    # The definition of PCG64 fixes its raw stream; numpy's shuffles may change between releases.
    keys = np.random.PCG64(seed).random_raw(len(labels))
    classes, sizes = np.unique(labels, return_counts=True)
    exact = sizes * (count / len(labels))
    shares = np.floor(exact).astype(np.int64)
    largest_remainders = np.argsort(-(exact - shares), kind="stable")
    shares[largest_remainders[: count - int(shares.sum())]] += 1
    is_validation = np.zeros(len(labels), bool)
    for digit, share in zip(classes, shares, strict=True):
        members = np.flatnonzero(labels == digit)
        is_validation[members[np.argsort(keys[members], kind="stable")[:share]]] = True
    return np.flatnonzero(~is_validation), np.flatnonzero(is_validation)


def split_training_digits(
    labels: Int64[np.ndarray, " n"], *, writers: bool
) -> tuple[Int64[np.ndarray, " m"], Int64[np.ndarray, " v"]]:
    """Return the indices of MNIST's training digits to fit weights to, and of those to validate.

    Args:
        labels: of all 60,000.
        writers: whether no writer is in both parts (`mnist:writers:fit` and `mnist:writers`); else
            each digit is in one of them at random (`mnist:fit` and `mnist:validation`).
    """
    if not writers:
        return validation_split(labels, VALIDATION_SIZE)
    validation = np.load(WRITERS_FILE, allow_pickle=False).astype(np.int64)
    return np.setdiff1d(np.arange(len(labels)), validation), validation


def validation_name(*, writers: bool) -> str:
    """Return the name of the validation digits of `split_training_digits`."""
    return "mnist:writers" if writers else "mnist:validation"


def _open_mnist(name: str, cache: str | Path | None) -> DataSet:
    mnist.fetch(cache)
    images, labels = mnist.load("test" if name == "mnist" else "train", cache)
    dataset = DataSet(
        name=name, pictures=images, labels=tuple(map(str, labels.tolist())), framed=True
    )
    if name in ("mnist", "mnist:train"):
        return dataset
    fit, validation = split_training_digits(labels, writers=name.startswith("mnist:writers"))
    return dataset.subset(fit if name.endswith(":fit") else validation)


def _open_npz(path: Path) -> DataSet:
    try:
        content = io.BytesIO(file_limits.read(path, file_limits.MAX_DATA_BYTES))
        _check_unpacked_size(content)
        with np.load(content, allow_pickle=False) as arrays:
            missing = [key for key in ("images", "labels") if key not in arrays.files]
            if missing:
                raise DataError(
                    f"{path}: no array {missing[0]!r}; expected images (N,H,W) and labels (N)"
                )
            images, labels = np.asarray(arrays["images"]), np.asarray(arrays["labels"])
    except (DataError, file_limits.TooLarge):
        raise
    except MemoryError as error:
        raise DataError(
            f"{path}: not enough memory for its arrays; make it smaller, or split it"
        ) from error
    except Exception as error:
        raise DataError(
            f"{path}: not an .npz that can be read ({error or type(error).__name__})"
        ) from error
    if images.ndim != 3 or labels.ndim != 1 or labels.dtype.kind not in "iu":
        raise DataError(
            f"{path}: images {images.shape} and labels {labels.shape} of {labels.dtype}; "
            "expected images (N,H,W) and labels (N) of whole numbers"
        )
    if labels.size and labels.min() < 0:
        raise DataError(f"{path}: the label {labels.min()} is below zero; expected a digit")
    return DataSet(name=str(path), pictures=images, labels=tuple(map(str, labels.tolist())))


def _check_unpacked_size(content: io.BytesIO) -> None:
    """Check the size of what a zip holds: a few kilobytes can hold many gigabytes."""
    with zipfile.ZipFile(content) as archive:
        size = sum(entry.file_size for entry in archive.infolist())
    content.seek(0)
    if size > file_limits.MAX_DATA_BYTES:
        raise file_limits.TooLarge(size, file_limits.MAX_DATA_BYTES)


def _idx_images(folder: Path) -> list[Path]:
    """Return the raw IDX files of images in a folder, by name.

    A packed file is left out if the folder has it unpacked, too.
    """
    names = sorted(entry.name for entry in folder.iterdir())
    plain = [name for name in names if name.endswith("images-idx3-ubyte")]
    packed = [
        name for name in names if name.endswith("images-idx3-ubyte.gz") and name[:-3] not in plain
    ]
    return [folder / name for name in [*plain, *packed]]


def _split_file(folder: Path, images: list[Path], split: Split) -> Path:
    """Return the only file of images, or the one of several whose name is that of the split."""
    if len(images) == 1:
        return images[0]
    words = {"train"} if split == "train" else {"t10k", "test"}
    matching = [file for file in images if words & set(re.split("[^a-z0-9]+", file.name.lower()))]
    if len(matching) != 1:
        raise DataError(
            f"{folder}: holds {', '.join(file.name for file in images)}; expected one with "
            f"{' or '.join(sorted(words))} in its name, or the path of one of the files"
        )
    return matching[0]


def _open_idx(images: Path) -> DataSet:
    labels_path = images.with_name(images.name.replace("images-idx3", "labels-idx1"))
    if labels_path == images or not labels_path.is_file():
        raise DataError(
            f"{images}: no labels beside it; expected NAME-images-idx3-ubyte and"
            " NAME-labels-idx1-ubyte"
        )
    pictures, labels = mnist.read_idx(images), mnist.read_idx(labels_path)
    if pictures.ndim != 3 or labels.ndim != 1:
        raise DataError(
            f"{images}: images of rank {pictures.ndim} and labels of rank {labels.ndim}; expected 3"
            " and 1"
        )
    framed = pictures.shape[1:] == (28, 28)
    return DataSet(
        name=str(images), pictures=pictures, labels=tuple(map(str, labels.tolist())), framed=framed
    )


def _open_csv(folder: Path) -> DataSet:
    table = read_label_table(folder / "labels.csv")
    return DataSet(
        name=str(folder),
        pictures=[str(folder / file) for file in table.files],
        labels=table.labels,
        boxes=table.boxes,
        tables=table.tables,
        stated_layout=table.layout,
    )


def _open_classes(folder: Path) -> DataSet:
    pictures: list[str] = []
    labels: list[str] = []
    for digit in "0123456789":
        if (folder / digit).is_dir():
            try:
                files = pictures_in_folder(folder / digit)
            except PictureError as error:
                if isinstance(error.__cause__, OSError):
                    raise DataError(str(error)) from error
                continue  # a class may be empty
            pictures += map(str, files)
            labels += [digit] * len(files)
    if not pictures:
        raise DataError(
            f"{folder}: not a data folder; expected folders 0 to 9 with pictures, a labels.csv, or"
            " raw IDX files"
        )
    return DataSet(name=str(folder), pictures=pictures, labels=tuple(labels))
