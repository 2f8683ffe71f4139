"""Who may ask, how often, and what a browser may do with the answers."""

from __future__ import annotations

import hmac
import ipaddress
import re
import time
from collections import OrderedDict
from collections.abc import Sequence
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBearer
from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from numeye.server.problems import Problem

# For the description of the API, so that its page asks for a key.
KEY = HTTPBearer(auto_error=False, scheme_name="key", description="Where the server was started with --keys.")
REMEMBERED = 10_000  # addresses whose requests are counted
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; img-src 'self' data: blob:; object-src 'none'; base-uri 'none'; "
    "frame-ancestors 'none'; form-action 'self'",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cache-Control": "no-store",
}


class SafeHeaders:
    """Puts `HEADERS` on every answer."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""

        async def send_with(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        await self.app(scope, receive, send_with)


class Guard:
    """Lets in who has a key, and not too often.

    Args:
        keys: any of which is asked for; none is asked for where there are none.
        rate: requests a minute from one other machine; 0 for any number.
    """

    def __init__(self, keys: Sequence[str] = (), rate: int = 0) -> None:
        self._keys = [key.encode() for key in keys]
        self._rate = rate
        self._left: OrderedDict[str, tuple[float, float]] = OrderedDict()  # of each address: requests left, and when

    async def check(self, request: Request, _: Annotated[object, Security(KEY)] = None) -> None:
        """Let a request pass.

        Raises:
            Problem: it has no valid key, or came too soon.
        """
        address = request.client.host if request.client else ""
        if self._rate and not _is_here(address):
            self._count(address)  # first, so that keys cannot be tried out quickly
        if self._keys and not self._known(_key(request)):
            raise Problem(401, "no valid key", "Send it as 'Authorization: Bearer KEY'.")

    def _known(self, key: bytes) -> bool:
        """All are compared, each in constant time, so that the time tells nothing."""
        return sum(hmac.compare_digest(key, known) for known in self._keys) > 0

    def _count(self, address: str) -> None:
        """A bucket that fills by the rate and holds a minute's worth (token bucket)."""
        now = time.monotonic()
        left, before = self._left.pop(address, (float(self._rate), now))
        left = min(float(self._rate), left + (now - before) * self._rate / 60)
        if len(self._left) >= REMEMBERED:
            self._left.popitem(last=False)
        self._left[address] = (left - 1 if left >= 1 else left, now)
        if left < 1:
            wait = int((1 - left) * 60 / self._rate) + 1
            raise Problem(429, f"more than {self._rate} requests a minute", "Wait, and send fewer.", retry_after=wait)


# The header: a name or an address, and a port.
HOST = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d+)?", re.IGNORECASE)


class Local:
    """Lets in only who sits at this machine and asks from a page of this very server; a dependency of routes.

    A browser here opens other people's pages, too. Such a page cannot hide its origin, nor give this machine's name as
    the host where its own name was made to point here (DNS rebinding).
    """

    async def __call__(self, request: Request) -> None:
        """Let a request pass.

        Raises:
            Problem: it came from elsewhere.
        """
        address = request.client.host if request.client else ""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        named = HOST.fullmatch(host)
        if not _is_here(address):
            raise _refused(f"a request from {address or 'nowhere'}")
        if named is None or not (named[1].lower() == "localhost" or _is_here(named[1].strip("[]"))):
            raise _refused(f"a request to the host {host!r}")
        if origin is not None and origin.lower() != f"{request.url.scheme}://{host}".lower():
            raise _refused(f"a request of the page {origin!r}")


def _refused(what: str) -> Problem:
    return Problem(403, f"{what}; expected one from this machine", "Open the page that numeye serve names.")


def _key(request: Request) -> bytes:
    """As it came: headers are read as latin-1, whatever they are."""
    kind, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip(" ").encode("latin-1") if kind.lower() == "bearer" else b""


def _is_here(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
