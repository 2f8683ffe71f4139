from __future__ import annotations

import struct
import time
import zlib

import numpy as np
import pytest
from PIL import Image, ImageFile

from numeye.errors import PictureError
from numeye.io import images
from tests.io.picture_samples import (
    encoded,
    noise,
)


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1_000)))
        + chunk(b"IEND", b"")
    )


BOMBS = {
    "60000x60000 PNG": png_that_claims(60_000, 60_000),
    "12000x12000 PNG": png_that_claims(12_000, 12_000),
    "9000x9000 PNG": png_that_claims(9_000, 9_000),
    "60000x60000 PGM": b"P5 60000 60000 255\n" + bytes(1_000),
    "60000x60000 GIF": (
        b"GIF89a"
        + struct.pack("<HH3x", 60_000, 60_000)
        + b","
        + struct.pack("<4HB", 0, 0, 60_000, 60_000, 0)
        + b"\x08"
    ),
    "60000x60000 BMP": (
        b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6)
    ),
    "12000x12000 PNG in an icon": (
        struct.pack("<3H4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, 100, 22)
        + png_that_claims(12_000, 12_000)
    ),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_declares_a_huge_picture_is_rejected_before_decoding(
    bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", decode)
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    began = time.perf_counter()
    with pytest.raises(PictureError, match=r"too large|megapixels, at most 80"):
        list(images.pages(BOMBS[bomb]))
    assert time.perf_counter() - began < 1


def test_a_jpeg_of_endless_scans_or_segments_is_rejected() -> None:
    complete = encoded(noise(40, 40), "JPEG", progressive=True)
    scan = complete.rfind(b"\xff\xda")
    many = complete[:scan] + complete[scan:-2] * 200 + complete[-2:]
    with pytest.raises(PictureError, match=r"^the bytes: a JPEG of more than 200 scans"):
        list(images.pages(many))
    with pytest.raises(PictureError, match=r"^the bytes: a JPEG of more than 10,000 segments"):
        list(images.pages(complete[:2] + b"\xff\xfe\0\2" * 10_001 + complete[2:]))
    some = (
        complete[:2] + b"\xff\xfe\0\x0a" + b"\xff\xda" * 4 + complete[2:] + b"\xff\xda" * 300
    )  # in a comment, and after its end
    assert len(list(images.pages(some))) == 1
    assert len(list(images.pages(complete))) == 1


LIMITED = {
    "file": lambda: encoded(Image.new("L", (10, 10)), "PNG"),
    "image": lambda: Image.new("L", (10, 10)),
    "array": lambda: np.zeros((10, 10)),
    "16 bit": lambda: Image.fromarray(np.zeros((10, 10), np.uint16)),
}


@pytest.mark.parametrize("give", LIMITED)
def test_the_caller_sets_the_limit_of_pixels(give: str) -> None:
    assert len(list(images.pages(LIMITED[give](), max_pixels=100))) == 1
    with pytest.raises(PictureError, match=r"10x10 is 0 megapixels.*make it smaller"):
        list(images.pages(LIMITED[give](), max_pixels=99))


def test_the_limit_counts_for_each_page() -> None:
    sheets = [Image.new("L", (10, 10)), Image.new("L", (20, 20))]
    for kind, limit in (("TIFF", 150), ("PDF", 1_500)):
        pages = images.pages(
            encoded(sheets[0], kind, save_all=True, append_images=sheets[1:]), max_pixels=limit
        )
        assert next(pages).index == 0
        with pytest.raises(PictureError, match="make it smaller"):
            next(pages)
