"""Reads one digit a picture: with a network for classification or for localization.

- Classification: (N, 1, 28, 28) in, (N, 10) out. A picture is framed once, as MNIST's digits are
  (`numeye.recognition.preprocessing`).
- Localization: (N, 1, 40, 40) in, (N, 11) and boxes (N, 4) out. The digit is localized from coarse
  to fine (`numeye.recognition.localizer`).

Whole pages are read by `numeye.recognition.page_reader`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.io.images import Page
from numeye.models.card import Model, Rejection
from numeye.models.probabilities import NO_DIGIT
from numeye.models.runtime import Network
from numeye.models.task import CLASSIFICATION, LOCALIZATION
from numeye.recognition import crops, localizer, preprocessing
from numeye.recognition.illumination import flatten_light
from numeye.recognition.preprocessing import frame
from numeye.recognition.rings import erase_rings
from numeye.results import (
    BLANK,
    NOT_A_DIGIT,
    TOO_BLURRED,
    TOO_SMALL,
    Digit,
    Reading,
    unsure_reason,
)

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    Grey = UInt8[np.ndarray, "height width"]
    Clean = Callable[[Grey], Grey]  # returns the same array where there is nothing to clean

MIN_DIGIT_PX = 8  # the longer side of a digit, in pixels of the picture
MAX_EDGE_WIDTH_PX = 9.0  # of the 40 pixels of a crop; digits with wider edges are blurred
# Least confidence of a digit that is seen only when uneven light is taken out. Synthetic pictures
# with lower ones more often hold a letter or a scribble.
MIN_FLATTENED_CONFIDENCE = 0.99

# For models whose card states no thresholds.
DEFAULT_REJECTION = Rejection(no_digit=0.5, unsure=0.5)  # localization
NO_REJECTION = Rejection(no_digit=1.0, unsure=0.0)  # the other tasks


class ClassificationReader:
    """Frames each picture as MNIST's digits are, and classifies it once.

    Args:
        network: runs the model.
        model: its card says how logits become probabilities, and when an answer is rejected.
        threshold: least confidence that is accepted; the card's if None.
    """

    def __init__(self, network: Network, model: Model, threshold: float | None) -> None:
        self._network = network
        self._scaling = model.scaling
        rejection = model.rejection or NO_REJECTION
        self._threshold = rejection.unsure if threshold is None else threshold

    def read(self, pages: list[Page]) -> list[Reading]:
        """Return one reading a page."""
        framings = [frame(page.grey) for page in pages]
        logits = self._network(np.stack([framing.pixels for framing in framings]))[0]
        rows = self._scaling.probabilities(logits)
        return [
            self._reading(page, framing, row)
            for page, framing, row in zip(pages, framings, rows, strict=True)
        ]

    def _reading(
        self, page: Page, framing: preprocessing.Framing, probabilities: Float64[np.ndarray, " 10"]
    ) -> Reading:
        digits: tuple[Digit, ...] = ()
        rejected: str | None = framing.rejected
        if framing.box is not None:
            best = int(probabilities.argmax())
            digit = Digit(
                digit=best,
                confidence=float(probabilities[best]),
                box=framing.box,
                probabilities=tuple(probabilities.tolist()),
            )
            digits = (digit,)
            if rejected is None and digit.confidence < self._threshold:
                rejected = unsure_reason(digit)
        return Reading(
            image=page.name, page=page.index, digits=digits, rejected=rejected, picture=page.grey
        )


@dataclass(frozen=True, eq=False)
class _Scores:
    """The calibrated probabilities of one picture.

    Attributes:
        digits: of the ten digits, given that there is one; they sum to 1.
        confidences: of the ten digits and of "no digit"; they sum to 1.
        no_digit: of "no digit", as the card's threshold for it means it.
    """

    digits: Float64[np.ndarray, " 10"]
    confidences: Float64[np.ndarray, " 11"]
    no_digit: float


class LocalizationReader:
    """Localizes the digit of each picture, from coarse to fine, and classifies it.

    Args:
        network: runs the model.
        model: its card says how logits become probabilities, and when an answer is rejected.
        threshold: least confidence that is accepted; the card's if None.
        on_page: True where pictures often hold no digit, as pages on which no number was found.
            Then the confidence is that of crops of which as many hold none as in the calibration.
    """

    def __init__(
        self, network: Network, model: Model, threshold: float | None, *, on_page: bool = False
    ) -> None:
        self._network = network
        self._scaling = model.scaling
        self._confidence_scaling = self._scaling.at_fitted_share() if on_page else self._scaling
        rejection = model.rejection or DEFAULT_REJECTION
        self._threshold = rejection.unsure if threshold is None else threshold
        self._max_no_digit = self._max_sure_no_digit = rejection.no_digit
        if self._scaling.no_digit is not None:
            # The error rate also has to hold where many pictures hold no digit. So it must be as
            # certain that there is a digit as the threshold asks.
            bound = self._scaling.no_digit.to_read_share(1 - self._threshold)
            self._max_sure_no_digit = min(self._max_no_digit, bound)

    def read(self, pages: list[Page]) -> list[Reading]:
        """Return one reading a page.

        What is rejected is read again without a ring around it and without uneven light. So is a 0,
        which may be a ring.
        """
        readings = self._read_once(pages)
        for clean, least in ((erase_rings, 0.0), (flatten_light, MIN_FLATTENED_CONFIDENCE)):
            doubtful = [
                number
                for number, reading in enumerate(readings)
                if reading.rejected or (clean is erase_rings and reading.digits[0].digit == 0)
            ]
            self._read_again(pages, readings, doubtful, clean, least)
        return readings

    def _read_again(
        self,
        pages: list[Page],
        readings: list[Reading],
        numbers: list[int],
        clean: Clean,
        least: float,
    ) -> None:
        """Read some pages cleaned, and replace their readings by those that are confident."""
        cleaned = [(number, clean(pages[number].grey)) for number in numbers]
        changed = [(number, grey) for number, grey in cleaned if grey is not pages[number].grey]
        if not changed:
            return
        again = self._read_once([replace(pages[number], grey=grey) for number, grey in changed])
        for (number, _), reading in zip(changed, again, strict=True):
            if reading.rejected is None and reading.digits[0].confidence >= least:
                readings[number] = replace(reading, picture=pages[number].grey)

    def _read_once(self, pages: list[Page]) -> list[Reading]:
        localizations = localizer.localize([page.grey for page in pages], self._network.localize)
        logs = [found.log_probabilities for found in localizations if found is not None]
        scores = iter(self._scores(np.array(logs).reshape(len(logs), NO_DIGIT + 1)))
        return [
            _blank_reading(page) if found is None else self._reading(page, found, next(scores))
            for page, found in zip(pages, localizations, strict=True)
        ]

    def _scores(self, logs: Float64[np.ndarray, "n 11"]) -> list[_Scores]:
        digits = self._scaling.digits(logs)
        confidences = self._confidence_scaling.probabilities(logs)
        no_digit = self._scaling.probabilities(logs)[:, NO_DIGIT].tolist()
        return [_Scores(*row) for row in zip(digits, confidences, no_digit, strict=True)]

    def _reading(
        self, page: Page, localization: localizer.Localization, scores: _Scores
    ) -> Reading:
        best = int(scores.digits.argmax())
        digit = Digit(
            digit=best,
            confidence=float(scores.confidences[best]),
            box=localization.box,
            probabilities=tuple(scores.digits.tolist()),
            frame=localization.square.bounds,
        )
        rejected = self._reason_to_reject(digit, scores.no_digit, localization)
        # the grain of empty paper may look like something
        if rejected == NOT_A_DIGIT and frame(page.grey).rejected == BLANK:
            return _blank_reading(page)
        return Reading(
            image=page.name, page=page.index, digits=(digit,), rejected=rejected, picture=page.grey
        )

    def _reason_to_reject(
        self, digit: Digit, no_digit: float, localization: localizer.Localization
    ) -> str | None:
        """Return why the answer is rejected, the simplest reason first; None if it is accepted."""
        if no_digit > self._max_no_digit:
            return NOT_A_DIGIT
        if digit.confidence >= self._threshold and no_digit <= self._max_sure_no_digit:
            return None
        if max(digit.box[2:]) < MIN_DIGIT_PX:
            return TOO_SMALL
        if crops.edge_width(localization.answer_crop.pixels) > MAX_EDGE_WIDTH_PX:
            return TOO_BLURRED
        return unsure_reason(digit)


def _blank_reading(page: Page) -> Reading:
    return Reading(image=page.name, page=page.index, digits=(), rejected=BLANK, picture=page.grey)


# By the name of the task.
DIGIT_READERS: dict[str, type[ClassificationReader] | type[LocalizationReader]] = {
    CLASSIFICATION.name: ClassificationReader,
    LOCALIZATION.name: LocalizationReader,
}
