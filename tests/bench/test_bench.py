from __future__ import annotations

import json
import sys

import pytest

from numeye.bench import timing as timing_
from numeye.bench import train
from numeye.errors import NumeyeError
from numeye.training.bare_loop import compare
from tests.conftest import Numeye

# Whole processes on a machine that runs the tests at the same time: twice what `numeye bench read`
# must show.
SLACK = 2.0


@pytest.mark.slow
def test_start_up_is_quick(numeye: Numeye) -> None:
    result = json.loads(numeye("bench", "read", "--rounds", 3, "--json").stdout)
    assert result["help_above_python_ms"] < 200 * SLACK
    assert result["read_above_python_ms"] < 600 * SLACK
    assert 0 < result["ms_per_further_picture"] < 20
    assert all(len(timing["seconds"]) == 3 for timing in result["timings"])


@pytest.mark.slow
def test_the_loop_costs_next_to_nothing() -> None:
    """`numeye bench train` must show at most 1.05.

    Here, with few rounds and other work beside, 1.25 tells a defect.
    """
    result = compare(3)
    assert len(result["ours"]) == len(result["bare"]) == 3
    # what disturbs a round only makes it longer
    assert min(result["ours"]) / min(result["bare"]) < 1.25


def test_commands_run_by_turns_and_the_warm_up_is_not_counted() -> None:
    timings = timing_.time_in_turns(
        {"a": [sys.executable, "-c", "pass"], "b": [sys.executable, "-c", "1"]}, 2
    )
    assert {name: len(timing.seconds) for name, timing in timings.items()} == {"a": 2, "b": 2}


def test_a_command_that_fails_is_no_measurement() -> None:
    with pytest.raises(NumeyeError, match="broken failed with status 3: oh no"):
        timing_.time_in_turns(
            {
                "broken": [
                    sys.executable,
                    "-c",
                    "import sys; print('oh no', file=sys.stderr); sys.exit(3)",
                ]
            },
            1,
        )


def test_the_lines_say_what_was_found() -> None:
    seeds = [
        {
            "seed": seed,
            "accuracy": accuracy,
            "interval": [98.0, 99.5],
            "validation_accuracy": 99.0,
            "seconds": 60.0,
            "seconds_to_98": seconds_to_98,
        }
        for seed, accuracy, seconds_to_98 in ((0, 99.0, 25.0), (1, 99.2, None))
    ]
    loop = {
        "digits": 16_000,
        "ours": [2.0, 2.1],
        "bare": [2.0, 2.0],
        "ratio": 1.025,
        "ratios": [1.0, 1.05],
    }
    result = {"machine": "m", "loop": loop, "seeds": seeds, "mean": 99.1, "half_width": 1.2706}
    machine, first, zero, never, mean = train.format_results(result)
    assert machine == "m"
    assert "ours / bare loop: 1.025   (1.000 to 1.050 over 2 epochs of 16,000 digits each" in first
    assert "seed 0: 99.00 % of MNIST test" in zero
    assert "25 s to 98 %" in zero
    assert "never to 98 %" in never
    assert mean == "mean over 2 seeds: 99.10 % +- 1.27 (95 %, Student's t)"


@pytest.mark.slow
def test_the_server_is_put_under_load(numeye: Numeye) -> None:
    result = json.loads(
        numeye("bench", "serve", "--seconds", 0.5, "--clients", "1,2", "--json").stdout
    )
    assert [(load["clients"], load["digits"]) for load in result["loads"]] == [
        (1, 64),
        (2, 64),
        (1, 1),
        (2, 1),
    ]
    assert all(load["requests"] > 0 and load["failed"] == 0 for load in result["loads"])
    assert all(0 < load["p50"] <= load["p99"] for load in result["loads"])
    # some wait, others get status 503
    assert result["overload"]["requests"] + result["overload"]["refused"] > 0
    assert result["overload"]["failed"] == 0
    assert result["in_process_digits_per_second"] > 50


def test_wrong_numbers_of_clients_are_errors(numeye: Numeye) -> None:
    process = numeye("bench", "serve", "--clients", "many")
    assert (process.returncode, process.stderr.count("\n")) == (2, 1)
    assert "--clients many: expected whole numbers" in process.stderr
