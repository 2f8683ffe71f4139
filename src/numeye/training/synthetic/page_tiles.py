"""Tiles: square parts of pages with lines of numbers; and strips, each with one number.

`PageGenerator.tile(seed, index)` makes a tile in three steps:

1. Lines of numbers (`text_lines.py`), a table, or neither are drawn on a canvas.
2. Words, marks, strokes, ruled lines and faint print are drawn around and under them.
3. The canvas is photographed as a crop is (`digit_crops.py`).

A tile depends on (seed, index) and on nothing else.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.number_bounds import find_numbers
from numeye.models.characters import CHARACTERS, DIGITS, FILLERS
from numeye.training.synthetic import strokes
from numeye.training.synthetic.canvas import UNREADABLE, Canvas
from numeye.training.synthetic.digit_crops import (
    MAX_PHOTOGRAPHS,
    MIN_AGREEMENT,
    CropGenerator,
    agreement,
)
from numeye.training.synthetic.distance_fields import DistanceFields
from numeye.training.synthetic.glyph_sources import (
    DigitSource,
    FontSource,
    HandwritingSource,
)
from numeye.training.synthetic.marks import distractors, ruled_lines, sheet_marks
from numeye.training.synthetic.parameters import PageRanges
from numeye.training.synthetic.rasterizer import Rasterizer
from numeye.training.synthetic.text_lines import ROOM_HEIGHTS, TextLine
from numeye.training.synthetic.words import WordWriter

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int64, UInt8

    Grey = Float32[np.ndarray, "height width"]

TILE_PX = 160  # side of a tile
STRIP_PX = 448  # longest number of a strip
MAX_LOST_SHARE = 0.1  # share of a tile's digits that may be lost in the photograph
MIN_CELL_PX = 20
WORD_PX = (9, 50)  # smallest and largest height of words


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A part of a page and what is on it.

    Attributes:
        picture: (height, width), 0 black to 255 white.
        labels: (n,) places in `CHARACTERS`, or `numeye.training.synthetic.canvas.UNREADABLE`.
        boxes: (n, 4) left, top, right and bottom of each character in pixels, inside the tile.
    """

    picture: UInt8[np.ndarray, "height width"]
    labels: Int64[np.ndarray, " n"]
    boxes: Float32[np.ndarray, "n 4"]

    @property
    def text(self) -> str:
        """Its numbers as written, in the order in which they were drawn, without spaces."""
        texts = [CHARACTERS[label] for label in self.labels.tolist() if label != UNREADABLE]
        return "".join(
            texts[place]
            for number in find_numbers(texts)
            for place in number
            if texts[place] not in FILLERS
        )


@dataclass(frozen=True, kw_only=True)
class PageGenerator:
    """Makes tiles and strips.

    Attributes:
        crop_generator: whose digits, paper, light and camera tiles share.
        words: writes letters and signs around the numbers; None for none.
        printed: for each printed font, the indices of its digits in `crop_generator.printed`.
        written: the digits of each handwritten font.
        ranges: parameters of the tiles.
    """

    crop_generator: CropGenerator
    words: WordWriter | None = None
    printed: Sequence[Int64[np.ndarray, " n"]] = ()
    written: Sequence[DistanceFields] = ()
    ranges: PageRanges = field(default_factory=PageRanges)

    def tile(self, seed: int, index: int) -> Tile:
        """Return tile number `index` of the series `seed`."""
        rng = np.random.Generator(np.random.PCG64([seed, index, TILE_PX]))
        canvas = Canvas(TILE_PX)
        height = self.sample_height(rng)
        chance = rng.random()
        if chance < self.ranges.empty:
            self._draw_distractors(canvas, height, rng)
        elif chance < self.ranges.empty + self.ranges.tables:
            height = self._draw_table(canvas, height, rng)
        else:
            height = self._draw_text_lines(canvas, height, rng)
        self._draw_surroundings(canvas, height, rng)
        tile, agreements = self.photograph(canvas, height, rng)
        return replace(tile, labels=np.where(agreements < MIN_AGREEMENT, UNREADABLE, tile.labels))

    def strip(self, seed: int, index: int) -> Tile:
        """Return one number of 1 to 8 digits, none of them cut, with some paper around it.

        It is number `index` of the series `seed`.
        """
        rng = np.random.Generator(np.random.PCG64([seed, index, STRIP_PX]))
        count = int(rng.integers(1, 9))
        while True:
            canvas, line = Canvas(STRIP_PX), self.sample_line(self.sample_height(rng), rng)
            top = (STRIP_PX - line.height) / 2
            line.write_number(canvas, 8 + line.height, top, count, rng)
            labels, boxes = canvas.labelled_boxes()
            is_digit = labels < len(DIGITS)
            all_readable = is_digit.sum() == count and UNREADABLE not in labels
            if all_readable and boxes[:, 2].max() < STRIP_PX - 4:
                break
        tile, _ = self.photograph(canvas, line.height, rng)
        drawn = np.argwhere(canvas.drawing > 0.1)  # (n, 2): row, column
        before, behind = (line.height * rng.uniform(0.05, 0.5, 2) for _ in range(2))
        first = np.maximum(drawn.min(axis=0) - before, 0).astype(int)
        end = np.ceil(drawn.max(axis=0) + behind).astype(int) + 1
        # a copy, since a view would keep the whole canvas in memory
        picture = tile.picture[first[0] : end[0], first[1] : end[1]].copy()
        corner = np.array([first[1], first[0]] * 2, np.float32)
        return Tile(picture=picture, labels=labels, boxes=boxes - corner)

    def photograph(
        self, canvas: Canvas, height: float, rng: np.random.Generator
    ) -> tuple[Tile, Float64[np.ndarray, " n"]]:
        """Return a photograph of the canvas, and the agreement of each digit with its drawing."""
        picture = self._render(canvas, height, rng)
        levels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        labels, boxes = canvas.labelled_boxes()
        agreements = [agreement(picture, canvas.drawing, box) for box in canvas.boxes]
        tile = Tile(picture=levels, labels=labels, boxes=boxes)
        return tile, np.array(agreements, np.float64)

    def _render(self, canvas: Canvas, height: float, rng: np.random.Generator) -> Grey:
        """Return a photograph of the canvas in which few digits are lost."""
        camera, size = replace(self.crop_generator, size=canvas.size), canvas.size
        readable_heights = [
            box[3] - box[1]
            for box, label in zip(canvas.boxes, canvas.labels, strict=True)
            if label < len(DIGITS)
        ]
        smallest = float(np.clip(min(readable_heights, default=height), 0.4 * height, height))
        legible = (0.0, 0.0, smallest, smallest)
        drawing = canvas.drawing * np.float32(rng.uniform(0.6, 1.0))  # (size, size)
        if rng.random() < self.ranges.ruled:
            low, high = size / 2 - height / 2, size / 2 + height / 2
            lines = ruled_lines.draw_lines(size, (low, low, high, high), rng)
            drawing = np.maximum(drawing, lines)
        if rng.random() < self.ranges.under:
            drawing = np.maximum(drawing, self._draw_background(size, rng))
        # without darker digits on the front, nothing shows that these are of the back
        if readable_heights and rng.random() < self.ranges.back:
            drawing = np.maximum(drawing, self._draw_back(size, rng))
        for _ in range(MAX_PHOTOGRAPHS):
            picture = camera.photograph(drawing, legible, rng)
            agreements = [agreement(picture, canvas.drawing, box) for box in canvas.boxes]
            if not agreements or np.quantile(agreements, MAX_LOST_SHARE) >= MIN_AGREEMENT:
                return picture
        return camera.photograph(canvas.drawing, legible, rng, plain=True)

    # --- numbers

    def sample_height(self, rng: np.random.Generator) -> float:
        """Return the height of a line's digits, pixels."""
        return float(np.exp(rng.uniform(*np.log(self.ranges.height))))

    def _draw_text_lines(self, canvas: Canvas, height: float, rng: np.random.Generator) -> float:
        """Draw lines from the top to the bottom of the tile, or a few of them.

        Return the height of the smallest line.
        """
        same_writer = rng.random() < 0.6  # and one size on the page
        line = self.sample_line(height, rng)
        if rng.random() < 0.6:
            top = rng.uniform(-0.4, 0.8) * height
        else:
            top = rng.uniform(0, max(TILE_PX - height, 1))
        count = int(rng.choice([1, 1, 2, 3, 8]))
        smallest, spacing = height, rng.uniform(1.15, 2.2)
        for _ in range(count):
            if top > TILE_PX - 0.3 * line.height:
                break
            left = rng.uniform(-0.5 * line.height, TILE_PX * rng.choice([0.1, 0.6]))
            line.write(canvas, left, top, rng)
            smallest = min(smallest, line.height)
            top += line.height * spacing
            if not same_writer:
                line = self.sample_line(height * float(np.exp(rng.normal(0, 0.25))), rng)
        return smallest

    def _draw_table(self, canvas: Canvas, height: float, rng: np.random.Generator) -> float:
        """Draw cells, some of them empty, the others with one digit each, of two writers.

        Return the height of the smaller digits.
        """
        cell = float(np.clip(height * rng.uniform(1.25, 2.4), MIN_CELL_PX, TILE_PX))
        height = float(np.clip(cell / rng.uniform(1.25, 2.4), *self.ranges.height))
        left, top = rng.uniform(-cell, 0, 2)
        tilt, filled_share = rng.normal(0, 0.03), rng.uniform(0.25, 0.9)
        writers = [self.sample_line(height * rng.uniform(0.85, 1.1), rng) for _ in range(2)]
        thick = int(rng.integers(1, 4))  # every third line, as in a sudoku
        for row in range(int(TILE_PX / cell) + 3):
            x, y = left + row * cell, top + row * cell
            width = thick if row % 3 == 0 else 1
            canvas.draw_line(0, y, TILE_PX, y + tilt * TILE_PX, rng, width=width)
            canvas.draw_line(x, 0, x - tilt * TILE_PX, TILE_PX, rng, width=1)
        for row in range(int(TILE_PX / cell) + 2):
            for column in range(int(TILE_PX / cell) + 2):
                if rng.random() < filled_share and not canvas.is_full:
                    x = left + column * cell - tilt * row * cell + cell / 2
                    y = top + row * cell + tilt * column * cell + cell / 2
                    writer = writers[int(rng.random() < 0.4)]
                    writer.write_single_digit(canvas, x, y, cell, rng)
        return min(writer.height for writer in writers)

    def sample_line(self, height: float, rng: np.random.Generator) -> TextLine:
        """Return a line of some writer, with digits about `height` pixels high."""
        height = float(np.clip(height, *self.ranges.height))
        rasterizer, source = self._make_rasterizer(height), self._choose_source(rng)
        return TextLine.sample(height, rasterizer, source, self.ranges.line, rng)

    def _choose_source(self, rng: np.random.Generator) -> DigitSource:
        """Return where the digits of a line come from."""
        chance, ranges, crops = rng.random(), self.ranges, self.crop_generator
        if chance < ranges.printed and self.printed and crops.printed is not None:
            font = self.printed[int(rng.integers(len(self.printed)))]
            return FontSource(crops.printed, font)
        chance -= ranges.printed
        if 0 <= chance < ranges.written and self.written:
            fields = self.written[int(rng.integers(len(self.written)))]
            # always by their skeletons, since some of these fonts are written with a brush
            return HandwritingSource(fields, uses_skeletons=True, stroke_share=0.0)
        chance -= ranges.written
        if 0 <= chance - ranges.pens < ranges.trajectories and crops.pens:
            return crops.pens[int(rng.integers(len(crops.pens)))]
        stroke_share = 1.0 if 0 <= chance < ranges.pens else ranges.some_pens
        return HandwritingSource(crops.digits, rng.random() < ranges.thin, stroke_share)

    def _make_rasterizer(self, height: float) -> Rasterizer:
        """Return a rasterizer with room for digits of this height."""
        slant, aspect = self.ranges.slant, self.ranges.aspect
        ranges = replace(self.crop_generator.ranges, slant=slant, aspect=aspect)
        return Rasterizer(size=int(np.ceil(ROOM_HEIGHTS * height)), ranges=ranges)

    # --- everything else

    def _draw_distractors(self, canvas: Canvas, height: float, rng: np.random.Generator) -> None:
        """Draw no number: a distractor, a text, or nothing."""
        chance = rng.random()
        if chance < 0.2:
            canvas.paste(distractors.draw_distractor(TILE_PX, rng), 0, 0)
        elif chance < 0.8:
            letter_px = float(np.clip(height * 0.6, 9, 40))
            first = rng.uniform(-letter_px, letter_px)
            for top in np.arange(first, TILE_PX, letter_px * rng.uniform(1.3, 2.2)):
                self._draw_words(canvas, letter_px, rng, top=float(top))

    def _draw_surroundings(self, canvas: Canvas, height: float, rng: np.random.Generator) -> None:
        """Draw words, marks, and a long stroke, such as a signature or a line through a number."""
        if rng.random() < self.ranges.words:
            for _ in range(int(rng.integers(1, 4))):
                self._draw_words(canvas, height * rng.uniform(0.5, 1.2), rng)
        self._draw_sheet_marks(canvas, height, rng)
        if rng.random() < self.ranges.strokes:
            side = int(rng.uniform(0.4, 1.0) * TILE_PX)
            rasterizer = Rasterizer(size=side, ranges=self.crop_generator.ranges)
            scribble = strokes.draw_scribble(rng)
            drawing = rasterizer.draw(scribble, True, rng, height=side * rng.uniform(0.5, 1.0))
            left, top = rng.uniform(-0.3, TILE_PX - 0.6 * side, 2)
            canvas.paste(drawing * np.float32(rng.uniform(0.3, 0.8)), int(left), int(top))

    def _draw_sheet_marks(self, canvas: Canvas, height: float, rng: np.random.Generator) -> None:
        """Draw ticks, holes or bubbles, and a stamp."""
        if rng.random() < self.ranges.marks:
            sheet_marks.draw_marks(canvas, height, rng)
        if rng.random() < self.ranges.stamps:
            letters = Canvas(canvas.size)
            for top in np.arange(0, canvas.size, height * rng.uniform(0.8, 2.0)):
                self._draw_words(letters, height * rng.uniform(0.4, 1.0), rng, top=float(top))
            sheet_marks.draw_stamp(canvas, letters.drawing, rng)

    def _draw_back(self, size: int, rng: np.random.Generator) -> Grey:
        """Return what shows through of lines on the back of the sheet."""
        back = Canvas(size)
        self._draw_text_lines(back, self.sample_height(rng), rng)
        return sheet_marks.show_through(back.drawing, rng)

    def _draw_background(self, size: int, rng: np.random.Generator) -> Grey:
        """Return a drawing of faint print: fine waves, or some large words."""
        darkness = np.float32(rng.uniform(*self.ranges.under_tones))
        if rng.random() < 0.6:
            return darkness * ruled_lines.draw_guilloche(size, rng)
        letters = Canvas(size)
        for _ in range(int(rng.integers(1, 4))):
            self._draw_words(letters, rng.uniform(15, 50), rng)
        return darkness * letters.drawing

    def _draw_words(
        self, canvas: Canvas, height: float, rng: np.random.Generator, top: float | None = None
    ) -> None:
        """Draw some letters anywhere; or, if `top` is given, a line of text across the tile."""
        if self.words is None:
            return
        height = float(np.clip(height, *WORD_PX))
        if top is None:
            left, count = rng.uniform(-20, TILE_PX * 0.6), int(rng.integers(2, 16))
            top = rng.uniform(0, TILE_PX - height)
        else:
            left, count = rng.uniform(-10, 10), 60
        rasterizer = self._make_rasterizer(height)
        self.words.write(canvas, rasterizer, height, left, top, count, rng)
