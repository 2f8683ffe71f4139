"""How a network is shown pictures: the session that runs it, and the eyes that go with each kind of framing.

- `mnist`: (N, 1, 28, 28) in, (N, 10) out. One picture is framed once, as MNIST's digits are (`numeye.framing`).
- `zoom`: (N, 1, 40, 40) in, (N, 11) and boxes (N, 4) out. It looks for itself (`numeye.zoom`).
- `pages`: (1, 1, H, W) in, maps (1, 15, H/4, W/4) out. It finds all digits of a page (`numeye.locate`); `numeye.scan`
  looks at each of them with a network of the kind `zoom`.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime

from numeye import framing, locate, zoom
from numeye.errors import ModelError
from numeye.framing import frame
from numeye.image import Page
from numeye.metrics import softmax
from numeye.results import BLANK, NOT_A_DIGIT, TOO_BLURRED, TOO_SMALL, Digit, Reading, unsure_between
from numeye.weights import Model, Rejection

if TYPE_CHECKING:
    from jaxtyping import Float32, Float64

ANY = -1  # a side that may be of any length
# Of each kind of framing: the shapes that go in and come out, without their first dimension.
SHAPES: dict[str, tuple[list[list[int]], list[list[int]]]] = {
    "mnist": ([[1, framing.SIZE, framing.SIZE]], [[10]]),
    "zoom": ([[1, zoom.SIZE, zoom.SIZE]], [[11], [4]]),
    "pages": ([[1, ANY, ANY]], [[locate.MAPS, ANY, ANY]]),
}
CHUNK = 128  # pictures that go through the network together; more are no faster and take more memory
LEGIBLE = 8  # pixels that the longer side of a digit needs at least
SHARP = 9.0  # pixels of the look, of 40; wider edges are blurred
USUAL = Rejection(no_digit=0.5, unsure=0.5)  # where a card does not say


class Network:
    """A model in ONNX Runtime; safe to call from several threads.

    Raises:
        ModelError: it cannot be run, or has other shapes than its card's framing asks for.
    """

    def __init__(self, model: Model, threads: int) -> None:
        kind = model.framing
        if kind and kind not in SHAPES:
            known = " and ".join(SHAPES)
            raise ModelError(f"{model.name}: its card asks for the framing {kind!r}; this release knows {known}")
        self._session = _session(model, threads)
        self.framing = _framing(model.name, kind, self._session)
        self._model = model.name
        self._input = self._session.get_inputs()[0].name

    def __call__(self, pixels: Float32[np.ndarray, "n height width"]) -> list[Float32[np.ndarray, "n ..."]]:
        """Each of its outputs for each of these pictures.

        Raises:
            ModelError: it fails, or the logits are not finite.
        """
        rows = range(0, max(len(pixels), 1), CHUNK)  # also where there is no picture, for the shapes of what comes out
        try:
            parts = [self._session.run(None, {self._input: pixels[row : row + CHUNK, None]}) for row in rows]
        except (
            Exception
        ) as error:  # the shapes that it promises hold for one picture only, or its numbers are of a type
            raise ModelError(f"{self._model}: cannot be run ({_first_line(error)})") from error
        outputs = parts[0] if len(parts) == 1 else [np.concatenate(part) for part in zip(*parts, strict=True)]
        if not np.isfinite(outputs[0]).all():
            raise ModelError(f"{self._model}: its logits are not finite; install or export it again")
        return outputs

    def look(self, pixels: Float32[np.ndarray, "n side side"]) -> tuple[np.ndarray, np.ndarray]:
        """What one that finds and reads a digit says of each picture: logits and a box, as `numeye.zoom` asks."""
        logits, boxes = self(pixels)
        return logits, boxes


class MnistEyes:
    """Frames each picture as MNIST's digits are, and asks the network once."""

    def __init__(self, network: Network, model: Model, threshold: float | None) -> None:
        self._network = network
        self._temperature = model.temperature
        stated = model.rejection.unsure if model.rejection else 0.0
        self._threshold = stated if threshold is None else threshold

    def read(self, pages: list[Page]) -> list[Reading]:
        """One reading a page."""
        found = [frame(page.grey) for page in pages]
        rows = softmax(self._network(np.stack([one.pixels for one in found]))[0].astype(np.float64) / self._temperature)
        return [self._reading(page, one, row) for page, one, row in zip(pages, found, rows, strict=True)]

    def _reading(self, page: Page, found: framing.Framing, row: Float64[np.ndarray, " 10"]) -> Reading:
        digits: tuple[Digit, ...] = ()
        rejected: str | None = found.rejected
        if found.box is not None:
            best = int(row.argmax())
            confidence = float(row[best])
            digits = (Digit(digit=best, confidence=confidence, box=found.box, probabilities=tuple(row.tolist())),)
            if rejected is None and confidence < self._threshold:
                rejected = unsure_between(digits[0])
        return Reading(image=page.name, page=page.index, digits=digits, rejected=rejected, picture=page.grey)


class ZoomEyes:
    """Lets the network look for the digit itself, from coarse to fine."""

    def __init__(self, network: Network, model: Model, threshold: float | None) -> None:
        self._network = network
        self._temperature = model.temperature
        rejection = model.rejection or USUAL
        self._no_digit = rejection.no_digit
        self._threshold = rejection.unsure if threshold is None else threshold

    def read(self, pages: list[Page]) -> list[Reading]:
        """One reading a page."""
        sights = zoom.see([page.grey for page in pages], self._network.look)
        return [self._reading(page, sight) for page, sight in zip(pages, sights, strict=True)]

    def _reading(self, page: Page, sight: zoom.Sight | None) -> Reading:
        if sight is None:
            return Reading(image=page.name, page=page.index, digits=(), rejected=BLANK, picture=page.grey)
        eleven = softmax(sight.log_probabilities[None] / self._temperature)[0]
        # Divided after a softmax of the ten, so that it holds also where "no digit" leaves next to nothing for them.
        ten = softmax(sight.log_probabilities[None, :10] / self._temperature)[0]
        best = int(ten.argmax())
        digit = Digit(
            digit=best,
            confidence=float(eleven[best]),
            box=sight.box,
            probabilities=tuple(ten.tolist()),
            frame=sight.window.bounds,
        )
        rejected = self._rejected(digit, float(eleven[10]), sight)
        if rejected == NOT_A_DIGIT and frame(page.grey).rejected == BLANK:  # nothing but the paper's own grain
            return Reading(image=page.name, page=page.index, digits=(), rejected=BLANK, picture=page.grey)
        return Reading(image=page.name, page=page.index, digits=(digit,), rejected=rejected, picture=page.grey)

    def _rejected(self, digit: Digit, no_digit: float, sight: zoom.Sight) -> str | None:
        """Why the answer is not relied on, the plainest reason first."""
        if no_digit > self._no_digit:
            return NOT_A_DIGIT
        if digit.confidence >= self._threshold:
            return None
        if max(digit.box[2:]) < LEGIBLE:
            return TOO_SMALL
        return TOO_BLURRED if zoom.edge_width(sight.look.pixels) > SHARP else unsure_between(digit)


KINDS: dict[str, type[MnistEyes] | type[ZoomEyes]] = {"mnist": MnistEyes, "zoom": ZoomEyes}


def _session(model: Model, threads: int) -> onnxruntime.InferenceSession:
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.log_severity_level = 4  # what is wrong is raised; nothing is printed over it
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    try:
        return onnxruntime.InferenceSession(model.onnx, options, providers=["CPUExecutionProvider"])
    except Exception as error:
        raise ModelError(f"{model.name}: not an ONNX model that can be run ({_first_line(error)})") from error


def _framing(name: str, asked: str, session: onnxruntime.InferenceSession) -> str:
    """The kind of framing that fits what goes in and comes out; only the one that is asked for, where one is."""
    inputs, outputs = ([list(port.shape) for port in ports] for ports in (session.get_inputs(), session.get_outputs()))
    shapes = tuple([_sides(shape) for shape in ports] for ports in (inputs, outputs))
    for kind, expected in SHAPES.items():
        if shapes == expected and asked in ("", kind) and not isinstance(inputs[0][0], int):
            return kind
    expected_shapes = " or ".join(_said(*SHAPES[kind]) for kind in SHAPES if asked in ("", kind))
    raise ModelError(f"{name}: another network: inputs {inputs}, outputs {outputs}; expected {expected_shapes}")


def _sides(shape: list[Any]) -> list[int]:
    """Without the first; those that the network leaves open are `ANY`."""
    return [side if isinstance(side, int) else ANY for side in shape[1:]]


def _said(inputs: list[list[int]], outputs: list[list[int]]) -> str:
    into, out = (
        " and ".join(f"(N,{','.join('*' if side == ANY else str(side) for side in one)})" for one in shapes)
        for shapes in (inputs, outputs)
    )
    return f"{into} in, {out} out"


def _first_line(error: Exception) -> str:
    lines = str(error).strip().splitlines()
    return lines[0] if lines else type(error).__name__
