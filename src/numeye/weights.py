"""The catalogue of models: a network as ONNX, and the card that says how it was made and how it is fed."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import Any, NoReturn, TypeGuard

from numeye.errors import ModelError, UsageError
from numeye.risk import Calibration, Point

ASSETS = Path(__file__).parent / "assets"
DEFAULT, SPOTTER = "reader", "spotter"  # what reads digits, and what finds them on a page


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """When an answer is set aside.

    Attributes:
        no_digit: above this probability of no digit there is none, 0 to 1.
        unsure: below this confidence the answer is not relied on, 0 to 1.
    """

    no_digit: float
    unsure: float


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
        """What the logits are divided by before softmax, 0.01 to 100."""
        value = self.card.get("temperature", 1.0)
        if not _is_number(value) or not 0.01 <= value <= 100:
            self._refuse("temperature", value, "a number above 0 (0.01 to 100)")
        return float(value)

    @property
    def framing(self) -> str:
        """How a picture is laid out for the network: `mnist` is `numeye.framing`, `zoom` and `pages` their modules.

        Empty where the card does not say; a `Reader` then tells it by the network's shapes.
        """
        preprocessing = self.card.get("preprocessing", {})
        if not isinstance(preprocessing, dict) or not isinstance(preprocessing.get("framing", ""), str):
            self._refuse("preprocessing", preprocessing, 'an object such as {"framing": "mnist"}')
        if preprocessing.get("range", [0, 1]) != [0, 1]:
            self._refuse("range of pixels", preprocessing["range"], "[0, 1]")
        return str(preprocessing.get("framing", ""))

    @property
    def rejection(self) -> Rejection | None:
        """When an answer is set aside; None where the card does not say."""
        value = self.card.get("rejection")
        if value is None:
            return None
        stated = value if isinstance(value, dict) else {}
        bounds = [bound for bound in map(stated.get, ("no_digit", "unsure")) if _is_number(bound) and 0 <= bound <= 1]
        if len(bounds) != 2:
            self._refuse("rejection", value, '{"no_digit": 0 to 1, "unsure": 0 to 1}')
        return Rejection(no_digit=float(bounds[0]), unsure=float(bounds[1]))

    @property
    def calibration(self) -> Calibration | None:
        """How often it was wrong at which confidence; None where the card does not say."""
        value = self.card.get("calibration")
        if value is None:
            return None
        if not isinstance(value, dict) or not isinstance(value.get("data", ""), str):
            self._refuse("calibration", value, "an object with data, n, level and curve")
        n, level, curve = value.get("n"), value.get("level", 0.95), value.get("curve")
        if not _is_count(n) or not n > 0:
            self._refuse("number of calibration pictures", n, "a whole number above 0")
        if not _is_number(level) or not 0 < level < 1:
            self._refuse("level of calibration", level, "a number between 0 and 1")
        points = _points(curve, n)
        if not points:
            self._refuse(
                "calibration curve", curve, f"[threshold, accepted, wrong], thresholds descending, counts up to {n}"
            )
        return Calibration(data=value.get("data", ""), n=n, level=float(level), curve=points)

    def framed(self, framing: str) -> Model:
        """The same one, with the framing that its card leaves out."""
        stated = self.card.get("preprocessing", {})
        return replace(self, card={**self.card, "preprocessing": {**stated, "framing": framing}})

    def _refuse(self, what: str, found: object, expected: str) -> NoReturn:
        shown = repr(found)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        raise ModelError(f"{self.name}: the card's {what} is {shown}; expected {expected}")


def _is_number(value: object) -> TypeGuard[float]:
    """True for what JSON writes as a finite number."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _points(curve: object, n: int) -> tuple[Point, ...]:
    """The points of a curve; none where it is not a curve over n pictures."""
    if not isinstance(curve, list) or not all(map(_is_point, curve)):
        return ()
    points = tuple((float(threshold), accepted, wrong) for threshold, accepted, wrong in curve)
    steps = all(a[0] > b[0] and a[1] <= b[1] and a[2] <= b[2] for a, b in pairwise(points))
    counts = all(wrong <= accepted <= n for _, accepted, wrong in points)
    return points if steps and counts else ()


def _is_point(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    threshold, accepted, wrong = value
    return _is_number(threshold) and 0 <= threshold <= 1 and _is_count(accepted) and _is_count(wrong)


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


def stamp(model: str | Path) -> int:
    """When an own model's file was last written, in nanoseconds; 0 for one that is packaged or not there."""
    path = Path(model)
    if str(model) in list_models():
        return 0
    try:
        return (path / "model.onnx" if path.is_dir() else path).stat().st_mtime_ns
    except OSError:
        return 0  # is told when it is loaded


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
