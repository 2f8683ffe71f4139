"""Find the tables of pictures with img2table, in an environment of its own.

Usage: PYTHON benchmarks/img2table_worker.py

It writes one line of JSON, then reads the path of one picture a line, and writes one line of JSON
for each: the numbers of rows and columns of each table. PYTHON is the interpreter of an environment
that was made by `python -m venv .venv-img2table` and `.venv-img2table/bin/pip install img2table`.
Cells are found by their lines alone, since no OCR program is given to it.
"""

from __future__ import annotations

import json
import sys
from typing import Any

OUT, sys.stdout = sys.stdout, sys.stderr  # the library prints on the second


def say(**answer: Any) -> None:
    """Write one line of JSON."""
    print(json.dumps(answer), file=OUT, flush=True)


def serve() -> None:
    """Answer the paths on standard input."""
    from importlib.metadata import version

    from img2table.document import Image

    say(name=f"img2table {version('img2table')}")
    for line in sys.stdin:
        tables = Image(line.rstrip("\n")).extract_tables()
        rows = [list(table.content.values()) for table in tables]
        say(tables=[(len(cells), len(cells[0]) if cells else 0) for cells in rows])


if __name__ == "__main__":
    try:
        serve()
    except ModuleNotFoundError as error:
        say(error=f"not installed: pip install img2table ({error})")
    except Exception as error:  # noqa: BLE001 - whatever it is, the benchmark shows it as one line
        say(error=f"failed: {type(error).__name__}: {error}".splitlines()[0])
