"""Requests that offer another protocol (`Upgrade`): they are answered in HTTP/1.1.

RFC 9110, 7.8, allows that. The parser ends such a request after its head, whatever body follows,
so a second parser continues there.
"""

from __future__ import annotations

from typing import Any, Protocol, runtime_checkable

import httptools


@runtime_checkable
class ParserCallbacks(Protocol):
    """The methods that a parser calls."""

    def on_message_begin(self) -> None:
        """Note that a request begins."""

    def on_url(self, url: bytes) -> None:
        """Add a part of its address."""

    def on_header(self, name: bytes, value: bytes) -> None:
        """Add a header, or a trailer after a body."""

    def on_headers_complete(self) -> None:
        """Note that the head is complete."""

    def on_body(self, body: bytes) -> None:
        """Add a part of the body."""

    def on_message_complete(self) -> None:
        """Note that the request is complete."""


class _SkipFirstHead:
    """Passes a parser's calls on, except those for the first head, which were made already."""

    def __init__(self, callbacks: ParserCallbacks) -> None:
        self._callbacks, self.is_active = callbacks, False
        self.on_body, self.on_message_complete = callbacks.on_body, callbacks.on_message_complete

    def on_message_begin(self) -> None:
        if self.is_active:
            self._callbacks.on_message_begin()

    def on_url(self, url: bytes) -> None:
        if self.is_active:
            self._callbacks.on_url(url)

    def on_header(self, name: bytes, value: bytes) -> None:
        if self.is_active:
            self._callbacks.on_header(name, value)

    def on_headers_complete(self) -> None:
        if self.is_active:
            self._callbacks.on_headers_complete()


def make_parser_after_head(callbacks: ParserCallbacks, body_header: bytes) -> Any:
    """Return a parser that continues after a head.

    Args:
        callbacks: The object whose methods it calls.
        body_header: The header that announces a body, such as `Content-Length: 5`; empty if there
            is no body and the next request follows.
    """
    skipper = _SkipFirstHead(callbacks)
    parser = httptools.HttpRequestParser(skipper)
    parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as uvicorn does
    if body_header:
        parser.feed_data(b"POST / HTTP/1.1\r\nHost: a\r\n%s\r\n\r\n" % body_header)
    skipper.is_active = True
    return parser
