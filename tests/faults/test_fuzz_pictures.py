"""Two thousand damaged files in all formats: each is read or rejected, within time and memory."""

from __future__ import annotations

import io
import multiprocessing
import os
import random
import re
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import pytest
from PIL import Image, ImageDraw, features

from numeye.errors import MissingExtra, PictureError
from numeye.io import images

pytestmark = pytest.mark.fault

SEED, FILES = 20_261_130, 2_000
MEMORY_BYTES = 3_000_000_000  # of a worker's address space, with the libraries
MAX_SECONDS = 20.0  # for one file
MAX_PIXELS = 4_000_000  # more than the samples have

# with the options of Pillow's `save`
FORMATS: dict[str, dict[str, object]] = {
    **{name: {} for name in ("PNG", "JPEG", "GIF", "BMP", "PPM", "WEBP", "ICO", "TGA", "PCX")},
    "TIFF": {"compression": "tiff_lzw"},
    **{name: {} for name in ("JPEG2000", "AVIF", "PDF")},
}


@dataclass(frozen=True)
class Outcome:
    """The result for one file."""

    name: str
    result: str  # pages, rejected, slow, or the name of an unexpected exception
    message: str = ""


def _draw(mode: str) -> Image.Image:
    picture = Image.new(mode, (96, 64), "white")
    pen = ImageDraw.Draw(picture)
    pen.line((20, 10, 60, 10, 35, 55), fill="black", width=5)
    return picture


def make_samples() -> dict[str, bytes]:
    """Return a small file for each format and mode."""
    contents = {}
    for name, options in FORMATS.items():
        if name == "AVIF" and not features.check("avif"):
            continue
        for mode in ("1", "L", "P", "RGB", "RGBA", "I;16"):
            buffer = io.BytesIO()
            try:
                _draw("RGB").convert("L").convert(mode).save(buffer, name, **options)
            except (OSError, ValueError, KeyError):
                continue  # the format does not have this mode
            contents[f"{name} {mode}"] = buffer.getvalue()
    pages = [_draw("L"), _draw("RGB")]
    for name, options in {"TIFF": {}, "PDF": {}, "GIF": {}}.items():
        buffer = io.BytesIO()
        pages[0].save(buffer, name, save_all=True, append_images=pages[1:], **options)
        contents[f"{name} pages"] = buffer.getvalue()
    buffer = io.BytesIO()
    _draw("RGB").save(
        buffer,
        "JPEG",
        progressive=True,
        exif=b"Exif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\x01\0\0\0\x06\0\0\0",
    )
    contents["JPEG progressive"] = buffer.getvalue()
    return contents


def flip_bits(data: bytearray, rng: random.Random, _: list[bytes]) -> None:
    for _number in range(rng.choice((1, 2, 8, 64))):
        data[rng.randrange(len(data))] ^= 1 << rng.randrange(8)


def truncate(data: bytearray, rng: random.Random, _: list[bytes]) -> None:
    del data[rng.randrange(len(data)) :]


def splice(data: bytearray, rng: random.Random, others: list[bytes]) -> None:
    other = rng.choice(others)
    data[rng.randrange(len(data)) :] = other[rng.randrange(len(other)) :]


def overwrite_length(data: bytearray, rng: random.Random, _: list[bytes]) -> None:
    """Overwrite two or four bytes, mostly near the start, with a number that may cause errors."""
    size = rng.choice((2, 4))
    place = rng.randrange(min(len(data), rng.choice((32, 128, len(data)))))
    value = rng.choice(
        (0, 1, 0x7F, 0xFF, 0x7FFF, 0xFFFF, 0x7FFFFFFF, 0xFFFFFFFF, rng.getrandbits(32))
    )
    data[place : place + size] = (value % (1 << 8 * size)).to_bytes(
        size, rng.choice(("big", "little"))
    )


def repeat_part(data: bytearray, rng: random.Random, _: list[bytes]) -> None:
    start = rng.randrange(len(data))
    part = bytes(data[start : start + rng.choice((4, 32, 200))])
    data[start:start] = part * rng.choice((1, 3, 50, 2000))


def remove_part(data: bytearray, rng: random.Random, _: list[bytes]) -> None:
    start = rng.randrange(len(data))
    del data[start : start + rng.choice((1, 4, 30))]


def overwrite_number(data: bytearray, rng: random.Random, _: list[bytes]) -> None:
    """Change a number that is written in digits, as in PDF and PPM."""
    spans = [match.span() for match in re.finditer(rb"\d+", data)]
    if spans:
        start, end = rng.choice(spans)
        data[start:end] = rng.choice((b"0", b"-1", b"99999999", b"4294967296", b"1e9", b"9" * 400))


Mutation = Callable[[bytearray, random.Random, list[bytes]], None]
MUTATIONS: tuple[Mutation, ...] = (
    flip_bits,
    truncate,
    splice,
    overwrite_length,
    repeat_part,
    remove_part,
    overwrite_number,
)


def make_mutated(files: int) -> Iterator[tuple[str, bytes]]:
    rng, originals = random.Random(SEED), make_samples()
    others = list(originals.values())
    for index in range(files):
        name = rng.choice(sorted(originals))
        data = bytearray(originals[name])
        applied = []
        for mutation in rng.choices(MUTATIONS, k=rng.choice((1, 1, 2, 3))):
            if data:
                mutation(data, rng, others)
                applied.append(mutation.__name__)
        yield f"{index} {name}: {', '.join(applied)}", bytes(data)


def limit_memory() -> None:
    import resource

    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    images.Image.init()


def decode_one(name: str, content: bytes) -> Outcome:
    started_at = time.perf_counter()
    try:
        for page in images.pages(content, max_pixels=MAX_PIXELS):
            assert page.grey.ndim == 2
            assert page.grey.size <= MAX_PIXELS
        result, message = "pages", ""
    except (PictureError, MissingExtra) as error:
        result, message = "rejected", str(error)
        if "\n" in message or not message.strip():
            result = "not one line"
    except BaseException as error:  # noqa: BLE001 - any exception is a finding
        result, message = type(error).__name__, str(error)
    if time.perf_counter() - started_at > MAX_SECONDS:
        result = "slow"
    return Outcome(name, result, message)


def _outcome_of(item: tuple[str, bytes]) -> Outcome:
    import warnings

    warnings.simplefilter("ignore")
    return decode_one(*item)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="limiting a worker's memory needs Unix")
def test_two_thousand_damaged_pictures_are_read_or_rejected(
    capsys: pytest.CaptureFixture[str],
) -> None:
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(2, mp_context=context, initializer=limit_memory) as pool:
        # If a decoder crashes, its worker breaks the pool, and the test fails.
        outcomes = list(pool.map(_outcome_of, make_mutated(FILES), timeout=240, chunksize=10))
    counts = Counter(outcome.result for outcome in outcomes)
    formats = Counter(outcome.name.split()[1] for outcome in outcomes)
    with capsys.disabled():
        sys.stdout.write(f"\n{FILES} damaged pictures: {dict(counts)}; by format {dict(formats)}\n")
    wrong = [outcome for outcome in outcomes if outcome.result not in ("pages", "rejected")]
    assert not wrong, wrong[:5]
    assert sum(counts.values()) == FILES
    assert min(counts["pages"], counts["rejected"]) > FILES // 10  # both cases occur


def test_the_undamaged_samples_are_read() -> None:
    contents = make_samples()
    assert {name.split()[0] for name in contents} >= set(FORMATS) - {"AVIF"}
    assert {decode_one(name, content).result for name, content in contents.items()} == {"pages"}
