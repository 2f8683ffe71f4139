"""Divides the digits of a row into numbers that fit the constraints.

The gaps between digits alone are not enough: a card number is written in four groups, and two
postcodes may stand close together. So neighbours are joined where only together they fit, such as
4111 1111 1111 1111, and digits without a wide gap are split where only then they fit. They are not
split where numbers may have any length: almost everything could then be split so that it fits.

What has no digit, such as a word or a dash, is no number. It is left out, unless a number fits only
together with it. Letters and signs close to a number's digits belong to it, and are never split off
to make the digits fit.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numeye.layout import reading_order
from numeye.layout.constraints.constrained_search import ConstrainedSearch, Fit
from numeye.layout.constraints.constraints import Constraints
from numeye.models.characters import DIGITS

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64

# Numbers that are joined at most, where the largest number of digits is not known.
MAX_JOINED = 20
# Probability that digits without a wide gap are two numbers, split at one of their gaps.
SPLIT_PROBABILITY = 0.2
# With so many likely digits more than a number can have, it is not tried whether they are one.
MAX_SURPLUS = 4
# Probability that a number does not fit the constraints, as a page number may not.
MISFIT_PROBABILITY = 0.02
MIN_DIGIT_PROBABILITY = 0.5  # from which on a place is taken for a digit
LOG_TIE = 1e-9  # log probabilities that differ by less are equal


class Segment(NamedTuple):
    """A number.

    Attributes:
        places: of its characters and of what may be characters, from left to right.
        fit: its most probable answer that fits; None where no fit is credible.
    """

    places: list[int]
    fit: Fit | None


class _Piece(NamedTuple):
    """Characters that are not split.

    Attributes:
        places: from left to right.
        number: index in the row of the number that they belong to by their gaps.
        gaps: at how many gaps that number may be split, if this piece does not begin it; else 0.
    """

    places: list[int]
    number: int
    gaps: int

    @property
    def begin_log(self) -> float:
        """Log probability that the piece begins a number."""
        return float(np.log(SPLIT_PROBABILITY / self.gaps)) if self.gaps else 0.0


class _Split(NamedTuple):
    """One way to divide the pieces so far.

    Attributes:
        log_probability: of it.
        segments: the numbers.
        begins: index of the first piece of each number.
    """

    log_probability: float
    segments: list[Segment]
    begins: list[int]


def split_row(
    boxes: Float64[np.ndarray, "n 4"],
    row: reading_order.Row,
    class_logs: Float64[np.ndarray, "n 29"],
    is_likely: Bool[np.ndarray, " n"],
    constraints: Constraints,
) -> list[Segment]:
    """Divide a row into numbers.

    Returns the most probable of all ways to join and to split, found by dynamic programming over
    where the last number begins. Of equal ways, it is the one with fewer joins at the end.

    Args:
        boxes: left, top, right and bottom of each character of the page, in pixels.
        row: its numbers by their gaps; see `reading_order.group_rows`.
        class_logs: log probabilities of the 28 characters and of "no character" for each.
        is_likely: False for what is hardly a character, and no number on its own.
        constraints: what is known of every number.
    """
    pieces = _pieces(boxes, row, is_likely, constraints)
    best_until: list[_Split | None] = [_Split(0.0, [], [])]
    for end in range(1, len(pieces) + 1):
        splits = []
        for begin, last in _last_segments(pieces, end, class_logs, constraints):
            before = best_until[begin]
            if before is not None:
                log_probability = _log_probability(last, class_logs)
                log_probability += before.log_probability + pieces[begin].begin_log
                segments, begins = [*before.segments, last], [*before.begins, begin]
                splits.append(_Split(log_probability, segments, begins))
        top = max((split.log_probability for split in splits), default=0.0)
        equal = (split for split in splits if split.log_probability > top - LOG_TIE)
        best_until.append(next(equal, None))
    best = best_until[-1]
    if best is None:
        return []
    return [
        segment
        for segment in _with_split_costs(best, pieces)
        if segment.fit or has_digit(class_logs[segment.places])
    ]


def has_digit(class_logs: Float64[np.ndarray, "n 29"]) -> bool:
    """Tell whether one of some places is more likely a digit than not."""
    return bool((_digit_probabilities(class_logs) >= MIN_DIGIT_PROBABILITY).any())


def credible_fit(fit: Fit | None, class_logs: Float64[np.ndarray, "n 29"]) -> Fit | None:
    """Return a fit; None where another explanation is more probable than all fits together.

    Either the number does not fit, or there is no number, since no place has a digit.

    Args:
        fit: the best answer that fits, if there is one.
        class_logs: of the places that it is about; see `split_row`.
    """
    if fit is None:
        return None
    least = max(MISFIT_PROBABILITY, _no_digit_probability(class_logs))
    return fit if fit.log_probability >= np.log(least * fit.share) else None


def fit_probability(fit: Fit, class_logs: Float64[np.ndarray, "n 29"]) -> float:
    """Return the probability that a fit is right, of all explanations of `credible_fit`."""
    probability = float(np.exp(fit.log_probability))
    others = MISFIT_PROBABILITY + _no_digit_probability(class_logs)
    return probability / (probability / fit.share + others)


def _digit_probabilities(class_logs: Float64[np.ndarray, "n 29"]) -> Float64[np.ndarray, " n"]:
    probabilities: np.ndarray = np.exp(class_logs[:, : len(DIGITS)]).sum(axis=1)
    return probabilities


def _no_digit_probability(class_logs: Float64[np.ndarray, "n 29"]) -> float:
    return float(np.prod(np.clip(1 - _digit_probabilities(class_logs), 0, 1)))


def _pieces(
    boxes: Float64[np.ndarray, "n 4"],
    row: reading_order.Row,
    is_likely: Bool[np.ndarray, " n"],
    constraints: Constraints,
) -> list[_Piece]:
    pieces = []
    for number, places in enumerate(row):
        if constraints.max_digits < np.inf:
            parts = reading_order.split_at_gaps(boxes, places, is_likely)
        else:
            parts = [places]
        for index, part in enumerate(parts):
            pieces.append(_Piece(part, number, len(parts) - 1 if index else 0))
    return pieces


def _last_segments(
    pieces: Sequence[_Piece],
    end: int,
    class_logs: Float64[np.ndarray, "n 29"],
    constraints: Constraints,
) -> Iterator[tuple[int, Segment]]:
    """Yield what the last number before a piece may be, with the index of its first piece.

    These are the numbers that fit, the shortest first, and in any case the number by its gaps.
    """
    search, places, last = ConstrainedSearch(constraints), list[int](), pieces[end - 1].number
    max_digits = constraints.max_digits
    is_end_of_number = end == len(pieces) or pieces[end].number != last
    for begin in reversed(range(end)):
        piece, number, _ = pieces[begin]
        places = [*piece, *places]
        is_too_long = max_digits == np.inf and last - number >= MAX_JOINED
        count = int((_digit_probabilities(class_logs[places]) >= MIN_DIGIT_PROBABILITY).sum())
        is_too_long = is_too_long or count > max_digits + MAX_SURPLUS
        for class_log in () if is_too_long else class_logs[piece][::-1]:
            search.read(class_log)
        fit = None if is_too_long else credible_fit(search.fit(), class_logs[places])
        begins_number = not begin or pieces[begin - 1].number != number
        if fit or (is_end_of_number and begins_number and number == last):
            yield begin, Segment(places, fit)
        if is_too_long and begins_number:
            return


def _log_probability(segment: Segment, class_logs: Float64[np.ndarray, "n 29"]) -> float:
    if segment.fit:
        return segment.fit.log_probability
    logs = class_logs[segment.places]
    number = logs.max(axis=1).sum() + np.log(MISFIT_PROBABILITY)
    no_number = logs[:, len(DIGITS) :].max(axis=1).sum()
    return float(max(number, no_number))


def _with_split_costs(split: _Split, pieces: Sequence[_Piece]) -> list[Segment]:
    """Return the numbers, each as probable as its begin and its end are, too.

    They might as well be split at another gap.
    """
    edges = [*(pieces[begin] for begin in split.begins), _Piece([], len(pieces), 0)]
    segments = []
    for segment, begin, end in zip(split.segments, edges, edges[1:], strict=False):
        fit = segment.fit
        if fit:
            log_probability = fit.log_probability + begin.begin_log + end.begin_log
            share = fit.share / (max(1, begin.gaps) * max(1, end.gaps))
            fit = replace(fit, log_probability=log_probability, share=share)
        segments.append(Segment(segment.places, fit))
    return segments
