"""Notes by hand: words, dates, amounts, times and lists on plain, ruled or squared paper."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic.documents import number_texts, vocabulary
from numeye.training.synthetic.documents.annotations import ANNOTATIONS, annotate, strike_out
from numeye.training.synthetic.documents.page import Page, Written
from numeye.training.synthetic.documents.written_text import number_of, numbers_of

if TYPE_CHECKING:
    from numeye.training.synthetic.documents.hands import Hand
    from numeye.training.synthetic.documents.stationery import Stationery

ANNOTATED_SHARE, STRUCK_OUT_SHARE = 0.07, 0.06


def draw_note(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a note: lines of words with numbers among them."""
    page = Page(int(rng.integers(600, 1350)), int(rng.integers(560, 1050)))
    digit = float(np.exp(rng.uniform(np.log(18), np.log(46))))
    spacing = max(digit * rng.uniform(1.5, 2.5), 32.0)
    margin, top = rng.uniform(25, 110), rng.uniform(40, 130)
    _rule_paper(page, spacing, top, rng)
    hand = stationery.sample_hand(digit, rng)
    as_list, foot = rng.random() < 0.4, top + spacing
    count = int(rng.integers(3, 30))
    while foot < page.height - 20 and count > 0:
        _write_line(page, hand, digit, margin, foot, rng, as_list=as_list)
        page.start_row()
        foot += spacing * (2 if rng.random() < 0.07 else 1)
        count -= 1
    return page


def draw_number_list(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a page full of numbers, far enough apart that none seem to be one."""
    digit = float(np.exp(rng.uniform(np.log(18), np.log(40))))
    page = Page(int(rng.integers(500, 1300)), int(rng.integers(600, 1050)))
    hand, count = stationery.sample_hand(digit, rng), int(rng.integers(1, 6))
    write = number_texts.sample_mark_format(rng)
    if rng.random() < 0.5:
        write = number_texts.write_digits(int(rng.integers(2, 8)))
    spacing, left = digit * rng.uniform(1.6, 3.0), rng.uniform(30, 100)
    foot, step = rng.uniform(60, 140), (page.width - left - 20) / count
    rows = int(rng.integers(2, 25))
    while foot < page.height - 30 and rows > 0:
        for column in range(count):
            composition = hand.compose(write(rng), digit, rng)
            if composition.width < step - 1.5 * digit:
                page.write(composition, left + column * step + rng.uniform(0, 0.2) * digit, foot)
        page.start_row()
        foot += spacing
        rows -= 1
    return page


def _write_line(
    page: Page,
    hand: Hand,
    digit: float,
    margin: float,
    foot: float,
    rng: np.random.Generator,
    *,
    as_list: bool,
) -> None:
    """Write tokens from left to right: words, and some numbers, never two beside each other."""
    x, tokens = margin + rng.normal(0, 0.3) * digit, int(rng.integers(1, 8))
    after_number = False
    if as_list and rng.random() < 0.5:
        mark = hand.compose(str(rng.choice(["-", "*", "-"])), digit, rng)
        x = page.write(mark, x, foot, counts=False).box[2] + digit
    for _ in range(tokens):
        is_number = not after_number and rng.random() < 0.45
        text = number_texts.write_any(rng) if is_number else _sample_word(rng)
        composition = hand.compose(text, digit, rng)
        if x + composition.width > page.width - 15:
            return
        if is_number and len(numbers_of(text)) == 1 and rng.random() < STRUCK_OUT_SHARE:
            written = page.write(composition, x, foot, counts=False)
            strike_out(page, written, hand, rng)
            page.struck_out += numbers_of(text)
            is_number = False  # what replaces it may follow
        else:
            written = page.write(composition, x, foot)
            if is_number and rng.random() < ANNOTATED_SHARE and " " not in text:
                annotate(page, written, str(rng.choice(ANNOTATIONS)), hand, rng)
        x = _end_of(written, composition.width, x) + digit * rng.uniform(0.5, 1.2)
        after_number = is_number and number_of(text.split()[-1]) is not None
        if as_list and rng.random() < 0.3:  # amounts in a column of their own
            x = max(x, page.width * 0.6)


def _end_of(written: Written, width: float, left: float) -> float:
    return max(written.box[2], left + width)


def _sample_word(rng: np.random.Generator) -> str:
    words = (vocabulary.GOODS, vocabulary.VERBS, vocabulary.FIRST_NAMES, vocabulary.SURNAMES)
    word = str(rng.choice(words[int(rng.choice(4, p=[0.45, 0.35, 0.12, 0.08]))]))
    ending = str(rng.choice(["", "", "", "", ":", ",", "."]))
    return (word.capitalize() if rng.random() < 0.15 else word) + ending


def _rule_paper(page: Page, spacing: float, top: float, rng: np.random.Generator) -> None:
    """Draw the lines or squares of the paper, or none."""
    chance, level = rng.random(), int(rng.uniform(25, 120))
    if chance < 0.4:
        return
    width = float(rng.choice([0.6, 1.0, 1.5]))
    step = spacing if chance < 0.8 else spacing / float(rng.choice([1, 2, 3]))
    for y in np.arange(top + 0.12 * spacing, page.height, step):
        page.draw_line((0, y), (page.width, y), width, level)
    if chance > 0.8:
        for x in np.arange(rng.uniform(0, step), page.width, step):
            page.draw_line((x, 0), (x, page.height), width, level)
    elif rng.random() < 0.4:
        x = rng.uniform(20, 110)
        page.draw_line((x, 0), (x, page.height), width, min(255, level + 30))
