"""The pen trajectories of handwritten digits: where they are kept, and how they are read.

They were made by E. Alpaydin and F. Alimoglu at Bogazici University: "Pen-Based Recognition of
Handwritten Digits", UCI Machine Learning Repository (1998), https://doi.org/10.24432/C5MG6K, under
CC BY 4.0. 44 people wrote about 250 digits each on a tablet of 500 x 500 places: 30 of them those
of "train", 14 others those of "test". The files are in `<cache>/pendigits`. They are text in the
UNIPEN format: for each digit a `.SEGMENT` with its class, a `.COMMENT` with class, writer and a
number, and between `.PEN_DOWN` and `.PEN_UP` a line for each point, y upwards.
"""

from __future__ import annotations

import hashlib
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np

from numeye.errors import DataError
from numeye.io import downloads, file_limits, files, lzw
from numeye.io.mnist import OnMessage, Progress, State, cache_folder

if TYPE_CHECKING:
    from jaxtyping import Float32

ADDRESS = "https://archive.ics.uci.edu/ml/machine-learning-databases/pendigits/"
RAW_FILE_SHA256 = {  # of the unpacked files
    "pendigits-orig.tra": "a66225d68d7d68591e62944df1ad33b3f5aa608e2df2505844b41f5568a80da4",
    "pendigits-orig.tes": "ddb1c19e277a56c7ffe682cc024d6ab73696f9adcc1643ef9ed5aa753007e081",
}
PARTS = {"train": "pendigits-orig.tra", "test": "pendigits-orig.tes"}
FORMS = (".Z", ".gz", "")  # ends of a file's name: packed by compress, by gzip, or not at all
MAX_RAW_FILE_BYTES = 20_000_000  # the largest file has 3.6 million
HELP = "`numeye data pendigits` fetches it, with --from DIR from a folder"

Part = Literal["train", "test"]


@dataclass(frozen=True)
class Trajectory:
    """How a pen moved over the tablet to write one digit.

    Attributes:
        digit: 0 to 9.
        writer: number of the writer in its part, from 1 on.
        strokes: the points of each stroke, x and y; y downwards, as in pictures.
    """

    digit: int
    writer: int
    strokes: tuple[Float32[np.ndarray, "_ 2"], ...]


def _ignore(*_: object) -> None:
    pass


# --- files


def raw_folder(cache: str | Path | None = None) -> Path:
    """Return the folder of the two raw files."""
    return cache_folder(cache) / "pendigits"


def status(cache: str | Path | None = None) -> dict[str, State]:
    """Return the state of each raw file: "ok", "missing" or "damaged", by its SHA-256."""
    return {name: _file_state(raw_folder(cache) / name) for name in RAW_FILE_SHA256}


def is_complete(cache: str | Path | None = None) -> bool:
    """Return whether both files are there and undamaged."""
    return set(status(cache).values()) == {"ok"}


def fetch(
    cache: str | Path | None = None,
    *,
    address: str = ADDRESS,
    timeout_s: float = downloads.TIMEOUT_S,
    on_message: OnMessage = _ignore,
    progress: Progress = _ignore,
) -> Path:
    """Fetch the files that are missing or damaged, and return the cache folder.

    A file that lies packed in the cache's folder is unpacked, without a download.

    Args:
        cache: see `mnist.cache_folder`.
        address: of the folder that has the files, with a slash at its end.
        timeout_s: to connect, and between two parts.
        on_message: is called with a line about each file that is damaged or fetched.
        progress: is called for each part that arrives; see `mnist.Progress`.

    Raises:
        DataError: they cannot be fetched; the message says what to put where.
        OutputError: the cache folder cannot be written.
    """
    folder = raw_folder(cache)
    for name, state in status(cache).items():
        if state == "damaged":
            on_message(f"{folder / name}: damaged (wrong SHA-256); fetching it again")
        if state != "ok" and not _take_from(folder, name, folder, on_message):
            content = _download(name, address, timeout_s, partial(progress, name))
            on_message(f"{name}: {len(content):,} bytes from {address}")
            files.write_bytes(folder / name, content)
    return cache_folder(cache)


def take_from(
    folder: Path, cache: str | Path | None = None, *, on_message: OnMessage = _ignore
) -> Path:
    """Fill the cache from a folder that has the files, packed or not, and return the cache folder.

    A file counts by its unpacked bytes. Its name only has to begin with `pendigits`. The folder may
    have them in a folder `pendigits`.

    Raises:
        DataError: the folder does not have a file that is missing in the cache.
        OutputError: the cache folder cannot be written.
    """
    for name, state in status(cache).items():
        if state == "ok":
            continue
        places = (folder, folder / "pendigits")
        if not any(_take_from(place, name, raw_folder(cache), on_message) for place in places):
            raise DataError(
                f"{folder}: holds no undamaged {name}; expected it there as {_file_names(name)}"
            )
    return cache_folder(cache)


def _take_from(folder: Path, name: str, target: Path, on_message: OnMessage) -> bool:
    """Write a file to the folder `target` if `folder` has it; return whether it does."""
    for path in sorted(folder.glob("pendigits*")):
        try:
            content = unpack(file_limits.read(path, MAX_RAW_FILE_BYTES))
        except (OSError, EOFError, zlib.error):
            continue  # another file, or a damaged one
        if _matches(content, name):
            files.write_bytes(target / name, content)
            on_message(f"{name}: taken from {path}")
            return True
    return False


def _download(
    name: str, address: str, timeout_s: float, progress: Callable[[int, int | None], object]
) -> bytes:
    """Return a file in the first form in which the address has it undamaged."""
    failures = []
    for form in FORMS:
        try:
            packed = downloads.download(
                f"{address}{name}{form}", MAX_RAW_FILE_BYTES, timeout_s=timeout_s, progress=progress
            )
            content = unpack(packed)
        except downloads.FAILURES as error:
            failures.append(f"{name}{form}: {downloads.reason(error)}")
            if not hasattr(error, "code") and isinstance(error, OSError):
                break  # nobody answers; another form would not be answered either
            continue
        if _matches(content, name):
            return content
        failures.append(f"{name}{form} has the wrong SHA-256 ({len(content):,} bytes)")
    raise DataError(
        f"pendigits: {address} does not have it ({'; '.join(failures)}); put"
        f" {' and '.join(RAW_FILE_SHA256)} (or the same packed, with .Z or .gz) into a folder and"
        " run `numeye data pendigits --from DIR`"
    )


def unpack(content: bytes) -> bytes:
    """Return the unpacked bytes of a file that compress, gzip or nobody packed.

    Raises:
        TooLarge, EOFError, zlib.error: it is too large or damaged.
    """
    if content.startswith(lzw.MAGIC):
        return lzw.unpack_z(content, MAX_RAW_FILE_BYTES)
    if content.startswith(b"\x1f\x8b"):
        return file_limits.unpack_gzip(content, MAX_RAW_FILE_BYTES)
    return content


def _file_names(name: str) -> str:
    return ", ".join(f"{name}{form}" for form in FORMS)


def _file_state(path: Path) -> State:
    if not path.is_file():
        return "missing"
    try:
        content = file_limits.read(path, MAX_RAW_FILE_BYTES)
    except file_limits.TooLarge:
        return "damaged"
    return "ok" if _matches(content, path.name) else "damaged"


def _matches(content: bytes, name: str) -> bool:
    return hashlib.sha256(content).hexdigest() == RAW_FILE_SHA256[name]


# --- trajectories


def load(part: Part, cache: str | Path | None = None) -> tuple[Trajectory, ...]:
    """Return the trajectories of one part; call `fetch` first.

    Raises:
        DataError: its file is missing or damaged.
    """
    path = raw_folder(cache) / PARTS[part]
    state = _file_state(path)
    if state != "ok":
        raise DataError(f"{path}: {state}; {HELP}")
    return parse(path.read_text("ascii"), str(path))


def parse(text: str, name: str) -> tuple[Trajectory, ...]:
    """Return the trajectories in a text of the UNIPEN format.

    Args:
        text: see the head of this file.
        name: what messages call it.

    Raises:
        DataError: it is not such a text.
    """
    parser = _Parser()
    for number, line in enumerate(text.splitlines(), start=1):
        try:
            parser.add_line(line)
        except (ValueError, IndexError) as error:
            raise DataError(
                f"{name}: line {number} is {line[:40]!r}; expected UNIPEN text with .SEGMENT,"
                " .COMMENT, .PEN_DOWN, points and .PEN_UP"
            ) from error
    if not parser.trajectories:
        raise DataError(f"{name}: holds no digit; expected UNIPEN text with a .SEGMENT for each")
    return tuple(parser.trajectories)


class _Parser:
    """Collects trajectories, line by line."""

    def __init__(self) -> None:
        self.trajectories: list[Trajectory] = []
        self._digit = -1
        self._points: list[tuple[int, int]] | None = None  # of a stroke; None: the pen is up

    def add_line(self, line: str) -> None:
        """Take in one line.

        Raises:
            ValueError, IndexError: it is not in the format, or not in its order.
        """
        words = line.split()
        if not words or words[0] in (".INCLUDE", ".LEXICON", ".HIERARCHY", ".DT"):
            return
        if words[0] == ".SEGMENT":
            self._digit = "0123456789".index(words[-1].strip('"'))
        elif words[0] == ".COMMENT":
            self._begin_digit(int(words[1]), int(words[2]))
        elif words[0] == ".PEN_DOWN":
            self._points = []
        elif words[0] == ".PEN_UP":
            self._end_stroke()
        else:
            self._add_point(words)

    def _begin_digit(self, digit: int, writer: int) -> None:
        if digit != self._digit:
            raise ValueError
        self.trajectories.append(Trajectory(digit, writer, ()))

    def _add_point(self, words: list[str]) -> None:
        x, y = map(int, words)
        if self._points is None:
            raise ValueError
        self._points.append((x, -y))

    def _end_stroke(self) -> None:
        if not self._points:
            raise ValueError
        points = np.array(self._points, np.float32)  # (n, 2)
        last = self.trajectories.pop()
        self.trajectories.append(Trajectory(last.digit, last.writer, (*last.strokes, points)))
        self._points = None
