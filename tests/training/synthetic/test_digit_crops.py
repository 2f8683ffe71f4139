"""Synthetic crops: strokes, distance fields, augmentations, pools, samples and fonts."""

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
from numeye.models.probabilities import NO_DIGIT
from numeye.training.synthetic import camera, distance_fields, fonts, strokes
from numeye.training.synthetic.digit_crops import Crop, CropGenerator, agreement
from numeye.training.synthetic.disk_cache import Pool
from numeye.training.synthetic.marks import distractors, ruled_lines
from numeye.training.synthetic.parameters import FAMILIES, Ranges
from numeye.training.synthetic.specs import PoolSpec, crop_dtype
from numeye.training.tasks import crop_samples


@pytest.fixture(scope="module")
def crop_generator(train_images: np.ndarray, train_labels: np.ndarray) -> CropGenerator:
    """Return a generator with 100 training digits, without fonts."""
    edges, skeletons = distance_fields.compute_fields(train_images[:100])
    return CropGenerator(
        digits=distance_fields.DistanceFields(
            edge=edges, skeleton=skeletons, labels=train_labels[:100]
        )
    )


def crops(crop_generator: CropGenerator, count: int, seed: int = 0) -> list[Crop]:
    return [crop_generator.crop(seed, number) for number in range(count)]


def pool_of(samples: list[Crop]) -> Pool:
    part = np.empty(len(samples), crop_dtype(len(samples[0].picture)))
    for number, crop in enumerate(samples):
        part[number] = (crop.picture, crop.label, crop.box)
    return Pool([part])


# --- strokes and distance fields


def test_every_digit_has_its_forms_and_regional_ones_are_among_them() -> None:
    assert sorted(strokes.DIGIT_FORMS) == list(range(10))
    assert all(len(forms) >= 3 for forms in strokes.DIGIT_FORMS.values())
    assert max(len(form) for form in strokes.DIGIT_FORMS[7]) > 1  # crossed
    assert max(len(form) for form in strokes.DIGIT_FORMS[1]) > 1  # with a foot


@pytest.mark.parametrize("digit", range(10))
def test_a_drawn_digit_is_44_pixels_long_and_in_the_middle(digit: int) -> None:
    field = strokes.draw_digit(digit, np.random.default_rng(digit))
    rows, columns = np.nonzero(field < 1)
    assert 40 <= max(np.ptp(rows), np.ptp(columns)) <= 46
    assert abs((rows.min() + rows.max()) / 2 - 27.5) < 1.5
    assert abs((columns.min() + columns.max()) / 2 - 27.5) < 1.5


def test_a_bar_is_thinned_to_a_line() -> None:
    mask = np.zeros((1, 56, 56), bool)
    mask[0, 10:46, 24:33] = True
    skeleton = distance_fields.skeletons(mask)[0]
    assert skeleton[14:42].sum(axis=1).max() == 1
    assert set(np.nonzero(skeleton[20:36])[1]) <= {27, 28, 29}


@settings(max_examples=20)
@given(st.integers(0, 99))
def test_thinning_leaves_lines_inside_the_digit_that_a_second_thinning_keeps(number: int) -> None:
    from numeye.io import mnist

    image = mnist.load("train")[0][number]
    mask = np.kron(image > 127, np.ones((2, 2), bool))[None]
    skeleton = distance_fields.skeletons(mask)
    assert skeleton.any()
    assert not (skeleton & ~mask).any()
    assert (distance_fields.skeletons(skeleton) == skeleton).all()


def test_a_field_survives_packing_to_an_eighth_of_a_pixel() -> None:
    field = np.linspace(-8, 23, 56 * 56, dtype=np.float32).reshape(56, 56)
    assert (
        np.abs(distance_fields.decode_field(distance_fields.encode_field(field)) - field).max()
        <= 1 / 16 + 1e-6
    )


def test_an_edge_field_is_negative_inside() -> None:
    mask = np.zeros((56, 56), np.uint8)
    mask[20:36, 20:36] = 255
    field = distance_fields.edge_field(mask)
    assert field[28, 28] < -5
    assert field[28, 5] > 10
    assert abs(field[28, 19] + field[28, 20]) < 0.01  # zero between the two


# --- crops


def test_a_crop_depends_on_seed_and_number_alone(crop_generator: CropGenerator) -> None:
    first = crop_generator.crop(3, 17)
    for number in range(5):
        crop_generator.crop(3, number)
    again, other, elsewhere = (
        crop_generator.crop(3, 17),
        crop_generator.crop(3, 18),
        crop_generator.crop(4, 17),
    )
    assert (first.picture == again.picture).all()
    assert (first.label, first.box) == (again.label, again.box)
    assert (first.picture != other.picture).any()
    assert (first.picture != elsewhere.picture).any()


def test_crops_are_all_digits_and_a_quarter_none(crop_generator: CropGenerator) -> None:
    labels = np.array([crop.label for crop in crops(crop_generator, 600)])
    assert set(labels.tolist()) == set(range(11))
    assert 0.17 < (labels == NO_DIGIT).mean() < 0.29


def test_boxes_lie_on_the_crop_and_hold_the_digit(crop_generator: CropGenerator) -> None:
    plain = crop_generator.exclude("surroundings", "light", "optics", "no digit", "fill")
    for crop in crops(plain, 100):
        left, top, right, bottom = crop.box
        assert 0 <= left < right <= 48
        assert 0 <= top < bottom <= 48
        grey = crop.picture.astype(int)
        difference = np.abs(
            grey - np.bincount(crop.picture.ravel()).argmax()
        )  # difference from the paper
        outside = difference.copy()
        outside[int(top) : int(bottom), int(left) : int(right)] = 0
        assert outside.sum() <= 0.1 * difference.sum()


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_of_augmentations_can_be_left_out(
    crop_generator: CropGenerator, family: str
) -> None:
    without = crop_generator.exclude(family)
    generated = crops(without, 40)
    assert all(crop.picture.shape == (48, 48) for crop in generated)
    if family == "no digit":
        assert all(crop.label < NO_DIGIT for crop in generated)
    if family != "fonts":  # this generator has none
        assert any(
            (a.picture != b.picture).any()
            for a, b in zip(generated, crops(crop_generator, 40), strict=True)
        )


def test_an_unknown_family_is_an_error_that_lists_the_known_ones(
    crop_generator: CropGenerator,
) -> None:
    with pytest.raises(
        UsageError, match="there is no family of augmentations 'rain'; use one of pens, fonts"
    ):
        crop_generator.exclude("rain")


@pytest.mark.parametrize(
    "effect",
    [
        camera.add_gradient,
        camera.add_shadow,
        camera.add_texture,
        camera.add_security_pattern,
        camera.blur,
        camera.blur_by_motion,
        camera.reduce_resolution,
        camera.compress_jpeg,
        camera.add_noise,
        camera.add_vignette,
        camera.apply_gamma,
        camera.reduce_contrast,
        camera.binarise,
    ],
)
def test_every_augmentation_changes_a_picture_and_keeps_its_digit_darker(effect: object) -> None:
    rng = np.random.default_rng(0)
    picture = np.full((48, 48), 0.8, np.float32)
    picture[10:40, 22:27] = 0.2
    changed = effect(picture.copy(), rng)  # type: ignore[operator]
    assert changed.shape == (48, 48)
    assert changed.dtype == np.float32
    assert np.isfinite(changed).all()
    assert np.abs(changed - picture).max() > 0.01
    # the digit stays darker than the paper
    assert np.clip(changed, 0, 1)[12:38, 23:26].mean() < np.clip(changed, 0, 1)[:, :15].mean()


@pytest.mark.parametrize(
    "draw",
    [
        ruled_lines.draw_ruled_lines,
        ruled_lines.draw_grid,
        ruled_lines.draw_frame,
        ruled_lines.draw_underline,
        ruled_lines.draw_dots,
    ],
)
def test_lines_cover_some_pixels_but_not_most(draw: object) -> None:
    drawn = []
    for seed in range(10):
        canvas = np.zeros((48, 48), np.uint8)
        draw(canvas, (15.0, 10.0, 30.0, 36.0), np.random.default_rng(seed))  # type: ignore[operator]
        drawn.append((canvas > 0).mean())
    assert 0 < np.mean(drawn) < 0.6


@pytest.mark.parametrize("polarity", [1, -1])
def test_a_digit_agrees_with_its_own_picture_and_not_with_noise(polarity: int) -> None:
    drawing = np.zeros((48, 48), np.float32)
    drawing[10:40, 22:27] = 1
    box = (22.0, 10.0, 27.0, 40.0)
    assert agreement(0.5 + polarity * 0.02 * drawing, drawing, box) > 0.99  # however faint
    assert agreement(np.random.default_rng(0).random((48, 48), np.float32), drawing, box) < 0.3
    assert agreement(np.full((48, 48), 0.5, np.float32), drawing, box) < 0.01


def test_where_every_photograph_loses_the_digit_the_last_one_is_plain(
    crop_generator: CropGenerator, monkeypatch: Any
) -> None:
    def lost(picture: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        return rng.random(picture.shape, np.float32)

    monkeypatch.setattr(camera, "add_noise", lost)
    drowned = replace(
        crop_generator.exclude("no digit"),
        ranges=Ranges(noise=1.0, plain=0.0, binarise=0.0, jpeg=0.0),
    )
    for crop in crops(drowned, 40):
        assert len(np.unique(crop.picture)) < 250 or np.ptp(crop.picture) > 100
        border = np.concatenate([crop.picture[0], crop.picture[-1]])
        # paper, not noise
        assert np.median(np.abs(border.astype(int) - int(np.median(border)))) < 5


def test_tiny_digits_are_shown_from_a_distance_only(crop_generator: CropGenerator) -> None:
    tiny = replace(crop_generator.exclude("no digit"), ranges=Ranges(tiny=1.0))
    samples = crops(tiny, 60)
    longer = [
        max(right - left, bottom - top)
        for left, top, right, bottom in (crop.box for crop in samples)
    ]
    assert np.median(longer) < crop_samples.MIN_CLOSE_DIGIT_PX
    _, targets = next(iter(crop_samples.CropSamples(pool_of(samples), 60)))
    seen = targets[:, 3:].amax(dim=1).numpy()[np.array(longer) < crop_samples.MIN_CLOSE_DIGIT_PX]
    assert seen.max() < 0.35  # never from close by


@pytest.mark.parametrize(
    "make",
    [
        distractors.draw_polygons,
        distractors.draw_silhouette,
        distractors.draw_surface,
        distractors.draw_cloud,
        distractors.draw_noise,
        distractors.draw_scene,
    ],
)
def test_distractors_differ_and_are_drawings(make: Any) -> None:
    generated = [make(48, np.random.default_rng(seed)) for seed in range(20)]
    for drawn in generated:
        assert drawn.shape == (48, 48)
        assert drawn.dtype == np.float32
        assert 0 <= drawn.min() <= drawn.max() <= 1.5  # `photograph` clips it
    assert len({drawing.tobytes() for drawing in generated}) == 20
    assert np.mean([drawing.std() for drawing in generated]) > 0.05


# --- samples


def test_samples_depend_on_the_generators_state_alone(crop_generator: CropGenerator) -> None:
    pool = pool_of(crops(crop_generator, 60))
    generator = torch.Generator()

    def epoch(seed: int) -> list[tuple[torch.Tensor, torch.Tensor]]:
        generator.manual_seed(seed)
        return list(crop_samples.CropSamples(pool, 20, generator))

    first, again, other = epoch(1), epoch(1), epoch(2)
    assert len(first) == 3
    assert first[0][0].shape == (20, 1, 40, 40)
    assert all(
        torch.equal(a, c) and torch.equal(b, d) for (a, b), (c, d) in zip(first, again, strict=True)
    )
    assert not torch.equal(first[0][0], other[0][0])
    every = torch.cat([targets[:, 0] for _, targets in first]).sort().values
    assert every.tolist() == sorted(pool.labels.tolist())  # each crop once


def test_validation_samples_are_always_the_same_and_complete(
    crop_generator: CropGenerator,
) -> None:
    held = crop_samples.CropSamples(pool_of(crops(crop_generator, 25)), 10)
    assert [len(images) for images, _ in held] == [10, 10, 5]
    assert len(held) == 3
    assert all(torch.equal(a[0], b[0]) for a, b in zip(held, held, strict=True))


def test_the_target_box_is_where_the_digit_is_in_the_sample(crop_generator: CropGenerator) -> None:
    plain = crop_generator.exclude("surroundings", "light", "optics", "no digit", "fill")
    pool = pool_of(
        [crop for crop in crops(plain, 150) if min(crop.box[:2]) > 4 and max(crop.box[2:]) < 44]
    )
    images, targets = next(iter(crop_samples.CropSamples(pool, len(pool))))
    for image, (_, x, y, width, height) in zip(images[:, 0].numpy(), targets.numpy(), strict=True):
        background = np.median(np.concatenate([image[0], image[-1], image[:, 0], image[:, -1]]))
        difference = np.abs(image - background)
        left, right, top, bottom = (
            (c + s * e / 2) * 40 for c, e in ((x, width), (y, height)) for s in (-1, 1)
        )
        outside = difference.copy()
        outside[max(0, int(top - 1)) : int(bottom + 2), max(0, int(left - 1)) : int(right + 2)] = 0
        assert outside.sum() <= 0.1 * difference.sum()


def test_the_share_of_printed_and_handwritten_fonts_is_that_of_the_ranges(
    crop_generator: CropGenerator,
) -> None:
    printed, handwritten = (
        crop_generator.digits.select(np.flatnonzero(crop_generator.digits.labels == digit))
        for digit in (3, 7)
    )
    for share in (0.0, 0.3, 1.0):
        ranges = Ranges(pens=0.0, fonts=1.0, printed=share, no_digit=0.0)
        generated = replace(crop_generator, printed=printed, written=handwritten, ranges=ranges)
        labels = [
            generated.sample_digit_field(np.random.default_rng(seed))[1] for seed in range(200)
        ]
        assert set(labels) <= {3, 7}
        assert labels.count(3) / 200 == pytest.approx(share, abs=0.1)


# --- pools and fonts


def test_the_name_of_a_pool_changes_with_all_that_decides_its_pixels() -> None:
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
        assert {font.kind for font in table if font.part == part} == {"handwritten", "printed"}


def test_without_npm_the_error_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shutil, "which", lambda _: None)
    with pytest.raises(DataError, match="npm is needed to fetch them, and is not on the PATH"):
        fonts.fetch(tmp_path)


def test_a_missing_or_damaged_font_is_reported(tmp_path: Path) -> None:
    font = fonts.list_fonts()[0]
    assert fonts.status(tmp_path)[font.name] == "missing"
    (tmp_path / "fonts").mkdir()
    (tmp_path / "fonts" / font.file).write_bytes(b"no font")
    assert fonts.status(tmp_path)[font.name] == "damaged"
    with pytest.raises(DataError, match="missing or damaged"):
        fonts.load_glyphs("held-out", tmp_path)
