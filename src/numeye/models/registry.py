"""Models by name or path: packaged ones, run folders and ONNX files."""

from __future__ import annotations

import hashlib
from pathlib import Path

from numeye.errors import ModelError, UsageError
from numeye.io import file_limits, structured_files
from numeye.models.card import Model

PACKAGED = Path(__file__).parent / "packaged"
DEFAULT, DETECTOR = "recognizer", "detector"  # the two networks that read pages
# The network that reads unsure numbers again as a whole; it need not be packaged.
LINE_RECOGNIZER = "transcription"


def list_models() -> list[str]:
    """Return the names of the packaged models."""
    return sorted(path.stem for path in PACKAGED.glob("*.onnx"))


def load(model: str | Path | None = None) -> Model:
    """Load a model: a packaged one by its name, or your own by a path.

    Args:
        model: a name of `list_models`, or the path of a run folder or an ONNX file; None for the
            default model.

    Raises:
        UsageError: there is no such model.
        ModelError: its file is damaged.
    """
    name = DEFAULT if model is None else str(model)
    if not name:
        raise UsageError(
            f"the name of a model is empty; expected {', '.join(list_models())}, a run folder or an"
            " ONNX file"
        )
    if name in list_models():
        return _load_files(name, PACKAGED / f"{name}.onnx", PACKAGED / f"{name}.json")
    path = Path(name)
    if path.is_dir():
        return _load_run(name, path)
    if path.is_file():
        card = path.with_suffix(".json")
        return _load_files(name, path, card if card.is_file() else path.with_name("card.json"))
    raise UsageError(
        f"no model {name!r}; expected {', '.join(list_models())}, a run folder or an ONNX file"
    )


def modified_ns(model: str | Path) -> int:
    """Return when the file of your own model was last written, in nanoseconds.

    It is 0 for a packaged model and for a file that does not exist.
    """
    path = Path(model)
    if str(model) in list_models():
        return 0
    try:
        return (path / "model.onnx" if path.is_dir() else path).stat().st_mtime_ns
    except OSError:
        return 0  # `load` reports it


def _load_run(name: str, folder: Path) -> Model:
    if (folder / "model.onnx").is_file():
        return _load_files(name, folder / "model.onnx", folder / "card.json")
    hint = (
        f"numeye export {folder} makes it"
        if (folder / "checkpoints").is_dir()
        else "expected the folder of a finished run"
    )
    raise ModelError(f"{folder}: no model.onnx in this folder; {hint}")


def _load_files(name: str, onnx_file: Path, card_file: Path) -> Model:
    try:
        onnx = file_limits.read(onnx_file, file_limits.MAX_FILE_BYTES)
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror or error})") from error
    try:
        card = structured_files.load_json(card_file, finite=False) if card_file.is_file() else {}
    except OSError as error:
        raise ModelError(f"{card_file}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise ModelError(
            f"{card_file}: not JSON ({error}); make it again with numeye export"
        ) from error
    if not isinstance(card, dict):
        raise ModelError(f"{card_file}: not a card; expected a JSON object")
    expected = card.get("sha256")
    if expected is not None and hashlib.sha256(onnx).hexdigest() != expected:
        raise ModelError(
            f"{onnx_file}: damaged ({len(onnx):,} bytes, not the sha256 of its card); install or"
            " export it again"
        )
    return Model(name=name, onnx=onnx, card=card)
