"""Trainings as processes: started, stopped and resumed."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import pytest
from filelock import FileLock

import numeye
from numeye.models import snapshots
from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.run_folder import Run
from numeye.server.problem_details import Problem
from numeye.server.routes import training_jobs
from numeye.server.routes.training_jobs import TrainingJobs
from tests.server.fake_training import wait_for, wait_until_ended


def test_a_training_is_started_stopped_resumed_and_finished(jobs: TrainingJobs) -> None:
    assert jobs.list_jobs() == []
    name = jobs.start("classic", epochs=8, seed=3)
    assert name == "classic-seed3-1"
    assert jobs.status(name)["state"] == "running"
    wait_for(lambda: len(jobs.status(name)["rows"]) > 3)
    for again in (lambda: jobs.start("classic", epochs=1, seed=0), lambda: jobs.resume(name)):
        with pytest.raises(Problem, match=f"{name} is running") as error:
            again()
        assert error.value.status == 409
    jobs.stop(name)
    jobs.stop(name)  # has no effect: a second signal would end it before it has saved
    stopped = wait_until_ended(jobs, name)
    assert (stopped["state"], stopped["message"], stopped["epochs"]) == ("stopped", "Stopped 1", 8)
    last = stopped["rows"][-1]["step"]
    assert last < 79
    jobs.resume(name)
    finished = wait_until_ended(jobs, name)
    assert (finished["state"], len(finished["metrics"])) == ("finished", 8)
    assert [row["step"] for row in finished["rows"]] == list(range(80))
    assert [row["step"] for row in jobs.status(name, last)["rows"]] == list(range(last + 1, 80))
    with pytest.raises(Problem, match="has finished"):
        jobs.resume(name)
    assert jobs.start("classic", epochs=1, seed=3) == "classic-seed3-2"
    assert [summary["name"] for summary in jobs.list_jobs()] == [
        "classic-seed3-1",
        "classic-seed3-2",
    ]


def test_a_failed_training_has_its_last_line(jobs: TrainingJobs) -> None:
    name = jobs.start("classic", epochs=2, seed=13)
    failed = wait_until_ended(jobs, name)
    assert failed == {
        "name": "classic-seed13-1",
        "recipe": "classic",
        "epochs": 2,
        "watched": True,
        "state": "failed",
        "message": "numeye: no luck",
        "rows": [],
        "metrics": [],
        "snapshots": [],
    }
    jobs.resume(name)
    assert wait_until_ended(jobs, name)["state"] == "failed"


def test_runs_that_were_started_elsewhere_are_listed_too(jobs: TrainingJobs) -> None:
    run = Run.create(jobs.folder / "by-hand", RunConfig(recipe=load_recipe("recognizer"), epochs=4))
    (jobs.folder / "no-run").mkdir()
    (jobs.folder / "damaged").mkdir()
    (jobs.folder / "damaged" / "config.json").write_text("{")
    summary = {
        "name": "by-hand",
        "recipe": "recognizer",
        "state": "stopped",
        "epochs": 4,
        "watched": False,
    }
    assert jobs.list_jobs() == [summary]
    with FileLock(run.folder / ".lock"):
        assert jobs.list_jobs() == [{**summary, "state": "running"}]
        for act in (jobs.stop, jobs.resume):
            with pytest.raises(Problem, match="elsewhere|not started here") as error:
                act("by-hand")
            assert error.value.status == 409
    jobs.resume("by-hand")
    assert wait_until_ended(jobs, "by-hand")["state"] == "finished"


def test_recipes_that_cannot_be_explained_are_not_started(jobs: TrainingJobs) -> None:
    assert "detector" not in [recipe.name for recipe in training_jobs.trainable_recipes()]
    with pytest.raises(Problem, match="detector, which finds digits on pages") as error:
        jobs.start("detector", epochs=1, seed=0)
    assert error.value.status == 422
    assert jobs.list_jobs() == []


def test_on_windows_nothing_is_started(jobs: TrainingJobs, monkeypatch: pytest.MonkeyPatch) -> None:
    run = Run.create(jobs.folder / "by-hand", RunConfig(recipe=load_recipe("classic"), epochs=1))
    monkeypatch.setattr(sys, "platform", "win32")
    for act in (
        lambda: jobs.start("classic", epochs=1, seed=0),
        lambda: jobs.resume(run.folder.name),
    ):
        with pytest.raises(Problem, match="cannot start trainings on Windows") as error:
            act()
        assert error.value.status == 422


@pytest.mark.slow
def test_nothing_in_the_current_folder_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package itself is still found by PYTHONPATH: the error is that of `numeye train`."""
    monkeypatch.setenv("PYTHONPATH", os.path.relpath(Path(numeye.__file__).parents[1], tmp_path))
    monkeypatch.setenv("NUMEYE_CACHE", "/dev/null/nothing")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "numpy.py").write_text("raise SystemExit('imported from the current folder')")
    jobs = TrainingJobs(tmp_path / "runs")
    # it first tries to download MNIST
    failed = wait_until_ended(jobs, jobs.start("classic", epochs=1, seed=0), 240)
    jobs.close()
    assert failed["state"] == "failed"
    assert "numeye: " in failed["message"]


def test_a_training_saves_when_the_server_ends(jobs: TrainingJobs) -> None:
    name = jobs.start("classic", epochs=1000, seed=0)
    wait_for(lambda: jobs.status(name)["rows"])
    jobs.close()
    assert jobs._processes[name].child.returncode == 130
    with pytest.raises(Problem, match="the server is shutting down"):
        jobs.start("classic", epochs=1, seed=1)


def test_a_training_that_ignores_signals_is_killed_with_the_server(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(training_jobs, "SHUTDOWN_S", 0.3)
    stubborn = (
        "import signal, sys, time; signal.signal(2, signal.SIG_IGN); signal.signal(15,"
        " signal.SIG_IGN)\n"
    )
    jobs = TrainingJobs(
        tmp_path,
        [sys.executable, "-c", f"{stubborn}print('deaf', file=sys.stderr); time.sleep(60)"],
    )
    name = jobs.start("classic", epochs=1, seed=0)
    wait_for(lambda: jobs.status(name)["message"] == "deaf")
    jobs.close()
    assert jobs._processes[name].child.returncode == -9


@pytest.mark.slow
def test_a_real_training_is_started_stopped_and_resumed(tmp_path: Path, few_digits: Path) -> None:
    options = ["--data", str(few_digits)]
    script = f"import sys, numeye.cli.app; sys.argv += {options}; numeye.cli.app.run()"
    jobs = TrainingJobs(tmp_path, [sys.executable, "-c", script])
    try:
        name = jobs.start("classic", epochs=12, seed=1)
        wait_for(lambda: jobs.status(name)["rows"] or jobs.status(name)["state"] != "running", 300)
        jobs.stop(name)
        stopped = wait_until_ended(jobs, name, 300)
        assert stopped["state"] == "stopped", stopped["message"]
        assert "continue with: numeye train" in stopped["message"]
        jobs.resume(name)
        result = wait_until_ended(jobs, name, 300)
        assert result["state"] == "finished", result["message"]
        steps = [row["step"] for row in result["rows"]]
        assert steps == sorted(set(steps))
        assert len(result["metrics"]) == 12
        assert snapshots.load(tmp_path / name, result["snapshots"][-1]).onnx
    finally:
        jobs.close()
