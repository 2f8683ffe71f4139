"""The HTTP API as an ASGI application."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from numeye import source, weights
from numeye.results import Unreadable
from numeye.server import bodies, counts, problems, schemas
from numeye.server.desk import Asked, Desk
from numeye.server.guards import Guard, SafeHeaders
from numeye.server.limits import Limits
from numeye.server.problems import Problem

PATHS = ("/v1/read", "/v1/models", "/healthz", "/readyz", "/metrics", "/openapi.json")
REFUSALS: dict[int | str, dict[str, Any]] = {
    status: {"model": schemas.Problem, "description": problems.TITLES[status]}
    for status in (401, 413, 415, 422, 429, 503)
}
ABOUT = "Reads handwritten digits in any picture, says how sure it is, or why there is no answer."


def create_app(limits: Limits | None = None, keys: Sequence[str] = ()) -> FastAPI:
    """The API.

    Args:
        limits: how much it takes on; the usual where left out.
        keys: any of which `/v1` asks for; none where empty.
    """
    limits = limits or Limits()
    desk, counted, guard = Desk(limits), counts.Counts(), Guard(keys, limits.rate)
    app = FastAPI(
        title="Numeye", version=source.version(), description=ABOUT, docs_url=None, redoc_url=None, lifespan=_life(desk)
    )
    problems.handle(app)
    app.middleware("http")(_counting(counted, desk))
    app.add_middleware(SafeHeaders)
    _add_reading(app, desk, counted, limits, guard)
    _add_models(app, guard)
    _add_health(app, desk, counted)
    return app


def _life(desk: Desk) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await desk.ready()
        app.state.ready = True
        yield
        app.state.ready = False
        desk.close()

    return life


def _counting(counted: counts.Counts, desk: Desk) -> Callable[..., Awaitable[Response]]:
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        begun = time.perf_counter()
        response = await call_next(request)
        path = request.url.path if request.url.path in PATHS else "other"
        counted.requests.labels(path, response.status_code).inc()
        counted.seconds.labels(path).observe(time.perf_counter() - begun)
        counted.inside.set(desk.inside)
        return response

    return count


def _add_reading(app: FastAPI, desk: Desk, counted: counts.Counts, limits: Limits, guard: Guard) -> None:
    @app.post(
        "/v1/read",
        response_model=schemas.Answer,
        responses=REFUSALS,
        openapi_extra={"requestBody": schemas.REQUEST},
        dependencies=[Depends(guard.check)],
    )
    async def read(
        request: Request,
        single: Annotated[bool, Query(description="One digit a picture.")] = False,
        model: Annotated[str | None, Query(max_length=40, description="A packaged model.")] = None,
        max_error: Annotated[str | None, Query(max_length=20, description="Such as 0.5%.")] = None,
        expect: Annotated[str | None, Query(max_length=100, description="What every number matches.")] = None,
        digits: Annotated[int | None, Query(ge=1, le=32, description="How many every number has.")] = None,
        check: Annotated[
            Literal["luhn", "isbn10", "isbn13", "mod97"] | None, Query(description="Every number's check sum.")
        ] = None,
    ) -> Response:
        """Read the numbers on each picture: files of a form, one picture as it is, base64 or arrays."""
        desk.check_room()
        sent = await bodies.pictures(request, limits)
        asked = Asked(single=single, model=model, max_error=max_error, expect=expect, digits=digits, check=check)
        answers = await desk.read(sent, asked)
        counted.count(answers)
        broken = [answer.error for answer in answers if isinstance(answer, Unreadable)]
        if answers and len(broken) == len(answers):
            raise Problem(422, broken[0], "Send PNG, JPEG, TIFF, BMP, GIF, WebP or PDF, whole and not too large.")
        return JSONResponse({"results": [answer.to_dict() for answer in answers]})


def _add_models(app: FastAPI, guard: Guard) -> None:
    @app.get("/v1/models", response_model=schemas.Models, responses=REFUSALS, dependencies=[Depends(guard.check)])
    async def models() -> Response:
        """The packaged models with their cards."""
        loaded = [weights.load(name) for name in weights.list_models()]
        default = (weights.DEFAULT, weights.SPOTTER)
        found = [{"name": one.name, "default": one.name in default, "card": one.card} for one in loaded]
        return JSONResponse({"models": found})


def _add_health(app: FastAPI, desk: Desk, counted: counts.Counts) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the server is alive."""
        return {"status": "ok"}

    @app.get("/readyz", responses={503: REFUSALS[503]})
    async def readyz() -> dict[str, str]:
        """Whether it takes on more just now."""
        if not getattr(app.state, "ready", False):
            raise Problem(503, "the models are being loaded", "Try again in a moment.", retry_after=1)
        desk.check_room()
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(counted.text(), media_type=counts.TYPE)
