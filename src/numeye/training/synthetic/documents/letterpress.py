"""Characters of font files: printed text, and words in handwriting fonts."""

from __future__ import annotations

import functools
import io
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import ImageFont

from numeye.training.synthetic import fonts
from numeye.training.synthetic.documents.page import Composition, Glyph
from numeye.training.synthetic.documents.written_text import NARROW_SPACE, label_in

if TYPE_CHECKING:
    from jaxtyping import UInt8

    Drawing = UInt8[np.ndarray, "height width"]

SAMPLE_PX = 100  # size at which a font's 0 is measured
MIN_FONT_PX = 5
ABSENT = "\uffff"  # no font has it; what is drawn stands for any missing character


@dataclass(frozen=True)
class Face:
    """One font file, at any size.

    Attributes:
        path: where the file is.
        handwritten: whether it is a handwriting font.
    """

    path: Path
    handwritten: bool

    def size_for(self, digit_height: float) -> int:
        """Return the size at which a 0 is about so high, pixels."""
        return max(MIN_FONT_PX, round(digit_height * SAMPLE_PX / _zero_height(self.path)))

    @property
    def stroke_share(self) -> float:
        """Width of the strokes of its letters, in heights of its digits."""
        return _stroke_width(self.path) / _zero_height(self.path)

    def has(self, character: str) -> bool:
        """Return whether the font holds a character."""
        return _has(self.path, character)


@dataclass(frozen=True)
class Press:
    """Prints texts.

    Attributes:
        face: its font.
        level: how dark, 0 to 255.
        spacing: the advance of each character is multiplied by it.
    """

    face: Face
    level: int = 255
    spacing: float = 1.0

    def compose(self, text: str, height: float, _rng: np.random.Generator) -> Composition:
        """Return a text with digits `height` pixels high. `NARROW_SPACE` is a small gap."""
        path, size = self.face.path, self.face.size_for(height)
        x, glyphs = 0.0, list[Glyph]()
        for place, character in enumerate(text):
            if character in " " + NARROW_SPACE:
                space = character_of(path, size, " ").advance
                x += self.spacing * space * (1.0 if character == " " else 0.6)
                continue
            if not self.face.has(character):
                continue
            shape = character_of(path, size, character)
            if shape.mask.size:
                drawing = (shape.mask * np.float32(self.level / 255)).astype(np.uint8)
                word = text.count(" ", 0, place)
                label = label_in(text, place)
                glyphs.append(Glyph(drawing, x + shape.left, shape.top, label, word))
            x += self.spacing * shape.advance
        return Composition(text, tuple(glyphs), x, height)


@dataclass(frozen=True)
class CharacterShape:
    """A character of a font at one size.

    Attributes:
        mask: (h, w), 0 to 255.
        left: first column, from where the character begins.
        top: first row, from the line that it stands on.
        advance: pixels to the next character.
    """

    mask: Drawing
    left: int
    top: int
    advance: float


@functools.lru_cache(maxsize=512)
def _load(path: Path, size: int) -> ImageFont.FreeTypeFont:
    content = io.BytesIO(_read(path))
    return ImageFont.truetype(content, size, layout_engine=ImageFont.Layout.BASIC)


@functools.lru_cache(maxsize=256)
def _read(path: Path) -> bytes:
    return path.read_bytes()


@functools.lru_cache(maxsize=16384)
def character_of(path: Path, size: int, character: str) -> CharacterShape:
    """Return the shape of one character of a font file, cropped to what is drawn."""
    font = _load(path, size)
    image, (left, top) = font.getmask2(character, mode="L", anchor="ls")
    mask = np.array(image, np.uint8).reshape(image.size[1], image.size[0])
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(axis=0))
    advance = float(font.getlength(character))
    if not len(rows):
        return CharacterShape(np.zeros((0, 0), np.uint8), 0, 0, advance)
    cropped = mask[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    return CharacterShape(cropped, int(left + columns[0]), int(top + rows[0]), advance)


@functools.lru_cache(maxsize=256)
def _zero_height(path: Path) -> int:
    return max(1, len(character_of(path, SAMPLE_PX, "0").mask))


@functools.lru_cache(maxsize=256)
def _stroke_width(path: Path) -> float:
    """Return the mean width of the strokes of some letters, at `SAMPLE_PX`."""
    widths = list[float]()
    for letter in "notes":
        mask = np.pad(character_of(path, SAMPLE_PX, letter).mask > 127, 1).astype(np.uint8)
        distances = cv2.distanceTransform(mask, cv2.DIST_L2, 3)
        # Over a stroke of width w, distances from its edge are w/4 in the mean.
        widths.append(4 * float(distances.sum()) / max(int(mask.sum()), 1))
    return max(1.0, float(np.mean(widths)))


@functools.lru_cache(maxsize=16384)
def _has(path: Path, character: str) -> bool:
    shape, absent = (character_of(path, SAMPLE_PX, c) for c in (character, ABSENT))
    return shape.mask.size > 0 and not np.array_equal(shape.mask, absent.mask)


def load_faces(part: fonts.Part, cache: str | Path | None = None) -> tuple[Face, ...]:
    """Return the fonts of a part. `fonts.fetch` must have been called."""
    folder = fonts.fonts_folder(cache)
    return tuple(
        Face(folder / font.file, font.kind == "handwritten")
        for font in fonts.list_fonts()
        if font.part == part
    )
