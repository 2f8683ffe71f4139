"""`numeye serve`: the page and the HTTP API."""

from __future__ import annotations

import ipaddress
import socket
from contextlib import suppress
from pathlib import Path
from typing import Annotated

import typer

from numeye.cli_options import FAILED, STOPPED, option, say
from numeye.errors import MissingExtra, UsageError

GRACE = 30  # seconds in which what was taken is finished, when the server is to end


def serve(
    host: Annotated[str, typer.Option("--host", help="The address to listen at.")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", min=0, max=65535, help="And its port; 0 for any that is free.")] = 8000,
    keys: Annotated[
        Path | None, option("--keys", "A file of keys, one a line; each request needs one.", "FILE")
    ] = None,
    rate: Annotated[
        int, typer.Option("--rate", min=0, help="Most requests a minute from one other machine; 0 for any number.")
    ] = 0,
    requests: Annotated[
        int, typer.Option("--requests", min=1, help="That are answered at once; more are told to wait.")
    ] = 64,
    runs: Annotated[
        Path, typer.Option("--runs", metavar="DIR", help="Where the page's trainings are; on this machine only.")
    ] = Path("runs"),
) -> None:
    """Serve a page to draw on, look inside and watch training, and the HTTP API under it (described at /docs).

    Listens to this machine only, unless told otherwise. Ctrl-C finishes what was taken, and ends.
    """
    try:
        import uvicorn

        from numeye.server.app import create_app
        from numeye.server.limits import Limits
    except ModuleNotFoundError as error:
        raise MissingExtra("the server", "serve") from error
    if runs.exists() and not runs.is_dir():
        raise UsageError(f"--runs {runs}: a file; expected a folder, which may not be there yet")
    known = _keys(keys)
    listening = _listen(host, port)
    if not known and not _is_here(host):
        say(f"anyone who reaches {host} can ask; --keys FILE lets in those who have a key")
    app = create_app(Limits(requests=requests, rate=rate), known, runs if _is_here(host) else None)
    say(f"{_address(listening)} (Ctrl-C ends it)")
    config = uvicorn.Config(
        app, log_level="warning", access_log=False, server_header=False, timeout_graceful_shutdown=GRACE
    )
    server = uvicorn.Server(config)
    with suppress(KeyboardInterrupt):  # it raises again the signal that ended it, once it has finished
        server.run(sockets=[listening])
    raise typer.Exit(STOPPED if server.started else FAILED)


def _listen(host: str, port: int) -> socket.socket:
    try:
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        # By its protocol's name, or asyncio would not switch off Nagle's waiting: 40 ms for each answer.
        listening = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind((host, port))
        listening.listen(512)
        return listening
    except (OSError, UnicodeError) as error:
        reason = str(getattr(error, "strerror", None) or error).partition(" (while")[0]
        raise UsageError(f"--host {host} --port {port}: cannot be listened at ({reason})") from error


def _address(listening: socket.socket) -> str:
    at, number = listening.getsockname()[:2]
    return f"http://{f'[{at}]' if ':' in at else at}:{number}/"


def _keys(path: Path | None) -> list[str]:
    if path is None:
        return []
    try:
        found = [line.strip() for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"--keys {path}: cannot be read ({error})") from error
    if not found:
        raise UsageError(f"--keys {path}: holds no key; expected one a line")
    return found


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
