"""Where answers go: as plain text, JSON or CSV, to standard output or into a file that a later run goes on with."""

from __future__ import annotations

import csv
import io
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TextIO

from numeye import atomic
from numeye.errors import OutputError, UsageError
from numeye.results import CSV_COLUMNS, Reading, Unreadable, to_csv

REGION = "region"  # the last column of CSV, where regions are read

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

    Attributes:
        done: the pictures whose answers are in the file already.

    Raises:
        UsageError: plain text can't be gone on with.
        OutputError: the file cannot be read or written, or holds something else.
    """

    def __init__(self, how: Format, file: Path | None = None) -> None:
        self._how = how
        self._file = file
        self.done: frozenset[str] = frozenset()
        if file is not None:
            if isinstance(how, Plain):
                raise UsageError("--append: expected --csv or --json with it; plain text can't be gone on with")
            self.done = _go_on(how, file)
        self._stream: TextIO | None = None

    def add(self, answer: Answer) -> None:
        """Write one more and see to it that it is out."""
        self._write(self._how.lines(answer))

    def __enter__(self) -> Output:
        try:
            self._stream = sys.stdout if self._file is None else self._file.open("a", encoding="utf-8", newline="")
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


def _go_on(how: Format, file: Path) -> frozenset[str]:
    """The pictures that are done; what an interrupted run left of the last one is taken out of the file.

    The last picture may have more pages or numbers than were written, so it is read again.
    """
    if not file.is_file():
        return frozenset()
    try:
        text = file.read_bytes().decode("utf-8", "surrogateescape")
    except OSError as error:
        raise OutputError(f"{file}: cannot be read ({error.strerror or error})") from error
    whole = text[: text.rfind("\n") + 1]
    names = list(_json_names(file, whole)) if isinstance(how, Json) else list(_csv_names(file, whole, how.heading()))
    kept = [(name, end) for name, end in names if name != names[-1][0]]
    until = kept[-1][1] if kept else len(how.heading())
    if len(text) != until:
        atomic.write_bytes(file, whole[:until].encode("utf-8", "surrogateescape"))
    return frozenset(name for name, _ in kept)


def _json_names(file: Path, text: str) -> Iterator[tuple[str, int]]:
    """The picture of each line, and where the line ends."""
    end = 0
    for line in text.splitlines(keepends=True):
        end += len(line)
        try:
            yield str(json.loads(line)["image"]), end
        except (ValueError, KeyError, TypeError) as error:
            raise OutputError(
                f"{file}: not a file of answers as --json writes them; choose another with --append"
            ) from error


def _csv_names(file: Path, text: str, heading: str) -> Iterator[tuple[str, int]]:
    """The picture of each row, and where the row ends."""
    if text and not text.startswith(heading):
        raise OutputError(f"{file}: does not begin with the columns {heading.strip()}; choose another with --append")
    lines = text[len(heading) :].splitlines(keepends=True)
    end, waiting = len(heading), ""
    for line in lines:
        end, waiting = end + len(line), waiting + line
        if waiting.count('"') % 2 == 0:  # a name may go over several lines
            row = next(csv.reader(io.StringIO(waiting)), [])
            waiting = ""
            if row:
                yield row[0], end
