"""Small pictures of every format, for the tests of `numeye.io`."""

from __future__ import annotations

import io
from typing import Any

import numpy as np
from PIL import Image, features

from numeye.io import images

WHITE, BLACK = 255, 0


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def grey_of(picture: Any) -> np.ndarray:
    (page,) = images.pages(picture)
    assert page.index == 0
    assert page.grey.dtype == np.uint8
    return page.grey


def noise(height: int = 5, width: int = 6) -> Image.Image:
    return Image.fromarray(
        np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    )


def corner() -> Image.Image:
    """White with a black rectangle in the upper left.

    No two of its eight orientations look alike.
    """
    grey = np.full((48, 64), WHITE, np.uint8)
    grey[:16, :32] = BLACK
    return Image.fromarray(grey)


def three_levels() -> np.ndarray:
    return np.repeat(np.repeat(np.array([[0, 128, 255]], np.uint8), 16, axis=0), 16, axis=1)


EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x0132] = 6, "2020:01:01 00:00:00"
SAMPLES = {
    "png": encoded(noise(), "PNG"),
    "png exif": encoded(noise(), "PNG", exif=EXIF),
    "png palette": encoded(noise().convert("P"), "PNG", transparency=3),
    "png 16 bit": encoded(
        Image.fromarray(np.arange(0, 60_000, 2_000, np.uint16).reshape(5, 6)), "PNG"
    ),
    "png 1 bit": encoded(noise().convert("1"), "PNG"),
    "apng": encoded(noise(), "PNG", save_all=True, append_images=[noise(5, 6).rotate(180)]),
    "jpeg": encoded(noise(), "JPEG"),
    "jpeg exif": encoded(noise(), "JPEG", exif=EXIF),
    "jpeg cmyk": encoded(noise().convert("CMYK"), "JPEG"),
    "mpo": encoded(noise(), "MPO", save_all=True, append_images=[noise()]),
    "tiff": encoded(noise(), "TIFF"),
    "tiff lzw": encoded(noise(), "TIFF", compression="tiff_lzw"),
    "tiff float": encoded(
        Image.fromarray(np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)), "TIFF"
    ),
    "tiff pages": encoded(noise(), "TIFF", save_all=True, append_images=[noise(), noise()]),
    "gif": encoded(noise().convert("P"), "GIF"),
    "gif transparent": encoded(noise().convert("P"), "GIF", transparency=3),
    "webp": encoded(noise(), "WEBP", exif=EXIF),
    "bmp": encoded(noise(), "BMP"),
    "ppm": encoded(noise(), "PPM"),
    "jpeg 2000": encoded(noise(16, 16), "JPEG2000"),
    "ico": encoded(noise(16, 16), "ICO"),
    "tga": encoded(noise(), "TGA"),
    "pcx": encoded(noise(), "PCX"),
    "pdf": encoded(noise(), "PDF"),
}
if features.check("avif"):  # not in every build of Pillow
    SAMPLES["avif"] = encoded(noise(16, 16), "AVIF")
