"""Synthetic paper: pens, fields, crops, pools and views."""

from __future__ import annotations

import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.errors import DataError, UsageError
from numeye.training import views
from numeye.training.paper import fonts, ink, marks, optics, pen, things
from numeye.training.paper.crop import NO_DIGIT, Crop, Paper, agreement
from numeye.training.paper.pool import Pool, PoolSpec, crop_type
from numeye.training.paper.ranges import FAMILIES, Ranges


@pytest.fixture(scope="module")
def paper(train_images: np.ndarray, train_labels: np.ndarray) -> Paper:
    """Of 100 training digits, without fonts."""
    made = ink._make(train_images[:100])
    return Paper(digits=ink.Fields(edge=made[0], line=made[1], labels=train_labels[:100]))


def crops(paper: Paper, count: int, seed: int = 0) -> list[Crop]:
    return [paper.crop(seed, number) for number in range(count)]


def pool_of(found: list[Crop]) -> Pool:
    part = np.empty(len(found), crop_type(len(found[0].picture)))
    for number, crop in enumerate(found):
        part[number] = (crop.picture, crop.label, crop.box)
    return Pool([part])


# --- pens and fields ---------------------------------------------------------------------------------------------


def test_every_digit_has_its_forms_and_regional_ones_are_among_them() -> None:
    assert sorted(pen.FORMS) == list(range(10))
    assert all(len(forms) >= 3 for forms in pen.FORMS.values())
    assert max(len(form) for form in pen.FORMS[7]) > 1  # crossed
    assert max(len(form) for form in pen.FORMS[1]) > 1  # with a foot


@pytest.mark.parametrize("digit", range(10))
def test_a_drawn_digit_is_44_pixels_long_and_in_the_middle(digit: int) -> None:
    field = pen.draw_digit(digit, np.random.default_rng(digit))
    rows, columns = np.nonzero(field < 1)
    assert 40 <= max(np.ptp(rows), np.ptp(columns)) <= 46
    assert abs((rows.min() + rows.max()) / 2 - 27.5) < 1.5
    assert abs((columns.min() + columns.max()) / 2 - 27.5) < 1.5


def test_a_bar_is_thinned_to_a_line() -> None:
    mask = np.zeros((1, 56, 56), bool)
    mask[0, 10:46, 24:33] = True
    line = ink.skeletons(mask)[0]
    assert line[14:42].sum(axis=1).max() == 1
    assert set(np.nonzero(line[20:36])[1]) <= {27, 28, 29}


@settings(max_examples=20)
@given(st.integers(0, 99))
def test_thinning_leaves_lines_inside_the_digit_that_a_second_thinning_keeps(number: int) -> None:
    from numeye import mnist

    image = mnist.load("train")[0][number]
    mask = np.kron(image > 127, np.ones((2, 2), bool))[None]
    line = ink.skeletons(mask)
    assert line.any()
    assert not (line & ~mask).any()
    assert (ink.skeletons(line) == line).all()


def test_a_field_survives_packing_to_an_eighth_of_a_pixel() -> None:
    field = np.linspace(-8, 23, 56 * 56, dtype=np.float32).reshape(56, 56)
    assert np.abs(ink.unpack(ink.pack(field)) - field).max() <= 1 / 16 + 1e-6


def test_an_edge_field_is_negative_inside() -> None:
    mask = np.zeros((56, 56), np.uint8)
    mask[20:36, 20:36] = 255
    field = ink.edge_field(mask)
    assert field[28, 28] < -5
    assert field[28, 5] > 10
    assert abs(field[28, 19] + field[28, 20]) < 0.01  # nought between the two


# --- crops -------------------------------------------------------------------------------------------------------


def test_a_crop_hangs_on_seed_and_number_alone(paper: Paper) -> None:
    first = paper.crop(3, 17)
    for number in range(5):
        paper.crop(3, number)
    again, other, elsewhere = paper.crop(3, 17), paper.crop(3, 18), paper.crop(4, 17)
    assert (first.picture == again.picture).all()
    assert (first.label, first.box) == (again.label, again.box)
    assert (first.picture != other.picture).any()
    assert (first.picture != elsewhere.picture).any()


def test_crops_are_all_digits_and_a_quarter_none(paper: Paper) -> None:
    labels = np.array([crop.label for crop in crops(paper, 600)])
    assert set(labels.tolist()) == set(range(11))
    assert 0.17 < (labels == NO_DIGIT).mean() < 0.29


def test_boxes_lie_on_the_crop_and_hold_the_ink(paper: Paper) -> None:
    plain = paper.leaving_out("surroundings", "light", "optics", "no digit", "fill")
    for crop in crops(plain, 100):
        left, top, right, bottom = crop.box
        assert 0 <= left < right <= 48
        assert 0 <= top < bottom <= 48
        grey = crop.picture.astype(int)
        apart = np.abs(grey - np.bincount(crop.picture.ravel()).argmax())  # from the paper
        outside = apart.copy()
        outside[int(top) : int(bottom), int(left) : int(right)] = 0
        assert outside.sum() <= 0.1 * apart.sum()


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_of_effects_can_be_left_out(paper: Paper, family: str) -> None:
    without = paper.leaving_out(family)
    made = crops(without, 40)
    assert all(crop.picture.shape == (48, 48) for crop in made)
    if family == "no digit":
        assert all(crop.label < NO_DIGIT for crop in made)
    if family != "fonts":  # this paper has none
        assert any((a.picture != b.picture).any() for a, b in zip(made, crops(paper, 40), strict=True))


def test_an_unknown_family_is_refused_in_one_line(paper: Paper) -> None:
    with pytest.raises(UsageError, match="no family of effects 'rain'; there are pens, fonts"):
        paper.leaving_out("rain")


@pytest.mark.parametrize(
    "effect",
    [
        optics.gradient, optics.shadow, optics.texture, optics.security_pattern, optics.blur, optics.motion_blur,
        optics.low_resolution, optics.jpeg, optics.noise, optics.vignette, optics.gamma, optics.low_contrast,
        optics.binarise,
    ],
)  # fmt: skip
def test_every_effect_changes_a_picture_and_keeps_it_one(effect: object) -> None:
    random = np.random.default_rng(0)
    picture = np.full((48, 48), 0.8, np.float32)
    picture[10:40, 22:27] = 0.2
    changed = effect(picture.copy(), random)  # type: ignore[operator]
    assert changed.shape == (48, 48)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed - picture).max() > 0.01
    assert np.clip(changed, 0, 1)[12:38, 23:26].mean() < np.clip(changed, 0, 1)[:, :15].mean()  # ink stays ink


@pytest.mark.parametrize("draw", [marks.ruled, marks.grid, marks.frame, marks.underline, marks.dots])
def test_marks_draw_something_but_not_everything(draw: object) -> None:
    drawn = []
    for seed in range(10):
        canvas = np.zeros((48, 48), np.uint8)
        draw(canvas, (15.0, 10.0, 30.0, 36.0), np.random.default_rng(seed))  # type: ignore[operator]
        drawn.append((canvas > 0).mean())
    assert 0 < np.mean(drawn) < 0.6


@pytest.mark.parametrize("polarity", [1, -1])
def test_a_digit_agrees_with_its_own_picture_and_not_with_noise(polarity: int) -> None:
    ink = np.zeros((48, 48), np.float32)
    ink[10:40, 22:27] = 1
    box = (22.0, 10.0, 27.0, 40.0)
    assert agreement(0.5 + polarity * 0.02 * ink, ink, box) > 0.99  # however faint
    assert agreement(np.random.default_rng(0).random((48, 48), np.float32), ink, box) < 0.3
    assert agreement(np.full((48, 48), 0.5, np.float32), ink, box) < 0.01


def test_where_every_photograph_loses_the_digit_the_last_one_is_plain(paper: Paper, monkeypatch: Any) -> None:
    def lost(picture: np.ndarray, random: np.random.Generator) -> np.ndarray:
        return random.random(picture.shape, np.float32)

    monkeypatch.setattr(optics, "noise", lost)
    drowned = replace(paper.leaving_out("no digit"), ranges=Ranges(noise=1.0, plain=0.0, binarise=0.0, jpeg=0.0))
    for crop in crops(drowned, 40):
        assert len(np.unique(crop.picture)) < 250 or np.ptp(crop.picture) > 100
        border = np.concatenate([crop.picture[0], crop.picture[-1]])
        assert np.median(np.abs(border.astype(int) - int(np.median(border)))) < 5  # paper, not noise


def test_tiny_digits_are_there_to_be_found(paper: Paper) -> None:
    tiny = replace(paper.leaving_out("no digit"), ranges=Ranges(tiny=1.0))
    found = crops(tiny, 60)
    longer = [max(right - left, bottom - top) for left, top, right, bottom in (crop.box for crop in found)]
    assert np.median(longer) < views.NEAR
    _, targets = next(iter(views.Views(pool_of(found), 60)))
    seen = targets[:, 3:].amax(dim=1).numpy()[np.array(longer) < views.NEAR]
    assert seen.max() < 0.35  # never from close by


@pytest.mark.parametrize(
    "make", [things.polygons, things.silhouette, things.surface, things.cloud, things.static, things.scene]
)
def test_things_have_many_forms_and_stay_pictures(make: Any) -> None:
    made = [make(48, np.random.default_rng(seed)) for seed in range(20)]
    for drawn in made:
        assert drawn.shape == (48, 48)
        assert drawn.dtype == np.float32
        assert 0 <= drawn.min() <= drawn.max() <= 1.5  # laid on paper, it is cut off there
    assert len({one.tobytes() for one in made}) == 20
    assert np.mean([one.std() for one in made]) > 0.05


# --- views -------------------------------------------------------------------------------------------------------


def test_views_hang_on_the_generators_state_alone(paper: Paper) -> None:
    pool = pool_of(crops(paper, 60))
    generator = torch.Generator()

    def epoch(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        generator.manual_seed(seed)
        return list(views.Views(pool, 20, generator))

    first, again, other = epoch(1), epoch(1), epoch(2)
    assert len(first) == 3
    assert first[0][0].shape == (20, 1, 40, 40)
    assert all(torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(first, again, strict=True))
    assert not torch.equal(first[0][0], other[0][0])
    every = torch.cat([targets[:, 0] for _, targets in first]).sort().values
    assert every.tolist() == sorted(pool.labels.tolist())  # each crop once


def test_validation_views_are_always_the_same_and_leave_none_out(paper: Paper) -> None:
    held = views.Views(pool_of(crops(paper, 25)), 10)
    assert [len(images) for images, _ in held] == [10, 10, 5]
    assert len(held) == 3
    assert all(torch.equal(a[0], b[0]) for a, b in zip(held, held, strict=True))


def test_the_target_box_is_where_the_digit_is_in_the_view(paper: Paper) -> None:
    plain = paper.leaving_out("surroundings", "light", "optics", "no digit", "fill")
    pool = pool_of([crop for crop in crops(plain, 150) if min(crop.box[:2]) > 4 and max(crop.box[2:]) < 44])
    images, targets = next(iter(views.Views(pool, len(pool))))
    for image, (_, x, y, width, height) in zip(images[:, 0].numpy(), targets.numpy(), strict=True):
        paper_level = np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]))
        apart = np.abs(image - paper_level)
        left, right, top, bottom = ((c + s * e / 2) * 40 for c, e in ((x, width), (y, height)) for s in (-1, 1))
        outside = apart.copy()
        outside[max(0, int(top - 1)) : int(bottom + 2), max(0, int(left - 1)) : int(right + 2)] = 0
        assert outside.sum() <= 0.1 * apart.sum()


def test_digits_of_fonts_are_printed_ones_and_hands_as_the_ranges_say(paper: Paper) -> None:
    printed, hand = (paper.digits.some(np.flatnonzero(paper.digits.labels == one)) for one in (3, 7))
    for share in (0.0, 0.3, 1.0):
        ranges = Ranges(pens=0.0, fonts=1.0, printed=share, no_digit=0.0)
        made = replace(paper, printed=printed, written=hand, ranges=ranges)
        labels = [made._source(np.random.default_rng(seed))[1] for seed in range(200)]
        assert set(labels) <= {3, 7}
        assert labels.count(3) / 200 == pytest.approx(share, abs=0.1)


# --- pools and fonts ---------------------------------------------------------------------------------------------


def test_the_name_of_a_pool_tells_all_that_decides_its_pixels() -> None:
    names = {
        PoolSpec(split="fit").name,
        PoolSpec(split="validation").name,
        PoolSpec(split="fit", seed=1).name,
        PoolSpec(split="fit", size=64).name,
        PoolSpec(split="fit", without=("pens",)).name,
    }
    assert len(names) == 5
    assert PoolSpec(split="fit").name in names


def test_fonts_are_all_licensed_and_none_is_in_both_parts() -> None:
    table = fonts.list_fonts()
    assert {font.licence for font in table} <= {"OFL-1.1", "Apache-2.0"}
    assert {font.part for font in table} == {"train", "held-out"}
    assert len({font.name for font in table}) == len(table)
    for part in ("train", "held-out"):
        assert {font.kind for font in table if font.part == part} == {"hand", "print"}


def test_without_npm_one_line_says_what_is_missing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DataError, match="npm, which fetches them, is not on the PATH"):
        fonts.fetch(tmp_path)


def test_a_missing_or_damaged_font_is_told(tmp_path: Path) -> None:
    font = fonts.list_fonts()[0]
    assert fonts.status(tmp_path)[font.name] == "missing"
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / font.file).write_bytes(b"no font")
    assert fonts.status(tmp_path)[font.name] == "damaged"
    with pytest.raises(DataError, match="missing or damaged"):
        fonts.load_glyphs("held-out", tmp_path)
