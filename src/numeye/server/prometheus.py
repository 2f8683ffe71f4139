"""Metrics for Prometheus: requests, their duration, and pages read, rejected and unreadable.

They contain nothing of what was sent.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, generate_latest

CONTENT_TYPE = "text/plain; version=0.0.4; charset=utf-8"
BUCKETS_S = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 30)


class Metrics:
    """The metrics of one server.

    Args:
        count_active: Returns how many requests are being read.
    """

    def __init__(self, count_active: Callable[[], int]) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "numeye_requests", "Requests answered.", ("path", "status"), registry=self.registry
        )
        self.seconds = Histogram(
            "numeye_seconds",
            "Seconds from a request's head to its answer.",
            ("path",),
            buckets=BUCKETS_S,
            registry=self.registry,
        )
        self.active_requests = Gauge(
            "numeye_inside", "Requests that are being read.", registry=self.registry
        )
        self.active_requests.set_function(count_active)
        self.pages = Counter("numeye_pages", "Pages read.", ("outcome",), registry=self.registry)

    def count_pages(self, results: list[dict[str, Any]]) -> None:
        """Count the results of one request."""
        for result in results:
            if "error" in result:
                outcome = "unreadable"
            else:
                outcome = "rejected" if result["rejected"] else "read"
            self.pages.labels(outcome).inc()

    def render(self) -> bytes:
        """Return the metrics in Prometheus's text format."""
        return generate_latest(self.registry)
