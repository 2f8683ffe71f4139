"""How often one address may send requests."""

from __future__ import annotations

import time
from collections import OrderedDict

from numeye.server.problem_details import Problem

MAX_ADDRESSES = 10_000  # whose requests are counted; the one that was silent longest is forgotten


class RateLimiter:
    """A token bucket for each address: it fills at the rate and holds a minute's worth.

    Args:
        requests_per_minute: The rate, for one address.
    """

    def __init__(self, requests_per_minute: int) -> None:
        self._rate = requests_per_minute
        # for each address: requests left, and when that was computed
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def count(self, address: str) -> None:
        """Count a request.

        Raises:
            Problem: The address sent too many requests (429).
        """
        now_s = time.monotonic()
        tokens, last_s = self._buckets.pop(address, (float(self._rate), now_s))
        tokens = min(float(self._rate), tokens + (now_s - last_s) * self._rate / 60)
        if len(self._buckets) >= MAX_ADDRESSES:
            self._buckets.popitem(last=False)
        self._buckets[address] = (tokens - 1 if tokens >= 1 else tokens, now_s)
        if tokens < 1:
            raise Problem(
                429,
                f"more than {self._rate} requests a minute",
                "Wait, and send fewer requests.",
                retry_after=int((1 - tokens) * 60 / self._rate) + 1,
            )
