"""Turning a page, and boxes back to the picture as it is stored."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.recognition.crops import paper_level
from numeye.recognition.orientation.page_transform import PageTransform, cut_turned, quad_hulls

angles = st.one_of(st.sampled_from([0.0, 90.0, 180.0, 270.0]), st.floats(-360, 720, width=32))
shapes = st.tuples(st.integers(1, 900), st.integers(1, 900))
parts = st.floats(0, 1)  # of the width or height


@given(angles, shapes, parts, parts)
def test_points_return_to_where_they_were(
    degrees: float, shape: tuple[int, int], x: float, y: float
) -> None:
    transform = PageTransform(degrees, shape)
    point = np.array([[x * shape[1], y * shape[0]]])
    turned = transform.to_turned(point)
    assert transform.to_stored(turned) == pytest.approx(point, abs=1e-6)
    height, width = transform.turned_shape
    assert (turned > -1e-6).all()
    assert (turned < np.array([width, height]) + 1e-6).all()  # nothing is cut off


@given(angles, shapes, parts, parts, parts, parts)
def test_quads_keep_their_sides_and_hulls_hold_them(
    degrees: float, shape: tuple[int, int], x: float, y: float, width: float, height: float
) -> None:
    transform = PageTransform(degrees, shape)
    box = np.array([[x, y, x + width, y + height]]) * 500
    quads = transform.quads(box)
    sides = np.linalg.norm(np.roll(quads[0], -1, axis=0) - quads[0], axis=1)
    assert sides == pytest.approx(np.array([width, height] * 2) * 500, abs=1e-6)
    corners = transform.to_turned(quads[0])
    assert corners[0] == pytest.approx(box[0, :2], abs=1e-6)
    assert corners[2] == pytest.approx(box[0, 2:], abs=1e-6)
    hull = quad_hulls(quads)[0]
    assert (quads[0].min(axis=0) == hull[:2]).all()
    assert (quads[0].max(axis=0) == hull[2:]).all()


@given(angles, shapes, parts, parts)
def test_boxes_of_results_are_inside_the_stored_picture(
    degrees: float, shape: tuple[int, int], x: float, y: float
) -> None:
    transform = PageTransform(degrees, shape)
    height, width = transform.turned_shape
    left, top, across, down = transform.result_box((int(x * width), int(y * height), 9, 9))
    assert across >= 1
    assert down >= 1
    assert 0 <= left <= shape[1] - across
    assert 0 <= top <= shape[0] - down


@given(angles)
def test_the_angle_of_a_result_is_from_0_to_below_360(degrees: float) -> None:
    turned = PageTransform(degrees, (20, 30)).turned
    assert 0 <= turned < 360
    assert turned == pytest.approx(degrees % 360, abs=0.06) or turned == 0


@pytest.mark.parametrize("quarters", [0, 1, 2, 3])
def test_quarters_change_no_pixel(quarters: int) -> None:
    grey = np.arange(12, dtype=np.uint8).reshape(3, 4)
    transform = PageTransform(90.0 * quarters, grey.shape)
    assert (transform.turn(grey) == np.rot90(grey, quarters)).all()
    assert transform.is_identity == (quarters == 0)


def test_golden_boxes_of_a_page_upside_down_and_on_its_side() -> None:
    box = (10, 20, 30, 5)
    upside_down = PageTransform(180.0, (300, 500))
    assert upside_down.result_box(box) == (460, 275, 30, 5)
    assert upside_down.result_quad(box) == ((490, 280), (460, 280), (460, 275), (490, 275))
    on_side = PageTransform(90.0, (300, 500))
    assert on_side.result_box(box) == (475, 10, 5, 30)
    assert on_side.result_quad(box) == ((480, 10), (480, 40), (475, 40), (475, 10))
    assert on_side.result_box((-10, 0, 30, 5), clip=False) == (495, -10, 5, 30)


@pytest.mark.parametrize("degrees", [0, 12.5, 45, 80, 90, 170, 180, 261.3, 270, 330])
def test_what_is_drawn_is_where_the_map_says(degrees: float) -> None:
    grey = np.full((160, 240), 220, np.uint8)
    grey[30:42, 50:62] = 0
    transform = PageTransform(degrees, grey.shape)
    turned = transform.turn(grey)
    assert turned.shape == transform.turned_shape
    ((x, y),) = transform.to_turned(np.array([[56.0, 36.0]])).round().astype(int)
    assert turned[y - 3 : y + 3, x - 3 : x + 3].max() < 20
    dark = np.argwhere(turned < 110)
    assert dark.mean(axis=0) + 0.5 == pytest.approx([y, x], abs=0.8)
    assert abs(len(dark) - 144) < 15
    assert turned[0, 0] == 220


@pytest.mark.parametrize("degrees", [0.0, 20.0, 90.0, 200.0])
@pytest.mark.parametrize("side", [48.0, 120.0])
def test_a_part_of_a_page_is_cut_as_the_turned_page_has_it(degrees: float, side: float) -> None:
    noise = np.random.default_rng(0).integers(0, 255, (15, 20)).astype(np.uint8)
    grey = np.kron(noise, np.ones((16, 16), np.uint8))
    transform = PageTransform(degrees, grey.shape)
    ((x, y),) = transform.to_turned(np.array([[150.0, 110.0]]))
    half, turned = round(side / 2), transform.turn(grey)
    top, left = round(y) - half, round(x) - half
    expected = turned[top : top + 2 * half, left : left + 2 * half].astype(float)
    cut = cut_turned(grey, np.array([150.0, 110.0]), side, degrees, round(side), paper_level(grey))
    assert cut.shape == (round(side), round(side))
    assert np.corrcoef(cut.ravel(), expected.ravel())[0, 1] > 0.9
