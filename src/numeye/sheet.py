"""Contact sheets: many small pictures with a caption each, as one image."""

from __future__ import annotations

import base64
import io
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from jaxtyping import UInt8

GAP = 8
INK, MUTED, PAPER, FRAME = "#1b1b1b", "#5c5c5c", "#ffffff", "#d5d5d5"


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A picture and what stands below it, one line each.

    Attributes:
        picture: (height, width) uint8 grey.
        lines: at most two short lines; the first is set bolder.
    """

    picture: UInt8[np.ndarray, "height width"]
    lines: Sequence[str]


def contact_sheet(title: str, tiles: Sequence[Tile], *, side: int = 96, columns: int = 8) -> Image.Image:
    """Draw the tiles row by row below a title; small pictures are enlarged so that each pixel stays visible."""
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    cell_width, cell_height = side + GAP, side + 38 + GAP
    heading, caption = ImageFont.load_default(18), ImageFont.load_default(13)
    width = max(columns * cell_width + GAP, round(heading.getlength(title)) + 2 * GAP)
    sheet = Image.new("RGB", (width, 40 + rows * cell_height + GAP), PAPER)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP, GAP), title, fill=INK, font=heading)
    for number, tile in enumerate(tiles):
        x = GAP + number % columns * cell_width
        y = 40 + number // columns * cell_height
        sheet.paste(_fitted(tile.picture, side), (x, y))
        draw.rectangle((x - 1, y - 1, x + side, y + side), outline=FRAME)
        for row, line in enumerate(tile.lines[:2]):
            draw.text((x, y + side + 2 + row * 16), line, fill=MUTED if row else INK, font=caption)
    return sheet


def to_png(picture: Image.Image) -> bytes:
    """The bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def to_url(picture: Image.Image) -> str:
    """A picture as it stands within a page."""
    return "data:image/png;base64," + base64.b64encode(to_png(picture)).decode("ascii")


def _fitted(picture: np.ndarray, side: int) -> Image.Image:
    """In the middle of a square of `side` pixels, its proportions kept."""
    height, width = picture.shape
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    how = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    square = Image.new("L", (side, side), 128)
    square.paste(Image.fromarray(picture).resize(size, how), ((side - size[0]) // 2, (side - size[1]) // 2))
    return square
