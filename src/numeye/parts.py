"""Parts of a page that are read on their own: regions, the fields of a form, the cells of a grid.

Each part is read as a picture is; where its digits are is told in pixels of the whole page.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from numeye import forms, grid
from numeye.errors import PictureError, UsageError
from numeye.image import Page, only_page
from numeye.knowledge import Knowledge
from numeye.regions import Form, Region
from numeye.results import NOT_A_DIGIT, UNREAD, Box, Digit, Number, Reading
from numeye.scan import PageEyes, sureness

if TYPE_CHECKING:
    from jaxtyping import UInt8

CELL = (32, 64)  # pixels: how high a cell of a grid is made, at least and at most
SURE = 0.85  # mean confidence of its digits below which it is asked whether a grid lies as it should

Place = Callable[[Box], Box]  # from pixels of a part to pixels of the page


class FormReader:
    """Reads the regions of each page; where the form has a blank, once the page lies as the blank does.

    Args:
        eyes: that read numbers.
        form: its regions.

    Raises:
        UsageError: what is known of a region's number cannot be.
        PictureError: the blank cannot be read.
        MissingExtra: there is a blank, and the extra [forms] is not installed.
    """

    def __init__(self, eyes: PageEyes, form: Form) -> None:
        self._parts = [(region, _knowing(eyes, region)) for region in form.regions]
        self._blank = None if form.blank is None else only_page(form.blank).grey

    def read(self, page: Page) -> list[Reading]:
        """One reading a region.

        Raises:
            PictureError: the form, or a region, is not on the page.
        """
        if self._blank is None:
            return [self._region(page, page.grey, region, eyes, lambda box: box) for region, eyes in self._parts]
        laid = forms.align(self._blank, page.grey)
        flat = laid.straightened(page.grey)
        scaled = [(_enlarged(region, laid.scale), eyes) for region, eyes in self._parts]
        return [self._region(page, flat, region, eyes, laid.back) for region, eyes in scaled]

    def _region(
        self, page: Page, grey: UInt8[np.ndarray, "height width"], region: Region, eyes: PageEyes, back: Place
    ) -> Reading:
        try:
            x, y, width, height = region.box(grey.shape[1], grey.shape[0])
        except UsageError as error:  # other pictures may be large enough
            raise PictureError(str(error)) from error
        part = np.ascontiguousarray(grey[y : y + height, x : x + width])
        reading = eyes.read_part(replace(page, grey=part))
        placed = _placed(reading, lambda box: back((box[0] + x, box[1] + y, box[2], box[3])))
        return replace(placed, region=region.name, picture=page.grey)


class GridReader:
    """Reads the cells of the largest grid of each page.

    Args:
        eyes: that read numbers.
    """

    def __init__(self, eyes: PageEyes) -> None:
        self._eyes = eyes

    def read(self, page: Page) -> list[Reading]:
        """One reading, whose numbers have the rows and columns of their cells.

        Raises:
            PictureError: there is no grid.
            MissingExtra: the extra [forms] is not installed.
        """
        reading, flat = self._grid(page)
        turns = self._eyes.quarter_turns(flat) if _is_doubtful(reading) else 0
        if turns:
            turned = replace(page, grey=np.ascontiguousarray(np.rot90(page.grey, turns)))
            with suppress(PictureError):  # it was found as it lies
                reading = max(reading, replace(self._grid(turned)[0], turned=90 * turns), key=sureness)
        return [reading]

    def _grid(self, page: Page) -> tuple[Reading, UInt8[np.ndarray, "height width"]]:
        """As it lies, and as the straight picture that is read."""
        found = grid.find(page.grey)
        heights = np.linalg.norm(np.diff(found.corners, axis=0), axis=-1)
        side = int(np.clip(np.mean(heights), *CELL))
        columns, rows = (edges.tolist() for edges in found.edges(side))

        def back(box: Box) -> Box:
            x, y, width, height = box
            left, top, right, bottom = found.back(np.array([[x, y, x + width, y + height]], float), side)[0]
            return round(left), round(top), max(1, round(right - left)), max(1, round(bottom - top))

        flat = found.straightened(page.grey, side)
        cells = self._eyes.cells(flat, rows, columns)
        numbers = tuple(_number(number, back) for number in cells.values())
        reading = Reading(
            image=page.name,
            page=page.index,
            digits=tuple(digit for number in numbers for digit in number.digits),
            numbers=numbers,
            rejected=_rejected(numbers),
            cells=tuple(
                tuple(_said(cells.get((row, column))) for column in range(found.columns)) for row in range(found.rows)
            ),
            picture=page.grey,
        )
        return reading, flat


def _is_doubtful(reading: Reading) -> bool:
    """Where there is hardly a digit."""
    return not reading.digits or float(np.mean([digit.confidence for digit in reading.digits])) < SURE


def _knowing(eyes: PageEyes, region: Region) -> PageEyes:
    try:
        known = Knowledge(expect=region.expect, digits=region.digits, check=region.check)
    except UsageError as error:
        raise UsageError(f"{region.name}: {error}") from error
    return eyes.knowing(known) if known else eyes


def _enlarged(region: Region, scale: int) -> Region:
    """The same one where the page is so many times as large as the blank: percent stay."""
    sides = tuple((value if percent else value * scale, percent) for value, percent in region.sides)
    return replace(region, sides=sides)


def _placed(reading: Reading, place: Place) -> Reading:
    numbers = None if reading.numbers is None else tuple(_number(number, place) for number in reading.numbers)
    return replace(reading, digits=tuple(_digit(digit, place) for digit in reading.digits), numbers=numbers)


def _number(number: Number, place: Place) -> Number:
    return replace(number, digits=tuple(_digit(digit, place) for digit in number.digits))


def _digit(digit: Digit, place: Place) -> Digit:
    return replace(digit, box=place(digit.box), frame=None if digit.frame is None else place(digit.frame))


def _said(number: Number | None) -> str:
    if number is None:
        return ""
    return UNREAD if number.rejected else number.text


def _rejected(numbers: tuple[Number, ...]) -> str | None:
    """Why nothing of a grid is relied on; None where something is."""
    if not numbers:
        return NOT_A_DIGIT
    return numbers[0].rejected if all(number.rejected for number in numbers) else None
