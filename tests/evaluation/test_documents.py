"""How well whole documents were read."""

from __future__ import annotations

from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import numeye
from numeye import DataSet, DocumentsResult, Reader, Reading
from numeye.errors import DataError, UsageError
from numeye.evaluation.documents import longest_common_subsequence
from numeye.io.labels import Table
from numeye.results import Unreadable
from tests.evaluation.fake_readings import PICTURE, FakeReader, page

texts = st.lists(st.sampled_from(["1", "2", "3"]), max_size=7)


def evaluate(
    *pages: tuple[str, Reading | Unreadable], tables: tuple[tuple[Table, ...], ...] | None = None
) -> DocumentsResult:
    """Evaluate pages with these labels and readings."""
    data = DataSet(
        name="mine",
        pictures=[PICTURE] * len(pages),
        labels=tuple(label for label, _ in pages),
        tables=tables,
        stated_layout="document",
    )
    result = numeye.evaluate(FakeReader(*(reading for _, reading in pages)), data)
    assert isinstance(result, DocumentsResult)
    return result


def counts(result: DocumentsResult) -> tuple[int, int, int]:
    figures = result.to_dict()
    return figures["n"], figures["found"], figures["false"]


@pytest.mark.parametrize(
    ("label", "rows", "expected"),
    [
        ("12 34\n56", ["12 34", "56"], (3, 3, 0)),
        ("12 34\n56", ["12", "34 56"], (3, 3, 0)),
        ("12 34\n56", ["12 99", "56"], (3, 2, 1)),
        ("12 34\n56", ["56", "12 34"], (3, 2, 1)),  # not in order
        ("12 34", ["12 34 5 6"], (2, 2, 2)),
        ("12 34", [], (2, 0, 0)),
        ("12/03/2024 -7", ["12/03/2024 7"], (2, 1, 1)),
        ("12 20", ["12 2.0"], (2, 2, 0)),  # the label has only digits: signs are ignored
        ("12\r\n20", ["12", "2.0"], (2, 2, 0)),
        ("12. 20", ["12. 2.0"], (2, 1, 1)),
        ("517", ["[517] 517"], (1, 1, 0)),  # one is struck out
        ("Total 45kg on 3rd", ["45 3"], (2, 2, 0)),  # as the page shows it
        ("B23BB1045", ["~23~~1045"], (1, 1, 0)),
        ("1 250,00 7", ["1_250,00 7"], (3, 3, 0)),
        ("7 8-", ["7 8- ~~"], (2, 2, 0)),  # a word without a digit is no number
    ],
)
def test_numbers_are_found_as_written_and_in_order(
    label: str, rows: list[str], expected: tuple[int, int, int]
) -> None:
    assert counts(evaluate((label, page(*rows)))) == expected


def test_figures_are_over_the_numbers_of_all_labels() -> None:
    figures = evaluate(("1 2 3", page("1 2 3")), ("4", page("5 6", rejected="6"))).to_dict()
    assert (figures["n"], figures["pages"]) == (4, 2)
    assert (figures["found"], figures["correct"]) == (3, 3)
    assert (figures["found_rate"], figures["accuracy"]) == (75, 75)
    assert (figures["false"], figures["false_rate"]) == (2, 50)  # also the rejected one
    assert (figures["rejected_numbers"], figures["rejected"]) == (1, 20)
    assert figures["accuracy_accepted"] == 75
    assert figures["interval"][0] < 75 < figures["interval"][1]
    assert {"data", "model", "ece"} <= figures.keys()


def test_numbers_that_only_stand_elsewhere_are_counted_apart() -> None:
    figures = evaluate(("1 2 3", page("3 1 2"))).to_dict()
    assert (figures["found"], figures["found_in_any_order"]) == (2, 3)


def test_a_rejected_number_counts_by_its_best_answer() -> None:
    result = evaluate(("12 34", page("12 34", rejected="34")))
    assert counts(result) == (2, 2, 0)
    assert result.rejected_percent == 50


def test_a_page_without_numbers_can_only_have_false_ones() -> None:
    assert counts(evaluate(("7", page("7")), ("", page("8 9")))) == (1, 1, 2)


def test_a_page_that_cannot_be_read_is_named_and_not_counted() -> None:
    result = evaluate(("7", page("7")), ("8", Unreadable(image="b.png", error="b.png: damaged")))
    assert (result.failed, counts(result)) == (("b.png: damaged",), (1, 1, 0))
    with pytest.raises(DataError, match="no page that can be read has a number in its label"):
        evaluate(("", page()), ("8", Unreadable(image="b.png", error="b.png: damaged")))


TABLE: Table = (("12", ""), ("3.5", "7"))


@pytest.mark.parametrize(
    ("read", "right"),
    [
        (["12 .", "3.5 7"], 1),
        (["12 7", "3.5 ."], 0),
        (["12", "3.5"], 0),
        (["12 . .", "3.5 7 ."], 0),
    ],
)
def test_a_table_is_right_if_all_its_cells_are(read: list[str], right: int) -> None:
    result = evaluate(("12 3.5 7", page(tables=[read])), ("1", page("1")), tables=((TABLE,), ()))
    figures = result.to_dict()
    assert (figures["tables_right"], figures["tables"]) == (right, 1)


def test_each_table_is_matched_once_and_text_cells_are_not_compared() -> None:
    labelled = (("Name", "12"), ("Anna", "7"))
    read = page(tables=[["~~~ 12", ". 7"]])
    label = "12 7 12 7"
    figures = evaluate((label, read), tables=((labelled, labelled),)).to_dict()
    assert (figures["tables_right"], figures["tables"]) == (1, 2)


def test_tables_stand_among_the_rows_of_their_page() -> None:
    read = page("1 2", tables=[["3 .", "4 5"], ["6 7"]])
    assert counts(evaluate(("1 2\n3\n4 5\n6 7.", read))) == (7, 6, 1)


def test_documents_with_mistakes_are_shown_the_worst_first(tmp_path: Path) -> None:
    result = evaluate(("1", page("1")), ("1", page("2")), ("1", page("2 3 4 5 6 7 8 9")))
    assert result.mistake_indices().tolist() == [2, 1]
    assert result.mistake_tile(2).lines == ("no. 2, missed 1", "false 2 3 4 5 6 7 ...")
    assert result.save_mistakes(tmp_path).name == "mine-mistakes.png"
    shown = str(result)
    assert "found          1 / 3 * 100 = 33.33 %" in shown
    assert "9 numbers that are not there" in shown


def test_a_reader_of_single_digits_reads_no_documents() -> None:
    data = DataSet(name="mine", pictures=[PICTURE], labels=("7",), stated_layout="document")
    with pytest.raises(UsageError, match="classic reads one digit a picture"):
        numeye.evaluate(Reader("classic"), data)


@given(texts, texts)
def test_as_many_as_possible_are_found_in_order(first: list[str], second: list[str]) -> None:
    places = longest_common_subsequence(first, second)
    assert all(first[i] == second[j] for i, j in places)
    assert all(np.diff([i for i, _ in places]) > 0)
    assert all(np.diff([j for _, j in places]) > 0)
    assert len(places) == max(
        length
        for length in range(len(first) + 1)
        if any(_is_subsequence(part, second) for part in combinations(first, length))
    )


def _is_subsequence(part: tuple[str, ...], whole: list[str]) -> bool:
    rest = iter(whole)
    return all(text in rest for text in part)
