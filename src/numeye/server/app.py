"""The page and the HTTP API as an ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import Depends, FastAPI, Response
from fastapi.responses import JSONResponse

from numeye.models import environment, registry
from numeye.server import api_docs, problem_details, prometheus, schemas, static_files
from numeye.server.inference import InferenceService
from numeye.server.memory import MemoryTrimmer
from numeye.server.model_store import ModelStore
from numeye.server.routes import explain, read, training
from numeye.server.routes.training_jobs import TrainingJobs
from numeye.server.security.authentication import Authenticator
from numeye.server.security.limits import Limits
from numeye.server.security.local_access import LocalOnly
from numeye.server.security.response_headers import SecurityHeaders
from numeye.server.transport import middleware
from numeye.server.transport.body_receiver import BodyReceiver

DESCRIPTION = (
    "Reads handwritten digits in pictures. Gives a confidence for each answer, or the reason why"
    " there is none."
)


def create_app(
    limits: Limits | None = None, keys: Sequence[str] = (), runs: Path | None = None
) -> FastAPI:
    """Return the application: the page and the API under it.

    Args:
        limits: How much it accepts; the usual limits if left out.
        keys: Valid keys for `/v1`, the page's networks (`/page/networks`) and its trainings; if
            there are none, no key is required.
        runs: The folder with the run folders, if the server is local. Trainings are then started
            in it, and its networks and uploaded ONNX files can be explained. None for packaged
            networks only.
    """
    limits = limits or Limits()
    trimmer = MemoryTrimmer()
    service, receiver = InferenceService(limits, trimmer), BodyReceiver(limits, trimmer)
    authenticator = Authenticator(keys, limits.requests_per_minute)
    jobs = None if runs is None else TrainingJobs(runs)
    store = ModelStore(runs)
    trimmer.callbacks.append(store.release_memory)
    metrics = prometheus.Metrics(lambda: service.active_requests)
    app = FastAPI(
        title="Numeye",
        version=environment.version(),
        description=DESCRIPTION,
        docs_url=None,
        redoc_url=None,
        lifespan=_make_lifespan(service, receiver, trimmer, jobs),
        dependencies=[Depends(middleware.check_query_names)],
    )
    problem_details.add_handlers(app)
    app.add_middleware(middleware.RequestMetrics, metrics=metrics)
    app.add_middleware(SecurityHeaders)
    read.add_routes(app, service, receiver, metrics, authenticator)
    explain.add_routes(app, service, receiver, store, authenticator)
    _add_models_route(app, authenticator)
    _add_health_routes(app, service, metrics)
    if jobs is not None:
        training.add_routes(app, jobs, [Depends(authenticator.authenticate), Depends(LocalOnly())])
    static_files.add_routes(app)
    api_docs.add_routes(app)
    return app


def _make_lifespan(
    service: InferenceService,
    receiver: BodyReceiver,
    trimmer: MemoryTrimmer,
    jobs: TrainingJobs | None,
) -> Callable[[FastAPI], Any]:
    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        await service.load_default_readers()
        yield
        if jobs is not None:
            await asyncio.to_thread(jobs.close)
        trimmer.close()
        receiver.close()
        service.close()

    return lifespan


def _add_models_route(app: FastAPI, authenticator: Authenticator) -> None:
    packaged = [registry.load(name) for name in registry.list_models()]
    default_names = (registry.DEFAULT, registry.DETECTOR)
    description = {
        "models": [
            {"name": model.name, "default": model.name in default_names, "card": model.card}
            for model in packaged
        ]
    }

    @app.get(
        "/v1/models",
        response_model=schemas.Models,
        responses=problem_details.problem_responses(401, 429),
        dependencies=[Depends(authenticator.authenticate)],
    )
    async def models() -> Response:
        """List the packaged models with their cards."""
        return JSONResponse(description)


def _add_health_routes(
    app: FastAPI, service: InferenceService, metrics: prometheus.Metrics
) -> None:
    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """Return whether the server is running."""
        return {"status": "ok"}

    @app.get("/readyz", responses=problem_details.problem_responses(503))
    async def readyz() -> dict[str, str]:
        """Return whether the server accepts another request now."""
        service.check_capacity()
        return {"status": "ok"}

    @app.get("/metrics", include_in_schema=False)
    async def show_metrics() -> Response:
        return Response(metrics.render(), media_type=prometheus.CONTENT_TYPE)
