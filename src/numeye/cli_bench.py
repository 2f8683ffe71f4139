"""`numeye bench`: how long things take."""

from __future__ import annotations

import json as json_module
import sys
from pathlib import Path
from typing import Annotated

import typer

from numeye.errors import UsageError

app = typer.Typer(help="Measure how long things take.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON, one object a line.")]


@app.command("read")
def bench_read(
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Counted runs of each command.")] = 15,
    json: Json = False,
) -> None:
    """Start-up, one picture and a folder, as whole processes beside `python -c pass`."""
    from numeye import bench

    result = bench.bench_read(rounds)
    _answer([json_module.dumps(result, default=vars)] if json else bench.reading_lines(result))


@app.command("train")
def bench_train(
    seeds: Annotated[
        str, typer.Option("--seeds", help="Seeds to train classic with, such as 0,1,2; empty for none.")
    ] = "0,1,2",
    rounds: Annotated[int, typer.Option("--rounds", min=0, help="Epochs of each loop; 0 leaves that part out.")] = 6,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the trained runs.")] = Path("runs"),
    json: Json = False,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Where downloads are kept (or NUMEYE_CACHE).", show_default=False),
    ] = None,
) -> None:
    """The training loop beside a bare one, and `classic` trained with several seeds."""
    from numeye import bench, mnist

    numbers = _numbers("--seeds", seeds)
    mnist.fetch(cache, say=lambda line: print(line, file=sys.stderr))  # noqa: T201 - a download is not in the clock
    result = bench.bench_train(numbers, rounds, runs, str(cache) if cache else None)
    _answer([json_module.dumps(result)] if json else bench.training_lines(result))


@app.command("serve")
def bench_serve(
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Of each load.")] = 30.0,
    clients: Annotated[str, typer.Option("--clients", help="How many ask at once, such as 1,8,64.")] = "1,8,64",
    json: Json = False,
    cache: Annotated[
        Path | None,
        typer.Option("--cache", metavar="DIR", help="Where downloads are kept (or NUMEYE_CACHE).", show_default=False),
    ] = None,
) -> None:
    """The HTTP API under load, beside the reader in one process."""
    from numeye import bench_serve as load
    from numeye import mnist

    counts = _numbers("--clients", clients)
    mnist.fetch(cache, say=lambda line: print(line, file=sys.stderr))  # noqa: T201 - a download is not in the clock
    result = load.bench_serve(seconds, counts, str(cache) if cache else None)
    _answer([json_module.dumps(result)] if json else load.serving_lines(result))


def _numbers(flag: str, words: str) -> list[int]:
    try:
        return [int(word) for word in words.split(",") if word.strip()]
    except ValueError as error:
        raise UsageError(f"{flag} {words}: expected whole numbers with commas between, such as 1,8") from error


def _answer(lines: list[str]) -> None:
    sys.stdout.writelines(f"{line}\n" for line in lines)
    sys.stdout.flush()
