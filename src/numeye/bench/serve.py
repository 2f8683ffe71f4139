"""`numeye bench serve`: the HTTP API under load.

`numeye serve` runs as a process of its own, and the clients on the same machine. Each client is a
thread with one connection, which sends a request as soon as the last one is answered. Latencies are
from the first byte sent to the last received. The baseline is the reader in this process, on all
cores, with batches of the same size.
"""

from __future__ import annotations

import http.client
import io
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.bench import timing
from numeye.errors import NumeyeError
from numeye.io import images, mnist
from numeye.reader import Reader

if TYPE_CHECKING:
    from jaxtyping import UInt8

DIGITS_PER_REQUEST = 64
CLIENT_COUNTS = (1, 8, 64)
MAX_REQUESTS = 8  # that the server takes at once in the overload test, with twice as many clients
START_TIMEOUT_S = 60.0


@dataclass
class LoadTest:
    """The responses to a number of clients.

    Attributes:
        clients: number of clients.
        digits: digits in each request.
        seconds: duration of the test.
        latencies_s: seconds of each request with status 200.
        refusal_latencies_s: seconds of each request with status 503.
        failed: requests with another status or a broken connection.
    """

    clients: int
    digits: int
    seconds: float
    latencies_s: list[float] = field(default_factory=list)
    refusal_latencies_s: list[float] = field(default_factory=list)
    failed: int = 0

    def to_dict(self) -> dict[str, Any]:
        """Return the figures for JSON; latencies in milliseconds."""
        return {
            "clients": self.clients,
            "digits": self.digits,
            "requests": len(self.latencies_s),
            "requests_per_second": len(self.latencies_s) / self.seconds,
            "digits_per_second": len(self.latencies_s) * self.digits / self.seconds,
            "p50": _percentile_ms(self.latencies_s, 50),
            "p99": _percentile_ms(self.latencies_s, 99),
            "refused": len(self.refusal_latencies_s),
            "refused_p99": _percentile_ms(self.refusal_latencies_s, 99),
            "failed": self.failed,
        }


def bench_serve(
    seconds: float = 30.0, clients: Sequence[int] = CLIENT_COUNTS, cache: str | None = None
) -> dict[str, Any]:
    """Test the server with requests of 64 digits and of one, then with too many clients.

    Args:
        seconds: duration of each test.
        clients: numbers of clients.
        cache: folder of MNIST (default: the usual cache).

    Returns:
        The machine, the figures of each test, the speed of the baseline and the memory of the
        server after each test.

    Raises:
        NumeyeError: the server does not start.
        DataError: MNIST is not in the cache.
    """
    digits = mnist.load("train", cache)[0][:DIGITS_PER_REQUEST]
    loads, memory = [], []
    with _server() as (port, process):
        for size in (DIGITS_PER_REQUEST, 1):
            for count in clients:
                loads.append(
                    _run_load(port, _to_npy(digits[:size]), size, count, seconds).to_dict()
                )
                memory.append(_memory_mb(process))
    with _server("--requests", str(MAX_REQUESTS)) as (port, _):
        overload = _run_load(
            port, _to_npy(digits), DIGITS_PER_REQUEST, 2 * MAX_REQUESTS, seconds
        ).to_dict()
    return {
        "machine": timing.describe_machine(),
        "seconds": seconds,
        "in_process_digits_per_second": _digits_per_second_in_process(digits, min(seconds, 10.0)),
        "loads": loads,
        "overload": {**overload, "taken": MAX_REQUESTS},
        "megabytes": memory,
    }


def format_results(result: dict[str, Any]) -> list[str]:
    """Return the result of `bench_serve` as lines of text."""
    alone = result["in_process_digits_per_second"]
    lines = [
        result["machine"],
        (
            f"{result['seconds']:g} s each; the reader in process, batches of"
            f" {DIGITS_PER_REQUEST}: {alone:,.0f} digits/s"
        ),
    ]
    for load in [*result["loads"], result["overload"]]:
        share = (
            f"{load['digits_per_second'] / alone:6.0%} of in process"
            if load["digits"] == DIGITS_PER_REQUEST
            else ""
        )
        lines.append(
            f"{load['clients']:>3} clients, {load['digits']:>2} digits:"
            f" {load['requests_per_second']:7.1f} requests/s {load['digits_per_second']:8,.0f}"
            f" digits/s  p50 {load['p50']:7.1f} ms  p99 {load['p99']:7.1f} ms  503:"
            f" {load['refused']} (p99 {load['refused_p99']:.1f} ms)  failed {load['failed']} "
            f" {share}"
        )
    lines[-1] += f" (it takes {result['overload']['taken']} at once)"
    return [
        *lines,
        "memory after each: " + ", ".join(f"{size:.0f}" for size in result["megabytes"]) + " MB",
    ]


@contextmanager
def _server(*options: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """Run `numeye serve` on a free port until the block ends.

    Yields:
        Its port and its process.
    """
    command = [*timing.numeye_command(), "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None  # noqa: S101 - it is a pipe
            line = process.stderr.readline()
            if not line.startswith("http://"):
                raise NumeyeError(f"numeye serve did not start: {line.strip() or 'no message'}")
            port = int(line.split()[0].rsplit(":", 1)[1].partition("/")[0])
            # Its messages must be read, or the pipe fills up and the server waits.
            threading.Thread(target=process.stderr.read, daemon=True).start()
            _wait_until_ready(port)
            yield port, process
        finally:
            process.terminate()


def _wait_until_ready(port: int) -> None:
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline:
        connection = http.client.HTTPConnection("127.0.0.1", port)
        with suppress(OSError):  # refused as long as the server starts
            if _request(connection, "GET", "/readyz", b"") == 200:
                return
        time.sleep(0.1)
    raise NumeyeError(f"numeye serve was not ready within {START_TIMEOUT_S:g} s")


def _run_load(port: int, body: bytes, digits: int, clients: int, seconds: float) -> LoadTest:
    load, lock = LoadTest(clients, digits, seconds), threading.Lock()
    started = time.monotonic()
    deadline = started + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
        while time.monotonic() < deadline:
            sent = time.perf_counter()
            try:
                status = _request(connection, "POST", "/v1/read?single=true", body)
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            latency_s = time.perf_counter() - sent
            with lock:
                _count(load, status, latency_s)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.monotonic() - started  # the last responses come after the deadline
    return load


def _count(load: LoadTest, status: int, latency_s: float) -> None:
    if status == 200:
        load.latencies_s.append(latency_s)
    elif status == 503:
        load.refusal_latencies_s.append(latency_s)
    else:
        load.failed += 1


def _request(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> int:
    connection.request(method, path, body, {"Content-Type": "application/x-npy"})
    response = connection.getresponse()
    response.read()
    return response.status


def _to_npy(array: UInt8[np.ndarray, "n 28 28"]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _digits_per_second_in_process(digits: UInt8[np.ndarray, "n 28 28"], seconds: float) -> float:
    """Return the speed of the reader in this process, after one batch that is not counted."""
    reader = Reader(single=True)
    batch = [page for digit in digits for page in images.pages(digit)]
    reader.read_pages(batch)
    started, count = time.perf_counter(), 0
    while time.perf_counter() - started < seconds:
        reader.read_pages(batch)
        count += len(batch)
    return count / (time.perf_counter() - started)


def _percentile_ms(seconds: list[float], percent: int) -> float:
    """Return a percentile of durations in milliseconds; 0 if there are none."""
    if len(seconds) < 2:
        return sum(seconds) * 1000
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def _memory_mb(process: subprocess.Popen[str]) -> float:
    """Return the resident memory of a process on Linux; nan on other systems."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return float("nan")
    line = next(
        line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmRSS")
    )
    return int(line.split()[1]) / 1024
