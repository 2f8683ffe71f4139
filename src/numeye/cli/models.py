"""`numeye models` and `numeye export`."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import Annotated, Any

import typer

from numeye.cli.data import fetch_mnist
from numeye.cli.options import Cache, Json, option, print_result
from numeye.printable import printable


def export(
    folder: Annotated[Path, typer.Argument(metavar="RUN", help="Run folder.")],
    target: Annotated[
        Path | None, option("--to", "Folder to write to (default: the run folder).", "DIR")
    ] = None,
    cache: Cache = None,
) -> None:
    """Export a run as ONNX and safetensors.

    Also writes the model card, and checks that all of them agree.
    """
    import numeye
    from numeye.io import files
    from numeye.models.run_folder import Run

    _ = numeye.train  # raises where the extra [train] is not installed
    from numeye.training.export import export as export_run
    from numeye.training.run_lock import lock_folder
    from numeye.training.tasks import trainer_for

    run = Run.open(folder)
    if target is not None:
        files.check_folder(target)
    if run.config.data == "mnist":
        fetch_mnist(cache)
    # The run folder is locked, not the target: people pass the target on.
    with lock_folder(folder, "training or export", "--to"):
        loaders = trainer_for(run.config.recipe).make_loaders(run.config, cache)
        print_result(printable(str(export_run(run, loaders, target or folder))))


def models(json: Json = False) -> None:
    """List the packaged models."""
    from numeye.models import registry

    for name in registry.list_models():
        card = registry.load(name).card
        is_default = name in (registry.DEFAULT, registry.DETECTOR)
        if json:
            print_result(json_module.dumps({"name": name, "default": is_default, **card}))
            continue
        default = "  (default)" if is_default else ""
        parameters = f"{card.get('parameters', 0):,} parameters"
        print_result(f"{name}{default}: {parameters}, {_describe(card)}")


# What models do whose card states no accuracy, by task.
PURPOSES = {
    "detection": "finds the characters of a page for the model recognizer",
    "transcription": "reads whole numbers again where detector and recognizer are unsure",
}


def _describe(card: dict[str, Any]) -> str:
    """Return what a card states of a model's accuracy; or what the model is for."""
    accuracy = card.get("accuracy")
    if accuracy is None:
        return PURPOSES.get(str(card.get("task")), "accuracy not measured")
    low, high = accuracy["interval"]
    return (
        f"{accuracy['accuracy']:.2f} % of {accuracy['n']:,} MNIST test digits (95 % interval"
        f" {low:.2f} to {high:.2f})"
    )
