"""Finds the most probable strings of independent characters."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from heapq import heappop, heappush
from itertools import islice
from math import prod

Answers = Sequence[tuple[str, float]]  # what one character can be, with probabilities

_Ranks = tuple[int, ...]  # for each character, the place of its answer, 0 for the best


def find_best_strings(
    characters: Sequence[Answers], count: int
) -> list[tuple[tuple[str, ...], float]]:
    """Return the most probable choices of one answer a character, the most probable first.

    Args:
        characters: the answers of each, in any order. Impossible ones are left out.
        count: how many to return; there may be fewer.

    Returns:
        The answers of all characters, and the product of their probabilities.
    """
    ordered = [
        sorted((answer for answer in answers if answer[1] > 0), key=lambda answer: -answer[1])
        for answers in characters
    ]
    if not all(ordered):
        return []
    return [
        (tuple(answers[rank][0] for answers, rank in zip(ordered, ranks, strict=True)), probability)
        for ranks, probability in islice(_best_first(ordered), max(0, count))
    ]


def _best_first(ordered: Sequence[Answers]) -> Iterator[tuple[_Ranks, float]]:
    """Yield all choices by falling probability, each once.

    A choice comes from the one whose last answer that is not the best has one rank less. That one
    is at least as probable, so it is always taken from the heap before.
    """

    def probability(ranks: _Ranks) -> float:
        return prod(answers[rank][1] for answers, rank in zip(ordered, ranks, strict=True))

    best: _Ranks = (0,) * len(ordered)
    heap = [(-probability(best), best, 0)]  # and the place from which on answers may change
    while heap:
        negative, ranks, begin = heappop(heap)
        yield ranks, -negative
        for place in range(begin, len(ordered)):
            if ranks[place] + 1 < len(ordered[place]):
                changed = (*ranks[:place], ranks[place] + 1, *ranks[place + 1 :])
                heappush(heap, (-probability(changed), changed, place))
