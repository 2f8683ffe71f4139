"""The page at `/docs`: the API's description, shown by swagger-ui, all from this server."""

from __future__ import annotations

from pathlib import Path

from fastapi import FastAPI

from numeye.server.static_files import serve_bytes

FOLDER = Path(__file__).parent
JAVASCRIPT = "text/javascript"
FILES = {  # all files that are served; no request opens another one
    "/docs": (FOLDER / "docs.html", "text/html"),
    "/docs/docs.js": (FOLDER / "docs.js", JAVASCRIPT),
    "/docs/swagger-ui.css": (FOLDER / "vendor" / "swagger-ui.css", "text/css"),
    "/docs/swagger-ui-bundle.js": (FOLDER / "vendor" / "swagger-ui-bundle.js", JAVASCRIPT),
}


def add_routes(app: FastAPI) -> None:
    """Serve the page and its files.

    They are read now, so that a slow client does not keep a file open.
    """
    for route, (file, media_type) in FILES.items():
        serve_bytes(app, route, file.read_bytes(), media_type)
