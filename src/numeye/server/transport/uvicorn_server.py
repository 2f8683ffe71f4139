"""The server process: uvicorn with `LimitedHttpProtocol` and as many connections as files allow."""

from __future__ import annotations

import os
import socket
from contextlib import suppress
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

import uvicorn

from numeye.server.transport import client_address
from numeye.server.transport.connection_limits import ConnectionLimits, Connections
from numeye.server.transport.http_protocol import LimitedHttpProtocol

if TYPE_CHECKING:
    from fastapi import FastAPI

SHUTDOWN_S = 30  # for finishing accepted requests when the server ends
BACKLOG = 1_024  # connections that the system keeps until they are accepted
MAX_ACCEPT = 16  # connections that are accepted before the requests on them are read
MIN_CONNECTIONS = 8  # however few file descriptors there are
RESERVED_DESCRIPTORS = 256  # for files, pipes of processes and connections that are closing
EVENT_LOOP_DESCRIPTORS = 8  # which the event loop will open


class Server(uvicorn.Server):
    """uvicorn's server with a long backlog, of which it accepts few connections at a time."""

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, and make the backlog longer than the number of connections accepted at once."""
        await super().startup(sockets)
        for listener in sockets or []:
            listener.listen(BACKLOG)


def make_server(app: FastAPI, limits: ConnectionLimits | None = None) -> Server:
    """Return a server for an application.

    Args:
        app: The application.
        limits: Limits of connections; fewer are allowed if there are too few file descriptors.
    """
    limits = limits or ConnectionLimits()
    max_connections, max_accept = fit_descriptors(limits.connections)
    limits = replace(limits, connections=max_connections)
    proxies = client_address.trusted_proxies()
    connections = Connections(limits, client_address.make_trust_check(proxies))
    protocol: Any = partial(LimitedHttpProtocol, connections=connections)
    config = uvicorn.Config(
        app,
        loop="asyncio",
        http=protocol,
        ws="none",
        log_config=None,
        log_level="warning",
        access_log=False,
        server_header=False,
        proxy_headers=bool(proxies),
        forwarded_allow_ips=proxies,
        backlog=max_accept,
        timeout_keep_alive=int(limits.idle_s),
        timeout_graceful_shutdown=SHUTDOWN_S,
    )
    return Server(config)


def fit_descriptors(connections: int) -> tuple[int, int]:
    """Raise the limit of open files for a number of connections, as far as the system allows.

    Returns:
        How many connections are possible, and how many may be accepted at once. Beyond the limit
        of open files, asyncio accepts no connection for a second.
    """
    try:
        import resource
    except ModuleNotFoundError:  # Windows has no such limit
        return connections, MAX_ACCEPT
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed, unlimited = connections + RESERVED_DESCRIPTORS, resource.RLIM_INFINITY
    if soft != unlimited and soft < needed:
        new_soft = needed if hard == unlimited else min(needed, hard)
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (new_soft, hard))
        soft = resource.getrlimit(resource.RLIMIT_NOFILE)[0]
    if soft == unlimited or soft >= needed:
        return connections, MAX_ACCEPT
    free = soft - _count_open_files()
    available = free - min(RESERVED_DESCRIPTORS, free // 2)
    max_connections = max(MIN_CONNECTIONS, min(connections, available))
    return max_connections, max(1, min(MAX_ACCEPT, max_connections // 8))


def _count_open_files() -> int:
    """Return how many files are open, and those that the event loop will open."""
    try:
        return len(os.listdir("/proc/self/fd")) + EVENT_LOOP_DESCRIPTORS  # noqa: PTH208 - fast
    except OSError:
        return 4 * EVENT_LOOP_DESCRIPTORS
