"""Parts of a page: regions, the fields of a form, the cells of a grid; boxes are those of the whole page."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import forms, grid
from numeye.errors import PictureError, UsageError
from numeye.image import Page
from numeye.parts import FormReader, GridReader
from numeye.regions import Form, parse
from numeye.results import Number
from numeye.scan import PageEyes
from numeye.weighing import Weighing
from test_scan import SIDE, line, looker, page, spotter

TALL = 400  # pixels of a page


@pytest.fixture(autouse=True)
def _at_first_sight(monkeypatch: pytest.MonkeyPatch) -> None:
    """No second opinion: the networks here know one size only."""
    monkeypatch.setattr("numeye.scan.SURE", 0.0)


def eyes() -> PageEyes:
    return PageEyes(spotter, looker(3, 0.0), Weighing())  # type: ignore[arg-type]


def form(*texts: str) -> Form:
    return Form(regions=tuple(parse(text, number) for number, text in enumerate(texts, start=1)))


def test_each_region_is_read_alone_and_boxes_are_those_of_the_page() -> None:
    found = page(*line("407", 20, 30), *line("88", 220, 300), height=TALL)
    first, second = FormReader(eyes(), form("total=0,0,100%,50%", "0,50%,100%,50%")).read(found)
    assert (first.region, first.text, second.region, second.text) == ("total", "407", "region 2", "88")
    assert second.digits[0].box == pytest.approx((220, 300, SIDE, SIDE), abs=2)
    assert second.picture is found.grey
    assert first.to_dict()["region"] == "total"
    assert first.csv_rows()[0][-1] == "total"


def test_what_is_known_of_a_region_holds_there_alone() -> None:
    found = page(*line("407", 20, 30), *line("88", 220, 300), height=TALL)
    given = form("0,0,100%,50%", "0,50%,100%,50%")
    strict = Form(regions=(given.regions[0], replace(given.regions[1], digits=3)))
    first, second = FormReader(eyes(), strict).read(found)
    assert (first.rejected, second.rejected) == (None, "does not fit 3 digits")
    wrong = Form(regions=(replace(given.regions[0], check="lun"),))
    with pytest.raises(UsageError, match="region 1: check lun: expected one of luhn"):
        FormReader(eyes(), wrong)


def test_a_region_beyond_the_picture_is_said() -> None:
    with pytest.raises(PictureError, match="lies outside the picture"):
        FormReader(eyes(), form("5000,0,10,10")).read(page())


def test_a_photograph_is_laid_as_the_blank_lies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blank = np.full((200, 300), 250, np.uint8)
    Image.fromarray(blank).save(tmp_path / "blank.png")
    found = page(*line("407", 220, 230), height=TALL, width=600)

    def align(empty: np.ndarray, photo: np.ndarray) -> forms.Alignment:  # photographed from twice as near
        assert empty.shape == blank.shape
        return forms.Alignment(
            matrix=np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1]]), blank=(300, 200), photo=(600, TALL)
        )

    monkeypatch.setattr("numeye.parts.forms.align", align)
    asked = Form(regions=form("50,20,240,170").regions, blank=tmp_path / "blank.png")
    (reading,) = FormReader(eyes(), asked).read(found)
    assert reading.text == "407"
    assert reading.digits[0].box == pytest.approx((220, 230, SIDE, SIDE), abs=3)


def test_a_grid_is_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = 48
    corners = np.stack(np.meshgrid(np.arange(5) * cell, np.arange(6) * cell), axis=-1).astype(float)
    monkeypatch.setattr("numeye.parts.grid.find", lambda grey: grid.Grid(corners))
    found = page((4, 12, 12), (7, 12 + 2 * cell, 12), (9, 12 + cell, 12 + 3 * cell), height=5 * cell, width=4 * cell)
    (reading,) = GridReader(eyes()).read(found)
    assert reading.cells == (("4", "", "7", ""), ("",) * 4, ("",) * 4, ("", "9", "", ""), ("",) * 4)
    assert reading.text.splitlines()[0] == "4 . 7 ."
    assert reading.numbers is not None
    assert [(one.row, one.index, one.text) for one in reading.numbers] == [(0, 0, "4"), (0, 2, "7"), (3, 1, "9")]
    assert reading.digits[2].box == pytest.approx((12 + cell, 12 + 3 * cell, SIDE, SIDE), abs=3)
    assert reading.to_dict()["cells"][0] == ["4", "", "7", ""]


def test_a_grid_on_its_side_is_turned_where_its_digits_are_hardly_any(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = 48
    asked: list[tuple[int, ...]] = []

    def find(grey: np.ndarray) -> grid.Grid:
        high, wide = (round(side / cell) for side in grey.shape)
        x, y = np.meshgrid(np.arange(wide + 1) * cell, np.arange(high + 1) * cell)
        return grid.Grid(np.stack([x, y], axis=-1).astype(float))

    class Eyes(PageEyes):
        """Sure of what is higher than wide alone."""

        def __init__(self) -> None:
            super().__init__(spotter, looker(3, 0.0), Weighing())  # type: ignore[arg-type]

        def cells(self, grey: np.ndarray, rows: list[int], columns: list[int]) -> dict[tuple[int, int], Number]:
            found = super().cells(grey, rows, columns)
            sure = 0.9 if len(rows) > len(columns) else 0.3
            return {
                place: replace(number, digits=tuple(replace(digit, confidence=sure) for digit in number.digits))
                for place, number in found.items()
            }

        def quarter_turns(self, grey: np.ndarray) -> int:
            asked.append(grey.shape)
            return 1

    monkeypatch.setattr("numeye.parts.grid.find", find)
    upright = page((4, 12, 12), (7, 12 + 2 * cell, 12), height=5 * cell, width=4 * cell)
    lying = replace(upright, grey=np.ascontiguousarray(np.rot90(upright.grey, -1)))
    (straight,), (turned,) = GridReader(Eyes()).read(upright), GridReader(Eyes()).read(lying)
    assert asked == [(4 * cell, 5 * cell)]
    assert (turned.cells, turned.digits, turned.turned) == (straight.cells, straight.digits, 90)
    assert turned.picture.shape == upright.grey.shape


def test_a_mark_in_one_cell_is_no_doubt_about_the_next() -> None:
    def unsure(pixels: np.ndarray) -> np.ndarray:
        maps = spotter(pixels)
        maps[:, 0] = np.where(maps[:, 1 + 2] > 5, -0.4, maps[:, 0])  # a 2 is hardly a digit
        return maps

    two = PageEyes(unsure, looker(3, 0.0), Weighing())  # type: ignore[arg-type]
    beside = page((2, 70, 60), (5, 110, 60), (2, 150, 60), height=200, width=240)
    (number,) = two.cells(beside.grey, [0, 200], [0, 100, 144, 240]).values()
    (together,) = two.cells(beside.grey, [0, 200], [0, 240]).values()
    assert (number.text, together.text) == ("5", "5")
    assert number.confidence > 0.8 > together.confidence


def test_a_page_without_a_grid_is_said() -> None:
    with pytest.raises(PictureError, match="no grid found"):
        GridReader(eyes()).read(Page(name="a.png", index=0, grey=np.full((300, 300), 240, np.uint8)))
