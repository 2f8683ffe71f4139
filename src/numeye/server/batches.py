"""Pictures of one digit from several requests, read together: a network is quicker with many than with one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor

from numeye.image import Page
from numeye.results import Reading

LATENCY = 0.003  # seconds that the first of a batch waits for others, where nothing is being read
MOST = 512  # pictures of one batch


class Batcher:
    """Collects pages while others are being read.

    Args:
        read: reads pages, one reading each; runs on the executor.
        executor: of threads.
    """

    def __init__(self, read: Callable[[list[Page]], list[Reading]], executor: Executor) -> None:
        self._read, self._executor = read, executor
        self._waiting: list[tuple[list[Page], asyncio.Future[list[Reading]]]] = []
        self._busy = False
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, pages: list[Page]) -> list[Reading]:
        """Their readings, in order."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Reading]] = loop.create_future()
        self._waiting.append((pages, answer))
        if not self._busy:
            if sum(len(some) for some, _ in self._waiting) >= MOST:
                self._start()
            elif self._timer is None:
                self._timer = loop.call_later(LATENCY, self._start)
        return await answer

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._busy or not self._waiting:
            return
        taken, count = 0, 0
        for pages, _ in self._waiting:
            if taken and count + len(pages) > MOST:
                break
            taken, count = taken + 1, count + len(pages)
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._busy = True
        together = [page for pages, _ in batch for page in pages]
        reading = asyncio.get_running_loop().run_in_executor(self._executor, self._read, together)
        reading.add_done_callback(lambda done: self._done(batch, done))

    def _done(
        self, batch: list[tuple[list[Page], asyncio.Future[list[Reading]]]], done: asyncio.Future[list[Reading]]
    ) -> None:
        """Give each its own, and go on with what came meanwhile."""
        self._busy = False
        error = done.exception()
        start = 0
        for pages, answer in batch:
            if answer.done():  # whoever asked has gone
                pass
            elif error is not None:
                answer.set_exception(error)
            else:
                answer.set_result(done.result()[start : start + len(pages)])
            start += len(pages)
        self._start()
