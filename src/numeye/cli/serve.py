"""`numeye serve`: the page and the HTTP API."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli.options import FAILED, STOPPED, option, print_message
from numeye.errors import MissingExtra, UsageError
from numeye.io import file_limits

BACKLOG = 512  # connections that wait to be accepted

Host = Annotated[str, typer.Option("--host", metavar="ADDRESS", help="Address to listen on.")]
Port = Annotated[
    int,
    typer.Option(
        "--port", min=0, max=65535, metavar="N", help="Port to listen on; 0 picks a free one."
    ),
]
Keys = Annotated[
    Path | None,
    option("--keys", "File of API keys, one per line; each request then needs a key.", "FILE"),
]
Rate = Annotated[
    int,
    typer.Option(
        "--rate",
        min=0,
        metavar="N",
        help="Maximum requests per minute from one other machine; 0: no limit.",
    ),
]
Requests = Annotated[
    int,
    typer.Option(
        "--requests",
        min=1,
        metavar="N",
        help="Maximum requests at the same time; others are told to try again later.",
    ),
]
Runs = Annotated[
    Path,
    typer.Option(
        "--runs",
        metavar="DIR",
        help="Folder for the runs that the page trains; only if --host is this machine.",
    ),
]


def serve(
    host: Host = "127.0.0.1",
    port: Port = 8000,
    keys: Keys = None,
    rate: Rate = 0,
    requests: Requests = 64,
    runs: Runs = Path("runs"),
) -> None:
    """Serve the page and the HTTP API.

    On the page you can draw digits, look inside the networks and watch a training. The address
    /docs describes the API.

    By default, only this machine can connect. Ctrl-C finishes the requests that have arrived, and
    stops the server.
    """
    try:
        from numeye.server import repeated_errors
        from numeye.server.app import create_app
        from numeye.server.security.limits import Limits
        from numeye.server.transport import uvicorn_server
    except ModuleNotFoundError as error:
        raise MissingExtra("the server", "serve") from error
    if runs.exists() and not runs.is_dir():
        raise UsageError(f"--runs {runs}: this is a file; expected a folder, existing or new")
    known_keys = _read_keys(keys)
    server_socket = _open_socket(host, port)
    is_local = _is_loopback(host)
    if not known_keys and not is_local:
        print_message(
            f"everyone who can reach {host} can use the server; --keys FILE limits it to people"
            " with a key"
        )
    limits = Limits(requests=requests, requests_per_minute=rate)
    app = create_app(limits, known_keys, runs if is_local else None)
    print_message(f"{_url(server_socket)} (press Ctrl-C to stop)")
    repeated_errors.configure_logging()
    server = uvicorn_server.make_server(app)
    with suppress(KeyboardInterrupt):  # it raises the signal that stopped it once more
        server.run(sockets=[server_socket])
    raise typer.Exit(STOPPED if server.started else FAILED)


def _open_socket(host: str, port: int) -> socket.socket:
    """Return a socket that listens.

    Raises:
        UsageError: the address or the port cannot be used.
    """
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # With the protocol named, asyncio switches off Nagle's algorithm, which delays each answer
        # by 40 ms.
        server_socket = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        server_socket.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        server_socket.bind((host, port))
        server_socket.listen(BACKLOG)
        return server_socket
    except (OSError, UnicodeError, TypeError) as error:  # TypeError: bytes that are no letters
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        raise UsageError(
            f"--host {host} --port {port}: cannot listen there ({reason}); choose another address"
            " or port"
        ) from error


def _url(server_socket: socket.socket) -> str:
    address, port_number = server_socket.getsockname()[:2]
    return f"http://{f'[{address}]' if ':' in address else address}:{port_number}/"


def _read_keys(path: Path | None) -> list[str]:
    """Return the keys of a file, one per line; none where there is no file.

    Raises:
        UsageError: the file cannot be read, or holds no key.
    """
    if path is None:
        return []
    try:
        lines = file_limits.read_text(path, file_limits.MAX_LIST_BYTES).splitlines()
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or error
        raise UsageError(
            f"--keys {path}: cannot be read ({reason}); expected UTF-8 text, one key per line"
        ) from error
    keys = [line.strip() for line in lines if line.strip()]
    if not keys:
        raise UsageError(f"--keys {path}: holds no key; expected one per line")
    return keys


def _is_loopback(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
