"""`numeye train`: train a recipe."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from numeye.cli.data import fetch_mnist
from numeye.cli.options import (
    STOPPED,
    Cache,
    option,
    print_message,
    print_result,
    use_matplotlib_cache,
)
from numeye.printable import printable

Recipe = Annotated[
    str | None,
    typer.Argument(
        metavar="RECIPE",
        help="Name of a packaged recipe, or a TOML file (default: classic).",
        show_default=False,
    ),
]
Epochs = Annotated[
    str | None,
    option("--epochs", "Number of epochs in all, or +N: N more with --resume.", "N|+N"),
]
Seed = Annotated[int | None, option("--seed", "Random seed (default 0).", "N")]
Device = Annotated[
    str | None, option("--device", "auto (CUDA if available), cpu or cuda.", "DEVICE")
]
RunFolder = Annotated[
    Path | None, option("--run", "Run folder (default: runs/RECIPE-seedN).", "DIR")
]
Data = Annotated[
    str | None,
    option("--data", "Training data: mnist, or a folder of your own digits or numbers.", "DATA"),
]
Resume = Annotated[
    bool, typer.Option("--resume", help="Continue the run in that folder, if there is one.")
]
NoPendigits = Annotated[
    bool,
    typer.Option("--no-pendigits", help="Leave out the pen trajectories that the recipe draws."),
]
Watch = Annotated[
    bool,
    typer.Option(
        "--watch", help="Also save weights and loss every few steps, to look at them later."
    ),
]


def train(
    recipe: Recipe = None,
    epochs: Epochs = None,
    seed: Seed = None,
    device: Device = None,
    folder: RunFolder = None,
    resume: Resume = False,
    watch: Watch = False,
    data: Data = None,
    no_pendigits: NoPendigits = False,
    cache: Cache = None,
) -> None:
    """Train a network, and write it to a run folder.

    Writes checkpoints during training; at the end ONNX weights, a model card and a report.
    Ctrl-C saves the current state, prints the command that continues, and exits with status 130.
    """
    import numeye
    from numeye.models.recipe import load_recipe

    if recipe is not None:
        load_recipe(recipe)  # reports a wrong name before torch is loaded, which takes seconds
    use_matplotlib_cache(cache)
    train_recipe = numeye.train  # raises where the extra [train] is not installed
    options: dict[str, Any] = {"epochs": epochs, "seed": seed, "device": device, "data": data}
    options |= {"run": folder, "resume": resume, "watch": watch, "cache": cache}
    options |= {"pendigits": not no_pendigits}
    from rich.console import Console

    from numeye.training.interrupts import TrainingInterrupted
    from numeye.training.progress import progress_callback

    progress_bars = progress_callback(Console(stderr=True))
    callbacks, fetch = [progress_bars], partial(fetch_mnist, cache)
    try:
        run = train_recipe(
            recipe, **options, callbacks=callbacks, progress=print_message, fetch=fetch
        )
    except TrainingInterrupted as interruption:
        print_message(f"Stopped {interruption}")
        raise typer.Exit(STOPPED) from interruption
    finally:
        progress_bars.close()
    print_result(printable(_summary(run.folder)))


def _summary(folder: Path) -> str:
    """Return the result of a run in one line, from its model card."""
    from numeye.io import structured_files

    card = structured_files.load_json(folder / "card.json")
    accuracy = card["accuracy"]
    if accuracy is None:
        epochs = f"{card['epochs']} epoch{'' if card['epochs'] == 1 else 's'}"
        return f"{folder}: trained for {epochs}; see its report.html"
    low, high = accuracy["interval"]
    return (
        f"{folder}: {accuracy['correct']:,} / {accuracy['n']:,} * 100 = {accuracy['accuracy']:.2f}"
        f" % of the test digits right (95 % interval {low:.2f} to {high:.2f}); see its report.html"
    )
