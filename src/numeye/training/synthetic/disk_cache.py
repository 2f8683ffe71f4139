"""Pools of crops, tiles and lines on the disk: rendered once, on all cores, and memory-mapped.

A file holds 10,000 rows. It is written in one step, so a file that exists is complete, and a pool
whose rendering was stopped goes on with the files that are missing. `specs.py` says which folder a
pool has.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.errors import DataError
from numeye.io import mnist, pendigits
from numeye.io.files import write_bytes
from numeye.training.synthetic import fonts
from numeye.training.synthetic.distance_fields import load_mnist_fields
from numeye.training.synthetic.lines.line import Line
from numeye.training.synthetic.page_tiles import Tile
from numeye.training.synthetic.pool_rows import make_row_function
from numeye.training.synthetic.specs import LineSpec, PoolSpec, Spec, TileSpec

if TYPE_CHECKING:
    from jaxtyping import Int64, UInt8


ROWS_PER_FILE = 10_000


class Pool:
    """Crops on the disk, by their number.

    Args:
        parts: one array for each file, of `specs.crop_dtype`.
    """

    def __init__(self, parts: list[np.ndarray]) -> None:
        self.pictures = [part["picture"] for part in parts]  # (rows, size, size) each
        self.labels = np.concatenate([part["label"] for part in parts]).astype(np.int64)  # (n,)
        self.boxes = np.concatenate([part["box"] for part in parts])  # (n, 4)

    def __len__(self) -> int:
        """Return the number of crops."""
        return len(self.labels)

    def picture(self, number: int) -> UInt8[np.ndarray, "size size"]:
        """Return the picture of one crop, 0 black to 255 white."""
        picture: np.ndarray = self.pictures[number // ROWS_PER_FILE][number % ROWS_PER_FILE]
        return picture


class Tiles:
    """Tiles on the disk, by their number.

    Args:
        parts: one array for each file, of `TileSpec.row`.
    """

    def __init__(self, parts: list[np.ndarray]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        """Return the number of tiles."""
        return sum(map(len, self._parts))

    def tile(self, number: int) -> Tile:
        """Return one tile."""
        row = self._parts[number // ROWS_PER_FILE][number % ROWS_PER_FILE]
        count = int(row["count"])
        return Tile(
            picture=row["picture"],
            labels=row["label"][:count].astype(np.int64),
            boxes=row["box"][:count].astype(np.float32),
        )


class Lines:
    """Lines on the disk, by their number.

    Args:
        parts: one array for each file, of `LineSpec.row`.
    """

    def __init__(self, parts: list[np.ndarray]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        """Return the number of lines."""
        return sum(map(len, self._parts))

    def line(self, number: int) -> Line:
        """Return one line."""
        row = self._parts[number // ROWS_PER_FILE][number % ROWS_PER_FILE]
        labels = row["label"][: int(row["count"])].astype(np.int64)
        return Line(picture=row["picture"][:, : int(row["width"])], labels=labels)

    @property
    def widths(self) -> Int64[np.ndarray, " n"]:
        """The width of each line, pixels."""
        return np.concatenate([part["width"] for part in self._parts]).astype(np.int64)


def open_pool(
    spec: PoolSpec,
    count: int,
    cache: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[str], object] = lambda _: None,
) -> Pool:
    """Return the first `count` crops of a pool, and render those that are missing.

    Args:
        spec: which pool.
        count: number of crops: a multiple of 10,000, or less than 10,000.
        cache: folder in which MNIST, the fonts, pendigits and the pool are kept.
        workers: number of processes (default: one for each core). It does not change the pixels.
        progress: called with a message before crops are rendered or fonts are fetched.

    Raises:
        DataError: MNIST, the fonts or pendigits are not available.
        OutputError: the cache cannot be written.
    """
    return Pool(_open_parts(spec, count, cache, workers, progress))


def open_tiles(
    spec: TileSpec,
    count: int,
    cache: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[str], object] = lambda _: None,
) -> Tiles:
    """Return the first `count` tiles of a pool. Arguments and errors are those of `open_pool`."""
    return Tiles(_open_parts(spec, count, cache, workers, progress))


def open_lines(
    spec: LineSpec,
    count: int,
    cache: str | Path | None = None,
    *,
    workers: int | None = None,
    progress: Callable[[str], object] = lambda _: None,
) -> Lines:
    """Return the first `count` lines of a pool. Arguments and errors are those of `open_pool`."""
    return Lines(_open_parts(spec, count, cache, workers, progress))


def _open_parts(
    spec: Spec,
    count: int,
    cache: str | Path | None,
    workers: int | None,
    progress: Callable[[str], object],
) -> list[np.ndarray]:
    folder = mnist.cache_folder(cache) / "paper" / spec.name
    sizes = [min(ROWS_PER_FILE, count - start) for start in range(0, count, ROWS_PER_FILE)]
    files = [folder / f"{number:04d}-{size}.npy" for number, size in enumerate(sizes)]
    missing = [number for number, file in enumerate(files) if not file.is_file()]
    if missing:
        total = sum(sizes[number] for number in missing)
        progress(f"rendering {total:,} {spec.kind} of synthetic paper ({spec.split}) into {folder}")
        fonts.fetch(cache, on_message=progress)
        if spec.pendigits:
            _fetch_pendigits(cache, progress)
        for split in ("fit", "validation"):  # computed once here, not once in each process
            load_mnist_fields(split, cache, writers=spec.writers)
        folder_of_cache = str(cache) if cache else None
        jobs = [
            (spec, folder_of_cache, number * ROWS_PER_FILE, sizes[number], str(files[number]))
            for number in missing
        ]
        processes = min(workers or os.cpu_count() or 1, len(jobs))
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as executor:
            list(executor.map(_render_file, *zip(*jobs, strict=True)))
    return [np.load(file, mmap_mode="r") for file in files]


def _fetch_pendigits(cache: str | Path | None, progress: Callable[[str], object]) -> None:
    try:
        pendigits.fetch(cache, on_message=progress)
    except DataError as error:
        raise DataError(
            f"{error}; or train without it: `--no-pendigits`, or `pendigits = false` in a recipe of"
            " your own"
        ) from error


def _render_file(spec: Spec, cache: str | None, start: int, count: int, file: str) -> None:
    """Render `count` rows from row `start` on, and write them to a file."""
    cv2.setNumThreads(1)  # the processes already use all cores
    make_row = make_row_function(spec, cache)
    rows = np.empty(count, spec.row)
    for number in range(count):
        rows[number] = make_row(start + number)
    buffer = io.BytesIO()
    np.save(buffer, rows)
    write_bytes(Path(file), buffer.getvalue())
