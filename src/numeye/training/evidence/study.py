"""A study: steps whose results are kept, so that one that was killed goes on where it was.

runs/evidence/
  study.json            what was asked for: scale, first seed, pictures of the world, and where it is made
  steps/NAME.json       what a step found, in numbers; written last, so that it says: done
  steps/NAME.npz        and in arrays
  trainings/NAME/       runs of networks, while they learn
  index.html, numbers.json, figures/NAME.svg    the report, when all steps are done
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

from numeye import atomic, source
from numeye.errors import RunError, UsageError


@dataclass(frozen=True, kw_only=True)
class Scale:
    """How much a study spends.

    Attributes:
        name: `full` or `quick`.
        train: digits to learn from, of the 55,000 that are not held back.
        test: of the 10,000 test digits.
        held: digits of train, held back, by which settings are chosen.
        search: digits to learn from while settings are chosen.
        tries: settings of each model that are tried, at most.
        least: digits that an epoch shows, at least; of fewer digits, each several times.
        seeds: trainings of each network that is compared.
        epochs: of each training.
        long: epochs of the training whose gap is followed.
        sizes: digits to learn from, for sample efficiency.
        random: digits whose labels are drawn by lot.
        corrupted: test digits that are corrupted, attacked by steps, or not digits.
        displaced: test digits that are shifted, turned and resized.
        attacked: test digits for AutoAttack.
        embedded: test digits in the maps.
        folds: parts of train, each judged by a network that learnt from the others.
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
    name="full", train=55_000, test=10_000, held=5_000, search=10_000, tries=9, least=6_400, seeds=3, epochs=5, long=10,
    sizes=(10, 30, 100, 300, 1_000, 3_000, 10_000, 30_000), random=10_000, corrupted=2_000, displaced=500,
    attacked=200, embedded=2_000, folds=5,
)  # fmt: skip
QUICK = Scale(
    name="quick", train=3_000, test=2_000, held=1_000, search=1_000, tries=2, least=1_200, seeds=3, epochs=4, long=6,
    sizes=(10, 100, 1_000), random=300, corrupted=200, displaced=100, attacked=10, embedded=400, folds=2,
)  # fmt: skip
SCALES = {scale.name: scale for scale in (FULL, QUICK)}


@dataclass(frozen=True)
class Result:
    """What a step found.

    Attributes:
        facts: whatever JSON can hold.
        arrays: by name.
    """

    facts: dict[str, Any]
    arrays: dict[str, np.ndarray] = field(default_factory=dict)


@dataclass(frozen=True)
class Step:
    """One piece of work whose result is kept.

    Attributes:
        name: of its files; folders parted by `/`.
        make: does it.
        needs: names of the steps whose results it looks at.
        version: counted up when it is to be done anew.
    """

    name: str
    make: Callable[[Study], Result]
    needs: Sequence[str] = ()
    version: int = 1


class Study:
    """A study's folder, and what has been found so far.

    Args:
        folder: where it is kept; made where it is not there.
        scale: how much is spent.
        seed: the first of the seeds.
        cache: where MNIST is kept.
        wild: a folder of data sets of real pictures, to be answered by every model; None for none.
        fashion: an IDX file of Fashion-MNIST's pictures; None for that of Debian's package, where it is installed.
        say: is told what happens, in a line each.

    Raises:
        UsageError: the folder holds a study that asked for something else.
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
        say: Callable[[str], object] = lambda _: None,
    ) -> None:
        self.folder, self.scale, self.seed, self.cache, self.say = folder, scale, seed, cache, say
        self.wild, self.fashion = wild, fashion
        self.finished: list[Path] = []  # run folders of networks whose step is about to be kept
        self._known: dict[str, Result] = {}
        self._begin()

    @property
    def seeds(self) -> list[int]:
        """Of the trainings of each network that is compared."""
        return [self.seed + number for number in range(self.scale.seeds)]

    def do(self, step: Step) -> None:
        """Do a step, and keep what it found."""
        begun = time.perf_counter()
        result = step.make(self)
        self._keep(step, result, round(time.perf_counter() - begun, 1))
        for folder in self.finished:  # what came of it is kept now
            shutil.rmtree(folder, ignore_errors=True)
        self.finished.clear()

    def __getitem__(self, name: str) -> Result:
        """What a step found.

        Raises:
            RunError: it is not done, or its files are damaged.
        """
        if name not in self._known:
            self._known[name] = self._read(name)
        return self._known[name]

    def facts_of(self, steps: Sequence[Step], name: str) -> list[Any]:
        """What is written down of each step: `seconds`, `source`, `time`."""
        return [json.loads(self._file(step.name, ".json").read_text(encoding="utf-8"))[name] for step in steps]

    @property
    def asked(self) -> dict[str, Any]:
        """What was asked for, as `study.json` has it."""
        stored: dict[str, Any] = json.loads((self.folder / "study.json").read_text(encoding="utf-8"))
        return stored

    def _begin(self) -> None:
        path = self.folder / "study.json"
        asked: dict[str, Any] = {
            "scale": json.loads(json.dumps(asdict(self.scale))),
            "seed": self.seed,
            "wild": self.wild is not None,
            "fashion": self.fashion is not None,
        }
        if not path.exists():
            made = {"source": source.source_revision(), **source.environment()}
            atomic.write_text(path, json.dumps({**asked, "made": made}, indent=2) + "\n")
            return
        try:
            before = self.asked
            differs = [name for name, value in asked.items() if before[name] != value]
        except (ValueError, KeyError, TypeError) as error:
            raise RunError(f"{path}: damaged ({error}); choose another folder with --run") from error
        if differs:
            raise UsageError(
                f"{self.folder}: holds a study with another {' and '.join(differs)}; choose another folder with --run"
            )

    def _file(self, name: str, suffix: str) -> Path:
        return self.folder / "steps" / f"{name}{suffix}"

    def is_done(self, step: Step) -> bool:
        """Whether its result is there."""
        try:
            stored = json.loads(self._file(step.name, ".json").read_text(encoding="utf-8"))
            same = stored["version"] == step.version and stored["needs"] == self._made(step.needs)
        except (OSError, ValueError, KeyError, TypeError):
            return False  # what is damaged is done again
        return same and zipfile.is_zipfile(self._file(step.name, ".npz"))

    def _made(self, names: Sequence[str]) -> dict[str, str]:
        """When each of these steps was done: a step is done again when one that it needs was."""
        files = {name: self._file(name, ".json") for name in names}
        return {name: json.loads(path.read_text(encoding="utf-8"))["time"] for name, path in files.items()}

    def _keep(self, step: Step, result: Result, seconds: float) -> None:
        packed = io.BytesIO()
        np.savez_compressed(packed, allow_pickle=False, **result.arrays)
        atomic.write_bytes(self._file(step.name, ".npz"), packed.getvalue())
        facts = {
            "version": step.version,
            "needs": self._made(step.needs),
            "time": datetime.now(UTC).isoformat(timespec="seconds"),
            "source": source.source_revision(),
            "seconds": seconds,
            "facts": result.facts,
        }
        atomic.write_text(self._file(step.name, ".json"), json.dumps(facts) + "\n")
        self._known[step.name] = result

    def _read(self, name: str) -> Result:
        try:
            facts = json.loads(self._file(name, ".json").read_text(encoding="utf-8"))["facts"]
            with np.load(self._file(name, ".npz"), allow_pickle=False) as stored:
                return Result(facts, dict(stored.items()))
        except (OSError, ValueError, KeyError, EOFError, zipfile.BadZipFile) as error:
            raise RunError(f"{self._file(name, '.json')}: cannot be read ({error}); numeye compare makes it") from error
