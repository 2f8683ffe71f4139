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
from numeye.scan import PageEyes
from numeye.weighing import Weighing
from test_scan import SIDE, line, looker, page, spotter

TALL = 400  # pixels of a page


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


def test_a_page_without_a_grid_is_said() -> None:
    with pytest.raises(PictureError, match="no grid found"):
        GridReader(eyes()).read(Page(name="a.png", index=0, grey=np.full((300, 300), 240, np.uint8)))
