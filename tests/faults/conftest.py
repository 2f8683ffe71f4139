"""The server that the tests of faults attack."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.rude import SEVEN, Server, make_post, parse_status, run_server


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    with run_server() as server:
        # These load everything that is loaded only once.
        assert server.read_rows() == 200
        request = make_post(SEVEN, target="/v1/explain?occlusion_map=true&ablation_cam=true")
        assert parse_status(server.send(request)) == 200
        yield server
    assert "".join(server.log) == ""  # no unexpected error
