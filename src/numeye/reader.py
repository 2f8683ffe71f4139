"""The reader: pictures in, readings out, on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from numeye import image, risk, weights
from numeye.errors import MissingExtra, PictureError, UsageError
from numeye.eyes import KINDS, USUAL, Eyes, Network
from numeye.image import Page, Picture
from numeye.metrics import softmax
from numeye.results import Reading, Unreadable

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

BATCH = 64  # pictures that go through the network together
BEARING = 3  # mistakes that the surest answers tried for a promise could bear; see `numeye.risk.promise`
BATCH_PIXELS = 16_000_000  # or fewer, so that large photographs do not pile up in memory


class Reader:
    """Reads one digit a picture with one model.

    Safe to call from several threads, and several readers with different models can live side by side.

    Args:
        model: name of a packaged model, a run folder or an ONNX file; the default model where left out.
        max_error: the share of wrong answers among the accepted ones that is not to be exceeded, between 0 and 1;
            what it promises, and when, says `numeye.risk`. Left out, the model's own threshold holds.
        threads: for one batch; 0 lets ONNX Runtime take every core.

    Attributes:
        model: what it reads with.
        promise: threshold and coverage that go with `max_error`; None where that was left out.

    Raises:
        UsageError: there is no such model, or it cannot promise `max_error`.
        ModelError: its file or card is damaged, or it is a network of another shape.
    """

    def __init__(self, model: str | Path | None = None, *, max_error: float | None = None, threads: int = 0) -> None:
        loaded = weights.load(model)
        self._network = Network(loaded, threads)
        self.model = loaded if loaded.framing else loaded.framed(self._network.framing)
        self.promise = None if max_error is None else _promise(self.model, max_error)
        self._temperature = self.model.temperature
        threshold = self.promise.threshold if self.promise else None
        self._eyes: Eyes = KINDS[self.model.framing](self._network, self.model, threshold)

    def read(self, picture: Picture) -> Reading:
        """Read one picture of one page.

        Args:
            picture: a path, "-" for standard input, bytes, a PIL image or an array; see `numeye.image.pages`.

        Raises:
            PictureError: it cannot be read, or has several pages.
        """
        return self.read_pages([image.only_page(picture)])[0]

    def read_many(self, pictures: Iterable[Picture]) -> Iterator[Reading]:
        """Read pictures as they come, one reading a page, in order; a folder stands for the pictures in it.

        Raises:
            PictureError: one cannot be read; what came before it has been read.
        """
        for reading in self.stream(pictures):
            if isinstance(reading, Unreadable):
                raise PictureError(reading.error)
            yield reading

    def stream(self, pictures: Iterable[Picture]) -> Iterator[Reading | Unreadable]:
        """As `read_many`, but a picture that cannot be read takes its place and the others go on."""
        return self._in_batches(_all_pages(pictures))

    def read_each(self, pictures: Iterable[Picture]) -> Iterator[Reading | Unreadable]:
        """As `stream`, but always one answer a picture: one of several pages counts as unreadable."""
        return self._in_batches(_one_page(picture) for picture in pictures)

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


def read(picture: Picture, *, model: str | Path | None = None, max_error: float | None = None) -> Reading:
    """Read one picture of one digit; see `Reader` and `Reader.read`."""
    return _shared(str(model) if model else None, max_error).read(picture)


def read_many(
    pictures: Iterable[Picture], *, model: str | Path | None = None, max_error: float | None = None
) -> Iterator[Reading]:
    """Read many pictures; see `Reader` and `Reader.read_many`."""
    return _shared(str(model) if model else None, max_error).read_many(pictures)


@lru_cache(maxsize=4)
def _shared(model: str | None, max_error: float | None) -> Reader:
    return Reader(model, max_error=max_error)


def _promise(model: weights.Model, max_error: float) -> risk.Promise:
    calibration = model.calibration
    if calibration is None:
        others = [name for name in weights.list_models() if weights.load(name).card.get("calibration")]
        helps = f"{' and '.join(others)} can" if others else "none that is packaged can"
        raise UsageError(f"{model.name}: promises no error rate, since its card has no calibration; {helps}")
    # Answers that are at least so sure are never set aside as no digit, so that what is accepted is what was counted.
    lowest = 1 - (model.rejection or USUAL).no_digit if model.framing == "zoom" else 0.0
    return risk.promise(model.name, calibration, max_error, lowest=lowest, bearing=BEARING)


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
