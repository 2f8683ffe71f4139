"""How much the server takes on."""

from __future__ import annotations

import os
from dataclasses import dataclass, field


def _cores() -> int:
    return os.cpu_count() or 1


@dataclass(frozen=True, kw_only=True)
class Limits:
    """What is refused before it costs anything.

    Attributes:
        request: bytes of one request.
        json: bytes of one in JSON, which takes many times its length in memory.
        pixels: of one page; looked at before it is decoded.
        pictures: of one request.
        pages: of one picture.
        requests: that are being answered or wait for it; one more is told to come back.
        seconds: in which one request is to come, and again to be read.
        threads: that read.
        rate: requests a minute from one other machine; 0 for any number.
    """

    request: int = 20_000_000
    json: int = 4_000_000
    pixels: int = 50_000_000
    pictures: int = 256
    pages: int = 20
    requests: int = 64
    seconds: float = 60.0
    threads: int = field(default_factory=_cores)
    rate: int = 0
