"""Receives request bodies within a common budget, of which each address has a share.

A body that finds no room is not read from its connection, so its sender waits. It keeps its room
until a network has read it, so that bodies that wait to be read count too.
"""

from __future__ import annotations

import asyncio
import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from typing import TypeVar

from fastapi import Request
from starlette.requests import ClientDisconnect

from numeye.server.memory import MemoryTrimmer
from numeye.server.problem_details import Problem
from numeye.server.security.limits import Limits
from numeye.server.transport.budgets import Budget, BudgetExhausted, Reservation
from numeye.server.transport.client_address import client_key

T = TypeVar("T")
# An extension of the ASGI scope: a function that returns whether the client has left.
DISCONNECTED_EXTENSION = "numeye.is_disconnected"
TIMEOUT_HINT = "Send the body faster, or send less."


@dataclass(frozen=True)
class SlowBodyPolicy:
    """When a slow body is dropped in favour of others that wait.

    Attributes:
        check_interval_s: Seconds between two checks while others wait.
        grace_s: Seconds in which no body is slow.
        grace_bytes: Bytes that the connection may hold back and that do not count as missing.
        min_bytes_per_s: The slowest rate; more if the body would otherwise not arrive in time.
    """

    check_interval_s: float = 0.5
    grace_s: float = 2.0
    grace_bytes: int = 65_536
    min_bytes_per_s: int = 8_000


SLOW_BODIES = SlowBodyPolicy()


@dataclass(eq=False)
class ReceivedBody:
    """A complete body.

    Attributes:
        content: Its bytes; there is no other copy.
        close: Gives its room back.
    """

    content: bytes
    close: Callable[[], None]


@dataclass(eq=False)
class _IncomingBody:
    reservation: Reservation
    timeout: asyncio.Timeout
    started_at_s: float = field(default_factory=time.monotonic)
    received_bytes: int = 0
    is_dropped: bool = False

    def is_slow(self, timeout_s: float) -> bool:
        """Return whether it arrives so slowly that it may be dropped for others."""
        age_s = time.monotonic() - self.started_at_s
        required_rate = max(SLOW_BODIES.min_bytes_per_s, self.reservation.amount / timeout_s)
        received_bytes = self.received_bytes + SLOW_BODIES.grace_bytes
        return age_s > SLOW_BODIES.grace_s and received_bytes < age_s * required_rate


class BodyReceiver:
    """Receives bodies.

    Args:
        limits: How many bytes there may be.
        trimmer: Returns memory to the system after bodies were parsed.
    """

    def __init__(self, limits: Limits, trimmer: MemoryTrimmer) -> None:
        self._limits, self._trimmer = limits, trimmer
        self._budget = Budget(limits.bodies_bytes, limits.bodies_bytes // 2)
        self._incoming: set[_IncomingBody] = set()
        self._executor = ThreadPoolExecutor(1, thread_name_prefix="parses")

    async def receive(self, request: Request, max_bytes: int) -> ReceivedBody:
        """Receive a body.

        Raises:
            Problem: It has more than `max_bytes` bytes (413), arrives too slowly (408), or there
                is no room for it (503).
        """
        size = _announced_bytes(request, max_bytes)
        if size > max_bytes:
            raise body_too_large(f"{size:,}", max_bytes)
        reservation = await self._reserve(size or 1, request)
        try:
            content = await self._receive(request, max_bytes, reservation)
        except BaseException:
            self._budget.release(reservation)
            raise
        self._budget.shrink(reservation, len(content))
        return ReceivedBody(content, partial(self._close, reservation))

    def _close(self, reservation: Reservation) -> None:
        if reservation.amount > SLOW_BODIES.grace_bytes:
            self._trimmer.schedule()
        self._budget.release(reservation)

    async def run_on_thread(self, work: Callable[[], T]) -> T:
        """Parse a body on a thread; one body at a time, so that the event loop gets its turn."""
        try:
            return await asyncio.get_running_loop().run_in_executor(self._executor, work)
        finally:
            self._trimmer.schedule()

    def close(self) -> None:
        """End the thread."""
        self._executor.shutdown(cancel_futures=True)

    async def _reserve(self, size: int, request: Request) -> Reservation:
        key = client_key(request.client.host if request.client else "")
        reserving = asyncio.ensure_future(self._budget.reserve(size, self._limits.body_wait_s, key))
        try:
            interval_s = SLOW_BODIES.check_interval_s
            while not (await asyncio.wait({reserving}, timeout=interval_s))[0]:
                if is_disconnected(request):
                    raise ClientDisconnect
                self._drop_slow()
            return reserving.result()
        except BudgetExhausted as error:
            raise Problem(
                503,
                "the server is receiving as many bytes as it has room for",
                "Try again in a moment.",
                retry_after=2,
            ) from error
        except BaseException:
            is_granted = (
                not reserving.cancel()
                and not reserving.cancelled()
                and reserving.exception() is None
            )
            if is_granted:  # just when the request was cancelled
                self._budget.release(reserving.result())
            raise

    def _drop_slow(self) -> None:
        for body in list(self._incoming):
            if (
                not body.is_dropped
                and body.is_slow(self._limits.request_s)
                and self._budget.is_contended(body.reservation.key)
            ):
                body.is_dropped = True
                body.timeout.reschedule(asyncio.get_running_loop().time())

    async def _receive(self, request: Request, max_bytes: int, reservation: Reservation) -> bytes:
        incoming = None
        try:
            async with asyncio.timeout(self._limits.request_s) as timeout:
                incoming = _IncomingBody(reservation, timeout)
                self._incoming.add(incoming)
                return await _read_stream(request, max_bytes, incoming)
        except TimeoutError as error:
            if incoming is not None and incoming.is_dropped:
                detail = "the body arrived too slowly while other requests waited"
                raise Problem(408, detail, TIMEOUT_HINT) from error
            raise _timed_out(self._limits.request_s) from error
        finally:
            if incoming is not None:
                self._incoming.discard(incoming)


def _announced_bytes(request: Request, max_bytes: int) -> int:
    """Return the body's size as its headers announce it; the most if it comes in chunks."""
    content_length = request.headers.get("content-length", "")
    if content_length.isdigit():
        return int(content_length)
    return max_bytes if "transfer-encoding" in request.headers else 0


def is_disconnected(request: Request) -> bool:
    """Return whether the client has left; False if that is not known."""
    extensions = request.scope.get("extensions", {})
    check: Callable[[], bool] | None = extensions.get(DISCONNECTED_EXTENSION)
    return check is not None and check()


async def receive_small(request: Request, max_bytes: int, timeout_s: float) -> bytes:
    """Receive a small body, which needs no room in a budget.

    Raises:
        Problem: It has more than `max_bytes` bytes (413) or takes longer than `timeout_s` (408).
    """
    try:
        async with asyncio.timeout(timeout_s):
            return await _read_stream(request, max_bytes)
    except TimeoutError as error:
        raise _timed_out(timeout_s) from error


async def _read_stream(
    request: Request, max_bytes: int, incoming: _IncomingBody | None = None
) -> bytes:
    # Grows with what arrives, whatever was announced; its content is returned without a copy.
    stream = io.BytesIO()
    async for chunk in request.stream():
        if stream.tell() + len(chunk) > max_bytes:
            raise body_too_large(f"more than {max_bytes:,}", max_bytes)
        stream.write(chunk)
        if incoming is not None:
            incoming.received_bytes = stream.tell()
    return stream.getvalue()


def body_too_large(size: str, max_bytes: int) -> Problem:
    """Return the problem of a body with too many bytes."""
    return Problem(
        413,
        f"the body has {size} bytes; expected at most {max_bytes:,}",
        "Send a smaller picture, or fewer pictures at once.",
    )


def _timed_out(timeout_s: float) -> Problem:
    return Problem(408, f"the body did not arrive within {timeout_s:g} s", TIMEOUT_HINT)
