"""Bad input of every kind ends in one line that names what is wrong."""

from __future__ import annotations

import gzip
import os
import shlex
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from tests.conftest import Numeye

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform == "win32", reason="devices and limits of Unix"),
]

EXAMPLES = Path(__file__).parents[2] / "examples"
SEVEN, ROWS = EXAMPLES / "digits" / "7-turned.jpg", EXAMPLES / "numbers" / "rows.png"
ASSETS = Path(__file__).parents[2] / "src" / "numeye" / "models" / "packaged"
FAILED, USAGE = 1, 2
DEEP, DOTS = "[" * 100_000, "a" + ".a" * 20_000 + " = 1"
METRICS = '{"epoch": "x", "train_loss": [], "validation_loss": 1, "validation_accuracy": 1}\n'
REGION = "[total]\nregion = '1,1,90,90'\n"

Arguments = Sequence[object]


def write_file(path: Path, content: str | bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    return path


def form(content: str | bytes) -> Callable[[Path], Arguments]:
    return lambda folder: ["read", "--regions", write_file(folder / "form.toml", content), ROWS]


def recipe(content: str | bytes) -> Callable[[Path], Arguments]:
    return lambda folder: [
        "train",
        write_file(folder / "own.toml", content),
        "--run",
        folder / "run",
    ]


def card(content: str | bytes) -> Callable[[Path], Arguments]:
    def make(folder: Path) -> Arguments:
        write_file(folder / "model" / "card.json", content)
        shutil.copy(ASSETS / "classic.onnx", folder / "model" / "model.onnx")
        return ["read", "--single", "--model", folder / "model", SEVEN]

    return make


def run(name: str, content: str | bytes) -> Callable[[Path], Arguments]:
    def make(folder: Path) -> Arguments:
        config = '{"recipe": {"name": "classic", "model": "classic"}, "epochs": 2}'
        write_file(folder / "run" / "config.json", config)
        write_file(folder / "run" / name, content)
        return ["export", folder / "run"]

    return make


def data(name: str, content: Callable[[], bytes]) -> Callable[[Path], Arguments]:
    return lambda folder: ["evaluate", "classic", "--data", write_file(folder / name, content())]


def zip_bomb() -> bytes:
    import io

    buffer, head = (
        io.BytesIO(),
        b"{'descr': '|u1', 'fortran_order': False, 'shape': (2500000000,), }",
    )
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as packed:
        packed.writestr(
            "images.npy",
            b"\x93NUMPY\x01\x00" + (118).to_bytes(2, "little") + head.ljust(117) + b"\n",
        )
        packed.writestr("labels.npy", b"")
    content = bytearray(buffer.getvalue())
    size = content.index(b"PK\x01\x02") + 24  # as the directory tells the size of the first entry
    content[size : size + 4] = (2_500_000_128).to_bytes(4, "little")
    return bytes(content)


def gzip_bomb(folder: Path) -> Arguments:
    head = b"\0\0\x08\x03" + (1).to_bytes(4, "big") * 3
    write_file(folder / "a-images-idx3-ubyte.gz", gzip.compress(head + bytes(100_000_000), 1) * 21)
    write_file(folder / "a-labels-idx1-ubyte.gz", gzip.compress(b"\0\0\x08\x01\0\0\0\0"))
    return ["evaluate", "classic", "--data", folder]


def fake_name(folder: Path) -> Arguments:
    return ["read", folder / "no\nnumeye: all is well\x1b[2J.png"]


def sparse(folder: Path) -> Arguments:
    with (folder / "big.png").open("wb") as file:
        file.truncate(4 << 30)
    return ["read", folder / "big.png"]


def socket_file(folder: Path) -> Arguments:
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(folder / "s.png"))
    return ["read", folder / "s.png"]


def loop(folder: Path) -> Arguments:
    (folder / "loop.png").symlink_to("loop.png")
    return ["read", folder / "loop.png"]


def pages(folder: Path) -> Arguments:
    picture = Image.new("L", (30, 30), 255)
    picture.save(folder / "multi.tif", save_all=True, append_images=[picture])
    return ["explain", folder / "multi.tif"]


def many_pixels(folder: Path) -> Arguments:
    np.savez_compressed(
        folder / "a.npz", images=np.zeros((2, 0, 28), np.uint8), labels=np.arange(2)
    )
    return ["evaluate", "classic", "--data", folder / "a.npz"]


CASES: dict[str, tuple[Callable[[Path], Arguments], int, str]] = {
    "a form nested deeply": (
        form(f"a = {DEEP[:9000]}"),
        USAGE,
        "form.toml: not a form (nested more than 40 deep)",
    ),
    "a form with many dots": (
        form(DOTS),
        USAGE,
        "form.toml: not a form (a key of more than 16 parts)",
    ),
    "a form with a long key": (form("a" * 63_000), USAGE, "form.toml: not a form"),
    "a large form": (
        form("#" * 70_000),
        USAGE,
        "form.toml: cannot be read (70,000 bytes, at most 64,000 are read",
    ),
    "a form of bytes": (
        form(b"\xff\xfe"),
        USAGE,
        "form.toml: not a form (not UTF-8: byte 0 is 0xff)",
    ),
    "a form with a number too large": (
        form(f"{REGION}digits = {'9' * 5000}"),
        USAGE,
        "a number of too many digits",
    ),
    "a region beyond": (
        form("[total]\nregion = '9000,1,9,9'"),
        FAILED,
        "form.toml: [total]: region 9000,1,9,9 lies",
    ),
    "a check that is none": (
        form(f"{REGION}check = 'x'"),
        USAGE,
        "form.toml: [total]: check x: expected one",
    ),
    "what conflicts": (
        form(f"{REGION}digits = 5\ncheck = 'isbn13'"),
        USAGE,
        "[total]: digits 5: expected 13",
    ),
    "too short to fit": (
        form(rf"{REGION}digits = 5{chr(10)}pattern = '\d'"),
        USAGE,
        "[total]: pattern \\d: matches no",
    ),
    "a blank that is none": (form(f"blank = 'form.toml'\n{REGION}"), FAILED, "form.toml: blank: "),
    "a recipe nested deeply": (
        recipe(f"a = {DEEP[:9000]}"),
        USAGE,
        "own.toml: not a recipe (nested more than 40",
    ),
    "a recipe with many dots": (
        recipe(DOTS),
        USAGE,
        "own.toml: not a recipe (a key of more than 16 parts)",
    ),
    "a card nested deeply": (card(DEEP), FAILED, "card.json: not JSON (nested more than 40 deep)"),
    "a card of objects": (
        card('{"a":' * 50_000),
        FAILED,
        "card.json: not JSON (nested more than 40 deep)",
    ),
    "a card twice": (
        card('{"a": 1, "a": 2}'),
        FAILED,
        "card.json: not JSON (the key 'a' appears twice)",
    ),
    "half a character": (
        card('{"a": "\\ud800"}'),
        FAILED,
        "card.json: not JSON (half of a character",
    ),
    "a large card": (
        card("[" + "1," * 3_000_000 + "1]"),
        FAILED,
        "card.json: cannot be read (6,000,003 bytes",
    ),
    "a config nested deeply": (
        run("config.json", DEEP),
        FAILED,
        "config.json: damaged (nested more than 40 deep)",
    ),
    "metrics nested deeply": (
        run("metrics.jsonl", f"{DEEP}\n"),
        FAILED,
        "metrics.jsonl: damaged (line 1: nested",
    ),
    "metrics without numbers": (
        run("metrics.jsonl", METRICS),
        FAILED,
        "metrics.jsonl: damaged; expected numbers",
    ),
    "a zip bomb": (data("a.npz", zip_bomb), FAILED, "a.npz: cannot be read (2,500,000,"),
    "a gzip bomb": (gzip_bomb, FAILED, "a-images-idx3-ubyte.gz: cannot be read"),
    "an empty array": (many_pixels, FAILED, "a.npz"),
    "a device": (
        lambda _: ["read", "/dev/zero"],
        FAILED,
        "/dev/zero: cannot be read (a device or a socket",
    ),
    "a form that never ends": (
        lambda _: ["read", "--regions", "/dev/zero", ROWS],
        USAGE,
        "/dev/zero: cannot be read",
    ),
    "keys that never end": (
        lambda _: ["serve", "--keys", "/dev/zero"],
        USAGE,
        "--keys /dev/zero: cannot be read",
    ),
    "a socket": (socket_file, FAILED, "s.png: cannot be read (a device or a socket"),
    "a link to itself": (loop, FAILED, "loop.png: cannot be read"),
    "a file of 4 GB": (
        sparse,
        FAILED,
        "big.png: cannot be read (4,294,967,296 bytes, at most 1,000,000,000",
    ),
    "a name that fakes a line": (
        fake_name,
        FAILED,
        r"no\nnumeye: all is well\x1b[2J.png: no such file",
    ),
    "several pages": (
        pages,
        FAILED,
        "multi.tif: has more than one page, expected one; numeye read and read_many",
    ),
    "a long name": (lambda _: ["read", "x" * 5000], FAILED, "cannot be read (File name too long)"),
    "an own model that is a picture": (
        lambda _: ["read", SEVEN, "--model", SEVEN],
        FAILED,
        "not an ONNX model",
    ),
    "a region of many digits": (
        lambda _: ["read", ROWS, "--region", "9" * 400 + ",1,1,1"],
        USAGE,
        "is not a number",
    ),
    "nested brackets": (lambda _: ["read", ROWS, "--pattern", "(" * 5000], USAGE, "pattern (((("),
}


@pytest.mark.parametrize("case", CASES)
def test_bad_input_ends_in_one_line_that_names_it(
    case: str, numeye: Numeye, tmp_path: Path
) -> None:
    arguments, status, expected = CASES[case]
    process = numeye(*arguments(tmp_path))
    assert "Traceback" not in process.stderr
    assert expected in process.stderr
    (line,) = process.stderr.splitlines()
    assert line.startswith("numeye: ")
    assert (process.returncode, process.stdout) == (status, "")


STREAMS = {
    "nothing": ("< /dev/null", "standard input: empty; expected a picture"),
    "closed": ("<&-", "standard input: closed; expected a picture"),
    "endless": ("< /dev/zero", "standard input: cannot be read (more than 1,000,000,000 bytes"),
    "an endless pipe": (None, "standard input: cannot be read (more than 1,000,000,000 bytes"),
}


@pytest.mark.parametrize("case", STREAMS)
def test_standard_input_that_is_no_picture(case: str) -> None:
    redirection, expected = STREAMS[case]
    read = f"{shlex.quote(sys.executable)} -m numeye read -"
    shell = f"{read} {redirection}" if redirection else f"yes | {read}"
    process = subprocess.run(
        ["/bin/sh", "-c", shell], capture_output=True, text=True, check=False, timeout=120
    )
    assert (process.returncode, process.stdout) == (FAILED, "")
    assert process.stderr.startswith(f"numeye: {expected}")
    assert len(process.stderr.splitlines()) == 1


def limited(megabytes: int) -> Callable[[], None]:
    import resource

    return lambda: resource.setrlimit(resource.RLIMIT_AS, (megabytes << 20, megabytes << 20))


@pytest.mark.parametrize("megabytes", [300, 450, 600, 900])
def test_without_enough_memory_other_pictures_are_read(megabytes: int, tmp_path: Path) -> None:
    Image.new("RGBA", (8900, 8900), (255, 255, 255, 0)).save(
        tmp_path / "large.png", compress_level=1
    )
    command = [
        sys.executable,
        "-m",
        "numeye",
        "read",
        str(tmp_path / "large.png"),
        str(ROWS),
        "--json",
    ]
    environment = {**os.environ, "OPENBLAS_NUM_THREADS": "1"}
    process = subprocess.run(
        command,
        capture_output=True,
        text=True,
        check=False,
        preexec_fn=limited(megabytes),
        env=environment,
    )
    assert "Traceback" not in process.stderr
    assert process.returncode == FAILED
    assert "not enough memory" in process.stderr
    assert all(line.startswith("numeye: ") for line in process.stderr.splitlines())
    if megabytes >= 450:
        assert '"text": "407 1250' in process.stdout


LIMITED = (
    "import resource, signal; signal.signal(signal.SIGXFSZ, signal.SIG_IGN); "
    "resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
)
WRITERS: dict[str, tuple[Arguments, str]] = {
    "overlay": (
        ["read", SEVEN, "--overlay", "out"],
        "out/7-turned.jpg.read.png: cannot be written",
    ),
    "page": (["explain", SEVEN, "--save", "seen.html"], "seen.html: cannot be written"),
    "sheet": (["explain", SEVEN, "--save", "seen.png"], "seen.png: cannot be written"),
    "mistakes": (
        ["evaluate", "--data", "sets/own", "--mistakes", "out"],
        "mistakes.png: cannot be written",
    ),
    "log": (
        ["evaluate", "--wild", "sets", "--log", "log", "--reason", "x"],
        "log: cannot be written",
    ),
    "run": (["train", "--data", "sets/own", "--run", "run"], "cannot be written"),
}


@pytest.mark.parametrize("writer", WRITERS)
def test_a_writer_without_space_names_its_file(writer: str, tmp_path: Path) -> None:
    arguments, expected = WRITERS[writer]
    for number in range(20):
        write_file(
            tmp_path / "sets" / "own" / f"{number % 10}" / f"{number}.jpg", SEVEN.read_bytes()
        )
    script = f"{LIMITED.format(20)}; import sys; from numeye.__main__ import main; main()"
    command = [sys.executable, "-c", script, *map(str, arguments)]
    process = subprocess.run(command, capture_output=True, text=True, check=False, cwd=tmp_path)
    assert "Traceback" not in process.stderr
    assert expected in process.stderr.splitlines()[-1], process.stderr
    assert process.returncode == FAILED
