"""Synthetic pages: lines of numbers and what stands around them, in square tiles; and single numbers, in strips.

`Pages.tile(seed, index)` makes one. Lines of numbers lie among words, cells, ruled lines and strokes that cross, on the
paper, and in the light, of `numeye.training.paper.crop`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.paper import marks, pen, things
from numeye.training.paper.crop import SHOWN, TRIES, Paper, agreement
from numeye.training.paper.hand import Hand
from numeye.training.paper.ink import Fields
from numeye.training.paper.line import ROOM, Line, LineRanges
from numeye.training.paper.sheet import CUT, Sheet
from numeye.training.paper.words import Words
from numeye.training.paper.writers import FontSource, HandSource, Source

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, Int64, UInt8

    Grey = Float32[np.ndarray, "height width"]

SIZE = 160  # pixels a side of a tile
FAINT = 0.1  # share of the digits that may be lost in the photograph
STRIP = 448  # pixels: the longest number of a strip


@dataclass(frozen=True, kw_only=True)
class PageRanges:
    """How often what happens on pages, and how far it goes.

    Attributes:
        height: of the digits of a line, pixels.
        printed, written, pens: share of the lines that are printed, written in one hand of a font, or drawn as regional
            forms; each digit of the rest is from MNIST, and `some_pens` of them are drawn, too.
        empty: share of the tiles without a digit.
        tables: share of the tiles with cells, of which some have a digit in them.
        words: share of the tiles with words.
        ruled: share of the tiles with ruled lines, a grid or the like.
        strokes: share of the tiles with a stroke that crosses.
        under: share of the tiles with faint print under everything: fine waves, or large letters; and its tones.
        slant, aspect, thin: in place of those of `numeye.training.paper.ranges.Ranges`: numbers lean further, and are
            written with finer pens, than a digit alone.
        line: of the lines.
    """

    height: tuple[float, float] = (15.0, 64.0)
    printed: float = 0.06
    written: float = 0.16
    pens: float = 0.2
    some_pens: float = 0.25
    empty: float = 0.2
    tables: float = 0.07
    words: float = 0.3
    ruled: float = 0.3
    strokes: float = 0.12
    under: float = 0.16
    under_tones: tuple[float, float] = (0.05, 0.35)
    slant: float = 0.5
    aspect: float = 1.6
    thin: float = 0.6
    line: LineRanges = field(default_factory=LineRanges)


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One part of a page with what is on it.

    Attributes:
        picture: (height, width) 0 black to 255 white.
        labels: (n,) 0 to 9, or `numeye.training.paper.sheet.CUT` for a digit of which the border left too little.
        boxes: (n, 4) left, top, right, bottom of each digit's ink in pixels, inside the tile.
    """

    picture: UInt8[np.ndarray, "height width"]
    labels: Int64[np.ndarray, " n"]
    boxes: Float32[np.ndarray, "n 4"]

    @property
    def text(self) -> str:
        """The digits in the order in which they were written."""
        return "".join(map(str, self.labels.tolist()))


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What tiles are made of.

    Attributes:
        paper: whose digits, light and camera they share.
        words: letters and signs that stand around.
        printed: of each font the numbers of its digits in `paper.printed`.
        written: the digits of each handwritten font.
        ranges: how often and how far.
    """

    paper: Paper
    words: Words | None = None
    printed: Sequence[Int64[np.ndarray, " n"]] = ()
    written: Sequence[Fields] = ()
    ranges: PageRanges = field(default_factory=PageRanges)

    def tile(self, seed: int, index: int) -> Tile:
        """Tile number `index` of the series `seed`."""
        random = np.random.Generator(np.random.PCG64([seed, index, SIZE]))
        sheet = Sheet(SIZE)
        height = self._height(random)
        kind = random.random()
        if kind < self.ranges.empty:
            self._nothing(sheet, height, random)
        elif kind < self.ranges.empty + self.ranges.tables:
            height = self._table(sheet, height, random)
        else:
            height = self._numbers(sheet, height, random)
        self._around(sheet, height, random)
        tile, shown = self._photographed(sheet, height, random)
        return replace(tile, labels=np.where(shown < SHOWN, CUT, tile.labels))

    def strip(self, seed: int, index: int) -> Tile:
        """Number `index` of the series `seed` alone, with some paper around it and no digit cut off."""
        random = np.random.Generator(np.random.PCG64([seed, index, STRIP]))
        count = int(random.integers(1, 9))
        while True:
            sheet, line = Sheet(STRIP), self._line(self._height(random), random)
            top = (STRIP - line.height) / 2
            line.number(sheet, 8 + line.height, top, count, random)
            labels, boxes = sheet.digits()
            if len(labels) == count and CUT not in labels and boxes[:, 2].max() < STRIP - 4:
                break
        tile, _ = self._photographed(sheet, line.height, random)
        inked = np.argwhere(sheet.ink > 0.1)
        low = np.maximum(inked.min(axis=0) - line.height * random.uniform(0.05, 0.5, 2), 0).astype(int)
        high = np.ceil(inked.max(axis=0) + line.height * random.uniform(0.05, 0.5, 2)).astype(int) + 1
        picture = tile.picture[low[0] : high[0], low[1] : high[1]].copy()  # a view would keep all of the tile
        return Tile(picture=picture, labels=labels, boxes=boxes - np.array([low[1], low[0]] * 2, np.float32))

    def _photographed(
        self, sheet: Sheet, height: float, random: np.random.Generator
    ) -> tuple[Tile, Float64[np.ndarray, " n"]]:
        """With light and camera; also how well each digit is shown, see `agreement`."""
        picture = self._picture(sheet, height, random)
        levels = np.rint(np.clip(picture, 0, 1) * 255).astype(np.uint8)
        labels, boxes = sheet.digits()
        shown = np.array([agreement(picture, sheet.ink, box) for box in sheet.boxes], np.float64)
        return Tile(picture=levels, labels=labels, boxes=boxes), shown

    def _picture(self, sheet: Sheet, height: float, random: np.random.Generator) -> Grey:
        """With light and camera, so that few of the digits are lost."""
        paper, middle, half = replace(self.paper, size=sheet.size), sheet.size / 2, height / 2
        whole = [box[3] - box[1] for box, label in zip(sheet.boxes, sheet.labels, strict=True) if label != CUT]
        smallest = float(np.clip(min(whole, default=height), 0.4 * height, height))
        legible = (0.0, 0.0, smallest, smallest)
        written = sheet.ink * np.float32(random.uniform(0.6, 1.0))
        if random.random() < self.ranges.ruled:
            digit = (middle - half, middle - half, middle + half, middle + half)
            written = np.maximum(written, marks.lines(sheet.size, digit, random))
        if random.random() < self.ranges.under:
            written = np.maximum(written, self._under(sheet.size, random))
        for _ in range(TRIES):
            picture = paper.photograph(written, legible, random)
            shown = [agreement(picture, sheet.ink, box) for box in sheet.boxes]
            if not shown or np.quantile(shown, FAINT) >= SHOWN:
                return picture
        return paper.photograph(sheet.ink, legible, random, plain=True)

    # --- numbers -------------------------------------------------------------------------------------------------

    def _height(self, random: np.random.Generator) -> float:
        return float(np.exp(random.uniform(*np.log(self.ranges.height))))

    def _numbers(self, sheet: Sheet, height: float, random: np.random.Generator) -> float:
        """Lines from the top to the bottom of the tile, or a few of them; the height of the smallest digits."""
        alike = random.random() < 0.6  # one writer and one size on the page
        line = self._line(height, random)
        top = random.uniform(-0.4, 0.8) * height if random.random() < 0.6 else random.uniform(0, max(SIZE - height, 1))
        count = int(random.choice([1, 1, 2, 3, 8]))
        smallest, spacing = height, random.uniform(1.15, 2.2)
        for _ in range(count):
            if top > SIZE - 0.3 * line.height:
                break
            left = random.uniform(-0.5 * line.height, SIZE * random.choice([0.1, 0.6]))
            line.write(sheet, left, top, random)
            smallest = min(smallest, line.height)
            top += line.height * spacing
            if not alike:
                line = self._line(height * float(np.exp(random.normal(0, 0.25))), random)
        return smallest

    def _table(self, sheet: Sheet, height: float, random: np.random.Generator) -> float:
        """Cells, some empty, the others with one digit each, written or printed; the height of the digits."""
        cell = float(np.clip(height * random.uniform(1.25, 2.4), 20, SIZE))
        height = float(np.clip(cell / random.uniform(1.25, 2.4), *self.ranges.height))
        left, top = random.uniform(-cell, 0, 2)
        tilt, filled = random.normal(0, 0.03), random.uniform(0.25, 0.9)
        hands = [self._line(height * random.uniform(0.85, 1.1), random) for _ in range(2)]
        thick = int(random.integers(1, 4))
        for row in range(int(SIZE / cell) + 3):
            at = top + row * cell
            sheet.line(0, at, SIZE, at + tilt * SIZE, random, width=thick if row % 3 == 0 else 1)
            sheet.line(left + row * cell, 0, left + row * cell - tilt * SIZE, SIZE, random, width=1)
        for row in range(int(SIZE / cell) + 2):
            for column in range(int(SIZE / cell) + 2):
                if random.random() < filled and not sheet.full:
                    x, y = left + column * cell - tilt * row * cell, top + row * cell + tilt * column * cell
                    hands[int(random.random() < 0.4)].lone(sheet, x + cell / 2, y + cell / 2, cell, random)
        return min(hand.height for hand in hands)

    def _line(self, height: float, random: np.random.Generator) -> Line:
        height = float(np.clip(height, *self.ranges.height))
        return Line.begin(height, self._hand(height), self._source(random), self.ranges.line, random)

    def _source(self, random: np.random.Generator) -> Source:
        """Who writes a line."""
        kind, ranges = random.random(), self.ranges
        if kind < ranges.printed and self.printed and self.paper.printed is not None:
            return FontSource(self.paper.printed, self.printed[int(random.integers(len(self.printed)))])
        kind -= ranges.printed
        if 0 <= kind < ranges.written and self.written:
            # Always by their lines: some of these fonts are written with a brush.
            return HandSource(self.written[int(random.integers(len(self.written)))], thin=True, pens=0.0)
        kind -= ranges.written
        pens = 1.0 if 0 <= kind < ranges.pens else ranges.some_pens
        return HandSource(self.paper.digits, random.random() < ranges.thin, pens)

    def _hand(self, height: float) -> Hand:
        ranges = replace(self.paper.ranges, slant=self.ranges.slant, aspect=self.ranges.aspect)
        return Hand(size=int(np.ceil(ROOM * height)), ranges=ranges)

    def _nothing(self, sheet: Sheet, height: float, random: np.random.Generator) -> None:
        """No number: some thing, a text, or the paper alone."""
        kind = random.random()
        if kind < 0.2:
            sheet.put(things.thing(SIZE, random), 0, 0)
        elif kind < 0.8:
            tall = float(np.clip(height * 0.6, 9, 40))
            for at in np.arange(random.uniform(-tall, tall), SIZE, tall * random.uniform(1.3, 2.2)):
                self._words(sheet, tall, random, top=float(at))

    # --- what stands around --------------------------------------------------------------------------------------

    def _around(self, sheet: Sheet, height: float, random: np.random.Generator) -> None:
        if random.random() < self.ranges.words:
            for _ in range(int(random.integers(1, 4))):
                self._words(sheet, height * random.uniform(0.5, 1.2), random)
        if random.random() < self.ranges.strokes:  # a signature, a line crossed out, a stroke that got lost
            side = int(random.uniform(0.4, 1.0) * SIZE)
            hand = Hand(size=side, ranges=self.paper.ranges)
            ink = hand.write(pen.draw_scribble(random), True, random, height=side * random.uniform(0.5, 1.0))
            left, top = random.uniform(-0.3, SIZE - 0.6 * side, 2)
            sheet.put(ink * np.float32(random.uniform(0.3, 0.8)), int(left), int(top))

    def _under(self, size: int, random: np.random.Generator) -> Grey:
        """Faint print: fine waves, or some large words."""
        tone = np.float32(random.uniform(*self.ranges.under_tones))
        if random.random() < 0.6:
            return tone * marks.guilloche(size, random)
        letters = Sheet(size)
        for _ in range(int(random.integers(1, 4))):
            self._words(letters, random.uniform(15, 50), random)
        return tone * letters.ink

    def _words(self, sheet: Sheet, height: float, random: np.random.Generator, top: float | None = None) -> None:
        """A row of letters somewhere; or, where its top is given, a line of text from the left border to the right."""
        if self.words is None:
            return
        height = float(np.clip(height, 9, 50))
        if top is None:
            left, count = random.uniform(-20, SIZE * 0.6), int(random.integers(2, 16))
            top = random.uniform(0, SIZE - height)
        else:
            left, count = random.uniform(-10, 10), 60
        self.words.write(sheet, self._hand(height), height, left, top, count, random)
