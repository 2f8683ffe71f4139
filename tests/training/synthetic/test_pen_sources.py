"""Digits of pen trajectories: one writer a line, in crops and tiles."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.errors import DataError
from numeye.io import pendigits
from numeye.io.pendigits import Trajectory, parse
from numeye.training.synthetic import disk_cache, fonts, generators
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.distance_fields import DistanceFields
from numeye.training.synthetic.glyph_sources import PenSource, draw_trajectory, group_by_writer
from numeye.training.synthetic.page_tiles import PageGenerator
from numeye.training.synthetic.parameters import PageRanges, Ranges
from numeye.training.synthetic.specs import PoolSpec, TileSpec
from tests.io.unipen_samples import few_digits, unipen

PENS = group_by_writer(parse(few_digits(3), "few digits"))


@pytest.fixture
def crop_generator() -> CropGenerator:
    unused = DistanceFields(
        edge=np.zeros((1, 56, 56), np.uint8), skeleton=None, labels=np.zeros(1, np.int64)
    )
    return CropGenerator(digits=unused, pens=PENS, ranges=Ranges(trajectories=1.0, pens=0, fonts=0))


def test_each_writer_has_a_source_with_all_of_his_digits() -> None:
    assert [len(source.trajectories) for source in PENS] == [10, 10, 10]
    assert [{item.writer for item in source.trajectories} for source in PENS] == [{1}, {2}, {3}]


@given(digit=st.integers(0, 9), seed=st.integers(0, 100))
def test_a_source_gives_the_digit_that_is_asked_for_by_its_skeleton(digit: int, seed: int) -> None:
    field = PENS[0].sample_field(np.random.default_rng(seed), digit)
    assert (field.label, field.is_skeleton) == (digit, True)
    assert field.distances.shape == (56, 56)
    assert field.distances.dtype == np.float32


def test_without_a_digit_any_is_given_and_without_the_digit_another() -> None:
    rng = np.random.default_rng(0)
    assert {PENS[1].sample_field(rng).label for _ in range(200)} == set(range(10))
    only_ones = PenSource(parse(unipen([(1, 1, [[(0, 0), (5, 90)]])]), "text"))
    assert only_ones.sample_field(rng, 7).label == 1


@given(
    x=st.integers(-300, 300),
    y=st.integers(-300, 300),
    scale=st.floats(0.3, 3),
    seed=st.integers(0, 20),
)
def test_place_and_size_on_the_tablet_do_not_matter(
    x: int, y: int, scale: float, seed: int
) -> None:
    trajectory = PENS[2].trajectories[7]
    moved = Trajectory(
        trajectory.digit,
        trajectory.writer,
        tuple(
            (stroke * np.float32(scale) + np.array([x, y], np.float32))
            for stroke in trajectory.strokes
        ),
    )
    fields = [draw_trajectory(item, np.random.default_rng(seed)) for item in (trajectory, moved)]
    assert np.abs(fields[0] - fields[1]).mean() < 0.4


def test_the_drawing_follows_the_pen() -> None:
    (bar,) = parse(unipen([(1, 1, [[(250, 100), (250, 400)]])]), "text")
    field = draw_trajectory(bar, np.random.default_rng(0))
    assert (field[8:48, 27:29] < 1).all()
    assert field[28, 8] == pytest.approx(20, abs=1.5)
    dot = Trajectory(1, 1, (np.array([[3, 4]], np.float32),))
    assert draw_trajectory(dot, np.random.default_rng(0)).min() < 1


def test_crops_and_tiles_show_the_digits_of_pens(crop_generator: CropGenerator) -> None:
    labels = {crop_generator.sample_digit_field(np.random.default_rng(n)).label for n in range(99)}
    assert labels == set(range(10))
    pages = PageGenerator(
        crop_generator=crop_generator,
        ranges=PageRanges(trajectories=1.0, printed=0.0, written=0.0, pens=0.0, empty=0.0),
    )
    tile = pages.tile(0, 3)
    assert len(tile.labels)
    assert (pages.tile(0, 3).picture == tile.picture).all()


def test_without_pens_nothing_changes(crop_generator: CropGenerator) -> None:
    without = replace(crop_generator, pens=(), ranges=Ranges(pens=1.0, fonts=0.0))
    with_pens = replace(without, pens=PENS)
    assert (without.crop(0, 1).picture == with_pens.crop(0, 1).picture).all()
    excluded = crop_generator.exclude("pens")
    assert excluded.sample_digit_field(np.random.default_rng(0)).label == 0  # of the unused digits


# --- pools


def test_a_pool_with_pens_or_by_writers_has_a_folder_of_its_own() -> None:
    names = {
        spec(split="fit", writers=writers, pendigits=pens).name
        for spec in (PoolSpec, TileSpec)
        for writers in (False, True)
        for pens in (False, True)
    }
    assert len(names) == 8


def test_a_recipe_that_needs_pendigits_says_how_to_get_it_or_do_without(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts, "fetch", lambda *_, **__: None)
    monkeypatch.setattr(pendigits, "ADDRESS", "http://127.0.0.1:1/")
    for spec, open_rows in (
        (PoolSpec(split="fit", pendigits=True), disk_cache.open_pool),
        (TileSpec(split="fit", pendigits=True), disk_cache.open_tiles),
    ):
        with pytest.raises(DataError, match=r"--from DIR`.*--no-pendigits.*pendigits = false"):
            open_rows(spec, 10, tmp_path)  # type: ignore[operator]


def test_only_the_part_train_is_drawn_and_only_to_learn_from(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parts: list[str] = []

    def load(part: str, _: object) -> tuple[Trajectory, ...]:
        parts.append(part)
        return parse(few_digits(2), "few digits")

    empty = DistanceFields(
        edge=np.zeros((1, 56, 56), np.uint8), skeleton=None, labels=np.zeros(1, np.int64)
    )
    monkeypatch.setattr(generators, "load_trajectories", load)
    monkeypatch.setattr(generators, "load_mnist_fields", lambda *_, **__: empty)
    monkeypatch.setattr(generators, "load_glyph_fields", lambda *_: (None, None, None))
    cache = str(tmp_path)
    fit = generators.make_crop_generator(PoolSpec(split="fit", pendigits=True), cache)
    assert (len(fit.pens), parts) == (2, ["train"])
    validation = generators.make_crop_generator(PoolSpec(split="validation", pendigits=True), cache)
    without = generators.make_crop_generator(PoolSpec(split="fit"), cache)
    assert (validation.pens, without.pens, parts) == ((), (), ["train"])
