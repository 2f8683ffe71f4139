"""The page's files. They are read when the server starts, so no request opens a file."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

from fastapi import FastAPI, Response

from numeye import web

WEB_FOLDER = web.FOLDER
# The suffixes of the files that are served. Other files in the folder are not.
MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
}
MAX_TOTAL_BYTES = 200_000  # of all files of the page; a test checks it
# Pages of the documentation to which the page's tour links: in docs/ of a checkout, or installed
# beside the page.
GUIDE = {
    "framing": "explanation/classic.md",
    "results": "reference/results.md",
    "tutorial": "tutorial.md",
}


def add_routes(app: FastAPI) -> None:
    """Serve the page at `/`, its files beside it, and the pages of the guide under `/guide`."""
    files = (path for path in WEB_FOLDER.iterdir() if path.suffix in MEDIA_TYPES and path.is_file())
    for path in sorted(files):
        route = "/" if path.name == "index.html" else f"/{path.name}"
        serve_bytes(app, route, path.read_bytes(), MEDIA_TYPES[path.suffix])
    for name in GUIDE:
        serve_bytes(app, f"/guide/{name}", _read_guide(name), "text/plain; charset=utf-8")


def serve_bytes(app: FastAPI, route: str, content: bytes, media_type: str) -> None:
    """Add a route that answers with fixed content and is not part of the API's description."""
    app.get(route, include_in_schema=False)(_make_handler(content, media_type))


def _make_handler(content: bytes, media_type: str) -> Callable[[], Awaitable[Response]]:
    async def handle() -> Response:
        return Response(content, media_type=media_type)

    return handle


def _read_guide(name: str) -> bytes:
    installed = WEB_FOLDER / "guide" / f"{name}.md"
    in_checkout = WEB_FOLDER.parents[2] / "docs" / GUIDE[name]
    return (installed if installed.is_file() else in_checkout).read_bytes()
