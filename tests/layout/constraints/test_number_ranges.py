"""Numbers by their value: compared with loops over Python's decimal numbers."""

from __future__ import annotations

from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.layout.constraints.automaton import accepts
from numeye.layout.constraints.number_ranges import NumberAutomaton, NumberRange, parse_range


def automaton(text: str | None = None, **options: object) -> NumberAutomaton:
    return NumberAutomaton(None if text is None else parse_range(text), **options)  # type: ignore[arg-type]


def in_range(values: NumberRange, value: Decimal) -> bool:
    is_step = values.step is None or (value - values.low) % values.step == 0
    return values.low <= value <= values.high and is_step


@pytest.mark.parametrize(
    "text",
    [
        "0..100",
        "-5..5",
        "-5..5:0.5",
        "0..100:0.5",
        "17..83",
        "17..83:3",
        "-83..-17:4",
        "1..12",
        "0..0",
        "-0.5..0.5:0.25",
        "0.05..9.95:0.15",
        "-120.7..99.3",
        "999..1001",
        "40..2040:200",
    ],
)
def test_a_range_accepts_what_python_finds_in_it(text: str) -> None:
    values, ranged = parse_range(text), automaton(text)
    width = values.whole_digits
    around = {bound + offset for bound in (values.low, values.high) for offset in range(-3, 4)}
    numbers = {*range(-40, 41), *map(int, around), *range(-1250, 1250, 37)}
    for number in numbers:
        for fraction in ("", ".0", ".5", ".05", ".25", ".70", ".95"):
            written = f"{number}{fraction}"
            fits = in_range(values, Decimal(written))
            fits = fits and len(written.lstrip("-").split(".")[0]) <= width
            assert accepts(ranged, written) == fits, written


@settings(max_examples=30)
@given(st.integers(-99999, 99999), st.integers(0, 99999), st.integers(0, 3), st.data())
def test_any_range_accepts_what_python_finds_in_it(
    start: int, length: int, decimals: int, data: st.DataObject
) -> None:
    low, high = (Decimal(bound).scaleb(-decimals) for bound in (start, start + length))
    step = data.draw(
        st.none() | st.integers(1, 40).map(lambda step: Decimal(step).scaleb(-decimals))
    )
    text = f"{low:f}..{high:f}" + (f":{step:f}" if step else "")
    values, ranged = parse_range(text), automaton(text)
    for _ in range(5):
        places = data.draw(st.integers(0, 4))
        near = data.draw(st.sampled_from([low, high, (low + high) / 2])).scaleb(places)
        value = Decimal(int(near) + data.draw(st.integers(-30, 30))).scaleb(-places)
        written = f"{value:.{places}f}"
        whole = written.lstrip("-").split(".")[0]
        is_minus_zero = value == 0 and written.startswith("-") and low >= 0
        fits = in_range(values, value) and len(whole) <= values.whole_digits
        assert accepts(ranged, written) == (fits and not is_minus_zero), (text, written)


@pytest.mark.parametrize("count", [0, 1, 2, 3])
def test_so_many_decimals_and_no_other_number_of_them(count: int) -> None:
    for decimals in range(5):
        written = f"{Decimal(1234567).scaleb(-decimals):.{decimals}f}"
        for options in ({}, {"text": "0..9999999"}):
            assert accepts(automaton(decimals=count, **options), written) == (count == decimals)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "1250",
            "1,250",
            "1.250",
            "1'250",
            "1,250.00",
            "1.250,00",
            "1'250.00",
            "1250.5",
            "1250,5",
        ),
        *("12,345,678.9", "12.345.678", "-1,250", "+1250", "$1,250.00", "1.250,00€", "-$5", "£-5"),
        *(
            "50%",
            "12.5%",
            ".5",
            ",5",
            "-.5",
            "007",
            "0",
            "(18)",
            "($5)",
            "$(1,250.00)",
        ),
    ],
)
def test_numbers_as_people_write_them(text: str) -> None:
    assert accepts(automaton(), text)


@pytest.mark.parametrize(
    "text",
    [
        *(
            "",
            "-",
            "$",
            ".",
            "-.",
            "5..",
            "1,2,3",
            "1250,000,5",
            "12,50,000",
            "1,250'000",
            "1234,567.5",
        ),
        *(
            "--5",
            "5-",
            "+-5",
            "$$5",
            "%5",
            "(5",
            "5)",
            "-(5)",
            "1/2",
            "12:30",
            "~5",
            "5~",
            "1.2345678",
            "1,250,00",
        ),
    ],
)
def test_other_texts_are_no_numbers(text: str) -> None:
    assert not accepts(automaton(), text)


def test_a_decimal_mark_decides_between_two_readings() -> None:
    assert accepts(automaton("0..9"), "1,250")
    assert accepts(automaton("1000..2000"), "1,250")
    assert accepts(automaton("0..9", decimal_mark=","), "1,250")
    assert not accepts(automaton("0..9", decimal_mark="."), "1,250")
    assert accepts(automaton("1000..2000", decimal_mark="."), "1,250")
    assert not accepts(automaton("1000..2000", decimal_mark=","), "1,250")
    assert accepts(automaton(decimals=3, decimal_mark=","), "1,250")
    assert not accepts(automaton(decimals=0, decimal_mark=","), "1,250")
    assert not accepts(automaton(decimals=2), "1,250")


def test_a_number_in_brackets_is_negative_or_positive() -> None:
    assert accepts(automaton("-20..-10"), "(18)")
    assert accepts(automaton("10..20"), "(18)")
    assert not accepts(automaton("-10..10"), "(18)")


def test_leading_zeros_up_to_the_longest_number() -> None:
    assert [n for n in range(1, 6) if accepts(automaton("0..100"), "7".zfill(n))] == [1, 2, 3]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("0..100", "0 to 100"),
        ("-5..5", "-5 to 5"),
        ("+1..+2.50", "1 to 2.50"),
        ("0..100:0.5", "0 to 100 in steps of 0.5"),
    ],
)
def test_a_range_as_text(text: str, shown: str) -> None:
    assert str(parse_range(text)) == shown
