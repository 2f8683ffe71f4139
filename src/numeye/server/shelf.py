"""The networks that can be looked into: packaged ones, and on one's own machine run folders and own ONNX files."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numeye import snapshots, weights
from numeye.errors import NumeyeError, UsageError
from numeye.excitement import Excitement
from numeye.explain import Explainer
from numeye.runs import Run, snapshot_file
from numeye.server import trial
from numeye.weights import Model

KEPT = 6  # networks that stay open
OWN = 4  # files that are kept, in memory only
RUN = re.compile(r"run/([A-Za-z0-9][A-Za-z0-9._-]{0,80})(?:@([0-9]{1,9}))?")  # a folder's name, never a path


@dataclass(frozen=True, kw_only=True)
class Opened:
    """A network that is ready to be looked into.

    Attributes:
        explainer: shows what it sees.
        excitement: what excites its units.
    """

    explainer: Explainer
    excitement: Excitement


class Shelf:
    """Finds networks by their names.

    Names are those of packaged models, `run/NAME` for the network of a run folder, `run/NAME@STEP` for one of its
    snapshots, and `own/DIGEST` for a file that was added.

    Args:
        runs: the folder with the run folders, in a session on one's own machine; None for packaged networks only.
    """

    def __init__(self, runs: Path | None) -> None:
        self._runs, self.local = runs, runs is not None
        self._own: OrderedDict[str, Model] = OrderedDict()
        self._lock = threading.Lock()
        self._open: OrderedDict[tuple[str, int], Opened] = OrderedDict()

    def open(self, name: str | None) -> Opened:
        """The network of that name, the default one where there is none, and what excites its units.

        Raises:
            NumeyeError: there is none, or it cannot be looked into.
        """
        name = name or weights.DEFAULT
        key = (name, self._written(name))
        with self._lock:
            if key in self._open:
                self._open.move_to_end(key)
                return self._open[key]
        explainer = Explainer(self._load(name))
        opened = Opened(explainer=explainer, excitement=Excitement(explainer))
        with self._lock:
            opened = self._open.setdefault(key, opened)  # somebody may have been quicker
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
        return opened

    def known(self, *, packaged_only: bool = False) -> list[dict[str, Any]]:
        """What can be asked for: a name for the program, and one for people."""
        found = list(self._packaged)
        if packaged_only:
            return found
        found += [{"name": f"run/{run.folder.name}", "about": run.config.recipe.about} for run in self._finished()]
        with self._lock:
            found += [{"name": name, "about": model.name} for name, model in self._own.items()]
        return found

    @cached_property
    def _packaged(self) -> list[dict[str, Any]]:
        loaded = [weights.load(name) for name in weights.list_models()]
        return [{"name": one.name, "about": str(one.card.get("about", ""))} for one in loaded if one.framing != "pages"]

    def add(self, content: bytes, said: str) -> str:
        """Take somebody's own network, and return its name.

        Args:
            content: of an ONNX file.
            said: what its file is called.

        Raises:
            UsageError: it cannot be taken, and why.
        """
        if self._runs is None:
            raise UsageError("own networks are taken only on one's own machine")
        trial.hold(content)
        name = f"own/{hashlib.sha256(content).hexdigest()[:12]}"
        model = Model(name=said or "own network", onnx=content, card={})
        with self._lock:
            self._own[name] = model
            self._own.move_to_end(name)
            while len(self._own) > OWN:
                forgotten, _ = self._own.popitem(last=False)
                self._open.pop((forgotten, 0), None)
        return name

    def _written(self, name: str) -> int:
        """When a run's network was written: training goes on, and exports again; or another is trained in its place."""
        found = RUN.fullmatch(name)
        if self._runs is None or not found:
            return 0
        folder = self._runs / found[1]
        file = folder / "card.json" if found[2] is None else snapshot_file(folder, int(found[2]))
        try:
            return file.stat().st_mtime_ns
        except OSError:
            return 0

    def _load(self, name: str) -> Model:
        if name in weights.list_models():
            return weights.load(name)
        with self._lock:
            added = self._own.get(name)
        if added is not None:
            return added
        found = RUN.fullmatch(name)
        if self._runs is None or not found or not (self._runs / found[1]).is_dir():  # a file there is no run
            known = self.known(packaged_only="/" not in name)  # others were let in only from this machine
            raise UsageError(f"no model {name!r}; there are {', '.join(one['name'] for one in known)}")
        folder = self._runs / found[1]
        return weights.load(folder) if found[2] is None else snapshots.load(folder, int(found[2]))

    def _finished(self) -> list[Run]:
        if self._runs is None or not self._runs.is_dir():
            return []
        folders = sorted(
            path.parent for path in self._runs.glob("*/card.json") if RUN.fullmatch(f"run/{path.parent.name}")
        )
        return [run for run in map(_run, folders) if run is not None and not run.config.recipe.tiles]


def _run(folder: Path) -> Run | None:
    try:
        return Run.open(folder)
    except NumeyeError:
        return None  # damaged; whoever asks for it by name is told why
