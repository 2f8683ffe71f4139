"""Synthetic pages: the canvas, tiles, samples of them, and the detector's loss on them."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import cv2
import numpy as np
import pytest
import torch

from numeye.models.characters import CHARACTERS, DIGITS, NO_CHARACTER
from numeye.recognition import detector
from numeye.training.losses import CLASSES, DetectionLoss
from numeye.training.networks import DETECTOR_CHANNELS, create_model
from numeye.training.synthetic import distance_fields, strokes
from numeye.training.synthetic.canvas import UNREADABLE, Canvas
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.marks import ruled_lines
from numeye.training.synthetic.page_tiles import TILE_PX, PageGenerator, Tile
from numeye.training.synthetic.parameters import LineRanges, PageRanges
from numeye.training.tasks.tile_samples import NO_TARGET, SAMPLE_SIDE_PX, TileSamples


@pytest.fixture(scope="module")
def page_generator(train_images: np.ndarray, train_labels: np.ndarray) -> PageGenerator:
    """Return a generator with 100 training digits, without fonts."""
    edges, skeletons = distance_fields.compute_fields(train_images[:100])
    return PageGenerator(
        crop_generator=CropGenerator(
            digits=distance_fields.DistanceFields(
                edge=edges, skeleton=skeletons, labels=train_labels[:100]
            )
        )
    )


class SomeTiles:
    """Tiles in memory, with the methods of `numeye.training.synthetic.disk_cache.Tiles`."""

    def __init__(self, tiles: list[Tile]) -> None:
        self.tiles = tiles

    def __len__(self) -> int:
        return len(self.tiles)

    def tile(self, number: int) -> Tile:
        return self.tiles[number]


def samples_of(
    tiles: list[Tile], batch: int, generator: torch.Generator | None = None
) -> TileSamples:
    return TileSamples(SomeTiles(tiles), batch, generator)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiles(page_generator: PageGenerator) -> list[Tile]:
    return [page_generator.tile(0, number) for number in range(24)]


# --- the canvas


def test_what_is_drawn_past_the_border_is_cut_there() -> None:
    canvas = Canvas(50)
    canvas.paste(np.ones((20, 10), np.float32), -2, 10, 3)
    canvas.paste(np.ones((20, 10), np.float32), 46, 10, 4)
    canvas.paste(np.ones((20, 10), np.float32), 60, 10, 5)
    labels, boxes = canvas.labelled_boxes()
    assert labels.tolist() == [3, UNREADABLE]
    assert boxes.tolist() == [[0, 10, 8, 30], [46, 10, 50, 30]]
    assert canvas.drawing.sum() == 8 * 20 + 4 * 20


def test_a_canvas_has_no_room_where_digits_are() -> None:
    canvas = Canvas(50)
    word = np.ones((10, 10), np.float32)
    canvas.paste(word, 0, 0)
    assert canvas.has_room(0, 0, word)
    canvas.paste(word, 20, 20, 8)
    assert not canvas.has_room(15, 15, word)
    assert canvas.has_room(5, 20, word)


# --- tiles


def test_a_tile_depends_on_its_seed_and_number_alone(
    page_generator: PageGenerator, tiles: list[Tile]
) -> None:
    again = page_generator.tile(0, 7)
    assert (again.picture == tiles[7].picture).all()
    assert again.labels.tolist() == tiles[7].labels.tolist()
    assert (page_generator.tile(1, 7).picture != tiles[7].picture).any()


def test_boxes_lie_in_the_tile_and_hold_digits(page_generator: PageGenerator) -> None:
    clean = PageGenerator(
        crop_generator=page_generator.crop_generator.exclude("optics", "light", "surroundings"),
        ranges=PageRanges(
            words=0,
            strokes=0,
            ruled=0,
            empty=0,
            marks=0,
            stamps=0,
            back=0,
            line=LineRanges(before=0, behind=0, cells=0, surrounded=0, struck_out=0),
        ),
    )
    for number in range(12):
        tile = clean.tile(2, number)
        assert tile.picture.shape == (TILE_PX, TILE_PX)
        background = np.median(tile.picture)
        boxes = tile.boxes.astype(int).tolist()
        for label, (left, top, right, bottom) in zip(tile.labels, boxes, strict=True):
            assert 0 <= left < right <= TILE_PX
            assert 0 <= top < bottom <= TILE_PX
            inside = np.abs(tile.picture[top:bottom, left:right].astype(float) - background)
            assert inside.max() > 10 or label == UNREADABLE


def test_most_tiles_hold_several_characters_and_some_hold_none(
    tiles: list[Tile], page_generator: PageGenerator
) -> None:
    counts = [len(tile.labels) for tile in tiles]
    assert np.mean(counts) > 3
    labels = set(np.concatenate([tile.labels for tile in tiles]).tolist())
    assert labels >= {*range(len(DIGITS)), UNREADABLE}
    assert {CHARACTERS[label] for label in labels - {UNREADABLE}} >= set(".,-")
    assert not len(
        PageGenerator(crop_generator=page_generator.crop_generator, ranges=PageRanges(empty=1.0))
        .tile(0, 0)
        .labels
    )


def test_a_strip_is_one_number_with_nothing_cut_off(page_generator: PageGenerator) -> None:
    for number in range(12):
        strip = page_generator.strip(0, number)
        assert set(strip.text) <= set(CHARACTERS)
        assert sum(character in DIGITS for character in strip.text) in range(1, 9)
        assert len(strip.text) <= len(strip.boxes)
        assert (strip.boxes[:, :2] >= -1).all()
        assert (strip.boxes[:, 2:] <= np.array(strip.picture.shape[::-1]) + 1).all()
        digits = strip.boxes[strip.labels < len(DIGITS)]
        assert (np.diff(digits[:, [0, 2]].mean(axis=1)) > 0).all()


def written(page_generator: PageGenerator, seed: int, **ranges: Any) -> Canvas:
    """Return a canvas with one number of eight digits, 40 pixels high, without any extras.

    Only what `ranges` sets happens.
    """
    bare = dict.fromkeys(
        (
            "small_zeros",
            "round_amounts",
            "tall_first",
            "before",
            "behind",
            "between",
            "grouped",
            "formatted",
            "bracketed",
            "cents",
            "filled",
            "cells",
            "joined",
            "underlined",
        ),
        0.0,
    )
    line_ranges = LineRanges(**{**bare, "slope": 0.0, "gap": (0.2, 0.2), "jitter": 0.0, **ranges})
    rng = np.random.default_rng(seed)
    canvas, line = (
        Canvas(512),
        replace(page_generator, ranges=PageRanges(line=line_ranges, printed=0.0)).sample_line(
            40.0, rng
        ),
    )
    line.write_number(canvas, 20, 200, 8, rng)
    return canvas


def pieces(canvas: Canvas) -> int:
    return int(cv2.connectedComponents((canvas.drawing > 0.3).astype(np.uint8))[0]) - 1


def test_joined_digits_keep_their_labels(
    page_generator: PageGenerator,
) -> None:
    apart = [written(page_generator, seed, gap=(0.05, 0.05)) for seed in range(8)]
    joined = [written(page_generator, seed, gap=(0.05, 0.05), joined=1.0) for seed in range(8)]
    assert sum(map(pieces, joined)) < 0.8 * sum(map(pieces, apart))
    assert all(len(canvas.labels) == 8 for canvas in joined)


def test_cents_are_smaller_and_end_higher_than_the_digits_before_them(
    page_generator: PageGenerator,
) -> None:
    for seed in range(8):
        boxes = np.array(written(page_generator, seed, cents=1.0).boxes)
        heights, descents = boxes[:, 3] - boxes[:, 1], boxes[:, 3]
        assert np.median(heights[-2:]) < 0.95 * np.median(heights[:-2])
        assert descents[-2:].max() < np.median(descents[:-2]) + 2


def test_a_first_digit_may_be_taller_and_hang_below_the_others(
    page_generator: PageGenerator,
) -> None:
    hanging = []
    for seed in range(8):
        boxes = np.array(
            written(page_generator, seed, tall_first=1.0, taller=(1.5, 1.5), uneven=0.0).boxes
        )
        heights, descents = boxes[:, 3] - boxes[:, 1], boxes[:, 3]
        assert heights[0] > 1.2 * np.median(heights[1:])
        assert heights[1:].max() < 1.2 * np.median(heights[1:])
        hanging.append(descents[0] - np.median(descents[1:]))
    assert min(hanging) > -6
    assert max(hanging) > 8


def test_a_line_may_be_of_a_printed_font_or_of_a_handwritten_one_by_its_skeletons(
    page_generator: PageGenerator,
) -> None:
    assert page_generator.crop_generator.digits.skeleton is not None
    printed, handwritten = (
        page_generator.crop_generator.digits.select(
            np.flatnonzero(page_generator.crop_generator.digits.labels == digit)
        )
        for digit in (3, 7)
    )
    with_fonts = replace(
        page_generator,
        crop_generator=replace(page_generator.crop_generator, printed=printed),
        printed=[np.arange(len(printed.labels))],
        written=[handwritten],
    )
    for shares, digit, is_skeleton in (
        ({"printed": 1.0}, 3, False),
        ({"printed": 0.0, "written": 1.0}, 7, True),
    ):
        source = replace(with_fonts, ranges=PageRanges(**shares))._choose_source(
            np.random.default_rng(0)
        )
        drawn = [source.sample_field(np.random.default_rng(seed)) for seed in range(5)]
        assert {(label, by_line) for _, label, by_line in drawn} == {(digit, is_skeleton)}
    mnist_only = replace(
        with_fonts, ranges=PageRanges(printed=0.0, written=0.0, pens=0.0, some_pens=0.0)
    )
    labels = {
        mnist_only._choose_source(np.random.default_rng(seed)).sample_field(
            np.random.default_rng(seed)
        )[1]
        for seed in range(30)
    }
    assert len(labels) > 5


def test_the_digits_of_a_line_are_of_one_height_however_wide_they_are(
    page_generator: PageGenerator,
) -> None:
    heights, wide = [], []
    for seed in range(16):
        boxes = np.array(written(page_generator, seed, uneven=0.0).boxes)
        heights.append((boxes[:, 3] - boxes[:, 1]) / 40)
        wide.append((boxes[:, 2] - boxes[:, 0]) / 40)
    assert np.ptp(np.concatenate(wide)) > 0.5
    assert np.quantile(np.concatenate(heights), [0.1, 0.9]) == pytest.approx([1, 1.05], abs=0.13)


def test_small_and_large_signs_have_strokes_of_one_width(page_generator: PageGenerator) -> None:
    for seed in range(6):
        line = replace(page_generator, ranges=PageRanges(printed=0.0)).sample_line(
            40.0, np.random.default_rng(seed)
        )
        thick = []
        for sign in ".-/":
            canvas, rng = Canvas(160), np.random.default_rng(seed)
            line.write_sign(canvas, sign, 60, 60, rng)
            mask = (canvas.drawing > 0.3).astype(np.uint8)
            thick.append(2 * float(cv2.distanceTransform(mask, cv2.DIST_L2, 3).max()))
        assert max(thick) < 2.5 * min(thick) + 2
        assert np.median(thick) == pytest.approx(2 * line.stroke_radius, rel=0.6, abs=3)


def test_a_digit_that_another_covers_is_unreadable() -> None:
    canvas, digit, stroke = Canvas(80), np.ones((30, 20), np.float32), np.ones((30, 4), np.float32)
    canvas.paste(digit, 10, 10, 0)
    canvas.paste(stroke, 14, 10, 1)  # lies inside it
    canvas.paste(digit, 40, 10, 5)
    canvas.paste(digit, 44, 12, 6)  # and these over each other
    canvas.paste(digit, 40, 45, 7)
    canvas.paste(stroke, 58, 45, 1)  # half beside it
    assert canvas.labels == [0, UNREADABLE, UNREADABLE, UNREADABLE, 7, UNREADABLE]
    canvas.paste(digit, 5, 45, 8)
    canvas.paste(stroke, 24, 45, 1)  # touches it
    assert canvas.labels[-2:] == [8, 1]


def test_a_digit_that_is_lost_in_the_photograph_is_unreadable(
    page_generator: PageGenerator, tiles: list[Tile], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert any((tile.labels < UNREADABLE).any() for tile in tiles)
    monkeypatch.setattr("numeye.training.synthetic.page_tiles.agreement", lambda *_: 0.0)
    for number in range(4):
        lost = page_generator.tile(0, number)
        assert len(lost.labels) == len(tiles[number].labels)
        assert (lost.labels == UNREADABLE).all()


def test_a_letter_that_looks_like_a_digit_keeps_away_from_numbers() -> None:
    canvas, letter = Canvas(100), np.ones((20, 4), np.float32)
    canvas.paste(np.ones((20, 10), np.float32), 40, 40, 3)
    assert canvas.has_room(55, 40, letter)
    assert not canvas.has_room(55, 40, letter, min_gap=20)
    assert not canvas.has_room(30, 40, letter, min_gap=20)
    assert canvas.has_room(55, 70, letter, min_gap=20)


def test_group_separators_are_characters_and_strokes_that_fill_a_line_are_none(
    page_generator: PageGenerator,
) -> None:
    for seed in range(4):
        bare = written(page_generator, seed)
        grouped = written(page_generator, seed, grouped=1.0)
        filled = written(page_generator, seed, filled=2.0)
        assert len(filled.labels) == len(bare.labels) == 8
        assert [label for label in grouped.labels if label >= len(DIGITS)] or len(
            grouped.labels
        ) == 8  # a space has no label
        for more in (grouped, filled):
            assert more.drawing.sum() > 0.7 * bare.drawing.sum()
    wide = [
        np.ptp(np.flatnonzero(written(page_generator, seed, filled=2.0).drawing.any(axis=0)))
        for seed in range(4)
    ]
    bare_wide = [
        np.ptp(np.flatnonzero(written(page_generator, seed).drawing.any(axis=0)))
        for seed in range(4)
    ]
    assert np.mean(wide) > np.mean(bare_wide) + 40


def test_fine_waves_cover_a_page_with_lines_and_leave_paper_between_them() -> None:
    for seed in range(6):
        waves = ruled_lines.draw_guilloche(200, np.random.default_rng(seed))
        assert 0.05 < (waves > 0.3).mean() < 0.95
        assert all(part.any() for part in np.split(waves, 4))


@pytest.mark.parametrize("sign", sorted(strokes.SIGN_FORMS))
def test_every_sign_is_drawn(sign: str) -> None:
    field = strokes.draw_sign(sign, np.random.default_rng(0))
    assert field.shape == (56, 56)
    assert (field < 1).sum() > 10


# --- samples


def test_samples_without_a_generator_are_the_middle_of_each_tile(tiles: list[Tile]) -> None:
    images, targets = next(iter(samples_of(tiles, 8)))
    corner = (TILE_PX - SAMPLE_SIDE_PX) // 2
    assert images.shape == (8, 1, SAMPLE_SIDE_PX, SAMPLE_SIDE_PX)
    expected = tiles[3].picture[corner : corner + SAMPLE_SIDE_PX, corner : corner + SAMPLE_SIDE_PX]
    assert np.abs(images[3, 0].numpy() * 255 - expected).max() < 1
    boxed = targets[3][targets[3, :, 0] != NO_TARGET]
    left = boxed[:, 1] - boxed[:, 3] / 2 + corner
    inside = (tiles[3].boxes[:, 2] > corner) & (tiles[3].boxes[:, 0] < TILE_PX - corner)
    inside &= (tiles[3].boxes[:, 3] > corner) & (tiles[3].boxes[:, 1] < TILE_PX - corner)
    assert left.numpy() == pytest.approx(np.maximum(tiles[3].boxes[inside, 0], corner))


@pytest.mark.parametrize("seed", range(6))
def test_a_box_stays_where_its_digit_is_in_a_sample_of_any_size(seed: int) -> None:
    picture = np.zeros((TILE_PX, TILE_PX), np.uint8)
    picture[70:92, 60:80] = 255
    block = Tile(
        picture=picture, labels=np.array([4]), boxes=np.array([[60, 70, 80, 92]], np.float32)
    )
    images, targets = next(iter(samples_of([block], 1, torch.Generator().manual_seed(seed))))
    view = images[0, 0].double()
    view = 1 - view if view[0, 0] > 0.5 else view
    label, x, y, width, height = targets[0, 0].tolist()
    across, down = (
        (torch.arange(SAMPLE_SIDE_PX) + 0.5) * view.sum(dim=0),
        (torch.arange(SAMPLE_SIDE_PX) + 0.5) * view.sum(dim=1),
    )
    assert label == 4
    assert float(across.sum() / view.sum()) == pytest.approx(x, abs=0.09)
    assert float(down.sum() / view.sum()) == pytest.approx(y, abs=0.09)
    assert float(view.sum()) == pytest.approx(width * height, rel=0.02)


def test_an_epoch_depends_on_the_generator_alone(tiles: list[Tile]) -> None:
    def epoch(seed: int) -> list[torch.Tensor]:
        return [images for images, _ in samples_of(tiles, 8, torch.Generator().manual_seed(seed))]

    assert all(map(torch.equal, epoch(1), epoch(1)))
    assert not all(map(torch.equal, epoch(1), epoch(2)))


# --- the loss


def perfect(loss: DetectionLoss, targets: torch.Tensor) -> torch.Tensor:
    """Return the outputs that agree exactly with the targets."""
    side = SAMPLE_SIDE_PX // 4
    outputs = torch.full((len(targets), DETECTOR_CHANNELS, side, side), -8.0)
    outputs[:, 0][loss._centres(outputs, targets)] = 8.0
    _, owner = loss._owned(outputs, targets, loss._peaks(outputs, targets))
    labels = targets[..., 0].clamp(0, NO_CHARACTER - 1).long()
    owned = torch.gather(labels, 1, owner.flatten(1)).view_as(owner)
    one_hot = torch.nn.functional.one_hot(owned, NO_CHARACTER)
    outputs[:, CLASSES] = 20.0 * one_hot.permute(0, 3, 1, 2)
    outputs[:, CLASSES.stop :] = loss._boxes(outputs, targets, owner)
    return outputs


def test_the_loss_of_a_perfect_answer_is_near_zero_and_it_is_right(tiles: list[Tile]) -> None:
    loss = DetectionLoss()
    images, targets = next(iter(samples_of(tiles, 24)))
    outputs = perfect(loss, targets)
    assert len(images) == 24
    assert loss(outputs, targets).item() < 1e-3
    assert loss.correct(outputs, targets).all()


def test_one_character_missed_misread_or_made_up_makes_a_tile_wrong(tiles: list[Tile]) -> None:
    loss = DetectionLoss()
    _, targets = next(iter(samples_of(tiles, 24)))
    outputs = perfect(loss, targets)
    readable = (targets[..., 0] >= 0) & (targets[..., 0] < UNREADABLE)
    number = int(readable.any(dim=1).nonzero()[0])
    place = int(readable[number].nonzero()[0])
    rows, columns = loss._cells(outputs, targets)
    row, column = int(rows[number, place]), int(columns[number, place])
    missed, misread, made_up = outputs.clone(), outputs.clone(), outputs.clone()
    missed[number, 0, row, column] = -8
    misread[number, CLASSES, row, column] = misread[number, CLASSES, row, column].roll(1)
    empty = loss._peaks(outputs, targets)[number].amax(dim=0) == 0
    empty &= ~loss._ignored(outputs, targets)[number]
    made_up[number, 0, *empty.nonzero()[len(empty.nonzero()) // 2].tolist()] = 8
    for wrong in (missed, misread, made_up):
        assert not loss.correct(wrong, targets)[number]
        assert loss(wrong, targets) > loss(outputs, targets)


def test_a_small_digit_counts_as_much_as_a_large_one() -> None:
    loss = DetectionLoss()
    targets = torch.tensor(
        [[[3.0, 40, 60, 50, 75], [5, 96.0, 100.0, 9, 9]]]
    )  # the second lies on a corner of four cells
    outputs, costs = perfect(loss, targets), []
    for digit in (3, 5):
        wrong = outputs.clone()
        cells = wrong[:, 1 + digit] > 1
        wrong[:, 1 + digit][cells], wrong[:, 1][cells] = 0, 20
        costs.append(loss(wrong, targets).item())
    assert loss(outputs, targets).item() < 1e-3
    assert costs == pytest.approx([10, 10], rel=0.01)  # 20 of two digits' mean


def test_targets_are_what_the_detector_decodes(tiles: list[Tile]) -> None:
    _, targets = next(iter(samples_of(tiles, 24)))
    outputs = perfect(DetectionLoss(), targets)
    for number in range(24):
        detections = detector.decode_maps(outputs[number].numpy())
        expected = targets[number][
            (targets[number, :, 0] >= 0) & (targets[number, :, 0] < UNREADABLE)
        ].numpy()
        assert len(detections) == len(expected)
        if not len(expected):
            continue
        middles, sides = (
            (detections.boxes[:, :2] + detections.boxes[:, 2:]) / 2,
            detections.boxes[:, 2:] - detections.boxes[:, :2],
        )
        answers = np.concatenate(
            [detections.class_logits.argmax(axis=1)[:, None], middles, sides], axis=1
        )
        nearest = np.linalg.norm(middles[None] - expected[:, None, 1:3], axis=2).argmin(axis=1)
        assert answers[nearest] == pytest.approx(expected, abs=0.05)


def test_the_detector_takes_pages_of_any_size_and_light_makes_little_difference() -> None:
    torch.manual_seed(0)
    model = create_model("detector").eval()
    page, other = torch.rand(2, 1, 96, 208).split(1)
    light = torch.linspace(0.5, 1.0, 208)
    with torch.no_grad():
        maps, shaded, another = model(page), model(page * light), model(other)
    assert maps.shape == (1, DETECTOR_CHANNELS, 24, 52)
    assert (maps - shaded).square().mean() < 0.1 * (maps - another).square().mean()
