"""Score cards: small grids of digits for games, with names, sums, ticks and rings."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise
from typing import TYPE_CHECKING

import numpy as np

from numeye.training.synthetic.documents import number_texts, vocabulary
from numeye.training.synthetic.documents.kinds.table_builder import room_for
from numeye.training.synthetic.documents.kinds.table_lines import LineStyle
from numeye.training.synthetic.documents.kinds.tables import Cell, Table, spread
from numeye.training.synthetic.documents.page import Page

if TYPE_CHECKING:
    from numeye.training.synthetic.documents.number_texts import NumberText
    from numeye.training.synthetic.documents.stationery import Stationery
    from numeye.training.synthetic.documents.writers import Writer

# Labels of the rows of cards whose columns are players or rounds.
_ROUNDS = ("Hole", "Par", "Round", "Set", "Game", "End", "Inning", "Leg", "Frame", "Q")
_GAMES = ("Score Card", "Golf Club", "Bowling", "Darts", "Match Report", "League", "Yatzy", "Cup")


def draw_score_card(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a card with one to three grids, one under the other."""
    cell, write = rng.uniform(38, 76), _sample_score_format(rng)
    digit = cell * rng.uniform(0.42, 0.62)
    cell_width = max(cell, room_for(write, digit, rng))
    rounds, players = int(rng.integers(3, 13)), int(rng.integers(2, 7))
    name_width = cell * rng.uniform(1.8, 3.2)
    tables = int(rng.choice([1, 1, 2, 3]))
    margin = rng.uniform(20, 70)
    width = name_width + cell_width * (rounds + 1.4) + 2 * margin
    height = tables * (players + 1) * cell * 0.9 + (tables + 1) * 1.2 * margin + 60
    page = Page(int(min(height, 1450)), int(min(width, 1250)))
    rounds = int((page.width - name_width - 2 * margin) / cell_width - 1.4)
    press = stationery.sample_press(rng)
    top = margin
    if rng.random() < 0.6:
        title = press.compose(str(rng.choice(_GAMES)), rng.uniform(16, 28), rng)
        page.write(title, margin, margin + title.height)
        page.start_row()
        top += 2.2 * title.height
    hands = [stationery.sample_hand(digit, rng) for _ in range(2)]
    lines = LineStyle.sample(rng, drawn=bool(rng.random() < 0.4))
    columns = spread(margin, [name_width, *[cell_width] * max(rounds, 1), 1.4 * cell_width])
    while tables and top + (players + 1) * 0.9 * cell < page.height:
        rows = spread(top, [0.9 * cell] * (players + 1))
        cells = _fill(hands, press, write, len(columns) - 1, players, digit, rng)
        table = Table(columns=columns, rows=rows, cells=cells, lines=lines)
        table.draw(page, rng)
        if rng.random() < 0.25:
            _shade_header(page, table, rng)
        top, tables = table.bottom + margin, tables - 1
    return page


def draw_digit_grid(stationery: Stationery, rng: np.random.Generator) -> Page:
    """Return a grid with one digit in most cells, printed or by hand, as puzzles have it."""
    cell = rng.uniform(34, 80)
    columns = int(rng.choice([3, 4, 5, 6, 9, 9, 9]))
    rows = columns if columns == 9 else int(rng.integers(3, 12))
    margin = rng.uniform(15, 90)
    page = Page(int(rows * cell + 2 * margin), int(columns * cell + 2 * margin))
    digit = cell * rng.uniform(0.4, 0.65)
    hand, press = stationery.sample_hand(digit, rng), stationery.sample_press(rng)
    empty = 0.0 if rng.random() < 0.3 else rng.uniform(0.05, 0.65)
    printed = 0.0 if rng.random() < 0.4 else rng.uniform(0.2, 0.9)
    cells = [
        [
            Cell(
                text="" if rng.random() < empty else str(int(rng.integers(0, 10))),
                writer=press if rng.random() < printed else hand,
                height=digit,
            )
            for _ in range(columns)
        ]
        for _ in range(rows)
    ]
    lines = replace(LineStyle.sample(rng), across=True, down=True)
    table = Table(
        columns=spread(margin, [cell] * columns),
        rows=spread(margin, [cell] * rows),
        cells=cells,
        lines=lines,
    )
    table.draw(page, rng)
    if columns == rows == 9:
        for number in range(0, 10, 3):
            edge = margin + number * cell
            page.draw_line((margin, edge), (page.width - margin, edge), 3.0, lines.level)
            page.draw_line((edge, margin), (edge, page.height - margin), 3.0, lines.level)
    return page


def _fill(
    hands: Sequence[Writer],
    press: Writer,
    write: NumberText,
    columns: int,
    players: int,
    digit: float,
    rng: np.random.Generator,
) -> list[list[Cell]]:
    """Return the cells: a header row, then for each player a name, scores and a sum."""
    first = str(rng.choice(_ROUNDS))
    header = press if rng.random() < 0.8 else hands[0]
    size = digit * (0.6 if header is press else 0.9)
    numbered = rng.random() < 0.8
    heads = [first, *[str(n + 1) if numbered else "" for n in range(columns - 2)], "Total"]
    rows = [[Cell(text=head, writer=header, height=size) for head in heads]]
    empty = rng.uniform(0.1, 0.4) if rng.random() < 0.4 else 0.0
    annotated, changed = rng.choice([0.0, 0.12]), rng.choice([0.0, 0.0, 0.05])
    for player in range(players):
        hand = hands[player % 2]
        name = str(rng.choice(vocabulary.FIRST_NAMES))
        cells = [Cell(text=name, writer=hand, height=0.8 * digit, align="left")]
        for _ in range(columns - 2):
            text = "" if rng.random() < empty else write(rng)
            ring = "ring" if rng.random() < annotated and text else ""
            old = write(rng) if rng.random() < changed and text and not ring else ""
            small = digit * (0.6 if old else 1.0)
            cells.append(
                Cell(text=text, writer=hand, height=small, annotation=ring, struck_out=old)
            )
        total = number_texts.write_integer(9, 400)(rng)
        cells.append(Cell(text=total, writer=hand, height=digit))
        rows.append(cells)
    return rows


def _sample_score_format(rng: np.random.Generator) -> NumberText:
    return (
        number_texts.write_integer(0, 9),
        number_texts.write_integer(0, 9),
        number_texts.write_integer(0, 21),
        number_texts.write_integer(0, 180),
        number_texts.write_signed,
        number_texts.write_bracketed,
    )[int(rng.integers(6))]


def _shade_header(page: Page, table: Table, rng: np.random.Generator) -> None:
    """Print grey behind the header row, or behind every other row."""
    level = int(rng.integers(15, 70))
    chosen = slice(0, 1) if rng.random() < 0.6 else slice(0, None, 2)
    left, right = round(table.columns[0]), round(table.columns[-1])
    for top, bottom in list(pairwise(table.rows))[chosen]:
        block = np.full((round(bottom - top), right - left), level, np.uint8)
        page.paste(block, left, round(top))
