"""Synthetic pages: sheets, tiles, views of them, and what is learnt from them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from numeye import locate
from numeye.training.losses import Spot
from numeye.training.models import create_model
from numeye.training.paper import ink, marks, pen
from numeye.training.paper.crop import Paper
from numeye.training.paper.line import LineRanges
from numeye.training.paper.page import SIZE, PageRanges, Pages, Tile
from numeye.training.paper.sheet import CUT, Sheet
from numeye.training.tiles import NONE, SIDE, TileViews


@pytest.fixture(scope="module")
def pages(train_images: np.ndarray, train_labels: np.ndarray) -> Pages:
    """Of 100 training digits, without fonts."""
    made = ink._make(train_images[:100])
    return Pages(paper=Paper(digits=ink.Fields(edge=made[0], line=made[1], labels=train_labels[:100])))


class SomeTiles:
    """As `numeye.training.paper.pool.Tiles`, in memory."""

    def __init__(self, tiles: list[Tile]) -> None:
        self.tiles = tiles

    def __len__(self) -> int:
        return len(self.tiles)

    def tile(self, number: int) -> Tile:
        return self.tiles[number]


def views_of(tiles: list[Tile], batch: int, generator: torch.Generator | None = None) -> TileViews:
    return TileViews(SomeTiles(tiles), batch, generator)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiles(pages: Pages) -> list[Tile]:
    return [pages.tile(0, number) for number in range(24)]


# --- sheets ------------------------------------------------------------------------------------------------------


def test_what_is_written_past_the_border_is_cut_there() -> None:
    sheet = Sheet(50)
    sheet.put(np.ones((20, 10), np.float32), -2, 10, 3)
    sheet.put(np.ones((20, 10), np.float32), 46, 10, 4)
    sheet.put(np.ones((20, 10), np.float32), 60, 10, 5)
    labels, boxes = sheet.digits()
    assert labels.tolist() == [3, CUT]
    assert boxes.tolist() == [[0, 10, 8, 30], [46, 10, 50, 30]]
    assert sheet.ink.sum() == 8 * 20 + 4 * 20


def test_a_sheet_knows_where_digits_are_in_the_way() -> None:
    sheet = Sheet(50)
    word = np.ones((10, 10), np.float32)
    sheet.put(word, 0, 0)
    assert sheet.free(0, 0, word)
    sheet.put(word, 20, 20, 8)
    assert not sheet.free(15, 15, word)
    assert sheet.free(5, 20, word)


# --- tiles -------------------------------------------------------------------------------------------------------


def test_a_tile_hangs_on_its_seed_and_number_alone(pages: Pages, tiles: list[Tile]) -> None:
    again = pages.tile(0, 7)
    assert (again.picture == tiles[7].picture).all()
    assert again.labels.tolist() == tiles[7].labels.tolist()
    assert (pages.tile(1, 7).picture != tiles[7].picture).any()


def test_boxes_lie_in_the_tile_and_hold_ink(pages: Pages) -> None:
    clean = Pages(
        paper=pages.paper.leaving_out("optics", "light", "surroundings"),
        ranges=PageRanges(words=0, strokes=0, ruled=0, empty=0, line=LineRanges(before=0, behind=0, cells=0)),
    )
    for number in range(12):
        tile = clean.tile(2, number)
        assert tile.picture.shape == (SIZE, SIZE)
        paper = np.median(tile.picture)
        for left, top, right, bottom in tile.boxes.astype(int):
            assert 0 <= left < right <= SIZE
            assert 0 <= top < bottom <= SIZE
            inside = np.abs(tile.picture[top:bottom, left:right].astype(float) - paper)
            assert inside.max() > 10


def test_most_tiles_hold_several_digits_of_every_kind_and_some_hold_none(tiles: list[Tile], pages: Pages) -> None:
    counts = [len(tile.labels) for tile in tiles]
    assert np.mean(counts) > 3
    labels = np.concatenate([tile.labels for tile in tiles])
    assert set(labels.tolist()) == set(range(11))
    assert not len(Pages(paper=pages.paper, ranges=PageRanges(empty=1.0)).tile(0, 0).labels)


def test_a_strip_is_one_number_with_nothing_cut_off(pages: Pages) -> None:
    for number in range(12):
        strip = pages.strip(0, number)
        assert strip.text.isdigit()
        assert len(strip.text) == len(strip.boxes)
        assert (strip.boxes[:, :2] >= -1).all()
        assert (strip.boxes[:, 2:] <= np.array(strip.picture.shape[::-1]) + 1).all()
        assert (np.diff(strip.boxes[:, [0, 2]].mean(axis=1)) > 0).all()


def written(pages: Pages, seed: int, **ranges: Any) -> Sheet:
    """One clean line of eight digits, 40 pixels high, with nothing that the ranges do not ask for."""
    bare = dict.fromkeys(
        (
            "small_zeros",
            "round_amounts",
            "tall_first",
            "before",
            "behind",
            "between",
            "grouped",
            "cents",
            "filled",
            "cells",
            "joined",
            "underlined",
        ),
        0.0,
    )
    asked = LineRanges(**{**bare, "slope": 0.0, "gap": (0.2, 0.2), "jitter": 0.0, **ranges})
    random = np.random.default_rng(seed)
    sheet, line = Sheet(512), replace(pages, ranges=PageRanges(line=asked, printed=0.0))._line(40.0, random)
    line.number(sheet, 20, 200, 8, random)
    return sheet


def pieces(sheet: Sheet) -> int:
    return int(cv2.connectedComponents((sheet.ink > 0.3).astype(np.uint8))[0]) - 1


def test_a_pen_that_goes_on_joins_digits_and_what_is_told_of_them_stays(pages: Pages) -> None:
    apart = [written(pages, seed, gap=(0.05, 0.05)) for seed in range(8)]
    joined = [written(pages, seed, gap=(0.05, 0.05), joined=1.0) for seed in range(8)]
    assert sum(map(pieces, joined)) < 0.8 * sum(map(pieces, apart))
    assert all(len(sheet.labels) == 8 for sheet in joined)


def test_cents_are_smaller_and_end_higher_than_the_digits_before_them(pages: Pages) -> None:
    for seed in range(8):
        boxes = np.array(written(pages, seed, cents=1.0).boxes)
        heights, feet = boxes[:, 3] - boxes[:, 1], boxes[:, 3]
        assert np.median(heights[-2:]) < 0.95 * np.median(heights[:-2])
        assert feet[-2:].max() < np.median(feet[:-2]) + 2


def test_a_first_digit_may_be_taller_and_hang_below_the_others(pages: Pages) -> None:
    hanging = []
    for seed in range(8):
        boxes = np.array(written(pages, seed, tall_first=1.0, taller=(1.5, 1.5), uneven=0.0).boxes)
        heights, feet = boxes[:, 3] - boxes[:, 1], boxes[:, 3]
        assert heights[0] > 1.2 * np.median(heights[1:])
        assert heights[1:].max() < 1.2 * np.median(heights[1:])
        hanging.append(feet[0] - np.median(feet[1:]))
    assert min(hanging) > -6
    assert max(hanging) > 8


def test_a_line_may_be_printed_or_of_one_hand_of_a_font_by_its_skeleton(pages: Pages) -> None:
    assert pages.paper.digits.line is not None
    printed, hand = (pages.paper.digits.some(np.flatnonzero(pages.paper.digits.labels == one)) for one in (3, 7))
    with_fonts = replace(
        pages, paper=replace(pages.paper, printed=printed), printed=[np.arange(len(printed.labels))], written=[hand]
    )
    for asked, digit, thin in (({"printed": 1.0}, 3, False), ({"printed": 0.0, "written": 1.0}, 7, True)):
        source = replace(with_fonts, ranges=PageRanges(**asked))._source(np.random.default_rng(0))
        drawn = [source(np.random.default_rng(seed)) for seed in range(5)]
        assert {(label, by_line) for _, label, by_line in drawn} == {(digit, thin)}
    none = replace(with_fonts, ranges=PageRanges(printed=0.0, written=0.0, pens=0.0, some_pens=0.0))
    labels = {none._source(np.random.default_rng(seed))(np.random.default_rng(seed))[1] for seed in range(30)}
    assert len(labels) > 5


def test_the_digits_of_a_line_are_of_one_height_however_wide_they_are(pages: Pages) -> None:
    heights, wide = [], []
    for seed in range(16):
        boxes = np.array(written(pages, seed, uneven=0.0).boxes)
        heights.append((boxes[:, 3] - boxes[:, 1]) / 40)
        wide.append((boxes[:, 2] - boxes[:, 0]) / 40)
    assert np.ptp(np.concatenate(wide)) > 0.5
    assert np.quantile(np.concatenate(heights), [0.1, 0.9]) == pytest.approx([1, 1.05], abs=0.13)


def test_one_pen_writes_small_signs_and_large_ones(pages: Pages) -> None:
    for seed in range(6):
        line = replace(pages, ranges=PageRanges(printed=0.0))._line(40.0, np.random.default_rng(seed))
        thick = []
        for sign in ".-/":
            sheet, random = Sheet(160), np.random.default_rng(seed)
            line._sign(sheet, sign, 60, 60, random)
            inked = (sheet.ink > 0.3).astype(np.uint8)
            thick.append(2 * float(cv2.distanceTransform(inked, cv2.DIST_L2, 3).max()))
        assert max(thick) < 2.5 * min(thick) + 2
        assert np.median(thick) == pytest.approx(2 * line.half, rel=0.6, abs=3)


def test_a_digit_that_another_covers_is_not_asked_for() -> None:
    sheet, digit, stroke = Sheet(80), np.ones((30, 20), np.float32), np.ones((30, 4), np.float32)
    sheet.put(digit, 10, 10, 0)
    sheet.put(stroke, 14, 10, 1)  # lies in it
    sheet.put(digit, 40, 10, 5)
    sheet.put(digit, 44, 12, 6)  # and these over each other
    sheet.put(digit, 40, 45, 7)
    sheet.put(stroke, 58, 45, 1)  # half beside it
    assert sheet.labels == [0, CUT, CUT, CUT, 7, CUT]
    sheet.put(digit, 5, 45, 8)
    sheet.put(stroke, 24, 45, 1)  # touches it
    assert sheet.labels[-2:] == [8, 1]


def test_a_digit_that_is_lost_in_the_photograph_is_not_asked_for(
    pages: Pages, tiles: list[Tile], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any((tile.labels < CUT).any() for tile in tiles)
    monkeypatch.setattr("numeye.training.paper.page.agreement", lambda *_: 0.0)
    for number in range(4):
        lost = pages.tile(0, number)
        assert len(lost.labels) == len(tiles[number].labels)
        assert (lost.labels == CUT).all()


def test_a_letter_that_looks_like_a_digit_keeps_away_from_numbers() -> None:
    sheet, letter = Sheet(100), np.ones((20, 4), np.float32)
    sheet.put(np.ones((20, 10), np.float32), 40, 40, 3)
    assert sheet.free(55, 40, letter)
    assert not sheet.free(55, 40, letter, apart=20)
    assert not sheet.free(30, 40, letter, apart=20)
    assert sheet.free(55, 70, letter, apart=20)


def test_signs_that_part_thousands_and_strokes_that_fill_a_line_are_no_digits(pages: Pages) -> None:
    for seed in range(4):
        bare = written(pages, seed)
        for more in (written(pages, seed, grouped=1.0), written(pages, seed, filled=2.0)):
            assert len(more.labels) == len(bare.labels) == 8
            assert more.ink.sum() > 0.7 * bare.ink.sum()
    wide = [np.ptp(np.flatnonzero(written(pages, seed, filled=2.0).ink.any(axis=0))) for seed in range(4)]
    bare_wide = [np.ptp(np.flatnonzero(written(pages, seed).ink.any(axis=0))) for seed in range(4)]
    assert np.mean(wide) > np.mean(bare_wide) + 40


def test_fine_waves_cover_a_page_with_lines_and_leave_paper_between_them() -> None:
    for seed in range(6):
        waves = marks.guilloche(200, np.random.default_rng(seed))
        assert 0.05 < (waves > 0.3).mean() < 0.95
        assert all(part.any() for part in np.split(waves, 4))


@pytest.mark.parametrize("sign", sorted(pen.SIGNS))
def test_every_sign_is_drawn(sign: str) -> None:
    field = pen.draw_sign(sign, np.random.default_rng(0))
    assert field.shape == (56, 56)
    assert (field < 1).sum() > 10


# --- views -------------------------------------------------------------------------------------------------------


def test_views_without_a_generator_are_the_middle_of_each_tile_as_it_is(tiles: list[Tile]) -> None:
    images, targets = next(iter(views_of(tiles, 8)))
    corner = (SIZE - SIDE) // 2
    assert images.shape == (8, 1, SIDE, SIDE)
    expected = tiles[3].picture[corner : corner + SIDE, corner : corner + SIDE]
    assert np.abs(images[3, 0].numpy() * 255 - expected).max() < 1
    seen = targets[3][targets[3, :, 0] != NONE]
    left = seen[:, 1] - seen[:, 3] / 2 + corner
    inside = (tiles[3].boxes[:, 2] > corner) & (tiles[3].boxes[:, 0] < SIZE - corner)
    inside &= (tiles[3].boxes[:, 3] > corner) & (tiles[3].boxes[:, 1] < SIZE - corner)
    assert left.numpy() == pytest.approx(np.maximum(tiles[3].boxes[inside, 0], corner))


@pytest.mark.parametrize("seed", range(6))
def test_a_box_stays_where_its_ink_is_in_a_view_of_any_size(seed: int) -> None:
    picture = np.zeros((SIZE, SIZE), np.uint8)
    picture[70:92, 60:80] = 255
    block = Tile(picture=picture, labels=np.array([4]), boxes=np.array([[60, 70, 80, 92]], np.float32))
    images, targets = next(iter(views_of([block], 1, torch.Generator().manual_seed(seed))))
    view = images[0, 0].double()
    view = 1 - view if view[0, 0] > 0.5 else view
    label, x, y, width, height = targets[0, 0].tolist()
    across, down = (torch.arange(SIDE) + 0.5) * view.sum(dim=0), (torch.arange(SIDE) + 0.5) * view.sum(dim=1)
    assert label == 4
    assert float(across.sum() / view.sum()) == pytest.approx(x, abs=0.09)
    assert float(down.sum() / view.sum()) == pytest.approx(y, abs=0.09)
    assert float(view.sum()) == pytest.approx(width * height, rel=0.02)


def test_an_epoch_hangs_on_the_generator_alone(tiles: list[Tile]) -> None:
    def epoch(seed: int) -> list[torch.Tensor]:
        return [images for images, _ in views_of(tiles, 8, torch.Generator().manual_seed(seed))]

    assert all(map(torch.equal, epoch(1), epoch(1)))
    assert not all(map(torch.equal, epoch(1), epoch(2)))


# --- learning ----------------------------------------------------------------------------------------------------


def perfect(loss: Spot, targets: torch.Tensor) -> torch.Tensor:
    """The maps that say just what the targets say."""
    outputs = torch.full((len(targets), 15, SIDE // 4, SIDE // 4), -8.0)
    outputs[:, 0][loss._tops(outputs, targets)] = 8.0
    _, owner = loss._owned(outputs, targets, loss._peaks(outputs, targets))
    which = torch.gather(targets[..., 0].clamp(0, 9).long(), 1, owner.flatten(1)).view_as(owner)
    outputs[:, 1:11] = 20.0 * torch.nn.functional.one_hot(which, 10).permute(0, 3, 1, 2)
    outputs[:, 11:] = loss._boxes(outputs, targets, owner)
    return outputs


def test_the_loss_of_a_perfect_answer_is_next_to_nothing_and_it_is_right(tiles: list[Tile]) -> None:
    loss = Spot()
    images, targets = next(iter(views_of(tiles, 24)))
    outputs = perfect(loss, targets)
    assert len(images) == 24
    assert loss(outputs, targets).item() < 1e-3
    assert loss.right(outputs, targets).all()


def test_one_digit_missed_misread_or_made_up_makes_a_tile_wrong(tiles: list[Tile]) -> None:
    loss = Spot()
    _, targets = next(iter(views_of(tiles, 24)))
    outputs = perfect(loss, targets)
    there = (targets[..., 0] >= 0) & (targets[..., 0] < CUT)
    number = int(there.any(dim=1).nonzero()[0])
    place = int(there[number].nonzero()[0])
    rows, columns = loss._cells(outputs, targets)
    row, column = int(rows[number, place]), int(columns[number, place])
    missed, misread, made_up = outputs.clone(), outputs.clone(), outputs.clone()
    missed[number, 0, row, column] = -8
    misread[number, 1:11, row, column] = misread[number, 1:11, row, column].roll(1)
    empty = loss._peaks(outputs, targets)[number].amax(dim=0) == 0
    empty &= ~loss._ignored(outputs, targets)[number]
    made_up[number, 0, *empty.nonzero()[len(empty.nonzero()) // 2].tolist()] = 8
    for wrong in (missed, misread, made_up):
        assert not loss.right(wrong, targets)[number]
        assert loss(wrong, targets) > loss(outputs, targets)


def test_a_small_digit_counts_as_much_as_a_large_one() -> None:
    loss = Spot()
    targets = torch.tensor(
        [[[3.0, 40, 60, 50, 75], [5, 96.0, 100.0, 9, 9]]]
    )  # the second lies on a corner of four cells
    outputs, costs = perfect(loss, targets), []
    for digit in (3, 5):
        wrong = outputs.clone()
        where = wrong[:, 1 + digit] > 1
        wrong[:, 1 + digit][where], wrong[:, 1][where] = 0, 20
        costs.append(loss(wrong, targets).item())
    assert loss(outputs, targets).item() < 1e-3
    assert costs == pytest.approx([10, 10], rel=0.01)  # 20 of two digits' mean


def test_what_is_taught_is_what_is_read_off_the_maps(tiles: list[Tile]) -> None:
    _, targets = next(iter(views_of(tiles, 24)))
    outputs = perfect(Spot(), targets)
    for number in range(24):
        spots = locate.peaks(outputs[number].numpy())
        wanted = targets[number][(targets[number, :, 0] >= 0) & (targets[number, :, 0] < CUT)].numpy()
        assert len(spots) == len(wanted)
        if not len(wanted):
            continue
        middles, sides = (spots.boxes[:, :2] + spots.boxes[:, 2:]) / 2, spots.boxes[:, 2:] - spots.boxes[:, :2]
        told = np.concatenate([spots.which.argmax(axis=1)[:, None], middles, sides], axis=1)
        nearest = np.linalg.norm(middles[None] - wanted[:, None, 1:3], axis=2).argmin(axis=1)
        assert told[nearest] == pytest.approx(wanted, abs=0.05)


def test_the_spotter_takes_pages_of_any_size_and_light_makes_little_difference() -> None:
    torch.manual_seed(0)
    model = create_model("spotter").eval()
    page, other = torch.rand(2, 1, 96, 208).split(1)
    light = torch.linspace(0.5, 1.0, 208)
    with torch.no_grad():
        maps, shaded, another = model(page), model(page * light), model(other)
    assert maps.shape == (1, 15, 24, 52)
    assert (maps - shaded).square().mean() < 0.1 * (maps - another).square().mean()
