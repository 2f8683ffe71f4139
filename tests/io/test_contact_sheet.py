from __future__ import annotations

import numpy as np
import pytest

from numeye.io.contact_sheet import Tile, contact_sheet


def tile(
    height: int = 28, width: int = 28, level: int = 0, lines: tuple[str, ...] = ("7", "99.1 %")
) -> Tile:
    return Tile(picture=np.full((height, width), level, np.uint8), lines=lines)


def test_a_sheet_grows_by_columns_and_then_by_rows() -> None:
    sizes = [contact_sheet("", [tile()] * count, columns=4).size for count in (1, 2, 4, 5, 8, 9)]
    widths, heights = zip(*sizes, strict=True)
    assert widths[0] < widths[1] < widths[2] == widths[3] == widths[5]
    assert heights[0] == heights[2] < heights[3] == heights[4] < heights[5]


def test_a_sheet_without_tiles_is_its_title() -> None:
    empty = contact_sheet("nothing was read wrongly, and this title is long", [])
    assert empty.size[1] < contact_sheet("", [tile()]).size[1]
    assert empty.size[0] > contact_sheet("", []).size[0]
    assert np.asarray(empty).min() < 128


@pytest.mark.parametrize(
    ("height", "width"), [(1, 1), (28, 28), (1, 900), (900, 1), (2_000, 1_500), (50, 64)]
)
def test_a_picture_of_any_size_fills_its_square_in_its_proportions(height: int, width: int) -> None:
    sheet = np.asarray(contact_sheet("", [tile(height, width, level=0, lines=())], side=64))
    black = np.argwhere((sheet == 0).all(axis=2))
    high, wide = np.ptp(black, axis=0) + 1
    assert max(high, wide) == 64
    assert abs(high / wide - max(high, 1) / max(wide, 1)) < 1e-9
    assert min(high, wide) == max(1, round(64 * min(height, width) / max(height, width)))


def test_each_pixel_of_a_small_picture_stays_visible() -> None:
    checkered = Tile(picture=np.array([[0, 255], [255, 0]], np.uint8), lines=())
    square = np.asarray(contact_sheet("", [checkered], side=64).crop((8, 40, 72, 104)).convert("L"))
    assert np.array_equal(square, np.kron(checkered.picture, np.ones((32, 32), np.uint8)))


def test_two_lines_are_written_below_a_tile_and_a_third_is_left_out() -> None:
    sheets = [
        np.asarray(contact_sheet("", [tile(lines=lines)]))
        for lines in ((), ("a",), ("a", "b"), ("a", "b", "c"))
    ]
    dark_pixels = [int((sheet < 200).sum()) for sheet in sheets]
    assert dark_pixels[0] < dark_pixels[1] < dark_pixels[2] == dark_pixels[3]
