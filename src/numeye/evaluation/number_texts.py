"""Numbers as texts that can be compared: those of a label, and those of a reading.

Both are brought into the same form: signs that mean the same become one, a letter or an unknown
character becomes `~`, and fillers are left out.
"""

from __future__ import annotations

from itertools import chain, groupby

from numeye.errors import DataError
from numeye.io.labels import Table
from numeye.layout.number_formats import has_thousands_spaces
from numeye.models.characters import CURRENCIES, DIGITS, FILLERS, OTHER, SIGNS
from numeye.results import Number, Reading
from numeye.results.page_text import page_blocks

NUMBER_CHARACTERS = DIGITS + SIGNS + CURRENCIES + OTHER
# Typographic forms of minus and apostrophe; fillers are no part of a number.
_SAME = str.maketrans(
    {
        **dict.fromkeys("\u2010\u2011\u2012\u2013\u2014\u2212", "-"),
        **dict.fromkeys("\u2018\u2019\u02bc", "'"),
    }
    | dict.fromkeys(FILLERS, "")
)


def has_only_digits(label: str) -> bool:
    """Return whether a label has digits and white space only: then no sign counts."""
    return set().union(*label.split()) <= {*DIGITS}


def drop_signs(text: str) -> str:
    """Return the digits of a text, with its spaces and line ends."""
    return "".join(character for character in text if character in DIGITS or character.isspace())


def normalize_numbers(name: str, label: str) -> str:
    """Return a label of the layout `numbers` in the form that answers have.

    Args:
        name: of the data set, for the message.
        label: numbers with white space between them, and line ends between rows.

    Raises:
        DataError: it has a character that no number has.
    """
    text = "\n".join(" ".join(row.split()) for row in label.translate(_SAME).splitlines())
    wrong = next((each for each in text if each not in NUMBER_CHARACTERS + " \n"), None)
    if wrong is not None or not any(digit in text for digit in DIGITS):
        problem = "no digit" if wrong is None else repr(wrong)
        raise DataError(
            f"{name}: the label {label!r} has {problem}; expected digits, the signs"
            f" {' '.join(SIGNS + CURRENCIES)}, and {OTHER} for a letter, with spaces between"
            " numbers"
        )
    return text


def split_numbers(label: str) -> tuple[str, ...]:
    """Return the numbers of a document's label in reading order.

    A letter or an unknown character becomes `~`. Words without a digit are left out, and so are
    letters behind a number: units and ordinals do not belong to it.
    """
    words = (_as_read(word) for word in label.split())
    return tuple(word for word in words if any(digit in word for digit in DIGITS))


def _as_read(word: str) -> str:
    characters = word.translate(_SAME)
    known = (each if each in NUMBER_CHARACTERS else OTHER for each in characters)
    return "".join(known).rstrip(OTHER)


def read_numbers(reading: Reading) -> list[Number]:
    """Return the numbers that belong to the text of a reading, in the order of the text."""
    return list(chain.from_iterable(_read_rows(reading)))


def answer_text(reading: Reading) -> str:
    """Return the best answers of a reading, with spaces between numbers and a line a row."""
    rows = _read_rows(reading)
    return "\n".join(" ".join(number.best_text for number in row) for row in rows)


def table_texts(reading: Reading) -> list[Table]:
    """Return the best answers in the cells of each table, also the rejected ones.

    "" stands for a cell without a digit.
    """
    tables = [[["" for _ in row] for row in table.rows] for table in reading.tables]
    for number in reading.numbers:
        is_number = not number.struck_out and number.digits
        if is_number and number.table is not None and number.column is not None:
            row = tables[number.table][number.row]
            text = without_thousands_spaces(number.best_text)
            row[number.column] = f"{row[number.column]} {text}".strip()
    return [tuple(map(tuple, table)) for table in tables]


def normalize_table(table: Table) -> Table:
    """Return a labelled table in the form of `table_texts`."""
    return tuple(
        tuple(" ".join(split_numbers(without_thousands_spaces(cell))) for cell in row)
        for row in table
    )


def without_thousands_spaces(text: str) -> str:
    """Return a text without its spaces if these separate thousands, else as it is."""
    return text.replace(" ", "") if has_thousands_spaces(text) else text


def _read_rows(reading: Reading) -> list[list[Number]]:
    """Return the numbers that belong to the text of a reading, row by row, as the text has them.

    Each row of a table is one of them.
    """
    blocks = page_blocks(reading.numbers, reading.tables, reading.turned)
    return [
        list(row)
        for block in blocks
        for _, row in groupby(block.numbers, key=lambda number: number.row)
    ]
