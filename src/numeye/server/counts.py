"""What is counted for Prometheus: requests, how long they take, digits read and set aside. Nothing of what was sent."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

TYPE = "text/plain; version=0.0.4; charset=utf-8"
SECONDS = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Counts:
    """One server's counts.

    Args:
        inside: how many requests are inside just now.
    """

    def __init__(self, inside: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter("numeye_requests", "Requests answered.", ("path", "status"), registry=self.registry)
        self.seconds = Histogram(
            "numeye_seconds", "From a request's head to its answer.", ("path",), buckets=SECONDS, registry=self.registry
        )
        self.inside = Gauge("numeye_inside", "Requests that are being read.", registry=self.registry)
        self.inside.set_function(inside)
        self.pages = Counter("numeye_pages", "Pages read.", ("outcome",), registry=self.registry)

    def count(self, answers: list[dict[str, Any]]) -> None:
        """What came out of one request."""
        for answer in answers:
            outcome = "unreadable" if "error" in answer else "rejected" if answer["rejected"] else "read"
            self.pages.labels(outcome).inc()

    def text(self) -> bytes:
        """As Prometheus reads it."""
        return generate_latest(self.registry)
