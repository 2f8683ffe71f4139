"""Slow and rude clients: /healthz answers within a second, and other clients are served.

All clients are on this machine, most of them at the same address.
"""

from __future__ import annotations

import io
import json
import re
import socket
import subprocess
import sys
import threading
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from http.client import HTTPConnection

import numpy as np
import pytest

from tests.faults.rude import (
    HEAD_TIMEOUT_S,
    HEALTH_REQUEST,
    IDLE_TIMEOUT_S,
    LAST_HEALTH_REQUEST,
    MAX_PER_ADDRESS,
    NPY,
    OTHER_ADDRESS,
    ROWS,
    SEVEN,
    Server,
    is_open,
    make_head,
    make_post,
    needs_proc,
    parse_status,
    run_server,
    tried_twice,
    wait_for_memory,
)

pytestmark = [pytest.mark.fault, needs_proc, tried_twice]


def test_idle_connections_are_limited_and_closed(server: Server) -> None:
    with server.watch_health():
        clients = [server.connect() for _ in range(600)]
        active_client = server.connect()
        active_client.sendall(HEALTH_REQUEST)
        time.sleep(1.5)
        assert 0 < sum(map(is_open, clients)) <= MAX_PER_ADDRESS
        time.sleep(HEAD_TIMEOUT_S)
        assert sum(map(is_open, clients)) == 0
        assert is_open(active_client)  # it sent a request, so it has longer until the next one
        time.sleep(IDLE_TIMEOUT_S - HEAD_TIMEOUT_S)
        assert not is_open(active_client)


def test_a_head_that_arrives_byte_by_byte_times_out(server: Server) -> None:
    clients, started_at = [server.connect() for _ in range(50)], time.monotonic()
    with server.watch_health():
        for byte in HEALTH_REQUEST[:14]:
            for client in clients:
                client.setblocking(True)
                try:
                    client.sendall(bytes([byte]))
                except OSError:
                    continue
            time.sleep(1)
            if not any(map(is_open, clients)):
                break
    assert HEAD_TIMEOUT_S - 1 < time.monotonic() - started_at < HEAD_TIMEOUT_S + 3


@pytest.mark.parametrize("files", [64, 200])
def test_a_server_with_few_file_descriptors_goes_on_and_logs_little(files: int) -> None:
    with run_server(files=files) as server:
        clients = []
        for _ in range(400):
            clients.append(server.connect())
            time.sleep(0.002)
        with server.watch_health():
            time.sleep(3)
            assert server.read_rows() == 200
    assert len("".join(server.log)) < 10_000


@pytest.mark.parametrize(
    ("size", "sent", "count"),
    [(20_000_000, 1, 64), (20_000_000, 90_000, 64), (1_000_000, 10, 200), (90, 10, 250)],
)
def test_incomplete_bodies_do_not_hold_up_others(
    server: Server, size: int, sent: int, count: int
) -> None:
    with server.watch_health():
        clients = [server.connect() for _ in range(count)]
        for client in clients:
            client.sendall(make_head(size) + b"a" * sent)
        time.sleep(2.5)  # by then they count as slow
        started_at = time.monotonic()
        assert server.read_rows(OTHER_ADDRESS) == 200
        assert time.monotonic() - started_at < 5
        if count == 64:
            assert server.read_rows() == 200
            assert time.monotonic() - started_at < 10


def test_clients_that_do_not_read_their_answers_are_disconnected(server: Server) -> None:
    before, clients = server.measure_memory_mb(), []
    large_request = b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: a\r\n\r\n"
    explain = make_post(SEVEN, target="/v1/explain").replace(b"Connection: close\r\n", b"")
    with server.watch_health():
        for number in range(240):
            clients.append(server.connect())
            clients[-1].setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4_096)
            clients[-1].sendall(explain if number % 4 == 0 else large_request)
        time.sleep(6)
        assert server.read_rows() == 200
        assert server.measure_memory_mb() < before + 300
    wait_for_memory(server, before)


def test_30_browsers_behind_one_address(server: Server) -> None:
    digit = io.BytesIO()
    np.save(digit, np.zeros((1, 28, 28), np.uint8))

    def browse(_: int) -> list[int]:
        connections = [HTTPConnection("127.0.0.1", server.port, timeout=60) for _ in range(6)]
        statuses: list[int] = []
        requests = [
            ("POST", "/v1/read?single=true", SEVEN, {"Content-Type": "image/jpeg"}),
            ("POST", "/v1/read?single=true", digit.getvalue(), {"Content-Type": NPY}),
            *(("GET", path, None, {}) for path in ("/", "/net.js", "/v1/models", "/healthz")),
        ]
        for turn in range(3):
            for connection, request in zip(connections, requests, strict=True):
                connection.request(*request)
            for connection in connections:
                response = connection.getresponse()
                response.read()
                statuses.append(response.status)
            time.sleep(0.2 * turn)
        for connection in connections:
            connection.close()
        return statuses

    with server.watch_health(), ThreadPoolExecutor(30) as pool:
        answers = Counter(status for statuses in pool.map(browse, range(30)) for status in statuses)
    assert answers == {200: 30 * 6 * 3}


def test_forwarded_addresses_count_only_from_a_trusted_proxy() -> None:
    """A forwarded address has used up its share; another one is still served."""
    forwarded = "X-Forwarded-For: {}\r\n"
    for trusted in (True, False):
        environment = {"FORWARDED_ALLOW_IPS": "127.0.0.1" if trusted else "192.0.2.1"}
        with run_server("--rate", "5", environment=environment) as server:
            answers = [
                parse_status(server.send(make_post(SEVEN, extra_headers=forwarded.format(address))))
                for address in ("192.0.2.7", "192.0.2.8")
                for _ in range(7)
            ]
            plain = [parse_status(server.send(make_post(SEVEN))) for _ in range(7)]
        rejected = 4 if trusted else 9
        assert Counter(answers) == {200: 14 - rejected, 429: rejected}
        assert Counter(plain) == {200: 7}  # this machine has no limit


def test_a_repeated_error_is_logged_once_with_a_count() -> None:
    """Run in a separate process, because it configures the logging."""
    program = (
        "import logging; from numeye.server import repeated_errors\n"
        "repeated_errors.configure_logging()\n"
        "for number in range(9999):\n"
        "    logging.getLogger('asyncio').error(f'socket.accept() failed\\nsocket: fd={number}')"
    )
    process = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, text=True, check=True
    )
    pattern = r"ERROR: socket.accept\(\) failed(?:\n.*repeated ([0-9,]+) times)?"
    assert re.findall(pattern, process.stderr) == ["", "9,998"]


def test_pictures_of_clients_that_left_are_not_read(server: Server) -> None:
    with server.watch_health():
        stop = threading.Event()

        def connect_and_leave() -> None:
            while not stop.is_set():
                with server.connect() as client:
                    client.sendall(make_post(ROWS, target="/v1/read"))

        threads = [threading.Thread(target=connect_and_leave) for _ in range(8)]
        for thread in threads:
            thread.start()
        time.sleep(3)
        stop.set()
        for thread in threads:
            thread.join()
    started_at = time.monotonic()
    while server.read_rows() != 200:
        assert time.monotonic() - started_at < 15
    answer = server.send(LAST_HEALTH_REQUEST)
    assert json.loads(answer.partition(b"\r\n\r\n")[2]) == {"status": "ok"}
