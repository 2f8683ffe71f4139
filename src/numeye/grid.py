"""The cells of a table or a sudoku on a photograph: from its lines to the corners of every cell.

What is darker than the paper around it is ink. The outline of connected ink gives four corners, and these a straight
picture. There, long even strokes across and down are lines, whatever is written between them; their outline may give
better corners. What lies between is left to `numeye.gridlines`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye import gridlines, quads
from numeye.errors import PictureError
from numeye.gridlines import FAINT, FLAT, SUDOKU

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    from numeye.quads import Corners, Quad
    from numeye.results import Box

    Picture = UInt8[np.ndarray, "height width"]

EVEN = 0.12  # of its mean, that the width of each column differs at most where all are taken to be the same

LONG = 1200  # pixels: the longer side of the picture that is searched
WIDEST = 25  # pixels of it that a line is wide, at most
DARK = 20  # grey that paper has at least
BLOCK = 8  # pixels: the side of the blocks whose noise is measured
LEVELS = (((51, 3), (20, 3)), ((10, 5), (20, 41)))  # of ink that is connected, over gaps of so many pixels; in 2 goes
PIECES = 3  # of ink that are tried for each level
LEAST = 0.15  # of the longer side of the picture, that a grid is wide and high, at least
SAME = 20  # pixels between the corners of two pieces that are tried only once
AROUND = 90  # pixels around a straightened picture whose corners are not sure yet
GOOD, CLEAR, BETTER = 0.75, 0.9, 1.1  # of the lines, seen at least; enough to stop; area that may yet win


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows and columns of cells.

    Attributes:
        corners: (rows + 1, columns + 1, 2) x and y of every crossing in pixels of the picture, from the upper left
            corner of its first pixel; inside the picture.
    """

    corners: Corners

    @property
    def rows(self) -> int:
        """How many."""
        return len(self.corners) - 1

    @property
    def columns(self) -> int:
        """How many."""
        return int(self.corners.shape[1]) - 1

    def cell(self, row: int, column: int) -> Quad:
        """The corners of a cell in pixels of the picture, (4, 2), clockwise from the upper left one."""
        return self.corners[[row, row, row + 1, row + 1], [column, column + 1, column + 1, column]]

    def box(self, row: int, column: int) -> Box:
        """The smallest upright box of whole pixels around a cell."""
        cell = self.cell(row, column)
        left, top = (int(side) for side in np.floor(cell.min(axis=0)))
        right, bottom = (int(side) for side in np.ceil(cell.max(axis=0)))
        return left, top, right - left, bottom - top

    def straightened(self, grey: UInt8[np.ndarray, "height width"], side: int) -> UInt8[np.ndarray, "H W"]:
        """The grid as a straight picture, each cell stretched from its own corners.

        Args:
            grey: (height, width) uint8, the picture in which the grid was found.
            side: pixels that each row is high; columns are as wide in proportion, those of a sudoku the same.

        Raises:
            MissingExtra: the extra [forms] is not installed.
        """
        cv2 = quads.opencv()
        across, down = self.edges(side)
        places = np.stack(np.meshgrid(np.arange(across[-1]), np.arange(down[-1])), axis=-1) + 0.5
        maps = (self._places(places, side) - 0.5).astype(np.float32)
        straight: np.ndarray = cv2.remap(grey, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return straight

    def back(self, boxes: Float64[np.ndarray, "n 4"], side: int) -> Float64[np.ndarray, "n 4"]:
        """Boxes on the straightened picture as upright boxes on the photograph.

        Args:
            boxes: (n, 4) left, top, right, bottom in pixels of what `straightened` gives for the same `side`.
            side: see there.
        """
        corners = self._places(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]], side)  # (n, 4, 2)
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def edges(self, side: int) -> tuple[np.ndarray, np.ndarray]:
        """Where columns and rows begin and end on the straightened picture."""
        widths = np.maximum(1, np.round(side * self._widths())).astype(int)
        return np.concatenate([[0], np.cumsum(widths)]), side * np.arange(self.rows + 1)

    def _widths(self) -> Float64[np.ndarray, " columns"]:
        """Of the columns, for rows of height 1, as they are without perspective."""
        wide, high = (np.linalg.norm(np.diff(self.corners, axis=axis), axis=-1).mean() for axis in (1, 0))
        view = quads.view(quads.frame(self.corners), np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]]))
        widths: np.ndarray = np.diff(quads.through(view, self.corners)[..., 0].mean(axis=0)) * self.columns
        if np.abs(widths - 1).max() < EVEN:
            widths = np.ones(self.columns)
            wide = high if self.rows == self.columns == SUDOKU else wide
        shares: np.ndarray = widths * wide / high
        return shares

    def _places(self, places: Float64[np.ndarray, "*many 2"], side: int) -> Float64[np.ndarray, "*many 2"]:
        """From the straightened picture to the photograph: bilinear within each cell."""
        across, down = self.edges(side)
        column = np.clip(np.searchsorted(across, places[..., 0], side="right") - 1, 0, self.columns - 1)
        row = np.clip(np.searchsorted(down, places[..., 1], side="right") - 1, 0, self.rows - 1)
        u = ((places[..., 0] - across[column]) / np.diff(across)[column])[..., None]
        v = (places[..., 1] / side - row)[..., None]
        top = (1 - u) * self.corners[row, column] + u * self.corners[row, column + 1]
        bottom = (1 - u) * self.corners[row + 1, column] + u * self.corners[row + 1, column + 1]
        moved: np.ndarray = (1 - v) * top + v * bottom
        return moved


def find(grey: UInt8[np.ndarray, "height width"]) -> Grid:
    """The largest grid of a picture, of at least two rows and two columns.

    Args:
        grey: (height, width) uint8, dark lines on lighter paper, upright or nearly so.

    Raises:
        PictureError: there is none.
        MissingExtra: the extra [forms] is not installed.
    """
    cv2 = quads.opencv()
    height, width = grey.shape
    scale = LONG / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    ink = _ink(cv2.resize(grey, size, interpolation=cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC))
    corners, quality = _best(ink)
    if quality < GOOD:
        raise PictureError("no grid found: expected the lines of a table or sudoku; a closer, sharper picture helps")
    return Grid(np.clip((corners + 0.5) * [width / size[0], height / size[1]], 0, [width, height]))


def _ink(grey: Picture) -> Picture:
    """How much of the light of the paper around is missing at each pixel, of 255, less what noise takes away."""
    cv2 = quads.opencv()
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8)
    paper = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, np.ones((WIDEST, WIDEST)))
    missing = cv2.divide(cv2.subtract(paper, smooth), cv2.max(paper, DARK), scale=255)
    few = cv2.resize(missing, [side // BLOCK + 1 for side in grey.shape[::-1]], interpolation=cv2.INTER_AREA)
    calm = cv2.morphologyEx(few, cv2.MORPH_OPEN, np.ones((3, 3)))  # as in the blocks without ink
    ink: Picture = cv2.subtract(missing, cv2.resize(calm, grey.shape[::-1], interpolation=cv2.INTER_LINEAR))
    return ink


def _best(ink: Picture) -> tuple[Corners, float]:
    """The crossings of the largest grid, and how much of its lines is seen, 0 to 1."""
    best, seen, most = np.zeros((1, 1, 2)), 0.0, 0.0
    for levels in LEVELS:
        for quad in _candidates(ink, levels):
            if quads.area(quad) < BETTER * most:
                continue
            corners, quality = gridlines.crossings(ink, quad)
            worth = quads.area(quads.frame(corners)) * quality**2
            if quality >= GOOD and worth > most:
                best, seen, most = corners, quality, worth
        if seen >= CLEAR:
            break
    return best, seen


def _candidates(ink: Picture, levels: tuple[tuple[int, int], ...]) -> Iterator[Quad]:
    """Four corners of each large piece of connected ink, the largest first, and of the long strokes in it."""
    cv2 = quads.opencv()
    found: list[Quad] = []
    for level, gap in levels:
        joined = cv2.morphologyEx((ink >= level).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((gap, gap)))
        found += _outlines(joined, LEAST * LONG)[:PIECES]
    different: list[Quad] = []
    for quad in sorted(found, key=quads.area, reverse=True):
        if all(np.abs(quad - other).max() > SAME for other in different):
            different.append(quad)
            yield quad
            yield from _tight(ink, quad)


def _outlines(mask: Picture, least: float) -> list[Quad]:
    """Four corners of each connected piece that is at least so wide and high, the largest first."""
    cv2 = quads.opencv()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    found = []
    for label in 1 + np.flatnonzero(stats[1:, 2:4].min(axis=1) >= least):
        x, y, width, height = stats[label, :4]
        piece = labels[y : y + height, x : x + width] == label
        ends = np.append(piece.argmax(axis=1), width - 1 - piece[:, ::-1].argmax(axis=1))
        found.append(quads.corners_of(np.stack([x + ends, y + np.tile(np.arange(height), 2)], axis=1).astype(np.int32)))
    return sorted((quad for quad in found if quads.sides(quad).min() >= least), key=quads.area, reverse=True)


def _tight(ink: Picture, quad: Quad) -> list[Quad]:
    """The corners of what is long strokes, in and around four corners; of what these lead to, as long as it grows."""
    cv2 = quads.opencv()
    area = 0.0
    for _ in range(5):
        flat, back = gridlines.straight(ink, quad, AROUND)
        strokes = cv2.dilate(
            np.maximum(gridlines.ruled(flat), gridlines.ruled(gridlines.turned(flat)).T), np.ones((3, 3))
        )
        pieces = _outlines((strokes >= FAINT).astype(np.uint8), LEAST * FLAT)
        if not pieces:
            return []
        quad = quads.through(back, pieces[0])
        if not quads.plausible(quad):
            return []
        if abs(quads.area(quad) - area) < 0.02 * area:
            break
        area = quads.area(quad)
    return [quad]
