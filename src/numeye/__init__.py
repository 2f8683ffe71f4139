"""Numeye reads handwritten digits.

    import numeye

    reading = numeye.read("digit.png")
    reading.text, reading.confidence

Names are imported when they are first used: `import numeye` costs next to nothing, and never torch.

Nothing is reported to anyone: importing this package switches off the telemetry of ONNX Runtime, in
this process and in those that it starts, unless `ORT_DISABLE_TELEMETRY` is set already.
"""

from __future__ import annotations

import os

# ONNX Runtime reads it when it is imported: it then keeps no device id and opens no connection.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")

# Like `typing.TYPE_CHECKING`. To import `typing` takes longer than all of this module, and Ctrl-C
# may come meanwhile.
TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from numeye.errors import (
        DataError,
        MissingExtra,
        ModelError,
        NumeyeError,
        OutputError,
        PictureError,
        RunError,
        TrainingError,
        UsageError,
    )
    from numeye.evaluation.digits import DigitsResult
    from numeye.evaluation.documents import DocumentsResult
    from numeye.evaluation.evaluate import evaluate
    from numeye.evaluation.false_claims import FalseClaimsResult
    from numeye.evaluation.grids import GridsResult
    from numeye.evaluation.numbers import NumbersResult
    from numeye.evaluation.result import EvaluationResult
    from numeye.explanation.explainer import Explanation, explain
    from numeye.io.datasets import DataSet, open_data
    from numeye.layout.regions import Form, Region, load_form
    from numeye.models.registry import list_models
    from numeye.models.run_folder import Run
    from numeye.reader import Reader, read, read_many
    from numeye.recognition.preprocessing import Framing, frame
    from numeye.recognition.read_options import ReadOptions
    from numeye.results import Box, Character, Digit, Number, Reading, Table, Unreadable
    from numeye.study.compare import compare
    from numeye.training.train import train

    __version__: str

# Where the public names are defined.
_MODULES = {
    "numeye.errors": (
        "DataError",
        "MissingExtra",
        "ModelError",
        "NumeyeError",
        "OutputError",
        "PictureError",
        "RunError",
        "TrainingError",
        "UsageError",
    ),
    "numeye.evaluation.digits": ("DigitsResult",),
    "numeye.evaluation.documents": ("DocumentsResult",),
    "numeye.evaluation.evaluate": ("evaluate",),
    "numeye.evaluation.false_claims": ("FalseClaimsResult",),
    "numeye.evaluation.grids": ("GridsResult",),
    "numeye.evaluation.numbers": ("NumbersResult",),
    "numeye.evaluation.result": ("EvaluationResult",),
    "numeye.explanation.explainer": (
        "Explanation",
        "explain",
    ),
    "numeye.io.datasets": (
        "DataSet",
        "open_data",
    ),
    "numeye.layout.regions": (
        "Form",
        "Region",
        "load_form",
    ),
    "numeye.models.registry": ("list_models",),
    "numeye.models.run_folder": ("Run",),
    "numeye.reader": (
        "Reader",
        "read",
        "read_many",
    ),
    "numeye.recognition.preprocessing": (
        "Framing",
        "frame",
    ),
    "numeye.recognition.read_options": ("ReadOptions",),
    "numeye.results": (
        "Box",
        "Character",
        "Digit",
        "Number",
        "Reading",
        "Table",
        "Unreadable",
    ),
    "numeye.study.compare": ("compare",),
    "numeye.training.train": ("train",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}
_EXTRAS = {"compare": ("the evidence", "evidence"), "train": ("training", "train")}

__all__ = [
    "Box",
    "Character",
    "DataError",
    "DataSet",
    "Digit",
    "DigitsResult",
    "DocumentsResult",
    "EvaluationResult",
    "Explanation",
    "FalseClaimsResult",
    "Form",
    "Framing",
    "GridsResult",
    "MissingExtra",
    "ModelError",
    "Number",
    "NumbersResult",
    "NumeyeError",
    "OutputError",
    "PictureError",
    "ReadOptions",
    "Reader",
    "Reading",
    "Region",
    "Run",
    "RunError",
    "Table",
    "TrainingError",
    "Unreadable",
    "UsageError",
    "__version__",
    "compare",
    "evaluate",
    "explain",
    "frame",
    "list_models",
    "load_form",
    "open_data",
    "read",
    "read_many",
    "train",
]


def __getattr__(name: str) -> Any:
    if name == "__version__":
        from numeye.models.environment import version

        return version()
    if name not in _HOME:
        raise AttributeError(f"module 'numeye' has no attribute {name!r}")
    from importlib import import_module

    if name in _EXTRAS:
        from numeye.extras import require

        require(*_EXTRAS[name])
    value = getattr(import_module(_HOME[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({*globals(), *__all__})
