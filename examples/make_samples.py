"""Make the sample pictures: digits in the kinds of files that people have.

The digits are MNIST's validation digits, which no weight was fitted to. The name of each file
begins with its digit. MNIST: LeCun, Cortes, Burges, CC BY-SA 3.0; see NOTICE.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image

from numeye import open_data

HERE = Path(__file__).parent / "digits"
NOISE = np.random.default_rng(0)


def enlarge(digit: np.ndarray, side: int) -> np.ndarray:
    """Return a digit in `side` x `side` pixels: 0 paper, 1 pen."""
    large = Image.fromarray(digit).resize((side, side), Image.Resampling.BICUBIC)
    return np.asarray(large, np.float32) / 255


def on_paper(
    digit: np.ndarray, paper: tuple[int, int, int], pen: tuple[int, int, int], side: int = 168
) -> Image.Image:
    """Return a digit in one colour on paper of another, with noise."""
    coverage = enlarge(digit, side)[:, :, None]
    colour = np.array(paper) * (1 - coverage) + np.array(pen) * coverage
    return Image.fromarray(
        np.clip(colour + NOISE.normal(0, 3, colour.shape), 0, 255).astype(np.uint8)
    )


def in_a_corner(digit: np.ndarray) -> Image.Image:
    """Return a small digit in the corner of a large sheet with light from the right."""
    sheet = np.full((360, 480, 3), 236.0) * np.linspace(0.85, 1, 480)[None, :, None]
    sheet[210:315, 40:145] -= enlarge(digit, 105)[:, :, None] * 180
    return Image.fromarray(
        np.clip(sheet + NOISE.normal(0, 3, sheet.shape), 0, 255).astype(np.uint8)
    )


def transparent(digit: np.ndarray) -> Image.Image:
    """Return a black digit without a background, as drawing programs save it."""
    picture = Image.new("RGBA", (140, 140), (0, 0, 0, 255))
    picture.putalpha(
        Image.fromarray(np.rint(enlarge(digit, 140).clip(0, 1) * 255).astype(np.uint8))
    )
    return picture


def sixteen_bit(digit: np.ndarray) -> Image.Image:
    """Return a digit in 16 bits of grey, as scanners save it."""
    return Image.fromarray(
        np.rint((1 - enlarge(digit, 140).clip(0, 1)) * 60_000 + 3_000).astype(np.uint16)
    )


def write_turned(path: Path, digit: np.ndarray) -> None:
    """Write a digit on its side, with the EXIF tag that says so, as phones do."""
    picture = on_paper(digit, (228, 226, 220), (30, 32, 60)).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    picture.save(path, quality=88, exif=exif)


def main() -> None:
    """Write all pictures."""
    data = open_data("mnist:validation")
    images, labels = np.asarray(data.pictures), data.digits()
    # The second digit of each class: the samples show kinds of files, so each must be easy to read.
    digit = {number: images[int(np.flatnonzero(labels == number)[1])] for number in range(10)}
    HERE.mkdir(exist_ok=True)
    writers: dict[str, Callable[[Path], object]] = {
        "0-mnist.png": Image.fromarray(digit[0]).save,
        "1-blue-pen.jpg": on_paper(digit[1], (244, 240, 226), (40, 60, 150)).save,
        "2-corner.jpg": in_a_corner(digit[2]).save,
        "3-pencil.png": on_paper(digit[3], (238, 238, 236), (150, 150, 152), 84).save,
        "4-transparent.png": transparent(digit[4]).save,
        "5-chalk.png": on_paper(digit[5], (38, 60, 48), (225, 228, 220), 112).save,
        "6-16bit.png": sixteen_bit(digit[6]).save,
        "7-turned.jpg": lambda path: write_turned(path, digit[7]),
        "8-cmyk.jpg": on_paper(digit[8], (250, 250, 250), (20, 20, 20)).convert("CMYK").save,
        "9-palette.gif": on_paper(digit[9], (250, 246, 200), (120, 20, 30), 112).quantize(16).save,
        "blank.png": on_paper(np.zeros((28, 28), np.uint8), (240, 240, 238), (0, 0, 0), 84).save,
    }
    for name, write in writers.items():
        write(HERE / name)


if __name__ == "__main__":
    main()
