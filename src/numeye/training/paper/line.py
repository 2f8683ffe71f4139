"""Lines of numbers: one writer's pen, slant and size, digits overlapping or far apart, and the signs among them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.paper import pen
from numeye.training.paper.hand import Hand, Style
from numeye.training.paper.ink import Fields, unpack
from numeye.training.paper.sheet import Sheet

if TYPE_CHECKING:
    from jaxtyping import Float32, Int64

    Grey = Float32[np.ndarray, "height width"]

# Signs around a number and in it. A stroke or a bracket beside a number may as well be a 1, so they are not there.
BEFORE, BETWEEN, BEHIND = "#*=-$-+", ".,-/.,:", "=-*#%-"
FOOT, MIDDLE = ".,", "-=*+:"  # signs at the foot of the line, and half way up
ROOM = 1.7  # side of the canvas of one sign, in heights of the line

Drawn = tuple[np.ndarray, int, bool]  # a field, the digit, and whether it is the distance from a line
Source = Callable[[np.random.Generator, int | None], Drawn]  # of any digit, or of one that is asked for


@dataclass(frozen=True, kw_only=True)
class LineRanges:
    """How often what happens in lines, and how far it goes.

    Attributes:
        most: digits of a number.
        gap: between the ink of two digits, of their height, mean of a line; below 0 they overlap.
        jitter: standard deviation of each gap, of the height.
        slope: of a line, standard deviation; of one in seven three times that.
        small_zeros: share of the lines whose zeros are small; some of them are wide, too.
        round_amounts: share of the numbers that end in zeros, as prices do.
        signs: share of the numbers that have signs before them, and behind them.
        between: share of the gaps with a sign in them.
        cells: share of the lines in a comb of cells.
        joined: share of the lines in which the pen often goes on from digit to digit.
        underlined: share of the numbers.
    """

    most: int = 14
    gap: tuple[float, float] = (-0.14, 0.32)
    jitter: float = 0.07
    slope: float = 0.035
    small_zeros: float = 0.3
    round_amounts: float = 0.2
    signs: float = 0.45
    between: float = 0.07
    cells: float = 0.12
    joined: float = 0.12
    underlined: float = 0.12


@dataclass(frozen=True)
class FontSource:
    """Digits of one font.

    Attributes:
        fields: of the digits of all fonts.
        numbers: of those of this one.
    """

    fields: Fields
    numbers: Int64[np.ndarray, " n"]

    def __call__(self, random: np.random.Generator, asked: int | None = None) -> Drawn:
        """Any of them, or any picture of the one that is asked for."""
        fitting = self.numbers[self.fields.labels[self.numbers] == asked] if asked is not None else self.numbers
        number = int(random.choice(fitting if len(fitting) else self.numbers))
        return unpack(self.fields.edge[number]), int(self.fields.labels[number]), False


@dataclass(frozen=True)
class HandSource:
    """Handwritten digits by their edge or by their line, some of them drawn as regional forms.

    Attributes:
        fields: of the digits.
        thin: whether the pen follows their lines.
        pens: share of regional forms.
    """

    fields: Fields
    thin: bool
    pens: float

    def __call__(self, random: np.random.Generator, asked: int | None = None) -> Drawn:
        """Any of them, or any picture of the one that is asked for."""
        if random.random() < self.pens:
            digit = int(random.integers(10)) if asked is None else asked
            return pen.draw_digit(digit, random), digit, True
        number = int(random.integers(len(self.fields.labels)))
        while asked is not None and self.fields.labels[number] != asked:
            number = int(random.integers(len(self.fields.labels)))
        thin = self.thin and self.fields.line is not None
        stored = self.fields.line if thin and self.fields.line is not None else self.fields.edge
        return unpack(stored[number]), int(self.fields.labels[number]), thin


@dataclass(frozen=True, kw_only=True)
class Line:
    """How one writer writes one line.

    Attributes:
        height: of the digits, pixels.
        hand: that writes.
        style: of all its signs.
        source: of the digits.
        ranges: how often and how far.
        gap: mean between two digits, of the height.
        slope: pixels down for each to the right.
        zeros: how high zeros are, of the height; and how wide, of their usual proportions.
        comb: whether each digit has a cell.
        joined: share of the digits to which the pen goes on from the one before.
    """

    height: float
    hand: Hand
    style: Style
    source: Source
    ranges: LineRanges
    gap: float
    slope: float
    zeros: tuple[float, float]
    comb: bool
    joined: float

    @classmethod
    def begin(cls, height: float, hand: Hand, source: Source, ranges: LineRanges, random: np.random.Generator) -> Line:
        """Some writer's."""
        slope = random.normal(0, ranges.slope * (3 if random.random() < 1 / 7 else 1))
        style = hand.style(random)
        return cls(
            height=height,
            hand=replace(hand, size=int(np.ceil(ROOM * height))),
            style=replace(style, angle=style.angle + float(np.arctan(slope))),
            source=source,
            ranges=ranges,
            gap=random.uniform(*ranges.gap),
            slope=slope,
            zeros=_zeros(random) if random.random() < ranges.small_zeros else (1.0, 1.0),
            comb=random.random() < ranges.cells,
            joined=random.uniform(0.2, 0.9) if random.random() < ranges.joined else 0.0,
        )

    def write(self, sheet: Sheet, left: float, top: float, random: np.random.Generator) -> None:
        """Numbers from there to the right border."""
        while left < sheet.size:
            count = int(random.integers(1, self.ranges.most + 1))
            left = self.number(sheet, left, top + self.slope * left, count, random)
            left += self.height * random.uniform(0.8, 3.0)

    def number(self, sheet: Sheet, left: float, top: float, count: int, random: np.random.Generator) -> float:
        """One number with the signs around it; where it ends is returned."""
        start, origin = left, top - self.slope * left
        zeros_from = (
            int(random.integers(1, count)) if count > 1 and random.random() < self.ranges.round_amounts else count
        )
        for sign in self._signs(BEFORE, random):
            left = self._sign(sheet, sign, left, origin + self.slope * left, random)
        for place in range(count):
            if left > sheet.size or sheet.full:
                break
            if place and random.random() < self.ranges.between:
                sign = str(random.choice(list(BETWEEN)))
                left = self._sign(sheet, sign, left, origin + self.slope * left, random)
            if place and not self.comb and random.random() < self.joined:
                self._join(sheet, left, origin + self.slope * left + self.height, random)
            left = self._digit(sheet, left, origin + self.slope * left, random, 0 if place >= zeros_from else None)
        for sign in self._signs(BEHIND, random):
            left = self._sign(sheet, sign, left, origin + self.slope * left, random)
        if random.random() < self.ranges.underlined:
            at = top + self.height * random.uniform(0.98, 1.25)
            sheet.line(start - 4, at, left + 4, at + (self.slope + random.normal(0, 0.03)) * (left - start), random)
        return left

    def lone(self, sheet: Sheet, x: float, y: float, room: float, random: np.random.Generator) -> None:
        """One digit about the middle of a cell."""
        source, digit, thin = self.source(random, None)
        ink = self._ink(source, thin, self.height * float(np.exp(random.normal(0, 0.07))), random)
        if ink is not None:
            off = random.normal(0, 0.07, 2) * room
            sheet.put(ink, int(x + off[0] - ink.shape[1] / 2), int(y + off[1] - ink.shape[0] / 2), digit)

    def _digit(
        self, sheet: Sheet, left: float, top: float, random: np.random.Generator, asked: int | None = None
    ) -> float:
        """Write one more digit and say where the next one begins."""
        source, digit, thin = self.source(random, asked)
        small, wide = self.zeros if digit == 0 else (1.0, 1.0)
        style = replace(self.style, stretch=self.style.stretch * wide)
        ink = self._ink(source, thin, self.height * small * float(np.exp(random.normal(0, 0.07))), random, style)
        if ink is None:
            return left
        high, wide = ink.shape
        at = top + self.height - high + random.normal(0, 0.04) * self.height
        if small < 1 and random.random() < 0.3:  # raised, as in cents
            at -= self.height * random.uniform(0, 0.4)
        if self.comb:
            cell = self.height * 1.05
            sheet.put(ink, int(left + (cell - wide) / 2), int(at), digit)
            sheet.frame(left, top - 0.12 * self.height, left + cell, top + 1.12 * self.height, random)
            return left + cell
        sheet.put(ink, int(left), int(at), digit)
        gap = self.height * max(self.gap + random.normal(0, self.ranges.jitter), -0.25)
        behind: float = left + wide + max(gap, -0.4 * wide)  # a narrow one is not written over
        return behind

    def _join(self, sheet: Sheet, left: float, foot: float, random: np.random.Generator) -> None:
        """A stroke from the digit before, at any height, to the one that comes."""
        apart = self.height * max(self.gap, 0.05)
        start, end = (foot - self.height * random.uniform(0.05, 0.95) for _ in range(2))
        width = max(1, round(2 * self.style.pen * self.height / 44))
        reach = self.height * random.uniform(0.05, 0.25)
        sheet.line(left - apart - reach, start, left + reach, end, random, width=width)

    def _sign(self, sheet: Sheet, sign: str, left: float, top: float, random: np.random.Generator) -> float:
        share = {".": 0.12, ",": 0.3, "/": 1.45}.get(sign, 0.6 if sign in MIDDLE else 1.05)
        tall = self.height * share * random.uniform(0.7, 1.3)
        ink = self._ink(pen.draw_sign(sign, random), True, max(tall, 2.0), random)
        if ink is None:
            return left
        high, wide = ink.shape
        foot = 0.5 + high / self.height / 2 if sign in MIDDLE else 1.1 if sign == "," else 1.0
        sheet.put(ink, int(left), int(top + self.height * (foot + random.normal(0, 0.06)) - high))
        behind: float = left + wide + self.height * random.uniform(0.02, 0.3)
        return behind

    def _ink(
        self, source: np.ndarray, thin: bool, tall: float, random: np.random.Generator, style: Style | None = None
    ) -> Grey | None:
        middle = self.hand.size / 2, self.hand.size / 2
        return cropped(self.hand.write(source, thin, random, height=tall, centre=middle, style=style or self.style))

    def _signs(self, signs: str, random: np.random.Generator) -> list[str]:
        if random.random() >= self.ranges.signs:
            return []
        sign = str(random.choice(list(signs)))
        return [sign] * int(random.choice([1, 1, 1, 2, 3]))


def _zeros(random: np.random.Generator) -> tuple[float, float]:
    """How high and how wide some writer's small zeros are."""
    return random.uniform(0.45, 0.85), random.uniform(1.0, 2.0) if random.random() < 0.5 else 1.0


def cropped(ink: Grey) -> Grey | None:
    """The ink without the empty rows and columns around it; None where there is none."""
    inked = ink > max(0.35 * float(ink.max()), 0.1)
    columns, rows = np.flatnonzero(inked.any(axis=0)), np.flatnonzero(inked.any(axis=1))
    if not len(columns):
        return None
    return ink[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
