"""The catalogue of models: a network as ONNX, and the card that says how it was made and how it is fed."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from numeye.errors import ModelError, UsageError

ASSETS = Path(__file__).parent / "assets"
DEFAULT = "classic"


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network to read with.

    Attributes:
        name: of the packaged model, or the path that it came from.
        onnx: the file's bytes, checked against the card.
        card: what `card.json` says; empty for a file without one.
    """

    name: str
    onnx: bytes
    card: dict[str, Any]

    @property
    def temperature(self) -> float:
        """What the logits are divided by before softmax, above 0."""
        value = self.card.get("temperature", 1.0)
        if not isinstance(value, int | float) or not value > 0:
            raise ModelError(f"{self.name}: the card's temperature is {value!r}; expected a number above 0")
        return float(value)

    @property
    def framing(self) -> str:
        """How a picture is laid out for the network; `mnist` is `numeye.framing`."""
        preprocessing = self.card.get("preprocessing", {})
        return str(preprocessing.get("framing", "mnist")) if isinstance(preprocessing, dict) else "unknown"


def list_models() -> list[str]:
    """The names of the packaged models."""
    return sorted(path.stem for path in ASSETS.glob("*.onnx"))


def load(model: str | Path | None = None) -> Model:
    """Load a packaged model by its name, or an own one by the path of a run folder or an ONNX file.

    Raises:
        UsageError: there is no such model.
        ModelError: its file is damaged.
    """
    chosen = str(model or DEFAULT)
    if chosen in list_models():
        return _load(chosen, ASSETS / f"{chosen}.onnx", ASSETS / f"{chosen}.json")
    path = Path(chosen)
    if path.is_dir():
        if not (path / "model.onnx").is_file():
            trained = (path / "checkpoints").is_dir()
            helps = f"numeye export {path} makes it" if trained else "expected the folder of a finished run"
            raise ModelError(f"{path}: no model.onnx in this folder; {helps}")
        return _load(chosen, path / "model.onnx", path / "card.json")
    if path.is_file():
        card = path.with_suffix(".json")
        return _load(chosen, path, card if card.is_file() else path.with_name("card.json"))
    raise UsageError(f"no model {chosen!r}; expected {', '.join(list_models())}, a run folder or an ONNX file")


def _load(name: str, file: Path, card_file: Path) -> Model:
    try:
        onnx = file.read_bytes()
        card = json.loads(card_file.read_text(encoding="utf-8")) if card_file.is_file() else {}
    except OSError as error:
        raise ModelError(f"{name}: cannot be read ({error.strerror or error})") from error
    except ValueError as error:
        raise ModelError(f"{card_file}: not JSON ({error}); make it again with numeye export") from error
    if not isinstance(card, dict):
        raise ModelError(f"{card_file}: not a card; expected a JSON object")
    expected = card.get("sha256")
    if expected is not None and hashlib.sha256(onnx).hexdigest() != expected:
        raise ModelError(
            f"{file}: damaged ({len(onnx):,} bytes, not the sha256 of its card); install or export it again"
        )
    return Model(name=name, onnx=onnx, card=card)
