"""Texts of numbers as people write them: marks, amounts, dates, times, fractions, codes.

Each function takes the random generator and returns a text. `NARROW_SPACE` (`_`) in it is a gap
within a number.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np

NumberText = Callable[["np.random.Generator"], str]

# Letters of codes that look like no digit.
_CODE_LETTERS = "ABCDEFGHJKLMNPRTUVWXY"
_UNITS = ("kg", "g", "m", "cm", "km", "ml", "pcs", "h", "min", "mm", "x", "EUR", "USD", "pts")
GROUP_SEPARATORS = (",", ".", "'", "_", "", "", "")


def write_integer(low: int, high: int) -> NumberText:
    """Return a function that writes whole numbers from `low` to `high`."""
    return lambda rng: str(int(rng.integers(low, high + 1)))


def write_digits(count: int) -> NumberText:
    """Return a function that writes `count` digits, zeros in front included."""
    return lambda rng: "".join(map(str, rng.integers(0, 10, count).tolist()))


def write_decimal(high: int, places: int, mark: str) -> NumberText:
    """Return a function that writes decimal numbers below `high`."""

    def write(rng: np.random.Generator) -> str:
        digits = "".join(map(str, rng.integers(0, 10, places).tolist()))
        if rng.random() < 0.3:
            digits = "5" + "0" * (places - 1)
        return f"{int(rng.integers(0, high))}{mark}{digits}"

    return write


def write_half_marks(high: int, mark: str) -> NumberText:
    """Return a function that writes marks, some of them with a half."""

    def write(rng: np.random.Generator) -> str:
        whole = str(int(rng.integers(0, high)))
        return whole + f"{mark}5" if rng.random() < 0.4 else whole

    return write


def write_signed(rng: np.random.Generator) -> str:
    """Return a number with a minus or a plus."""
    number = str(int(rng.integers(1, 100)))
    if rng.random() < 0.3:
        number += str(rng.choice([".", ","])) + str(int(rng.integers(0, 10)))
    return ("-" if rng.random() < 0.75 else "+") + number


def write_fraction(rng: np.random.Generator) -> str:
    """Return points out of a total, such as 17/20."""
    total = int(rng.choice([4, 5, 8, 10, 10, 12, 15, 20, 20, 25, 30, 40, 50, 60, 100]))
    return f"{int(rng.integers(0, total + 1))}/{total}"


def write_percent(rng: np.random.Generator) -> str:
    """Return a percentage, some with a decimal."""
    number = str(int(rng.integers(0, 101)))
    if rng.random() < 0.3:
        number += f".{int(rng.integers(0, 10))}"
    return number + "%"


def write_bracketed(rng: np.random.Generator) -> str:
    """Return a number in brackets."""
    return f"({int(rng.integers(1, 200 if rng.random() < 0.3 else 30))})"


def write_amount(
    separator: str, mark: str, places: int, currency: str = "", *, behind: bool = False
) -> NumberText:
    """Return a function that writes amounts of money with separators between thousands.

    Args:
        separator: between thousands: `,`, `.`, `'`, `NARROW_SPACE` or nothing.
        mark: before the decimals.
        places: number of decimals.
        currency: sign before the amount, or nothing.
        behind: whether it stands behind the amount.
    """

    def write(rng: np.random.Generator) -> str:
        digits = str(int(10 ** rng.uniform(0.3, 5.6 if separator else 4)))
        groups = [digits[max(0, end - 3) : end] for end in range(len(digits), 0, -3)]
        text = separator.join(reversed(groups))
        if places:
            decimals = "".join(map(str, rng.integers(0, 10, places).tolist()))
            text += mark + ("0" * places if rng.random() < 0.35 else decimals)
        return text + currency if behind else currency + text

    return write


def sample_amount_format(rng: np.random.Generator) -> NumberText:
    """Return a way to write amounts of money."""
    separator = str(rng.choice(GROUP_SEPARATORS))
    mark = {",": ".", ".": ","}.get(separator) or str(rng.choice([".", ","]))
    currency = str(rng.choice(list("$€£¥"))) if rng.random() < 0.35 else ""
    places, behind = int(rng.choice([0, 2, 2, 2])), bool(rng.random() < 0.3)
    return write_amount(separator, mark, places, currency, behind=behind)


def sample_date_format(rng: np.random.Generator) -> NumberText:
    """Return a way to write dates: order, separator, zeros, length of the year."""
    separator, order = (
        str(rng.choice(list("///..--"))),
        str(rng.choice(["dmy", "dmy", "mdy", "ymd"])),
    )
    padded, long, yearless = rng.random() < 0.6, rng.random() < 0.6, rng.random() < 0.12

    def write(rng: np.random.Generator) -> str:
        day, month = int(rng.integers(1, 29)), int(rng.integers(1, 13))
        year = int(rng.integers(1950, 2027))
        width = 2 if padded else 1
        parts = {
            "d": f"{day:0{width}d}",
            "m": f"{month:0{width}d}",
            "y": str(year) if long or order == "ymd" else f"{year % 100:02d}",
        }
        kept = [parts[part] for part in order if not (yearless and part == "y")]
        return separator.join(kept)

    return write


def write_time(rng: np.random.Generator) -> str:
    """Return a time of the day."""
    hour, minute = int(rng.integers(0, 24)), int(rng.choice([0, 15, 30, 45, int(rng.integers(60))]))
    text = f"{hour:02d}:{minute:02d}" if rng.random() < 0.5 else f"{hour}:{minute:02d}"
    return text + str(rng.choice(["", "", "", "am", "pm"])) if hour <= 12 else text


def write_code(rng: np.random.Generator) -> str:
    """Return a code of letters and digits, such as B23BB1045."""
    parts = list[str]()
    for _ in range(int(rng.integers(1, 4))):
        letters = rng.choice(list(_CODE_LETTERS), int(rng.integers(1, 4)))
        digits = rng.integers(0, 10, int(rng.integers(1, 5)))
        parts.append("".join(letters) + "".join(map(str, digits.tolist())))
    return str(rng.choice(["", "", "-", "/"])).join(parts)


def write_measure(rng: np.random.Generator) -> str:
    """Return a number with a unit behind it, near or apart."""
    number = str(int(rng.integers(1, 500)))
    if rng.random() < 0.35:
        number = f"{int(rng.integers(0, 60))}{rng.choice(['.', ','])}{int(rng.integers(1, 10))}"
    return number + str(rng.choice(["", " "])) + str(rng.choice(_UNITS))


def write_ordinal(rng: np.random.Generator) -> str:
    """Return an ordinal, such as 3rd."""
    number = int(rng.integers(1, 32))
    ending = {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{'th' if 10 < number < 20 else ending}"


def write_phone(rng: np.random.Generator) -> str:
    """Return a telephone number."""
    parts = ["".join(map(str, rng.integers(0, 10, int(n)).tolist())) for n in rng.integers(3, 6, 2)]
    return ("+" if rng.random() < 0.2 else "") + str(rng.choice(["-", "/", ""])).join(parts)


def write_filled(rng: np.random.Generator) -> str:
    """Return an amount between filler strokes."""
    filler = str(rng.choice(list("==#*-")))
    before, behind = filler * int(rng.integers(0, 4)), filler * int(rng.integers(1, 5))
    if filler == "-":  # a minus in front would be part of the number
        return sample_amount_format(rng)(rng) + ".-"
    return before + sample_amount_format(rng)(rng) + behind


def sample_mark_format(rng: np.random.Generator) -> NumberText:
    """Return a way to write marks in one column."""
    mark = str(rng.choice([".", ","]))
    formats: tuple[tuple[float, NumberText], ...] = (
        (0.34, write_integer(0, 100)),
        (0.46, write_integer(0, 20)),
        (0.56, write_integer(0, 9)),
        (0.68, write_half_marks(30, mark)),
        (0.78, write_decimal(100, 1, mark)),
        (0.83, write_decimal(10, 2, mark)),
        (0.9, write_fraction),
        (0.94, write_percent),
        (0.97, write_signed),
        (1.0, write_bracketed),
    )
    chance = rng.random()
    return next(write for share, write in formats if chance < share)


def write_any(rng: np.random.Generator) -> str:
    """Return a number of any kind."""
    formats: tuple[NumberText, ...] = (
        write_integer(0, 1000),
        write_signed,
        write_fraction,
        write_percent,
        write_bracketed,
        sample_amount_format(rng),
        sample_date_format(rng),
        write_time,
        write_code,
        write_measure,
        write_ordinal,
        write_phone,
        sample_mark_format(rng),
    )
    return formats[int(rng.integers(len(formats)))](rng)
