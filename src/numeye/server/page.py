"""The page: files that are read at the start, so that nothing of what a client sends opens one."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI, Response

WEB = Path(__file__).parent / "web"
# What is served by which suffix; whatever else lies in the folder is left alone.
KINDS = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
MOST = 200_000  # bytes of all of them, which a test holds it to
# Pages of the documentation that the tour leads to, as they are written; of a checkout, or packed beside the page.
GUIDE = ("framing", "results", "tutorial")


def add(app: FastAPI) -> None:
    """The page at `/`, its files of known `KINDS` beside it, and what the tour leads to under `/guide`."""
    for path in sorted(path for path in WEB.iterdir() if path.suffix in KINDS and path.is_file()):
        at = "/" if path.name == "index.html" else f"/{path.name}"
        app.get(at, include_in_schema=False)(_serving(path.read_bytes(), KINDS[path.suffix]))
    for name in GUIDE:
        app.get(f"/guide/{name}", include_in_schema=False)(_serving(_guide(name), "text/plain; charset=utf-8"))


def _guide(name: str) -> bytes:
    packed = WEB.parent / "guide" / f"{name}.md"
    return (packed if packed.is_file() else WEB.parents[3] / "docs" / f"{name}.md").read_bytes()


def _serving(content: bytes, kind: str) -> Callable[[], Awaitable[Response]]:
    async def serve() -> Response:
        return Response(content, media_type=kind)

    return serve
