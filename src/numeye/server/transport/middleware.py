"""What every request passes before its route: metrics, a limit for each address, query names."""

from __future__ import annotations

import logging
import time
from collections import Counter
from collections.abc import Iterator
from typing import TYPE_CHECKING

from fastapi import Request
from starlette.requests import ClientDisconnect
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from numeye.server.problem_details import Problem
from numeye.server.prometheus import Metrics
from numeye.server.transport.client_address import client_key

if TYPE_CHECKING:
    from fastapi.dependencies.models import Dependant

LOG = logging.getLogger("numeye.server")
COUNTED_PATHS = (
    "/v1/read",
    "/v1/explain",
    "/v1/units",
    "/v1/models",
    "/healthz",
    "/readyz",
    "/metrics",
    "/openapi.json",
)
# the beginnings of paths whose query names are checked
API_PREFIXES = ("/v1/", "/page/", "/healthz", "/readyz", "/metrics", "/openapi.json")
MAX_QUERY_NAMES = 64
MAX_SHOWN_NAMES, MAX_SHOWN_CHARACTERS = 5, 80  # of unknown names in a message
# Requests of one address; further ones with a body are rejected. As many as it may have
# connections.
MAX_REQUESTS_PER_ADDRESS = 256


class RequestMetrics:
    """ASGI middleware that counts requests by path and status, and logs errors of the server.

    Args:
        app: The application.
        metrics: Where requests are counted.
    """

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self.app, self._metrics = app, metrics
        self._active: Counter[str] = Counter()

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Pass a request on to the application and count it."""
        if scope["type"] != "http":
            await self.app(scope, receive, send)
            return
        started_at_s, status, has_started = time.perf_counter(), 500, False

        async def send_and_note(message: Message) -> None:
            nonlocal status, has_started
            if message["type"] == "http.response.start":
                status, has_started = message["status"], True
            await send(message)

        address = client_key((scope.get("client") or ("", 0))[0])
        self._active[address] += 1
        try:
            await self._answer(scope, receive, send_and_note, address)
        except ClientDisconnect:
            status = 408
        except Exception:  # the log gets the details, the client does not
            LOG.exception("%s %s", scope["method"], scope["path"])
            if has_started:
                raise
            problem = Problem(
                500, "the server failed; the error was logged", "Try again, or change the request."
            )
            await problem.to_response()(scope, receive, send_and_note)
        finally:
            self._forget(address)
            path = scope["path"] if scope["path"] in COUNTED_PATHS else "other"
            self._metrics.requests.labels(path, status).inc()
            self._metrics.seconds.labels(path).observe(time.perf_counter() - started_at_s)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, address: str) -> None:
        problem = self._find_problem(scope, address)
        await (self.app if problem is None else problem.to_response())(scope, receive, send)

    def _find_problem(self, scope: Scope, address: str) -> Problem | None:
        query = scope["query_string"]
        if self._active[address] > MAX_REQUESTS_PER_ADDRESS and scope["method"] == "POST":
            return Problem(
                503,
                f"{address} has more than {MAX_REQUESTS_PER_ADDRESS} requests at once",
                "Send fewer requests at once.",
                retry_after=1,
            )
        if query.count(b"&") >= MAX_QUERY_NAMES:
            detail = f"the query has more than {MAX_QUERY_NAMES} names"
            return Problem(422, detail, "See /openapi.json.")
        if query and scope["path"] == "/openapi.json":  # FastAPI's route, without our dependency
            return Problem(422, "/openapi.json accepts no query", "Leave the query out.")
        return None

    def _forget(self, address: str) -> None:
        self._active[address] -= 1
        if not self._active[address]:
            del self._active[address]


async def check_query_names(request: Request) -> None:
    """Accept a request whose query has only names that its route knows; for all routes.

    Raises:
        Problem: The query has other names.
    """
    if not request.scope["query_string"] or not request.url.path.startswith(API_PREFIXES):
        return
    dependant = getattr(request.scope.get("route"), "dependant", None)
    known = set(_query_names(dependant)) if dependant is not None else set()
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        names = ", ".join(name[:MAX_SHOWN_CHARACTERS] for name in unknown[:MAX_SHOWN_NAMES])
        expected = ", ".join(sorted(known)) or "none"
        raise Problem(
            422, f"unknown names in the query: {names}; expected {expected}", "See /openapi.json."
        )


def _query_names(dependant: Dependant) -> Iterator[str]:
    yield from (field.alias for field in dependant.query_params)
    for dependency in dependant.dependencies:
        yield from _query_names(dependency)
