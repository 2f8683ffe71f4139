"""Trainings as processes of their own: started, stopped and gone on with here, and read from their run folders."""

from __future__ import annotations

import importlib.util
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

from numeye.config import Recipe, list_recipes, load_recipe
from numeye.errors import MissingExtra, RunError, UsageError
from numeye.runs import Run
from numeye.server.problems import Problem

NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,99}")  # of a run folder; never a path
NEEDED = ("torch", "torchvision", "cv2", "safetensors", "filelock", "onnx", "onnxscript", "matplotlib", "jinja2")
GRACE = 15.0  # seconds in which a training saves where it stands when the server ends
TAIL = 4_000  # bytes of what a process said last

State = Literal["running", "stopped", "finished", "failed"]


@dataclass(kw_only=True)
class Started:
    """A process that was started here.

    Attributes:
        recipe, epochs: what is trained, and for how long.
        arguments: of `numeye train`, as it was first started.
        process: of the training.
        said: the file that its standard error goes to.
        asked_to_stop: once; a second signal would stop it before it has saved.
    """

    recipe: str
    epochs: int
    arguments: Sequence[str]
    process: subprocess.Popen[bytes]
    said: IO[bytes]
    asked_to_stop: bool = False

    @property
    def runs(self) -> bool:
        """Whether it has not ended yet."""
        return self.process.poll() is None

    def stop(self) -> None:
        """Let it save where it stands and end."""
        if not self.asked_to_stop and self.runs:
            self.asked_to_stop = True
            self.process.send_signal(signal.SIGINT)

    def last_line(self) -> str:
        """What it said last."""
        if self.said.closed:  # it was gone on with since
            return ""
        size = os.fstat(self.said.fileno()).st_size
        # At a place of its own: the process writes where the file's common position is.
        tail = os.pread(self.said.fileno(), TAIL, max(0, size - TAIL)).decode("utf-8", "replace")
        lines = [line.strip() for line in tail.splitlines() if line.strip()]
        return lines[-1] if lines else ""

    def state(self) -> State:
        """How it stands."""
        if self.runs:
            return "running"
        if self.process.returncode == 0:
            return "finished"
        return "stopped" if self.asked_to_stop or self.process.returncode == 130 else "failed"


class Trainings:
    """The run folders in a folder, and the training that is at work, at most one at a time.

    Args:
        folder: where the run folders are; made when the first is needed.
        command: starts the command line; nothing in the current folder is imported.
    """

    def __init__(self, folder: Path, command: Sequence[str] = (sys.executable, "-P", "-m", "numeye")) -> None:
        self.folder = folder
        self._command = list(command)
        self._started: dict[str, Started] = {}
        self._lock = threading.Lock()
        self._closed = False

    def start(self, recipe: str, *, epochs: int, seed: int) -> str:
        """Start a training and return its name.

        Raises:
            UsageError: there is no such packaged recipe.
            Problem: one is at work (409), it cannot be shown, or training cannot be started here (422).
        """
        if recipe not in list_recipes():  # never the path of a file, which `numeye train` would take
            raise UsageError(f"no recipe {recipe!r}; there are {', '.join(one.name for one in offered())}")
        if load_recipe(recipe).tiles:
            raise Problem(422, f"{recipe} finds digits on pages, and is not shown here", f"Run numeye train {recipe}.")
        with self._lock:
            name = self._new_name(f"{recipe}-seed{seed}")
            arguments = [recipe, "--watch", "--epochs", str(epochs), "--seed", str(seed)]
            self._started[name] = self._begin(name, recipe, epochs, arguments)
        return name

    def resume(self, name: str) -> None:
        """Go on with a training that was stopped, or failed, or was trained otherwise.

        Raises:
            Problem: there is none of that name (404), one is at work or it has finished (409).
        """
        with self._lock:
            run, started = self._find(name)
            if self._state(run, started) == "finished":
                raise Problem(409, f"{name} has finished", "Start another one.")
            if run is not None and run.is_at_work() and not (started and started.runs):
                raise Problem(409, f"{name} is at work, started elsewhere", "Wait for it.")
            # One that ended before its folder was made begins anew.
            arguments = ["--watch"] if run is not None or started is None else started.arguments
            recipe, epochs = _asked(run, started)
            again = self._begin(name, recipe, epochs, [*arguments, "--resume"])
            if started is not None:
                started.said.close()
            self._started[name] = again

    def stop(self, name: str) -> None:
        """Let a training save where it stands and end; it takes a moment, which `status` tells.

        Raises:
            Problem: there is none of that name (404), or it was not started here (409).
        """
        run, started = self._find(name)
        if started is not None:
            started.stop()
        elif run is not None and run.is_at_work():
            raise Problem(409, f"{name} was not started here", "Press Ctrl-C where it was started.")

    def status(self, name: str, after: int = -1) -> dict[str, Any]:
        """How a training stands, with the rows of its steps after that one.

        Raises:
            Problem: there is none of that name (404).
            RunError: its folder is damaged.
        """
        run, started = self._find(name)
        return {
            **self._summary(name, run, started),
            "said": started.last_line() if started else "",
            "rows": [row for row in run.steps() if row["step"] > after] if run else [],
            "metrics": run.metrics() if run else [],
            "snapshots": run.snapshots() if run else [],
        }

    def list(self) -> list[dict[str, Any]]:
        """Every run folder and every training that was started here, by name; damaged ones are left out."""
        folders = [path.parent.name for path in self.folder.glob("*/config.json")]
        found = []
        for name in sorted({name for name in folders if NAME.fullmatch(name)} | set(self._started)):
            try:
                found.append(self._summary(name, *self._find(name)))
            except RunError:
                continue
        return found

    def close(self) -> None:
        """Let what runs save and end; what has not ended in time is ended."""
        with self._lock:  # so that none is started meanwhile
            self._closed = True
        for started in self._started.values():
            started.stop()
            if not _ended(started.process, GRACE):
                started.process.terminate()
            if not _ended(started.process, GRACE / 3):
                os.killpg(started.process.pid, signal.SIGKILL)  # with the workers that it may have
                started.process.wait()
            started.said.close()

    def _begin(self, name: str, recipe: str, epochs: int, arguments: Sequence[str]) -> Started:
        if sys.platform == "win32":  # neither signals nor groups of processes as they are needed here
            raise Problem(422, "trainings are not started from the page on Windows", "Run numeye train RECIPE there.")
        self._check_free()
        if missing := [one for one in NEEDED if importlib.util.find_spec(one) is None]:
            helps = f"{missing[0]} is missing here; install it where this server runs."
            raise Problem(422, str(MissingExtra("training", "train")), helps)
        said = tempfile.TemporaryFile()  # noqa: SIM115 - open for as long as someone may ask what was said
        process = subprocess.Popen(
            [*self._command, "train", *arguments, "--run", str(self.folder / name)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=said,
            start_new_session=True,  # or a Ctrl-C that ends the server would reach it as well, and ours be the second
        )
        return Started(recipe=recipe, epochs=epochs, arguments=arguments, process=process, said=said)

    def _check_free(self) -> None:
        if self._closed:
            raise Problem(503, "the server is ending", "Start it again.")
        for name, started in self._started.items():
            if started.runs:
                raise Problem(409, f"{name} is at work, and one training at a time is enough", "Stop it, or wait.")

    def _new_name(self, begins: str) -> str:
        number = 1
        while (self.folder / f"{begins}-{number}").exists() or f"{begins}-{number}" in self._started:
            number += 1
        return f"{begins}-{number}"

    def _find(self, name: str) -> tuple[Run | None, Started | None]:
        """The run folder, where it has been made, and the process, where it was started here."""
        started = self._started.get(name) if NAME.fullmatch(name) else None
        made = bool(NAME.fullmatch(name)) and (self.folder / name / "config.json").is_file()
        if started is None and not made:
            raise Problem(404, f"no training {name[:100]!r}", "GET /page/trainings lists them.")
        return Run.open(self.folder / name) if made else None, started

    def _summary(self, name: str, run: Run | None, started: Started | None) -> dict[str, Any]:
        recipe, epochs = _asked(run, started)
        return {
            "name": name,
            "recipe": recipe,
            "state": self._state(run, started),
            "epochs": epochs,
            "watched": run.is_watched if run else True,
        }

    def _state(self, run: Run | None, started: Started | None) -> State:
        if (started is not None and started.runs) or (run is not None and run.is_at_work()):
            return "running"
        if run is not None and run.is_finished:
            return "finished"
        return "stopped" if started is None else started.state()


def offered() -> list[Recipe]:
    """What can be trained and looked into here: networks that read one digit."""
    return [recipe for recipe in map(load_recipe, list_recipes()) if not recipe.tiles]


def _asked(run: Run | None, started: Started | None) -> tuple[str, int]:
    """The recipe and the epochs: as the run folder has them, where it has been made."""
    if run is not None:
        return run.config.recipe.name, run.config.epochs
    return (started.recipe, started.epochs) if started is not None else ("", 0)


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True
