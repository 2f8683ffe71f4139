"""HTTP/1.1 on a connection: uvicorn's protocol with limits and stricter checks."""

from __future__ import annotations

import asyncio
import http
import json
import socket
import time
from dataclasses import dataclass
from typing import Any

import httptools
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from numeye.server.transport.body_receiver import DISCONNECTED_EXTENSION
from numeye.server.transport.connection_limits import Connections
from numeye.server.transport.upgrades import make_parser_after_head

CHUNKED = b"chunked"
MAX_SHOWN_URL_BYTES, MAX_REASON_CHARACTERS = 80, 200  # of messages


@dataclass(frozen=True)
class HttpLimits:
    """Limits of a request.

    Attributes:
        read_bytes: Most bytes that are read at a time, so that other connections get their turn.
        head_bytes: Most bytes of the first line and the headers.
        url_bytes: Most bytes of the address.
        headers: Most headers.
        trailers: Most headers after a body in chunks.
        pipelined: Most requests that may be sent before the first is answered.
        free_chunks: Chunks that may be of any size.
        mean_chunk_bytes: The least mean size of chunks if there are more.
        framing_ratio: Most bytes of a body in chunks, as a multiple of its content.
        free_framing_bytes: Bytes that it may have in addition.
    """

    read_bytes: int = 65_536
    head_bytes: int = 32_768
    url_bytes: int = 8_192
    headers: int = 100
    trailers: int = 8
    pipelined: int = 8
    free_chunks: int = 1_000
    mean_chunk_bytes: int = 64
    framing_ratio: int = 2
    free_framing_bytes: int = 200_000


LIMITS = HttpLimits()


TCP_CLOSE_WAIT = 8  # the state of a connection whose other side is closed (RFC 9293, 3.3.2)


class RequestRejected(Exception):
    """A request is rejected with a status and a message."""

    def __init__(self, status: int, detail: str) -> None:
        super().__init__(detail)
        self.status = status


class LimitedHttpProtocol(HttpToolsProtocol):
    """One connection; see `connection_limits.Connection` for its public attributes.

    Args:
        config: Of uvicorn, as are `server_state` and `app_state`.
        server_state: See above.
        app_state: See above.
        connections: All connections of this server.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
        *,
        connections: Connections,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._open_connections = connections
        self.address, self.requests_served = "", 0
        self.opened_at = time.monotonic()
        self.head_since: float | None = self.opened_at
        self.body_since: float | None = None
        self.answered_at: float | None = self.opened_at
        self._head_bytes = self._received_bytes = self._header_count = 0
        self._chunk_count = self._chunk_bytes = 0
        self._has_received = False  # a client that sent nothing gets no answer
        self._is_chunked = self._is_rejected = False
        self._body_header = b""  # the header that announces a body after a head with Upgrade

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Accept a connection, or reject it if all others are busy.

        One whose client has left while it waited to be accepted is closed at once.
        """
        super().connection_made(transport)
        if _has_left(transport):
            transport.abort()
            return
        self.address = self.client[0] if self.client else ""
        if hasattr(transport, "max_size"):
            transport.max_size = LIMITS.read_bytes  # asyncio's default is 256 KiB
        if not self._open_connections.add(self):
            self._has_received = True
            self.reject(503, "all connections are in use; try again in a moment")

    def connection_lost(self, exc: Exception | None) -> None:
        """Forget the connection."""
        self._open_connections.remove(self)
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Parse data; if it is not a request, answer once and close."""
        if self.transport.is_closing() or self._is_rejected:
            return
        self._unset_keepalive_if_required()
        self._has_received = True
        try:
            self._parse(data)
        except httptools.HttpParserError as error:
            self._answer_parser_error(error)
        else:
            self._check_received(len(data))

    def _parse(self, data: bytes) -> None:
        while True:
            try:
                self.parser.feed_data(data)
            except httptools.HttpParserUpgrade as upgrade:
                data = data[upgrade.args[0] :]
                self.parser = make_parser_after_head(self, self._body_header)
            else:
                return

    def _answer_parser_error(self, error: httptools.HttpParserError) -> None:
        cause = error.__context__  # an exception from a method of this class
        if isinstance(cause, RequestRejected):
            self.reject(cause.status, str(cause))
        elif cause is None or isinstance(cause, httptools.HttpParserError):
            detail = f"the request is not HTTP/1.1 ({cause or error})"
            self.reject(400, detail[:MAX_REASON_CHARACTERS])
        else:
            self.logger.error("a request could not be parsed", exc_info=cause)
            self.reject(500, "the server failed; its log says why")

    def _check_received(self, size: int) -> None:
        """Reject one long header or chunk: the parser reports it only when it is complete."""
        self._received_bytes += size
        if self.head_since is not None:
            if self._received_bytes > LIMITS.head_bytes + LIMITS.read_bytes:
                self.reject(431, f"the head has more than {LIMITS.head_bytes:,} bytes")
        elif self.body_since is not None and self._is_chunked:
            content_bytes = LIMITS.framing_ratio * self._chunk_bytes
            if self._received_bytes > LIMITS.free_framing_bytes + content_bytes:
                self.reject(400, "the chunks have more bytes around their content than content")

    def reject(self, status: int, detail: str) -> None:
        """Send an error after the answers that are being made, and close."""
        if self.transport.is_closing() or self._is_rejected:
            return
        self._is_rejected = True
        cycle = self.cycle
        if cycle is None or cycle.response_complete:
            self._send_problem(status, detail)
        elif self.body_since is None:  # it came after complete requests, which are answered first
            self.flow.pause_reading()
            cycle.keep_alive = False
        elif cycle.response_started or self.pipeline:
            self.transport.abort()
        else:
            cycle.disconnected = True  # so that the application does not answer
            cycle.message_event.set()
            self._send_problem(status, detail)

    def _send_problem(self, status: int, detail: str) -> None:
        if self._has_received:
            self.transport.write(_render_problem(status, detail))
        self.transport.close()

    def on_message_begin(self) -> None:
        """Begin a request."""
        super().on_message_begin()
        if self.head_since is None:
            self.head_since = time.monotonic()
        self._head_bytes = self._received_bytes = self._header_count = 0
        self._chunk_count = self._chunk_bytes = 0
        self._is_chunked = False

    def on_url(self, url: bytes) -> None:
        """Add a part of the address."""
        super().on_url(url)
        if len(self.url) > LIMITS.url_bytes:
            raise RequestRejected(414, f"the address has more than {LIMITS.url_bytes:,} bytes")

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header; trailers after a body are counted and dropped."""
        self._header_count += 1
        if self.head_since is None:
            if self._header_count > LIMITS.trailers:
                raise RequestRejected(431, f"more than {LIMITS.trailers} headers after the body")
            return
        self._head_bytes += len(name) + len(value)
        if self._header_count > LIMITS.headers or self._head_bytes > LIMITS.head_bytes:
            raise RequestRejected(
                431, f"more than {LIMITS.headers} headers or {LIMITS.head_bytes:,} bytes of them"
            )
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """Start the application if the head is one of HTTP/1.1 or 1.0."""
        self._check_head()
        if len(self.pipeline) >= LIMITS.pipelined:
            detail = f"more than {LIMITS.pipelined} requests before the first answer"
            raise RequestRejected(400, detail)
        self.head_since, self.body_since = None, time.monotonic()
        self._header_count, self._received_bytes, self.answered_at = 0, 0, None
        extensions: Any = {DISCONNECTED_EXTENSION: self.transport.is_closing}
        self.scope["extensions"] = extensions
        super().on_headers_complete()
        self._body_header = self._find_body_header() if self.parser.should_upgrade() else b""

    def _find_body_header(self) -> bytes:
        """Return the header that announces a body; empty if there is none."""
        if self._is_chunked:
            return b"Transfer-Encoding: chunked"
        size = int(dict(self.headers).get(b"content-length", b"0"))
        return b"Content-Length: %d" % size if size else b""

    def _check_head(self) -> None:
        """Reject what different programs understand differently (RFC 9112, 3.2 and 6.1)."""
        names = [name for name, _ in self.headers]
        codings = [value for name, value in self.headers if name == b"transfer-encoding"]
        version = self.parser.get_http_version()
        if version not in ("1.0", "1.1"):
            raise RequestRejected(505, f"the request is HTTP/{version}; expected HTTP/1.1")
        if names.count(b"host") != 1 and (version == "1.1" or b"host" in names):
            raise RequestRejected(400, "the request does not have exactly one Host header")
        if codings and (b"content-length" in names or version == "1.0"):
            raise RequestRejected(
                400, "Transfer-Encoding together with Content-Length, or in HTTP/1.0"
            )
        if codings and [coding.strip().lower() for coding in codings] != [CHUNKED]:
            raise RequestRejected(501, "Transfer-Encoding is not chunked; only that is supported")
        self._is_chunked = bool(codings)
        self._check_address()

    def _check_address(self) -> None:
        """Reject an address without a path, which a client sends that wants a proxy."""
        method = self.parser.get_method()
        try:
            path = httptools.parse_url(self.url).path if method != b"CONNECT" else None
        except httptools.HttpParserInvalidURLError:
            path = None
        if path is None or not path.isascii():
            url = self.url[:MAX_SHOWN_URL_BYTES].decode("ascii", "backslashreplace")
            detail = f"{method.decode()} {url}: the address is not a path, such as /v1/read"
            raise RequestRejected(400, detail)

    def on_body(self, body: bytes) -> None:
        """Keep a part of the body; the application is woken for a large part or the last one."""
        if self._is_chunked:
            self._chunk_count += 1
            self._chunk_bytes += len(body)
            mean_bytes = self._chunk_bytes / self._chunk_count
            if self._chunk_count > LIMITS.free_chunks and mean_bytes < LIMITS.mean_chunk_bytes:
                detail = f"the chunks have less than {LIMITS.mean_chunk_bytes} bytes on average"
                raise RequestRejected(400, detail)
        cycle = self.cycle
        if cycle.response_complete:
            return
        cycle.body += body
        if len(cycle.body) > HIGH_WATER_LIMIT:
            self.flow.pause_reading()
            cycle.message_event.set()

    def on_message_complete(self) -> None:
        """Note that a request has arrived completely."""
        if self._body_header and self.parser.should_upgrade():
            return  # that was its head; see `numeye.server.transport.upgrades`
        self._body_header = b""
        self.body_since = None
        super().on_message_complete()

    def on_response_complete(self) -> None:
        """Note that a request was answered."""
        self.requests_served += 1
        self.answered_at = time.monotonic()
        is_pipelined = bool(self.pipeline)
        super().on_response_complete()
        if is_pipelined:
            self.answered_at = None


def _has_left(transport: asyncio.Transport) -> bool:
    """Tell whether the client has closed its side already, where the system says so (Linux)."""
    client_socket = transport.get_extra_info("socket")
    if client_socket is None or not hasattr(socket, "TCP_INFO"):
        return False
    try:
        state = client_socket.getsockopt(socket.IPPROTO_TCP, socket.TCP_INFO, 1)[0]
    except OSError:  # not a TCP socket
        return False
    return bool(state == TCP_CLOSE_WAIT)


def _render_problem(status: int, detail: str) -> bytes:
    phrase = http.HTTPStatus(status).phrase
    body = {
        "type": "about:blank",
        "title": phrase,
        "status": status,
        "detail": detail,
        "hint": "See docs/reference/api.md.",
    }
    content = json.dumps(body).encode()
    retry = "Retry-After: 1\r\n" if status == 503 else ""
    head = (
        f"HTTP/1.1 {status} {phrase}\r\nContent-Type: application/problem+json\r\n{retry}"
        f"Content-Length: {len(content)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode() + content
