"""Pages that are turned to be read, and results in pixels of the picture as stored."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from numeye.io.images import Page
from numeye.models.characters import CHARACTERS
from numeye.recognition import detector
from numeye.recognition.orientation.page_transform import PageTransform
from numeye.recognition.orientation.turning import move_to_stored, turn_upright
from numeye.results import Box, Character, Digit, Number, Reading, Table
from tests.recognition.marks import MARK_PX, detect_marks, draw_marks, lay


def page_of(grey: np.ndarray) -> Page:
    return Page(name="a.png", index=0, grey=grey)


@pytest.mark.parametrize("degrees", [20.0, 90.0, 180.0, 255.0])
def test_a_turned_page_is_detected_again_and_its_boxes_lie_on_the_marks(degrees: float) -> None:
    grey = lay(draw_marks(8, 14), degrees)
    detections = detector.detect(grey, detect_marks)
    turned = turn_upright(page_of(grey), detections, detect_marks)
    assert turned is not None
    assert turned.transform.turned == pytest.approx(degrees, abs=1)
    likely = turned.detections.select(turned.detections.objectness > 0)
    assert len(likely) >= 60
    for x, y in turned.transform.quads(likely.boxes).mean(axis=1).round().astype(int):
        around = grey[y - MARK_PX // 2 : y + MARK_PX // 2, x - MARK_PX // 2 : x + MARK_PX // 2]
        assert around.min() < 130


def test_a_page_that_lies_well_is_not_turned() -> None:
    grey = draw_marks(8, 14)
    assert turn_upright(page_of(grey), detector.detect(grey, detect_marks), detect_marks) is None


def test_a_page_on_which_less_is_found_after_the_turn_is_left_as_it_lies() -> None:
    grey = lay(draw_marks(8, 14), 180)
    detections = detector.detect(grey, detect_marks)
    sure = replace(detections, objectness=np.full(len(detections), 1.0))
    assert turn_upright(page_of(grey), sure, detect_marks) is not None
    certain = np.zeros_like(detections.class_logits)
    certain[:, 0] = 40
    many = replace(detections, objectness=np.full(len(detections), 9.0), class_logits=certain)

    def network(pixels: np.ndarray) -> np.ndarray:
        maps = detect_marks(pixels)
        return maps if max(pixels.shape) < 300 else np.minimum(maps, -5)

    assert turn_upright(page_of(grey), many, detect_marks) is None
    assert turn_upright(page_of(grey), sure, network) is None


def reading_of(box: Box, picture: np.ndarray) -> Reading:
    probabilities = (1.0,) + (0.0,) * (len(CHARACTERS) - 1)
    character = Character(text="0", confidence=0.9, box=box, probabilities=probabilities)
    digit = Digit(
        digit=0, confidence=0.9, box=box, probabilities=probabilities[:10], frame=(-5, 0, 60, 60)
    )
    return Reading(
        image="a.png",
        digits=(digit,),
        numbers=(Number(characters=(character,), confidence=0.9),),
        tables=(Table(box=box, rows=(("0",),)),),
        picture=picture,
    )


def test_everything_in_a_reading_moves_to_the_stored_picture() -> None:
    stored, box = np.zeros((300, 500), np.uint8), (10, 20, 30, 5)
    transform = PageTransform(90.0, stored.shape)
    moved = move_to_stored(reading_of(box, transform.turn(stored)), transform, stored)
    corners = ((480, 10), (480, 40), (475, 40), (475, 10))
    expected = (475, 10, 5, 30)
    (number,), (digit,), (table,) = moved.numbers, moved.digits, moved.tables
    assert (number.box, number.quad) == (expected, corners)
    assert (number.characters[0].box, number.characters[0].quad) == (expected, corners)
    assert (digit.box, digit.frame) == (expected, (440, -5, 60, 60))
    assert table.box == expected
    assert moved.turned == 90
    assert moved.picture is stored
    stored_as = moved.to_dict()
    assert stored_as["turned"] == 90
    assert stored_as["numbers"][0]["quad"] == [list(corner) for corner in corners]


def test_outlines_are_drawn_askew_on_the_stored_picture() -> None:
    stored = np.full((300, 400), 255, np.uint8)
    transform = PageTransform(30.0, stored.shape)
    center = transform.to_turned(np.array([[200.0, 150.0]]))[0].round().astype(int).tolist()
    box = (center[0] - 60, center[1] - 20, 120, 40)
    moved = move_to_stored(reading_of(box, transform.turn(stored)), transform, stored)
    moved = replace(moved, digits=())
    drawn = np.asarray(moved.draw())
    assert drawn.shape[1] == 400
    quad = moved.numbers[0].quad
    assert quad is not None
    is_coloured = np.ptp(drawn.astype(int), axis=2) > 40
    for (x0, y0), (x1, y1) in zip(quad, (*quad[1:], quad[0]), strict=True):
        middle = slice(round((y0 + y1) / 2) - 3, round((y0 + y1) / 2) + 4)
        assert is_coloured[middle, round((x0 + x1) / 2) - 3 : round((x0 + x1) / 2) + 4].any()
    assert not is_coloured[145:155, 195:205].any()
