"""The result of reading a page: its numbers and tables, to JSON, to CSV, drawn on the picture."""

from __future__ import annotations

import base64
import html
import io
import json
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from math import prod
from pathlib import Path
from textwrap import shorten
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from numeye.io import drawing, files
from numeye.io.drawing import Annotation
from numeye.results import csv_table
from numeye.results.characters import BLANK, NOT_A_DIGIT, Character, Digit
from numeye.results.numbers import Number
from numeye.results.page_text import REJECTED_NUMBER, page_text
from numeye.results.tables import Table

if TYPE_CHECKING:
    from jaxtyping import UInt8

MAX_CAPTION_CHARACTERS = 40
MAX_REPR_CHARACTERS = 60


@dataclass(frozen=True, kw_only=True)
class Reading:
    """The result of reading one page.

    Attributes:
        image: the path as it was given, "-" for standard input, "" for a picture without a name.
        page: number of the page in its file, from 0.
        digits: all digits in reading order, as best answers; also those that are rejected.
        numbers: the numbers of the page, row by row, also those that are struck out or in a table;
            empty where one digit was read.
        rejected: the reason if there is no answer (`blank`, `not a digit`, `too small`,
            `too blurred`, `unsure between 4 and 9`), else None. A page of numbers has a reason
            only if all its numbers are rejected, or there is none.
        turned: the angle in degrees, counter-clockwise, by which the page was turned before it was
            read, since it lay askew, on its side or upside down.
        region: the name of the region that was read; None for the whole page.
        regions: the readings of the regions, where a form was read as one page; else empty.
        tables: the tables of the page.
        picture: (height, width) uint8, the page as stored, to draw on.
    """

    image: str
    page: int = 0
    digits: tuple[Digit, ...]
    numbers: tuple[Number, ...] = ()
    rejected: str | None = None
    turned: float = 0
    region: str | None = None
    regions: tuple[Reading, ...] = ()
    tables: tuple[Table, ...] = ()
    picture: UInt8[np.ndarray, "height width"] = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The numbers in reading order; empty if all of them are rejected.

        Spaces separate numbers, and line ends separate rows, or the regions of a form. Empty lines
        separate tables. "?" stands for a single rejected number, and "_" for an empty cell of a
        table. Struck-out numbers are left out.
        """
        if self.rejected:
            return ""
        if self.regions:
            return "\n".join(
                REJECTED_NUMBER if region.rejected else region.text for region in self.regions
            )
        if not self.numbers and not self.tables:
            return "".join(digit.text for digit in self.digits)
        return page_text(self.numbers, self.tables, self.turned)

    @property
    def confidence(self) -> float:
        """The probability that the text is right, 0 to 1, without the rejected numbers in it.

        0 if all of it is rejected.
        """
        if self.rejected:
            return 0.0
        if not self.numbers:
            return prod(digit.confidence for digit in self.digits)
        return prod(number.confidence for number in self._valid_numbers if not number.rejected)

    @property
    def has_rejected(self) -> bool:
        """Whether a number, or the whole page, is rejected."""
        return self.rejected is not None or any(number.rejected for number in self._valid_numbers)

    @property
    def rejection_message(self) -> str:
        """What is rejected and why, for people; empty where nothing is."""
        if self.rejected in (BLANK, NOT_A_DIGIT):
            return f"no digit found ({self.rejected})"
        reasons = [reason for number in self._valid_numbers if (reason := number.rejected)]
        if len(reasons) > 1:
            return f"{len(reasons)} rejected ({reasons[0]}, ...)"
        reason = reasons[0] if reasons else self.rejected
        return f"rejected ({reason})" if reason else ""

    def __str__(self) -> str:
        return self.text

    def __repr__(self) -> str:
        text = self.rejection_message or self.text.replace("\n", " / ")
        text = shorten(text, MAX_REPR_CHARACTERS, placeholder=" ...")
        name = f" {self.image!r}" if self.image else ""
        return f"<Reading{name}: {text}, {self.confidence:.1%}>"

    @classmethod
    def of_regions(cls, regions: Sequence[Reading]) -> Reading:
        """Return the readings of a form's regions, at least one, as the reading of their page."""
        reasons = [region.rejected for region in regions]
        offsets = accumulate((len(region.tables) for region in regions), initial=0)
        return cls(
            image=regions[0].image,
            page=regions[0].page,
            digits=tuple(digit for region in regions for digit in region.digits),
            numbers=tuple(
                _with_table_offset(number, offset)
                for region, offset in zip(regions, offsets, strict=False)
                for number in region.numbers
            ),
            rejected=reasons[0] if all(reasons) else None,
            regions=tuple(regions),
            tables=tuple(table for region in regions for table in region.tables),
            picture=regions[0].picture,
        )

    def to_dict(self) -> dict[str, Any]:
        """Return the reading as one object of `numeye read --json`."""
        return {
            "image": self.image,
            "page": self.page,
            "text": self.text,
            "confidence": self.confidence,
            "rejected": self.rejected,
            "digits": [digit.to_dict() for digit in self.digits],
            "numbers": [number.to_dict() for number in self.numbers],
            "tables": [table.to_dict() for table in self.tables],
            **({} if self.region is None else {"region": self.region}),
            **({"regions": [part.to_dict() for part in self.regions]} if self.regions else {}),
            **({"turned": self.turned} if self.turned else {}),
        }

    def to_json(self) -> str:
        """Return `to_dict` as JSON on one line."""
        return json.dumps(self.to_dict())

    def csv_rows(self) -> list[csv_table.CsvRow]:
        """Return the rows of the page; see `numeye.results.csv_table.csv_rows`."""
        return csv_table.csv_rows(self)

    def to_csv(self) -> str:
        """Return a CSV table with a header."""
        return csv_table.to_csv([self])

    def draw(self) -> Image.Image:
        """Draw the box and the answer of each character on the page, and a caption below it.

        The colour of a box shows the confidence. Filler strokes are left out.
        """
        crops = [
            Annotation(box=digit.frame, colour=drawing.FRAME_COLOUR, dashed=True)
            for digit in self.digits
            if digit.frame
        ]
        annotations = [*crops, *self._annotations()]
        return drawing.draw_annotations(self.picture, annotations, self._caption())

    def save(self, path: str | Path) -> None:
        """Write the picture of `draw` as PNG, completely or not at all.

        Raises:
            OutputError: the file cannot be written.
        """
        files.write_bytes(Path(path), self._png())

    def show(self) -> None:
        """Open the picture of `draw` in the picture viewer of the system."""
        self.draw().show(title=self.image or "numeye")

    def _repr_html_(self) -> str:
        """Return the picture of `draw` for a notebook."""
        encoded = base64.b64encode(self._png()).decode("ascii")
        alt_text = html.escape(self.text.replace("\n", ", ") or self.rejection_message)
        return f'<img src="data:image/png;base64,{encoded}" alt="{alt_text}">'

    def _png(self) -> bytes:
        buffer = io.BytesIO()
        self.draw().save(buffer, format="PNG")
        return buffer.getvalue()

    def _annotations(self) -> list[Annotation]:
        if not self.numbers:
            return [
                Annotation(
                    box=digit.box,
                    colour=drawing.confidence_colour(digit.confidence, self.rejected),
                )
                for digit in self.digits
            ]
        return [
            _character_annotation(character, number)
            for number in self.numbers
            for character in number.characters
            if not character.filler
        ]

    @property
    def _valid_numbers(self) -> list[Number]:
        """The numbers that are not struck out."""
        return [number for number in self.numbers if not number.struck_out]

    def _caption(self) -> str:
        if self.rejected in (BLANK, NOT_A_DIGIT):
            return f"no digit: {self.rejected}"
        text = shorten(self.text.replace("\n", " / "), MAX_CAPTION_CHARACTERS, placeholder=" ...")
        return self.rejected or f"{text}   {self.confidence:.1%}"


@dataclass(frozen=True, kw_only=True)
class Unreadable:
    """A picture that could not be read, in the place of its reading.

    Attributes:
        image: the path as it was given.
        error: one line that says why.
    """

    image: str
    error: str

    def to_dict(self) -> dict[str, Any]:
        """Return it as one object of `numeye read --json`."""
        return {"image": self.image, "error": self.error}

    def to_json(self) -> str:
        """Return `to_dict` as JSON on one line."""
        return json.dumps(self.to_dict())


def _with_table_offset(number: Number, offset: int) -> Number:
    """Return the number of a region, its table counted among those of the page."""
    return number if number.table is None else replace(number, table=number.table + offset)


def _character_annotation(character: Character, number: Number) -> Annotation:
    return Annotation(
        box=character.box,
        quad=character.quad,
        colour=drawing.STRUCK_OUT_COLOUR
        if number.struck_out
        else drawing.confidence_colour(character.confidence, number.rejected),
        label=character.text,
    )
