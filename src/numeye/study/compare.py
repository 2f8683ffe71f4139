"""The whole study, from nothing to a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from numeye.errors import UsageError
from numeye.io import mnist
from numeye.study import report, workers
from numeye.study.experiments import (
    ablations,
    failures,
    feature_visualization,
    hierarchy,
    label_errors,
    structure,
    test_sets,
    traditional,
    tuning,
)
from numeye.study.steps import FULL, QUICK, Step, Study
from numeye.training.run_lock import lock_folder

Progress = Callable[[str], object]
# The longest come first, so that the cores stay busy to the end.
EXPERIMENTS = (
    test_sets,
    failures,
    traditional,
    structure,
    ablations,
    label_errors,
    hierarchy,
    tuning,
    feature_visualization,
)


def compare(
    folder: str | Path | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    wild: str | Path | None = None,
    fashion: str | Path | None = None,
    cache: str | Path | None = None,
    progress: Progress = lambda _: None,
) -> Path:
    """Run the steps of a study that are not finished, and write its report.

    Args:
        folder: where the study is kept (default `runs/evidence`, or `runs/evidence-quick`). A study
            that was stopped continues there.
        quick: run the short form. It takes about five minutes on two cores and only shows that
            everything runs; its figures mean little.
        seed: the first of the random seeds.
        wild: a folder with data sets of real pictures; every model is measured on each of them. See
            `numeye.evaluation.suite.list_data_sets`.
        fashion: an IDX file with the pictures of Fashion-MNIST (default: that of Debian's package,
            if it is installed).
        cache: where MNIST is kept.
        progress: receives a line of text for each event.

    Returns:
        The path of the report.

    Raises:
        UsageError: the folder holds another study, or `wild` or `fashion` does not exist.
        DataError: MNIST, `wild` or `fashion` cannot be read.
        RunError: the folder is in use or damaged, or a process of the study was killed.
        OutputError: a file cannot be written.
        TrainingInterrupted: Ctrl-C was pressed while a network was trained; its progress is saved.
    """
    scale = QUICK if quick else FULL
    for path in (wild, fashion):
        if path is not None and not Path(path).exists():
            raise UsageError(f"{path}: no such file or folder")
    if fashion is not None:
        mnist.read_idx(Path(fashion))  # report a damaged file now, not after hours
    mnist.fetch(cache, on_message=progress)
    target = Path(folder or ("runs/evidence-quick" if quick else "runs/evidence"))
    with lock_folder(target, "numeye compare"):
        study = Study(
            target,
            scale,
            seed=seed,
            cache=cache,
            wild=Path(wild) if wild else None,
            fashion=Path(fashion) if fashion else None,
            progress=progress,
        )
        steps = all_steps(study)
        workers.run(study, steps)
        return report.write(study, steps)


def all_steps(study: Study) -> list[Step]:
    """Return every step of a study, the longest first; `Step.needs` gives the order."""
    return [step for experiment in EXPERIMENTS for step in experiment.steps(study)]
