"""Turns a page so that its lines run from left to right, and maps boxes back to the stored picture.

A page is turned by quarters first, which moves pixels and changes none, and then by the rest of the
angle, on a sheet that is large enough for all of it. Both are one affine map, so boxes that are
found on the turned page are four corners in the picture as it is stored.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from numeye.recognition.boxes import to_result_box
from numeye.recognition.crops import paper_level

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    from numeye.results import Box, Quad

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels
    Quads = Float64[np.ndarray, "n 4 2"]  # x and y of four corners
    Point = Float64[np.ndarray, " 2"]
    Affine = Float64[np.ndarray, "2 3"]
    Shape = tuple[int, int]  # height and width in pixels

QUARTER_DEG = 90.0
FULL_TURN_DEG = 360.0
EXACT_DEG = 1e-9  # a smaller rest of an angle is none


@dataclass(frozen=True)
class PageTransform:
    """A turn of a page.

    Attributes:
        degrees: by which the page is turned counter-clockwise.
        shape: height and width of the picture as it is stored, in pixels.
    """

    degrees: float
    shape: Shape

    @property
    def is_identity(self) -> bool:
        """Whether the page stays as it lies."""
        quarters, rest = self._parts
        return not quarters and not rest

    @property
    def turned(self) -> float:
        """The angle in degrees counter-clockwise, from 0 to below 360, with one decimal."""
        return round(self.degrees % FULL_TURN_DEG, 1) % FULL_TURN_DEG

    @property
    def turned_shape(self) -> Shape:
        """Height and width of the turned page, in pixels."""
        width, height = self._turned_size
        return height, width

    def turn(
        self, grey: UInt8[np.ndarray, "height width"]
    ) -> UInt8[np.ndarray, "turned_h turned_w"]:
        """Return the turned page; beyond the edges of the picture is the level of its paper.

        Args:
            grey: the picture as it is stored, of `shape`.
        """
        quarters, rest = self._parts
        upright = np.ascontiguousarray(np.rot90(grey, quarters))
        if not rest:
            return upright
        image = Image.fromarray(upright).transform(
            self._turned_size,
            Image.Transform.AFFINE,
            tuple(self._rest_map.ravel().tolist()),
            Image.Resampling.BICUBIC,
            fillcolor=paper_level(grey),
        )
        return np.asarray(image)

    def to_stored(self, points: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Map points of the turned page (x, y in pixels) to the stored picture."""
        mapped: np.ndarray = points @ self._map[:, :2].T + self._map[:, 2]
        return mapped

    def to_turned(self, points: Float64[np.ndarray, "n 2"]) -> Float64[np.ndarray, "n 2"]:
        """Map points of the stored picture (x, y in pixels) to the turned page."""
        # the map is a rotation, whose inverse is its transpose
        mapped: np.ndarray = (points - self._map[:, 2]) @ self._map[:, :2]
        return mapped

    def quads(self, boxes: Boxes) -> Quads:
        """Map boxes of the turned page to the stored picture.

        Args:
            boxes: left, top, right and bottom in pixels of the turned page.

        Returns:
            The corners in pixels of the stored picture: those that are top left, top right, bottom
            right and bottom left as the page is read.
        """
        corners = boxes[:, [0, 1, 2, 1, 2, 3, 0, 3]].reshape(-1, 2)
        return self.to_stored(corners).reshape(-1, 4, 2)

    def result_box(self, box: Box, *, clip: bool = True) -> Box:
        """Map a result's box of the turned page to the box around it in the stored picture.

        Args:
            box: x, y, width and height in pixels of the turned page.
            clip: whether the box must be inside the stored picture.

        Returns:
            x, y, width and height in whole pixels.
        """
        hull = quad_hulls(self.quads(_as_xyxy(box)))[0]
        if clip:
            return to_result_box(hull, self.shape)
        left, top, right, bottom = np.rint(hull).astype(int).tolist()
        return left, top, max(1, right - left), max(1, bottom - top)

    def result_quad(self, box: Box) -> Quad:
        """Map a result's box of the turned page to its four corners in the stored picture.

        Args:
            box: x, y, width and height in pixels of the turned page.

        Returns:
            x and y of the corners, with one decimal; see `quads` for their order.
        """
        corners = np.round(self.quads(_as_xyxy(box))[0], 1) + 0.0  # no negative zero
        first, second, third, fourth = ((x, y) for x, y in corners.tolist())
        return first, second, third, fourth

    @property
    def _parts(self) -> tuple[int, float]:
        """The turn as quarters, 0 to 3, and a rest of -45 to 45 degrees."""
        quarters = round(self.degrees / QUARTER_DEG)
        rest = self.degrees - QUARTER_DEG * quarters
        return quarters % 4, rest if abs(rest) > EXACT_DEG else 0.0

    @property
    def _quarter_size(self) -> tuple[int, int]:
        """Width and height after the quarters."""
        height, width = self.shape
        return (height, width) if self._parts[0] % 2 else (width, height)

    @cached_property
    def _turned_size(self) -> tuple[int, int]:
        width, height = self._quarter_size
        rest = math.radians(abs(self._parts[1]))
        if not rest:
            return width, height
        cos, sin = math.cos(rest), math.sin(rest)
        return math.ceil(width * cos + height * sin), math.ceil(width * sin + height * cos)

    @cached_property
    def _rest_map(self) -> Affine:
        """The map from the turned page to the page after the quarters; centres stay centres."""
        rotation = _rotation(self._parts[1])
        shift = np.array(self._quarter_size) / 2 - rotation @ np.array(self._turned_size) / 2
        return np.column_stack([rotation, shift])

    @cached_property
    def _map(self) -> Affine:
        """The map from the turned page to the stored picture."""
        height, width = self.shape
        back = {  # from the page after so many quarters to the picture
            0: [[1, 0, 0], [0, 1, 0]],
            1: [[0, -1, width], [1, 0, 0]],
            2: [[-1, 0, width], [0, -1, height]],
            3: [[0, 1, 0], [-1, 0, height]],
        }[self._parts[0]]
        quarter = np.array(back, float)
        rest = self._rest_map
        moved = quarter[:, :2] @ rest[:, 2] + quarter[:, 2]
        return np.column_stack([quarter[:, :2] @ rest[:, :2], moved])


def cut_turned(
    grey: UInt8[np.ndarray, "height width"],
    centre: Point,
    side: float,
    degrees: float,
    size: int,
    paper: int,
) -> UInt8[np.ndarray, "size size"]:
    """Cut out a square part of a picture that is turned, scaled to size x size pixels.

    Args:
        grey: (height, width) uint8.
        centre: x and y of the square's centre, in pixels of the picture.
        side: of the square, in pixels of the picture.
        degrees: by which the square's content is turned counter-clockwise.
        size: side of the result in pixels.
        paper: grey level beyond the picture's edges.
    """
    reach = side / math.sqrt(2) + 2  # from the centre to a corner, and some pixels to interpolate
    left, top = np.maximum(np.floor(centre - reach), 0).astype(int)
    right, bottom = np.maximum(np.ceil(centre + reach).astype(int), (left + 1, top + 1))
    image = Image.fromarray(np.ascontiguousarray(grey[top:bottom, left:right]))
    factor = max(1, int(side / size))
    image = image.reduce(factor) if factor > 1 else image
    turn = side / factor / size * _rotation(degrees)  # from the result to the part
    shift = (centre - (left, top)) / factor - turn @ np.full(2, size / 2)
    turned = image.transform(
        (size, size),
        Image.Transform.AFFINE,
        tuple(np.column_stack([turn, shift]).ravel().tolist()),
        Image.Resampling.BILINEAR,
        fillcolor=paper,
    )
    return np.asarray(turned)


def quad_hulls(quads: Quads) -> Boxes:
    """Return the smallest boxes around quads: left, top, right and bottom in pixels."""
    hulls: np.ndarray = np.concatenate([quads.min(axis=1), quads.max(axis=1)], axis=1)
    return hulls


def _as_xyxy(box: Box) -> Boxes:
    x, y, width, height = box
    return np.array([[x, y, x + width, y + height]], float)


def _rotation(degrees: float) -> Float64[np.ndarray, "2 2"]:
    """Return the map from a picture that was turned counter-clockwise back to the picture."""
    cos, sin = math.cos(math.radians(degrees)), math.sin(math.radians(degrees))
    return np.array([[cos, -sin], [sin, cos]])
