"""Synthetic paper for looking at: a contact sheet of crops with what each one is."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path

import cv2
import numpy as np

from numeye import atomic
from numeye.sheet import Tile, contact_sheet
from numeye.training.paper import fonts
from numeye.training.paper.crop import NO_DIGIT, Crop
from numeye.training.paper.pool import PoolSpec, make_paper

CROPS = 120


def write_sheet(
    path: Path,
    *,
    seed: int = 0,
    cache: str | Path | None = None,
    without: tuple[str, ...] = (),
    say: Callable[[str], object] = lambda _: None,
) -> Path:
    """Write the first crops of a series as PNG, and return the file.

    Args:
        path: where.
        seed: of the series; that of the recipe `reader` is 0.
        cache: where MNIST and the fonts are kept; they are fetched where they are not there yet.
        without: families of effects to leave out; see `numeye.training.paper.ranges.FAMILIES`.
        say: is told what is fetched.

    Raises:
        UsageError: there is no such family.
        DataError: MNIST or the fonts are not to be had.
        OutputError: the file cannot be written.
    """
    fonts.fetch(cache, say=say)
    paper = make_paper(PoolSpec(split="validation", seed=seed, without=without), cache)
    buffer = io.BytesIO()
    contact_sheet(
        f"synthetic paper, seed {seed}: the first {CROPS} crops of the digits and fonts held back",
        [_tile(paper.crop(seed, number)) for number in range(CROPS)],
        columns=15,
    ).save(buffer, format="PNG")
    atomic.write_bytes(path, buffer.getvalue())
    return path


def _tile(crop: Crop) -> Tile:
    picture = np.asarray(cv2.resize(crop.picture, None, fx=2, fy=2, interpolation=cv2.INTER_NEAREST))
    if crop.label == NO_DIGIT:
        return Tile(picture=picture, lines=("no digit",))
    left, top, right, bottom = (round(2 * side) for side in crop.box)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), 255 if picture.mean() < 128 else 0, 1)
    return Tile(picture=picture, lines=(str(crop.label),))
