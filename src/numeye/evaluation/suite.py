"""Evaluation on every data set of a folder: a row for each, their mean, and a log of the scores."""

from __future__ import annotations

import hashlib
import json as json_module
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

from numeye.errors import DataError, NumeyeError, UsageError
from numeye.evaluation.digits import framing_of
from numeye.evaluation.evaluate import evaluate
from numeye.evaluation.result import EvaluationResult
from numeye.evaluation.result_table import ResultTable
from numeye.io import datasets, files
from numeye.io.datasets import DataSet
from numeye.io.labels import LAYOUTS, Layout
from numeye.models import environment
from numeye.reader import Reader

Print = Callable[[str], object]
LOG_KEYS = (
    "data",
    "n",
    "correct",
    "accuracy",
    "ece",
    "rejected",
    "accuracy_accepted",
    "model",
    "framing",
)
OPTIONAL_LOG_KEYS = (
    *("cer", "best_half", "precision", "recall", "f1", "digits_right"),
    *("found", "false", "tables_right", "claimed"),
)


class SkippedSet(NamedTuple):
    """A data set that was not evaluated.

    Attributes:
        name: name of the data set.
        reason: why, in one line.
        failed: True if this is an error; False if there was nothing to evaluate.
    """

    name: str
    reason: str
    failed: bool


@dataclass(frozen=True, kw_only=True)
class ScoringLog:
    """A file that gets one JSON line for each score.

    It shows how often a data set was used: one that is used often is no longer a test set.

    Attributes:
        file: the log; made if it does not exist, else appended to.
        reason: why the data sets are evaluated.

    Raises:
        UsageError: there is no reason.
        OutputError: the file cannot be written.
    """

    file: Path
    reason: str

    def __post_init__(self) -> None:
        if not self.reason.strip():
            raise UsageError("--log: expected --reason TEXT with it: why these sets are scored")
        files.append_line(self.file, "")  # so that nothing is evaluated that cannot be logged

    @classmethod
    def from_options(cls, file: Path | None, reason: str | None) -> ScoringLog | None:
        """Return the log for the options `--log` and `--reason`; None if neither is used.

        Raises:
            UsageError: only one of them is used.
            OutputError: the file cannot be written.
        """
        if file is None and reason is None:
            return None
        if file is None:
            raise UsageError("--reason: expected --log FILE with it")
        return cls(file=file, reason=reason or "")

    def add(self, result: EvaluationResult, reader: Reader) -> None:
        """Log the score of one data set and the models that read it.

        Raises:
            OutputError: the file cannot be written.
        """
        shown = result.to_dict()
        line: dict[str, Any] = {
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            **{key: shown.get(key) for key in LOG_KEYS},
            **{key: shown[key] for key in OPTIONAL_LOG_KEYS if key in shown},
            "max_error": reader.risk_threshold.max_error if reader.risk_threshold else None,
            "model_sha256": hashlib.sha256(reader.model.onnx).hexdigest(),
            **(
                {"detector_sha256": hashlib.sha256(reader.detector.onnx).hexdigest()}
                if reader.detector
                else {}
            ),
            "source": environment.source_revision(),
            "reason": self.reason,
        }
        files.append_line(self.file, json_module.dumps(line) + "\n")


class Readers:
    """The readers of one model, of single digits and of numbers, each made at first use.

    Args:
        model: as for `Reader`.
        max_error: as for `Reader`.
        print_message: called with the guarantee of each reader that has one.
    """

    def __init__(
        self, model: str | Path | None, max_error: float | None, print_message: Print
    ) -> None:
        self._model, self._max_error, self._print_message = model, max_error, print_message
        self._readers: dict[bool, Reader] = {}  # by whether it reads single digits

    def for_layout(self, layout: Layout) -> Reader:
        """Return the reader for data sets of a layout; see `numeye.io.labels.Layout`."""
        single = layout == "digit"
        if single not in self._readers:
            reader = Reader(self._model, single=single, max_error=self._max_error)
            if reader.risk_threshold is not None:
                self._print_message(str(reader.risk_threshold))
            self._readers[single] = reader
        return self._readers[single]


def list_data_sets(folder: Path) -> list[Path]:
    """Return the folders and `.npz` files in a folder, sorted by name.

    Raises:
        UsageError: the folder does not exist.
        DataError: there is none in it.
    """
    if not folder.is_dir():
        raise UsageError(
            f"--wild {folder}: no such folder; expected one with data folders or .npz files in it"
        )
    entries = sorted(folder.iterdir(), key=lambda entry: entry.name)
    paths = [
        entry
        for entry in entries
        if entry.name[0] != "." and (entry.suffix == ".npz" or entry.is_dir())
    ]
    if not paths:
        raise DataError(f"{folder}: holds no data set; expected data folders or .npz files")
    return paths


def evaluate_all(
    readers: Readers, paths: list[Path], *, naive: bool = False, log: ScoringLog | None = None
) -> Iterator[EvaluationResult | SkippedSet]:
    """Evaluate data sets: in the order of `numeye.io.labels.LAYOUTS`.

    A damaged data set does not stop the others. Those that cannot be opened come last.

    Args:
        readers: the readers of a model.
        paths: data folders and `.npz` files; each result has the name of its file or folder.
        naive: see `numeye.evaluation.digits.evaluate_digits`.
        log: gets each score before it is returned.

    Yields:
        The result of each data set, or why there is none.

    Raises:
        OutputError: the log cannot be written.
    """
    opened = [_open(path) for path in paths]
    for layout in LAYOUTS:
        for data in opened:
            if isinstance(data, DataSet) and data.layout == layout:
                yield _evaluate_and_log(readers, data, naive, log)
    yield from (data for data in opened if isinstance(data, SkippedSet))


def print_evaluations(
    readers: Readers,
    folder: Path,
    *,
    print_result: Print,
    print_message: Print,
    framing: str | None = None,
    json: bool = False,
    mistakes: Path | None = None,
    log: ScoringLog | None = None,
) -> bool:
    """Evaluate every data set of a folder and print each result as soon as it is known.

    Args:
        readers: the readers of a model.
        folder: a folder with data folders and `.npz` files.
        print_result: called with each line of the result.
        print_message: called with each line about errors and written files.
        framing: see `numeye.evaluation.digits.framing_of`.
        json: print each result as JSON, not as a row of a table.
        mistakes: folder for pictures of the worst mistakes.
        log: gets each score.

    Returns:
        True if every data set and every picture could be read.
    """
    naive = framing_of(readers.for_layout("digit"), framing) == "naive"
    paths = list_data_sets(folder)
    tables = _TablePrinter(readers, framing, [path.name for path in paths], print_result)
    complete = True
    for result in evaluate_all(readers, paths, naive=naive, log=log):
        complete = _print_errors(result, print_message) and complete
        if isinstance(result, SkippedSet):
            continue
        if json:
            print_result(json_module.dumps(result.to_dict()))
        else:
            tables.add(result)
        if mistakes is not None:
            print_message(f"worst mistakes: {result.save_mistakes(mistakes)}")
    tables.close()
    return complete


class _TablePrinter:
    """Prints one table after the other, one for each layout."""

    def __init__(
        self, readers: Readers, framing: str | None, names: list[str], print_result: Print
    ) -> None:
        self._readers, self._framing, self._names = readers, framing, names
        self._print_result = print_result
        self._layout: Layout | None = None
        self._table: ResultTable | None = None

    def add(self, result: EvaluationResult) -> None:
        """Print the row of a data set, below a new heading if its layout is new."""
        if self._table is None or result.layout != self._layout:
            self.close()
            reader = self._readers.for_layout(result.layout)
            title = reader.name
            if reader.single:
                title += f", framing {framing_of(reader, self._framing)}"
            self._layout = result.layout
            self._table = ResultTable(result.layout, title, self._names)
            self._print_result(self._table.heading())
        self._print_result(self._table.row(result))

    def close(self) -> None:
        """Print the mean of the last table."""
        mean = self._table.mean() if self._table else None
        if mean is not None:
            self._print_result(mean)


def _print_errors(result: EvaluationResult | SkippedSet, print_message: Print) -> bool:
    """Print what cannot be read; return False if there is such a data set or picture."""
    if isinstance(result, SkippedSet):
        print_message(f"numeye: {result.name}: {result.reason}")
        return not result.failed
    for line in result.failed:
        print_message(f"numeye: {line}")
    return not result.failed


def _open(path: Path) -> DataSet | SkippedSet:
    try:
        if path.suffix != ".npz" and not datasets.is_data_folder(path):
            return SkippedSet(path.name, "no data folder; passed over", failed=False)
        return replace(datasets.open_folder(path), name=path.name)
    except (NumeyeError, OSError) as error:
        return SkippedSet(path.name, str(error), failed=True)


def _evaluate_and_log(
    readers: Readers, data: DataSet, naive: bool, log: ScoringLog | None
) -> EvaluationResult | SkippedSet:
    try:
        # Not made before: a model may guarantee an error rate for digits and not for numbers.
        reader = readers.for_layout(data.layout)
        if reader.single and data.layout != "digit":
            return SkippedSet(
                data.name,
                f"holds numbers, and {reader.name} reads one digit a picture; passed over",
                failed=False,
            )
        result = evaluate(reader, data, naive=naive)
    except (NumeyeError, OSError) as error:
        return SkippedSet(data.name, str(error), failed=True)
    if log is not None:
        log.add(result, reader)
    return result
