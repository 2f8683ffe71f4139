"""Cheques: a printed form on patterned paper, an amount, a date, a signature."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic import strokes
from numeye.training.synthetic.documents import number_texts, vocabulary
from numeye.training.synthetic.documents.page import Page
from numeye.training.synthetic.documents.writers import write_in_box
from numeye.training.synthetic.marks.ruled_lines import draw_guilloche

if TYPE_CHECKING:
    from numeye.training.synthetic.documents.hands import Hand
    from numeye.training.synthetic.documents.stationery import Stationery

_NUMBER_WORDS = (
    "one two three four five six seven eight nine ten eleven twelve twenty thirty forty fifty",
    "sixty seventy eighty ninety hundred thousand and",
)


def draw_cheque(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a cheque."""
    page = Page(int(rng.integers(380, 520)), int(rng.integers(900, 1180)))
    if rng.random() < 0.7:
        _print_pattern(page, rng)
    press, digit = stationery.sample_press(rng), rng.uniform(24, 40)
    hand = stationery.sample_hand(digit, rng)
    width, height = page.width, page.height
    page.write(press.compose(str(rng.choice(vocabulary.SCHOOLS)), 17, rng), 0.04 * width, 46)
    number = number_texts.write_digits(int(rng.integers(3, 8)))(rng)
    page.write(press.compose(number, rng.uniform(13, 18), rng), 0.8 * width, 40)
    page.start_row()
    label = page.write(press.compose("Date", 11, rng), 0.58 * width, 0.25 * height)
    foot = 0.25 * height
    page.draw_line((label.box[2] + 6, foot + 5), (0.93 * width, foot + 5), 1.0, 150)
    box = label.box[2] + 10, foot - digit, 0.93 * width, foot
    write_in_box(page, hand, number_texts.sample_date_format(rng)(rng), box, digit, rng)
    page.start_row()
    _write_amount(page, hand, 0.44 * height, digit, rng)
    _write_lines(page, stationery, hand, digit, rng)
    _print_codes(page, stationery, rng)
    _sign(page, hand, rng)
    return page


def _write_amount(
    page: Page, hand: Hand, foot: float, digit: float, rng: np.random.Generator
) -> None:
    """Write the amount in figures into its box, between fillers in many cheques."""
    left, right = 0.68 * page.width, 0.95 * page.width
    top, bottom = foot - 1.5 * digit, foot + 0.5 * digit
    points = np.array([[left, top], [right, top], [right, bottom], [left, bottom], [left, top]])
    page.draw_lines([points], 1.5, int(rng.integers(90, 220)))
    filled = rng.random() < 0.6
    text = number_texts.write_filled(rng) if filled else number_texts.sample_amount_format(rng)(rng)
    box = left + 4, foot - digit, right - 4, foot
    written = write_in_box(page, hand, text, box, digit, rng, align="left")
    if rng.random() < 0.4:  # a stroke closes the amount
        x = np.linspace(written.box[2] + 0.3 * digit, right - 5, 14)
        if x[-1] > x[0] + digit:
            middle = (written.box[1] + written.box[3]) / 2
            wave = np.sin(np.arange(14) * rng.uniform(0.5, 1.4)) * rng.choice([1.0, 0.12 * digit])
            page.draw_lines([np.stack([x, middle + wave], axis=1)], hand.pen_width, hand.level)
    page.start_row()


def _write_lines(
    page: Page, stationery: Stationery, hand: Hand, digit: float, rng: np.random.Generator
) -> None:
    """Write a name and the amount in words on lines."""
    press = stationery.sample_press(rng)
    words = " ".join(_NUMBER_WORDS).split()
    name = f"{rng.choice(vocabulary.FIRST_NAMES)} {rng.choice(vocabulary.SURNAMES)}"
    amount = " ".join(rng.choice(words, int(rng.integers(3, 6))).tolist())
    for label, text, place in (("Pay to", name, 0.44), ("Amount", amount, 0.6)):
        foot = place * page.height
        written = page.write(press.compose(label, 11, rng), 0.04 * page.width, foot)
        end = (0.64 if place < 0.5 else 0.93) * page.width
        page.draw_line((written.box[2] + 6, foot + 6), (end, foot + 6), 1.0, 150)
        box = written.box[2] + 14, foot - digit, end, foot
        write_in_box(page, hand, text, box, 0.8 * digit, rng, align="left")
    page.start_row()


def _print_codes(page: Page, stationery: Stationery, rng: np.random.Generator) -> None:
    """Print the numbers of bank and account along the lower edge, far apart."""
    press, x = stationery.sample_press(rng), 0.05 * page.width
    for count in rng.integers(5, 12, int(rng.integers(2, 4))).tolist():
        code = press.compose(number_texts.write_digits(count)(rng), rng.uniform(15, 19), rng)
        if x + code.width > 0.96 * page.width:
            break
        page.write(code, x, 0.93 * page.height)
        x += code.width + rng.uniform(60, 110)
    page.start_row()


def _sign(page: Page, hand: Hand, rng: np.random.Generator) -> None:
    """Draw a signature above a line."""
    left, foot = rng.uniform(0.55, 0.65) * page.width, 0.78 * page.height
    page.draw_line((left, foot), (0.93 * page.width, foot), 1.0, 150)
    count = int(rng.integers(7, 16))
    x = left + np.linspace(0, rng.uniform(0.15, 0.28) * page.width, count)
    y = foot - rng.uniform(0.0, 0.13, count) * page.height
    points = np.stack([x + rng.normal(0, 14, count), y], axis=1)
    page.draw_lines([strokes.smooth_curve(points)], hand.pen_width, hand.level)


def _print_pattern(page: Page, rng: np.random.Generator) -> None:
    """Print fine waves on the whole page."""
    side = 420
    pattern = draw_guilloche(side, rng)
    level = rng.uniform(12, 60)
    tile = (pattern * np.float32(level)).astype(np.uint8)
    for top in range(0, page.height, side):
        for left in range(0, page.width, side):
            page.paste(tile, left, top)
