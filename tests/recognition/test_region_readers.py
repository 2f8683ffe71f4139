"""Parts of a page: regions, the fields of a form, the cells of a grid.

Boxes are those of the whole page.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye.errors import MissingExtra, PictureError, UsageError
from numeye.io.images import Page
from numeye.layout import form_alignment
from numeye.layout.regions import Form, parse_region
from numeye.layout.tables import grid_detection
from numeye.recognition import page_reader
from numeye.recognition.page_reader import PageReader, PageReaderLimits
from numeye.recognition.region_readers import FormReader, GridReader
from numeye.recognition.score_fusion import ScoreFusion
from numeye.results import Number
from tests.recognition.test_page_reader import SIDE, detect, line, page, recognizer

TALL = 400  # pixels of a page


@pytest.fixture(autouse=True)
def _without_refining(monkeypatch: pytest.MonkeyPatch) -> None:
    """Turn refining off: the networks here know one scale only."""
    limits = PageReaderLimits(confident_number=0.0, max_refined_pixels=0)
    monkeypatch.setattr(page_reader, "LIMITS", limits)


def reader() -> PageReader:
    return PageReader(detect, recognizer(3, 0.0), ScoreFusion())  # type: ignore[arg-type]


def form(*texts: str) -> Form:
    return Form(
        regions=tuple(parse_region(text, number) for number, text in enumerate(texts, start=1))
    )


def test_each_region_is_read_separately_with_boxes_of_the_page() -> None:
    found = page(*line("407", 20, 30), *line("88", 220, 300), height=TALL)
    first, second = FormReader(reader(), form("total=0,0,100%,50%", "0,50%,100%,50%")).read(found)
    assert (first.region, first.text, second.region, second.text) == (
        "total",
        "407",
        "region 2",
        "88",
    )
    assert second.digits[0].box == pytest.approx((220, 300, SIDE, SIDE), abs=2)
    assert second.picture is found.grey
    assert first.to_dict()["region"] == "total"
    assert first.csv_rows()[0][-1] == "total"


def test_constraints_of_a_region_hold_only_there() -> None:
    found = page(*line("407", 20, 30), *line("88", 220, 300), height=TALL)
    given = form("0,0,100%,50%", "0,50%,100%,50%")
    strict = Form(regions=(given.regions[0], replace(given.regions[1], digits=3)))
    first, second = FormReader(reader(), strict).read(found)
    assert (first.rejected, second.rejected) == (None, "does not fit 3 digits")
    wrong = Form(regions=(replace(given.regions[0], check="lun"),))
    with pytest.raises(UsageError, match="region 1: check lun: expected one of luhn"):
        FormReader(reader(), wrong)


def test_a_region_outside_the_picture_is_an_error() -> None:
    with pytest.raises(PictureError, match="lies outside the picture"):
        FormReader(reader(), form("5000,0,10,10")).read(page())


def test_a_photograph_is_aligned_with_the_blank(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    blank = np.full((200, 300), 250, np.uint8)
    Image.fromarray(blank).save(tmp_path / "blank.png")
    found = page(*line("407", 220, 230), height=TALL, width=600)

    # photographed from twice as near
    def align(empty: np.ndarray, photo: np.ndarray) -> form_alignment.Alignment:
        assert empty.shape == blank.shape
        return form_alignment.Alignment(
            matrix=np.array([[2.0, 0, 0.5], [0, 2.0, 0.5], [0, 0, 1]]),
            blank_size=(300, 200),
            photo_size=(600, TALL),
        )

    monkeypatch.setattr("numeye.recognition.region_readers.form_alignment.align_form", align)
    asked = Form(regions=form("50,20,240,170").regions, blank=tmp_path / "blank.png")
    (reading,) = FormReader(reader(), asked).read(found)
    assert reading.text == "407"
    assert reading.digits[0].box == pytest.approx((220, 230, SIDE, SIDE), abs=3)


def test_a_grid_is_a_matrix(monkeypatch: pytest.MonkeyPatch) -> None:
    cell = 56
    corners = np.stack(np.meshgrid(np.arange(5) * cell, np.arange(6) * cell), axis=-1).astype(float)
    monkeypatch.setattr(
        "numeye.recognition.region_readers.grid_detection.detect_grid",
        lambda grey: grid_detection.Grid(corners),
    )
    found = page(
        (4, 12, 12),
        (7, 12 + 2 * cell, 12),
        (9, 12 + cell, 12 + 3 * cell),
        height=5 * cell,
        width=4 * cell,
    )
    (reading,) = GridReader(reader()).read(found)
    assert reading.tables[0].rows == (
        ("4", "", "7", ""),
        ("",) * 4,
        ("",) * 4,
        ("", "9", "", ""),
        ("",) * 4,
    )
    assert reading.text.splitlines()[0] == "4 _ 7 _"
    assert [(one.row, one.index, one.text) for one in reading.numbers] == [
        (0, 0, "4"),
        (0, 2, "7"),
        (3, 1, "9"),
    ]
    assert reading.digits[2].box == pytest.approx((12 + cell, 12 + 3 * cell, SIDE, SIDE), abs=3)
    assert reading.to_dict()["tables"][0]["rows"][0] == ["4", "", "7", ""]


def test_a_grid_on_its_side_is_turned_if_its_digits_are_doubtful(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    cell = 56
    asked: list[tuple[int, ...]] = []

    def detect_grid(grey: np.ndarray) -> grid_detection.Grid:
        high, wide = (round(side / cell) for side in grey.shape)
        x, y = np.meshgrid(np.arange(wide + 1) * cell, np.arange(high + 1) * cell)
        return grid_detection.Grid(np.stack([x, y], axis=-1).astype(float))

    class Reader(PageReader):
        """Is confident only for grids that are higher than wide."""

        def __init__(self) -> None:
            super().__init__(detect, recognizer(3, 0.0), ScoreFusion())  # type: ignore[arg-type]

        def read_cells(
            self, grey: np.ndarray, rows: list[int], columns: list[int]
        ) -> dict[tuple[int, int], Number]:
            found = super().read_cells(grey, rows, columns)
            sure = 0.9 if len(rows) > len(columns) else 0.3
            return {
                place: replace(
                    number,
                    characters=tuple(
                        replace(character, confidence=sure) for character in number.characters
                    ),
                )
                for place, number in found.items()
            }

        def find_quarter_turns(self, grey: np.ndarray) -> int:
            asked.append(grey.shape)
            return 1

    monkeypatch.setattr("numeye.recognition.region_readers.grid_detection.detect_grid", detect_grid)
    upright = page((4, 12, 12), (7, 12 + 2 * cell, 12), height=5 * cell, width=4 * cell)
    lying = replace(upright, grey=np.ascontiguousarray(np.rot90(upright.grey, -1)))
    (straight,), (turned,) = GridReader(Reader()).read(upright), GridReader(Reader()).read(lying)
    assert asked == [(4 * cell, 5 * cell)]
    assert turned.turned == 90
    assert [table.rows for table in turned.tables] == [table.rows for table in straight.tables]
    assert [digit.digit for digit in turned.digits] == [digit.digit for digit in straight.digits]
    (x, y, width, height), lying_box = straight.numbers[0].box, turned.numbers[0].box
    assert lying_box == (upright.grey.shape[0] - y - height, x, height, width)
    assert turned.numbers[0].quad is not None
    assert turned.picture is lying.grey


def test_tables_that_lie_flat_need_no_opencv(monkeypatch: pytest.MonkeyPatch) -> None:
    def detect_grid(grey: np.ndarray) -> grid_detection.Grid:
        raise MissingExtra("finding a grid", "forms")

    monkeypatch.setattr("numeye.recognition.region_readers.grid_detection.detect_grid", detect_grid)
    places = [
        (4 + column + row, 40 + 70 * column, 40 + 60 * row)
        for row in range(3)
        for column in range(2)
    ]
    found = page(*places, (9, 300, 300), height=TALL)
    for y in range(26, 240, 60):
        found.grey[y : y + 2, 26:168] = 210
    for x in (26, 96, 166):
        found.grey[26:208, x : x + 2] = 210
    (reading,) = GridReader(reader()).read(found)
    assert reading.text == "4 5\n5 6\n6 7"
    assert [(number.table, number.row, number.column) for number in reading.numbers] == [
        (0, row, column) for row in range(3) for column in range(2)
    ]
    plain = reader().read([found])[0]
    assert (plain.tables, plain.text) == (reading.tables, "4 5\n5 6\n6 7\n\n9")
    with pytest.raises(MissingExtra):
        GridReader(reader()).read(page((4, 40, 40), height=TALL))


def test_a_mark_in_one_cell_does_not_affect_the_next() -> None:
    def unsure(pixels: np.ndarray) -> np.ndarray:
        maps = detect(pixels)
        maps[:, 0] = np.where(maps[:, 1 + 2] > 5, -0.4, maps[:, 0])  # a 2 is hardly a digit
        return maps

    two = PageReader(unsure, recognizer(3, 0.0), ScoreFusion())  # type: ignore[arg-type]
    beside = page((2, 70, 60), (5, 110, 60), (2, 150, 60), height=200, width=240)
    (number,) = two.read_cells(beside.grey, [0, 200], [0, 100, 144, 240]).values()
    (together,) = two.read_cells(beside.grey, [0, 200], [0, 240]).values()
    assert (number.text, together.text) == ("5", "5")
    assert number.confidence > 0.8 > together.confidence


def test_a_page_without_a_grid_is_an_error() -> None:
    with pytest.raises(PictureError, match="no grid found"):
        GridReader(reader()).read(
            Page(name="a.png", index=0, grey=np.full((300, 300), 240, np.uint8))
        )
