"""Hostile requests end in a 4xx, or as the picture that they also are, soon and in little memory.

The tests have their own server with the usual limits, because they measure its memory.
"""

from __future__ import annotations

import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx2
import pytest

from numeye.io.images import Page
from numeye.server import decoding
from tests.server.hostile_bodies import FORM, HOSTILE_REQUESTS, READ_OK, WHITE, form, pdf

MAX_SECONDS = 20  # for each request; the slowest takes about two
MAX_GROWTH_MB = 100  # after all requests were sent a second time
MAX_PEAK_MB = 700  # a page of 50 megapixels is decoded


@dataclass
class Server:
    url: str
    process: int

    def post(self, content: bytes, kind: str, query: str = "?single=true") -> httpx2.Response:
        headers = {"Content-Type": kind}
        return httpx2.post(
            f"{self.url}v1/read{query}", content=content, headers=headers, timeout=60
        )

    def memory_mb(self, name: str) -> int:
        """Return a value of the process's status in megabytes."""
        status = Path(f"/proc/{self.process}/status").read_text("utf-8")
        return int(re.findall(rf"{name}:\s+(\d+) kB", status)[0]) // 1024


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    command = [sys.executable, "-m", "numeye", "serve", "--port", "0"]
    process = subprocess.Popen(command, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    try:
        yield Server(process.stderr.readline().split()[0], process.pid)
    finally:
        process.send_signal(signal.SIGINT)
        _, stderr = process.communicate(timeout=60)
    assert (process.returncode, stderr) == (130, "")  # no unexpected error


def send_and_check(server: Server, name: str) -> None:
    content, kind, status, message = HOSTILE_REQUESTS[name]
    started_at = time.perf_counter()
    response = server.post(content, kind)
    assert time.perf_counter() - started_at < MAX_SECONDS
    assert (response.status_code, response.headers["x-content-type-options"]) == (
        status,
        "nosniff",
    ), response.text
    if status == 200:
        assert response.headers["content-type"] == "application/json"
        assert message in response.text or message == READ_OK
        assert all(
            {"text", "rejected"} <= result.keys() or "error" in result
            for result in response.json()["results"]
        )
    else:
        assert response.headers["content-type"] == "application/problem+json"
        assert message in response.json()["detail"]
        assert "\n" not in response.json()["detail"]


@pytest.mark.parametrize("name", HOSTILE_REQUESTS)
def test_hostile_requests_do_no_harm(server: Server, name: str) -> None:
    send_and_check(server, name)


@pytest.mark.parametrize("before", [b"", b"\n", b"\xef\xbb\xbf\r\n", b"\0"])
def test_a_pdf_is_rendered_in_a_subprocess_whatever_precedes_it(
    before: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    rendered: list[bytes] = []

    def pages(content: bytes, max_pixels: int) -> Iterator[Page]:
        rendered.append(content)
        yield from ()

    monkeypatch.setattr(decoding.pdf, "render_pages", pages)
    assert list(decoding.decode_pages(before + pdf(b"9 9"), 1_000)) == []
    assert rendered == [before + pdf(b"9 9")]


NAMES = [
    "../../etc/passwd",
    "/etc/passwd",
    "%2e%2e%2f",
    "%n%s",
    "<script>",
    "a\0b",
    "-",
    "CON",
    "~",
    "é" * 300,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_files_name_is_returned_and_opens_nothing(server: Server, name: str) -> None:
    answer = server.post(form((name, b"nothing"), ("a", WHITE)), FORM).json()["results"][0]
    assert answer["error"].startswith("the bytes: not a picture")
    assert answer["image"] == name


@pytest.mark.slow
@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="measuring memory needs /proc")
def test_a_second_round_takes_no_more_memory(server: Server) -> None:
    for _ in range(2):  # after the first round some memory stays in any case
        before = server.memory_mb("VmRSS")
        for name in HOSTILE_REQUESTS:
            send_and_check(server, name)
    until = time.monotonic() + 20
    # Memory of the last requests is released a moment later.
    while (growth := server.memory_mb("VmRSS") - before) >= MAX_GROWTH_MB:
        assert time.monotonic() < until, f"{growth} MB more than before"
        time.sleep(0.2)
    assert server.memory_mb("VmHWM") < MAX_PEAK_MB
