"""Reads parts of a page one by one: regions, the fields of a form, the tables of a page.

The boxes of the results are in pixels of the whole page.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import MissingExtra, PictureError, UsageError
from numeye.io.images import Page, only_page
from numeye.layout import form_alignment, homography
from numeye.layout.regions import Form, Region
from numeye.layout.tables import grid_detection
from numeye.layout.tables.grid_detection import Grid
from numeye.layout.tables.grid_lines import SUDOKU
from numeye.recognition.orientation.page_transform import QUARTER_DEG, PageTransform
from numeye.recognition.orientation.turning import move_to_stored
from numeye.recognition.page_reader import PageReader, reading_score
from numeye.results import NOT_A_DIGIT, REJECTED_NUMBER, Box, Digit, Number, Reading, Table

if TYPE_CHECKING:
    from pathlib import Path

    from jaxtyping import UInt8


CELL_HEIGHT_PX = (32, 64)  # smallest and largest height of a cell on the straightened grid
# A grid whose digits have a lower mean confidence may lie on its side.
MIN_UPRIGHT_CONFIDENCE = 0.85
# A table whose sides slope less is read as it lies.
MAX_FLAT_SLOPE = 0.03
# How many times as much must be read on a straightened table for it to be preferred.
MIN_STRAIGHTENING_GAIN = 1.1

ToPage = Callable[[Box], Box]  # from pixels of a part to pixels of the page


class FormReader:
    """Reads the regions of each page; with a blank, after the page is aligned with it.

    Args:
        reader: reads numbers.
        form: the regions, and the blank if there is one.

    Raises:
        UsageError: the constraints of a region contradict each other.
        PictureError: the blank cannot be read.
        MissingExtra: there is a blank, and the extra [forms] is not installed.
    """

    def __init__(self, reader: PageReader, form: Form) -> None:
        self._form = form
        self._regions = [
            (region, _with_constraints(reader, region, form)) for region in form.regions
        ]
        self._blank = None if form.blank is None else _read_blank(form, form.blank)

    def read(self, page: Page) -> list[Reading]:
        """Return one reading a region.

        Raises:
            PictureError: the form, or a region, is not on the page.
        """
        if self._blank is None:
            return [
                self._read_region(page, page.grey, region, reader, lambda box: box)
                for region, reader in self._regions
            ]
        alignment = form_alignment.align_form(self._blank, page.grey)
        straight = alignment.straighten(page.grey)
        return [
            self._read_region(
                page, straight, _scale(region, alignment.scale), reader, alignment.to_photo
            )
            for region, reader in self._regions
        ]

    def _read_region(
        self,
        page: Page,
        grey: UInt8[np.ndarray, "height width"],
        region: Region,
        reader: PageReader,
        to_page: ToPage,
    ) -> Reading:
        try:
            x, y, width, height = region.box(grey.shape[1], grey.shape[0])
        except UsageError as error:  # other pages may be large enough
            raise PictureError(f"{self._form.error_prefix(region)}: {error}") from error
        part = np.ascontiguousarray(grey[y : y + height, x : x + width])
        reading = reader.read_region(replace(page, grey=part))
        placed = _move(reading, lambda box: to_page((box[0] + x, box[1] + y, box[2], box[3])))
        return replace(placed, region=region.name, picture=page.grey)


class GridReader:
    """Reads the tables of each page.

    A sudoku, and a table that is seen from the side, is straightened first; this needs OpenCV.
    Other tables are read as they lie.

    Args:
        reader: reads numbers.
    """

    def __init__(self, reader: PageReader) -> None:
        self._reader = reader
        self._table_reader = reader.for_tables()

    def read(self, page: Page) -> list[Reading]:
        """Return one reading, whose numbers have the tables, rows and columns of their cells.

        Raises:
            PictureError: there is no table.
            MissingExtra: no table was found as the page lies, and the extra [forms], which finds
                others, is not installed.
        """
        try:
            grid = grid_detection.detect_grid(page.grey)
        except (PictureError, MissingExtra) as error:
            reading = self._read_tables(page)
            if reading is None:
                raise error
            return [reading]
        is_sudoku = grid.rows == grid.columns == SUDOKU
        reading = None if is_sudoku else self._read_tables(page)
        if reading is None or not _is_flat(grid):
            straight = self._read_straightened(page, grid)
            if reading is None or _is_clearly_better(straight, reading):
                reading = straight
        return [reading]

    def _read_tables(self, page: Page) -> Reading | None:
        """Return the tables of a page as it lies; None if there is none."""
        reading = self._table_reader.read([page])[0]
        return reading if reading.tables else None

    def _read_straightened(self, page: Page, grid: Grid) -> Reading:
        """Read the cells of a grid after it is straightened, and turned if it lies on its side."""
        reading, straight = self._read_grid(page, grid)
        turns = self._reader.find_quarter_turns(straight) if _is_doubtful(reading) else 0
        if turns:
            transform = PageTransform(QUARTER_DEG * turns, page.grey.shape)
            turned = replace(page, grey=transform.turn(page.grey))
            with suppress(PictureError):  # the grid was found as the page lies
                turned_grid = grid_detection.detect_grid(turned.grey)
                other, _ = self._read_grid(turned, turned_grid)
                other = move_to_stored(other, transform, page.grey)
                reading = max(reading, other, key=reading_score)
        return reading

    def _read_grid(
        self, page: Page, grid: Grid
    ) -> tuple[Reading, UInt8[np.ndarray, "height width"]]:
        """Return the reading of the page as it lies, and the straightened grid."""
        heights = np.linalg.norm(np.diff(grid.corners, axis=0), axis=-1)
        cell_height = int(np.clip(np.mean(heights), *CELL_HEIGHT_PX))
        columns, rows = (edges.tolist() for edges in grid.cell_edges(cell_height))
        straight = grid.straighten(page.grey, cell_height)
        cells = self._reader.read_cells(straight, rows, columns)

        def to_page(box: Box) -> Box:
            x, y, width, height = box
            xyxy = np.array([[x, y, x + width, y + height]], float)
            left, top, right, bottom = grid.to_photo(xyxy, cell_height)[0]
            return round(left), round(top), max(1, round(right - left)), max(1, round(bottom - top))

        numbers = tuple(
            _move_number(replace(number, table=0), to_page) for number in cells.values()
        )
        texts = tuple(
            tuple(_cell_text(cells.get((row, column))) for column in range(grid.columns))
            for row in range(grid.rows)
        )
        reading = Reading(
            image=page.name,
            page=page.index,
            digits=tuple(digit for number in numbers for digit in number.digits),
            numbers=numbers,
            rejected=_reason_to_reject(numbers),
            tables=(Table(box=to_page((0, 0, columns[-1], rows[-1])), rows=texts),),
            picture=page.grey,
        )
        return reading, straight


def _is_flat(grid: Grid) -> bool:
    """Tell whether a grid is upright and seen from above, so that straightening gains nothing."""
    sides = homography.outer_corners(grid.corners)
    edges = np.roll(sides, -1, axis=0) - sides  # right, down, left, up
    slopes = np.append(edges[::2, 1] / edges[::2, 0], edges[1::2, 0] / edges[1::2, 1])
    return bool(np.abs(slopes).max() <= MAX_FLAT_SLOPE)


def _is_clearly_better(straightened: Reading, other: Reading) -> bool:
    """Tell whether much more was read on the straightened table than on the page as it lies."""
    return reading_score(straightened) > MIN_STRAIGHTENING_GAIN * reading_score(other)


def _is_doubtful(reading: Reading) -> bool:
    """Tell whether a grid has no digits, or hardly any that look like digits."""
    confidences = [digit.confidence for digit in reading.digits]
    return not confidences or float(np.mean(confidences)) < MIN_UPRIGHT_CONFIDENCE


def _read_blank(form: Form, blank: Path) -> UInt8[np.ndarray, "height width"]:
    try:
        return only_page(blank).grey
    except PictureError as error:
        raise PictureError(f"{form.file}: blank: {error}") from error


def _with_constraints(reader: PageReader, region: Region, form: Form) -> PageReader:
    try:
        constraints = region.constraints
        constraints.raise_if_inconsistent()
    except UsageError as error:
        raise UsageError(f"{form.error_prefix(region)}: {error}") from error
    return reader.with_constraints(constraints)


def _scale(region: Region, scale: int) -> Region:
    """Return the region on a page that is so many times as large; percents stay as they are."""
    sides = tuple((value if percent else value * scale, percent) for value, percent in region.sides)
    return replace(region, sides=sides)


def _move(reading: Reading, to_page: ToPage) -> Reading:
    digits = tuple(_move_digit(digit, to_page) for digit in reading.digits)
    numbers = tuple(_move_number(number, to_page) for number in reading.numbers)
    tables = tuple(replace(table, box=to_page(table.box)) for table in reading.tables)
    return replace(reading, digits=digits, numbers=numbers, tables=tables)


def _move_number(number: Number, to_page: ToPage) -> Number:
    characters = (replace(character, box=to_page(character.box)) for character in number.characters)
    return replace(number, characters=tuple(characters))


def _move_digit(digit: Digit, to_page: ToPage) -> Digit:
    frame = None if digit.frame is None else to_page(digit.frame)
    return replace(digit, box=to_page(digit.box), frame=frame)


def _cell_text(number: Number | None) -> str:
    if number is None:
        return ""
    return REJECTED_NUMBER if number.rejected else number.text


def _reason_to_reject(numbers: tuple[Number, ...]) -> str | None:
    """Return why all numbers of a grid are rejected; None if some are accepted."""
    if not numbers:
        return NOT_A_DIGIT
    return numbers[0].rejected if all(number.rejected for number in numbers) else None
