"""Run folders and own networks can be used only by the server's page on this machine."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from numeye.server.app import create_app
from numeye.server.model_store import ModelStore
from tests.server.bodies import JPEG_HEADERS
from tests.server.explaining import (
    LOCAL,
    SEVEN,
    check_rejected,
    make_own_network,
)

OTHER_ORIGINS = {
    "another host": {"Host": "evil.example:8000"},
    "another page": {"Origin": "https://evil.example"},
    "another port": {"Origin": "http://127.0.0.1:9000"},
}


def _explain_model(
    local_client: TestClient, model: str, headers: dict[str, str]
) -> list[httpx2.Response]:
    """Send both requests that explain a network."""
    return [
        local_client.get(
            "/v1/units", params={"model": model, "layer": "convolution 1"}, headers=headers
        ),
        local_client.post(
            "/v1/explain",
            params={"model": model},
            content=SEVEN.read_bytes(),
            headers={**JPEG_HEADERS, **headers},
        ),
    ]


def _statuses(client: TestClient, model: str, headers: dict[str, str]) -> list[int]:
    return [response.status_code for response in _explain_model(client, model, headers)]


@pytest.mark.parametrize("name", OTHER_ORIGINS)
def test_other_pages_cannot_use_runs_and_own_networks(local_client: TestClient, name: str) -> None:
    headers = OTHER_ORIGINS[name]
    packaged = {"networks": ModelStore(None).list_models(), "local": False}
    own_name = local_client.post("/page/networks", content=make_own_network(2)).json()["name"]
    for model in ("run/watched", "run/watched@0", own_name, "run/nothing"):
        for response in _explain_model(local_client, model, headers):
            check_rejected(response, "expected a request from this machine", 403)
            assert response.json()["title"] == "Allowed only from this machine"
    twice = "/v1/units?layer=convolution%201&model=classic&model=run/watched"
    check_rejected(
        local_client.get(twice, headers=headers), "expected a request from this machine", 403
    )
    assert local_client.get("/page/networks", headers=headers).json() == packaged
    for response in _explain_model(local_client, "nothing", headers):
        check_rejected(response, "available: classic, recognizer")
        assert "run/" not in response.text
        assert "own/" not in response.text
    assert _statuses(local_client, "classic", headers) == [200, 200]
    assert local_client.get("/readyz").status_code == 200


def test_the_servers_page_can_use_them(local_client: TestClient) -> None:
    headers = {"Origin": "http://127.0.0.1:8000"}
    assert _statuses(local_client, "run/watched", headers) == [200, 200]
    assert local_client.get("/page/networks", headers=headers).json()["local"]


def test_a_key_is_required_too(runs: Path) -> None:
    with TestClient(create_app(keys=["secret"], runs=runs), **LOCAL) as locked:
        check_rejected(locked.get("/page/networks"), "no valid key", 401)
        with_key = {"Authorization": "Bearer secret"}
        assert locked.get("/page/networks", headers=with_key).json()["local"]
        assert not locked.get(
            "/page/networks", headers={**with_key, **OTHER_ORIGINS["another host"]}
        ).json()["local"]
        assert _statuses(locked, "run/watched", {}) == [401, 401]
        assert _statuses(locked, "run/watched", with_key) == [200, 200]
        headers = {**with_key, **OTHER_ORIGINS["another page"]}
        check_rejected(_explain_model(locked, "run/watched", headers)[0], "this machine", 403)
