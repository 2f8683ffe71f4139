"""Make the sample pages: numbers in rows, on a form and in a table.

The digits are MNIST's validation digits, which no weight was fitted to. `numbers/README.md` has the
numbers on each page. MNIST: LeCun, Cortes, Burges, CC BY-SA 3.0; see NOTICE.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from numeye import open_data

HERE = Path(__file__).parent / "numbers"
RANDOM = np.random.default_rng(1)
PAPER_LEVEL, PEN_LEVEL = 236, 60  # grey levels, 0 to 255


class Writer:
    """Writes numbers with MNIST's digits on pages."""

    def __init__(self) -> None:
        data = open_data("mnist:validation")
        self._images, self._labels = np.asarray(data.pictures), data.digits()

    def write(self, page: np.ndarray, text: str, left: int, middle: int, height: int) -> None:
        """Write text on a page.

        Args:
            page: (height, width) grey levels; changed in place.
            text: digits and spaces.
            left: left edge of the first digit, in pixels.
            middle: vertical centre of the digits, in pixels.
            height: mean height of the digits, in pixels.
        """
        for character in text:
            if character == " ":
                left += round(0.8 * height)
                continue
            digit = self._images[RANDOM.choice(np.flatnonzero(self._labels == int(character)))]
            rows, columns = np.flatnonzero(digit.any(axis=1)), np.flatnonzero(digit.any(axis=0))
            cut = digit[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
            digit_height = round(height * RANDOM.uniform(0.92, 1.08))
            width = max(3, round(cut.shape[1] * digit_height / cut.shape[0]))
            resized = Image.fromarray(cut).resize((width, digit_height), Image.Resampling.BICUBIC)
            coverage = np.asarray(resized, np.float32) / 255
            top = middle - digit_height // 2
            part = page[top : top + digit_height, left : left + width]
            part -= coverage.clip(0, 1) * (part - PEN_LEVEL)
            left += width + round(height * RANDOM.uniform(0.05, 0.22))


def make_paper(height: int, width: int) -> np.ndarray:
    """Return paper with light from the left, as grey levels."""
    return PAPER_LEVEL * np.linspace(1, 0.9, width, dtype=np.float32)[None].repeat(height, axis=0)


def add_noise(page: np.ndarray) -> Image.Image:
    """Return a page as a camera would record it."""
    return Image.fromarray(np.clip(page + RANDOM.normal(0, 3, page.shape), 0, 255).astype(np.uint8))


def add_print(
    page: np.ndarray, lines: list[tuple[int, int, int, int]], words: list[tuple[int, int, str]]
) -> np.ndarray:
    """Return a page with printed lines and words."""
    image = Image.fromarray(page.astype(np.uint8))
    draw = ImageDraw.Draw(image)
    for line in lines:
        draw.line(line, fill=90, width=2)
    for left, top, text in words:
        draw.text((left, top), text, fill=70, font=ImageFont.load_default(20))
    return np.asarray(image, np.float32).copy()


def rectangle(left: int, top: int, width: int, height: int) -> list[tuple[int, int, int, int]]:
    """Return the four sides of a rectangle as lines."""
    right, bottom = left + width, top + height
    return [
        (left, top, right, top),
        (left, bottom, right, bottom),
        (left, top, left, bottom),
        (right, top, right, bottom),
    ]


def make_form() -> np.ndarray:
    """Return an empty form with three fields."""
    lines = [
        *rectangle(40, 40, 720, 520),
        *rectangle(300, 150, 400, 70),
        *rectangle(300, 270, 400, 70),
    ]
    lines += rectangle(300, 390, 400, 70)
    words = [
        (60, 60, "DELIVERY NOTE   please write clearly"),
        (60, 170, "Customer number"),
        (60, 290, "Quantity"),
    ]
    words += [(60, 410, "Postcode"), (60, 510, "Sign here:   ____________________")]
    return add_print(make_paper(600, 800), lines, words)


def photograph(page: np.ndarray) -> Image.Image:
    """Return a photograph of a page on a dark table, rotated and in perspective."""
    corners = (0.06, -0.02, 1.02, 0.05, -0.05, 0.93, 0.94, 1.04)
    width, height = page.shape[1], page.shape[0]
    target = [(corners[i] * width + 90, corners[i + 1] * height + 70) for i in range(0, 8, 2)]
    source = [(0, 0), (width, 0), (0, height), (width, height)]
    rows = []
    for (x, y), (u, v) in zip(target, source, strict=True):
        rows += [[x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y]]
    coefficients = np.linalg.solve(np.array(rows, float), np.array(source, float).ravel())
    image = add_noise(page)
    size = (width + 180, height + 140)
    return image.transform(
        size,
        Image.Transform.PERSPECTIVE,
        coefficients.tolist(),
        Image.Resampling.BICUBIC,
        fillcolor=70,
    )


def main() -> None:
    """Write all pages."""
    writer = Writer()
    HERE.mkdir(exist_ok=True)
    rows = make_paper(330, 620)
    for number, text in enumerate(("407 1250", "88 31170", "9526")):
        writer.write(rows, text, 60, 70 + 95 * number, 44)
    add_noise(rows).save(HERE / "rows.png")
    card = make_paper(110, 760)
    writer.write(card, "4539 1488 0343 6467", 30, 55, 40)
    add_noise(card).save(HERE / "card.png")
    empty = make_form()
    add_noise(empty).save(HERE / "form-blank.png")
    filled = empty.copy()
    for text, middle in (("20417", 185), ("36", 305), ("79104", 425)):
        writer.write(filled, text, 330, middle, 44)
    photograph(filled).save(HERE / "form-filled.jpg", quality=88)
    cells = [*[(50, 40 + 80 * row, 650, 40 + 80 * row) for row in range(5)]]
    cells += [(50 + 100 * column, 40, 50 + 100 * column, 360) for column in range(7)]
    table = add_print(make_paper(400, 700), cells, [])
    for row, texts in enumerate(("53..7.", "6..195", ".98..3", "8.4..1")):
        for column, text in enumerate(texts):
            if text != ".":
                writer.write(table, text, 85 + 100 * column, 80 + 80 * row, 44)
    add_noise(table).save(HERE / "table.png")


if __name__ == "__main__":
    main()
