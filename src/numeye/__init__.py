"""Numeye reads handwritten digits.

    import numeye

    reading = numeye.read("digit.png")
    reading.text, reading.confidence

Names are imported when they are first used: `import numeye` costs next to nothing, and never torch.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from numeye.datasets import DataSet, open_data
    from numeye.errors import NumeyeError
    from numeye.evaluation import Evaluation, evaluate
    from numeye.framing import Framing, frame
    from numeye.reader import Reader, read, read_many
    from numeye.results import Digit, Reading
    from numeye.runs import Run
    from numeye.training.evidence.compare import compare
    from numeye.training.train import train

_HOME = {
    "DataSet": "numeye.datasets",
    "Digit": "numeye.results",
    "Evaluation": "numeye.evaluation",
    "Framing": "numeye.framing",
    "NumeyeError": "numeye.errors",
    "Reader": "numeye.reader",
    "Reading": "numeye.results",
    "Run": "numeye.runs",
    "compare": "numeye.training.evidence.compare",
    "evaluate": "numeye.evaluation",
    "frame": "numeye.framing",
    "open_data": "numeye.datasets",
    "read": "numeye.reader",
    "read_many": "numeye.reader",
    "train": "numeye.training.train",
}
_EXTRAS = {"compare": ("the evidence", "evidence"), "train": ("training", "train")}

__all__ = [
    "DataSet",
    "Digit",
    "Evaluation",
    "Framing",
    "NumeyeError",
    "Reader",
    "Reading",
    "Run",
    "compare",
    "evaluate",
    "frame",
    "open_data",
    "read",
    "read_many",
    "train",
]


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module 'numeye' has no attribute {name!r}")
    try:
        value = getattr(import_module(_HOME[name]), name)
    except ModuleNotFoundError as error:
        if name not in _EXTRAS or (error.name or "").startswith("numeye"):
            raise
        from numeye.errors import MissingExtra

        raise MissingExtra(*_EXTRAS[name]) from error
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
