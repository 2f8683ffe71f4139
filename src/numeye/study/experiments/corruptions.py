"""The fifteen corruptions of MNIST-C, written again from their published definitions.

N. Mu and J. Gilmer 2019, "MNIST-C: A Robustness Benchmark for Computer Vision"
(https://arxiv.org/abs/1906.02337). Names and strengths are theirs. The pictures differ: random
numbers are drawn in another way, and motion blur is a convolution with a line of Gaussian weights.
So results are close to those on MNIST-C, but not the same.
"""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np
from scipy import ndimage
from skimage import feature

from numeye.study.experiments.digits import Digits

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

    Grey = Float64[np.ndarray, "28 28"]

SIZE_PX = 28
# From a picture of 0 to 1 and a random generator to a picture.
Corruption = Callable[["Grey", np.random.Generator], "Grey"]


def shot_noise(x: Grey, random: np.random.Generator) -> Grey:
    """Add Poisson noise as of few photons: three for white."""
    return random.poisson(x * 3) / 3


def impulse_noise(x: Grey, random: np.random.Generator) -> Grey:
    """Make 17 % of the pixels white or black (salt and pepper)."""
    hit, white = random.random(x.shape) < 0.17, random.random(x.shape) < 0.5
    return np.where(hit, white.astype(np.float64), x)


def glass_blur(x: Grey, random: np.random.Generator) -> Grey:
    """Blur, swap neighbouring pixels at random twice, and blur again."""
    blurred = ndimage.gaussian_filter(x, 0.7)
    for _ in range(2):
        for row in range(SIZE_PX - 1, 1, -1):
            for column in range(SIZE_PX - 1, 1, -1):
                if random.random() < 0.5:
                    down, across = random.integers(-1, 1, size=2)
                    pixel, neighbour = (row, column), (row + down, column + across)
                    blurred[pixel], blurred[neighbour] = blurred[neighbour], blurred[pixel]
    return np.asarray(ndimage.gaussian_filter(blurred, 0.7))


def motion_blur(x: Grey, random: np.random.Generator) -> Grey:
    """Smear to one side along a line of 10 pixels, at an angle of up to 45 degrees.

    The weights are Gaussian with a standard deviation of 3 pixels.
    """
    angle = np.deg2rad(random.uniform(-45, 45))
    distances = np.arange(11.0)
    weights = np.exp(-0.5 * (distances / 3) ** 2)
    shifted = [
        ndimage.shift(x, (-d * np.sin(angle), -d * np.cos(angle)), order=1) for d in distances
    ]
    return np.tensordot(weights / weights.sum(), np.array(shifted), 1)


def shear(x: Grey, random: np.random.Generator) -> Grey:
    """Shear by 0.4 radians to a random side."""
    angle = 0.4 * random.choice([-1, 1])
    return transform_about_center(x, np.array([[np.cos(angle), 0], [-np.sin(angle), 1]]))


def scale(x: Grey, random: np.random.Generator) -> Grey:
    """Shrink to seven tenths of the size."""
    return transform_about_center(x, np.eye(2) / 0.7)


def rotate(x: Grey, random: np.random.Generator) -> Grey:
    """Rotate by 0.4 radians to a random side."""
    return transform_about_center(x, rotation_matrix(0.4 * random.choice([-1, 1])))


def brightness(x: Grey, random: np.random.Generator) -> Grey:
    """Add half of white everywhere."""
    return x + 0.5


def translate(x: Grey, random: np.random.Generator) -> Grey:
    """Shift by 3 pixels across and 3 pixels down or up, to random sides."""
    return np.asarray(ndimage.shift(x, 3 * random.choice([-1, 1], 2), order=1))


def stripe(x: Grey, random: np.random.Generator) -> Grey:
    """Invert the outer quarters, left and right."""
    outer = np.r_[0:7, 21:SIZE_PX]
    striped = x.copy()
    striped[:, outer] = 1 - striped[:, outer]
    return striped


def fog(x: Grey, random: np.random.Generator) -> Grey:
    """Add clouds, three times as bright as the digit, and rescale to its brightness."""
    top = x.max()
    return np.asarray((x + 3 * plasma_fractal(random)[:SIZE_PX, :SIZE_PX]) * top / (top + 3))


def spatter(x: Grey, random: np.random.Generator) -> Grey:
    """Cover with splashes of mud, of a quarter of white."""
    mud = ndimage.gaussian_filter(random.normal(0.65, 0.3, x.shape), 1.0) > 0.65
    thick = ndimage.gaussian_filter(mud.astype(np.float64), 1.5)
    thick[thick < 0.8] = 0
    return np.asarray(x * (1 - thick) + thick * 63 / 255)


def dotted_line(x: Grey, random: np.random.Generator) -> Grey:
    """Add a dotted line across: two pixels of every four."""
    start, end = random.integers(0, 27, size=2).tolist()
    line = draw_line(0, start, 27, end)
    line[:, np.arange(SIZE_PX) % 4 < 2] = 0
    return np.asarray(x + line)


def zigzag(x: Grey, random: np.random.Generator) -> Grey:
    """Add a zigzag line across, two pixels high to either side."""
    start = int(random.integers(0, 27))
    end = start + int(random.integers(-5, 5))
    slope = np.arctan2(end - start, 23)
    length = 23 / np.cos(slope)
    corners = np.arange(2, length, 4)
    along = np.concatenate([[0], corners, [length]])
    offset = np.concatenate([[0], 2.0 * (-1) ** np.arange(len(corners)), [0]])
    columns = 2 + np.cos(slope) * along - np.sin(slope) * offset
    rows = start + np.sin(slope) * along + np.cos(slope) * offset
    for (c0, r0), (c1, r1) in pairwise(zip(columns.tolist(), rows.tolist(), strict=True)):
        x = np.clip(x + draw_line(c0, r0, c1, r1), 0, 1)
    return x


def canny_edges(x: Grey, random: np.random.Generator) -> Grey:
    """Keep only the edges, found by Canny's detector."""
    return np.asarray(feature.canny(x), np.float64)  # type: ignore[no-untyped-call]


CORRUPTIONS: dict[str, Corruption] = {
    function.__name__: function
    for function in (
        shot_noise,
        impulse_noise,
        glass_blur,
        motion_blur,
        shear,
        scale,
        rotate,
        brightness,
        translate,
        stripe,
        fog,
        spatter,
        dotted_line,
        zigzag,
        canny_edges,
    )
}


def corrupt(digits: Digits, name: str) -> UInt8[np.ndarray, "n 28 28"]:
    """Return digits with one corruption.

    Each digit has random numbers of its own, which depend only on its index.
    """
    corruption, number = CORRUPTIONS[name], list(CORRUPTIONS).index(name)
    corrupted = np.empty(digits.pixels.shape, np.uint8)
    for index, picture in enumerate(digits.pixels.astype(np.float64)):
        random = np.random.default_rng([number, index])
        corrupted[index] = np.rint(np.clip(corruption(picture, random), 0, 1) * 255)
    return corrupted


def rotation_matrix(radians: float) -> Float64[np.ndarray, "2 2"]:
    """Return the matrix that rotates (row, column)."""
    return np.array([[np.cos(radians), -np.sin(radians)], [np.sin(radians), np.cos(radians)]])


def transform_about_center(
    x: Grey | Float32[np.ndarray, "28 28"], matrix: Float64[np.ndarray, "2 2"]
) -> Grey:
    """Apply a linear map about the centre of a picture.

    Args:
        x: the picture.
        matrix: maps (row, column) of the result to where its value comes from.
    """
    center = np.full(2, (SIZE_PX - 1) / 2)
    mapped: np.ndarray = ndimage.affine_transform(x, matrix, center - matrix @ center, order=1)
    return mapped


def draw_line(c0: float, r0: float, c1: float, r1: float) -> Grey:
    """Return a soft line from column c0, row r0 to column c1, row r1.

    It becomes darker with the vertical distance from the line.
    """
    if c1 <= c0:
        return np.zeros((SIZE_PX, SIZE_PX))
    rows, columns = np.mgrid[0:SIZE_PX, 0:SIZE_PX]
    distance = np.abs(rows - (r0 + (r1 - r0) / (c1 - c0) * (columns - c0)))
    line: np.ndarray = np.clip(np.log(1 - np.minimum(distance, 2.299) / 2.3) + 1, 0, 1)
    line[(columns < np.floor(c0)) | (columns >= np.ceil(c1))] = 0
    return line


def plasma_fractal(
    random: np.random.Generator, side: int = 256, decay: float = 1.4
) -> Float64[np.ndarray, "side side"]:
    """Return a random height map like clouds, 0 to 1 (Fournier, Fussell and Carpenter 1982).

    On ever finer grids, each new point is the mean of its four neighbours plus a random number.
    """
    heights, step, strength = np.zeros((side, side)), side, 100.0
    while step >= 2:
        half = step // 2
        noise = strength * strength  # squared, as in MNIST-C

        corners = heights[::step, ::step]
        square = corners + np.roll(corners, -1, axis=0)
        square = square + np.roll(square, -1, axis=1)
        heights[half::step, half::step] = square / 4 + random.uniform(-noise, noise, square.shape)

        middles = heights[half::step, half::step]
        down = middles + np.roll(middles, 1, axis=0) + corners + np.roll(corners, -1, axis=1)
        heights[::step, half::step] = down / 4 + random.uniform(-noise, noise, down.shape)
        across = middles + np.roll(middles, 1, axis=1) + corners + np.roll(corners, -1, axis=0)
        heights[half::step, ::step] = across / 4 + random.uniform(-noise, noise, across.shape)
        step, strength = half, strength / decay
    heights -= heights.min()
    return np.asarray(heights / heights.max())
