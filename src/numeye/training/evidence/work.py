"""Steps done side by side: a process a core, each on one thread, so that the same comes out on however many cores."""

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

from numeye import source
from numeye.errors import RunError
from numeye.training.evidence.study import Scale, Step, Study
from numeye.training.lock import alone

THREADS = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")


@dataclass(frozen=True)
class Order:
    """A step and all that a process needs to do it.

    Attributes:
        folder, scale, asked: of the study.
        step: to do.
    """

    folder: Path
    scale: Scale
    asked: dict[str, Any]
    step: Step


def run(study: Study, steps: Sequence[Step], jobs: int | None = None) -> None:
    """Do what is not done yet, each step as soon as those are done that it needs, the first ones first.

    Args:
        study: to do it in.
        steps: all of it.
        jobs: processes; as many as there are cores where left out.
    """
    with alone(study.folder, "numeye compare"):
        waiting = [step for step in steps if not study.is_done(step)]
        if not waiting:
            return
        jobs = min(jobs or source.cores(), len(waiting))
        context = get_context("spawn")
        with _one_thread_each(), ProcessPoolExecutor(jobs, mp_context=context, initializer=_end_with_parent) as pool:
            try:
                _schedule(study, waiting, len(steps), jobs, pool)
            except BrokenProcessPool as error:
                raise RunError(
                    "a process of the study was killed, perhaps for want of memory; begin it again"
                ) from error
            except BaseException:  # the others' work is not begun; what runs is finished and kept
                pool.shutdown(wait=False, cancel_futures=True)
                raise


def _end_with_parent() -> None:
    """A process whose parent was killed ends, too, instead of waiting for work that never comes."""
    parent = parent_process()

    def wait_and_end() -> None:
        if parent is not None:
            parent.join()
            os._exit(1)

    threading.Thread(target=wait_and_end, daemon=True).start()


def _schedule(study: Study, waiting: list[Step], total: int, jobs: int, pool: ProcessPoolExecutor) -> None:
    begun = time.perf_counter()
    asked = {"seed": study.seed, "cache": study.cache, "wild": study.wild, "fashion": study.fashion}
    running: dict[Future[list[str]], Step] = {}
    while waiting or running:
        unfinished = {step.name for step in [*waiting, *running.values()]}
        ready = [step for step in waiting if not unfinished.intersection(step.needs)]
        for step in ready[: jobs - len(running)]:
            waiting.remove(step)
            number = total - len(waiting)
            study.say(f"[{number}/{total}] {(time.perf_counter() - begun) / 60:5.1f} min  {step.name}")
            running[pool.submit(_do, Order(study.folder, study.scale, asked, step))] = step
        for future in wait(running, return_when=FIRST_COMPLETED).done:
            del running[future]
            for line in future.result():
                study.say(line)


def _do(order: Order) -> list[str]:
    """In a process of its own; what it said is returned."""
    torch.set_num_threads(1)
    said: list[str] = []
    Study(order.folder, order.scale, **order.asked, say=said.append).do(order.step)
    return said


@contextmanager
def _one_thread_each() -> Iterator[None]:
    """The libraries of processes begun in here keep to one thread: they are told through the environment."""
    before = {name: os.environ.get(name) for name in THREADS}
    os.environ.update(dict.fromkeys(THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            os.environ.pop(name)
            if value is not None:
                os.environ[name] = value
