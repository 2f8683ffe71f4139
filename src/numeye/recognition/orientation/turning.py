"""Turns a page that does not lie as it should, and moves what was read back to the stored picture.

`numeye.recognition.orientation.orientation` decides by which angle.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

from numeye.io.images import Page
from numeye.recognition import detector
from numeye.recognition.boxes import Detections
from numeye.recognition.orientation import orientation
from numeye.recognition.orientation.page_transform import PageTransform
from numeye.results import Character, Digit, Number, Reading, Table

if TYPE_CHECKING:
    from jaxtyping import UInt8


@dataclass(frozen=True, eq=False)
class TurnedPage:
    """A page that was turned to be read.

    Attributes:
        page: its lines run from left to right.
        detections: of the turned page.
        transform: from the picture as it is stored.
    """

    page: Page
    detections: Detections
    transform: PageTransform


def turn_upright(
    page: Page, detections: Detections, network: detector.Network
) -> TurnedPage | None:
    """Turn a page that lies askew, on its side or upside down; None if it should stay as it lies.

    Args:
        page: as it is stored.
        detections: of it.
        network: runs the detector on one picture; see `numeye.recognition.detector.Network`.
    """
    degrees = orientation.find_turn(page.grey, detections, network)
    turned = _turn(page, degrees, network)
    if turned is None:
        return None
    # of a page with a few digits, the first angle may be somewhat wrong
    slope = orientation.digit_slope(turned.detections)
    other = _turn(page, degrees + slope, network) if slope else None
    best = max(
        (turned, other or turned), key=lambda turned: orientation.evidence(turned.detections)
    )
    least = orientation.LIMITS.min_kept * orientation.evidence(detections)
    return best if orientation.evidence(best.detections) >= least else None


def _turn(page: Page, degrees: float, network: detector.Network) -> TurnedPage | None:
    """Turn a page and detect its characters; None if it would stay as it lies."""
    transform = PageTransform(round(degrees, 1), page.grey.shape)
    if transform.is_identity:
        return None
    turned = replace(page, grey=transform.turn(page.grey))
    return TurnedPage(turned, detector.detect(turned.grey, network), transform)


def move_to_stored(
    reading: Reading, transform: PageTransform, stored: UInt8[np.ndarray, "height width"]
) -> Reading:
    """Return the reading of a turned page with boxes and quads in pixels of the stored picture.

    Args:
        reading: of the turned page.
        transform: by which the page was turned.
        stored: (height, width) uint8, the picture as it is stored.
    """
    return replace(
        reading,
        digits=tuple(_move_digit(digit, transform) for digit in reading.digits),
        numbers=tuple(_move_number(number, transform) for number in reading.numbers),
        tables=tuple(_move_table(table, transform) for table in reading.tables),
        turned=transform.turned,
        picture=stored,
    )


def _move_digit(digit: Digit, transform: PageTransform) -> Digit:
    frame = None if digit.frame is None else transform.result_box(digit.frame, clip=False)
    return replace(digit, box=transform.result_box(digit.box), frame=frame)


def _move_number(number: Number, transform: PageTransform) -> Number:
    characters = tuple(_move_character(character, transform) for character in number.characters)
    return replace(number, characters=characters, quad=transform.result_quad(number.box))


def _move_character(character: Character, transform: PageTransform) -> Character:
    return replace(
        character,
        box=transform.result_box(character.box),
        quad=transform.result_quad(character.box),
    )


def _move_table(table: Table, transform: PageTransform) -> Table:
    return replace(table, box=transform.result_box(table.box))
