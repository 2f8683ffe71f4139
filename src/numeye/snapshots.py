"""A network as it was at some step of a watched training: its graph with the weights of that step laid over."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from numeye.errors import MissingExtra, ModelError, RunError
from numeye.runs import GRAPH, Run
from numeye.weights import Model

if TYPE_CHECKING:
    import numpy as np


def load(folder: str | Path, step: int) -> Model:
    """The network of a watched run after so many steps; see `Run.snapshots` for which there are.

    Raises:
        RunError: there is no such run, it is not watched, or it has no snapshot of that step.
        ModelError: the graph or the snapshot is damaged, or they are of two networks.
        MissingExtra: the extra [explain] is not installed.
    """
    run = Run.open(Path(folder))
    graph, snapshot = run.folder / GRAPH, run.snapshot(step)
    if not run.is_watched:
        raise RunError(f"{run.folder}: no {GRAPH} in it; numeye train --watch writes one")
    if not snapshot.is_file():
        raise RunError(f"{run.folder}: no snapshot of step {step}; {_there_are(run.snapshots())}")
    content = _overlaid(graph, snapshot)
    return Model(name=f"{run.folder.name}, step {step}", onnx=content, card={})


def _there_are(steps: list[int]) -> str:
    if not steps:
        return "there is none yet"
    return f"there are {len(steps)}, from {steps[0]} to {steps[-1]}"


def _overlaid(graph: Path, snapshot: Path) -> bytes:
    """The graph's bytes with each of the snapshot's tensors in the place of the initializer of its name."""
    try:
        import onnx
        from safetensors import numpy as safetensors
    except ImportError as error:
        raise MissingExtra("looking into a snapshot", "explain") from error
    model: Any = _parsed(graph, onnx.load_model_from_string)
    tensors: dict[str, np.ndarray] = _parsed(snapshot, safetensors.load)
    places = {one.name: one for one in model.graph.initializer}
    for name, value in tensors.items():
        place = places.get(name)
        if place is None or tuple(place.dims) != value.shape:
            found = "missing" if place is None else f"of shape {tuple(place.dims)}"
            raise ModelError(f"{snapshot}: {name} has shape {value.shape}; in {graph.name} it is {found}")
        place.CopyFrom(onnx.numpy_helper.from_array(value, name))
    result: bytes = model.SerializeToString()
    return result


def _parsed(path: Path, parse: Any) -> Any:
    try:
        return parse(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # each library has its own
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise ModelError(f"{path}: damaged ({said}); numeye train --watch writes another") from error
