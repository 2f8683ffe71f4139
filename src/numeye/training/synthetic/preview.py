"""Contact sheets of synthetic crops, tiles of pages or documents, with what is on each."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import cv2
import numpy as np
from PIL import Image

from numeye.io.contact_sheet import Tile, contact_sheet
from numeye.io.files import write_bytes
from numeye.models.characters import CHARACTERS
from numeye.models.probabilities import NO_DIGIT
from numeye.training.synthetic import fonts
from numeye.training.synthetic.canvas import UNREADABLE, Bounds
from numeye.training.synthetic.digit_crops import Crop
from numeye.training.synthetic.documents.document import SyntheticDocument, make_documents
from numeye.training.synthetic.generators import make_crop_generator, make_page_generator
from numeye.training.synthetic.page_tiles import Tile as PageTile
from numeye.training.synthetic.specs import PoolSpec

if TYPE_CHECKING:
    from jaxtyping import UInt8

CROP_COUNT, TILE_COUNT, DOCUMENT_COUNT = 120, 40, 20
DOCUMENT_SIDE_PX = 360  # of a document on its sheet
ENLARGEMENT = 2


def write_preview(
    path: Path,
    kind: str = "paper",
    *,
    seed: int = 0,
    cache: str | Path | None = None,
    without: tuple[str, ...] = (),
    progress: Callable[[str], object] = lambda _: None,
) -> Path:
    """Write a contact sheet of the first pictures of a series, and return its path.

    Args:
        path: PNG file to write.
        kind: `paper` for crops, `pages` for tiles, or `documents`.
        seed: number of the series; the recipes learn from series 0.
        cache: folder in which MNIST and the fonts are kept. What is missing is fetched.
        without: families of augmentations to leave out of crops; see
            `numeye.training.synthetic.parameters.FAMILIES`.
        progress: called with a message before something is fetched.

    Raises:
        UsageError: there is no such family.
        DataError: MNIST or the fonts are not available.
        OutputError: the file cannot be written.
    """
    fonts.fetch(cache, on_message=progress)
    if kind == "paper":
        sheet = _crop_sheet(seed, without, cache)
    else:
        sheet = (_tile_sheet if kind == "pages" else _document_sheet)(seed, cache)
    buffer = io.BytesIO()
    sheet.save(buffer, format="PNG")
    write_bytes(path, buffer.getvalue())
    return path


def _crop_sheet(seed: int, without: tuple[str, ...], cache: str | Path | None) -> Image.Image:
    generator = make_crop_generator(PoolSpec(split="validation", seed=seed, without=without), cache)
    title = _title("paper", seed, f"{CROP_COUNT} crops")
    crops = (generator.crop(seed, number) for number in range(CROP_COUNT))
    return contact_sheet(title, [_captioned_crop(crop) for crop in crops], columns=15)


def _tile_sheet(seed: int, cache: str | Path | None) -> Image.Image:
    generator = make_page_generator("validation", cache)
    title = _title("pages", seed, f"{TILE_COUNT} tiles")
    tiles = (generator.tile(seed, number) for number in range(TILE_COUNT))
    return contact_sheet(title, [_captioned_tile(tile) for tile in tiles], side=320, columns=5)


def _document_sheet(seed: int, cache: str | Path | None) -> Image.Image:
    title = _title("documents", seed, f"{DOCUMENT_COUNT} documents")
    documents = make_documents(DOCUMENT_COUNT, seed, "validation", cache)
    tiles = [_captioned_document(document) for document in documents]
    return contact_sheet(title, tiles, side=DOCUMENT_SIDE_PX, columns=5)


def _captioned_document(document: SyntheticDocument) -> Tile:
    """Return a document with its kind and its first numbers below it."""
    scale = DOCUMENT_SIDE_PX / max(document.picture.shape)
    method = cv2.INTER_AREA if scale < 1 else cv2.INTER_LINEAR
    small = cv2.resize(document.picture, None, fx=scale, fy=scale, interpolation=method)
    numbers = [number for row in document.rows for number in row]
    lines = (f"{document.kind}, {len(numbers)} numbers", " ".join(numbers)[:44])
    return Tile(picture=np.asarray(small), lines=lines)


def _title(kind: str, seed: int, pictures: str) -> str:
    return f"synthetic {kind}, seed {seed}: the first {pictures} of the digits and fonts held back"


def _captioned_tile(tile: PageTile) -> Tile:
    """Return a tile with a frame around each digit, grey where it is unreadable."""
    picture = _enlarge(tile.picture)
    level = 255 if picture.mean() < 128 else 0
    for label, box in zip(tile.labels.tolist(), tile.boxes.tolist(), strict=True):
        _draw_frame(picture, box, 128 if label == UNREADABLE else level)
    readable = [CHARACTERS[label] for label in tile.labels.tolist() if label != UNREADABLE]
    return Tile(picture=picture, lines=(" ".join(readable[:20]) or "no digit",))


def _captioned_crop(crop: Crop) -> Tile:
    """Return a crop with a frame around its digit."""
    picture = _enlarge(crop.picture)
    if crop.label == NO_DIGIT:
        return Tile(picture=picture, lines=("no digit",))
    _draw_frame(picture, crop.box, 255 if picture.mean() < 128 else 0)
    return Tile(picture=picture, lines=(str(crop.label),))


def _enlarge(picture: UInt8[np.ndarray, "h w"]) -> UInt8[np.ndarray, "2h 2w"]:
    scale, method = ENLARGEMENT, cv2.INTER_NEAREST
    return np.asarray(cv2.resize(picture, None, fx=scale, fy=scale, interpolation=method))


def _draw_frame(picture: UInt8[np.ndarray, "h w"], box: Bounds, level: int) -> None:
    left, top, right, bottom = (round(ENLARGEMENT * side) for side in box)
    cv2.rectangle(picture, (left, top), (right - 1, bottom - 1), level, 1)
