"""The command line. Every command imports what it needs when it runs, so that `--help` is quick.

Exit status: 0 all is well; 1 something failed; 2 wrong usage; 3 some picture was rejected; 130 stopped by Ctrl-C.
"""

from __future__ import annotations

import io
import json as json_module
import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn, TextIO

import typer

from numeye import cli_bench, cli_compare, cli_read, cli_serve
from numeye.cli_options import FAILED, STOPPED, USAGE, Cache, Json, MaxError, answer, option, say, share
from numeye.errors import NumeyeError, UsageError

if TYPE_CHECKING:
    from numeye.wild import Readers

app = typer.Typer(
    name="numeye",
    help="Reads handwritten digits, says how sure it is, and lets you look inside.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
app.add_typer(cli_bench.app, name="bench")
app.command("read")(cli_read.read)
app.command("compare")(cli_compare.compare)
app.command("serve")(cli_serve.serve)


def run() -> NoReturn:
    """Run the command line; everything raised on purpose ends in one line and a status."""
    sys.stdout, sys.stderr = (
        stream or _nowhere() for stream in (sys.stdout, sys.stderr)
    )  # closed by whoever started it
    if isinstance(sys.stdout, io.TextIOWrapper):
        # A name may have letters that a pipe's encoding has not, as on Windows, or be any bytes.
        encoding = None if sys.stdout.isatty() else sys.getfilesystemencoding()
        sys.stdout.reconfigure(encoding=encoding, errors="surrogateescape")
    warnings.filterwarnings("ignore", module="PIL")  # what Pillow doubts and still reads is no news to a user
    try:
        app()
    except UsageError as error:
        _end(error, USAGE)
    except (NumeyeError, OSError) as error:  # a disk that is full, a folder that may not be read
        _end(error, FAILED)
    sys.exit(0)


def _end(error: Exception, status: int) -> NoReturn:
    say(f"numeye: {error}")
    try:
        sys.stdout.flush()
    except OSError:  # what could not be written would be tried again at the end, and change the status
        sys.stdout = _nowhere()
    sys.exit(status)


def _nowhere() -> TextIO:
    return open(os.devnull, "w", encoding="utf-8")  # noqa: PTH123 - open until the end


@app.callback(invoke_without_command=True)
def main(
    version: Annotated[bool, typer.Option("--version", help="Print the version and end.")] = False,
) -> None:
    """Reads handwritten digits, says how sure it is, and lets you look inside."""
    if version:
        from numeye.source import version as installed

        answer(f"numeye {installed()}")
        raise typer.Exit


@app.command()
def train(
    recipe: Annotated[
        str | None,
        typer.Argument(help="A packaged recipe, or the path of a TOML file; classic if left out.", show_default=False),
    ] = None,
    epochs: Annotated[str | None, option("--epochs", "Epochs in all, or +N more with --resume.", "N|+N")] = None,
    seed: Annotated[int | None, option("--seed", "Of the first weights and of every shuffle; 0 if left out.")] = None,
    device: Annotated[str | None, option("--device", "auto (CUDA where there is one), cpu, cuda.")] = None,
    folder: Annotated[Path | None, option("--run", "The run folder; runs/RECIPE-seedN if left out.", "DIR")] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in that folder, if there is one.")
    ] = False,
    watch: Annotated[
        bool, typer.Option("--watch", help="Keep the weights and the loss every so many steps, to watch it learn.")
    ] = False,
    data: Annotated[str | None, option("--data", "mnist, or a data folder of your own digits.")] = None,
    cache: Cache = None,
) -> None:
    """Train a network into a run folder.

    Writes checkpoints, and in the end ONNX weights, their card and a report.
    Ctrl-C saves where it stands, prints the command that goes on, and ends with 130.
    """
    import numeye
    from numeye.config import load_recipe

    if recipe is not None:
        load_recipe(recipe)  # a wrong name is told before torch is loaded, which takes seconds
    start = numeye.train  # names the missing extra, where training is not installed
    from rich.console import Console

    from numeye.training.console import listener
    from numeye.training.loop import Stopped

    console = listener(Console(stderr=True))
    asked: dict[str, Any] = {"epochs": epochs, "seed": seed, "device": device, "data": data}
    try:
        done = start(
            recipe, **asked, run=folder, resume=resume, watch=watch, cache=cache, callbacks=[console], say=say,
            fetch=lambda: _fetch(cache),
        )  # fmt: skip
    except Stopped as stopped:
        say(f"Stopped {stopped}")
        raise typer.Exit(STOPPED) from stopped
    finally:
        console.close()
    answer(_trained(done.folder))


def _trained(folder: Path) -> str:
    card = json_module.loads((folder / "card.json").read_text(encoding="utf-8"))
    measured = card["accuracy"]
    if measured is None:
        epochs = f"{card['epochs']} epoch{'' if card['epochs'] == 1 else 's'}"
        return f"{folder}: trained for {epochs}; report.html in it shows how"
    low, high = measured["interval"]
    return (
        f"{folder}: {measured['correct']:,} / {measured['n']:,} * 100 = {measured['accuracy']:.2f} % of the test "
        f"digits right (95 % interval {low:.2f} to {high:.2f}); report.html in it shows how"
    )


@app.command()
def evaluate(
    model: Annotated[
        str | None,
        typer.Argument(help="A packaged model, a run folder or an ONNX file; the default model if left out.",
                       show_default=False),
    ] = None,
    data: Annotated[str | None, option("--data", "mnist (if left out), mnist:validation, or a data folder.")] = None,
    wild: Annotated[Path | None, option("--wild", "Measure each data set in a folder.", "DIR")] = None,
    framing: Annotated[str | None, option("--framing", "For classic: classical, or naive, which only resizes.")] = None,
    max_error: MaxError = None,
    json: Json = False,
    mistakes: Annotated[Path | None, option("--mistakes", "Write the worst mistakes as a PNG.", "DIR")] = None,
    report: Annotated[Path | None, option("--report", "Write a run's report as HTML.", "FILE")] = None,
    log: Annotated[Path | None, option("--log", "With --wild: note each score in a file.", "FILE")] = None,
    reason: Annotated[str | None, option("--reason", "With --log: why it is scored.")] = None,
    cache: Cache = None,
) -> None:  # fmt: skip
    """Measure a model: accuracy, confusion, mistakes; with --wild on every data set of a folder, a row each.

    Accuracy is correct / total * 100. Ends with 1 if a picture or a set cannot be read; rejecting has no part in that.
    """
    from numeye import datasets, evaluation
    from numeye.wild import Readers, evaluate_any

    readers = Readers(model, share(max_error), say)
    if wild is not None:
        if data is not None or report is not None:
            raise UsageError("--wild measures every data set in its folder; leave out --data and --report")
        _evaluate_wild(readers, wild, log, reason, framing=framing, json=json, mistakes=mistakes)
    if log is not None or reason is not None:
        raise UsageError("--log and --reason: expected --wild DIR with them")
    if report is not None and (model is None or not Path(model).is_dir()):
        raise UsageError("--report: expected a run folder as MODEL; only a run has curves to show")
    data = "mnist" if data is None else data
    if data in datasets.SPLITS:
        _fetch(cache)
    found = datasets.open_data(data, cache=cache)
    if report is not None and found.kind != "digits":
        raise UsageError(f"--report: {found.name} is of {found.kind}; expected a data set of one digit a picture")
    reader = readers.of(found.kind)
    naive = framing is not None and evaluation.framing_of(reader, framing) == "naive"
    measured = evaluate_any(reader, found, naive=naive)
    for line in measured.failed:
        say(f"numeye: {line}")
    answer(json_module.dumps(measured.to_dict()) if json else str(measured))
    if mistakes is not None:
        say(f"worst mistakes: {measured.save_mistakes(mistakes)}")
    if report is not None and isinstance(measured, evaluation.Evaluation):
        from numeye import report as reports
        from numeye.runs import Run

        say(f"report: {reports.write(Run.open(Path(str(model))), measured, report)}")
    raise typer.Exit(FAILED if measured.failed else 0)


def _evaluate_wild(readers: Readers, folder: Path, log: Path | None, reason: str | None, **asked: Any) -> NoReturn:
    from numeye import wild

    noted = wild.ScoringLog.asked(log, reason)
    whole = wild.print_folder(readers, folder, log=noted, answer=answer, say=say, **asked)
    raise typer.Exit(0 if whole else FAILED)


@app.command()
def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="A run folder.")],
    to: Annotated[Path | None, option("--to", "Where to write; the run folder if left out.", "DIR")] = None,
    cache: Cache = None,
) -> None:
    """Write a run's ONNX, safetensors and card, checked against each other."""
    import numeye
    from numeye.runs import Run

    _ = numeye.train  # names the missing extra, where training is not installed
    from numeye.training.export import export as write
    from numeye.training.train import run_loaders

    run = Run.open(folder)
    if run.config.data == "mnist":
        _fetch(cache)
    answer(str(write(run, run_loaders(run.config, cache), to)))


@app.command()
def explain(
    picture: Annotated[str, typer.Argument(metavar="IMAGE", help="A picture of one digit, or - for standard input.")],
    model: Annotated[str | None, option("--model", "A packaged model, a run folder or an ONNX file.")] = None,
    save: Annotated[Path | None, option("--save", "Write it as a page (.html) or a picture (.png).", "FILE")] = None,
    json: Json = False,
) -> None:
    """Show what each layer of a network saw in a picture of one digit, and which part of it mattered."""
    from numeye.explain import explain as look
    from numeye.explained import check_name
    from numeye.explained import save as write

    if save is not None:
        check_name(save)  # before anything is done
    seen = look(picture, model)
    answer(json_module.dumps(seen.to_dict()) if json else str(seen))
    if save is not None:
        say(f"saved: {write(seen, save)}")


@app.command()
def models(json: Json = False) -> None:
    """List the packaged models."""
    from numeye import weights

    for name in weights.list_models():
        card = weights.load(name).card
        default = name in (weights.DEFAULT, weights.SPOTTER)
        if json:
            answer(json_module.dumps({"name": name, "default": default, **card}))
        else:
            head = f"{name}{'  (default)' if default else ''}: {card.get('parameters', 0):,} parameters, "
            answer(head + _worth(card.get("accuracy")))


def _worth(measured: dict[str, Any] | None) -> str:
    if measured is None:
        return "finds the digits of a page for the model reader"
    low, high = measured["interval"]
    return (
        f"{measured['accuracy']:.2f} % of {measured['n']:,} MNIST test digits (95 % interval {low:.2f} to {high:.2f})"
    )


@app.command()
def data(
    check: Annotated[bool, typer.Option("--check", help="Only look; fetch nothing.")] = False,
    show: Annotated[
        str | None, option("--show", "Write a contact sheet of synthetic paper or pages.", "paper|pages")
    ] = None,
    to: Annotated[Path, typer.Option("--to", metavar="FILE", help="The file of --show.")] = Path("paper.png"),
    cache: Cache = None,
) -> None:
    """Show which data are there, and fetch what is missing."""
    from numeye import mnist

    if show is not None:
        _show(show, to, cache)
        return

    if not check:
        _fetch(cache)
    states = mnist.status(cache)
    answer(f"MNIST in {mnist.raw_folder(cache)}")
    for name, state in states.items():
        answer(f"  {name:<26} {state}")
    raise typer.Exit(0 if set(states.values()) == {"ok"} else FAILED)


def _show(what: str, to: Path, cache: Path | None) -> None:
    import numeye

    if what not in ("paper", "pages"):
        raise UsageError(f"--show {what}: expected paper or pages")
    _ = numeye.train  # names the missing extra, where training is not installed
    from numeye.training.paper.show import write_sheet

    _fetch(cache)
    answer(str(write_sheet(to, what, cache=cache, say=say)))


@app.command()
def doctor(cache: Cache = None) -> None:
    """Say what is installed and whether it works."""
    from numeye import mnist, source, weights
    from numeye.reader import Reader

    facts = source.environment()
    answer(f"numeye {source.version()}, Python {facts['python']}, {facts['system']}")
    answer(f"processor    {facts['processor']}, {facts['cores']} cores")
    answer("packages     " + ", ".join(f"{name} {version}" for name, version in facts["packages"].items()))
    answer(
        "training     "
        + ("installed" if "torch" in facts["packages"] else "not installed: pip install 'numeye[train]'")
    )
    states = set(mnist.status(cache).values())
    answer(f"MNIST        {'whole' if states == {'ok'} else 'not complete: numeye data'}, in {mnist.raw_folder(cache)}")
    for name in weights.list_models():
        Reader(name)  # raises, in one line, where it is damaged
        answer(f"model        {name}: loads, sha256 as on its card")


def _fetch(cache: Path | None) -> None:
    """MNIST, with a bar for what is downloaded."""
    from numeye import mnist

    if set(mnist.status(cache).values()) == {"ok"}:
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn())
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("MNIST", total=None)

        def show(name: str, done: int, total: int | None) -> None:
            bar.update(task, description=name, completed=done, total=total)

        mnist.fetch(
            cache,
            say=lambda line: bar.console.print(line, highlight=False, markup=False, soft_wrap=True),
            progress=show,
        )
