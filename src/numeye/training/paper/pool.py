"""Crops and tiles of synthetic paper, rendered once by all cores and kept: memory-mapped files of 10,000 each.

A pool that was cut off is gone on with; a file, once there, is whole. Its name hangs on the ranges of all effects and
on versions that are counted up when the same seed gives other pixels (`tests/test_versions.py` minds much of that).
"""

from __future__ import annotations

import hashlib
import io
import json
import os
from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import asdict, dataclass
from functools import lru_cache
from multiprocessing import get_context
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import cv2
import numpy as np

from numeye import atomic, mnist
from numeye.training.paper import fonts
from numeye.training.paper.crop import NO_DIGIT, Paper
from numeye.training.paper.ink import Fields, edge_field, line_field, mnist_fields, pack, skeletons
from numeye.training.paper.page import SIZE, PageRanges, Pages, Tile
from numeye.training.paper.ranges import Ranges
from numeye.training.paper.sheet import MOST
from numeye.training.paper.words import Words

if TYPE_CHECKING:
    from jaxtyping import Bool, Int64, UInt8

PART = 10_000  # crops in one file
VERSION = 7  # of the effects: counted up when the same seed gives other pixels
TILE_VERSION = 8  # of what else is on tiles
Split = Literal["fit", "validation"]
FONTS: dict[Split, Literal["train", "held-out"]] = {"fit": "train", "validation": "held-out"}
Row = tuple[Any, ...]  # the fields of one row of a file


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """All that decides the pixels of a pool.

    Attributes:
        split: digits and fonts to fit to, or those held back for validation.
        seed: of the series of crops.
        size: pixels a side.
        without: families of effects that are left out.
    """

    split: Split
    seed: int = 0
    size: int = 48
    without: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """A folder's name that no other pool has."""
        return _name("", self, asdict(Ranges()), VERSION)

    @property
    def row(self) -> np.dtype:
        """One crop in a file."""
        return crop_type(self.size)

    def maker(self, cache: str | None) -> Callable[[int], Row]:
        """Make the rows of a file by their numbers."""
        paper = make_paper(self, cache)

        def make(number: int) -> Row:
            crop = paper.crop(self.seed, number)
            return crop.picture, crop.label, crop.box

        return make


@dataclass(frozen=True, kw_only=True)
class TileSpec:
    """All that decides the pixels of a pool of tiles.

    Attributes:
        split: digits and fonts to fit to, or those held back for validation.
        seed: of the series of tiles.
    """

    split: Split
    seed: int = 0

    @property
    def name(self) -> str:
        """A folder's name that no other pool has."""
        return _name("pages-", self, [asdict(Ranges()), asdict(PageRanges())], [VERSION, TILE_VERSION])

    @property
    def row(self) -> np.dtype:
        """One tile in a file: the places behind its `count` digits are empty."""
        return np.dtype(
            [("picture", "u1", (SIZE, SIZE)), ("count", "u1"), ("label", "u1", MOST), ("box", "u1", (MOST, 4))]
        )

    def maker(self, cache: str | None) -> Callable[[int], Row]:
        """Make the rows of a file by their numbers."""
        pages = make_pages(self.split, cache)

        def make(number: int) -> Row:
            tile = pages.tile(self.seed, number)
            empty = MOST - len(tile.labels)
            labels, boxes = np.pad(tile.labels, (0, empty)), np.pad(tile.boxes, ((0, empty), (0, 0)))
            return tile.picture, len(tile.labels), labels, boxes

        return make


def _name(before: str, spec: PoolSpec | TileSpec, ranges: Any, version: Any) -> str:
    told = json.dumps({**asdict(spec), "ranges": ranges, "version": version}, sort_keys=True)
    return f"{before}{spec.split}-{hashlib.sha256(told.encode()).hexdigest()[:12]}"


class Pool:
    """Crops by their number, as they lie on the disk.

    Args:
        parts: one array of `crop_type` for each file.
    """

    def __init__(self, parts: list[np.ndarray]) -> None:
        self.pictures = [part["picture"] for part in parts]
        self.labels = np.concatenate([part["label"] for part in parts]).astype(np.int64)
        self.boxes = np.concatenate([part["box"] for part in parts])

    def __len__(self) -> int:
        """How many crops there are."""
        return len(self.labels)

    def picture(self, number: int) -> UInt8[np.ndarray, "size size"]:
        """One crop, 0 black to 255 white."""
        found: np.ndarray = self.pictures[number // PART][number % PART]
        return found


class Tiles:
    """Tiles by their number, as they lie on the disk.

    Args:
        parts: one array for each file, of `TileSpec.row`.
    """

    def __init__(self, parts: list[np.ndarray]) -> None:
        self._parts = parts

    def __len__(self) -> int:
        """How many tiles there are."""
        return sum(map(len, self._parts))

    def tile(self, number: int) -> Tile:
        """One tile."""
        row = self._parts[number // PART][number % PART]
        count = int(row["count"])
        return Tile(
            picture=row["picture"],
            labels=row["label"][:count].astype(np.int64),
            boxes=row["box"][:count].astype(np.float32),
        )


def crop_type(size: int) -> np.dtype:
    """One crop in a file."""
    return np.dtype([("picture", "u1", (size, size)), ("label", "u1"), ("box", "f4", (4,))])


def open_pool(
    spec: PoolSpec,
    count: int,
    cache: str | Path | None = None,
    *,
    workers: int | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Pool:
    """The first `count` crops of a pool, rendered where they are not there yet.

    Args:
        spec: which pool.
        count: a multiple of 10,000, or less than that.
        cache: where MNIST, the fonts and the pool are kept.
        workers: processes; as many as there are cores where left out. The pixels do not hang on it.
        say: is told what is rendered.

    Raises:
        DataError: MNIST or the fonts are not to be had.
        OutputError: the cache cannot be written.
    """
    return Pool(_open_parts(spec, count, cache, workers, say))


def open_tiles(
    spec: TileSpec,
    count: int,
    cache: str | Path | None = None,
    *,
    workers: int | None = None,
    say: Callable[[str], object] = lambda _: None,
) -> Tiles:
    """The first `count` tiles of a pool; as `open_pool`."""
    return Tiles(_open_parts(spec, count, cache, workers, say))


def _open_parts(
    spec: PoolSpec | TileSpec,
    count: int,
    cache: str | Path | None,
    workers: int | None,
    say: Callable[[str], object],
) -> list[np.ndarray]:
    folder = mnist.cache_folder(cache) / "paper" / spec.name
    sizes = [min(PART, count - start) for start in range(0, count, PART)]
    files = [folder / f"{number:04d}-{size}.npy" for number, size in enumerate(sizes)]
    missing = [number for number, file in enumerate(files) if not file.is_file()]
    if missing:
        what = "crops" if isinstance(spec, PoolSpec) else "tiles"
        say(f"rendering {sum(sizes[n] for n in missing):,} {what} of synthetic paper ({spec.split}) into {folder}")
        fonts.fetch(cache, say=say)
        for split in ("fit", "validation"):
            mnist_fields(split, cache)  # made here once, not by each worker
        jobs = [(spec, str(cache) if cache else None, n * PART, sizes[n], str(files[n])) for n in missing]
        processes = min(workers or os.cpu_count() or 1, len(jobs))
        with ProcessPoolExecutor(processes, mp_context=get_context("spawn")) as pool:
            list(pool.map(_render_part, *zip(*jobs, strict=True)))
    return [np.load(file, mmap_mode="r") for file in files]


def _render_part(spec: PoolSpec | TileSpec, cache: str | None, start: int, count: int, file: str) -> None:
    cv2.setNumThreads(1)
    make = spec.maker(cache)
    rows = np.empty(count, spec.row)
    for number in range(count):
        rows[number] = make(start + number)
    buffer = io.BytesIO()
    np.save(buffer, rows)
    atomic.write_bytes(Path(file), buffer.getvalue())


@lru_cache(maxsize=2)
def make_paper(spec: PoolSpec, cache: str | Path | None = None) -> Paper:
    """The paper of a pool: MNIST's digits and the fonts of its split."""
    digits, (printed, written, letters) = mnist_fields(spec.split, cache), glyph_fields(FONTS[spec.split], cache)
    return Paper(digits=digits, printed=printed, written=written, letters=letters, size=spec.size, without=spec.without)


@lru_cache(maxsize=2)
def make_pages(split: Split, cache: str | Path | None = None) -> Pages:
    """The pages of a pool of tiles."""
    glyphs = fonts.load_glyphs(FONTS[split], cache)
    digits = np.array([character in fonts.DIGITS for character in glyphs.characters])
    paper = make_paper(PoolSpec(split=split), cache)
    hands, types = (_by_font(glyphs, digits & (glyphs.handwritten == hand)) for hand in (True, False))
    words = np.flatnonzero(~digits)
    fields = np.stack([pack(edge_field(mask)) for mask in glyphs.masks[words]])
    letters = dict[str, dict[str, int]]()
    for place, number in enumerate(words.tolist()):
        letters.setdefault(glyphs.fonts[number], {})[glyphs.characters[number]] = place
    return Pages(
        paper=paper,
        words=Words(
            fields=Fields(edge=fields, line=None, labels=np.full(len(fields), NO_DIGIT)),
            heights=glyphs.heights[words],
            feet=glyphs.feet[words],
            fonts=list(letters.values()),
        ),
        printed=types,
        written=[paper.written.some(numbers) for numbers in hands] if paper.written else [],
    )


def _by_font(glyphs: fonts.Glyphs, chosen: Bool[np.ndarray, " n"]) -> list[Int64[np.ndarray, " k"]]:
    """The numbers, among those that are chosen, of the glyphs of each font."""
    names = np.array(glyphs.fonts)[chosen]
    return [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]


def glyph_fields(part: Literal["train", "held-out"], cache: str | Path | None = None) -> tuple[Fields, Fields, Fields]:
    """Fields of printed digits of fonts, of handwritten ones, and of letters and signs nobody takes for a digit."""
    glyphs = fonts.load_glyphs(part, cache)
    labels = np.array([int(c) if c in fonts.DIGITS else NO_DIGIT for c in glyphs.characters], np.int64)
    telling = np.array([c not in fonts.LOOKALIKES for c in glyphs.characters])
    edges = np.stack([pack(edge_field(mask)) for mask in glyphs.masks])
    digits, letters = labels < NO_DIGIT, (labels == NO_DIGIT) & telling
    printed, written = digits & ~glyphs.handwritten, digits & glyphs.handwritten
    lines = np.stack([pack(line_field(bones)) for bones in skeletons(glyphs.masks[written] > 127)])
    return (
        Fields(edge=edges[printed], line=None, labels=labels[printed]),
        Fields(edge=edges[written], line=lines, labels=labels[written]),
        Fields(edge=edges[letters], line=None, labels=labels[letters]),
    )
