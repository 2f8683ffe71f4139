"""The pages of pictures, read in their order: side by side on all cores, or in batches.

A picture that cannot be read becomes an `Unreadable` in its place, and the others are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor, wait
from dataclasses import dataclass
from pathlib import Path

from numeye.errors import MissingExtra, PictureError, is_out_of_memory
from numeye.io import image_limits, images
from numeye.io.images import Page, Picture
from numeye.models import environment
from numeye.printable import printable
from numeye.results import Reading, Unreadable

# A batch ends at either limit, so that large photographs do not fill the memory.
MAX_BATCH_PICTURES = 64
MAX_BATCH_PX = 16_000_000
MAX_PAGES_PER_CORE = 3  # that wait or are being read; 1 if they are large

Result = Reading | Unreadable
ReadPage = Callable[[Page], list[Reading]]
ReadBatch = Callable[[list[Page]], list[Reading]]


@dataclass(frozen=True)
class _Pending:
    """A page that waits or is being read; `results` gives None if the memory was too small."""

    page: Page
    results: Future[Sequence[Result] | None]


def open_pages(pictures: Iterable[Picture]) -> Iterator[Page | Unreadable]:
    """Yield each page of each picture; a folder stands for the pictures in it."""
    for picture in pictures:
        try:
            files = list(images.expand_folders([picture]))
        except PictureError as error:  # a folder without pictures
            yield Unreadable(image=_name(picture), error=str(error))
        else:
            for file in files:
                yield from _open_pages(file)


def open_single_pages(pictures: Iterable[Picture]) -> Iterator[Page | Unreadable]:
    """Yield one page a picture; a picture with several pages is unreadable."""
    for picture in pictures:
        yield _open_single_page(picture)


def _open_pages(file: Picture) -> Iterator[Page | Unreadable]:
    try:
        yield from images.pages(file)
    except (PictureError, MissingExtra, MemoryError) as error:
        failed = _unreadable(_name(file), error)
    else:
        return
    # Here the error is gone, and with it what it held of the picture: up to 1 GB.
    yield failed


def _open_single_page(picture: Picture) -> Page | Unreadable:
    try:
        return images.only_page(picture)
    except (PictureError, MissingExtra, MemoryError) as error:
        return _unreadable(_name(picture), error)


def read_side_by_side(pages: Iterable[Page | Unreadable], read: ReadPage) -> Iterator[Result]:
    """Yield the readings of pages in their order; all cores read.

    Only a few pages wait at a time, and fewer if they are large.
    """
    cores = environment.cores()
    pending: deque[_Pending | Unreadable] = deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for page in pages:
                pending.append(page if isinstance(page, Unreadable) else _submit(pool, read, page))
                while pending and (_is_done(pending[0]) or _are_enough(pending, cores)):
                    yield from _first_results(pending, read)
            while pending:
                yield from _first_results(pending, read)
        finally:  # a caller that stops early waits only for the pages that are being read
            pool.shutdown(cancel_futures=True)


def read_in_batches(pages: Iterable[Page | Unreadable], read: ReadBatch) -> Iterator[Result]:
    """Yield one reading a page, in their order; several pages are read together."""
    batch: list[Page] = []
    for page in pages:
        if isinstance(page, Unreadable):
            yield from _read_batch(batch, read)
            batch = []
            yield page
            continue
        batch.append(page)
        if _is_full(batch):
            yield from _read_batch(batch, read)
            batch = []
    yield from _read_batch(batch, read)


def memory_message(page: Page) -> str:
    """Return the message for a page that is too large for the memory."""
    height, width = page.grey.shape
    return f"not enough memory to read {width}x{height} pixels; make the picture smaller"


def _read_batch(batch: list[Page], read: ReadBatch) -> Sequence[Result]:
    """Read a batch together, or page by page if there is not enough memory for that."""
    try:
        return read(batch)
    except PictureError as error:
        if len(batch) == 1:
            return [Unreadable(image=batch[0].name, error=str(error))]
        return [result for page in batch for result in _read_batch([page], read)]


def _submit(pool: ThreadPoolExecutor, read: ReadPage, page: Page) -> _Pending:
    """Read a page in the pool, or at once if the system has no thread for it."""
    try:
        return _Pending(page, pool.submit(_read_page, read, page))
    except RuntimeError:
        future: Future[Sequence[Result] | None] = Future()
        future.set_result(_read_page(read, page))
        return _Pending(page, future)


def _read_page(read: ReadPage, page: Page) -> Sequence[Result] | None:
    """Read a page; it is unreadable if it lacks the form or grid.

    Returns:
        None if there was not enough memory. (An error would keep what was in the memory.)
    """
    try:
        return read(page)
    except PictureError as error:
        return [_unreadable_page(page, str(error))]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        return None


def _first_results(pending: deque[_Pending | Unreadable], read: ReadPage) -> Sequence[Result]:
    """Take the first page of the queue, and return its results.

    If the memory was too small for it beside the others, it is read again when they are done.
    """
    first = pending.popleft()
    if isinstance(first, Unreadable):
        return [first]
    results = first.results.result()
    if results is not None:
        return results
    wait([other.results for other in pending if isinstance(other, _Pending)])
    results = _read_page(read, first.page)
    if results is not None:
        return results
    return [_unreadable_page(first.page, memory_message(first.page))]


def _is_full(batch: list[Page]) -> bool:
    return len(batch) >= MAX_BATCH_PICTURES or sum(page.grey.size for page in batch) >= MAX_BATCH_PX


def _is_done(pending: _Pending | Unreadable) -> bool:
    return isinstance(pending, Unreadable) or pending.results.done()


def _are_enough(pending: deque[_Pending | Unreadable], cores: int) -> bool:
    pixels = sum(waiting.page.grey.size for waiting in pending if isinstance(waiting, _Pending))
    return len(pending) > (cores if pixels > MAX_BATCH_PX else MAX_PAGES_PER_CORE * cores)


def _name(picture: Picture) -> str:
    return str(picture) if isinstance(picture, str | Path) else ""


def _unreadable_page(page: Page, reason: str) -> Unreadable:
    where = f"{page.name}, page {page.index + 1}" if page.index else page.name
    return Unreadable(image=page.name, error=printable(f"{where}: {reason}"))


def _unreadable(name: str, error: Exception) -> Unreadable:
    reason = (
        f"{name or 'the picture'}: {image_limits.OUT_OF_MEMORY}"
        if isinstance(error, MemoryError)
        else str(error)
    )
    return Unreadable(image=name, error=printable(reason))
