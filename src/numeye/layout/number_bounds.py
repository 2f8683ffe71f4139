"""Says which of the characters that stand together are a number, and which only stand beside it."""

from __future__ import annotations

from collections.abc import Sequence

from numeye.models.characters import CURRENCIES, DIGITS, FILLERS, OTHER

BEFORE = "+-(" + CURRENCIES + OTHER  # what a number may begin with, beside digits
BEHIND = ")%" + CURRENCIES  # what it may end with
MINUS, SLASH = "-", "/"
MAX_LETTERS = 2  # for each digit of a number


def find_numbers(texts: Sequence[str]) -> list[list[int]]:
    """Divide characters without wide gaps into numbers, and leave out what belongs to none.

    - A filler stroke separates numbers. It is kept with the number behind it, or with the last one.
    - Letters behind the last digit, such as units and ordinals, do not belong to the number, nor do
      signs that no digit follows, except brackets, percent and currency signs.
    - Several strokes in a row before it fill the line; only one is a minus.
    - A bracket without its other half does not belong to it.
    - More than twice as many letters as digits are a word, in which some letters look like digits.

    Args:
        texts: the best answer for each character, from left to right.

    Returns:
        The places of each number's characters, from left to right.
    """
    numbers, fillers, begin = list[list[int]](), list[int](), 0
    for end in range(len(texts) + 1):
        if end < len(texts) and texts[end] not in FILLERS:
            continue
        number = _trim(texts, begin, end)
        if number:
            numbers.append([*fillers, *number])
            fillers = []
        if end < len(texts):
            fillers.append(end)
        begin = end + 1
    if numbers:
        numbers[-1] += fillers
    return numbers


def find_impossible_signs(texts: Sequence[str]) -> dict[int, str]:
    """Return the slashes and brackets beside a digit that no number has, by their places.

    They are slashes before the first digit or behind the last one, and brackets without their other
    half. Many are digits: a slanted or a bent 1 looks like them.

    Args:
        texts: the best answer for each character, from left to right, without wide gaps.
    """
    digits = [place for place, text in enumerate(texts) if text in DIGITS]
    if not digits:
        return {}
    is_outside = {place: not digits[0] < place < digits[-1] for place in range(len(texts))}
    lone = _lone_brackets(texts)
    return {
        place: text
        for place, text in enumerate(texts)
        if ((text == SLASH and is_outside[place]) or place in lone)
        and any(beside in digits for beside in (place - 1, place + 1))
    }


def _lone_brackets(texts: Sequence[str]) -> set[int]:
    """Return the places of brackets without their other half."""
    lone, opened = set[int](), list[int]()
    for place, text in enumerate(texts):
        if text == "(":
            opened.append(place)
        elif text == ")" and opened:
            opened.pop()
        elif text == ")":
            lone.add(place)
    return lone | set(opened)


def _trim(texts: Sequence[str], begin: int, end: int) -> list[int]:
    """Return the places of a number between two fillers; none if there is no digit."""
    digits = [place for place in range(begin, end) if texts[place] in DIGITS]
    letters = sum(texts[place] == OTHER for place in range(begin, end))
    if not digits or letters > MAX_LETTERS * len(digits):
        return []
    first, last = digits[0], digits[-1]
    while first > begin and texts[first - 1] in BEFORE:
        first -= 1
    while last + 1 < end and texts[last + 1] in BEHIND:
        last += 1
    if digits[0] - first > 1 and texts[first] == texts[first + 1] == MINUS:
        first = digits[0]  # strokes that fill the line
    return _without_lone_brackets(texts, list(range(first, last + 1)))


def _without_lone_brackets(texts: Sequence[str], places: list[int]) -> list[int]:
    """Leave out brackets at the ends that have no other half."""
    opening, closing = (sum(texts[place] == bracket for place in places) for bracket in ("(", ")"))
    if opening > closing and texts[places[0]] == "(":
        return places[1:]
    if closing > opening and texts[places[-1]] == ")":
        return places[:-1]
    return places
