"""Handwriting: one person's digits, signs and letters with one pen.

Digits come from MNIST, handwriting fonts or strokes and are drawn by the rasterizer. Signs are
strokes of the same pen, or from a handwriting font, as letters are.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.models.characters import DIGITS
from numeye.training.synthetic import strokes
from numeye.training.synthetic.canvas import crop_to_content
from numeye.training.synthetic.documents.letterpress import Face, character_of
from numeye.training.synthetic.documents.page import Composition, Glyph, draw_polylines
from numeye.training.synthetic.documents.personal_digits import DigitGlyphs
from numeye.training.synthetic.documents.written_text import NARROW_SPACE, label_in
from numeye.training.synthetic.parameters import Ranges
from numeye.training.synthetic.rasterizer import Rasterizer, WritingStyle
from numeye.training.synthetic.signs import label_of

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    Drawing = UInt8[np.ndarray, "height width"]

ROOM_HEIGHTS = 1.7  # side of the drawing of one digit, in heights of the digits
MAX_OVERLAP = 0.3  # share of its own width by which a digit may cover the one before it
SAME_PEN_SHARE = 0.75
# How high signs are and how far below the line they reach, in heights of the digits.
_SIGN_SIZES: dict[str, tuple[tuple[float, float], float]] = {
    "/": ((1.0, 1.6), 0.25),
    "(": ((1.1, 1.5), 0.15),
    ")": ((1.1, 1.5), 0.15),
    "%": ((0.7, 1.1), 0.05),
    "$": ((1.0, 1.35), 0.1),
    "€": ((0.85, 1.1), 0.05),
    "£": ((0.9, 1.2), 0.05),
    "¥": ((0.85, 1.1), 0.05),
    "#": ((0.7, 1.1), 0.05),
}
_MIDDLE_SIZES = {"-": (0.3, 0.65), "+": (0.45, 0.8), "=": (0.4, 0.7), "*": (0.35, 0.6)}
_POINTS = ".,':"


@dataclass(frozen=True, kw_only=True)
class Hand:
    """Writes texts. Lengths are multiples of the height of the digits if nothing else is said.

    Attributes:
        source: where its digits come from.
        face: font of its letters and of some of its signs.
        ranges: parameters of the augmentations.
        style: what its digits have in common.
        pen_width: width of its strokes, pixels.
        level: how dark its ink is, 0 to 255.
        gap: mean gap between two characters.
        jitter: standard deviation of each gap.
        uneven: standard deviation of the logarithm of its digits' heights.
        wobble: standard deviation of how far each digit stands from the line.
        slope: standard deviation of the slope of a line of text.
        font_signs: share of the signs that are drawn with the font.
    """

    source: DigitGlyphs
    face: Face
    ranges: Ranges
    style: WritingStyle
    pen_width: float
    level: int
    gap: float
    jitter: float
    uneven: float
    wobble: float
    slope: float
    font_signs: float

    @classmethod
    def sample(
        cls,
        source: DigitGlyphs,
        face: Face,
        ranges: Ranges,
        height: float,
        rng: np.random.Generator,
    ) -> Hand:
        """Return a random person with a random pen, who writes digits about `height` high."""
        pen = float(np.exp(rng.uniform(np.log(0.055), np.log(0.15))))
        if rng.random() < SAME_PEN_SHARE:  # letters and digits are as wide
            pen = float(np.clip(face.stroke_share * rng.uniform(0.8, 1.2), 0.045, 0.17))
        tidy = rng.random()  # 0 careful to 1 hasty
        return cls(
            source=source,
            face=face,
            ranges=ranges,
            style=Rasterizer(size=48, ranges=ranges).sample_style(rng),
            pen_width=float(np.clip(pen * height, 1.2, 6.0)),
            level=int(255 * rng.choice([rng.uniform(0.75, 1.0), rng.uniform(0.4, 0.75)])),
            gap=rng.uniform(-0.06, 0.28),
            jitter=0.02 + 0.08 * tidy,
            uneven=0.02 + 0.1 * tidy,
            wobble=0.01 + 0.06 * tidy,
            slope=0.005 + 0.03 * tidy,
            font_signs=float(rng.choice([0.0, 0.0, 1.0])),
        )

    def compose(self, text: str, height: float, rng: np.random.Generator) -> Composition:
        """Return a text with digits `height` pixels high; `NARROW_SPACE` is a small gap."""
        slope, x, before_end = rng.normal(0, self.slope), 0.0, -1e9
        glyphs = list[Glyph]()
        for place, character in enumerate(text):
            if character in " " + NARROW_SPACE:
                wide = (0.45, 0.9) if character == " " else (0.15, 0.35)
                x += height * rng.uniform(*wide)
                continue
            glyph = self._draw_character(character, height, rng)
            if glyph is None:
                continue
            wide_px = glyph.drawing.shape[1]
            left = max(x, before_end - MAX_OVERLAP * wide_px) + glyph.left
            label = glyph.label if character in DIGITS else label_in(text, place)
            word = text.count(" ", 0, place)
            glyphs.append(replace(glyph, left=left, label=label, word=word))
            before_end = left + wide_px
            gap = max(self.gap + rng.normal(0, self.jitter), -0.2)
            if character not in DIGITS:
                gap = max(gap, 0.02)
            if character.isalpha():
                gap = 0.04 + rng.normal(0, 0.01)  # letters of a font have their own distance
            x = before_end + height * gap
        return Composition(text, tuple(glyphs), max(before_end, 0.0), height, slope)

    def _draw_character(
        self, character: str, height: float, rng: np.random.Generator
    ) -> Glyph | None:
        """Return a character that begins at 0 on the line; None where nothing is drawn."""
        if character in DIGITS:
            return self._draw_digit(int(character), height, rng)
        if character in _POINTS:
            return self._draw_points(character, height, rng)
        if character in strokes.SIGN_FORMS and rng.random() >= self.font_signs:
            return self._draw_sign(character, height, rng)
        return self._draw_letter(character, height, rng)

    def _draw_digit(self, digit: int, height: float, rng: np.random.Generator) -> Glyph | None:
        distances, label, is_skeleton = self.source.sample_field(rng, digit)
        high = height * float(np.exp(rng.normal(0, self.uneven)))
        size = int(np.ceil(ROOM_HEIGHTS * high))
        drawing = Rasterizer(size=size, ranges=self.ranges).draw(
            distances,
            is_skeleton,
            rng,
            height=high,
            centre=(size / 2, size / 2),
            style=self.style,
            upright=True,
            stroke_radius=self.pen_width / 2,
        )
        cropped = crop_to_content(drawing)
        if cropped is None:
            return None
        foot = height * rng.normal(0, self.wobble)
        # some people let their 4, 7 and 9 hang below the line
        return Glyph(self._ink(cropped), 0.0, foot - len(cropped), label_of(str(label)))

    def _draw_points(self, sign: str, height: float, rng: np.random.Generator) -> Glyph:
        """Draw a point, a colon, a comma or an apostrophe, about as wide as a stroke."""
        width = max(self.pen_width * rng.uniform(0.9, 1.6), 1.8)
        upper = -rng.uniform(0.35, 0.6) * height
        feet = {".": (0.0,), ",": (0.0,), "'": (-0.95 * height,), ":": (0.0, upper)}[sign]
        lines = list[np.ndarray]()
        for foot in feet:
            length = height * (rng.uniform(0.12, 0.3) if sign in ",'" else rng.uniform(0, 0.05))
            lean = rng.uniform(-0.1, 0.6) * length
            y = foot - width / 2 + rng.normal(0, 0.03) * height
            lines.append(np.array([[0.0, y], [0.3, y + 0.2], [-lean, y + length]]))
        return self._draw_lines(lines, width, sign, rng)

    def _draw_sign(self, sign: str, height: float, rng: np.random.Generator) -> Glyph:
        forms = strokes.SIGN_FORMS[sign]
        form = forms[int(rng.integers(len(forms)))]
        lines = [self._bend(curved, points, rng) for curved, points in form]
        everything = np.concatenate(lines)
        low, high = everything.min(axis=0), everything.max(axis=0)
        extent = np.maximum(high - low, 1e-3)
        if sign in _MIDDLE_SIZES:
            scale = height * rng.uniform(*_MIDDLE_SIZES[sign]) / extent.max()
            foot = -0.45 * height + extent[1] * scale / 2 + rng.normal(0, 0.06) * height
        else:
            sizes, below = _SIGN_SIZES.get(sign, ((0.8, 1.1), 0.05))
            size = height * rng.uniform(*sizes)
            scale = size / extent[1]
            foot = max(0.0, size - height) * rng.uniform(0.2, 0.8) + below * height * rng.random()
        moved = [(line - [low[0], high[1]]) * scale + [0.0, foot] for line in lines]
        return self._draw_lines(moved, self.pen_width, sign, rng)

    def _bend(
        self, curved: bool, points: Float64[np.ndarray, "n 2"], rng: np.random.Generator
    ) -> Float64[np.ndarray, "m 2"]:
        """Return a stroke of a form as somebody draws it, with the slant of the style."""
        line = points + rng.normal(0, 0.02, points.shape)
        line[:, 0] -= 0.7 * self.style.slant * line[:, 1]
        bent: np.ndarray = strokes.smooth_curve(line) if curved and len(line) > 1 else line
        return bent

    def _draw_lines(
        self, lines: list[np.ndarray], width: float, sign: str, rng: np.random.Generator
    ) -> Glyph:
        layer, _, top = draw_polylines(lines, width, round(self.level * rng.uniform(0.85, 1.0)))
        rows, columns = np.flatnonzero(layer.any(axis=1)), np.flatnonzero(layer.any(axis=0))
        if not len(rows):
            return Glyph(layer, 0.0, top, label_of(sign))
        cropped = layer[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        return Glyph(cropped, 0.0, float(top + rows[0]), label_of(sign))

    def _draw_letter(self, letter: str, height: float, rng: np.random.Generator) -> Glyph | None:
        if not self.face.has(letter):
            return None
        size = self.face.size_for(height * float(np.exp(rng.normal(0, 0.3 * self.uneven))))
        shape = character_of(self.face.path, size, letter)
        mask = shape.mask
        if not mask.size:
            return None
        if self.pen_width > 0.1 * height:  # a broad pen
            mask = cv2.dilate(cv2.copyMakeBorder(mask, 1, 1, 1, 1, 0), np.ones((2, 2), np.uint8))
        drawing = (mask * np.float32(self.level / 255)).astype(np.uint8)
        foot = 0.5 * height * rng.normal(0, self.wobble)
        return Glyph(drawing, 0.0, shape.top + foot, label_of(letter))

    def _ink(self, drawing: np.ndarray) -> Drawing:
        ink: np.ndarray = (drawing * np.float32(self.level)).astype(np.uint8)
        return ink
