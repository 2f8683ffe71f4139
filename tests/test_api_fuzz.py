"""The API against its own description: requests made up from it, and what comes back."""

from __future__ import annotations

import hypothesis
import pytest
import schemathesis
from hypothesis import HealthCheck
from schemathesis import Case
from schemathesis.checks import load_all_checks, not_a_server_error
from schemathesis.specs.openapi import checks

from numeye.server.app import create_app
from numeye.server.limits import Limits

load_all_checks()
APP = create_app(Limits(seconds=20))
schema = schemathesis.openapi.from_asgi("/openapi.json", APP)
CONFORMS = [
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
]


@schema.parametrize()
@hypothesis.settings(
    max_examples=20, derandomize=True, deadline=None, database=None, suppress_health_check=list(HealthCheck)
)
def test_whatever_is_sent_is_answered_as_described(case: Case) -> None:
    response = case.call()
    if response.status_code != 503:
        not_a_server_error
    case.validate_response(response, checks=CONFORMS)
