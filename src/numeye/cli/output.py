"""The output of `numeye read`: plain text, JSON or CSV.

It goes to standard output, or into a file that a later run can continue.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Container, Set
from pathlib import Path

from numeye.cli import csv_rows
from numeye.cli.csv_rows import Row
from numeye.errors import OutputError, UsageError
from numeye.io.append_file import AppendFile
from numeye.io.spreadsheet_cells import csv_text, escape_cell
from numeye.results import CSV_COLUMNS, REGION, Reading, Unreadable, to_csv

STANDARD_INPUT = "-"  # another picture in every run, so a later run always reads it

Result = Reading | Unreadable


class PlainFormat:
    """One line per row of numbers.

    With several pictures or regions, each line begins with their names and tabs.

    Args:
        several_pictures: whether there is more than one picture.
    """

    def __init__(self, several_pictures: bool) -> None:
        self._several_pictures = several_pictures
        self._blank_picture: str | None = None  # all its pages so far are without a digit

    def header(self) -> str:
        """Return nothing: plain text has no header."""
        return ""

    def format_result(self, result: Result) -> str:
        """Return the lines of one page; nothing where it could not be read.

        A page without digits is an empty line if the picture has several pages, and nothing else.
        """
        if isinstance(result, Unreadable):
            return ""
        names = [
            *([result.image] if self._several_pictures else []),
            *([result.region] if result.region is not None else []),
        ]
        if names:
            return "".join("\t".join([*names, row]) + "\n" for row in result.text.split("\n"))
        if not result.text and not result.page:
            self._blank_picture = result.image
            return ""
        blank_lines = "\n" * result.page if self._blank_picture == result.image else ""
        self._blank_picture = None
        return blank_lines + result.text + "\n"


class JsonFormat:
    """One JSON object per line."""

    def header(self) -> str:
        """Return nothing: JSON lines have no header."""
        return ""

    def format_result(self, result: Result) -> str:
        """Return one line, also for a picture that could not be read."""
        return result.to_json() + "\n"


class CsvFormat:
    """One row per number.

    Args:
        regions: whether there is a column with the names of regions.
    """

    def __init__(self, regions: bool = False) -> None:
        self.columns = (*CSV_COLUMNS, REGION) if regions else CSV_COLUMNS

    def header(self) -> str:
        """Return the row of column names."""
        return csv_text([self.columns])

    def format_result(self, result: Result) -> str:
        """Return the rows of one page; nothing where it could not be read."""
        return "" if isinstance(result, Unreadable) else to_csv([result], header=False)


OutputFormat = PlainFormat | JsonFormat | CsvFormat


class Output:
    """Writes results as they come.

    Within its `with` block, no other process can write into the same file.

    Args:
        output_format: the format.
        file: results are added to it, and results of an earlier run are kept; None for standard
            output.
        requested: the pictures of this run.

    Attributes:
        finished: the pictures whose results are in the file already, in their order there.
        has_rejected: whether one of these results, of a picture of this run, was rejected.
        notice: a message about results that are removed and not read again, or None.

    Raises:
        UsageError: a file is named, and the format is plain text, which cannot be continued.
        OutputError: on entering the block, the file cannot be read, written or locked, or holds
            something else.
    """

    def __init__(
        self, output_format: OutputFormat, file: Path | None = None, requested: Container[str] = ()
    ) -> None:
        if file is not None and isinstance(output_format, PlainFormat):
            raise UsageError(
                "--append: expected --csv or --json with it; plain text cannot be continued"
            )
        self._format = output_format
        self._path = file
        self._requested = requested
        self._file: AppendFile | None = None
        # What the file must hold before the first new result; None where it is that already.
        self._kept_text: str | None = None
        self._started = False
        self.finished: Set[str] = frozenset()
        self.has_rejected = False
        self.notice: str | None = None

    def write(self, result: Result) -> None:
        """Write one more result, and flush it.

        The first call removes from the file what is read again. So a run that fails before its
        first result changes nothing.

        Raises:
            OutputError: the file cannot be written.
        """
        self._start()
        self._write(self._format.format_result(result))

    def __enter__(self) -> Output:
        if self._path is not None:
            self._file = AppendFile(self._path)
            try:
                self._resume(self._path, self._file.read())
            except BaseException:
                self._file.close()
                raise
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self._start()  # a table without rows has a header, too
        finally:
            if self._file is not None:
                self._file.close()

    def _start(self) -> None:
        if self._started:
            return
        if self._file is not None and self._kept_text is not None:
            kept_text = self._kept_text or self._format.header()
            self._file.replace(kept_text.encode("utf-8", "surrogateescape"))
        elif self._file is None or self._file.is_empty:
            self._write(self._format.header())
        self._started = True

    def _write(self, text: str) -> None:
        if text and self._file is not None:
            # File names need not be UTF-8; their bytes are written unchanged.
            self._file.append(text.encode("utf-8", "surrogateescape"))
        elif text:
            sys.stdout.write(text)
            sys.stdout.flush()

    def _resume(self, file: Path, content: bytes) -> None:
        """Find out which results are in the file, and which of them stay.

        Two kinds are read again: those of pictures that could not be read, and those of the last
        picture, since an interrupted run may have left out some of its pages or numbers. Results
        of pictures that this run does not read stay; except those of the last picture, if an
        unfinished line may belong to it.
        """
        text = content.decode("utf-8", "surrogateescape")
        rows, unfinished_line = _parse_rows(file, text, self._format)
        last_picture = {rows[-1].image} if rows else set()
        failed_pictures = {row.image for row in rows if row.is_error}
        removed = {image for image in last_picture | failed_pictures if image in self._requested}
        if unfinished_line and rows and _may_continue(rows[-1], unfinished_line, self._format):
            removed |= last_picture
            if rows[-1].image not in self._requested:
                self.notice = (
                    f"{file}: the last line is incomplete, so answers of {rows[-1].image} may be"
                    " missing; its answers are removed, read it again"
                )
        removed.discard(STANDARD_INPUT)
        kept = [row for row in rows if row.image not in removed]
        header = self._format.header() if text.count("\n") else ""
        kept_text = header + "".join(row.text for row in kept)
        self._kept_text = kept_text if kept_text != text else None
        in_order = dict.fromkeys(row.image for row in kept if row.image != STANDARD_INPUT)
        self.finished = in_order.keys()
        self.has_rejected = any(
            row.has_rejected and row.image in self._requested and row.image in self.finished
            for row in kept
        )


def _may_continue(last_row: Row, unfinished_line: str, output_format: OutputFormat) -> bool:
    """Return whether an unfinished line may be of the same picture as the row before it."""
    cell = (
        csv_text([[escape_cell(last_row.image)]])[:-1]
        if isinstance(output_format, CsvFormat)
        else f'{{"image": {json.dumps(last_row.image)}'
    )
    return _is_prefix_of_either(unfinished_line, f"{cell},")


def _parse_rows(file: Path, text: str, output_format: OutputFormat) -> tuple[list[Row], str]:
    """Return the rows in a file of results, and the unfinished line at its end."""
    end = text.rfind("\n") + 1
    complete_lines, unfinished_line = text[:end], text[end:]
    if not complete_lines:
        expected_start = output_format.header() or '{"image"'
        if not _is_prefix_of_either(unfinished_line, expected_start):
            raise OutputError(
                f"{file}: not a file of answers as --json or --csv writes them;"
                f" {csv_rows.OTHER_FILE_HINT}"
            )
        return [], unfinished_line
    if isinstance(output_format, CsvFormat):
        rows, unfinished_row = csv_rows.parse_csv_rows(file, complete_lines, output_format.columns)
        return rows, unfinished_row + unfinished_line
    return list(csv_rows.parse_json_rows(file, complete_lines)), unfinished_line


def _is_prefix_of_either(first: str, second: str) -> bool:
    """Return whether one of two texts begins with the other."""
    return first.startswith(second) or second.startswith(first)
