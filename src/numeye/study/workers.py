"""Steps run in parallel: one process for each core, one thread in each process.

One thread a process makes the results the same on any number of cores.
"""

from __future__ import annotations

import os
import threading
import time
from collections.abc import Iterator, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ProcessPoolExecutor, wait
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from pathlib import Path
from typing import Any

import torch

from numeye.errors import RunError
from numeye.models import environment
from numeye.study.steps import Scale, Step, Study

THREAD_VARIABLES = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Task:
    """A step, and all that a process needs to run it.

    Attributes:
        folder: of the study.
        scale: of the study.
        options: other keyword arguments of `Study`.
        step: to run.
    """

    folder: Path
    scale: Scale
    options: dict[str, Any]
    step: Step


def run(study: Study, steps: Sequence[Step], jobs: int | None = None) -> None:
    """Run the steps that are not finished, each as soon as the steps that it needs are.

    Args:
        study: to run them in; the caller holds its folder, see `numeye.training.run_lock`.
        steps: all steps of the study. Of those that are ready, the first ones start first.
        jobs: number of processes (default: number of cores).

    Raises:
        RunError: a process was killed, or a step failed with this error.
    """
    waiting = [step for step in steps if not study.is_done(step)]
    if not waiting:
        return
    jobs = min(jobs or environment.cores(), len(waiting))
    context = get_context("spawn")
    with (
        _single_threaded_children(),
        ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_parent) as pool,
    ):
        try:
            _schedule(study, waiting, len(steps), jobs, pool)
        except BrokenProcessPool as error:
            raise RunError(
                "a process of the study was killed, perhaps because memory ran out; run the same"
                " command again to continue"
            ) from error
        except BaseException:  # start no other step; those that run are finished and saved
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _end_with_parent() -> None:
    """End this process when its parent was killed, so that it does not wait for work for ever."""
    parent = parent_process()

    def wait_and_end() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()


def _schedule(
    study: Study, waiting: list[Step], total: int, jobs: int, pool: ProcessPoolExecutor
) -> None:
    start = time.perf_counter()
    options = {
        "seed": study.seed,
        "cache": study.cache,
        "wild": study.wild,
        "fashion": study.fashion,
    }
    running: dict[Future[list[str]], Step] = {}
    while waiting or running:
        unfinished = {step.name for step in [*waiting, *running.values()]}
        ready = [step for step in waiting if not unfinished.intersection(step.needs)]
        for step in ready[: jobs - len(running)]:
            waiting.remove(step)
            number, minutes = total - len(waiting), (time.perf_counter() - start) / 60
            study.progress(f"[{number}/{total}] {minutes:5.1f} min  {step.name}")
            running[pool.submit(_run_step, Task(study.folder, study.scale, options, step))] = step
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            del running[future]
            for line in future.result():
                study.progress(line)


def _run_step(task: Task) -> list[str]:
    """Run a step in a process of its own, and return its messages."""
    torch.set_num_threads(1)
    messages: list[str] = []
    Study(task.folder, task.scale, **task.options, progress=messages.append).run(task.step)
    return messages


@contextmanager
def _single_threaded_children() -> Iterator[None]:
    """Make processes that are started inside use one thread, through the environment."""
    before = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
