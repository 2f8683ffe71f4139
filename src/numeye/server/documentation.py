"""The page at `/docs`: the OpenAPI description to read and to try out, drawn by swagger-ui, all from this server."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from fastapi import FastAPI
from fastapi.responses import FileResponse

HERE = Path(__file__).parent
SCRIPT = "text/javascript"
FILES = {  # all that is served; what a client sends opens nothing else
    "/docs": (HERE / "docs.html", "text/html"),
    "/docs/docs.js": (HERE / "docs.js", SCRIPT),
    "/docs/swagger-ui.css": (HERE / "vendor" / "swagger-ui.css", "text/css"),
    "/docs/swagger-ui-bundle.js": (HERE / "vendor" / "swagger-ui-bundle.js", SCRIPT),
}


def add(app: FastAPI) -> None:
    """Serve the page and what it loads."""
    for path, (file, kind) in FILES.items():
        app.add_api_route(path, _sends(file, kind), include_in_schema=False)


def _sends(file: Path, kind: str) -> Callable[[], Awaitable[FileResponse]]:
    async def send() -> FileResponse:
        return FileResponse(file, media_type=kind)

    return send
