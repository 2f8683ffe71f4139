"""The cells of a table or a sudoku on a photograph."""

from __future__ import annotations

import sys
from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from numeye.errors import MissingExtra, PictureError
from numeye.layout.tables.grid_detection import Grid, detect_grid

NEAR = 0.12  # of the smaller side of a cell, that a crossing may be off


@dataclass(frozen=True, kw_only=True)
class Scene:
    """What is photographed, and how."""

    rows: int = 9
    columns: int = 9
    size: int = 1000  # pixels of the longer side of the photograph
    uneven: float = 0.0  # how much columns and rows differ in width, 0 to 1
    thin: int = 120  # grey of the thin lines; paper is 235
    thick: int = 40  # grey of the thick ones
    third: bool = True  # every third line is thick
    missing: float = 0.0  # share of some inner lines that is not printed
    turn: float = 15.0  # degrees, at most
    tilt: float = 0.12  # how far corners are moved by perspective, at most, in widths of the page
    curl: float = 0.0  # of a cell, how far the paper bends at most
    shadow: float = 0.4  # share of the light that is lost, at most
    noise: float = 4.0  # grey levels
    blur: float = 0.8  # pixels for 1,000 of the photograph
    wild: float = 0.5  # of a cell, how large pen strokes are
    others: bool = False  # another grid that the edge of the sheet cuts off
    table: bool = False  # a dark surface around the sheet


@dataclass(frozen=True)
class Photo:
    grey: np.ndarray  # (height, width) uint8
    corners: np.ndarray  # (rows + 1, columns + 1, 2)


def photograph(scene: Scene, seed: int) -> Photo:
    random = np.random.default_rng(seed)
    sheet, x, y = printed(scene, random)
    height, width = sheet.shape
    view, (wide, high) = viewed(scene, width, height, random)
    bend = bent(scene, x, y, random)
    page = through(
        np.linalg.inv(view), np.stack(np.meshgrid(np.arange(wide), np.arange(high)), axis=-1) + 0.5
    )
    page = (page + bend(page) - 0.5).astype(np.float32)
    surface = int(random.integers(20, 110)) if scene.table else 225
    seen = cv2.remap(
        sheet, page, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=surface
    )
    truth = np.stack(np.meshgrid(x, y), axis=-1)
    flat = truth
    for _ in range(30):  # where bending brings a place to the truth
        flat = truth - bend(flat)
    return Photo(lit(scene, seen, random), through(view, flat))


def printed(scene: Scene, random: np.random.Generator) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A sheet, and where its lines are."""
    width = round(scene.size * 0.8)
    height = scene.size
    sheet = Image.new("L", (width, height), 235)
    pen = ImageDraw.Draw(sheet)
    high = width * (0.76 if scene.rows == scene.columns else random.uniform(0.45, 0.9))
    x, y = (
        spread(scene.columns, width * 0.76, scene, random),
        spread(scene.rows, high, scene, random),
    )
    x, y = x + width * random.uniform(0.1, 0.14), y + (height - high) * random.uniform(0.3, 0.6)
    cell = float(min(np.diff(x).min(), np.diff(y).min()))
    texts(pen, width, 0.03 * height, y[0] - 0.25 * cell - 0.015 * height, random)
    if not scene.others:
        texts(pen, width, y[-1] + 0.25 * cell, 0.97 * height, random)
    ruled(pen, x, y, scene, random)
    if scene.others:
        ruled(pen, x - x[0] + x[-1] + 0.5 * cell, y + random.uniform(-2, 2) * cell, scene, random)
        ruled(pen, x, y - y[0] + y[-1] + random.uniform(0.4, 1) * cell, scene, random)
    for top, bottom in pairwise(y):
        for left, right in pairwise(x):
            filled(pen, (left, top, right, bottom), scene, random)
    return np.asarray(sheet), x, y


def spread(count: int, length: float, scene: Scene, random: np.random.Generator) -> np.ndarray:
    steps = 1 + scene.uneven * random.uniform(-0.6, 1.2, count)
    return np.concatenate([[0], np.cumsum(steps)]) * (length / steps.sum())


def ruled(
    pen: ImageDraw.ImageDraw,
    x: np.ndarray,
    y: np.ndarray,
    scene: Scene,
    random: np.random.Generator,
) -> None:
    fine = max(1, round(scene.size / 700))
    for upright, places, ends in ((True, x, (y[0], y[-1])), (False, y, (x[0], x[-1]))):
        order = [*range(1, len(places) - 1), 0, len(places) - 1]
        for number in order:
            inner = 0 < number < len(places) - 1
            thick = not inner or (scene.third and number % 3 == 0)
            gap = scene.missing if inner and not thick and random.random() < 0.4 else 0.0
            start = random.uniform(0, 1 - gap)
            for low, far in ((0, start), (start + gap, 1)):
                at = [ends[0] + share * (ends[1] - ends[0]) for share in (low, far)]
                line = [(places[number], at[0]), (places[number], at[1])]
                pen.line(
                    line if upright else [point[::-1] for point in line],
                    fill=scene.thick if thick else scene.thin,
                    width=fine * (3 if thick else 1),
                )


def filled(
    pen: ImageDraw.ImageDraw, box: tuple[float, ...], scene: Scene, random: np.random.Generator
) -> None:
    left, top, right, bottom = box
    cell, kind = min(right - left, bottom - top), random.random()
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    if kind < 0.35:
        font = ImageFont.load_default(0.6 * cell)
        pen.text(tuple(middle), str(random.integers(1, 10)), fill=40, font=font, anchor="mm")
    elif kind < 0.75:
        points = middle + cell * scene.wild * random.uniform(
            -0.6, 0.6, (int(random.integers(3, 6)), 2)
        )
        pen.line(
            [tuple(point) for point in points],
            fill=int(random.integers(60, 140)),
            width=max(1, round(cell / 22)),
        )


def texts(
    pen: ImageDraw.ImageDraw, width: int, top: float, bottom: float, random: np.random.Generator
) -> None:
    high = 0.022 * width
    font = ImageFont.load_default(high)
    letters = "abcdefghilmnoprstuvwxyz 0123456789    "
    for y in np.arange(top, bottom - high, 1.4 * high):
        line = "".join(random.choice(list(letters), int(random.integers(20, 75))))
        pen.text((0.1 * width, y), line, fill=50, font=font)


def viewed(
    scene: Scene, width: int, height: int, random: np.random.Generator
) -> tuple[np.ndarray, tuple[int, int]]:
    """From the sheet to the photograph, and its size."""
    angle = np.radians(random.uniform(-scene.turn, scene.turn))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    moved = corners + scene.tilt * width * random.uniform(-0.5, 0.5, (4, 2))
    moved = moved @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scale = scene.size / np.ptp(moved, axis=0).max()
    moved = (moved - moved.min(axis=0)) * scale
    wide, high = np.ceil(moved.max(axis=0)).astype(int)
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32)), (
        int(wide),
        int(high),
    )


def bent(scene: Scene, x: np.ndarray, y: np.ndarray, random: np.random.Generator):
    """How far each place of the sheet is off, in its pixels."""
    most = scene.curl * min(np.diff(x).min(), np.diff(y).min())
    length = x[-1] - x[0]
    waves = random.uniform(0.15, 0.45, 4) / length
    phases, sizes = (
        random.uniform(0, 6.28, 4),
        most * random.uniform(0.3, 0.5, 4) * random.choice([-1, 1], 4),
    )

    def off(places: np.ndarray) -> np.ndarray:
        along = 6.28 * places[..., [0, 1, 0, 1]] * waves + phases
        moves = sizes * np.sin(along)
        return np.stack(
            [moves[..., 0] * 0.5 + moves[..., 1] * 0.5, moves[..., 2] + moves[..., 3]], axis=-1
        )

    return off


def through(view: np.ndarray, places: np.ndarray) -> np.ndarray:
    seen = places @ view[:, :2].T + view[:, 2]
    return seen[..., :2] / seen[..., 2:]


def lit(scene: Scene, seen: np.ndarray, random: np.random.Generator) -> np.ndarray:
    height, width = seen.shape
    corners = 1 - scene.shadow * random.uniform(0, 1, (3, 3))
    light = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(
        seen.astype(np.float32), (0, 0), max(0.3, scene.blur * scene.size / 1000)
    )
    noisy = blurred * light + random.normal(0, scene.noise, seen.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def off(photo: Photo, grid: Grid) -> float:
    """The largest distance of a crossing from where it is, in sides of the smallest cell."""
    assert (grid.rows, grid.columns) == (len(photo.corners) - 1, photo.corners.shape[1] - 1)
    sides = [np.linalg.norm(np.diff(photo.corners, axis=axis), axis=-1).min() for axis in (0, 1)]
    return float(np.linalg.norm(grid.corners - photo.corners, axis=-1).max() / min(sides))


SUDOKU = Scene()
CURLED = Scene(curl=0.25, wild=0.7)
HARD = Scene(
    curl=0.2, thin=185, thick=90, missing=0.3, turn=20, shadow=0.6, others=True, table=True
)
TABLE = Scene(rows=4, columns=6, uneven=0.6, third=False, thin=100)
LEDGER = Scene(rows=18, columns=4, uneven=0.3, third=False, thin=100, turn=3, curl=0.1)


@pytest.mark.parametrize("seed", range(12))
def test_every_crossing_is_where_it_is(seed: int) -> None:
    photo = photograph([SUDOKU, CURLED, HARD, TABLE][seed % 4], seed)
    assert off(photo, detect_grid(photo.grey)) < NEAR


def test_many_low_rows() -> None:
    photo = photograph(LEDGER, 1)
    assert off(photo, detect_grid(photo.grey)) < NEAR


@pytest.mark.parametrize("shape", [(9, 3), (3, 9)])
def test_nine_rows_of_a_clean_table_are_no_sudoku(shape: tuple[int, int]) -> None:
    clean = Scene(
        rows=shape[0], columns=shape[1], third=False, thin=60, turn=2, shadow=0.1, noise=1, wild=0.2
    )
    photo = photograph(clean, 1)
    assert off(photo, detect_grid(photo.grey)) < NEAR


@pytest.mark.parametrize("size", [300, 3000])
def test_small_and_large_photographs(size: int) -> None:
    photo = photograph(Scene(size=size, blur=0.5), 3)
    assert off(photo, detect_grid(photo.grey)) < NEAR


def lettered(random: np.random.Generator) -> np.ndarray:
    page = Image.new("L", (700, 900), 235)
    texts(ImageDraw.Draw(page), 700, 40, 860, random)
    return np.asarray(page)


def ruled_across(random: np.random.Generator) -> np.ndarray:
    page = lettered(random).copy()
    page[60:860:28] = 120
    return page


def boxed(random: np.random.Generator) -> np.ndarray:
    page = np.full((900, 700), 235, np.uint8)
    for inset in (60, 66):
        page[inset:-inset, [inset, -inset]] = page[[inset, -inset], inset:-inset] = 40
    return page


def noisy(random: np.random.Generator) -> np.ndarray:
    return random.integers(0, 256, (700, 900), np.uint8)


def clouded(random: np.random.Generator) -> np.ndarray:
    few = random.normal(0, 1, (40, 30)).astype(np.float32)
    return np.clip(
        128 + 50 * cv2.resize(few, (600, 800), interpolation=cv2.INTER_CUBIC), 0, 255
    ).astype(np.uint8)


def blank(random: np.random.Generator) -> np.ndarray:
    return np.full((300, 500), 235, np.uint8)


@pytest.mark.parametrize("page", [lettered, ruled_across, boxed, noisy, clouded, blank])
def test_a_picture_without_a_grid_is_an_error_of_one_line(
    page: Callable[[np.random.Generator], np.ndarray],
) -> None:
    with pytest.raises(PictureError, match=r"^no grid found[^\n]*$"):
        detect_grid(page(np.random.default_rng(5)))


@pytest.mark.parametrize("shape", [(1, 1), (1, 900), (2000, 3), (12, 9)])
def test_tiny_pictures_are_an_error(shape: tuple[int, int]) -> None:
    with pytest.raises(PictureError):
        detect_grid(np.zeros(shape, np.uint8))
    with pytest.raises(PictureError):
        detect_grid(np.random.default_rng(0).integers(0, 256, shape, np.uint8))


def skewed() -> Grid:
    """Three rows of two cells, in perspective and bent."""
    x, y = np.meshgrid([0, 1, 3], [0, 1, 2, 3])
    return Grid(
        np.stack([30 + 40 * x + 3 * y + x * y, 20 + 30 * y + 2 * x**2], axis=-1).astype(np.float64)
    )


def test_rows_columns_cells_and_boxes() -> None:
    grid = skewed()
    assert (grid.rows, grid.columns) == (3, 2)
    assert grid.cell(1, 0).tolist() == [[33, 50], [74, 52], [78, 82], [36, 80]]
    assert grid.box(1, 0) == (33, 50, 45, 32)


def test_boxes_lie_inside_the_picture() -> None:
    photo = photograph(SUDOKU, 3)
    grid = detect_grid(photo.grey)
    height, width = photo.grey.shape
    for x, y, w, h in (grid.box(row, column) for row in range(9) for column in range(9)):
        assert 0 <= x < x + w <= width
        assert 0 <= y < y + h <= height


def test_a_cell_fills_its_place_on_the_straightened_picture() -> None:
    photo = photograph(Scene(wild=0, curl=0.25, noise=0, shadow=0), 2)
    straight = Grid(photo.corners).straighten(photo.grey, 40)
    assert straight.shape == (360, 360)
    dark = straight.astype(int) < 205
    lines = [dark[:, at - 1 : at + 1].any(axis=1).mean() for at in range(40, 360, 40)]
    lines += [dark[at - 1 : at + 1].any(axis=0).mean() for at in range(40, 360, 40)]
    assert min(lines) > 0.95


def test_columns_keep_their_widths() -> None:
    photo = photograph(Scene(rows=3, columns=4, uneven=0.6, third=False, tilt=0, turn=0), 4)
    straight = Grid(photo.corners).straighten(photo.grey, 50)
    width, height = np.ptp(photo.corners, axis=(0, 1))
    assert straight.shape == (150, pytest.approx(150 * width / height, abs=3))


def test_boxes_map_back_to_the_photograph() -> None:
    grid = skewed()
    across, down = grid.cell_edges(20)
    assert (
        grid.straighten(np.zeros((200, 200), np.uint8), 20).shape
        == (down[-1], across[-1])
        == (60, across[-1])
    )
    cells = np.array([[0, down[1], across[1], down[2]], [0, 0, across[2], down[3]]], np.float64)
    whole = [30, 20, *grid.corners[3, 2]]
    assert grid.to_photo(cells, 20).round(6).tolist() == [[33, 50, 78, 82], whole]


def test_a_mark_on_the_straightened_grid_maps_back_to_the_photograph() -> None:
    photo = photograph(CURLED, 9)
    grid = detect_grid(photo.grey)
    marked = photo.grey.copy()
    x, y = (round(place) for place in grid.cell(4, 6).mean(axis=0))
    cv2.circle(marked, (x, y), 4, 0, -1)
    changed = np.argwhere(grid.straighten(photo.grey, 48) != grid.straighten(marked, 48))
    top, left = changed.min(axis=0)
    bottom, right = changed.max(axis=0) + 1
    back = grid.to_photo(np.array([[left, top, right, bottom]], np.float64), 48)[0]
    assert np.abs(back - [x - 4, y - 4, x + 5, y + 5]).max() < 3


def test_without_opencv_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(MissingExtra, match=r"^finding a grid needs [^\n]*numeye\[forms\]"):
        detect_grid(np.zeros((50, 50), np.uint8))
