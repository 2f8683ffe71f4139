"""What documents are written with: the digits, hands and faces of one split."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic.documents.hands import Hand
from numeye.training.synthetic.documents.letterpress import Face, Press, load_faces
from numeye.training.synthetic.documents.personal_digits import DigitGlyphs, PersonalDigits
from numeye.training.synthetic.generators import make_page_generator
from numeye.training.synthetic.glyph_sources import HandwritingSource
from numeye.training.synthetic.specs import FONT_PARTS, Split

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numeye.training.synthetic.distance_fields import DistanceFields
    from numeye.training.synthetic.parameters import Ranges

# Shares of the hands by where their digits come from.
FONT_SHARE, STROKES_SHARE = 0.2, 0.25
SOME_STROKES = 0.35  # how often digits have a regional form in hands with MNIST's digits
SKELETON_SHARE = 0.75  # share of the hands with MNIST's digits that follow their skeletons


@dataclass(frozen=True, kw_only=True)
class Stationery:
    """Everything that a document is written with.

    Attributes:
        digits: MNIST's digits.
        written: the digits of each handwriting font.
        pens: handwriting fonts, for letters.
        presses: printed fonts.
        ranges: parameters of the augmentations of digits.
        writers: further sources of digits, such as recorded pens of known writers.
        writers_share: share of the hands that write with one of those.
    """

    digits: DistanceFields
    written: Sequence[DistanceFields]
    pens: tuple[Face, ...]
    presses: tuple[Face, ...]
    ranges: Ranges
    writers: Sequence[DigitGlyphs] = ()
    writers_share: float = 0.25

    def sample_hand(self, height: float, rng: np.random.Generator) -> Hand:
        """Return somebody who writes digits about `height` pixels high."""
        face = self.pens[int(rng.integers(len(self.pens)))]
        return Hand.sample(self._sample_source(rng), face, self.ranges, height, rng)

    def sample_press(self, rng: np.random.Generator) -> Press:
        """Return a printed font, black or grey."""
        face = self.presses[int(rng.integers(len(self.presses)))]
        level = int(rng.integers(200, 256) if rng.random() < 0.7 else rng.integers(110, 200))
        return Press(face, level, spacing=float(rng.choice([1.0, 1.0, 1.0, 1.08])))

    def _sample_source(self, rng: np.random.Generator) -> DigitGlyphs:
        if self.writers and rng.random() < self.writers_share:
            return self.writers[int(rng.integers(len(self.writers)))]
        chance = rng.random()
        if chance < FONT_SHARE and self.written:
            fields = self.written[int(rng.integers(len(self.written)))]
            return HandwritingSource(fields, uses_skeletons=True, stroke_share=0.0)
        mnist = HandwritingSource(self.digits, bool(rng.random() < SKELETON_SHARE), 0.0)
        share = 1.0 if chance > 1 - STROKES_SHARE else SOME_STROKES
        return PersonalDigits.sample(mnist, rng, share=share)


@lru_cache(maxsize=2)
def load_stationery(
    split: Split,
    cache: str | Path | None = None,
    *,
    writers: bool = False,
    pendigits: bool = False,
) -> Stationery:
    """Return the stationery of a split. All that it draws must be in the cache.

    Arguments are those of `numeye.training.synthetic.generators.make_page_generator`.
    """
    pages = make_page_generator(split, cache, writers=writers, pendigits=pendigits)
    faces = load_faces(FONT_PARTS[split], cache)
    crops = pages.crop_generator
    ranges = replace(crops.ranges, slant=pages.ranges.slant, aspect=1.3, rotation=8.0, bend=0.012)
    return Stationery(
        digits=crops.digits,
        written=pages.written,
        pens=tuple(face for face in faces if face.handwritten),
        presses=tuple(face for face in faces if not face.handwritten),
        ranges=ranges,
        writers=crops.pens,
    )
