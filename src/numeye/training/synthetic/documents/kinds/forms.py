"""Printed forms filled in by hand: comb fields, boxes, lines to write on, ticks and bubbles."""

from __future__ import annotations

from typing import TYPE_CHECKING

import cv2
import numpy as np

from numeye.training.synthetic.documents import number_texts, vocabulary
from numeye.training.synthetic.documents.page import Page
from numeye.training.synthetic.documents.writers import write_in_box
from numeye.training.synthetic.documents.written_text import number_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from numeye.training.synthetic.documents.hands import Hand
    from numeye.training.synthetic.documents.letterpress import Press
    from numeye.training.synthetic.documents.number_texts import NumberText
    from numeye.training.synthetic.documents.stationery import Stationery

COMB_STYLES = ("boxes", "separate boxes", "teeth", "ticks")
EMPTY_SHARE = 0.12  # share of the fields that nobody filled in


def draw_form(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a form of fields under each other, some side by side."""
    page = Page(int(rng.integers(700, 1450)), int(rng.integers(720, 1080)))
    press, digit = stationery.sample_press(rng), rng.uniform(20, 36)
    hand = stationery.sample_hand(digit, rng)
    margin, y = rng.uniform(30, 80), rng.uniform(30, 70)
    title = press.compose(str(rng.choice(vocabulary.TITLES)), rng.uniform(16, 28), rng)
    page.write(title, margin, y + title.height)
    page.start_row()
    y += 2.2 * title.height
    size, gap = rng.uniform(10, 15), digit * rng.uniform(2.3, 3.4)
    comb_style = str(rng.choice(COMB_STYLES))
    level = int(rng.choice([rng.uniform(50, 110), rng.uniform(120, 255)]))
    while y + 2.5 * digit < page.height - 20:
        if rng.random() < 0.12:
            y = _small_print(page, press, margin, y + size, rng) + size
            continue
        x, wide = margin, (page.width - 2 * margin) * float(rng.choice([1.0, 1.0, 0.48]))
        while x + 0.9 * wide <= page.width - margin:
            form = _Field(page, press, hand, size, digit, level, comb_style)
            form.draw(x, y, wide * rng.uniform(0.85, 0.95), rng)
            x += wide * 1.02
        page.start_row()
        y += gap
    return page


class _Field:
    """One field of a form: a printed label, and room for an answer."""

    def __init__(
        self,
        page: Page,
        press: Press,
        hand: Hand,
        label_size: float,
        digit: float,
        level: int,
        comb_style: str,
    ) -> None:
        self.page, self.press, self.hand = page, press, hand
        self.label_size, self.digit = label_size, digit
        self.level, self.comb_style = level, comb_style

    def draw(self, left: float, top: float, width: float, rng: np.random.Generator) -> None:
        """Draw the label and one kind of room, filled in or empty."""
        label = self.press.compose(str(rng.choice(vocabulary.FORM_LABELS)), self.label_size, rng)
        foot = top + 1.65 * self.digit
        if rng.random() < 0.7 or label.width > 0.4 * width:  # above the room
            self.page.write(label, left, top)
            room = left
        else:
            self.page.write(label, left, foot)
            room = left + label.width + self.digit
        kinds: tuple[Callable[[float, float, float, np.random.Generator], None], ...] = (
            self._comb,
            self._comb,
            self._line,
            self._box,
            self._choices,
            self._date_boxes,
            self._amount_boxes,
        )
        kinds[int(rng.integers(len(kinds)))](room, foot, left + width - room, rng)

    # --- kinds of rooms

    def _comb(self, left: float, foot: float, width: float, rng: np.random.Generator) -> None:
        """A cell for each digit; the number may not fill all of them."""
        cell = self.digit * rng.uniform(1.0, 1.5)
        count = int(rng.integers(4, 13))
        count = min(count, int(width / cell))
        if count < 2:
            return
        top, bottom = foot - 1.25 * self.digit, foot + 0.25 * self.digit
        self._draw_cells(left, top, cell, bottom, count, rng)
        if rng.random() < EMPTY_SHARE:
            return
        length = count if rng.random() < 0.6 else int(rng.integers(1, count + 1))
        offset = count - length if rng.random() < 0.3 else 0
        text = number_texts.write_digits(length)(rng)
        if rng.random() < 0.12:
            text = "".join(
                c if rng.random() < 0.8 else str(rng.choice(list("ABCDEFHKMNPR"))) for c in text
            )
        self._fill_cells(text, left + offset * cell, top, cell, bottom, rng)
        self.page.add_numbers(text)

    def _date_boxes(self, left: float, foot: float, width: float, rng: np.random.Generator) -> None:
        """Three groups of cells, for day, month and year, with printed signs between them."""
        year_digits = int(rng.choice([2, 4]))
        limits = ((1, 28, 2), (1, 12, 2), (10**year_digits // 2, 10**year_digits - 1, year_digits))
        texts = [f"{int(rng.integers(low, high + 1)):0{count}d}" for low, high, count in limits]
        self._draw_groups(left, foot, width, texts, str(rng.choice(["/", ".", "-", ""])), rng)

    def _amount_boxes(
        self, left: float, foot: float, width: float, rng: np.random.Generator
    ) -> None:
        """Cells for an amount, with a printed decimal mark."""
        whole = number_texts.write_digits(int(rng.integers(1, 7)))(rng)
        texts = [whole, number_texts.write_digits(int(rng.integers(1, 3)))(rng)]
        self._draw_groups(left, foot, width, texts, str(rng.choice([".", ","])), rng)

    def _draw_groups(
        self,
        left: float,
        foot: float,
        width: float,
        texts: list[str],
        sign: str,
        rng: np.random.Generator,
    ) -> None:
        """Draw a group of cells for each text, with a printed sign between them, or a gap."""
        cell = self.digit * rng.uniform(1.0, 1.35)
        gap = cell * (0.6 if sign else 1.3)
        if width < sum(map(len, texts)) * cell + (len(texts) - 1) * gap:
            return
        top, bottom, x = foot - 1.25 * self.digit, foot + 0.25 * self.digit, left
        empty, first = rng.random() < EMPTY_SHARE, len(self.page.labels)
        for number, text in enumerate(texts):
            if number and sign:
                composition = self.press.compose(sign, self.digit, rng)
                middle = x - (gap + composition.width) / 2
                self.page.write(composition, middle, foot, counts=False)
            self._draw_cells(x, top, cell, bottom, len(text), rng)
            if not empty:
                self._fill_cells(text, x, top, cell, bottom, rng)
            x += len(text) * cell + gap
        if not empty:  # without signs between them, the groups are numbers of their own
            if sign:
                self.page.join_words(first)
            self.page.add_numbers((sign or " ").join(texts))

    def _line(self, left: float, foot: float, width: float, rng: np.random.Generator) -> None:
        """A line to write on: solid, or of dots."""
        y = foot + 0.15 * self.digit
        if rng.random() < 0.5:
            self.page.draw_line((left, y), (left + width, y), 1.0, self.level)
        else:
            for x in np.arange(left, left + width, rng.uniform(4, 8)):
                self.page.draw_line((x, y), (x + 1, y), 1.2, self.level)
        self._answer(left, foot, width, rng)

    def _box(self, left: float, foot: float, width: float, rng: np.random.Generator) -> None:
        """A frame, with a printed currency sign before it in some forms."""
        width *= rng.uniform(0.4, 1.0)
        top, bottom = foot - 1.4 * self.digit, foot + 0.4 * self.digit
        corners = [(left, top), (left + width, top), (left + width, bottom), (left, bottom)]
        points = np.array([*corners, corners[0]])
        self.page.draw_lines([points], float(rng.choice([1.0, 1.5, 2.5])), self.level)
        self._answer(left + 0.3 * self.digit, foot, width, rng)

    def _choices(self, left: float, foot: float, width: float, rng: np.random.Generator) -> None:
        """Boxes or circles to choose from: ticked, crossed or filled, with printed words."""
        x, size, round_ones = left, self.digit * rng.uniform(0.5, 0.9), rng.random() < 0.5
        numbered = rng.random() < 0.3
        for number in range(int(rng.integers(2, 8))):
            word = str(number + 1) if numbered else str(rng.choice(("Yes", "No", "A", "B", "C")))
            label = self.press.compose(word, self.label_size, rng)
            if x + size + label.width + self.digit > left + width:
                return
            centre = np.array([x + size / 2, foot - size / 2])
            _draw_choice(self.page, centre, size, round_ones, self.level, self.hand, rng)
            written = self.page.write(label, x + 1.3 * size, foot)
            x = written.box[2] + self.digit * rng.uniform(0.6, 1.2)

    # --- what is filled in

    def _answer(self, left: float, foot: float, width: float, rng: np.random.Generator) -> None:
        if rng.random() < EMPTY_SHARE:
            return
        text = self._sample_answer(rng)
        box = left, foot - self.digit, left + width, foot
        write_in_box(self.page, self.hand, text, box, self.digit, rng, align="left")

    def _sample_answer(self, rng: np.random.Generator) -> str:
        if rng.random() < 0.25:
            names = vocabulary.FIRST_NAMES, vocabulary.SURNAMES
            return " ".join(str(rng.choice(words)) for words in names)
        text = number_texts.write_any(rng)
        return text if any(number_of(token) for token in text.split()) else "0"

    def _fill_cells(
        self,
        text: str,
        left: float,
        top: float,
        cell: float,
        bottom: float,
        rng: np.random.Generator,
    ) -> None:
        """Write one character into each cell; some reach over its sides."""
        first = len(self.page.labels)
        for number, character in enumerate(text):
            x = left + number * cell
            box = x - 0.15 * cell, top, x + 1.15 * cell, bottom
            write_in_box(self.page, self.hand, character, box, self.digit, rng, counts=False)
        self.page.join_words(first)

    def _draw_cells(
        self,
        left: float,
        top: float,
        cell: float,
        bottom: float,
        count: int,
        rng: np.random.Generator,
    ) -> None:
        """Draw the cells of a comb field."""
        width, right = float(rng.choice([0.8, 1.0, 1.5])), left + count * cell
        lines, gap = list[np.ndarray](), 0.1 * cell
        tooth = top + (bottom - top) * rng.uniform(0.4, 0.75)
        for number in range(count + 1):
            x = left + number * cell
            is_end = number in (0, count)
            if self.comb_style == "separate boxes":
                if number < count:
                    a, b = x + gap / 2, x + cell - gap / 2
                    lines.append(np.array([[a, top], [b, top], [b, bottom], [a, bottom], [a, top]]))
            elif self.comb_style in ("boxes", "teeth"):
                start = top if self.comb_style == "boxes" or is_end else tooth
                lines.append(np.array([[x, start], [x, bottom]]))
            else:
                lines.append(np.array([[x, bottom - 0.3 * cell], [x, bottom]]))
        if self.comb_style == "boxes":
            lines.append(np.array([[left, top], [right, top]]))
        if self.comb_style != "separate boxes":
            lines.append(np.array([[left, bottom], [right, bottom]]))
        self.page.draw_lines(lines, width, self.level)


def draw_answer_sheet(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return an answer sheet: printed numbers of questions, bubbles, points beside them."""
    page = Page(int(rng.integers(700, 1400)), int(rng.integers(600, 1000)))
    press, digit = stationery.sample_press(rng), rng.uniform(17, 28)
    hand, size = stationery.sample_hand(digit, rng), rng.uniform(11, 17)
    margin, step = rng.uniform(30, 80), digit * rng.uniform(1.5, 2.2)
    column_width, choices = rng.uniform(260, 380), int(rng.integers(3, 6))
    write: NumberText = number_texts.sample_mark_format(rng)
    rows = list(np.arange(margin + step, page.height - margin, step))
    lefts = list(np.arange(margin, page.width - column_width, column_width))
    for row, foot in enumerate(rows):
        for column, left in enumerate(lefts):
            question = str(column * len(rows) + row + 1)
            written = page.write(press.compose(question, size, rng), left, foot)
            x = left + max(3.5 * size, written.width + size)
            chosen = int(rng.integers(-1, choices))
            for number in range(choices):
                centre = np.array([x + size * 0.8, foot - size / 2])
                _draw_bubble(page, centre, 0.75 * size, number == chosen, hand, rng)
                x += 2.1 * size
            if rng.random() < 0.5:
                page.write(hand.compose(write(rng), digit, rng), x + digit, foot)
        page.start_row()
    return page


def _draw_bubble(
    page: Page,
    centre: np.ndarray,
    radius: float,
    filled: bool,
    hand: Hand,
    rng: np.random.Generator,
) -> None:
    angles = np.linspace(0, 2 * np.pi, 18)
    circle = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    page.draw_lines([circle], 1.0, 150)
    if filled:
        _blacken(page, centre, radius * rng.uniform(0.8, 1.1), hand.level, rng)


def _blacken(
    page: Page, centre: np.ndarray, radius: float, level: int, rng: np.random.Generator
) -> None:
    """Fill a circle with a pencil."""
    side = int(2 * radius + 5)
    disc = np.zeros((side, side), np.uint8)
    cv2.circle(disc, (side // 2, side // 2), round(radius), level, -1, cv2.LINE_AA)
    grain = (rng.random((side, side)) > 0.08) * rng.uniform(0.8, 1.0)
    disc = (disc * grain).astype(np.uint8)
    page.paste(disc, int(centre[0] - side / 2), int(centre[1] - side / 2))


def _draw_choice(
    page: Page,
    centre: np.ndarray,
    size: float,
    round_ones: bool,
    level: int,
    hand: Hand,
    rng: np.random.Generator,
) -> None:
    """Draw a circle or a box, and in a third of them what somebody marked it with."""
    angles = np.linspace(0, 2 * np.pi, 24) if round_ones else np.pi / 4 + np.arange(5) * np.pi / 2
    radius = size / 2 * (1.0 if round_ones else 1.41)
    outline = centre + radius * np.stack([np.cos(angles), np.sin(angles)], axis=1)
    page.draw_lines([outline], 1.2, level)
    if rng.random() > 0.35:
        return
    kind = rng.random()
    if kind < 0.3:
        _blacken(page, centre, 0.42 * size, hand.level, rng)
        return
    tick = np.array([[-0.4, -0.1], [-0.1, 0.3], [0.6, -0.8]])
    cross = [np.array([[-0.5, -0.5], [0.5, 0.5]]), np.array([[0.5, -0.5], [-0.5, 0.5]])]
    lines = [tick] if kind < 0.65 else cross
    drawn = [centre + size * (line + rng.normal(0, 0.06, line.shape)) for line in lines]
    page.draw_lines(drawn, hand.pen_width, hand.level)


def _small_print(
    page: Page, press: Press, left: float, y: float, rng: np.random.Generator
) -> float:
    """Print a few lines of small print; return where they end."""
    size = rng.uniform(6.5, 9.5)
    for _ in range(int(rng.integers(1, 4))):
        text = press.compose(str(rng.choice(vocabulary.SMALL_PRINT)), size, rng)
        if left + text.width < page.width and y + 2 * size < page.height:
            page.write(text, left, y)
        y += 1.7 * size
    page.start_row()
    return y
