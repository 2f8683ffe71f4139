"""Form alignment: a form is found on a photograph of it."""

from __future__ import annotations

import sys

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageFont

from numeye.errors import MissingExtra, PictureError
from numeye.layout.form_alignment import Alignment, align_form

WIDTH, HEIGHT = 600, 800
FIELDS = [(240 + 20 * (row % 3), 120 + 62 * row, 220, 34) for row in range(8)]
TEXT = (
    "name street town invoice total amount date number account signature customer order "
    "quantity price tax net gross please write digits only in the below meter reading water gas "
    "power day night old new office use fields"
)
WORDS = TEXT.split()


def blank(seed: int = 0, lower: int = 0) -> Image.Image:
    """Draw a form: letterhead, a rule, words, and boxes, some with cells, `lower` pixels lower."""
    picture = Image.new("L", (WIDTH, HEIGHT), 255)
    draw, words, head = (
        ImageDraw.Draw(picture),
        np.random.default_rng(seed),
        np.random.default_rng(1),
    )
    draw.text(
        (40, 30), " ".join(head.choice(WORDS, 3)).upper(), fill=0, font=ImageFont.load_default(26)
    )
    draw.text((40, 66), " ".join(head.choice(WORDS, 9)), fill=0, font=ImageFont.load_default(12))
    draw.line((40, 90, 560, 90), fill=0, width=2)
    for row, (x, top, width, height) in enumerate(FIELDS):
        y = top + lower
        draw.text(
            (40, y + 6), " ".join(words.choice(WORDS, 2)), fill=30, font=ImageFont.load_default(14)
        )
        draw.rectangle((x, y, x + width, y + height), outline=60)
        for cell in range(1, 6 if row % 2 else 1):
            draw.line((x + 36 * cell, y, x + 36 * cell, y + height), fill=120)
    for row in range(5):
        line = " ".join(words.choice(WORDS, 8))
        draw.text((40, 650 + 22 * row), line, fill=40, font=ImageFont.load_default(11))
    return picture


def written_on(form: Image.Image, seed: int = 0) -> Image.Image:
    """Draw five scrawls in each field that cross its lines."""
    filled, random = form.copy(), np.random.default_rng(seed)
    for x, y, width, height in FIELDS:
        for place in np.linspace(0.08, 0.92, 5):
            points = random.uniform(
                (x + width * place - 15, y - 3), (x + width * place + 15, y + height + 3), (5, 2)
            )
            ImageDraw.Draw(filled).line(list(map(tuple, points)), fill=50, width=3)
    return filled


def homography(here: np.ndarray, there: np.ndarray) -> np.ndarray:
    """Return the homography of four points, by its eight linear equations."""
    rows = [
        row
        for (x, y), (u, v) in zip(here, there, strict=True)
        for row in ([x, y, 1, 0, 0, 0, -u * x, -u * y], [0, 0, 0, x, y, 1, -v * x, -v * y])
    ]
    return np.append(np.linalg.solve(np.array(rows), there.ravel()), 1).reshape(3, 3)


def mapped(matrix: np.ndarray, points: np.ndarray) -> np.ndarray:
    lifted = np.column_stack([points, np.ones(len(points))]) @ matrix.T
    return lifted[:, :2] / lifted[:, 2:]


def photographed(
    form: Image.Image,
    *,
    angle: float = 0.0,
    scale: float = 1.0,
    seed: int = 0,
    light: float = 0.5,
    noise: float = 5.0,
) -> tuple[np.ndarray, np.ndarray]:
    """Photograph a form on a dark desk, in perspective, half in shadow.

    Returns:
        The photograph, and the homography between edges of pixels.
    """
    random, turn = np.random.default_rng(seed), np.deg2rad(angle)
    sheet = np.array([[0, 0], [WIDTH, 0], [WIDTH, HEIGHT], [0, HEIGHT]], np.float64)
    seen = sheet @ np.array([[np.cos(turn), np.sin(turn)], [-np.sin(turn), np.cos(turn)]])
    seen = scale * (seen + random.uniform(-0.04, 0.04, (4, 2)) * (WIDTH, HEIGHT))
    seen += 20 - seen.min(axis=0)
    width, height = (int(side) + 20 for side in seen.max(axis=0))
    matrix = homography(sheet, seen)
    # drawn at twice the size, as a lens blurs
    fine = np.linalg.inv(np.diag([2.0, 2.0, 1.0]) @ matrix)
    size, way = (2 * width, 2 * height), (fine / fine[2, 2]).ravel()[:8].tolist()
    drawn = form.convert("LA").transform(
        size, Image.Transform.PERSPECTIVE, way, Image.Resampling.BILINEAR
    )
    grey, paper = (
        np.asarray(part.resize((width, height), Image.Resampling.BOX)) for part in drawn.split()
    )
    picture = 70 + (0.75 * grey - 40) * (paper / 255.0)
    away = (np.arange(width) + np.arange(height)[:, None] - (width + height) / 2) / (30 * scale)
    picture = picture * (1 - light / (1 + np.exp(-away))) + random.normal(0, noise, picture.shape)
    soft = Image.fromarray(np.clip(picture, 0, 255).astype(np.uint8)).filter(
        ImageFilter.GaussianBlur(0.5)
    )
    return np.asarray(soft), matrix


def corners(box: tuple[int, int, int, int]) -> np.ndarray:
    x, y, width, height = box
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], np.float64)


def worst_error(alignment: Alignment, truth: np.ndarray) -> float:
    """Return by how many pixels of the photograph the worst corner of a field is off."""
    points = np.concatenate([corners(field) for field in FIELDS])
    return float(
        np.hypot(*(mapped(alignment.matrix, points - 0.5) + 0.5 - mapped(truth, points)).T).max()
    )


@pytest.mark.parametrize(
    ("angle", "scale"),
    [(0, 1), (25, 1), (-25, 0.75), (12, 0.5), (-8, 2), (180, 1), (165, 0.6), (90, 1)],
)
def test_fields_are_found_turned_and_in_shadow_and_written_on(angle: float, scale: float) -> None:
    photo, truth = photographed(written_on(blank()), angle=angle, scale=scale, seed=3)
    assert worst_error(align_form(np.asarray(blank()), photo), truth) < 3 * min(scale, 1)


def test_a_blank_is_itself() -> None:
    form = np.asarray(blank())
    alignment = align_form(form, form)
    assert alignment.matrix == pytest.approx(np.eye(3), abs=0.02)
    assert (alignment.scale, alignment.blank_size, alignment.photo_size) == (
        1,
        (WIDTH, HEIGHT),
        (WIDTH, HEIGHT),
    )
    assert alignment.to_photo((240, 120, 220, 34)) == pytest.approx((240, 120, 220, 34), abs=1)
    assert np.abs(alignment.straighten(form).astype(float) - form).mean() < 1


def test_a_larger_blank_finds_the_same_places() -> None:
    large = np.asarray(blank().resize((2 * WIDTH, 2 * HEIGHT), Image.Resampling.BICUBIC))
    photo, truth = photographed(written_on(blank()), angle=-10, seed=1)
    alignment = align_form(large, photo)
    assert (alignment.scale, alignment.blank_size) == (1, (2 * WIDTH, 2 * HEIGHT))
    edges = np.concatenate([corners(field) for field in FIELDS])
    assert mapped(alignment.matrix, 2 * edges - 0.5) + 0.5 == pytest.approx(
        mapped(truth, edges), abs=1
    )


def test_a_larger_photograph_is_straightened_without_loss_and_boxes_map_back() -> None:
    filled = written_on(blank())
    photo, truth = photographed(filled, angle=20, scale=1.6, seed=2, light=0.0)
    alignment = align_form(np.asarray(blank()), photo)
    assert alignment.scale == 2
    flat = alignment.straighten(photo)
    assert (flat.shape, flat.dtype) == ((2 * HEIGHT, 2 * WIDTH), np.uint8)
    drawn = np.asarray(filled.resize((2 * WIDTH, 2 * HEIGHT), Image.Resampling.BICUBIC))
    assert np.corrcoef(flat.ravel(), drawn.ravel())[0, 1] > 0.9
    for x, y, width, height in FIELDS:
        seen = mapped(truth, corners((x, y, width, height)))
        left, top, across, down = alignment.to_photo((2 * x, 2 * y, 2 * width, 2 * height))
        assert (left, top) == pytest.approx(np.floor(seen.min(axis=0)), abs=2)
        assert (left + across, top + down) == pytest.approx(np.ceil(seen.max(axis=0)), abs=2)


def test_a_box_beyond_the_photograph_ends_at_its_edge() -> None:
    alignment = Alignment(matrix=np.eye(3), blank_size=(100, 80), photo_size=(50, 40))
    assert alignment.to_photo((40, 30, 30, 30)) == (40, 30, 10, 10)
    assert alignment.to_photo((70, 60, 10, 10)) == (49, 39, 1, 1)
    assert alignment.to_photo((-5, -5, 10, 10)) == (0, 0, 5, 5)


@pytest.mark.parametrize(
    ("finer", "scale"), [(0.4, 1), (1.0, 1), (1.1, 1), (1.3, 2), (2.0, 2), (3.5, 4), (9.0, 4)]
)
def test_the_scale_is_whole_and_as_large_as_is_needed(finer: float, scale: int) -> None:
    assert (
        Alignment(
            matrix=np.diag([finer, finer, 1.0]), blank_size=(60, 80), photo_size=(60, 80)
        ).scale
        == scale
    )


def test_the_straightened_photograph_of_a_huge_blank_is_not_enlarged() -> None:
    assert (
        Alignment(
            matrix=np.diag([4.0, 4.0, 1.0]), blank_size=(6000, 8000), photo_size=(60, 80)
        ).scale
        == 1
    )


def test_another_picture_is_not_the_form() -> None:
    random = np.random.default_rng(0)
    noise = random.integers(0, 256, (800, 600)).astype(np.uint8)
    text = Image.new("L", (WIDTH, HEIGHT), 255)
    for row in range(30):
        line = " ".join(random.choice(WORDS, 8))
        ImageDraw.Draw(text).text(
            (30, 20 + 25 * row), line, fill=0, font=ImageFont.load_default(15)
        )
    for photo in (
        noise,
        np.asarray(text),
        np.full((600, 800), 200, np.uint8),
        np.zeros((1, 1), np.uint8),
    ):
        with pytest.raises(
            PictureError,
            match=r"^the form is not recognised: .*; photograph all of it, flat and sharp$",
        ):
            align_form(np.asarray(blank()), photo)


def test_another_form_with_the_same_letterhead_is_not_the_form() -> None:
    photo, _ = photographed(written_on(blank()), angle=5)
    with pytest.raises(PictureError, match=r"^the form is not recognised: "):
        align_form(np.asarray(blank(seed=9, lower=20)), photo)


def test_a_form_in_a_mirror_is_not_the_form() -> None:
    with pytest.raises(PictureError, match=r"^the form is not recognised: "):
        align_form(np.asarray(blank()), np.asarray(blank())[:, ::-1].copy())


def test_a_blank_without_print_is_an_error() -> None:
    with pytest.raises(
        PictureError,
        match=r"^the blank form has too little print to be recognised by; expected lines",
    ):
        align_form(np.full((800, 600), 255, np.uint8), np.asarray(blank()))


def test_without_opencv_the_error_names_the_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "cv2", None)
    with pytest.raises(
        MissingExtra, match=r"^finding a form by its blank needs the extra \[forms\]: pip install "
    ):
        align_form(np.zeros((8, 8), np.uint8), np.zeros((8, 8), np.uint8))
