"""The model store: networks that can be explained.

They are the packaged ones and, if the server is local, those of run folders and uploaded ONNX
files.
"""

from __future__ import annotations

import hashlib
import re
import threading
from collections import OrderedDict
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from numeye.errors import NumeyeError, UsageError
from numeye.explanation.explainer import Explainer
from numeye.explanation.top_activations import TopActivations
from numeye.models import registry, snapshots
from numeye.models.card import Model
from numeye.models.run_folder import Run, snapshot_path
from numeye.models.task import reads_one_digit
from numeye.server.memory import release_all
from numeye.server.security import onnx_sandbox

MAX_OPEN_MODELS = 6
MAX_UPLOADED_MODELS = 4  # kept in memory only
# run/NAME or run/NAME@STEP; NAME is a folder's name, never a path
RUN_NAME = re.compile(r"run/([A-Za-z0-9][A-Za-z0-9._-]{0,80})(?:@([0-9]{1,9}))?")


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A network that is ready to be explained.

    Attributes:
        explainer: Computes its explanations.
        top_activations: Finds the digits with the top activations of its units.
    """

    explainer: Explainer
    top_activations: TopActivations


class ModelStore:
    """Finds networks by their names.

    A name is that of a packaged model, `run/NAME` for the network of a run folder, `run/NAME@STEP`
    for one of its snapshots, or `own/DIGEST` for an uploaded file.

    Args:
        runs: The folder with the run folders if the server is local; None for packaged networks
            only.
    """

    def __init__(self, runs: Path | None) -> None:
        self._runs_folder, self.is_local = runs, runs is not None
        self._uploaded: OrderedDict[str, Model] = OrderedDict()
        self._lock = threading.Lock()
        self._loaded: OrderedDict[tuple[str, int], LoadedModel] = OrderedDict()

    def load(self, name: str | None) -> LoadedModel:
        """Return a network; the default one if no name is given.

        Raises:
            NumeyeError: There is no such network, or it cannot be explained.
        """
        name = name or registry.DEFAULT
        key = (name, self._modified_ns(name))
        with self._lock:
            if key in self._loaded:
                self._loaded.move_to_end(key)
                return self._loaded[key]
        explainer = Explainer(self._open(name))
        loaded = LoadedModel(explainer=explainer, top_activations=TopActivations(explainer))
        with self._lock:
            loaded = self._loaded.setdefault(key, loaded)  # another thread may have been faster
            while len(self._loaded) > MAX_OPEN_MODELS:
                self._loaded.popitem(last=False)
        return loaded

    def release_memory(self) -> None:
        """Let all open networks release the memory that they keep between two pictures."""
        with self._lock:
            networks = [loaded.explainer.network for loaded in self._loaded.values()]
        release_all(networks)

    def list_models(self, *, packaged_only: bool = False) -> list[dict[str, Any]]:
        """Return all networks, each with its name and a description for people."""
        models = list(self._packaged)
        if packaged_only:
            return models
        models += [
            {"name": f"run/{run.folder.name}", "about": run.config.recipe.about}
            for run in self._finished_runs()
        ]
        with self._lock:
            models += [
                {"name": name, "about": model.name} for name, model in self._uploaded.items()
            ]
        return models

    @cached_property
    def _packaged(self) -> list[dict[str, Any]]:
        packaged = [registry.load(name) for name in registry.list_models()]
        return [
            {"name": model.name, "about": str(model.card.get("about", ""))}
            for model in packaged
            if reads_one_digit(model.task)
        ]

    def add(self, content: bytes, file_name: str) -> str:
        """Add a user's network, and return its name in the store.

        Args:
            content: An ONNX file's bytes.
            file_name: The file's name.

        Raises:
            UsageError: The file is rejected, with the reason.
        """
        if self._runs_folder is None:
            raise UsageError("own networks are accepted only by a server on your own machine")
        onnx_sandbox.check_in_sandbox(content)
        name = f"own/{hashlib.sha256(content).hexdigest()[:12]}"
        model = Model(name=file_name or "own network", onnx=content, card={})
        with self._lock:
            self._uploaded[name] = model
            self._uploaded.move_to_end(name)
            while len(self._uploaded) > MAX_UPLOADED_MODELS:
                oldest, _ = self._uploaded.popitem(last=False)
                self._loaded.pop((oldest, 0), None)
        return name

    def _modified_ns(self, name: str) -> int:
        """Return when a run's network was written, or 0 if the name is not that of a run.

        Training may continue and export the network again, or another one may take its place.
        """
        match = RUN_NAME.fullmatch(name)
        if self._runs_folder is None or not match:
            return 0
        folder = self._runs_folder / match[1]
        file = folder / "card.json" if match[2] is None else snapshot_path(folder, int(match[2]))
        try:
            return file.stat().st_mtime_ns
        except OSError:
            return 0

    def _open(self, name: str) -> Model:
        if name in registry.list_models():
            return registry.load(name)
        with self._lock:
            uploaded = self._uploaded.get(name)
        if uploaded is not None:
            return uploaded
        match = RUN_NAME.fullmatch(name)
        if self._runs_folder is None or not match or not (self._runs_folder / match[1]).is_dir():
            raise self._unknown(name)
        folder = self._runs_folder / match[1]
        return registry.load(folder) if match[2] is None else snapshots.load(folder, int(match[2]))

    def _unknown(self, name: str) -> UsageError:
        # A name with a slash is accepted from this machine only, which may see all names.
        models = self.list_models(packaged_only="/" not in name)
        available = ", ".join(model["name"] for model in models)
        return UsageError(f"no model {name!r}; available: {available}")

    def _finished_runs(self) -> list[Run]:
        if self._runs_folder is None or not self._runs_folder.is_dir():
            return []
        folders = sorted(
            path.parent
            for path in self._runs_folder.glob("*/card.json")
            if RUN_NAME.fullmatch(f"run/{path.parent.name}")
        )
        runs = [run for run in map(_open_run, folders) if run is not None]
        return [run for run in runs if reads_one_digit(run.config.recipe.task)]


def _open_run(folder: Path) -> Run | None:
    try:
        return Run.open(folder)
    except NumeyeError:
        return None  # damaged; the error is reported if this run is asked for by name
