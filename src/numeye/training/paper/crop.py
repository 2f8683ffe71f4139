"""Synthetic paper: digits as people meet them, made from MNIST's training digits, pen strokes and fonts.

`Paper.crop(seed, index)` makes one picture: a digit is bent, sized and written by some pen (`hand`), other marks are
put around it (`marks`), it is laid on paper and photographed (`optics`). Each crop hangs on (seed, index) and nothing
else. About a quarter of them are no digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.paper import marks, optics, pen, things
from numeye.training.paper.hand import Hand
from numeye.training.paper.ink import Fields, unpack
from numeye.training.paper.ranges import Ranges, check_families

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    Grey = Float32[np.ndarray, "height width"]

Box = tuple[float, float, float, float]  # left, top, right, bottom

NO_DIGIT = 10
SHOWN = 0.45  # how well what is photographed must agree with the digit's ink, for people to read it
TRIES = 3  # photographs of one digit; if it is lost in all of them, the next has no effects


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
    box: Box


@dataclass(frozen=True, kw_only=True)
class Paper:
    """What crops are made of.

    Attributes:
        digits: fields of handwritten digits, by edge and line.
        printed: fields of the digits of printed fonts, or None.
        written: of those of handwritten ones, by edge and line, or None.
        letters: fields of letters and signs that are no digit, or None.
        size: pixels a side of a crop.
        ranges: how often and how far.
        without: names of `FAMILIES` that are left out.
    """

    digits: Fields
    printed: Fields | None = None
    written: Fields | None = None
    letters: Fields | None = None
    size: int = 48
    ranges: Ranges = field(default_factory=Ranges)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_families(self.without)

    @cached_property
    def hand(self) -> Hand:
        """Writes all ink."""
        return Hand(size=self.size, ranges=self.ranges, without=self.without)

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
        levels = np.rint(np.clip(self._picture(ink, box, label, random), 0, 1) * 255).astype(np.uint8)
        return Crop(picture=levels, label=label, box=box)

    def _picture(self, ink: Grey, box: Box, label: int, random: np.random.Generator) -> Grey:
        """The paper with everything on it, photographed so that a digit is not lost.

        A digit that nobody can read teaches a network to see digits in noise.
        """
        for _ in range(TRIES):
            picture = self.photograph(self._surround(ink, box, label, random), box, random)
            if label == NO_DIGIT or agreement(picture, ink, box) >= SHOWN:
                return picture
        return self.photograph(ink, box, random, plain=True)

    # --- what is written -----------------------------------------------------------------------------------------

    def _digit(self, random: np.random.Generator) -> tuple[Grey, int]:
        source, label, thin = self._source(random)
        if random.random() < self.ranges.tiny:
            tall = self.size * random.uniform(*self.ranges.tiny_size)
            return self.hand.write(source, thin, random, height=tall), label
        fills = random.random() < self._share("fill", self.ranges.fill)
        return self.hand.write(source, thin, random, fills=fills), label

    def _source(self, random: np.random.Generator) -> tuple[Grey, int, bool]:
        """A digit's field, the digit, and whether it is the distance from a line."""
        kind = random.random()
        pens, fonts = self._share("pens", self.ranges.pens), self._share("fonts", self.ranges.fonts)
        if kind < pens:
            digit = int(random.integers(10))
            return pen.draw_digit(digit, random), digit, True
        if kind < pens + fonts * self.ranges.printed and self.printed is not None:
            return self.printed.drawn(int(random.integers(len(self.printed.labels))), thin=False)
        digits = self.digits
        if kind < pens + fonts and self.written is not None:
            digits = self.written
        thin = random.random() < self._share("ink", self.ranges.thin)
        return digits.drawn(int(random.integers(len(digits.labels))), thin=thin)

    # --- what is no digit ----------------------------------------------------------------------------------------

    def _no_digit(self, random: np.random.Generator) -> Grey:
        kinds: Sequence[tuple[float, Callable[[np.random.Generator], Grey]]] = (
            (0.16, lambda _: np.zeros((self.size, self.size), np.float32)),
            (0.28, self._scribble),
            (0.57, self._letter),
            (0.86, partial(things.thing, self.size)),
            (0.92, self._several),
            (1.0, self._fragment),
        )
        chance = random.random()
        make = next(make for share, make in kinds if chance < share)
        return make(random)

    def _scribble(self, random: np.random.Generator) -> Grey:
        return self.hand.write(pen.draw_scribble(random), True, random)

    def _letter(self, random: np.random.Generator) -> Grey:
        if self.letters is None:
            return self._scribble(random)
        number = int(random.integers(len(self.letters.labels)))
        fills = random.random() < self._share("fill", self.ranges.fill)
        return self.hand.write(unpack(self.letters.edge[number]), False, random, fills=fills)

    def _several(self, random: np.random.Generator) -> Grey:
        """Two digits of one size side by side, both whole."""
        height = self.size * random.uniform(0.4, 0.7)
        ink = np.zeros((self.size, self.size), np.float32)
        for side in (-1, 1):
            source, _, thin = self._source(random)
            centre = (self.size * (0.5 + side * 0.25), self.size * (0.5 + random.uniform(-0.08, 0.08)))
            ink = np.maximum(ink, self.hand.write(source, thin, random, height=height, centre=centre))
        return ink

    def _fragment(self, random: np.random.Generator) -> Grey:
        """A digit that leaves the picture: a third of it or less is to be seen."""
        source, _, thin = self._source(random)
        height = self.size * random.uniform(0.5, 1.3)
        angle = random.uniform(0, 2 * np.pi)
        away = self.size / 2 + height * random.uniform(0.17, 0.3)
        reach = away / max(abs(np.cos(angle)), abs(np.sin(angle)))
        centre = (self.size / 2 + reach * np.cos(angle), self.size / 2 + reach * np.sin(angle))
        return self.hand.write(source, thin, random, height=height, centre=centre)

    # --- around it, and what the camera makes of it --------------------------------------------------------------

    def _surround(self, ink: Grey, box: Box, label: int, random: np.random.Generator) -> Grey:
        """All that is darker than the paper, 0 to 1: the digit's ink at its strength, and other marks."""
        written = ink * np.float32(random.uniform(0.6, 1.0))
        if "surroundings" in self.without:
            return written
        if label != NO_DIGIT and random.random() < self.ranges.neighbours:
            written = np.maximum(written, self._neighbours(box, random))
        if random.random() < (self.ranges.lines if label != NO_DIGIT else 0.5):
            written = np.maximum(written, marks.lines(self.size, box, random))
        return written

    def _neighbours(self, box: Box, random: np.random.Generator) -> Grey:
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
                outside = _leaves(middle, min(0.12 * self.size, 0.25 * tall), self.size)
            else:
                middle = top - 1.3 * gap if side < 0 else bottom + 1.3 * gap
                centre = ((left + right) / 2 + height * random.normal(0, 0.2), middle)
                outside = _leaves(middle, min(0.1 * self.size, 0.25 * tall), self.size)
            if outside:  # whole digits of the same size would be a number of two digits
                ink = np.maximum(ink, self.hand.write(source, thin, random, height=tall, centre=centre))
        return ink * np.float32(random.uniform(0.5, 1.0))

    def photograph(self, written: Grey, box: Box, random: np.random.Generator, *, plain: bool = False) -> Grey:
        """Ink on paper under some light, seen by some camera."""
        ranges, plain = self.ranges, random.random() < self.ranges.plain or plain
        scanned = not plain and random.random() < self._share("optics", ranges.binarise)
        tone = random.uniform(0.55, 1.0) if not plain else 1.0
        depth = tone * (random.uniform(0.3, 1.0) if not plain else 1.0)
        paper = np.full((self.size, self.size), tone, np.float32)
        for effect, share in () if plain or scanned else self._light():  # a scanner brings its own light
            if random.random() < share:
                paper = effect(paper, random)
        picture = paper * (1 - np.float32(depth / tone) * written)
        longer = max(box[2] - box[0], box[3] - box[1])
        for effect, share in () if plain else self._optics(longer):
            if random.random() < share:
                picture = effect(np.clip(picture, 0, 1), random)
        if scanned:
            picture = optics.binarise(np.clip(picture, 0, 1), random, longer)
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

    def _optics(self, longer: float) -> Sequence[tuple[Callable[..., Grey], float]]:
        if "optics" in self.without:
            return ()
        ranges = self.ranges
        return (
            (optics.vignette, ranges.vignette),
            (partial(optics.motion_blur, longer=longer), ranges.motion),
            (partial(optics.blur, longer=longer), ranges.blur),
            (partial(optics.low_resolution, longer=longer), ranges.low_resolution),
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


def _leaves(middle: float, near: float, size: int) -> bool:
    """Whether the middle of a digit is so near a border, or beyond it, that a good part of it is not to be seen."""
    return middle < near or middle > size - near


def _bounds(ink: Grey) -> Box | None:
    """Left, top, right and bottom of what is inked; None where nothing is."""
    inked = ink > max(0.35 * float(ink.max()), 0.1)
    columns, rows = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    if not len(columns):
        return None
    return float(columns[0]), float(rows[0]), float(columns[-1] + 1), float(rows[-1] + 1)


def agreement(picture: Grey, ink: Grey, box: Box) -> float:
    """The correlation of a picture with the digit's ink alone, in its box and a little around; 0 to 1."""
    apart = 2 + max(box[2] - box[0], box[3] - box[1]) / 8
    left, top = (max(0, int(side - apart)) for side in box[:2])
    right, bottom = (int(side + apart) + 1 for side in box[2:])
    seen, true = picture[top:bottom, left:right], ink[top:bottom, left:right]
    seen, true = seen - seen.mean(), true - true.mean()
    return float(abs((seen * true).sum()) / np.sqrt((seen * seen).sum() * (true * true).sum() + 1e-9))
