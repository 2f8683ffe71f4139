"""Generators of crops and tiles for a spec: with the MNIST digits and the fonts of its split."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from numeye.io.pendigits import load as load_trajectories
from numeye.models.probabilities import NO_DIGIT
from numeye.training.synthetic import fonts
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.distance_fields import (
    DistanceFields,
    edge_field,
    encode_field,
    load_mnist_fields,
    skeleton_field,
    skeletons,
)
from numeye.training.synthetic.glyph_sources import PenSource, group_by_writer
from numeye.training.synthetic.page_tiles import PageGenerator
from numeye.training.synthetic.specs import (
    FONT_PARTS,
    PoolSpec,
    Split,
)
from numeye.training.synthetic.words import WordWriter

if TYPE_CHECKING:
    from jaxtyping import Bool, Int64


@lru_cache(maxsize=2)
def make_crop_generator(spec: PoolSpec, cache: str | Path | None = None) -> CropGenerator:
    """Return the generator of a pool of crops. All that it draws must be in the cache."""
    digits = load_mnist_fields(spec.split, cache, writers=spec.writers)
    printed, written, letters = load_glyph_fields(FONT_PARTS[spec.split], cache)
    return CropGenerator(
        digits=digits,
        printed=printed,
        written=written,
        letters=letters,
        pens=_load_pens(cache) if spec.pendigits and spec.split == "fit" else (),
        size=spec.size,
        without=spec.without,
    )


@lru_cache(maxsize=2)
def make_page_generator(
    split: Split,
    cache: str | Path | None = None,
    *,
    writers: bool = False,
    pendigits: bool = False,
) -> PageGenerator:
    """Return the generator of a pool of tiles. All that it draws must be in the cache.

    Args:
        split: as in `TileSpec`, like `writers` and `pendigits`.
        cache: folder in which MNIST, the fonts and pendigits are kept.
        writers: whether MNIST's digits are split by their writers.
        pendigits: whether pen trajectories are among the digits to learn from.
    """
    glyphs = fonts.load_glyphs(FONT_PARTS[split], cache)
    is_digit = np.array([character in fonts.DIGITS for character in glyphs.characters])
    spec = PoolSpec(split=split, writers=writers, pendigits=pendigits)
    crop_generator = make_crop_generator(spec, cache)
    written = crop_generator.written
    handwriting_fonts = _group_by_font(glyphs, is_digit & glyphs.handwritten)
    return PageGenerator(
        crop_generator=crop_generator,
        words=_make_word_writer(glyphs),
        printed=_group_by_font(glyphs, is_digit & ~glyphs.handwritten),
        written=[written.select(numbers) for numbers in handwriting_fonts] if written else [],
    )


def _load_pens(cache: str | Path | None) -> list[PenSource]:
    """Return the writers of the trajectories to learn from; those of the other part are not drawn.

    Raises:
        DataError: pendigits is missing or damaged.
    """
    return group_by_writer(load_trajectories("train", cache))


def _make_word_writer(glyphs: fonts.Glyphs) -> WordWriter:
    """Return a writer of words with these glyphs."""
    edges = np.stack([encode_field(edge_field(mask)) for mask in glyphs.masks])
    characters = dict[str, dict[str, int]]()
    for place, (font, character) in enumerate(zip(glyphs.fonts, glyphs.characters, strict=True)):
        characters.setdefault(font, {})[character] = place
    return WordWriter(
        fields=DistanceFields(edge=edges, skeleton=None, labels=np.full(len(edges), NO_DIGIT)),
        heights=glyphs.heights,
        descents=glyphs.descents,
        fonts=list(characters.values()),
    )


def _group_by_font(
    glyphs: fonts.Glyphs, chosen: Bool[np.ndarray, " n"]
) -> list[Int64[np.ndarray, " k"]]:
    """Return for each font the indices of its glyphs among the chosen ones."""
    names = np.array(glyphs.fonts)[chosen]
    return [np.flatnonzero(names == name) for name in dict.fromkeys(names.tolist())]


def load_glyph_fields(
    part: Literal["train", "held-out"], cache: str | Path | None = None
) -> tuple[DistanceFields, DistanceFields, DistanceFields]:
    """Return the fields of printed digits, of handwritten digits, and of other characters.

    Lookalikes of digits, points and commas are left out of the other characters.
    """
    glyphs = fonts.load_glyphs(part, cache)
    labels = np.array(
        [int(c) if c in fonts.DIGITS else NO_DIGIT for c in glyphs.characters], np.int64
    )  # (n,)
    unambiguous = np.array([c not in fonts.LOOKALIKES + fonts.POINTS for c in glyphs.characters])
    edges = np.stack([encode_field(edge_field(mask)) for mask in glyphs.masks])  # (n, 56, 56)
    is_digit, letters = labels < NO_DIGIT, (labels == NO_DIGIT) & unambiguous
    printed, written = is_digit & ~glyphs.handwritten, is_digit & glyphs.handwritten
    thinned = skeletons(glyphs.masks[written] > 127)  # (k, 56, 56)
    skeleton = np.stack([encode_field(skeleton_field(mask)) for mask in thinned])
    return (
        DistanceFields(edge=edges[printed], skeleton=None, labels=labels[printed]),
        DistanceFields(edge=edges[written], skeleton=skeleton, labels=labels[written]),
        DistanceFields(edge=edges[letters], skeleton=None, labels=labels[letters]),
    )
