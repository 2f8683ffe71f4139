"""Finds the most probable number that fits the constraints.

The places are read once, from right to left. Answers that agree in what is left to match, in the
number of their digits and in their check sum so far can only go on in the same way. So of all these
only the best one is kept, and the sum of their probabilities (Viterbi 1967,
10.1109/TIT.1967.1054010). This finds the most probable answer that fits, and its share of all
answers that fit, exactly. Only of constraints with more than `MAX_STATES` states at a place, the
most likely states alone are followed.

Trying one answer after the other would take too long: 16 digits in 19 places come after thousands
of answers with more digits. The price is that an expression has to be a regular one: lookahead and
references back are refused.

A character that the networks see clearly is never dropped: see
`numeye.layout.constraints.search_graph.Role`.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numeye.layout.constraints.automaton import strip_unit
from numeye.layout.constraints.constraints import Constraints
from numeye.layout.constraints.search_graph import Frontier, SearchGraph
from numeye.models.characters import CHARACTERS, FILLERS, NO_CHARACTER

if TYPE_CHECKING:
    from jaxtyping import Float64

COUNTED_PLACES = 20  # after which `count_states` counts
MAX_STATES = 1000  # followed at a place; few constraints have more, such as \d{10}1\d*


@dataclass(frozen=True)
class Fit:
    """The most probable answer that fits.

    Attributes:
        choices: for each place the index of its character in `CHARACTERS`, or `NO_CHARACTER` where
            there is taken to be none.
        log_probability: of this answer.
        share: of the probability of all answers that fit, 0 to 1; what the search did not follow
            counts against it.
    """

    choices: tuple[int, ...]
    log_probability: float
    share: float

    @property
    def text(self) -> str:
        """The number with its signs, without fillers and without letters behind it."""
        characters = (CHARACTERS[choice] for choice in self.choices if choice != NO_CHARACTER)
        return strip_unit("".join(sign for sign in characters if sign not in FILLERS))


def find_best_fit(constraints: Constraints, class_logs: Float64[np.ndarray, "n 29"]) -> Fit | None:
    """Return the most probable answer that fits; None if no answer is possible.

    Args:
        constraints: what is known of the number.
        class_logs: for each place where a character may be, from left to right, log probabilities
            of the 28 `CHARACTERS` and, last, of "no character".
    """
    search = ConstrainedSearch(constraints)
    for row in class_logs[::-1]:
        search.read(row)
    return search.fit()


@lru_cache(maxsize=64)
def count_states(constraints: Constraints) -> int:
    """Return how many states constraints have at a place at most: the time that a place takes."""
    search = ConstrainedSearch(constraints)
    for _ in range(COUNTED_PLACES):
        if search.breadth < MAX_STATES:
            search.read(np.full(NO_CHARACTER + 1, -math.log(NO_CHARACTER + 1)))
    return search.breadth


class _Layer(NamedTuple):
    """What is known after a place.

    Attributes:
        frontier: the nodes, and the moves to them from the layer before.
        logs: log probabilities of the best way to each node, and of all ways together, for each
            remainder of the check sum.
        move_logs: log probabilities of each kind of move at this place: of its best character, and
            of all its characters.
    """

    frontier: Frontier
    logs: Float64[np.ndarray, "nodes 2 modulus"]
    move_logs: Float64[np.ndarray, "kinds 2"]


class ConstrainedSearch:
    """Reads places from right to left, and knows after each the most probable answer that fits.

    Args:
        constraints: what is known of the number.
    """

    def __init__(self, constraints: Constraints) -> None:
        self._graph = _search_graph(constraints)
        first = self._graph.first_frontier
        logs = np.full((len(first.nodes), 2, self._graph.check.modulus), -np.inf)
        logs[:, :, 0] = 0.0
        self._layers = [_Layer(first, logs, np.zeros((0, 2)))]
        self._rows: list[Float64[np.ndarray, " 29"]] = []
        self._missed = -math.inf

    @property
    def breadth(self) -> int:
        """Largest number of states at a place."""
        return max(len(layer.frontier.nodes) for layer in self._layers)

    def read(self, row: Float64[np.ndarray, " 29"]) -> None:
        """Read the next place to the left; see `find_best_fit`."""
        before = self._layers[-1]
        frontier = self._graph.next_frontier(before.frontier.nodes)
        move_logs = self._graph.move_logs(row)
        ways = self._ways(before.logs, frontier, move_logs)
        logs = np.stack(
            [
                np.maximum.reduceat(ways[:, 0], frontier.starts),
                np.logaddexp.reduceat(ways[:, 1], frontier.starts),
            ],
            axis=1,
        )
        self._rows.append(row)
        self._layers.append(self._trim(_Layer(frontier, logs, move_logs)))

    def fit(self) -> Fit | None:
        """Return the best answer for the places so far; None if no answer is possible."""
        last, remainder = self._layers[-1], self._graph.check.remainder
        ends = np.flatnonzero(self._graph.are_ends(last.frontier.nodes))
        logs = last.logs[ends, :, remainder]  # (ends, 2)
        if not len(ends) or (best := float(logs[:, 0].max())) == -math.inf:
            return None
        total = np.logaddexp.reduce([self._missed, *logs[:, 1]])
        choices = tuple(self._backtrack(int(ends[logs[:, 0].argmax()]), remainder))
        return Fit(choices, best, math.exp(min(0.0, best - total)))

    def _trim(self, layer: _Layer) -> _Layer:
        """Keep the most probable nodes; add the probability of all others to what is missed."""
        if len(layer.frontier.nodes) <= MAX_STATES:
            return layer
        best = layer.logs[:, 0].max(axis=1)
        order = np.argsort(-best, kind="stable")
        kept, given_up = np.sort(order[:MAX_STATES]), order[MAX_STATES:]
        missed = float(np.logaddexp.reduce(layer.logs[given_up, 1], axis=None))
        self._missed = float(np.logaddexp(self._missed, missed))
        return layer._replace(frontier=layer.frontier.select(kept), logs=layer.logs[kept])

    def _backtrack(self, node: int, remainder: int) -> Iterator[int]:
        """Yield the choices of the best way to a node of the last layer, from left to right."""
        for index in range(len(self._layers) - 1, 0, -1):
            before, layer = self._layers[index - 1], self._layers[index]
            moves = layer.frontier.moves_to(node)
            ways = self._ways(before.logs, moves, layer.move_logs)[:, 0, remainder]
            best = int(ways.argmax())
            yield self._graph.best_choice(int(moves.kinds[best]), self._rows[index - 1])
            node = int(moves.sources[best])
            remainder = int(self._graph.remainders_before[moves.values[best], remainder])

    def _ways(
        self,
        logs: Float64[np.ndarray, "nodes 2 modulus"],
        moves: Frontier,
        move_logs: Float64[np.ndarray, "kinds 2"],
    ) -> Float64[np.ndarray, "moves 2 modulus"]:
        """Return the log probabilities of the ways that end with each move."""
        ways: np.ndarray = logs[moves.sources]
        if logs.shape[2] > 1:
            before = self._graph.remainders_before[moves.values]  # (moves, modulus)
            ways = np.take_along_axis(ways, before[:, None, :], axis=2)
        ways += move_logs[moves.kinds][:, :, None]
        return ways


@lru_cache(maxsize=64)
def _search_graph(constraints: Constraints) -> SearchGraph:
    return SearchGraph(constraints)
