"""Repeated log messages are counted instead of written."""

from __future__ import annotations

import io
import logging
import time

import pytest

from numeye.server import repeated_errors


def test_a_repeated_message_is_written_once_with_a_count(monkeypatch: pytest.MonkeyPatch) -> None:
    stream, started_at = io.StringIO(), time.monotonic()
    handler = repeated_errors.DeduplicatingHandler(60)
    handler.setStream(stream)

    def log_message(text: str) -> None:
        handler.handle(logging.LogRecord("asyncio", 40, "", 0, text, None, None))

    for number in range(1_000):
        log_message(f"accept: fd={number}")
    assert stream.getvalue() == "accept: fd=0\n"
    monkeypatch.setattr(repeated_errors.time, "monotonic", lambda: started_at + 61)
    log_message("another thing")
    assert stream.getvalue() == "accept: fd=0\naccept: fd=999 (repeated 999 times)\nanother thing\n"
    log_message("another thing")
    handler.close()
    assert stream.getvalue().endswith("another thing (repeated 1 times)\n")


def test_the_count_is_written_even_if_no_other_message_comes() -> None:
    stream = io.StringIO()
    handler = repeated_errors.DeduplicatingHandler(0.05)
    handler.setStream(stream)
    for _ in range(3):
        handler.handle(logging.LogRecord("asyncio", 40, "", 0, "accept", None, None))
    until = time.monotonic() + 5
    while stream.getvalue() != "accept\naccept (repeated 2 times)\n":
        assert time.monotonic() < until, stream.getvalue()
        time.sleep(0.01)
    handler.close()
