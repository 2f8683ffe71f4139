"""Timing of whole commands, started like a user starts them.

Commands that are compared take turns, so that both meet the same conditions on the same machine.
Results are medians with the lowest and the highest time.
"""

from __future__ import annotations

import statistics
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from numeye.errors import NumeyeError
from numeye.models import environment


@dataclass(frozen=True, kw_only=True)
class Timing:
    """The duration of each counted run of one command.

    Attributes:
        name: name of the command.
        seconds: duration of each run.
    """

    name: str
    seconds: tuple[float, ...]

    @property
    def median(self) -> float:
        """Return the median duration in seconds."""
        return statistics.median(self.seconds)

    def __str__(self) -> str:
        low, high = min(self.seconds) * 1000, max(self.seconds) * 1000
        return f"{self.name:<34} {self.median * 1000:8.0f} ms   ({low:.0f} to {high:.0f})"


def describe_machine() -> str:
    """Return one line about this machine and Python."""
    facts = environment.environment()
    return (
        f"{facts['processor']}, {facts['cores']} cores, {facts['system']}, Python {facts['python']}"
    )


def numeye_command() -> list[str]:
    """Return the command that starts the `numeye` of this environment."""
    script = Path(sys.executable).with_name("numeye")
    return [str(script)] if script.is_file() else [sys.executable, "-m", "numeye"]


def time_in_turns(commands: dict[str, Sequence[str]], rounds: int) -> dict[str, Timing]:
    """Run the commands one after the other, again and again.

    Args:
        commands: the command lines by name.
        rounds: how often each command runs, after one run that is not counted.

    Raises:
        NumeyeError: a command fails.
    """
    seconds: dict[str, list[float]] = {name: [] for name in commands}
    for number in range(rounds + 1):
        for name, command in commands.items():
            started = time.perf_counter()
            process = subprocess.run(command, capture_output=True, text=True, check=False)
            duration = time.perf_counter() - started
            if process.returncode:
                message = process.stderr.strip()[-200:]
                raise NumeyeError(f"{name} failed with status {process.returncode}: {message}")
            if number:
                seconds[name].append(duration)
    return {
        name: Timing(name=name, seconds=tuple(durations)) for name, durations in seconds.items()
    }


def output_of(command: Sequence[str]) -> str:
    """Run a command and return what it prints.

    Raises:
        NumeyeError: it fails.
    """
    process = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if process.returncode:
        raise NumeyeError(f"{' '.join(command[:4])} ... failed with status {process.returncode}")
    return process.stdout
