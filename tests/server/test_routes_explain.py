"""Explanations over HTTP are those of `numeye.explanation`; bad requests are rejected."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from fastapi.testclient import TestClient

from numeye.explanation import top_activations
from numeye.explanation.explainer import Explainer
from numeye.io import images, mnist
from numeye.models import registry
from numeye.server.app import create_app
from numeye.server.model_store import ModelStore
from numeye.server.security.limits import Limits
from tests.server.bodies import JPEG_HEADERS, NPY_HEADERS, PNG_HEADERS, npy, png, tiff
from tests.server.explaining import (
    SEVEN,
    check_rejected,
    decode_array,
    explain,
)

EXPLAINERS = {name: Explainer(registry.load(name)) for name in ("classic", "recognizer")}


@pytest.mark.parametrize("name", EXPLAINERS)
@pytest.mark.parametrize("left_out", [None, 1])
def test_the_answer_is_that_of_the_explainer(
    local_client: TestClient, name: str, left_out: int | None
) -> None:
    explainer, grey = EXPLAINERS[name], images.only_page(SEVEN).grey
    keys = [step.key for step in explainer.prepare_input(grey).steps]
    without = [] if left_out is None else [keys[left_out]]
    expected = explainer.explain(grey, without, occlusion_map=True, ablation_cam=True)
    query = f"model={name}&occlusion_map=true&ablation_cam=true"
    query += "".join(f"&without={key}" for key in without)
    explanation = explain(local_client, query)
    assert explanation["model"] == name
    assert explanation["answer"] == expected.answer
    assert explanation["rejected"] == expected.rejected
    assert explanation["picture"] == [grey.shape[1], grey.shape[0]]
    assert explanation["crop"] == list(expected.network_input.crop_box or ())
    np.testing.assert_allclose(explanation["probabilities"], expected.probabilities, atol=1e-6)
    assert np.array_equal(decode_array(explanation["pixels"]), expected.pixels)
    for key, values in (
        ("occlusion_map", expected.occlusion_map),
        ("ablation_cam", expected.ablation_cam),
    ):
        assert values is not None
        np.testing.assert_allclose(decode_array(explanation[key]), values, atol=1e-3)
    assert [step["key"] for step in explanation["steps"]] == keys
    assert [step["key"] for step in explanation["steps"] if not step["applied"]] == without
    for step, other in zip(explanation["steps"], expected.network_input.steps, strict=True):
        assert np.array_equal(decode_array(step["picture"], "u1"), other.picture)
    tensors = {explanation["input"], *(layer["tensor"] for layer in explanation["layers"])}
    for layer, seen in zip(explanation["layers"], expected.activations, strict=True):
        np.testing.assert_allclose(decode_array(layer["values"]), seen.values, atol=1e-4)
        assert layer["shape"] == layer["values"]["shape"] == list(seen.layer.shape)
        assert (layer["name"], layer["active"]) == (seen.name, pytest.approx(seen.active_percent))
        assert tensors.issuperset(layer["sources"])


def test_what_is_not_requested_is_left_out(local_client: TestClient) -> None:
    explanation = explain(local_client, "layers=false")
    assert (explanation["model"], explanation["answer"]) == ("recognizer", "7")
    assert explanation["layers"] == []
    assert explanation["occlusion_map"] is explanation["ablation_cam"] is None


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_blank_picture_has_an_explanation_with_the_reason(
    local_client: TestClient, name: str
) -> None:
    explanation = explain(local_client, f"model={name}&occlusion_map=true&ablation_cam=true", png())
    assert explanation["rejected"] == "blank"
    assert explanation["answer"] is explanation["crop"] is None
    assert len(explanation["layers"]) == len(EXPLAINERS[name].inspector.layers)


def test_only_the_first_page_is_explained(local_client: TestClient) -> None:
    response = local_client.post(
        "/v1/explain?model=classic", content=tiff(2), headers={"Content-Type": "image/tiff"}
    )
    assert response.status_code == 200
    assert response.json()["rejected"] == "blank"


TWO_PICTURES = npy(np.zeros((2, 9, 9), np.uint8))
BAD_REQUESTS = {
    "two pictures": (TWO_PICTURES, NPY_HEADERS, "", 422, "2 pictures; expected one"),
    "nothing": (b"", PNG_HEADERS, "", 422, "contains no picture"),
    "too many bytes": (bytes(3_000_001), PNG_HEADERS, "", 413, "at most 3,000,000"),
    "too many pixels": (png((1_500, 1_500)), PNG_HEADERS, "", 422, "megapixels"),
    "text": (b"<svg xmlns='x'>", PNG_HEADERS, "", 422, "it is text"),
    "unsupported type": (b"x", {"Content-Type": "text/html"}, "", 415, "'text/html'"),
    "no such step": (
        png(),
        PNG_HEADERS,
        "model=classic&without=crop",
        422,
        "there are light, polarity, ink, size, centre",
    ),
    "a step of another": (
        png(),
        PNG_HEADERS,
        "without=ink",
        422,
        "there are closer context, crop, second crop",
    ),
    "many steps": (png(), PNG_HEADERS, "&".join(["without=crop"] * 11), 422, "without"),
    "for pages": (png(), PNG_HEADERS, "model=detector", 422, "finds digits on pages"),
    "not a boolean": (png(), PNG_HEADERS, "layers=perhaps", 422, "layers"),
}


@pytest.mark.parametrize("name", BAD_REQUESTS)
def test_bad_requests_are_rejected_with_a_clear_message(
    local_client: TestClient, name: str
) -> None:
    content, headers, query, status, message = BAD_REQUESTS[name]
    check_rejected(
        local_client.post(f"/v1/explain?{query}", content=content, headers=headers), message, status
    )


BAD_NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "run/..",
    "run/../x",
    "run/",
    "run/watched/../watched",
    "run/watched/model.onnx",
    "run/watched@",
    "run/watched@-1",
    "run/watched@1e3",
    "run/.hidden",
    "run/nothing",
    "run/file.onnx",
    "own/0",
    "own/../x",
    "http://127.0.0.1/x.onnx",
    "https://example.org/x",
    "file:///etc/passwd",
    "run/watched\n",
    "classic.onnx",
    "./classic",
    "run/%2e%2e",
    "run\\..\\x",
    "RUN/watched",
    "run/watched@٣",
]  # fmt: skip - short names read better in rows


@pytest.mark.parametrize("name", BAD_NAMES)
def test_names_open_no_files(local_client: TestClient, runs: Path, name: str) -> None:
    (runs / "file.onnx").write_bytes(registry.load("classic").onnx)
    for response in (
        local_client.get("/v1/units", params={"model": name, "layer": "convolution 1"}),
        local_client.post(
            "/v1/explain", params={"model": name}, content=png(), headers=PNG_HEADERS
        ),
    ):
        check_rejected(response, "no model")
        assert str(runs) not in response.text


@pytest.mark.parametrize("name", EXPLAINERS)
def test_units_have_their_weights(local_client: TestClient, name: str) -> None:
    inspector = EXPLAINERS[name].inspector
    for layer in inspector.layers:
        query = {"model": name, "layer": layer.name}
        number = 1 % layer.shape[0]
        whole_layer = local_client.get("/v1/units", params=query).json()
        one_unit = local_client.get("/v1/units", params={**query, "unit": number}).json()
        unit = inspector.unit_weights(layer, number)
        if unit is None:
            assert whole_layer["weight"] is None
            assert one_unit["weight"] is one_unit["bias"] is one_unit["statistics"] is None
            continue
        assert np.array_equal(decode_array(whole_layer["weight"]), inspector.layer_weights(layer))
        assert np.array_equal(decode_array(one_unit["weight"]), unit.weight)
        assert one_unit["bias"] == pytest.approx(unit.bias)
        norm = np.linalg.norm(unit.weight)
        assert one_unit["statistics"]["norm"] == pytest.approx(norm, rel=1e-4)
        assert one_unit["top_activations"] is one_unit["note"] is None


def test_top_activations_have_their_values(local_client: TestClient, mnist_cache: Path) -> None:
    query = {"model": "classic", "layer": "ReLU 2", "unit": 3, "top_activations": True}
    found = local_client.get("/v1/units", params=query).json()["top_activations"]
    assert len(found) == top_activations.TOP_COUNT
    layer = EXPLAINERS["classic"].inspector.find_layer("ReLU 2")
    digits = np.stack([decode_array(activation["digit"], "u1") for activation in found])
    digits = digits.astype(np.float32) / 255
    activations = EXPLAINERS["classic"].inspector.compute_activations(digits, [layer])[
        layer.tensor
    ][:, 3]
    for activation, values in zip(found, activations, strict=True):
        assert values.max() == pytest.approx(activation["value"], abs=1e-4)
        assert values[tuple(activation["position"])] == pytest.approx(activation["value"], abs=1e-4)


def test_without_training_digits_there_is_a_note_and_the_rest(
    remote_client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    top_activations.load_training_digits.cache_clear()
    monkeypatch.setattr(mnist, "status", lambda: {"train-images": "missing"})
    query = {"layer": "convolution 1", "unit": 0, "top_activations": True}
    unit = remote_client.get("/v1/units", params=query).json()
    assert unit["top_activations"] is None
    assert unit["note"] == "MNIST's training digits are not in the cache; numeye data fetches them"
    assert unit["weight"]["shape"] == [1, 3, 3]


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ({"layer": "eyes"}, "recognizer has no layer 'eyes'; it has"),
        ({}, "layer"),
        ({"layer": "linear 1", "unit": 11}, "0 to 10"),
        ({"layer": "linear 1", "unit": -1}, "unit"),
        ({"layer": "x" * 81}, "layer"),
        ({"layer": "linear 1", "model": "x" * 121}, "model"),
    ],
)
def test_unknown_units_are_rejected(
    local_client: TestClient, query: dict[str, Any], message: str
) -> None:
    check_rejected(local_client.get("/v1/units", params=query), message)


def test_rejected_requests_release_their_slots(local_client: TestClient) -> None:
    for number in range(100):
        content, headers, query, status, _ = list(BAD_REQUESTS.values())[number % len(BAD_REQUESTS)]
        response = local_client.post(f"/v1/explain?{query}", content=content, headers=headers)
        assert response.status_code == status
        unit_query = {"layer": "x", "model": BAD_NAMES[number % len(BAD_NAMES)]}
        assert local_client.get("/v1/units", params=unit_query).status_code == 422
    assert local_client.get("/readyz").status_code == 200
    assert local_client.post("/page/networks", content=b"x").status_code == 422
    assert local_client.get("/readyz").status_code == 200


def test_unexpected_errors_release_their_slots(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def broken(self: ModelStore, name: str | None) -> None:
        raise MemoryError

    monkeypatch.setattr(ModelStore, "load", broken)
    with TestClient(create_app(Limits(requests=1)), raise_server_exceptions=False) as client:
        for _ in range(3):
            assert client.post("/v1/explain", content=png(), headers=PNG_HEADERS).status_code == 500
            assert client.get("/v1/units", params={"layer": "x"}).status_code == 500
        assert client.get("/readyz").status_code == 200


def test_the_answer_is_strict_json(local_client: TestClient) -> None:
    content = SEVEN.read_bytes()
    response = local_client.post(
        "/v1/explain?occlusion_map=true", content=content, headers=JPEG_HEADERS
    )
    json.loads(response.text, parse_constant=lambda name: pytest.fail(f"{name} is not JSON"))
