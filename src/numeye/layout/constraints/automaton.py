"""What the automata of constraints have in common: they read a number from right to left."""

from __future__ import annotations

import math
from collections.abc import Hashable
from dataclasses import dataclass
from typing import Protocol, cast, runtime_checkable

from numeye.layout.number_bounds import BEHIND
from numeye.models.characters import CHARACTERS, DIGITS, FILLERS

# All characters that the text of a number may have.
TEXT_CHARACTERS = "".join(character for character in CHARACTERS if character not in FILLERS)
# Characters behind the last digit that do not belong to a number, such as units and full stops.
UNIT_CHARACTERS = "".join(sign for sign in TEXT_CHARACTERS if sign not in DIGITS + BEHIND)
MAX_TRIED_STATES = 3_000  # until a search for any number that fits is given up


@runtime_checkable
class Automaton(Protocol):
    """Reads a text from right to left, and knows after each character what may come next."""

    @property
    def start(self) -> Hashable:
        """The state before anything is read."""

    def moves(self, state: Hashable) -> dict[str, Hashable]:
        """Return each character that may come next, and the state after it."""

    def is_end(self, state: Hashable) -> bool:
        """Tell whether the text may begin here, with all of it read."""


def accepts(automaton: Automaton, text: str) -> bool:
    """Tell whether an automaton accepts all of a text."""
    state = automaton.start
    for character in reversed(text):
        moves = automaton.moves(state)
        if character not in moves:
            return False
        state = moves[character]
    return automaton.is_end(state)


def strip_unit(text: str) -> str:
    """Return a number without the letters and signs behind it that do not belong to it."""
    return text.rstrip(UNIT_CHARACTERS)


@dataclass(frozen=True)
class Product:
    """Accepts what all of several automata accept.

    Attributes:
        parts: the automata, at least one.
    """

    parts: tuple[Automaton, ...]

    @property
    def start(self) -> Hashable:
        """The state before anything is read."""
        return tuple(part.start for part in self.parts)

    def moves(self, state: Hashable) -> dict[str, Hashable]:
        """Return each character that may come next, and the state after it."""
        states = cast("tuple[Hashable, ...]", state)
        of_parts = [part.moves(own) for part, own in zip(self.parts, states, strict=True)]
        first, *others = of_parts
        return {
            character: tuple(moves[character] for moves in of_parts)
            for character in first
            if all(character in moves for moves in others)
        }

    def is_end(self, state: Hashable) -> bool:
        """Tell whether the text may begin here, with all of it read."""
        states = cast("tuple[Hashable, ...]", state)
        return all(part.is_end(own) for part, own in zip(self.parts, states, strict=True))


def is_possible(automaton: Automaton, least_digits: int, most_digits: float) -> bool:
    """Tell whether an automaton accepts a text with so many digits, and without a unit behind it.

    Returns True, too, if that is not known after `MAX_TRIED_STATES` states.
    """
    most_counted = least_digits if most_digits == math.inf else most_digits
    todo: list[tuple[int, Hashable]] = [(0, None)]  # digits so far, and the state
    tried = set(todo)
    while todo and len(tried) < MAX_TRIED_STATES:
        count, state = todo.pop()
        if state is not None and count >= least_digits and automaton.is_end(state):
            return True
        is_start, state = state is None, automaton.start if state is None else state
        for character, next_state in automaton.moves(state).items():
            next_count = count + (character in DIGITS)
            is_unit = is_start and character in UNIT_CHARACTERS
            node = (int(min(next_count, most_counted)), next_state)
            if not is_unit and next_count <= most_digits and node not in tried:
                tried.add(node)
                todo.append(node)
    return bool(todo)
