"""What is sent to do harm: it ends in a 4xx, or as the picture that it also is; soon, and with the memory flat.

A server of its own is asked, with the usual limits, since its memory is measured.
"""

from __future__ import annotations

import io
import json
import re
import signal
import struct
import subprocess
import sys
import time
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import numpy as np
import pytest
from PIL import Image

from numeye.image import Page
from numeye.server import decoding

SEVEN = (Path(__file__).parent.parent / "examples" / "digits" / "7-turned.jpg").read_bytes()
SECONDS = 20  # for each; the slowest takes about two
GROWTH, PEAK = 100, 700  # MB: kept after a second round, and at most at any time; a page of 50 megapixels is decoded
FORM, JSON, NPY = "multipart/form-data; boundary=x", "application/json", "application/x-npy"
NO_NPY = "no .npy that can be read"


@dataclass
class Server:
    url: str
    process: int

    def post(self, content: bytes, kind: str, query: str = "?single=true") -> httpx2.Response:
        headers = {"Content-Type": kind}
        return httpx2.post(f"{self.url}v1/read{query}", content=content, headers=headers, timeout=60)

    def memory(self, what: str) -> int:
        """Megabytes."""
        status = Path(f"/proc/{self.process}/status").read_text("utf-8")
        return int(re.findall(rf"{what}:\s+(\d+) kB", status)[0]) // 1024


@pytest.fixture(scope="module")
def served() -> Iterator[Server]:
    command = [sys.executable, "-m", "numeye", "serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield Server(process.stderr.readline().split()[0], process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        _, said = process.communicate(timeout=60)
    assert (process.returncode, said) == (130, "")  # nothing failed unforeseen


def saved(kind: str, image: Image.Image | None = None, **options: object) -> bytes:
    file = io.BytesIO()
    (image or Image.new("L", (40, 40), 255)).save(file, format=kind, **options)
    return file.getvalue()


def npy(array: np.ndarray, *lies: bytes) -> bytes:
    """As numpy saves it; or with another header, of the same length."""
    file = io.BytesIO()
    np.save(file, array, allow_pickle=array.dtype == object)
    return file.getvalue().replace(*lies) if lies else file.getvalue()


def blanks(megabytes: int) -> bytes:
    """So many, in a thousandth of the bytes."""
    squeeze = zlib.compressobj()
    return b"".join(squeeze.compress(b" " * 2**20) for _ in range(megabytes)) + squeeze.flush()


def png(width: int, height: int, *chunks: tuple[bytes, bytes], pixels: bytes = b"") -> bytes:
    """Of one bit a pixel, black; with further chunks before the pixels."""
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
    """One strip of deflated greys; `after` is where the next page is said to be."""
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


def pdf(box: bytes, pages: int = 1, image: bytes = b"", contents: bytes = b"", often: int = 1) -> bytes:
    """So many times the same page; `image` is deflated greys of 30,000 x 30,000, and `contents` deflated commands."""
    contents = contents or zlib.compress(b"/I Do")
    bodies = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, b"3 0 R " * pages),
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 %s]/Contents[%s]/Resources<</XObject<</I 5 0 R>>>>>>"
        % (box, b"4 0 R " * often),
        b"<</Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(contents), contents),
        b"<</Type/XObject/Subtype/Image/Width 30000/Height 30000/ColorSpace/DeviceGray/BitsPerComponent 8"
        b"/Filter/FlateDecode/Length %d>>stream\n%s\nendstream" % (len(image), image),
    ]
    return (
        b"%PDF-1.4\n"
        + b"".join(b"%d 0 obj\n%s\nendobj\n" % both for both in enumerate(bodies, 1))
        + (b"trailer<</Size 6/Root 1 0 R>>\n%%EOF")
    )


def jpeg(scans: int, comments: int = 0) -> bytes:
    """With its last scan so many times."""
    whole = saved("JPEG", Image.new("L", (3_000, 3_000)), progressive=True)
    scan = whole.rfind(b"\xff\xda")
    return whole[:2] + b"\xff\xfe\0\2" * comments + whole[2:scan] + whole[scan:-2] * scans + whole[-2:]


def form(*parts: tuple[str, bytes], end: bytes = b"--x--\r\n") -> bytes:
    """Files by name."""
    head = '--x\r\nContent-Disposition: form-data; name="image"; filename="{}"\r\n\r\n'
    return b"".join(head.format(name).encode() + content + b"\r\n" for name, content in parts) + end


def exif(*entries: tuple[int, int, int, int]) -> bytes:
    """A JPEG with these tags, of which each has a number, type, count and value."""
    tags = b"".join(struct.pack("<HHII", *entry) for entry in entries)
    block = b"Exif\0\0II*\0" + struct.pack("<IH", 8, len(entries)) + tags + struct.pack("<I", 8)
    return saved("JPEG", exif=block)


FIELD = b'--x\r\nContent-Disposition: form-data; name="a"\r\n\r\n1\r\n'
WHITE = saved("PNG")
FRAMES = saved("GIF", save_all=True, append_images=[Image.new("L", (40, 40), n % 256) for n in range(3_000)])
LONG_WORD = json.dumps({"arrays": [[["a" * 100_000, *[""] * 100_000]]]}).encode()
XXE = b'<?xml version="1.0"?><!DOCTYPE s [<!ENTITY e SYSTEM "file:///etc/passwd">]><svg><text>&e;</text></svg>'
OBJECTS = npy(np.array([{"a": 1}], dtype=object))
ZEROS = np.zeros((2, 2), np.uint8)
READ = "numbers or a reason, as of any picture"  # what is sent is a picture as well
Row = tuple[bytes, str, int, str]  # body, Content-Type, status, what is said

BOMBS: dict[str, Row] = {
    "png": (png(60_000, 60_000), "image/png", 422, "too large"),
    "png of fewer pixels": (png(9_000, 9_000), "image/png", 422, "megapixels"),
    "png as large as may be": (png(7_000, 7_000), "image/png", 200, READ),
    "png with more pixels than it tells": (png(40, 40, pixels=blanks(300)), "image/png", 422, "damaged"),
    "png with a long text": (png(40, 40, (b"zTXt", b"a\0\0" + blanks(200))), "image/png", 422, "too large"),
    "png with a long profile": (png(40, 40, (b"iCCP", b"a\0\0" + blanks(200))), "image/png", 422, "too large"),
    "jpeg of 20,000 scans": (jpeg(20_000), "image/jpeg", 422, "more than 200 scans"),
    "jpeg of 4,000,000 comments": (jpeg(1, 4_000_000), "image/jpeg", 422, "more than 10,000 segments"),
    "tiff": (tiff(30_000, 30_000), "image/tiff", 422, "too large"),
    "tiff of fewer pixels": (tiff(9_000, 9_000), "image/tiff", 422, "megapixels"),
    "tiff whose pages go round": (tiff(40, 40, after=1), "image/tiff", 200, READ),
    "webp": (webp(16_384, 16_384), "image/webp", 422, "too large"),
    "webp of fewer pixels": (webp(7_000, 7_000), "image/webp", 422, "damaged"),
    "gif": (FRAMES[:6] + b"\xff\xff\xff\xff" + FRAMES[10:], "image/gif", 422, "too large"),
    "gif of 3,000 frames": (FRAMES, "image/gif", 200, READ),
    "icon": (icon(png(13_000, 13_000)), "image/x-icon", 422, "megapixels"),
    "icon of nothing": (icon(b"", at=2**32 - 1), "image/x-icon", 422, "the bytes"),
    "pdf": (pdf(b"14400 14400"), "application/pdf", 422, "1600 megapixels"),
    "pdf of 100,000 pages": (pdf(b"9 9", pages=100_000), "application/pdf", 200, "more than 20 pages"),
    "pdf that says much": (pdf(b"99 99", contents=blanks(1_000)), "application/pdf", 422, "too much memory"),
    "pdf that says it often": (
        pdf(b"99 99", contents=blanks(100), often=1_000),
        "application/pdf",
        422,
        "too much memory",
    ),
    "pdf with a large picture": (pdf(b"100 100", image=blanks(860)), "application/pdf", 200, READ),
}
FORGED: dict[str, Row] = {
    "pdf and html": (b"%PDF-1.4\n<html><script>alert(1)</script>", "application/pdf", 422, "cannot be opened"),
    "gif and script": (b"GIF89a<script>alert(1)</script>", "image/gif", 422, "the bytes"),
    "gif and script, a picture too": (
        saved("GIF", comment=b"*/=1;alert(1)//"), "image/gif", 200, READ),
    "picture and zip": (WHITE + b"PK\x03\x04" + bytes(1_000), "image/png", 200, READ),
    "jpeg called pdf": (SEVEN, "application/pdf", 200, READ),
    "program": (b"\x7fELF" + bytes(1_000), "image/png", 422, "not a picture"),
    "zip": (b"PK\x03\x04" + bytes(1_000), "application/octet-stream", 422, "not a picture"),
    "postscript": (b"%!PS-Adobe-3.0 EPSF-3.0\n%%BoundingBox: 0 0 9 9\n", "image/png", 422, "not a picture"),
    "svg with an entity": (XXE, "image/svg+xml", 422, "it is text"),
    "turned by nonsense": (exif((274, 3, 1, 99)), "image/jpeg", 200, READ),
    "turned by very many": (exif((274, 3, 2**32 - 1, 8)), "image/jpeg", 200, READ),
    "tags that go round": (exif((34665, 4, 1, 8), (40965, 4, 1, 8)), "image/jpeg", 200, READ),
    **{
        f"{kind} cut off": (saved(kind, Image.effect_noise((90, 90), 90))[:-1_500], "image/any", 422, "the bytes")
        for kind in ("PNG", "JPEG", "TIFF", "BMP", "GIF", "WEBP", "PDF")
    },
}  # fmt: skip
FORMS: dict[str, Row] = {
    "very many fields": (FIELD * 300_000 + b"--x--\r\n", FORM, 422, "Too many fields"),
    "very many files": (form(*[("a", b"1")] * 30_000), FORM, 422, "Too many files"),
    "long field": (FIELD.replace(b"\r\n1\r\n", b"\r\n" + b"1" * 10**6), FORM, 422, "form that cannot be read"),
    "no end": (form(("a", WHITE), end=b""), FORM, 422, "no picture"),
    "form within": (form(("a", form(("b", WHITE)).replace(b"--x", b"--y"))), FORM, 422, "not a picture"),
    "same boundary within": (form(("a", form(("b", WHITE)))), FORM, 422, "not a picture"),
    "long boundary": (form(("a", WHITE)), FORM + "x" * 5_000, 422, "form"),
    "long head": (b"--x\r\nA: " + b"a" * 10**6 + b"\r\n\r\n1\r\n--x--\r\n", FORM, 422, "form that cannot be read"),
    "very many heads": (
        b"--x\r\n" + b"A: a\r\n" * 10**5 + b"\r\n1\r\n--x--\r\n",
        FORM,
        422,
        "form that cannot be read",
    ),
}
NUMBERS: dict[str, Row] = {
    "deep": (b"[" * 3_000_000, JSON, 422, "JSON that cannot be read"),
    "deep objects": (b'{"images":' * 300_000, JSON, 422, "JSON that cannot be read"),
    "deep array": (b'{"arrays": ' + b"[" * 900 + b"]" * 900 + b"}", JSON, 422, "an array"),
    "long number": (b'{"arrays": [[[' + b"9" * 1_000_000 + b"]]]}", JSON, 422, "JSON that cannot be read"),
    "number beyond all": (b'{"arrays": [[[' + b"9" * 400 + b"]]]}", JSON, 422, "an array"),
    "large numbers": (b'{"arrays": [[[1e308, -1e308]]]}', JSON, 200, READ),
    "infinite": (b'{"arrays": [[[1e999, 0]]]}', JSON, 422, "not finite"),
    "no number": (b'{"arrays": [[[NaN, 0]]]}', JSON, 422, "not finite"),
    "long word": (LONG_WORD, JSON, 422, "not of numbers"),
    "no unicode": (b'{"images": ["\xff"]}', JSON, 422, "JSON that cannot be read"),
    "half a sign": (b'{"images": ["\\ud800"]}', JSON, 422, "no base64"),
    "npy of infinite": (npy(np.full((9, 9), np.inf)), NPY, 422, "not finite"),
    "npy of no number": (npy(np.full((9, 9), np.nan, np.float16)), NPY, 422, "not finite"),
    "npy of objects": (OBJECTS, NPY, 422, NO_NPY),
    "npy that is larger": (npy(ZEROS, b"(2, 2), }", b"(9, 9), }"), NPY, 422, NO_NPY),
    "npy that is huge": (npy(ZEROS, b"(2, 2), }" + b" " * 18, b"(9999999999, 999999999), }" + b" "), NPY, 422, NO_NPY),
    "npy of less than nothing": (npy(ZEROS, b"(2, 2), } ", b"(-2,-2), }"), NPY, 422, NO_NPY),
    "npy of truths": (npy(ZEROS, b"(2, 2), }" + b" " * 6, b"(True, 4), }" + b" " * 3), NPY, 422, NO_NPY),
    "npy of nothing, often": (npy(np.zeros((1, 0, 0)), b"(1, 0, 0), }", b"(9, 0, 0), }"), NPY, 422, NO_NPY),
    "npy with half a header": (b"\x93NUMPY\x01\x00\x0b\x00{'descr': (\n", NPY, 422, NO_NPY),
    "npy with a long header": (b"\x93NUMPY\x02\x00\xff\xff\xff\xff{" + b" " * 10**6, NPY, 422, NO_NPY),
    "npy with a sum of signs": (b"\x93NUMPY\x01\x00\x29\x23" + b"-" * 9_000 + b"1", NPY, 422, NO_NPY),
    "npy that runs": (npy(ZEROS, b"(2, 2), }" + b" " * 12, b"exit(), }" + b" " * 12), NPY, 422, NO_NPY),
}
MALICE = {
    f"{group}: {name}": row
    for group, rows in (("bomb", BOMBS), ("forged", FORGED), ("form", FORMS), ("numbers", NUMBERS))
    for name, row in rows.items()
}


def send(served: Server, name: str) -> None:
    content, kind, status, said = MALICE[name]
    begun = time.perf_counter()
    response = served.post(content, kind)
    assert time.perf_counter() - begun < SECONDS
    assert (response.status_code, response.headers["x-content-type-options"]) == (status, "nosniff"), response.text
    if status == 200:
        assert response.headers["content-type"] == "application/json"
        assert said in response.text or said == READ
        assert all({"text", "rejected"} <= one.keys() or "error" in one for one in response.json()["results"])
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert said in response.json()["detail"]
        assert "\n" not in response.json()["detail"]


@pytest.mark.parametrize("name", MALICE)
def test_what_is_sent_to_do_harm_does_none(served: Server, name: str) -> None:
    send(served, name)


@pytest.mark.parametrize("before", [b"", b"\n", b"\xef\xbb\xbf\r\n", b"\0"])
def test_a_pdf_is_drawn_by_a_process_of_its_own_whatever_stands_before_it(
    before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn: list[bytes] = []

    def pages(content: bytes, max_pixels: int) -> Iterator[Page]:
        drawn.append(content)
        yield from ()

    monkeypatch.setattr(decoding.pdf, "pages", pages)
    assert list(decoding.pages(before + pdf(b"9 9"), 1_000)) == []
    assert drawn == [before + pdf(b"9 9")]


NAMES = ["../../etc/passwd", "/etc/passwd", "%2e%2e%2f", "%n%s", "<script>", "a\0b", "-", "CON", "~", "é" * 300]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_is_told_back_and_opens_nothing(served: Server, name: str) -> None:
    answer = served.post(form((name, b"nothing"), ("a", WHITE)), FORM).json()["results"][0]
    assert answer["error"].startswith("the bytes: not a picture")
    assert answer["image"] == name


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="memory is measured where there is /proc")
def test_a_second_round_of_it_leaves_the_memory_as_it_was(served: Server) -> None:
    for _ in range(2):  # the first, for what is kept in any case
        before = served.memory("VmRSS")
        for name in MALICE:
            send(served, name)
    until = time.monotonic() + 20
    while served.memory("VmRSS") - before >= GROWTH:  # what was answered last may still be held
        assert time.monotonic() < until, f"{served.memory('VmRSS') - before} MB more than before"
        time.sleep(0.2)
    assert served.memory("VmHWM") < PEAK
