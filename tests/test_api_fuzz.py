"""The API against its own description: requests made up from it, right and wrong ones, and what comes back."""

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

CONFORMS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.unsupported_method,
]


def bodies(*whole: bytes) -> st.SearchStrategy[bytes]:
    """What is whole, what is cut off, and noise."""
    cut = st.tuples(st.sampled_from(whole), st.integers(1, 400)).map(lambda both: both[0][: both[1]])
    return st.sampled_from(whole) | cut | st.binary(max_size=200)


def picture(kind: str) -> bytes:
    file = io.BytesIO()
    Image.new("L", (40, 40), 255).save(file, format=kind)
    return file.getvalue()


def npy(shape: tuple[int, ...]) -> bytes:
    file = io.BytesIO()
    np.save(file, np.full(shape, 200, np.uint8))
    return file.getvalue()


SEVEN = (Path(__file__).parent.parent / "examples" / "digits" / "7-turned.jpg").read_bytes()
PICTURES = [SEVEN, *map(picture, ("PNG", "TIFF", "GIF", "BMP", "WEBP"))]
schemathesis.openapi.media_type("image/*", bodies(*PICTURES))
schemathesis.openapi.media_type("application/octet-stream", bodies(*PICTURES))
schemathesis.openapi.media_type("application/pdf", bodies(picture("PDF")))
schemathesis.openapi.media_type("application/x-npy", bodies(npy((28, 28)), npy((3, 20, 30)), npy((2, 2, 2, 2))))


@asynccontextmanager
async def lasting(app: FastAPI) -> AsyncIterator[None]:
    """Each request here comes as if the server had just started, and would end its threads."""
    yield


APP = create_app()
APP.router.lifespan_context = lasting
schema = schemathesis.openapi.from_asgi("/openapi.json", APP)


bounded = hypothesis.settings(
    max_examples=20,
    derandomize=True,
    database=None,
    deadline=None,
    phases=[Phase.explicit, Phase.generate],  # a failure is shown as it came: to make it smaller takes long
    suppress_health_check=list(HealthCheck),
)


def check(case: Case) -> None:
    response = case.call()
    assert response.status_code < 500 or response.status_code == 503
    case.validate_response(response, checks=CONFORMS)


@schema.parametrize()
@bounded
def test_whatever_is_sent_is_answered_as_described(case: Case) -> None:
    check(case)


@schema.include(method="POST").parametrize()
@bounded
def test_so_are_pictures_without_further_wishes(case: Case) -> None:
    case.query = {"single": "true"}  # made-up models and patterns would be refused before any picture is looked at
    check(case)
