"""Ledgers, bills and account books: dates, words and amounts in columns, with totals below."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic.documents import number_texts, vocabulary
from numeye.training.synthetic.documents.annotations import annotate
from numeye.training.synthetic.documents.kinds.table_builder import Column, TablePlan, room_for
from numeye.training.synthetic.documents.kinds.table_lines import LineStyle
from numeye.training.synthetic.documents.kinds.tables import Table
from numeye.training.synthetic.documents.page import Page
from numeye.training.synthetic.documents.writers import write_in_box

if TYPE_CHECKING:
    from numeye.training.synthetic.documents.hands import Hand
    from numeye.training.synthetic.documents.stationery import Stationery


def draw_ledger(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a page of an account book."""
    page = Page(int(rng.integers(800, 1450)), int(rng.integers(700, 1100)))
    margin, digit = rng.uniform(20, 70), rng.uniform(17, 32)
    hand = stationery.sample_hand(digit, rng)
    top = rng.uniform(30, 90)
    if rng.random() < 0.5:
        writer = stationery.sample_press(rng) if rng.random() < 0.5 else hand
        heading = f"{rng.choice(vocabulary.AMOUNT_HEADS)} {rng.choice(vocabulary.SURNAMES)}"
        if rng.random() < 0.6:
            heading += f" {int(rng.integers(1970, 2027))}"
        page.write(writer.compose(heading, rng.uniform(18, 30), rng), margin, top + 26)
        page.start_row()
        top += rng.uniform(50, 80)
    columns = _sample_columns(hand, page.width - 2 * margin, digit, rng)
    row_height = digit * rng.uniform(1.35, 2.2)
    most = max(4, int((page.height - top - margin) / row_height) - 3)
    has_header = rng.random() < 0.6
    plan = TablePlan(
        columns=columns,
        row_height=row_height,
        row_count=int(rng.integers(4, most + 1)),
        lines=LineStyle.sample(rng, drawn=bool(rng.random() < 0.3)),
        header=stationery.sample_press(rng) if rng.random() < 0.6 else hand,
        header_height=digit * rng.uniform(0.55, 0.85),
    )
    if not has_header:
        plan = TablePlan(
            columns=columns, row_height=row_height, row_count=plan.row_count, lines=plan.lines
        )
    table = plan.build(margin, top, rng)
    table.draw(page, rng)
    if rng.random() < 0.6:
        _write_total(page, table, hand, digit, rng)
    return page


def _sample_columns(
    hand: Hand, room: float, digit: float, rng: np.random.Generator
) -> list[Column]:
    columns = list[Column]()
    write = number_texts.sample_amount_format(rng)
    amount_width = room_for(write, digit, rng)
    if rng.random() < 0.75:
        columns.append(_date_column(hand, digit, rng))
    left = room - sum(column.width for column in columns)
    amounts = max(1, min(int(rng.integers(1, 4)), int(left / amount_width)))
    words = left - amounts * amount_width
    if words > 4 * digit:
        columns.append(_words_column(hand, min(words, 14 * digit), digit, rng))
    for _ in range(amounts):
        columns.append(
            Column(
                head=str(rng.choice(vocabulary.AMOUNT_HEADS)),
                text=number_texts.write_filled if rng.random() < 0.06 else write,
                width=amount_width,
                writer=hand,
                height=digit,
                align="right",
                empty=float(rng.choice([0.0, 0.15, 0.5])),
                changed=float(rng.choice([0.0, 0.0, 0.04])),
                annotated=float(rng.choice([0.0, 0.0, 0.06])),
            )
        )
    return columns


def _date_column(hand: Hand, digit: float, rng: np.random.Generator) -> Column:
    text = number_texts.sample_date_format(rng)
    return Column(
        head="Date",
        text=text,
        width=room_for(text, digit, rng),
        writer=hand,
        height=digit,
        empty=float(rng.choice([0.0, 0.3])),
        align="left",
    )


def _words_column(hand: Hand, width: float, digit: float, rng: np.random.Generator) -> Column:
    numbered = rng.random() < 0.3

    def words(rng: np.random.Generator) -> str:
        text = " ".join(rng.choice(vocabulary.GOODS, int(rng.integers(1, 3))).tolist())
        if numbered and rng.random() < 0.4:
            return f"{number_texts.write_measure(rng)} {text}"
        return text.capitalize() if rng.random() < 0.3 else text

    return Column(
        head=str(rng.choice(vocabulary.LEDGER_HEADS[1:])),
        text=words,
        width=width,
        writer=hand,
        height=digit * rng.uniform(0.75, 0.95),
        align="left",
    )


def _write_total(
    page: Page, table: Table, hand: Hand, digit: float, rng: np.random.Generator
) -> None:
    """Write a sum under the last column, between lines."""
    left, right = table.columns[-2], table.columns[-1]
    top = table.bottom + digit * rng.uniform(0.2, 0.5)
    if top + 2.5 * digit > page.height:
        return
    page.draw_line((left, top), (right, top + rng.normal(0, 2)), hand.pen_width, hand.level)
    if rng.random() < 0.5 and len(table.columns) > 2:
        word = hand.compose(str(rng.choice(vocabulary.TOTALS)), 0.9 * digit, rng)
        page.write(word, left - word.width - digit, top + 1.6 * digit)
    total = number_texts.sample_amount_format(rng)(rng)
    box = left, top + 0.4 * digit, right, top + 1.9 * digit
    written = write_in_box(page, hand, total, box, digit, rng, align="right")
    if rng.random() < 0.6:
        kind = str(rng.choice(["underline", "double underline", "double underline", "ring"]))
        annotate(page, written, kind, hand, rng)
    page.start_row()
