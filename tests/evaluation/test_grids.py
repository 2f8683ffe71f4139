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
from numeye.evaluation.grids import evaluate_grids
from numeye.results import Character, Digit, Number, Reading, Table, Unreadable

PICTURE = np.zeros((4, 4), np.uint8)


def reading(*rows: str, rejected: str | None = None) -> Reading:
    """Cells as rows of digits, "." for an empty one."""

    def number(digit: int, row: int, column: int) -> Number:
        read = Digit(digit=digit, confidence=0.9, box=(0, 0, 1, 1), probabilities=(0.1,) * 10)
        place: dict[str, Any] = {"table": 0, "row": row, "column": column}
        characters = (Character.of_digit(read),)
        return Number(characters=characters, confidence=0.9, rejected=rejected, **place)

    numbers = tuple(
        number(int(cell), y, x)
        for y, row in enumerate(rows)
        for x, cell in enumerate(row)
        if cell != "."
    )
    cells = tuple(tuple(cell.replace(".", "") for cell in row) for row in rows)
    tables = (Table(box=(0, 0, 4, 4), rows=cells),)
    return Reading(image="a.png", digits=(), numbers=numbers, tables=tables, picture=PICTURE)


class FakeReader(Reader):
    """Gives the answers that it was made with."""

    def __init__(self, *answers: Reading | Unreadable) -> None:
        super().__init__()
        self._answers = answers

    def read_each(self, pictures: Any, *, grid: bool = False) -> Iterator[Reading | Unreadable]:
        assert grid
        return iter(self._answers)


def data(*labels: str) -> DataSet:
    return DataSet(name="own", pictures=[PICTURE] * len(labels), labels=labels)


def test_cells_are_counted_but_those_that_do_not() -> None:
    result = evaluate_grids(FakeReader(reading("12.", ".45")), data("103/?46"))
    assert (result.labels.tolist(), result.answers.tolist()) == (
        [1, 0, 3, 4, 6],
        [1, 2, 0, 4, 5],
    )
    figures = result.to_dict()
    assert (figures["n"], figures["correct"], figures["accuracy"]) == (5, 2, 40.0)
    assert (figures["precision"], figures["recall"], figures["f1"]) == (75.0, 75.0, 75.0)
    assert figures["digits_right"] == pytest.approx(200 / 3)
    assert "F1 75.00 %" in str(result)
    assert (figures["rejected"], figures["accuracy_accepted"]) == (0.0, 40.0)
    assert figures["ece"] == pytest.approx(40)  # 90 % confidence, right in two of four


def test_rejected_cells_are_reported_and_count_all_the_same() -> None:
    figures = evaluate_grids(
        FakeReader(reading("12..", rejected="unsure between 1 and 7")), data("1300")
    ).to_dict()
    assert (
        figures["n"],
        figures["correct"],
        figures["rejected"],
        figures["accuracy_accepted"],
    ) == (
        4,
        3,
        50.0,
        100.0,
    )
    assert evaluate_grids(FakeReader(reading("..")), data("10")).to_dict()["ece"] is None


def test_a_grid_that_was_not_found_counts_as_all_empty() -> None:
    answers = (Unreadable(image="a.png", error="a.png: no grid found"), reading("1"))
    result = evaluate_grids(FakeReader(*answers), data("1/0", "22/22"))
    assert result.answers.tolist() == [0] * 6
    assert result.to_dict()["recall"] == 0
    assert [line.split(": ")[1] for line in result.failed] == [
        "no grid found",
        "a grid of 1x1 cells, where one of 2x2 is",
    ]


def test_wrong_labels_and_readers_are_errors() -> None:
    with pytest.raises(DataError, match="the label '12/3' is no grid; expected rows of one length"):
        evaluate_grids(FakeReader(reading("1")), data("12/3"))
    with pytest.raises(UsageError, match="classic reads one digit a picture"):
        evaluate_grids(Reader("classic"), data("12/34"))


def test_mistakes_are_the_wrong_cells_surest_first_and_cut_out_of_the_picture() -> None:
    table = Path(__file__).parents[2] / "examples" / "numbers" / "table.png"
    label = "530070/600195/098003/800001"
    (read,) = Reader().read_each([table], grid=True)
    assert isinstance(read, Reading)
    result = evaluate_grids(
        FakeReader(read), DataSet(name="own", pictures=[table], labels=(label,))
    )
    assert result.mistake_indices().tolist() == [
        20
    ]  # the 4 of the last row, which the label says is empty
    tile = result.mistake_tile(20)
    assert tile.lines[0] == "empty read 4"
    assert tile.lines[1].startswith("no. 0, 4/3 (")
    assert max(tile.picture.shape) < max(read.picture.shape) / 3


def test_mistakes_of_a_grid_that_is_not_found_show_all_of_it(tmp_path: Path) -> None:
    result = evaluate_grids(FakeReader(reading("12", ".4")), data("12/24"))
    assert result.mistake_tile(2).picture.shape == PICTURE.shape
    with Image.open(result.save_mistakes(tmp_path)) as sheet:
        assert sheet.width > 96


def test_mistakes_show_cells_of_a_picture_that_cannot_be_read_as_nothing(tmp_path: Path) -> None:
    broken = tmp_path / "broken.png"
    broken.write_bytes(b"no picture")
    unread = DataSet(name="own", pictures=[broken], labels=("12/34",))
    result = evaluate_grids(
        FakeReader(Unreadable(image="broken.png", error="broken.png: not a picture")), unread
    )
    assert result.mistake_tile(0).picture.shape == (1, 1)
    assert result.save_mistakes(tmp_path).is_file()
