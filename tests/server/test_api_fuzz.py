"""The API behaves as its description says, for generated valid and invalid requests."""

from __future__ import annotations

import io
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import hypothesis
import numpy as np
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase
from hypothesis import strategies as st
from PIL import Image
from schemathesis import Case
from schemathesis.specs.openapi import checks

from numeye.server.app import create_app

CONFORMANCE_CHECKS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]


def bodies(*contents: bytes) -> st.SearchStrategy[bytes]:
    """Return complete bodies, truncated ones and noise."""
    cut = st.tuples(st.sampled_from(contents), st.integers(1, 400)).map(
        lambda content_and_size: content_and_size[0][: content_and_size[1]]
    )
    return st.sampled_from(contents) | cut | st.binary(max_size=200)


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("L", (40, 40), 255).save(file, format=kind)
    return file.getvalue()


def npy(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.full(shape, 200, np.uint8))
    return file.getvalue()


SEVEN = (Path(__file__).parents[2] / "examples" / "digits" / "7-turned.jpg").read_bytes()
PICTURES = [SEVEN, *map(picture, ("PNG", "TIFF", "GIF", "BMP", "WEBP"))]
schemathesis.openapi.media_type("image/*", bodies(*PICTURES))
schemathesis.openapi.media_type("application/octet-stream", bodies(*PICTURES))
schemathesis.openapi.media_type("application/pdf", bodies(picture("PDF")))
schemathesis.openapi.media_type(
    "application/x-npy", bodies(npy((28, 28)), npy((3, 20, 30)), npy((2, 2, 2, 2)))
)


@asynccontextmanager
async def keep_running(app: FastAPI) -> AsyncIterator[None]:
    """Do nothing: each test request starts and ends the app, which would end its threads."""
    yield


APP = create_app()
APP.router.lifespan_context = keep_running
schema = schemathesis.openapi.from_asgi("/openapi.json", APP)


bounded = hypothesis.settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    # no shrinking, which takes long
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def check(case: Case) -> None:
    response = case.call()
    assert response.status_code < 500 or response.status_code == 503
    case.validate_response(response, checks=CONFORMANCE_CHECKS)


@schema.parametrize()
@bounded
def test_answers_are_as_described(case: Case) -> None:
    check(case)


@schema.include(method="POST").parametrize()
@bounded
def test_answers_to_pictures_are_as_described(case: Case) -> None:
    # generated models and patterns would be rejected before any picture is decoded
    case.query = {"single": "true"}
    check(case)
