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

from numeye import weights
from numeye.errors import RunError, UsageError
from numeye.eyes import Network
from numeye.training.evidence import (
    compare,
    digits,
    failures,
    hierarchy,
    packaged,
    questions,
    report,
    structure,
    tuning,
    units,
    work,
)
from numeye.training.evidence.corruptions import CORRUPTIONS, corrupted
from numeye.training.evidence.digits import Digits
from numeye.training.evidence.study import FULL, Result, Step, Study

TINY = replace(
    FULL, name="tiny", train=300, test=200, held=100, search=100, tries=1, least=320, seeds=2, epochs=1, long=2,
    sizes=(10, 100), random=64, corrupted=40, displaced=20, attacked=4, embedded=80, folds=2,
)  # fmt: skip
Numeye = Callable[..., "object"]


@pytest.fixture(scope="session")
def test_digits(mnist_cache: Path) -> Digits:
    return digits.load("mnist", mnist_cache).first(60)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory, mnist_cache: Path) -> Study:
    """A whole study of a few digits, with its report."""
    wild = tmp_path_factory.mktemp("wild")
    some = digits.load("mnist:validation", mnist_cache).first(30)
    np.savez(wild / "held.npz", images=np.rint(255 - some.pixels * 255).astype(np.uint8), labels=some.labels)
    study = Study(tmp_path_factory.mktemp("study") / "tiny", TINY, cache=mnist_cache, wild=wild)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(failures, "QUERIES", 5)
        patch.setattr(failures, "ITERATIONS", 3)
        patch.setattr(units, "ASCENT", 3)
        for step in in_order(compare.all_steps(study)):
            study.do(step)
    report.write(study, compare.all_steps(study))
    return study


def in_order(steps: list[Step]) -> list[Step]:
    """Each step behind those that it needs."""
    ordered: dict[str, Step] = {}
    while len(ordered) < len(steps):
        ready = [step for step in steps if step.name not in ordered and set(step.needs) <= set(ordered)]
        assert ready, "steps that wait for each other, or for none of them"
        ordered |= {step.name: step for step in ready}
    return list(ordered.values())


def test_every_corruption_is_made_of_each_digits_own_chance(test_digits: Digits) -> None:
    assert len(CORRUPTIONS) == 15
    for name in CORRUPTIONS:
        made = corrupted(test_digits, name)
        assert made.shape == (60, 28, 28)
        assert made.dtype == np.uint8
        assert (made != np.rint(test_digits.pixels * 255)).any(axis=(1, 2)).all(), name
        np.testing.assert_array_equal(made[:5], corrupted(test_digits.first(5), name))


def test_corruptions_do_what_is_published(test_digits: Digits) -> None:
    dot = np.zeros((1, 28, 28), np.float32)
    dot[0, 14, 14] = 1
    one = Digits(dot, np.array([0]))
    assert corrupted(one, "brightness").min() == 128  # half of white, rounded up
    assert corrupted(one, "brightness").max() == 255
    row, column = np.argwhere(corrupted(one, "translate")[0]).mean(axis=0)
    assert (abs(row - 14), abs(column - 14)) == (3, 3)
    striped = corrupted(one, "stripe")[0]
    assert striped[:, :7].min() == striped[:, 21:].min() == 255
    np.testing.assert_array_equal(striped[:, 7:21], dot[0, :, 7:21] * 255)
    salt = corrupted(Digits(np.full((200, 28, 28), 0.5, np.float32), np.zeros(200, np.int64)), "impulse_noise")
    assert np.isin(salt, [0, 128, 255]).all()
    assert abs((salt != 128).mean() - 0.17) < 0.01
    width = [np.ptp(np.flatnonzero(p.sum(axis=0) > 60)) for p in corrupted(test_digits, "scale")]
    before = [np.ptp(np.flatnonzero(p.sum(axis=0) > 60 / 255)) for p in test_digits.pixels]
    assert np.mean(width) / np.mean(before) == pytest.approx(0.7, abs=0.08)
    assert set(np.unique(corrupted(test_digits, "canny_edges"))) == {0, 255}


@pytest.mark.parametrize(("way", "amount"), [("shift", 0), ("turn", 0), ("size", 1.0)])
def test_no_displacement_changes_nothing(test_digits: Digits, way: str, amount: float) -> None:
    same = questions.displaced(test_digits.pixels, way, amount)
    np.testing.assert_allclose(same, test_digits.pixels, atol=1e-6)


def test_displacement_moves_to_the_right_turns_and_grows() -> None:
    dot = np.zeros((1, 28, 28), np.float32)
    dot[0, 13:15, 20:22] = 1  # right of the middle

    def middle(way: str, amount: float) -> tuple[float, float]:
        moved = questions.displaced(dot, way, amount)[0]
        rows, columns = np.mgrid[0:28, 0:28]
        return float((moved * rows).sum() / moved.sum()), float((moved * columns).sum() / moved.sum())

    assert middle("shift", 3) == pytest.approx((13.5, 23.5), abs=0.01)
    assert middle("size", 0.5) == pytest.approx((13.5, 17), abs=0.2)
    row, column = middle("turn", 90)
    assert column == pytest.approx(13.5, abs=0.1)
    assert abs(row - 13.5) == pytest.approx(7, abs=0.1)


def test_fewer_digits_are_the_first_of_more_and_evenly_spread(mnist_cache: Path) -> None:
    whole = digits.load("mnist:validation", mnist_cache)
    few, more = whole.some(10, seed=3), whole.some(500, seed=3)
    assert sorted(few.labels.tolist()) == list(range(10))
    assert set(np.bincount(more.labels)) == {50}
    np.testing.assert_array_equal(more.pixels[:10], few.pixels)
    assert not np.array_equal(whole.some(10, seed=4).pixels, few.pixels)


def test_shuffled_pixels_are_the_same_pixels_moved_alike(test_digits: Digits) -> None:
    moved = structure.shuffle(test_digits, seed=1)
    np.testing.assert_array_equal(np.sort(moved.flat, axis=1), np.sort(test_digits.flat, axis=1))
    order = np.random.default_rng(1).permutation(784)
    np.testing.assert_array_equal(moved.flat[7], test_digits.flat[7][order])


def test_the_packaged_reader_is_the_same_in_torch(test_digits: Digits) -> None:
    glance = packaged.Glance()
    images = torch.from_numpy(test_digits.pixels)[:, None]
    larger = torch.nn.functional.interpolate(images, size=(40, 40), mode="bilinear", align_corners=False)
    logits = Network(weights.load(), 0)(larger[:, 0].numpy())[0]
    with torch.no_grad():
        np.testing.assert_allclose(glance(images).numpy(), logits[:, :10], atol=2e-3)


def test_the_packaged_reader_says_what_numeye_read_says(test_digits: Digits) -> None:
    from numeye import Reader

    pictures = list(np.rint(test_digits.pixels * 255).astype(np.uint8))
    reader = Reader(single=True)
    read = [reader.read(picture).digits[0].digit for picture in pictures]
    np.testing.assert_array_equal(packaged.answers(pictures), read)
    assert packaged.answers([np.zeros((28, 28), np.uint8)]).tolist() == [-1]


def test_class_selectivity_at_its_ends() -> None:
    labels = np.repeat(np.arange(10), 5)
    one_digit, all_alike, silent = labels == 3, np.ones(50), np.zeros(50)
    found = hierarchy.class_selectivity(np.stack([one_digit, all_alike, silent], axis=1).astype(np.float64), labels)
    assert found[:2].tolist() == [1, 0]
    assert math.isnan(found[2])


@settings(max_examples=20)
@given(st.integers(0, 10_000), st.floats(0.1, 10))
def test_likeness_does_not_mind_turning_and_scaling(seed: int, scale: float) -> None:
    random = np.random.default_rng(seed)
    features = random.normal(size=(30, 6))
    turned, _ = np.linalg.qr(random.normal(size=(6, 6)))
    assert hierarchy.likeness(features, features @ turned * scale + 2) == pytest.approx(1)
    assert hierarchy.likeness(features, random.normal(size=(30, 6))) < 0.9


def test_orientation_selectivity_at_its_ends() -> None:
    one, all_alike = np.eye(len(tuning.ANGLES))[2], np.ones(len(tuning.ANGLES))
    found = tuning.orientation_selectivity(np.stack([one, all_alike]))
    np.testing.assert_allclose(found, [1, 0], atol=1e-9)


def test_patches_are_what_a_unit_sees() -> None:
    pictures = np.random.default_rng(0).random((9, 28, 28)).astype(np.float32)
    answers = np.zeros((9, 1, 14, 14), np.float32)
    answers[4, 0, 6, 3] = 5
    best = units.strongest(answers, pictures, "conv2")[0, 0]
    np.testing.assert_array_equal(best, pictures[4, 9:17, 3:11])  # place p sees pixels 2p - 3 to 2p + 4


def note(name: str, study: Study) -> Result:
    """A step's work: writes down that it is done, and counts on from the step before."""
    with (study.folder / "done.txt").open("a", encoding="utf-8") as file:
        file.write(name)
    if name == "b" and not (study.folder / "mended").exists():
        raise RunError("b is broken")
    study.say(f"{name} on {torch.get_num_threads()} thread")
    before = int(study["a"].arrays["x"][0]) if name != "a" else 0
    return Result({"name": name}, {"x": np.array([before + 1])})


def test_a_stopped_study_goes_on_where_it_was(tmp_path: Path) -> None:
    """Steps are done by other processes, each as soon as it can be."""
    needs = {"c": ["b"], "b": ["a"], "a": []}
    steps = [Step(name, partial(note, name), before) for name, before in needs.items()]
    study = Study(tmp_path / "s", TINY)
    with pytest.raises(RunError, match="b is broken"):
        work.run(study, steps, jobs=2)
    (tmp_path / "s" / "mended").touch()
    said: list[str] = []
    work.run(Study(tmp_path / "s", TINY, say=said.append), steps, jobs=1)
    assert (tmp_path / "s" / "done.txt").read_text(encoding="utf-8") == "abbc"
    assert Study(tmp_path / "s", TINY)["c"].arrays["x"].tolist() == [2]
    assert [line for line in said if "thread" in line] == ["b on 1 thread", "c on 1 thread"]
    assert [line.split()[0] for line in said if line[0] == "["] == ["[2/3]", "[3/3]"]


def test_only_what_is_whole_and_up_to_date_is_done(tmp_path: Path) -> None:
    study, step = Study(tmp_path / "s", TINY), Step("a", partial(note, "a"))
    assert not study.is_done(step)
    study.do(step)
    assert study.is_done(step)
    assert not study.is_done(replace(step, version=2))
    (tmp_path / "s" / "steps" / "a.json").write_text('{"version"', encoding="utf-8")  # cut off
    assert not study.is_done(step)


def test_a_study_that_asked_for_something_else_is_left_alone(tmp_path: Path) -> None:
    Study(tmp_path / "s", TINY)
    with pytest.raises(UsageError, match="another seed; choose another folder with --run"):
        Study(tmp_path / "s", TINY, seed=1)
    with pytest.raises(UsageError, match="another scale"):
        Study(tmp_path / "s", replace(TINY, train=301))
    with pytest.raises(RunError, match="numeye compare makes it"):
        Study(tmp_path / "s", TINY)["nothing"]
    (tmp_path / "s" / "study.json").write_text("{", encoding="utf-8")
    with pytest.raises(RunError, match=r"study\.json: damaged"):
        Study(tmp_path / "s", TINY)


@pytest.mark.slow
def test_a_whole_study_ends_in_a_report(tiny: Study) -> None:
    page = (tiny.folder / report.FILE).read_text(encoding="utf-8")
    parser = Page()
    parser.feed(page)
    assert parser.open == []
    assert not parser.loads, "nothing is loaded from elsewhere"
    assert parser.figures == parser.described >= 15
    assert len(list((tiny.folder / report.FIGURES).glob("*.svg"))) == parser.figures
    found = json.loads((tiny.folder / report.NUMBERS).read_text(encoding="utf-8"))
    assert len(found["findings"]) >= 15
    assert {one["verdict"] for one in found["findings"]} <= {"shown", "not shown", "in part"}
    assert not list((tiny.folder / "trainings").iterdir())
    table = found["A network of convolutions against traditional models"]
    assert len(table) == 8
    for row in table.values():  # of two seeds an interval may go past 0 and 100
        assert 0 <= row["accuracy"]["value"] <= 100
        assert row["accuracy"]["low"] <= row["accuracy"]["value"] <= row["accuracy"]["high"]
    assert all("held" in row["wild"] for row in table.values())
    assert "nan" not in parser.text.lower().split()


@pytest.mark.slow
def test_a_study_that_is_done_does_nothing_and_writes_the_same(tiny: Study) -> None:
    before = contents(tiny.folder)
    said: list[str] = []
    again = Study(tiny.folder, TINY, cache=tiny.cache, wild=tiny.wild, say=said.append)
    work.run(again, compare.all_steps(again))
    report.write(again, compare.all_steps(again))
    assert not said
    assert contents(tiny.folder) == before


def contents(folder: Path) -> dict[Path, bytes]:
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file() and path.name != ".lock"}


@pytest.mark.slow
def test_the_same_seeds_give_the_same_numbers(tiny: Study, tmp_path: Path) -> None:
    names = ("structure/few/classic/10/seed1", "traditional/logistic/search", "tuning/untrained/seed0")
    steps = {step.name: step for step in compare.all_steps(tiny)}
    for name in names:
        again = steps[name].make(tiny)
        assert again.facts == tiny[name].facts
        for key, value in tiny[name].arrays.items():
            np.testing.assert_array_equal(again.arrays[key], value)


def test_compare_says_what_is_wrong_in_a_line(numeye: Numeye, tmp_path: Path) -> None:
    done = numeye("compare", "--quick", "--wild", tmp_path / "nowhere", "--run", tmp_path / "s")
    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr.strip().splitlines()[-1] == f"numeye: {tmp_path / 'nowhere'}: no such file or folder"
    assert not (tmp_path / "s").exists()


class Page(html.parser.HTMLParser):
    """What is open at the end, what is loaded, and how many figures are described."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []
        self.figures = self.described = 0
        self.text = ""

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag in ("section", "table", "figure", "svg", "dl", "div"):
            self.open.append(tag)
        self.figures += tag == "figure"
        self.described += given.get("role") == "img" and len(given.get("aria-label") or "") > 20
        for name in ("src", "href", "xlink:href"):
            value = given.get(name) or ""
            if value and not value.startswith(("#", "data:")):
                self.loads.append(value)

    def handle_endtag(self, tag: str) -> None:
        if tag in ("section", "table", "figure", "svg", "dl", "div"):
            assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.text += data + " "
