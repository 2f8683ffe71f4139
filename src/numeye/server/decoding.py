"""Decodes pictures from clients; what costs much is decoded in a separate process."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from numeye.errors import PictureError
from numeye.io import image_limits, images
from numeye.io.images import Page
from numeye.server.security import pdf

Content = bytes | memoryview | np.ndarray

ICON_SIGNATURE = b"\0\0\1\0"  # of an icon, which Pillow decodes when it opens it
# Formats whose decoders hold Python's lock or take much memory. A page of more pixels than
# SUBPROCESS_MIN_PX is decoded in a separate process, which takes SUBPROCESS_BYTES by itself.
SUBPROCESS_FORMATS = ("WEBP", "JPEG2000", "AVIF")
SUBPROCESS_MIN_PX = 1_000_000
SUBPROCESS_BYTES = 60_000_000
UNKNOWN_COST_BYTES = 500_000_000  # assumed for a file whose cost is known only after decoding
# Measured bytes that a pixel takes while it is decoded and converted to grey: of a format, or else
# of a mode.
FORMAT_BYTES_PER_PX = {"WEBP": 16, "JPEG2000": 10, "AVIF": 25}
MODE_BYTES_PER_PX = {"1": 4, "L": 4, "P": 9, "RGB": 8, "RGBA": 9}
OTHER_BYTES_PER_PX, ARRAY_BYTES_PER_PX = 12, 4


class DecodingPlan(NamedTuple):
    """What it takes to decode a picture.

    Attributes:
        cost_bytes: Estimate of the most memory that it takes at one time.
        in_subprocess: Whether it is decoded in a separate process.
        page_sizes_px: Pixels of each page that was checked; empty if that is not known.
    """

    cost_bytes: int
    in_subprocess: bool
    page_sizes_px: tuple[int, ...] = ()


def plan_decoding(content: Content, max_pixels: int, max_pages: int = 1) -> DecodingPlan:
    """Read a picture's header and plan how to decode it; nothing is decoded.

    Args:
        content: A file's bytes, or an array.
        max_pixels: Most pixels of a page. Larger pages cost nothing, because they are rejected.
        max_pages: Number of pages that are checked.
    """
    if isinstance(content, np.ndarray):
        cost_bytes = content.size * (ARRAY_BYTES_PER_PX + content.itemsize)
        return DecodingPlan(cost_bytes, in_subprocess=False, page_sizes_px=(content.size,))
    if content[:4] == ICON_SIGNATURE or image_limits.is_pdf(bytes(content[:1024])):
        return DecodingPlan(UNKNOWN_COST_BYTES, in_subprocess=True)
    try:
        head = image_limits.read_header(bytes(content), max_pixels=max_pixels, pages=max_pages)
    except PictureError:
        return DecodingPlan(0, in_subprocess=False)  # decoding it will say what is wrong
    sizes_px = [size for size in head.pixels if size <= max_pixels]
    largest_px = max(sizes_px, default=0)
    in_subprocess = head.format in SUBPROCESS_FORMATS and largest_px > SUBPROCESS_MIN_PX
    mode_bytes = MODE_BYTES_PER_PX.get(head.mode, OTHER_BYTES_PER_PX)
    cost_bytes = largest_px * FORMAT_BYTES_PER_PX.get(head.format, mode_bytes)
    if in_subprocess:
        cost_bytes += SUBPROCESS_BYTES
    return DecodingPlan(cost_bytes, in_subprocess, tuple(sizes_px))


def decode_pages(
    content: Content, max_pixels: int, plan: DecodingPlan | None = None
) -> Iterator[Page]:
    """Yield the pages of a picture, as `numeye.io.images.pages` does.

    Args:
        content: A file's bytes, or an array.
        max_pixels: Most pixels of a page; larger pages are rejected.
        plan: The result of `plan_decoding`; made here if left out.

    Raises:
        PictureError: The picture cannot be read, or takes too much memory or time.
        MissingExtra: It is a PDF and the extra [pdf] is not installed.
    """
    plan = plan or plan_decoding(content, max_pixels)
    if plan.in_subprocess and not isinstance(content, np.ndarray):
        return pdf.render_pages(content, max_pixels)
    return images.pages(content, max_pixels=max_pixels)


def decode_first_page(content: Content, max_pixels: int, plan: DecodingPlan | None = None) -> Page:
    """Return the first page of a picture without decoding the others.

    Raises:
        PictureError: The picture cannot be read, or has no page.
        MissingExtra: It is a PDF and the extra [pdf] is not installed.
    """
    pages = decode_pages(content, max_pixels, plan)
    page = next(pages, None)
    if page is not None and page.index == 0:
        return page
    for _ in pages:  # an error of the first page is raised after the other pages
        pass
    raise PictureError("the picture has no page; send another picture")
