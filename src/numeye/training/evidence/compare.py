"""All of the evidence, from nothing to a report."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from numeye import mnist
from numeye.errors import UsageError
from numeye.training.evidence import (
    ablations,
    doubts,
    failures,
    hierarchy,
    questions,
    report,
    structure,
    traditional,
    tuning,
    units,
    work,
)
from numeye.training.evidence.study import FULL, QUICK, Step, Study

Say = Callable[[str], object]
PARTS = (questions, failures, traditional, structure, ablations, doubts, hierarchy, tuning, units)  # long ones first


def compare(
    folder: str | Path | None = None,
    *,
    quick: bool = False,
    seed: int = 0,
    wild: str | Path | None = None,
    fashion: str | Path | None = None,
    cache: str | Path | None = None,
    say: Say = lambda _: None,
) -> Path:
    """Do what is not done of a study, and write its report.

    Args:
        folder: of the study; `runs/evidence` or `runs/evidence-quick` where left out. One that was stopped is gone on
            with.
        quick: the short form, about five minutes on two cores, whose figures say little.
        seed: the first of the seeds.
        wild: a folder of data sets of real pictures, to measure every model on; see `numeye.wild.data_sets`.
        fashion: an IDX file of Fashion-MNIST's pictures; that of Debian's package where left out and installed.
        cache: where MNIST is kept.
        say: is told what happens, in a line each.

    Returns:
        The report.

    Raises:
        UsageError: the folder holds another study, or there is no such file or folder.
        DataError, RunError, OutputError: each says what helps.
        Stopped: by Ctrl-C while a network learnt; what was learnt is saved.
    """
    scale = QUICK if quick else FULL
    for path in (wild, fashion):
        if path is not None and not Path(path).exists():
            raise UsageError(f"{path}: no such file or folder")
    if fashion is not None:
        mnist.read_idx(Path(fashion))  # one that is damaged is told now, and not after hours
    mnist.fetch(cache, say=say)
    study = Study(
        Path(folder or ("runs/evidence-quick" if quick else "runs/evidence")),
        scale,
        seed=seed,
        cache=cache,
        wild=Path(wild) if wild else None,
        fashion=Path(fashion) if fashion else None,
        say=say,
    )
    steps = all_steps(study)
    work.run(study, steps)
    return report.write(study, steps)


def all_steps(study: Study) -> list[Step]:
    """Every step, in an order in which each finds what it needs."""
    return [step for part in PARTS for step in part.steps(study)]
