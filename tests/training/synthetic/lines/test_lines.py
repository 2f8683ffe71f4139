"""Lines of one number each: drawn alone, cut out of documents, and kept on the disk."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from numeye.models.characters import CHARACTERS, DIGITS
from numeye.training.synthetic import distance_fields
from numeye.training.synthetic.canvas import UNREADABLE
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.disk_cache import Lines
from numeye.training.synthetic.documents.document import SyntheticDocument
from numeye.training.synthetic.lines.document_lines import document_lines
from numeye.training.synthetic.lines.drawn_lines import DrawnLines
from numeye.training.synthetic.lines.line import cut_number
from numeye.training.synthetic.page_tiles import PageGenerator
from numeye.training.synthetic.specs import LineSpec

RANDOM = np.random.default_rng(0)


@pytest.fixture(scope="module")
def drawn(train_images: np.ndarray, train_labels: np.ndarray) -> DrawnLines:
    edges, skeletons = distance_fields.compute_fields(train_images[:100])
    digits = distance_fields.DistanceFields(
        edge=edges, skeleton=skeletons, labels=train_labels[:100]
    )
    return DrawnLines(PageGenerator(crop_generator=CropGenerator(digits=digits)))


def test_drawn_lines_are_numbers_with_signs(drawn: DrawnLines) -> None:
    lines = [drawn.line(3, number) for number in range(40)]
    assert all(any(digit in line.text for digit in DIGITS) for line in lines)
    assert all(line.picture.shape[0] == 32 and line.picture.shape[1] % 4 == 0 for line in lines)
    written = set("".join(line.text for line in lines))
    assert set(DIGITS) <= written
    assert len(written - set(DIGITS)) >= 3
    assert not written & set("=#*")
    assert np.mean([len(line.text) for line in lines]) > 3
    long, short = (sorted(lines, key=lambda line: len(line.text))[place] for place in (-1, 0))
    assert long.picture.shape[1] > 2 * short.picture.shape[1]


def test_a_line_depends_on_its_series_and_number_only(drawn: DrawnLines) -> None:
    first, again, other = drawn.line(3, 7), drawn.line(3, 7), drawn.line(4, 7)
    assert first.text == again.text
    assert np.array_equal(first.picture, again.picture)
    assert first.text != other.text


def labels_of(text: str) -> np.ndarray:
    return np.array([CHARACTERS.index(character) for character in text], np.int64)


def boxes_of(text: str) -> np.ndarray:
    lefts = 50 + 20.0 * np.arange(len(text))
    return np.stack([lefts, 0 * lefts + 40, lefts + 16, 0 * lefts + 64], axis=1)


@pytest.mark.parametrize(
    ("written", "text"),
    [
        ("-1.5", "-1.5"),
        ("12~~", "12"),  # a unit
        ("~2~3", "~2~3"),  # a code
        ("#12=", "12"),  # strokes that fill the line
        ("(7", "7"),  # without its other half
        ("~~", None),
        ("1#2", None),  # two numbers
    ],
)
def test_the_text_is_what_counts_as_a_number(written: str, text: str | None) -> None:
    grey = np.full((100, 300), 230, np.uint8)
    line = cut_number(grey, labels_of(written), boxes_of(written), RANDOM)
    assert (line and line.text) == text
    if line is not None:
        assert line.picture.shape[1] < 32 * (20 * len(text or "") + 24) / 22


def test_a_number_with_an_unreadable_character_is_left_out() -> None:
    labels = np.append(labels_of("12"), UNREADABLE)
    assert cut_number(np.zeros((99, 99), np.uint8), labels, boxes_of("123"), RANDOM) is None


def document(turned: float) -> SyntheticDocument:
    """Return a page with one number of black squares, turned against the clock."""
    corners = np.array([[0, 0], [16, 0], [16, 24], [0, 24]] * 4, np.float32)  # (16, 2)
    outlines = np.stack([corners + np.array([150 + 20 * place, 190]) for place in range(5)])
    angle = np.deg2rad(turned)
    turn = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    seen = ((outlines - 200) @ turn.T + 200).astype(np.float32)
    picture = np.full((400, 400), 255, np.uint8)
    for outline in seen:
        left, top = outline.min(axis=0).astype(int)
        right, bottom = outline.max(axis=0).astype(int)
        picture[top:bottom, left:right] = 0
    return SyntheticDocument(
        picture=picture,
        rows=(("407",), ("51",)),
        tables=(),
        struck_out=(),
        labels=labels_of("40751"),
        outlines=seen,
        text_heights=np.full(5, 24, np.float32),
        words=np.array([0, 0, 0, 1, 1]),
        kind="form",
        turned=turned,
    )


@pytest.mark.parametrize("turned", [0.0, 90.0, 180.0])
def test_numbers_of_a_turned_document_are_cut_upright(turned: float) -> None:
    lines = document_lines(document(turned), 24, np.random.default_rng(1))
    assert {line.text for line in lines} == {"407", "51"}
    for line in lines:
        dark = (line.picture < 128).any(axis=0)
        assert dark.mean() > 0.4
        assert line.picture.shape[1] > 32 * 0.7 * len(line.text) * 20 / 24 / 1.6


def test_lines_come_back_from_the_disk_as_they_were() -> None:
    spec = LineSpec(split="fit", seed=1)
    assert spec.name.startswith("lines-fit-")
    assert spec.name != LineSpec(split="fit", seed=2).name
    part = np.zeros(2, spec.row)
    part["width"], part["count"] = (40, 64), (2, 4)
    part["label"][0, :2], part["label"][1, :4] = labels_of("17"), labels_of("-1.5")
    part["picture"][1] = 9
    lines = Lines([part])
    assert len(lines) == 2
    assert lines.widths.tolist() == [40, 64]
    assert [lines.line(number).text for number in range(2)] == ["17", "-1.5"]
    assert lines.line(1).picture.shape == (32, 64)


@pytest.mark.slow
def test_a_pool_holds_lines_of_documents_too(tmp_path: Path) -> None:
    from numeye.training.synthetic.pool_rows import make_row_function

    make_row = make_row_function(LineSpec(split="validation"), None)
    rows = np.array([make_row(number) for number in range(6)], LineSpec(split="validation").row)
    assert (rows["width"] >= 16).all()
    assert (rows["count"] >= 1).all()
