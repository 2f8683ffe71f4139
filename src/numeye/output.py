"""Where answers go: as plain text, JSON or CSV, to standard output or into a file that a later run goes on with."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Container, Iterator
from pathlib import Path
from typing import NamedTuple, TextIO

from numeye import atomic
from numeye.errors import OutputError, UsageError
from numeye.results import CSV_COLUMNS, REGION, Reading, Unreadable, to_csv

REJECTED_COLUMN = CSV_COLUMNS.index("rejected")
STANDARD_INPUT = "-"  # another picture every time, which nobody can go on with

Answer = Reading | Unreadable


class Plain:
    """A line a row of digits; with several pictures, regions or both, their names and tabs before it.

    Args:
        several: whether there is more than one picture.
    """

    def __init__(self, several: bool) -> None:
        self._several = several
        self._silent: str | None = None  # the picture whose pages so far had no digit

    def heading(self) -> str:
        """None."""
        return ""

    def lines(self, answer: Answer) -> str:
        """A page without digits has an empty line where there is more than one page, so that they can be told apart."""
        if isinstance(answer, Unreadable):
            return ""
        names = [*([answer.image] if self._several else []), *([answer.region] if answer.region is not None else [])]
        if names:
            return "".join("\t".join([*names, row]) + "\n" for row in answer.text.split("\n"))
        before = "\n" * answer.page if answer.page and self._silent == answer.image else ""
        if not answer.text and not answer.page:
            self._silent = answer.image
            return ""
        self._silent = None
        return before + answer.text + "\n"


class Json:
    """One object a line."""

    def heading(self) -> str:
        """None."""
        return ""

    def lines(self, answer: Answer) -> str:
        """Also of what could not be read."""
        return answer.to_json() + "\n"


class Csv:
    """A row a number.

    Args:
        regions: whether there is a column for their names.
    """

    def __init__(self, regions: bool = False) -> None:
        self._columns = (*CSV_COLUMNS, REGION) if regions else CSV_COLUMNS

    def heading(self) -> str:
        """The names of the columns."""
        return ",".join(self._columns) + "\n"

    def lines(self, answer: Answer) -> str:
        """Nothing for what could not be read."""
        return "" if isinstance(answer, Unreadable) else to_csv([answer], header=False)


Format = Plain | Json | Csv


class Output:
    """Writes answers as they come.

    Args:
        how: the format.
        file: appended to, and gone on with where an earlier run was cut off; None for standard output.
        asked: the pictures that are to be read now.

    Attributes:
        done: the pictures whose answers are in the file already, in the order in which they are there.
        doubtful: whether something was rejected in those of these answers that are asked for.

    Raises:
        UsageError: plain text can't be gone on with.
        OutputError: the file cannot be read or written, or holds something else.
    """

    def __init__(self, how: Format, file: Path | None = None, asked: Container[str] = ()) -> None:
        self._how = how
        self._file = file
        self._left: str | None = None
        kept: list[_Row] = []
        if file is not None:
            if isinstance(how, Plain):
                raise UsageError("--append: expected --csv or --json with it; plain text can't be gone on with")
            kept, self._left = _go_on(how, file, asked)
        self.done = dict.fromkeys(row.image for row in kept if row.image != STANDARD_INPUT).keys()
        self.doubtful = any(row.doubtful and row.image in asked and row.image in self.done for row in kept)
        self._stream: TextIO | None = None

    def add(self, answer: Answer) -> None:
        """Write one more and see to it that it is out.

        Before the first one, what is read again is taken out of the file: a run that fails at once changes nothing.
        """
        if self._file is not None and self._left is not None and self._stream is not None:
            self._stream.close()
            left = self._left or self._how.heading()
            atomic.write_bytes(self._file.resolve(), left.encode("utf-8", "surrogateescape"))
            self._stream, self._left = _to_be_added_to(self._file), None
        self._write(self._how.lines(answer))

    def __enter__(self) -> Output:
        try:
            self._stream = sys.stdout if self._file is None else _to_be_added_to(self._file)
        except OSError as error:
            raise OutputError(f"{self._file}: cannot be written ({error.strerror or error})") from error
        if self._file is None or not self._file.stat().st_size:
            self._write(self._how.heading())
        return self

    def __exit__(self, *_: object) -> None:
        if self._stream is not None and self._file is not None:
            self._stream.close()

    def _write(self, text: str) -> None:
        if text and self._stream is not None:
            self._stream.write(text)
            self._stream.flush()


def _to_be_added_to(file: Path) -> TextIO:
    """Names of files need not be UTF-8; they are written as they are."""
    return file.open("a", encoding="utf-8", errors="surrogateescape", newline="")


def _go_on(how: Json | Csv, file: Path, asked: Container[str]) -> tuple[list[_Row], str | None]:
    """The answers that stay, and what is to be left in the file; None where that is all of it.

    Those that are to be read again are the last one, which may have more pages or numbers than an interrupted run
    wrote, and those that could not be read. What is not asked for now stays as it is, but for the last one before a
    line that was cut off: it is not known whether it was all there.
    """
    if not file.is_file():
        return [], None
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise OutputError(f"{file}: cannot be read ({error.strerror or error})") from error
    end = text.rfind("\n") + 1
    heading = how.heading() if end else ""
    rows = list((_json_rows if isinstance(how, Json) else _csv_rows)(file, text[:end], heading))
    begins = how.heading() or '{"image"'
    if not end and text and not (text.startswith(begins) or begins.startswith(text)):
        raise OutputError(f"{file}: {NOT_OURS[type(how)]}; choose another with --append")
    last = {rows[-1].image} if rows else set()
    again = {image for image in last | {row.image for row in rows if row.failed} if image in asked}
    if text[end:]:  # what was cut off may have been more of the last one
        again |= last
    again.discard(STANDARD_INPUT)
    kept = [row for row in rows if row.image not in again]
    left = heading + "".join(row.text for row in kept)
    return kept, left if left != text else None


NOT_OURS: dict[type, str] = {
    Json: "not a file of answers as --json writes them",
    Csv: "not a table of answers as --csv writes them",
}


class _Row(NamedTuple):
    """A line of a file of answers, or several: the picture, what became of it, and the text."""

    image: str
    failed: bool
    doubtful: bool
    text: str


def _json_rows(file: Path, text: str, _: str) -> Iterator[_Row]:
    for line in io.StringIO(text, newline="\n"):
        try:
            told = json.loads(line)
            doubtful = [told.get("rejected"), *(number.get("rejected") for number in told.get("numbers") or ())]
            yield _Row(str(told["image"]), "error" in told, any(doubtful), line)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise OutputError(f"{file}: {NOT_OURS[Json]}; choose another with --append") from error


def _csv_rows(file: Path, text: str, heading: str) -> Iterator[_Row]:
    if not text.startswith(heading):
        raise OutputError(f"{file}: does not begin with the columns {heading.strip()}; choose another with --append")
    waiting = ""
    for line in io.StringIO(text[len(heading) :], newline="\n"):
        waiting += line
        if waiting.count('"') % 2 == 0:  # a name may go over several lines
            row = next(csv.reader(io.StringIO(waiting, newline="")), [])
            if len(row) > REJECTED_COLUMN:
                yield _Row(row[0], False, bool(row[REJECTED_COLUMN]), waiting)
            elif row:
                raise OutputError(f"{file}: {NOT_OURS[Csv]}; choose another with --append")
            waiting = ""
