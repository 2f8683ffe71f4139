"""One training, from a recipe to a report."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from numeye import mnist, report, source
from numeye.config import RunConfig
from numeye.datasets import open_data
from numeye.errors import RunError, UsageError
from numeye.evaluation import evaluate
from numeye.reader import Reader
from numeye.runs import Run
from numeye.training import export
from numeye.training.data import Loaders, loaders, paper_loaders, tile_loaders
from numeye.training.lock import alone
from numeye.training.loop import Callback, Stopped, Training, hardware
from numeye.training.plan import plan_training
from numeye.training.possible import check_possible
from numeye.training.snapshots import Snapshots

Say = Callable[[str], object]


def train(
    recipe: str | None = None,
    *,
    epochs: str | int | None = None,
    seed: int | None = None,
    data: str | None = None,
    device: str | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    watch: bool = False,
    cache: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    say: Say = lambda _: None,
    fetch: Callable[[], Any] | None = None,
) -> Run:
    """Train a recipe, export its weights, measure them once on the test digits and write the report.

    Args:
        recipe: a packaged recipe's name, or the path of a `.toml`; `classic`, or the run's own, where left out.
        epochs: how many in all, or "+N" for N more than a run has; the recipe's number where left out.
        seed: of weights and shuffles; 0 where left out.
        data: `mnist` or the path of a data folder.
        device: `auto`, `cpu`, `cuda`.
        run: the run folder; `runs/RECIPE-seedSEED` where left out.
        resume: go on with the run in that folder, where there is one.
        watch: write down how it learns while it does, see `numeye.training.snapshots`; a run that was once watched is
            watched when it goes on.
        cache: where MNIST is kept.
        callbacks: are told how training goes.
        say: is told what happens, in a line each.
        fetch: fetches MNIST in a way of its own (with a bar); `mnist.fetch` where left out.

    Raises:
        UsageError, DataError, RunError, TrainingError, OutputError: each says what helps.
        Stopped: by Ctrl-C; what was learnt is saved.
    """
    plan = plan_training(recipe, epochs=epochs, folder=run, resume=resume, seed=seed, data=data, device=device)
    check_possible(plan.config)
    if plan.config.data == "mnist":
        (fetch or (lambda: mnist.fetch(cache, say=say)))()
    batches = run_loaders(plan.config, cache, say)  # all that can be wrong is wrong before anything is written
    facts = {**hardware(), **_data_facts(batches)}
    if plan.run is None:
        plan = replace(plan, run=plan.open(facts))  # so that there is a folder to be alone in
    with alone(plan.folder, "training"):
        record = plan.open(facts)
        if watch or record.is_watched:
            callbacks = (Snapshots(), *callbacks)  # first, so that a bar's clock does not count the graph
        return _go_on(record, batches, callbacks, cache=cache, say=say, resume=resume)


def _go_on(
    record: Run, batches: Loaders, callbacks: Sequence[Callback], *, cache: str | Path | None, say: Say, resume: bool
) -> Run:
    training = Training(record, batches, callbacks)
    if resume:
        _check_data(record, batches)
        training.resume(say)
    if training.epoch >= record.config.epochs and _is_finished(record):
        more = record.resume_command(" --epochs +5")
        again = "" if record.config.recipe.schedule == "constant" else ", in another cycle of its learning rate"
        say(f"{record.folder} has finished its {training.epoch} epochs; {more} adds more{again}")
        return record
    if training.epoch or training.step:
        _say_what_differs(record, say)
        record.record_start({**hardware(), **_data_facts(batches)})
    say(_summary(training))
    training.fit()
    try:
        finish(record, batches, cache, say)
    except KeyboardInterrupt as error:
        raise Stopped(f"before it was exported; this goes on: {record.resume_command()}") from error
    return record


def run_loaders(config: RunConfig, cache: str | Path | None = None, say: Say = lambda _: None) -> Loaders:
    """The batches that a run learns from."""
    if config.recipe.paper or config.recipe.tiles:
        if config.data != "mnist":
            raise UsageError(f"--data {config.data}: {config.recipe.name} learns from mnist on synthetic paper only")
        return (tile_loaders if config.recipe.tiles else paper_loaders)(config.recipe, cache, say)
    return loaders(config.data, config.recipe.batch_size, cache, say)


def finish(record: Run, batches: Loaders, cache: str | Path | None, say: Say) -> None:
    """Export a trained run and, if its digits are MNIST's, measure it on the test digits; write the report."""
    say("exporting")
    (record.folder / report.FILE).unlink(missing_ok=True)  # written last, so that it says: finished
    export.export(record, batches, cache=cache)
    evaluation = None
    if record.config.data == "mnist" and not record.config.recipe.tiles:
        say("measuring on the 10,000 test digits")
        evaluation = evaluate(Reader(record.folder, single=True), open_data("mnist", cache=cache))
        export.record_accuracy(record.folder, evaluation)
    report.write(record, evaluation)


def _data_facts(batches: Loaders) -> dict[str, Any]:
    return {"data_sha256": batches.digest} if batches.digest else {}


def _check_data(record: Run, batches: Loaders) -> None:
    """Own digits must be those that the run began with, or nothing of what it says of itself would hold."""
    known = {start["data_sha256"] for start in record.environments() if "data_sha256" in start}
    if known and batches.digest not in known:
        raise RunError(
            f"{record.config.data}: other digits than when {record.folder} began; put them back, "
            "or choose another folder with --run"
        )


def _is_finished(record: Run) -> bool:
    """True where the last thing that `finish` writes is there, and was written after these epochs."""
    card = record.folder / export.CARD_FILE
    if not all((record.folder / name).is_file() for name in (export.CARD_FILE, export.ONNX_FILE, report.FILE)):
        return False
    try:
        return bool(json.loads(card.read_text(encoding="utf-8"))["epochs"] == record.config.epochs)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # what is damaged is written again


def _say_what_differs(record: Run, say: Say) -> None:
    """Weights come out the same to the last bit only where torch, its threads and the processor are the same."""
    before: dict[str, Any] = next(reversed(record.environments()), {})
    now = {**source.environment(), **hardware()}
    for name in ("processor", "threads", "gpu"):
        if before.get(name) != now[name]:
            say(f"{name} is {now[name]}, it was {before.get(name)}: the weights may differ in their last bits")
    torch_before, torch_now = (facts.get("packages", {}).get("torch") for facts in (before, now))
    if torch_before != torch_now:
        say(f"torch is {torch_now}, it was {torch_before}: the weights may differ in their last bits")


def _summary(training: Training) -> str:
    batches = training.loaders
    fitted, held = len(batches.train.dataset), len(batches.validation.dataset)  # type: ignore[arg-type]
    where = f"{training.device.type}" + (
        f", {torch.get_num_threads()} threads" if training.device.type == "cpu" else ""
    )
    at = f", going on after epoch {training.epoch}" if training.epoch or training.step else ""
    config = training.run.config
    return (
        f"{config.recipe.name}: {fitted:,} {_things(config)} to learn from, {held:,} to validate, "
        f"seed {config.seed}, {where}, in {training.run.folder}{at}"
    )


def _things(config: RunConfig) -> str:
    """What a run learns from."""
    return "tiles" if config.recipe.tiles else "crops" if config.recipe.paper else "digits"
