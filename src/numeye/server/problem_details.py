"""Errors as problem+json (RFC 9457): what is wrong, what was expected, and what to do."""

from __future__ import annotations

import re
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect

from numeye.errors import DataError, MissingExtra, ModelError, PictureError, RunError, UsageError
from numeye.server import schemas

MEDIA_TYPE = "application/problem+json"
CLI_OPTION = re.compile(r"--(single|model|max-error|pattern|digits|check|layer|unit|without)\b")
SEE_DESCRIPTION = "See /openapi.json for what can be sent."
TITLES = {
    401: "No valid key",
    403: "Allowed only from this machine",
    404: "Not found",
    405: "Method not allowed",
    408: "Request timed out",
    409: "Not possible at the moment",
    413: "Request too large",
    415: "Content type not supported",
    422: "Invalid request",
    429: "Too many requests",
    500: "Internal server error",
    503: "Server busy",
}


def problem_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """Return the error statuses of a path, for the API's description."""
    schema = schemas.Problem.model_json_schema()
    return {
        status: {"description": TITLES[status], "content": {MEDIA_TYPE: {"schema": schema}}}
        for status in statuses
    }


class Problem(Exception):
    """Ends a request with a status and an explanation for the client.

    Attributes:
        status: HTTP status.
        detail: What is wrong, and what was expected.
        hint: What to do.
        retry_after: Seconds after which the client should try again; None if it should not.
    """

    def __init__(self, status: int, detail: str, hint: str, retry_after: int | None = None) -> None:
        super().__init__(detail)
        self.status, self.detail, self.hint, self.retry_after = status, detail, hint, retry_after

    def to_response(self) -> JSONResponse:
        """Return the problem as an HTTP response."""
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
        return JSONResponse(body, self.status, headers, media_type=MEDIA_TYPE)


def add_handlers(app: FastAPI) -> None:
    """Answer every error of an app with a problem."""
    app.add_exception_handler(Problem, _handle_problem)
    for error_class in (UsageError, PictureError, ModelError, DataError, MissingExtra):
        app.add_exception_handler(error_class, _handle_numeye_error)
    app.add_exception_handler(RunError, _handle_run_error)
    app.add_exception_handler(ClientDisconnect, _handle_disconnect)
    app.add_exception_handler(RequestValidationError, _handle_validation_error)
    app.add_exception_handler(HTTPException, _handle_http_exception)


async def _handle_problem(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, Problem):
        raise error
    return error.to_response()


async def _handle_disconnect(request: Request, error: Exception) -> Response:
    return Response(status_code=408)  # nobody gets it: the client has left


async def _handle_numeye_error(request: Request, error: Exception) -> JSONResponse:
    return Problem(422, _use_api_names(error), SEE_DESCRIPTION).to_response()


def _use_api_names(error: Exception) -> str:
    """Return an error's message with names of the API instead of command line options."""
    return CLI_OPTION.sub(lambda match: match[1].replace("-", "_"), str(error))


async def _handle_run_error(request: Request, error: Exception) -> JSONResponse:
    return Problem(422, str(error), "Check the run folder on the server.").to_response()


async def _handle_validation_error(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, RequestValidationError):
        raise error
    first = error.errors()[0]
    location = ".".join(str(part) for part in first["loc"])
    return Problem(422, f"{location}: {first['msg']}", SEE_DESCRIPTION).to_response()


async def _handle_http_exception(request: Request, error: Exception) -> JSONResponse:
    if not isinstance(error, HTTPException):
        raise error
    is_unknown_route = error.status_code in (404, 405)
    response = Problem(
        error.status_code,
        f"{request.method} {request.url.path}: {error.detail}",
        "See /openapi.json for all paths." if is_unknown_route else "Check the request.",
    ).to_response()
    response.headers.update(error.headers or {})
    return response
