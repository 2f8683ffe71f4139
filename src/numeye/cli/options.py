"""Options that several commands share, and the two functions that print for all of them."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import Annotated, Any

import typer

from numeye.printable import printable

FAILED, USAGE, REJECTED, STOPPED = 1, 2, 3, 130  # exit statuses


def option(flag: str, help_text: str, metavar: str | None = None) -> Any:
    """Return an option of Typer whose default is not shown in the help."""
    return typer.Option(flag, metavar=metavar, help=help_text, show_default=False)


Cache = Annotated[
    Path | None,
    option("--cache", "Folder for downloads (default: NUMEYE_CACHE, or your cache folder).", "DIR"),
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object per line.")]
MaxError = Annotated[
    str | None,
    option(
        "--max-error",
        "Reject uncertain answers so that at most this share of the accepted ones is wrong; "
        "such as 2%.",
        "SHARE",
    ),
]
Model = Annotated[
    str | None,
    option("--model", "Name of a packaged model, a run folder or an ONNX file.", "MODEL"),
]


def parse_share(text: str | None) -> float | None:
    """Return the value of `--max-error` as a share, 0 to 1; None where it is left out.

    Raises:
        UsageError: it is no share.
    """
    from numeye.models import risk_control

    return None if text is None else risk_control.parse_share(text)


def use_matplotlib_cache(cache: Path | None) -> None:
    """Keep matplotlib's font list in the cache, not in the user's home.

    For commands that draw figures.
    """
    from numeye.io.cache_folders import set_matplotlib_cache
    from numeye.io.mnist import cache_folder

    set_matplotlib_cache(cache_folder(cache))


def print_message(line: object) -> None:
    """Print one line for people on standard error; continue where that is closed."""
    with suppress(OSError, ValueError):
        print(printable(str(line)), file=sys.stderr, flush=True)  # noqa: T201 - the only place


def print_result(text: str) -> None:
    """Print a result on standard output: one line, or the lines of a table."""
    sys.stdout.write("\n".join(map(printable, text.split("\n"))) + "\n")
    sys.stdout.flush()
