"""Comma-separated values, as `--csv` writes them.

They are safe to open in a spreadsheet program, and are read back exactly.
"""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterable, Sequence

# A spreadsheet program takes such a cell for a formula (CWE-1236). "-" alone, which stands for
# standard input, is no formula.
_FORMULA = re.compile(r"'*[=+@\t\r\n]|'*-.", re.DOTALL)


def csv_text(rows: Iterable[Sequence[object]]) -> str:
    """Return rows of cells as CSV; a cell is quoted only where it must be.

    All cells of a row with a carriage return are quoted: the csv module would leave the character
    without quotes, and then could not read it.
    """
    text = io.StringIO()
    for row in rows:
        quote_all = any("\r" in str(cell) for cell in row)
        writer = csv.writer(
            text, lineterminator="\n", quoting=csv.QUOTE_ALL if quote_all else csv.QUOTE_MINIMAL
        )
        writer.writerow(row)
    return text.getvalue()


def escape_cell(name: str) -> str:
    """Return a name from elsewhere, with an apostrophe before it if it looks like a formula."""
    return f"'{name}" if _FORMULA.match(name) else name


def unescape_cell(cell: str) -> str:
    """Return the name from which `escape_cell` made a cell."""
    return cell[1:] if cell.startswith("'") and _FORMULA.match(cell) else cell
