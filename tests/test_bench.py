from __future__ import annotations

import json
import sys

import pytest

from conftest import Numeye
from numeye import bench
from numeye.errors import NumeyeError
from numeye.training.bare import compare

# Whole processes on a machine that runs the tests at the same time: twice what `numeye bench read` must show.
SLACK = 2.0


@pytest.mark.slow
def test_start_up_is_quick(numeye: Numeye) -> None:
    found = json.loads(numeye("bench", "read", "--rounds", 3, "--json").stdout)
    assert found["help_above_python_ms"] < 200 * SLACK
    assert found["read_above_python_ms"] < 600 * SLACK
    assert 0 < found["ms_per_further_picture"] < 20
    assert all(len(timing["seconds"]) == 3 for timing in found["timings"])


@pytest.mark.slow
def test_the_loop_costs_next_to_nothing() -> None:
    """`numeye bench train` must show at most 1.05; here, with few rounds and other work beside, 1.25 tells a defect."""
    found = compare(3)
    assert len(found["ours"]) == len(found["bare"]) == 3
    assert min(found["ours"]) / min(found["bare"]) < 1.25  # what disturbs a round only makes it longer


def test_commands_run_by_turns_and_the_warm_up_is_not_counted() -> None:
    timings = bench.time_by_turns({"a": [sys.executable, "-c", "pass"], "b": [sys.executable, "-c", "1"]}, 2)
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 2, "b": 2}


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(NumeyeError, match="broken failed with status 3: oh no"):
        bench.time_by_turns(
            {"broken": [sys.executable, "-c", "import sys; print('oh no', file=sys.stderr); sys.exit(3)"]}, 1
        )


def test_the_lines_say_what_was_found() -> None:
    seeds = [
        {"seed": seed, "accuracy": accuracy, "interval": [98.0, 99.5], "validation_accuracy": 99.0, "seconds": 60.0,
         "seconds_to_98": to}
        for seed, accuracy, to in ((0, 99.0, 25.0), (1, 99.2, None))
    ]  # fmt: skip
    loop = {"digits": 16_000, "ours": [2.0, 2.1], "bare": [2.0, 2.0], "ratio": 1.025, "ratios": [1.0, 1.05]}
    result = {"machine": "m", "loop": loop, "seeds": seeds, "mean": 99.1, "half_width": 1.2706}
    machine, first, zero, one, mean = bench.training_lines(result)
    assert machine == "m"
    assert "ours / bare loop: 1.025   (1.000 to 1.050 over 2 epochs of 16,000 digits each" in first
    assert "seed 0: 99.00 % of MNIST test" in zero
    assert "25 s to 98 %" in zero
    assert "never to 98 %" in one
    assert mean == "mean over 2 seeds: 99.10 % +- 1.27 (95 %, Student's t)"


def test_the_server_is_put_under_load(numeye: Numeye) -> None:
    found = json.loads(numeye("bench", "serve", "--seconds", 0.5, "--clients", "1,2", "--json").stdout)
    assert [(load["clients"], load["digits"]) for load in found["loads"]] == [(1, 64), (2, 64), (1, 1), (2, 1)]
    assert all(load["requests"] > 0 and load["failed"] == 0 for load in found["loads"])
    assert all(0 < load["p50"] <= load["p99"] for load in found["loads"])
    assert found["overload"]["refused"] > 0
    assert found["overload"]["failed"] == 0
    assert found["in_process_digits_per_second"] > 50


def test_wrong_numbers_of_clients_are_told(numeye: Numeye) -> None:
    done = numeye("bench", "serve", "--clients", "many")
    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--clients many: expected whole numbers" in done.stderr
