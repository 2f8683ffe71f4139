"""One line: the picture of a number, cut as the reader cuts it, and its characters."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from numeye.layout.number_bounds import find_numbers
from numeye.models.characters import CHARACTERS, FILLERS
from numeye.recognition.transcription.line_pictures import cut_line
from numeye.training.synthetic.canvas import UNREADABLE

if TYPE_CHECKING:
    from jaxtyping import Float, Int64, UInt8

MAX_LINE_CHARACTERS = 32  # of a number; longer ones are left out
# Paper around a number, in heights of its box, smallest and largest. The reader's margins, and the
# errors of the detector's boxes, lie between them.
MARGINS_X, MARGINS_Y = (0.0, 0.5), (-0.03, 0.3)


@dataclass(frozen=True, kw_only=True)
class Line:
    """The picture of one number and its text.

    Attributes:
        picture: (32, width), 0 black to 255 white; the width is a multiple of 4.
        labels: places in `CHARACTERS`, from left to right, without filler strokes.
    """

    picture: UInt8[np.ndarray, "32 width"]
    labels: Int64[np.ndarray, " n"]

    @property
    def text(self) -> str:
        """The number as written."""
        return "".join(CHARACTERS[label] for label in self.labels.tolist())


def cut_number(
    picture: UInt8[np.ndarray, "height width"],
    labels: Int64[np.ndarray, " n"],
    boxes: Float[np.ndarray, "n 4"],
    rng: np.random.Generator,
) -> Line | None:
    """Cut a number out of a picture, with random margins.

    Args:
        picture: (height, width) uint8.
        labels: of characters that stand together, from left to right.
        boxes: left, top, right and bottom of each.
        rng: decides about the margins.

    Returns:
        The line; None where the characters are no number, several of them, or not all readable.
    """
    if UNREADABLE in labels:
        return None
    texts = [CHARACTERS[label] for label in labels.tolist()]
    numbers = find_numbers(texts)
    if len(numbers) != 1:
        return None
    places = [place for place in numbers[0] if texts[place] not in FILLERS]
    if len(places) > MAX_LINE_CHARACTERS:
        return None
    left, top = boxes[places, :2].min(axis=0).tolist()
    right, bottom = boxes[places, 2:].max(axis=0).tolist()
    height = bottom - top
    before, behind = rng.uniform(*MARGINS_X, 2) * height
    above, below = rng.uniform(*MARGINS_Y, 2) * height
    box = (left - before, top - above, right + behind, bottom + below)
    return Line(picture=cut_line(picture, box), labels=labels[places])
