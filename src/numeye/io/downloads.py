"""Downloads of one file, with a limit on its size."""

from __future__ import annotations

import http.client
import urllib.request
import zlib
from collections.abc import Callable

from numeye.io import file_limits

TIMEOUT_S = 5.0  # to connect, and between two parts of a download
CHUNK_BYTES = 1 << 18

# What a download raises, and unpacking what it sends.
FAILURES = (OSError, http.client.HTTPException, EOFError, zlib.error, ValueError)


def download(
    url: str,
    limit: int,
    *,
    timeout_s: float = TIMEOUT_S,
    progress: Callable[[int, int | None], object] = lambda *_: None,
) -> bytes:
    """Return the bytes behind an address.

    Args:
        url: address that is a constant of this package, or that the user named.
        limit: the most bytes that may come.
        timeout_s: to connect, and between two parts.
        progress: called for each part that arrives, with the bytes so far and, where it is known,
            the number of all bytes.

    Raises:
        TooLarge: more bytes come.
        OSError, HTTPException, ValueError: the address or the connection fails.
    """
    with urllib.request.urlopen(url, timeout=timeout_s) as response:  # noqa: S310
        total = response.headers.get("Content-Length")
        content = bytearray()
        while chunk := response.read(CHUNK_BYTES):
            content += chunk
            if len(content) > limit:
                raise file_limits.TooLarge(None, limit)
            progress(len(content), int(total) if total else None)
    return bytes(content)


def reason(error: BaseException) -> str:
    """Return why a download failed, without the name of the exception."""
    return str(getattr(error, "reason", None) or error)
