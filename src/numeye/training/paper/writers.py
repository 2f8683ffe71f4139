"""Who writes the digits of a line: hands of MNIST or of a font, somebody with other countries' forms, or a printer."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import numpy as np

from numeye.training.paper import pen
from numeye.training.paper.ink import Drawn, Fields

if TYPE_CHECKING:
    from jaxtyping import Int64


@dataclass(frozen=True)
class FontSource:
    """Printed digits of one font.

    Attributes:
        fields: of the digits of all fonts.
        numbers: of those of this one.
    """

    fields: Fields
    numbers: Int64[np.ndarray, " n"]
    thin: ClassVar[bool] = False

    def __call__(self, random: np.random.Generator, asked: int | None = None) -> Drawn:
        """Any of them, or any picture of the one that is asked for."""
        fitting = self.numbers[self.fields.labels[self.numbers] == asked] if asked is not None else self.numbers
        number = int(random.choice(fitting if len(fitting) else self.numbers))
        return self.fields.drawn(number, thin=False)


@dataclass(frozen=True)
class HandSource:
    """Handwritten digits by their edge or by their line, some of them drawn as regional forms.

    Attributes:
        fields: of the digits.
        thin: whether the pen follows their lines.
        pens: share of regional forms.
    """

    fields: Fields
    thin: bool
    pens: float

    def __call__(self, random: np.random.Generator, asked: int | None = None) -> Drawn:
        """Any of them, or any picture of the one that is asked for."""
        if random.random() < self.pens:
            digit = int(random.integers(10)) if asked is None else asked
            return pen.draw_digit(digit, random), digit, True
        number = int(random.integers(len(self.fields.labels)))
        while asked is not None and self.fields.labels[number] != asked:
            number = int(random.integers(len(self.fields.labels)))
        return self.fields.drawn(number, thin=self.thin)


Source = FontSource | HandSource  # each is asked for any digit, or for a certain one
