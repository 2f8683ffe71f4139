"""Synthetic paper for looking at: a contact sheet of crops, or of parts of pages, with what is on each."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from numeye import atomic
from numeye.sheet import Tile, contact_sheet
from numeye.training.paper import fonts
from numeye.training.paper.crop import NO_DIGIT, Crop
from numeye.training.paper.page import Tile as PageTile
from numeye.training.paper.pool import PoolSpec, make_pages, make_paper
from numeye.training.paper.sheet import CUT

CROPS, TILES = 120, 40
KINDS = ("paper", "pages")


def write_sheet(
    path: Path,
    kind: str = "paper",
    *,
    seed: int = 0,
    cache: str | Path | None = None,
    without: tuple[str, ...] = (),
    say: Callable[[str], object] = lambda _: None,
) -> Path:
    """Write the first crops, or parts of pages, of a series as PNG, and return the file.

    Args:
        path: where.
        kind: one of `KINDS`.
        seed: of the series; that of the recipes is 0.
        cache: where MNIST and the fonts are kept; they are fetched where they are not there yet.
        without: families of effects to leave out of crops; see `numeye.training.paper.ranges.FAMILIES`.
        say: is told what is fetched.

    Raises:
        UsageError: there is no such family.
        DataError: MNIST or the fonts are not to be had.
        OutputError: the file cannot be written.
    """
    fonts.fetch(cache, say=say)
    sheet = _pages(seed, cache) if kind == "pages" else _crops(seed, without, cache)
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    atomic.write_bytes(path, buffer.getvalue())
    return path


def _crops(seed: int, without: tuple[str, ...], cache: str | Path | None) -> Image.Image:
    paper = make_paper(PoolSpec(split="validation", seed=seed, without=without), cache)
    title = f"synthetic paper, seed {seed}: the first {CROPS} crops of the digits and fonts held back"
    return contact_sheet(title, [_tile(paper.crop(seed, number)) for number in range(CROPS)], columns=15)


def _pages(seed: int, cache: str | Path | None) -> Image.Image:
    pages = make_pages("validation", cache)
    title = f"synthetic pages, seed {seed}: the first {TILES} tiles of the digits and fonts held back"
    return contact_sheet(title, [_part(pages.tile(seed, number)) for number in range(TILES)], side=320, columns=5)


def _part(part: PageTile) -> Tile:
    """The digits framed, those that may be found or not in grey."""
    picture = np.asarray(cv2.resize(part.picture, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))
    light = 255 if picture.mean() < 128 else 0
    for label, box in zip(part.labels.tolist(), part.boxes.tolist(), strict=True):
        left, top, right, bottom = (round(2 * side) for side in box)
        cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), 128 if label == CUT else light, 1)
    read = [str(label) for label in part.labels.tolist() if label != CUT]
    return Tile(picture=picture, lines=(" ".join(read[:20]) or "no digit",))


def _tile(crop: Crop) -> Tile:
    picture = np.asarray(cv2.resize(crop.picture, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))
    if crop.label == NO_DIGIT:
        return Tile(picture=picture, lines=("no digit",))
    left, top, right, bottom = (round(2 * side) for side in crop.box)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), 255 if picture.mean() < 128 else 0, 1)
    return Tile(picture=picture, lines=(str(crop.label),))
