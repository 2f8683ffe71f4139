"""The model store: networks of run folders and uploaded ones."""

from __future__ import annotations

import asyncio
import os
import shutil
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient
from safetensors.numpy import load_file, save_file
from starlette.types import Message

from numeye.errors import UsageError
from numeye.explanation.explainer import Explainer
from numeye.models import registry
from numeye.models.run_folder import Run
from numeye.server import model_store
from numeye.server.app import create_app
from numeye.server.model_store import MAX_OPEN_MODELS, MAX_UPLOADED_MODELS, ModelStore
from numeye.server.security import onnx_sandbox
from numeye.server.security.limits import Limits
from tests.server.bodies import PNG_HEADERS, png
from tests.server.explaining import (
    LOCAL,
    check_rejected,
    decode_array,
    explain,
    make_own_network,
)

EXPLAINER = Explainer(registry.load("classic"))


def test_runs_and_their_snapshots_can_be_explained(local_client: TestClient, runs: Path) -> None:
    answer = local_client.get("/page/networks").json()
    assert answer["local"]
    names = [network["name"] for network in answer["networks"]]
    assert names[:3] == ["classic", "recognizer", "run/watched"]
    steps = Run.open(runs / "watched").snapshot_steps()
    first_weights = []
    for step in (steps[0], steps[-1]):
        query = {"model": f"run/watched@{step}", "layer": "convolution 1"}
        unit = local_client.get("/v1/units", params=query).json()
        stored = load_file(Run.open(runs / "watched").snapshot_path(step))["conv1.weight"]
        assert np.array_equal(decode_array(unit["weight"]), stored)
        first_weights.append(stored)
    assert not np.array_equal(*first_weights)
    explanation = explain(local_client, "model=run/watched&ablation_cam=true")
    assert [layer["name"] for layer in explanation["layers"]] == [
        layer.name for layer in EXPLAINER.inspector.layers
    ]
    assert explanation["ablation_cam"] is not None
    check_rejected(
        local_client.get("/v1/units", params={"model": "run/watched@9999999", "layer": "x"}),
        "no snapshot of step 9999999",
    )


def test_a_server_without_runs_has_packaged_networks_only(
    remote_client: TestClient, runs: Path
) -> None:
    assert remote_client.get("/page/networks").json() == {
        "networks": ModelStore(None).list_models(),
        "local": False,
    }
    check_rejected(
        remote_client.get("/v1/units", params={"model": "run/watched", "layer": "x"}),
        "available: classic, recognizer",
    )
    check_rejected(remote_client.post("/page/networks", content=b"x"), "from this machine", 403)
    with TestClient(create_app(), **LOCAL) as client:
        response = client.post("/page/networks", content=b"x")
        check_rejected(response, "only by a server on your own machine")


def test_a_run_that_was_trained_again_is_loaded_again(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "watched", tmp_path / "again")
    store, run = ModelStore(tmp_path), Run.open(tmp_path / "again")
    for name, file in (
        ("run/again", run.folder / "card.json"),
        ("run/again@0", run.snapshot_path(0)),
    ):
        first = store.load(name)
        assert store.load(name) is first
        if file.suffix == ".safetensors":
            save_file({key: value + 1 for key, value in load_file(file).items()}, file)
        os.utime(file, ns=(0, time.time_ns() + 10**9))
        again = store.load(name)
        assert again is not first
    layer = again.explainer.inspector.find_layer("convolution 1")
    before, after = (loaded.explainer.inspector.layer_weights(layer) for loaded in (first, again))
    assert before is not None
    np.testing.assert_allclose(before + 1, after, atol=1e-6)


def test_weights_that_are_not_finite_are_an_error(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "watched", tmp_path / "diverged")
    file = Run.open(tmp_path / "diverged").snapshot_path(0)
    save_file({key: value * np.float32(np.nan) for key, value in load_file(file).items()}, file)
    with TestClient(create_app(runs=tmp_path), **LOCAL) as client:
        for unit in ({}, {"unit": 0}):
            query = {"model": "run/diverged@0", "layer": "convolution 1", **unit}
            check_rejected(
                client.get("/v1/units", params=query), "weights of convolution 1 are not finite"
            )
        check_rejected(
            client.post("/v1/explain?model=run/diverged@0", content=png(), headers=PNG_HEADERS),
            "not finite",
        )


def test_few_networks_are_kept_open(runs: Path) -> None:
    store = ModelStore(runs)
    steps = Run.open(runs / "watched").snapshot_steps()
    names = ["classic", "recognizer", *(f"run/watched@{step}" for step in steps)][
        : MAX_OPEN_MODELS + 2
    ]
    assert len(names) > MAX_OPEN_MODELS
    for name in names:
        store.load(name)
    assert len(store._loaded) == MAX_OPEN_MODELS
    with ThreadPoolExecutor(4) as pool:
        loaded = list(pool.map(ModelStore(None).load, ["classic"] * 8))
    assert len({id(model) for model in loaded[4:]}) == 1


def test_an_own_network_is_checked_listed_and_explained(local_client: TestClient) -> None:
    response = local_client.post("/page/networks?name=mine.onnx", content=make_own_network(1))
    assert response.status_code == 200, response.text
    name = response.json()["name"]
    networks = local_client.get("/page/networks").json()["networks"]
    assert {"name": name, "about": "mine.onnx"} in networks
    explanation = explain(local_client, f"model={name}")
    assert (explanation["model"], explanation["answer"]) == ("mine.onnx", "7")
    query = {"model": name, "layer": "linear 2", "unit": 0}
    assert local_client.get("/v1/units", params=query).json()["bias"] is not None


def test_the_oldest_of_too_many_own_networks_is_dropped(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(onnx_sandbox, "check_in_sandbox", lambda content: None)
    store = ModelStore(tmp_path)
    names = [
        store.add(make_own_network(number), str(number)) for number in range(MAX_UPLOADED_MODELS)
    ]
    for name in names:
        store.load(name)
    assert store.add(make_own_network(0), "again") == names[0]  # it is the newest now
    store.add(make_own_network(MAX_UPLOADED_MODELS), "")
    stored_names = [model["name"] for model in store.list_models()]
    own_names = [name for name in stored_names if name.startswith("own/")]
    assert own_names[:-1] == [*names[2:], names[0]]
    with pytest.raises(UsageError, match=f"no model '{names[1]}'"):
        store.load(names[1])
    store.load(names[0])


def test_networks_can_be_listed_while_others_are_added(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(model_store.onnx_sandbox, "check_in_sandbox", lambda content: None)
    store = ModelStore(tmp_path)

    def add() -> None:
        for number in range(3_000):
            store.add(b"%d" % number, "x")

    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(add)
        while not adding.done():
            assert len(store.list_models()) <= 2 + MAX_UPLOADED_MODELS
        adding.result()


def test_bad_networks_other_pages_and_missing_keys_are_rejected(
    local_client: TestClient, runs: Path
) -> None:
    check_rejected(
        local_client.post("/page/networks", content=b"nothing"),
        "not an ONNX model that can be read",
    )
    check_rejected(
        local_client.post("/page/networks", content=registry.load("detector").onnx),
        "the operator DequantizeLinear",
    )
    body_too_large = local_client.post("/page/networks", content=bytes(20_000_001))
    check_rejected(body_too_large, "at most 20,000,000", 413)
    elsewhere = {"Origin": "https://example.org"}
    check_rejected(
        local_client.post("/page/networks", content=make_own_network(), headers=elsewhere),
        "the request came from the page",
        403,
    )
    with TestClient(create_app(keys=["secret"], runs=runs), **LOCAL) as locked:
        assert locked.post("/page/networks", content=make_own_network()).status_code == 401
        for response in (
            locked.get("/v1/units?layer=x"),
            locked.post("/v1/explain", content=png(), headers=PNG_HEADERS),
        ):
            assert response.status_code == 401


def test_an_own_network_that_does_not_arrive_in_time_is_rejected(tmp_path: Path) -> None:
    """Call the app as a server does, because a test client sends everything at once."""

    async def send_slowly() -> list[Message]:
        answers: list[Message] = []
        first = iter([{"type": "http.request", "body": b"half", "more_body": True}])

        async def receive() -> Message:
            for message in first:
                return message
            await asyncio.sleep(30)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answers.append(message)

        app = create_app(Limits(request_s=0.2), runs=tmp_path)
        scope = {
            "type": "http",
            "http_version": "1.1",
            "method": "POST",
            "scheme": "http",
            "path": "/page/networks",
            "raw_path": b"/page/networks",
            "root_path": "",
            "query_string": b"",
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 8000),
            "headers": [(b"host", b"127.0.0.1")],
        }
        await asyncio.wait_for(app(scope, receive, send), 10)
        return answers

    with ThreadPoolExecutor(1) as thread:  # in this thread other tests' browser may have its loop
        start, body = thread.submit(lambda: asyncio.run(send_slowly())).result()[:2]
    assert start["status"] == 408
    assert b"the body did not arrive within 0.2 s" in body["body"]
