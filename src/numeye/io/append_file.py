"""A file to which one process at a time adds.

The lock ends with the process, so a killed process leaves nothing to clean up.

Where the system has `flock`, the file itself is locked. New content for the whole file is written
to a new file, which is locked before it gets the name. A process that has opened the old file
meanwhile notices that, and opens the new one. Windows cannot rename over an open file; there,
`NAME.lock` beside the file is the lock, and the system deletes it when the process ends.
"""

from __future__ import annotations

import hashlib
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from numeye.errors import OutputError
from numeye.io import file_limits, files

if sys.platform != "win32":
    import fcntl

MAX_LOCK_TRIES = 100  # to lock a file that others replace repeatedly


class AppendFile:
    """A file that is open and locked, to add to its end.

    `close`, or the end of the process, closes it.

    Args:
        path: of the file; a missing file is made. Links are followed.

    Attributes:
        path: of the file itself, without links.

    Raises:
        OutputError: it cannot be opened or locked, or another process is adding to it.
    """

    def __init__(self, path: Path) -> None:
        self._given_path = path
        with self._raise_output_errors():
            self.path = path.resolve()
            self._is_new = not self.path.exists()
            self._windows_lock = self._lock_beside()
            self._descriptor = self._open()
        # A hash, since the name of the file may have the greatest length already.
        name = hashlib.sha256(os.fsencode(self.path.name)).hexdigest()[:16]
        self._temporary = self.path.with_name(f".writing-{name}.tmp")
        with suppress(OSError):  # left by a process that was killed
            self._temporary.unlink()

    @property
    def is_empty(self) -> bool:
        """Whether it is empty; a device or a pipe always is."""
        return os.fstat(self._descriptor).st_size == 0

    def read(self) -> bytes:
        """Return all its bytes; none of a device or a pipe.

        Raises:
            OutputError: it cannot be read, or has more than `file_limits.MAX_ANSWERS_BYTES`.
        """
        with self._raise_output_errors():
            if not stat.S_ISREG(os.fstat(self._descriptor).st_mode):
                return b""
            with open(os.dup(self._descriptor), "rb") as file:  # noqa: PTH123 - a descriptor
                file.seek(0)
                return file_limits.read_stream(file, file_limits.MAX_ANSWERS_BYTES)

    def append(self, content: bytes) -> None:
        """Add bytes to its end, all or none.

        Raises:
            OutputError: it cannot be written, or another program has replaced or removed it.
        """
        with self._raise_output_errors():
            self._check_in_place()
            files.append_bytes(self._descriptor, content)

    def replace(self, content: bytes) -> None:
        """Replace all its content, completely or not at all, and keep the lock.

        Raises:
            OutputError: it cannot be written.
        """
        with self._raise_output_errors():
            self._check_in_place()
        if sys.platform == "win32":
            os.close(self._descriptor)
            try:
                files.write_bytes(self.path, content, temporary=self._temporary)
            finally:
                self._descriptor = self._open()
            return
        new_descriptors: list[int] = []

        def lock(descriptor: int) -> None:
            new_descriptors.append(os.dup(descriptor))
            fcntl.flock(new_descriptors[0], fcntl.LOCK_EX | fcntl.LOCK_NB)
            fcntl.fcntl(new_descriptors[0], fcntl.F_SETFL, os.O_APPEND)

        try:
            files.write_bytes(self.path, content, temporary=self._temporary, before_rename=lock)
        except BaseException:
            for descriptor in new_descriptors:
                os.close(descriptor)
            raise
        os.close(self._descriptor)
        self._descriptor = new_descriptors[0]

    def close(self) -> None:
        """Close and unlock it; delete a file that was made here and is still empty."""
        if self._is_new and self.is_empty and self._is_in_place():
            with suppress(OSError):
                self.path.unlink()
        os.close(self._descriptor)
        if self._windows_lock is not None:
            os.close(self._windows_lock)

    def _open(self) -> int:
        """Return a descriptor of the file, which is locked where the system has `flock`."""
        flags = os.O_RDWR | os.O_CREAT | os.O_APPEND | getattr(os, "O_BINARY", 0)
        for _ in range(MAX_LOCK_TRIES):
            descriptor = os.open(self.path, flags, 0o666)
            try:
                if sys.platform != "win32":
                    fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_same_file(descriptor):
                    return descriptor
            except BlockingIOError as error:
                os.close(descriptor)
                raise self._in_use_error() from error
            except BaseException:
                os.close(descriptor)
                raise
            os.close(descriptor)
        raise self._in_use_error()

    def _lock_beside(self) -> int | None:
        """Make the lock beside the file on Windows; return its descriptor."""
        if sys.platform == "win32":
            flags = os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_TEMPORARY | os.O_NOINHERIT
            try:
                return os.open(f"{self.path}.lock", flags)
            except (FileExistsError, PermissionError) as error:
                raise self._in_use_error() from error
        return None

    def _in_use_error(self) -> OutputError:
        return OutputError(
            f"{self._given_path}: another process is adding answers to it; wait until it has ended,"
            " or choose another file with --append"
        )

    def _check_in_place(self) -> None:
        if not self._is_in_place():
            raise OutputError(
                f"{self._given_path}: another program has replaced or removed it meanwhile; no more"
                " answers were added; run the same command again"
            )

    def _is_in_place(self) -> bool:
        return self._is_same_file(self._descriptor)

    def _is_same_file(self, descriptor: int) -> bool:
        """Return whether the path still leads to an open file."""
        try:
            return os.path.samestat(os.fstat(descriptor), self.path.stat())
        except FileNotFoundError:
            return False

    @contextmanager
    def _raise_output_errors(self) -> Iterator[None]:
        """Raise an `OutputError` in the place of an error of the system."""
        try:
            yield
        except (OSError, RuntimeError) as error:  # RuntimeError: a circle of links
            reason = getattr(error, "strerror", None) or error
            raise OutputError(
                f"{self._given_path}: cannot be written ({reason}); choose another file"
            ) from error
