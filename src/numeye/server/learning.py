"""The page's routes for watching a network learn: start, stop and go on with trainings, and how they go."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from numeye.config import Recipe
from numeye.server import bodies
from numeye.server.trainings import Trainings, offered

WANTED, SECONDS = 10_000, 10.0  # bytes of a wish, and in which it is to come


class Wanted(BaseModel):
    """A training to be started."""

    model_config = ConfigDict(extra="forbid", strict=True)

    recipe: str = Field(max_length=40)
    epochs: int = Field(ge=1, le=50)
    seed: int = Field(default=0, ge=0, lt=2**31)


def add(app: FastAPI, trainings: Trainings, dependencies: Sequence[Depends]) -> None:
    """Add the routes to an app.

    Args:
        app: with `problems.handle`.
        trainings: which they start and tell of.
        dependencies: that let a request pass; see `guards.Local`.
    """
    # Plain functions, which FastAPI runs on threads: they read files and start processes.
    pages = APIRouter(prefix="/page", dependencies=dependencies, include_in_schema=False)

    @pages.get("/recipes")
    def recipes() -> JSONResponse:
        return JSONResponse({"recipes": [_told(recipe) for recipe in offered()]})

    @pages.get("/trainings")
    def known() -> JSONResponse:
        return JSONResponse({"trainings": trainings.list()})

    @pages.post("/trainings")
    async def start(request: Request) -> JSONResponse:
        # Read here, and not by FastAPI, which would do so before it is known who asks, and all of it.
        body = await bodies.whole(request, WANTED, SECONDS)
        try:
            wanted = Wanted.model_validate_json(body)
        except ValidationError as error:
            raise RequestValidationError([{**one, "loc": ("body", *one["loc"])} for one in error.errors()]) from error
        return await run_in_threadpool(begin, wanted)

    def begin(wanted: Wanted) -> JSONResponse:
        name = trainings.start(wanted.recipe, epochs=wanted.epochs, seed=wanted.seed)
        return JSONResponse(trainings.status(name), 201)

    @pages.get("/trainings/{name}")
    def status(name: str, after: Annotated[int, Query(ge=-1)] = -1) -> JSONResponse:
        return JSONResponse(trainings.status(name, after))

    @pages.post("/trainings/{name}/stop")
    def stop(name: str) -> JSONResponse:
        trainings.stop(name)
        return JSONResponse(trainings.status(name))

    @pages.post("/trainings/{name}/resume")
    def resume(name: str) -> JSONResponse:
        trainings.resume(name)
        return JSONResponse(trainings.status(name))

    app.include_router(pages)


def _told(recipe: Recipe) -> dict[str, Any]:
    promise = recipe.promise and {"accuracy": recipe.promise.accuracy, "minutes": recipe.promise.minutes}
    return {"name": recipe.name, "about": recipe.about, "epochs": recipe.epochs, "promise": promise}
