"""Request bodies and their headers for the tests of the server."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
from PIL import Image

EXAMPLES = Path(__file__).parents[2] / "examples"
SEVEN, ROWS = EXAMPLES / "digits" / "7-turned.jpg", EXAMPLES / "numbers" / "rows.png"
JSON_HEADERS = {"Content-Type": "application/json"}
FORM_HEADERS = {"Content-Type": "multipart/form-data; boundary=x"}
JPEG_HEADERS, PNG_HEADERS = {"Content-Type": "image/jpeg"}, {"Content-Type": "image/png"}
NPY_HEADERS = {"Content-Type": "application/x-npy"}


def npy(array: np.ndarray) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=array.dtype == object)
    return file.getvalue()


def png(size: tuple[int, int] = (60, 60)) -> bytes:
    file = io.BytesIO()
    Image.new("L", size, 255).save(file, format="PNG")
    return file.getvalue()


def tiff(pages: int) -> bytes:
    file = io.BytesIO()
    first, *others = [Image.new("L", (40, 40), 255) for _ in range(pages)]
    first.save(file, format="TIFF", save_all=True, append_images=others)
    return file.getvalue()
