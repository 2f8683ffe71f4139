"""Looking into networks over HTTP: what is told is what `numeye.explain` finds, and what is refused."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx2
import numpy as np
import onnx
import pytest
from fastapi.testclient import TestClient
from onnx import numpy_helper
from safetensors.numpy import load_file, save_file
from starlette.types import Message

from numeye import excitement, image, mnist, weights
from numeye.errors import UsageError
from numeye.explain import Explainer
from numeye.runs import Run
from numeye.server import shelf as shelves
from numeye.server import trial
from numeye.server.app import create_app
from numeye.server.limits import Limits
from numeye.server.shelf import KEPT, OWN, Shelf
from numeye.training.train import train
from test_server import JPEG, NPY, PNG, npy, png, tiff

SEVEN = Path(__file__).parent.parent / "examples" / "digits" / "7-turned.jpg"
HERE: dict[str, Any] = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 1)}
EXPLAINERS = {name: Explainer(weights.load(name)) for name in ("classic", "reader")}


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    """A folder with a watched and finished run in it."""
    folder = tmp_path_factory.mktemp("runs")
    train("classic", epochs=1, data=str(few_digits), run=folder / "watched", device="cpu", watch=True)
    return folder


@pytest.fixture(scope="module")
def client(runs: Path) -> Iterator[TestClient]:
    with TestClient(create_app(Limits(request=3_000_000, pixels=2_000_000), runs=runs), **HERE) as one:
        yield one


@pytest.fixture(scope="module")
def far() -> Iterator[TestClient]:
    """A server for others: of packaged networks only."""
    with TestClient(create_app()) as one:
        yield one


def explained(client: TestClient, query: str = "", content: bytes | None = None) -> dict[str, Any]:
    response = client.post(f"/v1/explain?{query}", content=content or SEVEN.read_bytes(), headers=JPEG)
    assert response.status_code == 200, response.text
    found: dict[str, Any] = response.json()
    return found


def numbers(told: dict[str, Any], dtype: str = "<f4") -> np.ndarray:
    return np.frombuffer(base64.b64decode(told["values"]), dtype).reshape(told["shape"])


def refused(response: httpx2.Response, said: str, status: int = 422) -> None:
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert said in response.json()["detail"]
    assert "\n" not in response.json()["detail"]


# --- explain -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPLAINERS)
@pytest.mark.parametrize("left_out", [None, 1])
def test_it_tells_what_explain_finds(client: TestClient, name: str, left_out: int | None) -> None:
    explainer, grey = EXPLAINERS[name], image.only_page(SEVEN).grey
    keys = [step.key for step in explainer.fed_with(grey).steps]
    without = [] if left_out is None else [keys[left_out]]
    expected = explainer.explain(grey, without, hidden=True, activation=True)
    query = f"model={name}&hidden=true&activation=true" + "".join(f"&without={key}" for key in without)
    told = explained(client, query)
    assert (told["model"], told["answer"], told["rejected"]) == (name, expected.answer, expected.rejected)
    assert told["picture"] == [grey.shape[1], grey.shape[0]]
    assert told["window"] == list(expected.fed.window or ())
    np.testing.assert_allclose(told["probabilities"], expected.probabilities, atol=1e-6)
    assert np.array_equal(numbers(told["pixels"]), expected.pixels)
    for key, values in (("hidden", expected.hidden), ("activation", expected.activation)):
        assert values is not None
        np.testing.assert_allclose(numbers(told[key]), values, atol=1e-3)
    assert [step["key"] for step in told["steps"]] == keys
    assert [step["key"] for step in told["steps"] if not step["done"]] == without
    for step, other in zip(told["steps"], expected.fed.steps, strict=True):
        assert np.array_equal(numbers(step["picture"], "u1"), other.picture)
    tensors = {told["input"], *(layer["tensor"] for layer in told["layers"])}
    for layer, seen in zip(told["layers"], expected.seen, strict=True):
        np.testing.assert_allclose(numbers(layer["values"]), seen.values, atol=1e-4)
        assert layer["shape"] == layer["values"]["shape"] == list(seen.layer.shape)
        assert (layer["name"], layer["active"]) == (seen.name, pytest.approx(seen.active))
        assert tensors.issuperset(layer["sources"])


def test_what_is_not_asked_for_is_not_told(client: TestClient) -> None:
    told = explained(client, "layers=false")
    assert (told["model"], told["layers"], told["hidden"], told["activation"]) == ("reader", [], None, None)
    assert told["answer"] == "7"


@pytest.mark.parametrize("name", EXPLAINERS)
def test_a_blank_picture_is_answered_with_the_reason(client: TestClient, name: str) -> None:
    told = explained(client, f"model={name}&hidden=true&activation=true", png())
    assert (told["answer"], told["rejected"], told["window"]) == (None, "blank", None)
    assert len(told["layers"]) == len(EXPLAINERS[name].anatomy.layers)


def test_of_several_pages_the_first_is_explained(client: TestClient) -> None:
    response = client.post("/v1/explain?model=classic", content=tiff(2), headers={"Content-Type": "image/tiff"})
    assert response.status_code == 200
    assert response.json()["rejected"] == "blank"


BAD = {
    "two pictures": (npy(np.zeros((2, 9, 9), np.uint8)), NPY, "", 422, "2 pictures; one is explained at a time"),
    "nothing": (b"", PNG, "", 422, "there is no picture"),
    "too many bytes": (bytes(3_000_001), PNG, "", 413, "at most 3,000,000"),
    "too many pixels": (png((1_500, 1_500)), PNG, "", 422, "megapixels"),
    "text": (b"<svg xmlns='x'>", PNG, "", 422, "it is text"),
    "another kind": (b"x", {"Content-Type": "text/html"}, "", 415, "'text/html'"),
    "no such step": (png(), PNG, "model=classic&without=look", 422, "there are light, polarity, ink, size, centre"),
    "a step of another": (png(), PNG, "without=ink", 422, "there are nearer glance, look, second look"),
    "many steps": (png(), PNG, "&".join(["without=look"] * 11), 422, "without"),
    "for pages": (png(), PNG, "model=spotter", 422, "finds digits on pages"),
    "no truth": (png(), PNG, "layers=perhaps", 422, "layers"),
}


@pytest.mark.parametrize("name", BAD)
def test_bad_requests_end_in_one_clear_line(client: TestClient, name: str) -> None:
    content, headers, query, status, said = BAD[name]
    refused(client.post(f"/v1/explain?{query}", content=content, headers=headers), said, status)


NAMES = [
    "../../etc/passwd", "/etc/passwd", "run/..", "run/../x", "run/", "run/watched/../watched",
    "run/watched/model.onnx", "run/watched@", "run/watched@-1", "run/watched@1e3", "run/.hidden", "run/nothing",
    "run/file.onnx", "own/0", "own/../x", "http://127.0.0.1/x.onnx", "https://example.org/x", "file:///etc/passwd",
    "run/watched\n", "classic.onnx", "./classic", "run/%2e%2e", "run\\..\\x", "RUN/watched", "run/watched@٣",
]  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
def test_names_open_no_files(client: TestClient, runs: Path, name: str) -> None:
    (runs / "file.onnx").write_bytes(weights.load("classic").onnx)
    asked = {"model": name, "layer": "convolution 1"}
    for response in (
        client.get("/v1/units", params=asked),
        client.post("/v1/explain", params=asked, content=png(), headers=PNG),
    ):
        refused(response, "no model")
        assert str(runs) not in response.text


# --- units -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", EXPLAINERS)
def test_units_are_told_as_they_weigh(client: TestClient, name: str) -> None:
    anatomy = EXPLAINERS[name].anatomy
    for layer in anatomy.layers:
        asked = {"model": name, "layer": layer.name}
        whole, one = (
            client.get("/v1/units", params=asked).json(),
            client.get("/v1/units", params={**asked, "unit": 1 % layer.shape[0]}).json(),
        )
        unit = anatomy.unit(layer, 1 % layer.shape[0])
        if unit is None:
            assert whole["weight"] is one["weight"] is one["bias"] is one["statistics"] is None
            continue
        assert np.array_equal(numbers(whole["weight"]), anatomy.weight(layer))
        assert np.array_equal(numbers(one["weight"]), unit.weight)
        assert one["bias"] == pytest.approx(unit.bias)
        assert one["statistics"]["norm"] == pytest.approx(np.linalg.norm(unit.weight), rel=1e-4)
        assert one["exciting"] is one["note"] is None


def test_exciting_digits_are_told_with_their_values(client: TestClient, mnist_cache: Path) -> None:
    asked = {"model": "classic", "layer": "ReLU 2", "unit": 3, "exciting": True}
    told = client.get("/v1/units", params=asked).json()["exciting"]
    assert len(told) == excitement.BEST
    layer = EXPLAINERS["classic"].anatomy.find("ReLU 2")
    digits = np.stack([numbers(one["digit"], "u1") for one in told]).astype(np.float32) / 255
    made = EXPLAINERS["classic"].anatomy.see(digits, [layer])[layer.tensor][:, 3]
    for one, values in zip(told, made, strict=True):
        assert values.max() == pytest.approx(one["value"], abs=1e-4)
        assert values[tuple(one["at"])] == pytest.approx(one["value"], abs=1e-4)


def test_without_training_digits_it_is_noted_and_all_else_is_told(
    far: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    excitement.training_digits.cache_clear()
    monkeypatch.setattr(mnist, "status", lambda: {"train-images": "missing"})
    told = far.get("/v1/units", params={"layer": "convolution 1", "unit": 0, "exciting": True}).json()
    assert told["exciting"] is None
    assert told["note"] == "MNIST's training digits are not in the cache; numeye data fetches them"
    assert told["weight"]["shape"] == [1, 3, 3]


@pytest.mark.parametrize(
    ("asked", "said"),
    [
        ({"layer": "eyes"}, "reader has no layer 'eyes'; it has"),
        ({}, "layer"),
        ({"layer": "linear 1", "unit": 11}, "0 to 10"),
        ({"layer": "linear 1", "unit": -1}, "unit"),
        ({"layer": "x" * 81}, "layer"),
        ({"layer": "linear 1", "model": "x" * 121}, "model"),
    ],
)
def test_units_that_there_are_not_are_told(client: TestClient, asked: dict[str, Any], said: str) -> None:
    refused(client.get("/v1/units", params=asked), said)


def test_every_refusal_gives_its_place_back(client: TestClient) -> None:
    for number in range(100):
        content, headers, query, status, _ = list(BAD.values())[number % len(BAD)]
        assert client.post(f"/v1/explain?{query}", content=content, headers=headers).status_code == status
        assert client.get("/v1/units", params={"layer": "x", "model": NAMES[number % len(NAMES)]}).status_code == 422
    assert client.get("/readyz").status_code == 200
    assert client.post("/page/networks", content=b"x").status_code == 422
    assert client.get("/readyz").status_code == 200


def test_what_fails_unforeseen_gives_its_place_back_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Shelf, name: str | None) -> None:
        raise MemoryError

    monkeypatch.setattr(Shelf, "open", broken)
    with TestClient(create_app(Limits(requests=1)), raise_server_exceptions=False) as client:
        for _ in range(3):
            assert client.post("/v1/explain", content=png(), headers=PNG).status_code == 500
            assert client.get("/v1/units", params={"layer": "x"}).status_code == 500
        assert client.get("/readyz").status_code == 200


# --- runs --------------------------------------------------------------------------------------------------------


def test_runs_and_their_snapshots_are_looked_into(client: TestClient, runs: Path) -> None:
    listed = client.get("/page/networks").json()
    assert listed["local"]
    assert [one["name"] for one in listed["networks"]][:3] == ["classic", "reader", "run/watched"]
    steps = Run.open(runs / "watched").snapshots()
    firsts = []
    for step in (steps[0], steps[-1]):
        told = client.get("/v1/units", params={"model": f"run/watched@{step}", "layer": "convolution 1"}).json()
        stored = load_file(Run.open(runs / "watched").snapshot(step))["conv1.weight"]
        assert np.array_equal(numbers(told["weight"]), stored)
        firsts.append(stored)
    assert not np.array_equal(*firsts)
    found = explained(client, "model=run/watched&activation=true")
    assert [layer["name"] for layer in found["layers"]] == [one.name for one in EXPLAINERS["classic"].anatomy.layers]
    assert found["activation"] is not None
    refused(
        client.get("/v1/units", params={"model": "run/watched@9999999", "layer": "x"}), "no snapshot of step 9999999"
    )


def test_on_a_server_for_others_there_are_none(far: TestClient, runs: Path) -> None:
    assert far.get("/page/networks").json() == {"networks": Shelf(None).known(), "local": False}
    refused(far.get("/v1/units", params={"model": "run/watched", "layer": "x"}), "there are classic, reader")
    refused(far.post("/page/networks", content=b"x"), "from this machine", 403)
    with TestClient(create_app(), **HERE) as here:
        refused(here.post("/page/networks", content=b"x"), "only on one's own machine")


def test_a_run_that_is_trained_again_is_opened_anew(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "watched", tmp_path / "again")
    shelf, run = Shelf(tmp_path), Run.open(tmp_path / "again")
    for name, file in (("run/again", run.folder / "card.json"), ("run/again@0", run.snapshot(0))):
        first = shelf.open(name)
        assert shelf.open(name) is first
        if file.suffix == ".safetensors":
            save_file({key: value + 1 for key, value in load_file(file).items()}, file)
        os.utime(file, ns=(0, time.time_ns() + 10**9))
        again = shelf.open(name)
        assert again is not first
    layer = again.explainer.anatomy.find("convolution 1")
    before, after = (one.explainer.anatomy.weight(layer) for one in (first, again))
    assert before is not None
    np.testing.assert_allclose(before + 1, after, atol=1e-6)


def test_weights_of_a_training_that_went_astray_are_told(runs: Path, tmp_path: Path) -> None:
    shutil.copytree(runs / "watched", tmp_path / "astray")
    file = Run.open(tmp_path / "astray").snapshot(0)
    save_file({key: value * np.float32(np.nan) for key, value in load_file(file).items()}, file)
    with TestClient(create_app(runs=tmp_path), **HERE) as client:
        for unit in ({}, {"unit": 0}):
            asked = {"model": "run/astray@0", "layer": "convolution 1", **unit}
            refused(client.get("/v1/units", params=asked), "convolution 1 weighs with is not finite")
        refused(client.post("/v1/explain?model=run/astray@0", content=png(), headers=PNG), "not finite")


def test_networks_are_kept_open_but_few(runs: Path) -> None:
    shelf = Shelf(runs)
    steps = Run.open(runs / "watched").snapshots()
    names = ["classic", "reader", *(f"run/watched@{step}" for step in steps)][: KEPT + 2]
    assert len(names) > KEPT
    for name in names:
        shelf.open(name)
    assert len(shelf._open) == KEPT
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(Shelf(None).open, ["classic"] * 8))
    assert len({id(one) for one in found[4:]}) == 1


# --- own networks ------------------------------------------------------------------------------------------------


def own(number: int = 0) -> bytes:
    """The packaged network with another bias."""
    model = onnx.load_model_from_string(weights.load("classic").onnx)
    last = next(one for one in model.graph.initializer if list(one.dims) == [10])
    last.CopyFrom(numpy_helper.from_array(numpy_helper.to_array(last) + np.float32(number), last.name))
    content: bytes = model.SerializeToString()
    return content


def test_an_own_network_is_tried_listed_and_looked_into(client: TestClient) -> None:
    response = client.post("/page/networks?name=mine.onnx", content=own(1))
    assert response.status_code == 200, response.text
    name = response.json()["name"]
    assert {"name": name, "about": "mine.onnx"} in client.get("/page/networks").json()["networks"]
    told = explained(client, f"model={name}")
    assert (told["model"], told["answer"]) == ("mine.onnx", "7")
    assert client.get("/v1/units", params={"model": name, "layer": "linear 2", "unit": 0}).json()["bias"] is not None


def test_the_oldest_of_too_many_is_forgotten(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(trial, "hold", lambda content: None)
    shelf = Shelf(tmp_path)
    names = [shelf.add(own(number), str(number)) for number in range(OWN)]
    for name in names:
        shelf.open(name)
    assert shelf.add(own(0), "again") == names[0]  # it is the newest now
    shelf.add(own(OWN), "")
    assert [one["name"] for one in shelf.known() if one["name"].startswith("own/")][:-1] == [*names[2:], names[0]]
    with pytest.raises(UsageError, match=f"no model '{names[1]}'"):
        shelf.open(names[1])
    shelf.open(names[0])


def test_it_can_be_listed_while_others_are_added(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(shelves.trial, "hold", lambda content: None)
    shelf = Shelf(tmp_path)

    def add() -> None:
        for number in range(3_000):
            shelf.add(b"%d" % number, "x")

    with ThreadPoolExecutor(1) as pool:
        adding = pool.submit(add)
        while not adding.done():
            assert len(shelf.known()) <= 2 + OWN
        adding.result()


def test_a_refused_network_is_told_and_others_pages_and_keys_are_minded(client: TestClient, runs: Path) -> None:
    refused(client.post("/page/networks", content=b"nothing"), "not an ONNX model that can be read")
    refused(client.post("/page/networks", content=weights.load("spotter").onnx), "the operator DequantizeLinear")
    too_long = client.post("/page/networks", content=bytes(20_000_001))
    refused(too_long, "at most 20,000,000", 413)
    elsewhere = {"Origin": "https://example.org"}
    refused(client.post("/page/networks", content=own(), headers=elsewhere), "a request of the page", 403)
    with TestClient(create_app(keys=["secret"], runs=runs), **HERE) as locked:
        assert locked.post("/page/networks", content=own()).status_code == 401
        for asked in (locked.get("/v1/units?layer=x"), locked.post("/v1/explain", content=png(), headers=PNG)):
            assert asked.status_code == 401


ELSEWHERE = {
    "another host": {"Host": "evil.example:8000"},
    "another page": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:9000"},
}


def _sent(client: TestClient, model: str, headers: dict[str, str]) -> list[httpx2.Response]:
    """Both ways to look into a network."""
    asked = {"model": model, "layer": "convolution 1"}
    return [
        client.get("/v1/units", params=asked, headers=headers),
        client.post("/v1/explain", params=asked, content=SEVEN.read_bytes(), headers={**JPEG, **headers}),
    ]


@pytest.mark.parametrize("name", ELSEWHERE)
def test_runs_and_own_networks_are_not_for_pages_from_elsewhere(client: TestClient, name: str) -> None:
    headers, packaged = ELSEWHERE[name], {"networks": Shelf(None).known(), "local": False}
    mine = client.post("/page/networks", content=own(2)).json()["name"]
    for model in ("run/watched", "run/watched@0", mine, "run/nothing"):
        for response in _sent(client, model, headers):
            refused(response, "expected one from this machine", 403)
            assert response.json()["title"] == "Not from here"
    twice = "/v1/units?layer=convolution%201&model=classic&model=run/watched"
    refused(client.get(twice, headers=headers), "expected one from this machine", 403)
    assert client.get("/page/networks", headers=headers).json() == packaged
    for response in _sent(client, "nothing", headers):
        refused(response, "there are classic, reader")
        assert "run/" not in response.text
        assert "own/" not in response.text
    assert [one.status_code for one in _sent(client, "classic", headers)] == [200, 200]
    assert client.get("/readyz").status_code == 200


def test_the_page_itself_looks_into_them(client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8000"}
    assert [one.status_code for one in _sent(client, "run/watched", headers)] == [200, 200]
    assert client.get("/page/networks", headers=headers).json()["local"]


def test_where_there_are_keys_the_list_asks_for_one_too(runs: Path) -> None:
    with TestClient(create_app(keys=["secret"], runs=runs), **HERE) as locked:
        refused(locked.get("/page/networks"), "no valid key", 401)
        with_key = {"Authorization": "Bearer secret"}
        assert locked.get("/page/networks", headers=with_key).json()["local"]
        assert not locked.get("/page/networks", headers={**with_key, **ELSEWHERE["another host"]}).json()["local"]
        assert [one.status_code for one in _sent(locked, "run/watched", {})] == [401, 401]
        assert [one.status_code for one in _sent(locked, "run/watched", with_key)] == [200, 200]
        refused(_sent(locked, "run/watched", {**with_key, **ELSEWHERE["another page"]})[0], "this machine", 403)


def test_an_own_network_that_does_not_come_in_time_is_refused(tmp_path: Path) -> None:
    """Asked as a server would: a client for tests sends all at once."""

    async def ask() -> list[Message]:
        answers: list[Message] = []
        first = iter([{"type": "http.request", "body": b"half", "more_body": True}])

        async def receive() -> Message:
            for message in first:
                return message
            await asyncio.sleep(30)
            return {"type": "http.disconnect"}

        async def send(message: Message) -> None:
            answers.append(message)

        app = create_app(Limits(seconds=0.2), runs=tmp_path)
        head = {"type": "http", "http_version": "1.1", "method": "POST", "scheme": "http", "query_string": b""}
        named = {"path": "/page/networks", "raw_path": b"/page/networks", "root_path": ""}
        between = {"client": ("127.0.0.1", 1), "server": ("127.0.0.1", 8000), "headers": [(b"host", b"127.0.0.1")]}
        await asyncio.wait_for(app({**head, **named, **between}, receive, send), 10)
        return answers

    with ThreadPoolExecutor(1) as thread:  # a browser of other tests has its loop on this one
        start, body = thread.submit(lambda: asyncio.run(ask())).result()[:2]
    assert start["status"] == 408
    assert b"nothing whole came within 0.2 s" in body["body"]


def test_what_is_told_is_json_that_others_read(client: TestClient) -> None:
    text = client.post("/v1/explain?hidden=true", content=SEVEN.read_bytes(), headers=JPEG).text
    json.loads(text, parse_constant=lambda name: pytest.fail(f"{name} is no JSON"))
