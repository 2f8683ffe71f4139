"""The rasterizer: from the distance field of a glyph to a drawing of it.

The field is rotated, slanted, scaled, placed and bent (`_affine_map`, `_warp`). Then every pixel
nearer to the skeleton, or to the edge, than the stroke's radius is drawn (`draw`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic import camera
from numeye.training.synthetic.distance_fields import FIELD_PX
from numeye.training.synthetic.parameters import Ranges

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

    Grey = Float32[np.ndarray, "height width"]

FIELD_END_PX = 23.0  # the distance beyond the border of a field
FIELD_GLYPH_PX = 44  # longer side of a glyph in its field
MNIST_RADIUS_PX = 2.4  # half the width of MNIST's strokes in a field ...
EDGE_OFFSETS_PX = (-1.2, 2.0)  # ... and how far other strokes may reach beyond their edges


@dataclass(frozen=True, kw_only=True)
class WritingStyle:
    """What all glyphs of one writer have in common.

    Attributes:
        angle: rotation, radians.
        slant: horizontal shift over height.
        stretch: width over height is multiplied by it.
        stroke_radius: half the width of strokes along a skeleton, in pixels of a field.
        edge_offset: how far strokes reach beyond a known edge, in pixels of a field.
    """

    angle: float
    slant: float
    stretch: float
    stroke_radius: float
    edge_offset: float


@dataclass(frozen=True, kw_only=True)
class Rasterizer:
    """Draws glyphs in random shapes.

    Attributes:
        size: pixels a side of a drawing.
        ranges: parameters of the augmentations.
        without: families of augmentations that are left out.
    """

    size: int
    ranges: Ranges
    without: tuple[str, ...] = ()

    def draw(
        self,
        distances: Grey,
        is_skeleton: bool,
        rng: np.random.Generator,
        *,
        fills: bool = False,
        height: float | None = None,
        centre: tuple[float, float] | None = None,
        style: WritingStyle | None = None,
        upright: bool = False,
        stroke_radius: float | None = None,
    ) -> Grey:
        """Return a drawing (size, size) of a glyph, 0 to 1.

        Args:
            distances: (56, 56), its distance field.
            is_skeleton: whether distances are from a skeleton; else from an edge.
            rng: decides all that is left out.
            fills: whether the glyph is stretched to fill the drawing.
            height: longer side of the glyph, pixels.
            centre: x and y of the glyph's middle, pixels.
            style: style of the writer.
            upright: whether `height` is the glyph's height, even where it is wider than high. It
                is limited so that the glyph fits into the drawing.
            stroke_radius: half the width of its strokes, pixels, so that small signs have the
                strokes of large ones.
        """
        if height is None:
            height = self._sample_height(rng)
        matrix = self._affine_map(  # (2, 3)
            distances,
            is_skeleton,
            height,
            rng,
            fills=fills,
            centre=centre,
            style=style,
            upright=upright,
        )
        warped = self._warp(distances, matrix, rng)  # (size, size), in pixels of the field
        # how many pixels of the field one pixel of the drawing is
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))
        radius = self._radius(is_skeleton, rng, style)
        if stroke_radius is not None:
            radius = _fixed_radius(stroke_radius * scale, is_skeleton, rng)
        radius = max(radius, (0.45 if is_skeleton else -0.2) * scale)  # at least a pixel wide
        reach = self._vary_pressure(radius, rng)
        # The edge is grey over one pixel of the drawing.
        drawing = np.clip(np.float32(0.5) + (reach - warped) / np.float32(scale), 0, 1)
        return self._add_stroke_texture(drawing, rng)

    def sample_style(self, rng: np.random.Generator) -> WritingStyle:
        """Return the style of some writer."""
        angle, slant, stretch = self._sample_shape(rng)
        stroke_radius, edge_offset = (self._radius(known, rng, None) for known in (True, False))
        return WritingStyle(
            angle=angle,
            slant=slant,
            stretch=stretch,
            stroke_radius=stroke_radius,
            edge_offset=edge_offset,
        )

    def _sample_height(self, rng: np.random.Generator) -> float:
        """Return the longer side of a glyph in pixels: 15 % nearly fill the drawing."""
        if rng.random() < 0.85:
            return self.size * rng.uniform(*self.ranges.size)
        return self.size * rng.uniform(0.8, 1.05)

    def _radius(
        self, is_skeleton: bool, rng: np.random.Generator, style: WritingStyle | None
    ) -> float:
        """Return a stroke's radius, or its reach beyond an edge, in pixels of the field."""
        if style is not None:
            mean = style.stroke_radius if is_skeleton else style.edge_offset
            return mean * float(np.exp(rng.normal(0, 0.06)))
        if "ink" in self.without:
            return 1.6 if is_skeleton else 0.0
        if is_skeleton:
            low, high = self.ranges.pen
            return FIELD_GLYPH_PX * float(np.exp(rng.uniform(np.log(low), np.log(high))))
        return float(rng.normal(0, 0.7)) if rng.random() < 0.6 else 0.0

    def _sample_shape(self, rng: np.random.Generator) -> tuple[float, float, float]:
        """Return an angle, a slant and a stretch."""
        if "shape" in self.without:
            return 0.0, 0.0, 1.0
        angle = float(np.deg2rad(rng.normal(0, self.ranges.rotation / 2.2)))
        slant = rng.normal(0, self.ranges.slant / 2)
        return angle, slant, self.ranges.aspect ** rng.uniform(-1, 1)

    def _vary_pressure(self, radius: float, rng: np.random.Generator) -> Grey | np.float32:
        """Return the radius for each pixel: 35 % of the strokes swell and thin along their way."""
        if "ink" in self.without or rng.random() >= 0.35:
            return np.float32(radius)
        swell = camera.smooth_noise(self.size, 4, rng) * np.float32(0.25 * max(radius, 0.8))
        varied: np.ndarray = np.float32(radius) + np.clip(swell, -0.4 * max(radius, 0.8), None)
        return varied  # (size, size)

    def _add_stroke_texture(self, drawing: Grey, rng: np.random.Generator) -> Grey:
        """Return a drawing, a share of them with the grain or the gaps of a bad pen."""
        if "ink" in self.without:
            return drawing
        if rng.random() < 0.2:  # a dry pen or a pencil: grain in the stroke
            grain = rng.random(drawing.shape, np.float32)
            drawing = drawing * (1 - np.float32(rng.uniform(0.1, 0.6)) * grain)
        if rng.random() < 0.08:  # a pen that skips: gaps in the stroke
            gaps = camera.smooth_noise(self.size, int(rng.integers(6, 14)), rng)
            drawing = drawing * np.clip((gaps + np.float32(1.6)) * 3, 0.1, 1)
        return drawing

    def _affine_map(
        self,
        distances: Grey,
        is_skeleton: bool,
        height: float,
        rng: np.random.Generator,
        *,
        fills: bool,
        centre: tuple[float, float] | None,
        style: WritingStyle | None,
        upright: bool,
    ) -> Float32[np.ndarray, "2 3"]:
        """Return the affine map from pixels of the drawing to pixels of the field."""
        shape = self._sample_shape(rng) if style is None else _vary_style(style, rng)
        turn = _shape_matrix(*shape)  # (2, 2)
        turned = _glyph_points(distances, is_skeleton) @ turn.T  # (n, 2)
        low, high = turned.min(axis=0) - 1, turned.max(axis=0) + 1
        extent = high - low  # (2,): width and height of the glyph, in pixels of the field
        longer = float(max(extent))
        scales = np.full(
            2, min(height / extent[1], 0.95 * self.size / longer) if upright else height / longer
        )
        if fills:
            margin = self.size * rng.uniform(0.94, 1.02)
            scales = margin / extent
            # 40 % of the glyphs, and narrow ones, keep about their proportions
            if rng.random() < 0.4 or extent[0] < 0.28 * extent[1]:
                scales[0] = scales[1] * rng.uniform(0.8, 1.6)
        forward = np.diag(scales) @ turn  # from the field to the drawing
        middle = (
            self._sample_centre(extent * scales, rng, fills=fills)
            if centre is None
            else np.array(centre)
        )
        shift = middle - (low + high) / 2 * scales  # where the middle of the field goes
        inverse = np.linalg.inv(forward)
        offset = (FIELD_PX - 1) / 2 - inverse @ shift
        return np.concatenate([inverse, offset[:, None]], axis=1).astype(np.float32)

    def _sample_centre(
        self, extent: np.ndarray, rng: np.random.Generator, *, fills: bool
    ) -> np.ndarray:
        """Return where the middle of the glyph goes: anywhere it fits.

        The border may cut 6 % of the glyphs a little.
        """
        middle = self.size / 2 - 0.5
        if fills:
            return middle + rng.normal(0, 0.4, 2)
        room = np.maximum(self.size - extent, 0) / 2  # (2,)
        if rng.random() < 0.06:
            room = room + 0.1 * extent
        centre: np.ndarray = middle + room * rng.uniform(-1, 1, 2) * (
            0.35 if rng.random() < 0.5 else 1.0
        )
        return centre

    def _warp(self, distances: Grey, matrix: np.ndarray, rng: np.random.Generator) -> Grey:
        """Return the field mapped to the drawing, 60 % of them also bent elastically.

        The bending is that of Simard et al. 2003, "Best practices for convolutional neural
        networks".
        """
        if "shape" in self.without or rng.random() < 0.4:
            warped: np.ndarray = cv2.warpAffine(
                distances,
                matrix,
                (self.size, self.size),
                flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP,
                borderValue=FIELD_END_PX,
            )
            return warped
        amplitude = np.float32(self.ranges.bend * FIELD_PX * rng.uniform(0.3, 1.6))
        cells = int(rng.integers(4, 7))
        line = np.arange(self.size, dtype=np.float32)  # (size,)
        bend = [camera.smooth_noise(self.size, cells, rng) * amplitude for _ in range(2)]
        x = matrix[0, 0] * line + matrix[0, 1] * line[:, None] + matrix[0, 2] + bend[0]
        y = matrix[1, 0] * line + matrix[1, 1] * line[:, None] + matrix[1, 2] + bend[1]
        bent: np.ndarray = cv2.remap(distances, x, y, cv2.INTER_LINEAR, borderValue=FIELD_END_PX)
        return bent  # (size, size)


def _fixed_radius(radius: float, is_skeleton: bool, rng: np.random.Generator) -> float:
    """Return about this radius, in pixels of the field, as `Rasterizer.draw` needs it."""
    exact = radius * float(np.exp(rng.normal(0, 0.06)))
    if is_skeleton:
        return min(exact, FIELD_END_PX - 3)
    return float(np.clip(exact - MNIST_RADIUS_PX, *EDGE_OFFSETS_PX))


def _shape_matrix(angle: float, slant: float, stretch: float) -> Float64[np.ndarray, "2 2"]:
    """Return the matrix that stretches, then slants, then rotates."""
    rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    shear = np.array([[1, slant], [0, 1]])
    matrix: np.ndarray = rotation @ shear @ np.diag([stretch**0.5, stretch**-0.5])
    return matrix


def _glyph_points(distances: Grey, is_skeleton: bool) -> Float64[np.ndarray, "n 2"]:
    """Return x and y of every second pixel that belongs to the glyph, from the field's middle."""
    inside = distances[::2, ::2] < (1.6 if is_skeleton else 0.0)  # (28, 28)
    points: np.ndarray = np.argwhere(inside)[:, ::-1] * 2.0 - (FIELD_PX - 1) / 2
    if len(points) < 4:  # next to nothing: take the usual place of a glyph
        return np.array([[-20.0, -20.0], [20.0, 20.0]])
    return points


def _vary_style(style: WritingStyle, rng: np.random.Generator) -> tuple[float, float, float]:
    """Return angle, slant and stretch of one glyph, since nobody writes two of them alike."""
    angle = style.angle + rng.normal(0, 0.05)
    slant = style.slant + rng.normal(0, 0.05)
    return angle, slant, style.stretch * float(np.exp(rng.normal(0, 0.08)))
