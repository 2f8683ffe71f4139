"""Finds the cells of a table or a sudoku on a photograph: the corners of every cell.

Pixels darker than the paper around them are ink. The outline of connected ink gives four corners,
and these give a straightened picture. On it, long even strokes across and down are lines, whatever
is written between them; the outline of these lines may give better corners. The lines between the
corners are found by `numeye.layout.tables.grid_lines`.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.errors import PictureError
from numeye.layout import homography
from numeye.layout.tables import grid_lines
from numeye.layout.tables.grid_lines import SUDOKU
from numeye.layout.tables.grid_strokes import STROKES, find_strokes, straighten, transpose

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    from numeye.layout.homography import Corners, Quad
    from numeye.results import Box

    Picture = UInt8[np.ndarray, "height width"]


@dataclass(frozen=True, kw_only=True)
class GridLimits:
    """How a grid is searched for, and when it is accepted.

    Attributes:
        searched_px: longer side of the picture that is searched; the next pixels are of that size.
        max_line_px: width of a line.
        min_paper_level: grey level that paper is taken to have at least.
        noise_block_px: side of the blocks in which noise is measured.
        ink_levels: two rounds of pairs: how dark ink is, of 255, and over gaps of how many pixels
            it is connected.
        max_pieces: pieces of connected ink that are tried for each pair.
        min_side: of a grid, of the longer side of the picture.
        same_corners_px: pieces whose corners are closer than this are tried only once.
        margin_px: around a straightened picture whose corners are not certain yet.
        outline_rounds: how often the corners are moved to the outline of the lines, at most.
        settled_area: the corners are settled when the area changes by less than this share.
        min_seen: share of the lines that must be visible.
        clear_seen: share from which on the second round of ink levels is left out.
        min_area_ratio: of a further grid to the best one, for it to be tried.
        max_width_difference: of columns that are taken to be equally wide, of their mean.
    """

    searched_px: int = 1200
    max_line_px: int = 25
    min_paper_level: int = 20
    noise_block_px: int = 8
    ink_levels: tuple[tuple[tuple[int, int], ...], ...] = (
        ((51, 3), (20, 3)),
        ((10, 5), (20, 41)),
    )
    max_pieces: int = 3
    min_side: float = 0.15
    same_corners_px: int = 20
    margin_px: int = 90
    outline_rounds: int = 5
    settled_area: float = 0.02
    min_seen: float = 0.75
    clear_seen: float = 0.9
    min_area_ratio: float = 1.1
    max_width_difference: float = 0.12


LIMITS = GridLimits()


@dataclass(frozen=True, eq=False)
class Grid:
    """Rows and columns of cells.

    Attributes:
        corners: (rows + 1, columns + 1, 2) x and y of every crossing in pixels of the picture,
            measured from the upper left corner of its first pixel; inside the picture.
    """

    corners: Corners

    @property
    def rows(self) -> int:
        """Number of rows."""
        return len(self.corners) - 1

    @property
    def columns(self) -> int:
        """Number of columns."""
        return int(self.corners.shape[1]) - 1

    def cell(self, row: int, column: int) -> Quad:
        """Return the corners of a cell in pixels of the picture, clockwise from the upper left."""
        return self.corners[[row, row, row + 1, row + 1], [column, column + 1, column + 1, column]]

    def box(self, row: int, column: int) -> Box:
        """Return the smallest upright box around a cell: x, y, width, height in whole pixels."""
        cell = self.cell(row, column)
        left, top = (int(side) for side in np.floor(cell.min(axis=0)))
        right, bottom = (int(side) for side in np.ceil(cell.max(axis=0)))
        return left, top, right - left, bottom - top

    def straighten(
        self, grey: UInt8[np.ndarray, "height width"], cell_height: int
    ) -> UInt8[np.ndarray, "H W"]:
        """Return the grid as a straight picture, each cell warped from its own corners.

        Args:
            grey: (height, width) uint8, the picture in which the grid was found.
            cell_height: of each row in pixels; columns are as wide in proportion, and those of a
                sudoku as wide as high.

        Raises:
            MissingExtra: the extra [forms] is not installed.
        """
        cv2 = homography.import_opencv()
        across, down = self.cell_edges(cell_height)
        x, y = np.meshgrid(np.arange(across[-1]), np.arange(down[-1]))
        points = np.stack([x, y], axis=-1) + 0.5
        maps = (self._project(points, cell_height) - 0.5).astype(np.float32)
        straight: np.ndarray = cv2.remap(
            grey, maps, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
        )
        return straight

    def to_photo(
        self, boxes: Float64[np.ndarray, "n 4"], cell_height: int
    ) -> Float64[np.ndarray, "n 4"]:
        """Map boxes on the straightened picture to upright boxes on the photograph.

        Args:
            boxes: left, top, right, bottom in pixels of what `straighten` returns for the same
                `cell_height`.
            cell_height: of each row in pixels.
        """
        corners = self._project(boxes[:, [[0, 1], [2, 1], [2, 3], [0, 3]]], cell_height)
        return np.concatenate([corners.min(axis=1), corners.max(axis=1)], axis=1)

    def cell_edges(self, cell_height: int) -> tuple[np.ndarray, np.ndarray]:
        """Return where columns and rows begin and end on the straightened picture, in pixels."""
        widths = np.maximum(1, np.round(cell_height * self._column_widths())).astype(int)
        return np.concatenate([[0], np.cumsum(widths)]), cell_height * np.arange(self.rows + 1)

    def _column_widths(self) -> Float64[np.ndarray, " columns"]:
        """Return the widths of the columns without perspective, in heights of a row."""
        wide, high = (
            np.linalg.norm(np.diff(self.corners, axis=axis), axis=-1).mean() for axis in (1, 0)
        )
        unit_square = np.array([[0.0, 0], [1, 0], [1, 1], [0, 1]])
        to_square = homography.compute_homography(
            homography.outer_corners(self.corners), unit_square
        )
        edges = homography.project(to_square, self.corners)[..., 0].mean(axis=0)
        widths: np.ndarray = np.diff(edges) * self.columns
        if np.abs(widths - 1).max() < LIMITS.max_width_difference:
            widths = np.ones(self.columns)
            wide = high if self.rows == self.columns == SUDOKU else wide
        in_heights: np.ndarray = widths * wide / high
        return in_heights

    def _project(
        self, points: Float64[np.ndarray, "*many 2"], cell_height: int
    ) -> Float64[np.ndarray, "*many 2"]:
        """Map points of the straightened picture to the photograph, bilinear within each cell."""
        across, down = self.cell_edges(cell_height)
        x, y = points[..., 0], points[..., 1]
        column = np.clip(np.searchsorted(across, x, side="right") - 1, 0, self.columns - 1)
        row = np.clip(np.searchsorted(down, y, side="right") - 1, 0, self.rows - 1)
        u = ((x - across[column]) / np.diff(across)[column])[..., None]
        v = (y / cell_height - row)[..., None]
        top = (1 - u) * self.corners[row, column] + u * self.corners[row, column + 1]
        bottom = (1 - u) * self.corners[row + 1, column] + u * self.corners[row + 1, column + 1]
        projected: np.ndarray = (1 - v) * top + v * bottom
        return projected


def detect_grid(grey: UInt8[np.ndarray, "height width"]) -> Grid:
    """Find the largest grid of a picture, of at least two rows and two columns.

    Args:
        grey: (height, width) uint8, dark lines on lighter paper, upright or nearly so.

    Raises:
        PictureError: there is no grid.
        MissingExtra: the extra [forms] is not installed.
    """
    cv2 = homography.import_opencv()
    height, width = grey.shape
    scale = LIMITS.searched_px / max(height, width)
    size = max(1, round(width * scale)), max(1, round(height * scale))
    interpolation = cv2.INTER_AREA if scale < 1 else cv2.INTER_CUBIC
    darkness = _measure_darkness(cv2.resize(grey, size, interpolation=interpolation))
    corners, seen = _find_largest(darkness)
    if seen < LIMITS.min_seen:
        raise PictureError(
            "no grid found: expected the lines of a table or sudoku; a closer, sharper picture"
            " helps"
        )
    scaled = (corners + 0.5) * [width / size[0], height / size[1]]
    return Grid(np.clip(scaled, 0, [width, height]))


def _measure_darkness(grey: Picture) -> Picture:
    """Return how much darker than the paper around it each pixel is, of 255, less the noise."""
    cv2 = homography.import_opencv()
    smooth = cv2.GaussianBlur(grey, (0, 0), 0.8)
    window = np.ones((LIMITS.max_line_px, LIMITS.max_line_px))
    paper = cv2.morphologyEx(smooth, cv2.MORPH_CLOSE, window)
    difference = cv2.subtract(paper, smooth)
    missing = cv2.divide(difference, cv2.max(paper, LIMITS.min_paper_level), scale=255)
    block_size = [side // LIMITS.noise_block_px + 1 for side in grey.shape[::-1]]
    blocks = cv2.resize(missing, block_size, interpolation=cv2.INTER_AREA)
    noise = cv2.morphologyEx(blocks, cv2.MORPH_OPEN, np.ones((3, 3)))  # as in blocks without ink
    darkness: Picture = cv2.subtract(
        missing, cv2.resize(noise, grey.shape[::-1], interpolation=cv2.INTER_LINEAR)
    )
    return darkness


def _find_largest(darkness: Picture) -> tuple[Corners, float]:
    """Return the crossings of the largest grid, and how much of its lines is visible, 0 to 1."""
    best, best_seen, best_score = np.zeros((1, 1, 2)), 0.0, 0.0
    for levels in LIMITS.ink_levels:
        for quad in _propose_quads(darkness, levels):
            if homography.area(quad) < LIMITS.min_area_ratio * best_score:
                continue
            corners, seen = grid_lines.find_crossings(darkness, quad)
            score = homography.area(homography.outer_corners(corners)) * seen**2
            if seen >= LIMITS.min_seen and score > best_score:
                best, best_seen, best_score = corners, seen, score
        if best_seen >= LIMITS.clear_seen:
            break
    return best, best_seen


def _propose_quads(darkness: Picture, levels: tuple[tuple[int, int], ...]) -> Iterator[Quad]:
    """Yield four corners of each large piece of connected ink, the largest piece first.

    After each follow the corners of the long strokes in it.
    """
    cv2 = homography.import_opencv()
    quads: list[Quad] = []
    for level, gap in levels:
        is_ink = (darkness >= level).astype(np.uint8)
        connected = cv2.morphologyEx(is_ink, cv2.MORPH_CLOSE, np.ones((gap, gap)))
        min_side_px = LIMITS.min_side * LIMITS.searched_px
        quads += _outlines(connected, min_side_px)[: LIMITS.max_pieces]
    different: list[Quad] = []
    for quad in sorted(quads, key=homography.area, reverse=True):
        if all(np.abs(quad - other).max() > LIMITS.same_corners_px for other in different):
            different.append(quad)
            yield quad
            yield from _outline_of_lines(darkness, quad)


def _outlines(mask: Picture, min_side_px: float) -> list[Quad]:
    """Return four corners of each connected piece that is large enough, the largest first."""
    cv2 = homography.import_opencv()
    _, labels, stats, _ = cv2.connectedComponentsWithStats(mask)
    quads = []
    for label in 1 + np.flatnonzero(stats[1:, 2:4].min(axis=1) >= min_side_px):
        x, y, width, height = stats[label, :4]
        piece = labels[y : y + height, x : x + width] == label
        # the first and the last pixel of each row are enough for the outline
        ends = np.append(piece.argmax(axis=1), width - 1 - piece[:, ::-1].argmax(axis=1))
        points = np.stack([x + ends, y + np.tile(np.arange(height), 2)], axis=1)
        quads.append(homography.find_corners(points.astype(np.int32)))
    large = [quad for quad in quads if homography.side_lengths(quad).min() >= min_side_px]
    return sorted(large, key=homography.area, reverse=True)


def _outline_of_lines(darkness: Picture, quad: Quad) -> list[Quad]:
    """Return the corners of the long strokes in and around four corners, in a list; or none.

    These corners lead to others, as long as their area changes.
    """
    cv2 = homography.import_opencv()
    area = 0.0
    min_side_px = LIMITS.min_side * STROKES.straight_px
    for _ in range(LIMITS.outline_rounds):
        straight, to_picture = straighten(darkness, quad, LIMITS.margin_px)
        across = find_strokes(straight)
        down = find_strokes(transpose(straight)).T
        strokes = cv2.dilate(np.maximum(across, down), np.ones((3, 3)))
        is_line = (strokes >= STROKES.faint).astype(np.uint8)
        pieces = _outlines(is_line, min_side_px)
        if not pieces:
            return []
        quad = homography.project(to_picture, pieces[0])
        if not homography.is_plausible(quad):
            return []
        if abs(homography.area(quad) - area) < LIMITS.settled_area * area:
            break
        area = homography.area(quad)
    return [quad]
