"""`numeye evaluate`: measure a model on a data set, or on every data set of a folder."""

from __future__ import annotations

import json as json_module
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, NoReturn

import typer

from numeye.cli.data import fetch_mnist, fetch_pendigits
from numeye.cli.options import (
    FAILED,
    Cache,
    Json,
    MaxError,
    option,
    parse_share,
    print_message,
    print_result,
    use_matplotlib_cache,
)
from numeye.errors import UsageError

if TYPE_CHECKING:
    from numeye.evaluation.suite import Readers
    from numeye.io.datasets import DataSet

Model = Annotated[
    str | None,
    typer.Argument(
        metavar="MODEL",
        help="Name of a packaged model, a run folder or an ONNX file (default: the model that "
        "numeye read uses).",
        show_default=False,
    ),
]
Data = Annotated[
    str | None,
    option(
        "--data",
        "Data set: mnist (default), mnist:validation, mnist:writers, pendigits, a data folder, or "
        "synthetic:NAME (documents, letters, words, strings5; drawn with the extra [train]).",
        "DATA",
    ),
]
Wild = Annotated[
    Path | None, option("--wild", "Evaluate every data set in DIR, one row each.", "DIR")
]
Framing = Annotated[
    str | None,
    option(
        "--framing",
        "How classic prepares a picture: classical (as MNIST does), or naive (resize only).",
        "NAME",
    ),
]
Mistakes = Annotated[
    Path | None, option("--mistakes", "Save the worst mistakes as a PNG in DIR.", "DIR")
]
Report = Annotated[
    Path | None, option("--report", "Save the report of a run (MODEL) as HTML.", "FILE")
]
Log = Annotated[Path | None, option("--log", "With --wild: add each score to FILE.", "FILE")]
Reason = Annotated[
    str | None, option("--reason", "With --log: why the scores are measured.", "TEXT")
]


def evaluate(
    model: Model = None,
    data: Data = None,
    wild: Wild = None,
    framing: Framing = None,
    max_error: MaxError = None,
    json: Json = False,
    mistakes: Mistakes = None,
    report: Report = None,
    log: Log = None,
    reason: Reason = None,
    cache: Cache = None,
) -> None:
    """Measure a model on a data set.

    Prints the accuracy, how far the confidences can be trusted, and the confusion matrix. Accuracy
    is correct / total * 100; it also counts answers that the reader would reject.

    Exit status: 1 if a picture or a data set cannot be read, else 0. Rejected answers do not
    change it.
    """
    from numeye.evaluation import digits
    from numeye.evaluation.evaluate import evaluate as evaluate_reader
    from numeye.evaluation.suite import Readers

    readers = Readers(model, parse_share(max_error), print_message)
    if wild is not None:
        if data is not None or report is not None:
            raise UsageError(
                "--wild evaluates every data set in its folder; leave out --data and --report"
            )
        _evaluate_folder(readers, wild, log, reason, framing=framing, json=json, mistakes=mistakes)
    if log is not None or reason is not None:
        raise UsageError("--log and --reason: expected --wild DIR with them")
    _check_report(report, model)
    _check_writable(mistakes, report, cache)
    dataset = _open_data("mnist" if data is None else data, report, cache)
    reader = readers.for_layout(dataset.layout)
    naive = framing is not None and digits.framing_of(reader, framing) == "naive"
    evaluation = evaluate_reader(reader, dataset, naive=naive)
    for line in evaluation.failed:
        print_message(f"numeye: {line}")
    print_result(json_module.dumps(evaluation.to_dict()) if json else str(evaluation))
    if mistakes is not None:
        print_message(f"worst mistakes: {evaluation.save_mistakes(mistakes)}")
    if report is not None and isinstance(evaluation, digits.DigitsResult):
        from numeye.evaluation import run_report
        from numeye.models.run_folder import Run

        print_message(f"report: {run_report.write(Run.open(Path(str(model))), evaluation, report)}")
    raise typer.Exit(FAILED if evaluation.failed else 0)


def _open_data(data: str, report: Path | None, cache: Path | None) -> DataSet:
    """Open a data set; download MNIST or pendigits if it is needed and missing.

    Raises:
        UsageError: there is no such data set, or it does not fit the report.
        DataError: it is damaged, or no kind of data folder.
    """
    from numeye.io import datasets

    if data == "pendigits":
        fetch_pendigits(cache)
    elif data in datasets.SPLITS:
        fetch_mnist(cache)
    if data.startswith("synthetic:"):
        dataset = _draw_data(data, cache)
    else:
        dataset = datasets.open_data(data, cache=cache)
    if report is not None and (dataset.layout != "digit" or dataset.is_empty):
        raise UsageError(f"--report: {dataset.name}: expected a data set of one digit a picture")
    return dataset


def _draw_data(name: str, cache: Path | None) -> DataSet:
    """Draw a data set of synthetic pictures.

    Raises:
        UsageError: there is no such data set.
        DataError: MNIST or the fonts are not available.
        MissingExtra: a module that draws them is not installed.
    """
    from numeye.extras import require

    require("drawing synthetic data sets", "train")
    from numeye.training.synthetic import validation_sets

    return validation_sets.open_validation_set(name, cache, on_message=print_message)


def _check_report(report: Path | None, model: str | None) -> None:
    """Check, before the work, what a report needs.

    Raises:
        UsageError: the model is no run folder.
        MissingExtra: a module that draws the report is not installed.
    """
    from numeye.extras import require

    if report is None:
        return
    if model is None or not Path(model).is_dir():
        raise UsageError("--report: expected a run folder as MODEL; only a run has curves to show")
    require("the report", "train")


def _check_writable(mistakes: Path | None, report: Path | None, cache: Path | None) -> None:
    """Check, before the work, that its results can be written."""
    from numeye.io import files

    if mistakes is not None:
        files.check_folder(mistakes)
    if report is not None:
        files.check_file(report)
        use_matplotlib_cache(cache)


def _evaluate_folder(
    readers: Readers, folder: Path, log: Path | None, reason: str | None, **options: Any
) -> NoReturn:
    from numeye.evaluation import suite

    _check_writable(options["mistakes"], None, None)
    all_read = suite.print_evaluations(
        readers,
        folder,
        log=suite.ScoringLog.from_options(log, reason),
        print_result=print_result,
        print_message=print_message,
        **options,
    )
    raise typer.Exit(0 if all_read else FAILED)
