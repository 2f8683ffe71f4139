"""The inference service: reads the pictures of requests on few threads, within budgets.

It accepts only as many requests as it can answer soon.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Coroutine, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from itertools import islice
from typing import Any, TypeVar

from starlette.requests import ClientDisconnect

from numeye.errors import MissingExtra, PictureError
from numeye.io.images import Page
from numeye.reader import Reader
from numeye.results import Unreadable
from numeye.server import decoding
from numeye.server.decoding import DecodingPlan
from numeye.server.dynamic_batching import DynamicBatcher
from numeye.server.memory import MemoryTrimmer
from numeye.server.problem_details import Problem
from numeye.server.reader_cache import MAX_CACHED_READERS, ReaderCache, ReadQuery
from numeye.server.request_parsing import SentPicture, Upload
from numeye.server.security.limits import Limits
from numeye.server.transport.budgets import Budget, BudgetExhausted, seconds_until


@dataclass(frozen=True)
class SizeThresholds:
    """From which sizes on pictures are read with more care.

    Attributes:
        max_batched_px: Pixels of a page of one digit; larger ones are read alone.
        group_pictures: Pictures of one digit that get their memory from the budget together.
        reserved_bytes: Memory for decoding; a picture that takes less needs none of the budget.
        reserved_waiting_bytes: Memory of decoded pages that wait for a network; the same.
        trim_bytes: Memory for decoding; before a picture that takes more, free memory is returned
            to the system.
    """

    max_batched_px: int = 250_000
    group_pictures: int = 64
    reserved_bytes: int = 8_000_000
    reserved_waiting_bytes: int = 1_000_000
    trim_bytes: int = 200_000_000

    @property
    def chunk_pages(self) -> int:
        """Pages that are decoded before they are read: a group, and one that shows its end."""
        return self.group_pictures + 1


THRESHOLDS = SizeThresholds()

PageResult = dict[str, Any]  # JSON of one page, as `numeye read --json` prints it
T = TypeVar("T")


class InferenceService:
    """Reads the pictures of requests.

    Args:
        limits: How much it accepts.
        trimmer: Returns memory to the system after large pages.
    """

    def __init__(self, limits: Limits, trimmer: MemoryTrimmer | None = None) -> None:
        self.limits = limits
        self._readers = ReaderCache()
        self._trimmer = trimmer or MemoryTrimmer()
        self._trimmer.callbacks.append(self._readers.release_memory)
        self._slots = Budget(limits.requests)
        self._memory = Budget(limits.decoding_bytes, fifo=False)
        self._executor = ThreadPoolExecutor(limits.threads, thread_name_prefix="reads")
        self._get_batcher = lru_cache(MAX_CACHED_READERS)(
            lambda reader: DynamicBatcher(reader.read_pages, self._executor, limits.threads)
        )

    async def load_default_readers(self) -> None:
        """Load the default models, so that no request waits for them."""
        for single in (False, True):
            await self._run_on_thread(partial(self._readers.get, ReadQuery(single=single)))

    def close(self) -> None:
        """Finish what is being read, drop what waits, and end the threads."""
        self._executor.shutdown(cancel_futures=True)

    @property
    def active_requests(self) -> int:
        """Number of requests that are being read."""
        return self._slots.used

    def check_capacity(self) -> None:
        """Check that another request could be read now.

        Raises:
            Problem: As many requests as allowed are being read (503).
        """
        if self.active_requests >= self.limits.requests:
            raise Problem(
                503,
                f"{self.active_requests} requests are being read, which is the limit",
                "Try again in a moment.",
                retry_after=1,
            )

    async def read(self, upload: Upload, query: ReadQuery) -> list[PageResult]:
        """Return a result for each page of each picture, in order.

        If a page cannot be read, its result is the reason. The request keeps its slot until the
        last thread has finished, even if the client has left; then the upload is closed.

        Raises:
            Problem: There is no slot, or reading takes too long (503).
            UsageError: There is no such model, or it cannot do what the query asks for.
        """
        return await self._run_in_slot(
            lambda deadline_s: self._read_all(upload, query, deadline_s), upload.close
        )

    async def run(self, work: Callable[[], T], on_done: Callable[[], None] | None = None) -> T:
        """Run other work that takes a moment, on one of the threads that read.

        Args:
            work: The work.
            on_done: Called when the work has ended or failed.

        Raises:
            Problem: There is no slot, or the work takes too long (503).
        """
        return await self._run_in_slot(lambda _deadline_s: self._run_on_thread(work), on_done)

    async def run_on_page(self, upload: Upload, work: Callable[[Page], T]) -> T:
        """Run work on the first page of an upload's only picture, on a thread that reads.

        Raises:
            Problem: There is no slot, or the work takes too long (503).
            PictureError: The picture cannot be read.
        """
        content, max_px = upload.pictures[0].content, self.limits.page_px

        def run_with_plan(plan: DecodingPlan) -> T:
            return work(decoding.decode_first_page(content, max_px, plan))

        async def decode_and_run(deadline_s: float) -> T:
            plan = await self._run_on_thread(partial(decoding.plan_decoding, content, max_px))
            async with self._reserve_memory(plan.cost_bytes, deadline_s):
                _check_connected(upload)
                return await self._run_on_thread(partial(run_with_plan, plan))

        self._trimmer.schedule()  # explanations are large
        return await self._run_in_slot(decode_and_run, upload.close)

    async def _run_in_slot(
        self,
        work: Callable[[float], Coroutine[Any, Any, T]],
        on_done: Callable[[], None] | None = None,
    ) -> T:
        """Run work with one of the slots for requests, which it keeps until it has ended."""
        task = asyncio.ensure_future(self._with_slot(work))
        if on_done is not None:
            task.add_done_callback(lambda _: on_done())
        # The exception was seen, so that asyncio does not log it if the client has left.
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        try:
            return await asyncio.wait_for(
                asyncio.shield(task), self.limits.request_s + self.limits.slot_wait_s
            )
        except TimeoutError as error:
            detail = f"reading took longer than {self.limits.request_s:g} s"
            raise Problem(503, detail, "Send fewer or smaller pictures.", retry_after=10) from error

    async def _with_slot(self, work: Callable[[float], Coroutine[Any, Any, T]]) -> T:
        if not self.limits.requests:
            self.check_capacity()
        try:
            slot = await self._slots.reserve(1, self.limits.slot_wait_s)
        except BudgetExhausted:
            self.check_capacity()
            raise Problem(
                503, "too many requests wait to be read", "Try again in a moment.", retry_after=1
            ) from None
        try:
            return await work(time.monotonic() + self.limits.request_s)
        finally:
            self._slots.release(slot)

    @asynccontextmanager
    async def _reserve_memory(
        self, cost_bytes: int, deadline_s: float, waiting_bytes: int = 0
    ) -> AsyncIterator[None]:
        """Hold the memory that pictures take in the budget.

        Args:
            cost_bytes: Memory for decoding, which only as many pictures take as there are threads.
            deadline_s: When reading must end, in seconds of `time.monotonic`.
            waiting_bytes: Memory of the decoded pages until a network reads them.
        """
        if (
            cost_bytes < THRESHOLDS.reserved_bytes
            and waiting_bytes < THRESHOLDS.reserved_waiting_bytes
        ):
            yield
            return
        try:
            async with self._memory.hold(cost_bytes + waiting_bytes, seconds_until(deadline_s)):
                if cost_bytes > THRESHOLDS.trim_bytes:
                    # Memory that earlier pictures left free would be added to it.
                    await asyncio.to_thread(self._trimmer.trim)
                yield
        except BudgetExhausted:
            raise Problem(
                503, "other requests use all memory", "Try again in a moment.", retry_after=10
            ) from None
        finally:
            self._trimmer.schedule()

    async def _read_all(
        self, upload: Upload, query: ReadQuery, deadline_s: float
    ) -> list[PageResult]:
        pictures = upload.pictures
        _check_connected(upload)
        reader, plans = await self._run_on_thread(partial(self._prepare, pictures, query))
        if not reader.single:
            return await self._read_numbers(reader, upload, plans, deadline_s)
        results: list[PageResult] = []
        for start in range(0, len(pictures), THRESHOLDS.group_pictures):
            _check_connected(upload)
            group = slice(start, start + THRESHOLDS.group_pictures)
            results += await self._read_digits(reader, pictures[group], plans[group], deadline_s)
        return results

    def _prepare(
        self, pictures: list[SentPicture], query: ReadQuery
    ) -> tuple[Reader, list[DecodingPlan]]:
        reader = self._readers.get(query)  # first, because it checks the query
        limits = self.limits
        return reader, [
            decoding.plan_decoding(picture.content, limits.page_px, limits.pages)
            for picture in pictures
        ]

    async def _read_numbers(
        self, reader: Reader, upload: Upload, plans: list[DecodingPlan], deadline_s: float
    ) -> list[PageResult]:
        """Read pictures of numbers, a few at a time so that other requests get their turn."""
        semaphore = asyncio.Semaphore(self.limits.threads)

        async def read_picture(picture: SentPicture, plan: DecodingPlan) -> list[PageResult]:
            async with semaphore, self._reserve_memory(plan.cost_bytes, deadline_s):
                _check_connected(upload)
                return await self._run_on_thread(
                    partial(self._read_pages, reader, picture, plan, deadline_s)
                )

        by_picture = await asyncio.gather(*map(read_picture, upload.pictures, plans))
        return [result for results in by_picture for result in results]

    async def _read_digits(
        self,
        reader: Reader,
        pictures: Sequence[SentPicture],
        plans: Sequence[DecodingPlan],
        deadline_s: float,
    ) -> list[PageResult]:
        """Read pictures of one digit: small pages in batches with those of other requests.

        Large pages are read while the pictures are decoded. The memory stays reserved until the
        last page has been read, because pages that wait for a network take memory too.
        """
        sizes_px = (size for plan in plans for size in plan.page_sizes_px)
        small_bytes = sum(size for size in sizes_px if size <= THRESHOLDS.max_batched_px)
        chunk_pages = THRESHOLDS.chunk_pages
        waiting_bytes = min(small_bytes, chunk_pages * THRESHOLDS.max_batched_px)  # 1 byte a pixel
        cost_bytes = max(plan.cost_bytes for plan in plans)
        results: list[PageResult] = []
        async with self._reserve_memory(cost_bytes, deadline_s, waiting_bytes):
            pages = self._decode_digits(reader, pictures, plans, deadline_s)
            chunk: list[Page | PageResult] = [{}] * chunk_pages
            while len(chunk) == chunk_pages:
                chunk = await self._run_on_thread(lambda: list(islice(pages, chunk_pages)))
                small_pages = [page for page in chunk if isinstance(page, Page)]
                readings = iter(
                    await self._get_batcher(reader).read(small_pages) if small_pages else []
                )
                results += [
                    next(readings).to_dict() if isinstance(page, Page) else page for page in chunk
                ]
        return results

    def _decode_digits(
        self,
        reader: Reader,
        pictures: Sequence[SentPicture],
        plans: Sequence[DecodingPlan],
        deadline_s: float,
    ) -> Iterator[Page | PageResult]:
        """Yield pages that are small enough for a batch, and the results of all others."""
        for picture, plan in zip(pictures, plans, strict=True):
            for page in self._decode_pages(picture, plan, deadline_s):
                if isinstance(page, Unreadable):
                    yield page.to_dict()
                elif page.grey.size <= THRESHOLDS.max_batched_px:
                    yield page
                else:
                    yield from (reading.to_dict() for reading in reader.read_pages([page]))

    def _read_pages(
        self, reader: Reader, picture: SentPicture, plan: DecodingPlan, deadline_s: float
    ) -> list[PageResult]:
        """Read one page after the other, so that only one is in memory at a time."""
        results: list[PageResult] = []
        for page in self._decode_pages(picture, plan, deadline_s):
            readings = [page] if isinstance(page, Unreadable) else reader.read_pages([page])
            results += [reading.to_dict() for reading in readings]
        return results

    def _decode_pages(
        self, picture: SentPicture, plan: DecodingPlan, deadline_s: float
    ) -> Iterator[Page | Unreadable]:
        """Yield the pages of a picture, and last the reason if some or all cannot be read."""
        max_px, max_pages = self.limits.page_px, self.limits.pages
        try:
            for index, page in enumerate(decoding.decode_pages(picture.content, max_px, plan)):
                if index >= max_pages:
                    reason = f"more than {max_pages} pages; send the other pages separately"
                    yield Unreadable(image=picture.name, error=reason)
                    return
                if time.monotonic() > deadline_s:
                    yield Unreadable(image=picture.name, error="no time left to read this page")
                    return
                yield replace(page, name=picture.name)
        except (PictureError, MissingExtra) as error:
            yield Unreadable(image=picture.name, error=str(error))

    async def _run_on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._executor, work)


def _check_connected(upload: Upload) -> None:
    """Stop if the client has left: nothing is read for it."""
    if upload.is_disconnected():
        raise ClientDisconnect
