"""What people draw round and over numbers: rings, boxes, underlines, ticks, lines through them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic.documents.hands import Hand
from numeye.training.synthetic.documents.page import Page, Written
from numeye.training.synthetic.strokes import smooth_curve

if TYPE_CHECKING:
    from jaxtyping import Float64

ANNOTATIONS = ("ring", "box", "underline", "double underline", "tick")
SCRIBBLE_SHARE = 0.2  # share of the struck-out numbers that are scribbled over, unreadable


def annotate(page: Page, written: Written, kind: str, hand: Hand, rng: np.random.Generator) -> None:
    """Draw one of `ANNOTATIONS` with somebody's pen."""
    draw = {
        "ring": _ring,
        "box": _box,
        "underline": _underline,
        "double underline": _double_underline,
        "tick": _tick,
    }[kind]
    page.draw_lines(draw(written, rng), _pen_width(hand, rng), hand.level)


def strike_out(page: Page, written: Written, hand: Hand, rng: np.random.Generator) -> None:
    """Draw one or more lines through characters; a share of them becomes unreadable."""
    left, top, right, bottom = written.box
    margin, high = 0.25 * written.height, bottom - top
    scribbled = rng.random() < SCRIBBLE_SHARE
    lines = list[np.ndarray]()
    if scribbled:
        count = max(6, int((right - left) / written.height * 6))
        x = np.linspace(left - margin / 2, right + margin / 2, count)
        y = np.where(np.arange(count) % 2 == 0, top + 0.1 * high, bottom - 0.1 * high)
        zigzag = np.stack([x, y], axis=1) + rng.normal(0, 0.08 * high, (count, 2))
        lines.append(smooth_curve(zigzag, 4))
        page.make_unreadable(written)
    else:
        slope = rng.normal(0, 0.06) if rng.random() < 0.75 else rng.choice([-1, 1]) * 0.35
        for number in range(1 if rng.random() < 0.65 else 2):
            middle = (top + bottom) / 2 + high * (rng.normal(0, 0.08) + 0.2 * number)
            reach = slope * (right - left) / 2
            ends = [(left - margin, middle + reach), (right + margin, middle - reach)]
            lines.append(_wobbling(np.array(ends), rng))
        if rng.random() < 0.12:  # a cross
            lines.append(np.array([[left, top], [right, bottom]]))
            lines.append(np.array([[right, top], [left, bottom]]))
    page.draw_lines(lines, _pen_width(hand, rng), hand.level)


def _pen_width(hand: Hand, rng: np.random.Generator) -> float:
    return hand.pen_width * rng.uniform(0.8, 1.3)


def _ring(written: Written, rng: np.random.Generator) -> list[Float64[np.ndarray, "n 2"]]:
    """Return a ring that nearly closes, or closes and goes on."""
    left, top, right, bottom = written.box
    high = max(bottom - top, 0.8 * written.height)
    middle = np.array([(left + right) / 2, (top + bottom) / 2]) + rng.normal(0, 0.06, 2) * high
    radius_y = high * rng.uniform(0.72, 1.05)
    radius_x = max((right - left) / 2 + high * rng.uniform(0.25, 0.6), 0.8 * radius_y)
    start, turn = rng.uniform(0, 2 * np.pi), 2 * np.pi * rng.uniform(0.93, 1.2)
    angles = start + np.linspace(0, turn, 40)
    growth = np.linspace(1.0, rng.uniform(0.94, 1.12), 40)
    wave = 1 + rng.uniform(0, 0.05) * np.sin(2 * angles + rng.uniform(0, 6))
    radii = np.array([radius_x, radius_y]) * (growth * wave)[:, None]
    return [middle + radii * np.stack([np.cos(angles), np.sin(angles)], axis=1)]


def _box(written: Written, rng: np.random.Generator) -> list[Float64[np.ndarray, "n 2"]]:
    left, top, right, bottom = written.box
    margin = written.height * rng.uniform(0.2, 0.5)
    corners = np.array(
        [
            [left - margin, top - margin],
            [right + margin, top - margin],
            [right + margin, bottom + margin],
            [left - margin, bottom + margin],
            [left - margin, top - margin],
        ]
    )
    return [corners + rng.normal(0, 0.05, corners.shape) * written.height]


def _underline(written: Written, rng: np.random.Generator) -> list[Float64[np.ndarray, "n 2"]]:
    left, _, right, bottom = written.box
    y = bottom + written.height * rng.uniform(0.05, 0.3)
    reach = written.height * rng.uniform(0, 0.5)
    ends = np.array([[left - reach, y], [right + reach, y + rng.normal(0, 0.05) * written.height]])
    return [_wobbling(ends, rng)]


def _double_underline(
    written: Written, rng: np.random.Generator
) -> list[Float64[np.ndarray, "n 2"]]:
    first = _underline(written, rng)[0]
    offset = np.array([rng.normal(0, 2), written.height * rng.uniform(0.12, 0.25)])
    return [first, first + offset]


def _tick(written: Written, rng: np.random.Generator) -> list[Float64[np.ndarray, "n 2"]]:
    """Return a tick to the right of the number."""
    _, top, right, bottom = written.box
    size = written.height * rng.uniform(0.5, 1.1)
    corner = np.array([right + 0.9 * written.height, (top + bottom) / 2 + 0.3 * size])
    points = np.array([[-0.35, -0.3], [0.0, 0.1], [0.7, -0.9]]) * size + corner
    return [points + rng.normal(0, 0.04, points.shape) * size]


def _wobbling(
    ends: Float64[np.ndarray, "2 2"], rng: np.random.Generator
) -> Float64[np.ndarray, "n 2"]:
    """Return a line as a hand draws it."""
    share = np.linspace(0, 1, 6)[:, None]
    length = float(np.abs(ends[1] - ends[0]).max())
    points = ends[0] + share * (ends[1] - ends[0]) + rng.normal(0, 0.012, (6, 2)) * length
    return smooth_curve(points, 4)
