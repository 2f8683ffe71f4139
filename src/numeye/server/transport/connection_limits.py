"""Limits how many connections there are, and how long each may take for what.

Nobody can hold a connection for nothing: the head of a request, its body, the wait for the next
request and reading an answer each have a time limit. If there are too many connections, the one
that has waited longest is closed.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Protocol, runtime_checkable

from numeye.server.transport.client_address import client_key

SWEEP_INTERVAL_S = 0.5  # between two checks of all connections
YOUNG_REQUEST_S = 1.0  # in which a request may still be on its way: the first one, or the next


@dataclass(frozen=True, kw_only=True)
class ConnectionLimits:
    """Limits of connections.

    Attributes:
        connections: Most connections in all.
        per_address: Most connections of one address, unless it is that of a trusted proxy.
        head_s: Seconds for a request's head, from connecting, or from the first byte of a later
            request.
        idle_s: Seconds between two requests.
        body_s: Seconds for a body. The API itself gives up sooner, with an answer.
        drain_s: Seconds for the rest of a body that was answered before it had arrived.
        response_s: Seconds for reading an answer, and one more for every `response_bytes_per_s` of
            it.
        response_bytes_per_s: The slowest rate at which an answer may be read.
        unread_bytes: Most bytes of answers that are kept for all slow readers together.
    """

    connections: int = 512
    per_address: int = 256
    head_s: float = 10.0
    idle_s: float = 15.0
    body_s: float = 100.0
    drain_s: float = 15.0
    response_s: float = 20.0
    response_bytes_per_s: int = 32_000
    unread_bytes: int = 64_000_000


@runtime_checkable
class Connection(Protocol):
    """A connection; all times are seconds of `time.monotonic`.

    Attributes:
        transport: Its transport in asyncio.
        address: The peer's address.
        opened_at: When it was opened.
        requests_served: Number of requests that were answered.
        head_since: When an incomplete head began, or None.
        body_since: When an incomplete body began, or None.
        answered_at: When the last answer was complete, or None while one is being made.
    """

    transport: asyncio.Transport
    address: str
    opened_at: float
    requests_served: int
    head_since: float | None
    body_since: float | None
    answered_at: float | None

    def reject(self, status: int, detail: str) -> None:
        """Send an error, if nothing else is being answered, and close."""


@dataclass
class _UnreadAnswer:
    since_s: float
    size: int


class Connections:
    """All connections of one server.

    Args:
        limits: Their limits.
        is_trusted: Returns whether an address is that of a trusted proxy, which has no share.
    """

    def __init__(self, limits: ConnectionLimits, is_trusted: Callable[[str], bool]) -> None:
        self.limits, self._is_trusted = limits, is_trusted
        self._keys: dict[Connection, str] = {}  # whose share each uses; the oldest first
        self._by_key: dict[str, dict[Connection, None]] = {}
        self._unread: dict[Connection, _UnreadAnswer] = {}
        self._timer: asyncio.TimerHandle | None = None

    def __len__(self) -> int:
        return len(self._keys)

    def add(self, connection: Connection) -> bool:
        """Add a connection; the one that has waited longest may be closed for it.

        Returns:
            False if all connections are busy: then the new one must be rejected.
        """
        limits = self.limits
        key = "" if self._is_trusted(connection.address) else client_key(connection.address)
        same_key = self._by_key.get(key, {})
        if key and len(same_key) >= limits.per_address and not self._evict(same_key):
            return False
        if len(self._keys) >= limits.connections and not self._evict(self._largest_group()):
            return False
        self._keys[connection] = key
        self._by_key.setdefault(key, {})[connection] = None
        self._schedule_sweep()
        return True

    def remove(self, connection: Connection) -> None:
        """Remove a connection that is closed."""
        self._unread.pop(connection, None)
        key = self._keys.pop(connection, None)
        if key is None:
            return
        same_key = self._by_key[key]
        del same_key[connection]
        if not same_key:
            del self._by_key[key]

    def _largest_group(self) -> dict[Connection, None]:
        """Return the connections of the address that has most of them."""
        return max(self._by_key.values(), key=len)

    def _evict(self, connections: dict[Connection, None]) -> bool:
        """Close the least useful connection, if any waits for its client."""
        now_s = time.monotonic()
        candidates = [
            (rank, since_s, connection)
            for connection in connections
            for rank, since_s in _eviction_ranks(connection, now_s)
        ]
        if not candidates:
            return False
        _, _, evicted = min(candidates, key=lambda candidate: candidate[:2])
        evicted.transport.abort()
        self.remove(evicted)
        return True

    def _schedule_sweep(self) -> None:
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SWEEP_INTERVAL_S, self._sweep)

    def _sweep(self) -> None:
        self._timer = None
        now_s = time.monotonic()
        for connection in list(self._keys):
            self._check(connection, now_s)
        unread_bytes = sum(unread.size for unread in self._unread.values())
        oldest_first = sorted(self._unread.items(), key=lambda item: item[1].since_s)
        for connection, unread in oldest_first:
            if unread_bytes <= self.limits.unread_bytes:
                break
            unread_bytes -= unread.size
            connection.transport.abort()
        if self._keys:
            self._schedule_sweep()

    def _check(self, connection: Connection, now_s: float) -> None:
        """Close a connection that took too long for something."""
        if self._reads_too_slowly(connection, now_s):
            connection.transport.abort()
            return
        if connection.transport.is_closing():
            return
        limits, answered_at = self.limits, connection.answered_at
        if connection.head_since is not None:
            if now_s - connection.head_since > limits.head_s:
                detail = f"the head of the request did not arrive within {limits.head_s:g} s"
                connection.reject(408, detail)
        elif connection.body_since is not None:
            is_answered_long = answered_at and now_s - answered_at > limits.drain_s
            if now_s - connection.body_since > limits.body_s or is_answered_long:
                connection.transport.abort()
        elif (
            answered_at is not None
            and now_s - answered_at > limits.idle_s
            and not connection.transport.get_write_buffer_size()
        ):
            connection.transport.close()

    def _reads_too_slowly(self, connection: Connection, now_s: float) -> bool:
        size = connection.transport.get_write_buffer_size()
        if not size:
            self._unread.pop(connection, None)
            return False
        unread = self._unread.setdefault(connection, _UnreadAnswer(now_s, size))
        unread.size = max(unread.size, size)
        max_s = self.limits.response_s + unread.size / self.limits.response_bytes_per_s
        return now_s - unread.since_s > max_s


def _eviction_ranks(connection: Connection, now_s: float) -> Iterator[tuple[int, float]]:
    """Yield a connection's rank and since when it waits; nothing if its request is complete.

    The lowest rank is closed first: connections that never sent a request (0), then those that
    wait for another request (1) or are sending a body (2), then those that have just begun or
    were just answered, because a request may be on its way (3), and last those whose answer is
    still being sent (4).
    """
    head_since, answered_at = connection.head_since, connection.answered_at
    if answered_at is not None and connection.transport.get_write_buffer_size():
        yield 4, answered_at
    elif head_since is not None:
        is_young = now_s - head_since < YOUNG_REQUEST_S
        yield 3 if is_young else int(connection.requests_served > 0), head_since
    elif answered_at is not None:
        yield 3 if now_s - answered_at < YOUNG_REQUEST_S else 1, answered_at
    elif connection.body_since is not None:
        yield 2, connection.body_since
