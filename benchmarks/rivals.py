"""Compare Numeye with RapidOCR and Tesseract on the same pictures, by turns, in one run.

Usage: python benchmarks/rivals.py DATA [--n N] [--rapidocr PYTHON]

Takes about half a minute for 200 pictures. DATA is a data folder, an `.npz` or another name that
`numeye.open_data` takes; its labels are strings of digits, or all of one digit. N pictures, evenly
spaced, are read: always the same.

RapidOCR needs an environment of its own, made by `python -m venv .venv-rapidocr` and
`.venv-rapidocr/bin/pip install rapidocr onnxruntime`; only its default recognition network is used.
It reads twice: once only the digits of its answer count, once it may answer nothing but digits
(`rapidocr_worker.py`). Tesseract (Debian's `tesseract-ocr`) reads one line
(`--psm 7`) with digits only. numeye knows whether each picture has one digit or a number, and
rejected answers count, too.

Timed is the way from a PNG file to a string, one picture at a time, with the default number of
threads of each. numeye and RapidOCR have started and read one picture before; Tesseract runs as a
command, so each picture includes its start-up.
"""

from __future__ import annotations

import argparse
import json
import shutil
import statistics
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
from install_size import light_closure, size_mb
from PIL import Image, ImageOps

from numeye.bench import timing
from numeye.errors import DataError, NumeyeError
from numeye.evaluation import metrics
from numeye.evaluation.numbers import edit_distance
from numeye.io import grey_images, images
from numeye.io.datasets import DataSet, open_data
from numeye.models import environment
from numeye.reader import Reader
from numeye.study import measures

TURN = 20  # pictures in a turn
HEADING = "  accuracy %    95 % interval  no answer %   CER %  ms a picture  MB on disk"
NOTES = """\
ms: median, from a PNG file to a string; Tesseract's includes its start-up, the others had started.
MB: all that it needs, without Python; Tesseract's own packages, without the system's libraries."""

WORKERS = Path(__file__).parent  # where the scripts for other interpreters are


@dataclass
class Candidate:
    """A program that reads pictures, with its answers.

    Attributes:
        name: name and version.
        read: returns the text of a PNG file, and the seconds that this took.
        megabytes: size on disk, as text.
        fault: why it does not work, or "".
        answers: the digits of each picture read so far.
        seconds: the seconds for each of them.
    """

    name: str
    read: Callable[[Path], tuple[str, float]] | None = None
    megabytes: str = "-"
    fault: str = ""
    answers: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def take(self, paths: Sequence[Path]) -> None:
        """Read these pictures; after a fault it reads no more."""
        try:
            for path in paths if self.read and not self.fault else ():
                text, duration = self.read(path)
                self.answers.append(
                    "".join(str(int(letter)) for letter in text if letter.isdecimal())
                )
                self.seconds.append(duration)
        except (NumeyeError, OSError) as error:
            self.fault = str(error)


def open_numeye(single: bool, model: str | None = None) -> Candidate:
    """Return Numeye as installed; its size is that of `install_size.py` and its own files."""
    reader = Reader(model, single=single)

    def read(path: Path) -> tuple[str, float]:
        started = time.perf_counter()
        reading = reader.read(path)
        return "".join(str(digit.digit) for digit in reading.digits), time.perf_counter() - started

    own = (
        sum(
            file.stat().st_size
            for file in Path(environment.__file__).parent.rglob("*")
            if file.is_file()
        )
        / 1e6
    )
    size = own + sum(size_mb(name) for name in light_closure("numeye") - {"numeye"})
    return Candidate(f"numeye {environment.version()}", read, f"{size:.0f}")


class Worker:
    """A program of another interpreter: it gets one path a line and answers with lines of JSON.

    Args:
        python: the interpreter.
        script: the script in `benchmarks/`, and its arguments.
        packages: what to install for it, for the message.
        stack: ends the program with it.

    Raises:
        NumeyeError: it does not start.
    """

    def __init__(
        self, python: Path, script: Sequence[str], packages: str, stack: ExitStack
    ) -> None:
        if not python.is_file():
            raise NumeyeError(f"not installed: pip install {packages}")
        pipes = {
            "stdin": subprocess.PIPE,
            "stdout": subprocess.PIPE,
            "stderr": subprocess.DEVNULL,
            "bufsize": 0,
        }
        command = [str(python), str(WORKERS / script[0]), *script[1:]]
        self._process = stack.enter_context(subprocess.Popen(command, **pipes))
        self.first = self._answer()

    def ask(self, path: Path) -> dict:
        """Return the answer to a picture."""
        self._process.stdin.write(f"{path}\n".encode())
        return self._answer()

    def _answer(self) -> dict:
        line = self._process.stdout.readline() or '{"error": "failed: it ended without a message"}'
        response = json.loads(line)
        if "error" in response:
            raise NumeyeError(response["error"])
        return response


def open_rapidocr(python: Path, mode: str, stack: ExitStack) -> Candidate:
    """Return RapidOCR in a process of its own; see `rapidocr_worker.py` for the modes."""
    script = ("rapidocr_worker.py", mode)
    worker = Worker(python, script, "rapidocr onnxruntime", stack)

    def read(path: Path) -> tuple[str, float]:
        response = worker.ask(path)
        return response["answer"], response["seconds"]

    return Candidate(worker.first["name"], read, worker.first["megabytes"])


def open_tesseract() -> Candidate:
    """Return Tesseract as a command."""
    if not (program := shutil.which("tesseract")):
        raise NumeyeError("not installed: apt-get install tesseract-ocr")
    options = ["stdout", "--psm", "7", "-c", "tessedit_char_whitelist=0123456789"]

    def read(path: Path) -> tuple[str, float]:
        started = time.perf_counter()
        process = subprocess.run(
            [program, str(path), *options], capture_output=True, text=True, check=False
        )
        if process.returncode:
            raise NumeyeError(f"failed: {' '.join(process.stderr.split())[-80:]}")
        return process.stdout, time.perf_counter() - started

    command = [program, "--version"]
    version = subprocess.run(command, capture_output=True, text=True, check=False).stdout
    name = version.split("\n")[0].capitalize() or "Tesseract"
    return Candidate(name, read, tesseract_megabytes())


def tesseract_megabytes() -> str:
    """Return the size of Debian's packages of Tesseract and Leptonica; "-" on other systems."""
    if not (query := shutil.which("dpkg-query")):
        return "-"
    command = [
        query,
        "-W",
        "-f",
        "${db:Status-Status} ${Installed-Size}\n",
        "*tesseract*",
        "liblept*",
    ]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    kilobytes = sum(int(line.split()[1]) for line in lines if line.startswith("installed "))
    return f"{kilobytes * 1024 / 1e6:.0f}" if kilobytes else "-"


def opened(name: str, start: Callable[[], Candidate]) -> Candidate:
    """Return the candidate that `start` returns, or one with a fault."""
    try:
        return start()
    except (NumeyeError, OSError, ValueError) as error:
        return Candidate(name, fault=str(error))


def sample(data: DataSet, count: int) -> DataSet:
    """Return evenly spaced pictures of a data set; always the same ones."""
    if wrong := [label for label in data.labels if set(label) - set("0123456789")]:
        raise DataError(f"{data.name}: the label {wrong[0]!r} is no string of digits")
    count = min(count, len(data))
    return data.subset(np.arange(count) * len(data) // count)


def save_png(picture: images.Picture, path: Path) -> Path:
    """Write a picture as an upright PNG that all candidates can read; a PNG is copied."""
    if not isinstance(picture, str):
        Image.fromarray(grey_images.from_array(picture)).save(path)
    elif picture.lower().endswith(".png"):
        shutil.copyfile(picture, path)
    else:
        ImageOps.exif_transpose(Image.open(picture)).convert("RGB").save(path)
    return path


def figures(answers: Sequence[str], labels: Sequence[str], seconds: Sequence[float]) -> str:
    """Return a row under `HEADING`, without the size."""
    n = len(labels)
    correct = sum(answer == label for answer, label in zip(answers, labels, strict=True))
    low, high = metrics.wilson_interval(correct, n)
    interval = f"{low:.2f} to {high:.2f}"
    unanswered = 100 * sum(not answer for answer in answers) / n
    wrong = sum(edit_distance(answer, label) for answer, label in zip(answers, labels, strict=True))
    cer, median_ms = 100 * wrong / sum(map(len, labels)), 1000 * statistics.median(seconds)
    return (
        f"{100 * correct / n:>12.2f}{interval:>17}{unanswered:>13.2f}{cer:>8.2f}{median_ms:>14.2f}"
    )


def table(candidates: Sequence[Candidate], labels: Sequence[str]) -> str:
    """Return a table with a row for each candidate, and a comparison of each rival with numeye."""
    width = max(len(candidate.name) for candidate in candidates)
    rows = [" " * width + HEADING]
    for candidate in candidates:
        cells = f"  {candidate.fault}"
        if not candidate.fault:
            cells = figures(candidate.answers, labels, candidate.seconds)
            cells += f"{candidate.megabytes:>12}"
        rows.append(f"{candidate.name:<{width}}{cells}")
    numeye, *rivals = candidates
    comparisons = [
        compare(numeye, rival, labels) for rival in rivals if not (rival.fault or numeye.fault)
    ]
    return "\n".join([*rows, NOTES, *comparisons])


def compare(numeye: Candidate, rival: Candidate, labels: Sequence[str]) -> str:
    """Return the ratio of the times, and McNemar's exact test of the answers."""
    correct, rival_correct = (
        np.array([a == b for a, b in zip(candidate.answers, labels, strict=True)])
        for candidate in (numeye, rival)
    )
    alone, rival_alone, p = measures.mcnemar(correct, rival_correct)
    ratio = statistics.median(rival.seconds) / statistics.median(numeye.seconds)
    return (
        f"{rival.name}: {ratio:.1f} x numeye's time; right alone on {rival_alone}, numeye on"
        f" {alone} (McNemar: p = {p:.2g})"
    )


def read_all(
    chosen: DataSet, single: bool, python: Path, model: str | None = None
) -> list[Candidate]:
    """Let all candidates read these pictures; numeye comes first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = [
            save_png(picture, folder / f"{number:05d}.png")
            for number, picture in enumerate(chosen.pictures)
        ]
        candidates = [
            open_numeye(single, model),
            opened("RapidOCR", lambda: open_rapidocr(python, "line", stack)),
            opened("RapidOCR, digits only", lambda: open_rapidocr(python, "digits", stack)),
            opened("Tesseract", open_tesseract),
        ]
        for candidate in candidates:
            candidate.take(paths[:1])  # is not counted
            candidate.answers, candidate.seconds = [], []
        for start in range(0, len(paths), TURN):
            for candidate in candidates:
                candidate.take(paths[start : start + TURN])
    return candidates


def main() -> None:
    """Print the table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument(
        "--rapidocr", type=Path, default=".venv-rapidocr/bin/python", metavar="PYTHON"
    )
    options = parser.parse_args()
    try:
        data = open_data(options.data)
        single, chosen = (
            all(len(label) == 1 for label in data.labels),
            sample(data, max(1, options.n)),
        )
        shown = table(read_all(chosen, single, options.rapidocr), chosen.labels)
    except (NumeyeError, OSError) as error:
        raise SystemExit(f"rivals.py: {error}") from error
    print(
        f"{data.name}: {len(chosen):,} of {len(data):,} pictures of"
        f" {'one digit' if single else 'a number'}"
    )
    print(f"{timing.describe_machine()}; by turns of {TURN} pictures\n{shown}")


if __name__ == "__main__":
    main()
