"""Synthetic documents: the same for the same seed, and labels that agree with what is drawn."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest

from numeye.models.characters import CHARACTERS, DIGITS
from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.documents import document as documents
from numeye.training.synthetic.documents.document import SyntheticDocument, boxes_of, make_document
from numeye.training.synthetic.documents.page import Page
from numeye.training.synthetic.documents.personal_digits import PersonalDigits
from numeye.training.synthetic.documents.photography import photograph
from numeye.training.synthetic.documents.stationery import Stationery
from numeye.training.synthetic.documents.tiles import DocumentTiles, cut_tile, document_tile
from numeye.training.synthetic.glyph_sources import HandwritingSource
from numeye.training.synthetic.page_tiles import TILE_PX

KINDS = list(documents.KINDS)


def draw(kind: str, stationery: Stationery, seed: int = 0) -> Page:
    return documents.KINDS[kind][1](stationery, np.random.default_rng(seed))


@pytest.fixture(scope="module")
def some_documents(stationery: Stationery) -> list[SyntheticDocument]:
    return [make_document(stationery, 0, number) for number in range(8)]


def test_a_document_depends_on_seed_and_index_only(
    stationery: Stationery, some_documents: list[SyntheticDocument]
) -> None:
    again, other = make_document(stationery, 0, 3), make_document(stationery, 1, 3)
    assert np.array_equal(again.picture, some_documents[3].picture)
    assert np.array_equal(again.outlines, some_documents[3].outlines)
    assert again.rows == some_documents[3].rows
    assert not np.array_equal(again.picture, other.picture)


def test_every_kind_has_a_share() -> None:
    shares = [share for share, _ in documents.KINDS.values()]
    assert min(shares) > 0.03
    assert sum(shares) == pytest.approx(1)


@pytest.mark.parametrize("kind", KINDS)
def test_labelled_characters_lie_on_ink(kind: str, stationery: Stationery) -> None:
    page = draw(kind, stationery)
    labels, outlines, heights = page.characters()
    assert len(labels) == len(outlines) == len(heights) > 0
    assert set(labels.tolist()) <= {*range(len(CHARACTERS)), UNREADABLE}
    for label, box in zip(labels.tolist(), boxes_of(outlines), strict=True):
        if label != UNREADABLE:
            left, top, right, bottom = box.astype(int)
            assert page.ink[top:bottom, left:right].any()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("seed", [0, 1])
def test_rows_hold_the_digits_that_are_drawn(kind: str, seed: int, stationery: Stationery) -> None:
    page = draw(kind, stationery, seed)
    numbers = [number for row in page.rows for number in row] + page.struck_out
    written = Counter(c for number in numbers for c in number if c in DIGITS)
    drawn = Counter(CHARACTERS[label] for label in page.labels if label < 10)
    lost = sum((written - drawn).values())
    assert not drawn - written
    assert lost <= page.labels.count(UNREADABLE)


@pytest.mark.parametrize("kind", ["mark sheet", "number table", "ledger", "score card"])
def test_the_numbers_of_tables_are_rows_of_the_page(kind: str, stationery: Stationery) -> None:
    page = draw(kind, stationery)
    rows = {tuple(row) for row in page.rows}
    assert page.tables
    for table in page.tables:
        assert len({len(cells) for cells in table}) == 1
        for cells in table:
            numbers = tuple(number for cell in cells for number in cell.split() if number != "~")
            assert numbers in rows or not numbers


def test_outlines_follow_the_page_when_it_is_turned(stationery: Stationery) -> None:
    page = draw("number list", stationery)
    _, outlines, heights = page.characters()
    rng = np.random.default_rng(0)
    shot = photograph(page.ink, 120.0, float(heights.min()), rng, strength=0.0)
    for box in boxes_of(documents.transform(outlines, shot.matrix)):
        left, top, right, bottom = box.astype(int)
        assert shot.ink[top : bottom + 1, left : right + 1].max() > 0.1


def test_few_characters_are_lost(some_documents: list[SyntheticDocument]) -> None:
    labels = np.concatenate([document.labels for document in some_documents])
    assert (labels == UNREADABLE).mean() < 0.1


def test_struck_out_numbers_are_not_in_the_text(stationery: Stationery) -> None:
    pages = [draw("score card", stationery, seed) for seed in range(12)]
    assert any(page.struck_out for page in pages)


def test_a_person_has_one_form_of_a_digit_and_no_slash_for_a_one(stationery: Stationery) -> None:
    mnist = HandwritingSource(stationery.digits, uses_skeletons=True, stroke_share=0.0)
    for seed in range(30):
        person = PersonalDigits.sample(mnist, np.random.default_rng(seed), share=1.0)
        assert list(person.forms) == list(range(10))
        is_curve, points = person.forms[1][0]
        assert len(person.forms[1]) > 1 or is_curve or points[0, 0] - points[-1, 0] < 0.5


# --- tiles


def test_tiles_hold_readable_characters(some_documents: list[SyntheticDocument]) -> None:
    rng = np.random.default_rng(0)
    tiles = [document_tile(document, rng) for document in some_documents for _ in range(6)]
    for tile in tiles:
        assert tile.picture.shape == (TILE_PX, TILE_PX)
        assert tile.picture.dtype == np.uint8
        assert len(tile.labels) == len(tile.boxes)
        assert (tile.boxes >= 0).all()
        assert (tile.boxes <= TILE_PX).all()
    assert np.mean([(tile.labels < 10).any() for tile in tiles]) > 0.7


def test_a_tile_depends_on_seed_and_index_only(stationery: Stationery) -> None:
    one_by_one, alone = DocumentTiles(stationery), DocumentTiles(stationery)
    tiles = [one_by_one.tile(0, number) for number in (22, 23, 24)]
    again = alone.tile(0, 23)
    assert np.array_equal(again.picture, tiles[1].picture)
    assert np.array_equal(again.boxes, tiles[1].boxes)
    assert not np.array_equal(tiles[0].picture, tiles[1].picture)


def test_a_tile_is_cut_around_its_middle(some_documents: list[SyntheticDocument]) -> None:
    document = some_documents[0]
    number = int(np.flatnonzero(document.labels < 10)[0])
    x, y = document.boxes[number].reshape(2, 2).mean(axis=0).tolist()
    tile = cut_tile(document, x, y, 1.0)
    centres = tile.boxes.reshape(-1, 2, 2).mean(axis=1)
    nearest = np.abs(centres - TILE_PX / 2).sum(axis=1).argmin()
    assert tile.labels[nearest] == document.labels[number]
    assert np.abs(centres[nearest] - TILE_PX / 2).max() < 2


def test_a_character_cut_by_the_border_is_unreadable(
    some_documents: list[SyntheticDocument],
) -> None:
    document = some_documents[0]
    number = int(np.flatnonzero(document.labels < 10)[0])
    left, top, right, bottom = document.boxes[number].tolist()
    tile = cut_tile(document, (left + right) / 2 + TILE_PX / 2, (top + bottom) / 2, 1.0)
    cut = tile.boxes[:, 0] == 0
    middle = np.abs(tile.boxes[:, 1::2].mean(axis=1) - TILE_PX / 2) < 2
    assert tile.labels[cut & middle].tolist() == [UNREADABLE]
