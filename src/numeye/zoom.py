"""Coarse to fine: how the network `reader` looks at a picture of any size.

It sees 40x40 raw grey pixels and says which digit is there and where. So it glances at the whole picture, moves its
window to what it found, and looks again from close by, as an eye does (Mnih et al. 2014, "Recurrent Models of Visual
Attention", https://arxiv.org/abs/1406.6247, without anything to learn in between). Nothing is thresholded or cleaned
on the way. Which digit it is, the look says; whether there is one, the look and the glance say alike, for from close by
a line across the paper is a 1, and a few pixels of noise are any digit. Where the look leaves it in doubt, some more
framings, and the glance, are asked which digit it is, and their opinions averaged (Krizhevsky et al. 2012 average over
crops so).

Every stage shows the network all pictures of a batch that need it at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, UInt8

SIZE = 40  # the network's input
PAGE = 1000  # pictures are shrunk to about this many pixels a side; small windows are still cut from the original
GLANCES = 3  # at most; each comes nearer to a small digit
SMALL = 0.4  # of the frame; the box of a smaller digit is not trusted yet
NEARER = 2.2  # side of the next glance, in longer sides of the box
LOOK = 1.4  # side of the look, in longer sides of the box
FITS = (0.55, 0.9)  # of the frame; a digit that is smaller or larger in the look is looked at once more
OFF_CENTRE = 0.12  # of the frame; so is one whose middle is farther off
SURE = 0.9  # probability from which on one look is enough
FURTHER = (("closer look", 1.25), ("wider look", 1.65))
FEW = 12  # pixels; of something whose longer side has fewer, the first glance is heard too
NO_DIGIT = 10  # its place among the eleven answers
MIN_SIDE, MAX_SIDE = 4.0, 3.0  # of a window: in pixels; in longer sides of the picture
BLANK = 10  # grey levels between the darkest and the lightest; with less there is nothing to see
SPECKS = 4  # pixels of the shrunk picture that may be darker or lighter still
OVERSAMPLE = 4  # a window with more pixels than this for each of its output is averaged down first

# (n, 40, 40) grey, 0 black to 1 white, in; out (n, 11) logits, the last for "no digit", and (n, 4) boxes: centre x,
# centre y, width and height as fractions of the frame.
Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True)
class Window:
    """A square of a picture, in its pixels; it may go past the edges.

    Attributes:
        x: of its centre.
        y: of its centre.
        side: its length.
    """

    x: float
    y: float
    side: float

    @classmethod
    def whole(cls, width: int, height: int) -> Window:
        """The smallest that holds a whole picture."""
        return cls(width / 2, height / 2, float(max(width, height)))

    def within(self, width: int, height: int) -> Window:
        """The nearest sane one: its centre in the picture, its side between 4 pixels and 3 times the longer side."""
        if not all(map(math.isfinite, (self.x, self.y, self.side))):
            return Window.whole(width, height)
        most = max(MAX_SIDE * max(width, height), MIN_SIDE)
        return Window(min(max(self.x, 0.0), width), min(max(self.y, 0.0), height), min(max(self.side, MIN_SIDE), most))

    def shifted(self, left: int, top: int, factor: int = 1) -> Window:
        """The same one in a part of the picture that starts there, shrunk by a factor."""
        return Window((self.x - left) / factor, (self.y - top) / factor, self.side / factor)

    @property
    def bounds(self) -> tuple[int, int, int, int]:
        """x, y, width and height in whole pixels."""
        side = max(1, round(self.side))
        return round(self.x - self.side / 2), round(self.y - self.side / 2), side, side


@dataclass(frozen=True, eq=False)
class View:
    """What the network said of one window.

    Attributes:
        name: of the stage, for people.
        window: what it was shown.
        pixels: (40, 40) how it was shown, 0 black to 1 white.
        log_probabilities: of the digits 0 to 9 and of no digit, not calibrated.
        box: centre x, centre y, width and height of the digit as fractions of the window; finite.
    """

    name: str
    window: Window
    pixels: Float32[np.ndarray, "40 40"]
    log_probabilities: Float64[np.ndarray, " 11"]
    box: tuple[float, float, float, float]

    @property
    def longer(self) -> float:
        """The longer side of the box, as a fraction of the window."""
        return max(self.box[2:])

    @property
    def fits(self) -> bool:
        """True where the digit stands as large and as much in the middle as in a look that was aimed well."""
        off = max(abs(self.box[0] - 0.5), abs(self.box[1] - 0.5))
        return FITS[0] <= self.longer <= FITS[1] and off <= OFF_CENTRE

    @property
    def sure(self) -> bool:
        """True where no other framing is needed."""
        return float(self.log_probabilities.max()) >= math.log(SURE)

    def around(self, factor: float) -> Window:
        """A window around the box whose side is its longer side times a factor."""
        x, y, _, _ = self.box
        left, top = self.window.x - self.window.side / 2, self.window.y - self.window.side / 2
        return Window(left + x * self.window.side, top + y * self.window.side, factor * self.longer * self.window.side)


@dataclass(frozen=True, kw_only=True, eq=False)
class Sight:
    """What was seen in a picture, and how.

    Attributes:
        log_probabilities: of the digits 0 to 9 and of no digit, not calibrated.
        box: x, y, width and height of the digit in pixels of the picture, at least 1x1 and inside it.
        look: the view that the answer is made from.
        views: all of them, in the order in which they were taken.
        framings: those whose opinions are in the answer: the looks, and the glances that have a say.
    """

    log_probabilities: Float64[np.ndarray, " 11"]
    box: tuple[int, int, int, int]
    look: View
    views: tuple[View, ...]
    framings: tuple[View, ...]

    @property
    def window(self) -> Window:
        """Of the look."""
        return self.look.window

    @property
    def stages(self) -> list[tuple[str, Window]]:
        """Each view as its name and its window."""
        return [(view.name, view.window) for view in self.views]


def see(pictures: list[UInt8[np.ndarray, "_ _"]], network: Network) -> list[Sight | None]:
    """Look for the digit in each picture; None for a blank one, of which the network is not asked.

    Args:
        pictures: (height, width) uint8, of any size and polarity.
        network: answers for (n, 40, 40) windows; see `Network`.
    """
    searches = [_Search(_Scene(grey)) for grey in pictures]
    seeing = [search for search in searches if not search.scene.blank]
    _show(network, [(search, "glance", search.scene.whole) for search in seeing])
    for _ in range(GLANCES - 1):
        far = [search for search in seeing if search.last.longer < SMALL]
        _show(network, [(search, "nearer glance", search.last.around(NEARER)) for search in far])
    for search in seeing:
        search.glance = search.last
    _show(network, [(search, "look", search.last.around(LOOK)) for search in seeing])
    astray = [search for search in seeing if not search.last.fits]
    _show(network, [(search, "second look", search.last.around(LOOK)) for search in astray])
    for search in seeing:
        search.look = search.last
    doubtful = [search for search in seeing if not search.last.sure]
    _show(network, [(one, name, one.last.around(factor)) for one in doubtful for name, factor in FURTHER])
    return [None if search.scene.blank else search.sight() for search in searches]


def cut(
    grey: UInt8[np.ndarray, "height width"], window: Window, size: int = SIZE, *, paper: int | None = None
) -> Float32[np.ndarray, "size size"]:
    """A window of a picture as the network sees it: size x size pixels, 0 black to 1 white.

    Args:
        grey: (height, width) uint8, of any size.
        window: where; it is first held to what `Window.within` allows.
        size: of the answer.
        paper: the grey level beyond the picture's edges; the median of its border where left out.
    """
    paper = paper_of(grey) if paper is None else paper
    window = window.within(grey.shape[1], grey.shape[0])
    part, window = _around(grey, window, margin=math.ceil(2 * window.side / size) + 1)
    factor = int(window.side // (OVERSAMPLE * size))
    if factor > 1:
        part, window = _shrunk(part, factor), window.shifted(0, 0, factor)
    part, window = _padded(part, window, paper)
    half, (height, width) = window.side / 2, part.shape
    left, top = max(window.x - half, 0.0), max(window.y - half, 0.0)  # rounding may put them a hair outside
    box = (left, top, min(window.x + half, width), min(window.y + half, height))
    resized = Image.fromarray(part).resize((size, size), Image.Resampling.BILINEAR, box=box)
    return np.asarray(resized, np.float32) / 255


def edge_width(pixels: Float32[np.ndarray, "height width"]) -> float:
    """How many pixels the sharpest edges need from 10 to 90 % of the way between ink and paper.

    For an edge that is blurred by a Gaussian this is its steepest slope's share of the contrast, times 1.02. Noise
    makes edges look sharper than they are, so they are smoothed a little first.
    """
    padded = np.pad(pixels, 1, mode="edge")
    height, width = pixels.shape
    smooth = sum(padded[y : y + height, x : x + width] for y in range(3) for x in range(3)) / np.float32(9)
    low, high = np.percentile(smooth, [0.5, 99.5])
    down, across = np.gradient(smooth)
    steepest = float(np.percentile(np.hypot(down, across), 99.5))
    return 1.02 * float(high - low) / steepest if steepest > 0 else math.inf


def log_softmax(logits: Float[np.ndarray, "n classes"]) -> Float64[np.ndarray, "n classes"]:
    """Logarithms of probabilities from logits, row by row; the probabilities of each row sum to 1."""
    shifted = logits.astype(np.float64) - logits.max(axis=1, keepdims=True)
    logs: np.ndarray = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return logs


class _Scene:
    """A picture, and a shrunk copy to cut large windows from."""

    def __init__(self, grey: np.ndarray) -> None:
        self.grey = grey
        self.height, self.width = grey.shape
        self.factor = max(1, max(grey.shape) // PAGE)
        self.small = _shrunk(grey, self.factor) if self.factor > 1 else grey
        self.paper = paper_of(self.small)

    @property
    def whole(self) -> Window:
        return Window.whole(self.width, self.height)

    @cached_property
    def blank(self) -> bool:
        """True where nothing stands out, a few specks apart."""
        factor = max(1, max(self.small.shape) // 256)  # averaged, the paper's grain evens out; strokes do not
        levels = (_shrunk(self.small, factor) if factor > 1 else self.small).ravel()
        apart = min(levels.size // 200, SPECKS)
        ordered = np.partition(levels, (apart, levels.size - 1 - apart))
        return int(ordered[levels.size - 1 - apart]) - int(ordered[apart]) < BLANK

    def cut(self, window: Window) -> Float32[np.ndarray, "40 40"]:
        if self.factor > 1 and window.side / self.factor >= OVERSAMPLE * SIZE:
            return cut(self.small, window.shifted(0, 0, self.factor), paper=self.paper)
        return cut(self.grey, window, paper=self.paper)


@dataclass
class _Search:
    """One picture on its way through the stages."""

    scene: _Scene
    views: list[View] = field(default_factory=list)
    glance: View | None = None  # the one that the look comes from
    look: View | None = None  # the one that the answer comes from

    @property
    def last(self) -> View:
        return self.views[-1]

    def sight(self) -> Sight:
        look = self.look or self.last
        looks = self.views[self.views.index(look) :]
        glances = self._heard(look)
        clear = [glance for glance in glances if glance.longer >= SMALL]
        which = _mean(looks + clear if len(looks) > 1 else looks)[:NO_DIGIT]
        whether = np.mean([_mean(looks), *(glance.log_probabilities for glance in glances)], axis=0)
        return Sight(
            log_probabilities=_joined(which, float(log_softmax(whether[None])[0, NO_DIGIT])),
            box=_on_picture(look, self.scene.width, self.scene.height),
            look=look,
            views=tuple(self.views),
            framings=(*looks, *glances),
        )

    def _heard(self, look: View) -> list[View]:
        """The glances that have a say: the last, if the digit is large in it; the first, if it is of a few pixels."""
        heard = [glance for glance in (self.glance,) if glance is not None and glance.longer >= SMALL]
        if look.longer * look.window.side < FEW and self.views[0] not in heard:
            heard.append(self.views[0])
        return heard


def _show(network: Network, wanted: list[tuple[_Search, str, Window]]) -> None:
    """Show the network these windows, all at once, and note what it says."""
    if not wanted:
        return
    windows = [window.within(search.scene.width, search.scene.height) for search, _, window in wanted]
    pixels = np.stack([search.scene.cut(window) for (search, _, _), window in zip(wanted, windows, strict=True)])
    logits, boxes = network(pixels)
    logs = log_softmax(logits)
    for number, (search, name, _) in enumerate(wanted):
        box = _sane(boxes[number].tolist())
        search.views.append(View(name, windows[number], pixels[number], logs[number], box))


def _mean(views: list[View]) -> Float64[np.ndarray, " 11"]:
    """Of the logarithms; they need not be those of probabilities any more."""
    mean: np.ndarray = np.mean([view.log_probabilities for view in views], axis=0)
    return mean


def _joined(which: Float64[np.ndarray, " 10"], none: float) -> Float64[np.ndarray, " 11"]:
    """Logarithms of probabilities: that there is no digit, and else which, as likely among themselves as said."""
    none = min(none, -1e-12)  # else the digits would be impossible
    return np.append(log_softmax(which[None])[0] + math.log(-math.expm1(none)), none)


def _sane(box: list[float]) -> tuple[float, float, float, float]:
    """A box that can be aimed at; the whole window where it is none."""
    if not all(map(math.isfinite, box)):
        return 0.5, 0.5, 1.0, 1.0
    x, y, width, height = box
    least = 1 / SIZE
    return min(max(x, 0.0), 1.0), min(max(y, 0.0), 1.0), min(max(width, least), 2.0), min(max(height, least), 2.0)


def _on_picture(view: View, width: int, height: int) -> tuple[int, int, int, int]:
    """The box in whole pixels of the picture, at least one of them and none outside."""
    middle, side = view.around(1.0), view.window.side
    half_width, half_height = view.box[2] * side / 2, view.box[3] * side / 2
    left = min(max(round(middle.x - half_width), 0), width - 1)
    top = min(max(round(middle.y - half_height), 0), height - 1)
    right = min(max(round(middle.x + half_width), left + 1), width)
    bottom = min(max(round(middle.y + half_height), top + 1), height)
    return left, top, right - left, bottom - top


def paper_of(grey: UInt8[np.ndarray, "height width"]) -> int:
    """The median grey level of the pixels along the edges: most likely paper's."""
    return int(np.median(np.concatenate([grey[0], grey[-1], grey[:, 0], grey[:, -1]])))


def _shrunk(grey: np.ndarray, factor: int) -> np.ndarray:
    """Each pixel the mean of factor x factor."""
    return np.asarray(Image.fromarray(grey).reduce(factor))


def _around(grey: np.ndarray, window: Window, margin: int) -> tuple[np.ndarray, Window]:
    """The part of a picture that a window shows of it, and the window in that part."""
    half = window.side / 2 + margin
    left, top = max(0, math.floor(window.x - half)), max(0, math.floor(window.y - half))
    return grey[top : math.ceil(window.y + half), left : math.ceil(window.x + half)], window.shifted(left, top)


def _padded(grey: np.ndarray, window: Window, paper: int) -> tuple[np.ndarray, Window]:
    """Paper around a picture as far as a window goes past its edges, and the window in what comes of it."""
    half = window.side / 2
    height, width = grey.shape
    left, top = max(0, math.ceil(half - window.x)), max(0, math.ceil(half - window.y))
    right, bottom = max(0, math.ceil(window.x + half - width)), max(0, math.ceil(window.y + half - height))
    if not left + top + right + bottom:
        return np.ascontiguousarray(grey), window
    sheet = np.full((top + height + bottom, left + width + right), paper, np.uint8)
    sheet[top : top + height, left : left + width] = grey
    return sheet, window.shifted(-left, -top)
