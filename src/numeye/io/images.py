"""Reads any picture as upright grey pages.

The input is a path, bytes, standard input, a PIL image or an array. It can be rotated by EXIF,
transparent, of 16 bits, CMYK, or a page of a TIFF or a PDF. The output is one `Page` per page: an
array of uint8, 0 black to 255 white.
"""

from __future__ import annotations

import os
import stat
import sys
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from numeye.errors import MissingExtra, PictureError
from numeye.io import file_limits
from numeye.io.grey_images import from_array, to_grey
from numeye.io.image_limits import MAX_PIXELS, check_size, frames, is_pdf, open_image, pillow_errors

if TYPE_CHECKING:
    from jaxtyping import UInt8

# A picture as users give it. Any: an object with `__array__`, such as a numpy array or a torch
# tensor on the CPU.
Picture = str | Path | bytes | Image.Image | Any

PDF_DPI = 200
PDF_UNITS_PER_INCH = 72
MAX_UNREADABLE_PAGES = 10  # of a PDF or TIFF; pages behind them are not tried
READ_MANY_HINT = "numeye read and read_many read them all"
SUFFIXES = frozenset(
    (
        *(".png", ".apng", ".jpg", ".jpeg", ".jpe", ".jfif", ".mpo", ".tif", ".tiff", ".bmp"),
        *(".dib", ".gif", ".webp", ".ppm", ".pgm", ".pbm", ".pnm", ".jp2", ".j2k", ".avif"),
        *(".ico", ".tga", ".pcx", ".pdf"),
    )
)
_PDFIUM_LOCK = threading.Lock()  # PDFium serves one thread at a time


@dataclass(frozen=True, kw_only=True)
class Page:
    """One upright grey picture.

    Attributes:
        name: the path as it was given, "-" for standard input, "" for a picture without a name.
        index: number of the page in its file, from 0.
        grey: (height, width) uint8, 0 black to 255 white.
    """

    name: str
    index: int
    grey: UInt8[np.ndarray, "height width"]


def pages(picture: Picture, *, max_pixels: int = MAX_PIXELS) -> Iterator[Page]:
    """Yield every page of a picture; most have one.

    Args:
        picture: a path, "-" for standard input, the bytes of a file, a PIL image, or an array of
            any dtype: (height, width), (height, width, 1 to 4 channels) or (1, height, width).
        max_pixels: larger pages are rejected before they are decoded.

    Raises:
        PictureError: it is missing, empty, damaged, too large or not a picture.
        MissingExtra: it is a PDF, and the extra [pdf] is not installed.
    """
    if isinstance(picture, str | Path):
        name = str(picture)
        yield from _pages_of_file(name, _read_file(name), max_pixels)
    elif isinstance(picture, bytes | bytearray | memoryview):
        yield from _pages_of_file("", bytes(picture), max_pixels)
    elif isinstance(picture, Image.Image):
        check_size("the image", picture.size, max_pixels)
        with pillow_errors("the image"):
            grey = to_grey(picture)
        yield Page(name="", index=0, grey=grey)
    elif hasattr(picture, "__array__"):
        yield Page(name="", index=0, grey=from_array(np.asarray(picture), max_pixels=max_pixels))
    else:
        raise PictureError(
            f"a {type(picture).__name__} is no picture; expected a path, bytes, an image or an"
            " array"
        )


def only_page(picture: Picture) -> Page:
    """Return the page of a picture that must have one page; see `pages`.

    Raises:
        PictureError: it cannot be read, or has several pages.
    """
    return single_page(pages(picture))


def single_page(of_picture: Iterator[Page]) -> Page:
    """Return the only page of an iterator.

    Raises:
        PictureError: there are several.
    """
    first_two = list(islice(of_picture, 2))  # the others are not decoded
    if len(first_two) != 1:
        name = first_two[0].name or "the picture"
        raise PictureError(f"{name}: has more than one page, expected one; {READ_MANY_HINT}")
    return first_two[0]


def pictures_in_folder(folder: Path) -> list[Path]:
    """Return the pictures directly in a folder, in the order of their names.

    Raises:
        PictureError: there is none, or the folder cannot be read.
    """
    try:
        pictures = sorted(path for path in folder.iterdir() if _is_picture(path))
    except OSError as error:
        raise PictureError(
            f"{folder}: not a folder that can be read ({error.strerror or error})"
        ) from error
    if not pictures:
        raise PictureError(
            f"{folder}: no picture in this folder; expected files such as .png, .jpg or .tif"
        )
    return pictures


def _is_picture(path: Path) -> bool:
    """Return whether the name is that of a picture.

    Hidden files are not: other systems leave such files behind.
    """
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and _may_be_file(path)


def _may_be_file(path: Path) -> bool:
    """Return whether a path is a file, or a link that cannot be followed.

    Reading such a link later gives an error message, and the other pictures are read.
    """
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def expand_folders(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """Yield pictures; in the place of a folder, the pictures in it.

    Raises:
        PictureError: there is none in a folder, or it cannot be read.
    """
    for picture in pictures:
        path = str(picture) if isinstance(picture, str | Path) else "-"
        if path != "-" and os.path.isdir(path):  # noqa: PTH112 - Path.is_dir raises
            yield from map(str, pictures_in_folder(Path(path)))
        else:
            yield picture


def _read_file(name: str) -> bytes:
    """Return the bytes of a file, or of standard input."""
    if not name:
        raise PictureError(
            "the name of a picture is empty; expected a path, or - for standard input"
        )
    if name == "-":
        return _read_standard_input()
    try:
        return file_limits.read(name, file_limits.MAX_FILE_BYTES)
    except FileNotFoundError as error:
        raise PictureError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise PictureError(f"{name}: a folder; expected a picture") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"{name}: cannot be read ({reason})") from error


def _read_standard_input() -> bytes:
    """Return all bytes of standard input; a terminal is rejected, as nobody types a picture."""
    stream = getattr(sys.stdin, "buffer", None)
    if stream is None or stream.closed:
        raise PictureError("standard input: closed; expected a picture")
    try:
        if stream.isatty():
            raise PictureError(
                "standard input: a terminal; expected a picture, such as numeye read - < FILE"
            )
        return file_limits.read_stream(stream, file_limits.MAX_FILE_BYTES)
    except IsADirectoryError as error:
        raise PictureError("standard input: a folder; expected a picture") from error
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise PictureError(f"standard input: cannot be read ({reason})") from error


def _pages_of_file(name: str, content: bytes, max_pixels: int) -> Iterator[Page]:
    label = {"": "the bytes", "-": "standard input"}.get(name, name)
    if not content:
        raise PictureError(f"{label}: empty; expected a picture")
    if is_pdf(content):
        yield from _pages_of_pdf(name, label, content, max_pixels)
        return
    with (
        pillow_errors(label, content),
        open_image(label, content, max_pixels) as image,
        _collect_page_errors() as add_error,
    ):
        for index, frame in enumerate(frames(image)):
            page_label = f"{label}, page {index + 1}" if index else label
            try:
                check_size(page_label, frame.size, max_pixels)
                with pillow_errors(page_label):
                    grey = to_grey(frame)
                if image.format != "TIFF":
                    # There is no other page, and it takes four times the memory of the grey one.
                    image.close()
            except PictureError as error:
                add_error(error)
            else:
                yield Page(name=name, index=index, grey=grey)


@contextmanager
def _collect_page_errors() -> Iterator[Callable[[PictureError], None]]:
    """Provide a function that takes the errors of single pages.

    So pages behind an unreadable one are read. The block raises at its end, or when there are too
    many errors. It keeps only their messages: an error holds what its functions held of the page.
    """
    messages: list[str] = []

    def add_error(error: PictureError) -> None:
        messages.append(str(error))
        if len(messages) == MAX_UNREADABLE_PAGES:
            raise PictureError(
                f"{error}; this is the {MAX_UNREADABLE_PAGES}th unreadable page, so the pages after"
                " it are not read"
            ) from error

    yield add_error
    if messages:
        more = f" (and {len(messages) - 1} more of its pages)" if len(messages) > 1 else ""
        raise PictureError(f"{messages[0]}{more}")


def _pages_of_pdf(name: str, label: str, content: bytes, max_pixels: int) -> Iterator[Page]:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtra(f"{label}: reading a PDF", "pdf") from error
    with _PDFIUM_LOCK, pillow_errors(f"{label}: a PDF that cannot be opened"):
        document = pypdfium2.PdfDocument(content)
    try:
        with _collect_page_errors() as add_error:
            for index in range(len(document)):
                page_label = f"{label}, page {index + 1}"
                try:
                    with _PDFIUM_LOCK:
                        grey = _page_of_pdf(document, index, page_label, max_pixels)
                except PictureError as error:
                    add_error(error)
                else:
                    yield Page(name=name, index=index, grey=grey)
    finally:
        with _PDFIUM_LOCK:
            document.close()


def _page_of_pdf(
    document: Any, index: int, label: str, max_pixels: int
) -> UInt8[np.ndarray, "height width"]:
    """Render one page of a PDF, with `PDF_DPI`; its size is checked first."""
    with pillow_errors(label):
        page = document[index]
        scale = PDF_DPI / PDF_UNITS_PER_INCH
        width, height = (round(side * scale) for side in page.get_size())
        check_size(label, (width, height), max_pixels)
        return to_grey(page.render(scale=scale).to_pil())
