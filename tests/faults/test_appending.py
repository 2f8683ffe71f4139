"""A file of answers loses no row and gets none twice, also with two processes and after kills."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

pytestmark = pytest.mark.fault

PICTURES, PAIRS, KILLS = 120, 12, 12


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory, train_images: np.ndarray) -> Path:
    """A folder of digits, four a picture."""
    folder = tmp_path_factory.mktemp("pictures")
    for number in range(PICTURES):
        row = np.hstack(train_images[4 * number : 4 * number + 4])
        Image.fromarray(255 - np.pad(row, 20)).save(folder / f"{number:03}, =page.png")
    return folder


@pytest.fixture(scope="module", params=["--csv", "--json"])
def kind(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def complete(pictures: Path, kind: str) -> bytes:
    """What one run writes without a disturbance."""
    file = pictures.parent / f"whole{kind}"
    assert _lines(_start(pictures, kind, file)) == []
    return file.read_bytes()


def _start(pictures: Path, kind: str, file: Path) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "numeye", "read", str(pictures), kind, "--append", str(file)]
    return subprocess.Popen(command, stderr=subprocess.PIPE, text=True)


def _lines(process: subprocess.Popen[str]) -> list[str]:
    """The messages of a process that has ended, without those of rejected pictures."""
    _, errors = process.communicate(timeout=120)
    return [line for line in errors.splitlines() if "rejected (" not in line]


def test_of_two_processes_one_writes_and_the_other_says_why_it_cannot(
    pictures: Path, kind: str, complete: bytes, tmp_path: Path
) -> None:
    refused = 0
    for pair in range(PAIRS):
        file = tmp_path / f"answers{pair}"
        first = _start(pictures, kind, file)
        time.sleep(0.03 * pair)  # at the same moment, or while the other starts or reads
        second = _start(pictures, kind, file)
        ended = [(_lines(process), process.returncode) for process in (first, second)]
        assert file.read_bytes() == complete
        for lines, status in ended:
            if status not in (0, 3):
                refused += 1
                assert status == 1
                assert lines == [
                    f"numeye: {file}: another process is adding answers to it; wait until it has"
                    " ended, or choose another file with --append"
                ]
    assert refused >= PAIRS // 2
    print(f"{kind}: {PAIRS} pairs of processes, {refused} refused, no row lost or twice")


def test_a_run_killed_at_any_moment_continues_to_the_same_file(
    pictures: Path, kind: str, complete: bytes, tmp_path: Path
) -> None:
    moments, file, kills = random.Random(22), tmp_path / "answers", 0
    while kills < KILLS:
        process = _start(pictures, kind, file)
        time.sleep(moments.uniform(0.1, 1.6))
        process.send_signal(signal.SIGKILL)
        _lines(process)
        kills += process.returncode == -signal.SIGKILL
        if process.returncode in (0, 3):
            assert file.read_bytes() == complete
            file.unlink()
    process = _start(pictures, kind, file)
    assert _lines(process) == []
    assert file.read_bytes() == complete
    assert list(tmp_path.iterdir()) == [file]  # and no lock or half-written file
    print(f"{kind}: killed {kills} times, no row lost or twice")
