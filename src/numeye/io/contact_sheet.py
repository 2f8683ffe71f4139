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

GAP_PX = 8
HEADING_PX = 40  # height of the title
CAPTION_PX = 38  # height of two lines of text below a picture
LINE_PX = 16
TITLE_FONT_PX, CAPTION_FONT_PX = 18, 13
MAX_LINES = 2
TEXT_COLOUR, MUTED_COLOUR = "#1b1b1b", "#5c5c5c"
BACKGROUND_COLOUR, BORDER_COLOUR = "#ffffff", "#d5d5d5"
PADDING_LEVEL = 128  # grey around a picture that is not square


@dataclass(frozen=True, kw_only=True)
class Tile:
    """A picture and the lines below it.

    Attributes:
        picture: (height, width) uint8 grey.
        lines: at most two short lines; the first is darker.
    """

    picture: UInt8[np.ndarray, "height width"]
    lines: Sequence[str]


def contact_sheet(
    title: str, tiles: Sequence[Tile], *, side: int = 96, columns: int = 8
) -> Image.Image:
    """Draw tiles row by row below a title.

    Args:
        title: one line.
        tiles: any number. A small picture is enlarged so that each pixel stays visible.
        side: of each picture, in pixels.
        columns: the most tiles in a row.
    """
    columns = max(1, min(columns, len(tiles)))
    rows = -(-len(tiles) // columns)
    cell_width, cell_height = side + GAP_PX, side + CAPTION_PX + GAP_PX
    heading = ImageFont.load_default(TITLE_FONT_PX)
    caption = ImageFont.load_default(CAPTION_FONT_PX)
    width = max(columns * cell_width + GAP_PX, round(heading.getlength(title)) + 2 * GAP_PX)
    size = width, HEADING_PX + rows * cell_height + GAP_PX
    sheet = Image.new("RGB", size, BACKGROUND_COLOUR)
    draw = ImageDraw.Draw(sheet)
    draw.text((GAP_PX, GAP_PX), title, fill=TEXT_COLOUR, font=heading)
    for number, tile in enumerate(tiles):
        x = GAP_PX + number % columns * cell_width
        y = HEADING_PX + number // columns * cell_height
        sheet.paste(_fit_square(tile.picture, side), (x, y))
        draw.rectangle((x - 1, y - 1, x + side, y + side), outline=BORDER_COLOUR)
        for row, line in enumerate(tile.lines[:MAX_LINES]):
            colour = MUTED_COLOUR if row else TEXT_COLOUR
            draw.text((x, y + side + 2 + row * LINE_PX), line, fill=colour, font=caption)
    return sheet


def png_bytes(picture: Image.Image) -> bytes:
    """Return the bytes of a PNG file."""
    buffer = io.BytesIO()
    picture.save(buffer, format="PNG", optimize=True)
    return buffer.getvalue()


def png_data_url(picture: Image.Image) -> str:
    """Return a picture as a `data:` URL, for use within a page."""
    return "data:image/png;base64," + base64.b64encode(png_bytes(picture)).decode("ascii")


def _fit_square(picture: UInt8[np.ndarray, "height width"], side: int) -> Image.Image:
    """Return a picture in the middle of a square, with its proportions kept."""
    height, width = picture.shape
    factor = side / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    resampling = Image.Resampling.NEAREST if factor > 1 else Image.Resampling.BOX
    square = Image.new("L", (side, side), PADDING_LEVEL)
    resized = Image.fromarray(picture).resize(size, resampling)
    square.paste(resized, ((side - size[0]) // 2, (side - size[1]) // 2))
    return square
