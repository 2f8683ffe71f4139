"""Who reads for the server: no more requests at once than it can answer soon, on few threads."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, TypeVar

from numeye import risk, weights
from numeye.errors import MissingExtra, PictureError, UsageError
from numeye.image import Page
from numeye.reader import Reader
from numeye.results import Unreadable
from numeye.server import decoding
from numeye.server.batches import Batcher
from numeye.server.bodies import Sent
from numeye.server.limits import Limits
from numeye.server.problems import Problem

READERS = 8  # kept ready, of those that were asked for last
SMALL = 250_000  # pixels: larger pictures of one digit are read by themselves
GROUP = 64  # pictures of one digit that are decoded before they are read

Answer = dict[str, Any]  # of one page, as `numeye read --json` prints it
T = TypeVar("T")


@dataclass(frozen=True, kw_only=True)
class Asked:
    """How the pictures of a request are to be read; see `numeye.Reader`.

    Attributes:
        single: one digit a picture.
        model: a packaged model's name; the default where None. Never a path: what a client sends opens no file.
        max_error: as `--max-error` has it, such as "2%".
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
        self.inside = 0  # requests that are being received, read or answered
        self._threads = ThreadPoolExecutor(limits.threads, thread_name_prefix="reads")
        self._plain = lru_cache(READERS)(_reader)  # those that know of nothing, which others must not push out
        self._knowing = lru_cache(READERS)(_reader)
        self._batcher = lru_cache(READERS)(lambda reader: Batcher(reader.read_pages, self._threads, limits.threads))

    def enter(self) -> None:
        """Take a place, before anything is received; `read` or `leave` gives it back.

        Raises:
            Problem: too many are inside, with a time to wait.
        """
        self.check_room()
        self.inside += 1

    def leave(self, *_: object) -> None:
        """Give a place back."""
        self.inside -= 1

    def check_room(self) -> None:
        """Look whether there is a place.

        Raises:
            Problem: there is none.
        """
        if self.inside >= self.limits.requests:
            raise Problem(503, f"{self.inside} requests are being answered", "Try again in a moment.", retry_after=1)

    async def read(self, sent: list[Sent], asked: Asked) -> list[Answer]:
        """An answer for each page of each picture, in order; what cannot be read has its reason in its place.

        The place is kept until the last thread is done, also where nobody waits any more.

        Raises:
            Problem: it takes too long.
            UsageError: there is no such model, or it can't do what is asked.
        """
        task = asyncio.ensure_future(self._read_all(sent, asked, time.monotonic() + self.limits.seconds))
        task.add_done_callback(self.leave)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())  # told to whoever still waits
        return await self._in_time(task)

    async def do(self, work: Callable[[], T]) -> T:
        """Something else that takes a moment, in a place that was taken before; on a thread of those that read.

        Raises:
            Problem: it takes too long.
        """
        task = asyncio.ensure_future(self._on_thread(work))
        task.add_done_callback(self.leave)
        task.add_done_callback(lambda done: done.cancelled() or done.exception())
        return await self._in_time(task)

    async def _in_time(self, task: asyncio.Future[T]) -> T:
        try:
            return await asyncio.wait_for(asyncio.shield(task), self.limits.seconds)
        except TimeoutError as error:
            took = f"took longer than {self.limits.seconds:g} s"
            raise Problem(503, took, "Send fewer or smaller pictures.", retry_after=10) from error

    async def ready(self) -> None:
        """Load the default readers, so that no request waits for them."""
        for single in (False, True):
            await self._on_thread(partial(self._reader, Asked(single=single)))

    def close(self) -> None:
        """Finish what is being read, forget what waits, and end the threads."""
        self._threads.shutdown(cancel_futures=True)

    async def _read_all(self, sent: list[Sent], asked: Asked, until: float) -> list[Answer]:
        reader = await self._on_thread(partial(self._reader, asked))
        if reader.single:
            groups = [sent[start : start + GROUP] for start in range(0, len(sent), GROUP)]
            found = [await self._read_digits(reader, group, until) for group in groups]
        else:
            few = asyncio.Semaphore(self.limits.threads)  # others get their turn between these

            async def read_one(one: Sent) -> list[Answer]:
                async with few:
                    return await self._on_thread(partial(self._read_pages, reader, one, until))

            found = await asyncio.gather(*map(read_one, sent))
        return [answer for answers in found for answer in answers]

    async def _read_digits(self, reader: Reader, sent: Sequence[Sent], until: float) -> list[Answer]:
        """Small pictures together with those of other requests, large ones while they are decoded."""
        decoded = await self._on_thread(partial(self._decode, reader, sent, until))
        small = [page for page in decoded if isinstance(page, Page)]
        together = iter(await self._batcher(reader).read(small) if small else [])
        return [next(together).to_dict() if isinstance(page, Page) else page for page in decoded]

    def _decode(self, reader: Reader, sent: Sequence[Sent], until: float) -> list[Page | Answer]:
        found: list[Page | Answer] = []
        for page in (page for one in sent for page in self._pages(one, until)):
            if isinstance(page, Unreadable):
                found.append(page.to_dict())
            elif page.grey.size <= SMALL:
                found.append(page)
            else:
                found += [reading.to_dict() for reading in reader.read_pages([page])]
        return found

    def _read_pages(self, reader: Reader, sent: Sent, until: float) -> list[Answer]:
        """One page after the other, so that one at a time is in memory."""
        answers: list[Answer] = []
        for page in self._pages(sent, until):
            read = [page] if isinstance(page, Unreadable) else reader.read_pages([page])
            answers += [answer.to_dict() for answer in read]
        return answers

    def _pages(self, sent: Sent, until: float) -> Iterator[Page | Unreadable]:
        """The pages of a picture; the reason, where it cannot be read, has too many, or time is up."""
        try:
            for number, page in enumerate(decoding.pages(sent.content, self.limits.pixels)):
                if number >= self.limits.pages or time.monotonic() > until:
                    most = f"more than {self.limits.pages} pages; send the others by themselves"
                    yield Unreadable(image=sent.name, error=most if number >= self.limits.pages else "no time was left")
                    return
                yield replace(page, name=sent.name)
        except (PictureError, MissingExtra) as error:
            yield Unreadable(image=sent.name, error=str(error))

    def _reader(self, asked: Asked) -> Reader:
        is_plain = asked == Asked(single=asked.single, model=asked.model)
        return (self._plain if is_plain else self._knowing)(asked)

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
