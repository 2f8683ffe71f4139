"""How well grids are read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from numeye import DataSet, Reader
from numeye.errors import DataError, UsageError
from numeye.grids import evaluate_grids
from numeye.results import Digit, Number, Reading, Unreadable

PICTURE = np.zeros((4, 4), np.uint8)


def reading(*rows: str, rejected: str | None = None) -> Reading:
    """Cells as rows of digits, "." for an empty one."""
    numbers = tuple(
        Number(digits=(Digit(digit=int(cell), confidence=0.9, box=(0, 0, 1, 1), probabilities=(0.1,) * 10),),
               confidence=0.9, row=y, index=x, rejected=rejected)
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
        if cell != "."
    )  # fmt: skip
    cells = tuple(tuple(cell.replace(".", "") for cell in row) for row in rows)
    return Reading(image="a.png", digits=(), numbers=numbers, cells=cells, picture=PICTURE)


class Told(Reader):
    """Answers what it is told."""

    def __init__(self, *answers: Reading | Unreadable) -> None:
        super().__init__()
        self._answers = answers

    def read_each(self, pictures: Any, *, grid: bool = False) -> Iterator[Reading | Unreadable]:
        assert grid
        return iter(self._answers)


def data(*labels: str) -> DataSet:
    return DataSet(name="own", pictures=[PICTURE] * len(labels), labels=labels)


def test_cells_are_counted_but_those_that_do_not() -> None:
    measured = evaluate_grids(Told(reading("12.", ".45")), data("103/?46"))
    assert (measured.labels.tolist(), measured.answers.tolist()) == ([1, 0, 3, 4, 6], [1, 2, 0, 4, 5])
    shown = measured.to_dict()
    assert (shown["n"], shown["correct"], shown["accuracy"]) == (5, 2, 40.0)
    assert (shown["precision"], shown["recall"], shown["f1"]) == (75.0, 75.0, 75.0)
    assert shown["digits_right"] == pytest.approx(200 / 3)
    assert "F1 75.00 %" in str(measured)
    assert (shown["rejected"], shown["accuracy_accepted"]) == (0.0, 40.0)
    assert shown["ece"] == pytest.approx(40)  # said with 90 %, right in two of four


def test_what_would_be_rejected_is_told_and_counts_all_the_same() -> None:
    shown = evaluate_grids(Told(reading("12..", rejected="unsure between 1 and 7")), data("1300")).to_dict()
    assert (shown["n"], shown["correct"], shown["rejected"], shown["accuracy_accepted"]) == (4, 3, 50.0, 100.0)
    assert evaluate_grids(Told(reading("..")), data("10")).to_dict()["ece"] is None


def test_a_grid_that_was_not_found_counts_as_all_empty() -> None:
    answers = (Unreadable(image="a.png", error="a.png: no grid found"), reading("1"))
    measured = evaluate_grids(Told(*answers), data("1/0", "22/22"))
    assert measured.answers.tolist() == [0] * 6
    assert measured.to_dict()["recall"] == 0
    assert [line.split(": ")[1] for line in measured.failed] == [
        "no grid found",
        "a grid of 1x1 cells, where one of 2x2 is",
    ]


def test_what_cannot_be_measured_is_said() -> None:
    with pytest.raises(DataError, match="the label '12/3' is no grid; expected rows of one length"):
        evaluate_grids(Told(reading("1")), data("12/3"))
    with pytest.raises(UsageError, match="classic reads one digit a picture"):
        evaluate_grids(Reader("classic"), data("12/34"))


def test_mistakes_are_the_wrong_cells_surest_first_and_cut_out_of_the_picture() -> None:
    table = Path(__file__).parent.parent / "examples" / "numbers" / "table.png"
    label = "530070/600195/098003/800001"
    (read,) = Reader().read_each([table], grid=True)
    assert isinstance(read, Reading)
    measured = evaluate_grids(Told(read), DataSet(name="own", pictures=[table], labels=(label,)))
    assert measured.worst().tolist() == [20]  # the 4 of the last row, which the label says is empty
    tile = measured.tile(20)
    assert tile.lines[0] == "empty read 4"
    assert tile.lines[1].startswith("no. 0, 4/3 (")
    assert max(tile.picture.shape) < max(read.picture.shape) / 3


def test_mistakes_of_a_grid_that_is_not_found_show_all_of_it(tmp_path: Path) -> None:
    measured = evaluate_grids(Told(reading("12", ".4")), data("12/24"))
    assert measured.tile(2).picture.shape == PICTURE.shape
    with Image.open(measured.save_mistakes(tmp_path)) as sheet:
        assert sheet.width > 96


def test_mistakes_show_cells_of_a_picture_that_cannot_be_read_as_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    unread = DataSet(name="own", pictures=[broken], labels=("12/34",))
    measured = evaluate_grids(Told(Unreadable(image="broken.png", error="broken.png: not a picture")), unread)
    assert measured.tile(0).picture.shape == (1, 1)
    assert measured.save_mistakes(tmp_path).is_file()
