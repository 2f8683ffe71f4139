"""Keys and the rate limit."""

from __future__ import annotations

from pathlib import Path

import pytest
from fastapi.testclient import TestClient

from numeye.cli import serve
from numeye.errors import UsageError
from numeye.server.app import create_app
from numeye.server.security.limits import Limits
from tests.server.bodies import (
    PNG_HEADERS,
    png,
)


def test_a_valid_key_is_required() -> None:
    with TestClient(create_app(keys=["first", "sécond"])) as client:
        for headers in ({}, {"Authorization": "Bearer nothing"}, {"Authorization": "Basic first"}):
            response = client.post("/v1/read", content=png(), headers={**PNG_HEADERS, **headers})
            assert (response.status_code, response.json()["title"]) == (401, "No valid key")
            assert client.get("/v1/models", headers=headers).status_code == 401
        for key in ("Bearer first", "Bearer sécond".encode()):
            response = client.get("/v1/models", headers={"Authorization": key})
            assert response.status_code == 200
        assert client.get("/healthz").status_code == 200


def test_the_description_says_how_a_key_is_sent(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    assert description["components"]["securitySchemes"]["key"]["scheme"] == "bearer"
    secured_paths = {
        path
        for path, methods in description["paths"].items()
        for method in methods.values()
        if method.get("security")
    }
    assert secured_paths >= {"/v1/read", "/v1/models", "/v1/explain", "/v1/units"}


def test_the_rate_limit_is_for_other_machines() -> None:
    app = create_app(Limits(requests_per_minute=2))
    with TestClient(app) as remote, TestClient(app, client=("127.0.0.1", 1)) as local:
        assert [remote.get("/v1/models").status_code for _ in range(3)] == [200, 200, 429]
        assert 1 <= int(remote.get("/v1/models").headers["retry-after"]) <= 31
        assert {local.get("/v1/models").status_code for _ in range(6)} == {200}


def test_a_file_of_keys_may_begin_with_a_byte_order_mark(tmp_path: Path) -> None:
    (tmp_path / "keys").write_bytes(b"\xef\xbb\xbffirst\r\nsecond\r\n")
    assert serve._read_keys(tmp_path / "keys") == ["first", "second"]
    (tmp_path / "utf16").write_text("first", encoding="utf-16")
    for wrong in (tmp_path / "utf16", Path("/dev/zero"), tmp_path):
        with pytest.raises(UsageError, match="cannot be read"):
            serve._read_keys(wrong)
