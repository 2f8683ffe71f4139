"""From a page to its numbers: find every digit, look at each from close by, weigh both answers, put them in order.

The network `spotter` sees the page at once and says where digits are, and which (`numeye.locate`). The network that
reads single digits then looks at each in its surroundings. How much each of them counts, and how sure a whole number
is, is for the spotter's card to say. Where the spotter finds nothing, the picture may still be of one digit, and the
other network looks for it alone (`numeye.zoom`).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye import locate, order, parting, upright, zoom
from numeye.eyes import Network, ZoomEyes
from numeye.framing import frame
from numeye.image import Page
from numeye.knowledge import NONE, Fit, Knowledge, best
from numeye.locate import Spots
from numeye.parting import UNFIT, credible
from numeye.results import BLANK, NOT_A_DIGIT, TOO_SMALL, Box, Digit, Number, Reading, unsure_between
from numeye.weighing import NO_DIGIT, Weighing
from numeye.weights import Model
from numeye.zoom import LOOK, Window, cut, paper_of

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, UInt8

    Eleven = Float64[np.ndarray, "n 11"]

LEGIBLE = 8  # pixels that the longer side of a digit needs at least
LIKELY, POSSIBLE = 0.5, 0.05  # probabilities of a digit: to be one, and to be one if what is known asks for it
ALONE = 0.9  # the least confidence of one digit that only the reader saw
SURE = 0.9  # confidence of a number from which on a picture is not looked at again
UNMOVED = 0.7  # intersection over union of a box with one that was looked at: it need not be again
LARGE = 200  # pixels of a page's shorter side; narrower strips are taken to lie as they should
SMALL = 500_000  # pixels of a picture as it is shown at first, up to which it is looked at again


@dataclass(frozen=True, eq=False)
class _Candidates:
    """What may be digits: their boxes (n, 4), how likely there is one (n,), and which, if so (n, 10)."""

    boxes: Float64[np.ndarray, "n 4"]
    there: Float64[np.ndarray, " n"]
    which: Float64[np.ndarray, "n 10"]
    unlikely: _Candidates | None = None

    def take(self, chosen: Bool[np.ndarray, " n"]) -> _Candidates:
        """Some of them; the others are unlikely ones."""
        parts = [_Candidates(self.boxes[kept], self.there[kept], self.which[kept]) for kept in (chosen, ~chosen)]
        return replace(parts[0], unlikely=parts[1])

    def logs(self) -> Eleven:
        """Logarithms of the probabilities that each of these is one of the ten digits, or none."""
        there = np.clip(self.there, 1e-12, 1 - 1e-12)[:, None]
        logs: np.ndarray = np.log(np.append(self.which * there, 1 - there, axis=1) + 1e-300)
        return logs

    def nothing_missed(self, places: Sequence[int]) -> float:
        """How likely it is that none of the unlikely ones, beside or among these, is another digit of their number."""
        if self.unlikely is None or not len(self.unlikely.boxes):
            return 1.0
        left, top = self.boxes[list(places), :2].min(axis=0)
        right, bottom = self.boxes[list(places), 2:].max(axis=0)
        boxes, high = self.unlikely.boxes, bottom - top
        level = (boxes[:, 1] + boxes[:, 3]) / 2
        near = (boxes[:, 2] > left - high) & (boxes[:, 0] < right + high) & (level > top) & (level < bottom)
        return float(np.prod(1 - self.unlikely.there[near]))


class PageEyes:
    """Reads all numbers of a page.

    Args:
        find: the network that sees whole pages.
        look: the network that sees single digits.
        weighing: of their answers.
        threshold: the least confidence of a number that is relied on.
        alone: looks for one digit where no number is found; None for nothing.
        knowledge: what is known of every number.
    """

    def __init__(
        self,
        find: locate.Network,
        look: zoom.Network,
        weighing: Weighing,
        threshold: float = 0.0,
        *,
        alone: ZoomEyes | None = None,
        knowledge: Knowledge | None = None,
    ) -> None:
        self._find = find
        self._look = look
        self._weighing = weighing
        self._threshold = threshold
        self._alone = alone
        self._knowledge = knowledge

    def knowing(self, knowledge: Knowledge | None) -> PageEyes:
        """The same ones, with other knowledge."""
        return PageEyes(self._find, self._look, self._weighing, self._threshold, alone=self._alone, knowledge=knowledge)

    def read(self, pages: list[Page]) -> list[Reading]:
        """One reading a page."""
        return [self._reading(page) for page in pages]

    def read_part(self, part: Page) -> Reading:
        """What stands on a part of a page, which is taken to lie as it should: whoever names it knows where it is."""
        return self._reading(part, turning=False)

    def cells(
        self, grey: UInt8[np.ndarray, "height width"], rows: list[int], columns: list[int]
    ) -> dict[tuple[int, int], Number]:
        """The number of each cell of a grid that has one, by its row and column.

        Args:
            grey: (height, width) uint8, the grid as a straight picture.
            rows: where rows begin, in pixels, and where the last one ends.
            columns: the same of columns.
        """
        every = self._every(*self.see(grey))
        middles = (every.boxes[:, :2] + every.boxes[:, 2:]) / 2
        row, column = (
            np.searchsorted(edges, middles[:, axis], "right") - 1 for axis, edges in ((1, rows), (0, columns))
        )
        numbers = {}
        for cell in sorted({(int(y), int(x)) for y, x in zip(row, column, strict=True)}):
            found = self._possible(every.take((row == cell[0]) & (column == cell[1])))
            places = np.argsort(found.boxes[:, 0] + found.boxes[:, 2], kind="stable").tolist()
            fit = credible(best(self._knowledge, found.logs()[places])) if self._knowledge and places else None
            if fit or (found.there >= LIKELY).any():
                numbers[cell] = replace(self._number(found, places, fit, cell[0], grey.shape), index=cell[1])
        return numbers

    def quarter_turns(self, grey: UInt8[np.ndarray, "height width"]) -> int:
        """By how many quarters of a turn, against the clock, a picture is read better; 0 where it lies as it should."""
        spots, looks = self.see(grey)
        return 0 if upright.lies_well(spots, looks) else upright.quarter_turns(grey, spots, self.see)

    def see(self, grey: UInt8[np.ndarray, "height width"]) -> tuple[Spots, Eleven]:
        """Where digits may be, and what the look at each says, as logarithms of probabilities."""
        spots = locate.find(grey, self._find)
        if not len(spots):
            return spots, np.zeros((0, NO_DIGIT + 1))
        return spots, self._looks(grey, spots)

    def _reading(self, page: Page, *, turning: bool = True) -> Reading:
        """As the page lies, or turned where it is read better so."""
        spots, looks = self.see(page.grey)
        best, lying, turns = self._ordered(page, self._candidates(spots, looks)), page, 0
        for _ in range(2 if turning else 0):  # turned from its side, a page may still be upside down
            more = self._turns(lying.grey, spots, looks)
            if not more:
                break
            turns = (turns + more) % 4
            lying = replace(page, grey=np.ascontiguousarray(np.rot90(page.grey, turns)))
            spots, looks = self.see(lying.grey)
            other = self._ordered(lying, self._candidates(spots, looks))
            if other is not None and (best is None or sureness(other) > sureness(best)):
                best = replace(other, turned=90 * turns)
        if not turns and len(spots) and _is_small(page.grey) and not (best and _sure_of_all(best)):
            best = self._ordered(page, self._candidates(*self._again(page.grey, spots, looks))) or best
        return best or self._single(page)

    def _again(self, grey: UInt8[np.ndarray, "height width"], first: Spots, looks: Eleven) -> tuple[Spots, Eleven]:
        """A second opinion on a picture that was read with some doubt; what lies as before is not looked at anew."""
        spots = locate.again(grey, first, self._find)
        shares = np.stack([locate.overlaps(box, first.boxes) for box in spots.boxes])  # (n, m)
        same, known = shares.argmax(axis=1), shares.max(axis=1) >= UNMOVED
        seen = looks[same]
        seen[~known] = self._looks(grey, spots.take(~known))
        return spots, seen

    def _turns(self, grey: np.ndarray, spots: Spots, looks: Eleven) -> int:
        """Quarters of a turn after which the page may be read better; 0 where its digits look like digits."""
        if min(grey.shape) < LARGE or upright.lies_well(spots, looks):
            return 0
        return upright.quarter_turns(grey, spots, self.see)

    def _ordered(self, page: Page, found: _Candidates) -> Reading | None:
        """What is found as numbers in reading order; None where there is none."""
        rows = order.rows(found.boxes, found.there >= LIKELY)
        numbers = [
            number for row, places in enumerate(rows) for number in self._numbers(found, places, row, page.grey.shape)
        ]
        if not numbers:
            return None
        return Reading(
            image=page.name,
            page=page.index,
            digits=tuple(digit for number in numbers for digit in number.digits),
            numbers=_counted(numbers),
            rejected=numbers[0].rejected if all(number.rejected for number in numbers) else None,
            picture=page.grey,
        )

    def _candidates(self, spots: Spots, looks: Eleven) -> _Candidates:
        return self._possible(self._every(spots, looks))

    def _every(self, spots: Spots, looks: Eleven) -> _Candidates:
        there, which = self._weighing.weigh(spots, looks)
        return _Candidates(spots.boxes, there, which)

    def _possible(self, every: _Candidates) -> _Candidates:
        """What is likely to be a digit; also what may be one, where something is known that tells."""
        return every.take(every.there >= (POSSIBLE if self._knowledge else LIKELY))

    def _looks(self, grey: np.ndarray, spots: Spots) -> Eleven:
        logits, _ = self._look(self._windows(grey, spots.boxes))
        return zoom.log_softmax(logits)

    def _windows(
        self, grey: UInt8[np.ndarray, "height width"], boxes: Float64[np.ndarray, "n 4"]
    ) -> Float32[np.ndarray, "n 40 40"]:
        """Each digit in its surroundings, as the reader is used to see one."""
        middles, sides = (boxes[:, :2] + boxes[:, 2:]) / 2, LOOK * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
        windows = [Window(float(x), float(y), float(side)) for (x, y), side in zip(middles, sides, strict=True)]
        paper = paper_of(grey)
        pixels = [cut(grey, window, paper=paper) for window in windows]
        return np.stack(pixels) if pixels else np.zeros((0, zoom.SIZE, zoom.SIZE), np.float32)

    # --- numbers -------------------------------------------------------------------------------------------------

    def _numbers(self, found: _Candidates, row: list[list[int]], level: int, shape: tuple[int, ...]) -> list[Number]:
        """The numbers of a row, as they were parted; or, where something is known of them, as that has them."""
        if self._knowledge:
            parts = parting.part(found.boxes, row, found.logs(), found.there >= LIKELY, self._knowledge)
            return [self._number(found, places, fit, level, shape) for places, fit in parts]
        return [self._number(found, places, None, level, shape) for places in row]

    def _number(
        self, found: _Candidates, places: list[int], fit: Fit | None, level: int, shape: tuple[int, ...]
    ) -> Number:
        """The most probable answer; where something is known, the most probable one that fits it."""
        if self._knowledge:
            return self._known(found, places, fit, level, shape)
        return self._plain(found, places, level, shape)

    def _plain(self, found: _Candidates, places: list[int], level: int, shape: tuple[int, ...]) -> Number:
        digits = tuple(_digit(found, place, None, shape) for place in places)
        likely = float(np.prod([digit.confidence for digit in digits])) * found.nothing_missed(places)
        confidence = self._weighing.number_right(likely)
        return Number(digits=digits, confidence=confidence, row=level, rejected=self._rejected(digits, confidence))

    def _known(
        self, found: _Candidates, places: list[int], fit: Fit | None, level: int, shape: tuple[int, ...]
    ) -> Number:
        """The most probable answer that fits what is known; else the most probable one, which is not relied on."""
        if fit is None:
            likely = [place for place in places if found.there[place] >= LIKELY] or places
            plain = self._plain(found, likely, level, shape)
            return replace(plain, rejected=f"does not fit {self._knowledge}")
        chosen = [(place, said) for place, said in zip(places, fit.choices, strict=True) if said != NONE]
        digits = tuple(_digit(found, place, said, shape) for place, said in chosen)
        chance = float(np.exp(fit.log_likely))
        confidence = self._weighing.number_right(chance / (chance / fit.share + UNFIT))
        rejected = self._rejected(digits, confidence)
        return Number(digits=digits, confidence=confidence, row=level, rejected=rejected, fits=str(self._knowledge))

    def _rejected(self, digits: tuple[Digit, ...], confidence: float) -> str | None:
        if confidence >= self._threshold:
            return None
        doubtful = min(digits, key=lambda digit: digit.confidence)
        return TOO_SMALL if max(doubtful.box[2:]) < LEGIBLE else unsure_between(doubtful)

    def _single(self, page: Page) -> Reading:
        """A page on which no number was found: at most one digit."""
        if self._alone is None:
            why = BLANK if frame(page.grey).rejected == BLANK else NOT_A_DIGIT
            return Reading(image=page.name, page=page.index, digits=(), numbers=(), rejected=why, picture=page.grey)
        seen = self._alone.read([page])[0]
        if seen.rejected in (BLANK, NOT_A_DIGIT):
            return replace(seen, digits=(), numbers=())
        (digit,) = seen.digits
        alone = max(ALONE, self._threshold)
        rejected = seen.rejected or (unsure_between(digit) if digit.confidence < alone else None)
        if rejected is None and self._knowledge and not self._knowledge.fits(str(digit.digit)):
            rejected = f"does not fit {self._knowledge}"
        number = Number(digits=seen.digits, confidence=digit.confidence, rejected=rejected)
        return replace(seen, numbers=(number,), rejected=rejected)


def page_eyes(spotter: Network, reader: Network, card: Model, alone: ZoomEyes, threshold: float | None) -> PageEyes:
    """The eyes of a spotter with a card, and of the network that looks at each digit."""

    def find(pixels: np.ndarray) -> np.ndarray:
        return spotter(pixels[:, 0])[0]

    stated = card.rejection.unsure if card.rejection else 0.0
    return PageEyes(find, reader.look, Weighing.of(card), stated if threshold is None else threshold, alone=alone)


def _digit(found: _Candidates, place: int, said: int | None, shape: tuple[int, ...]) -> Digit:
    """The best answer at a place, or the one that is said to be there."""
    which = found.which[place]
    digit = int(which.argmax()) if said is None else said
    return Digit(
        digit=digit,
        confidence=float(found.there[place] * which[digit]),
        box=_whole(found.boxes[place], shape),
        probabilities=tuple(which.tolist()),
    )


def _is_small(grey: UInt8[np.ndarray, "height width"]) -> bool:
    """Whether another look at it is cheap."""
    return min(grey.shape) < LARGE or locate.shown(grey.shape) <= SMALL


def _sure_of_all(reading: Reading) -> bool:
    return all(number.confidence >= SURE for number in reading.numbers or ())


def sureness(reading: Reading) -> float:
    """How much was read, and how surely: the sum of the digits' confidences above an even chance."""
    return sum(digit.confidence - 0.5 for digit in reading.digits)


def _counted(numbers: list[Number]) -> tuple[Number, ...]:
    """With their places in rows and columns; rows in which nothing was left do not count."""
    rows = sorted({number.row for number in numbers})
    seen: dict[int, int] = {}
    counted = []
    for number in numbers:
        index = seen.get(number.row, 0)
        seen[number.row] = index + 1
        counted.append(replace(number, row=rows.index(number.row), index=index))
    boxes = np.array([number.box for number in counted], np.float64).reshape(-1, 4)
    boxes[:, 2:] += boxes[:, :2]
    columns = order.columns(boxes, [number.row for number in counted])
    if columns is None:
        return tuple(counted)
    return tuple(replace(number, column=column) for number, column in zip(counted, columns, strict=True))


def _whole(box: Float64[np.ndarray, " 4"], shape: tuple[int, ...]) -> Box:
    """In whole pixels of the picture, at least one of them and none outside."""
    left, top = min(max(round(box[0]), 0), shape[1] - 1), min(max(round(box[1]), 0), shape[0] - 1)
    right, bottom = min(max(round(box[2]), left + 1), shape[1]), min(max(round(box[3]), top + 1), shape[0])
    return left, top, right - left, bottom - top
