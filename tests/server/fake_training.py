"""A command that behaves as `numeye train` does, and functions that wait for it."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

from numeye.server.routes.training_jobs import TrainingJobs

# Behaves as `numeye train` does, seen from outside: a row every 20 ms, ten an epoch.
FAKE_TRAINING = """
import signal, sys, time
from pathlib import Path
from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.run_folder import GRAPH, Run
arguments = sys.argv[2:]
value = lambda name: arguments[arguments.index(name) + 1]
folder = Path(value("--run"))
if "--seed" in arguments and value("--seed") == "13":
    sys.exit("first a line\\nnumeye: no luck")
if "--resume" in arguments and (folder / "config.json").exists():
    run = Run.open(folder)
else:
    recipe = load_recipe(arguments[0])
    config = RunConfig(recipe=recipe, epochs=int(value("--epochs")), seed=int(value("--seed")))
    run = Run.create(folder, config)
    (folder / GRAPH).write_bytes(b"graph")
signals = []
signal.signal(signal.SIGINT, lambda *_: signals.append(1))
for step in range(len(run.steps()), run.config.epochs * 10):
    if signals:
        time.sleep(0.2)
        print("Stopped", len(signals), file=sys.stderr)
        sys.exit(130)
    run.append_step({"step": step, "loss": 2.0, "accuracy": 10.0})
    time.sleep(0.02)
row = {"train_loss": 1, "validation_loss": 1, "validation_accuracy": 9}
run.write_metrics([{"epoch": n + 1, **row} for n in range(run.config.epochs)])
(folder / "report.html").touch()
"""


def wait_for(check: Callable[[], Any], timeout_s: float = 60) -> Any:
    """Wait until a check returns something true, and return that."""
    until = time.monotonic() + timeout_s
    while not (result := check()):
        assert time.monotonic() < until, f"it did not happen within {timeout_s:g} s"
        time.sleep(0.02)
    return result


def wait_until_ended(jobs: TrainingJobs, name: str, timeout_s: float = 60) -> dict[str, Any]:
    """Wait until a training does not run, and return its status."""
    wait_for(lambda: jobs.status(name)["state"] != "running", timeout_s)
    return jobs.status(name)
