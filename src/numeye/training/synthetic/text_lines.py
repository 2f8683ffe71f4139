"""Lines of numbers in one writer's style: digits that overlap or stand apart, and signs.

A line is written from left to right. Methods of `TextLine` take `left`, where the next glyph
begins, and return where it ends; `origin` is the top of the line at x = 0. Both are pixels of the
canvas.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic import strokes
from numeye.training.synthetic.canvas import Canvas, crop_to_content
from numeye.training.synthetic.distance_fields import FIELD_PX
from numeye.training.synthetic.glyph_sources import DigitSource, FontSource
from numeye.training.synthetic.marks import pen_marks
from numeye.training.synthetic.number_plans import NumberPlan
from numeye.training.synthetic.parameters import LineRanges
from numeye.training.synthetic.rasterizer import MNIST_RADIUS_PX, Rasterizer, WritingStyle
from numeye.training.synthetic.signs import SignWriter

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "height width"]

FIELD_DIGIT_PX = FIELD_PX - 14.0  # about the height or width of a digit in its field
ROOM_HEIGHTS = 1.7  # side of the drawing of one digit, in heights of the line
MAX_OVERLAP = 0.4  # share of its own width by which a digit may cover the one before it
CELL_HEIGHTS = 1.05  # width of a cell, in heights of the line


@dataclass(frozen=True)
class PlacedDigit:
    """A digit where it was drawn.

    Attributes:
        drawing: drawing of the digit.
        left: its first column on the canvas.
        top: its first row on the canvas.
    """

    drawing: Grey
    left: int
    top: int

    def sample_end(self, rng: np.random.Generator, *, right: bool) -> tuple[float, float]:
        """Return x and y of the outermost pixel of some row: where a joining stroke may begin."""
        mask = self.drawing > 0.4 * self.drawing.max()  # (h, w)
        rows = np.flatnonzero(mask.any(axis=1))
        row = int(rows[min(int(len(rows) * rng.beta(0.7, 0.7)), len(rows) - 1)])
        columns = np.flatnonzero(mask[row])
        return self.left + float(columns[-1 if right else 0]), float(self.top + row)

    @property
    def stroke_width(self) -> float:
        """Width of its strokes, pixels."""
        mask = (self.drawing > 0.4 * self.drawing.max()).astype(np.uint8)
        return max(1.0, 1.6 * float(cv2.distanceTransform(mask, cv2.DIST_L2, 3).max()) - 0.6)


@dataclass(frozen=True, kw_only=True)
class TextLine(SignWriter):
    """Writes one line of numbers. Lengths are multiples of the line's height.

    Attributes:
        source: where its digits come from.
        ranges: parameters of lines.
        gap: mean gap between two digits.
        uneven: standard deviation of the logarithm of its digits' heights.
        zero_size: height of zeros, and by what their width is multiplied.
        in_cells: whether each digit has a cell.
        joined: share of the digits that a stroke joins to the one before.
    """

    source: DigitSource
    ranges: LineRanges
    gap: float
    uneven: float
    zero_size: tuple[float, float]
    in_cells: bool
    joined: float

    @classmethod
    def sample(
        cls,
        height: float,
        rasterizer: Rasterizer,
        source: DigitSource,
        ranges: LineRanges,
        rng: np.random.Generator,
    ) -> TextLine:
        """Return a line of some writer, with digits `height` pixels high."""
        slope = rng.normal(0, ranges.slope * (3 if rng.random() < 1 / 7 else 1))
        style = rasterizer.sample_style(rng)
        radius = (  # in a field
            style.stroke_radius if source.uses_skeletons else MNIST_RADIUS_PX + style.edge_offset
        )
        return cls(
            height=height,
            stroke_radius=radius * height / FIELD_DIGIT_PX,
            rasterizer=replace(rasterizer, size=int(np.ceil(ROOM_HEIGHTS * height))),
            style=replace(style, angle=style.angle + float(np.arctan(slope))),
            source=source,
            ranges=ranges,
            gap=rng.uniform(*ranges.gap),
            uneven=ranges.uneven * rng.uniform(0.3, 1),
            slope=slope,
            zero_size=(_sample_zero_size(rng) if rng.random() < ranges.small_zeros else (1.0, 1.0)),
            in_cells=rng.random() < ranges.cells,
            joined=rng.uniform(0.2, 0.9) if rng.random() < ranges.joined else 0.0,
        )

    def write(self, canvas: Canvas, left: float, top: float, rng: np.random.Generator) -> None:
        """Write numbers up to the right border."""
        while left < canvas.size:
            count = int(rng.integers(1, self.ranges.most + 1))
            first = len(canvas.boxes)
            left = self.write_number(canvas, left, top + self.slope * left, count, rng)
            self.draw_pen_marks(canvas, first, rng)
            left += self.height * rng.uniform(0.8, 3.0)

    def write_number(
        self, canvas: Canvas, left: float, top: float, count: int, rng: np.random.Generator
    ) -> float:
        """Write one number of `count` digits with the signs around it."""
        start, origin = left, top - self.slope * left
        plan = NumberPlan.sample(count, self.ranges, rng)
        if rng.random() < self.ranges.filled / 2:
            left = self.fill_line(canvas, left, origin, rng)
        for sign in plan.before:
            left = self.write_sign(canvas, sign, left, origin, rng)
        left = self._write_digits(canvas, left, origin, count, plan, rng)
        for sign in plan.behind:
            left = self.write_sign(canvas, sign, left, origin, rng)
        if rng.random() < self.ranges.filled / 2:
            left = self.fill_line(canvas, left, origin, rng)
        if rng.random() < self.ranges.underlined:
            y = top + self.height * rng.uniform(0.98, 1.25)
            slope = self.slope + rng.normal(0, 0.03)
            canvas.draw_line(start - 4, y, left + 4, y + slope * (left - start), rng)
        return left

    def draw_pen_marks(self, canvas: Canvas, first: int, rng: np.random.Generator) -> None:
        """Put a ring, a box or lines around some numbers, and strike some out.

        Args:
            canvas: canvas with the number.
            first: index of the number's first character on the canvas.
            rng: decides which marks, if any.
        """
        boxes = canvas.boxes[first:]
        if rng.random() < self.ranges.surrounded:
            pen_marks.surround(canvas, boxes, self.height, self.stroke_width, rng)
        if rng.random() < self.ranges.struck_out:
            pen_marks.strike_out(canvas, boxes, self.height, self.stroke_width, rng)

    def write_single_digit(
        self, canvas: Canvas, x: float, y: float, cell: float, rng: np.random.Generator
    ) -> None:
        """Write one digit around the middle (x, y) of a cell of `cell` pixels."""
        distances, digit, is_skeleton = self.source.sample_field(rng)
        height = self.height * float(np.exp(rng.normal(0, 0.07)))
        drawing = self._draw_digit(distances, is_skeleton, height, rng, self.style)
        if drawing is not None:
            offset = rng.normal(0, 0.07, 2) * cell
            left, top = x + offset[0] - drawing.shape[1] / 2, y + offset[1] - drawing.shape[0] / 2
            canvas.paste(drawing, int(left), int(top), digit)
            self.draw_pen_marks(canvas, len(canvas.boxes) - 1, rng)

    # --- the digits of a number

    def _write_digits(
        self,
        canvas: Canvas,
        left: float,
        origin: float,
        count: int,
        plan: NumberPlan,
        rng: np.random.Generator,
    ) -> float:
        """Write the digits of a plan and the signs among them, as far as the canvas goes."""
        before: PlacedDigit | None = None
        for place in range(count):
            if left > canvas.size or canvas.is_full:
                break
            sign = plan.signs.get(place)
            if sign is not None:
                left = self.write_sign(canvas, sign, left, origin, rng)
            start, top = left, origin + self.slope * left
            left, placed = self._write_digit(canvas, left, top, rng, plan, place, before)
            if place == plan.cents_from and rng.random() < 0.5:
                self._underline_cents(canvas, start, top, plan, rng)
            if before and placed and sign is None and rng.random() < self.joined:
                self._join_digits(canvas, before, placed, rng)
            before = placed
        return left

    def _write_digit(
        self,
        canvas: Canvas,
        left: float,
        top: float,
        rng: np.random.Generator,
        plan: NumberPlan,
        place: int,
        before: PlacedDigit | None,
    ) -> tuple[float, PlacedDigit | None]:
        """Write one digit. Return where the next one begins, and the digit; None in a cell."""
        is_zero, is_cent = place >= plan.zeros_from, place >= plan.cents_from
        distances, digit, is_skeleton = self.source.sample_field(rng, 0 if is_zero else None)
        height, stretch = self.zero_size if digit == 0 else (1.0, 1.0)
        if is_cent:
            height *= plan.cents_height
        even = place > 0 or self.in_cells or isinstance(self.source, FontSource)
        additional = 0.0 if even else (plan.first_height - 1) * height
        style = replace(self.style, stretch=self.style.stretch * stretch)
        variation = float(np.exp(rng.normal(0, self.uneven)))
        height_px = self.height * (height + additional) * variation
        drawing = self._draw_digit(distances, is_skeleton, height_px, rng, style)
        if drawing is None:
            return left, None
        high, wide = drawing.shape
        if before is not None:  # it must not vanish in the digit before it
            left = max(left, before.left + before.drawing.shape[1] - MAX_OVERLAP * wide)
        foot = 1 + plan.first_drop * additional + rng.normal(0, 0.7 * self.uneven)
        y = top + self.height * foot - high
        if is_cent:
            y -= self.height * plan.cents_raise
        elif height < 1 and rng.random() < 0.3:
            y -= self.height * rng.uniform(0, 0.4)
        if self.in_cells:
            return self._place_in_cell(canvas, drawing, digit, left, top, int(y), rng), None
        canvas.paste(drawing, int(left), int(y), digit)
        gap = self.height * max(self.gap + rng.normal(0, self.ranges.jitter), -0.25)
        # the next digit must not cover a narrow one
        end = left + wide + max(gap, -MAX_OVERLAP * wide)
        return end, PlacedDigit(drawing, int(left), int(y))

    def _place_in_cell(
        self,
        canvas: Canvas,
        drawing: Grey,
        digit: int,
        left: float,
        top: float,
        y: int,
        rng: np.random.Generator,
    ) -> float:
        """Draw a digit and the frame of its cell."""
        cell = self.height * CELL_HEIGHTS
        canvas.paste(drawing, int(left + (cell - drawing.shape[1]) / 2), y, digit)
        above, below = top - 0.12 * self.height, top + 1.12 * self.height
        canvas.draw_frame(left, above, left + cell, below, rng)
        return left + cell

    def _join_digits(
        self, canvas: Canvas, before: PlacedDigit, placed: PlacedDigit, rng: np.random.Generator
    ) -> None:
        """Draw a stroke from one digit to the next, straight or bent, if they are near."""
        start, end = before.sample_end(rng, right=True), placed.sample_end(rng, right=False)
        if end[0] - start[0] > 0.6 * self.height:
            return
        bend = rng.normal(0, 0.08) * self.height
        middle = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + bend
        points = strokes.smooth_curve(np.array([start, middle, end]))  # (n, 2)
        darkest = float(min(before.drawing.max(), placed.drawing.max()))
        darkness = darkest * rng.uniform(0.75, 1.0)
        width = min(before.stroke_width, placed.stroke_width) * rng.uniform(0.6, 1.0)
        canvas.draw_stroke(points, width, darkness)

    def _underline_cents(
        self, canvas: Canvas, left: float, top: float, plan: NumberPlan, rng: np.random.Generator
    ) -> None:
        """Draw a line under small raised digits."""
        y = top + self.height * (1 - plan.cents_raise + rng.uniform(0.04, 0.15))
        length = self.height * rng.uniform(0.7, 1.4)
        points = np.array([[left, y], [left + length, y + rng.normal(0, 0.06) * length]])
        canvas.draw_stroke(points, self.stroke_width, rng.uniform(0.6, 1.0))

    def _draw_digit(
        self,
        distances: np.ndarray,
        is_skeleton: bool,
        height_px: float,
        rng: np.random.Generator,
        style: WritingStyle,
    ) -> Grey | None:
        """Return a drawing of a digit of this height. Glyphs of fonts keep their own weight."""
        middle = self.rasterizer.size / 2
        drawing = self.rasterizer.draw(
            distances,
            is_skeleton,
            rng,
            height=height_px,
            centre=(middle, middle),
            style=style,
            upright=True,
            stroke_radius=None if isinstance(self.source, FontSource) else self.stroke_radius,
        )
        return crop_to_content(drawing)


def _sample_zero_size(rng: np.random.Generator) -> tuple[float, float]:
    """Return the height of some writer's small zeros, and by what their width is multiplied."""
    return rng.uniform(0.45, 0.85), rng.uniform(1.0, 2.0) if rng.random() < 0.5 else 1.0
