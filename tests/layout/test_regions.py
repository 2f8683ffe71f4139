"""Where to read: regions on the command line, and forms in TOML."""

from __future__ import annotations

import re
from dataclasses import FrozenInstanceError
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.errors import UsageError
from numeye.layout.constraints.constraints import Constraints
from numeye.layout.regions import Form, Region, load_form, parse_region

EXAMPLES = "expected x,y,width,height in pixels or percent, such as 55%,80%,30%,6% or 120,40,300,60"

KEYS = "region, pattern, digits, check, decimals, range, date, decimal_mark"
A = '[a]\nregion = "1,2,3,4"\n'
COUNT = 'a whole number, or a text such as "1-3"'

FORM = """
blank = "blank.png"

[total]
region = "55%,80%,30%,6%"
digits = 5
check = "luhn"

["meter 2"]
region = "120,40,300,60"
pattern = "12###"

[date]
region = " 10%, 5, 20%, 30 "
"""


def written(folder: Path, text: str | bytes) -> Path:
    (folder / "blank.png").write_bytes(b"")
    path = folder / "form.toml"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


# --- one region


def test_pixels_stay_what_they_are() -> None:
    assert parse_region("120,40,300,60", 1).box(1000, 800) == (120, 40, 300, 60)


def test_percent_are_of_the_width_and_of_the_height() -> None:
    assert parse_region("55%,80%,30%,6%", 1).box(1000, 800) == (550, 640, 300, 48)
    assert parse_region("0%,0%,100%,100%", 1).box(1237, 951) == (0, 0, 1237, 951)


def test_pixels_and_percent_may_be_mixed() -> None:
    assert parse_region("10,50%,25%,30", 1).box(400, 200) == (10, 100, 100, 30)


def test_pixels_that_are_touched_are_in_it() -> None:
    assert parse_region("10.5,10.5,5,5.5", 1).box(100, 100) == (10, 10, 6, 6)
    assert parse_region("50.1%,50.1%,0.1%,0.1%", 1).box(100, 100) == (50, 50, 1, 1)


def test_a_region_is_cut_off_at_the_edges_of_the_picture() -> None:
    assert parse_region("90,-10,300,60", 1).box(100, 80) == (90, 0, 10, 50)
    assert parse_region("-10%,95%,500%,50%", 1).box(100, 80) == (0, 76, 100, 4)


@pytest.mark.parametrize(
    "text", ["100,0,5,5", "0,80,5,5", "-5,0,5,5", "0,-9%,5,5", "100%,0,1,1", "0,100%,1,1"]
)
def test_a_region_beyond_the_picture_is_an_error(text: str) -> None:
    message = f"region {text} lies outside the picture, which is 100x80 pixels"
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_region(f"total={text}", 1).box(100, 80)


def test_a_region_has_its_name_or_its_number() -> None:
    assert parse_region("1,2,3,4", 7).name == "region 7"
    assert parse_region(" total = 1,2,3,4", 7).name == "total"
    assert parse_region("a=b=1,2,3,4", 7).name == "a=b"


def test_a_region_of_the_command_line_has_no_constraints() -> None:
    region = parse_region("1,2%,3.5,4", 1)
    sides = ((1.0, False), (2.0, True), (3.5, False), (4.0, False))
    assert region == Region(name="region 1", sides=sides, pattern=None, digits=None, check=None)
    with pytest.raises(FrozenInstanceError):
        region.name = "other"  # type: ignore[misc]


side = st.tuples(st.floats(0.01, 1e5), st.booleans())


@given(st.tuples(side, side, side, side))
def test_the_text_of_a_region_parses_as_the_same_region(
    sides: tuple[tuple[float, bool], ...],
) -> None:
    region = Region(name="a", sides=sides)
    assert parse_region(f"a={region.text}", 1) == region


@given(st.tuples(*[st.integers(0, 3000)] * 2), st.tuples(*[st.integers(1, 3000)] * 2))
def test_a_box_in_percent_is_the_same_box(corner: tuple[int, int], size: tuple[int, int]) -> None:
    (x, y), (width, height) = corner, size
    whole = (x + width + 17, y + height + 5)
    values = [100 * part / of for part, of in zip((x, y, width, height), whole * 2, strict=True)]
    assert Region(name="a", sides=tuple((value, True) for value in values)).box(*whole) == (
        x,
        y,
        width,
        height,
    )


@given(st.tuples(side, side, side, side), st.integers(1, 500), st.integers(1, 500))
def test_a_box_is_never_empty_and_never_beyond_the_picture(
    sides: tuple[tuple[float, bool], ...], width: int, height: int
) -> None:
    try:
        x, y, across, down = Region(name="a", sides=sides).box(width, height)
    except UsageError:
        return
    assert 0 <= x < x + across <= width
    assert 0 <= y < y + down <= height


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", f"--region '': 0 of 4 numbers; {EXAMPLES}"),
        ("1,2,3", f"--region '1,2,3': 3 of 4 numbers; {EXAMPLES}"),
        ("a=1,2,3,4,5", f"--region 'a=1,2,3,4,5': 5 of 4 numbers; {EXAMPLES}"),
        ("1,2,x,4", f"--region '1,2,x,4': 'x' is not a number; {EXAMPLES}"),
        ("1,2,,4", f"--region '1,2,,4': '' is not a number; {EXAMPLES}"),
        ("1,2,%,4", f"--region '1,2,%,4': '%' is not a number; {EXAMPLES}"),
        ("1,2,3px,4", f"--region '1,2,3px,4': '3px' is not a number; {EXAMPLES}"),
        ("nan,2,3,4", f"--region 'nan,2,3,4': 'nan' is not a number; {EXAMPLES}"),
        ("1,2,inf,4", f"--region '1,2,inf,4': 'inf' is not a number; {EXAMPLES}"),
        ("1,2,1e3,4", f"--region '1,2,1e3,4': '1e3' is not a number; {EXAMPLES}"),
        ("1,2,3,٤", f"--region '1,2,3,٤': '٤' is not a number; {EXAMPLES}"),
        ("1,2,0,4", "--region '1,2,0,4': the width is 0, expected more than 0"),
        ("1,2,3,-4%", "--region '1,2,3,-4%': the height is -4%, expected more than 0"),
        (
            " =1,2,3,4",
            "--region ' =1,2,3,4': the name is ' ', expected one or more letters on one line",
        ),
        (
            "a\tb=1,2,3,4",
            (
                r"--region 'a\tb=1,2,3,4': the name is 'a\tb', expected one or more letters on one"
                r" line"
            ),
        ),
    ],
)
def test_anything_else_is_an_error_of_one_line(text: str, message: str) -> None:
    with pytest.raises(UsageError, match=f"^{re.escape(message)}$"):
        parse_region(text, 1)


def test_a_number_too_large_for_any_picture_is_an_error() -> None:
    with pytest.raises(UsageError, match="is not a number"):
        parse_region(f"{'9' * 400},2,3,4", 1)
    assert parse_region(f"0,0,{'9' * 300},{'9' * 300}%", 1).box(30, 20) == (0, 0, 30, 20)


# --- a form


def test_a_form_has_its_regions_in_the_order_of_the_file(tmp_path: Path) -> None:
    form = load_form(written(tmp_path, FORM))
    assert [region.name for region in form.regions] == ["total", "meter 2", "date"]
    assert [region.box(1000, 800) for region in form.regions] == [
        (550, 640, 300, 48),
        (120, 40, 300, 60),
        (100, 5, 200, 30),
    ]


def test_a_form_has_the_constraints_of_its_numbers(tmp_path: Path) -> None:
    total, meter, date = load_form(written(tmp_path, FORM)).regions
    assert (total.pattern, total.digits, total.check) == (None, 5, "luhn")
    assert (meter.pattern, meter.digits, meter.check) == ("12###", None, None)
    assert (date.pattern, date.digits, date.check) == (None, None, None)


def test_a_form_has_every_constraint_of_the_command_line(tmp_path: Path) -> None:
    (region,) = load_form(
        written(
            tmp_path,
            f"""{A}pattern = '\\d,\\d'
            digits = "1-3"
            check = "luhn"
            decimals = 1
            range = "-5..5:0.5"
            date = "dmy"
            decimal_mark = ","
            """,
        )
    ).regions
    assert region.constraints == Constraints(
        pattern=r"\d,\d",
        digits=(1, 3),
        check="luhn",
        decimals=1,
        range="-5..5:0.5",
        date="dmy",
        decimal_mark=",",
    )


def test_a_blank_lies_beside_its_form(tmp_path: Path) -> None:
    assert load_form(written(tmp_path, FORM)).blank == tmp_path / "blank.png"
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    form = written(elsewhere, '[a]\nregion = "1,2,3,4"').read_text()
    assert (
        load_form(written(elsewhere, f'blank = "../blank.png"\n{form}')).blank
        == elsewhere / "../blank.png"
    )
    assert (
        load_form(written(elsewhere, f"blank = '{tmp_path / 'blank.png'}'\n{form}")).blank
        == tmp_path / "blank.png"
    )


def test_a_form_needs_no_blank(tmp_path: Path) -> None:
    sides = tuple((float(value), False) for value in (1, 2, 3, 4))
    assert load_form(written(tmp_path, '[a]\nregion = "1,2,3,4"')) == Form(
        regions=(Region(name="a", sides=sides),)
    )


def test_a_form_of_another_editor_is_read(tmp_path: Path) -> None:
    assert (
        len(load_form(written(tmp_path, b"\xef\xbb\xbf[a]\r\nregion = '1,2,3,4'\r\n")).regions) == 1
    )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "",
            'no region in it; expected a table for each, such as [total] region = "55%,80%,30%,6%"',
        ),
        (
            'blank = "blank.png"',
            'no region in it; expected a table for each, such as [total] region = "55%,80%,30%,6%"',
        ),
        (
            f'blank = "none.png"\n{A}',
            "blank is 'none.png', expected a picture; there is no such file beside the form",
        ),
        (
            f'blank = ""\n{A}',
            "blank is '', expected a picture; there is no such file beside the form",
        ),
        (
            f'blank = "a\\u0000"\n{A}',
            r"blank is 'a\x00', expected a picture; there is no such file beside the form",
        ),
        (f"blank = 3\n{A}", "blank is 3, expected a text: the picture of the empty form"),
        (f"[blank]\n{A}", "blank is {}, expected a text: the picture of the empty form"),
        (f"total = 5\n{A}", "unknown key 'total'; expected blank, or a table for each region"),
        (
            '[[a]]\nregion = "1,2,3,4"',
            "unknown key 'a'; expected blank, or a table for each region",
        ),
        (
            f"{A}digit = 5",
            f"[a]: unknown key 'digit'; expected some of {KEYS}",
        ),
        (
            '[a.b]\nregion = "1,2,3,4"',
            f"[a]: unknown key 'b'; expected some of {KEYS}",
        ),
        ("[a]\ndigits = 5", f"[a]: no key 'region'; {EXAMPLES}"),
        ("[a]\nregion = [1, 2, 3, 4]", "[a]: region is [1, 2, 3, 4], expected a text"),
        (
            f'{A}digits = "5+"',
            "[a]: digits 5+: expected a number or a range, such as 5 or 1-3",
        ),
        (f"{A}digits = 5.0", f"[a]: digits is 5.0, expected {COUNT}"),
        (f"{A}digits = true", f"[a]: digits is True, expected {COUNT}"),
        (f"{A}digits = [1, 3]", f"[a]: digits is [1, 3], expected {COUNT}"),
        (f'{A}decimals = "1"', "[a]: decimals is '1', expected a whole number"),
        (f"{A}range = 100", "[a]: range is 100, expected a text"),
        (f"{A}date = true", "[a]: date is True, expected a text"),
        (f"{A}pattern = 12", "[a]: pattern is 12, expected a text"),
        (f"{A}check = 97", "[a]: check is 97, expected a text"),
        ('[a]\nregion = "1,2,3"', f"[a]: region '1,2,3': 3 of 4 numbers; {EXAMPLES}"),
        (
            '[a]\nregion = "1,2,0%,4"',
            "[a]: region '1,2,0%,4': the width is 0%, expected more than 0",
        ),
        (
            '[a]\nregion = "b=1,2,3,4"',
            f"[a]: region 'b=1,2,3,4': 'b=1' is not a number; {EXAMPLES}",
        ),
        (
            '[""]\nregion = "1,2,3,4"',
            "[]: the name is '', expected one or more letters on one line",
        ),
        (
            '["a\\nb"]\nregion = "1,2,3,4"',
            r"['a\nb']: the name is 'a\nb', expected one or more letters on one line",
        ),
    ],
)
def test_a_form_that_says_something_else_is_an_error_of_one_line(
    tmp_path: Path, text: str, message: str
) -> None:
    path = written(tmp_path, text)
    with pytest.raises(UsageError, match=f"^{re.escape(f'{path}: {message}')}$"):
        load_form(path)


@pytest.mark.parametrize("text", ["total", '[a]\nregion = "1', "[a]\n[a]", b"\xff\xfe[a]"])
def test_a_file_that_is_no_toml_is_an_error_of_one_line(tmp_path: Path, text: str | bytes) -> None:
    path = written(tmp_path, text)
    with pytest.raises(
        UsageError, match=rf"^{re.escape(str(path))}: not a form \(.+\); expected a TOML file$"
    ):
        load_form(path)


def test_a_missing_file_and_a_folder_are_errors_of_one_line(tmp_path: Path) -> None:
    with pytest.raises(
        UsageError,
        match=r"none\.toml: no such file; expected a TOML file with a table for each region$",
    ):
        load_form(tmp_path / "none.toml")
    with pytest.raises(UsageError, match=r": cannot be read \(Is a directory\)$"):
        load_form(tmp_path)
