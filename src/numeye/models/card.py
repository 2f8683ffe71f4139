"""The card of a model: how it was made, its task, and how its outputs are calibrated."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any, NoReturn, TypeGuard

from numeye.errors import ModelError
from numeye.models.calibration import MAX_TEMPERATURE, MIN_TEMPERATURE, NoDigitScaling, Scaling
from numeye.models.risk_control import Calibration, CurvePoint
from numeye.models.task import TASKS


@dataclass(frozen=True, kw_only=True)
class Rejection:
    """Thresholds at which an answer is rejected.

    Attributes:
        no_digit: above this probability of no digit the answer is "not a digit", 0 to 1.
        unsure: below this confidence the answer is rejected, 0 to 1.
    """

    no_digit: float
    unsure: float


@dataclass(frozen=True, kw_only=True)
class Model:
    """A network and its card.

    The properties are read from the card when they are used.

    Attributes:
        name: of a packaged model, or the path that was loaded.
        onnx: bytes of the file, checked against the card.
        card: content of `card.json`; empty for a file without one.

    Raises:
        ModelError: by the properties, if the card has an impossible value.
    """

    name: str
    onnx: bytes
    card: dict[str, Any]

    @property
    def temperature(self) -> float:
        """The divisor of the logits before softmax, 0.01 to 100; 1 if the card does not have it."""
        value = self.card.get("temperature", 1.0)
        if not _is_number(value) or not MIN_TEMPERATURE <= value <= MAX_TEMPERATURE:
            self._raise_invalid("temperature", value, "a number above 0 (0.01 to 100)")
        return float(value)

    @property
    def scaling(self) -> Scaling:
        """How the network's outputs become probabilities."""
        value = self.card.get("no_digit")
        if value is None:
            return Scaling(temperature=self.temperature)
        table = value if isinstance(value, dict) else {}
        entries = {name: table.get(name) for name in ("constant", "weight", "fitted", "share")}
        numbers = {name: float(number) for name, number in entries.items() if _is_number(number)}
        shares = [numbers.get(name, 0.0) for name in ("fitted", "share")]
        if (
            len(numbers) != len(entries)
            or numbers["weight"] <= 0
            or not all(0 < share < 1 for share in shares)
        ):
            self._raise_invalid(
                "no_digit",
                value,
                '{"constant": number, "weight": above 0, "fitted": 0 to 1, "share": 0 to 1}',
            )
        return Scaling(temperature=self.temperature, no_digit=NoDigitScaling(**numbers))

    @property
    def task(self) -> str:
        """The name of its task in `numeye.models.task`.

        It is empty if the card names none. A `Reader` then finds it by the network's shapes.
        """
        preprocessing = self.card.get("preprocessing", {})
        if not isinstance(preprocessing, dict):
            self._raise_invalid(
                "preprocessing", preprocessing, 'an object such as {"range": [0, 1]}'
            )
        if preprocessing.get("range", [0, 1]) != [0, 1]:
            self._raise_invalid("range of pixels", preprocessing["range"], "[0, 1]")
        task = self.card.get("task", "")
        if not isinstance(task, str):
            self._raise_invalid("task", task, f"one of {', '.join(TASKS)}")
        return task

    @property
    def splits_writers(self) -> bool:
        """Whether its validation digits are those of `mnist:writers`, not of `mnist:validation`."""
        recipe = self.card.get("recipe")
        return isinstance(recipe, dict) and recipe.get("split") == "writers"

    @property
    def rejection(self) -> Rejection | None:
        """The thresholds of rejection; None if the card has none."""
        value = self.card.get("rejection")
        if value is None:
            return None
        table = value if isinstance(value, dict) else {}
        no_digit, unsure = table.get("no_digit"), table.get("unsure")
        if not _is_share(no_digit) or not _is_share(unsure):
            self._raise_invalid("rejection", value, '{"no_digit": 0 to 1, "unsure": 0 to 1}')
        return Rejection(no_digit=float(no_digit), unsure=float(unsure))

    @property
    def calibration(self) -> Calibration | None:
        """Counts of wrong answers at each threshold; None if the card has none."""
        value = self.card.get("calibration")
        if value is None:
            return None
        if not isinstance(value, dict) or not isinstance(value.get("data", ""), str):
            self._raise_invalid("calibration", value, "an object with data, n, level and curve")
        n, level, curve, start = (value.get(key) for key in ("n", "level", "curve", "start"))
        level = 0.95 if level is None else level
        if not _is_count(n) or not n > 0:
            self._raise_invalid("number of calibration pictures", n, "a whole number above 0")
        if not _is_number(level) or not 0 < level < 1:
            self._raise_invalid("level of calibration", level, "a number between 0 and 1")
        if start is not None and not _is_share(start):
            self._raise_invalid("start of the calibration", start, "a threshold, 0 to 1")
        points = _parse_points(curve, n)
        if not points:
            self._raise_invalid(
                "calibration curve",
                curve,
                f"[threshold, accepted, wrong], thresholds descending, counts up to {n}",
            )
        return Calibration(
            data=value.get("data", ""), n=n, level=float(level), curve=points, start=start
        )

    def with_task(self, task: str) -> Model:
        """Return the same model with this task on its card."""
        return replace(self, card={**self.card, "task": task})

    def _raise_invalid(self, key: str, value: object, expected: str) -> NoReturn:
        shown = repr(value)
        shown = shown if len(shown) <= 80 else f"{shown[:77]}..."
        raise ModelError(f"{self.name}: the card's {key} is {shown}; expected {expected}")


def _is_number(value: object) -> TypeGuard[float]:
    """Return whether a value is a finite number of JSON, so not a boolean."""
    return isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)


def _is_share(value: object) -> TypeGuard[float]:
    return _is_number(value) and 0 <= value <= 1


def _is_count(value: object) -> TypeGuard[int]:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 0


def _parse_points(curve: object, n: int) -> tuple[CurvePoint, ...]:
    """Return the points of a curve; an empty tuple if it is not a curve over n pictures."""
    if not isinstance(curve, list) or not all(map(_is_point, curve)):
        return ()
    points = tuple((float(threshold), accepted, wrong) for threshold, accepted, wrong in curve)
    are_ordered = all(a[0] > b[0] and a[1] <= b[1] and a[2] <= b[2] for a, b in pairwise(points))
    are_possible = all(wrong <= accepted <= n for _, accepted, wrong in points)
    return points if are_ordered and are_possible else ()


def _is_point(value: object) -> bool:
    if not isinstance(value, list) or len(value) != 3:
        return False
    threshold, accepted, wrong = value
    return _is_share(threshold) and _is_count(accepted) and _is_count(wrong)
