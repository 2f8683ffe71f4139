"""Golden outputs: what Numeye answers on fixed inputs, so that a change shows what it changed.

    python benchmarks/golden.py write FOLDER           run all commands, write the answers there
    python benchmarks/golden.py compare FOLDER FOLDER  list what differs; status 1 if anything does

The inputs are the pictures of `examples/`, two sheets of synthetic crops and pages (which are
golden themselves), MNIST's test images, the HTTP API on the same pictures, and one epoch of
`classic`. All go through the commands that users type. Takes about four minutes on two cores;
`--quick` leaves out the training and MNIST.
"""

from __future__ import annotations

import argparse
import difflib
import hashlib
import json
import re
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

ROOT = Path(__file__).parent.parent
DIGITS, NUMBERS = Path("examples/digits"), Path("examples/numbers")
START_S, REQUEST_S = 60.0, 120.0
SHOWN_LINES = 12

# Name of the answer: arguments of `numeye`, run in the repository's root. OUT: the answers' folder.
COMMANDS = {
    "read-digits": ["read", DIGITS, "--single", "--json"],
    "read-digits-classic": ["read", DIGITS, "--single", "--json", "--model", "classic"],
    "read-digits-max-error": ["read", DIGITS, "--single", "--json", "--max-error", "1%"],
    "read-digits-as-pages": ["read", DIGITS, "--json"],
    "read-numbers": ["read", NUMBERS, "--json"],
    "read-numbers-plain": ["read", NUMBERS],
    "read-numbers-csv": ["read", NUMBERS, "--csv"],
    "read-numbers-max-error": ["read", NUMBERS, "--json", "--max-error", "2%"],
    "read-rows-digits": ["read", NUMBERS / "rows.png", "--json", "--digits", "4"],
    "read-rows-pattern": ["read", NUMBERS / "rows.png", "--json", "PATTERN", "[0-9]{3,5}"],
    "read-card-check": ["read", NUMBERS / "card.png", "--json", "--check", "luhn"],
    "read-table-grid": ["read", NUMBERS / "table.png", "--json", "--grid"],
    "read-region": ["read", NUMBERS / "rows.png", "--json", "--region", "first=0,0,100%,50%"],
    "read-form": [
        "read",
        NUMBERS / "form-filled.jpg",
        "--json",
        "--regions",
        NUMBERS / "form.toml",
    ],
    "read-form-csv": [
        "read",
        NUMBERS / "form-filled.jpg",
        "--csv",
        "--regions",
        NUMBERS / "form.toml",
    ],
    "read-synthetic-crops": ["read", "OUT/crops.png", "--json"],
    "read-synthetic-pages": ["read", "OUT/pages.png", "--json"],
    "evaluate-digits": ["evaluate", "--json", "--data", DIGITS.parent / "digits"],
}
SHEETS = {"crops.png": "paper", "pages.png": "pages"}
LONG_COMMANDS = {
    "evaluate-mnist": ["evaluate", "--json"],
    "evaluate-mnist-classic": ["evaluate", "classic", "--json"],
}
PICTURES = (
    DIGITS / "7-turned.jpg",
    DIGITS / "blank.png",
    NUMBERS / "rows.png",
    NUMBERS / "table.png",
    NUMBERS / "card.png",
)
QUERIES = ("", "?single=true", "?digits=4", "?max_error=2%25")


def numeye(*arguments: object) -> subprocess.CompletedProcess[str]:
    """Run one command of this interpreter's Numeye."""
    command = [sys.executable, "-m", "numeye", *map(str, arguments)]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


def write(folder: Path, *, quick: bool, pattern: str) -> None:
    """Run all commands and write what they print into a folder."""
    folder = folder.resolve()
    folder.mkdir(parents=True, exist_ok=True)
    for file, kind in SHEETS.items():
        numeye("data", "--show", kind, "--to", folder / file).check_returncode()
    for name, arguments in {**COMMANDS, **({} if quick else LONG_COMMANDS)}.items():
        places = {"PATTERN": pattern}
        given = [places.get(str(part), str(part).replace("OUT", str(folder))) for part in arguments]
        ended = numeye(*given)
        text = f"status {ended.returncode}\n{ended.stdout}".replace(str(folder), "OUT")
        (folder / f"{name}.txt").write_text(text)
    _write_api(folder)
    if not quick:
        _write_training(folder)


def _write_api(folder: Path) -> None:
    """Answers of the HTTP API, and its description."""
    port = 8791
    server = subprocess.Popen(
        [sys.executable, "-m", "numeye", "serve", "--port", str(port)],
        cwd=ROOT,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    base = f"http://127.0.0.1:{port}"
    try:
        _wait_for(base)
        for picture in PICTURES:
            for query in QUERIES:
                name = "api-" + re.sub("[?=]", "-", f"{picture.stem}{query}") + ".txt"
                answer = _post(base + "/v1/read" + query, (ROOT / picture).read_bytes())
                (folder / name).write_text(answer)
        (folder / "api-models.txt").write_text(_get(base + "/v1/models"))
        (folder / "api-openapi.txt").write_text(_get(base + "/openapi.json"))
    finally:
        server.terminate()
        server.wait()


def _wait_for(base: str) -> None:
    end = time.monotonic() + START_S
    while time.monotonic() < end:
        try:
            _get(base + "/healthz")
        except OSError:
            time.sleep(0.2)
        else:
            return
    raise SystemExit(f"numeye serve did not answer within {START_S:.0f} s")


def _post(address: str, body: bytes) -> str:
    request = urllib.request.Request(address, body, {"Content-Type": "application/octet-stream"})  # noqa: S310
    return _answer(request)


def _get(address: str) -> str:
    return _answer(urllib.request.Request(address))  # noqa: S310


def _answer(request: urllib.request.Request) -> str:
    try:
        with urllib.request.urlopen(request, timeout=REQUEST_S) as response:  # noqa: S310
            status, body = response.status, response.read()
    except urllib.error.HTTPError as error:
        status, body = error.code, error.read()
    return f"status {status}\n{json.dumps(json.loads(body), indent=1)}\n"


def _write_training(folder: Path) -> None:
    """Write the check sums of the weights that one epoch of `classic` ends with."""
    run = folder / "run"
    numeye("train", "classic", "--epochs", "1", "--run", run).check_returncode()
    sums = {
        str(file.relative_to(run)): hashlib.sha256(file.read_bytes()).hexdigest()
        for file in sorted(run.rglob("*"))
        if file.suffix in {".onnx", ".safetensors"}
    }
    (folder / "training.txt").write_text(json.dumps(sums, indent=1) + "\n")


def compare(old: Path, new: Path) -> int:
    """Print the answers that differ; return how many do."""
    names = sorted({file.name for of in (old, new) for file in of.iterdir() if file.is_file()})
    different = [name for name in names if not _same(old / name, new / name)]
    for name in different:
        print(f"{name}: differs")
        for line in _difference(old / name, new / name):
            print(f"  {line}")
    print(f"{len(names)} answers, {len(different)} differ")
    return len(different)


def _same(old: Path, new: Path) -> bool:
    return old.is_file() and new.is_file() and old.read_bytes() == new.read_bytes()


def _difference(old: Path, new: Path) -> list[str]:
    for file in (old, new):
        if not file.is_file():
            return [f"{file} is not there"]
    if old.suffix != ".txt":
        return ["not the same bytes"]
    lines = difflib.unified_diff(
        _parts(old.read_text()), _parts(new.read_text()), str(old), str(new), lineterm="", n=0
    )
    return [line[:160] for line in lines][:SHOWN_LINES]


def _parts(text: str) -> list[str]:
    """Lines; those that are JSON as indented JSON, so that a difference is short."""
    return [part for line in text.splitlines() for part in _pretty(line)]


def _pretty(line: str) -> list[str]:
    if not line.startswith("{"):
        return [line]
    try:
        return json.dumps(json.loads(line), indent=1, sort_keys=True).splitlines()
    except ValueError:
        return [line]


def main() -> int:
    """Write or compare, as the command line says."""
    parser = argparse.ArgumentParser(description="Write golden outputs, or compare two sets.")
    commands = parser.add_subparsers(dest="command", required=True)
    writing = commands.add_parser("write")
    writing.add_argument("folder", type=Path)
    writing.add_argument("--quick", action="store_true", help="without MNIST and training")
    writing.add_argument("--pattern-option", default="--pattern", help="its name in old versions")
    comparing = commands.add_parser("compare")
    comparing.add_argument("old", type=Path)
    comparing.add_argument("new", type=Path)
    given = parser.parse_args()
    if given.command == "compare":
        return min(compare(given.old, given.new), 1)
    write(given.folder, quick=given.quick, pattern=given.pattern_option)
    return 0


if __name__ == "__main__":
    sys.exit(main())
