"""A lock on a folder: one training, export or study at a time."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from numeye.errors import RunError
from numeye.models.run_folder import LOCK

TIMEOUT_S = 0.2  # `Run.is_training` holds the lock for a moment


@contextmanager
def lock_folder(folder: Path, activity: str, option: str = "--run") -> Iterator[None]:
    """Lock a folder inside the block, so that no other process works in it.

    Args:
        folder: to lock; it is created if it does not exist.
        activity: what locks it, for the message.
        option: the option that names another folder, for the message.

    Raises:
        RunError: another process holds the lock.
    """
    folder.mkdir(parents=True, exist_ok=True)
    lock = FileLock(folder / LOCK, timeout=TIMEOUT_S)
    try:
        lock.acquire()
    except Timeout as error:
        raise RunError(
            f"{folder}: in use, another {activity} works in it; wait until it ends, or choose"
            f" another folder with {option}"
        ) from error
    try:
        yield
    finally:
        lock.release()
