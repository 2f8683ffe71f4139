"""A study: steps whose results are kept, so that a study that was killed continues.

The folder of a study, `runs/evidence/`, holds:

    study.json          what was requested (scale, first seed, data sets), and the machine
    steps/NAME.json     the result of a step in numbers; written last, so it marks the step finished
    steps/NAME.npz      the result of a step in arrays
    trainings/NAME/     run folders of networks that are still in training
    index.html, numbers.json, figures/NAME.svg      the report, when all steps are finished
"""

from __future__ import annotations

import io
import json
import shutil
import time
import zipfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np

from numeye.errors import RunError, UsageError
from numeye.io import files, structured_files
from numeye.models import environment


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much work a study does. `study.json` and `numbers.json` hold these names.

    Attributes:
        name: `full` or `quick`.
        train: digits to learn from, of the 55,000 training digits that are not held out.
        test: digits of the 10,000 test digits.
        held: held-out training digits, by which settings are chosen.
        search: digits to learn from while settings are chosen.
        tries: most settings that are tried for a model.
        least: fewest pictures in an epoch; with fewer digits, each is shown several times.
        seeds: trainings of each network that is compared.
        epochs: of each training.
        long: epochs of the training whose train-test gap is followed.
        sizes: numbers of digits to learn from, for sample efficiency.
        random: digits whose labels are random.
        corrupted: test digits that are corrupted or attacked, and pictures without a digit.
        displaced: test digits that are shifted, rotated and resized.
        attacked: test digits for AutoAttack.
        embedded: test digits in the t-SNE maps.
        folds: parts of the training digits; a network trained on the others judges each part.
    """

    name: str
    train: int
    test: int
    held: int
    search: int
    tries: int
    least: int
    seeds: int
    epochs: int
    long: int
    sizes: tuple[int, ...]
    random: int
    corrupted: int
    displaced: int
    attacked: int
    embedded: int
    folds: int


FULL = Scale(
    name="full",
    train=55_000,
    test=10_000,
    held=5_000,
    search=10_000,
    tries=9,
    least=6_400,
    seeds=3,
    epochs=5,
    long=10,
    sizes=(10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000),
    random=10_000,
    corrupted=2_000,
    displaced=500,
    attacked=200,
    embedded=2_000,
    folds=5,
)
QUICK = Scale(
    name="quick",
    train=3_000,
    test=2_000,
    held=1_000,
    search=1_000,
    tries=2,
    least=1_200,
    seeds=3,
    epochs=4,
    long=6,
    sizes=(10, 100, 1_000),
    random=300,
    corrupted=200,
    displaced=100,
    attacked=10,
    embedded=400,
    folds=2,
)


@dataclass(frozen=True)
class Result:
    """The result of a step.

    Attributes:
        facts: anything that JSON can hold.
        arrays: arrays by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """A piece of work whose result is kept.

    Attributes:
        name: of its files; `/` separates folders.
        compute: the work; it receives the study and returns the result.
        needs: names of the steps whose results `compute` uses.
        version: increased when the results of older versions are no longer valid.
    """

    name: str
    compute: Callable[[Study], Result]
    needs: Sequence[str] = ()
    version: int = 1


class Study:
    """The folder of a study, and the results in it.

    Args:
        folder: where the study is kept; created if it does not exist.
        scale: how much work it does.
        seed: the first of the random seeds.
        cache: where MNIST is kept.
        wild: a folder with data sets of real pictures, which every model reads; None for none.
        fashion: an IDX file with the pictures of Fashion-MNIST; None for that of Debian's package,
            if it is installed.
        progress: receives a line of text for each event.

    Raises:
        UsageError: the folder holds a study with other options.
        RunError: its `study.json` is damaged.
    """

    def __init__(
        self,
        folder: Path,
        scale: Scale,
        *,
        seed: int = 0,
        cache: str | Path | None = None,
        wild: Path | None = None,
        fashion: Path | None = None,
        progress: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.folder, self.scale, self.seed, self.cache = folder, scale, seed, cache
        self.progress = progress
        self.wild, self.fashion = wild, fashion
        self.finished_runs: list[Path] = []  # deleted when the result of their step is saved
        self._results: dict[str, Result] = {}
        self._check_request()

    @property
    def seeds(self) -> list[int]:
        """Seeds of the trainings of each network that is compared."""
        return [self.seed + number for number in range(self.scale.seeds)]

    def run(self, step: Step) -> None:
        """Run a step, and save its result."""
        start = time.perf_counter()
        result = step.compute(self)
        self._save(step, result, round(time.perf_counter() - start, 1))
        for folder in self.finished_runs:
            shutil.rmtree(folder, ignore_errors=True)
        self.finished_runs.clear()

    def __getitem__(self, name: str) -> Result:
        """Return the result of a step.

        Raises:
            RunError: the step is not finished, or its files are damaged.
        """
        if name not in self._results:
            self._results[name] = self._load(name)
        return self._results[name]

    def metadata_of(self, steps: Sequence[Step], key: str) -> list[Any]:
        """Return one entry of each step's JSON file: `seconds`, `source` or `time`."""
        return [_load_json(self._file(step.name, ".json"))[key] for step in steps]

    @property
    def request(self) -> dict[str, Any]:
        """What was requested, and the machine, as in `study.json`."""
        return _load_json(self.folder / "study.json")

    def _check_request(self) -> None:
        """Write `study.json`, or check that the one in the folder requested the same."""
        path = self.folder / "study.json"
        request: dict[str, Any] = {
            "scale": json.loads(json.dumps(asdict(self.scale))),
            "seed": self.seed,
            "wild": self.wild is not None,
            "fashion": self.fashion is not None,
        }
        if not path.exists():
            made = {"source": environment.source_revision(), **environment.environment()}
            files.write_text(path, json.dumps({**request, "made": made}, indent=2) + "\n")
            return
        try:
            stored = self.request
            different = [name for name, value in request.items() if stored[name] != value]
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(
                f"{path}: damaged ({error}); choose another folder with --run"
            ) from error
        if different:
            raise UsageError(
                f"{self.folder}: holds a study with another {' and '.join(different)}; choose"
                " another folder with --run"
            )

    def _file(self, name: str, suffix: str) -> Path:
        return self.folder / "steps" / f"{name}{suffix}"

    def is_done(self, step: Step) -> bool:
        """Return whether the result of a step is there, undamaged and up to date."""
        try:
            stored = _load_json(self._file(step.name, ".json"))
            is_current = stored["version"] == step.version and stored["needs"] == self._times_of(
                step.needs
            )
        except (OSError, ValueError, KeyError, TypeError):
            return False  # a damaged step is run again
        return is_current and zipfile.is_zipfile(self._file(step.name, ".npz"))

    def _times_of(self, names: Sequence[str]) -> dict[str, str]:
        """Return when each step was finished.

        A step is run again if a step that it needs was.
        """
        return {name: _load_json(self._file(name, ".json"))["time"] for name in names}

    def _save(self, step: Step, result: Result, seconds: float) -> None:
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **result.arrays)
        files.write_bytes(self._file(step.name, ".npz"), packed.getvalue())
        metadata = {
            "version": step.version,
            "needs": self._times_of(step.needs),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "source": environment.source_revision(),
            "seconds": seconds,
            "facts": result.facts,
        }
        files.write_text(self._file(step.name, ".json"), json.dumps(metadata) + "\n")
        self._results[step.name] = result

    def _load(self, name: str) -> Result:
        path = self._file(name, ".json")
        try:
            facts = _load_json(path)["facts"]
            with np.load(self._file(name, ".npz"), allow_pickle=False) as arrays:
                return Result(facts, dict(arrays.items()))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(
                f"{path}: cannot be read ({error}); run numeye compare to write it again"
            ) from error


def _load_json(path: Path) -> dict[str, Any]:
    """Load the JSON of a step or a study; its numbers may be nan."""
    content = structured_files.load_json(path, finite=False)
    if not isinstance(content, dict):
        raise structured_files.StructuredFileError("expected a JSON object")
    return content
