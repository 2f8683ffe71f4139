"""The page's routes for trainings, and who may use them."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient

from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.run_folder import Run
from numeye.server import problem_details
from numeye.server.app import create_app
from numeye.server.problem_details import Problem
from numeye.server.routes import training
from numeye.server.routes.training_jobs import TrainingJobs
from numeye.server.security.local_access import LocalOnly
from tests.server.explaining import LOCAL
from tests.server.fake_training import wait_for


@pytest.fixture
def client(jobs: TrainingJobs) -> TestClient:
    app = FastAPI()
    problem_details.add_handlers(app)
    training.add_routes(app, jobs, [Depends(LocalOnly())])
    return TestClient(app, **LOCAL)


def test_the_page_starts_stops_and_resumes_a_training(client: TestClient) -> None:
    recipes = {
        summary["name"]: summary for summary in client.get("/page/recipes").json()["recipes"]
    }
    assert "detector" not in recipes  # it cannot be explained
    assert recipes["classic"]["expected"] == {"accuracy": 98.9, "minutes": 2}
    answer = client.post("/page/trainings", json={"recipe": "classic", "epochs": 9, "seed": 5})
    assert (answer.status_code, answer.json()["state"]) == (201, "running")
    assert answer.json()["name"] == "classic-seed5-1"
    url = "/page/trainings/classic-seed5-1"
    wait_for(lambda: client.get(url).json()["rows"])
    second = client.post("/page/trainings", json={"recipe": "classic", "epochs": 1, "seed": 5})
    assert (second.status_code, second.json()["title"]) == (409, "Not possible at the moment")
    assert "classic-seed5-1 is running" in second.json()["detail"]
    assert client.post(f"{url}/stop").status_code == 200
    wait_for(lambda: client.get(url).json()["state"] == "stopped")
    assert client.post(f"{url}/resume").json()["state"] == "running"
    wait_for(lambda: client.get(url).json()["state"] == "finished")
    assert [row["step"] for row in client.get(f"{url}?after=87").json()["rows"]] == [88, 89]
    (summary,) = client.get("/page/trainings").json()["trainings"]
    assert summary == {
        "name": "classic-seed5-1",
        "recipe": "classic",
        "state": "finished",
        "epochs": 9,
        "watched": True,
    }


@pytest.mark.parametrize(
    "body",
    [
        {"recipe": "nothing", "epochs": 1, "seed": 0},
        {"recipe": "../x.toml", "epochs": 1, "seed": 0},
        {"recipe": "--help", "epochs": 1, "seed": 0},
        {"recipe": "classic", "epochs": 0, "seed": 0},
        {"recipe": "classic", "epochs": 51, "seed": 0},
        {"recipe": "classic", "epochs": "5", "seed": 0},
        {"recipe": "classic", "epochs": 1, "seed": -1},
        {"recipe": "classic", "epochs": 1, "seed": 0, "run": "/x"},
    ],
)
def test_bad_requests_are_problems(client: TestClient, body: dict[str, Any]) -> None:
    answer = client.post("/page/trainings", json=body)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/page/trainings").json() == {"trainings": []}


@pytest.mark.parametrize(
    "body", [b"", b"no", b"[]", b"{", b"null", b'{"recipe": "classic", "epochs": 1e99}']
)
def test_a_body_that_is_not_a_request_is_a_problem(client: TestClient, body: bytes) -> None:
    answer = client.post("/page/trainings", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith("body")


def test_the_sender_is_checked_before_the_body_which_is_limited(
    client: TestClient,
) -> None:
    assert client.post("/page/trainings", content=bytes(10_001)).status_code == 413
    headers = {"Origin": "http://elsewhere.example"}
    answer = client.post("/page/trainings", content=bytes(10_001), headers=headers)
    assert answer.status_code == 403


@pytest.mark.parametrize(
    "name", ["..", "%2e%2e", "%2e%2e%2fx", ".hidden", "a%2fb", "a%0a", "-x", "a" * 101, "nothing"]
)
def test_a_name_is_never_a_path(client: TestClient, jobs: TrainingJobs, name: str) -> None:
    Run.create(jobs.folder.parent / "x", RunConfig(recipe=load_recipe("classic"), epochs=1))
    for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/resume")):
        answer = client.request(method, f"/page/trainings/{name}{path}")
        assert answer.status_code in (404, 405)
        assert answer.headers["content-type"] == "application/problem+json"
    for bad in ("../x", str(jobs.folder.parent / "x"), "x\n", ""):
        with pytest.raises(Problem) as error:
            jobs.status(bad)
        assert error.value.status == 404


def test_without_the_extra_the_error_names_it(
    client: TestClient, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = client.post("/page/trainings", json={"recipe": "classic", "epochs": 1, "seed": 0})
    assert answer.status_code == 422
    detail = "training needs the extra [train]: pip install 'numeye[train]'"
    assert answer.json()["detail"] == detail


def test_a_damaged_run_is_a_problem(client: TestClient, jobs: TrainingJobs) -> None:
    (jobs.folder / "damaged").mkdir(parents=True)
    (jobs.folder / "damaged" / "config.json").write_text("{")
    answer = client.get("/page/trainings/damaged")
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert "config.json: damaged" in answer.json()["detail"]


@pytest.mark.parametrize(
    ("address", "headers", "status"),
    [
        ("127.0.0.1", {}, 200),
        ("::1", {"Host": "[::1]:8000"}, 200),
        ("127.0.0.1", {"Host": "localhost:8000", "Origin": "http://localhost:8000"}, 200),
        ("127.0.0.1", {"Host": "LOCALHOST"}, 200),
        ("192.0.2.7", {}, 403),
        ("testclient", {}, 403),
        ("127.0.0.1", {"Host": "evil.example:8000"}, 403),
        ("127.0.0.1", {"Host": "127.0.0.1.evil.example"}, 403),
        ("127.0.0.1", {"Host": "x@localhost"}, 403),
        ("127.0.0.1", {"Host": "192.0.2.7:8000"}, 403),
        ("127.0.0.1", {"Host": ""}, 403),
        ("127.0.0.1", {"Origin": "http://evil.example"}, 403),
        ("127.0.0.1", {"Origin": "http://127.0.0.1:9000"}, 403),
        ("127.0.0.1", {"Origin": "https://127.0.0.1:8000"}, 403),
        ("127.0.0.1", {"Origin": "null"}, 403),
    ],
)
def test_only_pages_of_this_server_on_this_machine_are_accepted(
    jobs: TrainingJobs, address: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(runs=jobs.folder)
    client = TestClient(app, base_url="http://127.0.0.1:8000", client=(address, 1))
    answer = client.get("/page/trainings", headers=headers)
    assert answer.status_code == status
    post_status = client.post("/page/trainings", headers=headers, json={}).status_code
    if status == 200:
        assert (answer.json(), post_status) == ({"trainings": []}, 422)
    else:
        assert (answer.json()["title"], post_status) == ("Allowed only from this machine", 403)


def test_without_runs_there_are_no_trainings_and_the_same_api(
    tmp_path: Path,
) -> None:
    plain, with_runs = (TestClient(create_app(runs=runs), **LOCAL) for runs in (None, tmp_path))
    assert plain.get("/page/trainings").status_code == 404
    assert with_runs.get("/page/recipes").status_code == 200
    descriptions = [client.get("/openapi.json").text for client in (plain, with_runs)]
    assert descriptions[0] == descriptions[1]
    keyed = TestClient(create_app(keys=["secret"], runs=tmp_path), **LOCAL)
    assert keyed.get("/page/trainings").status_code == 401
    headers = {"Authorization": "Bearer secret"}
    assert keyed.get("/page/trainings", headers=headers).status_code == 200
