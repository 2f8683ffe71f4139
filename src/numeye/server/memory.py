"""Returns free memory to the system, which the C library would otherwise keep."""

from __future__ import annotations

import asyncio
import ctypes
import logging
import sys
import weakref
from collections.abc import Callable, Iterable
from functools import lru_cache
from typing import Protocol, runtime_checkable

from numeye.errors import first_line

LOG = logging.getLogger(__name__)
TRIM_DELAY_S = 1.0  # after a large picture; what else is freed meanwhile is returned with it


@runtime_checkable
class Releasable(Protocol):
    """An object that keeps memory between two pictures."""

    def release(self) -> None:
        """Release the memory."""


_reported: weakref.WeakSet[Releasable] = weakref.WeakSet()  # whose failure was logged


def release_all(holders: Iterable[Releasable]) -> None:
    """Let each object release its memory. A failure is logged once and does not affect others."""
    for holder in holders:
        try:
            holder.release()
        except Exception as error:  # noqa: BLE001 - whatever fails, the others go on
            if holder not in _reported:
                _reported.add(holder)
                LOG.warning("a network could not release its memory: %s", first_line(error))


class MemoryTrimmer:
    """Returns free memory to the system some time after a large picture was read.

    Attributes:
        callbacks: Called on a thread before the C library returns free memory.
    """

    def __init__(self) -> None:
        self.callbacks: list[Callable[[], None]] = []
        self._timer: asyncio.TimerHandle | None = None
        self._task: asyncio.Task[None] | None = None

    def schedule(self) -> None:
        """Trim in a moment; must be called in the event loop."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(TRIM_DELAY_S, self._start)

    def close(self) -> None:
        """Cancel what is scheduled."""
        if self._timer is not None:
            self._timer.cancel()

    def _start(self) -> None:
        self._timer = None
        self._task = asyncio.ensure_future(asyncio.to_thread(self.trim))

    def trim(self) -> None:
        """Return free memory now; takes some milliseconds."""
        for callback in self.callbacks:
            try:
                callback()
            except Exception:  # the memory is kept, and the server goes on
                LOG.exception("memory could not be released")
        malloc_trim = _find_malloc_trim()
        if malloc_trim is not None:
            malloc_trim(0)


@lru_cache(maxsize=1)
def _find_malloc_trim() -> Callable[[int], int] | None:
    """Return `malloc_trim` of glibc; None with another C library."""
    if not sys.platform.startswith("linux"):
        return None
    try:
        malloc_trim: Callable[[int], int] = ctypes.CDLL(None).malloc_trim
    except (OSError, AttributeError):
        return None
    return malloc_trim
