"""Compare readers on whole documents: numbers found as written and in order, false ones, tables.

Usage: python benchmarks/documents.py [DATA] [--n N] [--rapidocr PYTHON] [--img2table PYTHON]

Needs numeye[train]; about two seconds a page on 2 cores. DATA is a data folder with the layout
`document`, or `synthetic:documents` (default). N pages, evenly spaced, are read: always the same.

- RapidOCR reads by its default call; letters count as `~`, words without a digit do not count, and
  lines that overlap by half of their height are one row, as in `numeye.evaluation.number_texts`.
  Install: python -m venv .venv-rapidocr && .venv-rapidocr/bin/pip install rapidocr onnxruntime
- img2table finds the cells of tables, without reading them. A table counts as found if one with the
  same numbers of rows and columns is among its tables; numeye is counted in the same way.
  Install: python -m venv .venv-img2table && .venv-img2table/bin/pip install img2table

A difference is that of rates over the same pages, with the 95 % interval of a bootstrap over pages:
numbers of one page are easy or hard together.
"""

from __future__ import annotations

import argparse
import tempfile
from collections import Counter
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import numpy as np
from rivals import Worker, save_png

from numeye import DataSet, Reader, evaluate, open_data
from numeye.bench import timing
from numeye.errors import NumeyeError, UsageError
from numeye.evaluation import metrics
from numeye.evaluation.documents import Claim, DocumentAnswer, DocumentsResult
from numeye.evaluation.number_texts import drop_signs, has_only_digits, split_numbers
from numeye.training.synthetic.validation_sets import PREFIX, open_validation_set

DRAWS, SEED = 2_000, 20_261_124  # of the bootstrap
MIN_OVERLAP = 0.5  # of the heights of two lines in one row

Shape = tuple[int, int]  # rows and columns of a table


class Line(NamedTuple):
    """A line of text that RapidOCR found.

    Attributes:
        left, top, bottom: of its box, pixels.
        text: its answer.
    """

    left: float
    top: float
    bottom: float
    text: str


@dataclass(frozen=True, kw_only=True)
class Answers:
    """What one program read on n pages.

    Attributes:
        name: of the program.
        documents: labels and answers of each page.
    """

    name: str
    documents: Sequence[DocumentAnswer]

    def counts(self) -> np.ndarray:
        """Return numbers in the label, found and false of each page, (n, 3)."""
        rows = [(len(page.label), len(page.matches), len(page.false)) for page in self.documents]
        return np.array(rows, np.int64)

    def row(self) -> str:
        """Return the line of the program in the table."""
        n, found, false = self.counts().sum(axis=0).tolist()
        low, high = metrics.wilson_interval(found, n)
        rates = f"{100 * found / n:>9.2f}   {low:.2f} to {high:.2f}{100 * false / n:>9.2f}"
        return f"{self.name:<32}{n:>8,}{rates}"


def numeye_answers(result: DocumentsResult) -> Answers:
    """Return what numeye read."""
    return Answers(name=result.model, documents=result.documents)


def rapidocr_answers(data: DataSet, paths: Sequence[Path], python: Path) -> Answers:
    """Let RapidOCR read the pages.

    Raises:
        NumeyeError: it is not installed, or fails.
    """
    with ExitStack() as stack:
        script = ("rapidocr_worker.py", "page")
        worker = Worker(python, script, "rapidocr onnxruntime", stack)
        documents = [
            _answer(label, _to_lines(worker.ask(path)["answer"]))
            for label, path in zip(data.labels, paths, strict=True)
        ]
    return Answers(name=worker.first["name"], documents=documents)


def _to_lines(boxes: list) -> list[Line]:
    return [
        Line(min(x for x, _ in box), min(y for _, y in box), max(y for _, y in box), text)
        for box, text in boxes
    ]


def _answer(label: str, lines: list[Line]) -> DocumentAnswer:
    text = "\n".join(" ".join(line.text for line in row) for row in to_rows(lines))
    texts = split_numbers(text)
    if has_only_digits(label):
        texts = tuple(map(drop_signs, texts))
    claims = tuple(Claim(number, 1.0, accepted=True) for number in texts)
    return DocumentAnswer(label=split_numbers(label), claims=claims)


def to_rows(lines: list[Line]) -> list[list[Line]]:
    """Return lines as rows from top to bottom, each from left to right."""
    rows: list[list[Line]] = []
    for line in sorted(lines, key=lambda line: line.top + line.bottom):
        last = rows[-1][-1] if rows else None
        if last is not None and _overlap(last, line) >= MIN_OVERLAP:
            rows[-1].append(line)
        else:
            rows.append([line])
    return [sorted(row) for row in rows]


def _overlap(a: Line, b: Line) -> float:
    shared = min(a.bottom, b.bottom) - max(a.top, b.top)
    return shared / max(1e-9, min(a.bottom - a.top, b.bottom - b.top))


def difference(numeye: Answers, rival: Answers, column: int) -> str:
    """Return numeye's rate minus the rival's in percent, with its interval.

    Args:
        numeye: what numeye read.
        rival: what another program read on the same pages.
        column: of `Answers.counts`: 1 for found, 2 for false.
    """
    ours, theirs = numeye.counts(), rival.counts()
    surplus, n = ours[:, column] - theirs[:, column], ours[:, 0]
    return _bootstrap(surplus, n)


def _bootstrap(surplus: np.ndarray, n: np.ndarray) -> str:
    """Return sum(surplus) / sum(n) in percent, with a 95 % interval over draws of pages."""
    random = np.random.default_rng(SEED)
    draws = random.integers(len(n), size=(DRAWS, len(n)))
    rates = 100 * surplus[draws].sum(axis=1) / np.maximum(1, n[draws].sum(axis=1))
    low, high = np.quantile(rates, (0.025, 0.975))
    return f"{100 * surplus.sum() / n.sum():+.2f} ({low:+.2f} to {high:+.2f})"


# --- tables


def shapes(tables: Sequence[Sequence[Sequence[str]]]) -> Counter[Shape]:
    """Return how many tables there are of each size."""
    return Counter((len(table), len(table[0]) if table else 0) for table in tables)


def img2table_shapes(paths: Sequence[Path], python: Path) -> list[Counter[Shape]]:
    """Return the sizes of the tables that img2table finds on each page.

    Raises:
        NumeyeError: it is not installed, or fails.
    """
    with ExitStack() as stack:
        worker = Worker(python, ("img2table_worker.py",), "img2table", stack)
        return [Counter(map(tuple, worker.ask(path)["tables"])) for path in paths]


def print_tables(result: DocumentsResult, rival: list[Counter[Shape]]) -> None:
    """Print how many tables are found in their true size."""
    labelled = [shapes(page.tables) for page in result.documents]
    ours = [shapes(page.read_tables) for page in result.documents]
    n = np.array([count.total() for count in labelled])
    print(f"\ntables in their true size, of {n.sum():,}")
    hits = [
        np.array([(true & read).total() for true, read in zip(labelled, counts, strict=True)])
        for counts in (ours, rival)
    ]
    for name, right in zip((result.model, "img2table"), hits, strict=True):
        print(f"{name:<32}{right.sum():>8,}{100 * right.sum() / n.sum():>9.2f} %")
    print(f"difference  {_bootstrap(hits[0] - hits[1], n)}")


# --- the command


def open_documents(name: str, count: int) -> DataSet:
    """Return evenly spaced pages of a data set of documents.

    Raises:
        UsageError: there is no such data set, or it has another layout.
    """
    data = open_validation_set(name) if name.startswith(PREFIX) else open_data(name)
    if data.layout != "document" or data.is_empty:
        raise UsageError(f"{name}: its layout is {data.layout}; expected document, with numbers")
    count = min(count, len(data))
    return data.subset(np.arange(count) * len(data) // count)


def compare(data: DataSet, options: argparse.Namespace) -> None:
    """Print the tables."""
    result = evaluate(Reader(options.model), data)
    assert isinstance(result, DocumentsResult)
    if result.failed:
        raise UsageError(f"{result.failed[0]}; expected pages that can all be read")
    print(f"{'':<32}{'numbers':>8}{'found %':>9}   {'95 % interval':<14}{'false %':>9}")
    numeye = numeye_answers(result)
    print(numeye.row(), flush=True)
    with tempfile.TemporaryDirectory() as folder:
        paths = [
            save_png(picture, Path(folder) / f"{number:05d}.png")
            for number, picture in enumerate(data.pictures)
        ]
        try:
            rival = rapidocr_answers(data, paths, options.rapidocr)
            print(rival.row())
            print(f"difference, found  {difference(numeye, rival, 1)}")
            print(f"difference, false  {difference(numeye, rival, 2)}", flush=True)
        except NumeyeError as error:
            print(f"RapidOCR  {error}")
        if result.tables[1]:
            try:
                print_tables(result, img2table_shapes(paths, options.img2table))
            except NumeyeError as error:
                print(f"img2table  {error}")


def main() -> None:
    """Read the options and compare."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="?", default="synthetic:documents")
    parser.add_argument("--n", type=int, default=100)
    parser.add_argument("--model")
    for name in ("rapidocr", "img2table"):
        default = Path(f".venv-{name}/bin/python")
        parser.add_argument(f"--{name}", type=Path, default=default, metavar="PYTHON")
    options = parser.parse_args()
    try:
        data = open_documents(options.data, max(1, options.n))
        print(f"{data.name}: {len(data):,} pages; {timing.describe_machine()}")
        compare(data, options)
    except (NumeyeError, OSError) as error:
        raise SystemExit(f"documents.py: {error}") from error


if __name__ == "__main__":
    main()
