"""Localizes and classifies the one digit of a picture, from coarse to fine.

The recognizer receives 40x40 raw grey pixels and returns which digit is there, and where. It starts
with a crop of the whole picture, moves on to the box that it found, and crops again from closer by,
as an eye does (Mnih et al. 2014, "Recurrent Models of Visual Attention",
https://arxiv.org/abs/1406.6247, but with nothing to learn in between). Nothing is thresholded or
cleaned on the way.

The fine crop decides which digit it is. Whether there is one, the fine and the coarse crop decide
together: from close by, a line across the paper is a 1, and a few pixels of noise can be any digit.
Where the fine crop is not confident, the answers of more crops are averaged (Krizhevsky et al. 2012
average over crops in the same way).

In each stage, the network receives the crops of all pictures of a batch at once.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np

from numeye.models.probabilities import NO_DIGIT, log_softmax
from numeye.recognition.boxes import to_result_box
from numeye.recognition.crops import CROP_PX, Crop, CropSource, Square

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    from numeye.results import Box

MAX_COARSE_CROPS = 3  # each comes closer to a small digit
MIN_TRUSTED_SIDE = 0.4  # of the crop; the box of a smaller digit is not precise yet
TINY_DIGIT_PX = 12  # for a digit with a smaller longer side, the first crop counts too

# Sides of the squares around a digit, in longer sides of its box.
COARSE_CONTEXT = 2.2
CONTEXT = 1.4
EXTRA_CONTEXTS = (("closer crop", 1.25), ("wider crop", 1.65))

# (n, 40, 40) grey, 0 black to 1 white, in; out (n, 11) logits, the last for "no digit", and (n, 4)
# boxes: centre x, centre y, width and height as fractions of the crop.
Network = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]


@dataclass(frozen=True, kw_only=True, eq=False)
class Localization:
    """The digit of a picture, and the crops by which it was found.

    Attributes:
        log_probabilities: of the digits 0 to 9 and of "no digit", not calibrated.
        box: x, y, width and height of the digit in pixels of the picture, at least 1x1 and inside
            it.
        answer_crop: the crop that the box comes from, and that decides which digit it is.
        crops: all crops, in the order in which they were cut.
        averaged_crops: those that are in the answer: the fine crops, and the coarse crops that
            count.
    """

    log_probabilities: Float64[np.ndarray, " 11"]
    box: Box
    answer_crop: Crop
    crops: tuple[Crop, ...]
    averaged_crops: tuple[Crop, ...]

    @property
    def square(self) -> Square:
        """The square of the crop that the answer comes from."""
        return self.answer_crop.square

    @property
    def stages(self) -> list[tuple[str, Square]]:
        """Name and square of each crop."""
        return [(crop.name, crop.square) for crop in self.crops]


def localize(
    pictures: list[UInt8[np.ndarray, "_ _"]], network: Network
) -> list[Localization | None]:
    """Localize the digit of each picture; None for a blank one, which the network does not get.

    Args:
        pictures: (height, width) uint8, of any size and polarity.
        network: answers for (n, 40, 40) crops; see `Network`.
    """
    searches = [_Search(CropSource(grey)) for grey in pictures]
    active = [search for search in searches if not search.source.is_blank]
    _run_stage(network, [(search, "context", search.source.full_square) for search in active])
    for _ in range(MAX_COARSE_CROPS - 1):
        small = [search for search in active if search.last.digit_side < MIN_TRUSTED_SIDE]
        _run_stage(network, _around_digits(small, "closer context", COARSE_CONTEXT))
    for search in active:
        search.coarse_crop = search.last
    _run_stage(network, _around_digits(active, "crop", CONTEXT))
    missed = [search for search in active if not search.last.is_well_framed]
    _run_stage(network, _around_digits(missed, "second crop", CONTEXT))
    for search in active:
        search.answer_crop = search.last
    unsure = [search for search in active if not search.last.is_confident]
    extra = [
        (search, name, search.last.around_digit(context))
        for search in unsure
        for name, context in EXTRA_CONTEXTS
    ]
    _run_stage(network, extra)
    return [None if search.source.is_blank else search.result() for search in searches]


@dataclass
class _Search:
    """One picture on its way through the stages."""

    source: CropSource
    crops: list[Crop] = field(default_factory=list)
    coarse_crop: Crop | None = None  # the last one before the fine crops
    answer_crop: Crop | None = None

    @property
    def last(self) -> Crop:
        return self.crops[-1]

    def result(self) -> Localization:
        answer_crop = self.answer_crop or self.last
        fine = self.crops[self.crops.index(answer_crop) :]
        coarse = self._averaged_coarse_crops(answer_crop)
        large = [crop for crop in coarse if crop.digit_side >= MIN_TRUSTED_SIDE]
        digit_logs = _mean_logs(fine + large if len(fine) > 1 else fine)[:NO_DIGIT]
        all_logs = [_mean_logs(fine), *(crop.log_probabilities for crop in coarse)]
        no_digit_log = float(log_softmax(np.mean(all_logs, axis=0)[None])[0, NO_DIGIT])
        return Localization(
            log_probabilities=_combine(digit_logs, no_digit_log),
            box=_box_in_picture(answer_crop, self.source),
            answer_crop=answer_crop,
            crops=tuple(self.crops),
            averaged_crops=(*fine, *coarse),
        )

    def _averaged_coarse_crops(self, answer_crop: Crop) -> list[Crop]:
        """Return the coarse crops that count.

        The last one counts if the digit is large in it; the first one if the digit has only a few
        pixels.
        """
        last, first = self.coarse_crop, self.crops[0]
        counted = [last] if last is not None and last.digit_side >= MIN_TRUSTED_SIDE else []
        is_tiny = answer_crop.digit_side * answer_crop.square.side < TINY_DIGIT_PX
        if is_tiny and first not in counted:
            counted.append(first)
        return counted


_Request = tuple[_Search, str, Square]  # a picture, the name of the stage, what to crop


def _around_digits(searches: list[_Search], name: str, context: float) -> list[_Request]:
    return [(search, name, search.last.around_digit(context)) for search in searches]


def _run_stage(network: Network, requests: list[_Request]) -> None:
    """Run the network on these crops, all at once, and append them to their searches."""
    if not requests:
        return
    squares = [
        square.clamped(search.source.width, search.source.height) for search, _, square in requests
    ]
    pixels = np.stack(
        [
            search.source.cut(square)
            for (search, _, _), square in zip(requests, squares, strict=True)
        ]
    )
    logits, boxes = network(pixels)
    logs = log_softmax(logits)
    for index, (search, name, _) in enumerate(requests):
        box = _clamp_box(boxes[index].tolist())
        search.crops.append(Crop(name, squares[index], pixels[index], logs[index], box))


def _mean_logs(crops: list[Crop]) -> Float64[np.ndarray, " 11"]:
    """Return the mean log probabilities; as probabilities, they need not sum to 1."""
    mean: np.ndarray = np.mean([crop.log_probabilities for crop in crops], axis=0)
    return mean


def _combine(
    digit_logs: Float64[np.ndarray, " 10"], no_digit_log: float
) -> Float64[np.ndarray, " 11"]:
    """Return log probabilities of the ten digits and of "no digit" that sum to 1.

    Args:
        digit_logs: of the ten digits; only their differences count.
        no_digit_log: log probability of "no digit".
    """
    no_digit_log = min(no_digit_log, -1e-12)  # else the digits would be impossible
    digits = log_softmax(digit_logs[None])[0] + math.log(-math.expm1(no_digit_log))
    return np.append(digits, no_digit_log)


def _clamp_box(box: list[float]) -> tuple[float, float, float, float]:
    """Limit a box so that the next crop can be aimed at it; the whole crop if it is not finite."""
    if not all(map(math.isfinite, box)):
        return 0.5, 0.5, 1.0, 1.0
    x, y, width, height = box
    smallest = 1 / CROP_PX
    return (
        min(max(x, 0.0), 1.0),
        min(max(y, 0.0), 1.0),
        min(max(width, smallest), 2.0),
        min(max(height, smallest), 2.0),
    )


def _box_in_picture(crop: Crop, source: CropSource) -> Box:
    centre, side = crop.around_digit(1.0), crop.square.side
    half_width, half_height = crop.box[2] * side / 2, crop.box[3] * side / 2
    left, top = centre.x - half_width, centre.y - half_height
    box = np.array([left, top, centre.x + half_width, centre.y + half_height], np.float64)
    return to_result_box(box, (source.height, source.width))
