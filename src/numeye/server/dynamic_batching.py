"""Dynamic batching: pages of one digit from several requests are read in one batch.

A network reads many pictures at once faster than one after the other.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from numeye.io.images import Page
from numeye.results import Reading

MAX_LATENCY_S = 0.003  # that the first pages of a batch wait for others if a core is free
MAX_BATCH_PAGES = 128  # larger batches are not faster, and others wait longer for them

QueuedRequest = tuple[list[Page], "asyncio.Future[list[Reading]]"]


class DynamicBatcher:
    """Collects pages while other batches are being read.

    Args:
        read: Reads pages and returns one reading each; runs on the executor.
        executor: Its threads.
        max_concurrent: Most batches that are read at the same time.
    """

    def __init__(
        self,
        read: Callable[[list[Page]], list[Reading]],
        executor: Executor,
        max_concurrent: int = 1,
    ) -> None:
        self._read, self._executor = read, executor
        self._idle = max_concurrent  # batches that could be started now
        self._queue: list[QueuedRequest] = []
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, pages: list[Page]) -> list[Reading]:
        """Return the readings of pages, in order."""
        loop = asyncio.get_running_loop()
        future: asyncio.Future[list[Reading]] = loop.create_future()
        self._queue.append((pages, future))
        if self._idle:
            if sum(len(queued_pages) for queued_pages, _ in self._queue) >= MAX_BATCH_PAGES:
                self._start_batch()
            elif self._timer is None:
                self._timer = loop.call_later(MAX_LATENCY_S, self._start_batch)
        return await future

    def _start_batch(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._idle or not self._queue:
            return
        request_count, page_count = 0, 0
        for pages, _ in self._queue:
            if request_count and page_count + len(pages) > MAX_BATCH_PAGES:
                break
            request_count, page_count = request_count + 1, page_count + len(pages)
        batch, self._queue = self._queue[:request_count], self._queue[request_count:]
        self._idle -= 1
        batch_pages = [page for pages, _ in batch for page in pages]
        self._submit(batch_pages, lambda readings: self._finish_batch(batch, readings))

    def _submit(
        self, pages: list[Page], on_done: Callable[[asyncio.Future[list[Reading]]], None]
    ) -> None:
        loop = asyncio.get_running_loop()
        try:
            readings = loop.run_in_executor(self._executor, self._read, pages)
        except RuntimeError as error:  # the executor was shut down
            readings = loop.create_future()
            readings.set_exception(error)
        readings.add_done_callback(on_done)

    def _finish_batch(
        self, batch: list[QueuedRequest], readings: asyncio.Future[list[Reading]]
    ) -> None:
        """Give each request its readings and start the next batch.

        If the batch failed, each of its requests is read alone, so that only the one fails that
        caused it.
        """
        self._idle += 1
        failed = not readings.cancelled() and readings.exception() is not None
        if failed and len(batch) > 1:
            for request in batch:
                self._submit(request[0], partial(_distribute, [request]))
        else:
            _distribute(batch, readings)
        self._start_batch()


def _distribute(batch: list[QueuedRequest], readings: asyncio.Future[list[Reading]]) -> None:
    start = 0
    for pages, future in batch:
        if future.done():  # nobody waits for it any more
            pass
        elif readings.cancelled():
            future.cancel()
        elif (error := readings.exception()) is not None:
            future.set_exception(error)
        else:
            future.set_result(readings.result()[start : start + len(pages)])
        start += len(pages)
