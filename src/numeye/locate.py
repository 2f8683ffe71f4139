"""Where the digits of a page are: the network `spotter` sees the whole page at once.

It takes grey pictures of any size and gives a map of 15 numbers for each 4x4 pixels: how likely the middle of a digit
is there, which digit it is, and its box. Peaks of the map are digits. It was taught digits of about 12 to 90 pixels, so
a page is shown to it at several sizes, each a third of the one before (an image pyramid, Adelson et al. 1984), and once
more where its digits turn out to be smaller than it reads well.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Float64, Int64, UInt8

MAPS = 15  # numbers for each place of the map
STRIDE = 4  # pixels of the picture in one place of the map, each way
MULTIPLE = 16  # the sides of what the network is shown
LONG, LOW = 1400, 56  # pixels: pages are shrunk to the one at first, strips less high are enlarged to the other
LEVELS = (1, 3, 9)  # how many times smaller a page is shown
TAKEN = (22.0, 90.0)  # pixels: a digit less high is left to the larger picture of the page, a higher one to the smaller
PIXELS = 3_000_000  # most that is shown at once
ENLARGED = 4.0  # times, at most
READABLE = 18.0  # pixels: where a quarter of the digits are less high, they are looked at once more
BEST = 34.0  # pixels: as high as then
LARGE = 60.0  # pixels: where half of the digits are higher, a second opinion is asked with them as high as that, too
TAUGHT = (12.0, 90.0)  # pixels: heights at which a digit must be seen, if it is one
AGAIN = (0.6, 0.72, 0.85)  # times as large as at first, for a second opinion ...
UNSEEN = -1.0  # ... and the logit of a digit that is not seen at one of the sizes
SLIM = 0.4  # of its height, is a box wide at least where the same digit is looked for at another size
LIKELY = 0.25  # probability of a peak that may be a digit
MOST = 3000  # digits of a page
TOGETHER = 128  # of which so many are compared with all others at once
OVERLAP = 0.5  # intersection over union of two boxes that are one digit
WITHIN, SMALLER = 0.75, 2.0  # share of the smaller of two boxes that lies in the other, which is so many times larger

# (1, 1, H, W) grey, 0 black to 1 white, in; out (1, 15, H/4, W/4) maps.
Network = Callable[[np.ndarray], np.ndarray]


@dataclass(frozen=True, eq=False)
class Spots:
    """Digits that were found, the likeliest first.

    Attributes:
        boxes: (n, 4) left, top, right, bottom in pixels of the picture; inside it.
        there: (n,) logits that there is a digit.
        which: (n, 10) logits of the digits.
    """

    boxes: Float64[np.ndarray, "n 4"]
    there: Float64[np.ndarray, " n"]
    which: Float64[np.ndarray, "n 10"]

    def __len__(self) -> int:
        """How many."""
        return len(self.boxes)

    def take(self, chosen: Int64[np.ndarray, " m"] | Bool[np.ndarray, " n"]) -> Spots:
        """Some of them."""
        return Spots(self.boxes[chosen], self.there[chosen], self.which[chosen])

    @property
    def heights(self) -> Float64[np.ndarray, " n"]:
        """Of the boxes."""
        heights: np.ndarray = self.boxes[:, 3] - self.boxes[:, 1]
        return heights


def find(grey: UInt8[np.ndarray, "height width"], network: Network) -> Spots:
    """Every digit of a picture of any size and polarity.

    Args:
        grey: (height, width) uint8.
        network: answers for a whole picture; see `Network`.
    """
    scale = _first(grey.shape)
    spots = _pyramid(grey, scale, network)
    larger = _held(max(1.0, scale), grey.shape)
    if larger > 1.1 * scale and not (spots.there >= 0).any():  # they may have become too small to be seen
        spots, scale = distinct(_joined([look(grey, larger, network), spots])), larger
    if not len(spots):
        return spots
    better = _better(spots, scale, grey.shape)
    if better == scale:
        return spots
    large = spots.heights * scale >= READABLE
    return distinct(_joined([look(grey, better, network), spots.take(large)]))


def again(grey: UInt8[np.ndarray, "height width"], first: Spots, network: Network) -> Spots:
    """A second opinion on a strip of numbers: the mean of what is found at more sizes and was at first.

    Args:
        grey: (height, width) uint8.
        first: what `find` gave.
        network: see `Network`.
    """
    scale = _first(grey.shape)
    if len(first):
        scale = _better(first, scale, grey.shape)
        typical = float(np.median(first.heights)) * scale
        scale *= BEST / typical if typical > LARGE else 1.0
    sizes = [_held(scale * size, grey.shape) for size in AGAIN]
    found = [first, *(look(grey, size, network) for size in sizes)]
    every, by = _joined(found), np.concatenate([np.full(len(one), number) for number, one in enumerate(found)])
    by = by[np.argsort(-np.concatenate([one.there for one in found]), kind="stable")]
    left, wide, means = np.ones(len(every), bool), _widened(every.boxes), []
    for number, box in enumerate(every.boxes):
        if left[number]:
            same = np.flatnonzero(left & (overlaps(wide[number], wide) >= OVERLAP))
            left[same] = False
            height = box[3] - box[1]
            able = {0, *(n for n, size in enumerate(sizes, start=1) if TAUGHT[0] <= height * size <= TAUGHT[1])}
            chosen = same[np.unique(by[same], return_index=True)[1]]
            means.append(_mean(every, chosen, len(able | set(by[chosen].tolist()))))
    if not means:
        return first
    boxes, there, which = (np.stack(parts) for parts in zip(*means, strict=True))
    return distinct(Spots(boxes, there, which).take(np.argsort(-there, kind="stable")))


def _mean(every: Spots, chosen: Int64[np.ndarray, " m"], of: int) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Box, logit and digit of one spot that was seen at some of the sizes; at the others it is unlikely."""
    there = every.there[chosen].sum() + UNSEEN * (of - len(chosen))
    return every.boxes[chosen].mean(axis=0), np.asarray(there / of), every.which[chosen].mean(axis=0)


def shown(shape: tuple[int, ...]) -> float:
    """With how many pixels a picture of a height and width is shown at first."""
    return shape[0] * shape[1] * _first(shape) ** 2


def _first(shape: tuple[int, ...]) -> float:
    """At what size a picture is shown at first."""
    height, width = shape
    return _held(min(1.0, LONG / max(height, width)) if height >= LOW else LOW / height, shape)


def _better(spots: Spots, scale: float, shape: tuple[int, ...]) -> float:
    """At what size digits that were found at a scale are read well: the same, if they are not small there."""
    likely = spots.heights[spots.there >= 0] if (spots.there >= 0).any() else spots.heights
    small = float(np.quantile(likely, 0.25)) * scale
    better = _held(scale * BEST / small, shape)
    return scale if small >= READABLE or better <= 1.25 * scale else better


def _pyramid(grey: UInt8[np.ndarray, "height width"], scale: float, network: Network) -> Spots:
    """What is found at each size, where it is neither too small nor too large for it."""
    # A smaller picture of the page is of use only if a digit that is left to it fits on it.
    levels = [level for level in LEVELS if level == 1 or grey.shape[0] * scale / level >= TAKEN[0]]
    found = []
    for level in levels:
        spots = look(grey, scale / level, network)
        heights = spots.heights * scale / level
        least, most = TAKEN[0] if level > 1 else 0.0, TAKEN[1] if level < levels[-1] else np.inf
        found.append(spots.take((heights >= least) & (heights <= most)))
    return distinct(_joined(found))


def look(grey: UInt8[np.ndarray, "height width"], scale: float, network: Network) -> Spots:
    """Every digit, with the picture shown at one size.

    Args:
        grey: (height, width) uint8.
        scale: pixels that are shown for each of the picture, each way.
        network: see `Network`.
    """
    height, width = (max(1, round(side * scale)) for side in grey.shape)
    shown = np.asarray(Image.fromarray(grey).resize((width, height), Image.Resampling.BILINEAR, reducing_gap=2.0))
    maps = network(_padded(shown)[None, None])[0]  # (15, H/4, W/4)
    spots = distinct(peaks(maps))
    boxes = np.clip(spots.boxes, 0, [width, height, width, height])
    factors = np.array([grey.shape[1] / width, grey.shape[0] / height] * 2)
    inside = (boxes[:, 2:] - boxes[:, :2]).min(axis=1, initial=np.inf) > 0
    return Spots(boxes * factors, spots.there, spots.which).take(inside)


def peaks(maps: Float32[np.ndarray, "15 rows columns"]) -> Spots:
    """The places of a map that are higher than the eight around them, in pixels of what was shown."""
    heat = maps[0]
    row, column = np.nonzero(heat > _logit(LIKELY))  # few places: only there it is looked around
    around = np.pad(heat, 1, constant_values=-np.inf)
    highest = np.all([heat[row, column] >= around[row + y, column + x] for y in range(3) for x in range(3)], axis=0)
    row, column = row[highest], column[highest]
    told = maps[:, row, column].T.astype(np.float64)  # (n, 15)
    order = np.argsort(-told[:, 0], kind="stable")[:MOST]
    told, row, column = told[order], row[order], column[order]
    middle = (np.stack([column, row], axis=1) + 0.5) * STRIDE + 8 * told[:, 11:13]
    half = 8 * np.exp(np.clip(told[:, 13:15], -4, 4))
    return Spots(np.concatenate([middle - half, middle + half], axis=1), told[:, 0], told[:, 1:11])


def _joined(found: list[Spots]) -> Spots:
    """All of them, the likeliest first."""
    boxes, there = np.concatenate([one.boxes for one in found]), np.concatenate([one.there for one in found])
    every = Spots(boxes, there, np.concatenate([one.which for one in found]))
    return every.take(np.argsort(-there, kind="stable"))


def distinct(spots: Spots) -> Spots:
    """Without those that lie mostly over a likelier one, and without a likely one's parts, or what it is a part of."""
    kept, gone = list[int](), np.zeros(len(spots), bool)
    for start in range(0, len(spots), TOGETHER):
        for number, same in enumerate(_same(spots.boxes[start : start + TOGETHER], spots.boxes), start):
            if not gone[number]:
                kept.append(number)
                gone |= same
    return spots.take(np.array(kept, np.int64))


def _same(some: Float64[np.ndarray, "m 4"], boxes: Float64[np.ndarray, "n 4"]) -> Bool[np.ndarray, "m n"]:
    """Whether two boxes can't both be a digit."""
    shared, areas = _shared(some, boxes), (_areas(some)[:, None], _areas(boxes))
    smaller, larger = np.minimum(*areas), np.maximum(*areas)
    nested = (shared >= WITHIN * smaller) & (larger >= SMALLER * smaller)
    same: np.ndarray = nested | (shared / (areas[0] + areas[1] - shared) >= OVERLAP)
    return same


def overlaps(box: Float64[np.ndarray, " 4"], boxes: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, " n"]:
    """Intersection over union of a box with others."""
    shared = _shared(box[None], boxes)[0]
    share: np.ndarray = shared / (_areas(boxes) + _areas(box[None]) - shared)
    return share


def _shared(some: Float64[np.ndarray, "m 4"], boxes: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, "m n"]:
    """The area in both."""
    sides = np.minimum(some[:, None, 2:], boxes[:, 2:]) - np.maximum(some[:, None, :2], boxes[:, :2])
    shared: np.ndarray = np.clip(sides[..., 0], 0, None) * np.clip(sides[..., 1], 0, None)
    return shared


def _widened(boxes: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, "n 4"]:
    """Slim ones wider: a bare 1 that was seen two pixels beside is the same."""
    more = np.maximum(SLIM * (boxes[:, 3] - boxes[:, 1]) - (boxes[:, 2] - boxes[:, 0]), 0) / 2
    widened: np.ndarray = boxes + np.stack([-more, 0 * more, more, 0 * more], axis=1)
    return widened


def _areas(boxes: Float64[np.ndarray, "n 4"]) -> Float64[np.ndarray, " n"]:
    areas: np.ndarray = (boxes[:, 2] - boxes[:, 0]) * (boxes[:, 3] - boxes[:, 1])
    return areas


def _held(scale: float, shape: tuple[int, ...]) -> float:
    """The nearest scale that makes no more pixels than can be shown; the thinnest strip is padded to `MULTIPLE`."""
    return min(scale, ENLARGED, math.sqrt(PIXELS / (shape[0] * shape[1])), PIXELS / (MULTIPLE * max(shape)))


def _padded(shown: UInt8[np.ndarray, "height width"]) -> Float32[np.ndarray, "H W"]:
    """0 to 1, and drawn out at the right and the bottom to sides that the network takes."""
    height, width = shown.shape
    padded = np.pad(shown, ((0, -height % MULTIPLE), (0, -width % MULTIPLE)), mode="edge")
    values: np.ndarray = np.divide(padded, np.float32(255), dtype=np.float32)
    return values


def _logit(probability: float) -> float:
    return math.log(probability / (1 - probability))
