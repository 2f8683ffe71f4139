"""The HTTP API under load: `numeye serve` as a process of its own, and clients beside it on the same machine.

Clients are threads that ask again as soon as they are answered. What is in the clock: from the first byte sent to the
last received, on loopback, one connection a client kept open. The baseline is the reader in this process, on as many
threads as there are cores, with batches of the same size.
"""

from __future__ import annotations

import http.client
import io
import statistics
import subprocess
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import bench, image, mnist
from numeye.errors import NumeyeError
from numeye.reader import Reader

if TYPE_CHECKING:
    from jaxtyping import UInt8

BATCH = 64  # digits of a request
CLIENTS = (1, 8, 64)
FULL = 8  # requests that the server takes in the run that has twice as many clients
START = 60.0  # seconds that the server may take to be ready


@dataclass
class Load:
    """What clients saw.

    Attributes:
        clients: how many.
        digits: of a request.
        seconds: that they asked for.
        answered: seconds of each request that was answered.
        refused: of each that got 503.
        failed: other answers, and broken connections.
    """

    clients: int
    digits: int
    seconds: float
    answered: list[float] = field(default_factory=list)
    refused: list[float] = field(default_factory=list)
    failed: int = 0

    def facts(self) -> dict[str, Any]:
        """In numbers; milliseconds."""
        return {
            "clients": self.clients,
            "digits": self.digits,
            "requests": len(self.answered),
            "requests_per_second": len(self.answered) / self.seconds,
            "digits_per_second": len(self.answered) * self.digits / self.seconds,
            "p50": _percentile(self.answered, 50),
            "p99": _percentile(self.answered, 99),
            "refused": len(self.refused),
            "refused_p99": _percentile(self.refused, 99),
            "failed": self.failed,
        }


def bench_serve(seconds: float = 30.0, clients: Sequence[int] = CLIENTS, cache: str | None = None) -> dict[str, Any]:
    """Requests of 64 digits and of one, by so many clients each; then twice as many clients as it takes.

    Raises:
        NumeyeError: the server does not start.
    """
    digits = mnist.load("train", cache)[0][:BATCH]
    loads, memory = [], []
    with _server() as (port, process):
        for size in (BATCH, 1):
            for count in clients:
                loads.append(_ask(port, _npy(digits[:size]), size, count, seconds).facts())
                memory.append(_megabytes(process))
    with _server("--requests", str(FULL)) as (port, _):
        overload = _ask(port, _npy(digits), BATCH, 2 * FULL, seconds).facts()
    return {
        "machine": bench.machine(),
        "seconds": seconds,
        "in_process_digits_per_second": _in_process(digits, min(seconds, 10.0)),
        "loads": loads,
        "overload": {**overload, "taken": FULL},
        "megabytes": memory,
    }


def serving_lines(result: dict[str, Any]) -> list[str]:
    """For people."""
    alone = result["in_process_digits_per_second"]
    lines = [
        result["machine"],
        f"{result['seconds']:g} s each; the reader in process, batches of {BATCH}: {alone:,.0f} digits/s",
    ]
    for load in [*result["loads"], result["overload"]]:
        share = f"{load['digits_per_second'] / alone:6.0%} of in process" if load["digits"] == BATCH else ""
        lines.append(
            f"{load['clients']:>3} clients, {load['digits']:>2} digits: {load['requests_per_second']:7.1f} requests/s "
            f"{load['digits_per_second']:8,.0f} digits/s  p50 {load['p50']:7.1f} ms  p99 {load['p99']:7.1f} ms  "
            f"503: {load['refused']} (p99 {load['refused_p99']:.1f} ms)  failed {load['failed']}  {share}"
        )
    lines[-1] += f" (it takes {result['overload']['taken']} at once)"
    return [*lines, "memory after each: " + ", ".join(f"{size:.0f}" for size in result["megabytes"]) + " MB"]


@contextmanager
def _server(*options: str) -> Iterator[tuple[int, subprocess.Popen[str]]]:
    """`numeye serve` on some free port, ready, until the block ends."""
    command = [*bench.numeye_command(), "serve", "--port", "0", *options]
    with subprocess.Popen(command, stderr=subprocess.PIPE, text=True) as process:
        try:
            assert process.stderr is not None  # noqa: S101 - it is a pipe
            line = process.stderr.readline()
            if not line.startswith("http://"):
                raise NumeyeError(f"numeye serve did not start: {line.strip() or 'it said nothing'}")
            port = int(line.split()[0].rsplit(":", 1)[1].partition("/")[0])
            threading.Thread(target=process.stderr.read, daemon=True).start()  # what it says must not fill the pipe
            _wait(port)
            yield port, process
        finally:
            process.terminate()


def _wait(port: int) -> None:
    until = time.monotonic() + START
    while time.monotonic() < until:
        try:
            if _request(http.client.HTTPConnection("127.0.0.1", port), "GET", "/readyz", b"") == 200:
                return
        except OSError:
            pass
        time.sleep(0.1)
    raise NumeyeError(f"numeye serve was not ready within {START:g} s")


def _ask(port: int, body: bytes, digits: int, clients: int, seconds: float) -> Load:
    load, lock = Load(clients, digits, seconds), threading.Lock()
    started = time.monotonic()
    until = started + seconds

    def client() -> None:
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=90)
        while time.monotonic() < until:
            begun = time.perf_counter()
            try:
                status = _request(connection, "POST", "/v1/read?single=true", body)
            except (OSError, http.client.HTTPException):
                connection.close()
                status = 0
            took = time.perf_counter() - begun
            with lock:
                _count(load, status, took)
        connection.close()

    threads = [threading.Thread(target=client) for _ in range(clients)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    load.seconds = time.monotonic() - started  # the last ones were answered a little later
    return load


def _count(load: Load, status: int, took: float) -> None:
    if status == 200:
        load.answered.append(took)
    elif status == 503:
        load.refused.append(took)
    else:
        load.failed += 1


def _request(connection: http.client.HTTPConnection, method: str, path: str, body: bytes) -> int:
    connection.request(method, path, body, {"Content-Type": "application/x-npy"})
    response = connection.getresponse()
    response.read()
    return response.status


def _npy(array: UInt8[np.ndarray, "n 28 28"]) -> bytes:
    file = io.BytesIO()
    np.save(file, array, allow_pickle=False)
    return file.getvalue()


def _in_process(digits: UInt8[np.ndarray, "n 28 28"], seconds: float) -> float:
    """Digits a second, after one batch that is not counted."""
    reader = Reader(single=True)
    batch = [page for digit in digits for page in image.pages(digit)]
    reader.read_pages(batch)
    begun, count = time.perf_counter(), 0
    while time.perf_counter() - begun < seconds:
        reader.read_pages(batch)
        count += len(batch)
    return count / (time.perf_counter() - begun)


def _percentile(seconds: list[float], percent: int) -> float:
    """In milliseconds; 0 where there is none."""
    if len(seconds) < 2:
        return sum(seconds) * 1000
    return statistics.quantiles(seconds, n=100, method="inclusive")[percent - 1] * 1000


def _megabytes(process: subprocess.Popen[str]) -> float:
    """Memory of a process, as Linux tells it; nan elsewhere."""
    status = Path(f"/proc/{process.pid}/status")
    if not status.exists():
        return float("nan")
    line = next(line for line in status.read_text(encoding="utf-8").splitlines() if line.startswith("VmRSS"))
    return int(line.split()[1]) / 1024
