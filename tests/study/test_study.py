from __future__ import annotations

import html.parser
import json
import math
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.errors import RunError, UsageError
from numeye.models import registry
from numeye.models.runtime import Network
from numeye.study import compare, report, workers
from numeye.study.experiments import (
    digits,
    failures,
    feature_visualization,
    hierarchy,
    packaged,
    structure,
    test_sets,
    tuning,
)
from numeye.study.experiments.corruptions import CORRUPTIONS, corrupt
from numeye.study.experiments.digits import Digits
from numeye.study.steps import FULL, Result, Step, Study

TINY = replace(
    FULL,
    name="tiny",
    train=300,
    test=200,
    held=100,
    search=100,
    tries=1,
    least=320,
    seeds=2,
    epochs=1,
    long=2,
    sizes=(10, 100),
    random=64,
    corrupted=40,
    displaced=20,
    attacked=4,
    embedded=80,
    folds=2,
)
Numeye = Callable[..., "object"]


@pytest.fixture(scope="session")
def mnist_digits(mnist_cache: Path) -> Digits:
    return digits.load("mnist", mnist_cache).first(60)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, mnist_cache: Path) -> Study:
    """Return a finished study of a few digits, with its report."""
    wild = tmp_path_factory.mktemp("wild")
    held_out = digits.load("mnist:validation", mnist_cache).first(30)
    np.savez(
        wild / "held.npz",
        images=np.rint(255 - held_out.pixels * 255).astype(np.uint8),
        labels=held_out.labels,
    )
    study = Study(tmp_path_factory.mktemp("study") / "tiny", TINY, cache=mnist_cache, wild=wild)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failures, "SQUARE_QUERIES", 5)
        patch.setattr(failures, "PGD_ITERATIONS", 3)
        patch.setattr(feature_visualization, "ASCENT_STEPS", 3)
        for step in in_order(compare.all_steps(study)):
            study.run(step)
    report.write(study, compare.all_steps(study))
    return study


def in_order(steps: list[Step]) -> list[Step]:
    """Return the steps, each after those that it needs."""
    ordered: dict[str, Step] = {}
    while len(ordered) < len(steps):
        ready = [
            step for step in steps if step.name not in ordered and set(step.needs) <= set(ordered)
        ]
        assert ready, "steps need each other, or a step that does not exist"
        ordered |= {step.name: step for step in ready}
    return list(ordered.values())


def test_each_digit_is_corrupted_by_random_numbers_of_its_own(mnist_digits: Digits) -> None:
    assert len(CORRUPTIONS) == 15
    for name in CORRUPTIONS:
        corrupted = corrupt(mnist_digits, name)
        assert corrupted.shape == (60, 28, 28)
        assert corrupted.dtype == np.uint8
        assert (corrupted != np.rint(mnist_digits.pixels * 255)).any(axis=(1, 2)).all(), name
        np.testing.assert_array_equal(corrupted[:5], corrupt(mnist_digits.first(5), name))


def test_corruptions_do_what_is_published(mnist_digits: Digits) -> None:
    dot = np.zeros((1, 28, 28), np.float32)
    dot[0, 14, 14] = 1
    dots = Digits(dot, np.array([0]))
    assert corrupt(dots, "brightness").min() == 128  # half of white, rounded up
    assert corrupt(dots, "brightness").max() == 255
    row, column = np.argwhere(corrupt(dots, "translate")[0]).mean(axis=0)
    assert (abs(row - 14), abs(column - 14)) == (3, 3)
    striped = corrupt(dots, "stripe")[0]
    assert striped[:, :7].min() == striped[:, 21:].min() == 255
    np.testing.assert_array_equal(striped[:, 7:21], dot[0, :, 7:21] * 255)
    salt = corrupt(
        Digits(np.full((200, 28, 28), 0.5, np.float32), np.zeros(200, np.int64)), "impulse_noise"
    )
    assert np.isin(salt, [0, 128, 255]).all()
    assert abs((salt != 128).mean() - 0.17) < 0.01
    width = [np.ptp(np.flatnonzero(p.sum(axis=0) > 60)) for p in corrupt(mnist_digits, "scale")]
    before = [np.ptp(np.flatnonzero(p.sum(axis=0) > 60 / 255)) for p in mnist_digits.pixels]
    assert np.mean(width) / np.mean(before) == pytest.approx(0.7, abs=0.08)
    assert set(np.unique(corrupt(mnist_digits, "canny_edges"))) == {0, 255}


@pytest.mark.parametrize(("kind", "amount"), [("shift", 0), ("turn", 0), ("size", 1.0)])
def test_no_displacement_changes_nothing(mnist_digits: Digits, kind: str, amount: float) -> None:
    same = test_sets.displace(mnist_digits.pixels, kind, amount)
    np.testing.assert_allclose(same, mnist_digits.pixels, atol=1e-6)


def test_displacement_moves_to_the_right_turns_and_grows() -> None:
    dot = np.zeros((1, 28, 28), np.float32)
    dot[0, 13:15, 20:22] = 1  # right of the middle

    def center(kind: str, amount: float) -> tuple[float, float]:
        moved = test_sets.displace(dot, kind, amount)[0]
        rows, columns = np.mgrid[0:28, 0:28]
        return float((moved * rows).sum() / moved.sum()), float(
            (moved * columns).sum() / moved.sum()
        )

    assert center("shift", 3) == pytest.approx((13.5, 23.5), abs=0.01)
    assert center("size", 0.5) == pytest.approx((13.5, 17), abs=0.2)
    row, column = center("turn", 90)
    assert column == pytest.approx(13.5, abs=0.1)
    assert abs(row - 13.5) == pytest.approx(7, abs=0.1)


def test_fewer_digits_are_the_first_of_more_and_evenly_spread(mnist_cache: Path) -> None:
    validation = digits.load("mnist:validation", mnist_cache)
    few, more = validation.sample(10, seed=3), validation.sample(500, seed=3)
    assert sorted(few.labels.tolist()) == list(range(10))
    assert set(np.bincount(more.labels)) == {50}
    np.testing.assert_array_equal(more.pixels[:10], few.pixels)
    assert not np.array_equal(validation.sample(10, seed=4).pixels, few.pixels)


def test_shuffled_pixels_are_the_same_pixels_in_one_other_order(mnist_digits: Digits) -> None:
    shuffled = structure.shuffle_pixels(mnist_digits, seed=1)
    np.testing.assert_array_equal(
        np.sort(shuffled.flat, axis=1), np.sort(mnist_digits.flat, axis=1)
    )
    order = np.random.default_rng(1).permutation(784)
    np.testing.assert_array_equal(shuffled.flat[7], mnist_digits.flat[7][order])


def test_the_packaged_reader_is_the_same_in_torch(mnist_digits: Digits) -> None:
    recognizer = packaged.TorchRecognizer()
    images = torch.from_numpy(mnist_digits.pixels)[:, None]
    larger = torch.nn.functional.interpolate(
        images, size=(40, 40), mode="bilinear", align_corners=False
    )
    logits = Network(registry.load(), 0)(larger[:, 0].numpy())[0]
    with torch.no_grad():
        np.testing.assert_allclose(recognizer(images).numpy(), logits[:, :10], atol=2e-3)


def test_the_packaged_reader_answers_as_numeye_read_does(mnist_digits: Digits) -> None:
    from numeye import Reader

    pictures = list(np.rint(mnist_digits.pixels * 255).astype(np.uint8))
    reader = Reader(single=True)
    read = [reader.read(picture).digits[0].digit for picture in pictures]
    np.testing.assert_array_equal(packaged.predict(pictures), read)
    assert packaged.predict([np.zeros((28, 28), np.uint8)]).tolist() == [-1]


def test_class_selectivity_at_its_ends() -> None:
    labels = np.repeat(np.arange(10), 5)
    one_digit, all_digits, silent = labels == 3, np.ones(50), np.zeros(50)
    selectivity = hierarchy.class_selectivity(
        np.stack([one_digit, all_digits, silent], axis=1).astype(np.float64), labels
    )
    assert selectivity[:2].tolist() == [1, 0]
    assert math.isnan(selectivity[2])


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_linear_cka_ignores_rotation_and_scale(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(30, 6))
    rotation, _ = np.linalg.qr(random.normal(size=(6, 6)))
    assert hierarchy.linear_cka(features, features @ rotation * scale + 2) == pytest.approx(1)
    assert hierarchy.linear_cka(features, random.normal(size=(30, 6))) < 0.9


def test_orientation_selectivity_at_its_ends() -> None:
    count = len(tuning.ANGLES_DEGREES)
    one_angle, all_angles = np.eye(count)[2], np.ones(count)
    selectivity = tuning.orientation_selectivity(np.stack([one_angle, all_angles]))
    np.testing.assert_allclose(selectivity, [1, 0], atol=1e-9)


def test_patches_are_receptive_fields() -> None:
    pictures = np.random.default_rng(0).random((9, 28, 28)).astype(np.float32)
    activations = np.zeros((9, 1, 14, 14), np.float32)
    activations[4, 0, 6, 3] = 5
    best = feature_visualization.top_patches(activations, pictures, "conv2")[0, 0]
    # The receptive field of position p is pixels 2p - 3 to 2p + 4.
    np.testing.assert_array_equal(best, pictures[4, 9:17, 3:11])


def count_up(name: str, study: Study) -> Result:
    """Run a step that logs its name, and adds 1 to the number of step `a`."""
    with (study.folder / "log.txt").open("a", encoding="utf-8") as file:
        file.write(name)
    if name == "b" and not (study.folder / "repaired").exists():
        raise RunError("b is broken")
    study.progress(f"{name} on {torch.get_num_threads()} thread")
    before = int(study["a"].arrays["x"][0]) if name != "a" else 0
    return Result({"name": name}, {"x": np.array([before + 1])})


@pytest.mark.slow
def test_a_stopped_study_continues(tmp_path: Path) -> None:
    """Steps run in other processes, each as soon as it can."""
    needs_of = {"c": ["b"], "b": ["a"], "a": []}
    steps = [Step(name, partial(count_up, name), needs) for name, needs in needs_of.items()]
    study = Study(tmp_path / "s", TINY)
    with pytest.raises(RunError, match="b is broken"):
        workers.run(study, steps, jobs=2)
    (tmp_path / "s" / "repaired").touch()
    messages: list[str] = []
    workers.run(Study(tmp_path / "s", TINY, progress=messages.append), steps, jobs=1)
    assert (tmp_path / "s" / "log.txt").read_text(encoding="utf-8") == "abbc"
    assert Study(tmp_path / "s", TINY)["c"].arrays["x"].tolist() == [2]
    assert [line for line in messages if "thread" in line] == ["b on 1 thread", "c on 1 thread"]
    assert [line.split()[0] for line in messages if line[0] == "["] == ["[2/3]", "[3/3]"]


def test_a_step_is_done_if_its_result_is_undamaged_and_up_to_date(tmp_path: Path) -> None:
    study, step = Study(tmp_path / "s", TINY), Step("a", partial(count_up, "a"))
    assert not study.is_done(step)
    study.run(step)
    assert study.is_done(step)
    assert not study.is_done(replace(step, version=2))
    (tmp_path / "s" / "steps" / "a.json").write_text('{"version"', encoding="utf-8")  # truncated
    assert not study.is_done(step)


def test_a_study_with_other_options_is_not_changed(tmp_path: Path) -> None:
    Study(tmp_path / "s", TINY)
    with pytest.raises(UsageError, match="another seed; choose another folder with --run"):
        Study(tmp_path / "s", TINY, seed=1)
    with pytest.raises(UsageError, match="another scale"):
        Study(tmp_path / "s", replace(TINY, train=301))
    with pytest.raises(RunError, match="run numeye compare to write it again"):
        Study(tmp_path / "s", TINY)["nothing"]
    (tmp_path / "s" / "study.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"study\.json: damaged"):
        Study(tmp_path / "s", TINY)


@pytest.mark.slow
def test_a_finished_study_has_a_report(tiny: Study) -> None:
    page = (tiny.folder / report.REPORT_FILE).read_text(encoding="utf-8")
    parser = Page()
    parser.feed(page)
    assert parser.open == []
    assert not parser.loads, "the report loads other files"
    assert parser.figures == parser.described >= 15
    assert len(list((tiny.folder / report.FIGURES_FOLDER).glob("*.svg"))) == parser.figures
    numbers = json.loads((tiny.folder / report.NUMBERS_FILE).read_text(encoding="utf-8"))
    assert len(numbers["findings"]) >= 15
    assert {finding["verdict"] for finding in numbers["findings"]} <= {
        "shown",
        "not shown",
        "in part",
    }
    assert not list((tiny.folder / "trainings").iterdir())
    table = numbers["A network of convolutions against traditional models"]
    assert len(table) == 8
    for row in table.values():  # an interval over two seeds may reach below 0 or above 100
        assert 0 <= row["accuracy"]["value"] <= 100
        assert row["accuracy"]["low"] <= row["accuracy"]["value"] <= row["accuracy"]["high"]
    assert all("held" in row["wild"] for row in table.values())
    assert "nan" not in parser.text.lower().split()


@pytest.mark.slow
def test_a_finished_study_runs_nothing_and_writes_the_same_report(tiny: Study) -> None:
    before = contents(tiny.folder)
    messages: list[str] = []
    again = Study(tiny.folder, TINY, cache=tiny.cache, wild=tiny.wild, progress=messages.append)
    workers.run(again, compare.all_steps(again))
    report.write(again, compare.all_steps(again))
    assert not messages
    assert contents(tiny.folder) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {
        path: path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


@pytest.mark.slow
def test_the_same_seeds_give_the_same_numbers(tiny: Study, tmp_path: Path) -> None:
    names = (
        "structure/few/classic/10/seed1",
        "traditional/logistic/search",
        "tuning/untrained/seed0",
    )
    steps = {step.name: step for step in compare.all_steps(tiny)}
    for name in names:
        again = steps[name].compute(tiny)
        assert again.facts == tiny[name].facts
        for key, value in tiny[name].arrays.items():
            np.testing.assert_array_equal(again.arrays[key], value)


@pytest.mark.slow
def test_compare_reports_a_missing_folder_in_one_line(numeye: Numeye, tmp_path: Path) -> None:
    result = numeye("compare", "--quick", "--wild", tmp_path / "nowhere", "--run", tmp_path / "s")
    assert (result.returncode, result.stdout) == (2, "")
    assert (
        result.stderr.strip().splitlines()[-1]
        == f"numeye: {tmp_path / 'nowhere'}: no such file or folder"
    )
    assert not (tmp_path / "s").exists()


class Page(html.parser.HTMLParser):
    """Collect open elements, loaded files, and figures with and without a description."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.figures = self.described = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        attributes = dict(attrs)
        if tag in ("section", "table", "figure", "svg", "dl", "div"):
            self.open.append(tag)
        self.figures += tag == "figure"
        self.described += (
            attributes.get("role") == "img" and len(attributes.get("aria-label") or "") > 20
        )
        for name in ("src", "href", "xlink:href"):
            value = attributes.get(name) or ""
            if value and not value.startswith(("#", "data:")):
                self.loads.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("section", "table", "figure", "svg", "dl", "div"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "
