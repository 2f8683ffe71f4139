"""The files that `--out` writes: each table as comma-separated values."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from numeye.cli.page_names import PageNames
from numeye.io import files
from numeye.io.spreadsheet_cells import csv_text
from numeye.results import Reading, Unreadable


class TableFolder:
    """A folder with one file a table, such as `scan.png.page1.table1.csv`.

    Pages and tables are counted from 1. Every file has a line a row of its table, and a cell for
    each cell: nothing for an empty one, "?" for a rejected number.

    Args:
        folder: it is made where it does not exist.
        written_before: pictures whose tables an earlier run has written there, in their order.

    Raises:
        OutputError: the folder cannot be made or written in.
    """

    def __init__(self, folder: Path, written_before: Iterable[str] = ()) -> None:
        files.check_folder(folder)
        self.folder = folder
        self._names = PageNames(written_before, number_all=True)

    def add(self, reading: Reading | Unreadable) -> None:
        """Write the tables of one more page; nothing of an unreadable one.

        Raises:
            OutputError: a file cannot be written.
        """
        if isinstance(reading, Unreadable):
            return
        name = self._names.name(reading)
        for number, table in enumerate(reading.tables, start=1):
            path = self.folder / f"{name}.table{number}.csv"
            files.write_bytes(path, csv_text(table.rows).encode())
