"""Everything Numeye raises on purpose.

    NumeyeError
    ├── UsageError       an argument that makes no sense: no such model, recipe or option value
    ├── PictureError     a picture that cannot be read: missing, damaged, too large, not a picture
    ├── DataError        a data set that is missing, damaged or of another kind
    ├── ModelError       weights that are damaged or of another network
    ├── RunError         a run folder that is missing, damaged or of another recipe
    ├── TrainingError    training that cannot go on: a loss that is not finite
    ├── OutputError      a file or folder that cannot be written
    └── MissingExtra     a part of Numeye that is not installed

Every message is one line: what was found, what was expected, what helps.
"""

from __future__ import annotations


class NumeyeError(Exception):
    """The root: catch this to catch all that Numeye raises on purpose."""


class UsageError(NumeyeError):
    """An argument that makes no sense; the command line ends with status 2."""


class PictureError(NumeyeError):
    """A picture that cannot be read."""


class DataError(NumeyeError):
    """A data set that is missing, damaged or of another kind."""


class ModelError(NumeyeError):
    """Weights that are damaged, or of another network than was asked for."""


class RunError(NumeyeError):
    """A run folder that is missing, damaged or of another recipe."""


class TrainingError(NumeyeError):
    """Training that cannot go on."""


class OutputError(NumeyeError):
    """A file or a folder that cannot be written."""


class MissingExtra(NumeyeError):
    """A part that is not installed; the message names the extra that brings it."""

    def __init__(self, what: str, extra: str) -> None:
        self._told = what, extra
        super().__init__(f"{what} needs the extra [{extra}]: pip install 'numeye[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """So that it comes whole from one process to another."""
        return type(self), self._told
