r"""Regular expressions of digits, as they are searched for: `\d{5}`, `[1-9]\d*`, `(19|20)\d\d`.

An expression is read from right to left, as numbers are added up. What looks ahead or refers back is refused: it would
not be a regular one.
"""

from __future__ import annotations

import math
import re
from collections import deque
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from numeye.errors import UsageError

LARGEST = 1000  # digits of an expression whose repeats are written out; no number has so many, and time grows with them
DIGITS = "0123456789"
REPEATS = {"?": "{0,1}", "*": "{0,}", "+": "{1,}"}
ANCHORS = r"\\[0-9AbBzZ]|[\^$]"  # signs that ask where they stand, or refer back
TOKEN = re.compile(r"\\.|\[\^?\]?(?:\\.|[^\]\\])*\]|\((?:\?:|\?P<\w+>)?|\{(?=[\d,])\d*,?\d*\}|.", re.DOTALL)


class Part(NamedTuple):
    """A part of an expression: one of `digits`, or one of `ways`, from `least` to `most` times."""

    digits: str
    ways: tuple[tuple[Part, ...], ...]
    least: int
    most: float


Parts = tuple[Part, ...]  # one after the other, from right to left
State = frozenset[Parts]  # one of these is left to match


@lru_cache(maxsize=4096)
def moves(state: State) -> tuple[tuple[int, State], ...]:
    """Each digit that may come next, and what is left to match then."""
    ways = {way for parts in state for way in _after(parts)}
    left = [frozenset(parts for digits, parts in ways if digit in digits) for digit in DIGITS]
    return tuple((digit, after) for digit, after in enumerate(left) if after)


def _after(parts: Parts) -> Iterator[tuple[str, Parts]]:
    """Digits that may come next, with what is left to match then.

    These are partial derivatives (Antimirov 1996, 10.1016/0304-3975(95)00182-4).
    """
    for place, part in enumerate(parts):
        rest = parts[place + 1 :]
        if part.most > 1:
            rest = (part._replace(least=max(part.least - 1, 0), most=part.most - 1), *rest)
        if part.most > 0:
            if part.digits:
                yield part.digits, rest
            yield from ((digits, (*left, *rest)) for way in part.ways for digits, left in _after(way))
        if not may_end((part,)):
            return


def matches(expect: str, text: str) -> bool:
    """By the same walk: Python's `re` tries one way after the other, and some expressions have endlessly many."""
    if not (text.isascii() and text.isdigit()):
        return False
    state = parse(expect)
    for digit in reversed(text):
        state = dict(moves(state)).get(int(digit), frozenset())
    return any(map(may_end, state))


def may_end(parts: Parts) -> bool:
    """Whether nothing of it must be there."""
    return all(part.least == 0 or any(map(may_end, part.ways)) for part in parts)


@lru_cache(maxsize=64)
def parse(expect: str) -> State:
    """Before anything is read, all of an expression is left to match.

    Raises:
        UsageError: it is no regular expression, or cannot be searched for.
    """
    try:
        re.compile(expect)
    except (re.error, OverflowError, RecursionError) as error:
        raise UsageError(rf"expect {expect}: no regular expression ({error}); write one such as \d{{5}}") from error
    tokens = deque(TOKEN.findall(expect))
    if tokens and tokens[0] == "^":
        tokens.popleft()
    if tokens and tokens[-1] == "$":
        tokens.pop()
    try:
        ways = _ways(tokens)
    except re.error as error:
        raise UsageError(
            rf"expect {expect}: cannot be searched for; expected digits, \d, [...], (...|...) and repeats such as {{5}}"
        ) from error
    if not any(_can_match(parts) and longest(parts) for parts in ways):
        raise UsageError(rf"expect {expect}: matches no number, which is digits alone; write one such as \d{{5}}")
    if (size := _size(ways)) > LARGEST:
        raise UsageError(
            f"expect {expect}: with its repeats written out it has {size:,} parts, at most {LARGEST:,} are "
            "searched for; repeat fewer times, or no group within a group"
        )
    return frozenset(ways)


def _size(ways: tuple[Parts, ...]) -> int:
    """How many digits and groups there are, each counted as often as it is repeated by number."""
    return sum(_copies(part) * (1 + _size(part.ways)) for parts in ways for part in parts)


def longest(parts: Parts) -> float:
    """How many digits it can match at most."""
    each = [(part.most, 1 if part.digits else max(map(longest, part.ways), default=0)) for part in parts]
    return sum(times * most for times, most in each if most)  # nothing, without end, is nothing


def _can_match(parts: Parts) -> bool:
    """Whether there are digits for all that must be there: signs and letters are none."""
    return all(part.least == 0 or part.digits or any(map(_can_match, part.ways)) for part in parts)


def _copies(part: Part) -> int:
    return max(1, part.least if part.most == math.inf else int(part.most))


def _ways(tokens: deque[str]) -> tuple[Parts, ...]:
    """What stands between `|`, up to the end of the group."""
    ways: list[Parts] = [()]
    while tokens and tokens[0] != ")":
        sign = tokens.popleft()
        if sign == "|":
            ways.append(())
        elif sign.startswith("("):
            group = _ways(tokens)
            tokens.popleft()
            ways[-1] = (Part("", group, *_repeat(tokens)), *ways[-1])
        elif re.fullmatch(ANCHORS, sign):
            raise re.error(f"{sign} stands for no character")
        else:
            digits = "".join(digit for digit in DIGITS if re.fullmatch(sign, digit))
            ways[-1] = (Part(digits, (), *_repeat(tokens)), *ways[-1])
    return tuple(ways)


def _repeat(tokens: deque[str]) -> tuple[int, float]:
    """How often at least and at most, from the sign that may follow."""
    sign = REPEATS.get(tokens[0], tokens[0]) if tokens else ""
    repeat = re.fullmatch(r"\{(?=[\d,])(\d*)(,?)(\d*)\}", sign)
    if not repeat:
        return 1, 1
    tokens.popleft()
    if tokens and tokens[0] == "?":  # tries few first, and matches the same
        tokens.popleft()
    least, comma, most = repeat.groups()
    return int(least or 0), int(most) if most else math.inf if comma else int(least)
