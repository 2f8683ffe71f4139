"""Tiles cut out of documents, for the detector: small squares at many scales.

A document takes much longer than a tile, so each gives `TILES_PER_DOCUMENT` tiles.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.models.characters import OTHER
from numeye.training.synthetic.canvas import MAX_CHARACTERS, MIN_VISIBLE_SHARE, UNREADABLE
from numeye.training.synthetic.documents.document import (
    SERIES,
    SyntheticDocument,
    boxes_of,
    make_document,
)
from numeye.training.synthetic.documents.stationery import Stationery
from numeye.training.synthetic.page_tiles import TILE_PX, Tile
from numeye.training.synthetic.signs import label_of
from numeye.training.synthetic.words import MIN_FAINT_LETTER_PX, MIN_LETTER_PX

if TYPE_CHECKING:
    from jaxtyping import Float64, Int64

TILES_PER_DOCUMENT = 24
DIGIT_PX = (12.0, 90.0)  # height of the digits in a tile: of some of the tiles ...
USUAL_DIGIT_PX = (14.0, 40.0)  # ... and of most
USUAL_SHARE = 0.75
SCALES = (0.35, 2.5)  # smallest and largest scale; beyond, a picture has no detail
DIGIT_SHARE, SIGN_SHARE = 0.55, 0.3  # of the tiles are cut around a digit or a sign
ANYWHERE_SHARE = 0.08  # share of the tiles from any place, also where no character is
MIN_TEXT_PX = 8.0  # characters of smaller texts are unreadable
MAX_TILT = 12.0  # degrees; documents that are turned further are straightened first
INVERTED_SHARE = 0.12  # share of the tiles that become light on dark
MAX_TRIES = 8  # places for one tile, until there are not too many characters


class DocumentTiles:
    """A series of tiles, several of each document.

    Args:
        stationery: what the documents are written with.
    """

    def __init__(self, stationery: Stationery) -> None:
        self._stationery = stationery
        self._key: tuple[int, int] | None = None  # seed and index of the document below
        self._document: SyntheticDocument | None = None

    def tile(self, seed: int, index: int) -> Tile:
        """Return tile number `index` of the series `seed`.

        It depends on these two only. Tiles in rising order are fast: a document is drawn once.
        """
        key = seed, index // TILES_PER_DOCUMENT
        if self._document is None or key != self._key:
            self._key, self._document = key, make_document(self._stationery, *key)
        rng = np.random.Generator(np.random.PCG64([seed, index, SERIES, TILE_PX]))
        return document_tile(self._document, rng)


def document_tile(document: SyntheticDocument, rng: np.random.Generator) -> Tile:
    """Cut a random tile of `TILE_PX` a side out of a document."""
    for _ in range(MAX_TRIES):
        tile = cut_tile(document, *_sample_place(document, rng))
        if len(tile.labels) <= MAX_CHARACTERS:
            break
    else:
        tile = _keep_largest(tile)
    if rng.random() < INVERTED_SHARE:
        tile = Tile(picture=255 - tile.picture, labels=tile.labels, boxes=tile.boxes)
    return tile


def cut_tile(
    document: SyntheticDocument, x: float, y: float, scale: float, turn: float = 0.0
) -> Tile:
    """Cut a square of `TILE_PX` a side out of a document.

    Args:
        document: the document.
        x: middle of the square, pixels of the document.
        y: likewise.
        scale: pixels of the tile for each pixel of the document.
        turn: how far the square is turned against the clock before it is cut, degrees.
    """
    matrix = _map_to_tile(x, y, scale, turn)
    picture = _cut_picture(document.picture, x, y, scale, turn)
    outlines = document.outlines @ matrix[:, :2].T + matrix[:, 2]  # (n, 16, 2)
    boxes = boxes_of(outlines.astype(np.float32))
    clipped = np.clip(boxes, 0, TILE_PX)
    sizes, seen = boxes[:, 2:] - boxes[:, :2], clipped[:, 2:] - clipped[:, :2]
    visible = seen.prod(axis=1) / np.maximum(sizes.prod(axis=1), 1e-6)
    high = sizes[:, 1]
    is_letter = document.labels == label_of(OTHER)
    readable = (visible >= MIN_VISIBLE_SHARE) & (scale * document.text_heights >= MIN_TEXT_PX)
    readable &= ~is_letter | (high >= MIN_LETTER_PX)
    labels = np.where(readable, document.labels, UNREADABLE)
    kept = (seen > 0.5).all(axis=1) & (~is_letter | (high >= MIN_FAINT_LETTER_PX))
    return Tile(picture=picture, labels=labels[kept], boxes=clipped[kept])


def _sample_place(
    document: SyntheticDocument, rng: np.random.Generator
) -> tuple[float, float, float, float]:
    """Return the middle of a tile, its scale and its turn."""
    height, width = document.picture.shape
    turn = _sample_turn(document.turned, rng)
    chosen = np.flatnonzero(document.labels != UNREADABLE)
    if not len(chosen) or rng.random() < ANYWHERE_SHARE:
        x, y = rng.uniform(0, width), rng.uniform(0, height)
        return x, y, float(np.exp(rng.uniform(*np.log((0.5, 1.6))))), turn
    number = _sample_character(document, chosen, rng)
    usual = rng.random() < USUAL_SHARE
    height_px = np.exp(rng.uniform(*np.log(USUAL_DIGIT_PX if usual else DIGIT_PX)))
    scale = float(np.clip(height_px / document.text_heights[number], *SCALES))
    middle = document.outlines[number].mean(axis=0)
    x, y = middle + rng.uniform(-0.45, 0.45, 2) * TILE_PX / scale
    return _keep_inside(x, width, scale), _keep_inside(y, height, scale), scale, turn


def _sample_character(
    document: SyntheticDocument, chosen: Int64[np.ndarray, " n"], rng: np.random.Generator
) -> int:
    """Return a character: mostly a digit, and rare signs as often as usual ones."""
    labels, chance = document.labels[chosen], rng.random()
    if chance < DIGIT_SHARE and (labels < 10).any():
        chosen = chosen[labels < 10]
    elif chance < DIGIT_SHARE + SIGN_SHARE and (labels >= 10).any():
        label = rng.choice(np.unique(labels[labels >= 10]))
        chosen = chosen[labels == label]
    return int(rng.choice(chosen))


def _keep_inside(place: float, side: int, scale: float) -> float:
    """Return a place so far from both borders that the tile fits, if it can."""
    margin = min(TILE_PX / scale, side) / 2
    return float(np.clip(place, margin, side - margin))


def _sample_turn(turned: float, rng: np.random.Generator) -> float:
    """Return the turn that makes the text about level."""
    if abs(turned) <= MAX_TILT:
        return 0.0
    return -turned + rng.normal(0, 3)


def _map_to_tile(x: float, y: float, scale: float, turn: float) -> Float64[np.ndarray, "2 3"]:
    """Return the affine map from pixels of the document to pixels of the tile."""
    angle = np.deg2rad(turn)
    rotation = scale * np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    shift = TILE_PX / 2 - rotation @ [x, y]
    return np.concatenate([rotation, shift[:, None]], axis=1)


def _cut_picture(picture: np.ndarray, x: float, y: float, scale: float, turn: float) -> np.ndarray:
    """Return the pixels of the tile. Beyond the border, the picture's edge goes on."""
    matrix = _map_to_tile(x, y, scale, turn)
    if scale < 0.75:  # average pixels first, so that thin strokes do not vanish
        factor = scale
        reach = TILE_PX / scale  # around the middle, enough for any turn
        left, top = max(0, int(x - reach)), max(0, int(y - reach))
        part = picture[top : int(y + reach) + 1, left : int(x + reach) + 1]
        if part.size:
            size = tuple(max(1, round(side * factor)) for side in part.shape[::-1])
            small = cv2.resize(part, size, interpolation=cv2.INTER_AREA)
            ratio = np.array([part.shape[1] / size[0], part.shape[0] / size[1]])
            # pixel centres: a pixel p of the small picture is ratio * (p + 0.5) - 0.5 of the part
            back = np.diag([*ratio, 1.0])
            back[:2, 2] = 0.5 * ratio - 0.5 + [left, top]
            matrix, picture = (np.vstack([matrix, [0, 0, 1]]) @ back)[:2], small
    return np.asarray(
        cv2.warpAffine(
            picture,
            matrix,
            (TILE_PX, TILE_PX),
            flags=cv2.INTER_LINEAR,
            borderMode=cv2.BORDER_REPLICATE,
        ),
        np.uint8,
    )


def _keep_largest(tile: Tile) -> Tile:
    """Return a tile with the largest of too many characters."""
    areas = (tile.boxes[:, 2:] - tile.boxes[:, :2]).prod(axis=1)
    kept = np.sort(np.argsort(areas)[-MAX_CHARACTERS:])
    return Tile(picture=tile.picture, labels=tile.labels[kept], boxes=tile.boxes[kept])
