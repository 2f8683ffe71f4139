"""The pictures that `--overlay` saves: each page with its answers drawn on it."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from numeye.cli.page_names import PageNames
from numeye.io import files
from numeye.results import Reading, Unreadable


class OverlayFolder:
    """A folder of pages with their answers drawn on them.

    No two pictures, pages or regions share a file name.

    Args:
        folder: it is made where it does not exist.
        drawn_before: pictures that an earlier run has drawn there, in their order.

    Raises:
        OutputError: the folder cannot be made or written in.
    """

    def __init__(self, folder: Path, drawn_before: Iterable[str] = ()) -> None:
        files.check_folder(folder)
        self.folder = folder
        self._names = PageNames(drawn_before)

    def add(self, reading: Reading | Unreadable) -> None:
        """Save one more page, under the name of its picture; nothing of an unreadable one.

        Raises:
            OutputError: the file cannot be written.
        """
        if isinstance(reading, Reading):
            reading.save(self.folder / f"{self._names.name(reading)}.read.png")
