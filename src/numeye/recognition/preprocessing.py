"""Frames the digit of a picture as MNIST frames its digits, as the network `classic` expects it.

MNIST's digits were made like this (LeCun et al. 1998, "Gradient-based learning applied to document
recognition", section III.A): light on black, scaled with their proportions into a box of 20x20
pixels, and placed in 28x28 pixels with their centre of mass in the middle. `frame` does the same
with any grey picture, one named step after the other, and `Framing.steps` shows each step.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Num, UInt8

    from numeye.results import Box


FRAME_PX = 28  # side of the network's input
DIGIT_PX = 20  # longer side of the digit in it
MAX_SIDE_PX = 400  # larger pictures are reduced to this longer side first
MIN_CONTRAST = 0.08  # between foreground and paper, of black to white; with less there is no digit
MIN_SLOPE = 8.0  # grey levels across the picture; with less, the light is even enough
MIN_DIGIT_SHARE = 0.03  # longer side of a digit, of the picture's longer side
MIN_GROUP_SHARE = 0.03  # of the foreground; groups at the edge with less are specks
# Strokes that a line through the foreground crosses on average: 1 to 3 in a digit, dozens in noise.
MAX_CROSSINGS = 6.0

FIT_ROUNDS = 6  # at most, in which the plane of the light is fitted
FIT_PIXELS = 4_000  # about so many pixels are fitted

Rejection = Literal["blank", "not a digit"]
# The steps, in order. Each can be left out, to see what it is good for.
STEPS = {
    "light": "the slope of the light taken out",
    "polarity": "the ink made light, whatever it was",
    "ink": "the paper made 0 and the ink 1",
    "size": "cut out and scaled to 20 pixels",
    "centre": "laid with its centre of mass in the middle",
}


@dataclass(frozen=True, kw_only=True)
class Framing:
    """A digit in its frame, and what the steps before it gave.

    Attributes:
        grey: (height, width) the reduced picture, 0 to 255, at most `MAX_SIDE_PX` pixels a side.
        dark_on_light: True for a dark digit on light paper.
        foreground: (height, width) how much each pixel belongs to strokes, 0 to 1; paper is 0.
        threshold: foreground above it counts as a stroke, 0 to 1.
        box: x, y, width and height of the digit in pixels of the original picture; None where there
            is none.
        pixels: (28, 28) what the network receives, 0 black to 1 white; black where there is no
            digit.
        crop: x, y, width and height of what `pixels` shows, in pixels of the original picture; it
            may reach beyond the edges. None where there is no digit.
        rejected: why this is no digit, or None.
    """

    grey: UInt8[np.ndarray, "height width"]
    dark_on_light: bool
    foreground: Float32[np.ndarray, "height width"]
    threshold: float
    box: Box | None
    pixels: Float32[np.ndarray, "28 28"]
    crop: tuple[float, float, float, float] | None
    rejected: Rejection | None

    def steps(self) -> list[tuple[str, UInt8[np.ndarray, "_ _"]]]:
        """Return a name and a grey picture of each step.

        These are the picture, its foreground, its strokes, and what the network receives.
        """
        polarity = "dark ink on light paper" if self.dark_on_light else "light ink on dark paper"
        strokes = self.foreground > self.threshold
        return [
            (polarity, self.grey),
            ("ink", _to_grey(self.foreground)),
            (f"strokes: ink above {self.threshold:.2f}", _to_grey(strokes)),
            ("in its frame" if self.rejected is None else self.rejected, _to_grey(self.pixels)),
        ]


def frame(grey: UInt8[np.ndarray, "height width"], without: Collection[str] = ()) -> Framing:
    """Find the one digit of a picture and frame it as MNIST does.

    Args:
        grey: (height, width) uint8, of any size and polarity, 0 black to 255 white.
        without: steps of `STEPS` to leave out; the reader leaves out none.
    """
    reduced = _reduce(grey) if "light" in without else _flatten_light(_reduce(grey))
    level = _otsu(reduced)
    dark_on_light = "polarity" not in without and _paper_is_light(reduced, level)
    if "ink" in without:
        foreground = _raw_levels(reduced, dark_on_light)
    else:
        foreground = _separate_foreground(reduced, level, dark_on_light)
    threshold = _otsu(_to_grey(foreground)) / 255
    is_visible = _contrast(reduced, level) >= MIN_CONTRAST
    box, rejected = _find_digit(foreground, (foreground > threshold) & is_visible)
    pixels, crop = np.zeros((FRAME_PX, FRAME_PX), np.float32), None
    if box is not None:
        whole = (0, 0, foreground.shape[1], foreground.shape[0])
        part = whole if "size" in without else box
        pixels, (x, y, width, height) = _place(foreground, part, by_mass="centre" not in without)
        across, down = grey.shape[1] / reduced.shape[1], grey.shape[0] / reduced.shape[0]
        crop = (x * across, y * down, width * across, height * down)
    return Framing(
        grey=reduced,
        dark_on_light=dark_on_light,
        foreground=foreground,
        threshold=threshold,
        box=None if box is None else _to_original(box, reduced.shape, grey.shape),
        pixels=pixels,
        crop=crop,
        rejected=rejected,
    )


def resize_only(grey: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "28 28"]:
    """Do what tutorials do with a picture, to compare `frame` with it.

    The picture is resized to 28x28, light on dark, 0 to 1; its proportions are lost.
    """
    dark_on_light = _paper_is_light(grey, _otsu(grey))
    resized = Image.fromarray(grey).resize((FRAME_PX, FRAME_PX), Image.Resampling.BILINEAR)
    levels = np.asarray(resized, np.float32) / 255
    return 1 - levels if dark_on_light else levels


def centre(digit: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "28 28"]:
    """Place a digit of at most 28x28 pixels with its centre of mass in the middle of the frame.

    A digit that would reach beyond the frame is placed at its edge.
    """
    return _paste(digit, *_centred_corner(digit))


# --- where the digit is


def _find_digit(
    foreground: Float32[np.ndarray, "height width"], strokes: Bool[np.ndarray, "height width"]
) -> tuple[Box | None, Rejection | None]:
    """Return the box of the strokes, if there are any, and why they are no digit."""
    if not strokes.any():
        return None, "blank"
    box = _bounding_box(np.where(strokes, foreground, 0))
    if box is None or _is_noise(strokes):
        return box, "not a digit"  # nothing but specks, or noise
    if max(box[2:]) < MIN_DIGIT_SHARE * max(foreground.shape):
        return None, "blank"  # a speck of dust on an empty page
    return box, None


def _is_noise(strokes: Bool[np.ndarray, "height width"]) -> bool:
    """Tell whether lines cross more strokes than in any digit, or the picture is too narrow."""
    if min(strokes.shape) < 4:
        return True
    starts_across = strokes[:, 1:] & ~strokes[:, :-1]
    starts_down = strokes[1:] & ~strokes[:-1]
    rows, columns = strokes.any(axis=1), strokes.any(axis=0)
    across = starts_across.sum() / max(int(rows.sum()), 1)
    down = starts_down.sum() / max(int(columns.sum()), 1)
    return bool(max(across, down) > MAX_CROSSINGS)


def _bounding_box(foreground: Float32[np.ndarray, "height width"]) -> Box | None:
    """Return x, y, width and height of the foreground without specks at its edges."""
    top, bottom = _span(foreground.sum(axis=1))
    left, right = _span(foreground[top:bottom].sum(axis=0))
    return (left, top, right - left, bottom - top) if bottom > top and right > left else None


def _span(profile: Float32[np.ndarray, " length"]) -> tuple[int, int]:
    """Return the first index of a profile that is not 0, and one past the last.

    Groups at the ends with less than `MIN_GROUP_SHARE` are left out.
    """
    is_filled = np.concatenate([[False], profile > 0, [False]])
    starts = np.flatnonzero(is_filled[1:] & ~is_filled[:-1])
    ends = np.flatnonzero(~is_filled[1:] & is_filled[:-1])
    total = float(profile.sum())
    groups = [
        (int(start), int(end))
        for start, end in zip(starts, ends, strict=True)
        if float(profile[start:end].sum()) >= MIN_GROUP_SHARE * total
    ]
    return (groups[0][0], groups[-1][1]) if groups else (0, 0)


def _to_original(box: Box, reduced: tuple[int, ...], original: tuple[int, ...]) -> Box:
    """Scale a box from the reduced picture to the original one; shapes are (height, width)."""
    down, across = original[0] / reduced[0], original[1] / reduced[1]
    x, y, width, height = box
    left, top = int(x * across), int(y * down)
    right, bottom = round((x + width) * across), round((y + height) * down)
    return left, top, max(1, right - left), max(1, bottom - top)


# --- the frame


def _place(
    foreground: Float32[np.ndarray, "height width"], part: Box, *, by_mass: bool
) -> tuple[Float32[np.ndarray, "28 28"], tuple[float, float, float, float]]:
    """Scale a part of a picture and place it in the frame, centred by its mass or its box.

    Returns:
        The frame, and x, y, width and height of what it shows of the picture.
    """
    x, y, width, height = part
    digit = _scale_digit(foreground[y : y + height, x : x + width])
    if by_mass:
        top, left = _centred_corner(digit)
    else:
        top, left = (FRAME_PX - digit.shape[0]) // 2, (FRAME_PX - digit.shape[1]) // 2
    across, down = width / digit.shape[1], height / digit.shape[0]
    crop = (x - left * across, y - top * down, FRAME_PX * across, FRAME_PX * down)
    return _paste(digit, top, left), crop


def _scale_digit(foreground: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "_ _"]:
    """Scale to a longer side of 20 pixels; the proportions stay."""
    height, width = foreground.shape
    factor = DIGIT_PX / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if size == (width, height):
        return foreground
    image = Image.fromarray(foreground).resize(size, Image.Resampling.BILINEAR)
    scaled = np.array(image, np.float32)
    # thin strokes become paler when they are reduced; MNIST's are white in their middle
    scaled /= max(float(scaled.max()), 1e-6)
    return scaled


def _centred_corner(digit: Float32[np.ndarray, "height width"]) -> tuple[int, int]:
    """Return top and left of a digit whose centre of mass is in the middle of the frame."""
    height, width = digit.shape
    mass = max(float(digit.sum()), 1e-6)
    centre_y = float(digit.sum(axis=1) @ (np.arange(height) + 0.5)) / mass
    centre_x = float(digit.sum(axis=0) @ (np.arange(width) + 0.5)) / mass
    # the mean of MNIST's digits lies in the middle of pixel 14, not on the edge between 13 and 14
    middle = (FRAME_PX + 1) / 2
    top = int(np.clip(round(middle - centre_y), 0, FRAME_PX - height))
    left = int(np.clip(round(middle - centre_x), 0, FRAME_PX - width))
    return top, left


def _paste(
    digit: Float32[np.ndarray, "height width"], top: int, left: int
) -> Float32[np.ndarray, "28 28"]:
    framed = np.zeros((FRAME_PX, FRAME_PX), np.float32)
    framed[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return framed


# --- light and foreground


def _reduce(grey: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "_ _"]:
    """Reduce a picture to at most `MAX_SIDE_PX` pixels a side, by averaging."""
    factor = max(grey.shape) / MAX_SIDE_PX
    if factor <= 1:
        return grey
    height, width = (max(1, round(side / factor)) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX))


def _flatten_light(grey: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Remove the slope of the light from a picture.

    The paper is a plane of grey levels. It is fitted again and again to the pixels that lie near
    the last plane, so strokes, which lie far from it, no longer count.
    """
    height, width = grey.shape
    step = max(1, round((grey.size / FIT_PIXELS) ** 0.5))
    sample = grey[::step, ::step].astype(np.float64)
    y, x = (axis.ravel() for axis in np.mgrid[0 : sample.shape[0], 0 : sample.shape[1]] * step)
    plane = np.stack([np.ones(sample.size), x / width, y / height], axis=1)
    levels = sample.ravel()
    is_near = np.ones(sample.size, bool)
    for _ in range(FIT_ROUNDS):
        fit = np.linalg.lstsq(plane[is_near], levels[is_near], rcond=None)[0]
        residuals = np.abs(levels - plane @ fit)
        before, is_near = is_near, residuals <= max(2 * float(np.median(residuals)), 2.0)
        if np.array_equal(before, is_near):
            break
    if abs(fit[1]) + abs(fit[2]) < MIN_SLOPE:
        return grey
    slope = (
        fit[1] * (np.arange(width) / width - 0.5)
        + fit[2] * (np.arange(height) / height - 0.5)[:, None]
    )
    flat: np.ndarray = np.rint(np.clip(grey - slope, 0, 255)).astype(np.uint8)
    return flat


def _otsu(grey: UInt8[np.ndarray, "height width"]) -> float:
    """Return the level that best separates dark from light (Otsu 1979).

    It leaves the least variance on both sides.
    """
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    levels = np.arange(256)
    below = counts.cumsum()
    above = below[-1] - below
    sum_below = (counts * levels).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        difference = sum_below / below - (sum_below[-1] - sum_below) / above
        between = np.nan_to_num(below * above * difference**2, posinf=0.0)
    # empty levels between dark and light are equally good: take the middle of them
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(best[0] + best[-1]) / 2


def _paper_is_light(grey: UInt8[np.ndarray, "height width"], level: float) -> bool:
    """Tell whether most of the border is light, or, if that is a tie, most of the picture."""
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]]) > level
    share = float(border.mean())
    return share > 0.5 if abs(share - 0.5) > 0.1 else float((grey > level).mean()) > 0.5


def _contrast(grey: UInt8[np.ndarray, "height width"], level: float) -> float:
    """Return the difference between the means of light and dark pixels, 0 to 1."""
    is_light = grey > level
    if is_light.all() or not is_light.any():
        return 0.0
    return float(grey[is_light].mean() - grey[~is_light].mean()) / 255


def _separate_foreground(
    grey: UInt8[np.ndarray, "height width"], level: float, dark_on_light: bool
) -> Float32[np.ndarray, "height width"]:
    """Return how far each pixel is from the paper towards the strokes, 0 to 1."""
    is_paper = grey > level if dark_on_light else grey <= level
    paper = float(np.median(grey[is_paper])) if is_paper.any() else float(np.median(grey))
    depth = (paper - grey) if dark_on_light else (grey - paper)
    depth = np.clip(depth, 0, None).astype(np.float32)
    # 1 is the level of dark strokes, not of the darkest speck: a quarter of them may be darker
    strokes = depth[~is_paper]
    full = float(np.percentile(strokes, 75)) if strokes.size else 0.0
    return np.clip(depth / max(full, 1.0), 0.0, 1.0)


def _raw_levels(
    grey: UInt8[np.ndarray, "height width"], dark_on_light: bool
) -> Float32[np.ndarray, "height width"]:
    """Return the levels as they are, inverted if the digit is dark."""
    levels = grey.astype(np.float32) / 255
    return np.float32(1) - levels if dark_on_light else levels


def _to_grey(values: Num[np.ndarray, "_ _"] | Bool[np.ndarray, "_ _"]) -> np.ndarray:
    """Return values of 0 to 1 as grey levels."""
    return np.rint(np.asarray(values, np.float32) * 255).astype(np.uint8)
