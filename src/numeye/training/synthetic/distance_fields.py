"""Glyphs as distance fields, which can be bent and drawn with strokes of any width.

A field holds the distance of each of 56x56 pixels from the digit's skeleton, or the signed distance
from its edge. The field is what is bent, since it is smooth; the width of the strokes is chosen
afterwards (`rasterizer.py`). MNIST's digits are stored in both ways: by their edges, and by their
skeletons (Zhang and Suen 1984, "A fast parallel algorithm for thinning digital patterns"), which
thin strokes can follow.
"""

from __future__ import annotations

import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

import cv2
import numpy as np

from numeye.io import datasets, mnist
from numeye.io.files import write_bytes

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Int64, UInt8

FIELD_PX = 56  # side of a field, twice MNIST's
# A field is stored as bytes, (distance + 8) * 8: from -8 to 23.9 pixels in eighths of a pixel.
OFFSET_PX, STEPS_PER_PX = 8.0, 8.0


class GlyphField(NamedTuple):
    """The distance field of one glyph.

    Attributes:
        distances: (56, 56) in pixels.
        label: 0 to 9, or 10 for no digit.
        is_skeleton: whether distances are from a skeleton; else they are from an edge, signed.
    """

    distances: np.ndarray
    label: int
    is_skeleton: bool


@dataclass(frozen=True, kw_only=True)
class DistanceFields:
    """Distance fields of n glyphs.

    Attributes:
        edge: signed distances from the edge, negative inside, encoded as bytes.
        skeleton: distances from the skeleton, encoded as bytes; None where only edges are known.
        labels: 0 to 9, or 10 for no digit.
    """

    edge: UInt8[np.ndarray, "n 56 56"]
    skeleton: UInt8[np.ndarray, "n 56 56"] | None
    labels: Int64[np.ndarray, " n"]

    def get(self, number: int, *, use_skeleton: bool) -> GlyphField:
        """Return one field: from its skeleton where asked for and known, else from its edge."""
        label = int(self.labels[number])
        if use_skeleton and self.skeleton is not None:
            return GlyphField(decode_field(self.skeleton[number]), label, True)
        return GlyphField(decode_field(self.edge[number]), label, False)

    def select(self, numbers: Int64[np.ndarray, " k"]) -> DistanceFields:
        """Return the fields of these indices."""
        skeleton = None if self.skeleton is None else self.skeleton[numbers]
        return DistanceFields(
            edge=self.edge[numbers], skeleton=skeleton, labels=self.labels[numbers]
        )


def decode_field(encoded: UInt8[np.ndarray, "56 56"]) -> Float32[np.ndarray, "56 56"]:
    """Return an encoded field in pixels."""
    field: np.ndarray = encoded.astype(np.float32) / np.float32(STEPS_PER_PX)
    return field - np.float32(OFFSET_PX)


def encode_field(field: Float32[np.ndarray, "56 56"]) -> UInt8[np.ndarray, "56 56"]:
    """Return a field as bytes, rounded to an eighth of a pixel."""
    steps = np.rint((field + OFFSET_PX) * STEPS_PER_PX)
    encoded: np.ndarray = np.clip(steps, 0, 255).astype(np.uint8)
    return encoded


def edge_field(mask: UInt8[np.ndarray, "56 56"]) -> Float32[np.ndarray, "56 56"]:
    """Return the signed distance from the edge of what is darker than half.

    Along grey edges it is exact to a fraction of a pixel.
    """
    inside = (mask > 127).astype(np.uint8)
    distance_outside = cv2.distanceTransform(1 - inside, cv2.DIST_L2, 3)
    distance_inside = cv2.distanceTransform(inside, cv2.DIST_L2, 3)
    field: np.ndarray = distance_outside - distance_inside
    near = np.abs(field) <= 1.0  # where the grey of the edge is more exact than the pixels
    field[near] = 0.5 - mask[near].astype(np.float32) / 255
    return field


def skeleton_field(skeleton: Bool[np.ndarray, "56 56"]) -> Float32[np.ndarray, "56 56"]:
    """Return the distance from a skeleton."""
    field: np.ndarray = cv2.distanceTransform((~skeleton).astype(np.uint8), cv2.DIST_L2, 3)
    return field


def load_mnist_fields(
    split: str, cache: str | Path | None = None, *, writers: bool = False
) -> DistanceFields:
    """Return the fields of a part of MNIST's training digits.

    They are computed once and stored in the cache.

    Args:
        split: `fit` or `validation`.
        cache: folder in which MNIST is kept.
        writers: whether no writer is in both parts, as in `mnist:writers`.
    """
    mnist.fetch(cache)
    images, labels = mnist.load("train", cache)
    fit, validation = datasets.split_training_digits(labels, writers=writers)
    chosen = fit if split == "fit" else validation
    name = f"mnist-writers-{split}-v1.npy" if writers else f"mnist-{split}-v1.npy"
    file = mnist.cache_folder(cache) / "fields" / name
    if not file.is_file():
        write_bytes(file, _to_npy(compute_fields(images[chosen])))
    stored = np.load(file, mmap_mode="r")  # (2, n, 56, 56)
    return DistanceFields(edge=stored[0], skeleton=stored[1], labels=labels[chosen])


def compute_fields(images: UInt8[np.ndarray, "n 28 28"]) -> UInt8[np.ndarray, "2 n 56 56"]:
    """Return the encoded fields of MNIST's digits: first from edges, then from skeletons."""
    fields = np.empty((2, len(images), FIELD_PX, FIELD_PX), np.uint8)
    size = (FIELD_PX, FIELD_PX)
    for start in range(0, len(images), 5_000):
        batch = images[start : start + 5_000]  # (b, 28, 28)
        large = np.stack(
            [cv2.resize(image, size, interpolation=cv2.INTER_CUBIC) for image in batch]
        )
        thinned = skeletons(large > 127)  # (b, 56, 56)
        for number in range(len(batch)):
            fields[0, start + number] = encode_field(edge_field(large[number]))
            fields[1, start + number] = encode_field(skeleton_field(thinned[number]))
    return fields


def skeletons(masks: Bool[np.ndarray, "n 56 56"]) -> Bool[np.ndarray, "n 56 56"]:
    """Return masks thinned to lines of one pixel (Zhang and Suen 1984).

    All masks are thinned at once, by a table of the 256 neighbourhoods of a pixel.
    """
    first, second = _thinning_tables()
    padded = np.pad(masks, ((0, 0), (1, 1), (1, 1)))  # (n, 58, 58)
    for _ in range(FIELD_PX):
        before = int(padded.sum())
        for table in (first, second):
            inner = padded[:, 1:-1, 1:-1]
            inner &= ~table[_neighbourhoods(padded)]
        if int(padded.sum()) == before:  # nothing is left to remove
            break
    thinned: np.ndarray = padded[:, 1:-1, 1:-1].copy()
    return thinned


# Around a pixel, from the one above it, clockwise: (row, column) offsets into the padded picture.
_RING = ((0, 1), (0, 2), (1, 2), (2, 2), (2, 1), (2, 0), (1, 0), (0, 0))


def _neighbourhoods(padded: Bool[np.ndarray, "n h w"]) -> UInt8[np.ndarray, "n _ _"]:
    """Return for each pixel which of its eight neighbours are set, one bit each."""
    height, width = padded.shape[1] - 2, padded.shape[2] - 2
    code = np.zeros((len(padded), height, width), np.uint8)
    for bit, (y, x) in enumerate(_RING):
        code |= padded[:, y : y + height, x : x + width].astype(np.uint8) << bit
    return code


def _thinning_tables() -> tuple[np.ndarray, np.ndarray]:
    """Return for each neighbourhood whether the first and the second pass remove the pixel."""
    ring = (np.arange(256)[:, None] >> np.arange(8)) & 1  # (256, 8): north, north-east, east, ...
    count = ring.sum(axis=1)
    rises = ((ring == 0) & (np.roll(ring, -1, axis=1) == 1)).sum(axis=1)
    north, east, south, west = (ring[:, index] for index in (0, 2, 4, 6))
    edge = (count >= 2) & (count <= 6) & (rises == 1)
    first = edge & (north * east * south == 0) & (east * south * west == 0)
    second = edge & (north * east * west == 0) & (north * south * west == 0)
    return first, second


def _to_npy(array: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, array)
    return buffer.getvalue()
