"""Signs beside and among the digits of a line, with the strokes of that line."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.characters import CHARACTERS, OTHER
from numeye.training.synthetic import strokes
from numeye.training.synthetic.canvas import Canvas, content_bounds, crop_to_content, draw_polylines
from numeye.training.synthetic.rasterizer import Rasterizer, WritingStyle

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "height width"]

MIDDLE_SIGNS = "-=*+x"  # they stand half way up the line
DOT_SIGNS = ".,:'"  # dots, or very short strokes
# Height of a slash, in heights of the line. No higher than a digit, it would be a 1.
SLASH_HEIGHT = (1.1, 2.0)
BRACKETS, BRACKET_HEIGHT = "()", (1.0, 1.5)
SIGN_VARIATION = (0.65, 1.5)  # the heights of other signs are multiplied by this
MIN_DOT_PX = 1.6  # a finer dot would not be visible


@dataclass(frozen=True, kw_only=True)
class SignWriter:
    """Draws the signs of one line.

    Methods take `left`, where a sign begins, and `origin`, the top of the line at x = 0; they
    return where it ends. All are pixels of the canvas.

    Attributes:
        height: height of the line's digits, pixels.
        stroke_radius: half the width of its strokes, pixels.
        rasterizer: draws its glyphs.
        style: what its glyphs have in common.
        slope: pixels down for each pixel to the right.
    """

    height: float
    stroke_radius: float
    rasterizer: Rasterizer
    style: WritingStyle
    slope: float

    @property
    def stroke_width(self) -> float:
        """Width of the line's strokes, pixels."""
        return 2 * self.stroke_radius

    def write_sign(
        self, canvas: Canvas, sign: str, left: float, origin: float, rng: np.random.Generator
    ) -> float:
        """Draw one of `strokes.SIGN_FORMS` or `DOT_SIGNS`, or leave a gap for a space."""
        if sign == " ":
            return left + self.height * rng.uniform(0.1, 0.5)
        top = origin + self.slope * left
        if sign in DOT_SIGNS:
            return self._write_dots(canvas, sign, left, top, rng)
        if sign == "/":
            height = rng.uniform(*SLASH_HEIGHT)
            foot = 1 + rng.uniform(0.2, 0.7) * (height - 1)
        elif sign in BRACKETS:
            height = rng.uniform(*BRACKET_HEIGHT)
            foot = 0.5 + height / 2
        else:
            usual = 0.6 if sign in MIDDLE_SIGNS else 1.05
            height, foot = usual * rng.uniform(*SIGN_VARIATION), 1.0
        drawing = self._draw_sign(strokes.draw_sign(sign, rng), self.height * height, rng)
        if drawing is None:
            return left
        high, wide = drawing.shape
        if sign in MIDDLE_SIGNS:
            foot = 0.5 + high / self.height / 2
        bottom = top + self.height * (foot + rng.normal(0, 0.06))
        canvas.paste(drawing, int(left), int(bottom - high), label_of(sign))
        end: float = left + wide + self.height * rng.uniform(-0.06, 0.3)
        return end

    def _write_dots(
        self, canvas: Canvas, sign: str, left: float, top: float, rng: np.random.Generator
    ) -> float:
        """Draw a point, a colon, a comma or an apostrophe, about as wide as a stroke."""
        height, width = self.height, max(self.stroke_width * rng.uniform(0.9, 1.7), MIN_DOT_PX)
        x, darkness = left + width / 2, rng.uniform(0.75, 1.0)
        foot = top + height + rng.normal(0, 0.05) * height - width / 2
        # Drawn for every sign: another order of random draws would be other pixels.
        upper = foot - rng.uniform(0.3, 0.55) * height
        dots = []
        for y in {",": (foot,), "'": (top,), ".": (foot,), ":": (foot, upper)}[sign]:
            length = rng.uniform(0.12, 0.3) if sign in ",'" else rng.uniform(0, 0.06)
            end = x - rng.uniform(-0.2, 0.6) * length * height, y + length * height
            dots.append(np.array([[x, y], [x + 0.1, y + 0.1], end]))
        drawing, column, row = draw_polylines(dots, width, darkness)
        content = content_bounds(drawing)
        if content is not None:
            first_column, first_row, last_column, last_row = content
            part = drawing[first_row:last_row, first_column:last_column]
            canvas.paste(part, column + first_column, row + first_row, label_of(sign))
        return left + width + height * rng.uniform(-0.06, 0.3)

    def fill_line(
        self, canvas: Canvas, left: float, origin: float, rng: np.random.Generator
    ) -> float:
        """Draw one or two long strokes, straight or in waves, that may touch the number."""
        left += self.height * rng.uniform(-0.1, 0.4)
        length, waves = self.height * rng.uniform(1.3, 5.0), rng.random() < 0.3
        x = left + np.linspace(0, length, 24)  # (24,)
        phase = np.arange(24) * rng.uniform(0.6, 1.6)
        wave = np.sin(phase) * (0.12 if waves else 0.02) * self.height
        y = origin + self.slope * x + self.height * rng.uniform(0.3, 0.75) + wave
        y = y + rng.normal(0, 0.05) * (x - left)
        for number in range(1 if rng.random() < 0.6 else 2):
            points = np.stack([x, y + number * self.height * rng.uniform(0.15, 0.3)], axis=1)
            canvas.draw_stroke(points, self.stroke_width, rng.uniform(0.6, 1.0))
        return left + length + self.height * rng.uniform(-0.05, 0.5)

    def _draw_sign(
        self, distances: np.ndarray, longer: float, rng: np.random.Generator
    ) -> Grey | None:
        """Return a drawing of a sign whose longer side has `longer` pixels."""
        size = int(np.ceil(1.2 * longer + 4 * self.stroke_radius + 4))
        rasterizer = replace(self.rasterizer, size=size)
        drawing = rasterizer.draw(
            distances,
            True,
            rng,
            height=longer,
            centre=(size / 2, size / 2),
            style=self.style,
            stroke_radius=self.stroke_radius,
        )
        return crop_to_content(drawing)


def label_of(character: str) -> int:
    """Return the label of a character: its place in `CHARACTERS`, or that of `OTHER`."""
    return CHARACTERS.index(character if character in CHARACTERS else OTHER)
