"""Parses where on a picture to read: regions from the command line, or a form from a TOML file.

blank = "blank.png"            # picture of the empty form, if there is one

[total]                        # a table for each region, in the order of the answers
region = "55%,80%,30%,6%"      # x, y, width, height: in percent of the picture, or in pixels
digits = 5                     # constraints of its number, if any; see `KEY_TYPES`
"""

from __future__ import annotations

import math
import os
import re
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

from numeye.errors import UsageError
from numeye.io import structured_files
from numeye.layout.constraints.constraints import Constraints, DigitCount, parse_digits
from numeye.results import Box

Sides = tuple[tuple[float, bool], ...]  # x, y, width, height, each with whether it is percent

EXPECTED_REGION = (
    "expected x,y,width,height in pixels or percent, such as 55%,80%,30%,6% or 120,40,300,60"
)
SIDE_PATTERN = re.compile(r"(-?[0-9]+(?:\.[0-9]+)?) *(%?)")
# Keys of a region's table. `digits` is a number, or a text such as "1-3".
KEY_TYPES: dict[str, tuple[type, ...]] = {
    "region": (str,),
    "pattern": (str,),
    "digits": (int, str),
    "check": (str,),
    "decimals": (int,),
    "range": (str,),
    "date": (str,),
    "decimal_mark": (str,),
}
TYPE_NAMES: dict[tuple[type, ...], str] = {
    (str,): "a text",
    (int,): "a whole number",
    (int, str): 'a whole number, or a text such as "1-3"',
}
ROUNDING_PX = 1e-6  # error of a percentage of a side


@dataclass(frozen=True, kw_only=True)
class Region:
    """A part of a picture that holds one number.

    Attributes:
        name: the user's name for it; "region 1", "region 2" for those without one.
        sides: x, y, width and height, each with True for percent of the picture and False for
            pixels.
        pattern: this and the following are those of `Constraints`, as written; None for none.
        digits: how many digits the number has.
        check: the name of its check sum.
        decimals: how many decimals it has.
        range: the values that it may have.
        date: the order of day, month and year, if it is a date.
        decimal_mark: what stands before its decimals.
    """

    name: str
    sides: Sides
    pattern: str | None = None
    digits: DigitCount | None = None
    check: str | None = None
    decimals: int | None = None
    range: str | None = None
    date: str | None = None
    decimal_mark: str | None = None

    @property
    def constraints(self) -> Constraints:
        """What is known of the number.

        Raises:
            UsageError: a constraint is not valid.
        """
        return Constraints(
            pattern=self.pattern,
            digits=self.digits,
            check=self.check,
            decimals=self.decimals,
            range=self.range,
            date=self.date,
            decimal_mark=self.decimal_mark,
        )

    @property
    def text(self) -> str:
        """The sides as `parse_region` takes them."""
        return ",".join(
            f"{Decimal(repr(value)).normalize():f}{'%' * percent}" for value, percent in self.sides
        )

    def box(self, width: int, height: int) -> Box:
        """Return the whole pixels that the region touches, without those outside the picture.

        Args:
            width: of the picture in pixels.
            height: of the picture in pixels.

        Returns:
            x, y, width and height.

        Raises:
            UsageError: all of the region lies outside the picture.
        """
        x, y, across, down = (
            value * side / 100 if percent else value
            for (value, percent), side in zip(self.sides, (width, height) * 2, strict=True)
        )
        left, right = _touched_pixels(x, across, width)
        top, bottom = _touched_pixels(y, down, height)
        if left >= right or top >= bottom:
            raise UsageError(
                f"region {self.text} lies outside the picture, which is {width}x{height} pixels"
            )
        return left, top, right - left, bottom - top


@dataclass(frozen=True, kw_only=True)
class Form:
    """The regions of a form.

    Attributes:
        regions: at least one, in the order of the file.
        blank: picture of the empty form, or None.
        file: the TOML file; None where the regions do not come from one.
    """

    regions: tuple[Region, ...]
    blank: Path | None = None
    file: Path | None = field(default=None, compare=False)

    def error_prefix(self, region: Region) -> str:
        """Return what a message about one of the regions begins with."""
        return f"{self.file}: [{region.name}]" if self.file is not None else region.name


def parse_region(text: str, number: int) -> Region:
    """Parse a region of the command line: `x,y,width,height`, or `NAME=x,y,width,height`.

    Args:
        text: such as "55%,80%,30%,6%" or "total=120,40,300,60"; pixels and percent may be mixed.
        number: of the region, from 1; a region without a name gets its name from it.

    Raises:
        UsageError: it is anything else.
    """
    name, equals, sides = text.rpartition("=")
    prefix = f"--region {text!r}"
    return Region(
        name=_check_name(name, prefix) if equals else f"region {number}",
        sides=_parse_sides(sides, prefix),
    )


def load_form(path: Path) -> Form:
    """Load the regions of a TOML file, and the blank form that it names.

    Raises:
        UsageError: the file or the blank is missing, or the file is not TOML or not a form.
    """
    try:
        table = structured_files.load_toml(path)
    except FileNotFoundError as error:
        raise UsageError(
            f"{path}: no such file; expected a TOML file with a table for each region"
        ) from error
    except OSError as error:
        raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise UsageError(f"{path}: not a form ({error}); expected a TOML file") from error
    blank = _blank_path(table.pop("blank"), path) if "blank" in table else None
    regions = tuple(_parse_table(name, entry, path) for name, entry in table.items())
    if not regions:
        raise UsageError(
            f"{path}: no region in it; expected a table for each, such as [total] region ="
            ' "55%,80%,30%,6%"'
        )
    return Form(regions=regions, blank=blank, file=path)


def _blank_path(name: object, form: Path) -> Path:
    if not isinstance(name, str):
        raise UsageError(
            f"{form}: blank is {name!r}, expected a text: the picture of the empty form"
        )
    path = form.parent / name
    if not os.path.isfile(path):  # noqa: PTH113 - Path.is_file fails on names that no file can have
        raise UsageError(
            f"{form}: blank is {name!r}, expected a picture; there is no such file beside the form"
        )
    return path


def _parse_table(name: str, entry: object, form: Path) -> Region:
    prefix = f"{form}: [{name}]" if name.isprintable() else f"{form}: [{name!r}]"
    if not isinstance(entry, dict):
        raise UsageError(
            f"{form}: unknown key {name!r}; expected blank, or a table for each region"
        )
    _check_keys(entry, prefix)
    sides = _parse_sides(entry["region"], f"{prefix}: region {entry['region']!r}")
    constraints = {key: value for key, value in entry.items() if key != "region"}
    if isinstance(digits := entry.get("digits"), str):
        constraints["digits"] = _parse_digits(digits, prefix)
    return Region(name=_check_name(name, prefix), sides=sides, **constraints)


def _check_keys(entry: dict[str, Any], prefix: str) -> None:
    unknown = [key for key in entry if key not in KEY_TYPES]
    if unknown:
        raise UsageError(
            f"{prefix}: unknown key {unknown[0]!r}; expected some of {', '.join(KEY_TYPES)}"
        )
    for key, value in entry.items():
        expected = KEY_TYPES[key]
        if not isinstance(value, expected) or isinstance(value, bool):
            raise UsageError(f"{prefix}: {key} is {value!r}, expected {TYPE_NAMES[expected]}")
    if "region" not in entry:
        raise UsageError(f"{prefix}: no key 'region'; {EXPECTED_REGION}")


def _parse_digits(text: str, prefix: str) -> DigitCount:
    try:
        return parse_digits(text)
    except UsageError as error:
        raise UsageError(f"{prefix}: {error}") from error


def _check_name(name: str, prefix: str) -> str:
    """Return a name that can be printed beside the answers, in tables too."""
    if not name.strip() or not name.isprintable():
        raise UsageError(
            f"{prefix}: the name is {name!r}, expected one or more letters on one line"
        )
    return name.strip()


def _parse_sides(text: str, prefix: str) -> Sides:
    parts = [part.strip() for part in text.split(",")]
    if len(parts) != 4:
        count = len(parts) if text.strip() else 0
        raise UsageError(f"{prefix}: {count} of 4 numbers; {EXPECTED_REGION}")
    sides = []
    for part in parts:
        match = SIDE_PATTERN.fullmatch(part)
        if match is None or not math.isfinite(float(match[1])):
            raise UsageError(f"{prefix}: {part!r} is not a number; {EXPECTED_REGION}")
        sides.append((float(match[1]), match[2] == "%"))
    for side, (value, _), part in zip(("width", "height"), sides[2:], parts[2:], strict=True):
        if value <= 0:
            raise UsageError(f"{prefix}: the {side} is {part}, expected more than 0")
    return tuple(sides)


def _touched_pixels(start: float, length: float, side: int) -> tuple[int, int]:
    """Return the first pixel of a range, and the one after its last."""
    first = math.floor(start + ROUNDING_PX)
    end = math.ceil(start + length - ROUNDING_PX)
    return max(first, 0), min(end, side)
