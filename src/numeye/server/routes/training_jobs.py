"""Trainings as separate processes: started, stopped and resumed here, observed by run folders."""

from __future__ import annotations

import os
import re
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Literal

from numeye import extras
from numeye.errors import MissingExtra, RunError, UsageError
from numeye.models.recipe import Recipe, list_recipes, load_recipe
from numeye.models.run_folder import Run
from numeye.models.task import TASKS, reads_one_digit
from numeye.server.problem_details import Problem

RUN_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # of a run folder; never a path
SHUTDOWN_S = 15.0  # in which a training saves its state when the server ends
LOG_TAIL_BYTES = 4_000  # of a process's standard error that are read

State = Literal["running", "stopped", "finished", "failed"]


@dataclass(kw_only=True)
class TrainingProcess:
    """A training process that this server started.

    Attributes:
        recipe: The recipe's name.
        epochs: The number of epochs.
        arguments: The arguments of `numeye train` when it was first started.
        child: The process.
        log: The file with its standard error.
        stop_requested: Whether it was asked to stop. It is asked once only: a second signal would
            end it before it has saved.
    """

    recipe: str
    epochs: int
    arguments: Sequence[str]
    child: subprocess.Popen[bytes]
    log: IO[bytes]
    stop_requested: bool = False

    @property
    def is_running(self) -> bool:
        """Whether the process has not ended."""
        return self.child.poll() is None

    def stop(self) -> None:
        """Ask it to save its state and end."""
        if not self.stop_requested and self.is_running:
            self.stop_requested = True
            self.child.send_signal(signal.SIGINT)

    def last_line(self) -> str:
        """Return the last line that it wrote to standard error."""
        if self.log.closed:  # it was resumed meanwhile
            return ""
        file = self.log.fileno()
        start = max(0, os.fstat(file).st_size - LOG_TAIL_BYTES)
        # pread, because the process writes at the file's shared position.
        tail = os.pread(file, LOG_TAIL_BYTES, start).decode("utf-8", "replace")
        lines = [line.strip() for line in tail.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def state(self) -> State:
        """Return the training's state, as far as the process shows it."""
        if self.is_running:
            return "running"
        if self.child.returncode == 0:
            return "finished"
        return "stopped" if self.stop_requested or self.child.returncode == 130 else "failed"


class TrainingJobs:
    """The run folders in a folder, and at most one training that is running.

    Args:
        folder: The folder with the run folders; created when the first training starts.
        command: Starts the command line. `-P`: nothing in the current folder is imported.
    """

    def __init__(
        self, folder: Path, command: Sequence[str] = (sys.executable, "-P", "-m", "numeye")
    ) -> None:
        self.folder = folder
        self._command = list(command)
        self._processes: dict[str, TrainingProcess] = {}
        self._lock = threading.Lock()
        self._closed = False

    def start(self, recipe: str, *, epochs: int, seed: int) -> str:
        """Start a training and return its name.

        Args:
            recipe: A packaged recipe's name.
            epochs: The number of epochs.
            seed: The random seed.

        Raises:
            UsageError: There is no such packaged recipe.
            Problem: A training is running (409), or this one cannot be shown or started (422).
        """
        # `numeye train` would accept a file's path too
        if recipe not in list_recipes():
            available = ", ".join(offered.name for offered in trainable_recipes())
            raise UsageError(f"no recipe {recipe!r}; available: {available}")
        task = load_recipe(recipe).task
        if not reads_one_digit(task):
            raise Problem(
                422,
                f"the page does not show trainings of {recipe}, which {TASKS[task].purpose}",
                f"Run numeye train {recipe} in a terminal.",
            )
        with self._lock:
            name = self._new_name(f"{recipe}-seed{seed}")
            arguments = [recipe, "--watch", "--epochs", str(epochs), "--seed", str(seed)]
            self._processes[name] = self._launch(name, recipe, epochs, arguments)
        return name

    def resume(self, name: str) -> None:
        """Continue a training that was stopped, failed, or was started elsewhere.

        Raises:
            Problem: There is no such training (404), one is running, or it has finished (409).
        """
        with self._lock:
            run, process = self._find(name)
            if self._state(run, process) == "finished":
                raise Problem(409, f"the training {name} has finished", "Start another training.")
            if run is not None and run.is_training() and not (process and process.is_running):
                raise Problem(
                    409, f"the training {name} is running; it was started elsewhere", "Wait for it."
                )
            # A training that ended before it made its folder starts again.
            arguments = ["--watch"] if run is not None or process is None else process.arguments
            recipe, epochs = _recipe_and_epochs(run, process)
            resumed = self._launch(name, recipe, epochs, [*arguments, "--resume"])
            if process is not None:
                process.log.close()
            self._processes[name] = resumed

    def stop(self, name: str) -> None:
        """Ask a training to save its state and end. This takes a moment; see `status`.

        Raises:
            Problem: There is no such training (404), or it was not started here (409).
        """
        run, process = self._find(name)
        if process is not None:
            process.stop()
        elif run is not None and run.is_training():
            raise Problem(
                409,
                f"the training {name} was not started here",
                "Press Ctrl-C in the terminal where it was started.",
            )

    def status(self, name: str, after: int = -1) -> dict[str, Any]:
        """Return a training's state and its rows after a step.

        Args:
            name: The training's name.
            after: The last step that the caller knows; -1 for none.

        Raises:
            Problem: There is no such training (404).
            RunError: Its folder is damaged.
        """
        run, process = self._find(name)
        return {
            **self._summary(name, run, process),
            "message": process.last_line() if process else "",
            "rows": [row for row in run.steps() if row["step"] > after] if run else [],
            "metrics": run.metrics() if run else [],
            "snapshots": run.snapshot_steps() if run else [],
        }

    def list_jobs(self) -> list[dict[str, Any]]:
        """Return every run folder that is not damaged and every training started here, by name."""
        folders = {path.parent.name for path in self.folder.glob("*/config.json")}
        names = {name for name in folders if RUN_NAME.fullmatch(name)} | set(self._processes)
        summaries = []
        for name in sorted(names):
            try:
                summaries.append(self._summary(name, *self._find(name)))
            except RunError:
                continue
        return summaries

    def close(self) -> None:
        """Let the running training save its state; if it does not end in time, kill it."""
        with self._lock:  # so that none is started meanwhile
            self._closed = True
        for process in self._processes.values():
            process.stop()
            if not _wait(process.child, SHUTDOWN_S):
                process.child.terminate()
            if not _wait(process.child, SHUTDOWN_S / 3):
                os.killpg(process.child.pid, signal.SIGKILL)  # with its workers
                process.child.wait()
            process.log.close()

    def _launch(
        self, name: str, recipe: str, epochs: int, arguments: Sequence[str]
    ) -> TrainingProcess:
        if sys.platform == "win32":  # it lacks the signals and process groups used here
            raise Problem(
                422,
                "the page cannot start trainings on Windows",
                "Run numeye train RECIPE in a terminal.",
            )
        self._check_can_start()
        if missing := extras.missing_modules("train"):
            hint = f"Install it where this server runs; {missing[0]} is missing."
            raise Problem(422, str(MissingExtra("training", "train")), hint)
        log = tempfile.TemporaryFile()  # noqa: SIM115 - open as long as somebody may read it
        child = subprocess.Popen(
            [*self._command, "train", *arguments, "--run", str(self.folder / name)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=log,
            # A Ctrl-C that ends the server would reach the process too, and `stop` be the second.
            start_new_session=True,
        )
        return TrainingProcess(
            recipe=recipe, epochs=epochs, arguments=arguments, child=child, log=log
        )

    def _check_can_start(self) -> None:
        if self._closed:
            raise Problem(503, "the server is shutting down", "Start the server again.")
        for name, process in self._processes.items():
            if process.is_running:
                raise Problem(
                    409,
                    f"the training {name} is running; only one can run at a time",
                    "Stop it, or wait until it has finished.",
                )

    def _new_name(self, prefix: str) -> str:
        number = 1
        while True:
            name = f"{prefix}-{number}"
            if name not in self._processes and not (self.folder / name).exists():
                return name
            number += 1

    def _find(self, name: str) -> tuple[Run | None, TrainingProcess | None]:
        """Return the run folder, if it exists, and the process, if it was started here."""
        is_valid = bool(RUN_NAME.fullmatch(name))
        process = self._processes.get(name) if is_valid else None
        has_folder = is_valid and (self.folder / name / "config.json").is_file()
        if process is None and not has_folder:
            raise Problem(404, f"no training {name[:100]!r}", "GET /page/trainings lists them.")
        return Run.open(self.folder / name) if has_folder else None, process

    def _summary(
        self, name: str, run: Run | None, process: TrainingProcess | None
    ) -> dict[str, Any]:
        recipe, epochs = _recipe_and_epochs(run, process)
        return {
            "name": name,
            "recipe": recipe,
            "state": self._state(run, process),
            "epochs": epochs,
            "watched": run.is_watched if run else True,
        }

    def _state(self, run: Run | None, process: TrainingProcess | None) -> State:
        if (process is not None and process.is_running) or (run is not None and run.is_training()):
            return "running"
        if run is not None and run.is_finished:
            return "finished"
        return "stopped" if process is None else process.state()


def trainable_recipes() -> list[Recipe]:
    """Return the recipes that the page can train and explain: networks that read one digit."""
    recipes = map(load_recipe, list_recipes())
    return [recipe for recipe in recipes if reads_one_digit(recipe.task)]


def _recipe_and_epochs(run: Run | None, process: TrainingProcess | None) -> tuple[str, int]:
    """Return the recipe's name and the epochs: from the run folder if it exists."""
    if run is not None:
        return run.config.recipe.name, run.config.epochs
    return (process.recipe, process.epochs) if process is not None else ("", 0)


def _wait(child: subprocess.Popen[bytes], timeout_s: float) -> bool:
    """Wait for a process and return whether it has ended."""
    try:
        child.wait(timeout_s)
    except subprocess.TimeoutExpired:
        return False
    return True
