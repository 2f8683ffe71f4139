"""Evaluation of a reader on a data set of any layout."""

from __future__ import annotations

from collections.abc import Callable

from numeye.evaluation.digits import evaluate_digits
from numeye.evaluation.documents import evaluate_documents
from numeye.evaluation.false_claims import evaluate_false_claims
from numeye.evaluation.grids import evaluate_grids
from numeye.evaluation.numbers import evaluate_numbers
from numeye.evaluation.result import EvaluationResult
from numeye.io.datasets import DataSet
from numeye.reader import Reader


def evaluate(
    reader: Reader,
    data: DataSet,
    *,
    naive: bool = False,
    progress: Callable[[int], object] = lambda _: None,
) -> EvaluationResult:
    """Read every picture of a data set and compare the answers with the labels.

    The layout of the data set (`DataSet.layout`) decides what counts as an answer: a digit, a whole
    string, a cell of a grid or a number of a document.

    Args:
        reader: a reader of numbers; for a data set of digits, a reader of single digits too.
        data: pictures with labels.
        naive: only resize pictures of digits; see `numeye.evaluation.digits.evaluate_digits`.
        progress: called with the number of pictures read so far.

    Returns:
        A `DigitsResult`, `NumbersResult`, `GridsResult` or `DocumentsResult`; a `FalseClaimsResult`
        if no picture has a digit.

    Raises:
        UsageError: the reader or `naive` does not fit the data set.
        DataError: a label has a wrong form, or no picture can be read.
    """
    if data.is_empty:
        return evaluate_false_claims(reader, data, progress=progress)
    if data.layout == "digit":
        return evaluate_digits(reader, data, naive=naive, progress=progress)
    return _EVALUATIONS[data.layout](reader, data, progress=progress)


_EVALUATIONS = {
    "document": evaluate_documents,
    "grid": evaluate_grids,
    "numbers": evaluate_numbers,
}
