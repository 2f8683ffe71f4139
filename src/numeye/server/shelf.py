"""The networks that can be looked into: packaged ones, and on one's own machine run folders and own ONNX files."""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numeye import snapshots, weights
from numeye.errors import NumeyeError, UsageError
from numeye.excitement import Excitement
from numeye.explain import Explainer
from numeye.runs import Run
from numeye.server import own
from numeye.weights import Model

KEPT = 6  # networks that stay open
OWN = 4  # files that are kept, in memory only
RUN = re.compile(r"run/([A-Za-z0-9][A-Za-z0-9._-]{0,80})(?:@(\d{1,9}))?")  # a folder's name, never a path


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
        self._open: OrderedDict[tuple[str, float], Opened] = OrderedDict()

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
            self._open[key] = opened
            while len(self._open) > KEPT:
                self._open.popitem(last=False)
        return opened

    def list(self) -> list[dict[str, Any]]:
        """What can be asked for: a name for the program, and one for people."""
        packaged = [name for name in weights.list_models() if weights.load(name).framing != "pages"]
        found = [{"name": name, "about": str(weights.load(name).card.get("about", ""))} for name in packaged]
        for run in self._finished():
            found.append({"name": f"run/{run.folder.name}", "about": run.config.recipe.about})
        found += [{"name": name, "about": model.name} for name, model in self._own.items()]
        return found

    def add(self, content: bytes, said: str) -> str:
        """Take somebody's own network, and return its name.

        Args:
            content: of an ONNX file.
            said: what its file is called.

        Raises:
            UsageError, ModelError: it cannot be taken; each says why.
        """
        if self._runs is None:
            raise UsageError("own networks are taken only on one's own machine")
        own.check(content)
        name = f"own/{hashlib.sha256(content).hexdigest()[:12]}"
        model = Model(name=said or "own network", onnx=content, card={})
        Explainer(model)  # it can be run and shown
        with self._lock:
            self._own[name] = model
            while len(self._own) > OWN:
                self._own.popitem(last=False)
        return name

    def _written(self, name: str) -> float:
        """When a run's network was written: training goes on, and exports again."""
        found = RUN.fullmatch(name)
        if self._runs is None or not found or found[2] is not None:
            return 0.0
        try:
            return (self._runs / found[1] / "card.json").stat().st_mtime
        except OSError:
            return 0.0

    def _load(self, name: str) -> Model:
        if name in weights.list_models():
            return weights.load(name)
        if name in self._own:
            return self._own[name]
        found = RUN.fullmatch(name)
        if self._runs is None or not found:
            raise UsageError(f"no model {name!r}; there are {', '.join(one['name'] for one in self.list())}")
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
