"""The states of a search for a number that fits its constraints, and the moves between them.

A node is what is left to match, together with the number of digits so far. Nodes are numbered as
they are found, and the moves from a set of nodes are kept: they are the same at each place, and for
each number of a page.
"""

from __future__ import annotations

import math
import threading
from collections import defaultdict
from collections.abc import Hashable, Iterator
from enum import IntEnum
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numeye.layout.constraints.automaton import UNIT_CHARACTERS
from numeye.layout.constraints.check_sums import CHECKS, NO_CHECK, CheckSum
from numeye.layout.constraints.constraints import Constraints
from numeye.models.characters import CHARACTERS, DIGITS, FILLERS, NO_CHARACTER

if TYPE_CHECKING:
    from jaxtyping import Bool, Float64, Int64

# Probability from which on the networks see something clearly: that there is a character, or that
# it is a digit. Constraints then do not leave it out.
CLEAR_PROBABILITY = 0.9
MAX_KEPT_MOVES = 200_000  # of all frontiers of one graph
NO_MOVES = np.zeros((0, 4), np.int64)


class Role(IntEnum):
    """What a place is taken for, from what counts least to what counts most.

    A place can only be taken for something if it is probable enough, by more than
    1 - `CLEAR_PROBABILITY`, that it is this or less. So a constraint never makes an answer by
    leaving out a character that the networks see clearly, and never by taking a clear digit for a
    sign that does not count.

    Attributes:
        NOTHING: no character, or a filler stroke.
        UNIT: a letter or a sign behind the number, which does not belong to it.
        FREE_SIGN: a sign, where the constraints say nothing of signs.
        MATCHED: a character that the constraints count or match.
    """

    NOTHING = 0
    UNIT = 1
    FREE_SIGN = 2
    MATCHED = 3


class _MoveKind(NamedTuple):
    """Moves that are made with the same characters.

    Attributes:
        role: what the place is taken for.
        choices: the indices of the characters, or `NO_CHARACTER`.
    """

    role: Role
    choices: tuple[int, ...]


NOTHING = _MoveKind(Role.NOTHING, (*(CHARACTERS.index(sign) for sign in FILLERS), NO_CHARACTER))
UNIT = _MoveKind(Role.UNIT, tuple(CHARACTERS.index(sign) for sign in UNIT_CHARACTERS))
# True for the choices that are of each role or of one that counts less.
OF_AT_MOST = np.zeros((len(Role), NO_CHARACTER + 1), bool)
OF_AT_MOST[Role.NOTHING :, list(NOTHING.choices)] = True
OF_AT_MOST[Role.UNIT :, list(UNIT.choices)] = True
OF_AT_MOST[Role.FREE_SIGN :, len(DIGITS) :] = True
OF_AT_MOST[Role.MATCHED] = True
ROUNDING = 1e-9  # error of a log probability


class Frontier(NamedTuple):
    """The nodes that are reached from a set of nodes, and the moves to them.

    Attributes:
        nodes: numbers of the nodes.
        starts: index of the first move to each node; moves to one node follow each other.
        sources: index of the node where each move begins, in the set before.
        kinds: of the moves; see `SearchGraph.move_logs`.
        values: what each move adds to the check sum.
    """

    nodes: Int64[np.ndarray, " nodes"]
    starts: Int64[np.ndarray, " nodes"]
    sources: Int64[np.ndarray, " moves"]
    kinds: Int64[np.ndarray, " moves"]
    values: Int64[np.ndarray, " moves"]

    def moves_to(self, node: int) -> Frontier:
        """Return the moves to one node, by its index."""
        end = self.starts[node + 1] if node + 1 < len(self.starts) else len(self.sources)
        part = slice(self.starts[node], end)
        return Frontier(
            self.nodes[node : node + 1],
            np.zeros(1, np.int64),
            self.sources[part],
            self.kinds[part],
            self.values[part],
        )

    def select(self, kept: Int64[np.ndarray, " kept"]) -> Frontier:
        """Return the frontier with some of its nodes, by their indices in ascending order."""
        ends = np.append(self.starts[1:], len(self.sources))[kept]
        counts = ends - self.starts[kept]
        moves = np.repeat(self.starts[kept] - (np.cumsum(counts) - counts), counts)
        moves += np.arange(counts.sum())
        return Frontier(
            self.nodes[kept],
            np.cumsum(counts) - counts,
            self.sources[moves],
            self.kinds[moves],
            self.values[moves],
        )


class _Node(NamedTuple):
    """A node of the graph.

    Attributes:
        taken: digits so far, up to the largest number that matters.
        state: of the automaton; None before a character is read that belongs to the number.
    """

    taken: int
    state: Hashable


class _Move(NamedTuple):
    """A move from a node.

    Attributes:
        target: the next node.
        role: what the place is taken for.
        value: of the digit in the check sum.
    """

    target: _Node
    role: Role
    value: int


class SearchGraph:
    """The nodes and moves of a search. Several threads may use one graph.

    Args:
        constraints: what is known of the number.

    Attributes:
        check: the check sum; `NO_CHECK` for none.
        remainders_before: for each value, and each remainder of the check sum after it is added,
            the one before it.
        first_frontier: the node before anything is read.
    """

    def __init__(self, constraints: Constraints) -> None:
        self._automaton, self._least_digits = constraints.automaton, constraints.least_digits
        self.check: CheckSum = CHECKS[constraints.check] if constraints.check else NO_CHECK
        self._most_digits = min(constraints.most_digits, self.check.length or math.inf)
        counts_digits = constraints.digits is not None or constraints.check is not None
        # nodes differ by their number of digits only up to this
        self._most_counted = self._most_digits if counts_digits else 1
        self._sign_role = Role.FREE_SIGN if constraints.has_free_signs else Role.MATCHED
        self._lock = threading.Lock()  # of all below
        self._nodes: list[_Node] = []
        self._numbers: dict[_Node, int] = {}
        self._kinds: dict[_MoveKind, int] = {}
        self._kind_table = np.zeros((0, NO_CHARACTER + 1), bool), np.zeros(0, np.int64)
        self._moves: dict[int, Int64[np.ndarray, "moves 3"]] = {}
        self._frontiers: dict[bytes, Frontier] = {}
        every = np.arange(self.check.modulus)
        self.remainders_before = (every - every[:, None]) % self.check.modulus
        self.first_frontier = self._frontier([self._number(_Node(0, None))], NO_MOVES)

    def next_frontier(self, nodes: Int64[np.ndarray, " nodes"]) -> Frontier:
        """Return the nodes that one more place leads to, and the moves to them."""
        with self._lock:
            key = nodes.tobytes()
            if key not in self._frontiers:
                if sum(len(kept.kinds) for kept in self._frontiers.values()) > MAX_KEPT_MOVES:
                    self._frontiers.clear()
                self._frontiers[key] = self._find_frontier(nodes)
            return self._frontiers[key]

    def move_logs(self, row: Float64[np.ndarray, " 29"]) -> Float64[np.ndarray, "kinds 2"]:
        """Return the log probabilities of each kind of move at a place.

        Args:
            row: log probabilities of the 28 characters and of "no character".

        Returns:
            Of the best character of each kind, and of all its characters together.
        """
        choices, roles = self._kind_table
        masked = np.where(choices, row, -np.inf)  # (kinds, 29)
        logs = np.stack([masked.max(axis=1), np.logaddexp.reduce(masked, axis=1)], axis=1)
        of_roles = np.logaddexp.reduce(np.where(OF_AT_MOST, row, -np.inf), axis=1)
        is_allowed = of_roles >= math.log(1 - CLEAR_PROBABILITY) - ROUNDING
        is_allowed[Role.MATCHED] = True
        logs[~is_allowed[roles]] = -np.inf
        return logs

    def best_choice(self, kind: int, row: Float64[np.ndarray, " 29"]) -> int:
        """Return the most probable choice of a kind of move at a place."""
        return int(np.where(self._kind_table[0][kind], row, -np.inf).argmax())

    def are_ends(self, nodes: Int64[np.ndarray, " nodes"]) -> Bool[np.ndarray, " nodes"]:
        """Tell for each node whether the number may begin there."""
        return np.array([self._is_end(self._nodes[number]) for number in nodes], bool)

    def _is_end(self, node: _Node) -> bool:
        return (
            node.taken >= self._least_digits
            and self.check.length in (None, node.taken)
            and node.state is not None
            and self._automaton.is_end(node.state)
        )

    def _find_frontier(self, nodes: Int64[np.ndarray, " nodes"]) -> Frontier:
        moves = []  # target, kind, value, source
        for source, number in enumerate(nodes.tolist()):
            if number not in self._moves:
                self._moves[number] = self._find_moves(self._nodes[number])
            of_node = self._moves[number]
            moves.append(np.insert(of_node, 3, source, axis=1))
        table = np.concatenate(moves)
        table = table[np.argsort(table[:, 0], kind="stable")]
        return self._frontier(np.unique(table[:, 0]).tolist(), table)

    def _frontier(self, nodes: list[int], table: Int64[np.ndarray, "moves 4"]) -> Frontier:
        targets, kinds, values, sources = table.T
        return Frontier(
            nodes=np.array(nodes, np.int64),
            starts=np.searchsorted(targets, nodes),
            sources=sources,
            kinds=kinds,
            values=values,
        )

    def _find_moves(self, node: _Node) -> Int64[np.ndarray, "moves 3"]:
        """Return the number of the next node, the kind and the value of each move from a node."""
        moves = [(node, NOTHING, 0)]
        if node.state is None:
            moves.append((node, UNIT, 0))
        grouped: dict[_Move, list[int]] = defaultdict(list)
        for character, move in self._matching_moves(node):
            grouped[move].append(CHARACTERS.index(character))
        moves += [
            (move.target, _MoveKind(move.role, tuple(choices)), move.value)
            for move, choices in grouped.items()
        ]
        return np.array(
            [(self._number(target), self._kind(kind), value) for target, kind, value in moves]
        )

    def _matching_moves(self, node: _Node) -> Iterator[tuple[str, _Move]]:
        """Yield each character that may belong to the number next, and the move."""
        state = self._automaton.start if node.state is None else node.state
        for character, next_state in self._automaton.moves(state).items():
            if character in DIGITS:
                if node.taken < self._most_digits:
                    taken = int(min(node.taken + 1, self._most_counted))
                    value = self.check.value_of(int(character), node.taken) % self.check.modulus
                    yield character, _Move(_Node(taken, next_state), Role.MATCHED, value)
            elif character not in UNIT_CHARACTERS or node.state is not None:
                yield character, _Move(_Node(node.taken, next_state), self._sign_role, 0)

    def _number(self, node: _Node) -> int:
        if node not in self._numbers:
            self._nodes.append(node)
            self._numbers[node] = len(self._nodes) - 1
        return self._numbers[node]

    def _kind(self, kind: _MoveKind) -> int:
        if kind not in self._kinds:
            self._kinds[kind] = len(self._kinds)
            choices, roles = self._kind_table
            of_kind = np.isin(np.arange(NO_CHARACTER + 1), kind.choices)
            self._kind_table = np.vstack([choices, of_kind]), np.append(roles, kind.role)
        return self._kinds[kind]
