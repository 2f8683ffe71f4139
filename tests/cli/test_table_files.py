"""The tables that `--out` writes."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from numeye.cli.table_files import TableFolder
from numeye.errors import OutputError
from numeye.results import Reading, Table, Unreadable

SCORES = Table(box=(0, 0, 9, 9), rows=(("~", "20.5", ""), ("1 250,00", "?", "-7")))
TOTALS = Table(box=(0, 9, 9, 9), rows=(("3", "4"),))


def reading(*tables: Table, **changes: Any) -> Reading:
    picture = np.zeros((9, 9), np.uint8)
    return Reading(**{"image": "a/scan.png", **changes}, digits=(), tables=tables, picture=picture)


def test_each_table_is_a_file_of_its_page(tmp_path: Path) -> None:
    folder = TableFolder(tmp_path / "out", written_before=["b/scan.png"])
    for result in (
        reading(SCORES, TOTALS),
        reading(TOTALS, page=1),
        reading(page=2),
        reading(TOTALS, image="-"),
        reading(TOTALS, image="b/scan.png", region="sum €"),
        Unreadable(image="c.png", error="c.png: damaged"),
    ):
        folder.add(result)
    files = {path.name: path.read_text("utf-8") for path in (tmp_path / "out").iterdir()}
    assert files == {
        "scan.png.2.page1.table1.csv": '~,20.5,\n"1 250,00",?,-7\n',
        "scan.png.2.page1.table2.csv": "3,4\n",
        "scan.png.2.page2.table1.csv": "3,4\n",
        "standard-input.page1.table1.csv": "3,4\n",
        "scan.png.page1.sum-.table1.csv": "3,4\n",
    }


def test_a_folder_that_cannot_be_made_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputError):
        TableFolder(tmp_path / "file")
    assert (tmp_path / "file").read_text() == "precious"
