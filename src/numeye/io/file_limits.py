"""Reading of files with a limit on their size: a device or a pipe may have no end.

Everything in this package that reads a file uses these functions. The limits are far above what
people have, and far below what fills the memory of a machine.
"""

from __future__ import annotations

import errno
import io
import os
import stat
import zlib
from pathlib import Path

MAX_FILE_BYTES = 1_000_000_000  # of a picture, a PDF, a network or its weights
MAX_DATA_BYTES = 2_000_000_000  # of a data set, packed and unpacked
MAX_ANSWERS_BYTES = 500_000_000  # of a file of answers that a later run continues
MAX_TABLE_BYTES = 100_000_000  # of a table or a log, which has a line per picture or step
MAX_LIST_BYTES = 1_000_000  # of a file that people write, such as keys
CHUNK_BYTES = 1 << 20


class TooLarge(OSError):
    """A file has more bytes than the limit.

    Args:
        size: its bytes; None where only a part was read.
        limit: the most bytes that are read.
    """

    def __init__(self, size: int | None, limit: int) -> None:
        size_text = f"{size:,}" if size is not None else f"more than {limit:,}"
        message = f"{size_text} bytes, at most {limit:,} are read; make it smaller, or split it"
        super().__init__(errno.EFBIG, message)


class NotAFile(OSError):
    """A path leads to a device or a socket, where a file was expected."""

    def __init__(self) -> None:
        super().__init__(errno.EINVAL, "a device or a socket; expected a file or a pipe")


def read(path: str | Path, limit: int) -> bytes:
    """Return all bytes of a file or a named pipe.

    If nobody writes to the pipe, it waits, until Ctrl-C.

    Args:
        path: of the file.
        limit: the most bytes that it may have.

    Raises:
        TooLarge: it has more bytes. For a plain file, this is found before reading.
        NotAFile: it is a device or a socket.
        OSError: it cannot be read.
        ValueError: no file can have this name.
    """
    # Checked before it is opened, since opening a device can have an effect.
    check_not_device(os.stat(path).st_mode)  # noqa: PTH116 - `path` may be a text
    with Path(path).open("rb", buffering=0) as file:
        return read_stream(file, limit)


def read_stream(stream: io.RawIOBase | io.BufferedIOBase, limit: int) -> bytes:
    """Return all bytes of a stream.

    Args:
        stream: such as standard input.
        limit: the most bytes that it may have.

    Raises:
        TooLarge: it has more bytes.
        OSError: it cannot be read.
    """
    content = io.BytesIO()  # returns its bytes without a copy
    size = _remaining_bytes(stream)
    if size is not None and size > limit:
        raise TooLarge(size, limit)
    while chunk := stream.read(min(CHUNK_BYTES, limit + 1 - content.tell())):
        content.write(chunk)
        if content.tell() > limit:
            raise TooLarge(None, limit)
    return content.getvalue()


def read_text(path: str | Path, limit: int) -> str:
    """Return the text of a UTF-8 file, without a byte order mark.

    Raises:
        OSError: as `read` raises it.
        UnicodeDecodeError: it is not UTF-8.
    """
    return read(path, limit).decode("utf-8-sig")


def unpack_gzip(packed: bytes, limit: int) -> bytes:
    """Return what gzip packed; a few kilobytes can hold many gigabytes.

    Args:
        packed: one or more members.
        limit: the most bytes that may come out.

    Raises:
        TooLarge: more bytes come out.
        EOFError: the end is missing.
        zlib.error: it is damaged, or gzip did not pack it.
    """
    if not packed.startswith(b"\x1f\x8b"):
        raise zlib.error("not packed by gzip")
    content = io.BytesIO()
    while packed:
        member = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16)
        content.write(member.decompress(packed, limit + 1 - content.tell()))
        if content.tell() > limit:
            raise TooLarge(None, limit)
        if not member.eof:
            raise EOFError("the end is missing")
        packed = member.unused_data.lstrip(b"\0")  # tapes and disks pad with zeros
    return content.getvalue()


def check_not_device(mode: int) -> None:
    """Check that a path leads to a file, a pipe or a folder (which cannot be opened anyway).

    Args:
        mode: as `os.stat` returns it.

    Raises:
        NotAFile: it is a device or a socket.
    """
    if not (stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISFIFO(mode)):
        raise NotAFile


def _remaining_bytes(stream: io.RawIOBase | io.BufferedIOBase) -> int | None:
    """Return how many bytes are left in a plain file; None for any other stream."""
    try:
        state = os.fstat(stream.fileno())
        return state.st_size - stream.tell() if stat.S_ISREG(state.st_mode) else None
    except (OSError, ValueError):
        return None
