"""Connections: which one is closed for another, and errors in the protocol."""

from __future__ import annotations

import asyncio
from functools import partial

import pytest
import uvicorn
from uvicorn.server import ServerState

from numeye.server.app import create_app
from numeye.server.security.limits import Limits
from numeye.server.transport.connection_limits import ConnectionLimits, Connections
from numeye.server.transport.http_protocol import LimitedHttpProtocol


class SilentConnection(asyncio.Transport):
    """A connection on which nothing happens; its last answer may still be being sent."""

    def __init__(self, answered_at: float, unread_bytes: int) -> None:
        super().__init__()
        self.transport, self.address = self, "192.0.2.1"
        self.opened_at, self.requests_served = 0.0, 1
        self.head_since, self.body_since, self.answered_at = None, None, answered_at
        self.unread_bytes, self.aborted = unread_bytes, False

    def get_write_buffer_size(self) -> int:
        return self.unread_bytes

    def is_closing(self) -> bool:
        return self.aborted

    def abort(self) -> None:
        self.aborted = True

    def reject(self, status: int, detail: str) -> None:
        raise AssertionError


def test_a_connection_that_reads_an_answer_is_closed_last() -> None:
    async def fill_connections() -> list[bool]:
        connections = Connections(ConnectionLimits(connections=2), lambda _address: False)
        times_and_bytes = [(1.0, 5), (2.0, 0), (3.0, 0)]
        all_connections = [SilentConnection(*values) for values in times_and_bytes]
        assert all(map(connections.add, all_connections))
        for connection in all_connections:
            connections.remove(connection)
        return [connection.aborted for connection in all_connections]

    assert asyncio.run(fill_connections()) == [False, True, False]


def test_an_error_of_the_protocol_is_500_and_is_logged(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class Broken(LimitedHttpProtocol):
        def on_url(self, url: bytes) -> None:
            raise RuntimeError("an error of the server")

    async def send() -> bytes:
        config = uvicorn.Config(create_app(Limits()), log_config=None, ws="none")
        connections = Connections(ConnectionLimits(), lambda _address: False)
        make_protocol = partial(Broken, config, ServerState(), {}, connections=connections)
        server = await asyncio.get_running_loop().create_server(make_protocol, "127.0.0.1", 0)
        reader, writer = await asyncio.open_connection(*server.sockets[0].getsockname())
        writer.write(b"GET / HTTP/1.1\r\nHost: a\r\n\r\n")
        response = await reader.read()
        writer.close()
        server.close()
        return response

    assert asyncio.run(send()).startswith(b"HTTP/1.1 500 ")
    assert "an error of the server" in caplog.text
