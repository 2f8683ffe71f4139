"""How often what happens on synthetic paper, how far it goes, and what can be left out of it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from numeye.errors import UsageError

# What can be left out, for an ablation: each family of effects.
FAMILIES = ("pens", "fonts", "ink", "shape", "fill", "surroundings", "light", "optics", "no digit")


@dataclass(frozen=True, kw_only=True)
class Ranges:
    """How often what happens, as shares of all crops, and how far it goes.

    Attributes:
        size: of the digit, of the crop's side; the longer side of its ink.
        tiny: share of the digits that are smaller still, to be found and not to be read.
        tiny_size: their size.
        rotation: degrees to either side.
        slant: horizontal shift over height, to either side.
        aspect: width over height is multiplied by up to this, or divided.
        bend: standard deviation of the elastic displacement, of the crop's side.
        pen: half the stroke's width, of the digit's size, thinnest and thickest.
        thin: share of the crops in which the pen follows the skeleton; the others follow the edge.
        printed: share of the digits of fonts that are printed; the others are handwritten.
        plain: share of the pictures as clean as MNIST's own.
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


def check_families(names: Iterable[str]) -> None:
    """Make sure that there are families of these names.

    Raises:
        UsageError: there is none of one of them.
    """
    for name in names:
        if name not in FAMILIES:
            raise UsageError(f"no family of effects {name!r}; there are {', '.join(FAMILIES)}")
