"""`numeye data` and `numeye doctor`: what is present and what is missing."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli.options import FAILED, Cache, option, print_message, print_result
from numeye.errors import DataError, UsageError
from numeye.printable import printable

DATA_SETS = ("mnist", "pendigits")


Names = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="[NAME]...",
        help="mnist or pendigits (default: both; only mnist must then be there in the end).",
        show_default=False,
    ),
]


def data(
    names: Names = None,
    check: Annotated[bool, typer.Option("--check", help="Check only; download nothing.")] = False,
    source: Annotated[
        Path | None,
        option("--from", "Take missing files from this folder; download nothing.", "DIR"),
    ] = None,
    preview: Annotated[
        str | None,
        option(
            "--show",
            "Save examples of the synthetic training pictures instead: paper, pages or documents.",
            "paper|pages|documents",
        ),
    ] = None,
    target: Annotated[
        Path, typer.Option("--to", metavar="FILE", help="File for the examples of --show.")
    ] = Path("paper.png"),
    cache: Cache = None,
) -> None:
    """Show the files of MNIST and pendigits; fetch missing ones.

    Pendigits is only needed to train the recipes detector and recognizer. Without NAME, the exit
    status is that of MNIST.
    """
    if preview is not None:
        _write_preview(preview, target, cache)
        return
    _check_arguments(names or [], source, check=check)
    chosen = list(dict.fromkeys(names or DATA_SETS))
    if not check:
        for name in chosen:
            _fetch(name, source, cache)
    complete = {name: _print_states(name, cache) for name in chosen}
    required = names or ["mnist"]
    raise typer.Exit(0 if all(complete[name] for name in required) else FAILED)


def _check_arguments(names: list[str], source: Path | None, *, check: bool) -> None:
    for name in names:
        if name not in DATA_SETS:
            raise UsageError(f"no data set {name!r} to fetch; expected {' or '.join(DATA_SETS)}")
    if source is not None and check:
        raise UsageError("--from and --check: expected one of them")
    if source is not None and not source.is_dir():
        raise UsageError(f"--from {source}: no such folder")


def _fetch(name: str, source: Path | None, cache: Path | None) -> None:
    """Fetch a data set; print why it is not available, so that others are fetched all the same."""
    try:
        if source is not None:
            _take_from(source, name, cache)
        elif name == "mnist":
            fetch_mnist(cache)
        else:
            fetch_pendigits(cache)
    except DataError as error:
        print_message(f"numeye: {error}")


def _take_from(folder: Path, name: str, cache: Path | None) -> None:
    from numeye.io import mnist, pendigits

    if name == "mnist":
        mnist.fetch(cache, sources=[mnist.Folder(folder)], on_message=print_message)
    else:
        pendigits.take_from(folder, cache, on_message=print_message)


def _print_states(name: str, cache: Path | None) -> bool:
    """Print the state of each file of a data set; return whether it is complete."""
    from numeye.io import mnist, pendigits

    title, data_set = ("MNIST", mnist) if name == "mnist" else (name, pendigits)
    states = data_set.status(cache)
    print_result(f"{title} in {printable(str(data_set.raw_folder(cache)))}")
    for file, state in states.items():
        print_result(f"  {file:<26} {state}")
    return set(states.values()) == {"ok"}


def _write_preview(kind: str, target: Path, cache: Path | None) -> None:
    import numeye

    if kind not in ("paper", "pages", "documents"):
        raise UsageError(f"--show {kind}: expected paper, pages or documents")
    _ = numeye.train  # raises where the extra [train] is not installed
    from numeye.io import files
    from numeye.training.synthetic.preview import write_preview

    files.check_file(target)
    fetch_mnist(cache)
    print_result(printable(str(write_preview(target, kind, cache=cache, progress=print_message))))


def doctor(cache: Cache = None) -> None:
    """Check the installation, the data and the models."""
    from numeye.io import mnist, pendigits
    from numeye.models import environment, registry
    from numeye.reader import Reader

    facts = environment.environment()
    packages = facts["packages"]
    training = "installed" if "torch" in packages else "missing: pip install 'numeye[train]'"
    is_complete = set(mnist.status(cache).values()) == {"ok"}
    state = "complete" if is_complete else "incomplete, run numeye data;"
    print_result(f"numeye {environment.version()}, Python {facts['python']}, {facts['system']}")
    print_result(f"processor    {facts['processor']}, {facts['cores']} cores")
    print_result("packages     " + ", ".join(map(" ".join, packages.items())))
    print_result(f"training     {training}")
    print_result(f"MNIST        {state} in {mnist.raw_folder(cache)}")
    optional = "complete" if pendigits.is_complete(cache) else "not there, only trainings use it;"
    print_result(f"pendigits    {optional} in {pendigits.raw_folder(cache)}")
    for name in registry.list_models():
        Reader(name)  # raises where the model is damaged
        print_result(f"model        {name}: works, sha256 as on its card")


def fetch_mnist(cache: Path | None) -> None:
    """Make sure that MNIST is present; show a progress bar for each download."""
    from numeye.io import mnist

    if set(mnist.status(cache).values()) != {"ok"}:
        _fetch_with_progress("MNIST", mnist.fetch, cache)


def fetch_pendigits(cache: Path | None) -> None:
    """Make sure that pendigits is present; show a progress bar for each download."""
    from numeye.io import pendigits

    if not pendigits.is_complete(cache):
        _fetch_with_progress("pendigits", pendigits.fetch, cache)


def _fetch_with_progress(title: str, fetch: Callable[..., object], cache: Path | None) -> None:
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(title, total=None)

        def show_progress(name: str, finished_bytes: int, total_bytes: int | None) -> None:
            bar.update(task, description=name, completed=finished_bytes, total=total_bytes)

        def show_message(line: str) -> None:
            bar.console.print(printable(line), highlight=False, markup=False, soft_wrap=True)

        fetch(cache, on_message=show_message, progress=show_progress)
