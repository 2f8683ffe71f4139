"""The rows of pools: crops, and tiles and lines of drawn pages and of whole documents."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from numeye.recognition.transcription.line_pictures import LINE_HEIGHT_PX, LINE_WIDTHS_PX
from numeye.training.synthetic.canvas import MAX_CHARACTERS
from numeye.training.synthetic.documents.stationery import load_stationery
from numeye.training.synthetic.documents.tiles import DocumentTiles
from numeye.training.synthetic.generators import make_crop_generator, make_page_generator
from numeye.training.synthetic.lines.document_lines import DocumentLines
from numeye.training.synthetic.lines.drawn_lines import DrawnLines
from numeye.training.synthetic.lines.line import MAX_LINE_CHARACTERS
from numeye.training.synthetic.specs import (
    DOCUMENT_EVERY,
    LineSpec,
    PoolSpec,
    Row,
    Spec,
    TileSpec,
)


def make_row_function(spec: Spec, cache: str | None) -> Callable[[int], Row]:
    """Return a function that makes row number n of a pool, as `spec.row` stores it."""
    if isinstance(spec, LineSpec):
        return _make_line_row_function(spec, cache)
    if isinstance(spec, TileSpec):
        return _make_tile_row_function(spec, cache)
    return _make_crop_row_function(spec, cache)


def _make_crop_row_function(spec: PoolSpec, cache: str | None) -> Callable[[int], Row]:
    generator = make_crop_generator(spec, cache)

    def make_row(number: int) -> Row:
        crop = generator.crop(spec.seed, number)
        return crop.picture, crop.label, crop.box

    return make_row


def _make_tile_row_function(spec: TileSpec, cache: str | None) -> Callable[[int], Row]:
    generator = make_page_generator(
        spec.split, cache, writers=spec.writers, pendigits=spec.pendigits
    )

    stationery = load_stationery(spec.split, cache, writers=spec.writers, pendigits=spec.pendigits)
    documents = DocumentTiles(stationery)

    def make_row(number: int) -> Row:
        if number % DOCUMENT_EVERY:
            tile = generator.tile(spec.seed, number)
        else:
            tile = documents.tile(spec.seed, number // DOCUMENT_EVERY)
        empty = MAX_CHARACTERS - len(tile.labels)
        labels = np.pad(tile.labels, (0, empty))  # (MAX_CHARACTERS,)
        boxes = np.pad(tile.boxes, ((0, empty), (0, 0)))  # (MAX_CHARACTERS, 4)
        return tile.picture, len(tile.labels), labels, boxes

    return make_row


def _make_line_row_function(spec: LineSpec, cache: str | None) -> Callable[[int], Row]:
    pages = make_page_generator(spec.split, cache, writers=spec.writers, pendigits=spec.pendigits)
    stationery = load_stationery(spec.split, cache, writers=spec.writers, pendigits=spec.pendigits)
    drawn, of_documents = DrawnLines(pages), DocumentLines(stationery)

    def make_row(number: int) -> Row:
        line = None
        if number % DOCUMENT_EVERY == 0:
            line = of_documents.line(spec.seed, number // DOCUMENT_EVERY)
        line = line or drawn.line(spec.seed, number)
        picture = np.zeros((LINE_HEIGHT_PX, LINE_WIDTHS_PX[1]), np.uint8)
        width, count = line.picture.shape[1], len(line.labels)
        picture[:, :width] = line.picture
        return picture, width, count, np.pad(line.labels, (0, MAX_LINE_CHARACTERS - count))

    return make_row
