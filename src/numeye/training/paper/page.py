"""Synthetic pages: lines of numbers and what stands around them, in square tiles.

`Pages.tile(seed, index)` makes one. A writer writes each line: one pen, slant and size, digits from overlapping to far
apart, with the signs that stand in amounts and dates. Around them there are words, cells, ruled lines and strokes that
cross. Everything lies on the paper, and in the light, of `numeye.training.paper.crop`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.paper import marks, pen, things
from numeye.training.paper.crop import SHOWN, TRIES, Paper, agreement
from numeye.training.paper.hand import Hand, Style
from numeye.training.paper.ink import Fields, unpack
from numeye.training.paper.sheet import Sheet

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64, UInt8

    Grey = Float32[np.ndarray, "height width"]

SIZE = 160  # pixels a side of a tile
MOST = 96  # digits on a tile
BEFORE, BETWEEN, BEHIND = "#*=-$-(", ".,-/.,:", "=-*#/%)-"  # signs around a number and in it
LOW, HIGH = ".,", "-=*+:"  # signs at the foot of the line, and in its middle


@dataclass(frozen=True, kw_only=True)
class PageRanges:
    """How often what happens on pages, and how far it goes.

    Attributes:
        height: of the digits of a line, pixels.
        most: digits of a number.
        gap: between the ink of two digits, of their height, mean of a line; below 0 they overlap.
        jitter: standard deviation of each gap, of the height.
        slope: of a line, standard deviation.
        printed, pens: share of the lines that are printed, or drawn as regional forms; each digit of the rest is from
            MNIST, and some of them are drawn, too.
        small_zeros: share of the lines whose zeros are small.
        signs: share of the numbers that stand among signs.
        empty: share of the tiles without a digit.
        cells: share of the lines in a comb of cells.
        words: share of the tiles with words.
        strokes: share of the tiles with a stroke that crosses.
    """

    height: tuple[float, float] = (15.0, 64.0)
    most: int = 14
    gap: tuple[float, float] = (-0.14, 0.32)
    jitter: float = 0.07
    slope: float = 0.035
    printed: float = 0.14
    pens: float = 0.12
    small_zeros: float = 0.3
    signs: float = 0.45
    empty: float = 0.1
    cells: float = 0.12
    words: float = 0.2
    strokes: float = 0.12


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One part of a page with what is on it.

    Attributes:
        picture: (size, size) 0 black to 255 white.
        labels: (n,) 0 to 9, or `numeye.training.paper.sheet.CUT` for a digit of which the border left too little.
        boxes: (n, 4) left, top, right, bottom of each digit's ink in pixels, inside the tile.
    """

    picture: UInt8[np.ndarray, "size size"]
    labels: Int64[np.ndarray, " n"]
    boxes: Float32[np.ndarray, "n 4"]


@dataclass(frozen=True, kw_only=True)
class Pages:
    """What tiles are made of.

    Attributes:
        paper: whose digits, light and camera they share.
        words: fields of every character that is no digit, those that look like one too.
        printed: of each font the numbers of its digits in `paper.printed`.
        ranges: how often and how far.
    """

    paper: Paper
    words: Fields | None = None
    printed: Sequence[Int64[np.ndarray, " n"]] = ()
    ranges: PageRanges = field(default_factory=PageRanges)

    @cached_property
    def _paper(self) -> Paper:
        return replace(self.paper, size=SIZE)

    def tile(self, seed: int, index: int) -> Tile:
        """Tile number `index` of the series `seed`."""
        random = np.random.Generator(np.random.PCG64([seed, index, SIZE]))
        sheet = Sheet(SIZE)
        height = float(np.exp(random.uniform(*np.log(self.ranges.height))))
        if random.random() >= self.ranges.empty:
            height = self._numbers(sheet, height, random)
        elif random.random() < 0.4:
            sheet.put(things.thing(SIZE, random), 0, 0)
        self._around(sheet, height, random)
        levels = np.rint(np.clip(self._picture(sheet, height, random), 0, 1) * 255).astype(np.uint8)
        labels, boxes = sheet.digits()
        return Tile(picture=levels, labels=labels[:MOST], boxes=boxes[:MOST])

    def _picture(self, sheet: Sheet, height: float, random: np.random.Generator) -> Grey:
        """Photographed so that the digits are not lost."""
        legible = (0.0, 0.0, height, height)
        written = sheet.ink * np.float32(random.uniform(0.6, 1.0))
        if random.random() < 0.3:
            box = (SIZE / 2 - height / 2, SIZE / 2 - height / 2, SIZE / 2 + height / 2, SIZE / 2 + height / 2)
            written = np.maximum(written, marks.lines(SIZE, box, random))
        whole = (0.0, 0.0, float(SIZE), float(SIZE))
        for _ in range(TRIES):
            picture = self._paper.photograph(written, legible, random)
            if not sheet.boxes or agreement(picture, sheet.ink, whole) >= SHOWN:
                return picture
        return self._paper.photograph(sheet.ink, legible, random, plain=True)

    # --- numbers -------------------------------------------------------------------------------------------------

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
            line.write(sheet, top, random)
            smallest = min(smallest, line.height)
            top += line.height * spacing
            if not alike:
                line = self._line(height * float(np.exp(random.normal(0, 0.25))), random)
        return smallest

    def _line(self, height: float, random: np.random.Generator) -> Line:
        height = float(np.clip(height, *self.ranges.height))
        hand = Hand(size=int(np.ceil(1.7 * height)), ranges=self.paper.ranges)
        kind = random.random()
        source: Source
        if kind < self.ranges.printed and self.printed and self.paper.printed is not None:
            font = self.printed[int(random.integers(len(self.printed)))]
            source = _Font(self.paper.printed, font)
        else:
            pens = 1.0 if kind < self.ranges.printed + self.ranges.pens else 0.15
            thin = random.random() < self.paper.ranges.thin
            source = _Writer(self.paper.digits, thin, pens)
        return Line(height=height, hand=hand, style=hand.style(random), source=source, ranges=self.ranges)

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

    def _words(self, sheet: Sheet, height: float, random: np.random.Generator) -> None:
        """A line of letters that goes round the digits that are there."""
        if self.words is None:
            return
        height = float(np.clip(height, 9, 50))
        hand = Hand(size=int(np.ceil(1.7 * height)), ranges=self.paper.ranges)
        style, left = hand.style(random), random.uniform(-20, SIZE * 0.6)
        style, top = replace(style, angle=0.0), random.uniform(0, SIZE - height)
        for _ in range(int(random.integers(2, 16))):
            number = int(random.integers(len(self.words.labels)))
            tall = height * random.choice([0.7, 0.7, 1.0])
            source = unpack(self.words.edge[number])
            ink = _cropped(hand.write(source, False, random, height=tall, centre=_middle(hand), style=style))
            if ink is None or left > SIZE:
                return
            if sheet.free(left, top + height - len(ink), ink):
                sheet.put(ink, int(left), int(top + height - len(ink)))
            left += ink.shape[1] + height * (0.08 if random.random() < 0.82 else 0.5)


# --- one line ------------------------------------------------------------------------------------------------------

Drawn = tuple[np.ndarray, int, bool]  # a field, the digit, and whether it is the distance from a line
Source = Callable[[np.random.Generator], Drawn]


@dataclass(frozen=True)
class _Font:
    """Digits of one font."""

    fields: Fields
    numbers: Int64[np.ndarray, " n"]

    def __call__(self, random: np.random.Generator) -> Drawn:
        number = int(random.choice(self.numbers))
        return unpack(self.fields.edge[number]), int(self.fields.labels[number]), False


@dataclass(frozen=True)
class _Writer:
    """MNIST's digits by their edge or by their line, some of them drawn as regional forms."""

    fields: Fields
    thin: bool
    pens: float

    def __call__(self, random: np.random.Generator) -> Drawn:
        if random.random() < self.pens:
            digit = int(random.integers(10))
            return pen.draw_digit(digit, random), digit, True
        number = int(random.integers(len(self.fields.labels)))
        thin = self.thin and self.fields.line is not None
        stored = self.fields.line if thin and self.fields.line is not None else self.fields.edge
        return unpack(stored[number]), int(self.fields.labels[number]), thin


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line of numbers, as one writer writes it."""

    height: float
    hand: Hand
    style: Style
    source: Source
    ranges: PageRanges

    def write(self, sheet: Sheet, top: float, random: np.random.Generator) -> None:
        """From somewhere at the left, or before it, to the right edge or less far."""
        ranges = self.ranges
        gap, slope = random.uniform(*ranges.gap), random.normal(0, ranges.slope)
        zeros = random.uniform(0.5, 0.85) if random.random() < ranges.small_zeros else 1.0
        comb = random.random() < ranges.cells
        left = random.uniform(-0.5 * self.height, SIZE * random.choice([0.1, 0.6]))
        while left < SIZE:
            start = left
            for sign in self._around(BEFORE, random):
                left = self._sign(sheet, sign, left, top + slope * left, random)
            for place in range(int(random.integers(1, ranges.most + 1))):
                if place and random.random() < 0.07:
                    sign = str(random.choice(list(BETWEEN)))
                    left = self._sign(sheet, sign, left, top + slope * left, random)
                left = self._digit(sheet, left, top + slope * left, gap, zeros, random, comb=comb)
                if left > SIZE:
                    break
            for sign in self._around(BEHIND, random):
                left = self._sign(sheet, sign, left, top + slope * left, random)
            if random.random() < 0.12:
                self._underline(sheet, start, left, top + slope * start, random)
            left += self.height * random.uniform(0.8, 3.0)

    def _digit(
        self,
        sheet: Sheet,
        left: float,
        top: float,
        gap: float,
        zeros: float,
        random: np.random.Generator,
        *,
        comb: bool,
    ) -> float:
        """Write one more digit and say where the next one begins."""
        source, digit, thin = self.source(random)
        small = zeros if digit == 0 else 1.0
        tall = self.height * small * float(np.exp(random.normal(0, 0.07)))
        ink = self._ink(source, thin, tall, random)
        if ink is None:
            return left
        high, wide = ink.shape
        at = top + self.height - high + random.normal(0, 0.04) * self.height
        if small < 1 and random.random() < 0.3:  # raised, as in cents
            at -= self.height * random.uniform(0, 0.4)
        if comb:
            cell = self.height * 1.05
            sheet.put(ink, int(left + (cell - wide) / 2), int(at), digit)
            sheet.frame(left, top - 0.12 * self.height, left + cell, top + 1.12 * self.height, random)
            return left + cell
        sheet.put(ink, int(left), int(at), digit)
        behind: float = left + wide + self.height * max(gap + random.normal(0, self.ranges.jitter), -0.25)
        return behind

    def _sign(self, sheet: Sheet, sign: str, left: float, top: float, random: np.random.Generator) -> float:
        share = 0.12 if sign == "." else 0.3 if sign == "," else 0.6 if sign in HIGH else 1.05
        tall = self.height * share * random.uniform(0.7, 1.3)
        ink = self._ink(pen.draw_sign(sign, random), True, max(tall, 2.0), random)
        if ink is None:
            return left
        high, wide = ink.shape
        foot = {True: 1.0 + 0.1 * (sign == ","), False: 0.5 + high / self.height / 2}[sign in LOW or sign not in HIGH]
        sheet.put(ink, int(left), int(top + self.height * foot - high + random.normal(0, 0.06) * self.height))
        behind: float = left + wide + self.height * random.uniform(0.02, 0.3)
        return behind

    def _ink(self, source: np.ndarray, thin: bool, tall: float, random: np.random.Generator) -> Grey | None:
        return _cropped(self.hand.write(source, thin, random, height=tall, centre=_middle(self.hand), style=self.style))

    def _around(self, signs: str, random: np.random.Generator) -> list[str]:
        if random.random() >= self.ranges.signs:
            return []
        sign = str(random.choice(list(signs)))
        return [sign] * int(random.choice([1, 1, 1, 2, 3]))

    def _underline(self, sheet: Sheet, left: float, right: float, top: float, random: np.random.Generator) -> None:
        at = top + self.height * random.uniform(0.98, 1.25)
        sheet.line(left - 4, at, right + 4, at + random.normal(0, 0.03) * (right - left), random)


def _middle(hand: Hand) -> tuple[float, float]:
    return hand.size / 2, hand.size / 2


def _cropped(ink: Grey) -> Grey | None:
    """The ink without the empty rows and columns around it; None where there is none."""
    inked = ink > max(0.35 * float(ink.max()), 0.1)
    columns, rows = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    if not len(columns):
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
