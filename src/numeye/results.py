"""What a reader answers: text, boxes, probabilities, and why there is no answer."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from numeye import atomic

if TYPE_CHECKING:
    from jaxtyping import UInt8

Box = tuple[int, int, int, int]  # x, y, width, height in pixels of the upright picture

CSV_COLUMNS = ("file", "page", "row", "index", "text", "confidence", "x", "y", "w", "h", "rejected")

# Okabe and Ito's colours, told apart by colour-blind people too: sure, doubtful, rejected.
SURE, DOUBTFUL, REJECTED = "#009e73", "#e69f00", "#d55e00"
DOUBT_BELOW = 0.9
FRAME = "#56b4e9"  # what the network was shown

# Why there is no answer. The first two say that there is no digit; the others, that it is not relied on.
BLANK, NOT_A_DIGIT, TOO_SMALL, TOO_BLURRED = "blank", "not a digit", "too small", "too blurred"


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
class Reading:
    """What one page says.

    Attributes:
        image: the path as given, "-" for standard input, "" for what came without a name.
        page: number of the page in its file, from 0.
        digits: what was found, best answers; also those that were rejected.
        rejected: why there is no answer (`blank`, `not a digit`, `too small`, `too blurred`, `unsure between 4 and 9`),
            or None.
        picture: (height, width) uint8, the page that was read, for drawing.
    """

    image: str
    page: int = 0
    digits: tuple[Digit, ...]
    rejected: str | None = None
    picture: UInt8[np.ndarray, "height width"] = field(repr=False, compare=False)

    @property
    def text(self) -> str:
        """The digits in reading order; empty where they were rejected."""
        return "" if self.rejected else "".join(str(digit.digit) for digit in self.digits)

    @property
    def confidence(self) -> float:
        """How sure the whole text is, 0 to 1; 0 where it was rejected."""
        return 0.0 if self.rejected else float(np.prod([digit.confidence for digit in self.digits]))

    @property
    def refusal(self) -> str:
        """Why there is no answer, as a person is told; empty where there is one."""
        if self.rejected in (BLANK, NOT_A_DIGIT):
            return f"no digit found ({self.rejected})"
        return f"rejected ({self.rejected})" if self.rejected else ""

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
        }

    def to_json(self) -> str:
        """`to_dict` on one line."""
        return json.dumps(self.to_dict())

    def csv_row(self) -> list[str | int | float]:
        """The values of `CSV_COLUMNS`."""
        box: Iterable[int | str] = self.digits[0].box if self.digits else ("", "", "", "")
        return [self.image, self.page, 0, 0, self.text, round(self.confidence, 6), *box, self.rejected or ""]

    def to_csv(self) -> str:
        """A table of one row below its header."""
        return to_csv([self])

    def draw(self) -> Image.Image:
        """The page with each digit's box, answer and confidence on it, coloured by how sure it is."""
        image = Image.fromarray(self.picture).convert("RGB")
        least = 160  # a small picture is enlarged, so that the writing on it can be read
        if max(image.size) < least:
            factor = -(-least // max(image.size))
            image = image.resize((image.width * factor, image.height * factor), Image.Resampling.NEAREST)
        scale = image.width / self.picture.shape[1]
        size = max(12, max(image.size) // 28)
        font, line = ImageFont.load_default(size), max(1, size // 8)
        for digit in self.digits:
            if digit.frame is not None:
                _dashed(ImageDraw.Draw(image), tuple(value * scale for value in digit.frame), max(1, line // 2))
        canvas = Image.new("RGB", (max(image.width, size * 9), image.height + round(size * 1.6)), "white")
        canvas.paste(image, (0, 0))
        draw = ImageDraw.Draw(canvas)
        for digit in self.digits:
            x, y, width, height = (value * scale for value in digit.box)
            draw.rectangle((x, y, x + width - 1, y + height - 1), outline=self._colour(digit), width=line)
        draw.text((size // 3, image.height + size // 6), self._caption(), fill="black", font=font)
        return canvas

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

    def _colour(self, digit: Digit) -> str:
        if self.rejected:
            return REJECTED
        return DOUBTFUL if digit.confidence < DOUBT_BELOW else SURE

    def _caption(self) -> str:
        if self.rejected in (BLANK, NOT_A_DIGIT):
            return f"no digit: {self.rejected}"
        return self.rejected or f"{self.text}   {self.confidence:.1%}"


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
    """A folder of pictures with their answers drawn on them; no name is used twice.

    Args:
        folder: is made when the first picture comes.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._used: set[str] = set()

    def add(self, reading: Reading) -> None:
        """Draw one more, named after its picture.

        Raises:
            OutputError: it cannot be written.
        """
        base = Path(reading.image).name if reading.image not in ("", "-") else "standard-input"
        page = f".page{reading.page + 1}" if reading.page else ""
        name, number = f"{base}{page}.read.png", 2
        while name in self._used:
            name, number = f"{base}{page}.{number}.read.png", number + 1
        self._used.add(name)
        reading.save(self.folder / name)


def unsure_between(digit: Digit) -> str:
    """The reason to set an answer aside that may as well be another: the two best, the smaller first."""
    first, second = sorted(sorted(range(10), key=lambda one: -digit.probabilities[one])[:2])
    return f"unsure between {first} and {second}"


def _dashed(draw: ImageDraw.ImageDraw, box: tuple[float, ...], line: int) -> None:
    """The outline of a box in dashes; what lies outside the picture is cut off."""
    x, y, width, height = box
    step = 4 * line + 2
    for start in range(0, round(max(width, height)), 2 * step):
        for edge in (y, y + height - 1):
            draw.line((x + start, edge, min(x + start + step, x + width), edge), fill=FRAME, width=line)
        for edge in (x, x + width - 1):
            draw.line((edge, y + start, edge, min(y + start + step, y + height)), fill=FRAME, width=line)


def to_csv(readings: Iterable[Reading], *, header: bool = True) -> str:
    """A table of one row a number, as `numeye read --csv` prints it."""
    text = io.StringIO()
    table = csv.writer(text, lineterminator="\n")
    if header:
        table.writerow(CSV_COLUMNS)
    table.writerows(reading.csv_row() for reading in readings)
    return text.getvalue()
