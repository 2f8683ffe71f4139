"""Marks around numbers, through them and elsewhere on a sheet."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from numeye.training.synthetic.canvas import UNREADABLE, Canvas
from numeye.training.synthetic.marks import pen_marks, sheet_marks

SIDE_PX, HEIGHT_PX, WIDTH_PX = 160, 30, 3
BOUNDS = (50.0, 60.0, 110.0, 90.0)  # of a number of three digits


def number_canvas() -> Canvas:
    """Return a canvas with three digits, each a frame of strokes."""
    canvas, digit = Canvas(SIDE_PX), np.ones((HEIGHT_PX, 18), np.float32)
    digit[WIDTH_PX:-WIDTH_PX, WIDTH_PX:-WIDTH_PX] = 0
    for place in range(3):
        canvas.paste(digit, 50 + 21 * place, 60, place)
    return canvas


@pytest.mark.parametrize("seed", range(12))
def test_marks_around_a_number_leave_its_digits_readable(seed: int) -> None:
    canvas = number_canvas()
    before = canvas.drawing.copy()
    pen_marks.surround(canvas, canvas.boxes, HEIGHT_PX, WIDTH_PX, np.random.default_rng(seed))
    assert canvas.labels == [0, 1, 2]
    assert (canvas.drawing > before).any()


@pytest.mark.parametrize("seed", range(12))
def test_a_struck_out_number_keeps_the_labels_that_can_be_read(seed: int) -> None:
    canvas = number_canvas()
    before = canvas.drawing[60:90].copy()
    pen_marks.strike_out(canvas, canvas.boxes, HEIGHT_PX, WIDTH_PX, np.random.default_rng(seed))
    assert all(label in (digit, UNREADABLE) for digit, label in enumerate(canvas.labels))
    crossed = (canvas.drawing[60:90] > before).any(axis=0)
    assert np.ptp(np.flatnonzero(crossed)) > 40


def test_what_a_drawing_covers_becomes_unreadable() -> None:
    canvas, layer = number_canvas(), np.zeros((SIDE_PX, SIDE_PX), np.float32)
    layer[:, 48:70] = 1
    canvas.cover(layer)
    assert canvas.labels == [UNREADABLE, 1, 2]


def test_no_number_gets_no_mark() -> None:
    canvas = Canvas(SIDE_PX)
    for draw in (pen_marks.surround, pen_marks.strike_out):
        draw(canvas, [], HEIGHT_PX, WIDTH_PX, np.random.default_rng(0))
    assert not canvas.drawing.any()


@pytest.mark.parametrize("seed", range(12))
def test_a_ring_goes_round_its_number(seed: int) -> None:
    (ring,) = pen_marks.shape_ring(BOUNDS, HEIGHT_PX, np.random.default_rng(seed))
    offsets = ring - np.array([80.0, 75.0])
    turned = np.unwrap(np.arctan2(offsets[:, 1], offsets[:, 0]))
    assert abs(turned[-1] - turned[0]) > 1.5 * np.pi
    assert np.hypot(*offsets.T).min() > 0.4 * HEIGHT_PX


@pytest.mark.parametrize("seed", range(12))
def test_lines_through_a_number_go_on_beyond_it(seed: int) -> None:
    for curve in pen_marks.shape_strikes(BOUNDS, HEIGHT_PX, np.random.default_rng(seed)):
        assert curve[:, 0].min() < BOUNDS[0]
        assert curve[:, 0].max() > BOUNDS[2]
        assert BOUNDS[1] < np.mean(curve[:, 1]) < BOUNDS[3]


MARKS: tuple[Callable[[Canvas, float, np.random.Generator], None], ...] = (
    sheet_marks.draw_tick,
    sheet_marks.draw_tick_box,
    sheet_marks.draw_hole,
    sheet_marks.draw_bubbles,
    sheet_marks.draw_marks,
)


@pytest.mark.parametrize("draw", MARKS)
def test_marks_have_no_labels_and_keep_away_from_numbers(
    draw: Callable[[Canvas, float, np.random.Generator], None],
) -> None:
    drawn = 0
    for seed in range(12):
        canvas = number_canvas()
        before = canvas.drawing.copy()
        draw(canvas, 20.0, np.random.default_rng(seed))
        changed = canvas.drawing != before
        drawn += int(changed.any())
        assert canvas.labels == [0, 1, 2]
        assert not changed[64:86, 54:104].any()
    assert drawn > 6


def test_a_stamp_is_paler_than_strokes_and_has_no_labels() -> None:
    letters = np.ones((SIDE_PX, SIDE_PX), np.float32)
    for seed in range(6):
        canvas = Canvas(SIDE_PX)
        sheet_marks.draw_stamp(canvas, letters, np.random.default_rng(seed))
        assert 0 < canvas.drawing.max() <= sheet_marks.STAMP_TONES[1]
        assert not canvas.labels


def test_the_back_shows_mirrored_and_faint() -> None:
    back = np.zeros((SIDE_PX, SIDE_PX), np.float32)
    back[40:60, 20:30] = 1
    for seed in range(6):
        front = sheet_marks.show_through(back, np.random.default_rng(seed))
        assert 0 < front.max() <= sheet_marks.BACK_TONES[1]
        assert front[:, :80].max() == 0
        assert np.argmax(front.sum(axis=0)) == pytest.approx(SIDE_PX - 25, abs=6)
