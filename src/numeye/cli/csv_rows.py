"""The rows that an earlier run left in a file of results, as `--json` or `--csv` wrote them."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, NamedTuple

from numeye.errors import OutputError
from numeye.io.spreadsheet_cells import csv_text, unescape_cell
from numeye.results import CSV_COLUMNS

REJECTED_COLUMN = CSV_COLUMNS.index("rejected")
PAGE_COLUMN = CSV_COLUMNS.index("page")
OTHER_FILE_HINT = "choose another file with --append"


class Row(NamedTuple):
    """One result in a file.

    Attributes:
        image: the path of the picture.
        is_error: whether the picture could not be read.
        has_rejected: whether an answer in it was rejected.
        text: the row as it stands in the file, with its line end.
    """

    image: str
    is_error: bool
    has_rejected: bool
    text: str


def parse_json_rows(file: Path, text: str) -> Iterator[Row]:
    """Yield a row for each line of JSON.

    Args:
        file: its name, for the error message.
        text: complete lines.

    Raises:
        OutputError: a line is not what `--json` writes; the message names the line.
    """
    for number, line in enumerate(io.StringIO(text, newline="\n"), start=1):
        try:
            yield _json_row(json.loads(line), line)
        except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise OutputError(
                f"{file}, line {number}: not an answer as --json writes it; {OTHER_FILE_HINT}"
            ) from error


def _json_row(result: dict[str, Any], line: str) -> Row:
    reasons = [
        result.get("rejected"),
        *(number.get("rejected") for number in result.get("numbers") or ()),
    ]
    return Row(str(result["image"]), "error" in result, any(reasons), line)


def parse_csv_rows(file: Path, text: str, columns: tuple[str, ...]) -> tuple[list[Row], str]:
    """Return the rows of a table, and its unfinished last row.

    A name can hold line ends; then a row that was cut off within the name ends with a complete
    line.

    Args:
        file: its name, for the error message.
        text: complete lines.
        columns: the columns that the table must have.

    Returns:
        The rows, and the text of an unfinished one ("" if there is none).

    Raises:
        OutputError: the table begins with other columns, or a row is not what `--csv` writes; the
            message names its line.
    """
    header = csv_text([columns])
    if not text.startswith(header):
        raise OutputError(
            f"{file}: does not begin with the columns {header.strip()}; {OTHER_FILE_HINT}"
        )
    rows: list[Row] = []
    for number, cells, row in _records(text[len(header) :]):
        if cells is None and _may_be_unfinished(row):
            return rows, row
        if cells is None:
            raise _row_error(file, number, "a quote that is not closed")
        if len(cells) != len(columns) or csv_text([cells]) != row:
            raise _row_error(file, number, "not a row as --csv writes it")
        rows.append(Row(unescape_cell(cells[0]), False, bool(cells[REJECTED_COLUMN]), row))
    return rows, ""


def _row_error(file: Path, number: int, what: str) -> OutputError:
    return OutputError(f"{file}, line {number}: {what}; correct the line, or {OTHER_FILE_HINT}")


def _records(text: str) -> Iterator[tuple[int, list[str] | None, str]]:
    """Yield the number of the first line, the cells and the text of each record.

    If a record cannot be divided into cells, it comes last, with all the text after it and None
    for the cells.
    """
    consumed: list[str] = []
    lines = io.StringIO(text, newline="\n")
    reader = csv.reader(_recording(lines, consumed), strict=True)
    first_line = 2  # line 1 is the header
    try:
        for cells in reader:
            yield first_line, cells, "".join(consumed)
            first_line += len(consumed)
            consumed.clear()
    except csv.Error:
        yield first_line, None, "".join([*consumed, *lines])


def _recording(lines: Iterable[str], consumed: list[str]) -> Iterator[str]:
    for line in lines:
        consumed.append(line)
        yield line


def _may_be_unfinished(row: str) -> bool:
    """Return whether an open quote can belong to a name with line ends.

    It cannot if a line in it looks like a row.
    """
    is_open = row.startswith('"') and row.count('"') % 2 == 1
    return is_open and not any(_looks_like_row(line) for line in row.split("\n"))


def _looks_like_row(line: str) -> bool:
    cells = line.replace('"', "").split(",")
    return len(cells) > REJECTED_COLUMN and cells[PAGE_COLUMN].isdecimal()
