"""The reader: pictures in, readings out, on ONNX Runtime."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
import onnxruntime

from numeye import image, weights
from numeye.errors import MissingExtra, ModelError, PictureError
from numeye.framing import SIZE, Framing, frame
from numeye.image import Page, Picture
from numeye.metrics import softmax
from numeye.results import Digit, Reading, Unreadable

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

BATCH = 64  # pictures that go through the network together
BATCH_PIXELS = 16_000_000  # or fewer, so that large photographs do not pile up in memory


class Reader:
    """Reads one digit a picture with one model.

    Safe to call from several threads, and several readers with different models can live side by side.

    Args:
        model: name of a packaged model, a run folder or an ONNX file; the default model where left out.
        threads: for one batch; 0 lets ONNX Runtime take every core.

    Raises:
        UsageError: there is no such model.
        ModelError: its file is damaged or is a network of another shape.
    """

    def __init__(self, model: str | Path | None = None, *, threads: int = 0) -> None:
        self.model = weights.load(model)
        self._session = _session(self.model, threads)
        self._temperature = self.model.temperature

    def read(self, picture: Picture) -> Reading:
        """Read one picture of one page.

        Args:
            picture: a path, "-" for standard input, bytes, a PIL image or an array; see `numeye.image.pages`.

        Raises:
            PictureError: it cannot be read, or has several pages.
        """
        return self._read_pages([image.only_page(picture)])[0]

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
        waiting: list[Page] = []
        for page in _all_pages(pictures):
            if isinstance(page, Unreadable):
                yield from self._read_pages(waiting)
                waiting = []
                yield page
                continue
            waiting.append(page)
            if len(waiting) >= BATCH or sum(one.grey.size for one in waiting) >= BATCH_PIXELS:
                yield from self._read_pages(waiting)
                waiting = []
        yield from self._read_pages(waiting)

    def probabilities(self, pixels: Float32[np.ndarray, "n 28 28"]) -> Float64[np.ndarray, "n 10"]:
        """What the network says of digits in their frame: calibrated probabilities, each row sums to 1.

        Args:
            pixels: n framed digits, 0 black to 1 white; see `numeye.framing.frame`.
        """
        return softmax(self.logits(pixels).astype(np.float64) / self._temperature)

    def logits(self, pixels: Float32[np.ndarray, "n 28 28"]) -> Float32[np.ndarray, "n 10"]:
        """The network's ten raw outputs for each framed digit."""
        name = self._session.get_inputs()[0].name
        parts = [
            self._session.run(None, {name: pixels[start : start + 512, None]})[0]
            for start in range(0, len(pixels), 512)
        ]
        return np.concatenate(parts) if parts else np.zeros((0, 10), np.float32)

    def _read_pages(self, found: list[Page]) -> list[Reading]:
        framings = [frame(page.grey) for page in found]
        pixels = np.stack([framing.pixels for framing in framings]) if found else np.zeros((0, SIZE, SIZE), np.float32)
        rows = self.probabilities(pixels)
        return [_reading(page, framing, row) for page, framing, row in zip(found, framings, rows, strict=True)]


def read(picture: Picture, *, model: str | Path | None = None) -> Reading:
    """Read one picture of one digit; see `Reader.read`."""
    return _shared(str(model) if model else None).read(picture)


def read_many(pictures: Iterable[Picture], *, model: str | Path | None = None) -> Iterator[Reading]:
    """Read many pictures; see `Reader.read_many`."""
    return _shared(str(model) if model else None).read_many(pictures)


@lru_cache(maxsize=4)
def _shared(model: str | None) -> Reader:
    return Reader(model)


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


def _reading(page: Page, framing: Framing, row: Float64[np.ndarray, " 10"]) -> Reading:
    digits: tuple[Digit, ...] = ()
    if framing.box is not None:
        best = int(row.argmax())
        digits = (Digit(digit=best, confidence=float(row[best]), box=framing.box, probabilities=tuple(row.tolist())),)
    return Reading(image=page.name, page=page.index, digits=digits, rejected=framing.rejected, picture=page.grey)


def _session(model: weights.Model, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what is wrong is raised; nothing is printed over it
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    if model.framing != "mnist":
        raise ModelError(f"{model.name}: its card asks for the framing {model.framing!r}; this release knows mnist")
    try:
        session = onnxruntime.InferenceSession(model.onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{model.name}: not an ONNX model that can be run ({_first_line(error)})") from error
    _check_shape(model.name, session)
    return session


def _check_shape(name: str, session: onnxruntime.InferenceSession) -> None:
    shapes = [[list(port.shape) for port in ports] for ports in (session.get_inputs(), session.get_outputs())]
    inputs, outputs = shapes
    fits = len(inputs) == 1 and inputs[0][1:] == [1, SIZE, SIZE] and len(outputs) == 1 and outputs[0][1:] == [10]
    if not fits or isinstance(inputs[0][0], int):
        raise ModelError(
            f"{name}: another network: inputs {inputs}, outputs {outputs}; expected (N,1,{SIZE},{SIZE}) in, (N,10) out"
        )


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
