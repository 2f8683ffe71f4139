"""Numbers cut out of a picture, 32 pixels high."""

from __future__ import annotations

import numpy as np
import pytest

from numeye.recognition.transcription.line_pictures import (
    LINE_WIDTHS_PX,
    add_margins,
    cut_line,
    stack_lines,
)


@pytest.mark.parametrize("height", [12, 32, 90])
def test_the_width_keeps_its_proportion_to_the_height(height: int) -> None:
    grey = np.full((200, 900), 255, np.uint8)
    grey[50 : 50 + height, 100 : 100 + 3 * height] = 0
    line = cut_line(grey, (100.0, 50.0, 100.0 + 3 * height, 50.0 + height))
    assert line.shape == (32, 96)
    assert line.max() == 0
    wider = cut_line(grey, add_margins((100.0, 50.0, 100.0 + 3 * height, 50.0 + height)))
    assert wider[0].min() == 255  # paper above
    assert (wider[16] == 0).sum() * 24 == pytest.approx(wider.shape[1] * 32 * 3 / 4.7, rel=0.35)


def test_beyond_the_border_the_edge_goes_on() -> None:
    grey = np.tile(np.linspace(0, 255, 40).astype(np.uint8), (20, 1))
    line = cut_line(grey, (-40.0, -5.0, 90.0, 25.0))
    assert (line[:, :8] == 0).all()
    assert (line[:, -8:] == 255).all()
    far = cut_line(grey, (-300.0, -300.0, -200.0, -290.0))  # a box that is elsewhere
    assert far.shape[0] == 32


def test_very_long_and_very_short_numbers_keep_within_the_limits() -> None:
    grey = np.zeros((40, 4000), np.uint8)
    assert cut_line(grey, (0.0, 0.0, 4000.0, 40.0)).shape == (32, LINE_WIDTHS_PX[1])
    assert cut_line(grey, (10.0, 0.0, 12.0, 40.0)).shape == (32, LINE_WIDTHS_PX[0])
    assert cut_line(grey, (10.0, 5.0, 10.0, 5.0)).shape == (32, 32)


def test_shorter_lines_of_a_batch_are_filled_up() -> None:
    lines = [np.full((32, 16), 51, np.uint8), np.full((32, 24), 255, np.uint8)]
    batch = stack_lines(lines)
    assert batch.shape == (2, 32, 24)
    assert batch[0] == pytest.approx(0.2)
    assert batch[1] == pytest.approx(1.0)
