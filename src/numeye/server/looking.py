"""The paths that look into networks: what one saw in a picture, and what a unit weighs with."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from numeye.errors import DataError, ModelError
from numeye.server import bodies, decoding, problems, schemas, telling
from numeye.server.bodies import Sent
from numeye.server.desk import Desk
from numeye.server.guards import Guard, Local
from numeye.server.limits import Limits
from numeye.server.own import BYTES
from numeye.server.problems import Problem
from numeye.server.shelf import Opened, Shelf
from numeye.server.telling import floats, greys

T = TypeVar("T")
Named = Annotated[
    str | None, Query(max_length=120, description="A model that reads one digit; the default if left out.")
]


def add(app: FastAPI, desk: Desk, shelf: Shelf, guard: Guard) -> None:
    """The paths."""
    _add_explain(app, desk, shelf, guard)
    _add_units(app, desk, shelf, guard)
    _add_networks(app, desk, shelf, guard)


def _minding(shelf: Shelf) -> Callable[[Request], Awaitable[None]]:
    """A dependency: in a session on one's own machine, run folders and own networks are for who sits there."""

    async def mind(request: Request) -> None:
        if shelf.local and any("/" in name for name in request.query_params.getlist("model")):
            await Local()(request)

    return mind


async def _is_local(request: Request) -> bool:
    try:
        await Local()(request)
    except Problem:
        return False
    return True


def _add_explain(app: FastAPI, desk: Desk, shelf: Shelf, guard: Guard) -> None:
    @app.post(
        "/v1/explain",
        response_model=schemas.Explanation,
        responses=problems.refusals(401, 403, 408, 413, 415, 422, 429, 503),
        openapi_extra={"requestBody": schemas.REQUEST},
        dependencies=[Depends(guard.check), Depends(_minding(shelf))],
    )
    async def explain(
        request: Request,
        model: Named = None,
        without: Annotated[list[str] | None, Query(max_length=10, description="Steps to leave out.")] = None,
        layers: Annotated[bool, Query(description="What each layer made of it.")] = True,
        hidden: Annotated[bool, Query(description="What must not be hidden.")] = False,
        activation: Annotated[bool, Query(description="Where the last maps saw what speaks for it.")] = False,
    ) -> Response:
        """Show how one picture of one digit comes to a network, and what each layer makes of it."""
        desk.enter()
        sent = await _or_leave(desk, _one_picture, request, desk.limits)
        work = partial(_explained, shelf, model, sent, frozenset(without or ()), desk.limits.pixels)
        return JSONResponse(await desk.do(partial(work, layers=layers, hidden=hidden, activation=activation)))


def _add_units(app: FastAPI, desk: Desk, shelf: Shelf, guard: Guard) -> None:
    @app.get(
        "/v1/units",
        response_model=schemas.Unit,
        responses=problems.refusals(401, 403, 422, 429, 503),
        dependencies=[Depends(guard.check), Depends(_minding(shelf))],
    )
    async def unit(
        layer: Annotated[str, Query(max_length=80, description="Its name, such as `convolution 1`.")],
        unit: Annotated[int | None, Query(ge=0, le=100_000, description="Its number; all if left out.")] = None,
        model: Named = None,
        exciting: Annotated[bool, Query(description="Training digits that excite it most.")] = False,
    ) -> Response:
        """Show what a unit of a layer weighs with, and which training digits excite it most."""
        desk.enter()
        return JSONResponse(await desk.do(partial(_of_unit, shelf, model, layer, unit, exciting)))


def _add_networks(app: FastAPI, desk: Desk, shelf: Shelf, guard: Guard) -> None:
    @app.get("/page/networks", include_in_schema=False, dependencies=[Depends(guard.check)])
    async def networks(request: Request) -> Response:
        """What the page can look into; whoever asks from elsewhere is told of packaged networks only."""
        local = shelf.local and await _is_local(request)
        known = await asyncio.to_thread(partial(shelf.known, packaged_only=not local))
        return JSONResponse({"networks": known, "local": local})

    @app.post("/page/networks", include_in_schema=False, dependencies=[Depends(guard.check), Depends(Local())])
    async def add_network(request: Request, name: Annotated[str, Query(max_length=80)] = "") -> Response:
        """Take somebody's own network."""
        desk.enter()
        content = await _or_leave(desk, bodies.whole, request, BYTES, desk.limits.seconds)
        return JSONResponse({"name": await desk.do(partial(shelf.add, content, name))})


async def _one_picture(request: Request, limits: Limits) -> Sent:
    """Which of several was meant would be a guess."""
    sent = await bodies.pictures(request, limits)
    if len(sent) > 1:
        raise Problem(422, f"{len(sent)} pictures; one is explained at a time", "Send them one after the other.")
    return sent[0]


async def _or_leave(desk: Desk, receive: Callable[..., Any], *arguments: Any) -> Any:
    """What is sent; where it cannot be received, the place is given back."""
    try:
        return await receive(*arguments)
    except BaseException:
        desk.leave()
        raise


def _explained(
    shelf: Shelf, model: str | None, sent: Sent, without: frozenset[str], most: int, **wanted: bool
) -> dict[str, Any]:
    grey = decoding.first_page(sent.content, most).grey
    opened = shelf.open(model)
    return telling.explained(opened.explainer.explain(grey, without, **wanted), opened.explainer, grey.shape)


def _of_unit(shelf: Shelf, model: str | None, name: str, number: int | None, exciting: bool) -> dict[str, Any]:
    opened = shelf.open(model)
    anatomy = opened.explainer.anatomy
    layer = anatomy.find(name)
    if number is None:
        weight = _finite(opened, layer.name, anatomy.weight(layer))
        told = {
            "weight": None if weight is None else floats(weight),
            "statistics": None if weight is None else _statistics(weight),
        }
        return {"layer": name, "unit": None, "bias": None, "exciting": None, "note": None, **told}
    unit = anatomy.unit(layer, number)
    found: dict[str, Any] = {"layer": name, "unit": number, "weight": None, "bias": None, "statistics": None}
    if unit is not None:
        weight, _ = _finite(opened, name, unit.weight), _finite(opened, name, np.array(unit.bias))
        found |= {"weight": floats(weight), "bias": unit.bias, "statistics": _statistics(weight)}
    found |= {"exciting": None, "note": None}
    try:
        found["exciting"] = _exciting(opened, name, number) if exciting else None
    except DataError as error:  # no reason to show nothing at all
        found["note"] = str(error)
    return found


Weight = TypeVar("Weight", np.ndarray, np.ndarray | None)


def _finite(opened: Opened, name: str, weight: Weight) -> Weight:
    """A training that went astray leaves others, which JSON has no words for."""
    if weight is not None and not np.isfinite(weight).all():
        raise ModelError(f"{opened.explainer.model.name}: what {name} weighs with is not finite")
    return weight


def _statistics(weight: np.ndarray) -> dict[str, float]:
    return {
        "mean": float(weight.mean(dtype=np.float64)),
        "deviation": float(weight.std(dtype=np.float64)),
        "smallest": float(weight.min()),
        "largest": float(weight.max()),
        "norm": float(np.linalg.norm(weight.astype(np.float64))),
    }


def _exciting(opened: Opened, name: str, number: int) -> list[dict[str, Any]]:
    found = opened.excitement.of(opened.explainer.anatomy.find(name), number)
    return [{"label": one.label, "value": one.value, "at": one.at, "digit": greys(one.digit)} for one in found]
