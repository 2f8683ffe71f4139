"""One training, from a recipe to a report."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from numeye import mnist, report, source
from numeye.config import RunConfig, load_recipe
from numeye.datasets import open_data
from numeye.errors import RunError, UsageError
from numeye.evaluation import evaluate
from numeye.reader import Reader
from numeye.runs import Run
from numeye.training import export
from numeye.training.data import Loaders, loaders
from numeye.training.loop import Callback, Training, hardware

Say = Callable[[str], object]


def train(
    recipe: str,
    *,
    epochs: str | int | None = None,
    seed: int | None = None,
    data: str | None = None,
    device: str | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    cache: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    say: Say = lambda _: None,
    fetch: Callable[[], Any] | None = None,
) -> Run:
    """Train a recipe, export its weights, measure them once on the test digits and write the report.

    Args:
        recipe: a packaged recipe's name, or the path of a `.toml`.
        epochs: how many in all, or "+N" for N more than a run has; the recipe's number where left out.
        seed: of weights and shuffles; 0 where left out.
        data: `mnist` or the path of a data folder.
        device: `auto`, `cpu`, `cuda`.
        run: the run folder; `runs/RECIPE-seedSEED` where left out.
        resume: go on with the run in that folder, where there is one.
        cache: where MNIST is kept.
        callbacks: are told how training goes.
        say: is told what happens, in a line each.
        fetch: fetches MNIST in a way of its own (with a bar); `mnist.fetch` where left out.

    Raises:
        UsageError, DataError, RunError, TrainingError, OutputError: each says what helps.
        Stopped: by Ctrl-C; what was learnt is saved.
    """
    asked = {"seed": seed, "data": data, "device": device}
    record = _open_or_create(recipe, epochs, {k: v for k, v in asked.items() if v is not None}, run, resume)
    if record.config.data == "mnist":
        (fetch or (lambda: mnist.fetch(cache, say=say)))()
    batches = run_loaders(record, cache)
    training = Training(record, batches, callbacks)
    if resume:
        training.resume(say)
    if training.epoch >= record.config.epochs and (record.folder / report.FILE).is_file():
        more = record.resume_command(" --epochs +5")
        say(f"{record.folder} has finished its {training.epoch} epochs; {more} adds more")
        return record
    if training.epoch or training.step:
        _say_what_differs(record, say)
        record.record_start(hardware())
    say(_summary(training))
    training.fit()
    finish(record, batches, cache, say)
    return record


def run_loaders(record: Run, cache: str | Path | None = None) -> Loaders:
    """The batches that a run learns from."""
    return loaders(record.config.data, record.config.recipe.batch_size, cache)


def finish(record: Run, batches: Loaders, cache: str | Path | None, say: Say) -> None:
    """Export a trained run and, if its digits are MNIST's, measure it on the test digits; write the report."""
    say("exporting")
    export.export(record, batches)
    evaluation = None
    if record.config.data == "mnist":
        say("measuring on the 10,000 test digits")
        evaluation = evaluate(Reader(record.folder), open_data("mnist", cache=cache))
        export.record_accuracy(record.folder, evaluation)
    report.write(record, evaluation)


def _open_or_create(
    recipe_name: str, epochs: str | int | None, asked: dict[str, Any], folder: str | Path | None, resume: bool
) -> Run:
    recipe = load_recipe(recipe_name)
    path = Path(folder) if folder else Path("runs") / f"{recipe.name}-seed{asked.get('seed', 0)}"
    if resume and (path / "config.json").is_file():
        record = Run.open(path)
        _check_same(record, recipe_name, asked)
        total = _epochs(epochs, record.config.epochs, started=True)
        if total < record.config.epochs:
            raise UsageError(
                f"--epochs {epochs}: {path} was asked for {record.config.epochs}; a run cannot be shortened"
            )
        if total > record.config.epochs:
            (path / report.FILE).unlink(missing_ok=True)  # written last, so its absence says: not finished
            record.extend(replace(record.config, epochs=total))
        return record
    total = _epochs(epochs, recipe.epochs, started=False)
    return Run.create(path, RunConfig(recipe=recipe, epochs=total, **asked), hardware())


def _check_same(record: Run, recipe_name: str, asked: dict[str, Any]) -> None:
    recipe = load_recipe(recipe_name)
    if record.config.recipe != recipe:
        what = record.config.recipe.name
        other = "another version of it" if what == recipe.name else f"of the recipe {what}"
        raise RunError(f"{record.folder}: this run is {other}, not {recipe_name}; choose another folder with --run")
    for name, value in asked.items():
        if name != "device" and value != getattr(record.config, name):
            had = getattr(record.config, name)
            raise RunError(
                f"{record.folder}: this run has --{name} {had}, not {value}; choose another folder with --run"
            )


def _say_what_differs(record: Run, say: Say) -> None:
    """Weights come out the same to the last bit only where torch, its threads and the processor are the same."""
    before = record.environments()[-1]
    now = {**source.environment(), **hardware()}
    for name in ("processor", "threads", "gpu"):
        if before.get(name) != now[name]:
            say(f"{name} is {now[name]}, it was {before.get(name)}: the weights may differ in their last bits")
    torch_before, torch_now = (facts["packages"].get("torch") for facts in (before, now))
    if torch_before != torch_now:
        say(f"torch is {torch_now}, it was {torch_before}: the weights may differ in their last bits")


def _epochs(asked: str | int | None, base: int, *, started: bool) -> int:
    if asked is None:
        return base
    match = re.fullmatch(r"(\+?)(\d{1,6})", str(asked))
    if not match:
        raise UsageError(f"--epochs {asked}: expected a number such as 5, or +5 to go on with a run")
    if match[1] and not started:
        raise UsageError(f"--epochs {asked}: there is no run to go on with; add --resume, or leave out the +")
    return int(match[2]) + (base if match[1] else 0)


def _summary(training: Training) -> str:
    batches = training.loaders
    fitted, held = len(batches.train.dataset), len(batches.validation.dataset)  # type: ignore[arg-type]
    where = f"{training.device.type}" + (
        f", {torch.get_num_threads()} threads" if training.device.type == "cpu" else ""
    )
    at = f", going on after epoch {training.epoch}" if training.epoch or training.step else ""
    return (
        f"{training.run.config.recipe.name}: {fitted:,} digits to learn from, {held:,} to validate, "
        f"seed {training.run.config.seed}, {where}, in {training.run.folder}{at}"
    )
