"""Pictures of one digit from several requests, read together: a network is quicker with many than with one by one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Executor
from functools import partial

from numeye.image import Page
from numeye.results import Reading

LATENCY = 0.003  # seconds that the first of a batch waits for others, where a lane is free
MOST = 128  # pictures of one batch: larger ones are no quicker, and let others wait

Waiting = tuple[list[Page], "asyncio.Future[list[Reading]]"]


class Batcher:
    """Collects pages while others are being read.

    Args:
        read: reads pages, one reading each; runs on the executor.
        executor: of threads.
        lanes: batches that are read side by side.
    """

    def __init__(self, read: Callable[[list[Page]], list[Reading]], executor: Executor, lanes: int = 1) -> None:
        self._read, self._executor = read, executor
        self._free = lanes
        self._waiting: list[Waiting] = []
        self._timer: asyncio.TimerHandle | None = None

    async def read(self, pages: list[Page]) -> list[Reading]:
        """Their readings, in order."""
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Reading]] = loop.create_future()
        self._waiting.append((pages, answer))
        if self._free:
            if sum(len(some) for some, _ in self._waiting) >= MOST:
                self._start()
            elif self._timer is None:
                self._timer = loop.call_later(LATENCY, self._start)
        return await answer

    def _start(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if not self._free or not self._waiting:
            return
        taken, count = 0, 0
        for pages, _ in self._waiting:
            if taken and count + len(pages) > MOST:
                break
            taken, count = taken + 1, count + len(pages)
        batch, self._waiting = self._waiting[:taken], self._waiting[taken:]
        self._free -= 1
        together = [page for pages, _ in batch for page in pages]
        self._submit(together, lambda done: self._done(batch, done))

    def _submit(self, pages: list[Page], then: Callable[[asyncio.Future[list[Reading]]], None]) -> None:
        loop = asyncio.get_running_loop()
        try:
            reading = loop.run_in_executor(self._executor, self._read, pages)
        except RuntimeError as error:  # the threads have ended
            reading = loop.create_future()
            reading.set_exception(error)
        reading.add_done_callback(then)

    def _done(self, batch: list[Waiting], done: asyncio.Future[list[Reading]]) -> None:
        """Give each its own, and go on with what came meanwhile; where one spoilt the batch, each is read alone."""
        self._free += 1
        if not done.cancelled() and done.exception() is not None and len(batch) > 1:
            for one in batch:
                self._submit(one[0], partial(_hand_out, [one]))
        else:
            _hand_out(batch, done)
        self._start()


def _hand_out(batch: list[Waiting], done: asyncio.Future[list[Reading]]) -> None:
    start = 0
    for pages, answer in batch:
        if answer.done():  # whoever asked has gone
            pass
        elif done.cancelled():
            answer.cancel()
        elif (error := done.exception()) is not None:
            answer.set_exception(error)
        else:
            answer.set_result(done.result()[start : start + len(pages)])
        start += len(pages)
