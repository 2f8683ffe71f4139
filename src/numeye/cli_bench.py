"""`numeye bench`: how long things take."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli_options import Cache, Json, answer, say
from numeye.errors import UsageError

app = typer.Typer(help="Measure how long things take.", no_args_is_help=True)


@app.command("read")
def bench_read(
    rounds: Annotated[int, typer.Option("--rounds", min=1, help="Counted runs of each command.")] = 15,
    json: Json = False,
) -> None:
    """Start-up, one picture and a folder, as whole processes beside `python -c pass`."""
    from numeye import bench

    result = bench.bench_read(rounds)
    answer(json_module.dumps(result, default=vars) if json else "\n".join(bench.reading_lines(result)))


@app.command("train")
def bench_train(
    seeds: Annotated[
        str, typer.Option("--seeds", help="Seeds to train classic with, such as 0,1,2; empty for none.")
    ] = "0,1,2",
    rounds: Annotated[int, typer.Option("--rounds", min=0, help="Epochs of each loop; 0 leaves that part out.")] = 6,
    runs: Annotated[Path, typer.Option("--runs", metavar="DIR", help="Folder of the trained runs.")] = Path("runs"),
    json: Json = False,
    cache: Cache = None,
) -> None:
    """The training loop beside a bare one, and `classic` trained with several seeds."""
    from numeye import bench, mnist

    numbers = _numbers("--seeds", seeds)
    mnist.fetch(cache, say=say)  # a download is not in the clock
    result = bench.bench_train(numbers, rounds, runs, str(cache) if cache else None)
    answer(json_module.dumps(result) if json else "\n".join(bench.training_lines(result)))


@app.command("serve")
def bench_serve(
    seconds: Annotated[float, typer.Option("--seconds", min=0.1, help="Of each load.")] = 30.0,
    clients: Annotated[str, typer.Option("--clients", help="How many ask at once, such as 1,8,64.")] = "1,8,64",
    json: Json = False,
    cache: Cache = None,
) -> None:
    """The HTTP API under load, beside the reader in one process."""
    from numeye import bench_serve as load
    from numeye import mnist

    counts = _numbers("--clients", clients, least=1)
    mnist.fetch(cache, say=say)  # a download is not in the clock
    result = load.bench_serve(seconds, counts, str(cache) if cache else None)
    answer(json_module.dumps(result) if json else "\n".join(load.serving_lines(result)))


def _numbers(flag: str, words: str, *, least: int = 0) -> list[int]:
    try:
        numbers = [int(word) for word in words.split(",") if word.strip()]
        if min(numbers, default=least) >= least:
            return numbers
    except ValueError:
        pass  # as one that is too small
    raise UsageError(f"{flag} {words}: expected whole numbers of {least} or more with commas between, such as 1,8")
