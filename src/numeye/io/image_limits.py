"""Limits within which pictures are opened: formats, pixels, parts of a JPEG, sizes of an icon.

A small file can declare a huge picture. What it declares is checked before anything is decoded.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import NamedTuple

from PIL import IcoImagePlugin, Image, ImageSequence, UnidentifiedImageError

from numeye.errors import PictureError

MAX_PIXELS = 80_000_000  # of a page; a small file with more may be a bomb that fills the memory
PDF_LEADING_BYTES = b"\xef\xbb\xbf\0\t\n\r "  # some programs write these before a PDF
OUT_OF_MEMORY = "not enough memory to decode it; make it smaller, or read fewer at a time"
MAX_JPEG_SCANS, MAX_JPEG_SEGMENTS = 200, 10_000  # about ten and a hundred are usual

# What Pillow may decode; not the formats for which it starts other programs (EPS). The common ones
# are tried first, since the other plugins take a while to load.
COMMON_FORMATS = ("PNG", "JPEG", "GIF", "BMP", "PPM")
RARE_FORMATS = ("TIFF", "WEBP", "JPEG2000", "AVIF", "ICO", "TGA", "PCX")
_JPEG_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # begins a segment


def is_pdf(content: bytes) -> bool:
    """Return whether the bytes of a file begin as a PDF does."""
    return content[:1024].lstrip(PDF_LEADING_BYTES).startswith(b"%PDF-")


class PictureHeader(NamedTuple):
    """What the header of a picture file declares.

    Attributes:
        format: as Pillow names it, such as "PNG".
        mode: as Pillow names it, such as "RGB".
        pixels: of each page.
    """

    format: str
    mode: str
    pixels: list[int]


def read_header(content: bytes, *, max_pixels: int = MAX_PIXELS, pages: int = 1) -> PictureHeader:
    """Return what the header of a picture declares; nothing is decoded, except an icon.

    Args:
        content: the bytes of a file that is no PDF.
        max_pixels: the most pixels of a page.
        pages: how many pages to look at.

    Raises:
        PictureError: it is no picture that can be read.
    """
    with pillow_errors("the bytes", content), open_image("the bytes", content, max_pixels) as image:
        picture_format, mode = image.format or "", image.mode
        return PictureHeader(
            picture_format,
            mode,
            [frame.width * frame.height for frame in islice(frames(image), pages)],
        )


def open_image(label: str, content: bytes, max_pixels: int) -> Image.Image:
    """Open a picture, within the limits of its format; its pixels are not decoded yet.

    Args:
        label: names the picture in messages.
        content: the bytes of the file.
        max_pixels: the most pixels of a page; here only an icon is checked, which Pillow decodes.

    Raises:
        PictureError: it exceeds a limit.
        UnidentifiedImageError: it is no picture.
    """
    if content.startswith(b"\xff\xd8"):
        _check_jpeg(label, content)
    try:
        return Image.open(io.BytesIO(content), formats=COMMON_FORMATS)
    except UnidentifiedImageError:
        Image.init()
        if content.startswith(b"\0\0\1\0"):
            _check_icon(label, content, max_pixels)
        # Not every build of Pillow has AVIF.
        available = [name for name in RARE_FORMATS if name in Image.OPEN]
        return Image.open(io.BytesIO(content), formats=available)


def _check_jpeg(label: str, content: bytes) -> None:
    """Check the numbers of scans and segments.

    A scan of a few bytes costs a pass over all pixels, so a small file with many scans would take
    hours to decode.
    """
    offset = scans = segments = 0
    while (marker := _JPEG_MARKER.search(content, offset)) and marker[0] != b"\xff\xd9":
        scans, segments = scans + (marker[0] == b"\xff\xda"), segments + 1
        if scans > MAX_JPEG_SCANS:
            raise PictureError(_too_many(label, MAX_JPEG_SCANS, "scans"))
        if segments > MAX_JPEG_SEGMENTS:
            raise PictureError(_too_many(label, MAX_JPEG_SEGMENTS, "segments"))
        offset = marker.end()
        if marker[0] not in (b"\xff\x01", b"\xff\xd8"):  # other segments declare their length
            offset += int.from_bytes(content[offset : offset + 2], "big")


def _too_many(label: str, limit: int, parts: str) -> str:
    return f"{label}: a JPEG of more than {limit:,} {parts}; save it again"


def _check_icon(label: str, content: bytes, max_pixels: int) -> None:
    """Check the size of an icon's largest picture, which is a complete PNG or BMP.

    Pillow decodes it when it opens the icon.
    """
    entry = IcoImagePlugin.IcoFile(io.BytesIO(content)).entry[0]
    with Image.open(io.BytesIO(content[entry.offset :]), formats=("PNG", "DIB")) as largest:
        check_size(label, largest.size, max_pixels)


@contextmanager
def pillow_errors(label: str, content: bytes = b"") -> Iterator[None]:
    """Raise a `PictureError` of one line in the place of anything that Pillow raises.

    Args:
        label: names the picture in messages.
        content: the bytes of the file, where they help to say what is wrong.
    """
    try:
        yield
    except UnidentifiedImageError as error:
        raise PictureError(
            f"{label}: not a picture that can be read{_format_hint(content)}"
        ) from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{label}: too large ({error})") from error
    except PictureError:
        raise
    except MemoryError as error:
        raise PictureError(f"{label}: {OUT_OF_MEMORY}") from error
    except Exception as error:
        raise PictureError(
            f"{label}: damaged ({str(error).strip() or type(error).__name__})"
        ) from error


def frames(image: Image.Image) -> Iterator[Image.Image]:
    """Yield all pages of a TIFF, one at a time; of an animation, only the first picture."""
    if image.format == "TIFF":
        yield from ImageSequence.Iterator(image)
    else:
        yield image


def _format_hint(content: bytes) -> str:
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return ": it is HEIC; save it as JPEG or PNG"
    if content.lstrip()[:5].lower() in (b"<?xml", b"<svg ", b"<html", b"<!doc"):
        return ": it is text; save it as PNG"
    return "; expected PNG, JPEG, TIFF, BMP, GIF, WebP or PDF"


def check_size(label: str, size: tuple[int, int], max_pixels: int) -> None:
    """Check that a picture has not too many pixels.

    Args:
        label: names the picture in the message.
        size: width and height.
        max_pixels: the most pixels.

    Raises:
        PictureError: it has more.
    """
    width, height = size
    if width * height > max_pixels:
        raise PictureError(
            f"{label}: {width}x{height} is {width * height / 1e6:.0f} megapixels, "
            f"at most {max_pixels / 1e6:.0f} are read; make it smaller"
        )
