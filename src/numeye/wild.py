"""Every data set of a folder in one go: a row each, their mean, and a log of what was scored and why."""

from __future__ import annotations

import hashlib
import json as json_module
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from numeye import datasets, source
from numeye.datasets import DataSet
from numeye.errors import DataError, NumeyeError, OutputError, UsageError
from numeye.evaluation import Evaluation, evaluate, framing_of
from numeye.reader import Reader

Print = Callable[[str], object]
COLUMNS = ("n", "accuracy %", "95 % interval", "ECE %", "rejected %", "accuracy of accepted %")
SCORED = ("data", "n", "correct", "accuracy", "ece", "rejected", "accuracy_accepted", "model", "framing")
WIDTHS = (9, 12, 17, 7, 12, 24)


class Unscored(NamedTuple):
    """A data set without a score: its name, why, and whether that is a fault of the set."""

    name: str
    why: str
    damaged: bool


@dataclass(frozen=True, kw_only=True)
class ScoringLog:
    """A file that gets one JSON line for each scoring: pictures that are looked at too often are no test any more.

    Attributes:
        file: is made where it is not there, else appended to.
        reason: why these sets are scored.
    """

    file: Path
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise UsageError("--log: expected --reason TEXT with it: why these sets are scored")
        self._append("")  # what could not be noted is not scored

    @classmethod
    def asked(cls, file: Path | None, reason: str | None) -> ScoringLog | None:
        """The log that is asked for, if any.

        Raises:
            UsageError: one is given without the other.
            OutputError: the file cannot be written.
        """
        if file is None and reason is None:
            return None
        if file is None:
            raise UsageError("--reason: expected --log FILE with it")
        return cls(file=file, reason=reason or "")

    def add(self, measured: Evaluation, reader: Reader) -> None:
        """Note one data set, and who read it.

        Raises:
            OutputError: the file cannot be written.
        """
        shown = measured.to_dict()
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            **{key: shown[key] for key in SCORED},
            "max_error": reader.promise.max_error if reader.promise else None,
            "model_sha256": hashlib.sha256(reader.model.onnx).hexdigest(),
            "source": source.source_revision(),
            "reason": self.reason,
        }
        self._append(json_module.dumps(line) + "\n")

    def _append(self, line: str) -> None:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with self.file.open("a", encoding="utf-8") as file:
                file.write(line)
        except OSError as error:
            reason = error.strerror or type(error).__name__
            raise OutputError(f"{self.file}: cannot be written ({reason}); choose another file") from error


class Table:
    """The figures of several data sets as aligned lines, written as they come."""

    def __init__(self, model: str, framing: str, names: list[str]) -> None:
        self.title = f"{model}, framing {framing}"
        self._width = max(map(len, [*names, f"mean of {len(names)} sets"]))
        self._accuracies: list[float] = []

    def heading(self) -> str:
        """The model, its framing and the names of the columns."""
        return f"{self.title}\n{self._line('set', COLUMNS)}"

    def row(self, measured: Evaluation) -> str:
        """One data set."""
        self._accuracies.append(measured.accuracy)
        shown = measured.to_dict()
        low, high = measured.interval
        accepted = shown["accuracy_accepted"]
        cells = (
            f"{shown['n']:,}",
            f"{measured.accuracy:.2f}",
            f"{low:.2f} to {high:.2f}",
            f"{shown['ece']:.2f}",
            f"{shown['rejected']:.2f}",
            "-" if accepted is None else f"{accepted:.2f}",
        )
        return self._line(measured.data, cells)

    def mean(self) -> str | None:
        """The mean accuracy of the sets so far, each of the same weight; None where there is no set."""
        count = len(self._accuracies)
        if not count:
            return None
        name = f"mean of {count} set{'s' if count > 1 else ''}"
        return self._line(name, ("", f"{sum(self._accuracies) / count:.2f}"))

    def _line(self, name: str, cells: tuple[str, ...]) -> str:
        padded = (f"{cell:>{width}}" for cell, width in zip(cells, WIDTHS, strict=False))
        return f"{name:<{self._width}}" + "".join(padded)


def data_sets(folder: Path) -> list[Path]:
    """The entries of a folder that may be data sets, in the order of their names: `.npz` files and folders.

    Raises:
        UsageError: there is no such folder.
        DataError: it holds none.
    """
    if not folder.is_dir():
        raise UsageError(f"--wild {folder}: no such folder; expected one with data folders or .npz files in it")
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    found = [entry for entry in entries if entry.name[0] != "." and (entry.suffix == ".npz" or entry.is_dir())]
    if not found:
        raise DataError(f"{folder}: holds no data set; expected data folders or .npz files")
    return found


def measure(
    reader: Reader, sets: list[Path], *, naive: bool = False, log: ScoringLog | None = None
) -> Iterator[Evaluation | Unscored]:
    """Read every picture of each data set; one that is damaged takes its place, and the others go on.

    Args:
        reader: what reads.
        sets: data folders and `.npz` files; each evaluation is named after its file or folder.
        naive: see `numeye.evaluation.evaluate`.
        log: is told of each score before anyone sees it.

    Raises:
        OutputError: the log cannot be written.
    """
    for path in sets:
        measured = _measured(reader, path, naive)
        if log is not None and isinstance(measured, Evaluation):
            log.add(measured, reader)
        yield measured


def print_folder(
    reader: Reader,
    folder: Path,
    *,
    answer: Print,
    say: Print,
    framing: str | None = None,
    json: bool = False,
    mistakes: Path | None = None,
    log: ScoringLog | None = None,
) -> bool:
    """Measure every data set of a folder, as `numeye evaluate --wild` does, and print each as soon as it is done.

    Returns:
        True where every set, and every picture of them, could be read.
    """
    framing = framing_of(reader, framing)
    sets = data_sets(folder)
    table = Table(reader.model.name, framing, [path.name for path in sets])
    if not json:
        answer(table.heading())
    whole = True
    for measured in measure(reader, sets, naive=framing == "naive", log=log):
        whole = _say_what_is_wrong(measured, say) and whole
        if isinstance(measured, Unscored):
            continue
        answer(json_module.dumps(measured.to_dict()) if json else table.row(measured))
        if mistakes is not None:
            say(f"worst mistakes: {measured.save_mistakes(mistakes)}")
    mean = table.mean()
    if mean is not None and not json:
        answer(mean)
    return whole


def _say_what_is_wrong(measured: Evaluation | Unscored, say: Print) -> bool:
    """False where the set or a picture of it is damaged."""
    if isinstance(measured, Unscored):
        say(f"numeye: {measured.name}: {measured.why}")
        return not measured.damaged
    for line in measured.failed:
        say(f"numeye: {line}")
    return not measured.failed


def _measured(reader: Reader, path: Path, naive: bool) -> Evaluation | Unscored:
    try:
        if path.suffix != ".npz" and not datasets.is_data_folder(path):
            return Unscored(path.name, "no data folder; passed over", damaged=False)
        data = replace(datasets.open_folder(path), name=path.name)
        if _holds_strings(data):
            why = "its labels are longer than one digit, which this release cannot read yet; passed over"
            return Unscored(path.name, why, damaged=False)
        return evaluate(reader, data, naive=naive)
    except (NumeyeError, OSError) as error:
        return Unscored(path.name, str(error), damaged=True)


def _holds_strings(data: DataSet) -> bool:
    """Whether some label is a string of digits, or a grid: rows with / between them, ? for what is not known."""
    return any(
        set(label) <= set("0123456789/?") and (len(label) > 1 or not label.isdigit()) for label in data.labels if label
    )
