"""Draw the README's picture: some of the samples, each step of their framing, and the answer of `classic`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

import numeye
from numeye import image

HERE = Path(__file__).parent
OUT = HERE.parent / "docs" / "pictures" / "at-work.png"
SHOWN = ("2-corner.jpg", "5-chalk.png", "7-turned.jpg", "blank.png")
COLUMNS = ("a picture", "its ink", "its strokes", "what the network sees", "what it answers")
SIDE, GAP, TOP, LEFT = 150, 14, 34, 14
READER = numeye.Reader("classic")  # which sees the frame that is drawn; the default looks for itself
INK, MUTED, BAR, BEST = "#1b1b1b", "#5c5c5c", "#b8c4cc", "#0072b2"


def tile(picture: np.ndarray) -> Image.Image:
    """In the middle of a square, its proportions kept, small pixels left visible."""
    factor = SIDE / max(picture.shape)
    size = (round(picture.shape[1] * factor), round(picture.shape[0] * factor))
    how = Image.Resampling.NEAREST if factor > 3 else Image.Resampling.LANCZOS
    square = Image.new("L", (SIDE, SIDE), 225)
    square.paste(Image.fromarray(picture).resize(size, how), ((SIDE - size[0]) // 2, (SIDE - size[1]) // 2))
    return square


def draw_answer(draw: ImageDraw.ImageDraw, x: int, y: int, reading: numeye.Reading) -> None:
    """The answer, and a bar for the probability of each digit."""
    if reading.rejected:
        draw.text((x, y + SIDE // 2 - 14), f"no digit: {reading.rejected}", fill=INK, font=ImageFont.load_default(20))
        return
    said = f"{reading.text}   {reading.confidence:.1%}"
    draw.text((x, y), said, fill=INK, font=ImageFont.load_default(26))
    for digit, probability in enumerate(reading.digits[0].probabilities):
        left, bottom = x + digit * 17, y + SIDE - 18
        colour = BEST if digit == reading.digits[0].digit else BAR
        draw.rectangle((left, bottom - 1 - probability * 80, left + 12, bottom), fill=colour)
        draw.text((left + 3, bottom + 3), str(digit), fill=MUTED, font=ImageFont.load_default(12))


def main() -> None:
    """Write the picture."""
    sheet = Image.new("RGB", (LEFT + 5 * (SIDE + GAP) + 40, TOP + len(SHOWN) * (SIDE + GAP)), "white")
    draw = ImageDraw.Draw(sheet)
    for column, title in enumerate(COLUMNS):
        draw.text((LEFT + column * (SIDE + GAP), 10), title, fill=MUTED, font=ImageFont.load_default(14))
    for row, name in enumerate(SHOWN):
        y = TOP + row * (SIDE + GAP)
        (page,) = image.pages(HERE / "digits" / name)
        for column, (_, picture) in enumerate(numeye.frame(page.grey).steps()):
            sheet.paste(tile(picture), (LEFT + column * (SIDE + GAP), y))
        draw_answer(draw, LEFT + 4 * (SIDE + GAP), y, READER.read(HERE / "digits" / name))
    OUT.parent.mkdir(parents=True, exist_ok=True)
    sheet.quantize(64).save(OUT, optimize=True)


if __name__ == "__main__":
    main()
