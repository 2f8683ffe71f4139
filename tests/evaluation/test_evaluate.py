"""One function evaluates data sets of every kind."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
import pytest

import numeye
from numeye import DataSet, EvaluationResult, Reader
from numeye.errors import UsageError
from numeye.evaluation.digits import DigitsResult
from numeye.evaluation.documents import DocumentsResult
from numeye.evaluation.false_claims import FalseClaimsResult
from numeye.evaluation.grids import GridsResult
from numeye.evaluation.numbers import NumbersResult
from numeye.io.labels import Layout
from numeye.results import Reading, Unreadable

PICTURE = np.full((28, 28), 255, np.uint8)


class BlankReader(Reader):
    """Finds nothing in pictures of numbers, and no grid in pictures of grids."""

    def read_each(self, pictures: Any, *, grid: bool = False) -> Iterator[Reading | Unreadable]:
        for _ in pictures:
            if grid:
                yield Unreadable(image="", error="no grid found")
            else:
                yield Reading(image="", digits=(), rejected="blank", picture=PICTURE)


@pytest.mark.parametrize(
    ("label", "layout", "kind"),
    [
        ("7", None, DigitsResult),
        ("407", None, NumbersResult),
        ("12/34", None, GridsResult),
        ("12/34", "numbers", NumbersResult),
        ("7", "document", DocumentsResult),
    ],
)
def test_the_layout_decides_what_is_evaluated(
    label: str, layout: Layout | None, kind: type[EvaluationResult]
) -> None:
    data = DataSet(name="own", pictures=[PICTURE] * 2, labels=(label,) * 2, stated_layout=layout)
    counts: list[int] = []
    result = numeye.evaluate(BlankReader(), data, progress=counts.append)
    assert type(result) is kind
    assert isinstance(result, EvaluationResult)
    assert result.layout == data.layout
    assert counts == [1, 2]
    figures = result.to_dict()
    assert figures["data"] == "own"
    assert (figures["correct"], figures["accuracy"]) == (result.correct, result.accuracy) == (0, 0)
    assert figures["rejected"] == result.rejected_percent
    assert result.mistake_indices().size == figures["n"]


@pytest.mark.parametrize("layout", ["digit", "numbers", "document"])
def test_nothing_read_is_right_where_nothing_is_written(layout: Layout) -> None:
    data = DataSet(name="own", pictures=[PICTURE] * 2, labels=("", ""), stated_layout=layout)
    result = numeye.evaluate(Reader("classic") if layout == "digit" else BlankReader(), data)
    assert isinstance(result, FalseClaimsResult)
    assert (result.layout, result.correct, result.claimed) == (layout, 2, 0)


@pytest.mark.parametrize("label", ["407", "12/34"])
def test_a_reader_of_single_digits_reads_no_numbers(label: str) -> None:
    data = DataSet(name="own", pictures=[PICTURE], labels=(label,))
    with pytest.raises(UsageError, match="classic reads one digit a picture"):
        numeye.evaluate(Reader("classic"), data)
