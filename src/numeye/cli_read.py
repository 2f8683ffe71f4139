"""`numeye read`: what is written on pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from numeye.cli_options import FAILED, REJECTED, Json, MaxError, option, say, share
from numeye.errors import UsageError

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from numeye.output import Answer, Format
    from numeye.regions import Form

FEW = 3  # pictures, for which no bar is shown


def read(
    images: Annotated[list[str], typer.Argument(metavar="IMAGE", help="Pictures, folders, or - for standard input.")],
    single: Annotated[bool, typer.Option("--single", help="One digit a picture.")] = False,
    json: Json = False,
    csv: Annotated[bool, typer.Option("--csv", help="Print a table, a row a number.")] = False,
    append: Annotated[
        Path | None, option("--append", "Write into a file, and pass over what is in it already.", "FILE")
    ] = None,
    overlay: Annotated[Path | None, option("--overlay", "Draw each answer on its picture, as PNG.", "DIR")] = None,
    model: Annotated[str | None, option("--model", "A packaged model, a run folder or an ONNX file.")] = None,
    max_error: MaxError = None,
    expect: Annotated[str | None, option("--expect", "What the digits of every number match.", "REGEX")] = None,
    digits: Annotated[int | None, option("--digits", "How many digits every number has.", "N")] = None,
    check: Annotated[str | None, option("--check", "luhn, isbn10, isbn13, mod97: every number's check sum.")] = None,
    region: Annotated[
        list[str] | None, option("--region", "Read only there; pixels or percent; may be repeated.", "[NAME=]X,Y,W,H")
    ] = None,
    regions: Annotated[Path | None, option("--regions", "Regions of a form as TOML, and its blank.", "FILE")] = None,
    grid: Annotated[bool, typer.Option("--grid", help="Read the cells of a table or sudoku.")] = False,
) -> None:
    """Read the numbers on each picture, or one digit a picture.

    Prints a line for each row of digits, with several pictures PATH<tab>DIGITS; all else goes to standard error.
    Ends with 1 if a picture cannot be read, else 3 if something was rejected (no digit found, or in doubt), else 0.
    """
    from numeye.output import Output
    from numeye.reader import Reader
    from numeye.results import Overlays, Unreadable

    form = _form(region or [], regions)
    if grid and form is not None:
        raise UsageError("--grid and regions: choose one")
    how = _format(images, json=json, csv=csv, regions=form is not None)
    reader = Reader(model, single=single, max_error=share(max_error), expect=expect, digits=digits, check=check)
    if reader.promise is not None:
        say(reader.promise)
    output = Output(how, append, set(_left(images)) if append else ())
    drawn = Overlays(overlay, output.done) if overlay else None
    status = REJECTED if output.doubtful else 0
    with output, _progress(images, output.done, bar=append is not None) as (pictures, tell):
        for answer in reader.stream(pictures, form=form, grid=grid):
            output.add(answer)
            tell(answer)
            status = _worse(status, answer)
            if drawn is not None and not isinstance(answer, Unreadable):
                drawn.add(answer)
    raise typer.Exit(status)


def _form(given: list[str], file: Path | None) -> Form | None:
    """The regions of the command line, or those of a file."""
    from numeye import regions

    if file is not None:
        if given:
            raise UsageError("--region and --regions: choose one")
        return regions.load(file)
    if not given:
        return None
    parsed = tuple(regions.parse(text, number) for number, text in enumerate(given, start=1))
    names = [region.name for region in parsed]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"--region {twice}=...: two regions of this name; choose another for one of them")
    return regions.Form(regions=parsed)


def _format(images: list[str], *, json: bool, csv: bool, regions: bool) -> Format:
    from numeye.output import Csv, Json, Plain

    if json and csv:
        raise UsageError("--json and --csv: choose one")
    if json or csv:
        return Json() if json else Csv(regions)
    return Plain(len(images) > 1 or any(_is_folder(name) for name in images))


def _worse(status: int, answer: Answer) -> int:
    """The status after one more answer: what failed outweighs what was rejected."""
    from numeye.results import Unreadable

    if isinstance(answer, Unreadable):
        return FAILED
    return status or (REJECTED if answer.doubtful else 0)


def _what_is_wrong(answer: Answer) -> str | None:
    """A line for people about a picture that was not read as a whole."""
    from numeye.results import Unreadable

    if isinstance(answer, Unreadable):
        return f"numeye: {answer.error}"
    page = f", page {answer.page + 1}" if answer.page else ""
    region = f", {answer.region}" if answer.region is not None else ""
    return f"numeye: {answer.image}{page}{region}: {answer.refusal}" if answer.refusal else None


@contextmanager
def _progress(
    images: list[str], done: Set[str], *, bar: bool
) -> Iterator[tuple[Iterator[str], Callable[[Answer], None]]]:
    """The pictures that are not done yet, and what is to be told of each answer.

    On a terminal, many pictures get a bar with the time that is left; not where the answers go there too, unless they
    are known not to (`bar`): they tell how far it is.
    """
    alone = sys.stderr.isatty() and (bar or not sys.stdout.isatty())
    if not alone or (len(images) < FEW and not any(map(_is_folder, images))):
        yield _left(images, done), lambda answer: _say_if_any(_what_is_wrong(answer))
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

    names = list(_left(images, done))
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as shown:
        task, seen = shown.add_task("reading", total=len(names)), set[str]()

        def tell(answer: Answer) -> None:
            seen.add(answer.image)
            shown.update(task, completed=len(seen))
            line = _what_is_wrong(answer)
            if line:
                shown.console.print(line, highlight=False, markup=False, soft_wrap=True)

        yield iter(names), tell


def _say_if_any(line: str | None) -> None:
    if line:
        say(line)


def _is_folder(name: str) -> bool:
    """False also where that may not be asked, or the name is none: it is told where it is read."""
    return os.path.isdir(name)  # noqa: PTH112 - Path.is_dir raises


def _left(images: list[str], done: Set[str] = frozenset()) -> Iterator[str]:
    """The pictures, those of folders one by one, without those that are done; a folder without any stays as it is."""
    from numeye.errors import PictureError
    from numeye.image import expand

    for name in images:
        try:
            found = [str(one) for one in expand([name])]
        except PictureError:
            found = [name]  # is told where it is read
        yield from (one for one in found if one not in done)
