"""The exceptions that Numeye raises on purpose.

    NumeyeError
    ├── UsageError       wrong argument: no such model, recipe or value of an option
    ├── PictureError     a picture cannot be read: missing, damaged, too large, not a picture
    ├── DataError        a data set is missing, damaged or of another kind
    ├── ModelError       weights are damaged or belong to another network
    ├── RunError         a run folder is missing, damaged or of another recipe
    ├── TrainingError    training cannot continue: the loss is not finite
    ├── OutputError      a file or folder cannot be written
    └── MissingExtra     a part of Numeye is not installed

Every message is one line: what is wrong, what was expected, what to do.
"""

from __future__ import annotations

from numeye.printable import printable

# How ONNX Runtime and OpenCV report it, and (the last one) Python itself within C code.
_OUT_OF_MEMORY_PHRASES = (
    "bad_alloc",
    "bad allocation",
    "allocate memory",
    "Insufficient memory",
    "error return without exception set",
)


def first_line(error: BaseException) -> str:
    """Return the first line of an error's message; the name of its class if it has none."""
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def is_out_of_memory(error: BaseException) -> bool:
    """Return whether an error of Python or of a library means that memory is exhausted."""
    is_reported = any(phrase in str(error) for phrase in _OUT_OF_MEMORY_PHRASES)
    return isinstance(error, MemoryError) or is_reported


class NumeyeError(Exception):
    """The base class: catch it to catch everything that Numeye raises on purpose.

    Args:
        message: one line. Control characters in it, which names of files can hold, are escaped.
    """

    def __init__(self, message: str = "") -> None:
        super().__init__(printable(message))


class UsageError(NumeyeError):
    """A wrong argument; the command line then exits with status 2."""


class PictureError(NumeyeError):
    """A picture cannot be read."""


class DataError(NumeyeError):
    """A data set is missing, damaged or of another kind."""


class ModelError(NumeyeError):
    """Weights are damaged, or belong to another network than the expected one."""


class RunError(NumeyeError):
    """A run folder is missing, damaged or of another recipe."""


class TrainingError(NumeyeError):
    """Training cannot continue."""


class OutputError(NumeyeError):
    """A file or a folder cannot be written."""


class MissingExtra(NumeyeError):
    """A part is not installed; the message names the extra to install.

    Args:
        feature: what needs the extra, such as "training".
        extra: its name, such as "train".
    """

    def __init__(self, feature: str, extra: str) -> None:
        self._arguments = feature, extra
        super().__init__(f"{feature} needs the extra [{extra}]: pip install 'numeye[{extra}]'")

    def __reduce__(self) -> tuple[type[MissingExtra], tuple[str, str]]:
        """Return how to make it again, so that it can be sent to another process."""
        return type(self), self._arguments
