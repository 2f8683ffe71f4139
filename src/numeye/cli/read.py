"""`numeye read`: the numbers in pictures."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from numeye.cli.options import (
    FAILED,
    REJECTED,
    Json,
    MaxError,
    Model,
    option,
    parse_share,
    print_message,
)
from numeye.errors import UsageError
from numeye.printable import printable

if TYPE_CHECKING:
    from collections.abc import Callable, Set

    from numeye.cli.output import OutputFormat, Result
    from numeye.cli.overlays import OverlayFolder
    from numeye.cli.table_files import TableFolder
    from numeye.layout.regions import Form

MIN_PICTURES_FOR_BAR = 3  # fewer pictures are read before a progress bar helps

Images = Annotated[
    list[str],
    typer.Argument(metavar="IMAGE", help="Pictures or folders of pictures; - is standard input."),
]
Single = Annotated[bool, typer.Option("--single", help="Read one digit per picture.")]
Csv = Annotated[bool, typer.Option("--csv", help="Print CSV, one row per number.")]
Append = Annotated[
    Path | None,
    option(
        "--append",
        "Add the results to FILE, and skip pictures that are already in it; with --json or --csv.",
        "FILE",
    ),
]
Overlay = Annotated[
    Path | None,
    option("--overlay", "Save each picture, with the answers drawn on it, as PNG in DIR.", "DIR"),
]
Pattern = Annotated[
    str | None,
    option("--pattern", "Regular expression that every number must match.", "REGEX"),
]
Digits = Annotated[
    str | None, option("--digits", "Number of digits of every number, or its range.", "N|A-B")
]
Check = Annotated[
    str | None,
    option("--check", "Check sum of every number: luhn, isbn10, isbn13 or mod97.", "NAME"),
]
Decimals = Annotated[int | None, option("--decimals", "Number of decimals of every number.", "N")]
Range = Annotated[
    str | None,
    option("--range", "Values of every number, such as 0..100 or -5..5:0.5.", "A..B[:STEP]"),
]
DecimalMark = Annotated[
    Literal[".", ","] | None,
    option("--decimal-mark", "Mark before the decimals: . or , (default: either).", "MARK"),
]
Date = Annotated[
    Literal["dmy", "mdy", "ymd", "any"] | None,
    option(
        "--date", "Every number is a date: dmy, mdy or ymd; without ORDER any of them.", "[ORDER]"
    ),
]
DigitsOnly = Annotated[
    bool, typer.Option("--digits-only", help="Print the digits of numbers alone, without signs.")
]
Out = Annotated[
    Path | None,
    option("--out", "Write each table as a CSV file of its own into DIR; with --csv.", "DIR"),
]
RegionOptions = Annotated[
    list[str] | None,
    option(
        "--region",
        "Read only this part, in pixels or percent; may be repeated.",
        "[NAME=]X,Y,W,H",
    ),
]
FormFile = Annotated[
    Path | None,
    option("--regions", "Read the regions of a form, which a TOML file describes.", "FILE"),
]
Grid = Annotated[bool, typer.Option("--grid", help="Read only the tables of each page.")]


def read(
    images: Images,
    single: Single = False,
    json: Json = False,
    csv: Csv = False,
    append: Append = None,
    overlay: Overlay = None,
    model: Model = None,
    max_error: MaxError = None,
    digits: Digits = None,
    pattern: Pattern = None,
    check: Check = None,
    decimals: Decimals = None,
    range: Range = None,  # noqa: A002 - the name of the option
    decimal_mark: DecimalMark = None,
    date: Date = None,
    digits_only: DigitsOnly = False,
    out: Out = None,
    region: RegionOptions = None,
    regions: FormFile = None,
    grid: Grid = False,
) -> None:
    """Read the numbers in pictures, or one digit per picture.

    Prints one line per row of numbers. With several pictures, each line begins with the path of
    the picture and a tab. Messages go to standard error.

    Exit status: 1 if a picture cannot be read; else 3 if an answer was rejected (no digit found,
    or the answer is uncertain); else 0.
    """
    from numeye.cli.output import Output
    from numeye.layout.constraints.constraints import parse_digits
    from numeye.reader import Reader
    from numeye.recognition.read_options import ReadOptions

    if out is not None and not csv:
        raise UsageError("--out: expected --csv with it; the tables are written as CSV files")
    form, limit = _load_form(region or [], regions), parse_share(max_error)
    options = ReadOptions(
        single=single,
        max_error=limit,
        digits=None if digits is None else parse_digits(digits),
        pattern=pattern,
        check=check,
        decimals=decimals,
        range=range,
        decimal_mark=decimal_mark,
        date=date,
        digits_only=digits_only,
        form=form,
        grid=grid,
    )
    output_format = _choose_format(images, json=json, csv=csv, regions=form is not None)
    with Output(output_format, append, set(_unread_pictures(images)) if append else ()) as output:
        if output.notice:
            print_message(f"numeye: {output.notice}")
        reader = Reader(model, **vars(options))
        if reader.risk_threshold is not None:
            print_message(reader.risk_threshold)
        folders = _open_folders(overlay, out, output.finished)
        status = REJECTED if output.has_rejected else 0
        with _progress(images, output.finished, append is not None) as (pictures, report_result):
            for result in reader.stream(pictures):
                output.write(result if json or csv else _with_printable_name(result))
                report_result(result)
                status = _worse_status(status, result)
                for folder in folders:
                    folder.add(result)
    raise typer.Exit(status)


def _open_folders(
    overlay: Path | None, out: Path | None, finished: Set[str]
) -> list[OverlayFolder | TableFolder]:
    """Return the folders in which overlays and tables are written; `finished` are there already."""
    from numeye.cli.overlays import OverlayFolder
    from numeye.cli.table_files import TableFolder

    folders: list[OverlayFolder | TableFolder] = []
    if overlay is not None:
        folders.append(OverlayFolder(overlay, finished))
    if out is not None:
        folders.append(TableFolder(out, finished))
    return folders


def _load_form(region_options: list[str], file: Path | None) -> Form | None:
    """Return the regions of the command line, or those of a file; None where there are none."""
    from numeye.layout import regions

    if file is not None:
        if region_options:
            raise UsageError("--region and --regions: choose one")
        return regions.load_form(file)
    if not region_options:
        return None
    form_regions = tuple(
        regions.parse_region(text, number) for number, text in enumerate(region_options, start=1)
    )
    names = [region.name for region in form_regions]
    if repeated := next((name for name in names if names.count(name) > 1), None):
        raise UsageError(f"--region {repeated}=...: two regions have this name; rename one of them")
    return regions.Form(regions=form_regions)


def _choose_format(images: list[str], *, json: bool, csv: bool, regions: bool) -> OutputFormat:
    from numeye.cli.output import CsvFormat, JsonFormat, PlainFormat

    if json and csv:
        raise UsageError("--json and --csv: choose one")
    if json or csv:
        return JsonFormat() if json else CsvFormat(regions)
    return PlainFormat(len(images) > 1 or any(_is_folder(name) for name in images))


def _with_printable_name(result: Result) -> Result:
    """Return a result whose name stays on its line and holds nothing that controls a terminal."""
    return replace(result, image=printable(result.image))


def _worse_status(status: int, result: Result) -> int:
    """Return the exit status after one more result: failed is worse than rejected."""
    from numeye.results import Unreadable

    if isinstance(result, Unreadable):
        return FAILED
    return status or (REJECTED if result.has_rejected else 0)


def _problem_message(result: Result) -> str | None:
    """Return a line about a picture that was not read completely, or None."""
    from numeye.results import Unreadable

    if isinstance(result, Unreadable):
        return f"numeye: {result.error}"
    if not result.rejection_message:
        return None
    page = f", page {result.page + 1}" if result.page else ""
    region = f", {result.region}" if result.region is not None else ""
    return f"numeye: {result.image}{page}{region}: {result.rejection_message}"


@contextmanager
def _progress(
    images: list[str], finished: Set[str], output_to_file: bool
) -> Iterator[tuple[Iterator[str], Callable[[Result], None]]]:
    """Provide the pictures that are left to read, and a function to call with each result.

    The function prints what is wrong with a result. On a terminal, many pictures also get a
    progress bar; not where the results themselves go to the terminal, as they show the progress.
    """
    terminal_is_free = sys.stderr.isatty() and (output_to_file or not sys.stdout.isatty())
    is_short = len(images) < MIN_PICTURES_FOR_BAR and not any(map(_is_folder, images))
    if is_short or not terminal_is_free:
        yield _unread_pictures(images, finished), _print_problem
        return
    from rich.console import Console
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeRemainingColumn,
    )

    names = list(_unread_pictures(images, finished))
    columns = (TextColumn("reading"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task, finished_names = bar.add_task("reading", total=len(names)), set[str]()

        def report_result(result: Result) -> None:
            finished_names.add(result.image)
            bar.update(task, completed=len(finished_names))
            if line := _problem_message(result):
                bar.console.print(printable(line), highlight=False, markup=False, soft_wrap=True)

        yield iter(names), report_result


def _print_problem(result: Result) -> None:
    if line := _problem_message(result):
        print_message(line)


def _is_folder(name: str) -> bool:
    """Return whether a name is a folder; False where that cannot be found out.

    Reading such a name later gives the error message.
    """
    return os.path.isdir(name)  # noqa: PTH112 - Path.is_dir raises


def _unread_pictures(images: list[str], finished: Set[str] = frozenset()) -> Iterator[str]:
    """Yield the pictures, also those in folders, without those that are finished.

    A folder without a picture is yielded itself.
    """
    from numeye.errors import PictureError
    from numeye.io.images import expand_folders

    for name in images:
        try:
            pictures = [str(picture) for picture in expand_folders([name])]
        except PictureError:
            pictures = [name]  # reading it gives the error message
        yield from (picture for picture in pictures if picture not in finished)
