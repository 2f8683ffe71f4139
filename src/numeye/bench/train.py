"""`numeye bench train`: the training loop beside a minimal one, and `classic` with several seeds.

The trainings run in processes of their own, so this module needs no torch.
"""

from __future__ import annotations

import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from numeye.bench.timing import describe_machine, numeye_command, output_of
from numeye.evaluation.metrics import mean_interval
from numeye.io import structured_files


def bench_train(
    seeds: Sequence[int], rounds: int, runs: Path, cache: str | None = None
) -> dict[str, Any]:
    """Time the training loop against a minimal one, and train `classic` once for each seed.

    Args:
        seeds: seeds of the trainings; a run that is in `runs` already is resumed.
        rounds: epochs of 16,000 digits of each of the two loops, which take turns; 0 for none.
        runs: folder of the runs.
        cache: folder of MNIST (default: the usual cache).

    Returns:
        The machine, the times of both loops, and accuracy and times for each seed.

    Raises:
        NumeyeError: a training fails.
    """
    result: dict[str, Any] = {
        "machine": describe_machine(),
        "rounds": rounds,
        "loop": None,
        "seeds": [],
    }
    if rounds:
        result["loop"] = _time_loops(rounds, cache)
    for seed in seeds:
        result["seeds"].append(_train_classic(seed, runs, cache))
    if result["seeds"]:
        result["mean"], half_width = mean_interval([run["accuracy"] for run in result["seeds"]])
        # With one seed there is no interval.
        result["half_width"] = None if math.isnan(half_width) else half_width
    return result


def _time_loops(rounds: int, cache: str | None) -> dict[str, Any]:
    """Time the training loop and a minimal one, by turns, in a process of their own."""
    command = [sys.executable, "-m", "numeye.training.bare_loop", str(rounds)]
    loop: dict[str, Any] = json.loads(output_of([*command, *([cache] if cache else [])]))
    ratios = [ours / bare for ours, bare in zip(loop["ours"], loop["bare"], strict=True)]
    loop["ratio"] = sum(loop["ours"]) / sum(loop["bare"])
    loop["ratios"] = [min(ratios), max(ratios)]
    return loop


def _train_classic(seed: int, runs: Path, cache: str | None) -> dict[str, Any]:
    """Train `classic` with a seed, or resume the run, and return its accuracy and times."""
    folder = runs / f"classic-seed{seed}"
    command = [*numeye_command(), "train", "classic", "--seed", str(seed), "--run", str(folder)]
    command += ["--resume", "--device", "cpu", *(["--cache", cache] if cache else [])]
    output_of(command)
    card = structured_files.load_json(folder / "card.json")
    rows = structured_files.load_json_lines(folder / "metrics.jsonl")
    return {
        "seed": seed,
        "accuracy": card["accuracy"]["accuracy"],
        "interval": card["accuracy"]["interval"],
        "validation_accuracy": rows[-1]["validation_accuracy"],
        "seconds": sum(row["seconds"] + row["validation_seconds"] for row in rows),
        "seconds_to_98": _seconds_to(98.0, rows),
    }


def format_results(result: dict[str, Any]) -> list[str]:
    """Return the result of `bench_train` as lines of text."""
    lines = [result["machine"]]
    if loop := result["loop"]:
        low, high = loop["ratios"]
        lines.append(
            f"training steps, ours / bare loop: {loop['ratio']:.3f}   ({low:.3f} to {high:.3f} over"
            f" {len(loop['ours'])} epochs of {loop['digits']:,} digits each, by turns; reading"
            " batches is in the clock)"
        )
    for run in result["seeds"]:
        low, high = run["interval"]
        to_98 = "never" if run["seconds_to_98"] is None else f"{run['seconds_to_98']:.0f} s"
        lines.append(
            f"classic, seed {run['seed']}: {run['accuracy']:.2f} % of MNIST test (95 % interval"
            f" {low:.2f} to {high:.2f}), {run['seconds']:.0f} s of training and validation, {to_98}"
            " to 98 % of validation"
        )
    if len(result["seeds"]) > 1:
        half = result["half_width"]
        lines.append(
            f"mean over {len(result['seeds'])} seeds: {result['mean']:.2f} % +- {half:.2f} (95 %,"
            " Student's t)"
        )
    return lines


def _seconds_to(accuracy: float, rows: list[dict[str, Any]]) -> float | None:
    """Return the seconds of training and validation until this validation accuracy, in percent."""
    spent: float = 0.0
    for row in rows:
        spent += row["seconds"] + row["validation_seconds"]
        if row["validation_accuracy"] >= accuracy:
            return spent
    return None
