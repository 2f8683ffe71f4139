"""The page's routes for trainings: start, stop and resume them, and show their progress."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from fastapi import APIRouter, FastAPI, Query, Request
from fastapi.concurrency import run_in_threadpool
from fastapi.exceptions import RequestValidationError
from fastapi.params import Depends
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from numeye.models.recipe import Recipe
from numeye.server.routes.training_jobs import TrainingJobs, trainable_recipes
from numeye.server.transport import body_receiver

MAX_BODY_BYTES, BODY_TIMEOUT_S = 10_000, 10.0  # of a request to start a training


class TrainingRequest(BaseModel):
    """A training that the page wants to start."""

    model_config = ConfigDict(extra="forbid", strict=True)

    recipe: str = Field(max_length=40)
    epochs: int = Field(ge=1, le=50)
    seed: int = Field(default=0, ge=0, lt=2**31)


def add_routes(app: FastAPI, jobs: TrainingJobs, dependencies: Sequence[Depends]) -> None:
    """Add the routes to an app.

    Args:
        app: An app with `problem_details.add_handlers`.
        jobs: The trainings.
        dependencies: Checks that a request must pass; see `local_access.LocalOnly`.
    """
    # Plain functions, which FastAPI runs on threads: they read files and start processes.
    router = APIRouter(prefix="/page", dependencies=dependencies, include_in_schema=False)

    @router.get("/recipes")
    def recipes() -> JSONResponse:
        return JSONResponse(
            {"recipes": [_recipe_to_dict(recipe) for recipe in trainable_recipes()]}
        )

    @router.get("/trainings")
    def list_trainings() -> JSONResponse:
        return JSONResponse({"trainings": jobs.list_jobs()})

    @router.post("/trainings")
    async def start(request: Request) -> JSONResponse:
        # FastAPI would read the whole body before the dependencies have checked the request.
        body = await body_receiver.receive_small(request, MAX_BODY_BYTES, BODY_TIMEOUT_S)
        return await run_in_threadpool(start_job, _parse_training(body))

    def start_job(training: TrainingRequest) -> JSONResponse:
        name = jobs.start(training.recipe, epochs=training.epochs, seed=training.seed)
        return JSONResponse(jobs.status(name), 201)

    @router.get("/trainings/{name}")
    def status(name: str, after: Annotated[int, Query(ge=-1)] = -1) -> JSONResponse:
        return JSONResponse(jobs.status(name, after))

    @router.post("/trainings/{name}/stop")
    def stop(name: str) -> JSONResponse:
        jobs.stop(name)
        return JSONResponse(jobs.status(name))

    @router.post("/trainings/{name}/resume")
    def resume(name: str) -> JSONResponse:
        jobs.resume(name)
        return JSONResponse(jobs.status(name))

    app.include_router(router)


def _parse_training(body: bytes) -> TrainingRequest:
    try:
        return TrainingRequest.model_validate_json(body)
    except ValidationError as error:
        raise RequestValidationError(
            [{**detail, "loc": ("body", *detail["loc"])} for detail in error.errors()]
        ) from error


def _recipe_to_dict(recipe: Recipe) -> dict[str, Any]:
    expected = recipe.expected
    return {
        "name": recipe.name,
        "about": recipe.about,
        "epochs": recipe.epochs,
        "expected": expected and {"accuracy": expected.accuracy, "minutes": expected.minutes},
    }
