"""The characters that the networks know, in the order of their class outputs."""

from __future__ import annotations

DIGITS = "0123456789"
SIGNS = ".,'-+/:()%"
CURRENCIES = "$€£¥"
FILLERS = "=#*"  # strokes that fill the room around an amount; never part of its text
OTHER = "~"  # a letter, or any other character
CHARACTERS = DIGITS + SIGNS + CURRENCIES + FILLERS + OTHER
NO_CHARACTER = len(CHARACTERS)  # index of "no character" where it is one more class
