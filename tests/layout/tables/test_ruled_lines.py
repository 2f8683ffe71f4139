"""The ruled lines of a page, and what is none."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.layout.tables.ruled_lines import RuledLines, find_ruled_lines
from tests.layout.tables.drawn_tables import Drawing, draw_table, random_rows


def drawn(**kinds: float) -> Drawing:
    return Drawing(width=560, height=460, text=26, **kinds)  # type: ignore[arg-type]


def table(drawing: Drawing, **kinds: object) -> RuledLines:
    draw_table(
        drawing,
        random_rows(1, 7, 4),
        left=50,
        top=40,
        cell=(110, 52),
        **kinds,  # type: ignore[arg-type]
    )
    return find_ruled_lines(drawing.grey, drawing.boxes)


def count(lines: RuledLines) -> tuple[int, int]:
    return len(lines.horizontal), len(lines.vertical)


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ({}, {}),
        ({"turn": 4.0}, {}),
        ({"turn": -3.0}, {}),
        ({"wobble": 3.0}, {}),
        ({"noise": 7.0}, {"ink": 215, "wide": 1.2}),
        ({}, {"ink": 30, "wide": 5.0}),
    ],
)
def test_lines_of_a_table_however_it_lies_and_is_ruled(
    page: dict[str, float], line: dict[str, float]
) -> None:
    assert count(table(drawn(**page), **line)) == (8, 5)


def test_places_are_those_of_the_page() -> None:
    drawing = drawn()
    lines = table(drawing)
    assert sorted(line.across.mean() for line in lines.horizontal) == pytest.approx(
        40 + 52 * np.arange(8), abs=1.5
    )
    assert all(line.start == pytest.approx(50, abs=6) for line in lines.horizontal)
    assert all(line.length == pytest.approx(7 * 52, abs=12) for line in lines.vertical)


def test_large_pages_have_the_same_lines() -> None:
    small = drawn(noise=0.0)
    lines = table(small)
    large = find_ruled_lines(np.kron(small.grey, np.ones((3, 3), np.uint8)), 3 * small.boxes)
    assert count(large) == count(lines) == (8, 5)
    assert large.text_height == 3 * lines.text_height


def test_light_lines_on_dark_paper() -> None:
    drawing = drawn()
    lines = table(drawing)
    assert count(find_ruled_lines(255 - drawing.grey, drawing.boxes)) == count(lines)


def test_columns_of_digits_are_no_lines() -> None:
    drawing = drawn()
    rows = [["1", "11", "7", "4"]] * 10
    draw_table(drawing, rows, left=50, top=20, cell=(110, 36), without="all")
    assert count(find_ruled_lines(drawing.grey, drawing.boxes)) == (0, 0)


def test_a_line_goes_on_behind_digits() -> None:
    drawing = drawn()
    drawing.line((30, 200), (530, 200))
    drawing.number("88888", 250, 200)
    (line,) = find_ruled_lines(drawing.grey, drawing.boxes).horizontal
    assert (line.start, line.stop) == pytest.approx((30, 530), abs=6)


def test_faint_lines_do_not_lead_on_into_noise() -> None:
    drawing = drawn(noise=8.0)
    lines = table(drawing, ink=205)
    assert max(line.stop for line in lines.vertical) < 40 + 7 * 52 + 26


def test_without_characters_there_is_no_measure() -> None:
    drawing = drawn()
    table(drawing)
    assert find_ruled_lines(drawing.grey, np.zeros((0, 4))) == RuledLines()


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (5, 5)])
def test_tiny_pictures_have_no_lines(shape: tuple[int, int]) -> None:
    lines = find_ruled_lines(np.full(shape, 200, np.uint8), np.array([[0.0, 0, 1, 1]]))
    assert count(lines) == (0, 0)
