"""What a reader answers: text, boxes, probabilities, and why there is no answer."""

from __future__ import annotations

import base64
import csv
import html
import io
import json
import re
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from itertools import groupby
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from numeye import atomic, drawing
from numeye.drawing import Mark

if TYPE_CHECKING:
    from jaxtyping import UInt8

Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the upright picture

CSV_COLUMNS = ("file", "page", "row", "index", "text", "confidence", "x", "y", "w", "h", "rejected")
REGION = "region"  # the last column, where regions are read

# Why there is no answer. The first two say that there is no digit; the others, that it is not relied on.
BLANK, NOT_A_DIGIT, TOO_SMALL, TOO_BLURRED = "blank", "not a digit", "too small", "too blurred"
CAPTION = 40  # letters of a text below a picture
UNREAD, EMPTY = "?", "."  # in a text, a number that was rejected, and a cell of a grid without one


@dataclass(frozen=True, kw_only=True)
class Digit:
    """One digit that was found.

    Attributes:
        digit: the best answer, 0 to 9.
        confidence: its probability, 0 to 1. Where the model knows also "no digit", that has its share: then the
            confidence is less than the largest of `probabilities`, by as much as there may be none.
        box: x, y, width, height in pixels of the upright picture.
        probabilities: of the digits 0 to 9, given that it is one of them; they sum to 1.
        frame: x, y, width, height of what the network was shown last, in pixels of the upright picture, past whose
            edges it may go; None for a model that does not look for itself.
    """

    digit: int
    confidence: float
    box: Box
    probabilities: tuple[float, ...]
    frame: Box | None = None

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the JSON; without `frame` where there is none."""
        stored = {
            "digit": self.digit,
            "confidence": self.confidence,
            "box": list(self.box),
            "probabilities": list(self.probabilities),
        }
        return stored if self.frame is None else {**stored, "frame": list(self.frame)}


@dataclass(frozen=True, kw_only=True)
class Number:
    """Digits that belong together.

    Attributes:
        digits: from left to right, at least one.
        confidence: the probability that all of it is right, 0 to 1.
        row: in which line of the page it stands, from 0.
        index: its place in that line, from 0.
        column: of the table that the page's rows make, from 0; None where they make none, and for headings and totals.
        rejected: why it is not relied on, or None.
        fits: what the user knew of it and was used to read it; None where nothing was.
    """

    digits: tuple[Digit, ...]
    confidence: float
    row: int = 0
    index: int = 0
    column: int | None = None
    rejected: str | None = None
    fits: str | None = None

    @property
    def text(self) -> str:
        """Its digits; empty where it was rejected."""
        return "" if self.rejected else "".join(str(digit.digit) for digit in self.digits)

    @property
    def relied_on(self) -> float:
        """Its confidence; 0 where it was rejected."""
        return 0.0 if self.rejected else self.confidence

    @property
    def box(self) -> Box:
        """The smallest that holds those of its digits."""
        left, top = (min(digit.box[side] for digit in self.digits) for side in (0, 1))
        right, bottom = (max(digit.box[side] + digit.box[side + 2] for digit in self.digits) for side in (0, 1))
        return left, top, right - left, bottom - top

    def to_dict(self) -> dict[str, Any]:
        """As it stands in the JSON."""
        return {
            "text": self.text,
            "confidence": self.relied_on,
            "rejected": self.rejected,
            "box": list(self.box),
            "row": self.row,
            "index": self.index,
            **({} if self.column is None else {"column": self.column}),
            "digits": [digit.to_dict() for digit in self.digits],
            **({} if self.fits is None else {"fits": self.fits}),
        }


@dataclass(frozen=True, kw_only=True)
class Reading:
    """What one page says.

    Attributes:
        image: the path as given, "-" for standard input, "" for what came without a name.
        page: number of the page in its file, from 0.
        digits: what was found, best answers, in reading order; also those that were rejected.
        numbers: the digits as numbers, row by row; None where one digit was read.
        rejected: why there is no answer (`blank`, `not a digit`, `too small`, `too blurred`, `unsure between 4 and 9`),
            or None. Of a page with numbers only where all of them are rejected, or there is none.
        turned: by how many degrees, against the clock, the page was turned before it was read: it lay on its side or
            upside down. Boxes, and `picture`, are those of the turned page.
        region: the name of the part of the page that this is the reading of; None for all of it.
        cells: what the cells of a grid say, row by row, "" for an empty one and "?" for one that was rejected; None
            where no grid was read.
        picture: (height, width) uint8, the page that was read, for drawing.
    """

    image: str
    page: int = 0
    digits: tuple[Digit, ...]
    numbers: tuple[Number, ...] | None = None
    rejected: str | None = None
    turned: int = 0
    region: str | None = None
    cells: tuple[tuple[str, ...], ...] | None = None
    picture: UInt8[np.ndarray, "height width"] = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The digits in reading order; empty where they were rejected.

        Numbers are parted by spaces and rows by line ends; "?" stands for a number that was rejected alone, and, in a
        grid, "." for an empty cell.
        """
        if self.rejected:
            return ""
        if self.cells is not None:
            return "\n".join(" ".join(cell or EMPTY for cell in row) for row in self.cells)
        if self.numbers is None:
            return "".join(str(digit.digit) for digit in self.digits)
        rows = groupby(self.numbers, key=lambda number: number.row)
        return "\n".join(" ".join(number.text or UNREAD for number in row) for _, row in rows)

    @property
    def confidence(self) -> float:
        """How sure the whole text is, 0 to 1, without what was rejected alone; 0 where all of it was rejected."""
        parts = self.digits if self.numbers is None else [one for one in self.numbers if not one.rejected]
        return 0.0 if self.rejected else float(np.prod([part.confidence for part in parts]))

    @property
    def doubtful(self) -> bool:
        """True where something, or all of it, was rejected."""
        return self.rejected is not None or any(number.rejected for number in self.numbers or ())

    @property
    def refusal(self) -> str:
        """What was rejected and why, as a person is told; empty where nothing was."""
        if self.rejected in (BLANK, NOT_A_DIGIT):
            return f"no digit found ({self.rejected})"
        reasons = [reason for number in self.numbers or () if (reason := number.rejected)]
        if len(reasons) > 1:
            return f"{len(reasons)} rejected ({reasons[0]}, ...)"
        reason = reasons[0] if reasons else self.rejected
        return f"rejected ({reason})" if reason else ""

    def __str__(self) -> str:
        return self.text

    def to_dict(self) -> dict[str, Any]:
        """As one object of `numeye read --json`."""
        return {
            "image": self.image,
            "page": self.page,
            "text": self.text,
            "confidence": self.confidence,
            "rejected": self.rejected,
            "digits": [digit.to_dict() for digit in self.digits],
            **({} if self.numbers is None else {"numbers": [number.to_dict() for number in self.numbers]}),
            **({} if self.cells is None else {"cells": [list(row) for row in self.cells]}),
            **({} if self.region is None else {"region": self.region}),
            **({"turned": self.turned} if self.turned else {}),
        }

    def to_json(self) -> str:
        """`to_dict` on one line."""
        return json.dumps(self.to_dict())

    def csv_rows(self) -> list[list[str | int | float]]:
        """The values of `CSV_COLUMNS`, a row a number; one row for a page without any. A region's name comes last."""
        where = () if self.region is None else (self.region,)
        if not self.numbers:
            box: Iterable[int | str] = self.digits[0].box if self.digits else ("", "", "", "")
            confidence = round(self.confidence, 6)
            return [[self.image, self.page, 0, 0, self.text, confidence, *box, self.rejected or "", *where]]
        return [
            [
                *(self.image, self.page, one.row, one.index, one.text, round(one.relied_on, 6)),
                *(*one.box, one.rejected or "", *where),
            ]
            for one in self.numbers
        ]

    def to_csv(self) -> str:
        """A table below its header."""
        return to_csv([self])

    def draw(self) -> Image.Image:
        """The page with each digit's box, answer and confidence on it, coloured by how sure it is."""
        frames = [Mark(box=one.frame, colour=drawing.FRAME, dashed=True) for one in self.digits if one.frame]
        return drawing.draw(self.picture, [*frames, *self._marks()], self._caption())

    def save(self, path: str | Path) -> None:
        """Write what `draw` draws, as PNG, whole or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        buffer = io.BytesIO()
        self.draw().save(buffer, format="PNG")
        atomic.write_bytes(Path(path), buffer.getvalue())

    def show(self) -> None:
        """Open what `draw` draws in the system's picture viewer."""
        self.draw().show(title=self.image or "numeye")

    def _repr_html_(self) -> str:
        """The picture with its answers, where a notebook shows it."""
        buffer = io.BytesIO()
        self.draw().save(buffer, format="PNG")
        shown = base64.b64encode(buffer.getvalue()).decode("ascii")
        said = html.escape(self.text.replace("\n", ", ") or self.refusal)
        return f'<img src="data:image/png;base64,{shown}" alt="{said}">'

    def _marks(self) -> list[Mark]:
        if self.numbers is None:
            return [Mark(box=one.box, colour=drawing.colour(one.confidence, self.rejected)) for one in self.digits]
        return [
            Mark(box=one.box, colour=drawing.colour(one.confidence, number.rejected), label=str(one.digit))
            for number in self.numbers
            for one in number.digits
        ]

    def _caption(self) -> str:
        if self.rejected in (BLANK, NOT_A_DIGIT):
            return f"no digit: {self.rejected}"
        text = shorten(self.text.replace("\n", " / "), CAPTION, placeholder=" ...")
        return self.rejected or f"{text}   {self.confidence:.1%}"


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A picture that could not be read, in the place of its reading.

    Attributes:
        image: the path as given.
        error: one line that says why.
    """

    image: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """As one object of `numeye read --json`."""
        return {"image": self.image, "error": self.error}

    def to_json(self) -> str:
        """`to_dict` on one line."""
        return json.dumps(self.to_dict())


class Overlays:
    """A folder of pages with their answers drawn on them; no two pictures, pages or regions share a name.

    Args:
        folder: is made when the first picture comes.
        before: pictures that an earlier run has drawn there, in their order.
    """

    def __init__(self, folder: Path, before: Iterable[str] = ()) -> None:
        self.folder = folder
        self._names: dict[str, str] = {}
        self._files: dict[tuple[str, int, str | None], str] = {}
        for image in before:
            self._name(image)

    def add(self, reading: Reading) -> None:
        """Draw one more, named after its picture.

        Raises:
            OutputError: it cannot be written.
        """
        what = reading.image, reading.page, reading.region
        if what not in self._files:
            page = f".page{reading.page + 1}" if reading.page else ""
            region = "" if reading.region is None else "." + re.sub(r"[^\w.-]+", "-", reading.region)
            self._files[what] = _free(f"{self._name(reading.image)}{page}{region}", self._files.values())
        reading.save(self.folder / f"{self._files[what]}.read.png")

    def _name(self, image: str) -> str:
        """The file's; with a number behind it where pictures of several folders have the same."""
        if image not in self._names:
            base = Path(image).name if image not in ("", "-") else "standard-input"
            self._names[image] = _free(base, self._names.values())
        return self._names[image]


def _free(name: str, taken: Collection[str]) -> str:
    """A name that is not taken: with a number behind it, if need be."""
    free, number = name, 2
    while free in taken:
        free, number = f"{name}.{number}", number + 1
    return free


def unsure_between(digit: Digit) -> str:
    """The reason to set an answer aside that may as well be another: the two best, the smaller first."""
    first, second = sorted(sorted(range(10), key=lambda one: -digit.probabilities[one])[:2])
    return f"unsure between {first} and {second}"


def to_csv(readings: Iterable[Reading], *, header: bool = True) -> str:
    """A table of one row a number, as `numeye read --csv` prints it."""
    text, rows = io.StringIO(), list(readings)
    table = csv.writer(text, lineterminator="\n")
    if header:
        regions = any(reading.region is not None for reading in rows)
        table.writerow((*CSV_COLUMNS, REGION) if regions else CSV_COLUMNS)
    for reading in rows:
        table.writerows(reading.csv_rows())
    return text.getvalue()
