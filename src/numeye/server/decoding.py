"""What a client sends as pages; PDFs are drawn by a process of their own."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from numeye import image
from numeye.errors import PictureError
from numeye.image import Page
from numeye.server import pdf


def pages(content: bytes | np.ndarray, max_pixels: int) -> Iterator[Page]:
    """As `numeye.image.pages`.

    Raises:
        PictureError: it cannot be read, or takes too much memory or time.
        MissingExtra: it is a PDF and the extra [pdf] is not installed.
    """
    if isinstance(content, bytes) and image.is_pdf(content):
        return pdf.pages(content, max_pixels)
    return image.pages(content, max_pixels=max_pixels)


def first_page(content: bytes | np.ndarray, max_pixels: int) -> Page:
    """The first page of a picture; others are not even decoded.

    Raises:
        PictureError: it cannot be read, or has no page.
        MissingExtra: as above.
    """
    found = pages(content, max_pixels)
    page = next(found, None)
    if page is not None and page.index == 0:
        return page
    for _ in found:  # what is wrong with the first one is told behind the others
        pass
    raise PictureError("the picture has no page; send another one")
