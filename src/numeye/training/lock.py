"""One training, or one study, at a time in a folder."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from numeye.errors import RunError
from numeye.runs import LOCK


@contextmanager
def alone(folder: Path, what: str) -> Iterator[None]:
    """Hold a folder, so that no other process works in it meanwhile.

    Args:
        folder: that is worked in.
        what: another of which may be at work.

    Raises:
        RunError: one is.
    """
    lock = FileLock(folder / LOCK, timeout=0.2)  # `Run.is_at_work` holds it for a moment
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"{folder}: another {what} is at work in it; wait for it, or choose another folder with --run"
        ) from error
    try:
        yield
    finally:
        lock.release()
