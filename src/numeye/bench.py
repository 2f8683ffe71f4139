"""How long things take: whole commands, started as a user starts them.

It starts commands and imports none of them. Each claim names its baseline, which runs by turns with what it is
compared to, in the same minutes on the same machine; medians are quoted, with the lowest and the highest.
"""

from __future__ import annotations

import json
import math
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from numeye import source
from numeye.errors import NumeyeError
from numeye.metrics import mean_interval

FOLDER_SIZE = 200


@dataclass(frozen=True, kw_only=True)
class Timing:
    """Seconds of each counted run of one command."""

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """The middle one, in seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        low, high = min(self.seconds) * 1000, max(self.seconds) * 1000
        return f"{self.name:<34} {self.median * 1000:8.0f} ms   ({low:.0f} to {high:.0f})"


def machine() -> str:
    """One line about the machine that a time was taken on."""
    facts = source.environment()
    return f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}"


def numeye_command() -> list[str]:
    """The command `numeye` of this environment."""
    script = Path(sys.executable).with_name("numeye")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "numeye"]


def time_by_turns(commands: dict[str, Sequence[str]], rounds: int) -> dict[str, Timing]:
    """Run the commands one after the other, `rounds` times after one round that is not counted.

    Raises:
        NumeyeError: one of them fails.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            begun = time.perf_counter()
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            taken = time.perf_counter() - begun
            if done.returncode:
                raise NumeyeError(f"{name} failed with status {done.returncode}: {done.stderr.strip()[-200:]}")
            if number:
                seconds[name].append(taken)
    return {name: Timing(name=name, seconds=tuple(found)) for name, found in seconds.items()}


def bench_read(rounds: int = 15) -> dict[str, Any]:
    """Start-up, one picture cold, and a folder of pictures; the baseline is Python doing nothing."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        picture = _draw_seven(folder / "digit.png")
        many = folder / "many"
        many.mkdir()
        for number in range(FOLDER_SIZE):
            (many / f"{number:04d}.png").write_bytes(picture.read_bytes())
        numeye = numeye_command()
        commands: dict[str, Sequence[str]] = {
            "python -c pass": [sys.executable, "-c", "pass"],
            "numeye --help": [*numeye, "--help"],
            "numeye read digit.png": [*numeye, "read", str(picture)],
            f"numeye read FOLDER ({FOLDER_SIZE} pictures)": [*numeye, "read", str(many)],
        }
        if "torch" in source.environment()["packages"]:  # what a script that reads with torch pays before it reads
            commands["python -c 'import torch'"] = [sys.executable, "-c", "import torch"]
        timings = time_by_turns(commands, rounds)
    python, started, one, folder_of, *_ = timings.values()
    per_picture = (folder_of.median - one.median) / (FOLDER_SIZE - 1)
    return {
        "machine": machine(),
        "rounds": rounds,
        "timings": list(timings.values()),
        "help_above_python_ms": (started.median - python.median) * 1000,
        "read_above_python_ms": (one.median - python.median) * 1000,
        "ms_per_further_picture": per_picture * 1000,
    }


def reading_lines(result: dict[str, Any]) -> list[str]:
    """What `bench_read` found, for people."""
    return [
        f"{result['machine']}; medians of {result['rounds']} runs by turns, whole processes",
        *(str(timing) for timing in result["timings"]),
        f"numeye --help above python -c pass:          {result['help_above_python_ms']:6.0f} ms",
        f"numeye read digit.png above python -c pass:  {result['read_above_python_ms']:6.0f} ms",
        f"each further picture of a folder:            {result['ms_per_further_picture']:6.2f} ms",
    ]


def bench_train(seeds: Sequence[int], rounds: int, runs: Path, cache: str | None = None) -> dict[str, Any]:
    """The loop against a bare one, and the recipe `classic` trained once for each seed.

    Args:
        seeds: one whole training each; a run that is in `runs` already is gone on with, not trained anew.
        rounds: epochs of 16,000 digits of each of the two loops, by turns.
        runs: folder of the runs.
        cache: where MNIST is kept.
    """
    result: dict[str, Any] = {"machine": machine(), "rounds": rounds, "loop": None, "seeds": []}
    if rounds:
        arguments = [sys.executable, "-m", "numeye.training.bare", str(rounds), *([cache] if cache else [])]
        loop = json.loads(_output(arguments))
        ratios = [ours / bare for ours, bare in zip(loop["ours"], loop["bare"], strict=True)]
        loop["ratio"] = sum(loop["ours"]) / sum(loop["bare"])
        loop["ratios"] = [min(ratios), max(ratios)]
        result["loop"] = loop
    for seed in seeds:
        folder = runs / f"classic-seed{seed}"
        command = [*numeye_command(), "train", "classic", "--seed", str(seed), "--run", str(folder), "--resume"]
        _output([*command, "--device", "cpu", *(["--cache", cache] if cache else [])])
        card = json.loads((folder / "card.json").read_text(encoding="utf-8"))
        rows = [json.loads(line) for line in (folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()]
        result["seeds"].append(
            {
                "seed": seed,
                "accuracy": card["accuracy"]["accuracy"],
                "interval": card["accuracy"]["interval"],
                "validation_accuracy": rows[-1]["validation_accuracy"],
                "seconds": sum(row["seconds"] + row["validation_seconds"] for row in rows),
                "seconds_to_98": _seconds_to(98.0, rows),
            }
        )
    if result["seeds"]:
        result["mean"], half_width = mean_interval([run["accuracy"] for run in result["seeds"]])
        result["half_width"] = None if math.isnan(half_width) else half_width  # one seed tells nothing of others
    return result


def training_lines(result: dict[str, Any]) -> list[str]:
    """What `bench_train` found, for people."""
    lines = [result["machine"]]
    if loop := result["loop"]:
        low, high = loop["ratios"]
        lines.append(
            f"training steps, ours / bare loop: {loop['ratio']:.3f}   ({low:.3f} to {high:.3f} over "
            f"{len(loop['ours'])} epochs of {loop['digits']:,} digits each, by turns; reading batches is in the clock)"
        )
    for run in result["seeds"]:
        low, high = run["interval"]
        to_98 = "never" if run["seconds_to_98"] is None else f"{run['seconds_to_98']:.0f} s"
        lines.append(
            f"classic, seed {run['seed']}: {run['accuracy']:.2f} % of MNIST test (95 % interval {low:.2f} to "
            f"{high:.2f}), {run['seconds']:.0f} s of training and validation, {to_98} to 98 % of validation"
        )
    if len(result["seeds"]) > 1:
        half = result["half_width"]
        lines.append(
            f"mean over {len(result['seeds'])} seeds: {result['mean']:.2f} % +- {half:.2f} (95 %, Student's t)"
        )
    return lines


def _seconds_to(accuracy: float, rows: list[dict[str, Any]]) -> float | None:
    """Training and validation seconds until the validation accuracy first reached `accuracy` percent."""
    spent: float = 0.0
    for row in rows:
        spent += row["seconds"] + row["validation_seconds"]
        if row["validation_accuracy"] >= accuracy:
            return spent
    return None


def _output(command: Sequence[str]) -> str:
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise NumeyeError(f"{' '.join(command[:4])} ... failed with status {done.returncode}")
    return done.stdout


def _draw_seven(path: Path) -> Path:
    """A seven as a pen draws it, dark on light."""
    picture = Image.new("L", (120, 160), 245)
    ImageDraw.Draw(picture).line([(30, 35), (88, 32), (52, 130)], fill=30, width=9, joint="curve")
    picture.save(path)
    return path
