"""How often each augmentation happens, how far it goes, and which families can be left out.

The names and the values of all fields enter the names of the cache folders (`specs.py`). So a field
that is renamed or changed means that gigabytes are rendered again.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from numeye.errors import UsageError

# The families of augmentations, by which an ablation leaves them out.
FAMILIES = ("pens", "fonts", "ink", "shape", "fill", "surroundings", "light", "optics", "no digit")


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """Parameters of crops. A share is a share of all crops, 0 to 1, if nothing else is said.

    Attributes:
        size: longer side of the digit, as a share of the crop's side.
        tiny: share of the digits that are smaller: large enough to find, too small to read.
        tiny_size: longer side of those.
        rotation: degrees to either side.
        slant: horizontal shift over height, to either side.
        aspect: width over height is multiplied or divided by up to this.
        bend: standard deviation of the elastic displacement, as a share of the crop's side.
        pen: smallest and largest radius of strokes, as a share of the digit's size.
        thin: share of the glyphs that are drawn by their skeletons; the others by their edges.
        plain: share of the pictures that are as clean as MNIST's own.
        no_digit: share without a digit.
        pens: share of digits in regional forms, drawn as strokes.
        trajectories: share of digits written with a pen on a tablet, where these are given.
        fonts: share of digits from fonts.
        printed: share of those that are printed; the others are handwritten.
        fill: share of the digits that are stretched to fill the crop.
        neighbours: share of the digits with parts of other digits beside them.
        lines: share of the digits with lines around them (`ruled_lines.py`).
        gradient: share with light that falls off to one side.
        shadow: share with a shadow.
        texture: share with blotches and grain.
        pattern: share with a security pattern.
        blur: share out of focus.
        motion: share blurred by motion.
        low_resolution: share with few pixels.
        jpeg: share compressed as JPEG.
        noise: share with noise.
        vignette: share with dark corners.
        gamma: share with a tone curve.
        low_contrast: share with little contrast.
        binarise: share in black and white.
        inverted: share that is light on dark.
    """

    size: tuple[float, float] = (0.25, 1.0)
    tiny: float = 0.05
    tiny_size: tuple[float, float] = (0.12, 0.25)
    rotation: float = 15.0
    slant: float = 0.3
    aspect: float = 1.4
    bend: float = 0.02
    pen: tuple[float, float] = (0.012, 0.085)
    thin: float = 0.45
    plain: float = 0.14
    no_digit: float = 0.25
    pens: float = 0.12
    trajectories: float = 0.12
    fonts: float = 0.15
    printed: float = 0.3
    fill: float = 0.17
    neighbours: float = 0.22
    lines: float = 0.3
    gradient: float = 0.3
    shadow: float = 0.16
    texture: float = 0.3
    pattern: float = 0.06
    blur: float = 0.3
    motion: float = 0.06
    low_resolution: float = 0.2
    jpeg: float = 0.15
    noise: float = 0.45
    vignette: float = 0.06
    gamma: float = 0.2
    low_contrast: float = 0.15
    binarise: float = 0.14
    inverted: float = 0.35


@dataclass(frozen=True, kw_only=True)
class LineRanges:
    """Parameters of lines of numbers. Lengths are multiples of the height of the line's digits.

    Attributes:
        most: largest number of digits in a number.
        gap: mean gap between two digits of a line, smallest and largest; below 0 they overlap.
        jitter: standard deviation of each gap.
        uneven: standard deviation of the logarithm of the digits' heights, in the most uneven line.
        slope: standard deviation of a line's slope; one line in seven has three times that.
        small_zeros: share of the lines with small zeros; half of those are wide, too.
        round_amounts: share of the numbers that end in zeros, as prices do.
        tall_first: share of the numbers whose first digit is taller than the others.
        taller: height of such a digit.
        before: share of the numbers with signs before them.
        behind: share of the numbers with signs behind them.
        between: share of the gaps with a sign in them.
        formatted: share of the numbers that are decimals, fractions, times or dates.
        bracketed: share of the numbers in brackets.
        grouped: share of the numbers in which a sign or a gap separates thousands.
        cents: share of the numbers whose last two digits are small and raised.
        filled: share of the numbers with long strokes beside them that fill the line.
        cells: share of the lines with a cell for each digit.
        joined: share of the lines in which strokes often join one digit to the next.
        underlined: share of the numbers with a line under them.
        surrounded: share of the numbers with a ring, a box or more lines (`pen_marks.py`).
        struck_out: share of the numbers that are struck out.
    """

    most: int = 14
    gap: tuple[float, float] = (-0.16, 0.3)
    jitter: float = 0.09
    uneven: float = 0.12
    slope: float = 0.035
    small_zeros: float = 0.3
    round_amounts: float = 0.2
    tall_first: float = 0.25
    taller: tuple[float, float] = (1.1, 1.6)
    before: float = 0.25
    behind: float = 0.35
    between: float = 0.1
    formatted: float = 0.35
    bracketed: float = 0.06
    grouped: float = 0.22
    cents: float = 0.1
    filled: float = 0.14
    cells: float = 0.1
    joined: float = 0.3
    underlined: float = 0.12
    surrounded: float = 0.07
    struck_out: float = 0.05


@dataclass(frozen=True, kw_only=True)
class PageRanges:
    """Parameters of tiles of pages.

    Attributes:
        height: smallest and largest height of the digits of a line, pixels.
        printed: share of the lines in a printed font.
        written: share of the lines in a handwritten font.
        pens: share of the lines of regional forms, drawn as strokes.
        trajectories: share of the lines written with a pen on a tablet, where these are given. The
            digits of the remaining lines are from MNIST.
        some_pens: share of the regional forms in those remaining lines.
        empty: share of the tiles without a digit.
        tables: share of the tiles with a table, in which some cells hold a digit.
        words: share of the tiles with words.
        ruled: share of the tiles with lines (`ruled_lines.py`).
        strokes: share of the tiles with a stroke across them.
        marks: share of the tiles with ticks, holes or bubbles (`sheet_marks.py`).
        stamps: share of the tiles with a stamp.
        back: share of the tiles with digits through which digits of the back show.
        under: share of the tiles with faint print under everything: fine waves or large letters.
        under_tones: smallest and largest darkness of that print.
        slant: replaces `Ranges.slant`, since numbers lean further than single digits.
        aspect: replaces `Ranges.aspect`.
        thin: replaces `Ranges.thin`, since numbers are written with finer pens.
        line: parameters of the lines.
    """

    height: tuple[float, float] = (15.0, 64.0)
    printed: float = 0.06
    written: float = 0.16
    pens: float = 0.2
    trajectories: float = 0.15
    some_pens: float = 0.25
    empty: float = 0.2
    tables: float = 0.07
    words: float = 0.3
    ruled: float = 0.3
    strokes: float = 0.12
    marks: float = 0.14
    stamps: float = 0.05
    back: float = 0.08
    under: float = 0.16
    under_tones: tuple[float, float] = (0.05, 0.35)
    slant: float = 0.5
    aspect: float = 1.6
    thin: float = 0.6
    line: LineRanges = field(default_factory=LineRanges)


def check_families(names: Iterable[str]) -> None:
    """Check that each name is one of `FAMILIES`.

    Raises:
        UsageError: a name is not.
    """
    for name in names:
        if name not in FAMILIES:
            known = ", ".join(FAMILIES)
            raise UsageError(f"there is no family of augmentations {name!r}; use one of {known}")
