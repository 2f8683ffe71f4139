"""The page and the HTTP API as an ASGI application."""

from __future__ import annotations

import asyncio
import logging
import re
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool
from fastapi.responses import JSONResponse

from numeye import source, weights
from numeye.knowledge import breadth
from numeye.server import bodies, counts, documentation, learning, looking, page, problems, schemas
from numeye.server.desk import Asked, Desk
from numeye.server.guards import Guard, Local, SafeHeaders
from numeye.server.limits import Limits
from numeye.server.problems import Problem
from numeye.server.shelf import Shelf
from numeye.server.trainings import Trainings

PATHS = ("/v1/read", "/v1/explain", "/v1/units", "/v1/models", "/healthz", "/readyz", "/metrics", "/openapi.json")
LOG = logging.getLogger("numeye.server")
REPEATED_GROUP = re.compile(r"\)[*+?{]")  # such patterns can grow beyond all bounds
INTRICATE = 64  # states of an expression that are too many to be followed for whoever asks
ABOUT = "Reads handwritten digits in any picture, says how sure it is, or why there is no answer."


def create_app(limits: Limits | None = None, keys: Sequence[str] = (), runs: Path | None = None) -> FastAPI:
    """The page and the API under it.

    Args:
        limits: how much it takes on; the usual where left out.
        keys: any of which `/v1`, the page's networks (`/page/networks`) and its trainings ask for; none where empty.
        runs: in a session on one's own machine, where run folders are: trainings are started there, and its networks
            and own ONNX files can be looked into. None for packaged networks only.
    """
    limits = limits or Limits()
    desk, guard = Desk(limits), Guard(keys, limits.rate)
    trainings = None if runs is None else Trainings(runs)
    counted = counts.Counts(lambda: desk.inside)
    app = FastAPI(
        title="Numeye",
        version=source.version(),
        description=ABOUT,
        docs_url=None,
        redoc_url=None,
        lifespan=_life(desk, trainings),
    )
    problems.handle(app)
    app.middleware("http")(_counting(counted))
    app.add_middleware(SafeHeaders)
    _add_reading(app, desk, counted, limits, guard)
    looking.add(app, desk, Shelf(runs), guard)
    _add_models(app, guard)
    _add_health(app, desk, counted)
    if trainings is not None:
        learning.add(app, trainings, [Depends(guard.check), Depends(Local())])
    page.add(app)
    documentation.add(app)
    return app


def _life(desk: Desk, trainings: Trainings | None) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def life(app: FastAPI) -> AsyncIterator[None]:
        await desk.ready()
        yield
        if trainings is not None:
            await asyncio.to_thread(trainings.close)
        desk.close()

    return life


def _counting(counted: counts.Counts) -> Callable[..., Awaitable[Response]]:
    async def count(request: Request, call_next: Callable[[Request], Awaitable[Response]]) -> Response:
        begun = time.perf_counter()
        try:
            response = await call_next(request)
        except Exception:  # told to whoever runs the server, not to whoever asked
            LOG.exception("%s %s", request.method, request.url.path)
            response = Problem(500, "something failed here", "It is noted; another request may do.").response()
        path = request.url.path if request.url.path in PATHS else "other"
        counted.requests.labels(path, response.status_code).inc()
        counted.seconds.labels(path).observe(time.perf_counter() - begun)
        return response

    return count


def _add_reading(app: FastAPI, desk: Desk, counted: counts.Counts, limits: Limits, guard: Guard) -> None:
    @app.post(
        "/v1/read",
        response_model=schemas.Answer,
        responses=problems.refusals(401, 408, 413, 415, 422, 429, 503),
        openapi_extra={"requestBody": schemas.REQUEST},
        dependencies=[Depends(guard.check)],
    )
    async def read(
        request: Request,
        single: Annotated[bool, Query(description="One digit a picture.")] = False,
        model: Annotated[
            str | None, Query(max_length=40, description="A packaged model.", examples=["classic"])
        ] = None,
        max_error: Annotated[str | None, Query(max_length=20, description="Such as 2%.", examples=["5%"])] = None,
        expect: Annotated[
            str | None, Query(max_length=100, description="What every number matches.", examples=[r"\d{5}"])
        ] = None,
        digits: Annotated[int | None, Query(ge=1, le=32, description="How many every number has.")] = None,
        check: Annotated[
            Literal["luhn", "isbn10", "isbn13", "mod97"] | None, Query(description="Every number's check sum.")
        ] = None,
    ) -> Response:
        """Read the numbers on each picture: files of a form, one picture as it is, base64 or arrays."""
        if expect is not None and REPEATED_GROUP.search(expect):
            raise Problem(422, f"expect: {expect!r} repeats a group", "Repeat single digits only, such as \\d{5}.")
        if expect is not None and await run_in_threadpool(breadth, expect) > INTRICATE:
            raise Problem(422, f"expect: {expect!r} takes too long to look for", "Let less of it be open.")
        desk.enter()
        try:
            sent = await bodies.pictures(request, limits)
        except BaseException:
            desk.leave()
            raise
        asked = Asked(single=single, model=model, max_error=max_error, expect=expect, digits=digits, check=check)
        answers = await desk.read(sent, asked)
        counted.count(answers)
        broken = [answer["error"] for answer in answers if "error" in answer]
        if answers and len(broken) == len(answers):
            raise Problem(422, broken[0], "Send PNG, JPEG, TIFF, BMP, GIF, WebP or PDF, whole and not too large.")
        return JSONResponse({"results": answers})


def _add_models(app: FastAPI, guard: Guard) -> None:
    loaded = [weights.load(name) for name in weights.list_models()]
    default = (weights.DEFAULT, weights.SPOTTER)
    known = {"models": [{"name": one.name, "default": one.name in default, "card": one.card} for one in loaded]}

    @app.get(
        "/v1/models",
        response_model=schemas.Models,
        responses=problems.refusals(401, 429),
        dependencies=[Depends(guard.check)],
    )
    async def models() -> Response:
        """The packaged models with their cards."""
        return JSONResponse(known)


def _add_health(app: FastAPI, desk: Desk, counted: counts.Counts) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Whether the server is alive."""
        return {"status": "ok"}

    @app.get("/readyz", responses=problems.refusals(503))
    async def readyz() -> dict[str, str]:
        """Whether it takes on more just now."""
        desk.check_room()
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        """Counts for Prometheus."""
        return Response(counted.text(), media_type=counts.TYPE)
