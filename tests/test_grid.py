"""The cells of a table or a sudoku on a photograph."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFont

from numeye.grid import Grid

cv2 = pytest.importorskip("cv2")

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
    page = through(np.linalg.inv(view), np.stack(np.meshgrid(np.arange(wide), np.arange(high)), axis=-1) + 0.5)
    page = (page + bend(page) - 0.5).astype(np.float32)
    surface = int(random.integers(20, 110)) if scene.table else 225
    seen = cv2.remap(sheet, page, None, cv2.INTER_LINEAR, borderMode=cv2.BORDER_CONSTANT, borderValue=surface)
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
    x, y = spread(scene.columns, width * 0.76, scene, random), spread(scene.rows, high, scene, random)
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


def ruled(pen: ImageDraw.ImageDraw, x: np.ndarray, y: np.ndarray, scene: Scene, random: np.random.Generator) -> None:
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


def filled(pen: ImageDraw.ImageDraw, box: tuple[float, ...], scene: Scene, random: np.random.Generator) -> None:
    left, top, right, bottom = box
    cell, kind = min(right - left, bottom - top), random.random()
    middle = np.array([(left + right) / 2, (top + bottom) / 2])
    if kind < 0.35:
        font = ImageFont.load_default(0.6 * cell)
        pen.text(tuple(middle), str(random.integers(1, 10)), fill=40, font=font, anchor="mm")
    elif kind < 0.75:
        points = middle + cell * scene.wild * random.uniform(-0.6, 0.6, (int(random.integers(3, 6)), 2))
        pen.line([tuple(point) for point in points], fill=int(random.integers(60, 140)), width=max(1, round(cell / 22)))


def texts(pen: ImageDraw.ImageDraw, width: int, top: float, bottom: float, random: np.random.Generator) -> None:
    high = 0.022 * width
    font = ImageFont.load_default(high)
    letters = "abcdefghilmnoprstuvwxyz 0123456789    "
    for y in np.arange(top, bottom - high, 1.4 * high):
        line = "".join(random.choice(list(letters), int(random.integers(20, 75))))
        pen.text((0.1 * width, y), line, fill=50, font=font)


def viewed(scene: Scene, width: int, height: int, random: np.random.Generator) -> tuple[np.ndarray, tuple[int, int]]:
    """From the sheet to the photograph, and its size."""
    angle = np.radians(random.uniform(-scene.turn, scene.turn))
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    moved = corners + scene.tilt * width * random.uniform(-0.5, 0.5, (4, 2))
    moved = moved @ np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    scale = scene.size / np.ptp(moved, axis=0).max()
    moved = (moved - moved.min(axis=0)) * scale
    wide, high = np.ceil(moved.max(axis=0)).astype(int)
    return cv2.getPerspectiveTransform(corners.astype(np.float32), moved.astype(np.float32)), (int(wide), int(high))


def bent(scene: Scene, x: np.ndarray, y: np.ndarray, random: np.random.Generator):
    """How far each place of the sheet is off, in its pixels."""
    most = scene.curl * min(np.diff(x).min(), np.diff(y).min())
    length = x[-1] - x[0]
    waves = random.uniform(0.15, 0.45, 4) / length
    phases, sizes = random.uniform(0, 6.28, 4), most * random.uniform(0.3, 0.5, 4) * random.choice([-1, 1], 4)

    def off(places: np.ndarray) -> np.ndarray:
        along = 6.28 * places[..., [0, 1, 0, 1]] * waves + phases
        moves = sizes * np.sin(along)
        return np.stack([moves[..., 0] * 0.5 + moves[..., 1] * 0.5, moves[..., 2] + moves[..., 3]], axis=-1)

    return off


def through(view: np.ndarray, places: np.ndarray) -> np.ndarray:
    seen = places @ view[:, :2].T + view[:, 2]
    return seen[..., :2] / seen[..., 2:]


def lit(scene: Scene, seen: np.ndarray, random: np.random.Generator) -> np.ndarray:
    height, width = seen.shape
    corners = 1 - scene.shadow * random.uniform(0, 1, (3, 3))
    light = cv2.resize(corners.astype(np.float32), (width, height), interpolation=cv2.INTER_CUBIC)
    blurred = cv2.GaussianBlur(seen.astype(np.float32), (0, 0), max(0.3, scene.blur * scene.size / 1000))
    noisy = blurred * light + random.normal(0, scene.noise, seen.shape)
    return np.clip(noisy, 0, 255).astype(np.uint8)


def off(photo: Photo, grid: Grid) -> float:
    """The largest distance of a crossing from where it is, in smaller sides of the cells beside it."""
    away = np.linalg.norm(grid.corners - photo.corners, axis=-1)
    across = np.linalg.norm(np.diff(photo.corners, axis=1), axis=-1)
    down = np.linalg.norm(np.diff(photo.corners, axis=0), axis=-1)
    beside = np.minimum(
        np.minimum(
            np.pad(across, ((0, 0), (0, 1)), constant_values=np.inf),
            np.pad(across, ((0, 0), (1, 0)), constant_values=np.inf),
        ),
        np.minimum(
            np.pad(down, ((0, 1), (0, 0)), constant_values=np.inf),
            np.pad(down, ((1, 0), (0, 0)), constant_values=np.inf),
        ),
    )
    return float((away / beside).max())
