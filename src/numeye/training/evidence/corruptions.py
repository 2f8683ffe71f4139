"""The fifteen corruptions of MNIST-C, made again from their published definitions.

N. Mu and J. Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision" (https://arxiv.org/abs/1906.02337).
Names and strengths are theirs. The pictures are not: random numbers are drawn otherwise here, and motion blur is a
convolution with a line of Gaussian weights, so figures are near those of MNIST-C and not the same.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage import feature

from numeye.training.evidence.digits import Digits

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

    Grey = Float64[np.ndarray, "28 28"]

SIZE = 28
Corruption = Callable[["Grey", np.random.Generator], "Grey"]  # a picture of 0 to 1 and chance, to a picture


def shot_noise(x: Grey, random: np.random.Generator) -> Grey:
    """Few photons: Poisson noise, three of them for white."""
    return random.poisson(x * 3) / 3


def impulse_noise(x: Grey, random: np.random.Generator) -> Grey:
    """Salt and pepper on 17 % of the pixels."""
    hit, white = random.random(x.shape) < 0.17, random.random(x.shape) < 0.5
    return np.where(hit, white.astype(np.float64), x)


def glass_blur(x: Grey, random: np.random.Generator) -> Grey:
    """Blurred, neighbours swapped by chance twice over, blurred again."""
    blurred = ndimage.gaussian_filter(x, 0.7)
    for _ in range(2):
        for row in range(SIZE - 1, 1, -1):
            for column in range(SIZE - 1, 1, -1):
                if random.random() < 0.5:
                    down, across = random.integers(-1, 1, size=2)
                    here, there = (row, column), (row + down, column + across)
                    blurred[here], blurred[there] = blurred[there], blurred[here]
    return np.asarray(ndimage.gaussian_filter(blurred, 0.7))


def motion_blur(x: Grey, random: np.random.Generator) -> Grey:
    """Drawn out to one side along a line at up to 45 degrees: Gaussian weights of deviation 3 on 10 pixels."""
    angle = np.deg2rad(random.uniform(-45, 45))
    away = np.arange(11.0)
    weights = np.exp(-0.5 * (away / 3) ** 2)
    moved = [ndimage.shift(x, (-d * np.sin(angle), -d * np.cos(angle)), order=1) for d in away]
    return np.tensordot(weights / weights.sum(), np.array(moved), 1)


def shear(x: Grey, random: np.random.Generator) -> Grey:
    """Leaning by 0.4, to either side."""
    lean = 0.4 * random.choice([-1, 1])
    return about_middle(x, np.array([[np.cos(lean), 0], [-np.sin(lean), 1]]))


def scale(x: Grey, random: np.random.Generator) -> Grey:
    """Seven tenths of its size."""
    return about_middle(x, np.eye(2) / 0.7)


def rotate(x: Grey, random: np.random.Generator) -> Grey:
    """Turned by 0.4 radians, to either side."""
    return about_middle(x, turn(0.4 * random.choice([-1, 1])))


def brightness(x: Grey, random: np.random.Generator) -> Grey:
    """Half of white added everywhere."""
    return x + 0.5


def translate(x: Grey, random: np.random.Generator) -> Grey:
    """Moved by 3 pixels across and 3 down, to any side."""
    return np.asarray(ndimage.shift(x, 3 * random.choice([-1, 1], 2), order=1))


def stripe(x: Grey, random: np.random.Generator) -> Grey:
    """The outer quarters, left and right, inverted."""
    outer = np.r_[0:7, 21:SIZE]
    striped = x.copy()
    striped[:, outer] = 1 - striped[:, outer]
    return striped


def fog(x: Grey, random: np.random.Generator) -> Grey:
    """Clouds of a plasma fractal, three times as bright as the digit, both scaled down together."""
    top = x.max()
    return np.asarray((x + 3 * plasma(random)[:SIZE, :SIZE]) * top / (top + 3))


def spatter(x: Grey, random: np.random.Generator) -> Grey:
    """Splashes of mud, a quarter of white, over it."""
    mud = ndimage.gaussian_filter(random.normal(0.65, 0.3, x.shape), 1.0) > 0.65
    thick = ndimage.gaussian_filter(mud.astype(np.float64), 1.5)
    thick[thick < 0.8] = 0
    return np.asarray(x * (1 - thick) + thick * 63 / 255)


def dotted_line(x: Grey, random: np.random.Generator) -> Grey:
    """A line across, two pixels of every four."""
    start, end = random.integers(0, 27, size=2).tolist()
    line = segment(0, start, 27, end)
    line[:, np.arange(SIZE) % 4 < 2] = 0
    return np.asarray(x + line)


def zigzag(x: Grey, random: np.random.Generator) -> Grey:
    """A zigzag across, two pixels high to either side."""
    start = int(random.integers(0, 27))
    end = start + int(random.integers(-5, 5))
    slope = np.arctan2(end - start, 23)
    long = 23 / np.cos(slope)
    turns = np.arange(2, long, 4)
    along = np.concatenate([[0], turns, [long]])
    off = np.concatenate([[0], 2.0 * (-1) ** np.arange(len(turns)), [0]])
    columns = 2 + np.cos(slope) * along - np.sin(slope) * off
    rows = start + np.sin(slope) * along + np.cos(slope) * off
    for (c0, r0), (c1, r1) in pairwise(zip(columns.tolist(), rows.tolist(), strict=True)):
        x = np.clip(x + segment(c0, r0, c1, r1), 0, 1)
    return x


def canny_edges(x: Grey, random: np.random.Generator) -> Grey:
    """Its edges alone, by Canny's detector."""
    return np.asarray(feature.canny(x), np.float64)  # type: ignore[no-untyped-call]


CORRUPTIONS: dict[str, Corruption] = {
    corrupt.__name__: corrupt
    for corrupt in (
        shot_noise, impulse_noise, glass_blur, motion_blur, shear, scale, rotate, brightness, translate, stripe, fog,
        spatter, dotted_line, zigzag, canny_edges,
    )
}  # fmt: skip


def corrupted(digits: Digits, name: str) -> UInt8[np.ndarray, "n 28 28"]:
    """Those digits, each corrupted by chance of its own that hangs on its place alone."""
    number = list(CORRUPTIONS).index(name)
    made = np.empty(digits.pixels.shape, np.uint8)
    for place, picture in enumerate(digits.pixels.astype(np.float64)):
        random = np.random.default_rng([number, place])
        made[place] = np.rint(np.clip(CORRUPTIONS[name](picture, random), 0, 1) * 255)
    return made


def turn(radians: float) -> Float64[np.ndarray, "2 2"]:
    """The matrix that turns (row, column)."""
    return np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])


def about_middle(x: Grey | Float32[np.ndarray, "28 28"], matrix: Float64[np.ndarray, "2 2"]) -> Grey:
    """The picture mapped about its middle; `matrix` says where (row, column) of the result comes from."""
    middle = np.full(2, (SIZE - 1) / 2)
    mapped: np.ndarray = ndimage.affine_transform(x, matrix, middle - matrix @ middle, order=1)
    return mapped


def segment(c0: float, r0: float, c1: float, r1: float) -> Grey:
    """A soft line between two points, by the distance down a column, from column c0 to c1."""
    if c1 <= c0:
        return np.zeros((SIZE, SIZE))
    rows, columns = np.mgrid[0:SIZE, 0:SIZE]
    away = np.abs(rows - (r0 + (r1 - r0) / (c1 - c0) * (columns - c0)))
    line: np.ndarray = np.clip(np.log(1 - np.minimum(away, 2.299) / 2.3) + 1, 0, 1)
    line[(columns < np.floor(c0)) | (columns >= np.ceil(c1))] = 0
    return line


def plasma(random: np.random.Generator, side: int = 256, decay: float = 1.4) -> Float64[np.ndarray, "side side"]:
    """Heights of clouds, 0 to 1: means of four neighbours and chance, ever finer (Fournier and others 1982)."""
    heights, step, strength = np.zeros((side, side)), side, 100.0
    while step >= 2:
        half = step // 2
        chance = strength * strength  # as MNIST-C has it: the strength twice over

        corners = heights[::step, ::step]
        square = corners + np.roll(corners, -1, axis=0)
        square = square + np.roll(square, -1, axis=1)
        heights[half::step, half::step] = square / 4 + random.uniform(-chance, chance, square.shape)

        middles = heights[half::step, half::step]
        down = middles + np.roll(middles, 1, axis=0) + corners + np.roll(corners, -1, axis=1)
        heights[::step, half::step] = down / 4 + random.uniform(-chance, chance, down.shape)
        across = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=0)
        heights[half::step, ::step] = across / 4 + random.uniform(-chance, chance, across.shape)
        step, strength = half, strength / decay
    heights -= heights.min()
    return np.asarray(heights / heights.max())
