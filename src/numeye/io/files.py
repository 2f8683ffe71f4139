"""Atomic writes: a file is complete, or not there.

A file is written under a temporary name in its own folder, flushed to the disk and renamed. So a
reader finds the old file or the new one, and never half of one, whenever the writer is killed.
"""

from __future__ import annotations

import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from numeye.errors import OutputError

_UMASK_LOCK = threading.Lock()  # two threads that read the umask at once would leave it at 0
_BINARY = getattr(os, "O_BINARY", 0)  # on Windows


def write_bytes(
    path: Path,
    content: bytes,
    *,
    temporary: Path | None = None,
    before_rename: Callable[[int], object] | None = None,
) -> None:
    """Write a file, completely or not at all; missing folders are made.

    The permissions of an existing file stay as they are.

    Args:
        path: of the file.
        content: all its bytes.
        temporary: the path of the new file before it is renamed, which no other process uses; a
            free name where left out.
        before_rename: is called with the descriptor of the new file before it is renamed.

    Raises:
        OutputError: the folder or the file cannot be written.
    """
    with _raise_output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor, temporary = _new_file(path.parent, temporary)
        try:
            with os.fdopen(descriptor, "wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
                if before_rename is not None:
                    before_rename(file.fileno())
            mode = stat.S_IMODE(path.stat().st_mode) if path.exists() else 0o666 & ~_umask()
            temporary.chmod(mode)
            os.replace(temporary, path)  # noqa: PTH105 - the tests count and kill exactly here
        finally:
            temporary.unlink(missing_ok=True)


def _new_file(folder: Path, path: Path | None) -> tuple[int, Path]:
    """Return the descriptor and the path of a new, empty file."""
    if path is None:
        descriptor, name = tempfile.mkstemp(prefix=".writing-", suffix=".tmp", dir=folder)
        return descriptor, Path(name)
    flags = os.O_RDWR | os.O_CREAT | os.O_TRUNC | _BINARY | getattr(os, "O_NOFOLLOW", 0)
    return os.open(path, flags, 0o600), path


def write_text(path: Path, content: str) -> None:
    r"""Write a file of UTF-8, completely or not at all.

    Bytes of file names that are not UTF-8 are written as `\udcff`.

    Raises:
        OutputError: the folder or the file cannot be written.
    """
    write_bytes(path, content.encode("utf-8", "backslashreplace"))


def append_bytes(descriptor: int, content: bytes) -> None:
    """Add bytes to the end of an open file, all or none of them.

    Args:
        descriptor: a file descriptor, opened with `O_APPEND`.
        content: the bytes to add.

    Raises:
        OSError: they cannot be written, for example on a full disk.
    """
    size_before, remaining = os.fstat(descriptor).st_size, memoryview(content)
    try:
        while remaining:
            remaining = remaining[os.write(descriptor, remaining) :]
    except OSError:
        written = len(content) - len(remaining)
        with suppress(OSError):  # a pipe or a device cannot be cut
            if os.fstat(descriptor).st_size == size_before + written:  # nobody else has added more
                os.ftruncate(descriptor, size_before)
        raise


def append_line(path: Path, line: str) -> None:
    """Add a line to a file, completely or not at all; a missing file or folder is made.

    Raises:
        OutputError: it cannot be written.
    """
    with _raise_output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        flags = os.O_WRONLY | os.O_CREAT | os.O_APPEND | _BINARY
        descriptor = os.open(path, flags, 0o666)
        try:
            append_bytes(descriptor, line.encode("utf-8", "backslashreplace"))
        finally:
            os.close(descriptor)


def check_folder(folder: Path) -> None:
    """Make a folder and check that files can be written in it, before work whose results it gets.

    Raises:
        OutputError: it cannot be made or written in.
    """
    with _raise_output_errors(folder):
        folder.mkdir(parents=True, exist_ok=True)
        tempfile.TemporaryFile(prefix=".writing-", suffix=".tmp", dir=folder).close()


def check_file(path: Path) -> None:
    """Check that a file can be written, before the work whose result it gets.

    An existing file is not changed.

    Raises:
        OutputError: its folder cannot be made or written in, or the path is a folder.
    """
    if path.is_dir():
        raise OutputError(
            f"{path}: cannot be written (Is a directory); expected the name of a file"
        )
    check_folder(path.parent)


@contextmanager
def new_folder(path: Path) -> Iterator[Path]:
    """Provide a temporary folder to fill, which becomes `path` at the end of the block.

    If the block raises, the folder is deleted.

    Raises:
        OutputError: it cannot be written, or `path` exists and is not empty.
    """
    with _raise_output_errors(path):
        path.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=".writing-", suffix=".tmp", dir=path.parent))
    try:
        with _with_final_name(temporary, path):
            yield temporary
        with _raise_output_errors(path):
            temporary.chmod(0o777 & ~_umask())
            os.replace(temporary, path)  # noqa: PTH105 - as in `write_bytes`
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


@contextmanager
def _with_final_name(temporary: Path, path: Path) -> Iterator[None]:
    """Put the final name in the place of the temporary one in error messages."""
    try:
        yield
    except OutputError as error:
        raise OutputError(str(error).replace(str(temporary), str(path))) from error


@contextmanager
def _raise_output_errors(path: Path) -> Iterator[None]:
    """Raise an `OutputError` that names `path` in the place of any `OSError`."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or type(error).__name__
        raise OutputError(f"{path}: cannot be written ({reason}); choose another place") from error


def _umask() -> int:
    """Return the user's umask; the system returns it only when it is set."""
    with _UMASK_LOCK:
        mask = os.umask(0)
        os.umask(mask)
    return mask
