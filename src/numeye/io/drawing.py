"""Draws boxes and answers on a picture, in colours that show the confidence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

if TYPE_CHECKING:
    from jaxtyping import UInt8

# Colours of Okabe and Ito (https://jfly.uni-koeln.de/color/), which colour-blind people can tell
# apart, too.
ACCEPTED_COLOUR, DOUBTFUL_COLOUR, REJECTED_COLOUR = "#009e73", "#e69f00", "#d55e00"
FRAME_COLOUR = "#56b4e9"  # of the crop that the network saw
STRUCK_OUT_COLOUR = "#999999"  # of a number that is crossed out
DOUBTFUL_BELOW = 0.9  # confidence
MIN_FONT_PX, MAX_FONT_PX = 12, 160
MIN_LABEL_PX = 10
MIN_LONGER_SIDE_PX = 160  # a smaller picture is enlarged, so that text on it can be read

FloatBox = tuple[float, float, float, float]  # x, y, width, height in pixels
Corners = Sequence[tuple[float, float]]  # x, y in pixels


@dataclass(frozen=True, kw_only=True)
class Annotation:
    """A box to draw on a picture.

    Attributes:
        box: x, y, width, height in pixels of the picture.
        colour: of the outline, such as "#009e73".
        label: the text above the box.
        dashed: whether the outline is dashed; then the box may extend beyond the picture.
        quad: the corners of an outline that is drawn instead of the box; None to draw the box.
    """

    box: tuple[int, int, int, int]
    colour: str
    label: str = ""
    dashed: bool = False
    quad: Corners | None = None


def confidence_colour(confidence: float, rejected: str | None) -> str:
    """Return the colour for a confidence (0 to 1), or for a rejected answer."""
    if rejected:
        return REJECTED_COLOUR
    return DOUBTFUL_COLOUR if confidence < DOUBTFUL_BELOW else ACCEPTED_COLOUR


def draw_annotations(
    picture: UInt8[np.ndarray, "height width"], annotations: Sequence[Annotation], caption: str
) -> Image.Image:
    """Return a picture with boxes on it, and a line of text below it."""
    image = _enlarge(Image.fromarray(picture).convert("RGB"))
    scale = image.width / picture.shape[1]
    font_px = min(max(image.size) // 28, min(image.size), MAX_FONT_PX)
    font_px = max(MIN_FONT_PX, font_px)
    line_px = max(1, font_px // 8)
    for annotation in annotations:
        if annotation.dashed:  # cut at the edge of the picture, so drawn before the canvas grows
            box = _scale_box(annotation, scale)
            _draw_dashed_box(ImageDraw.Draw(image), box, annotation.colour, max(1, line_px // 2))
    canvas_size = max(image.width, font_px * 9), image.height + round(font_px * 1.6)
    canvas = Image.new("RGB", canvas_size, "white")
    canvas.paste(image, (0, 0))
    draw = ImageDraw.Draw(canvas)
    for annotation in annotations:
        if not annotation.dashed:
            _draw_outline(draw, annotation, scale, line_px)
            _draw_label(draw, annotation, _scale_box(annotation, scale), font_px)
    font = ImageFont.load_default(font_px)
    draw.text((font_px // 3, image.height + font_px // 6), caption, fill="black", font=font)
    return canvas


def _enlarge(image: Image.Image) -> Image.Image:
    """Return a small image enlarged by a whole number; others as they are."""
    if max(image.size) >= MIN_LONGER_SIDE_PX:
        return image
    factor = -(-MIN_LONGER_SIDE_PX // max(image.size))
    return image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)


def _draw_outline(
    draw: ImageDraw.ImageDraw, annotation: Annotation, scale: float, line_px: int
) -> None:
    """Draw a box, or the corners that replace it; that of a small box is thinner."""
    x, y, width, height = _scale_box(annotation, scale)
    outline_px = max(1, min(line_px, round(height / 12)))
    if annotation.quad is None:
        corners = (x, y, x + width - 1, y + height - 1)
        draw.rectangle(corners, outline=annotation.colour, width=outline_px)
    else:
        points = [(across * scale, down * scale) for across, down in annotation.quad]
        draw.polygon(points, outline=annotation.colour, width=outline_px)


def _draw_label(
    draw: ImageDraw.ImageDraw, annotation: Annotation, box: FloatBox, font_px: int
) -> None:
    """Draw the label above a box, or below it where there is no room above.

    That of a small box is smaller.
    """
    x, y, _, height = box
    if annotation.label:
        label_px = max(MIN_LABEL_PX, min(font_px, round(height * 0.55)))
        style: dict[str, Any] = {
            "fill": annotation.colour,
            "stroke_width": 1,
            "stroke_fill": "white",
        }
        has_room_above = y > label_px
        position, anchor = ((x, y), "lb") if has_room_above else ((x, y + height), "lt")
        font = ImageFont.load_default(label_px)
        draw.text(position, annotation.label, font=font, anchor=anchor, **style)


def _scale_box(annotation: Annotation, scale: float) -> FloatBox:
    x, y, width, height = (value * scale for value in annotation.box)
    return x, y, width, height


def _draw_dashed_box(draw: ImageDraw.ImageDraw, box: FloatBox, colour: str, line_px: int) -> None:
    """Draw the outline of a box in dashes."""
    x, y, width, height = box
    dash_px = 4 * line_px + 2
    for start in range(0, round(max(width, height)), 2 * dash_px):
        right, bottom = min(start + dash_px, width), min(start + dash_px, height)
        for edge in (y, y + height - 1):
            draw.line((x + start, edge, x + right, edge), fill=colour, width=line_px)
        for edge in (x, x + width - 1):
            draw.line((edge, y + start, edge, y + bottom), fill=colour, width=line_px)
