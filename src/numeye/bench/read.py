"""`numeye bench read`: start-up, one picture and a folder of pictures, as whole processes."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from PIL import Image, ImageDraw

from numeye.bench.timing import describe_machine, numeye_command, time_in_turns
from numeye.models import environment

FOLDER_SIZE = 200  # pictures


def bench_read(rounds: int = 15) -> dict[str, Any]:
    """Time `numeye --help`, `numeye read` for one picture and for a folder.

    The baseline is a Python that does nothing.

    Args:
        rounds: counted runs of each command.

    Returns:
        The machine, the timings and the differences in milliseconds.
    """
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
        # the start-up time of a reader that needs torch
        if "torch" in environment.environment()["packages"]:
            commands["python -c 'import torch'"] = [sys.executable, "-c", "import torch"]
        timings = time_in_turns(commands, rounds)
    python, numeye_help, one_picture, whole_folder, *_ = timings.values()
    per_picture = (whole_folder.median - one_picture.median) / (FOLDER_SIZE - 1)
    return {
        "machine": describe_machine(),
        "rounds": rounds,
        "timings": list(timings.values()),
        "help_above_python_ms": (numeye_help.median - python.median) * 1000,
        "read_above_python_ms": (one_picture.median - python.median) * 1000,
        "ms_per_further_picture": per_picture * 1000,
    }


def format_results(result: dict[str, Any]) -> list[str]:
    """Return the result of `bench_read` as lines of text."""
    return [
        f"{result['machine']}; medians of {result['rounds']} runs by turns, whole processes",
        *(str(timing) for timing in result["timings"]),
        f"numeye --help above python -c pass:          {result['help_above_python_ms']:6.0f} ms",
        f"numeye read digit.png above python -c pass:  {result['read_above_python_ms']:6.0f} ms",
        f"each further picture of a folder:            {result['ms_per_further_picture']:6.2f} ms",
    ]


def _draw_seven(path: Path) -> Path:
    """Draw a seven, dark on light, and return the file."""
    picture = Image.new("L", (120, 160), 245)
    ImageDraw.Draw(picture).line([(30, 35), (88, 32), (52, 130)], fill=30, width=9, joint="curve")
    picture.save(path)
    return path
