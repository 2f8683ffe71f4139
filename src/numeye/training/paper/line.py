"""Lines of numbers: one writer's pen, slant and size, digits overlapping or far apart, and the signs among them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.paper import pen
from numeye.training.paper.hand import MNIST_HALF, Hand, Style
from numeye.training.paper.ink import SIDE
from numeye.training.paper.sheet import Sheet
from numeye.training.paper.writers import FontSource, Source

if TYPE_CHECKING:
    from jaxtyping import Float32

    Grey = Float32[np.ndarray, "height width"]

# Signs around a number and in it. A stroke or a bracket beside a number may as well be a 1, so they are not there.
BEFORE, BETWEEN, BEHIND = "#*=-$$-+x", ".,-.,:'.,-/", "=-*#%-x"
GROUPS = ".,'"  # what parts thousands
FIELD = SIDE - 14.0  # pixels of a field that its digit is high or wide, about
MIDDLE = "-=*+x"  # signs half way up the line
SPOTS = ".,:'"  # those that are no more than the pen put down
HIGH, VARYING = 1.6, (0.8, 1.3)  # a slash, of the line's height: no higher than a digit it is a 1
OTHERS = (0.65, 1.5)  # how the other signs vary
ROOM = 1.7  # side of the canvas of one digit, in heights of the line
FINEST = 1.6  # pixels: a finer spot would not be seen
COVER = 0.4  # of its own width, that a digit may lie over the one before it


@dataclass(frozen=True, kw_only=True)
class LineRanges:
    """How often what happens in lines, and how far it goes.

    Attributes:
        most: digits of a number.
        gap: between the ink of two digits, of their height, mean of a line; below 0 they overlap.
        jitter: standard deviation of each gap, of the height.
        uneven: how far the digits of the most uneven line vary in height, as a standard deviation of its logarithm.
        slope: of a line, standard deviation; of one in seven three times that.
        small_zeros: share of the lines whose zeros are small; some of them are wide, too.
        round_amounts: share of the numbers that end in zeros, as prices do.
        tall_first: share of the numbers whose first digit is taller than the others.
        taller: how many times as tall it is then.
        before, behind: share of the numbers that have signs before them, and behind them.
        between: share of the gaps with a sign in them.
        grouped: share of the numbers in which a sign or a gap parts thousands.
        cents: share of the numbers whose last two digits are small and raised, and may be underlined.
        filled: share of the numbers before or behind which long strokes fill the line.
        cells: share of the lines in a comb of cells.
        joined: share of the lines in which the pen often goes on from digit to digit.
        underlined: share of the numbers.
    """

    most: int = 14
    gap: tuple[float, float] = (-0.16, 0.3)
    jitter: float = 0.09
    uneven: float = 0.12
    slope: float = 0.035
    small_zeros: float = 0.3
    round_amounts: float = 0.2
    tall_first: float = 0.25
    taller: tuple[float, float] = (1.1, 1.6)
    before: float = 0.25
    behind: float = 0.45
    between: float = 0.06
    grouped: float = 0.22
    cents: float = 0.1
    filled: float = 0.14
    cells: float = 0.1
    joined: float = 0.3
    underlined: float = 0.12


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What one number is to be.

    Attributes:
        first: how many times as tall as the others the first digit is; and the share of what it has more that hangs
            below the line.
        zeros_from: the place from which on all is zeros.
        cents_from: the place from which on digits are small and raised.
        cents: how high those are, of the height; and how far they are raised.
        signs: what stands before some of the places.
    """

    first: tuple[float, float]
    zeros_from: int
    cents_from: int
    cents: tuple[float, float]
    signs: dict[int, str]

    @classmethod
    def draw(cls, count: int, ranges: LineRanges, random: np.random.Generator) -> Plan:
        """Some number of that many digits."""
        long = count > 1
        signs = {n: str(random.choice(list(BETWEEN))) for n in range(1, count) if random.random() < ranges.between}
        if random.random() < ranges.grouped:
            sign, before = str(random.choice(list(GROUPS + " "))), int(random.integers(1, 4))
            signs |= dict.fromkeys(range(before, count, 3), sign)
        zeros_from = int(random.integers(1, count)) if long and random.random() < ranges.round_amounts else count
        cents_from = count - 2 if count > 2 and random.random() < ranges.cents else count
        tall = long and random.random() < ranges.tall_first
        return cls(
            first=(random.uniform(*ranges.taller) if tall else 1.0, random.uniform(0, 1)),
            zeros_from=min(zeros_from, cents_from) if random.random() < 0.5 else zeros_from,  # half of all cents are 00
            cents_from=cents_from,
            cents=(random.uniform(0.4, 0.8), random.uniform(0.1, 0.6)),
            signs=signs,
        )


@dataclass(frozen=True)
class Placed:
    """A digit where it was written.

    Attributes:
        ink: of it.
        left, top: of the ink, on the sheet.
    """

    ink: Grey
    left: int
    top: int

    def end(self, random: np.random.Generator, *, right: bool) -> tuple[float, float]:
        """Where the pen may leave it, or come to it: x and y of the outermost ink of some row."""
        inked = self.ink > 0.4 * self.ink.max()
        rows = np.flatnonzero(inked.any(axis=1))
        row = int(rows[min(int(len(rows) * random.beta(0.7, 0.7)), len(rows) - 1)])
        columns = np.flatnonzero(inked[row])
        return self.left + float(columns[-1 if right else 0]), float(self.top + row)

    @property
    def thick(self) -> float:
        """How wide its lines are, pixels."""
        inked = (self.ink > 0.4 * self.ink.max()).astype(np.uint8)
        return max(1.0, 1.6 * float(cv2.distanceTransform(inked, cv2.DIST_L2, 3).max()) - 0.6)


@dataclass(frozen=True, kw_only=True)
class Line:
    """How one writer writes one line.

    Attributes:
        height: of the digits, pixels.
        half: of the width of the pen's lines, pixels.
        hand: that writes.
        style: of all its signs.
        source: of the digits.
        ranges: how often and how far.
        gap: mean between two digits, of the height.
        uneven: how far its digits vary in height.
        slope: pixels down for each to the right.
        zeros: how high zeros are, of the height; and how wide, of their usual proportions.
        comb: whether each digit has a cell.
        joined: share of the digits to which the pen goes on from the one before.
    """

    height: float
    half: float
    hand: Hand
    style: Style
    source: Source
    ranges: LineRanges
    gap: float
    uneven: float
    slope: float
    zeros: tuple[float, float]
    comb: bool
    joined: float

    @classmethod
    def begin(cls, height: float, hand: Hand, source: Source, ranges: LineRanges, random: np.random.Generator) -> Line:
        """Some writer's."""
        slope = random.normal(0, ranges.slope * (3 if random.random() < 1 / 7 else 1))
        style = hand.style(random)
        half = style.pen if source.thin else MNIST_HALF + style.bold  # of a field, as high as the digits
        return cls(
            height=height,
            half=half * height / FIELD,
            hand=replace(hand, size=int(np.ceil(ROOM * height))),
            style=replace(style, angle=style.angle + float(np.arctan(slope))),
            source=source,
            ranges=ranges,
            gap=random.uniform(*ranges.gap),
            uneven=ranges.uneven * random.uniform(0.3, 1),
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
        plan = Plan.draw(count, self.ranges, random)
        if random.random() < self.ranges.filled / 2:
            left = self._fill(sheet, left, origin, random)
        for sign in self._signs(BEFORE, self.ranges.before, random):
            left = self._sign(sheet, sign, left, origin, random)
        left = self._digits(sheet, left, origin, count, plan, random)
        for sign in self._signs(BEHIND, self.ranges.behind, random):
            left = self._sign(sheet, sign, left, origin, random)
        if random.random() < self.ranges.filled / 2:
            left = self._fill(sheet, left, origin, random)
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

    def _digits(
        self, sheet: Sheet, left: float, origin: float, count: int, plan: Plan, random: np.random.Generator
    ) -> float:
        """What a plan says, as far as the sheet goes; where it ends is returned."""
        before: Placed | None = None
        for place in range(count):
            if left > sheet.size or sheet.full:
                break
            if place in plan.signs:
                left = self._sign(sheet, plan.signs[place], left, origin, random)
            here = left
            left, placed = self._digit(sheet, left, origin + self.slope * left, random, plan, place, before)
            if place == plan.cents_from and random.random() < 0.5:
                self._under_cents(sheet, here, origin + self.slope * here, plan, random)
            if before and placed and place not in plan.signs and random.random() < self.joined:
                self._join(sheet, before, placed, random)
            before = placed
        return left

    def _digit(
        self,
        sheet: Sheet,
        left: float,
        top: float,
        random: np.random.Generator,
        plan: Plan,
        place: int,
        before: Placed | None,
    ) -> tuple[float, Placed | None]:
        """Write one more digit and say where the next one begins."""
        source, digit, thin = self.source(random, 0 if place >= plan.zeros_from else None)
        small, wide = self.zeros if digit == 0 else (1.0, 1.0)
        if cents := place >= plan.cents_from:
            small *= plan.cents[0]
        even = place > 0 or self.comb or isinstance(self.source, FontSource)
        more = 0.0 if even else (plan.first[0] - 1) * small
        style = replace(self.style, stretch=self.style.stretch * wide)
        tall = self.height * (small + more) * float(np.exp(random.normal(0, self.uneven)))
        ink = self._ink(source, thin, tall, random, style)
        if ink is None:
            return left, None
        high, wide = ink.shape
        if before is not None:  # it does not vanish in it
            left = max(left, before.left + before.ink.shape[1] - COVER * wide)
        foot = 1 + plan.first[1] * more + random.normal(0, 0.7 * self.uneven)
        at = top + self.height * foot - high
        if cents:
            at -= self.height * plan.cents[1]
        elif small < 1 and random.random() < 0.3:
            at -= self.height * random.uniform(0, 0.4)
        if self.comb:
            cell = self.height * 1.05
            sheet.put(ink, int(left + (cell - wide) / 2), int(at), digit)
            sheet.frame(left, top - 0.12 * self.height, left + cell, top + 1.12 * self.height, random)
            return left + cell, None
        sheet.put(ink, int(left), int(at), digit)
        gap = self.height * max(self.gap + random.normal(0, self.ranges.jitter), -0.25)
        behind = left + wide + max(gap, -COVER * wide)  # a narrow one is not written over
        return behind, Placed(ink, int(left), int(at))

    def _join(self, sheet: Sheet, before: Placed, placed: Placed, random: np.random.Generator) -> None:
        """The pen goes on from one digit to the next, straight or in a bow."""
        start, end = before.end(random, right=True), placed.end(random, right=False)
        if end[0] - start[0] > 0.6 * self.height:
            return
        bow = (start[0] + end[0]) / 2, (start[1] + end[1]) / 2 + random.normal(0, 0.08) * self.height
        points = pen.smooth(np.array([start, bow, end]))
        tone = float(min(before.ink.max(), placed.ink.max())) * random.uniform(0.75, 1.0)
        sheet.stroke(points, min(before.thick, placed.thick) * random.uniform(0.6, 1.0), tone)

    def _under_cents(self, sheet: Sheet, left: float, top: float, plan: Plan, random: np.random.Generator) -> None:
        """A line under small raised digits."""
        at = top + self.height * (1 - plan.cents[1] + random.uniform(0.04, 0.15))
        long = self.height * random.uniform(0.7, 1.4)
        points = np.array([[left, at], [left + long, at + random.normal(0, 0.06) * long]])
        sheet.stroke(points, self._thick, random.uniform(0.6, 1.0))

    def _fill(self, sheet: Sheet, left: float, origin: float, random: np.random.Generator) -> float:
        """One or two long strokes, straight or in waves, that may touch the number; where they end is returned."""
        left += self.height * random.uniform(-0.1, 0.4)
        long, waves = self.height * random.uniform(0.6, 5.0), random.random() < 0.3
        x = left + np.linspace(0, long, 24)
        wave = np.sin(np.arange(24) * random.uniform(0.6, 1.6)) * (0.12 if waves else 0.02) * self.height
        y = origin + self.slope * x + self.height * random.uniform(0.3, 0.75) + wave
        y = y + random.normal(0, 0.05) * (x - left)
        for number in range(1 if random.random() < 0.6 else 2):
            apart = number * self.height * random.uniform(0.15, 0.3)
            sheet.stroke(np.stack([x, y + apart], axis=1), self._thick, random.uniform(0.6, 1.0))
        return left + long + self.height * random.uniform(-0.05, 0.5)

    @property
    def _thick(self) -> float:
        """How wide the pen is, pixels."""
        return 2 * self.half

    def _sign(self, sheet: Sheet, sign: str, left: float, origin: float, random: np.random.Generator) -> float:
        if sign == " ":
            return left + self.height * random.uniform(0.1, 0.5)
        if sign in SPOTS:
            return self._spot(sheet, sign, left, origin + self.slope * left, random)
        if sign == "/":
            share, foot = HIGH * random.uniform(*VARYING), random.uniform(1.0, 1.4)
        else:
            share, foot = (0.6 if sign in MIDDLE else 1.05) * random.uniform(*OTHERS), 1.0
        ink = self._drawn(pen.draw_sign(sign, random), self.height * share, random)
        if ink is None:
            return left
        high, wide = ink.shape
        top = origin + self.slope * left
        if sign in MIDDLE:
            foot = 0.5 + high / self.height / 2
        sheet.put(ink, int(left), int(top + self.height * (foot + random.normal(0, 0.06)) - high))
        behind: float = left + wide + self.height * random.uniform(-0.06, 0.3)
        return behind

    def _spot(self, sheet: Sheet, sign: str, left: float, top: float, random: np.random.Generator) -> float:
        """Points, a comma or an apostrophe: as wide as the pen, or somewhat wider; where it ends is returned."""
        high, wide = self.height, max(self._thick * random.uniform(0.9, 1.7), FINEST)
        x, tone = left + wide / 2, random.uniform(0.75, 1.0)
        foot = top + high + random.normal(0, 0.05) * high - wide / 2
        for y in {",": (foot,), "'": (top,), ".": (foot,), ":": (foot, foot - random.uniform(0.3, 0.55) * high)}[sign]:
            long = random.uniform(0.12, 0.3) if sign in ",'" else random.uniform(0, 0.06)
            end = x - random.uniform(-0.2, 0.6) * long * high, y + long * high
            sheet.stroke(np.array([[x, y], [x + 0.1, y + 0.1], end]), wide, tone)
        return left + wide + high * random.uniform(-0.06, 0.3)

    def _drawn(self, source: np.ndarray, longer: float, random: np.random.Generator) -> Grey | None:
        """A sign of so many pixels on its longer side, by the pen of the line."""
        hand = replace(self.hand, size=int(np.ceil(1.2 * longer + 4 * self.half + 4)))
        middle = hand.size / 2, hand.size / 2
        ink = hand.write(source, True, random, height=longer, centre=middle, style=self.style, half=self.half)
        return cropped(ink)

    def _ink(
        self, source: np.ndarray, thin: bool, tall: float, random: np.random.Generator, style: Style | None = None
    ) -> Grey | None:
        """A digit of so many pixels' height; a font keeps its own weight."""
        half = None if isinstance(self.source, FontSource) else self.half
        hand, middle = self.hand, (self.hand.size / 2, self.hand.size / 2)
        ink = hand.write(
            source, thin, random, height=tall, centre=middle, style=style or self.style, upright=True, half=half
        )
        return cropped(ink)

    def _signs(self, signs: str, share: float, random: np.random.Generator) -> list[str]:
        if random.random() >= share:
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
