"""Labels of a data set: what they look like (its layout), and the table `labels.csv`."""

from __future__ import annotations

import csv
import io
import json
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

import numpy as np

from numeye.errors import DataError
from numeye.io import file_limits

if TYPE_CHECKING:
    from jaxtyping import Float64

    Boxes = tuple[Float64[np.ndarray, "_ 4"], ...]

Layout = Literal["digit", "numbers", "grid", "document"]
LAYOUTS: tuple[Layout, ...] = get_args(Layout)
Table = tuple[tuple[str, ...], ...]  # the texts of a table's cells, row by row; "" for an empty one

MAX_SHOWN = 60  # characters of a wrong value in a message
_GRID = re.compile(r"[0-9?]+(/[0-9?]+)+")


@dataclass(frozen=True, kw_only=True)
class LabelTable:
    """The n rows of a file `labels.csv`.

    Attributes:
        files: the paths of the pictures, relative to the table's folder.
        labels: their labels.
        layout: what the column `layout` says; None without it.
        boxes: left, top, right and bottom of the digits of each picture; None without the column.
        tables: the tables on each picture; None without the column.
    """

    files: tuple[str, ...]
    labels: tuple[str, ...]
    layout: Layout | None
    boxes: Boxes | None
    tables: tuple[tuple[Table, ...], ...] | None


def infer_layout(labels: tuple[str, ...]) -> Layout:
    """Return the layout of a set whose labels are all that is known.

    "grid" if all labels are at least two rows of equal length of digits and `?`, joined by `/`;
    else "numbers" if one of them is longer than a character; else "digit".
    """
    if all(map(_is_grid, labels)):
        return "grid"
    return "numbers" if any(len(label) > 1 for label in labels) else "digit"


def read_label_table(path: Path) -> LabelTable:
    """Read a file `labels.csv`.

    Raises:
        DataError: it cannot be read, a column is missing, or a value has a wrong form.
    """
    columns, records = _read_records(path)
    layout = _parse_layout(path, records) if "layout" in columns else None
    rows = [_parse_row(path, row, layout) for row in records]
    return LabelTable(
        files=tuple(file for file, _ in rows),
        labels=tuple(label for _, label in rows),
        layout=layout,
        boxes=(
            tuple(_parse_boxes(path, row["boxes"]) for row in records)
            if "boxes" in columns
            else None
        ),
        tables=(
            tuple(_parse_tables(path, row["tables"]) for row in records)
            if "tables" in columns
            else None
        ),
    )


Record = dict[str, Any]  # a row of the table by its columns, and where it begins under LINE
LINE = "\0line"  # no column can have this name


def _is_grid(label: str) -> bool:
    return bool(_GRID.fullmatch(label)) and len({len(row) for row in label.split("/")}) == 1


def _read_records(path: Path) -> tuple[set[str], list[Record]]:
    """Return the names of the columns, and the rows with the number of their last line."""
    try:
        lines = io.StringIO(file_limits.read_text(path, file_limits.MAX_TABLE_BYTES), newline="")
        reader = csv.DictReader(lines)
        columns = set(reader.fieldnames or ())
        if not {"file", "label"} <= columns:
            raise DataError(f"{path}: columns {reader.fieldnames}; expected file and label")
        return columns, [{**row, LINE: reader.line_num} for row in reader]
    except OSError as error:
        raise DataError(f"{path}: cannot be read ({error.strerror or error})") from error
    except (UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path}: not a table of comma-separated values ({error})") from error


def _parse_layout(path: Path, records: list[Record]) -> Layout | None:
    """Return the layout that every row states.

    Raises:
        DataError: a row states none that there is, or another one than the first row.
    """
    stated: Layout | None = None
    for row in records:
        text = (row["layout"] or "").strip()
        layout = next((layout for layout in LAYOUTS if layout == text), None)
        if layout is None:
            raise DataError(
                f"{path}: line {row[LINE]}: the layout is {text!r}; expected {', '.join(LAYOUTS)}"
            )
        stated = stated or layout
        if layout != stated:
            raise DataError(
                f"{path}: line {row[LINE]}: the layout is {layout}, and {stated} in the first row;"
                " expected one layout for the whole set"
            )
    return stated


def _parse_row(path: Path, row: Record, layout: Layout | None) -> tuple[str, str]:
    """Return file and label; a document may have no number on it, and so no label."""
    file, label = str(row["file"] or ""), str(row["label"] or "").strip()
    if not file or not (label or layout == "document"):
        raise DataError(f"{path}: line {row[LINE]} has no {'label' if file else 'file'}")
    return file, label


def _parse_boxes(path: Path, text: str | None) -> Float64[np.ndarray, "n 4"]:
    """Return left, top, right and bottom of each digit, from `c@x,y,w,h;...`."""
    fields = [
        digit.partition("@")[2].split(",") for digit in (text or "").split(";") if digit.strip()
    ]
    try:
        sides = np.array([[float(side) for side in box] for box in fields], np.float64).reshape(
            -1, 4
        )
    except ValueError as error:
        raise DataError(
            f"{path}: boxes are {text!r}; expected c@x,y,w,h;... with one part for each digit"
        ) from error
    sides[:, 2:] += sides[:, :2]
    return sides


def _parse_tables(path: Path, text: str | None) -> tuple[Table, ...]:
    """Return the tables of one picture, from a JSON list of lists of rows."""
    try:
        tables: Any = json.loads(text) if text and text.strip() else []
    except (ValueError, RecursionError):
        tables = None
    if not _are_tables(tables):
        raise DataError(
            f"{path}: tables are {(text or '')[:MAX_SHOWN]!r}; expected a JSON list with a list of"
            ' rows for each table, such as [[["12","7"],["3",""]]], each row of a table with as'
            " many texts"
        )
    return tuple(tuple(tuple(row) for row in table) for table in tables)


def _are_tables(value: Any) -> bool:
    return isinstance(value, list) and all(map(_is_table, value))


def _is_table(value: Any) -> bool:
    """Return whether this is a list of rows that hold the same number of texts, at least one."""
    if not isinstance(value, list) or not all(isinstance(row, list) and row for row in value):
        return False
    are_texts = all(isinstance(cell, str) for row in value for cell in row)
    return are_texts and len({len(row) for row in value}) == 1
