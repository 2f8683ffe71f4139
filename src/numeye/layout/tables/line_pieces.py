"""Joins pieces of ruled lines to lines, and tells lines from rows of strokes.

A line goes on behind characters and over short breaks.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

    Boxes = Float64[np.ndarray, "n 4"]  # left, top, right, bottom in pixels


@dataclass(frozen=True, kw_only=True)
class LinePieceLimits:
    """Which pieces are one line. Lengths without a unit are in heights of the text.

    Attributes:
        max_break: between two pieces of a line, outside characters. Tables side by side are farther
            apart.
        max_break_share: and at least so much of the length of a break with characters in it.
        max_offset: of a piece from where another one leads, across.
        max_turn: and in addition so much for each pixel between them.
        end: length of the end of a piece that shows its slope.
        min_length: of a line.
        min_cover: share of a line outside characters that is visible.
        max_unevenness: distance of a line from a parabola, root of the mean square.
        max_drift: the same for each pixel of its length.
        max_slope: of a line, in pixels across for each pixel along it.
    """

    max_break: float = 0.8
    max_break_share: float = 0.35
    max_offset: float = 0.16
    max_turn: float = 0.03
    end: float = 4.0
    min_length: float = 0.7
    min_cover: float = 0.7
    max_unevenness: float = 0.12
    max_drift: float = 0.002
    max_slope: float = 0.25


LIMITS = LinePieceLimits()


@dataclass(frozen=True, eq=False)
class RuledLine:
    """A line across or down the page.

    Attributes:
        along: increasing places along the line: x of a horizontal line, y of a vertical one.
        across: where the line is at each of them: y of a horizontal line, x of a vertical one.
    """

    along: Float64[np.ndarray, " places"]
    across: Float64[np.ndarray, " places"]

    @property
    def start(self) -> float:
        """Where the line begins, along it."""
        return float(self.along[0])

    @property
    def stop(self) -> float:
        """Where the line ends, along it."""
        return float(self.along[-1])

    @property
    def length(self) -> float:
        """Length in pixels."""
        return self.stop - self.start

    def at(self, along: float) -> float:
        """Return where the line is across, at a place along it; at its ends beyond them."""
        return float(np.interp(along, self.along, self.across))

    @property
    def slope(self) -> float:
        """Pixels across for each pixel along the line."""
        return _slope(self.along, self.across)


def join_pieces(
    pieces: list[RuledLine], boxes: Boxes, height: float, step: float
) -> list[RuledLine]:
    """Return the horizontal lines that pieces make.

    Args:
        pieces: chains of visible places.
        boxes: left, top, right and bottom of each character.
        height: of the text.
        step: distance of the places along a line.
    """
    lines = [
        _trim(_join(pieces, chain), height, step)
        for chain in chain_pieces(pieces, boxes, height, LIMITS.max_break)
    ]
    return [line for line in lines if _is_line(line, boxes, height, step)]


def follow_links(
    following: Int64[np.ndarray, " n"], least: int
) -> list[Int64[np.ndarray, " chain"]]:
    """Return the chains of at least so many places that follow each other."""
    count = len(following)
    root = np.arange(count)
    linked = following >= 0
    root[following[linked]] = np.flatnonzero(linked)
    while True:  # each round doubles how far back a place looks
        further = root[root]
        if (further == root).all():
            break
        root = further
    in_chain = np.flatnonzero(np.bincount(root, minlength=count)[root] >= least)
    if not len(in_chain):
        return []
    order = in_chain[np.argsort(root[in_chain], kind="stable")]
    starts = np.flatnonzero(np.diff(root[order], prepend=-1))
    return np.split(order, starts[1:])


def chain_pieces(
    pieces: Sequence[RuledLine], boxes: Boxes, height: float, max_break: float
) -> list[list[int]]:
    """Return which pieces follow each other in one line.

    Args:
        pieces: in any order.
        boxes: left, top, right and bottom of each character; the first side is along the pieces.
        height: of the text.
        max_break: between two pieces, outside characters, in heights of the text.
    """
    if not pieces:
        return []
    start, stop = (np.array([getattr(piece, end) for piece in pieces]) for end in ("start", "stop"))
    first, last = (np.array([piece.across[end] for piece in pieces]) for end in (0, -1))
    head, tail = (
        np.array([_end_slope(piece, end, height) for piece in pieces]) for end in (False, True)
    )
    gap = start[None, :] - stop[:, None]  # [i, j]: j follows i
    leads_to = last[:, None] + np.clip(gap, 0, None) * (tail[:, None] + head[None, :]) / 2
    off = np.abs(leads_to - first[None, :])
    allowed = LIMITS.max_offset * height + LIMITS.max_turn * np.clip(gap, 0, None)
    possible = (gap > -0.3 * height) & (start[None, :] > start[:, None]) & (off <= allowed)
    following = np.full(len(pieces), -1)
    taken = np.zeros(len(pieces), bool)
    pairs = np.argwhere(possible)
    cost = gap[possible] + 4 * off[possible]
    for i, j in pairs[np.argsort(cost, kind="stable")].tolist():
        if following[i] >= 0 or taken[j]:
            continue
        middle = np.array([stop[i], (last[i] + first[j]) / 2, start[j]])
        allowed_break = max(max_break * height, LIMITS.max_break_share * gap[i, j])
        if _outside(middle, boxes) <= allowed_break:
            following[i], taken[j] = j, True
    return [chain.tolist() for chain in follow_links(following, 1)]


def _slope(along: Float64[np.ndarray, " n"], across: Float64[np.ndarray, " n"]) -> float:
    """Return the slope of the straight line through places that fits best."""
    off = along - along.mean()
    slope: float = float(off @ across) / max(float(off @ off), 1e-9)
    return slope


def _end_slope(piece: RuledLine, at_stop: bool, height: float) -> float:
    """Return the slope of the last few text heights of a piece."""
    reach = LIMITS.end * height
    near = piece.along >= piece.stop - reach if at_stop else piece.along <= piece.start + reach
    along, across = piece.along[near], piece.across[near]
    # short pieces say little about their slope
    weight = min(1.0, (along[-1] - along[0]) / reach)
    return float(weight) * _slope(along, across)


def _outside(stretch: Float64[np.ndarray, " 3"], boxes: Boxes) -> float:
    """Return the length of a horizontal stretch (from, at, to) that lies in no box."""
    begin, level, end = (float(value) for value in stretch)
    crossed = boxes[(boxes[:, 1] - 1 <= level) & (boxes[:, 3] + 1 >= level)]
    left = np.clip(crossed[:, 0], begin, end)
    right = np.clip(crossed[:, 2], begin, end)
    covered, reached = 0.0, begin
    for place in np.argsort(left).tolist():
        covered += max(0.0, right[place] - max(reached, left[place]))
        reached = max(reached, right[place])
    return end - begin - covered


def _join(pieces: list[RuledLine], chain: list[int]) -> RuledLine:
    along = np.concatenate([pieces[index].along for index in chain])
    across = np.concatenate([pieces[index].across for index in chain])
    order = np.argsort(along, kind="stable")
    kept = order[np.append(True, np.diff(along[order]) > 0)]
    return RuledLine(along[kept], across[kept])


def _trim(line: RuledLine, height: float, step: float) -> RuledLine:
    """Return a line without ends that are hardly visible: noise may lead on from a faint line."""
    places = np.arange(len(line.along))
    before = places - np.searchsorted(line.along, line.along - height) + 1
    after = np.searchsorted(line.along, line.along + height, "right") - places
    least = LIMITS.min_cover * min(height, line.length) / step
    begins, ends = np.flatnonzero(after >= least), np.flatnonzero(before >= least)
    if not len(begins) or not len(ends):
        return line
    kept = slice(int(begins[0]), int(ends[-1]) + 1)
    return RuledLine(line.along[kept], line.across[kept])


def _is_line(line: RuledLine, boxes: Boxes, height: float, step: float) -> bool:
    """Tell whether a line is long, level, straight and visible enough."""
    if len(line.along) < 3 or line.length + step < LIMITS.min_length * height:
        return False
    level = float(line.across.mean())
    length = _outside(np.array([line.start, level, line.stop]), boxes)
    visible = len(line.along) * step
    return (
        visible >= LIMITS.min_cover * length
        and abs(line.slope) <= LIMITS.max_slope
        and _unevenness(line) <= LIMITS.max_unevenness * height + LIMITS.max_drift * line.length
    )


def _unevenness(line: RuledLine) -> float:
    """Return the distance of a line from a parabola, root of the mean square."""
    off = line.along - line.along.mean()
    rest = line.across - line.across.mean()
    square = off**2 - (off**2).mean()
    square = square - _slope(off, square) * off
    for part in (off, square):
        rest = rest - float(part @ rest) / max(float(part @ part), 1e-9) * part
    return float(np.sqrt((rest**2).mean()))
