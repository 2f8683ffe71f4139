"""The inference service: slots, time limits, batches and cached readers."""

from __future__ import annotations

import threading
import time
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastapi.testclient import TestClient
from httpx2 import Response

from numeye import Reader, Reading
from numeye.io.images import Page
from numeye.server import dynamic_batching, memory
from numeye.server.app import create_app
from numeye.server.inference import InferenceService
from numeye.server.reader_cache import MAX_CACHED_READERS, ReaderCache, ReadQuery
from numeye.server.security.limits import Limits
from tests.server.bodies import (
    NPY_HEADERS,
    PNG_HEADERS,
    npy,
    png,
)


def test_batched_requests_get_their_own_readings(client: TestClient, digits: np.ndarray) -> None:
    def send(start: int) -> list[int]:
        body = npy(digits[start : start + 3])
        response = client.post("/v1/read?single=true", content=body, headers=NPY_HEADERS)
        return [result["digits"][0]["digit"] for result in response.json()["results"]]

    with ThreadPoolExecutor(16) as pool:
        batched = list(pool.map(send, range(40)))
    assert batched == [send(start) for start in range(40)]


def test_a_request_that_fails_does_not_affect_others_in_its_batch(
    monkeypatch: pytest.MonkeyPatch, digits: np.ndarray
) -> None:
    read, batches = Reader.read_pages, []

    def read_or_fail(self: Reader, pages: list[Page]) -> list[Reading]:
        batches.append(len(pages))
        if any(page.grey.shape == (29, 29) for page in pages):
            raise MemoryError("a secret of the server")
        return read(self, pages)

    monkeypatch.setattr(Reader, "read_pages", read_or_fail)
    monkeypatch.setattr(dynamic_batching, "MAX_LATENCY_S", 0.5)  # so that all are in one batch
    bodies = [npy(digits[:2]), npy(np.zeros((1, 29, 29), np.uint8)), npy(digits[2:4])]
    with TestClient(create_app()) as client, ThreadPoolExecutor(3) as pool:

        def send(body: bytes) -> Response:
            return client.post("/v1/read?single=true", content=body, headers=NPY_HEADERS)

        answers = list(pool.map(send, bodies))
    assert [answer.status_code for answer in answers] == [200, 500, 200]
    assert answers[1].json()["title"] == "Internal server error"
    assert answers[1].headers["x-content-type-options"] == "nosniff"
    assert "secret" not in answers[1].text
    assert max(batches) > 2


def test_a_full_server_answers_503() -> None:
    with TestClient(create_app(Limits(requests=0))) as client:
        response = client.post("/v1/read", content=png(), headers=PNG_HEADERS)
        assert (response.status_code, response.headers["retry-after"]) == (503, "1")
        assert client.get("/readyz").status_code == 503
        assert client.get("/healthz").json() == {"status": "ok"}


def test_a_request_that_timed_out_keeps_its_slot_until_it_has_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    go_on = threading.Event()
    monkeypatch.setattr(InferenceService, "_read_pages", lambda *_: [go_on.wait(60)][:0])
    with TestClient(create_app(Limits(request_s=0.2, requests=1))) as client:
        response = client.post("/v1/read", content=png(), headers=PNG_HEADERS)
        assert (response.status_code, response.headers["retry-after"]) == (503, "10")
        assert "took longer" in response.json()["detail"]
        assert client.get("/readyz").status_code == 503
        response = client.post("/v1/read", content=png(), headers=PNG_HEADERS)
        assert response.headers["retry-after"] == "1"
        go_on.set()
        for _ in range(200):
            if client.get("/readyz").status_code == 200:
                break
            time.sleep(0.02)
        assert client.get("/readyz").status_code == 200


def test_a_rejected_request_takes_no_slot() -> None:
    with TestClient(create_app(Limits(requests=1))) as client:
        for _ in range(3):
            response = client.post("/v1/read", content=b"x", headers={"Content-Type": "text/html"})
            assert response.status_code == 415


def test_readers_with_constraints_do_not_displace_the_others() -> None:
    readers = ReaderCache()
    plain = [readers.get(ReadQuery(single=single)) for single in (False, True)]
    for digits in range(1, 2 * MAX_CACHED_READERS):
        readers.get(ReadQuery(digits=str(digits)))
    assert [readers.get(ReadQuery(single=single)) for single in (False, True)] == plain


def test_a_network_that_cannot_release_its_memory_does_not_affect_others(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class FakeNetwork:
        def __init__(self, fails: bool) -> None:
            self.fails, self.times = fails, 0

        def release(self) -> None:
            self.times += 1
            if self.fails:
                raise ValueError("its batch is fixed")

    networks = [FakeNetwork(True), FakeNetwork(False)]
    for _ in range(2):
        memory.release_all(networks)
    assert [network.times for network in networks] == [2, 2]
    assert caplog.text.count("its batch is fixed") == 1
