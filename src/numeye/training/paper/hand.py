"""A hand that writes: from a distance field to ink on a crop, bent, sized and placed, by some pen."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.paper import optics
from numeye.training.paper.ink import SIDE
from numeye.training.paper.ranges import Ranges

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "height width"]

OFF = 23.0  # the distance where a field ends
MNIST_HALF = 2.4  # half the width of the lines of MNIST's digits, pixels of a field ...
BEYOND = (-1.2, 2.0)  # ... and how far to go beyond their edge, for other pens


@dataclass(frozen=True, kw_only=True)
class Style:
    """What one writer does alike in every sign of a line.

    Attributes:
        angle: in radians.
        slant: horizontal shift over height.
        stretch: width over height is multiplied by it.
        pen: half the width of a line, of the 44 pixels of a field's digit.
        bold: how far to go beyond the edge of what is known by its edge, in pixels of the field.
    """

    angle: float
    slant: float
    stretch: float
    pen: float
    bold: float


@dataclass(frozen=True, kw_only=True)
class Hand:
    """How fields are written.

    Attributes:
        size: pixels a side of the crop.
        ranges: how often and how far.
        without: names of families that are left out.
    """

    size: int
    ranges: Ranges
    without: tuple[str, ...] = ()

    def write(
        self,
        source: Grey,
        thin: bool,
        random: np.random.Generator,
        *,
        fills: bool = False,
        height: float | None = None,
        centre: tuple[float, float] | None = None,
        style: Style | None = None,
        upright: bool = False,
        half: float | None = None,
    ) -> Grey:
        """Ink of 0 to 1 on the crop, from a distance field; in a style of its own where none is given.

        Args:
            source: a field, see `numeye.training.paper.ink`.
            thin: whether it is the distance from a line, and not from an edge.
            random: decides all that is not given.
            fills: whether it is stretched to the crop.
            height: of the longer side of the ink, pixels.
            centre: of the ink.
            style: of its writer.
            upright: `height` is that of the ink, be it wider than high; it is kept within the crop.
            half: of the width of its lines, pixels; a pen is as wide in small signs as in large ones.
        """
        low, high = self.ranges.size
        if height is None:
            height = self.size * (random.uniform(low, high) if random.random() < 0.85 else random.uniform(0.8, 1.05))
        matrix = self._layout(source, thin, height, random, fills=fills, centre=centre, style=style, upright=upright)
        warped = self._warp(source, matrix, random)  # distance in pixels of the field
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))  # pixels of the field in one of the crop
        radius = self._radius(thin, random, style)
        if half is not None:
            wanted = half * scale * float(np.exp(random.normal(0, 0.06)))
            radius = min(wanted, OFF - 3) if thin else float(np.clip(wanted - MNIST_HALF, *BEYOND))
        radius = max(radius, (0.45 if thin else -0.2) * scale)  # nothing thinner than a pixel
        reach: np.ndarray | np.float32 = np.float32(radius)
        if "ink" not in self.without and random.random() < 0.35:  # pressure: the line swells and thins
            swell = optics.smooth_noise(self.size, 4, random) * np.float32(0.25 * max(radius, 0.8))
            reach = reach + np.clip(swell, -0.4 * max(radius, 0.8), None)
        ink = np.clip(np.float32(0.5) + (reach - warped) / np.float32(scale), 0, 1)
        return self._pen_texture(ink, random)

    def style(self, random: np.random.Generator) -> Style:
        """Some writer's."""
        angle, slant, stretch = self._bearing(random)
        pen, bold = (self._radius(thin, random, None) for thin in (True, False))
        return Style(angle=angle, slant=slant, stretch=stretch, pen=pen, bold=bold)

    def _radius(self, thin: bool, random: np.random.Generator, style: Style | None) -> float:
        if style is not None:
            return (style.pen if thin else style.bold) * float(np.exp(random.normal(0, 0.06)))
        return self._pen(thin, random) if "ink" not in self.without else (1.6 if thin else 0.0)

    def _bearing(self, random: np.random.Generator) -> tuple[float, float, float]:
        """Angle, slant and stretch."""
        if "shape" in self.without:
            return 0.0, 0.0, 1.0
        angle = float(np.deg2rad(random.normal(0, self.ranges.rotation / 2.2)))
        return angle, random.normal(0, self.ranges.slant / 2), self.ranges.aspect ** random.uniform(-1, 1)

    def _pen(self, thin: bool, random: np.random.Generator) -> float:
        """Half the width of a line, or how far to go beyond an edge, in pixels of a field whose digit is 44 high."""
        if thin:
            low, high = self.ranges.pen
            return 44 * float(np.exp(random.uniform(np.log(low), np.log(high))))
        return float(random.normal(0, 0.7)) if random.random() < 0.6 else 0.0

    def _pen_texture(self, ink: Grey, random: np.random.Generator) -> Grey:
        if "ink" in self.without:
            return ink
        if random.random() < 0.2:  # a dry pen or a pencil: grain in the stroke
            grain = random.random(ink.shape, np.float32)
            ink = ink * (1 - np.float32(random.uniform(0.1, 0.6)) * grain)
        if random.random() < 0.08:  # a pen that skips
            gaps = optics.smooth_noise(self.size, int(random.integers(6, 14)), random)
            ink = ink * np.clip((gaps + np.float32(1.6)) * 3, 0.1, 1)
        return ink

    def _layout(
        self,
        source: Grey,
        thin: bool,
        height: float,
        random: np.random.Generator,
        *,
        fills: bool,
        centre: tuple[float, float] | None,
        style: Style | None,
        upright: bool,
    ) -> Float32[np.ndarray, "2 3"]:
        """The affine map from the crop's pixels to the field's."""
        angle, slant, stretch = self._bearing(random) if style is None else _shaken(style, random)
        turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
        turn = turn @ np.array([[1, slant], [0, 1]]) @ np.diag([stretch**0.5, stretch**-0.5])
        points = np.argwhere(source[::2, ::2] < (1.6 if thin else 0.0))[:, ::-1] * 2.0 - (SIDE - 1) / 2
        if len(points) < 4:
            points = np.array([[-20.0, -20.0], [20.0, 20.0]])
        turned = points @ turn.T
        low, high = turned.min(axis=0) - 1, turned.max(axis=0) + 1
        extent = high - low
        longer = float(max(extent))
        scales = np.full(2, min(height / extent[1], 0.95 * self.size / longer) if upright else height / longer)
        if fills:  # stretched to the box, or only as high as it
            margin = self.size * random.uniform(0.94, 1.02)
            scales = margin / extent
            if random.random() < 0.4 or extent[0] < 0.28 * extent[1]:
                scales[0] = scales[1] * random.uniform(0.8, 1.6)
        forward = np.diag(scales) @ turn
        where = self._place(extent * scales, random, fills=fills) if centre is None else np.array(centre)
        shift = where - (low + high) / 2 * scales  # of the field's middle
        inverse = np.linalg.inv(forward)
        offset = (SIDE - 1) / 2 - inverse @ shift
        return np.concatenate([inverse, offset[:, None]], axis=1).astype(np.float32)

    def _place(self, extent: np.ndarray, random: np.random.Generator, *, fills: bool) -> np.ndarray:
        """Where the middle of the ink goes: anywhere it fits, now and then cut a little by the border."""
        middle = self.size / 2 - 0.5
        if fills:
            return middle + random.normal(0, 0.4, 2)
        room = np.maximum(self.size - extent, 0) / 2
        if random.random() < 0.06:
            room = room + 0.1 * extent
        placed: np.ndarray = middle + room * random.uniform(-1, 1, 2) * (0.35 if random.random() < 0.5 else 1.0)
        return placed

    def _warp(self, source: Grey, matrix: np.ndarray, random: np.random.Generator) -> Grey:
        """The field seen through the affine map, and through an elastic one (Simard et al. 2003)."""
        if "shape" in self.without or random.random() < 0.4:
            warped: np.ndarray = cv2.warpAffine(
                source, matrix, (self.size, self.size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=OFF
            )
            return warped
        deep = self.ranges.bend * SIDE * random.uniform(0.3, 1.6)
        cells = int(random.integers(4, 7))
        line = np.arange(self.size, dtype=np.float32)
        bent = [optics.smooth_noise(self.size, cells, random) * np.float32(deep) for _ in range(2)]
        x = matrix[0, 0] * line + matrix[0, 1] * line[:, None] + matrix[0, 2] + bent[0]
        y = matrix[1, 0] * line + matrix[1, 1] * line[:, None] + matrix[1, 2] + bent[1]
        seen: np.ndarray = cv2.remap(source, x, y, cv2.INTER_LINEAR, borderValue=OFF)
        return seen


def _shaken(style: Style, random: np.random.Generator) -> tuple[float, float, float]:
    """Angle, slant and stretch of one sign: nobody writes twice alike."""
    angle = style.angle + random.normal(0, 0.05)
    return angle, style.slant + random.normal(0, 0.05), style.stretch * float(np.exp(random.normal(0, 0.08)))
