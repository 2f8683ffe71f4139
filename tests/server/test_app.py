"""The application: metrics, headers, models, the page, and `numeye serve`."""

from __future__ import annotations

import json
import re
import signal
import subprocess
import sys
import tomllib
from pathlib import Path

import httpx2
import pytest
from fastapi.testclient import TestClient

from numeye.server import static_files
from numeye.server.app import create_app
from tests.server.bodies import (
    JPEG_HEADERS,
    PNG_HEADERS,
    SEVEN,
    png,
)

OPENAPI_FILE = Path(__file__).parents[2] / "docs" / "openapi.json"


def test_unknown_paths_and_methods_are_problems(client: TestClient) -> None:
    for response, status in ((client.get("/nothing"), 404), (client.get("/v1/read"), 405)):
        assert (response.status_code, response.json()["status"]) == (status, status)
        assert response.headers["content-type"] == "application/problem+json"


def test_unknown_names_in_a_query_are_rejected(client: TestClient) -> None:
    for path, known in (("/v1/read", "single"), ("/v1/explain", "layers")):
        answer = client.post(
            f"{path}?threshold=1&Model=classic", content=png(), headers=PNG_HEADERS
        )
        assert answer.status_code == 422
        assert "threshold, Model" in answer.json()["detail"]
        assert known in answer.json()["detail"]
    for path in (
        "/v1/units?layer=a&x=",
        "/v1/models?x=1",
        "/healthz?x",
        "/readyz?x=1",
        "/metrics?x=1",
        "/openapi.json?x=1",
    ):
        assert client.get(path).status_code == 422
    many_names = "/v1/read?" + "single=true&" * 65
    assert client.post(many_names, content=png(), headers=PNG_HEADERS).status_code == 422
    assert client.get("/?x=1").status_code == 200  # the page is not part of the API


def test_models_have_their_cards(client: TestClient) -> None:
    models = {model["name"]: model for model in client.get("/v1/models").json()["models"]}
    assert sorted(models) == ["classic", "detector", "recognizer"]
    assert [models[name]["default"] for name in sorted(models)] == [False, True, True]
    assert models["classic"]["card"]["parameters"] == 206_922


def test_metrics_count_pages(client: TestClient) -> None:
    before = client.get("/metrics").text
    client.post("/v1/read?single=true", content=png(), headers=PNG_HEADERS)
    after = client.get("/metrics").text

    def count(text: str) -> float:
        match = re.search(r'numeye_pages_total\{outcome="rejected"\} ([\d.]+)', text)
        return float(match[1]) if match else 0.0

    assert count(after) == count(before) + 1
    assert "numeye_seconds_bucket" in after


def test_every_answer_has_the_security_headers(client: TestClient) -> None:
    for path in ("/healthz", "/nothing", "/openapi.json"):
        headers = client.get(path).headers
        assert headers["x-content-type-options"] == "nosniff"
        assert "default-src 'self'" in headers["content-security-policy"]
        assert "unsafe" not in headers["content-security-policy"]


def test_the_description_in_the_docs_is_up_to_date(client: TestClient) -> None:
    description = client.get("/openapi.json").json()
    expected = json.loads(OPENAPI_FILE.read_text(encoding="utf-8"))
    assert description == expected, "run `make openapi` to update docs/openapi.json"


def test_serve_answers_until_ctrl_c(tmp_path: Path) -> None:
    keys = tmp_path / "keys.txt"
    keys.write_text("secret\n", encoding="utf-8")
    command = [sys.executable, "-m", "numeye", "serve", "--port", "0", "--keys", str(keys)]
    server = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    try:
        assert server.stderr is not None
        line = server.stderr.readline()
        url = line.split()[0]
        headers = {**JPEG_HEADERS, "Authorization": "Bearer secret"}
        answer = httpx2.post(
            f"{url}v1/read?single=true", content=SEVEN.read_bytes(), headers=headers, timeout=60
        )
        assert answer.json()["results"][0]["text"] == "7"
    finally:
        server.send_signal(signal.SIGINT)
        _, stderr = server.communicate(timeout=60)
    assert (server.returncode, stderr) == (130, "")


def test_serve_reports_errors_on_one_line(numeye: object, tmp_path: Path) -> None:
    assert callable(numeye)
    (tmp_path / "empty").touch()
    for arguments, message in (
        (("--keys", tmp_path / "nothing"), "cannot be read"),
        (("--keys", tmp_path / "empty"), "holds no key"),
        (("--host", "192.0.2.1"), "cannot listen there"),
    ):
        process = numeye("serve", *arguments)
        assert process.returncode == 2
        assert process.stderr.count("\n") == 1
        assert message in process.stderr


def test_only_files_of_known_types_are_served(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for name in ("index.html", "main.js", "main.js.orig", "notes"):
        (tmp_path / name).write_text("text")
    (tmp_path / "folder.js").mkdir()
    monkeypatch.setattr(static_files, "_read_guide", lambda name: b"text")
    monkeypatch.setattr(static_files, "WEB_FOLDER", tmp_path)
    client = TestClient(create_app())
    served = {
        path: client.get(path).status_code
        for path in ("/", "/main.js", "/main.js.orig", "/notes", "/folder.js")
    }
    assert served == {
        "/": 200,
        "/main.js": 200,
        "/main.js.orig": 404,
        "/notes": 404,
        "/folder.js": 404,
    }


def test_the_guide_has_the_pages_that_the_tour_links_to() -> None:
    """So does the wheel."""
    texts = json.loads((static_files.WEB_FOLDER / "texts.json").read_text(encoding="utf-8"))
    tours = texts["tours"]
    assert {tour["more"] for tour in tours.values() if "more" in tour} == set(static_files.GUIDE)
    pyproject = Path(__file__).parents[2] / "pyproject.toml"
    settings = tomllib.loads(pyproject.read_text(encoding="utf-8"))
    expected = {
        f"docs/{page}": f"numeye/web/guide/{name}.md" for name, page in static_files.GUIDE.items()
    }
    wheel = settings["tool"]["hatch"]["build"]["targets"]["wheel"]
    assert wheel["force-include"] == expected
