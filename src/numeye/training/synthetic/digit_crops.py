"""Crops: pictures of one digit, or of none, made from MNIST's training digits, strokes and fonts.

`CropGenerator.crop(seed, index)` makes one in four steps:

1. A digit is bent, scaled and drawn (`rasterizer.py`), or a distractor instead of it.
2. Parts of other digits and ruled lines are drawn around it (`ruled_lines.py`).
3. The drawing is laid on paper, under some light.
4. A camera photographs it (`camera.py`).

A crop depends on (seed, index) and on nothing else. About a quarter of them hold no digit.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.probabilities import NO_DIGIT
from numeye.training.synthetic import camera, strokes
from numeye.training.synthetic.canvas import Bounds, content_bounds
from numeye.training.synthetic.distance_fields import DistanceFields, GlyphField, decode_field
from numeye.training.synthetic.glyph_sources import PenSource
from numeye.training.synthetic.marks import distractors, ruled_lines
from numeye.training.synthetic.parameters import Ranges, check_families
from numeye.training.synthetic.rasterizer import Rasterizer

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    Grey = Float32[np.ndarray, "height width"]

MIN_AGREEMENT = 0.45  # of the photograph with the digit's drawing; below it, people can't read it
MAX_PHOTOGRAPHS = 3  # of one digit; if it is lost in all of them, the next one has no effects


@dataclass(frozen=True, kw_only=True)
class Crop:
    """One picture and what is on it.

    Attributes:
        picture: (size, size), 0 black to 255 white.
        label: 0 to 9, or 10 for no digit.
        box: left, top, right and bottom of the digit in pixels; the whole picture where there is
            no digit.
    """

    picture: UInt8[np.ndarray, "size size"]
    label: int
    box: Bounds


@dataclass(frozen=True, kw_only=True)
class CropGenerator:
    """Makes crops.

    Attributes:
        digits: MNIST's digits, from their edges and skeletons.
        printed: digits of printed fonts, or None.
        written: digits of handwritten fonts, from their edges and skeletons, or None.
        letters: letters and signs that are no digits, or None.
        pens: writers whose digits are pen trajectories.
        size: pixels a side of a crop.
        ranges: parameters of the augmentations.
        without: names of `FAMILIES` that are left out.
    """

    digits: DistanceFields
    printed: DistanceFields | None = None
    written: DistanceFields | None = None
    letters: DistanceFields | None = None
    pens: Sequence[PenSource] = ()
    size: int = 48
    ranges: Ranges = field(default_factory=Ranges)
    without: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        check_families(self.without)

    def exclude(self, *families: str) -> CropGenerator:
        """Return a generator without some more families of augmentations."""
        return replace(self, without=(*self.without, *families))

    @cached_property
    def rasterizer(self) -> Rasterizer:
        """Draws all glyphs of the crops."""
        return Rasterizer(size=self.size, ranges=self.ranges, without=self.without)

    def crop(self, seed: int, index: int) -> Crop:
        """Return crop number `index` of the series `seed`."""
        rng = np.random.Generator(np.random.PCG64([seed, index]))
        if rng.random() < self._share("no digit", self.ranges.no_digit):
            drawing, label = self._draw_no_digit(rng), NO_DIGIT
        else:
            drawing, label = self._draw_digit(rng)
        bounds = content_bounds(drawing) if label != NO_DIGIT else None
        if bounds is None:  # also a digit of which nothing is left on the crop
            label, bounds = NO_DIGIT, (0, 0, self.size, self.size)
        left, top, right, bottom = map(float, bounds)
        box = left, top, right, bottom
        picture = self._render(drawing, box, label, rng)  # (size, size), 0 to 1
        levels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        return Crop(picture=levels, label=label, box=box)

    def _render(self, drawing: Grey, box: Bounds, label: int, rng: np.random.Generator) -> Grey:
        """Return a photograph of the drawing and its surroundings in which no digit is lost.

        A digit that nobody can read teaches a network to see digits in noise.
        """
        for _ in range(MAX_PHOTOGRAPHS):
            surrounded = self._add_surroundings(drawing, box, label, rng)
            picture = self.photograph(surrounded, box, rng)
            if label == NO_DIGIT or agreement(picture, drawing, box) >= MIN_AGREEMENT:
                return picture
        return self.photograph(drawing, box, rng, plain=True)

    # --- digits

    def _draw_digit(self, rng: np.random.Generator) -> tuple[Grey, int]:
        """Return a drawing of a digit, and the digit."""
        distances, label, is_skeleton = self.sample_digit_field(rng)
        if rng.random() < self.ranges.tiny:
            height = self.size * rng.uniform(*self.ranges.tiny_size)
            return self.rasterizer.draw(distances, is_skeleton, rng, height=height), label
        fills = rng.random() < self._share("fill", self.ranges.fill)
        return self.rasterizer.draw(distances, is_skeleton, rng, fills=fills), label

    def sample_digit_field(self, rng: np.random.Generator) -> GlyphField:
        """Return the distance field of a digit: from strokes, a font, a pen or MNIST."""
        chance = rng.random()
        stroke_share = self._share("pens", self.ranges.pens)
        font_share = self._share("fonts", self.ranges.fonts)
        if chance < stroke_share:
            digit = int(rng.integers(10))
            return GlyphField(strokes.draw_digit(digit, rng), digit, True)
        if chance < stroke_share + font_share * self.ranges.printed and self.printed is not None:
            number = int(rng.integers(len(self.printed.labels)))
            return self.printed.get(number, use_skeleton=False)
        end_of_fonts = stroke_share + font_share
        trajectory_share = self._share("pens", self.ranges.trajectories)
        if end_of_fonts <= chance < end_of_fonts + trajectory_share and self.pens:
            return self.pens[int(rng.integers(len(self.pens)))].sample_field(rng)
        digits = self.digits
        if chance < end_of_fonts and self.written is not None:
            digits = self.written
        use_skeleton = rng.random() < self._share("ink", self.ranges.thin)
        return digits.get(int(rng.integers(len(digits.labels))), use_skeleton=use_skeleton)

    # --- what is no digit

    def _draw_no_digit(self, rng: np.random.Generator) -> Grey:
        """Return a drawing of a distractor, or an empty one."""
        kinds: Sequence[tuple[float, Callable[[np.random.Generator], Grey]]] = (
            (0.16, lambda _: np.zeros((self.size, self.size), np.float32)),
            (0.28, self._draw_scribble),
            (0.57, self._draw_letter),
            (0.86, partial(distractors.draw_distractor, self.size)),
            (0.92, self._draw_two_digits),
            (1.0, self._draw_fragment),
        )
        chance = rng.random()
        draw = next(draw for share, draw in kinds if chance < share)
        return draw(rng)

    def _draw_scribble(self, rng: np.random.Generator) -> Grey:
        return self.rasterizer.draw(strokes.draw_scribble(rng), True, rng)

    def _draw_letter(self, rng: np.random.Generator) -> Grey:
        if self.letters is None:
            return self._draw_scribble(rng)
        number = int(rng.integers(len(self.letters.labels)))
        fills = rng.random() < self._share("fill", self.ranges.fill)
        distances = decode_field(self.letters.edge[number])
        return self.rasterizer.draw(distances, False, rng, fills=fills)

    def _draw_two_digits(self, rng: np.random.Generator) -> Grey:
        """Return two digits of one size side by side: which of them would be the answer?"""
        height = self.size * rng.uniform(0.4, 0.7)
        drawing = np.zeros((self.size, self.size), np.float32)
        for side in (-1, 1):
            distances, _, is_skeleton = self.sample_digit_field(rng)
            x, y = self.size * (0.5 + side * 0.25), self.size * (0.5 + rng.uniform(-0.08, 0.08))
            digit = self.rasterizer.draw(distances, is_skeleton, rng, height=height, centre=(x, y))
            drawing = np.maximum(drawing, digit)
        return drawing

    def _draw_fragment(self, rng: np.random.Generator) -> Grey:
        """Return a digit that the border cuts, so that a third of it or less is visible."""
        distances, _, is_skeleton = self.sample_digit_field(rng)
        height = self.size * rng.uniform(0.5, 1.3)
        angle = rng.uniform(0, 2 * np.pi)
        distance = self.size / 2 + height * rng.uniform(0.17, 0.3)
        reach = distance / max(abs(np.cos(angle)), abs(np.sin(angle)))
        centre = (self.size / 2 + reach * np.cos(angle), self.size / 2 + reach * np.sin(angle))
        return self.rasterizer.draw(distances, is_skeleton, rng, height=height, centre=centre)

    # --- around it

    def _add_surroundings(
        self, drawing: Grey, box: Bounds, label: int, rng: np.random.Generator
    ) -> Grey:
        """Return the drawing, at some darkness, with neighbours and lines around it."""
        surrounded = drawing * np.float32(rng.uniform(0.6, 1.0))
        if "surroundings" in self.without:
            return surrounded
        if label != NO_DIGIT and rng.random() < self.ranges.neighbours:
            surrounded = np.maximum(surrounded, self._draw_neighbours(box, rng))
        if rng.random() < (self.ranges.lines if label != NO_DIGIT else 0.5):
            lines = ruled_lines.draw_lines(self.size, box, rng)
            surrounded = np.maximum(surrounded, lines)
        return surrounded

    def _draw_neighbours(self, box: Bounds, rng: np.random.Generator) -> Grey:
        """Return parts of other digits on the left or right, sometimes above or below.

        They lie mostly beyond the border: with a whole digit of the same size, the crop would be a
        number of two digits.
        """
        left, top, right, bottom = box
        height = bottom - top
        drawing = np.zeros((self.size, self.size), np.float32)
        for side in (-1, 1) if rng.random() < 0.4 else (int(rng.choice([-1, 1])),):
            distances, _, is_skeleton = self.sample_digit_field(rng)
            height_px = height * rng.uniform(0.8, 1.2)
            gap = height * rng.uniform(0.38, 0.75)
            if rng.random() < 0.8:
                middle = left - gap if side < 0 else right + gap
                centre = (middle, (top + bottom) / 2 + height * rng.normal(0, 0.1))
                near = min(0.12 * self.size, 0.25 * height_px)
            else:
                middle = top - 1.3 * gap if side < 0 else bottom + 1.3 * gap
                centre = ((left + right) / 2 + height * rng.normal(0, 0.2), middle)
                near = min(0.1 * self.size, 0.25 * height_px)
            if middle < near or middle > self.size - near:  # a good part of it is cut off
                digit = self.rasterizer.draw(
                    distances, is_skeleton, rng, height=height_px, centre=centre
                )
                drawing = np.maximum(drawing, digit)
        return drawing * np.float32(rng.uniform(0.5, 1.0))

    # --- paper, light and camera

    def photograph(
        self, drawing: Grey, box: Bounds, rng: np.random.Generator, *, plain: bool = False
    ) -> Grey:
        """Return a photograph of a drawing on paper.

        Args:
            drawing: (size, size), 0 to 1.
            box: left, top, right and bottom of the digit that must stay legible.
            rng: decides which effects happen.
            plain: whether there are none.
        """
        ranges, plain = self.ranges, rng.random() < self.ranges.plain or plain
        scanned = not plain and rng.random() < self._share("optics", ranges.binarise)
        tone = rng.uniform(0.55, 1.0) if not plain else 1.0  # of the paper
        depth = tone * (rng.uniform(0.3, 1.0) if not plain else 1.0)  # of the strokes
        paper = np.full((self.size, self.size), tone, np.float32)
        if not plain and not scanned:  # a scanner brings its own light
            for effect, share in self._light_effects():
                if rng.random() < share:
                    paper = effect(paper, rng)
        picture = paper * (1 - np.float32(depth / tone) * drawing)  # (size, size)
        legible_px = max(box[2] - box[0], box[3] - box[1])
        if not plain:
            for effect, share in self._camera_effects(legible_px):
                if rng.random() < share:
                    picture = effect(np.clip(picture, 0, 1), rng)
        if scanned:
            picture = camera.binarise(np.clip(picture, 0, 1), rng, legible_px)
        return 1 - picture if rng.random() < ranges.inverted else picture  # chalk on a board

    def _light_effects(self) -> Sequence[tuple[Callable[..., Grey], float]]:
        """Return the effects of paper and light, in order, each with its share."""
        if "light" in self.without:
            return ()
        ranges = self.ranges
        return (
            (camera.add_texture, ranges.texture),
            (camera.add_security_pattern, ranges.pattern),
            (camera.add_gradient, ranges.gradient),
            (camera.add_shadow, ranges.shadow),
        )

    def _camera_effects(self, legible_px: float) -> Sequence[tuple[Callable[..., Grey], float]]:
        """Return the effects of the camera, in order, each with its share."""
        if "optics" in self.without:
            return ()
        ranges = self.ranges
        return (
            (camera.add_vignette, ranges.vignette),
            (partial(camera.blur_by_motion, legible_px=legible_px), ranges.motion),
            (partial(camera.blur, legible_px=legible_px), ranges.blur),
            (partial(camera.reduce_resolution, legible_px=legible_px), ranges.low_resolution),
            (camera.reduce_contrast, ranges.low_contrast),
            (camera.add_noise, ranges.noise),
            (camera.apply_gamma, ranges.gamma),
            (camera.compress_jpeg, ranges.jpeg),
        )

    def _share(self, family: str, share: float) -> float:
        """Return the share of an augmentation; 0 where its family is left out."""
        return 0.0 if family in self.without else share


def agreement(picture: Grey, drawing: Grey, box: Bounds) -> float:
    """Return how well a digit can be seen in a picture, 0 to 1.

    It is the absolute correlation of the picture with the drawing of the digit alone, in its box
    and a little around it.
    """
    margin = 2 + max(box[2] - box[0], box[3] - box[1]) / 8
    left, top = (max(0, int(side - margin)) for side in box[:2])
    right, bottom = (int(side + margin) + 1 for side in box[2:])
    photo, digit = picture[top:bottom, left:right], drawing[top:bottom, left:right]  # (h, w) each
    photo, digit = photo - photo.mean(), digit - digit.mean()
    norm = np.sqrt((photo * photo).sum() * (digit * digit).sum() + 1e-9)
    return float(abs((photo * digit).sum()) / norm)
