"""Mark sheets and grade sheets: a printed title, and tables of names and marks."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic.documents import number_texts, vocabulary
from numeye.training.synthetic.documents.kinds.table_builder import (
    CellText,
    Column,
    TablePlan,
    room_for,
)
from numeye.training.synthetic.documents.kinds.table_lines import LineStyle
from numeye.training.synthetic.documents.page import Page
from numeye.training.synthetic.documents.writers import Writer

if TYPE_CHECKING:
    from numeye.training.synthetic.documents.stationery import Stationery

PRINTED_SHARE = 0.1  # share of the mark sheets that are filled in by a machine


def draw_mark_sheet(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a page with one or two tables of marks."""
    page = Page(int(rng.integers(900, 1450)), int(rng.integers(760, 1120)))
    margin, top = rng.uniform(30, 80), rng.uniform(30, 80)
    press = stationery.sample_press(rng)
    if rng.random() < 0.75:
        top = _draw_title(page, stationery, margin, top, rng)
    digit = rng.uniform(17, 30)
    hand: Writer = stationery.sample_hand(digit, rng)
    if rng.random() < PRINTED_SHARE:
        hand, digit = press, 0.7 * digit
    room = page.width - 2 * margin
    if rng.random() < 0.15:  # two tables side by side
        half = room * 0.46
        for left in (margin, margin + room - half):
            plan = _plan(hand, press, half, page.height - top - margin, digit, rng)
            plan.build(left, top, rng).draw(page, rng)
        return page
    share = rng.uniform(0.35, 0.5) if rng.random() < 0.25 else 1.0
    height = (page.height - top - margin) * share
    table = _plan(hand, press, room, height, digit, rng).build(margin, top, rng)
    table.draw(page, rng)
    if share < 1:
        top = table.bottom + rng.uniform(40, 90)
        plan = _plan(hand, press, room, page.height - top - margin, digit, rng)
        plan.build(margin, top, rng).draw(page, rng)
    return page


def draw_number_table(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a page with nothing but a table of numbers by one person."""
    digit = float(np.exp(rng.uniform(np.log(18), np.log(44))))
    columns, rows = int(rng.integers(2, 9)), int(rng.integers(3, 16))
    write = number_texts.sample_mark_format(rng)
    hand = stationery.sample_hand(digit, rng)
    width = max(room_for(write, digit, rng), 2 * digit) * rng.uniform(1.0, 1.4)
    line_height = digit * rng.uniform(1.5, 2.4)
    margin = rng.uniform(20, 100)
    page = Page(
        int(min(rows * line_height + 2 * margin, 1500)),
        int(min(columns * width + 2 * margin, 1200)),
    )
    rows = int((page.height - 2 * margin) / line_height)
    width = min(width, (page.width - 2 * margin) / columns)
    empty = rng.uniform(0.05, 0.3) if rng.random() < 0.3 else 0.0
    plan = TablePlan(
        columns=[
            Column(head="", text=write, width=width, writer=hand, height=digit, empty=empty)
            for _ in range(columns)
        ],
        row_height=line_height,
        row_count=max(rows, 2),
        lines=LineStyle.sample(rng, drawn=bool(rng.random() < 0.6)),
    )
    plan.build(margin, margin, rng).draw(page, rng)
    return page


def _draw_title(
    page: Page, stationery: Stationery, left: float, top: float, rng: np.random.Generator
) -> float:
    """Print a title and some fields filled in by hand; return where the table can begin."""
    press, hand = stationery.sample_press(rng), stationery.sample_hand(22, rng)
    for texts, sizes in ((vocabulary.SCHOOLS, (14, 26)), (vocabulary.TITLES, (14, 22))):
        size = rng.uniform(*sizes)
        title = press.compose(str(rng.choice(texts)), size, rng)
        top += 1.6 * size
        page.write(title, max(left, (page.width - title.width) / 2), top)
    page.start_row()
    top += rng.uniform(24, 44)
    x = left
    fields: tuple[tuple[str, CellText], ...] = (
        ("Class:", number_texts.write_integer(1, 12)),
        ("Date:", number_texts.sample_date_format(rng)),
        ("Max. Marks:", number_texts.write_integer(10, 100)),
        ("Time:", number_texts.write_time),
        ("Code:", number_texts.write_code),
    )
    chosen = rng.choice(len(fields), int(rng.integers(1, 4)), replace=False)
    for number in chosen.tolist():
        label, write = fields[number]
        size = rng.uniform(11, 15)
        words = page.write(press.compose(label, size, rng), x, top)
        writer: Writer = hand if rng.random() < 0.75 else press
        height = rng.uniform(17, 26) if writer is hand else size
        text = writer.compose(write(rng), height, rng)
        if words.box[2] + 12 + text.width > page.width - 10:
            break
        value = page.write(text, words.box[2] + 12, top)
        if rng.random() < 0.5:
            page.draw_line((words.box[2] + 8, top + 4), (value.box[2] + 20, top + 4), 1.0, 160)
        x = value.box[2] + rng.uniform(40, 90)
    page.start_row()
    return top + rng.uniform(20, 50)


def _plan(
    hand: Writer,
    press: Writer,
    width: float,
    height: float,
    digit: float,
    rng: np.random.Generator,
) -> TablePlan:
    """Return a table of marks that fits into `width` and `height`."""
    columns = _sample_columns(hand, press, width, digit, rng)
    row_height = digit * rng.uniform(1.45, 2.5)
    has_header = rng.random() < 0.75
    most = max(3, int(height / row_height) - 2)
    merged = None
    if has_header and len(columns) >= 5 and rng.random() < 0.25:
        merged = (2, len(columns) - 1, str(rng.choice(vocabulary.TOTALS)))
    drawn = rng.random() < 0.3
    return TablePlan(
        columns=columns,
        row_height=row_height,
        row_count=int(rng.integers(min(4, most), most + 1)) if rng.random() < 0.5 else most,
        lines=LineStyle.sample(rng, drawn=bool(drawn)),
        header=(hand if drawn else press) if has_header else None,
        header_height=digit * (0.9 if drawn else rng.uniform(0.45, 0.75)),
        merged_header=merged,
        header_line=float(rng.choice([1.0, 1.0, 2.0])),
    )


def _sample_columns(
    hand: Writer, press: Writer, width: float, digit: float, rng: np.random.Generator
) -> list[Column]:
    """Return columns: a number, a name, marks and a total."""
    columns = list[Column]()
    if rng.random() < 0.7:
        writer = press if rng.random() < 0.55 else hand
        size = digit * (rng.uniform(0.55, 0.8) if writer is press else 1.0)
        columns.append(_row_head(writer, size, digit, rng))
    if rng.random() < 0.6:
        writer = press if rng.random() < 0.5 else hand
        columns.append(_name_column(writer, digit, rng))
    used = sum(column.width for column in columns)
    write = number_texts.sample_mark_format(rng)
    mark_width = max(room_for(write, digit, rng), 2.6 * digit)
    changed = 0.06 if rng.random() < 0.3 else 0.0
    mark_width *= 1.9 if changed else 1.0
    count = max(1, int((width - used) / mark_width))
    if rng.random() < 0.7:
        mark_width = (width - used) / count
    empty = rng.uniform(0.02, 0.35) if rng.random() < 0.4 else 0.0
    annotated = 0.08 if rng.random() < 0.25 else 0.0
    for number in range(count):
        other = number_texts.sample_mark_format(rng)
        if rng.random() < 0.3 and room_for(other, digit, rng) <= mark_width:
            write = other
        is_last = number == count - 1
        heads = vocabulary.TOTALS if is_last else vocabulary.SUBJECTS
        head = str(rng.choice(heads)) + (f" {number + 1}" if rng.random() < 0.15 else "")
        columns.append(
            Column(
                head=head,
                text=number_texts.write_integer(10, 500) if is_last and count > 3 else write,
                width=mark_width * rng.uniform(0.92, 1.0),
                writer=hand,
                height=digit,
                empty=empty,
                changed=changed,
                annotated=annotated,
            )
        )
    return columns


def _row_head(writer: Writer, size: float, digit: float, rng: np.random.Generator) -> Column:
    """Return a column of row numbers, roll numbers or codes."""
    kind, number = rng.random(), iter(range(1, 1000))
    start = int(rng.choice([1, 1, 101, 2201, int(rng.integers(1, 900))]))

    def count_up(_: np.random.Generator) -> str:
        return str(start - 1 + next(number))

    text: CellText = count_up
    if kind > 0.85:
        text = number_texts.write_code
    elif kind > 0.7:
        text = number_texts.write_digits(int(rng.integers(4, 9)))
    return Column(
        head=str(rng.choice(vocabulary.ROW_HEADS)),
        text=text,
        width=digit * rng.uniform(2.4, 3.2) if kind <= 0.7 else room_for(text, size, rng),
        writer=writer,
        height=size,
    )


def _name_column(writer: Writer, digit: float, rng: np.random.Generator) -> Column:
    """Return a column of names."""
    full = rng.random() < 0.6

    def name(rng: np.random.Generator) -> str:
        first = str(rng.choice(vocabulary.FIRST_NAMES))
        return f"{first} {rng.choice(vocabulary.SURNAMES)}" if full else first

    return Column(
        head=str(rng.choice(vocabulary.NAME_HEADS)),
        text=name,
        width=digit * (rng.uniform(7, 9.5) if full else rng.uniform(4.5, 6)),
        writer=writer,
        height=digit * rng.uniform(0.65, 0.85),
        align="left",
    )
