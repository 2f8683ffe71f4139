"""Small texts in the UNIPEN format, as pendigits has them."""

from __future__ import annotations

import numpy as np

HEAD = '.INCLUDE        dene.doc\n\n.LEXICON "0" "1"\n.HIERARCHY      DIGIT\n'


def unipen(digits: list[tuple[int, int, list[list[tuple[int, int]]]]]) -> str:
    """Return the text of some digits, each with its class, its writer and its strokes."""
    lines = [HEAD]
    for number, (digit, writer, strokes) in enumerate(digits):
        lines += [f'.SEGMENT DIGIT {number:4d} ? "{digit}"', f".COMMENT {digit} {writer:2d}   67"]
        for stroke in strokes:
            lines += [".PEN_DOWN", *(f" {x}  {y}" for x, y in stroke), ".PEN_UP", ".DT 100"]
        lines.append("")
    return "\n".join(lines) + "\n"


def few_digits(writers: int = 2) -> str:
    """Return the text of all digits of some writers: a circle each, and a bar in odd digits."""
    angles = np.linspace(0, 2 * np.pi, 20)
    digits = []
    for writer in range(1, writers + 1):
        for digit in range(10):
            wide, high = 40 + 5 * digit, 90 + 10 * writer
            circle = [(int(250 + wide * np.cos(a)), int(250 + high * np.sin(a))) for a in angles]
            bar = [(150, 250), (350, 255)]
            digits.append((digit, writer, [circle, bar] if digit % 2 else [circle]))
    return unipen(digits)
