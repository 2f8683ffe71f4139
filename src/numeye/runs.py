"""The run folder: everything that one training writes down, whole at every moment.

runs/classic-seed0/
  config.json         what was asked for: recipe, epochs, seed, data, device
  environment.jsonl   one line a start: time, command, source revision, packages, machine
  metrics.jsonl       one line an epoch
  checkpoints/epoch-0005/
      model.safetensors        the weights
      optimizer.safetensors    what is needed to go on; kept for the newest two
      state.json               where training stood, and the sha256 of the two
  graph.onnx          only of a run that is watched, as are the next two: the network at step 0, every parameter by name
  snapshots/step-0000100.safetensors    the weights after so many steps, to be laid over the graph's
  steps.jsonl         one line every ten steps: {"step", "loss", "accuracy"}; appended, so its last line may be cut off
  model.onnx, model.safetensors, card.json, report.html, mistakes.png    when it has finished
"""

from __future__ import annotations

import hashlib
import json
import shlex
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from numeye import atomic, source
from numeye.config import RunConfig
from numeye.errors import RunError, UsageError

try:
    import fcntl
except ImportError:  # there is none on Windows
    fcntl = None  # type: ignore[assignment]

MODEL, OPTIMIZER, STATE = "model.safetensors", "optimizer.safetensors", "state.json"
GRAPH, SNAPSHOTS, STEPS, LOCK = "graph.onnx", "snapshots", "steps.jsonl", ".lock"
KEPT_OPTIMIZERS = 2  # should the newest be damaged, the one before it still goes on


@dataclass(frozen=True, kw_only=True)
class Checkpoint:
    """Training as it stood after `epoch` whole epochs and `step` steps of the next.

    Attributes:
        folder: where its files are.
        epoch: epochs done, from 0.
        step: steps done in the epoch after that; 0 at an epoch's boundary.
        state: what else was stored in `state.json`.
    """

    folder: Path
    epoch: int
    step: int
    state: dict[str, Any]

    def read(self, name: str) -> bytes:
        """The bytes of one of its files, checked.

        Raises:
            RunError: the file is missing, cut or altered.
        """
        try:
            content = (self.folder / name).read_bytes()
        except OSError as error:
            raise RunError(f"{self.folder / name}: cannot be read ({error.strerror or error})") from error
        if hashlib.sha256(content).hexdigest() != self.state["files"].get(name):
            raise RunError(f"{self.folder / name}: damaged ({len(content):,} bytes, wrong sha256)")
        return content


def snapshot_file(folder: Path, step: int) -> Path:
    """Where a run folder has the weights after so many steps."""
    return folder / SNAPSHOTS / f"step-{step:07d}.safetensors"


class Run:
    """A run folder that exists; made by `create` or found by `open`."""

    def __init__(self, folder: Path, config: RunConfig) -> None:
        self.folder = folder
        self.config = config

    @classmethod
    def create(cls, folder: Path, config: RunConfig, hardware: Mapping[str, Any] | None = None) -> Run:
        """Make the folder with its config and its environment, whole, before the first step.

        Args:
            folder: where; nothing may be there yet.
            config: what is asked for.
            hardware: see `record_start`.

        Raises:
            RunError: there is something in the folder already.
            OutputError: it cannot be written.
        """
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            raise RunError(f"{folder}: in use already; go on with --resume, or choose another folder with --run")
        with atomic.new_folder(folder) as building:
            run = cls(building, config)
            run._write_config()
            run.record_start(hardware)
            (building / "checkpoints").mkdir()
        return cls(folder, config)

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open a run folder.

        Raises:
            RunError: it is no run folder, or its config is damaged.
        """
        path = folder / "config.json"
        if not path.is_file():
            raise RunError(f"{folder}: no run folder (it has no config.json); numeye train makes one")
        try:
            stored = json.loads(path.read_text(encoding="utf-8"))
            return cls(folder, RunConfig.from_dict(stored))
        except (OSError, ValueError, TypeError, AttributeError, UsageError) as error:
            raise RunError(f"{path}: damaged ({error}); the checkpoints beside it are not touched") from error

    def extend(self, config: RunConfig) -> None:
        """Go on with more epochs than were asked for before."""
        self.config = config
        self._write_config()

    def record_start(self, hardware: Mapping[str, Any] | None = None) -> None:
        """Write down when, where and with which source training starts or goes on.

        Args:
            hardware: what only torch can tell: its threads, the GPU.
        """
        line = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "command": shlex.join(["numeye", *sys.argv[1:]]),
            "source": source.source_revision(),
            **source.environment(),
            **(hardware or {}),
        }
        path = self.folder / "environment.jsonl"
        before = path.read_text(encoding="utf-8") if path.exists() else ""
        atomic.write_text(path, before + json.dumps(line) + "\n")

    def environments(self) -> list[dict[str, Any]]:
        """What `record_start` wrote, the first start first."""
        return self._lines("environment.jsonl", {"time", "source", "packages"})

    def metrics(self) -> list[dict[str, Any]]:
        """One row for each epoch that is done."""
        return self._lines("metrics.jsonl", {"epoch", "train_loss", "validation_loss", "validation_accuracy"})

    def write_metrics(self, rows: list[dict[str, Any]]) -> None:
        """Put these rows in the place of those that were there."""
        atomic.write_text(self.folder / "metrics.jsonl", "".join(json.dumps(row) + "\n" for row in rows))

    @property
    def is_watched(self) -> bool:
        """Whether it writes down how it learns, step by step."""
        return (self.folder / GRAPH).is_file()

    @property
    def is_finished(self) -> bool:
        """Whether all its epochs are done and its report, which is written last, is there."""
        rows = self.metrics()
        done = bool(rows) and rows[-1]["epoch"] >= self.config.epochs
        return done and (self.folder / "report.html").is_file()

    def is_at_work(self) -> bool:
        """Whether a training holds the folder just now; always False on Windows, where one cannot look."""
        try:
            with (self.folder / LOCK).open("rb") as file:
                if fcntl is not None:
                    fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
        except BlockingIOError:
            return True
        except OSError:
            return False
        return False

    def steps(self) -> list[dict[str, Any]]:
        """One row every ten steps of a watched run, the first steps first: step, mean loss, accuracy in percent."""
        return self._lines(STEPS, {"step", "loss", "accuracy"}, cut=True)

    def add_steps(self, row: dict[str, Any]) -> None:
        """Append a row: in one piece, but not flushed to the disk, since it comes ten times a second."""
        with (self.folder / STEPS).open("ab", buffering=0) as file:
            file.write(json.dumps(row).encode() + b"\n")

    def snapshots(self) -> list[int]:
        """The steps after which the weights were kept, ascending."""
        names = (path.stem.removeprefix("step-") for path in (self.folder / SNAPSHOTS).glob("step-*.safetensors"))
        return sorted(int(name) for name in names if name.isdecimal())

    def snapshot(self, step: int) -> Path:
        """The file of the weights after so many steps."""
        return snapshot_file(self.folder, step)

    def forget_steps(self, after: int) -> None:
        """Drop rows and snapshots of steps after this one: they are about to be learnt again."""
        rows = [row for row in self.steps() if row["step"] <= after]
        if (self.folder / STEPS).exists():  # always, so that a line that was cut off is gone
            atomic.write_text(self.folder / STEPS, "".join(json.dumps(row) + "\n" for row in rows))
        for step in self.snapshots():
            if step > after:
                self.snapshot(step).unlink()

    def checkpoints(self) -> list[Checkpoint]:
        """Every checkpoint whose state can be read, the oldest first."""
        found = []
        for path in self.folder.glob(f"checkpoints/epoch-*/{STATE}"):
            try:
                state = json.loads(path.read_text(encoding="utf-8"))
                found.append(Checkpoint(folder=path.parent, epoch=state["epoch"], step=state["step"], state=state))
            except (OSError, ValueError, KeyError, TypeError):
                continue  # damaged: `newest` says so where it matters
        return sorted(found, key=lambda checkpoint: (checkpoint.epoch, checkpoint.step))

    def newest(self, names: tuple[str, ...], say: Callable[[str], object]) -> Checkpoint | None:
        """The newest checkpoint that has all of these files whole; None where there is none.

        Args:
            names: files that are needed.
            say: is told of each one that is damaged.
        """
        known = {checkpoint.folder for checkpoint in self.checkpoints()}
        for folder in sorted(self.folder.glob("checkpoints/epoch-*")):
            if folder not in known:
                say(f"{folder / STATE}: damaged; passing it over")
        for checkpoint in reversed(self.checkpoints()):
            try:
                for name in names:
                    checkpoint.read(name)
            except RunError as error:
                say(f"{error}; passing it over")
            else:
                return checkpoint
        return None

    def save_checkpoint(self, epoch: int, step: int, files: Mapping[str, bytes], state: dict[str, Any]) -> None:
        """Store where training stands, whole or not at all, then drop what newer checkpoints make superfluous."""
        name = f"epoch-{epoch:04d}" + (f"-step-{step:06d}" if step else "")
        folder = self.folder / "checkpoints" / name
        if folder.exists():  # a damaged one of the same moment
            shutil.rmtree(folder)
        digests = {name: hashlib.sha256(content).hexdigest() for name, content in files.items()}
        stored = {"epoch": epoch, "step": step, "files": digests, **state}
        with atomic.new_folder(folder) as building:
            for name, content in files.items():
                atomic.write_bytes(building / name, content)
            atomic.write_text(building / STATE, json.dumps(stored, indent=1))
        if step == 0:
            self._prune()

    def resume_command(self, more: str = "") -> str:
        """What a person types to go on with this run."""
        return f"numeye train --run {shlex.quote(str(self.folder))} --resume{more}"

    def sweep(self) -> None:
        """Remove what a killed process had begun to write."""
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
        whole = 0  # of the newest; damaged ones do not count, since none can be gone on with
        for checkpoint in reversed(self.checkpoints()):
            if whole >= KEPT_OPTIMIZERS:
                (checkpoint.folder / OPTIMIZER).unlink(missing_ok=True)
            elif self._is_whole(checkpoint):
                whole += 1

    @staticmethod
    def _is_whole(checkpoint: Checkpoint) -> bool:
        try:
            for name in (MODEL, OPTIMIZER):
                checkpoint.read(name)
        except RunError:
            return False
        return True

    def _write_config(self) -> None:
        atomic.write_text(self.folder / "config.json", json.dumps(self.config.to_dict(), indent=1) + "\n")

    def _lines(self, name: str, keys: set[str], *, cut: bool = False) -> list[dict[str, Any]]:
        """The rows of a file; without what follows its last line end, where `cut`."""
        path = self.folder / name
        if not path.exists():
            return []
        try:
            text = path.read_text(encoding="utf-8")
            rows = [json.loads(line) for line in (text.rpartition("\n")[0] if cut else text).splitlines()]
        except (OSError, ValueError) as error:
            raise RunError(f"{path}: damaged ({error})") from error
        if not all(isinstance(row, dict) and row.keys() >= keys for row in rows):
            raise RunError(f"{path}: damaged; expected a JSON object a line, with {', '.join(sorted(keys))}")
        return rows
