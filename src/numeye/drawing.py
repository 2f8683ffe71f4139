"""Boxes and answers drawn on a picture, coloured by how sure they are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from jaxtyping import UInt8

# Okabe and Ito's colours, told apart by colour-blind people too: sure, doubtful, rejected.
SURE, DOUBTFUL, REJECTED = "#009e73", "#e69f00", "#d55e00"
DOUBT_BELOW = 0.9
FRAME = "#56b4e9"  # what the network was shown
LARGEST = 160  # pixels of writing
LEAST = 160  # pixels of the longer side: a smaller picture is enlarged, so that the writing on it can be read


@dataclass(frozen=True, kw_only=True)
class Mark:
    """A box on a picture.

    Attributes:
        box: x, y, width, height in pixels of the picture.
        colour: of its outline.
        label: what stands above it.
        dashed: whether it is drawn in dashes; then it may go past the picture's edges.
    """

    box: tuple[int, int, int, int]
    colour: str
    label: str = ""
    dashed: bool = False


def colour(confidence: float, rejected: str | None) -> str:
    """How sure an answer is."""
    if rejected:
        return REJECTED
    return DOUBTFUL if confidence < DOUBT_BELOW else SURE


def draw(picture: UInt8[np.ndarray, "height width"], marks: Sequence[Mark], caption: str) -> Image.Image:
    """The picture with marks on it and a line of text below."""
    image = Image.fromarray(picture).convert("RGB")
    if max(image.size) < LEAST:
        factor = -(-LEAST // max(image.size))
        image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
    scale = image.width / picture.shape[1]
    size = max(12, min(max(image.size) // 28, min(image.size), LARGEST))
    font, line = ImageFont.load_default(size), max(1, size // 8)
    for mark in marks:
        if mark.dashed:
            _dash(ImageDraw.Draw(image), _scaled(mark, scale), mark.colour, max(1, line // 2))
    canvas = Image.new("RGB", (max(image.width, size * 9), image.height + round(size * 1.6)), "white")
    canvas.paste(image, (0, 0))
    on = ImageDraw.Draw(canvas)
    for mark in marks:
        if not mark.dashed:
            _box(on, mark, _scaled(mark, scale), line, size)
    on.text((size // 3, image.height + size // 6), caption, fill="black", font=font)
    return canvas


def _box(draw: ImageDraw.ImageDraw, mark: Mark, box: tuple[float, float, float, float], line: int, size: int) -> None:
    """The outline of a box, and its label above it, or below where there is no room; both smaller for a small box."""
    x, y, width, height = box
    thin = max(1, min(line, round(height / 12)))
    draw.rectangle((x, y, x + width - 1, y + height - 1), outline=mark.colour, width=thin)
    if mark.label:
        letters = max(10, min(size, round(height * 0.55)))
        style: dict[str, Any] = {"fill": mark.colour, "stroke_width": 1, "stroke_fill": "white"}
        above = y > letters
        at, anchor = ((x, y), "lb") if above else ((x, y + height), "lt")
        draw.text(at, mark.label, font=ImageFont.load_default(letters), anchor=anchor, **style)


def _scaled(mark: Mark, scale: float) -> tuple[float, float, float, float]:
    x, y, width, height = (value * scale for value in mark.box)
    return x, y, width, height


def _dash(draw: ImageDraw.ImageDraw, box: tuple[float, float, float, float], fill: str, line: int) -> None:
    """The outline of a box in dashes; what lies outside the picture is cut off."""
    x, y, width, height = box
    step = 4 * line + 2
    for start in range(0, round(max(width, height)), 2 * step):
        for edge in (y, y + height - 1):
            draw.line((x + start, edge, min(x + start + step, x + width), edge), fill=fill, width=line)
        for edge in (x, x + width - 1):
            draw.line((edge, y + start, edge, min(y + start + step, y + height)), fill=fill, width=line)
