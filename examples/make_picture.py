"""Draw the README's picture: samples, the steps of their framing and the answers of `classic`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import numeye
from numeye.io import images

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "pictures" / "at-work.png"
SHOWN = ("2-corner.jpg", "5-chalk.png", "7-turned.jpg", "blank.png")
COLUMNS = ("a picture", "its ink", "its strokes", "what the network sees", "what it answers")
SIDE_PX, GAP_PX, TOP_PX, LEFT_PX = 150, 14, 34, 14
# The framing is that of `classic`; the default model localizes digits instead.
READER = numeye.Reader("classic")
TEXT_COLOUR, MUTED_COLOUR, BAR_COLOUR, BEST_COLOUR = "#1b1b1b", "#5c5c5c", "#b8c4cc", "#0072b2"


def tile(picture: np.ndarray) -> Image.Image:
    """Return a picture in the middle of a square; small ones keep visible pixels."""
    factor = SIDE_PX / max(picture.shape)
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    resampling = Image.Resampling.NEAREST if factor > 3 else Image.Resampling.LANCZOS
    square = Image.new("L", (SIDE_PX, SIDE_PX), 225)
    square.paste(
        Image.fromarray(picture).resize(size, resampling),
        ((SIDE_PX - size[0]) // 2, (SIDE_PX - size[1]) // 2),
    )
    return square


def draw_answer(draw: ImageDraw.ImageDraw, x: int, y: int, reading: numeye.Reading) -> None:
    """Draw an answer, and a bar for the probability of each digit."""
    if reading.rejected:
        draw.text(
            (x, y + SIDE_PX // 2 - 14),
            f"no digit: {reading.rejected}",
            fill=TEXT_COLOUR,
            font=ImageFont.load_default(20),
        )
        return
    answer = f"{reading.text}   {reading.confidence:.1%}"
    draw.text((x, y), answer, fill=TEXT_COLOUR, font=ImageFont.load_default(26))
    for digit, probability in enumerate(reading.digits[0].probabilities):
        left, bottom = x + digit * 17, y + SIDE_PX - 18
        colour = BEST_COLOUR if digit == reading.digits[0].digit else BAR_COLOUR
        draw.rectangle((left, bottom - 1 - probability * 80, left + 12, bottom), fill=colour)
        draw.text(
            (left + 3, bottom + 3), str(digit), fill=MUTED_COLOUR, font=ImageFont.load_default(12)
        )


def main() -> None:
    """Write the picture."""
    sheet = Image.new(
        "RGB",
        (LEFT_PX + 5 * (SIDE_PX + GAP_PX) + 40, TOP_PX + len(SHOWN) * (SIDE_PX + GAP_PX)),
        "white",
    )
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(COLUMNS):
        draw.text(
            (LEFT_PX + column * (SIDE_PX + GAP_PX), 10),
            title,
            fill=MUTED_COLOUR,
            font=ImageFont.load_default(14),
        )
    for row, name in enumerate(SHOWN):
        y = TOP_PX + row * (SIDE_PX + GAP_PX)
        (page,) = images.pages(HERE / "digits" / name)
        for column, (_, picture) in enumerate(numeye.frame(page.grey).steps()):
            sheet.paste(tile(picture), (LEFT_PX + column * (SIDE_PX + GAP_PX), y))
        draw_answer(draw, LEFT_PX + 4 * (SIDE_PX + GAP_PX), y, READER.read(HERE / "digits" / name))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(64).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
