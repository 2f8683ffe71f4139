"""Which requests are accepted: those with a key, and not too many of them."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from typing import Annotated

from fastapi import Request, Security
from fastapi.security import HTTPBearer

from numeye.server.problem_details import Problem
from numeye.server.security.local_access import is_direct
from numeye.server.security.rate_limit import RateLimiter
from numeye.server.transport.client_address import client_key

# Part of the API's description, so that its page asks for a key.
BEARER = HTTPBearer(
    auto_error=False,
    scheme_name="key",
    description="Required if the server was started with --keys.",
)


class Authenticator:
    """Accepts requests with a valid key, as many as the rate limit allows.

    Args:
        keys: Valid keys; if there are none, no key is required.
        requests_per_minute: Most requests from one other machine; 0 for no limit.
    """

    def __init__(self, keys: Sequence[str] = (), requests_per_minute: int = 0) -> None:
        self._keys = [key.encode() for key in keys]
        self._limiter = RateLimiter(requests_per_minute) if requests_per_minute else None

    async def authenticate(
        self, request: Request, _: Annotated[object, Security(BEARER)] = None
    ) -> None:
        """Accept a request.

        Raises:
            Problem: The request has no valid key (401), or its address sent too many (429).
        """
        address = request.client.host if request.client else ""
        # The limit comes first, so that nobody can try keys quickly.
        if self._limiter is not None and not is_direct(request):
            self._limiter.count(client_key(address))
        if self._keys and not self._is_valid(_read_key(request)):
            raise Problem(
                401,
                "the request has no valid key",
                "Send a key in the header 'Authorization: Bearer KEY'.",
            )

    def _is_valid(self, key: bytes) -> bool:
        # All keys are compared, each in constant time, so that the time reveals nothing.
        return sum(hmac.compare_digest(key, valid_key) for valid_key in self._keys) > 0


def _read_key(request: Request) -> bytes:
    # Starlette decodes headers as latin-1; this gives the bytes that were sent.
    scheme, _, key = request.headers.get("authorization", "").partition(" ")
    return key.strip(" ").encode("latin-1") if scheme.lower() == "bearer" else b""
