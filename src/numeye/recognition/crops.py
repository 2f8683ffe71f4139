"""Cuts square crops out of a picture and scales them to the 40x40 pixels of the recognizer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64, UInt8

CROP_PX = 40  # side of the recognizer's input

# A digit is well framed whose longer side has this share of the crop, and whose centre is at most
# this share of the crop away from the crop's centre.
WELL_FRAMED_SIDE = (0.55, 0.9)
MAX_OFF_CENTRE = 0.12
CONFIDENT_PROBABILITY = 0.9  # of the best answer, from which on one crop is enough

MIN_SQUARE_PX = 4.0
MAX_SQUARE_SIDES = 3.0  # largest square, in longer sides of the picture
REDUCED_PX = 1000  # pictures are reduced to about this longer side, to cut large crops faster
OVERSAMPLING = 4  # a square with more pixels than this for each pixel of its crop is averaged first

# A picture is blank whose levels differ by less than this, a few pixels apart.
BLANK_CONTRAST = 10
MAX_SPECK_PIXELS = 4
BLANK_CHECK_PX = 256  # it is checked on a picture reduced to about this longer side


@dataclass(frozen=True)
class Square:
    """A square part of a picture; it may reach beyond the edges.

    Attributes:
        x: of its centre, in pixels.
        y: of its centre, in pixels.
        side: in pixels.
    """

    x: float
    y: float
    side: float

    @classmethod
    def covering(cls, width: int, height: int) -> Square:
        """Return the smallest square that covers a picture of this size."""
        return cls(width / 2, height / 2, float(max(width, height)))

    def clamped(self, width: int, height: int) -> Square:
        """Return the nearest square that can be cut out of a picture of this size.

        Its centre is inside the picture, and its side is between `MIN_SQUARE_PX` and
        `MAX_SQUARE_SIDES`.
        """
        if not all(map(math.isfinite, (self.x, self.y, self.side))):
            return Square.covering(width, height)
        largest = max(MAX_SQUARE_SIDES * max(width, height), MIN_SQUARE_PX)
        return Square(
            min(max(self.x, 0.0), width),
            min(max(self.y, 0.0), height),
            min(max(self.side, MIN_SQUARE_PX), largest),
        )

    def relative_to(self, left: int, top: int, factor: int = 1) -> Square:
        """Return this square in pixels of a part of the picture.

        Args:
            left: where the part begins, in pixels of the picture.
            top: where the part begins, in pixels of the picture.
            factor: how many times smaller the part was made.
        """
        return Square((self.x - left) / factor, (self.y - top) / factor, self.side / factor)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """x, y, width and height in whole pixels, as results have it."""
        side = max(1, round(self.side))
        return round(self.x - self.side / 2), round(self.y - self.side / 2), side, side


@dataclass(frozen=True, eq=False)
class Crop:
    """One crop, and what the recognizer answered for it.

    Attributes:
        name: of the stage in which it was cut, for people.
        square: the part of the picture.
        pixels: what the network received, 0 black to 1 white.
        log_probabilities: of the digits 0 to 9 and of "no digit", not calibrated.
        box: centre x, centre y, width and height of the digit as fractions of the crop; finite.
    """

    name: str
    square: Square
    pixels: Float32[np.ndarray, "40 40"]
    log_probabilities: Float64[np.ndarray, " 11"]
    box: tuple[float, float, float, float]

    @property
    def digit_side(self) -> float:
        """Longer side of the digit's box, as a fraction of the crop."""
        return max(self.box[2:])

    @property
    def is_well_framed(self) -> bool:
        """Whether the digit has the usual size and lies near the centre."""
        off_centre = max(abs(self.box[0] - 0.5), abs(self.box[1] - 0.5))
        low, high = WELL_FRAMED_SIDE
        return low <= self.digit_side <= high and off_centre <= MAX_OFF_CENTRE

    @property
    def is_confident(self) -> bool:
        """Whether no other crop is needed for the answer."""
        return float(self.log_probabilities.max()) >= math.log(CONFIDENT_PROBABILITY)

    def around_digit(self, context: float) -> Square:
        """Return the square around the digit's box.

        Args:
            context: side of the square, in longer sides of the box.
        """
        x, y, _, _ = self.box
        left = self.square.x - self.square.side / 2
        top = self.square.y - self.square.side / 2
        return Square(
            left + x * self.square.side,
            top + y * self.square.side,
            context * self.digit_side * self.square.side,
        )


class CropSource:
    """A picture to cut crops from, with a reduced copy for large squares.

    Args:
        grey: (height, width) uint8.
    """

    def __init__(self, grey: UInt8[np.ndarray, "height width"]) -> None:
        self.grey = grey
        self.height, self.width = grey.shape
        self.factor = max(1, max(grey.shape) // REDUCED_PX)
        self.reduced = _reduce(grey, self.factor) if self.factor > 1 else grey
        self.paper = paper_level(self.reduced)

    @property
    def full_square(self) -> Square:
        """The square that covers the whole picture."""
        return Square.covering(self.width, self.height)

    @cached_property
    def is_blank(self) -> bool:
        """Whether nothing but a few specks differs from the rest of the picture."""
        # reduced, the paper's grain averages out; strokes do not
        factor = max(1, max(self.reduced.shape) // BLANK_CHECK_PX)
        levels = (_reduce(self.reduced, factor) if factor > 1 else self.reduced).ravel()
        specks = min(levels.size // 200, MAX_SPECK_PIXELS)
        ordered = np.partition(levels, (specks, levels.size - 1 - specks))
        return int(ordered[levels.size - 1 - specks]) - int(ordered[specks]) < BLANK_CONTRAST

    def cut(self, square: Square) -> Float32[np.ndarray, "40 40"]:
        """Cut a crop out of the picture, or out of the reduced copy where that is fine enough."""
        if self.factor > 1 and square.side / self.factor >= OVERSAMPLING * CROP_PX:
            return cut(self.reduced, square.relative_to(0, 0, self.factor), paper=self.paper)
        return cut(self.grey, square, paper=self.paper)


def cut(
    grey: UInt8[np.ndarray, "height width"],
    square: Square,
    size: int = CROP_PX,
    *,
    paper: int | None = None,
) -> Float32[np.ndarray, "size size"]:
    """Cut a square out of a picture and scale it to size x size pixels, 0 black to 1 white.

    Args:
        grey: (height, width) uint8, of any size.
        square: the part to cut; it is clamped first, see `Square.clamped`.
        size: side of the crop in pixels.
        paper: grey level beyond the picture's edges; see `paper_level`, which is the default.
    """
    paper = paper_level(grey) if paper is None else paper
    square = square.clamped(grey.shape[1], grey.shape[0])
    part, square = _cut_out(grey, square, margin=math.ceil(2 * square.side / size) + 1)
    factor = int(square.side // (OVERSAMPLING * size))
    if factor > 1:
        part, square = _reduce(part, factor), square.relative_to(0, 0, factor)
    part, square = _pad(part, square, paper)
    half, (height, width) = square.side / 2, part.shape
    # rounding may put the edges slightly outside
    left, top = max(square.x - half, 0.0), max(square.y - half, 0.0)
    box = (left, top, min(square.x + half, width), min(square.y + half, height))
    resized = Image.fromarray(part).resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized, np.float32) / 255


def paper_level(grey: UInt8[np.ndarray, "height width"]) -> int:
    """Return the median grey level of the picture's edges, which is most likely the paper's."""
    return int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def edge_width(pixels: Float32[np.ndarray, "height width"]) -> float:
    """Return in how many pixels the sharpest edges go from 10 to 90 % of the contrast.

    For an edge blurred by a Gaussian, this is 1.02 times the contrast divided by the steepest
    slope. Noise makes edges look sharper than they are, so the pixels are smoothed a little first.
    """
    padded = np.pad(pixels, 1, mode="edge")
    height, width = pixels.shape
    neighbours = [padded[y : y + height, x : x + width] for y in range(3) for x in range(3)]
    smooth = sum(neighbours) / np.float32(9)
    low, high = np.percentile(smooth, [0.5, 99.5])
    down, across = np.gradient(smooth)
    steepest = float(np.percentile(np.hypot(down, across), 99.5))
    return 1.02 * float(high - low) / steepest if steepest > 0 else math.inf


def _reduce(grey: np.ndarray, factor: int) -> np.ndarray:
    """Make a picture smaller; each pixel is the mean of factor x factor pixels."""
    return np.asarray(Image.fromarray(grey).reduce(factor))


def _cut_out(grey: np.ndarray, square: Square, margin: int) -> tuple[np.ndarray, Square]:
    """Return the part of a picture under a square and its margin, and the square in that part."""
    half = square.side / 2 + margin
    left, top = max(0, math.floor(square.x - half)), max(0, math.floor(square.y - half))
    right, bottom = math.ceil(square.x + half), math.ceil(square.y + half)
    return grey[top:bottom, left:right], square.relative_to(left, top)


def _pad(grey: np.ndarray, square: Square, paper: int) -> tuple[np.ndarray, Square]:
    """Add paper where a square reaches beyond a picture.

    Returns:
        The padded picture, and the square in it.
    """
    half = square.side / 2
    height, width = grey.shape
    left, top = max(0, math.ceil(half - square.x)), max(0, math.ceil(half - square.y))
    right = max(0, math.ceil(square.x + half - width))
    bottom = max(0, math.ceil(square.y + half - height))
    if not left + top + right + bottom:
        return np.ascontiguousarray(grey), square
    sheet = np.full((top + height + bottom, left + width + right), paper, np.uint8)
    sheet[top : top + height, left : left + width] = grey
    return sheet, square.relative_to(-left, -top)


def cut_around(
    grey: UInt8[np.ndarray, "height width"], boxes: Float64[np.ndarray, "n 4"], context: float
) -> Float32[np.ndarray, "n 40 40"]:
    """Cut out a square around each box.

    Args:
        grey: (height, width) uint8, the picture.
        boxes: left, top, right and bottom in its pixels.
        context: sides of the squares, in longer sides of the boxes.
    """
    centres = (boxes[:, :2] + boxes[:, 2:]) / 2
    sides = context * (boxes[:, 2:] - boxes[:, :2]).max(axis=1)
    paper = paper_level(grey)
    crops = [
        cut(grey, Square(float(x), float(y), float(side)), paper=paper)
        for (x, y), side in zip(centres, sides, strict=True)
    ]
    return np.stack(crops) if crops else np.zeros((0, CROP_PX, CROP_PX), np.float32)
