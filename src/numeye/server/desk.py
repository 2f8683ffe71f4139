"""Who reads for the server: no more requests at once than it can answer soon, on few threads."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import TypeVar

from numeye import image, risk, weights
from numeye.errors import MissingExtra, PictureError, UsageError
from numeye.image import Page
from numeye.reader import Reader
from numeye.results import Reading, Unreadable
from numeye.server.batches import Batcher
from numeye.server.bodies import Sent
from numeye.server.limits import Limits
from numeye.server.problems import Problem

READERS = 8  # kept ready, of those that were asked for last
SMALL = 1_000_000  # pixels: larger pictures of one digit are read by themselves

Answers = list[Reading | Unreadable]
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the pictures of a request are to be read; see `numeye.Reader`.

    Attributes:
        single: one digit a picture.
        model: a packaged model's name; the default where None. Never a path: what a client sends opens no file.
        max_error: as `--max-error` has it, such as "0.5%".
        expect, digits, check: what is known of every number.
    """

    single: bool = False
    model: str | None = None
    max_error: str | None = None
    expect: str | None = None
    digits: int | None = None
    check: str | None = None


class Desk:
    """Reads what requests hold.

    Args:
        limits: how much it takes on.
    """

    def __init__(self, limits: Limits) -> None:
        self.limits = limits
        self.inside = 0  # requests that are being answered or wait for it
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="reads")
        self._reader = lru_cache(READERS)(_reader)
        self._batcher = lru_cache(READERS)(lambda reader: Batcher(reader.read_pages, self._threads))

    async def read(self, sent: list[Sent], asked: Asked) -> Answers:
        """An answer for each page of each picture, in order; what cannot be read has its reason in its place.

        Raises:
            Problem: it takes too long.
            UsageError: there is no such model, or it can't do what is asked.
        """
        self.inside += 1
        task = asyncio.ensure_future(self._read_all(sent, asked))
        task.add_done_callback(self._leave)  # threads cannot be stopped: until they are done, it counts
        try:
            return await asyncio.wait_for(asyncio.shield(task), self.limits.seconds)
        except TimeoutError as error:
            took = f"took longer than {self.limits.seconds:g} s"
            raise Problem(503, took, "Send fewer or smaller pictures.", retry_after=10) from error

    def check_room(self) -> None:
        """Refuse at once where too many are inside, before anything is received.

        Raises:
            Problem: with a time to wait.
        """
        if self.inside >= self.limits.requests:
            raise Problem(503, f"{self.inside} requests are being answered", "Try again in a moment.", retry_after=1)

    async def ready(self) -> None:
        """Load the default reader, so that no request waits for it."""
        await self._on_thread(partial(self._reader, Asked()))

    def close(self) -> None:
        """Finish what is being read, and end the threads."""
        self._threads.shutdown()

    def _leave(self, task: asyncio.Future[Answers]) -> None:
        self.inside -= 1
        if not task.cancelled():
            task.exception()  # is told to whoever waits, if anybody still does

    async def _read_all(self, sent: list[Sent], asked: Asked) -> Answers:
        reader = await self._on_thread(partial(self._reader, asked))
        if not reader.single:
            found = await asyncio.gather(*(self._on_thread(partial(self._read, reader, one)) for one in sent))
            return [answer for answers in found for answer in answers]
        pages = await self._on_thread(lambda: [page for one in sent for page in self._pages(one)])
        return await self._read_digits(reader, pages)

    async def _read_digits(self, reader: Reader, pages: list[Page | Unreadable]) -> Answers:
        """Small pictures together with those of other requests, large ones by themselves."""
        small = [page for page in pages if isinstance(page, Page) and page.grey.size <= SMALL]
        together = iter(await self._batcher(reader).read(small) if small else [])
        answers: Answers = []
        for page in pages:
            if isinstance(page, Unreadable):
                answers.append(page)
            elif page.grey.size <= SMALL:
                answers.append(next(together))
            else:
                answers += await self._on_thread(partial(reader.read_pages, [page]))
        return answers

    def _read(self, reader: Reader, sent: Sent) -> Answers:
        """One page after the other, so that one at a time is in memory."""
        answers: Answers = []
        for page in self._pages(sent):
            answers += [page] if isinstance(page, Unreadable) else reader.read_pages([page])
        return answers

    def _pages(self, sent: Sent) -> Iterator[Page | Unreadable]:
        """The pages of a picture; the reason, where it cannot be read or has too many."""
        try:
            for number, page in enumerate(image.pages(sent.content, max_pixels=self.limits.pixels)):
                if number >= self.limits.pages:
                    yield Unreadable(
                        image=sent.name, error=f"more than {self.limits.pages} pages; send the others by themselves"
                    )
                    return
                yield replace(page, name=sent.name)
        except (PictureError, MissingExtra) as error:
            yield Unreadable(image=sent.name, error=str(error))

    async def _on_thread(self, work: Callable[[], T]) -> T:
        return await asyncio.get_running_loop().run_in_executor(self._threads, work)


def _reader(asked: Asked) -> Reader:
    if asked.model is not None and asked.model not in weights.list_models():
        raise UsageError(f"no model {asked.model!r}; there are {', '.join(weights.list_models())}")
    return Reader(
        asked.model,
        single=asked.single,
        max_error=None if asked.max_error is None else risk.parse(asked.max_error),
        expect=asked.expect,
        digits=asked.digits,
        check=asked.check,
        threads=1,  # several requests are read side by side
    )
