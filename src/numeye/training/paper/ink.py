"""Digits as distance fields, so that any pen can write them.

A field holds, for each of 56x56 pixels, how far it is from the digit's line (or, signed, from its edge). Whatever is
warped is the field, which is smooth; the stroke's width is chosen only then. MNIST's digits come twice: by their edge,
and by their skeleton (Zhang and Suen 1984, "A fast parallel algorithm for thinning digital patterns"), which a thin
pen can follow.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye import atomic, datasets, mnist

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Int64, UInt8

SIDE = 56  # pixels of a field, twice MNIST's
Drawn = tuple[np.ndarray, int, bool]  # a field in pixels, the digit, and whether it is the distance from a line
NEAR, STEPS = 8.0, 8.0  # fields are stored as bytes: (distance + NEAR) * STEPS, so -8 to 23.9 in eighths of a pixel


@dataclass(frozen=True, kw_only=True)
class Fields:
    """Distance fields of n digits or letters.

    Attributes:
        edge: signed distance from the edge, negative inside, as bytes.
        line: distance from the skeleton, as bytes; None for what is only known by its edge.
        labels: what each one is; 10 for no digit.
    """

    edge: UInt8[np.ndarray, "n 56 56"]
    line: UInt8[np.ndarray, "n 56 56"] | None
    labels: Int64[np.ndarray, " n"]

    def drawn(self, number: int, *, thin: bool) -> Drawn:
        """One of them, by its line where that is wanted and known, else by its edge."""
        if thin and self.line is not None:
            return unpack(self.line[number]), int(self.labels[number]), True
        return unpack(self.edge[number]), int(self.labels[number]), False

    def some(self, numbers: Int64[np.ndarray, " k"]) -> Fields:
        """Those of these numbers."""
        line = None if self.line is None else self.line[numbers]
        return Fields(edge=self.edge[numbers], line=line, labels=self.labels[numbers])


def unpack(stored: UInt8[np.ndarray, "56 56"]) -> Float32[np.ndarray, "56 56"]:
    """A stored field in pixels."""
    field: np.ndarray = stored.astype(np.float32) / np.float32(STEPS) - np.float32(NEAR)
    return field


def pack(field: Float32[np.ndarray, "56 56"]) -> UInt8[np.ndarray, "56 56"]:
    """The way back, rounded to an eighth of a pixel."""
    stored: np.ndarray = np.clip(np.rint((field + NEAR) * STEPS), 0, 255).astype(np.uint8)
    return stored


def edge_field(mask: UInt8[np.ndarray, "56 56"]) -> Float32[np.ndarray, "56 56"]:
    """Signed distance from the edge of what is above half ink, exact to a fraction of a pixel along grey edges."""
    inside = (mask > 127).astype(np.uint8)
    out = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    into = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    field: np.ndarray = out - into
    near = np.abs(field) <= 1.0  # where the grey of the edge tells more than the grid
    field[near] = 0.5 - mask[near].astype(np.float32) / 255
    return field


def line_field(skeleton: Bool[np.ndarray, "56 56"]) -> Float32[np.ndarray, "56 56"]:
    """Distance from a skeleton."""
    field: np.ndarray = cv2.distanceTransform((~skeleton).astype(np.uint8), cv2.DIST_L2, 3)
    return field


def mnist_fields(part: str, cache: str | Path | None = None) -> Fields:
    """Fields of a part of MNIST's training digits, made once and kept beside them.

    Args:
        part: `fit` or `validation`.
        cache: where MNIST is kept.
    """
    mnist.fetch(cache)
    images, labels = mnist.load("train", cache)
    fitted, held = datasets.validation_split(labels, datasets.VALIDATION)
    chosen = fitted if part == "fit" else held
    kept = mnist.cache_folder(cache) / "fields" / f"mnist-{part}-v1.npy"
    if not kept.is_file():
        atomic.write_bytes(kept, _npy(_make(images[chosen])))
    both = np.load(kept, mmap_mode="r")  # (2, n, 56, 56)
    return Fields(edge=both[0], line=both[1], labels=labels[chosen])


def _make(images: UInt8[np.ndarray, "n 28 28"]) -> UInt8[np.ndarray, "2 n 56 56"]:
    fields = np.empty((2, len(images), SIDE, SIDE), np.uint8)
    for start in range(0, len(images), 5_000):
        part = images[start : start + 5_000]
        large = np.stack([cv2.resize(image, (SIDE, SIDE), interpolation=cv2.INTER_CUBIC) for image in part])
        bones = skeletons(large > 127)
        for number in range(len(part)):
            fields[0, start + number] = pack(edge_field(large[number]))
            fields[1, start + number] = pack(line_field(bones[number]))
    return fields


def skeletons(masks: Bool[np.ndarray, "n 56 56"]) -> Bool[np.ndarray, "n 56 56"]:
    """Thin each mask to lines of one pixel; all at once, by a table of the 256 neighbourhoods (Zhang and Suen)."""
    first, second = _thinning_tables()
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))
    for _ in range(SIDE):
        before = int(padded.sum())
        for table in (first, second):
            inner = padded[:, 1:-1, 1:-1]
            inner &= ~table[_neighbours(padded)]
        if int(padded.sum()) == before:
            break
    thinned: np.ndarray = padded[:, 1:-1, 1:-1].copy()
    return thinned


# Around a pixel, from the one above it, clockwise: (row, column) offsets into the padded picture.
_RING = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))


def _neighbours(padded: Bool[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "n _ _"]:
    height, width = padded.shape[1] - 2, padded.shape[2] - 2
    code = np.zeros((len(padded), height, width), np.uint8)
    for bit, (y, x) in enumerate(_RING):
        code |= padded[:, y : y + height, x : x + width].astype(np.uint8) << bit
    return code


def _thinning_tables() -> tuple[np.ndarray, np.ndarray]:
    """For each neighbourhood, whether the first and the second pass take the pixel away."""
    ring = (np.arange(256)[:, None] >> np.arange(8)) & 1  # (256, 8): north, north-east, east, ...
    count = ring.sum(axis=1)
    rises = ((ring == 0) & (np.roll(ring, -1, axis=1) == 1)).sum(axis=1)
    north, east, south, west = (ring[:, index] for index in (0, 2, 4, 6))
    edge = (count >= 2) & (count <= 6) & (rises == 1)
    first = edge & (north * east * south == 0) & (east * south * west == 0)
    second = edge & (north * east * west == 0) & (north * south * west == 0)
    return first, second


def _npy(array: np.ndarray) -> bytes:
    import io

    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
