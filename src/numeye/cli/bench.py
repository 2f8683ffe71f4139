"""`numeye bench`: measure speed."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli.options import Cache, Json, print_message, print_result
from numeye.errors import UsageError

app = typer.Typer(help="Measure the speed of reading, training and serving.", no_args_is_help=True)


@app.command("read")
def bench_read(
    rounds: Annotated[
        int, typer.Option("--rounds", min=1, metavar="N", help="Measured runs of each command.")
    ] = 15,
    json: Json = False,
) -> None:
    """Time start-up, one picture and a folder.

    Each is timed as a whole command, beside `python -c pass`.
    """
    from numeye.bench import read

    result = read.bench_read(rounds)
    print_result(
        json_module.dumps(result, default=vars) if json else "\n".join(read.format_results(result))
    )


@app.command("train")
def bench_train(
    seeds: Annotated[
        str,
        typer.Option(
            "--seeds", metavar="SEEDS", help="Seeds to train classic with; empty: do not train."
        ),
    ] = "0,1,2",
    rounds: Annotated[
        int,
        typer.Option(
            "--rounds", min=0, metavar="N", help="Epochs of each loop; 0: do not compare loops."
        ),
    ] = 6,
    runs: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="Folder for the trained runs.")
    ] = Path("runs"),
    json: Json = False,
    cache: Cache = None,
) -> None:
    """Time the training loop beside a minimal loop.

    Also trains the recipe classic with several seeds, to show how much the accuracy varies.
    """
    from numeye.bench import train
    from numeye.extras import require
    from numeye.io import mnist

    numbers = _parse_numbers("--seeds", seeds)
    require("training", "train")
    mnist.fetch(cache, on_message=print_message)  # a download is not timed
    result = train.bench_train(numbers, rounds, runs, str(cache) if cache else None)
    print_result(json_module.dumps(result) if json else "\n".join(train.format_results(result)))


@app.command("serve")
def bench_serve(
    seconds: Annotated[
        float, typer.Option("--seconds", min=0.1, metavar="S", help="Seconds of each load test.")
    ] = 30.0,
    clients: Annotated[
        str,
        typer.Option("--clients", metavar="NUMBERS", help="Numbers of clients at the same time."),
    ] = "1,8,64",
    json: Json = False,
    cache: Cache = None,
) -> None:
    """Time the HTTP API under load.

    The reader without a server is timed, too, as the baseline.
    """
    from numeye.bench import serve as serve_bench
    from numeye.extras import require
    from numeye.io import mnist

    counts = _parse_numbers("--clients", clients, minimum=1)
    require("the server", "serve")
    mnist.fetch(cache, on_message=print_message)  # a download is not timed
    result = serve_bench.bench_serve(seconds, counts, str(cache) if cache else None)
    lines = serve_bench.format_results(result)
    print_result(json_module.dumps(result) if json else "\n".join(lines))


def _parse_numbers(flag: str, text: str, *, minimum: int = 0) -> list[int]:
    """Return the whole numbers of an option such as `1,8,64`.

    Raises:
        UsageError: a part is no whole number, or below `minimum`.
    """
    try:
        numbers = [int(word) for word in text.split(",") if word.strip()]
        if min(numbers, default=minimum) >= minimum:
            return numbers
    except ValueError:
        pass  # the same message as for a number that is too small
    raise UsageError(
        f"{flag} {text}: expected whole numbers of {minimum} or more, with commas between them,"
        " such as 1,8"
    )
