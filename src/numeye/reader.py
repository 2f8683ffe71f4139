"""The reader: pictures in, readings out, on ONNX Runtime."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from functools import cached_property, lru_cache
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import image, risk, source, weights
from numeye.errors import MissingExtra, PictureError, UsageError
from numeye.eyes import KINDS, USUAL, MnistEyes, Network, ZoomEyes
from numeye.image import Page, Picture
from numeye.knowledge import Knowledge
from numeye.metrics import softmax
from numeye.parts import FormReader, GridReader
from numeye.regions import Form
from numeye.results import Reading, Unreadable
from numeye.scan import PageEyes, page_eyes

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

BATCH = 64  # pictures of one digit that go through the network together
# Mistakes that the surest answers tried for a promise could bear, of digits and of numbers; see `numeye.risk.promise`.
# Some of the strips by which numbers are calibrated nobody can read, such as a 1 drawn as a 7 or a digit that another
# hides. A few of them among the surest must not end the sequence where it begins.
BEARING, NUMBERS_BEARING = 3, 20
BATCH_PIXELS = 16_000_000  # or fewer, so that large photographs do not pile up in memory
AHEAD = 3  # pages for each core that wait to be read, or have been read before those that come first; one of large ones


Eyes = MnistEyes | ZoomEyes | PageEyes
ReadPage = Callable[[Page], list[Reading]]
Waiting = Future[Sequence[Reading | Unreadable]] | Unreadable


class Reader:
    """Reads all numbers of a page, or one digit a picture.

    Safe to call from several threads, and several readers with different models can live side by side.

    Args:
        model: name of a packaged model, a run folder or an ONNX file, or one that `numeye.weights.load` gave; the
            default model where left out. A network that
            reads single digits in the world finds them on pages with the packaged `spotter`; one that is fed with
            MNIST's frame reads one digit a picture, whatever `single` says.
        single: one digit a picture.
        max_error: the share of wrong answers among the accepted ones that is not to be exceeded, between 0 and 1;
            what it promises, and when, says `numeye.risk`. Left out, the model's own threshold holds.
        expect: a regular expression that the digits of every number match.
        digits: how many every number has.
        check: the check sum that every number has; a name of `numeye.knowledge.CHECKS`.
        threads: for one page or batch; 0 lets ONNX Runtime take every core.

    Attributes:
        model: what reads the digits.
        spotter: what finds them on a page; None where one digit a picture is read.
        promise: threshold and coverage that go with `max_error`; None where that was left out.

    Raises:
        UsageError: there is no such model, it cannot promise `max_error`, or what is known of the numbers can't be.
        ModelError: its file or card is damaged, or it is a network of another shape.
    """

    def __init__(
        self,
        model: str | Path | weights.Model | None = None,
        *,
        single: bool = False,
        max_error: float | None = None,
        expect: str | None = None,
        digits: int | None = None,
        check: str | None = None,
        threads: int = 0,
    ) -> None:
        self._asked: dict[str, Any] = {
            "model": model,
            "max_error": max_error,
            "expect": expect,
            "digits": digits,
            "check": check,
            "threads": threads,
        }
        asked = model if isinstance(model, weights.Model) else weights.load(model)
        self._asked["model"] = asked  # so that others like this one read with the same network
        network = Network(asked, threads)
        asked = asked if asked.framing else asked.framed(network.framing)
        self.spotter = None if single else _spotter(asked)
        if asked.framing == "pages":
            if single:
                raise UsageError(f"{asked.name}: finds numbers on pages; leave out --single, or choose another model")
            self.model = weights.load()
            finder, self._network = network, Network(self.model, threads)
        else:
            self.model, self._network = asked, network
            finder = Network(self.spotter, threads) if self.spotter else network
        self.promise = None if max_error is None else _promise(self.model, self.spotter, max_error)
        self._temperature = self.model.temperature
        threshold = self.promise.threshold if self.promise else None
        knowledge = Knowledge(expect=expect, digits=digits, check=check)
        if knowledge and self.spotter is None:
            raise UsageError(f"{knowledge}: is known of numbers; {self.model.name} reads one digit a picture")
        if self.spotter is None:
            self._eyes: Eyes = KINDS[self.model.framing](self._network, self.model, threshold)
        else:
            alone = ZoomEyes(self._network, self.model, None)
            eyes = page_eyes(finder, self._network, self.spotter, alone, threshold)
            self._eyes = eyes.knowing(knowledge) if knowledge else eyes

    @property
    def single(self) -> bool:
        """True where it reads one digit a picture."""
        return self.spotter is None

    @property
    def name(self) -> str:
        """Of its model, or of both."""
        return f"{self.spotter.name} + {self.model.name}" if self.spotter else self.model.name

    def for_single(self) -> Reader:
        """One that reads one digit a picture with the same model: this one, where it does."""
        of_numbers = ("expect", "digits", "check")
        asked = {name: value for name, value in self._asked.items() if name not in of_numbers}
        return self if self.single else Reader(**asked, single=True)

    def read(self, picture: Picture) -> Reading:
        """Read one picture of one page.

        Args:
            picture: a path, "-" for standard input, bytes, a PIL image or an array; see `numeye.image.pages`.

        Raises:
            PictureError: it cannot be read, or has several pages.
        """
        return self.read_pages([image.only_page(picture)])[0]

    def read_many(
        self, pictures: Iterable[Picture], *, form: Form | None = None, grid: bool = False
    ) -> Iterator[Reading]:
        """Read pictures as they come, one reading a page, in order; a folder stands for the pictures in it.

        Some pictures are taken before the first answer is given, so that all cores are at work.

        Args:
            pictures: see `read`.
            form: regions to read, one reading each, instead of whole pages.
            grid: read the cells of each page's largest grid instead; needs the extra [forms].

        Raises:
            PictureError: one cannot be read, or the form or a grid is not on it; what came before it has been read.
            UsageError: a form or a grid, and the reader reads one digit a picture.
        """
        for reading in self.stream(pictures, form=form, grid=grid):
            if isinstance(reading, Unreadable):
                raise PictureError(reading.error)
            yield reading

    def stream(
        self, pictures: Iterable[Picture], *, form: Form | None = None, grid: bool = False
    ) -> Iterator[Reading | Unreadable]:
        """As `read_many`, but a picture that cannot be read takes its place and the others go on."""
        return self._read_all(_all_pages(pictures), form, grid)

    def read_each(self, pictures: Iterable[Picture], *, grid: bool = False) -> Iterator[Reading | Unreadable]:
        """As `stream`, but always one answer a picture: one of several pages counts as unreadable."""
        return self._read_all((_one_page(picture) for picture in pictures), None, grid)

    def read_pages(self, pages: list[Page]) -> list[Reading]:
        """Read pages as one batch, one reading each; see `numeye.image.pages`."""
        return self._eyes.read(pages) if pages else []

    def probabilities(self, pixels: Float32[np.ndarray, "n side side"]) -> Float64[np.ndarray, "n classes"]:
        """What the network says of digits in their frame: calibrated probabilities, each row sums to 1.

        Args:
            pixels: n framed digits, 0 black to 1 white; see `logits`.
        """
        return softmax(self.logits(pixels).astype(np.float64) / self._temperature)

    def logits(self, pixels: Float32[np.ndarray, "n side side"]) -> Float32[np.ndarray, "n classes"]:
        """The network's raw outputs for each framed digit.

        Args:
            pixels: n framed digits, 0 black to 1 white, as the model's framing has them: 28x28 by
                `numeye.framing.frame` for ten outputs, 40x40 by `numeye.zoom.cut` for eleven, the last for no digit.
        """
        return self._network(pixels)[0]

    def _of_parts(self, form: Form | None, grid: bool) -> ReadPage | None:
        """What reads a page, or the parts of it that are asked for; None for one that reads one digit a picture."""
        if not isinstance(self._eyes, PageEyes):
            if form is not None or grid:
                raise UsageError(f"regions and grids hold numbers; {self.name} reads one digit a picture")
            return None
        if form is not None:
            return FormReader(self._eyes, form).read
        return GridReader(self._eyes).read if grid else (lambda page: self.read_pages([page]))

    def _read_all(
        self, pages: Iterator[Page | Unreadable], form: Form | None, grid: bool
    ) -> Iterator[Reading | Unreadable]:
        read = self._of_parts(form, grid)  # wrong usage is told before anything is read
        return self._in_batches(pages) if read is None else self._pages(pages, read, form, grid)

    def _pages(
        self, pages: Iterator[Page | Unreadable], read: ReadPage, form: Form | None, grid: bool
    ) -> Iterator[Reading | Unreadable]:
        """One page by all cores, several side by side, each by a core of its own."""
        first = list(islice(pages, 2))
        if len(first) > 1 and not self._asked["threads"]:
            read = self._on_one_core._of_parts(form, grid) or read
        yield from _side_by_side(chain(first, pages), read)

    @cached_property
    def _on_one_core(self) -> Reader:
        return Reader(**{**self._asked, "threads": 1})

    def _in_batches(self, pages: Iterable[Page | Unreadable]) -> Iterator[Reading | Unreadable]:
        waiting: list[Page] = []
        for page in pages:
            if isinstance(page, Unreadable):
                yield from self.read_pages(waiting)
                waiting = []
                yield page
                continue
            waiting.append(page)
            if len(waiting) >= BATCH or sum(one.grey.size for one in waiting) >= BATCH_PIXELS:
                yield from self.read_pages(waiting)
                waiting = []
        yield from self.read_pages(waiting)


def read(
    picture: Picture, *, model: str | Path | None = None, single: bool = False, max_error: float | None = None
) -> Reading:
    """Read one picture; see `Reader` and `Reader.read`."""
    return _shared_of(model, single, max_error).read(picture)


def read_many(
    pictures: Iterable[Picture],
    *,
    model: str | Path | None = None,
    single: bool = False,
    max_error: float | None = None,
) -> Iterator[Reading]:
    """Read many pictures; see `Reader` and `Reader.read_many`."""
    return _shared_of(model, single, max_error).read_many(pictures)


def _shared_of(model: str | Path | None, single: bool, max_error: float | None) -> Reader:
    """One that was made before, unless its network has changed since: a run may have been trained further."""
    return _shared(str(model) if model else None, single, max_error, weights.stamp(model) if model else 0)


@lru_cache(maxsize=4)
def _shared(model: str | None, single: bool, max_error: float | None, _: int) -> Reader:
    return Reader(model, single=single, max_error=max_error)


def _spotter(asked: weights.Model) -> weights.Model | None:
    """What finds digits for a network that reads them in the world; None where one is read in MNIST's frame."""
    if asked.framing == "pages":
        return asked
    return weights.load(weights.SPOTTER) if asked.framing == "zoom" else None


def _promise(model: weights.Model, spotter: weights.Model | None, max_error: float) -> risk.Promise:
    """By the card of the one that knows how sure an answer is: of a number, the spotter."""
    told = spotter or model
    calibration = told.calibration
    if calibration is None:
        others = [name for name in weights.list_models() if weights.load(name).card.get("calibration")]
        helps = f"{' and '.join(others)} can" if others else "none that is packaged can"
        raise UsageError(f"{told.name}: promises no error rate, since its card has no calibration; {helps}")
    if spotter is not None:
        beside = spotter.card.get("reader", {})
        if beside.get("sha256") != model.card.get("sha256"):
            raise UsageError(
                f"{spotter.name}: promises an error rate only together with the model {beside.get('name')} that its "
                f"card names, not with {model.name}"
            )
        # What is set aside without a promise stays so with one that asks for less.
        lowest = (spotter.rejection or USUAL).unsure
        return risk.promise(spotter.name, calibration, max_error, lowest=lowest, bearing=NUMBERS_BEARING)
    # Answers that are at least so sure are never set aside as no digit, so that what is accepted is what was counted.
    lowest = 1 - (model.rejection or USUAL).no_digit if model.framing == "zoom" else 0.0
    return risk.promise(model.name, calibration, max_error, lowest=lowest, bearing=BEARING)


def _side_by_side(pages: Iterable[Page | Unreadable], read: ReadPage) -> Iterator[Reading | Unreadable]:
    """Pages by all cores, in the order in which they come; few wait, and the larger they are the fewer."""
    cores = source.cores()
    waiting: deque[tuple[Waiting, int]] = deque()
    with ThreadPoolExecutor(cores) as pool:
        try:
            for page in pages:
                if isinstance(page, Unreadable):
                    waiting.append((page, 0))
                else:
                    waiting.append((pool.submit(_read_or_say, read, page), page.grey.size))
                while waiting and (_is_done(waiting[0][0]) or _are_many(waiting, cores)):
                    yield from _done(waiting.popleft()[0])
            while waiting:
                yield from _done(waiting.popleft()[0])
        finally:  # whoever wants no more waits only for what has begun
            pool.shutdown(cancel_futures=True)


def _read_or_say(read: ReadPage, page: Page) -> Sequence[Reading | Unreadable]:
    """A page on which the form or a grid is missing is one that cannot be read."""
    try:
        return read(page)
    except PictureError as error:
        where = f"{page.name}, page {page.index + 1}" if page.index else page.name
        return [Unreadable(image=page.name, error=f"{where}: {error}")]


def _is_done(waiting: Waiting) -> bool:
    return isinstance(waiting, Unreadable) or waiting.done()


def _are_many(waiting: deque[tuple[Waiting, int]], cores: int) -> bool:
    large = sum(size for _, size in waiting) > BATCH_PIXELS
    return len(waiting) > (cores if large else AHEAD * cores)


def _done(waiting: Waiting) -> Sequence[Reading | Unreadable]:
    return [waiting] if isinstance(waiting, Unreadable) else waiting.result()


def _one_page(picture: Picture) -> Page | Unreadable:
    try:
        return image.only_page(picture)
    except (PictureError, MissingExtra) as error:
        return Unreadable(image=str(picture) if isinstance(picture, str | Path) else "", error=str(error))


def _all_pages(pictures: Iterable[Picture]) -> Iterator[Page | Unreadable]:
    for picture in pictures:
        name = str(picture) if isinstance(picture, str | Path) else ""
        try:
            for one in image.expand([picture]):
                name = str(one) if isinstance(one, str | Path) else ""
                try:
                    yield from image.pages(one)
                except (PictureError, MissingExtra) as error:
                    yield Unreadable(image=name, error=str(error))
        except PictureError as error:  # a folder without pictures
            yield Unreadable(image=name, error=str(error))
