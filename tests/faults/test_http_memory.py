"""Large bodies and pictures: the memory of the server and its processes has a limit."""

from __future__ import annotations

import io
import struct
from collections import Counter

import pytest
from PIL import Image

from tests.faults.rude import (
    FORM,
    MAX_MEMORY_MB,
    Server,
    make_post,
    needs_proc,
    parse_status,
    tried_twice,
    wait_for_memory,
)

pytestmark = [pytest.mark.fault, needs_proc, tried_twice]


def make_bitmap(megapixels: int) -> bytes:
    """Return a grey picture with one byte a pixel."""
    file = io.BytesIO()
    noise = Image.effect_noise((1_000, 1_000), 60).resize((megapixels * 250, 4_000))
    noise.save(file, format="BMP")
    return file.getvalue()


def test_64_bodies_of_20_megabytes_at_once(server: Server) -> None:
    before, body = server.measure_memory_mb(), make_bitmap(19)
    with server.watch_health():
        requests = [make_post(body, "image/bmp", "/v1/read")] * 64
        answers = Counter(map(parse_status, server.send_all(requests)))
    assert set(answers) <= {200, 503}
    assert answers[200] >= 4
    assert server.peak_mb < MAX_MEMORY_MB
    wait_for_memory(server, before)


def make_webp(width: int, height: int) -> bytes:
    """Return a few bytes whose header claims many pixels."""
    body = b"\x2f" + struct.pack("<I", (width - 1) | ((height - 1) << 14)) + bytes(13)
    chunk = b"VP8L" + struct.pack("<I", len(body)) + body
    return b"RIFF" + struct.pack("<I", len(chunk) + 4) + b"WEBP" + chunk


def make_picture(kind: str, mode: str, size: tuple[int, int] = (7_000, 7_000)) -> bytes:
    file = io.BytesIO()
    Image.new(mode, size).save(file, format=kind)
    return file.getvalue()


def test_small_files_with_many_pixels(server: Server) -> None:
    before = server.measure_memory_mb()
    bombs = [make_webp(16_383, 3_000)] * 4
    bombs += [
        make_picture("PNG", "RGB"),
        make_picture("GIF", "L"),
        make_picture("WEBP", "RGB"),
        make_picture("JPEG", "L"),
        make_picture("PNG", "RGBA"),
    ]
    bombs += [
        make_picture("JPEG2000", "L", (5_000, 4_000)),
        make_picture("TIFF", "F", (2_200, 2_200)),
    ]
    targets = ("/v1/read", "/v1/read?single=true", "/v1/explain")
    with server.watch_health():
        requests = [make_post(bomb, target=target) for bomb in bombs for target in targets]
        answers = Counter(map(parse_status, server.send_all(requests)))
    assert set(answers) <= {200, 422, 503}
    assert answers[200] >= 4
    assert server.peak_mb < MAX_MEMORY_MB
    wait_for_memory(server, before)


def make_tiff_form(width: int, count: int) -> bytes:
    """Return a form with `count` copies of a small file that has 20 pages."""
    file, page = io.BytesIO(), Image.new("L", (width, width), 255)
    page.save(file, "TIFF", save_all=True, append_images=[page] * 19, compression="tiff_deflate")
    part_head = b'--x\r\nContent-Disposition: form-data; name="a"; filename="b"\r\n\r\n'
    return (part_head + file.getvalue() + b"\r\n") * count + b"--x--"


@pytest.mark.parametrize(("width", "count", "requests"), [(500, 64, 6), (200, 64, 24)])
def test_many_pages_of_one_digit(server: Server, width: int, count: int, requests: int) -> None:
    """A request of 640 KB contains 320 MB of pages, which are decoded and read in parts."""
    before, body = server.measure_memory_mb(), make_tiff_form(width, count)
    with server.watch_health():
        answers = Counter(map(parse_status, server.send_all([make_post(body, FORM)] * requests)))
    assert answers == {200: requests}
    assert server.peak_mb < before + 350
    wait_for_memory(server, before)
