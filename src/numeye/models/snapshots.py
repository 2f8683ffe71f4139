"""A network after some step of a watched training: its graph with the weights of that step."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from numeye.errors import MissingExtra, ModelError, RunError, first_line
from numeye.io import file_limits
from numeye.models.card import Model
from numeye.models.run_folder import GRAPH, Run

if TYPE_CHECKING:
    import numpy as np


def load(folder: str | Path, step: int) -> Model:
    """Load the network of a watched run after a step; `Run.snapshot_steps` lists the steps.

    Raises:
        RunError: there is no such run, it is not watched, or it has no snapshot of that step.
        ModelError: the graph or the snapshot is damaged, or they belong to different networks.
        MissingExtra: the extra [explain] is not installed.
    """
    run = Run.open(Path(folder))
    graph, snapshot = run.folder / GRAPH, run.snapshot_path(step)
    if not run.is_watched:
        raise RunError(f"{run.folder}: no {GRAPH} in it; numeye train --watch writes one")
    if not snapshot.is_file():
        available = _format_available(run.snapshot_steps())
        raise RunError(f"{run.folder}: no snapshot of step {step}; {available}")
    content = _replace_weights(graph, snapshot)
    return Model(name=f"{run.folder.name}, step {step}", onnx=content, card={})


def _format_available(steps: list[int]) -> str:
    if not steps:
        return "there is none yet"
    return f"there are {len(steps)}, from {steps[0]} to {steps[-1]}"


def _replace_weights(graph: Path, snapshot: Path) -> bytes:
    """Return the graph with the tensors of the snapshot instead of its own of the same names."""
    try:
        import onnx
        from safetensors import numpy as safetensors
    except ImportError as error:
        raise MissingExtra("explaining a snapshot", "explain") from error
    model: Any = _parse(graph, onnx.load_model_from_string)
    tensors: dict[str, np.ndarray] = _parse(snapshot, safetensors.load)
    initializers = {initializer.name: initializer for initializer in model.graph.initializer}
    for name, value in tensors.items():
        initializer = initializers.get(name)
        if initializer is None or tuple(initializer.dims) != value.shape:
            expected = "missing" if initializer is None else f"of shape {tuple(initializer.dims)}"
            raise ModelError(
                f"{snapshot}: {name} has shape {value.shape}; in {graph.name} it is {expected}"
            )
        initializer.CopyFrom(onnx.numpy_helper.from_array(value, name))
    content: bytes = model.SerializeToString()
    return content


def _parse(path: Path, parse: Any) -> Any:
    try:
        return parse(file_limits.read(path, file_limits.MAX_FILE_BYTES))
    except OSError as error:
        raise ModelError(f"{path}: cannot be read ({error.strerror or error})") from error
    except Exception as error:  # each library has its own errors
        raise ModelError(
            f"{path}: damaged ({first_line(error)}); numeye train --watch writes a new one"
        ) from error
