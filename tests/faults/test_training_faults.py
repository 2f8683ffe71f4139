"""Trainings that are killed at random moments, and two that start in one folder at the same moment.

PyTorch is imported once, in a process that forks the trainings. So a kill meets the training, not
the imports.
"""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from numeye.errors import RunError
from numeye.models.run_folder import MODEL
from numeye.study.compare import compare
from numeye.training.run_lock import lock_folder
from numeye.training.train import train

pytestmark = pytest.mark.fault

EPOCHS = 3
PAIRS = 5  # of each kind

FORK = """
import json, os, random, signal, sys, time
from pathlib import Path
from numeye.errors import NumeyeError
from numeye.training import reproducibility
from numeye.training.train import train

reproducibility.pin_instruction_sets({})

def begin(start, message_file, **options):
    if pid := os.fork():
        return pid
    os.read(start, 1)
    try:
        train("classic", device="cpu", **options)
    except NumeyeError as error:
        Path(message_file).write_text(str(error))
        os._exit(1)
    except BaseException as error:
        Path(message_file).write_text(repr(error))
        os._exit(70)
    os._exit(0)

def status(pid):
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
"""

PAIR = """
folder, data, resume = Path(sys.argv[1]), sys.argv[2], sys.argv[3] == "resume"
for number in range(int(sys.argv[4])):
    ready, go = os.pipe()
    files = [folder / f"{number}-{side}.txt" for side in "ab"]
    options = {"epochs": 1, "data": data, "run": folder / f"run{number}", "resume": resume}
    pids = [begin(ready, name, **options) for name in files]
    os.write(go, b"..")
    ends = [status(pid) for pid in pids]
    lines = [name.read_text() for name in files if name.exists()]
    print(json.dumps({"ends": sorted(ends), "lines": lines}), flush=True)
"""

KILL = """
folder, data, seed, epochs = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
moments, begun = random.Random(seed), time.monotonic()
ready, go = os.pipe()
os.write(go, b".")
pid = begin(ready, folder / "message.txt", epochs=epochs, data=data, run=folder / "timed")
assert status(pid) == 0
seconds = time.monotonic() - begun  # of one training on this machine, so that kills meet one
for number in range(100):
    ready, go = os.pipe()
    os.write(go, b".")
    options = {"epochs": epochs, "data": data, "run": folder / "run", "resume": True}
    pid = begin(ready, folder / "message.txt", **options)
    if number < 8:
        time.sleep(moments.uniform(0, seconds / 4))
        os.kill(pid, signal.SIGKILL)
    end = status(pid)
    print(end, flush=True)
    if end == 0 or end > 0:
        break
"""


def fork(script: str, *arguments: object) -> list[str]:
    """The lines that a process prints which forks trainings."""
    command = [sys.executable, "-W", "ignore", "-c", FORK + script, *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400)
    assert done.returncode == 0, done.stderr
    return done.stdout.splitlines()


def weights(run: Path, epoch: int) -> bytes:
    return (run / "checkpoints" / f"epoch-{epoch:04d}" / MODEL).read_bytes()


@pytest.fixture(scope="module")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    train("classic", epochs=EPOCHS, data=str(few_digits), run=folder, device="cpu")
    return folder


@pytest.mark.parametrize("how", ["resume", "fresh"])
def test_of_two_trainings_that_start_at_once_one_trains_and_the_other_is_refused(
    how: str, few_digits: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    for number, line in enumerate(fork(PAIR, tmp_path, few_digits, how, PAIRS)):
        pair = json.loads(line)
        run = tmp_path / f"run{number}"
        assert pair["ends"] == [0, 1], pair
        assert len(pair["lines"]) == 1
        assert pair["lines"][0].startswith(f"{run}: in use")
        assert "\n" not in pair["lines"][0]
        assert weights(run, 1) == weights(uninterrupted, 1)
        assert not [*run.rglob("*.tmp"), *tmp_path.glob(".*.tmp")]
        assert len((run / "environment.jsonl").read_text().splitlines()) == 1
        assert (run / "report.html").is_file()
    assert number == PAIRS - 1


@pytest.mark.parametrize("seed", [0, 1])
def test_a_run_killed_at_random_moments_continues_to_the_same_weights(
    seed: int, few_digits: Path, tmp_path: Path, uninterrupted: Path
) -> None:
    ends = fork(KILL, tmp_path, few_digits, seed, EPOCHS)
    message_file = tmp_path / "message.txt"
    assert ends[-1] == "0", message_file.read_text() if message_file.exists() else ends
    assert ends.count("-9") >= 2, ends
    print(f"killed {ends.count('-9')} times, then the weights of an undisturbed run")
    run = tmp_path / "run"
    assert weights(run, EPOCHS) == weights(uninterrupted, EPOCHS)
    assert (run / "model.onnx").read_bytes() == (uninterrupted / "model.onnx").read_bytes()
    assert not list(run.rglob("*.tmp"))
    rows = [json.loads(line) for line in (run / "metrics.jsonl").read_text().splitlines()]
    assert [row["epoch"] for row in rows] == [1, 2, 3]


def test_a_study_and_an_export_are_refused_in_a_folder_in_use(
    few_digits: Path, uninterrupted: Path, tmp_path: Path
) -> None:
    with (
        lock_folder(tmp_path, "numeye compare"),
        pytest.raises(RunError, match="in use, another numeye compare works in it"),
    ):
        compare(tmp_path, quick=True)
    assert not (tmp_path / "study.json").exists()
    with lock_folder(uninterrupted, "training"):
        command = [sys.executable, "-m", "numeye", "export", str(uninterrupted)]
        done = subprocess.run(command, capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout) == (1, "")
    assert (
        done.stderr
        == f"numeye: {uninterrupted}: in use, another training or export works in it; wait until"
        " it ends, or choose another folder with --to\n"
    )
