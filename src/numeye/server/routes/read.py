"""The route that reads the numbers on pictures."""

from __future__ import annotations

import asyncio
import json
import re
from typing import Annotated, Literal

from fastapi import Depends, FastAPI, Query, Request, Response
from fastapi.concurrency import run_in_threadpool

from numeye.layout.constraints.constrained_search import count_states
from numeye.server import problem_details, prometheus, request_parsing, schemas
from numeye.server.inference import InferenceService, PageResult
from numeye.server.problem_details import Problem
from numeye.server.reader_cache import ReadQuery
from numeye.server.security.authentication import Authenticator
from numeye.server.transport.body_receiver import BodyReceiver

REPEATED_GROUP = re.compile(r"\)[*+?{]")  # such patterns can have any number of states
MAX_STATES = 512  # constraints with more take too long to search for
RESULTS_PER_TURN = 64  # results that are serialized before other requests get their turn

# The names in the query.
Single = Annotated[bool, Query(description="One digit a picture.")]
ModelName = Annotated[
    str | None, Query(max_length=40, description="A packaged model's name.", examples=["classic"])
]
MaxError = Annotated[
    str | None,
    Query(
        max_length=20,
        description="Rejects low-confidence answers so that at most this share of the accepted"
        " ones is wrong.",
        examples=["5%"],
    ),
]
Pattern = Annotated[
    str | None,
    Query(
        max_length=100,
        description="A regular expression that every number matches.",
        examples=[r"\d{5}"],
    ),
]
DigitCount = Annotated[
    str | None,
    Query(
        pattern=r"^\d{1,2}(-\d{1,2})?$",
        description="The number of digits of every number, or the least and the largest.",
        examples=["5", "1-3"],
    ),
]
Decimals = Annotated[
    int | None, Query(ge=0, le=6, description="The number of decimals of every number.")
]
Range = Annotated[
    str | None,
    Query(
        max_length=60,
        description="The values that every number may have, as A..B or A..B:STEP.",
        examples=["0..100", "-5..5:0.5"],
    ),
]
CheckSum = Annotated[
    Literal["luhn", "isbn10", "isbn13", "mod97"] | None,
    Query(description="The check sum of every number."),
]

DecimalMark = Annotated[
    Literal[".", ","] | None, Query(description="The mark before the decimals of every number.")
]
Date = Annotated[
    Literal["dmy", "mdy", "ymd", "any"] | None,
    Query(description="Every number is a date, with day, month and year in this order."),
]
DigitsOnly = Annotated[
    bool, Query(description="Leaves everything but the digits out of each number's text.")
]


def add_routes(
    app: FastAPI,
    service: InferenceService,
    receiver: BodyReceiver,
    metrics: prometheus.Metrics,
    authenticator: Authenticator,
) -> None:
    """Add the route to an app."""

    @app.post(
        "/v1/read",
        response_model=schemas.Answer,
        responses=problem_details.problem_responses(401, 408, 413, 415, 422, 429, 503),
        openapi_extra={"requestBody": schemas.REQUEST},
        dependencies=[Depends(authenticator.authenticate)],
    )
    async def read(
        request: Request,
        single: Single = False,
        model: ModelName = None,
        max_error: MaxError = None,
        pattern: Pattern = None,
        digits: DigitCount = None,
        check: CheckSum = None,
        decimals: Decimals = None,
        range: Range = None,  # noqa: A002 - the name in the query
        decimal_mark: DecimalMark = None,
        date: Date = None,
        digits_only: DigitsOnly = False,
    ) -> Response:
        """Read the numbers on each picture of the request.

        The body is a form with files, one file as it is, JSON with base64 or arrays, or a .npy
        file.
        """
        query = ReadQuery(
            single=single,
            model=model,
            max_error=max_error,
            pattern=pattern,
            digits=digits,
            check=check,
            decimals=decimals,
            range=range,
            decimal_mark=decimal_mark,
            date=date,
            digits_only=digits_only,
        )
        await _check_constraints(query)
        upload = await request_parsing.parse_pictures(request, service.limits, receiver)
        results = await service.read(upload, query)
        metrics.count_pages(results)
        _check_any_read(results)
        return Response(await _render(results), media_type="application/json")


async def _check_constraints(query: ReadQuery) -> None:
    if query.pattern is not None and REPEATED_GROUP.search(query.pattern):
        raise Problem(
            422,
            f"pattern: {query.pattern!r} repeats a group",
            "Repeat single digits only, as in \\d{5}.",
        )
    if await run_in_threadpool(count_states, query.constraints) > MAX_STATES:
        name = "range" if query.pattern is None else "pattern"
        value = query.pattern or query.range or str(query.constraints)
        raise Problem(
            422,
            f"{name}: {value!r} takes too long to search for",
            f"Send a more specific {name}, or fewer constraints.",
        )


def _check_any_read(results: list[PageResult]) -> None:
    errors = [result["error"] for result in results if "error" in result]
    if results and len(errors) == len(results):
        raise Problem(
            422,
            errors[0],
            "Send complete files of type PNG, JPEG, TIFF, BMP, GIF, WebP or PDF that are not too"
            " large.",
        )


async def _render(results: list[PageResult]) -> bytes:
    """Serialize results as JSON; between many results, other requests get their turn."""
    parts: list[bytes] = []
    for index, result in enumerate(results):
        if index % RESULTS_PER_TURN == RESULTS_PER_TURN - 1:
            await asyncio.sleep(0)
        text = json.dumps(result, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
        parts.append(text.encode())
    return b'{"results":[' + b",".join(parts) + b"]}"
