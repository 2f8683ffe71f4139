"""Trainings of the page: processes that are started, stopped and gone on with, and who may ask for it."""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from fastapi import Depends, FastAPI
from fastapi.testclient import TestClient
from filelock import FileLock

import numeye
from numeye import snapshots
from numeye.config import RunConfig, load_recipe
from numeye.runs import Run
from numeye.server import learning, problems, trainings
from numeye.server.app import create_app
from numeye.server.guards import Local
from numeye.server.problems import Problem
from numeye.server.trainings import Trainings

HERE: dict[str, Any] = {"base_url": "http://127.0.0.1:8000", "client": ("127.0.0.1", 1)}

# As `numeye train`, as far as one sees from outside: a row every 20 ms, ten an epoch.
FAKE = """
import signal, sys, time
from pathlib import Path
from numeye.config import RunConfig, load_recipe
from numeye.runs import GRAPH, Run
asked = sys.argv[2:]
value = lambda name: asked[asked.index(name) + 1]
folder = Path(value("--run"))
if "--seed" in asked and value("--seed") == "13":
    sys.exit("first a line\\nnumeye: no luck")
if "--resume" in asked and (folder / "config.json").exists():
    run = Run.open(folder)
else:
    config = RunConfig(recipe=load_recipe(asked[0]), epochs=int(value("--epochs")), seed=int(value("--seed")))
    run = Run.create(folder, config)
    (folder / GRAPH).write_bytes(b"graph")
stopped = []
signal.signal(signal.SIGINT, lambda *_: stopped.append(1))
for step in range(len(run.steps()), run.config.epochs * 10):
    if stopped:
        time.sleep(0.2)
        print("Stopped", len(stopped), file=sys.stderr)
        sys.exit(130)
    run.add_steps({"step": step, "loss": 2.0, "accuracy": 10.0})
    time.sleep(0.02)
row = {"train_loss": 1, "validation_loss": 1, "validation_accuracy": 9}
run.write_metrics([{"epoch": n + 1, **row} for n in range(run.config.epochs)])
(folder / "report.html").touch()
"""


# --- processes ---------------------------------------------------------------------------------------------------


@pytest.fixture
def manager(tmp_path: Path) -> Iterator[Trainings]:
    one = Trainings(tmp_path / "runs", [sys.executable, "-c", FAKE])
    yield one
    one.close()


def wait_for(what: Callable[[], Any], seconds: float = 60) -> Any:
    until = time.monotonic() + seconds
    while not (found := what()):
        assert time.monotonic() < until, "waited in vain"
        time.sleep(0.02)
    return found


def ended(manager: Trainings, name: str, seconds: float = 60) -> dict[str, Any]:
    wait_for(lambda: manager.status(name)["state"] != "running", seconds)
    return manager.status(name)


def test_started_stopped_gone_on_with_and_finished(manager: Trainings) -> None:
    assert manager.list() == []
    name = manager.start("classic", epochs=8, seed=3)
    assert name == "classic-seed3-1"
    assert manager.status(name)["state"] == "running"
    wait_for(lambda: len(manager.status(name)["rows"]) > 3)
    for again in (lambda: manager.start("classic", epochs=1, seed=0), lambda: manager.resume(name)):
        with pytest.raises(Problem, match=f"{name} is at work") as refused:
            again()
        assert refused.value.status == 409
    manager.stop(name)
    manager.stop(name)  # the second is not sent: it would be the end without saving
    stopped = ended(manager, name)
    assert (stopped["state"], stopped["said"], stopped["epochs"]) == ("stopped", "Stopped 1", 8)
    last = stopped["rows"][-1]["step"]
    assert last < 79
    manager.resume(name)
    done = ended(manager, name)
    assert (done["state"], len(done["metrics"])) == ("finished", 8)
    assert [row["step"] for row in done["rows"]] == list(range(80))
    assert [row["step"] for row in manager.status(name, last)["rows"]] == list(range(last + 1, 80))
    with pytest.raises(Problem, match="has finished"):
        manager.resume(name)
    assert manager.start("classic", epochs=1, seed=3) == "classic-seed3-2"
    assert [one["name"] for one in manager.list()] == ["classic-seed3-1", "classic-seed3-2"]


def test_a_failure_is_told_with_its_last_line(manager: Trainings) -> None:
    name = manager.start("classic", epochs=2, seed=13)
    failed = ended(manager, name)
    assert failed == {
        "name": "classic-seed13-1", "recipe": "classic", "state": "failed", "epochs": 2, "watched": True,
        "said": "numeye: no luck", "rows": [], "metrics": [], "snapshots": [],
    }  # fmt: skip
    manager.resume(name)
    assert ended(manager, name)["state"] == "failed"


def test_runs_that_were_trained_otherwise_are_known_too(manager: Trainings) -> None:
    run = Run.create(manager.folder / "by-hand", RunConfig(recipe=load_recipe("reader"), epochs=4))
    (manager.folder / "no-run").mkdir()
    (manager.folder / "damaged").mkdir()
    (manager.folder / "damaged" / "config.json").write_text("{")
    known = {"name": "by-hand", "recipe": "reader", "state": "stopped", "epochs": 4, "watched": False}
    assert manager.list() == [known]
    with FileLock(run.folder / ".lock"):
        assert manager.list() == [{**known, "state": "running"}]
        for act in (manager.stop, manager.resume):
            with pytest.raises(Problem, match="elsewhere|not started here") as refused:
                act("by-hand")
            assert refused.value.status == 409
    manager.resume("by-hand")
    assert ended(manager, "by-hand")["state"] == "finished"


def test_what_cannot_be_looked_into_is_not_started(manager: Trainings) -> None:
    assert "spotter" not in [recipe.name for recipe in trainings.offered()]
    with pytest.raises(Problem, match="spotter finds digits on pages") as refused:
        manager.start("spotter", epochs=1, seed=0)
    assert refused.value.status == 422
    assert manager.list() == []


def test_windows_is_told_in_one_line(manager: Trainings, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.create(manager.folder / "by-hand", RunConfig(recipe=load_recipe("classic"), epochs=1))
    monkeypatch.setattr(sys, "platform", "win32")
    for act in (lambda: manager.start("classic", epochs=1, seed=0), lambda: manager.resume(run.folder.name)):
        with pytest.raises(Problem, match="not started from the page on Windows") as refused:
            act()
        assert refused.value.status == 422


def test_nothing_beside_the_server_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its path is told, the package is still found: it is `numeye train` that says what is wrong."""
    monkeypatch.setenv("PYTHONPATH", os.path.relpath(Path(numeye.__file__).parents[1], tmp_path))
    monkeypatch.setenv("NUMEYE_CACHE", "/dev/null/nothing")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("raise SystemExit('taken from beside')")
    manager = Trainings(tmp_path / "runs")
    failed = ended(manager, manager.start("classic", epochs=1, seed=0), 240)  # it asks mirrors for MNIST
    manager.close()
    assert failed["state"] == "failed"
    assert "numeye: " in failed["said"]


def test_the_end_of_the_server_lets_a_training_save(manager: Trainings) -> None:
    name = manager.start("classic", epochs=1000, seed=0)
    wait_for(lambda: manager.status(name)["rows"])
    manager.close()
    assert manager._started[name].process.returncode == 130
    with pytest.raises(Problem, match="the server is ending"):
        manager.start("classic", epochs=1, seed=1)


def test_a_training_that_does_not_listen_is_ended_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(trainings, "GRACE", 0.3)
    deaf = "import signal, sys, time; signal.signal(2, signal.SIG_IGN); signal.signal(15, signal.SIG_IGN)\n"
    manager = Trainings(tmp_path, [sys.executable, "-c", f"{deaf}print('deaf', file=sys.stderr); time.sleep(60)"])
    name = manager.start("classic", epochs=1, seed=0)
    wait_for(lambda: manager.status(name)["said"] == "deaf")
    manager.close()
    assert manager._started[name].process.returncode == -9


def test_real_training_starts_stops_and_goes_on(tmp_path: Path, few_digits: Path) -> None:
    script = f"import sys, numeye.cli; sys.argv += ['--data', {str(few_digits)!r}]; numeye.cli.run()"
    manager = Trainings(tmp_path, [sys.executable, "-c", script])
    try:
        name = manager.start("classic", epochs=12, seed=1)
        wait_for(lambda: manager.status(name)["rows"] or manager.status(name)["state"] != "running", 300)
        manager.stop(name)
        wait_for(lambda: manager.status(name)["state"] != "running", 300)
        stopped = manager.status(name)
        assert stopped["state"] == "stopped", stopped["said"]
        assert "this goes on: numeye train" in stopped["said"]
        manager.resume(name)
        wait_for(lambda: manager.status(name)["state"] != "running", 300)
        done = manager.status(name)
        assert done["state"] == "finished", done["said"]
        steps = [row["step"] for row in done["rows"]]
        assert steps == sorted(set(steps))
        assert len(done["metrics"]) == 12
        assert snapshots.load(tmp_path / name, done["snapshots"][-1]).onnx
    finally:
        manager.close()


# --- routes ------------------------------------------------------------------------------------------------------


@pytest.fixture
def client(manager: Trainings) -> TestClient:
    app = FastAPI()
    problems.handle(app)
    learning.add(app, manager, [Depends(Local())])
    return TestClient(app, **HERE)


def test_the_page_starts_and_watches_a_training(client: TestClient) -> None:
    told = {one["name"]: one for one in client.get("/page/recipes").json()["recipes"]}
    assert "spotter" not in told  # it cannot be looked into
    assert told["classic"]["promise"] == {"accuracy": 98.9, "minutes": 2}
    answer = client.post("/page/trainings", json={"recipe": "classic", "epochs": 9, "seed": 5})
    assert (answer.status_code, answer.json()["name"], answer.json()["state"]) == (201, "classic-seed5-1", "running")
    at = "/page/trainings/classic-seed5-1"
    wait_for(lambda: client.get(at).json()["rows"])
    second = client.post("/page/trainings", json={"recipe": "classic", "epochs": 1, "seed": 5})
    assert (second.status_code, second.json()["title"]) == (409, "Not just now")
    assert "classic-seed5-1 is at work" in second.json()["detail"]
    assert client.post(f"{at}/stop").status_code == 200
    wait_for(lambda: client.get(at).json()["state"] == "stopped")
    assert client.post(f"{at}/resume").json()["state"] == "running"
    wait_for(lambda: client.get(at).json()["state"] == "finished")
    assert [row["step"] for row in client.get(f"{at}?after=87").json()["rows"]] == [88, 89]
    (one,) = client.get("/page/trainings").json()["trainings"]
    assert one == {"name": "classic-seed5-1", "recipe": "classic", "state": "finished", "epochs": 9, "watched": True}


@pytest.mark.parametrize(
    "wanted",
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
def test_wrong_wishes_are_problems(client: TestClient, wanted: dict[str, Any]) -> None:
    answer = client.post("/page/trainings", json=wanted)
    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert client.get("/page/trainings").json() == {"trainings": []}


@pytest.mark.parametrize("body", [b"", b"no", b"[]", b"{", b"null", b'{"recipe": "classic", "epochs": 1e99}'])
def test_what_is_no_wish_is_a_problem(client: TestClient, body: bytes) -> None:
    answer = client.post("/page/trainings", content=body)
    assert (answer.status_code, answer.headers["content-type"]) == (422, "application/problem+json")
    assert answer.json()["detail"].startswith("body")


def test_who_may_ask_is_looked_at_before_what_is_sent_and_that_has_an_end(client: TestClient) -> None:
    assert client.post("/page/trainings", content=bytes(10_001)).status_code == 413
    elsewhere = client.post("/page/trainings", content=bytes(10_001), headers={"Origin": "http://elsewhere.example"})
    assert elsewhere.status_code == 403


@pytest.mark.parametrize("name", ["..", "%2e%2e", "%2e%2e%2fx", ".hidden", "a%2fb", "a%0a", "-x", "a" * 101, "nothing"])
def test_a_name_is_never_a_path(client: TestClient, manager: Trainings, name: str) -> None:
    Run.create(manager.folder.parent / "x", RunConfig(recipe=load_recipe("classic"), epochs=1))
    for method, path in (("GET", ""), ("POST", "/stop"), ("POST", "/resume")):
        answer = client.request(method, f"/page/trainings/{name}{path}")
        assert answer.status_code in (404, 405)
        assert answer.headers["content-type"] == "application/problem+json"
    for bad in ("../x", str(manager.folder.parent / "x"), "x\n", ""):
        with pytest.raises(Problem) as refused:
            manager.status(bad)
        assert refused.value.status == 404


def test_without_the_extra_training_names_it(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    answer = client.post("/page/trainings", json={"recipe": "classic", "epochs": 1, "seed": 0})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "training needs the extra [train]: pip install 'numeye[train]'"


def test_a_damaged_run_is_a_problem(client: TestClient, manager: Trainings) -> None:
    (manager.folder / "damaged").mkdir(parents=True)
    (manager.folder / "damaged" / "config.json").write_text("{")
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
def test_only_pages_of_this_server_on_this_machine_may_ask(
    manager: Trainings, address: str, headers: dict[str, str], status: int
) -> None:
    app = create_app(runs=manager.folder)
    client = TestClient(app, base_url="http://127.0.0.1:8000", client=(address, 1))
    answer = client.get("/page/trainings", headers=headers)
    assert answer.status_code == status
    assert answer.json() == {"trainings": []} if status == 200 else answer.json()["title"] == "Not from here"
    assert client.post("/page/trainings", headers=headers, json={}).status_code == (422 if status == 200 else 403)


def test_where_no_runs_are_wanted_there_are_no_trainings_and_the_api_is_as_described(tmp_path: Path) -> None:
    plain, with_runs = (TestClient(create_app(runs=runs), **HERE) for runs in (None, tmp_path))
    assert plain.get("/page/trainings").status_code == 404
    assert with_runs.get("/page/recipes").status_code == 200
    assert json.dumps(plain.get("/openapi.json").json()) == json.dumps(with_runs.get("/openapi.json").json())
    keyed = TestClient(create_app(keys=["secret"], runs=tmp_path), **HERE)
    assert keyed.get("/page/trainings").status_code == 401
    assert keyed.get("/page/trainings", headers={"Authorization": "Bearer secret"}).status_code == 200
