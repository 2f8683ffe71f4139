"""Which digits of a row are one number, where something is known of numbers: what gaps say, mended by what fits.

A card number is written in four groups; two postcodes may stand closely. So neighbours are joined where only together
they fit, 4111 1111 1111 1111, and what no wide gap parts is parted where only then it fits; not where numbers may have
any length: almost all can then be parted so that they fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numeye import order
from numeye.knowledge import Fit, Knowledge, Search

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

JOINED = 20  # numbers that may be one, at most, where it is not known how many digits one has at most
PARTED = 0.2  # how likely it is taken to be that what no wide gap parts is two numbers, parted at one of its gaps
SUPERFLUOUS = 4  # likely digits more than a number can have, with which it is not tried whether it is one
UNFIT = 0.02  # how likely it is taken to be that a number does not fit what is known of them, as a page number may not
SAME = 1e-9  # difference of two logarithms of what is as probable


class Part(NamedTuple):
    """A number.

    Attributes:
        places: of its digits, and of what may be some, from left to right.
        fit: its most probable answer that fits; None where it fits none credibly.
    """

    places: list[int]
    fit: Fit | None


class _Piece(NamedTuple):
    """Digits that belong together in any case.

    Attributes:
        places: from left to right.
        number: of the row, which they are of by its gaps.
        ways: how many places there are in their number at which it might be parted as well as before them; 0 where they
            begin it.
    """

    places: list[int]
    number: int
    ways: int

    @property
    def price(self) -> float:
        """Logarithm of how likely it is that they begin a number."""
        return float(np.log(PARTED / self.ways)) if self.ways else 0.0


class _Way(NamedTuple):
    """Numbers of the pieces so far, the first piece of each, and the logarithm of how likely they are."""

    likely: float
    parts: list[Part]
    begins: list[int]


def part(
    boxes: Float64[np.ndarray, "n 4"],
    row: order.Row,
    logs: Float64[np.ndarray, "n 11"],
    sure: Bool[np.ndarray, " n"],
    knowledge: Knowledge,
) -> list[Part]:
    """The numbers of a row.

    Of all ways to join and to part them the most probable one, by dynamic programming over where the last number
    begins; of ways that are as probable, the one with fewer joins at the end.

    Args:
        boxes: (n, 4) left, top, right and bottom of each digit of the page.
        row: its numbers as gaps part them.
        logs: (n, 11) logarithms of the probabilities that each is one of the ten digits, or none.
        sure: (n,) False for what is hardly a digit, and no number on its own.
        knowledge: what is known of every number.
    """
    pieces = [
        _Piece(piece, n, len(cut) - 1 if place else 0)
        for n, places in enumerate(row)
        for cut in [order.pieces(boxes, places, sure) if knowledge.longest < np.inf else [places]]
        for place, piece in enumerate(cut)
    ]
    best_until: list[_Way | None] = [_Way(0.0, [], [])]
    for end in range(1, len(pieces) + 1):
        ways = []
        for begin, last in _ending(pieces, end, logs, sure, knowledge):
            before = best_until[begin]
            if before is not None:
                likely = last.fit.log_likely if last.fit else float(logs[last.places].max(axis=1).sum() + np.log(UNFIT))
                likely += before.likely + pieces[begin].price
                ways.append(_Way(likely, [*before.parts, last], [*before.begins, begin]))
        top = max((way.likely for way in ways), default=0.0)
        best_until.append(next((way for way in ways if way.likely > top - SAME), None))
    way = best_until[-1]
    return [one for one in _priced(way, pieces) if one.fit or sure[one.places].any()] if way else []


def _priced(way: _Way, pieces: Sequence[_Piece]) -> list[Part]:
    """Its numbers, each as likely as where it begins and ends is, too; it might be parted elsewhere as well."""
    edges = [*(pieces[begin] for begin in way.begins), _Piece([], len(pieces), 0)]
    priced = []
    for one, begins, ends in zip(way.parts, edges, edges[1:], strict=False):
        if one.fit:
            likely = one.fit.log_likely + begins.price + ends.price
            share = one.fit.share / (max(1, begins.ways) * max(1, ends.ways))
            one = one._replace(fit=replace(one.fit, log_likely=likely, share=share))
        priced.append(one)
    return priced


def credible(fit: Fit | None) -> Fit | None:
    """None where it is likelier that a number does not fit than that it is any of those that do."""
    return fit if fit and fit.log_likely >= np.log(UNFIT * fit.share) else None


def _ending(
    pieces: Sequence[_Piece],
    end: int,
    logs: Float64[np.ndarray, "n 11"],
    sure: Bool[np.ndarray, " n"],
    knowledge: Knowledge,
) -> Iterator[tuple[int, Part]]:
    """What the last number before a piece may be: what fits, the shortest first, and what gaps say in any case."""
    search, places, last = Search(knowledge), list[int](), pieces[end - 1].number
    ends = end == len(pieces) or pieces[end].number != last
    for begin in reversed(range(end)):
        piece, number, _ = pieces[begin]
        places = [*piece, *places]
        many = knowledge.longest == np.inf and last - number >= JOINED
        many = many or int(sure[places].sum()) > knowledge.longest + SUPERFLUOUS
        for row in () if many else logs[piece][::-1]:
            search.read(row)
        fit = None if many else credible(search.fit())
        begins = not begin or pieces[begin - 1].number != number
        if fit or (ends and begins and number == last):
            yield begin, Part(places, fit)
        if many and begins:
            return
