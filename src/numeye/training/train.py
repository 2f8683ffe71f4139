"""Train a recipe: from its name to weights, card and report in a run folder."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch

from numeye.errors import RunError
from numeye.evaluation import run_report
from numeye.evaluation.digits import evaluate_digits
from numeye.io import mnist, structured_files
from numeye.io.datasets import open_data
from numeye.models import environment
from numeye.models.recipe import Recipe
from numeye.models.run_folder import Run
from numeye.reader import Reader
from numeye.training import export, reproducibility
from numeye.training.interrupts import TrainingInterrupted
from numeye.training.loaders import Loaders
from numeye.training.loop import Callback, Training
from numeye.training.pretrained import describe_pretrained
from numeye.training.run_lock import lock_folder
from numeye.training.run_plan import Plan, check_config, plan_training
from numeye.training.snapshot_writer import SnapshotWriter
from numeye.training.tasks import trainer_for

LOG = logging.getLogger(__name__)
Progress = Callable[[str], object]


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
    pendigits: bool = True,
    cache: str | Path | None = None,
    callbacks: Sequence[Callback] = (),
    progress: Progress = LOG.info,
    fetch: Callable[[], Any] | None = None,
) -> Run:
    """Train a recipe and export its weights.

    Weights that learned from MNIST are measured once on its test digits. Then the report is
    written.

    Args:
        recipe: name of a packaged recipe, or path of a `.toml` file. Default: the recipe of the
            run to resume, else `classic`.
        epochs: number of epochs, or "+N" for N more than the run has. Default: the recipe's.
        seed: random seed of weights and shuffles. Default: 0.
        data: `mnist` or the path of a data folder. Default: `mnist`.
        device: `auto`, `cpu` or `cuda`. Default: `auto`.
        run: run folder. Default: `runs/RECIPE-seedSEED`.
        resume: continue the run in that folder, if there is one.
        watch: also write how the network learns, see `numeye.training.snapshot_writer`. A run that
            was watched once is watched again when it continues.
        pendigits: False leaves out the pen trajectories of a recipe that draws them.
        cache: where MNIST is kept.
        callbacks: react to steps and epochs.
        progress: receives one line for each stage. Default: logging, at level INFO.
        fetch: downloads MNIST, for example with a progress bar. Default: `mnist.fetch`.

    Returns:
        The run, with its records.

    Raises:
        UsageError, DataError, RunError, TrainingError, OutputError: their messages say what to do.
        TrainingInterrupted: Ctrl-C was pressed; what the network learned is saved.
    """
    plan = plan_training(
        recipe,
        epochs=epochs,
        folder=run,
        resume=resume,
        pendigits=pendigits,
        seed=seed,
        data=data,
        device=device,
    )
    # before anything is computed
    reproducibility.choose_instruction_sets(plan.config.recipe, plan.run, progress)
    check_config(plan.config)
    if plan.config.data == "mnist":
        (fetch or (lambda: mnist.fetch(cache, on_message=progress)))()
    # Errors in the arguments show up here at the latest, before anything is written.
    loaders = trainer_for(plan.config.recipe).make_loaders(plan.config, cache, progress)
    with reproducibility.fixed_threads(plan.config.recipe.reproducible):
        return _train_locked(
            plan, loaders, callbacks, watch=watch, cache=cache, progress=progress, resume=resume
        )


def _train_locked(
    plan: Plan,
    loaders: Loaders,
    callbacks: Sequence[Callback],
    *,
    watch: bool,
    cache: str | Path | None,
    progress: Progress,
    resume: bool,
) -> Run:
    start = _start_record(plan.config.recipe, loaders)
    if plan.run is None:
        plan = replace(plan, run=plan.open_run(start))  # creates the folder, to lock it
    with lock_folder(plan.folder, "training"):
        run = plan.open_run(start)
        if watch or run.is_watched:
            # first, so that the clock of a progress bar does not count the writing of the graph
            callbacks = (SnapshotWriter(), *callbacks)
        return _fit_and_export(
            run, loaders, callbacks, cache=cache, progress=progress, resume=resume
        )


def _fit_and_export(
    run: Run,
    loaders: Loaders,
    callbacks: Sequence[Callback],
    *,
    cache: str | Path | None,
    progress: Progress,
    resume: bool,
) -> Run:
    training = Training(run, loaders, callbacks)
    if resume:
        _check_same_digits(run, loaders)
        training.resume(progress)
    if training.epoch >= run.config.epochs and _is_complete(run):
        progress(_complete_message(run))
        return run
    if training.epoch or training.step:
        _report_differences(run, progress)
        run.record_start(_start_record(run.config.recipe, loaders))
    progress(_summary(training))
    training.fit()
    try:
        export_and_measure(run, loaders, cache, progress)
    except KeyboardInterrupt as error:
        raise TrainingInterrupted(
            f"before the export; continue with: {run.resume_command()}"
        ) from error
    return run


def export_and_measure(
    run: Run, loaders: Loaders, cache: str | Path | None, progress: Progress
) -> None:
    """Export a trained run, measure it on MNIST's test digits if it learned MNIST, and report."""
    progress("exporting")
    # The report is written last: where it exists, the run is complete.
    (run.folder / run_report.FILE).unlink(missing_ok=True)
    export.export(run, loaders, cache=cache)
    evaluation = None
    if run.config.data == "mnist" and trainer_for(run.config.recipe).reads_single_digits:
        progress("measuring on the 10,000 test digits")
        evaluation = evaluate_digits(
            Reader(run.folder, single=True), open_data("mnist", cache=cache)
        )
        export.record_accuracy(run.folder, evaluation)
    run_report.write(run, evaluation)


def _start_record(recipe: Recipe, loaders: Loaders) -> dict[str, Any]:
    """Return what `environment.jsonl` says about hardware and data when training starts."""
    digest = {"data_sha256": loaders.digest} if loaders.digest else {}
    first_weights = (
        {"pretrained": describe_pretrained(recipe.pretrained)} if recipe.pretrained else {}
    )
    return {**reproducibility.hardware(), **digest, **first_weights}


def _check_same_digits(run: Run, loaders: Loaders) -> None:
    """Check that a data folder still has the digits that the run began with."""
    digests = {start["data_sha256"] for start in run.starts() if "data_sha256" in start}
    if digests and loaders.digest not in digests:
        raise RunError(
            f"{run.config.data}: its digits changed since {run.folder} began; restore them, or"
            " choose another folder with --run"
        )


def _is_complete(run: Run) -> bool:
    """Return whether the run's files are all there, and written after its last epoch."""
    names = (export.CARD_FILE, export.ONNX_FILE, run_report.FILE)
    if not all((run.folder / name).is_file() for name in names):
        return False
    try:
        card = structured_files.load_json(run.folder / export.CARD_FILE)
        return bool(card["epochs"] == run.config.epochs)
    except (OSError, ValueError, KeyError, TypeError):
        return False  # a damaged card is written again


def _complete_message(run: Run) -> str:
    more = run.resume_command(" --epochs +5")
    constant = run.config.recipe.schedule == "constant"
    cycle = "" if constant else ", in another cycle of its learning rate"
    return (
        f"{run.folder} has completed its {run.config.epochs} epochs; to train 5 more{cycle}: {more}"
    )


def _report_differences(run: Run, progress: Progress) -> None:
    """Report what differs from the run's last start and may change the last bits of the weights.

    These are torch, its threads and the processor; with pinned instruction sets the processor does
    not matter.
    """
    before: dict[str, Any] = next(reversed(run.starts()), {})
    now = {**environment.environment(), **reproducibility.hardware()}
    pinned = before.get("instruction_sets") == now["instruction_sets"] == reproducibility.PINNED
    names = ("threads", "gpu", "bfloat16", *(() if pinned else ("processor",)))
    values = {name: (before.get(name), now[name]) for name in names}
    old_torch, new_torch = (start.get("packages", {}).get("torch") for start in (before, now))
    for name, (old, new) in {**values, "torch": (old_torch, new_torch)}.items():
        if old != new:
            progress(f"{name} is {new}, it was {old}: the weights may differ in their last bits")


def _summary(training: Training) -> str:
    loaders, config = training.loaders, training.run.config
    fit = len(loaders.train.dataset)  # type: ignore[arg-type]
    validation = len(loaders.validation.dataset)  # type: ignore[arg-type]
    samples = trainer_for(config.recipe).samples
    device = training.device.type
    threads = f", {torch.get_num_threads()} threads" if device == "cpu" else ""
    if config.recipe.precision == "bfloat16" and device == "cpu":
        threads += "" if reproducibility.cpu_has_bfloat16() else ", in float32 (no bfloat16 here)"
    resumed = training.epoch or training.step
    position = f", continuing after epoch {training.epoch}" if resumed else ""
    return (
        f"{config.recipe.name}: {fit:,} {samples} to learn from, {validation:,} to validate, "
        f"seed {config.seed}, {device}{threads}, in {training.run.folder}{position}"
    )
