"""MNIST's framing, written out: a picture of a digit as the network `classic` expects it.

MNIST's own digits were made so (LeCun et al. 1998, "Gradient-based learning applied to document recognition",
section III.A): light ink on black, scaled with its proportions into a box of 20x20, and laid into 28x28 pixels with
its centre of mass in the middle. `frame` does the same to any grey picture, one named step after the other, and
`Framing.steps` shows each.
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Num, UInt8

SIZE = 28  # the network's input
BOX = 20  # the digit in it
WORK = 400  # larger pictures are shrunk to this many pixels a side before anything is looked for
MIN_CONTRAST = 0.08  # between ink and paper, of black to white; below it there is nothing to see
MIN_SLOPE = 8.0  # grey levels across the picture; less is as good as even
MIN_SIZE = 0.03  # of the picture's longer side; the ink of a digit is at least as long
MIN_INK = 0.03  # of all ink; rows and columns at the edge with less are specks
MAX_RUNS = 6.0  # strokes that a line through the ink crosses, on average; a digit has 1 to 3, noise dozens

Rejection = Literal["blank", "not a digit"]
# What is done to a picture on its way, in order; each can be left out, to see what it is good for.
STEPS = {
    "light": "the slope of the light taken out",
    "polarity": "the ink made light, whatever it was",
    "ink": "the paper made 0 and the ink 1",
    "size": "cut out and scaled to 20 pixels",
    "centre": "laid with its centre of mass in the middle",
}


@dataclass(frozen=True, kw_only=True)
class Framing:
    """A digit in its frame, and all that was found on the way there.

    Attributes:
        grey: (height, width) the picture that was looked at, 0 to 255, at most `WORK` pixels a side.
        dark_ink: True for dark ink on light paper.
        ink: (height, width) how much ink each pixel holds, 0 to 1; the paper is 0.
        threshold: ink above it counts as a stroke, 0 to 1.
        box: x, y, width, height of the digit in pixels of the picture as it was given; None where there is none.
        pixels: (28, 28) what the network is given, 0 black to 1 white; black where there is no digit.
        window: x, y, width, height of what these show, in pixels of the picture as it was given; None as `box`.
        rejected: why this is no digit, or None.
    """

    grey: UInt8[np.ndarray, "height width"]
    dark_ink: bool
    ink: Float32[np.ndarray, "height width"]
    threshold: float
    box: tuple[int, int, int, int] | None
    pixels: Float32[np.ndarray, "28 28"]
    window: tuple[float, float, float, float] | None
    rejected: Rejection | None

    def steps(self) -> list[tuple[str, UInt8[np.ndarray, "_ _"]]]:
        """Each step as a name and a grey picture: what came in, its ink, its strokes, what the network sees."""
        polarity = "dark ink on light paper" if self.dark_ink else "light ink on dark paper"
        strokes = self.ink > self.threshold
        return [
            (polarity, self.grey),
            ("ink", _as_picture(self.ink)),
            (f"strokes: ink above {self.threshold:.2f}", _as_picture(strokes)),
            ("in its frame" if self.rejected is None else self.rejected, _as_picture(self.pixels)),
        ]


def frame(grey: UInt8[np.ndarray, "height width"], without: Collection[str] = ()) -> Framing:
    """Find the one digit of a picture and lay it into MNIST's frame.

    Args:
        grey: (height, width) uint8, of any size and polarity, 0 black to 255 white.
        without: steps to leave out, of `STEPS`; digits are read with all of them.
    """
    shrunk = _shrink(grey) if "light" in without else _evenly_lit(_shrink(grey))
    level = _otsu(shrunk)
    dark_ink = "polarity" not in without and _paper_is_light(shrunk, level)
    ink = _as_it_is(shrunk, dark_ink) if "ink" in without else _ink(shrunk, level, dark_ink)
    threshold = _otsu(_as_picture(ink)) / 255
    visible = _contrast(shrunk, level) >= MIN_CONTRAST
    found, rejected = _found(ink, (ink > threshold) & visible)
    pixels, window = np.zeros((SIZE, SIZE), np.float32), None
    if found is not None:
        cut = (0, 0, ink.shape[1], ink.shape[0]) if "size" in without else found
        pixels, seen = _laid(ink, cut, by_mass="centre" not in without)
        across, down = grey.shape[1] / shrunk.shape[1], grey.shape[0] / shrunk.shape[0]
        window = (seen[0] * across, seen[1] * down, seen[2] * across, seen[3] * down)
    return Framing(
        grey=shrunk,
        dark_ink=dark_ink,
        ink=ink,
        threshold=threshold,
        box=None if found is None else _on_original(found, shrunk.shape, grey.shape),
        pixels=pixels,
        window=window,
        rejected=rejected,
    )


def _found(
    ink: Float32[np.ndarray, "height width"], strokes: Bool[np.ndarray, "height width"]
) -> tuple[tuple[int, int, int, int] | None, Rejection | None]:
    """The box of the ink, where there is one, and why it is no digit."""
    if not strokes.any():
        return None, "blank"
    found = _bounds(np.where(strokes, ink, 0))
    if found is None or _is_noise(strokes):
        return found, "not a digit"  # nothing but specks, or noise
    if max(found[2:]) < MIN_SIZE * max(ink.shape):
        return None, "blank"  # a speck of dust on an empty page
    return found, None


def resize_only(grey: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "28 28"]:
    """What a tutorial does with a picture, to measure `frame` against: squeezed to 28x28, light ink on dark, 0 to 1."""
    dark_ink = _paper_is_light(grey, _otsu(grey))
    squeezed = np.asarray(Image.fromarray(grey).resize((SIZE, SIZE), Image.Resampling.BILINEAR), np.float32) / 255
    return 1 - squeezed if dark_ink else squeezed


def centre(digit: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "28 28"]:
    """Lay a digit of at most 28x28 into the frame, its centre of mass in the middle, as far as it fits."""
    return _put(digit, *_place(digit))


def _laid(
    ink: Float32[np.ndarray, "height width"], cut: tuple[int, int, int, int], *, by_mass: bool
) -> tuple[Float32[np.ndarray, "28 28"], tuple[float, float, float, float]]:
    """A part of a picture in the frame, and what the whole frame shows of the picture: x, y, width, height."""
    x, y, width, height = cut
    digit = _fit(ink[y : y + height, x : x + width])
    top, left = _place(digit) if by_mass else ((SIZE - digit.shape[0]) // 2, (SIZE - digit.shape[1]) // 2)
    across, down = width / digit.shape[1], height / digit.shape[0]
    return _put(digit, top, left), (x - left * across, y - top * down, SIZE * across, SIZE * down)


def _place(digit: Float32[np.ndarray, "height width"]) -> tuple[int, int]:
    """Top and left of a digit whose centre of mass is to be in the middle of the frame."""
    height, width = digit.shape
    mass = max(float(digit.sum()), 1e-6)
    centre_y = float(digit.sum(axis=1) @ (np.arange(height) + 0.5)) / mass
    centre_x = float(digit.sum(axis=0) @ (np.arange(width) + 0.5)) / mass
    # MNIST's mean lies in the middle of pixel 14, not on the edge between 13 and 14.
    top = int(np.clip(round((SIZE + 1) / 2 - centre_y), 0, SIZE - height))
    left = int(np.clip(round((SIZE + 1) / 2 - centre_x), 0, SIZE - width))
    return top, left


def _put(digit: Float32[np.ndarray, "height width"], top: int, left: int) -> Float32[np.ndarray, "28 28"]:
    framed = np.zeros((SIZE, SIZE), np.float32)
    framed[top : top + digit.shape[0], left : left + digit.shape[1]] = digit
    return framed


def _shrink(grey: np.ndarray) -> np.ndarray:
    """At most `WORK` pixels a side, by averaging."""
    factor = max(grey.shape) / WORK
    if factor <= 1:
        return grey
    height, width = (max(1, round(side / factor)) for side in grey.shape)
    return np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BOX))


def _evenly_lit(grey: UInt8[np.ndarray, "height width"]) -> UInt8[np.ndarray, "height width"]:
    """Take the slope of the light out of a picture.

    The paper is a plane of grey levels, fitted again and again to those pixels that lie near the last one: the ink,
    which lies far from it, loses its say.
    """
    height, width = grey.shape
    step = max(1, round((grey.size / 4_000) ** 0.5))
    sample = grey[::step, ::step].astype(np.float64)
    y, x = (axis.ravel() for axis in np.mgrid[0 : sample.shape[0], 0 : sample.shape[1]] * step)
    plane = np.stack([np.ones(sample.size), x / width, y / height], axis=1)
    levels = sample.ravel()
    near = np.ones(sample.size, bool)
    for _ in range(6):
        fit = np.linalg.lstsq(plane[near], levels[near], rcond=None)[0]
        apart = np.abs(levels - plane @ fit)
        before, near = near, apart <= max(2 * float(np.median(apart)), 2.0)
        if np.array_equal(before, near):
            break
    if abs(fit[1]) + abs(fit[2]) < MIN_SLOPE:
        return grey
    slope = fit[1] * (np.arange(width) / width - 0.5) + fit[2] * (np.arange(height) / height - 0.5)[:, None]
    evened: np.ndarray = np.rint(np.clip(grey - slope, 0, 255)).astype(np.uint8)
    return evened


def _otsu(grey: UInt8[np.ndarray, "height width"]) -> float:
    """The level that parts dark from light best (Otsu 1979): it leaves the least variance on both sides."""
    counts = np.bincount(grey.ravel(), minlength=256).astype(np.float64)
    levels = np.arange(256)
    below = counts.cumsum()
    above = below[-1] - below
    sum_below = (counts * levels).cumsum()
    with np.errstate(divide="ignore", invalid="ignore"):
        apart = sum_below / below - (sum_below[-1] - sum_below) / above
        between = np.nan_to_num(below * above * apart**2, posinf=0.0)
    # Empty levels between the two leave it equally good: take the middle of them.
    best = np.flatnonzero(between >= between.max() * (1 - 1e-9))
    return float(best[0] + best[-1]) / 2


def _paper_is_light(grey: np.ndarray, level: float) -> bool:
    """Paper is what most of the picture's border shows; a draw goes to what most of the picture shows."""
    border = np.concatenate([grey[0], grey[-1], grey[1:-1, 0], grey[1:-1, -1]]) > level
    share = float(border.mean())
    return share > 0.5 if abs(share - 0.5) > 0.1 else float((grey > level).mean()) > 0.5


def _contrast(grey: np.ndarray, level: float) -> float:
    """How far the mean of the dark and of the light pixels are apart, 0 to 1."""
    light = grey > level
    if light.all() or not light.any():
        return 0.0
    return float(grey[light].mean() - grey[~light].mean()) / 255


def _ink(grey: np.ndarray, level: float, dark_ink: bool) -> Float32[np.ndarray, "height width"]:
    """How far each pixel is from the paper towards the ink, 0 to 1."""
    paper_side = grey > level if dark_ink else grey <= level
    paper = float(np.median(grey[paper_side])) if paper_side.any() else float(np.median(grey))
    depth = (paper - grey) if dark_ink else (grey - paper)
    depth = np.clip(depth, 0, None).astype(np.float32)
    # The darkest strokes, not the darkest speck: a quarter of the strokes may be darker than full ink.
    strokes = depth[~paper_side]
    full = float(np.percentile(strokes, 75)) if strokes.size else 0.0
    return np.clip(depth / max(full, 1.0), 0.0, 1.0)


def _as_it_is(grey: np.ndarray, dark_ink: bool) -> Float32[np.ndarray, "height width"]:
    """The levels as they came, light where there is ink."""
    levels = grey.astype(np.float32) / 255
    return np.float32(1) - levels if dark_ink else levels


def _is_noise(strokes: Bool[np.ndarray, "height width"]) -> bool:
    """True where a line through the ink crosses more strokes than any digit has, or ink too narrow to be one."""
    if min(strokes.shape) < 4:
        return True
    starts = strokes[:, 1:] & ~strokes[:, :-1]
    starts_down = strokes[1:] & ~strokes[:-1]
    rows, columns = strokes.any(axis=1), strokes.any(axis=0)
    across = starts.sum() / max(int(rows.sum()), 1)
    down = starts_down.sum() / max(int(columns.sum()), 1)
    return bool(max(across, down) > MAX_RUNS)


def _bounds(ink: Float32[np.ndarray, "height width"]) -> tuple[int, int, int, int] | None:
    """x, y, width and height of the ink, without specks at its edges."""
    top, bottom = _span(ink.sum(axis=1))
    left, right = _span(ink[top:bottom].sum(axis=0))
    return (left, top, right - left, bottom - top) if bottom > top and right > left else None


def _span(profile: Float32[np.ndarray, " length"]) -> tuple[int, int]:
    """First and one past the last of a row of sums, leaving out groups at the ends that hold next to nothing."""
    inked = np.concatenate([[False], profile > 0, [False]])
    starts = np.flatnonzero(inked[1:] & ~inked[:-1])
    ends = np.flatnonzero(~inked[1:] & inked[:-1])
    total = float(profile.sum())
    heavy = [
        (int(a), int(b)) for a, b in zip(starts, ends, strict=True) if float(profile[a:b].sum()) >= MIN_INK * total
    ]
    return (heavy[0][0], heavy[-1][1]) if heavy else (0, 0)


def _fit(ink: Float32[np.ndarray, "height width"]) -> Float32[np.ndarray, "_ _"]:
    """Scale so that the longer side is 20 pixels; the proportions stay."""
    height, width = ink.shape
    factor = BOX / max(height, width)
    size = (max(1, round(width * factor)), max(1, round(height * factor)))
    if size == (width, height):
        return ink
    scaled = np.array(Image.fromarray(ink).resize(size, Image.Resampling.BILINEAR), np.float32)
    # A thin stroke pales when it is shrunk; MNIST's strokes are white in their middle.
    scaled /= max(float(scaled.max()), 1e-6)
    return scaled


def _on_original(
    box: tuple[int, int, int, int], seen: tuple[int, ...], given: tuple[int, ...]
) -> tuple[int, int, int, int]:
    """A box in pixels of the picture that was looked at, in pixels of the one that was given; shapes are (h, w)."""
    down, across = given[0] / seen[0], given[1] / seen[1]
    x, y, width, height = box
    left, top = int(x * across), int(y * down)
    right, bottom = round((x + width) * across), round((y + height) * down)
    return left, top, max(1, right - left), max(1, bottom - top)


def _as_picture(values: Num[np.ndarray, "height width"] | Bool[np.ndarray, "height width"]) -> np.ndarray:
    """Values of 0 to 1 as grey levels."""
    return np.rint(np.asarray(values, np.float32) * 255).astype(np.uint8)
