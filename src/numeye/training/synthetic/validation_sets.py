"""Data sets that are drawn, always the same: `numeye evaluate --data synthetic:NAME`.

All use MNIST digits, fonts and pens that no network learns from. Choices may be made on all but
`strings5`, which has MNIST's test digits.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from numeye.errors import UsageError
from numeye.io import mnist
from numeye.io.datasets import DataSet, open_data
from numeye.models import registry
from numeye.training.synthetic import fonts
from numeye.training.synthetic.documents.document import make_documents
from numeye.training.synthetic.generators import make_page_generator
from numeye.training.synthetic.page_tiles import PageGenerator

if TYPE_CHECKING:
    from jaxtyping import UInt8

    from numeye.io.mnist import OnMessage

    Page = UInt8[np.ndarray, "height width"]

PREFIX = "synthetic:"
SEED = 20_261_124
STRING_COUNT, STRING_DIGITS = 2_000, 5
STRIP_COUNT, STRIP_SERIES = 2_000, 2  # training and calibration use 0, 1 and 3
EMPTY_PAGE_COUNT, EMPTY_PAGE_PX = 100, (700, 1000)  # width, height
LETTER_VARIANTS = 4  # pictures of each letter, the first as its font has it
DOCUMENT_COUNT, DOCUMENT_SEED = 120, 1  # training uses other seeds

Maker = Callable[[Path | None], DataSet]


def open_validation_set(
    name: str, cache: Path | None = None, *, on_message: OnMessage = lambda _: None
) -> DataSet:
    """Draw a data set.

    Args:
        name: a key of `VALIDATION_SETS` behind `PREFIX`.
        cache: folder in which MNIST and the fonts are kept. What is missing is fetched.
        on_message: called with a message after something is fetched.

    Raises:
        UsageError: there is no such data set.
        DataError: MNIST or the fonts are not available.
    """
    maker = VALIDATION_SETS.get(name.removeprefix(PREFIX)) if name.startswith(PREFIX) else None
    if maker is None:
        names = ", ".join(PREFIX + known for known in VALIDATION_SETS)
        raise UsageError(f"no data set {name!r}: expected {names}")
    mnist.fetch(cache, on_message=on_message)
    fonts.fetch(cache, on_message=on_message)
    return replace(maker(cache), name=name)


def draw_strings(data: str, count: int, cache: Path | None = None) -> DataSet:
    """Put five digits side by side on white, with 2 to 8 pixels of paper around each.

    Args:
        data: a split of MNIST.
        count: number of strings.
        cache: folder in which MNIST is kept.
    """
    digits, random = open_data(data, cache=cache), np.random.default_rng(SEED)
    pictures, labels = [], []
    for _ in range(count):
        chosen = random.integers(len(digits), size=STRING_DIGITS)
        # between the frames of 28 pixels, which have 4 empty pixels on each side
        gaps = random.integers(-4, 4, STRING_DIGITS)
        line = np.zeros((36, 8 + 32 * STRING_DIGITS), np.uint8)
        left = 6
        for number, gap in zip(chosen.tolist(), gaps.tolist(), strict=True):
            part = line[4:32, left : left + 28]
            np.maximum(part, np.asarray(digits.pictures[number]), out=part)
            left += 28 + gap
        pictures.append(255 - line[:, : left + 4])
        labels.append("".join(digits.labels[number] for number in chosen.tolist()))
    return DataSet(name="strings", pictures=pictures, labels=tuple(labels), stated_layout="numbers")


def make_pages(cache: Path | None = None) -> PageGenerator:
    """Return the generator of pages with digits that the packaged detector did not learn from."""
    writers = registry.load(registry.DETECTOR).splits_writers
    return make_page_generator("validation", cache, writers=writers)


def draw_strips(count: int, cache: Path | None = None) -> DataSet:
    """Draw numbers, most with signs, on synthetic paper, with the boxes of their characters."""
    pages = make_pages(cache)
    strips = [pages.strip(STRIP_SERIES, number) for number in range(count)]
    return DataSet(
        name="strips",
        pictures=[np.ascontiguousarray(strip.picture) for strip in strips],
        labels=tuple(strip.text for strip in strips),
        boxes=tuple(strip.boxes.astype(np.float64) for strip in strips),
        stated_layout="numbers",
    )


def draw_documents(count: int, cache: Path | None = None) -> DataSet:
    """Draw whole documents: mark sheets, forms, notes and others, scanned and photographed."""
    documents = list(make_documents(count, DOCUMENT_SEED, "validation", cache))
    return DataSet(
        name="documents",
        pictures=[document.picture for document in documents],
        labels=tuple("\n".join(map(" ".join, document.rows)) for document in documents),
        tables=tuple(document.tables for document in documents),
        stated_layout="document",
    )


# --- pictures without a digit


def draw_letters(*, lookalike: bool = False, cache: Path | None = None) -> DataSet:
    """Draw letters and signs of held-out fonts, each in `LETTER_VARIANTS` pictures.

    The first picture of each is the glyph as it is, dark on white. The others are turned a little,
    smaller or larger, slanted, and grey on grey.

    Args:
        lookalike: draw those that only their neighbours tell from a digit, instead of the others.
        cache: folder in which the fonts are kept.
    """
    glyphs, random = fonts.load_glyphs("held-out", cache), np.random.default_rng(SEED)
    masks = [
        mask
        for mask, character in zip(glyphs.masks, glyphs.characters, strict=True)
        if character not in fonts.DIGITS and (character in fonts.LOOKALIKES) == lookalike
    ]
    pictures = [255 - mask for mask in masks]
    for _ in range(LETTER_VARIANTS - 1):
        pictures += [_vary(mask, random) for mask in masks]
    return _without_digits("letters", pictures, "digit")


def _vary(mask: UInt8[np.ndarray, "side side"], random: np.random.Generator) -> Page:
    """Return a glyph turned, slanted and of another size, grey on grey."""
    size = int(random.integers(24, 113))
    angle, slant = random.normal(0, 0.06), random.normal(0, 0.12)
    scale = size / len(mask)
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    matrix = scale * turn @ np.array([[1, -slant], [0, 1]])  # (2, 2)
    middle = np.full(2, len(mask) / 2)
    shift = np.full(2, size / 2) - matrix @ middle  # (2,)
    flags = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    drawn = cv2.warpAffine(mask, np.column_stack([matrix, shift]), (size, size), flags=flags)
    ink, paper = random.uniform(0, 110), random.uniform(170, 255)
    return np.rint(paper + (ink - paper) * (drawn / 255)).astype(np.uint8)


def draw_empty_pages(count: int, cache: Path | None = None) -> dict[str, DataSet]:
    """Draw pages without a number, `count` of each kind: blank, noise, ruled, words."""
    random = np.random.default_rng(SEED)
    kinds: dict[str, Callable[[np.random.Generator, Path | None], Page]] = {
        "blank": _blank_page,
        "noise": _noise_page,
        "ruled": _ruled_page,
        "words": _page_of_words,
    }
    return {
        name: _without_digits(name, [draw(random, cache) for _ in range(count)], "document")
        for name, draw in kinds.items()
    }


def _without_digits(
    name: str, pictures: list[Page], layout: Literal["digit", "document"]
) -> DataSet:
    labels = ("",) * len(pictures)
    return DataSet(name=name, pictures=pictures, labels=labels, stated_layout=layout)


def _empty_page(level: int) -> Page:
    width, height = EMPTY_PAGE_PX
    return np.full((height, width), level, np.uint8)


def _blank_page(random: np.random.Generator, _: Path | None) -> Page:
    return _empty_page(int(random.integers(120, 256)))


def _noise_page(random: np.random.Generator, _: Path | None) -> Page:
    width, height = EMPTY_PAGE_PX
    return random.normal(200, 12, (height, width)).clip(0, 255).astype(np.uint8)


def _ruled_page(random: np.random.Generator, _: Path | None) -> Page:
    """Draw ruled or squared paper."""
    page, step = _empty_page(235), int(random.integers(18, 60))
    page[int(random.integers(step)) :: step] = 150
    if random.random() < 0.5:
        page[:, int(random.integers(step)) :: step] = 150
    return page


def _page_of_words(random: np.random.Generator, cache: Path | None) -> Page:
    """Draw lines of random words without a digit in a held-out font; every sixth has a capital."""
    width, height = EMPTY_PAGE_PX
    page = Image.new("L", (width, height), 245)
    draw, size = ImageDraw.Draw(page), int(random.integers(14, 44))
    held_out = [font for font in fonts.list_fonts() if font.part == "held-out"]
    font = ImageFont.truetype(
        fonts.fonts_folder(cache) / held_out[int(random.integers(len(held_out)))].file, size
    )
    letters = list(fonts.LETTERS[26:])
    for top in range(20, height - 20 - size, int(size * 1.6)):
        words = ["".join(random.choice(letters, int(random.integers(2, 10)))) for _ in range(20)]
        words[::6] = [word.capitalize() for word in words[::6]]
        draw.text((20, top), " ".join(words), fill=40, font=font)
    return np.asarray(page).copy()


VALIDATION_SETS: dict[str, Maker] = {
    "documents": lambda cache: draw_documents(DOCUMENT_COUNT, cache),
    "letters": lambda cache: draw_letters(cache=cache),
    "words": lambda cache: draw_empty_pages(EMPTY_PAGE_COUNT, cache)["words"],
    "strings5": lambda cache: draw_strings("mnist", STRING_COUNT, cache),
    "strings5:validation": lambda cache: draw_strings("mnist:validation", STRING_COUNT, cache),
    "strips": lambda cache: draw_strips(STRIP_COUNT, cache),
}
