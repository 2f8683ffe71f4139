"""What else is on pages: punched holes, stamps, stains, show-through from the back, staples."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic import strokes
from numeye.training.synthetic.documents import vocabulary
from numeye.training.synthetic.documents.page import Page, draw_polylines

if TYPE_CHECKING:
    from jaxtyping import UInt8

    from numeye.training.synthetic.documents.stationery import Stationery

    Drawing = UInt8[np.ndarray, "height width"]

SHARES = {"show-through": 0.12, "holes": 0.12, "stamp": 0.1, "specks": 0.15, "scribble": 0.06}


def add_surroundings(page: Page, stationery: Stationery, rng: np.random.Generator) -> None:
    """Draw some of these things on a page. They hold no characters that count."""
    chances = dict(zip(SHARES, rng.random(len(SHARES)).tolist(), strict=True))
    if chances["show-through"] < SHARES["show-through"]:
        show_through(page, rng)
    if chances["holes"] < SHARES["holes"]:
        punch_holes(page, rng)
    if chances["stamp"] < SHARES["stamp"]:
        stamp(page, stationery, rng)
    if chances["specks"] < SHARES["specks"]:
        add_specks(page, rng)
    if chances["scribble"] < SHARES["scribble"]:
        scribble(page, rng)


def show_through(page: Page, rng: np.random.Generator) -> None:
    """Draw the back of the page: mirrored and faint. Its writing is like that of the front."""
    back = np.roll(page.ink[:, ::-1], rng.integers(-80, 80, 2).tolist(), axis=(0, 1))
    if rng.random() < 0.4:
        back = back[::-1]
    faint = cv2.GaussianBlur(np.ascontiguousarray(back), (0, 0), rng.uniform(0.8, 2.0))
    level = np.float32(rng.uniform(0.06, 0.22))
    page.paste((faint * level).astype(np.uint8), 0, 0)


def punch_holes(page: Page, rng: np.random.Generator) -> None:
    """Punch two to four holes into the left or the upper margin. Something dark is behind them."""
    count, radius = int(rng.choice([2, 2, 3, 4])), int(rng.integers(8, 17))
    level = int(rng.choice([rng.integers(20, 70), rng.integers(120, 255)]))
    beside = rng.random() < 0.8
    length = page.height if beside else page.width
    first, step = length * rng.uniform(0.1, 0.35), length * rng.uniform(0.12, 0.22)
    disc = np.zeros((2 * radius + 3, 2 * radius + 3), np.uint8)
    cv2.circle(disc, (radius + 1, radius + 1), radius, level, -1, cv2.LINE_AA)
    for number in range(count):
        place, edge = int(first + number * step), int(rng.uniform(8, 14))
        left, top = (edge, place) if beside else (place, edge)
        page.paste(disc, left, top)


def stamp(page: Page, stationery: Stationery, rng: np.random.Generator) -> None:
    """Stamp a word in a frame or a ring, turned, with gaps in its ink."""
    side, level = int(rng.uniform(120, 240)), int(rng.uniform(60, 150))
    small = Page(side, side)
    press = stationery.sample_press(rng)
    words = str(rng.choice(vocabulary.TOTALS + vocabulary.NAME_HEADS)).upper()
    text = press.compose(words, side * 0.09, rng)
    scale = min(1.0, 0.7 * side / max(text.width, 1.0))
    text = press.compose(words, side * 0.09 * scale, rng)
    small.write(text, (side - text.width) / 2, side * 0.53, counts=False)
    angles = np.linspace(0, 2 * np.pi, 60)
    middle = np.array([side / 2, side / 2])
    for share in (0.46, 0.4) if rng.random() < 0.6 else (0.45,):
        flat = np.array([1.0, rng.choice([1.0, 0.45])])
        ring = middle + share * side * flat * np.stack([np.cos(angles), np.sin(angles)], axis=1)
        small.draw_lines([ring], rng.uniform(1.5, 3), 255)
    matrix = cv2.getRotationMatrix2D((side / 2, side / 2), rng.uniform(-40, 40), 1.0)
    turned = cv2.warpAffine(small.ink, matrix, (side, side)).astype(np.float32) / np.float32(255)
    gaps = np.clip(cv2.GaussianBlur(rng.random((side, side), np.float32), (0, 0), 3) * 8 - 3, 0, 1)
    ink = (turned * gaps * level).astype(np.uint8)
    left, top = rng.random(2) * np.maximum([page.width - side, page.height - side], 0)
    page.paste(ink, int(left), int(top))


def add_specks(page: Page, rng: np.random.Generator) -> None:
    """Draw dust and dirt: small dots and short hairs, anywhere."""
    for _ in range(int(rng.integers(5, 60))):
        place = rng.random(2) * [page.width, page.height]
        length = rng.uniform(0.5, 3.0) if rng.random() < 0.85 else rng.uniform(6, 20)
        bend = place + rng.normal(0, 0.5, (3, 2)).cumsum(axis=0) * length
        layer, left, top = draw_polylines([bend], rng.uniform(0.8, 2.2), int(rng.uniform(50, 220)))
        page.paste(layer, left, top)


def scribble(page: Page, rng: np.random.Generator) -> None:
    """Draw a long stroke across a part of the page, as a signature or a bracket is."""
    side = rng.uniform(100, 350)
    place = rng.random(2) * [page.width, page.height]
    points = place + rng.uniform(-0.5, 0.5, (int(rng.integers(4, 12)), 2)) * [side, side * 0.5]
    page.draw_lines([strokes.smooth_curve(points)], rng.uniform(1.2, 4), int(rng.uniform(50, 200)))
