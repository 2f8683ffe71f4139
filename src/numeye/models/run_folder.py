"""The run folder: everything that a training writes. Each file is complete at every moment.

runs/classic-seed0/
  config.json         recipe, epochs, seed, data, device
  environment.jsonl   one line for each start: time, command, source revision, packages, machine
  metrics.jsonl       one line for each epoch
  checkpoints/epoch-0005/
      model.safetensors        the weights
      optimizer.safetensors    what is needed to continue; kept for the newest two
      state.json               the epoch and step, and the sha256 of the two files
Only with --watch:
  graph.onnx          the network at step 0, each parameter with its name
  snapshots/step-0000100.safetensors    the weights after that step, for the graph
  steps.jsonl         one line every ten steps: {"step", "loss", "accuracy"}; lines are appended, so
                      the last one may be incomplete
When it has finished:
  model.onnx, model.safetensors, card.json, report.html, mistakes.png
"""

from __future__ import annotations

import hashlib
import json
import operator
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numeye.errors import OutputError, RunError, UsageError
from numeye.io import file_limits, files, structured_files
from numeye.models import environment
from numeye.models.recipe import RunConfig

try:
    import fcntl
except ImportError:  # on Windows
    fcntl = None  # type: ignore[assignment]

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
GRAPH, SNAPSHOTS, STEPS, LOCK = "graph.onnx", "snapshots", "steps.jsonl", ".lock"
START_KEYS = {"time", "source", "packages"}
METRICS_KEYS = {"epoch", "train_loss", "validation_loss", "validation_accuracy"}
STEP_KEYS = {"step", "loss", "accuracy"}
CONFIG = "config.json"
MAX_OPTIMIZERS = 2  # if the newest is damaged, training continues from the one before it


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """The state of training after `epoch` complete epochs and `step` steps of the next one.

    Attributes:
        folder: folder of its files.
        epoch: number of complete epochs.
        step: number of steps in the epoch after them; 0 between two epochs.
        state: content of `state.json`.
    """

    folder: Path
    epoch: int
    step: int
    state: dict[str, Any]

    def read(self, name: str) -> bytes:
        """Return the bytes of one of its files, checked against their sha256.

        Raises:
            RunError: the file is missing or damaged.
        """
        try:
            content = file_limits.read(self.folder / name, file_limits.MAX_FILE_BYTES)
        except OSError as error:
            raise RunError(
                f"{self.folder / name}: cannot be read ({error.strerror or error})"
            ) from error
        if hashlib.sha256(content).hexdigest() != self.state["files"].get(name):
            raise RunError(f"{self.folder / name}: damaged ({len(content):,} bytes, wrong sha256)")
        return content


def folder_in_use_message(folder: Path) -> str:
    """Return the message for a folder that is not empty or that a training works in."""
    if is_locked(folder):
        return (
            f"{folder}: in use, another training works in it; wait until it ends, or choose another"
            " folder with --run"
        )
    return f"{folder}: in use already; continue with --resume, or choose another folder with --run"


def is_locked(folder: Path) -> bool:
    """Return whether a training works in a run folder now; always False on Windows."""
    try:
        with (folder / LOCK).open("rb") as file:
            if fcntl is not None:
                fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def snapshot_path(folder: Path, step: int) -> Path:
    """Return the path of the weights after a step in a run folder."""
    return folder / SNAPSHOTS / f"step-{step:07d}.safetensors"


class Run:
    """A run folder that exists; `create` makes one, `open` opens one.

    Attributes:
        folder: its path.
        config: content of `config.json`.
    """

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self.folder = folder
        self.config = config

    @classmethod
    def create(
        cls, folder: Path, config: RunConfig, hardware: Mapping[str, Any] | None = None
    ) -> Run:
        """Make the folder with its configuration and environment, before the first step.

        Args:
            folder: path of the folder; it must be empty or not exist.
            config: recipe and options of the run.
            hardware: see `record_start`.

        Raises:
            RunError: the folder is not empty.
            OutputError: it cannot be written.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(folder_in_use_message(folder))
        try:
            with files.new_folder(folder) as building:
                run = cls(building, config)
                run._write_config()
                run.record_start(hardware)
                (building / "checkpoints").mkdir()
        except OutputError as error:
            if (folder / CONFIG).exists():  # another process made it meanwhile
                raise RunError(folder_in_use_message(folder)) from error
            raise
        return cls(folder, config)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open a run folder.

        Raises:
            RunError: it is not a run folder, or its `config.json` is damaged.
        """
        path = folder / CONFIG
        if not path.is_file():
            raise RunError(
                f"{folder}: not a run folder (it has no config.json); numeye train makes one"
            )
        try:
            stored = structured_files.load_json(path)
            return cls(folder, RunConfig.from_dict(stored))
        except (OSError, ValueError, TypeError, AttributeError, UsageError) as error:
            raise RunError(
                f"{path}: damaged ({error}); the checkpoints in the folder are unchanged"
            ) from error

    def extend(self, config: RunConfig) -> None:
        """Store a configuration with more epochs, to continue the run."""
        self.config = config
        self._write_config()

    def record_start(self, hardware: Mapping[str, Any] | None = None) -> None:
        """Append to `environment.jsonl` when, where and with which source training starts.

        Args:
            hardware: the threads of torch and the GPU, which only torch knows.
        """
        start = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": shlex.join(["numeye", *sys.argv[1:]]),
            "source": environment.source_revision(),
            **environment.environment(),
            **(hardware or {}),
        }
        path = self.folder / "environment.jsonl"
        before = _read_text(path) if path.exists() else ""
        files.write_text(path, before + json.dumps(start) + "\n")

    def starts(self) -> list[dict[str, Any]]:
        """Return the rows that `record_start` wrote, the first start first."""
        return self._read_rows("environment.jsonl", START_KEYS)

    def metrics(self) -> list[dict[str, Any]]:
        """Return one row for each complete epoch."""
        return self._read_rows("metrics.jsonl", METRICS_KEYS)

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Replace the rows of `metrics.jsonl`."""
        files.write_text(
            self.folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows)
        )

    @property
    def is_watched(self) -> bool:
        """Whether it records every ten steps and stores snapshots (`--watch`)."""
        return (self.folder / GRAPH).is_file()

    @property
    def is_finished(self) -> bool:
        """Whether all epochs are complete and the report, which is written last, exists."""
        rows = self.metrics()
        is_complete = bool(rows) and rows[-1]["epoch"] >= self.config.epochs
        return is_complete and (self.folder / "report.html").is_file()

    def is_training(self) -> bool:
        """Return whether a training works in the folder now; see `is_locked`."""
        return is_locked(self.folder)

    def steps(self) -> list[dict[str, Any]]:
        """Return one row for every ten steps of a watched run, the first steps first.

        A row has the step, the mean loss and the accuracy in percent.
        """
        return self._read_rows(STEPS, STEP_KEYS, drop_unfinished_line=True)

    def append_step(self, row: dict[str, Any]) -> None:
        """Append a row to `steps.jsonl`, complete or not at all.

        It is not flushed to the disk, because there are ten rows a second.
        """
        files.append_line(self.folder / STEPS, json.dumps(row) + "\n")

    def snapshot_steps(self) -> list[int]:
        """Return the steps after which the weights were stored, in ascending order."""
        names = (
            path.stem.removeprefix("step-")
            for path in (self.folder / SNAPSHOTS).glob("step-*.safetensors")
        )
        return sorted(int(name) for name in names if name.isdecimal())

    def snapshot_path(self, step: int) -> Path:
        """Return the path of the weights after a step."""
        return snapshot_path(self.folder, step)

    def drop_steps_after(self, last: int) -> None:
        """Delete rows and snapshots of steps after `last`, which will be learned again."""
        rows = [row for row in self.steps() if row["step"] <= last]
        if (self.folder / STEPS).exists():  # always, to drop an incomplete line
            files.write_text(self.folder / STEPS, "".join(json.dumps(row) + "\n" for row in rows))
        for step in self.snapshot_steps():
            if step > last:
                self.snapshot_path(step).unlink()

    def checkpoints(self) -> list[Checkpoint]:
        """Return every checkpoint with a readable state, the oldest first."""
        checkpoints = []
        for path in self.folder.glob(f"checkpoints/epoch-*/{STATE}"):
            try:
                state = structured_files.load_json(path)
                if not isinstance(state["files"], dict):
                    continue
                epoch, step = operator.index(state["epoch"]), operator.index(state["step"])
                checkpoints.append(
                    Checkpoint(folder=path.parent, epoch=epoch, step=step, state=state)
                )
            except (OSError, ValueError, KeyError, TypeError):
                continue  # damaged: `newest_checkpoint` reports it
        return sorted(checkpoints, key=lambda checkpoint: (checkpoint.epoch, checkpoint.step))

    def newest_checkpoint(
        self, names: tuple[str, ...], report: Callable[[str], object]
    ) -> Checkpoint | None:
        """Return the newest checkpoint of which these files are intact; None if there is none.

        Args:
            names: names of the files that are needed.
            report: is called with a message for each damaged checkpoint.
        """
        known = {checkpoint.folder for checkpoint in self.checkpoints()}
        for folder in sorted(self.folder.glob("checkpoints/epoch-*")):
            if folder not in known:
                report(f"{folder / STATE}: damaged; skipped")
        for checkpoint in reversed(self.checkpoints()):
            try:
                for name in names:
                    checkpoint.read(name)
            except RunError as error:
                report(f"{error}; skipped")
            else:
                return checkpoint
        return None

    def save_checkpoint(
        self, epoch: int, step: int, contents: Mapping[str, bytes], state: dict[str, Any]
    ) -> None:
        """Store a checkpoint, complete or not at all; then delete what is no longer needed.

        Args:
            epoch: number of complete epochs.
            step: number of steps in the epoch after them.
            contents: bytes of the files by name.
            state: further values for `state.json`.
        """
        name = f"epoch-{epoch:04d}" + (f"-step-{step:06d}" if step else "")
        folder = self.folder / "checkpoints" / name
        if folder.exists():  # a damaged one of the same step
            shutil.rmtree(folder)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in contents.items()}
        stored = {"epoch": epoch, "step": step, "files": digests, **state}
        with files.new_folder(folder) as building:
            for name, content in contents.items():
                files.write_bytes(building / name, content)
            files.write_text(building / STATE, json.dumps(stored, indent=1))
        if step == 0:
            self._prune()

    def resume_command(self, more: str = "") -> str:
        """Return the command that continues this run."""
        return f"numeye train --run {shlex.quote(str(self.folder))} --resume{more}"

    def remove_temporary_files(self) -> None:
        """Delete files that a killed process had not finished."""
        for path in (
            *self.folder.glob(".*.tmp"),
            *self.folder.glob("checkpoints/.*.tmp"),
            *self.folder.glob(f"{SNAPSHOTS}/.*.tmp"),
        ):
            if path.is_dir():
                shutil.rmtree(path)
            else:
                path.unlink()

    def _prune(self) -> None:
        for checkpoint in self.checkpoints():
            if checkpoint.step:
                shutil.rmtree(checkpoint.folder)
        intact = 0  # damaged ones do not count: training cannot continue from them
        for checkpoint in reversed(self.checkpoints()):
            if intact >= MAX_OPTIMIZERS:
                (checkpoint.folder / OPTIMIZER).unlink(missing_ok=True)
            elif self._is_intact(checkpoint):
                intact += 1

    @staticmethod
    def _is_intact(checkpoint: Checkpoint) -> bool:
        try:
            for name in (MODEL, OPTIMIZER):
                checkpoint.read(name)
        except RunError:
            return False
        return True

    def _write_config(self) -> None:
        files.write_text(self.folder / CONFIG, json.dumps(self.config.to_dict(), indent=1) + "\n")

    def _read_rows(
        self, name: str, keys: set[str], *, drop_unfinished_line: bool = False
    ) -> list[dict[str, Any]]:
        """Return the rows of a file, each with these keys; an empty list without a file."""
        path = self.folder / name
        if not path.exists():
            return []
        try:
            rows = structured_files.load_json_lines(path, drop_unfinished_line=drop_unfinished_line)
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: damaged ({error})") from error
        if not all(isinstance(row, dict) and row.keys() >= keys for row in rows):
            raise RunError(
                f"{path}: damaged; expected one JSON object in each line, with"
                f" {', '.join(sorted(keys))}"
            )
        numbers = keys - START_KEYS
        if not all(_is_number(row[key]) for row in rows for key in numbers):
            raise RunError(f"{path}: damaged; expected numbers for {', '.join(sorted(numbers))}")
        return rows


def _is_number(value: object) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def _read_text(path: Path) -> str:
    try:
        return file_limits.read_text(path, file_limits.MAX_TABLE_BYTES)
    except (OSError, ValueError) as error:
        raise RunError(f"{path}: damaged ({getattr(error, 'strerror', None) or error})") from error
