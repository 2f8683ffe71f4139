"""Where on a picture to read: regions as the user gives them, one by one or as a form in a TOML file.

blank = "blank.png"            # the empty form, if there is a picture of it

[total]                        # a table for each region, in the order in which they are answered
region = "55%,80%,30%,6%"      # x, y, width, height: in percent of the picture, or in pixels
digits = 5                     # what is known of its number, if anything: expect, digits, check
"""

from __future__ import annotations

import math
import os
import re
import tomllib
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any

from numeye.errors import UsageError

Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the upright picture
Sides = tuple[tuple[float, bool], ...]

EXPECTED = "expected x,y,width,height in pixels or percent, such as 55%,80%,30%,6% or 120,40,300,60"
NUMBER = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) *(%?)")
KNOWN = {"region": str, "expect": str, "digits": int, "check": str}  # keys of a region's table
KINDS = {str: "a text", int: "a whole number"}


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a picture that holds one number.

    Attributes:
        name: as the user calls it; "region 1", "region 2" where it was not named.
        sides: x, y, width and height, each with whether it is percent of the picture; else it is pixels.
        expect: what the number looks like, as given; None where nothing is known.
        digits: how many it has, as given; None where that is not known.
        check: the name of its check digit's rule, as given; None where it has none.
    """

    name: str
    sides: Sides
    expect: str | None = None
    digits: int | None = None
    check: str | None = None

    @property
    def text(self) -> str:
        """Its place as `parse` takes it."""
        return ",".join(f"{Decimal(repr(value)).normalize():f}{'%' * percent}" for value, percent in self.sides)

    def box(self, width: int, height: int) -> Box:
        """The whole pixels it touches on a picture of that size, without what lies beyond the picture.

        Raises:
            UsageError: nothing of it lies on the picture.
        """
        whole = (width, height, width, height)
        x, y, across, down = (
            value * side / 100 if percent else value for (value, percent), side in zip(self.sides, whole, strict=True)
        )
        left, right = _pixels(x, across, width)
        top, bottom = _pixels(y, down, height)
        if left >= right or top >= bottom:
            raise UsageError(f"{self.name} ({self.text}) lies outside the picture, which is {width}x{height} pixels")
        return left, top, right - left, bottom - top


@dataclass(frozen=True, kw_only=True)
class Form:
    """The regions of a form.

    Attributes:
        regions: at least one, in the order of the file.
        blank: picture of the empty form, or None.
    """

    regions: tuple[Region, ...]
    blank: Path | None = None


def parse(text: str, number: int) -> Region:
    """A region as it is given on the command line: `x,y,width,height`, with `NAME=` before it where it has a name.

    Args:
        text: such as "55%,80%,30%,6%" or "total=120,40,300,60"; pixels and percent may be mixed.
        number: of the region, from 1, from which it has its name where it was given none.

    Raises:
        UsageError: it is anything else.
    """
    name, named, place = text.rpartition("=")
    where = f"--region {text!r}"
    return Region(name=_name(name, where) if named else f"region {number}", sides=_sides(place, where))


def load(path: Path) -> Form:
    """The regions that a TOML file names, and the blank form it was made for.

    Raises:
        UsageError: the file or the blank is missing, it is no TOML, or says something else than where regions are.
    """
    try:
        table = tomllib.loads(path.read_text(encoding="utf-8-sig"))
    except FileNotFoundError as error:
        raise UsageError(f"{path}: no such file; expected a TOML file with a table for each region") from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise UsageError(f"{path}: not a form ({error}); expected a TOML file") from error
    blank = _blank(table.pop("blank"), path) if "blank" in table else None
    regions = tuple(_region(name, entry, path) for name, entry in table.items())
    if not regions:
        raise UsageError(
            f'{path}: no region in it; expected a table for each, such as [total] region = "55%,80%,30%,6%"'
        )
    return Form(regions=regions, blank=blank)


def _blank(name: object, form: Path) -> Path:
    if not isinstance(name, str):
        raise UsageError(f"{form}: blank is {name!r}, expected a text: the picture of the empty form")
    path = form.parent / name
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file fails on names that no file can have
        raise UsageError(f"{form}: blank is {name!r}, expected a picture; there is no such file beside the form")
    return path


def _region(name: str, entry: object, form: Path) -> Region:
    where = f"{form}: [{name}]" if name.isprintable() else f"{form}: [{name!r}]"
    if not isinstance(entry, dict):
        raise UsageError(f"{form}: unknown key {name!r}; expected blank, or a table for each region")
    _check_keys(entry, where)
    sides = _sides(entry["region"], f"{where}: region {entry['region']!r}")
    known = {key: value for key, value in entry.items() if key != "region"}
    return Region(name=_name(name, where), sides=sides, **known)


def _check_keys(entry: dict[str, Any], where: str) -> None:
    unknown = [key for key in entry if key not in KNOWN]
    if unknown:
        raise UsageError(f"{where}: unknown key {unknown[0]!r}; expected some of {', '.join(KNOWN)}")
    for key, value in entry.items():
        if not isinstance(value, KNOWN[key]) or isinstance(value, bool):
            raise UsageError(f"{where}: {key} is {value!r}, expected {KINDS[KNOWN[key]]}")
    if "region" not in entry:
        raise UsageError(f"{where}: no key 'region'; {EXPECTED}")


def _name(name: str, where: str) -> str:
    """Names are printed beside the answers, in tables too."""
    if not name.strip() or not name.isprintable():
        raise UsageError(f"{where}: the name is {name!r}, expected one or more letters on one line")
    return name.strip()


def _sides(text: str, where: str) -> Sides:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4:
        raise UsageError(f"{where}: {len(parts) if text.strip() else 0} of 4 numbers; {EXPECTED}")
    found = [NUMBER.fullmatch(part) for part in parts]
    sides = []
    for part, match in zip(parts, found, strict=True):
        if match is None or not math.isfinite(float(match[1])):
            raise UsageError(f"{where}: {part!r} is not a number; {EXPECTED}")
        sides.append((float(match[1]), match[2] == "%"))
    for side, (value, _) in zip(("width", "height"), sides[2:], strict=True):
        if value <= 0:
            raise UsageError(f"{where}: the {side} is {parts[2 + (side == 'height')]}, expected more than 0")
    return tuple(sides)


def _pixels(start: float, length: float, whole: int) -> tuple[int, int]:
    """First pixel and the one after the last; a millionth of a pixel is what percent are rounded by."""
    return max(math.floor(start + 1e-6), 0), min(math.ceil(start + length - 1e-6), whole)
