"""Hostile request bodies, and what the server must answer."""

from __future__ import annotations

import io
import json
import struct
import zlib
from pathlib import Path

import numpy as np
from PIL import Image

SEVEN = (Path(__file__).parents[2] / "examples" / "digits" / "7-turned.jpg").read_bytes()
FORM, JSON, NPY = "multipart/form-data; boundary=x", "application/json", "application/x-npy"
NPY_ERROR = "the .npy file cannot be parsed"


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or Image.new("L", (40, 40), 255)).save(file, format=kind, **options)
    return file.getvalue()


def npy(array: np.ndarray, *lies: bytes) -> bytes:
    """Return an array as numpy saves it; `lies` replace a part of the header by one as long."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=array.dtype == object)
    return file.getvalue().replace(*lies) if lies else file.getvalue()


def compressed_spaces(megabytes: int) -> bytes:
    """Return spaces compressed by a factor of a thousand."""
    compressor = zlib.compressobj()
    return (
        b"".join(compressor.compress(b" " * 2**20) for _ in range(megabytes)) + compressor.flush()
    )


def png(width: int, height: int, *chunks: tuple[bytes, bytes], pixels: bytes = b"") -> bytes:
    """Return a black PNG of one bit a pixel, with further chunks before the pixels."""
    head = struct.pack(">IIBBBBB", width, height, 1, 0, 0, 0, 0)
    pixels = pixels or zlib.compress(bytes((width + 7) // 8 + 1) * min(height, 13_000))
    parts = [(b"IHDR", head), *chunks, (b"IDAT", pixels), (b"IEND", b"")]
    sums = (zlib.crc32(kind + content) for kind, content in parts)
    return b"\x89PNG\r\n\x1a\n" + b"".join(
        struct.pack(">I", len(content)) + kind + content + struct.pack(">I", total)
        for (kind, content), total in zip(parts, sums, strict=True)
    )


def icon(picture: bytes, at: int = 22) -> bytes:
    return struct.pack("<HHHBBBBHHII", 0, 1, 1, 16, 16, 0, 0, 1, 32, len(picture), at) + picture


def tiff(width: int, height: int, after: int = 0) -> bytes:
    """Return a TIFF with one compressed strip; if `after` is set, its next page is itself."""
    strip = zlib.compress(bytes(width * min(height, 1_000)))
    tags = [
        (256, width),
        (257, height),
        (258, 8),
        (259, 8),
        (262, 1),
        (273, 8),
        (277, 1),
        (278, height),
        (279, len(strip)),
    ]
    entries = b"".join(struct.pack("<HHII", tag, 4, 1, value) for tag, value in tags)
    pages = struct.pack("<H", len(tags)) + entries + struct.pack("<I", after and 8 + len(strip))
    return b"II*\0" + struct.pack("<I", 8 + len(strip)) + strip + pages


def webp(width: int, height: int) -> bytes:
    body = b"\x2f" + struct.pack("<I", (width - 1) | ((height - 1) << 14)) + bytes(41)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def pdf(
    box: bytes, pages: int = 1, image: bytes = b"", contents: bytes = b"", often: int = 1
) -> bytes:
    """Return a PDF with several copies of a page.

    Args:
        box: The page's width and height.
        pages: The number of copies.
        image: Compressed grey values of a picture of 30,000 x 30,000 pixels.
        contents: Compressed commands.
        often: How often the commands are run.
    """
    contents = contents or zlib.compress(b"/I Do")
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b"3 0 R " * pages),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s]/Contents[%s]/Resources<</XObject<</I 5 0"
        b" R>>>>>>" % (box, b"4 0 R " * often),
        b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(contents), contents),
        b"<</Type/XObject/Subtype/Image/Width 30000/Height"
        b" 30000/ColorSpace/DeviceGray/BitsPerComponent 8/Filter/FlateDecode/Length"
        b" %d>>stream\n%s\nendstream" % (len(image), image),
    ]
    return (
        b"%PDF-1.4\n"
        + b"".join(b"%d 0 obj\n%s\nendobj\n" % numbered for numbered in enumerate(bodies, 1))
        + b"trailer<</Size 6/Root 1 0 R>>\n%%EOF"
    )


def jpeg(scans: int, comments: int = 0) -> bytes:
    """Return a JPEG whose last scan is repeated."""
    content = saved("JPEG", Image.new("L", (3_000, 3_000)), progressive=True)
    scan = content.rfind(b"\xff\xda")
    return (
        content[:2]
        + b"\xff\xfe\0\2" * comments
        + content[2:scan]
        + content[scan:-2] * scans
        + content[-2:]
    )


def form(*parts: tuple[str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    """Return a form with files, given by name and content."""
    head = '--x\r\nContent-Disposition: form-data; name="image"; filename="{}"\r\n\r\n'
    return b"".join(head.format(name).encode() + content + b"\r\n" for name, content in parts) + end


def exif(*entries: tuple[int, int, int, int]) -> bytes:
    """Return a JPEG with EXIF tags, each with a number, type, count and value."""
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + tags + struct.pack("<I", 8)
    return saved("JPEG", exif=block)


FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
WHITE = saved("PNG")
FRAMES = saved(
    "GIF", save_all=True, append_images=[Image.new("L", (40, 40), n % 256) for n in range(3_000)]
)
LONG_WORD = json.dumps({"arrays": [[["a" * 100_000, *[""] * 100_000]]]}).encode()
NOISE = Image.effect_noise((90, 90), 90)
HTML_PDF = b"%PDF-1.4\n<html><script>alert(1)</script>"
POSTSCRIPT = b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n"
XXE = (
    b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY e SYSTEM'
    b' "file:///etc/passwd">]><svg><text>&e;</text></svg>'
)
OBJECTS = npy(np.array([{"a": 1}], dtype=object))
ZEROS = np.zeros((2, 2), np.uint8)
READ_OK = "any reading"  # instead of a message: the body is a picture too
HostileRequest = tuple[bytes, str, int, str]  # body, Content-Type, status, message
BOMBS: dict[str, HostileRequest] = {
    "png": (png(60_000, 60_000), "image/png", 422, "too large"),
    "png with fewer pixels": (png(9_000, 9_000), "image/png", 422, "megapixels"),
    "png at the limit": (png(7_000, 7_000), "image/png", 200, READ_OK),
    "png with more pixels than its header says": (
        png(40, 40, pixels=compressed_spaces(300)),
        "image/png",
        422,
        "damaged",
    ),
    "png with a long text": (
        png(40, 40, (b"zTXt", b"a\0\0" + compressed_spaces(200))),
        "image/png",
        422,
        "too large",
    ),
    "png with a long profile": (
        png(40, 40, (b"iCCP", b"a\0\0" + compressed_spaces(200))),
        "image/png",
        422,
        "too large",
    ),
    "jpeg of 20,000 scans": (jpeg(20_000), "image/jpeg", 422, "more than 200 scans"),
    "jpeg of 4,000,000 comments": (
        jpeg(1, 4_000_000),
        "image/jpeg",
        422,
        "more than 10,000 segments",
    ),
    "tiff": (tiff(30_000, 30_000), "image/tiff", 422, "too large"),
    "tiff of fewer pixels": (tiff(9_000, 9_000), "image/tiff", 422, "megapixels"),
    "tiff with a cycle of pages": (tiff(40, 40, after=1), "image/tiff", 200, READ_OK),
    "webp": (webp(16_384, 16_384), "image/webp", 422, "too large"),
    "webp of fewer pixels": (webp(7_000, 7_000), "image/webp", 422, "damaged"),
    "gif": (FRAMES[:6] + b"\xff\xff\xff\xff" + FRAMES[10:], "image/gif", 422, "too large"),
    "gif of 3,000 frames": (FRAMES, "image/gif", 200, READ_OK),
    "icon": (icon(png(13_000, 13_000)), "image/x-icon", 422, "megapixels"),
    "icon of nothing": (icon(b"", at=2**32 - 1), "image/x-icon", 422, "the bytes"),
    "pdf": (pdf(b"14400 14400"), "application/pdf", 422, "1600 megapixels"),
    "pdf of 100,000 pages": (
        pdf(b"9 9", pages=100_000),
        "application/pdf",
        200,
        "more than 20 pages",
    ),
    "pdf with long contents": (
        pdf(b"99 99", contents=compressed_spaces(1_000)),
        "application/pdf",
        422,
        "too much memory",
    ),
    "pdf with repeated contents": (
        pdf(b"99 99", contents=compressed_spaces(100), often=1_000),
        "application/pdf",
        422,
        "too much memory",
    ),
    "pdf with a large picture": (
        pdf(b"100 100", image=compressed_spaces(860)),
        "application/pdf",
        200,
        READ_OK,
    ),
}
FORGERIES: dict[str, HostileRequest] = {
    "pdf and html": (HTML_PDF, "application/pdf", 422, "cannot be opened"),
    "gif and script": (b"GIF89a<script>alert(1)</script>", "image/gif", 422, "the bytes"),
    "gif and script, a picture too": (
        saved("GIF", comment=b"*/=1;alert(1)//"),
        "image/gif",
        200,
        READ_OK,
    ),
    "picture and zip": (WHITE + b"PK\x03\x04" + bytes(1_000), "image/png", 200, READ_OK),
    "jpeg called pdf": (SEVEN, "application/pdf", 200, READ_OK),
    "program": (b"\x7fELF" + bytes(1_000), "image/png", 422, "not a picture"),
    "zip": (b"PK\x03\x04" + bytes(1_000), "application/octet-stream", 422, "not a picture"),
    "postscript": (POSTSCRIPT, "image/png", 422, "not a picture"),
    "svg with an entity": (XXE, "image/svg+xml", 422, "it is text"),
    "invalid orientation": (exif((274, 3, 1, 99)), "image/jpeg", 200, READ_OK),
    "many orientations": (exif((274, 3, 2**32 - 1, 8)), "image/jpeg", 200, READ_OK),
    "a cycle of tags": (exif((34665, 4, 1, 8), (40965, 4, 1, 8)), "image/jpeg", 200, READ_OK),
    **{
        f"{kind} cut off": (saved(kind, NOISE)[:-1_500], "image/any", 422, "the bytes")
        for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PDF")
    },
}
FORMS: dict[str, HostileRequest] = {
    "many fields": (FIELD * 300_000 + b"--x--\r\n", FORM, 422, "too many fields"),
    "many files": (form(*[("a", b"1")] * 30_000), FORM, 422, "too many files"),
    "long field": (
        FIELD.replace(b"1\r\n", b"1" * 10**6 + b"\r\n--x--\r\n"),
        FORM,
        422,
        "the form cannot be parsed",
    ),
    "no end": (form(("a", WHITE), end=b""), FORM, 422, "no picture"),
    "form within": (
        form(("a", form(("b", WHITE)).replace(b"--x", b"--y"))),
        FORM,
        422,
        "not a picture",
    ),
    "same boundary within": (form(("a", form(("b", WHITE)))), FORM, 422, "not a picture"),
    "long boundary": (form(("a", WHITE)), FORM + "x" * 5_000, 422, "form"),
    "long header": (
        b"--x\r\nA: " + b"a" * 10**6 + b"\r\n\r\n1\r\n--x--\r\n",
        FORM,
        422,
        "the form cannot be parsed",
    ),
    "many headers": (
        b"--x\r\n" + b"A: a\r\n" * 10**5 + b"\r\n1\r\n--x--\r\n",
        FORM,
        422,
        "the form cannot be parsed",
    ),
}
ARRAYS: dict[str, HostileRequest] = {
    "deep": (b"[" * 3_000_000, JSON, 422, "the JSON cannot be parsed"),
    "deep objects": (b'{"images":' * 300_000, JSON, 422, "the JSON cannot be parsed"),
    "deep array": (
        b'{"arrays": ' + b"[" * 900 + b"]" * 900 + b"}",
        JSON,
        422,
        "the JSON cannot be parsed",
    ),
    "long number": (
        b'{"arrays": [[[' + b"9" * 1_000_000 + b"]]]}",
        JSON,
        422,
        "the JSON cannot be parsed",
    ),
    "too large number": (
        b'{"arrays": [[[' + b"9" * 400 + b"]]]}",
        JSON,
        422,
        "a number in an array is too large",
    ),
    "large numbers": (b'{"arrays": [[[1e308, -1e308]]]}', JSON, 200, READ_OK),
    "infinite number": (b'{"arrays": [[[1e999, 0]]]}', JSON, 422, "not finite"),
    "not a number": (b'{"arrays": [[[NaN, 0]]]}', JSON, 422, "not finite"),
    "long word": (LONG_WORD, JSON, 422, "expected at most 100,000 and 1,000"),
    "invalid unicode": (b'{"images": ["\xff"]}', JSON, 422, "the JSON cannot be parsed"),
    "half a character": (b'{"images": ["\\ud800"]}', JSON, 422, "not base64"),
    "npy with infinity": (npy(np.full((9, 9), np.inf)), NPY, 422, "not finite"),
    "npy with NaN": (npy(np.full((9, 9), np.nan, np.float16)), NPY, 422, "not finite"),
    "npy with objects": (OBJECTS, NPY, 422, NPY_ERROR),
    "npy with too large a shape": (npy(ZEROS, b"(2, 2), }", b"(9, 9), }"), NPY, 422, NPY_ERROR),
    "npy with a huge shape": (
        npy(ZEROS, b"(2, 2), }" + b" " * 18, b"(9999999999, 999999999), }" + b" "),
        NPY,
        422,
        NPY_ERROR,
    ),
    "npy with a negative shape": (npy(ZEROS, b"(2, 2), } ", b"(-2,-2), }"), NPY, 422, NPY_ERROR),
    "npy with a boolean shape": (
        npy(ZEROS, b"(2, 2), }" + b" " * 6, b"(True, 4), }" + b" " * 3),
        NPY,
        422,
        NPY_ERROR,
    ),
    "npy of empty pictures": (
        npy(np.zeros((1, 0, 0)), b"(1, 0, 0), }", b"(9, 0, 0), }"),
        NPY,
        422,
        NPY_ERROR,
    ),
    "npy with half a header": (b"\x93NUMPY\x01\x00\x0b\x00{'descr': (\n", NPY, 422, NPY_ERROR),
    "npy with a long header": (
        b"\x93NUMPY\x02\x00\xff\xff\xff\xff{" + b" " * 10**6,
        NPY,
        422,
        NPY_ERROR,
    ),
    "npy with many signs": (
        b"\x93NUMPY\x01\x00\x29\x23" + b"-" * 9_000 + b"1",
        NPY,
        422,
        NPY_ERROR,
    ),
    "npy with code": (
        npy(ZEROS, b"(2, 2), }" + b" " * 12, b"exit(), }" + b" " * 12),
        NPY,
        422,
        NPY_ERROR,
    ),
}
HOSTILE_REQUESTS = {
    f"{group}: {name}": row
    for group, rows in (
        ("bomb", BOMBS),
        ("forged", FORGERIES),
        ("form", FORMS),
        ("numbers", ARRAYS),
    )
    for name, row in rows.items()
}
