"""Options that several commands take, and the two ways in which all of them print."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated, Any

import typer

FAILED, USAGE, REJECTED, STOPPED = 1, 2, 3, 130  # exit statuses


def option(flag: str, says: str, metavar: str | None = None) -> Any:
    """An option that may be left out."""
    return typer.Option(flag, metavar=metavar, help=says, show_default=False)


Cache = Annotated[Path | None, option("--cache", "Where downloads are kept (or NUMEYE_CACHE).", "DIR")]
MaxError = Annotated[
    str | None, option("--max-error", "Most wrong answers among those that are accepted, such as 2%.", "SHARE")
]
Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


def share(asked: str | None) -> float | None:
    """What `--max-error` says, 0 to 1."""
    from numeye import risk

    return None if asked is None else risk.parse(asked)


def say(line: object) -> None:
    """One line for people, on standard error."""
    print(line, file=sys.stderr, flush=True)  # noqa: T201


def answer(line: str) -> None:
    """One line that was asked for, on standard output."""
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
