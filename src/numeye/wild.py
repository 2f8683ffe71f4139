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
from numeye.grids import Grids, evaluate_grids
from numeye.measured import Measured
from numeye.reader import Reader
from numeye.strings import Strings, evaluate_strings

Print = Callable[[str], object]
KIND: dict[type, str] = {Evaluation: "digits", Strings: "strings", Grids: "grids"}
ORDER = ("digits", "strings", "grids")  # in which sets are measured; each kind has a table of its own
# Of each kind of data set the columns: a heading, its width, and the key of what stands in it.
COLUMNS: dict[str, tuple[tuple[str, int, str], ...]] = {
    "digits": (
        ("n", 9, "n"),
        ("accuracy %", 12, "accuracy"),
        ("95 % interval", 17, "interval"),
        ("ECE %", 7, "ece"),
        ("rejected %", 12, "rejected"),
        ("accuracy of accepted %", 24, "accuracy_accepted"),
    ),
    "strings": (
        ("n", 9, "n"),
        ("exact %", 9, "accuracy"),
        ("95 % interval", 17, "interval"),
        ("CER %", 7, "cer"),
        ("surest half %", 15, "best_half"),
        ("precision %", 13, "precision"),
        ("recall %", 10, "recall"),
        ("ECE %", 7, "ece"),
        ("rejected %", 12, "rejected"),
        ("exact of accepted %", 21, "accuracy_accepted"),
    ),
    "grids": (
        ("cells", 9, "n"),
        ("right %", 9, "accuracy"),
        ("95 % interval", 17, "interval"),
        ("digit or not: F1 %", 20, "f1"),
        ("digits right %", 16, "digits_right"),
    ),
}
SCORED = ("data", "n", "correct", "accuracy", "ece", "rejected", "accuracy_accepted", "model", "framing")
ALSO = ("cer", "best_half", "precision", "recall", "f1", "digits_right")  # of numbers and grids


class Unscored(NamedTuple):
    """A data set without a score: its name, why, and whether something is wrong, with it or with what was asked."""

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

    def add(self, measured: Measured, reader: Reader) -> None:
        """Note one data set, and who read it.

        Raises:
            OutputError: the file cannot be written.
        """
        shown = measured.to_dict()
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            **{key: shown.get(key) for key in SCORED},
            **{key: shown[key] for key in ALSO if key in shown},
            "max_error": reader.promise.max_error if reader.promise else None,
            "model_sha256": hashlib.sha256(reader.model.onnx).hexdigest(),
            **({"spotter_sha256": hashlib.sha256(reader.spotter.onnx).hexdigest()} if reader.spotter else {}),
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


class Readers:
    """The two readers of a model: of single digits and of numbers, each made when it is first asked for.

    Args:
        model: as for `Reader`.
        max_error: as for `Reader`.
        say: is told what each of them promises.
    """

    def __init__(self, model: str | Path | None, max_error: float | None, say: Print) -> None:
        self._model, self._max_error, self._say = model, max_error, say
        self._made: dict[bool, Reader] = {}

    def of(self, kind: str) -> Reader:
        """The one for data sets of a kind; see `numeye.datasets.DataSet.kind`."""
        single = kind == "digits"
        if single not in self._made:
            made = Reader(self._model, single=single, max_error=self._max_error)
            if made.promise is not None:
                self._say(str(made.promise))
            self._made[single] = made
        return self._made[single]


class Table:
    """The figures of data sets of one kind as aligned lines, written as they come.

    Args:
        kind: a key of `COLUMNS`.
        title: stands above it.
        names: of all sets.
    """

    def __init__(self, kind: str, title: str, names: list[str]) -> None:
        self.title = title
        self._columns = COLUMNS[kind]
        self._width = max(map(len, [*names, f"mean of {len(names)} sets"]))
        self._accuracies: list[float] = []

    def heading(self) -> str:
        """The title and the names of the columns."""
        return f"{self.title}\n{self._line('set', [name for name, _, _ in self._columns])}"

    def row(self, measured: Measured) -> str:
        """One data set."""
        self._accuracies.append(measured.accuracy)
        shown = measured.to_dict()
        return self._line(measured.data, [_cell(shown.get(key)) for _, _, key in self._columns])

    def mean(self) -> str | None:
        """The mean accuracy of the sets so far, each of the same weight; None where there are not several."""
        count = len(self._accuracies)
        return self._line(f"mean of {count} sets", ["", _cell(sum(self._accuracies) / count)]) if count > 1 else None

    def _line(self, name: str, cells: list[str]) -> str:
        padded = (f"{cell:>{width}}" for cell, (_, width, _) in zip(cells, self._columns, strict=False))
        return f"{name:<{self._width}}" + "".join(padded)


def _cell(value: Any) -> str:
    """A figure as a table has it."""
    if isinstance(value, list):
        return f"{value[0]:.2f} to {value[1]:.2f}"
    if value is None:
        return "-"
    return f"{value:,}" if isinstance(value, int) else f"{value:.2f}"


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
    readers: Readers, sets: list[Path], *, naive: bool = False, log: ScoringLog | None = None
) -> Iterator[Measured | Unscored]:
    """Read every picture of each data set, those of digits first, then strings, then grids.

    One that is damaged takes its place, and the others go on; what is no data set comes last.

    Args:
        readers: what reads.
        sets: data folders and `.npz` files; each score is named after its file or folder.
        naive: see `numeye.evaluation.evaluate`.
        log: is told of each score before anyone sees it.

    Raises:
        OutputError: the log cannot be written.
    """
    opened = [_opened(path) for path in sets]
    for kind in ORDER:
        for data in opened:
            if isinstance(data, DataSet) and data.kind == kind:
                yield _measured(readers, data, naive, log)
    yield from (data for data in opened if isinstance(data, Unscored))


def print_folder(
    readers: Readers,
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
    naive = framing_of(readers.of("digits"), framing) == "naive"
    sets = data_sets(folder)
    tables = _Tables(readers, framing, [path.name for path in sets], answer)
    whole = True
    for measured in measure(readers, sets, naive=naive, log=log):
        whole = _say_what_is_wrong(measured, say) and whole
        if isinstance(measured, Unscored):
            continue
        if json:
            answer(json_module.dumps(measured.to_dict()))
        else:
            tables.add(measured)
        if mistakes is not None:
            say(f"worst mistakes: {measured.save_mistakes(mistakes)}")
    tables.close()
    return whole


class _Tables:
    """One table after the other, a kind each."""

    def __init__(self, readers: Readers, framing: str | None, names: list[str], answer: Print) -> None:
        self._readers, self._framing, self._names, self._answer = readers, framing, names, answer
        self._kind = ""
        self._table: Table | None = None

    def add(self, measured: Measured) -> None:
        kind = KIND[type(measured)]
        if self._table is None or kind != self._kind:
            self.close()
            reader = self._readers.of(kind)
            title = f"{reader.name}, framing {framing_of(reader, self._framing)}" if reader.single else reader.name
            self._kind, self._table = kind, Table(kind, title, self._names)
            self._answer(self._table.heading())
        self._answer(self._table.row(measured))

    def close(self) -> None:
        mean = self._table.mean() if self._table else None
        if mean is not None:
            self._answer(mean)


def _say_what_is_wrong(measured: Measured | Unscored, say: Print) -> bool:
    """False where the set or a picture of it is damaged."""
    if isinstance(measured, Unscored):
        say(f"numeye: {measured.name}: {measured.why}")
        return not measured.damaged
    for line in measured.failed:
        say(f"numeye: {line}")
    return not measured.failed


def _opened(path: Path) -> DataSet | Unscored:
    try:
        if path.suffix != ".npz" and not datasets.is_data_folder(path):
            return Unscored(path.name, "no data folder; passed over", damaged=False)
        return replace(datasets.open_folder(path), name=path.name)
    except (NumeyeError, OSError) as error:
        return Unscored(path.name, str(error), damaged=True)


def _measured(readers: Readers, data: DataSet, naive: bool, log: ScoringLog | None) -> Measured | Unscored:
    """Read every picture of a data set; the log is told of the score before anyone sees it."""
    try:
        reader = readers.of(data.kind)  # which may not be able to promise what is asked for numbers, and so not be
        if reader.single and data.kind != "digits":
            return Unscored(
                data.name, f"holds numbers, and {reader.name} reads one digit a picture; passed over", damaged=False
            )
        measured = evaluate_any(reader, data, naive=naive)
    except (NumeyeError, OSError) as error:
        return Unscored(data.name, str(error), damaged=True)
    if log is not None:
        log.add(measured, reader)
    return measured


def evaluate_any(reader: Reader, data: DataSet, *, naive: bool = False) -> Measured:
    """Measure a reader on a data set of any kind: of digits, of strings of them, of grids.

    Args:
        reader: the one for that kind.
        data: what to read.
        naive: for digits; see `numeye.evaluation.evaluate`.
    """
    if data.kind == "grids":
        return evaluate_grids(reader, data)
    return evaluate_strings(reader, data) if data.kind == "strings" else evaluate(reader, data, naive=naive)
