"""What goes wrong, as problem+json (RFC 9457): what was found, what was expected, what helps."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from numeye.errors import DataError, MissingExtra, ModelError, PictureError, RunError, UsageError
from numeye.server import schemas

TYPE = "application/problem+json"
TITLES = {
    401: "No valid key",
    403: "Not from here",
    404: "Not found",
    405: "Method not allowed",
    408: "Too slow",
    409: "Not just now",
    413: "Too much",
    415: "Unknown kind of content",
    422: "Cannot be read",
    429: "Too many requests",
    500: "Our fault",
    503: "Busy",
}


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """For the description: the statuses that a path may answer with."""
    schema = schemas.Problem.model_json_schema()
    return {status: {"description": TITLES[status], "content": {TYPE: {"schema": schema}}} for status in statuses}


class Problem(Exception):
    """Ends a request with a status and a line for whoever sent it.

    Attributes:
        status: of HTTP.
        detail: what was found, and what was expected.
        hint: what helps.
        retry_after: seconds after which trying again makes sense; None for never.
    """

    def __init__(self, status: int, detail: str, hint: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint, self.retry_after = status, detail, hint, retry_after

    def response(self) -> JSONResponse:
        """As it is sent."""
        body = {
            "type": "about:blank",
            "title": TITLES.get(self.status, "Error"),
            "status": self.status,
            "detail": self.detail,
            "hint": self.hint,
        }
        headers = {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}
        if self.status == 401:
            headers["WWW-Authenticate"] = "Bearer"
        return JSONResponse(body, self.status, headers, media_type=TYPE)


def handle(app: FastAPI) -> None:
    """Make every error of an app a problem."""
    app.add_exception_handler(Problem, _problem)
    for theirs in (UsageError, PictureError, ModelError, DataError, MissingExtra):
        app.add_exception_handler(theirs, _theirs)
    app.add_exception_handler(RunError, _damaged)
    app.add_exception_handler(ClientDisconnect, _gone)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)


async def _problem(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Problem):
        raise error
    return error.response()


async def _gone(request: Request, error: Exception) -> Response:
    return Response(status_code=408)  # to nobody: whoever sent it has left


async def _theirs(request: Request, error: Exception) -> JSONResponse:
    return Problem(422, str(error), "See /openapi.json for what can be sent.").response()


async def _damaged(request: Request, error: Exception) -> JSONResponse:
    return Problem(422, str(error), "Look into the run folder.").response()


async def _invalid(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"])
    return Problem(422, f"{where}: {first['msg']}", "See /openapi.json for what can be sent.").response()


async def _http(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    helps = "GET /openapi.json tells what there is." if error.status_code in (404, 405) else "Look at the request."
    response = Problem(error.status_code, f"{request.method} {request.url.path}: {error.detail}", helps).response()
    response.headers.update(error.headers or {})
    return response
