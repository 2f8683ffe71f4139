"""Requests that explain networks, and checks of their answers."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import onnx
from fastapi.testclient import TestClient
from onnx import numpy_helper

from numeye.models import registry
from tests.server.bodies import JPEG_HEADERS

SEVEN = Path(__file__).parents[2] / "examples" / "digits" / "7-turned.jpg"
LOCAL: dict[str, Any] = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 1)}


def explain(client: TestClient, query: str = "", content: bytes | None = None) -> dict[str, Any]:
    response = client.post(
        f"/v1/explain?{query}", content=content or SEVEN.read_bytes(), headers=JPEG_HEADERS
    )
    assert response.status_code == 200, response.text
    explanation: dict[str, Any] = response.json()
    return explanation


def decode_array(encoded: dict[str, Any], dtype: str = "<f4") -> np.ndarray:
    return np.frombuffer(base64.b64decode(encoded["values"]), dtype).reshape(encoded["shape"])


def check_rejected(response: httpx2.Response, message: str, status: int = 422) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert message in response.json()["detail"]
    assert "\n" not in response.json()["detail"]


def make_own_network(number: int = 0) -> bytes:
    """Return the packaged network classic with another bias."""
    model = onnx.load_model_from_string(registry.load("classic").onnx)
    (bias,) = (tensor for tensor in model.graph.initializer if list(tensor.dims) == [10])
    values = numpy_helper.to_array(bias) + np.float32(number)
    bias.CopyFrom(numpy_helper.from_array(values, bias.name))
    content: bytes = model.SerializeToString()
    return content
