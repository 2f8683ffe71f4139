from __future__ import annotations

import csv
import io
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageColor

from numeye.drawing import DOUBTFUL, REJECTED, SURE
from numeye.errors import OutputError
from numeye.results import CSV_COLUMNS, Digit, Number, Overlays, Reading, Unreadable, to_csv

PROBABILITIES = (0.01, 0.0, 0.0, 0.0, 0.95, 0.0, 0.0, 0.0, 0.0, 0.04)
FOUR = Digit(digit=4, confidence=0.95, box=(3, 2, 14, 20), probabilities=PROBABILITIES)


def reading(*digits: Digit, height: int = 24, width: int = 20, **changes: Any) -> Reading:
    picture = np.full((height, width), 255, np.uint8)
    return Reading(**{"image": "a/ü 4.png", "digits": digits, "picture": picture, **changes})


def test_a_reading_is_its_text_and_the_product_of_its_confidences() -> None:
    found = reading(FOUR, Digit(digit=0, confidence=0.8, box=(1, 1, 1, 1), probabilities=PROBABILITIES))
    assert (str(found), found.text, found.confidence) == ("40", "40", pytest.approx(0.76))


def test_the_json_of_a_reading_is_the_contract() -> None:
    stored = reading(FOUR, page=1).to_dict()
    assert stored == {
        "image": "a/ü 4.png",
        "page": 1,
        "text": "4",
        "confidence": 0.95,
        "rejected": None,
        "digits": [{"digit": 4, "confidence": 0.95, "box": [3, 2, 14, 20], "probabilities": list(PROBABILITIES)}],
    }
    assert list(stored) == ["image", "page", "text", "confidence", "rejected", "digits"]
    assert list(stored["digits"][0]) == ["digit", "confidence", "box", "probabilities"]


@pytest.mark.parametrize("reason", ["blank", "not a digit"])
def test_a_rejected_reading_says_why_and_keeps_its_best_answers(reason: str) -> None:
    found = reading(FOUR, rejected=reason)
    assert (found.text, str(found), found.confidence) == ("", "", 0.0)
    stored = found.to_dict()
    assert (stored["text"], stored["confidence"], stored["rejected"]) == ("", 0.0, reason)
    assert stored["digits"] == [FOUR.to_dict()]
    assert reading(rejected=reason).to_dict()["digits"] == []


@pytest.mark.parametrize(
    "found",
    [
        reading(FOUR),
        reading(FOUR, rejected="not a digit"),
        reading(rejected="blank", image="-"),
        reading(FOUR, image='a "b"\n\t,.png'),
        Unreadable(image="a.png", error="a.png: damaged"),
    ],
)
def test_json_is_one_line_that_can_be_read_back(found: Reading | Unreadable) -> None:
    line = found.to_json()
    assert "\n" not in line
    assert json.loads(line) == found.to_dict()


def test_a_name_that_is_no_unicode_can_be_printed_as_json(tmp_path: Path) -> None:
    name = b"\xff.png".decode("utf-8", "surrogateescape")
    for found in (reading(FOUR, image=name), Unreadable(image=name, error=f"{name}: damaged")):
        assert json.loads(found.to_json().encode("utf-8"))["image"] == name


def test_an_unreadable_file_is_its_name_and_its_fault() -> None:
    assert Unreadable(image="a.png", error="a.png: empty").to_dict() == {"image": "a.png", "error": "a.png: empty"}


def test_no_two_pages_or_regions_share_an_overlay_and_an_earlier_runs_names_stay(tmp_path: Path) -> None:
    overlays = Overlays(tmp_path, before=["a/x.png"])
    for changes in (
        {"image": "b/x.png"},
        {"image": "b/x.png", "page": 1},
        {"image": "b/x.png", "region": "sum €"},
        {"image": "b/x.png", "region": "sum $"},
        {"image": "a/x.png"},
        {"image": "a/x.png"},  # the same once more
    ):
        overlays.add(reading(FOUR, **changes))
    names = {path.name.removesuffix(".read.png") for path in tmp_path.iterdir()}
    assert names == {"x.png", "x.png.2", "x.png.2.page2", "x.png.2.sum-", "x.png.2.sum-.2"}


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
        ["a/ü 4.png", "0", "0", "0", "4", "0.95", "3", "2", "14", "20", ""],
        ["a/ü 4.png", "2", "0", "0", "", "0.0", "3", "2", "14", "20", "not a digit"],
        [awkward, "0", "0", "0", "", "0.0", "", "", "", "", "blank"],
    ]
    assert to_csv(readings, header=False) == to_csv(readings).split("\n", 1)[1]
    assert to_csv(readings[:1]) == readings[0].to_csv()
    named = replace(readings[0], region="total")
    (row,) = csv.DictReader(io.StringIO(named.to_csv()))
    assert (list(row)[-1], row["region"]) == ("region", "total")


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (300, 1), (28, 28), (159, 160), (3_000, 2_000)])
@pytest.mark.parametrize("rejected", [None, "not a digit"])
def test_a_picture_of_any_size_can_be_drawn_on(shape: tuple[int, int], rejected: str | None) -> None:
    height, width = shape
    whole = Digit(digit=7, confidence=0.99, box=(0, 0, width, height), probabilities=PROBABILITIES)
    drawn = reading(whole, height=height, width=width, rejected=rejected).draw()
    assert drawn.mode == "RGB"
    assert drawn.width >= max(width, 100)
    assert drawn.height > max(height, 1)
    assert np.asarray(drawn.convert("L")).min() < 100


def test_the_longest_strip_is_drawn_on_without_wide_margins() -> None:
    whole = Digit(digit=7, confidence=0.99, box=(0, 0, 10, 10), probabilities=PROBABILITIES)
    assert reading(whole, height=40_000, width=300).draw().width <= 1_500
    assert reading(whole, height=40_000, width=1).draw().width <= 200


def colours(found: Reading) -> set[tuple[int, ...]]:
    return {colour for _, colour in found.draw().getcolors(1 << 24)}  # type: ignore[misc, union-attr]


@pytest.mark.parametrize(
    ("confidence", "rejected", "colour"),
    [(0.95, None, SURE), (0.9, None, SURE), (0.89, None, DOUBTFUL), (0.95, "not a digit", REJECTED)],
)
def test_a_box_is_coloured_by_how_sure_it_is(confidence: float, rejected: str | None, colour: str) -> None:
    digit = Digit(digit=4, confidence=confidence, box=(30, 20, 140, 200), probabilities=PROBABILITIES)
    seen = colours(reading(digit, height=240, width=200, rejected=rejected))
    assert seen & {ImageColor.getrgb(one) for one in (SURE, DOUBTFUL, REJECTED)} == {ImageColor.getrgb(colour)}


def test_a_box_is_drawn_where_the_digit_stands() -> None:
    digit = Digit(digit=4, confidence=0.95, box=(30, 20, 140, 200), probabilities=PROBABILITIES)
    drawn = np.asarray(reading(digit, height=240, width=200).draw())
    down, across = np.nonzero((drawn == ImageColor.getrgb(SURE)).all(axis=2))
    assert (across.min(), down.min(), across.max(), down.max()) == (30, 20, 169, 219)


def test_what_is_drawn_is_saved_whole_as_png(tmp_path: Path) -> None:
    found = reading(FOUR)
    path = tmp_path / "deeper" / "overlay.png"
    found.save(path)
    found.save(str(path))
    assert [one.name for one in path.parent.iterdir()] == ["overlay.png"]
    with Image.open(path) as saved:
        assert saved.format == "PNG"
        assert np.array_equal(np.asarray(saved), np.asarray(found.draw()))


def test_a_place_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("precious")
    with pytest.raises(OutputError, match="cannot be written .* choose another place"):
        reading(FOUR).save(tmp_path / "file" / "overlay.png")
    assert (tmp_path / "file").read_text() == "precious"


def test_readings_are_compared_by_what_they_say() -> None:
    assert reading(FOUR) == reading(FOUR, height=9)
    assert reading(FOUR) != reading(FOUR, rejected="not a digit")
    assert "picture" not in repr(reading(FOUR))


# --- pages of numbers --------------------------------------------------------------------------------------------


def digit(value: int, x: int, confidence: float = 0.98) -> Digit:
    return Digit(digit=value, confidence=confidence, box=(x, 5, 8, 12), probabilities=PROBABILITIES)


def number(text: str, x: int = 0, **changes: Any) -> Number:
    digits = tuple(digit(int(one), x + 10 * place) for place, one in enumerate(text))
    return Number(**{"digits": digits, "confidence": 0.9, **changes})


def page(*numbers: Number, **changes: Any) -> Reading:
    digits = [digit for number in numbers for digit in number.digits]
    return reading(*digits, numbers=numbers, height=60, width=200, **changes)


def test_numbers_are_parted_by_spaces_and_rows_by_line_ends() -> None:
    found = page(number("407"), number("1250", 60, index=1), number("88", row=1))
    assert found.text == "407 1250\n88"
    assert found.confidence == pytest.approx(0.9**3)
    assert found.to_dict()["text"] == "407 1250\n88"


def test_a_number_that_is_rejected_alone_leaves_its_place_in_the_row() -> None:
    found = page(number("407", rejected="unsure between 0 and 6"), number("12", 60, index=1))
    assert found.text == "? 12"
    assert found.confidence == pytest.approx(0.9)
    told = found.to_dict()["numbers"][0]
    assert (told["text"], told["confidence"], told["rejected"]) == ("", 0.0, "unsure between 0 and 6")
    assert [digit["digit"] for digit in told["digits"]] == [4, 0, 7]


def test_the_json_of_a_number_has_its_place_and_its_digits() -> None:
    stored = page(number("407", 20, row=2, index=1)).to_dict()
    assert list(stored) == ["image", "page", "text", "confidence", "rejected", "digits", "numbers"]
    assert list(stored["numbers"][0]) == ["text", "confidence", "rejected", "box", "row", "index", "digits"]
    assert stored["numbers"][0]["box"] == [20, 5, 28, 12]
    assert stored["numbers"][0]["digits"] == stored["digits"]


def test_a_page_without_numbers_is_empty_and_says_why() -> None:
    found = page(rejected="blank")
    assert (found.text, found.confidence, found.to_dict()["numbers"]) == ("", 0.0, [])
    assert len(found.csv_rows()) == 1


def test_the_table_of_a_page_has_a_row_a_number_with_its_place() -> None:
    found = page(number("407"), number("12", 60, index=1, rejected="too blurred"), number("88", row=1))
    rows = list(csv.DictReader(io.StringIO(found.to_csv())))
    assert [(row["row"], row["index"], row["text"], row["x"], row["rejected"]) for row in rows] == [
        ("0", "0", "407", "0", ""),
        ("0", "1", "", "60", "too blurred"),
        ("1", "0", "88", "0", ""),
    ]
    assert [row["confidence"] for row in rows] == ["0.9", "0.0", "0.9"]


def test_a_page_is_drawn_with_every_digit_in_the_colour_of_its_number() -> None:
    found = page(number("40", 10), number("7", 150, index=1, rejected="too blurred"))
    assert ImageColor.getrgb(SURE) in colours(found)
    assert ImageColor.getrgb(REJECTED) in colours(found)


def test_a_notebook_shows_the_picture_and_the_text() -> None:
    shown = page(number("40"), number("7", row=1))._repr_html_()
    assert shown.startswith('<img src="data:image/png;base64,')
    assert shown.endswith('alt="40, 7">')
    assert 'alt="no digit found (blank)"' in reading(rejected="blank")._repr_html_()
