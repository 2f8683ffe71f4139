"""What is known of a number before it is read: how it looks, how many digits it has, that its check sum is right.

The places are read once, from right to left. Answers that are alike in what is left to match, in how many digits they
have and in their check sum so far can only go on alike, so of all these only the best one is kept, and the sum of their
probabilities (Viterbi 1967, 10.1109/TIT.1967.1054010). This finds the most probable answer that fits, and its share,
exactly, but for expressions of more than `LIMIT` states, of which the likeliest are followed. To try one answer after
the other would not get there: 16 digits in 19 places come after thousands of answers with more. The price is that an
expression has to be a regular one: what looks ahead or refers back is refused.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from numeye.errors import UsageError
from numeye.expressions import DIGITS, State, longest, matches, may_end, moves, parse

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

NONE = 10  # the place, among the eleven, of "there is no digit here"
PLACES = 20  # after which the states of an expression are counted
LIMIT = 500  # states that are followed at a place; only expressions such as \d{9}1\d* have more


Node = tuple[int, State]  # how many digits were taken, and what is left to match
Step = tuple[int, Node]  # a choice, and the node at which it was made


class Reached(NamedTuple):
    """How a node is reached, for each remainder of the check sum."""

    logs: Float64[np.ndarray, "2 modulus"]  # logarithms of the probabilities of the best way, and of all together
    steps: list[Step]  # the last steps of all ways
    chosen: Int64[np.ndarray, " modulus"]  # which of them the best way took


Layer = dict[Node, Reached]


@dataclass(frozen=True)
class CheckSum:
    """Whether the sum of what the digits count, divided by `modulus`, leaves `wanted`."""

    modulus: int
    wanted: int
    counts: Callable[[int, int], int]  # what a digit counts that has so many others to its right
    length: int | None = None  # how many digits there must be

    def __call__(self, text: str) -> bool:
        """Whether the sum is right; that of anything but digits never is."""
        if not (text.isascii() and text.isdigit()) or self.length not in (None, len(text)):
            return False
        total = sum(self.counts(int(digit), after) for after, digit in enumerate(reversed(text)))
        return total % self.modulus == self.wanted


def _luhn(digit: int, after: int) -> int:
    return sum(divmod(digit * (1 + after % 2), 10))


ANY = CheckSum(1, 0, lambda _digit, _after: 0)
CHECKS: dict[str, CheckSum] = {
    "luhn": CheckSum(10, 0, _luhn),  # Luhn 1960, US patent 2950048
    "isbn10": CheckSum(11, 0, lambda digit, after: digit * (after + 1), 10),  # ISO 2108, before 2007; digits only
    "isbn13": CheckSum(10, 0, lambda digit, after: digit * (1 + after % 2 * 2), 13),  # ISO 2108
    "mod97": CheckSum(97, 1, lambda digit, after: digit * pow(10, after, 97)),  # ISO 7064, MOD 97-10
}


@dataclass(frozen=True, kw_only=True)
class Knowledge:
    r"""What is known of a number; false where nothing is.

    Attributes:
        expect: a regular expression that the whole number matches, such as `\d{5}`, or None. It may have digits, `\d`
            and other classes, groups, `|` and repeats.
        digits: how many it has, or None.
        check: a name of `CHECKS`, or None. An ISBN-10 whose check digit is an X cannot be read.

    Raises:
        UsageError: no such expression, number of digits or check sum.
    """

    expect: str | None = None
    digits: int | None = None
    check: str | None = None

    def __post_init__(self) -> None:
        if self.expect is not None:
            parse(self.expect)
        if self.digits is not None and self.digits < 1:
            raise UsageError(f"digits {self.digits}: expected how many digits a number has, 1 or more")
        if self.check is not None and self.check not in CHECKS:
            raise UsageError(f"check {self.check}: expected one of {', '.join(CHECKS)}")

    def __bool__(self) -> bool:
        return (self.expect, self.digits, self.check) != (None, None, None)

    def __str__(self) -> str:
        digits = f"{self.digits} digit{'' if self.digits == 1 else 's'}" if self.digits else None
        return ", ".join(part for part in (self.expect, digits, self.check) if part is not None) or "any number"

    @property
    def longest(self) -> float:
        """How many digits a number can have at most; infinite where that is not known."""
        said = [self.digits, CHECKS[self.check].length if self.check else None]
        expected = math.inf if self.expect is None else max(map(longest, parse(self.expect)))
        return min(expected, *(most for most in said if most is not None), math.inf)

    def fits(self, text: str) -> bool:
        """Whether a number is as it is known to be; that without digits never is."""
        return (
            text != ""
            and self.digits in (None, len(text))
            and (self.check is None or CHECKS[self.check](text))
            and (self.expect is None or matches(self.expect, text))
        )


@dataclass(frozen=True)
class Fit:
    """The most probable answer that fits.

    Attributes:
        choices: for each place, the digit, or `NONE` where nothing is taken to be there.
        log_likely: logarithm of the probability of this answer.
        share: of the probability of all answers that fit, 0 to 1; what the search did not reach counts against it.
    """

    choices: tuple[int, ...]
    log_likely: float
    share: float

    @property
    def text(self) -> str:
        """The digits, from left to right."""
        return "".join(DIGITS[choice] for choice in self.choices if choice != NONE)


def best(knowledge: Knowledge, logs: Float64[np.ndarray, "n 11"]) -> Fit | None:
    """The most probable answer that fits what is known, or None where none is possible.

    Args:
        knowledge: what is known.
        logs: (n, 11) for each place where a digit may be, from left to right, logarithms of the probabilities that it
            is each of the ten digits and, last, that there is none.
    """
    search = Search(knowledge)
    for row in logs[::-1]:
        search.read(row)
    return search.fit()


class Search:
    """Reads places from right to left, and knows after each of them the most probable answer that fits.

    Args:
        knowledge: what is known.
    """

    def __init__(self, knowledge: Knowledge) -> None:
        self._check = CHECKS[knowledge.check] if knowledge.check else ANY
        self._least, self._most = knowledge.digits or 1, knowledge.digits or math.inf
        counts = knowledge.digits is not None or knowledge.check is not None
        self._counted = math.inf if counts else 1  # so many digits are told from more; else they need not be counted
        self._layers, self._missed = [_start(knowledge, self._check)], -math.inf

    @property
    def breadth(self) -> int:
        """Of how many states one has to think at once, at most: the time that a place takes."""
        return max(map(len, self._layers))

    def read(self, row: Float64[np.ndarray, " 11"]) -> None:
        """One place farther to the left; see `best`."""
        layer, lost = _trim(_read(self._layers[-1], row, self._check, self._most, self._counted))
        self._layers.append(layer)
        self._missed = float(np.logaddexp(self._missed, lost))

    def fit(self) -> Fit | None:
        """Of the places so far; None where no answer is possible."""
        last = self._layers[-1]
        fitting = [node for node in last if self._least <= node[0] and _fits(node, self._check)]
        likely = [last[node].logs[:, self._check.wanted] for node in fitting]  # (fitting, 2)
        top = max(range(len(fitting)), key=lambda place: likely[place][0], default=None)
        if top is None or likely[top][0] == -math.inf:
            return None
        log_likely, log_all = float(likely[top][0]), np.logaddexp.reduce([self._missed, *(both[1] for both in likely)])
        choices = tuple(_way(self._layers, fitting[top], self._check))
        return Fit(choices, log_likely, min(1.0, math.exp(log_likely - log_all)))


def _start(knowledge: Knowledge, check: CheckSum) -> Layer:
    """Before anything is read."""
    logs = np.full((2, check.modulus), -np.inf)
    logs[:, 0] = 0.0
    state = parse(r"\d*" if knowledge.expect is None else knowledge.expect)
    return {(0, state): Reached(logs, [], np.zeros(check.modulus, np.int64))}


def _read(layer: Layer, row: Float64[np.ndarray, " 11"], check: CheckSum, most: float, counted: float) -> Layer:
    """One place farther to the left, where no more than `most` digits may be taken, and are counted up to `counted`."""
    arriving: dict[Node, list[Step]] = defaultdict(list)
    for node in layer:
        taken, state = node
        arriving[node].append((NONE, node))
        if taken < most:
            for digit, left in moves(state):
                arriving[int(min(taken + 1, counted)), left].append((digit, node))
    return {node: _reach(layer, steps, row, check) for node, steps in arriving.items()}


def _reach(layer: Layer, steps: list[Step], row: Float64[np.ndarray, " 11"], check: CheckSum) -> Reached:
    ways = np.stack([layer[node].logs[:, _before(check, choice, node[0])] for choice, node in steps])
    ways += row[[choice for choice, _ in steps], None, None]  # (steps, 2, modulus)
    logs = np.stack([ways[:, 0].max(axis=0), np.logaddexp.reduce(ways[:, 1])])
    return Reached(logs, steps, ways[:, 0].argmax(axis=0))


@lru_cache(maxsize=4096)
def _before(check: CheckSum, choice: int, taken: int) -> Int64[np.ndarray, " modulus"]:
    """For each remainder, the one before this choice."""
    counts = 0 if choice == NONE else check.counts(choice, taken)
    remainders: np.ndarray = (np.arange(check.modulus) - counts) % check.modulus
    return remainders


def _trim(layer: Layer) -> tuple[Layer, float]:
    """The most probable nodes, and the logarithm of the probability of all that is given up with the others."""
    if len(layer) <= LIMIT:
        return layer, -math.inf
    nodes = sorted(layer, key=lambda node: -layer[node].logs[0].max())
    lost = np.logaddexp.reduce([np.logaddexp.reduce(layer[node].logs[1]) for node in nodes[LIMIT:]])
    return {node: layer[node] for node in nodes[:LIMIT]}, float(lost)


@lru_cache(maxsize=64)
def breadth(expect: str) -> int:
    """Of how many states one has to think at once to find what fits an expression: how long a place takes.

    Raises:
        UsageError: it is no expression that can be searched for.
    """
    search = Search(Knowledge(expect=expect))
    for _ in range(PLACES):
        search.read(np.full(11, -math.log(11)))
    return search.breadth


def _fits(node: Node, check: CheckSum) -> bool:
    taken, state = node
    return check.length in (None, taken) and any(may_end(parts) for parts in state)


def _way(layers: list[Layer], node: Node, check: CheckSum) -> Iterator[int]:
    """The choices of the best way to a node of the last layer, from left to right."""
    remainder = check.wanted
    for layer in layers[:0:-1]:
        reached = layer[node]
        choice, node = reached.steps[reached.chosen[remainder]]
        remainder = _before(check, choice, node[0])[remainder]
        yield choice
