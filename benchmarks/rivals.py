"""What a user would pick instead: numeye, RapidOCR and Tesseract on the same pictures, by turns, in one run.

Usage: python benchmarks/rivals.py DATA [--n N] [--rapidocr PYTHON]   (about half a minute for 200 pictures)

DATA is a data folder, an `.npz` or another name that `numeye.open_data` takes; its labels are strings of digits, or all
of one digit. N pictures, evenly spaced, are read: always the same. RapidOCR lives in an environment of its own, made by
`python -m venv .venv-rapidocr` and `.venv-rapidocr/bin/pip install rapidocr onnxruntime`; only its default recognition
network is asked, and the digits of its answer are kept. Tesseract (Debian's `tesseract-ocr`) is asked for one line
(`--psm 7`) of nothing but digits. numeye is told whether each picture holds one digit or a number, and its answer
counts also where it would set it aside.

In the clock: from a PNG file to a string, one picture at a time, on as many threads as each takes by itself. numeye and
RapidOCR have started and read one picture before; Tesseract is its command, so each picture bears its start-up.
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

from numeye import bench, image, metrics, source
from numeye.datasets import DataSet, open_data
from numeye.errors import DataError, NumeyeError
from numeye.reader import Reader
from numeye.strings import edits

TURN = 20  # pictures that one of them reads before it is the next one's turn
HEADING = "  accuracy %    95 % interval  no answer %   CER %  ms a picture  MB on disk"
NOTES = """ms: median, from a PNG file to a string; Tesseract's includes its start-up, the others had started.
MB: all that it needs, without Python; Tesseract's own packages, without the system's libraries."""

# Runs in RapidOCR's environment: a path a line comes in, a line of JSON goes out.
WORKER = """
import json, sys, time
sys.path.append(sys.argv[1])
out, sys.stdout = sys.stdout, sys.stderr
def say(**answer):
    print(json.dumps(answer), file=out, flush=True)
try:
    from importlib.metadata import version
    import onnxruntime
    from install_size import light_closure, size_mb
    from rapidocr import RapidOCR
    engine = RapidOCR(params={"Global.log_level": "error"})
    model = f"{engine.cfg.Rec.ocr_version.value} {engine.cfg.Rec.model_type.value}"
    size = sum(map(size_mb, light_closure("rapidocr") | light_closure("onnxruntime")))
    say(name=f"RapidOCR {version('rapidocr')}, {model}", megabytes=f"{size:.0f}")
    for line in sys.stdin:
        begun = time.perf_counter()
        texts = engine(line.rstrip("\\n"), use_det=False, use_cls=False).txts or ()
        say(text="".join(texts), seconds=time.perf_counter() - begun)
except ModuleNotFoundError as error:
    say(error=f"not installed: pip install rapidocr onnxruntime ({error})")
except Exception as error:
    say(error=f"failed: {type(error).__name__}: {error}".splitlines()[0])
"""


@dataclass
class Candidate:
    """One that reads (`ask`: a PNG to its text, and the seconds that took), and its answers, or why there are none."""

    name: str
    ask: Callable[[Path], tuple[str, float]] | None = None
    megabytes: str = "-"
    fault: str = ""
    answers: list[str] = field(default_factory=list)
    seconds: list[float] = field(default_factory=list)

    def take(self, paths: Sequence[Path]) -> None:
        """Read these pictures; a fault ends it for good."""
        try:
            for path in paths if self.ask and not self.fault else ():
                text, taken = self.ask(path)
                self.answers.append("".join(str(int(letter)) for letter in text if letter.isdecimal()))
                self.seconds.append(taken)
        except (NumeyeError, OSError) as error:
            self.fault = str(error)


def open_numeye(single: bool, model: str | None = None) -> Candidate:
    """This package, as it is installed: what it needs is counted as in `install_size.py`, and its own files."""
    reader = Reader(model, single=single)

    def ask(path: Path) -> tuple[str, float]:
        begun = time.perf_counter()
        reading = reader.read(path)
        return "".join(str(digit.digit) for digit in reading.digits), time.perf_counter() - begun

    own = sum(file.stat().st_size for file in Path(source.__file__).parent.rglob("*") if file.is_file()) / 1e6
    size = own + sum(size_mb(name) for name in light_closure("numeye") - {"numeye"})
    return Candidate(f"numeye {source.version()}", ask, f"{size:.0f}")


def open_rapidocr(python: Path, stack: ExitStack) -> Candidate:
    """RapidOCR in another interpreter, which ends with the stack."""
    if not python.is_file():
        raise NumeyeError("not installed: pip install rapidocr onnxruntime")
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.DEVNULL, "bufsize": 0}
    worker = stack.enter_context(subprocess.Popen([str(python), "-c", WORKER, str(Path(__file__).parent)], **pipes))

    def answer() -> dict:
        said = json.loads(worker.stdout.readline() or '{"error": "failed: it ended without a word"}')
        if "error" in said:
            raise NumeyeError(said["error"])
        return said

    def ask(path: Path) -> tuple[str, float]:
        worker.stdin.write(f"{path}\n".encode())
        said = answer()
        return said["text"], said["seconds"]

    started = answer()
    return Candidate(started["name"], ask, started["megabytes"])


def open_tesseract() -> Candidate:
    """Tesseract's command."""
    if not (program := shutil.which("tesseract")):
        raise NumeyeError("not installed: apt-get install tesseract-ocr")
    options = ["stdout", "--psm", "7", "-c", "tessedit_char_whitelist=0123456789"]

    def ask(path: Path) -> tuple[str, float]:
        begun = time.perf_counter()
        done = subprocess.run([program, str(path), *options], capture_output=True, text=True, check=False)
        if done.returncode:
            raise NumeyeError(f"failed: {' '.join(done.stderr.split())[-80:]}")
        return done.stdout, time.perf_counter() - begun

    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    return Candidate(said.split("\n")[0].capitalize() or "Tesseract", ask, tesseract_megabytes())


def tesseract_megabytes() -> str:
    """Of Debian's packages of Tesseract and Leptonica; not known on another system."""
    if not (query := shutil.which("dpkg-query")):
        return "-"
    command = [query, "-W", "-f", "${db:Status-Status} ${Installed-Size}\n", "*tesseract*", "liblept*"]
    lines = subprocess.run(command, capture_output=True, text=True, check=False).stdout.splitlines()
    kilobytes = sum(int(line.split()[1]) for line in lines if line.startswith("installed "))
    return f"{kilobytes * 1024 / 1e6:.0f}" if kilobytes else "-"


def opened(name: str, start: Callable[[], Candidate]) -> Candidate:
    """What `start` opens, or one with a fault."""
    try:
        return start()
    except (NumeyeError, OSError, ValueError) as error:
        return Candidate(name, fault=str(error))


def sample(data: DataSet, count: int) -> DataSet:
    """Evenly spaced pictures; always the same ones."""
    if wrong := [label for label in data.labels if set(label) - set("0123456789")]:
        raise DataError(f"{data.name}: the label {wrong[0]!r} is no string of digits")
    count = min(count, len(data))
    return data.subset(np.arange(count) * len(data) // count)


def save_png(picture: image.Picture, path: Path) -> Path:
    """The picture as a file that all of them can read: a PNG as it is, others upright and in colour."""
    if not isinstance(picture, str):
        Image.fromarray(image.from_array(picture)).save(path)
    elif picture.lower().endswith(".png"):
        shutil.copyfile(picture, path)
    else:
        ImageOps.exif_transpose(Image.open(picture)).convert("RGB").save(path)
    return path


def figures(answers: Sequence[str], labels: Sequence[str], seconds: Sequence[float]) -> str:
    """A row under `HEADING` but for the size: whole strings right, none given, characters wrong, the median time."""
    n, right = len(labels), sum(answer == label for answer, label in zip(answers, labels, strict=True))
    low, high = metrics.wilson_interval(right, n)
    silent = 100 * sum(not answer for answer in answers) / n
    wrong = sum(edits(answer, label) for answer, label in zip(answers, labels, strict=True))
    cer, middle = 100 * wrong / sum(map(len, labels)), 1000 * statistics.median(seconds)
    return f"{100 * right / n:>12.2f}{f'{low:.2f} to {high:.2f}':>17}{silent:>13.2f}{cer:>8.2f}{middle:>14.2f}"


def table(candidates: Sequence[Candidate], labels: Sequence[str]) -> str:
    """A heading and a row each, aligned; then each rival that has read beside numeye, the first."""
    wide = max(len(one.name) for one in candidates)
    rows = [" " * wide + HEADING]
    for one in candidates:
        cells = "  " + one.fault if one.fault else figures(one.answers, labels, one.seconds) + f"{one.megabytes:>12}"
        rows.append(f"{one.name:<{wide}}{cells}")
    pairs = [paired(candidates[0], one, labels) for one in candidates[1:] if not (one.fault or candidates[0].fault)]
    return "\n".join([*rows, NOTES, *pairs])


def paired(ours: Candidate, theirs: Candidate, labels: Sequence[str]) -> str:
    """Times as a ratio, and McNemar's exact test of who is right where the other is not."""
    right, other = (np.array([a == b for a, b in zip(one.answers, labels, strict=True)]) for one in (ours, theirs))
    we, they, p = metrics.mcnemar(right, other)
    ratio = statistics.median(theirs.seconds) / statistics.median(ours.seconds)
    return f"{theirs.name}: {ratio:.1f} x numeye's time; right alone on {they}, numeye on {we} (McNemar: p = {p:.2g})"


def read_all(chosen: DataSet, single: bool, python: Path, model: str | None = None) -> list[Candidate]:
    """Let each of them read these pictures, numeye first."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        paths = [save_png(picture, folder / f"{k:05d}.png") for k, picture in enumerate(chosen.pictures)]
        rapidocr = opened("RapidOCR", lambda: open_rapidocr(python, stack))
        candidates = [open_numeye(single, model), rapidocr, opened("Tesseract", open_tesseract)]
        for one in candidates:
            one.take(paths[:1])  # is not counted
            one.answers, one.seconds = [], []
        for start in range(0, len(paths), TURN):
            for one in candidates:
                one.take(paths[start : start + TURN])
    return candidates


def main() -> None:
    """Print what comes of it."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data")
    parser.add_argument("--n", type=int, default=200)
    parser.add_argument("--rapidocr", type=Path, default=".venv-rapidocr/bin/python", metavar="PYTHON")
    asked = parser.parse_args()
    try:
        data = open_data(asked.data)
        single, chosen = all(len(label) == 1 for label in data.labels), sample(data, max(1, asked.n))
        shown = table(read_all(chosen, single, asked.rapidocr), chosen.labels)
    except (NumeyeError, OSError) as error:
        raise SystemExit(f"rivals.py: {error}") from error
    print(f"{data.name}: {len(chosen):,} of {len(data):,} pictures of {'one digit' if single else 'a number'}")
    print(f"{bench.machine()}; by turns of {TURN} pictures\n{shown}")


if __name__ == "__main__":
    main()
