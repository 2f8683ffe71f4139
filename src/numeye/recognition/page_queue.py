"""The pages of pictures, read in their order: side by side on all cores, or in batches.

A picture that cannot be read becomes an `Unreadable` in its place, and the others are read.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
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
Pending = Future[Sequence[Result]] | Unreadable


def open_pages(pictures: Iterable[Picture]) -> Iterator[Page | Unreadable]:
    """Yield each page of each picture; a folder stands for the pictures in it."""
    for picture in pictures:
        name = _name(picture)
        try:
            for file in images.expand_folders([picture]):
                name = _name(file)
                try:
                    yield from images.pages(file)
                except (PictureError, MissingExtra, MemoryError) as error:
                    yield _unreadable(name, error)
        except PictureError as error:  # a folder without pictures
            yield Unreadable(image=name, error=str(error))


def open_single_pages(pictures: Iterable[Picture]) -> Iterator[Page | Unreadable]:
    """Yield one page a picture; a picture with several pages is unreadable."""
    for picture in pictures:
        try:
            yield images.only_page(picture)
        except (PictureError, MissingExtra, MemoryError) as error:
            yield _unreadable(_name(picture), error)


def read_side_by_side(pages: Iterable[Page | Unreadable], read: ReadPage) -> Iterator[Result]:
    """Yield the readings of pages in their order; all cores read.

    Only a few pages wait at a time, and fewer if they are large.
    """
    cores = environment.cores()
    pending: deque[tuple[Pending, int]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for page in pages:
                if isinstance(page, Unreadable):
                    pending.append((page, 0))
                else:
                    pending.append((_submit(pool, read, page), page.grey.size))
                while pending and (_is_done(pending[0][0]) or _are_enough(pending, cores)):
                    yield from _results(pending.popleft()[0])
            while pending:
                yield from _results(pending.popleft()[0])
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


def _submit(pool: ThreadPoolExecutor, read: ReadPage, page: Page) -> Future[Sequence[Result]]:
    """Read a page in the pool, or at once if the system has no thread for it."""
    try:
        return pool.submit(_read_page, read, page)
    except RuntimeError:
        future: Future[Sequence[Result]] = Future()
        future.set_result(_read_page(read, page))
        return future


def _read_page(read: ReadPage, page: Page) -> Sequence[Result]:
    """Read a page; it is unreadable if it lacks the form or grid, or is too large."""
    where = f"{page.name}, page {page.index + 1}" if page.index else page.name
    try:
        return read(page)
    except PictureError as error:
        return [Unreadable(image=page.name, error=printable(f"{where}: {error}"))]
    except Exception as error:
        if not is_out_of_memory(error):
            raise
        message = memory_message(page)
        return [Unreadable(image=page.name, error=printable(f"{where}: {message}"))]


def _is_full(batch: list[Page]) -> bool:
    return len(batch) >= MAX_BATCH_PICTURES or sum(page.grey.size for page in batch) >= MAX_BATCH_PX


def _is_done(pending: Pending) -> bool:
    return isinstance(pending, Unreadable) or pending.done()


def _are_enough(pending: deque[tuple[Pending, int]], cores: int) -> bool:
    are_large = sum(pixels for _, pixels in pending) > MAX_BATCH_PX
    return len(pending) > (cores if are_large else MAX_PAGES_PER_CORE * cores)


def _results(pending: Pending) -> Sequence[Result]:
    return [pending] if isinstance(pending, Unreadable) else pending.result()


def _name(picture: Picture) -> str:
    return str(picture) if isinstance(picture, str | Path) else ""


def _unreadable(name: str, error: Exception) -> Unreadable:
    reason = (
        f"{name or 'the picture'}: {image_limits.OUT_OF_MEMORY}"
        if isinstance(error, MemoryError)
        else str(error)
    )
    return Unreadable(image=name, error=printable(reason))
