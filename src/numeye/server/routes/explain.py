"""The routes that explain networks: the activations for a picture, and the weights of a unit."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Annotated, Any, TypeVar

import numpy as np
from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.responses import JSONResponse

from numeye.errors import DataError, ModelError
from numeye.io.images import Page
from numeye.server import problem_details, request_parsing, schemas, serialization
from numeye.server.inference import InferenceService
from numeye.server.model_store import LoadedModel, ModelStore
from numeye.server.problem_details import Problem
from numeye.server.request_parsing import Upload
from numeye.server.security.authentication import Authenticator
from numeye.server.security.limits import Limits
from numeye.server.security.local_access import LocalOnly
from numeye.server.security.onnx_policy import MAX_MODEL_BYTES
from numeye.server.serialization import encode_floats, encode_grey
from numeye.server.transport.body_receiver import BodyReceiver

Weight = TypeVar("Weight", np.ndarray, np.ndarray | None)
ModelName = Annotated[
    str | None,
    Query(max_length=120, description="A model that reads one digit; the default if left out."),
]


def add_routes(
    app: FastAPI,
    service: InferenceService,
    receiver: BodyReceiver,
    store: ModelStore,
    authenticator: Authenticator,
) -> None:
    """Add the routes to an app."""
    _add_explain(app, service, receiver, store, authenticator)
    _add_units(app, service, store, authenticator)
    _add_networks(app, service, receiver, store, authenticator)


def _require_local_for_runs(store: ModelStore) -> Callable[[Request], Awaitable[None]]:
    """Return a dependency that accepts run folders and own networks only from this machine."""

    async def check(request: Request) -> None:
        if store.is_local and any("/" in name for name in request.query_params.getlist("model")):
            await LocalOnly()(request)

    return check


async def _is_local(request: Request) -> bool:
    try:
        await LocalOnly()(request)
    except Problem:
        return False
    return True


def _add_explain(
    app: FastAPI,
    service: InferenceService,
    receiver: BodyReceiver,
    store: ModelStore,
    authenticator: Authenticator,
) -> None:
    @app.post(
        "/v1/explain",
        response_model=schemas.Explanation,
        responses=problem_details.problem_responses(401, 403, 408, 413, 415, 422, 429, 503),
        openapi_extra={"requestBody": schemas.REQUEST},
        dependencies=[Depends(authenticator.authenticate), Depends(_require_local_for_runs(store))],
    )
    async def explain(
        request: Request,
        model: ModelName = None,
        without: Annotated[
            list[str] | None, Query(max_length=10, description="Keys of steps to leave out.")
        ] = None,
        layers: Annotated[bool, Query(description="Add the activations of each layer.")] = True,
        occlusion_map: Annotated[bool, Query(description="Add the occlusion map.")] = False,
        ablation_cam: Annotated[
            bool, Query(description="Add the Ablation-CAM of the last feature maps.")
        ] = False,
    ) -> Response:
        """Explain a network's answer for one picture of one digit.

        The explanation has the steps from the picture to the network's input, and the activations
        of each layer.
        """
        upload = await _receive_one_picture(request, service.limits, receiver)
        work = partial(_explain_page, store, model, frozenset(without or ()))
        explanation = await service.run_on_page(
            upload,
            partial(work, layers=layers, occlusion_map=occlusion_map, ablation_cam=ablation_cam),
        )
        return JSONResponse(explanation)


def _add_units(
    app: FastAPI, service: InferenceService, store: ModelStore, authenticator: Authenticator
) -> None:
    @app.get(
        "/v1/units",
        response_model=schemas.Unit,
        responses=problem_details.problem_responses(401, 403, 422, 429, 503),
        dependencies=[Depends(authenticator.authenticate), Depends(_require_local_for_runs(store))],
    )
    async def unit(
        layer: Annotated[
            str, Query(max_length=80, description="The layer's name, such as `convolution 1`.")
        ],
        unit: Annotated[
            int | None,
            Query(ge=0, le=100_000, description="The unit's number; all units if left out."),
        ] = None,
        model: ModelName = None,
        top_activations: Annotated[
            bool, Query(description="Add the training digits with the unit's top activations.")
        ] = False,
    ) -> Response:
        """Return the weights of a unit and its top activations among the training digits."""
        work = partial(_describe_unit, store, model, layer, unit, top_activations)
        return JSONResponse(await service.run(work))


def _add_networks(
    app: FastAPI,
    service: InferenceService,
    receiver: BodyReceiver,
    store: ModelStore,
    authenticator: Authenticator,
) -> None:
    @app.get(
        "/page/networks",
        include_in_schema=False,
        dependencies=[Depends(authenticator.authenticate)],
    )
    async def networks(request: Request) -> Response:
        """List the networks that the page can explain; for other machines, packaged ones only."""
        is_local = store.is_local and await _is_local(request)
        models = await asyncio.to_thread(partial(store.list_models, packaged_only=not is_local))
        return JSONResponse({"networks": models, "local": is_local})

    @app.post(
        "/page/networks",
        include_in_schema=False,
        dependencies=[Depends(authenticator.authenticate), Depends(LocalOnly())],
    )
    async def add_network(
        request: Request, name: Annotated[str, Query(max_length=80)] = ""
    ) -> Response:
        """Add a user's own network."""
        body = await receiver.receive(request, MAX_MODEL_BYTES)
        model_name = await service.run(partial(store.add, body.content, name), body.close)
        return JSONResponse({"name": model_name})


async def _receive_one_picture(request: Request, limits: Limits, receiver: BodyReceiver) -> Upload:
    upload = await request_parsing.parse_pictures(request, limits, receiver)
    if (count := len(upload.pictures)) > 1:
        upload.close()
        raise Problem(
            422,
            f"the request contains {count} pictures; expected one",
            "Send one request for each picture.",
        )
    return upload


def _explain_page(
    store: ModelStore, model_name: str | None, without: frozenset[str], page: Page, **maps: bool
) -> dict[str, Any]:
    explainer = store.load(model_name).explainer
    explanation = explainer.explain(page.grey, without, **maps)
    return serialization.explanation_to_dict(explanation, explainer, page.grey.shape)


def _describe_unit(
    store: ModelStore,
    model_name: str | None,
    layer_name: str,
    number: int | None,
    top_activations: bool,
) -> dict[str, Any]:
    loaded = store.load(model_name)
    inspector = loaded.explainer.inspector
    layer = inspector.find_layer(layer_name)
    description: dict[str, Any] = {"layer": layer_name, "unit": number}
    if number is None:
        weight = _check_finite(loaded, layer.name, inspector.layer_weights(layer))
        return (
            description | _describe_weight(weight, None) | {"top_activations": None, "note": None}
        )
    unit = inspector.unit_weights(layer, number)
    if unit is None:
        description |= _describe_weight(None, None)
    else:
        weight = _check_finite(loaded, layer_name, unit.weight)
        _check_finite(loaded, layer_name, np.array(unit.bias))
        description |= _describe_weight(weight, unit.bias)
    description |= {"top_activations": None, "note": None}
    try:
        if top_activations:
            description["top_activations"] = _find_top_activations(loaded, layer_name, number)
    except DataError as error:  # the weights are shown all the same
        description["note"] = str(error)
    return description


def _describe_weight(weight: np.ndarray | None, bias: float | None) -> dict[str, Any]:
    return {
        "weight": None if weight is None else encode_floats(weight),
        "bias": bias,
        "statistics": None if weight is None else _weight_statistics(weight),
    }


def _check_finite(loaded: LoadedModel, layer_name: str, weight: Weight) -> Weight:
    """Reject weights that are not finite, as a diverged training leaves them: JSON has none."""
    if weight is not None and not np.isfinite(weight).all():
        model_name = loaded.explainer.model.name
        raise ModelError(f"{model_name}: the weights of {layer_name} are not finite")
    return weight


def _weight_statistics(weight: np.ndarray) -> dict[str, float]:
    return {
        "mean": float(weight.mean(dtype=np.float64)),
        "deviation": float(weight.std(dtype=np.float64)),
        "smallest": float(weight.min()),
        "largest": float(weight.max()),
        "norm": float(np.linalg.norm(weight.astype(np.float64))),
    }


def _find_top_activations(
    loaded: LoadedModel, layer_name: str, number: int
) -> list[dict[str, Any]]:
    layer = loaded.explainer.inspector.find_layer(layer_name)
    return [
        {
            "label": activation.label,
            "value": activation.value,
            "position": activation.position,
            "digit": encode_grey(activation.digit),
        }
        for activation in loaded.top_activations.of_unit(layer, number)
    ]
