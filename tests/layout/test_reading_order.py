"""The order in which people read."""

from __future__ import annotations

from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.layout.reading_order import group_rows, split_at_gaps
from numeye.layout.tables.columns import assign_columns


def line(count: int, left: float, top: float, *, gap: float = 6, slope: float = 0.0) -> np.ndarray:
    """Digits of 20x30 pixels side by side."""
    x = left + np.arange(count) * (20 + gap)
    y = top + slope * (x - left)
    return np.stack([x, y, x + 20, y + 30], axis=1)


def read(boxes: np.ndarray) -> list[list[list[int]]]:
    return group_rows(boxes)


def test_no_digits_are_no_rows() -> None:
    assert group_rows(np.zeros((0, 4))) == []


def test_one_digit_is_a_row_of_one_number() -> None:
    assert group_rows(line(1, 5, 5)) == [[[0]]]


@pytest.mark.parametrize("slope", [-0.25, -0.1, 0.0, 0.1, 0.25])
def test_rows_from_top_to_bottom_and_digits_from_left_to_right(slope: float) -> None:
    boxes = np.concatenate([line(12, 10, 100 + 50 * number, slope=slope) for number in range(3)])
    assert read(boxes) == [[list(range(12))], [list(range(12, 24))], [list(range(24, 36))]]


def test_a_wide_gap_makes_two_numbers_of_a_row() -> None:
    boxes = np.concatenate([line(3, 0, 0), line(4, 3 * 26 + 30, 2)])
    assert read(boxes) == [[[0, 1, 2], [3, 4, 5, 6]]]


def test_far_apart_at_one_level_is_still_one_row() -> None:
    boxes = np.concatenate([line(3, 0, 0), line(4, 600, 3), line(2, 0, 60)])
    assert read(boxes) == [[[0, 1, 2], [3, 4, 5, 6]], [[7, 8]]]


def test_digits_in_cells_are_one_number_though_they_stand_apart() -> None:
    assert read(line(6, 0, 0, gap=26)) == [[list(range(6))]]


def test_short_numbers_are_separated_though_most_gaps_are_between_numbers() -> None:
    lefts = [0, 56, 80, 136, 192, 216]  # 4 27 5 31: 4 pixels in a number, 36 between two
    boxes = np.array([(left, 0, left + 20, 30) for left in lefts], float)
    assert read(boxes) == [[[0], [1, 2], [3], [4, 5]]]
    # 12 3
    assert read(np.array([(left, 0, left + 20, 30) for left in (0, 23, 73)], float)) == [
        [[0, 1], [2]]
    ]


def test_digits_in_boxes_are_one_number_beside_a_1_and_beside_a_close_number() -> None:
    comb = np.array(
        [(45.0 * cell, 0, 45.0 * cell + wide, 30) for cell, wide in enumerate((20, 6, 6, 20, 20))]
    )
    comb[:, [0, 2]] += (20 - (comb[:, 2:3] - comb[:, :1])) / 2
    assert read(comb) == [[[0, 1, 2, 3, 4]]]
    assert read(np.concatenate([comb, line(7, 400, 0, gap=3)])) == [
        [[0, 1, 2, 3, 4], list(range(5, 12))]
    ]


def test_a_close_pair_does_not_split_digits_in_boxes() -> None:
    lefts = [0, 45, 99, 126, 180, 225]
    assert read(np.array([(left, 0, left + 20, 30) for left in lefts], float)) == [[list(range(6))]]
    short = np.array(
        [(0, 0, 20, 30), (26, 0, 46, 30), (52, 0, 72, 30), (102, 0, 108, 30), (110, 0, 130, 30)],
        float,
    )
    assert read(np.concatenate([short, line(2, 136, 0)])) == [[[0, 1, 2], [3, 4, 5, 6]]]  # 407 1250
    wide = [
        (62, 86),
        (93, 136),
        (141, 178),
        (220, 233),
        (237, 288),
        (291, 351),
        (354, 379),
    ]  # the same as it is written
    assert read(np.array([(left, 0, right, 46) for left, right in wide], float)) == [
        [[0, 1, 2], [3, 4, 5, 6]]
    ]
    lottery = [0, 60, 120, 144, 204]  # 4 7 12 9
    assert read(np.array([(left, 0, left + 20, 30) for left in lottery], float)) == [
        [[0], [1], [2, 3], [4]]
    ]


@pytest.mark.parametrize("slope", [-0.12, -0.08, -0.04, 0.02, 0.05, 0.1])
def test_rows_of_short_numbers_on_a_page_that_is_turned_a_little(slope: float) -> None:
    places = [
        (400 * column, 45 * row + slope * 400 * column) for row in range(5) for column in range(3)
    ]
    boxes = np.concatenate([line(2, x, y, slope=slope) for x, y in places])
    assert read(boxes) == [
        [[row * 6 + 2 * n, row * 6 + 2 * n + 1] for n in range(3)] for row in range(5)
    ]


def test_a_few_numbers_at_any_height_are_rows_of_their_own() -> None:
    boxes = np.concatenate(
        [line(2, x, y) for x, y in ((0, 0), (300, 70), (20, 150), (350, 260), (80, 300))]
    )
    assert [len(row) for row in read(boxes)] == [1] * 5


def test_an_unsure_mark_in_a_gap_does_not_join_two_numbers() -> None:
    boxes = np.concatenate([line(3, 0, 0), np.array([[84.0, 20, 90, 30]]), line(4, 3 * 26 + 32, 0)])
    sure = np.arange(8) != 3
    assert group_rows(boxes, sure) == [[[0, 1, 2, 3], [4, 5, 6, 7]]]
    boxes[3, [0, 2]] += 16
    assert group_rows(boxes, sure) == [[[0, 1, 2], [3, 4, 5, 6, 7]]]


def test_a_number_can_be_split_at_its_wider_gaps() -> None:
    boxes = np.concatenate([line(3, 0, 0), line(2, 3 * 26 + 10, 0)])
    assert group_rows(boxes) == [[[0, 1, 2, 3, 4]]]
    assert split_at_gaps(boxes, [0, 1, 2, 3, 4], np.ones(5, bool)) == [[0, 1, 2], [3, 4]]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_digits_far_apart_are_numbers_of_their_own_however_many_there_are(count: int) -> None:
    assert read(line(count, 0, 0, gap=180)) == [[[place] for place in range(count)]]


def test_small_raised_digits_stay_in_their_number() -> None:
    boxes = np.concatenate([line(3, 0, 0), np.array([[80.0, -2, 92, 16], [95.0, -2, 107, 16]])])
    assert read(boxes) == [[[0, 1, 2, 3, 4]]]


def test_small_zeros_at_any_height_beside_large_digits_are_of_their_row() -> None:
    # As they were found on a synthetic strip: 8470 and four zeros half as high, one of them higher
    # than the others.
    boxes = [(30, 3, 52, 27), (55, 5, 73, 28), (78, 6, 95, 28), (103, 20, 114, 29)]
    boxes += [(127, 12, 136, 23), (148, 20, 157, 29), (170, 20, 181, 29), (192, 11, 203, 23)]
    assert [digit for number in group_rows(np.array(boxes, float))[0] for digit in number] == list(
        range(8)
    )


def test_a_raised_zero_between_others_is_read_where_it_stands() -> None:
    # As they were found on a synthetic strip: 17000, the middle zero above the line.
    boxes = [
        (15, 17, 34, 41),
        (35, 13, 62, 43),
        (68, 33, 92, 45),
        (100, 25, 120, 37),
        (127, 35, 149, 47),
    ]
    assert [digit for number in group_rows(np.array(boxes, float))[0] for digit in number] == list(
        range(5)
    )


def test_touching_and_overlapping_digits_are_one_number() -> None:
    assert read(line(5, 0, 0, gap=-7)) == [[[0, 1, 2, 3, 4]]]


Layout = list[tuple[int, int, int, int]]
layouts = st.lists(
    st.tuples(st.integers(1, 6), st.integers(0, 400), st.integers(0, 12), st.integers(-8, 30)),
    min_size=1,
    max_size=6,
)


@given(layouts, st.randoms(use_true_random=False))
def test_every_digit_is_read_once_whatever_the_order_in_which_they_come(
    layout: Layout, mix: Random
) -> None:
    boxes = np.concatenate([line(count, x, 40.0 * y, gap=gap) for count, x, y, gap in layout])
    boxes = boxes[np.unique(boxes[:, :2], axis=0, return_index=True)[1]]
    order = list(range(len(boxes)))
    mix.shuffle(order)
    once = [digit for row in group_rows(boxes) for number in row for digit in number]
    again = [order[digit] for row in group_rows(boxes[order]) for number in row for digit in number]
    assert sorted(once) == list(range(len(boxes)))
    assert boxes[once].tolist() == boxes[again].tolist()


@given(layouts, st.floats(0.2, 8), st.integers(-500, 500))
def test_size_and_place_of_the_page_make_no_difference(
    layout: Layout, scale: float, by: int
) -> None:
    boxes = np.concatenate([line(count, x, 40.0 * y, gap=gap) for count, x, y, gap in layout])
    assert group_rows(boxes) == group_rows((boxes + by) * 2.0 ** round(np.log2(scale)))


def table(
    *rows_of_lefts: list[float], wide: float = 40.0, lean: float = 0.0
) -> tuple[np.ndarray, list[int]]:
    """Boxes of numbers of some width, row by row, and the row of each."""
    places = [(left, row) for row, lefts in enumerate(rows_of_lefts) for left in lefts]
    boxes = [(x + lean * y, 50.0 * y, x + lean * y + wide, 50.0 * y + 30) for x, y in places]
    return np.array(boxes), [row for _, row in places]


def test_numbers_that_stand_under_each_other_are_columns_and_cells_may_be_empty() -> None:
    assert assign_columns(*table([0, 100, 200], [5, 195], [98, 204])) == [0, 1, 2, 0, 2, 1, 2]


def test_columns_of_a_page_that_is_turned_a_little_are_followed_from_row_to_row() -> None:
    assert assign_columns(*table(*[[0, 100]] * 12, lean=9.0)) == [0, 1] * 12


@pytest.mark.parametrize(
    "rows_of_lefts", [([0],), ([0, 100],), ([0], [0], [0]), ([0, 100], [20], [200])]
)
def test_other_layouts_have_no_columns(rows_of_lefts: tuple[list[float], ...]) -> None:
    assert assign_columns(*table(*rows_of_lefts)) is None


def test_a_heading_or_total_over_or_under_two_columns_is_in_none_of_them() -> None:
    assert assign_columns(*table([0, 60], [30], [0, 60])) == [0, 1, None, 0, 1]
    assert assign_columns(*table([30], [0, 60], [0, 60], [30])) == [None, 0, 1, 0, 1, None]


def test_parts_of_a_split_number_make_no_columns() -> None:
    boxes, row_of = table([0, 100, 200], [0, 25, 100, 200], [0, 100, 200])
    boxes[3:5, 2] -= 20
    assert assign_columns(boxes, row_of) is None


def rows_at(lefts: list[list[int]], seed: int) -> np.ndarray:
    """Rows of digits of 20x30 pixels that begin somewhere near these places."""
    shifts = np.random.default_rng(seed).uniform(-2, 2, sum(map(len, lefts)))
    places = [(left, 50 * number) for number, row in enumerate(lefts) for left in row]
    return np.array(
        [(x + dx, y, x + dx + 20, y + 30) for (x, y), dx in zip(places, shifts, strict=True)]
    )


@pytest.mark.parametrize("seed", range(4))
def test_narrow_gaps_separate_columns_if_many_rows_have_them(seed: int) -> None:
    two_columns = [0, 23, 62, 85]  # 16 pixels between the columns, about half a digit's height
    assert read(rows_at([two_columns] * 6, seed)) == [
        [[n, n + 1], [n + 2, n + 3]] for n in range(0, 24, 4)
    ]
    assert read(rows_at([two_columns] * 2, seed)) == [[[0, 1, 2, 3]], [[4, 5, 6, 7]]]


@pytest.mark.parametrize("seed", range(4))
def test_evenly_spaced_codes_stay_together(seed: int) -> None:
    codes = read(rows_at([[0, 36, 72, 108, 144]] * 6, seed))
    assert codes == [[list(range(n, n + 5))] for n in range(0, 30, 5)]
