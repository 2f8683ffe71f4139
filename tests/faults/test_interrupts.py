"""Ctrl-C at forty moments after the start of a command: it exits with 130 and prints nothing."""

from __future__ import annotations

import signal
import subprocess
import sys
import time
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix"),
]

ROWS = Path(__file__).parents[2] / "examples" / "numbers" / "rows.png"
FIRST_S, LAST_S = 0.01, 1.5


def is_raised_by_python_itself(errors: str) -> bool:
    """Whether Python was interrupted before the first line of Numeye."""
    starting = ("Python runtime state: core initialized", "init_import_site", "<frozen runpy>")
    return "/numeye/" not in errors and any(words in errors for words in starting)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """So many pictures that reading them takes longer than the last moment."""
    folder = tmp_path_factory.mktemp("many")
    with Image.open(ROWS) as rows:
        large = rows.resize((rows.width * 3, rows.height * 3))
    for number in range(40):
        large.save(folder / f"{number:02}.png", compress_level=1)
    return folder


@pytest.mark.parametrize(("presses", "moments"), [(1, 40), (2, 20)])
def test_a_command_ends_with_130_whenever_it_is_interrupted(
    presses: int, moments: int, folder: Path
) -> None:
    statuses: Counter[int] = Counter()
    for moment in range(moments):
        seconds = FIRST_S + moment * (LAST_S - FIRST_S) / (moments - 1)
        process = subprocess.Popen(
            [sys.executable, "-m", "numeye", "read", str(folder)],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            text=True,
        )
        with process:
            for _ in range(presses):
                time.sleep(seconds)
                process.send_signal(signal.SIGINT)
                seconds = 0.03
            assert process.stderr is not None
            errors = process.stderr.read()
        statuses[process.returncode] += 1
        if not is_raised_by_python_itself(errors):
            assert (errors, process.returncode) in (("", 130), ("", -signal.SIGINT)), seconds
    assert statuses[130] >= moments - 6, statuses
