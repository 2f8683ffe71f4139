"""Synthetic paper: digits as people meet them, made from MNIST's training digits, pen strokes and fonts.

`Paper.crop(seed, index)` makes one picture: a digit is bent and sized (`_layout`), written by some pen (`_write`),
other marks are put around it (`numeye.training.marks`), it is laid on paper and photographed
(`numeye.training.optics`). Each crop hangs on (seed, index) and nothing else. About a quarter of them are no digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.errors import UsageError
from numeye.training import marks, optics, pen
from numeye.training.ink import SIDE, Fields, unpack

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    Grey = Float32[np.ndarray, "height width"]

NO_DIGIT = 10

# What can be left out, for an ablation: each family of effects.
FAMILIES = ("pens", "fonts", "ink", "shape", "fill", "surroundings", "light", "optics", "no digit")


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """How often what happens, as shares of all crops, and how far it goes.

    Attributes:
        size: of the digit, of the crop's side; the longer side of its ink.
        rotation: degrees to either side.
        slant: horizontal shift over height, to either side.
        aspect: width over height is multiplied by up to this, or divided.
        bend: standard deviation of the elastic displacement, of the crop's side.
        pen: half the stroke's width, of the digit's size, thinnest and thickest.
        thin: share of the crops in which the pen follows the skeleton; the others follow the edge.
    """

    size: tuple[float, float] = (0.25, 1.0)
    rotation: float = 15.0
    slant: float = 0.3
    aspect: float = 1.4
    bend: float = 0.02
    pen: tuple[float, float] = (0.012, 0.085)
    thin: float = 0.45
    no_digit: float = 0.22
    pens: float = 0.1
    fonts: float = 0.1
    fill: float = 0.14
    neighbours: float = 0.22
    lines: float = 0.3
    gradient: float = 0.3
    shadow: float = 0.16
    texture: float = 0.3
    pattern: float = 0.06
    blur: float = 0.3
    motion: float = 0.06
    low_resolution: float = 0.2
    jpeg: float = 0.15
    noise: float = 0.45
    vignette: float = 0.06
    gamma: float = 0.2
    low_contrast: float = 0.15
    binarise: float = 0.14
    inverted: float = 0.35


@dataclass(frozen=True, kw_only=True)
class Crop:
    """One picture with what is on it.

    Attributes:
        picture: (size, size) 0 black to 255 white.
        label: 0 to 9, or 10 for no digit.
        box: left, top, right, bottom of the digit's ink in pixels; the whole picture where there is no digit.
    """

    picture: UInt8[np.ndarray, "size size"]
    label: int
    box: tuple[float, float, float, float]


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What crops are made of.

    Attributes:
        digits: fields of handwritten digits, by edge and line.
        printed: fields of the digits of fonts, or None.
        letters: fields of letters and signs that are no digit, or None.
        size: pixels a side of a crop.
        ranges: how often and how far.
        without: names of `FAMILIES` that are left out.
    """

    digits: Fields
    printed: Fields | None = None
    letters: Fields | None = None
    size: int = 48
    ranges: Ranges = field(default_factory=Ranges)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        for name in self.without:
            if name not in FAMILIES:
                raise UsageError(f"no family of effects {name!r}; there are {', '.join(FAMILIES)}")

    def crop(self, seed: int, index: int) -> Crop:
        """Crop number `index` of the series `seed`."""
        random = np.random.Generator(np.random.PCG64([seed, index]))
        if random.random() < self._share("no digit", self.ranges.no_digit):
            ink, label = self._no_digit(random), NO_DIGIT
        else:
            ink, label = self._digit(random)
        box = _bounds(ink) if label != NO_DIGIT else None
        if box is None:  # a digit of which nothing is left on the paper is none
            label, box = NO_DIGIT, (0.0, 0.0, float(self.size), float(self.size))
        picture = self._photograph(self._surround(ink, box, label, random), random)
        levels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        return Crop(picture=levels, label=label, box=box)

    # --- what is written -----------------------------------------------------------------------------------------

    def _digit(self, random: np.random.Generator) -> tuple[Grey, int]:
        source, label, thin = self._source(random)
        fills = random.random() < self._share("fill", self.ranges.fill)
        return self._write(source, thin, random, fills=fills), label

    def _source(self, random: np.random.Generator) -> tuple[Grey, int, bool]:
        """A digit's field, the digit, and whether it is the distance from a line."""
        kind = random.random()
        pens, fonts = self._share("pens", self.ranges.pens), self._share("fonts", self.ranges.fonts)
        if kind < pens:
            digit = int(random.integers(10))
            return pen.draw_digit(digit, random), digit, True
        if kind < pens + fonts and self.printed is not None:
            number = int(random.integers(len(self.printed.labels)))
            return unpack(self.printed.edge[number]), int(self.printed.labels[number]), False
        number = int(random.integers(len(self.digits.labels)))
        thin = self.digits.line is not None and random.random() < self._share("ink", self.ranges.thin)
        stored = self.digits.line if thin and self.digits.line is not None else self.digits.edge
        return unpack(stored[number]), int(self.digits.labels[number]), thin

    def _write(
        self,
        source: Grey,
        thin: bool,
        random: np.random.Generator,
        *,
        fills: bool = False,
        height: float | None = None,
        centre: tuple[float, float] | None = None,
    ) -> Grey:
        """Ink of 0 to 1 on the crop, from a distance field."""
        low, high = self.ranges.size
        if height is None:
            height = self.size * (random.uniform(low, high) if random.random() < 0.85 else random.uniform(0.8, 1.05))
        matrix = self._layout(source, thin, height, random, fills=fills, centre=centre)
        warped = self._warp(source, matrix, random)  # distance in pixels of the field
        scale = float(np.sqrt(abs(np.linalg.det(matrix[:, :2]))))  # pixels of the field in one of the crop
        radius = self._pen(thin, random) if "ink" not in self.without else (1.6 if thin else 0.0)
        radius = max(radius, (0.45 if thin else -0.2) * scale)  # nothing thinner than a pixel
        reach: np.ndarray | np.float32 = np.float32(radius)
        if "ink" not in self.without and random.random() < 0.35:  # pressure: the line swells and thins
            swell = optics.smooth_noise(self.size, 4, random) * np.float32(0.25 * max(radius, 0.8))
            reach = reach + np.clip(swell, -0.4 * max(radius, 0.8), None)
        ink = np.clip(np.float32(0.5) + (reach - warped) / np.float32(scale), 0, 1)
        return self._pen_texture(ink, random)

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
    ) -> Float32[np.ndarray, "2 3"]:
        """The affine map from the crop's pixels to the field's."""
        turn = np.eye(2)
        if "shape" not in self.without:
            angle = np.deg2rad(random.normal(0, self.ranges.rotation / 2.2))
            slant = random.normal(0, self.ranges.slant / 2)
            stretch = self.ranges.aspect ** random.uniform(-1, 1)
            turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
            turn = turn @ np.array([[1, slant], [0, 1]]) @ np.diag([stretch**0.5, stretch**-0.5])
        points = np.argwhere(source[::2, ::2] < (1.6 if thin else 0.0))[:, ::-1] * 2.0 - (SIDE - 1) / 2
        if len(points) < 4:
            points = np.array([[-20.0, -20.0], [20.0, 20.0]])
        turned = points @ turn.T
        low, high = turned.min(axis=0) - 1, turned.max(axis=0) + 1
        extent = high - low
        scales = np.full(2, height / max(extent))
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
                source, matrix, (self.size, self.size), flags=cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP, borderValue=23.0
            )
            return warped
        deep = self.ranges.bend * SIDE * random.uniform(0.3, 1.6)
        cells = int(random.integers(4, 7))
        line = np.arange(self.size, dtype=np.float32)
        bent = [optics.smooth_noise(self.size, cells, random) * np.float32(deep) for _ in range(2)]
        x = matrix[0, 0] * line + matrix[0, 1] * line[:, None] + matrix[0, 2] + bent[0]
        y = matrix[1, 0] * line + matrix[1, 1] * line[:, None] + matrix[1, 2] + bent[1]
        seen: np.ndarray = cv2.remap(source, x, y, cv2.INTER_LINEAR, borderValue=23.0)
        return seen

    # --- what is no digit ----------------------------------------------------------------------------------------

    def _no_digit(self, random: np.random.Generator) -> Grey:
        kinds: Sequence[tuple[float, Callable[[np.random.Generator], Grey]]] = (
            (0.2, lambda _: np.zeros((self.size, self.size), np.float32)),
            (0.36, self._scribble),
            (0.7, self._letter),
            (0.84, lambda random: marks.thing(self.size, random)),
            (0.9, self._several),
            (1.0, self._fragment),
        )
        chance = random.random()
        make = next(make for share, make in kinds if chance < share)
        return make(random)

    def _scribble(self, random: np.random.Generator) -> Grey:
        return self._write(pen.draw_scribble(random), True, random)

    def _letter(self, random: np.random.Generator) -> Grey:
        if self.letters is None:
            return self._scribble(random)
        number = int(random.integers(len(self.letters.labels)))
        fills = random.random() < self._share("fill", self.ranges.fill)
        return self._write(unpack(self.letters.edge[number]), False, random, fills=fills)

    def _several(self, random: np.random.Generator) -> Grey:
        """Two digits of one size side by side, both whole."""
        height = self.size * random.uniform(0.4, 0.7)
        ink = np.zeros((self.size, self.size), np.float32)
        for side in (-1, 1):
            source, _, thin = self._source(random)
            centre = (self.size * (0.5 + side * 0.25), self.size * (0.5 + random.uniform(-0.08, 0.08)))
            ink = np.maximum(ink, self._write(source, thin, random, height=height, centre=centre))
        return ink

    def _fragment(self, random: np.random.Generator) -> Grey:
        """A digit that leaves the picture: a third of it or less is to be seen."""
        source, _, thin = self._source(random)
        height = self.size * random.uniform(0.5, 1.3)
        angle = random.uniform(0, 2 * np.pi)
        away = self.size / 2 + height * random.uniform(0.17, 0.3)
        reach = away / max(abs(np.cos(angle)), abs(np.sin(angle)))
        centre = (self.size / 2 + reach * np.cos(angle), self.size / 2 + reach * np.sin(angle))
        return self._write(source, thin, random, height=height, centre=centre)

    # --- around it, and what the camera makes of it --------------------------------------------------------------

    def _surround(
        self, ink: Grey, box: tuple[float, float, float, float], label: int, random: np.random.Generator
    ) -> Grey:
        """All that is darker than the paper, 0 to 1: the digit's ink at its strength, and other marks."""
        written = ink * np.float32(random.uniform(0.55, 1.0))
        if "surroundings" in self.without:
            return written
        if label != NO_DIGIT and random.random() < self.ranges.neighbours:
            written = np.maximum(written, self._neighbours(box, random))
        if random.random() < (self.ranges.lines if label != NO_DIGIT else 0.5):
            written = np.maximum(written, marks.lines(self.size, box, random))
        return written

    def _neighbours(self, box: tuple[float, float, float, float], random: np.random.Generator) -> Grey:
        """Parts of other digits to the left or the right, seldom above or below, beyond the border mostly."""
        left, top, right, bottom = box
        height = bottom - top
        ink = np.zeros((self.size, self.size), np.float32)
        for side in (-1, 1) if random.random() < 0.4 else (int(random.choice([-1, 1])),):
            source, _, thin = self._source(random)
            tall = height * random.uniform(0.8, 1.2)
            gap = height * random.uniform(0.38, 0.75)
            if random.random() < 0.8:
                middle = left - gap if side < 0 else right + gap
                centre = (middle, (top + bottom) / 2 + height * random.normal(0, 0.1))
                outside = middle < 0.12 * self.size or middle > 0.88 * self.size
            else:
                middle = top - 1.3 * gap if side < 0 else bottom + 1.3 * gap
                centre = ((left + right) / 2 + height * random.normal(0, 0.2), middle)
                outside = middle < 0.1 * self.size or middle > 0.9 * self.size
            if outside:  # whole digits of the same size would be a number of two digits
                ink = np.maximum(ink, self._write(source, thin, random, height=tall, centre=centre))
        return ink * np.float32(random.uniform(0.5, 1.0))

    def _photograph(self, written: Grey, random: np.random.Generator) -> Grey:
        """Ink on paper under some light, seen by some camera."""
        ranges, plain = self.ranges, random.random() < 0.12  # as clean as MNIST itself
        scanned = not plain and random.random() < self._share("optics", ranges.binarise)
        tone = random.uniform(0.55, 1.0) if not plain else 1.0
        depth = tone * (random.uniform(0.25, 1.0) if not plain else 1.0)
        paper = np.full((self.size, self.size), tone, np.float32)
        for effect, share in () if plain or scanned else self._light():  # a scanner brings its own light
            if random.random() < share:
                paper = effect(paper, random)
        picture = paper * (1 - np.float32(depth / tone) * written)
        for effect, share in () if plain else self._optics():
            if random.random() < share:
                picture = effect(np.clip(picture, 0, 1), random)
        if scanned:
            picture = optics.binarise(np.clip(picture, 0, 1), random)
        return 1 - picture if random.random() < ranges.inverted else picture  # chalk on a board

    def _light(self) -> Sequence[tuple[Callable[..., Grey], float]]:
        if "light" in self.without:
            return ()
        ranges = self.ranges
        return (
            (optics.texture, ranges.texture),
            (optics.security_pattern, ranges.pattern),
            (optics.gradient, ranges.gradient),
            (optics.shadow, ranges.shadow),
        )

    def _optics(self) -> Sequence[tuple[Callable[..., Grey], float]]:
        if "optics" in self.without:
            return ()
        ranges = self.ranges
        return (
            (optics.vignette, ranges.vignette),
            (optics.motion_blur, ranges.motion),
            (optics.blur, ranges.blur),
            (optics.low_resolution, ranges.low_resolution),
            (optics.low_contrast, ranges.low_contrast),
            (optics.noise, ranges.noise),
            (optics.gamma, ranges.gamma),
            (optics.jpeg, ranges.jpeg),
        )

    def _share(self, family: str, share: float) -> float:
        return 0.0 if family in self.without else share

    def leaving_out(self, *families: str) -> Paper:
        """The same without some families of effects."""
        return replace(self, without=(*self.without, *families))


def _bounds(ink: Grey) -> tuple[float, float, float, float] | None:
    """Left, top, right and bottom of what is inked; None where nothing is."""
    inked = ink > max(0.35 * float(ink.max()), 0.1)
    columns, rows = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    if not len(columns):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)
