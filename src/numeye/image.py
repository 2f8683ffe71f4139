"""Any picture, upright and grey.

Whatever comes in (a path, bytes, standard input, a PIL image, an array; rotated by EXIF, transparent, 16 bit,
CMYK, a page of a TIFF or a PDF) leaves as one `Page` per picture: an array of uint8, 0 black to 255 white.
"""

from __future__ import annotations

import io
import os
import re
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
from PIL import ExifTags, IcoImagePlugin, Image, ImageChops, ImageOps, ImageSequence, ImageStat, UnidentifiedImageError

from numeye.errors import MissingExtra, PictureError

if TYPE_CHECKING:
    from jaxtyping import UInt8

# A picture as it may be given. Arrays are anything with `__array__`: numpy, a torch tensor on the CPU.
Picture = str | Path | bytes | Image.Image | Any

_PDFIUM = threading.Lock()  # it may be used by one thread at a time
MAX_PIXELS = 80_000_000  # a page; above it a small file may be a bomb that fills the memory
PDF_DPI = 200
BEFORE_PDF = b"\xef\xbb\xbf\0\t\n\r "  # what some programs write before a PDF begins
WRONG_PAGES = 10  # of a PDF or TIFF, behind which no more are tried
SCANS, SEGMENTS = 200, 10_000  # of a JPEG; about ten and a hundred are usual
WHITES = (1.0, 16.0, 255.0, 4095.0, 65535.0)  # a unit, scikit-learn's digits, 8, 12 and 16 bits

# What Pillow may decode. Formats that start other programs (EPS) are left out.
COMMON = ("PNG", "JPEG", "GIF", "BMP", "PPM")  # tried first: the other plugins take a while to load
RARE = ("TIFF", "WEBP", "JPEG2000", "AVIF", "ICO", "TGA", "PCX")
_SUFFIXES = """.png .apng .jpg .jpeg .jpe .jfif .mpo .tif .tiff .bmp .dib .gif .webp .ppm .pgm .pbm .pnm .jp2 .j2k
.avif .ico .tga .pcx .pdf"""
SUFFIXES = frozenset(_SUFFIXES.split())
_MARKER = re.compile(rb"\xff[\x01-\xcf\xd8-\xfe]")  # of a segment of a JPEG


@dataclass(frozen=True, kw_only=True)
class Page:
    """One upright grey picture.

    Attributes:
        name: the path as given, "-" for standard input, or "" for what came without a name.
        index: number of the page in its file, from 0.
        grey: (height, width) uint8, 0 black to 255 white.
    """

    name: str
    index: int
    grey: UInt8[np.ndarray, "height width"]


def pages(picture: Picture, *, max_pixels: int = MAX_PIXELS) -> Iterator[Page]:
    """Yield every page of one picture; most have one.

    Args:
        picture: a path, "-" for standard input, the bytes of a file, a PIL image, or an array: (height, width)
            or (height, width, 1 to 4 channels) or (1, height, width), of any dtype.
        max_pixels: pages larger than this are refused before they are decoded.

    Raises:
        PictureError: it is missing, empty, damaged, too large or not a picture.
        MissingExtra: it is a PDF and the extra [pdf] is not installed.
    """
    if isinstance(picture, str | Path):
        name = str(picture)
        yield from _pages_of_file(name, _read_file(name), max_pixels)
    elif isinstance(picture, bytes | bytearray | memoryview):
        yield from _pages_of_file("", bytes(picture), max_pixels)
    elif isinstance(picture, Image.Image):
        _check_size("the image", picture.size, max_pixels)
        with _explained("the image"):
            grey = _grey(picture)
        yield Page(name="", index=0, grey=grey)
    elif hasattr(picture, "__array__"):
        yield Page(name="", index=0, grey=from_array(np.asarray(picture), max_pixels=max_pixels))
    else:
        raise PictureError(f"a {type(picture).__name__} is no picture: expected a path, bytes, an image or an array")


def only_page(picture: Picture) -> Page:
    """The page of a picture that has just one; see `pages`.

    Raises:
        PictureError: it cannot be read, or has several pages.
    """
    return only(pages(picture))


def only(of: Iterator[Page]) -> Page:
    """The only one of a picture's pages.

    Raises:
        PictureError: there are several.
    """
    found = list(islice(of, 2))  # others are not even decoded
    if len(found) != 1:
        raise PictureError(f"{found[0].name or 'the picture'} has more than one page; read_many reads them all")
    return found[0]


def in_folder(folder: Path) -> list[Path]:
    """The pictures that lie directly in `folder`, in the order of their names.

    Raises:
        PictureError: there is none.
    """
    try:
        found = sorted(path for path in folder.iterdir() if _is_picture(path))
    except OSError as error:
        raise PictureError(f"{folder}: not a folder that can be read ({error.strerror or error})") from error
    if not found:
        raise PictureError(f"{folder}: no picture in this folder; expected files such as .png, .jpg or .tif")
    return found


def _is_picture(path: Path) -> bool:
    """By its name; hidden files are what other systems leave behind, not pictures."""
    return path.suffix.lower() in SUFFIXES and not path.name.startswith(".") and _may_be_file(path)


def _may_be_file(path: Path) -> bool:
    """True also of a link that may not be followed: it is told where it is read, and others are read."""
    try:
        return stat.S_ISREG(path.stat().st_mode)
    except FileNotFoundError:
        return False
    except OSError:
        return True


def expand(pictures: Iterable[Picture]) -> Iterator[Picture]:
    """Put in the place of each folder the pictures that lie in it."""
    for picture in pictures:
        if isinstance(picture, str | Path) and str(picture) != "-" and os.path.isdir(picture):  # noqa: PTH112
            yield from map(str, in_folder(Path(picture)))
        else:
            yield picture


def from_array(array: np.ndarray, *, max_pixels: int = MAX_PIXELS) -> UInt8[np.ndarray, "height width"]:
    """An array of any dtype as a grey picture.

    White is 255 for uint8. In other types, and where uint8 holds a mask of 0 and 1, it is the smallest of `WHITES`
    that no value exceeds, or, of numbers with a fraction, by a tenth at most, as resizing may: they are cut there.
    Values below 0 or above 65535 are stretched from the lowest to the highest.

    Raises:
        PictureError: the array is empty, too large, not finite or of a shape that is no picture.
    """
    shape = "x".join(map(str, array.shape))
    if array.ndim == 3 and array.shape[0] == 1:  # one channel first, as torch has it
        array = array[0]
    if array.ndim == 3 and array.shape[2] == 1:
        array = array[:, :, 0]
    if array.ndim not in (2, 3) or 0 in array.shape or (array.ndim == 3 and array.shape[2] > 4):
        raise PictureError(f"an array of shape {shape} is no picture; expected height x width (x 1 to 4 channels)")
    _check_size("the array", (array.shape[1], array.shape[0]), max_pixels)
    if array.dtype.kind not in "buif":
        raise PictureError(f"an array of {array.dtype} is no picture; expected numbers")
    levels = _to_uint8(array)
    if levels.ndim == 2:  # never the array itself, which whoever owns it may fill anew before it is read
        return levels.copy() if np.may_share_memory(levels, array) else levels
    mode = {2: "LA", 3: "RGB", 4: "RGBA"}[levels.shape[2]]
    return _grey(Image.fromarray(np.ascontiguousarray(levels)).convert(mode))


def _to_uint8(array: np.ndarray) -> np.ndarray:
    if array.dtype == np.uint8 and array.max() > 1:
        return array
    values: np.ndarray = array.astype(np.float32 if array.itemsize < 4 else np.float64)
    low, high = float(values.min()), float(values.max())
    if not np.isfinite([low, high]).all():
        raise PictureError("the array holds values that are not finite; expected numbers such as 0 to 255")
    if low < 0 or high > 65535:
        largest = max(abs(low), abs(high))  # divided first, since high - low may be more than a number holds
        return _scaled(values / largest, low / largest, high / largest)
    beyond = 1.1 if array.dtype.kind == "f" else 1.0
    return _scaled(values, 0.0, min(white for white in WHITES if white * beyond >= high))


def _scaled(values: np.ndarray, black: float, white: float) -> np.ndarray:
    unit = (values - black) / max(white - black, 1e-30)
    levels: np.ndarray = np.rint(np.clip(unit, 0, 1) * 255).astype(np.uint8)
    return levels


def _read_file(name: str) -> bytes:
    if name == "-":
        return sys.stdin.buffer.read()
    try:
        return Path(name).read_bytes()
    except FileNotFoundError as error:
        raise PictureError(f"{name}: no such file") from error
    except IsADirectoryError as error:
        raise PictureError(f"{name}: a folder; expected a picture") from error
    except (OSError, ValueError) as error:
        raise PictureError(f"{name!r}: cannot be read ({getattr(error, 'strerror', None) or error})") from error


def _pages_of_file(name: str, content: bytes, max_pixels: int) -> Iterator[Page]:
    label = {"": "the bytes", "-": "standard input"}.get(name, name)
    if not content:
        raise PictureError(f"{label}: empty; expected a picture")
    if is_pdf(content):
        yield from _pages_of_pdf(name, label, content, max_pixels)
        return
    with _explained(label, content), _open(label, content, max_pixels) as image, _wrong_pages() as wrong:
        for index, frame in enumerate(_frames(image)):
            where = f"{label}, page {index + 1}" if index else label
            try:
                _check_size(where, frame.size, max_pixels)
                with _explained(where):
                    grey = _grey(frame)
            except PictureError as error:
                wrong(error)
            else:
                yield Page(name=name, index=index, grey=grey)


@contextmanager
def _wrong_pages() -> Iterator[Callable[[PictureError], None]]:
    """To be told of pages that cannot be read: those behind them are read all the same, then they are told."""
    wrong: list[PictureError] = []

    def tell(error: PictureError) -> None:
        wrong.append(error)
        if len(wrong) == WRONG_PAGES:
            raise PictureError(f"{error}; the {WRONG_PAGES}th that fails, none behind it is read") from error

    yield tell
    if wrong:
        others = f" (and {len(wrong) - 1} more of its pages)" if len(wrong) > 1 else ""
        raise PictureError(f"{wrong[0]}{others}") from wrong[0]


def is_pdf(content: bytes) -> bool:
    """By how a file begins."""
    return content[:1024].lstrip(BEFORE_PDF).startswith(b"%PDF-")


def _open(label: str, content: bytes, max_pixels: int) -> Image.Image:
    """Look at the head of a file; its pixels are not decoded yet."""
    if content.startswith(b"\xff\xd8"):
        _check_jpeg(label, content)
    try:
        return Image.open(io.BytesIO(content), formats=COMMON)
    except UnidentifiedImageError:
        Image.init()
        if content.startswith(b"\0\0\1\0"):
            _check_icon(label, content, max_pixels)
        known = [name for name in RARE if name in Image.OPEN]  # AVIF is not in every build of Pillow
        return Image.open(io.BytesIO(content), formats=known)


def _check_jpeg(label: str, content: bytes) -> None:
    """A scan of a few bytes costs a pass over all pixels, so that many would keep a small file decoding for hours."""
    place = scans = segments = 0
    while (found := _MARKER.search(content, place)) and found[0] != b"\xff\xd9":
        scans, segments = scans + (found[0] == b"\xff\xda"), segments + 1
        if scans > SCANS or segments > SEGMENTS:
            most = f"{SCANS} scans" if scans > SCANS else f"{SEGMENTS:,} segments"
            raise PictureError(f"{label}: a JPEG of more than {most}; save it anew")
        alone = found[0] in (b"\xff\x01", b"\xff\xd8")  # others tell their length
        place = found.end() + (0 if alone else int.from_bytes(content[found.end() : found.end() + 2], "big"))


def _check_icon(label: str, content: bytes, max_pixels: int) -> None:
    """An icon's largest picture, a whole PNG or BMP: Pillow decodes it as soon as it opens the icon."""
    entry = IcoImagePlugin.IcoFile(io.BytesIO(content)).entry[0]
    with Image.open(io.BytesIO(content[entry.offset :]), formats=("PNG", "DIB")) as largest:
        _check_size(label, largest.size, max_pixels)


@contextmanager
def _explained(label: str, content: bytes = b"") -> Iterator[None]:
    """Turn all that Pillow raises on a bad file into one line that says what is wrong with it."""
    try:
        yield
    except UnidentifiedImageError as error:
        raise PictureError(f"{label}: not a picture that can be read{_hint(content)}") from error
    except (Image.DecompressionBombError, Image.DecompressionBombWarning) as error:
        raise PictureError(f"{label}: too large ({error})") from error
    except PictureError:
        raise
    except Exception as error:
        raise PictureError(f"{label}: damaged ({str(error).strip() or type(error).__name__})") from error


def _frames(image: Image.Image) -> Iterator[Image.Image]:
    """All pages of a TIFF; of anything that moves, the first picture."""
    if image.format == "TIFF":
        yield from ImageSequence.Iterator(image)
    else:
        yield image


def _hint(content: bytes) -> str:
    if content[4:12] in (b"ftypheic", b"ftypheix", b"ftypmif1", b"ftyphevc"):
        return ": it is HEIC; save it as JPEG or PNG"
    if content.lstrip()[:5].lower() in (b"<?xml", b"<svg ", b"<html", b"<!doc"):
        return ": it is text; save it as PNG"
    return "; expected PNG, JPEG, TIFF, BMP, GIF, WebP or PDF"


def _check_size(label: str, size: tuple[int, int], max_pixels: int) -> None:
    width, height = size
    if width * height > max_pixels:
        raise PictureError(
            f"{label}: {width}x{height} is {width * height / 1e6:.0f} megapixels, "
            f"at most {max_pixels / 1e6:.0f} are read; make it smaller"
        )


def _grey(image: Image.Image) -> np.ndarray:
    """Upright by EXIF, flat on paper, one channel of uint8."""
    image.load()  # what is wrong with the pixels is told here; of some formats EXIF stands behind them
    if _orientation(image) != 1:  # else it would be copied
        image = ImageOps.exif_transpose(image)
    if image.mode.startswith("I") or image.mode == "F":
        try:
            return from_array(np.asarray(image), max_pixels=image.width * image.height)  # its size is checked by now
        except PictureError as error:  # whose it is, is for others to say
            raise ValueError(str(error)) from error
    if image.mode in ("RGBA", "LA", "PA", "RGBa", "La") or "transparency" in image.info:
        return np.array(_on_paper(image if image.mode == "RGBA" else image.convert("RGBA")))
    if image.mode not in ("L", "1", "RGB"):
        image = image.convert("RGB")
    return np.array(image.convert("L"))


def _orientation(image: Image.Image) -> int:
    """As EXIF tells it; what it says is no reason to refuse a picture whose pixels are whole."""
    try:
        return int(image.getexif().get(ExifTags.Base.Orientation, 1))
    except Exception:  # noqa: BLE001 - Pillow raises whatever a damaged header leads it to
        return 1


def _on_paper(image: Image.Image) -> Image.Image:
    """Lay a transparent picture on white, or on black where what is drawn on it is light; grey.

    Every step has one byte a pixel: a photograph has tens of millions of them.
    """
    grey, alpha = image.convert("L"), image.getchannel("A")
    drawn = ImageStat.Stat(ImageChops.multiply(grey, alpha)).sum[0] / max(ImageStat.Stat(alpha).sum[0] / 255, 1.0)
    paper = Image.new("L", image.size, "black" if drawn > 127 else "white")
    return Image.composite(grey, paper, alpha)


def _pages_of_pdf(name: str, label: str, content: bytes, max_pixels: int) -> Iterator[Page]:
    try:
        import pypdfium2
    except ImportError as error:
        raise MissingExtra(f"{label}: reading a PDF", "pdf") from error
    with _PDFIUM, _explained(f"{label}: a PDF that cannot be opened"):
        document = pypdfium2.PdfDocument(content)
    try:
        with _wrong_pages() as wrong:
            for index in range(len(document)):
                try:
                    with _PDFIUM:
                        grey = _page_of_pdf(document, index, f"{label}, page {index + 1}", max_pixels)
                except PictureError as error:
                    wrong(error)
                else:
                    yield Page(name=name, index=index, grey=grey)
    finally:
        with _PDFIUM:
            document.close()


def _page_of_pdf(document: Any, index: int, label: str, max_pixels: int) -> UInt8[np.ndarray, "height width"]:
    with _explained(label):
        page = document[index]
        scale = PDF_DPI / 72
        width, height = (round(side * scale) for side in page.get_size())
        _check_size(label, (width, height), max_pixels)
        return _grey(page.render(scale=scale).to_pil())
