"""Requests that only this machine may send."""

from __future__ import annotations

import ipaddress
import re

from fastapi import Request

from numeye.server.problem_details import Problem
from numeye.server.transport.client_address import FORWARDED_HEADERS

# The Host header: a name or an address, and perhaps a port.
HOST_PATTERN = re.compile(r"(\[[0-9a-f:.]+\]|[a-z0-9.-]+)(:\d+)?", re.IGNORECASE)


class LocalOnly:
    """A dependency of routes: accepts only requests from this machine and from the server's page.

    A browser on this machine also opens other people's pages. Such a page cannot hide its origin.
    Nor can it give this machine's name as the host if its own name was made to point here (DNS
    rebinding).
    """

    async def __call__(self, request: Request) -> None:
        """Accept a request.

        Raises:
            Problem: The request came from elsewhere (403).
        """
        address = request.client.host if request.client else ""
        host, origin = request.headers.get("host", ""), request.headers.get("origin")
        if not is_direct(request):
            raise _not_local(f"the request came from {address or 'an unknown address'}")
        if not _is_local_host(host):
            raise _not_local(f"the request names the host {host!r}")
        if origin is not None and origin.lower() != f"{request.url.scheme}://{host}".lower():
            raise _not_local(f"the request came from the page {origin!r}")


def is_direct(request: Request) -> bool:
    """Return whether a request comes from this machine and not through a proxy on it."""
    is_forwarded = any(name in FORWARDED_HEADERS for name, _ in request.headers.raw)
    return not is_forwarded and request.client is not None and _is_loopback(request.client.host)


def _is_local_host(host: str) -> bool:
    match = HOST_PATTERN.fullmatch(host)
    if match is None:
        return False
    return match[1].lower() == "localhost" or _is_loopback(match[1].strip("[]"))


def _not_local(reason: str) -> Problem:
    return Problem(
        403,
        f"{reason}; expected a request from this machine",
        "Open the page at the address that numeye serve prints.",
    )


def _is_loopback(address: str) -> bool:
    try:
        return ipaddress.ip_address(address).is_loopback
    except ValueError:
        return False
