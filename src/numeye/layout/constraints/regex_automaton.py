r"""Matches regular expressions of numbers, such as `\d{5}`, `-?\d+\.\d` and `(19|20)\d\d`.

An expression is matched from right to left, as numbers are added up. Lookahead and references back
are refused: no automaton matches them.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import NamedTuple, cast

from numeye.errors import UsageError
from numeye.layout.constraints.automaton import TEXT_CHARACTERS
from numeye.models.characters import DIGITS, OTHER

# Most terms of an expression with its repeats written out. No number has so many digits, and the
# time grows with them.
MAX_TERMS = 1000
REPEATS = {"?": "{0,1}", "*": "{0,}", "+": "{1,}"}
ANCHORS = r"\\[0-9AbBzZ]|[\^$]"  # signs that match a position, or refer back
TOKEN = re.compile(
    r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?:|\?P<\w+>)?|\{(?=[\d,])\d*,?\d*\}|.", re.DOTALL
)


class Term(NamedTuple):
    """A term of an expression, repeated from `least` to `most` times.

    Attributes:
        characters: those that it matches; empty for a group.
        alternatives: of a group; empty for characters.
        least: smallest number of repeats.
        most: largest number of repeats; may be infinite.
    """

    characters: str
    alternatives: tuple[tuple[Term, ...], ...]
    least: int
    most: float


Terms = tuple[Term, ...]  # one after the other, from right to left
State = frozenset[Terms]  # alternatives, of which one is left to match


@dataclass(frozen=True)
class PatternAutomaton:
    """Accepts what a regular expression matches.

    Attributes:
        start: the state in which all of the expression is left to match.
    """

    start: State

    def moves(self, state: Hashable) -> dict[str, Hashable]:
        """Return each character that may come next, and the state after it."""
        return _transitions(cast("State", state))

    def is_end(self, state: Hashable) -> bool:
        """Tell whether nothing more needs to be matched."""
        return any(map(is_nullable, cast("State", state)))


@lru_cache(maxsize=4096)
def _transitions(state: State) -> dict[str, Hashable]:
    """Return each character that may come next, and the state after it."""
    derivatives = {derivative for terms in state for derivative in _derivatives(terms)}
    after = {
        character: frozenset(rest for characters, rest in derivatives if character in characters)
        for character in TEXT_CHARACTERS
    }
    return {character: next_state for character, next_state in after.items() if next_state}


def _derivatives(terms: Terms) -> Iterator[tuple[str, Terms]]:
    """Yield characters that may come next, and the terms that are left after them.

    These are partial derivatives (Antimirov 1996, 10.1016/0304-3975(95)00182-4).
    """
    for place, term in enumerate(terms):
        rest = terms[place + 1 :]
        if term.most > 1:
            rest = (term._replace(least=max(term.least - 1, 0), most=term.most - 1), *rest)
        if term.most > 0:
            if term.characters:
                yield term.characters, rest
            for alternative in term.alternatives:
                for characters, left in _derivatives(alternative):
                    yield characters, (*left, *rest)
        if not is_nullable((term,)):
            return


def is_nullable(terms: Terms) -> bool:
    """Tell whether terms match the empty text."""
    return all(term.least == 0 or any(map(is_nullable, term.alternatives)) for term in terms)


@lru_cache(maxsize=64)
def parse_pattern(pattern: str) -> State:
    """Return the state before anything is read, in which all of an expression is left to match.

    Raises:
        UsageError: it is not a regular expression, or one that is not supported.
    """
    try:
        re.compile(pattern)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(
            rf"pattern {pattern}: not a regular expression ({error}); write one such as \d{{5}}"
        ) from error
    tokens = deque(TOKEN.findall(pattern))
    if tokens and tokens[0] == "^":
        tokens.popleft()
    if tokens and tokens[-1] == "$":
        tokens.pop()
    try:
        alternatives = _parse_alternatives(tokens)
    except re.error as error:
        raise UsageError(
            rf"pattern {pattern}: not supported; expected characters, \d, [...], (...|...) and"
            r" repeats such as {5}"
        ) from error
    if not any(_can_match(terms) and max_digits(terms) for terms in alternatives):
        raise UsageError(
            rf"pattern {pattern}: matches no number, which has digits, signs, and {OTHER} for each"
            r" letter; write one such as \d{5}"
        )
    if (count := _count_terms(alternatives)) > MAX_TERMS:
        raise UsageError(
            f"pattern {pattern}: too long; with its repeats written out it has {count:,} parts, and"
            f" at most {MAX_TERMS:,} are allowed; use fewer repeats, and no group inside a group"
        )
    return frozenset(alternatives)


def max_digits(terms: Terms) -> float:
    """Return how many digits terms match at most; may be infinite."""
    counts = [(term.most, _max_digits_once(term)) for term in terms]
    # nothing, repeated without end, is nothing
    return sum(most * count for most, count in counts if count)


def _max_digits_once(term: Term) -> float:
    if term.characters:
        return int(not set(DIGITS).isdisjoint(term.characters))
    return max(map(max_digits, term.alternatives), default=0)


def _count_terms(alternatives: tuple[Terms, ...]) -> int:
    """Count characters and groups, each as often as it is repeated by a number."""
    return sum(
        _written_repeats(term) * (1 + _count_terms(term.alternatives))
        for terms in alternatives
        for term in terms
    )


def _written_repeats(term: Term) -> int:
    return max(1, term.least if term.most == math.inf else int(term.most))


def _can_match(terms: Terms) -> bool:
    """Tell whether some text matches; letters other than `~` match none."""
    return all(
        term.least == 0 or term.characters or any(map(_can_match, term.alternatives))
        for term in terms
    )


def _parse_alternatives(tokens: deque[str]) -> tuple[Terms, ...]:
    """Parse what `|` separates, up to the end of the group."""
    alternatives: list[Terms] = [()]
    while tokens and tokens[0] != ")":
        sign = tokens.popleft()
        if sign == "|":
            alternatives.append(())
        elif sign.startswith("("):
            group = _parse_alternatives(tokens)
            tokens.popleft()
            alternatives[-1] = (Term("", group, *_parse_repeat(tokens)), *alternatives[-1])
        elif re.fullmatch(ANCHORS, sign):
            raise re.error(f"{sign} stands for no character")
        else:
            matched = (character for character in TEXT_CHARACTERS if re.fullmatch(sign, character))
            term = Term("".join(matched), (), *_parse_repeat(tokens))
            alternatives[-1] = (term, *alternatives[-1])
    return tuple(alternatives)


def _parse_repeat(tokens: deque[str]) -> tuple[int, float]:
    """Parse the repeat that may follow a term; return the smallest and the largest number."""
    sign = REPEATS.get(tokens[0], tokens[0]) if tokens else ""
    repeat = re.fullmatch(r"\{(?=[\d,])(\d*)(,?)(\d*)\}", sign)
    if not repeat:
        return 1, 1
    tokens.popleft()
    if tokens and tokens[0] == "?":  # tries few repeats first, and matches the same
        tokens.popleft()
    least, comma, most = repeat.groups()
    return int(least or 0), int(most) if most else math.inf if comma else int(least)
