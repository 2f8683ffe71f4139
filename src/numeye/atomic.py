"""Files that are whole or not there.

A file is written under a temporary name in its own folder, flushed to the disk and renamed: whoever reads
it, at whatever moment the writer was killed, finds the old one or the new one and never half of either.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from numeye.errors import OutputError

_ASKING = threading.Lock()  # two threads that ask for the umask at once would leave it at 0


def write_bytes(path: Path, content: bytes) -> None:
    """Put `content` at `path`, whole or not at all; folders on the way are made. Who may read it stays as it was.

    Raises:
        OutputError: the folder or the file cannot be written.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(prefix=".writing-", suffix=".tmp", dir=path.parent)
        temporary = Path(name)
        try:
            with os.fdopen(handle, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            temporary.chmod(stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask())
            os.replace(temporary, path)  # noqa: PTH105 - the tests count and kill exactly here
        finally:
            temporary.unlink(missing_ok=True)


def write_text(path: Path, content: str) -> None:
    """Put `content` at `path` as UTF-8, whole or not at all."""
    write_bytes(path, content.encode("utf-8"))


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """A temporary folder to fill, which becomes `path` when the block ends well and vanishes otherwise.

    Raises:
        OutputError: it cannot be written, or `path` is there already with something in it.
    """
    with _explained(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", suffix=".tmp", dir=path.parent))
    try:
        yield temporary
        with _explained(path):
            temporary.chmod(0o777 & ~_umask())
            os.replace(temporary, path)  # noqa: PTH105
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _explained(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{path}: cannot be written ({reason}); choose another place") from error


def _umask() -> int:
    """What the user's umask is; the system tells only while it is being set."""
    with _ASKING:
        mask = os.umask(0)
        os.umask(mask)
    return mask
