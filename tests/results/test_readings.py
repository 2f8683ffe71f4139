from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageColor

from numeye.errors import OutputError
from numeye.io import spreadsheet_cells
from numeye.io.drawing import ACCEPTED_COLOUR, DOUBTFUL_COLOUR, REJECTED_COLOUR
from numeye.results import CSV_COLUMNS, Character, Digit, Number, Reading, Unreadable, to_csv

PROBABILITIES = (0.01, 0.0, 0.0, 0.0, 0.95, 0.0, 0.0, 0.0, 0.0, 0.04)
FOUR = Digit(digit=4, confidence=0.95, box=(3, 2, 14, 20), probabilities=PROBABILITIES)


def reading(*digits: Digit, height: int = 24, width: int = 20, **changes: Any) -> Reading:
    picture = np.full((height, width), 255, np.uint8)
    return Reading(**{"image": "a/ü 4.png", "digits": digits, "picture": picture, **changes})


def test_a_reading_is_its_text_and_the_product_of_its_confidences() -> None:
    result = reading(
        FOUR, Digit(digit=0, confidence=0.8, box=(1, 1, 1, 1), probabilities=PROBABILITIES)
    )
    assert (str(result), result.text, result.confidence) == ("40", "40", pytest.approx(0.76))


def test_the_json_of_a_reading_is_the_contract() -> None:
    stored = reading(FOUR, page=1).to_dict()
    assert stored == {
        "image": "a/ü 4.png",
        "page": 1,
        "text": "4",
        "confidence": 0.95,
        "rejected": None,
        "digits": [
            {
                "digit": 4,
                "confidence": 0.95,
                "box": [3, 2, 14, 20],
                "probabilities": list(PROBABILITIES),
            }
        ],
        "numbers": [],
        "tables": [],
    }
    assert list(stored) == [
        *("image", "page", "text", "confidence", "rejected", "digits", "numbers", "tables")
    ]
    assert list(stored["digits"][0]) == ["digit", "confidence", "box", "probabilities"]


@pytest.mark.parametrize("reason", ["blank", "not a digit"])
def test_a_rejected_reading_says_why_and_keeps_its_best_answers(reason: str) -> None:
    result = reading(FOUR, rejected=reason)
    assert (result.text, str(result), result.confidence) == ("", "", 0.0)
    stored = result.to_dict()
    assert (stored["text"], stored["confidence"], stored["rejected"]) == ("", 0.0, reason)
    assert stored["digits"] == [FOUR.to_dict()]
    assert reading(rejected=reason).to_dict()["digits"] == []


@pytest.mark.parametrize(
    "result",
    [
        reading(FOUR),
        reading(FOUR, rejected="not a digit"),
        reading(rejected="blank", image="-"),
        reading(FOUR, image='a "b"\n\t,.png'),
        Unreadable(image="a.png", error="a.png: damaged"),
    ],
)
def test_json_is_one_line_that_can_be_read_back(result: Reading | Unreadable) -> None:
    line = result.to_json()
    assert "\n" not in line
    assert json.loads(line) == result.to_dict()


def test_a_name_that_is_no_unicode_can_be_printed_as_json(tmp_path: Path) -> None:
    name = b"\xff.png".decode("utf-8", "surrogateescape")
    for result in (reading(FOUR, image=name), Unreadable(image=name, error=f"{name}: damaged")):
        assert json.loads(result.to_json().encode("utf-8"))["image"] == name


def test_an_unreadable_file_is_its_name_and_its_fault() -> None:
    assert Unreadable(image="a.png", error="a.png: empty").to_dict() == {
        "image": "a.png",
        "error": "a.png: empty",
    }


def test_the_table_has_a_row_a_number() -> None:
    awkward = 'a, "b"\n.png'
    readings = [
        reading(FOUR),
        reading(FOUR, rejected="not a digit", page=2),
        reading(rejected="blank", image=awkward),
    ]
    rows = list(csv.reader(io.StringIO(to_csv(readings))))
    assert rows == [
        list(CSV_COLUMNS),
        ["a/ü 4.png", "0", "", "0", "", "0", "4", "0.95", "3", "2", "14", "20", ""],
        ["a/ü 4.png", "2", "", "0", "", "0", "", "0.0", "3", "2", "14", "20", "not a digit"],
        [awkward, "0", "", "0", "", "0", "", "0.0", "", "", "", "", "blank"],
    ]
    assert to_csv(readings, header=False) == to_csv(readings).split("\n", 1)[1]
    assert to_csv(readings[:1]) == readings[0].to_csv()
    named = replace(readings[0], region="total")
    (row,) = csv.DictReader(io.StringIO(named.to_csv()))
    assert (list(row)[-1], row["region"]) == ("region", "total")


@pytest.mark.parametrize(
    "shape", [(1, 1), (1, 300), (300, 1), (28, 28), (159, 160), (3_000, 2_000)]
)
@pytest.mark.parametrize("rejected", [None, "not a digit"])
def test_a_picture_of_any_size_can_be_drawn_on(
    shape: tuple[int, int], rejected: str | None
) -> None:
    height, width = shape
    seven = Digit(digit=7, confidence=0.99, box=(0, 0, width, height), probabilities=PROBABILITIES)
    drawn = reading(seven, height=height, width=width, rejected=rejected).draw()
    assert drawn.mode == "RGB"
    assert drawn.width >= max(width, 100)
    assert drawn.height > max(height, 1)
    assert np.asarray(drawn.convert("L")).min() < 100


def test_the_longest_strip_is_drawn_on_without_wide_margins() -> None:
    seven = Digit(digit=7, confidence=0.99, box=(0, 0, 10, 10), probabilities=PROBABILITIES)
    assert reading(seven, height=40_000, width=300).draw().width <= 1_500
    assert reading(seven, height=40_000, width=1).draw().width <= 200


def colours(result: Reading) -> set[tuple[int, ...]]:
    return {colour for _, colour in result.draw().getcolors(1 << 24)}  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    ("confidence", "rejected", "colour"),
    [
        (0.95, None, ACCEPTED_COLOUR),
        (0.9, None, ACCEPTED_COLOUR),
        (0.89, None, DOUBTFUL_COLOUR),
        (0.95, "not a digit", REJECTED_COLOUR),
    ],
)
def test_a_box_is_coloured_by_how_sure_it_is(
    confidence: float, rejected: str | None, colour: str
) -> None:
    digit = Digit(
        digit=4, confidence=confidence, box=(30, 20, 140, 200), probabilities=PROBABILITIES
    )
    used_colours = colours(reading(digit, height=240, width=200, rejected=rejected))
    assert used_colours & {
        ImageColor.getrgb(item) for item in (ACCEPTED_COLOUR, DOUBTFUL_COLOUR, REJECTED_COLOUR)
    } == {ImageColor.getrgb(colour)}


def test_a_box_is_drawn_where_the_digit_stands() -> None:
    digit = Digit(digit=4, confidence=0.95, box=(30, 20, 140, 200), probabilities=PROBABILITIES)
    drawn = np.asarray(reading(digit, height=240, width=200).draw())
    down, across = np.nonzero((drawn == ImageColor.getrgb(ACCEPTED_COLOUR)).all(axis=2))
    assert (across.min(), down.min(), across.max(), down.max()) == (30, 20, 169, 219)


def test_the_drawing_is_saved_as_a_complete_png(tmp_path: Path) -> None:
    result = reading(FOUR)
    path = tmp_path / "deeper" / "overlay.png"
    result.save(path)
    result.save(str(path))
    assert [item.name for item in path.parent.iterdir()] == ["overlay.png"]
    with Image.open(path) as saved:
        assert saved.format == "PNG"
        assert np.array_equal(np.asarray(saved), np.asarray(result.draw()))


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputError, match="cannot be written .* choose another place"):
        reading(FOUR).save(tmp_path / "file" / "overlay.png")
    assert (tmp_path / "file").read_text() == "precious"


def test_readings_are_compared_by_what_they_say() -> None:
    assert reading(FOUR) == reading(FOUR, height=9)
    assert reading(FOUR) != reading(FOUR, rejected="not a digit")
    assert "picture" not in repr(reading(FOUR))


# --- pages of numbers


def digit(value: int, x: int, confidence: float = 0.98) -> Digit:
    return Digit(digit=value, confidence=confidence, box=(x, 5, 8, 12), probabilities=PROBABILITIES)


def number(text: str, x: int = 0, **changes: Any) -> Number:
    characters = tuple(
        Character.of_digit(digit(int(item), x + 10 * place)) for place, item in enumerate(text)
    )
    return Number(**{"characters": characters, "confidence": 0.9, **changes})


def page(*numbers: Number, **changes: Any) -> Reading:
    digits = [digit for number in numbers for digit in number.digits]
    return reading(*digits, numbers=numbers, height=60, width=200, **changes)


def test_spaces_separate_numbers_and_line_ends_separate_rows() -> None:
    result = page(number("407"), number("1250", 60, index=1), number("88", row=1))
    assert result.text == "407 1250\n88"
    assert result.confidence == pytest.approx(0.9**3)
    assert result.to_dict()["text"] == "407 1250\n88"


def test_a_number_that_is_rejected_alone_leaves_its_place_in_the_row() -> None:
    result = page(number("407", rejected="unsure between 0 and 6"), number("12", 60, index=1))
    assert result.text == "? 12"
    assert result.confidence == pytest.approx(0.9)
    stored = result.to_dict()["numbers"][0]
    assert (stored["text"], stored["confidence"], stored["rejected"]) == (
        "",
        0.9,
        "unsure between 0 and 6",
    )
    assert [digit["digit"] for digit in stored["digits"]] == [4, 0, 7]


def test_the_json_of_a_number_has_its_place_and_its_digits() -> None:
    stored = page(number("407", 20, row=2, index=1)).to_dict()
    assert list(stored["numbers"][0]) == [
        *("text", "kind", "value", "date", "alternatives", "struck_out", "confidence", "rejected"),
        *("row", "index", "column", "table", "box", "characters", "digits"),
    ]
    assert stored["numbers"][0]["box"] == [20, 5, 28, 12]
    assert stored["numbers"][0]["digits"] == stored["digits"]


def test_a_page_without_numbers_is_empty_and_says_why() -> None:
    result = page(rejected="blank")
    assert (result.text, result.confidence, result.to_dict()["numbers"]) == ("", 0.0, [])
    assert len(result.csv_rows()) == 1


def test_the_table_of_a_page_has_a_row_a_number_with_its_place() -> None:
    result = page(
        number("407"), number("12", 60, index=1, rejected="too blurred"), number("88", row=1)
    )
    rows = list(csv.DictReader(io.StringIO(result.to_csv())))
    assert [(row["row"], row["index"], row["text"], row["x"], row["rejected"]) for row in rows] == [
        ("0", "0", "407", "0", ""),
        ("0", "1", "", "60", "too blurred"),
        ("1", "0", "88", "0", ""),
    ]
    assert [row["confidence"] for row in rows] == ["0.9", "0.9", "0.9"]
    in_columns = page(
        replace(number("407"), column=0),
        replace(number("12", 60, index=1), column=3),
        number("5", row=1),
    )
    assert [row["column"] for row in csv.DictReader(io.StringIO(in_columns.to_csv()))] == [
        "0",
        "3",
        "",
    ]


def test_names_are_no_formulas_in_a_table_and_numbers_stay() -> None:
    names = [
        "=1+1.png",
        "+a.png",
        "-a.png",
        "@a.png",
        "\ta.png",
        "'=b.png",
        "-",
        "'a.png",
        "a=b.png",
        "-264.27",
    ]
    result = [replace(page(number("407")), image=name, region=name) for name in names]
    cells = [(row[0], row[-1]) for row in list(csv.reader(io.StringIO(to_csv(result))))[1:]]
    escaped = [
        *("'=1+1.png", "'+a.png", "'-a.png", "'@a.png", "'\ta.png", "''=b.png"),
        *("-", "'a.png", "a=b.png", "'-264.27"),
    ]
    assert cells == [(cell, cell) for cell in escaped]
    assert spreadsheet_cells.csv_text([["-264.27", 5, "=1"]]) == "-264.27,5,=1\n"


@given(st.text())
def test_a_name_is_read_back_from_its_cell(name: str) -> None:
    (row,) = csv.reader(
        io.StringIO(
            spreadsheet_cells.csv_text([[spreadsheet_cells.escape_cell(name), 1]]), newline=""
        )
    )
    assert spreadsheet_cells.unescape_cell(row[0]) == name


def test_a_page_is_drawn_with_every_digit_in_the_colour_of_its_number() -> None:
    result = page(number("40", 10), number("7", 150, index=1, rejected="too blurred"))
    assert ImageColor.getrgb(ACCEPTED_COLOUR) in colours(result)
    assert ImageColor.getrgb(REJECTED_COLOUR) in colours(result)


def test_a_notebook_shows_the_picture_and_the_text() -> None:
    shown = page(number("40"), number("7", row=1))._repr_html_()
    assert shown.startswith('<img src="data:image/png;base64,')
    assert shown.endswith('alt="40, 7">')
    assert 'alt="no digit found (blank)"' in reading(rejected="blank")._repr_html_()
