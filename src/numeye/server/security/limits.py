"""How much work the server accepts."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


def _count_cores() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Limits that are checked before a request costs anything.

    Attributes:
        request_bytes: Most bytes of one request.
        json_bytes: Most bytes of one JSON request, which takes many times its length in memory.
        bodies_bytes: Most bytes of all request bodies that arrive, wait or are read. One address
            gets at most half of them.
        decoding_bytes: Most bytes of all pictures that are decoded and read at the same time,
            estimated from their headers.
        page_px: Most pixels of one page, checked before it is decoded.
        pictures: Most pictures of one request.
        pages: Most pages of one picture.
        requests: Most requests that are read at the same time. Others wait for `slot_wait_s` and
            are then rejected.
        request_s: Seconds in which one body must arrive, and again seconds in which it must be
            read.
        body_wait_s: Seconds that a request waits for room among the bodies.
        slot_wait_s: Seconds that a request waits for a place among those that are read.
        threads: Number of threads that read.
        requests_per_minute: Most requests a minute from one other machine; 0 for no limit.
    """

    request_bytes: int = 20_000_000
    json_bytes: int = 4_000_000
    bodies_bytes: int = 192_000_000
    decoding_bytes: int = 400_000_000
    page_px: int = 50_000_000
    pictures: int = 256
    pages: int = 20
    requests: int = 64
    request_s: float = 60.0
    body_wait_s: float = 30.0
    slot_wait_s: float = 2.0
    threads: int = field(default_factory=_count_cores)
    requests_per_minute: int = 0
