"""Writes texts with a hand or a press into the room that there is."""

from __future__ import annotations

from typing import TYPE_CHECKING, Literal

from numeye.training.synthetic.documents.hands import Hand
from numeye.training.synthetic.documents.letterpress import Press
from numeye.training.synthetic.documents.page import Box, Composition, Page, Written

if TYPE_CHECKING:
    import numpy as np

Writer = Hand | Press
Align = Literal["left", "middle", "right"]

MIN_SHRINK = 0.45  # a text that is too long gets smaller, down to this share of its height


def compose_within(
    writer: Writer, text: str, height: float, width: float, rng: np.random.Generator
) -> Composition:
    """Return a text with digits `height` pixels high, or smaller so that it fits into `width`."""
    composition = writer.compose(text, height, rng)
    if composition.width <= width:
        return composition
    share = max(0.95 * width / composition.width, MIN_SHRINK)
    return writer.compose(text, share * height, rng)


def write_in_box(
    page: Page,
    writer: Writer,
    text: str,
    box: Box,
    height: float,
    rng: np.random.Generator,
    *,
    align: Align = "middle",
    counts: bool = True,
) -> Written:
    """Write a text into a box, about in the middle of its height.

    Args:
        page: to write on.
        writer: who writes.
        text: what is written.
        box: left, top, right and bottom of the room.
        height: height of the digits, pixels; less where the text is too long.
        rng: decides how exactly.
        align: where the text is from left to right.
        counts: whether the numbers in it are added to the page's current row.
    """
    left, top, right, bottom = box
    room, margin = right - left, 0.2 * height
    composition = compose_within(writer, text, height, room - 2 * margin, rng)
    spare = max(room - composition.width - 2 * margin, 0.0)
    share = {"left": 0.0, "middle": 0.5, "right": 1.0}[align]
    foot = (top + bottom + composition.height) / 2
    if isinstance(writer, Hand):
        share = min(max(share + rng.normal(0, 0.06), 0.0), 1.0)
        foot += rng.normal(0, 0.08) * max(bottom - top - composition.height, 0.0)
    return page.write(composition, left + margin + share * spare, foot, counts=counts)
