"""Where a person's digits come from: people write each digit in a form of their own.

Someone whose 1 has a flag writes every 1 with it. So a hand has one form of a digit that is drawn
as strokes, where lines of `numeye.training.synthetic.text_lines` mix them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

import numpy as np

from numeye.training.synthetic import strokes
from numeye.training.synthetic.distance_fields import GlyphField

if TYPE_CHECKING:
    from collections.abc import Mapping

OWN_FORM_SHARE = 0.93  # of a digit with a form of its own; the others are from elsewhere
MAX_LEAN = 0.4  # of a 1 that is a single line: horizontal over vertical extent
# How often people's digits differ from those of MNIST's writers.
_UNUSUAL = {0: 0.2, 1: 1.0, 2: 0.4, 3: 0.3, 4: 0.6, 5: 0.4, 6: 0.3, 7: 1.0, 8: 0.3, 9: 0.7}


@runtime_checkable
class DigitGlyphs(Protocol):
    """A source of digits: MNIST, a font, strokes, or the pens of known people."""

    def sample_field(self, rng: np.random.Generator, digit: int | None = None) -> GlyphField:
        """Return the field of `digit`, or of any digit where that is None."""


@dataclass(frozen=True)
class PersonalDigits:
    """Digits of one person: some drawn as strokes in that person's form.

    Attributes:
        forms: the form of each digit that is drawn as strokes.
        others: where the other digits come from.
    """

    forms: Mapping[int, strokes.Form]
    others: DigitGlyphs

    @classmethod
    def sample(
        cls, others: DigitGlyphs, rng: np.random.Generator, *, share: float
    ) -> PersonalDigits:
        """Return somebody's digits.

        Args:
            others: where digits without a form of their own come from.
            rng: decides.
            share: of the digits that have a form of their own; 1 for all of them.
        """
        likely = {digit: 1.0 if share >= 1 else share * _UNUSUAL[digit] for digit in range(10)}
        own = [digit for digit in range(10) if rng.random() < likely[digit]]
        forms = dict[int, strokes.Form]()
        for digit in own:
            known = [form for form in strokes.DIGIT_FORMS[digit] if not _is_slash(form)]
            forms[digit] = known[int(rng.integers(len(known)))]
        return cls(forms, others)

    def sample_field(self, rng: np.random.Generator, digit: int | None = None) -> GlyphField:
        """Return the field of `digit`, or of any digit where that is None."""
        digit = int(rng.integers(10)) if digit is None else digit
        if digit in self.forms and rng.random() < OWN_FORM_SHARE:
            return GlyphField(strokes.draw_form(self.forms[digit], rng), digit, True)
        return self.others.sample_field(rng, digit)


def _is_slash(form: strokes.Form) -> bool:
    """Tell whether a form is one leaning line, which is a slash beside other signs."""
    if len(form) > 1:
        return False
    steps = np.diff(form[0][1], axis=0)  # (n - 1, 2)
    leans = -float(steps[:, 0].sum()) > MAX_LEAN * float(steps[:, 1].sum())
    return bool(leans and (steps[:, 0] <= 0).all() and (steps[:, 1] > 0).all())
