"""Measure how well and how fast numbers are read, on strings, empty pages and photographs.

Usage: python benchmarks/pages.py [DATA ...] [--n N] [--rivals N] [--no-speed] [--mistakes DIR]

Needs numeye[train]; 5 minutes on 2 cores, and one more for each data set and for the rivals. Each
DATA is a data folder of numbers or grids, which is read besides the strings that are made here.
With --rivals, RapidOCR and Tesseract read some strings of digits of each kind, by turns with
numeye; `rivals.py` says how they are installed and used, and what is timed. RapidOCR reads twice,
the second time with all but digits masked.

- clean strings: five of MNIST's test digits side by side, as they are, dark on white, seeded.
- synthetic strips: numbers, most with signs, on synthetic paper, of MNIST's validation digits and
  held-out fonts, from a series that is used neither in training nor in calibration.
- pages without a number: blank, ruled, noisy, and words of all letters, also l and O, in held-out
  fonts; on how many pages a digit is read, and on how many one is detected but rejected.
- speed: medians of `Reader.read` and `Reader.read_many`, with decoding of files, without start-up.
- memory: the peak of a process that reads one photograph of 40 megapixels, with all imports.
"""

from __future__ import annotations

import argparse
import io
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
from PIL import Image
from rivals import read_all, sample, table

from numeye import DataSet, Reader, open_data
from numeye.bench.timing import describe_machine
from numeye.errors import NumeyeError
from numeye.evaluation.evaluate import evaluate
from numeye.evaluation.numbers import NumbersResult
from numeye.evaluation.result import EvaluationResult
from numeye.training.synthetic import fonts
from numeye.training.synthetic.validation_sets import (
    STRIP_SERIES,
    draw_empty_pages,
    draw_strings,
    draw_strips,
    make_pages,
)

ROUNDS = 9


def page_of_numbers(height: int, width: int) -> np.ndarray:
    """Put strips of synthetic paper on a white page."""
    pages, page = make_pages(), np.full((height, width), 240, np.uint8)
    top, number = 20, 0
    while top < height - 120:
        left, low = 20, 0
        while True:
            strip = pages.strip(STRIP_SERIES, number).picture
            number += 1
            if left + strip.shape[1] > width - 20 or top + strip.shape[0] > height:
                break
            page[top : top + strip.shape[0], left : left + strip.shape[1]] = strip
            left, low = left + strip.shape[1] + 60, max(low, strip.shape[0])
        top += max(low, 40) + 40
    return page


def jpeg(height: int, width: int, *, enlarged: float = 3) -> bytes:
    """Return a photograph of such a page, enlarged by a factor, as a camera stores it."""
    small = Image.fromarray(page_of_numbers(round(height / enlarged), round(width / enlarged)))
    file = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).convert("RGB").save(
        file, format="JPEG", quality=90
    )
    return file.getvalue()


def median_ms(work: Callable[[], object]) -> float:
    """Return the median duration of `ROUNDS` calls, after one that is not counted."""
    seconds = []
    for _ in range(ROUNDS + 1):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return statistics.median(seconds[1:]) * 1000


def peak_memory(photograph: bytes) -> float:
    """Return the peak memory, in megabytes, of a process that reads a photograph."""
    code = "import sys, numeye; numeye.read(sys.argv[1]); print(open('/proc/self/status').read())"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.jpg"
        path.write_bytes(photograph)
        process = subprocess.run(
            [sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True
        )
    # Not ru_maxrss, which counts the parent process, too.
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", process.stdout)
    return int(peak) / 1024


def long_strips(count: int) -> list[np.ndarray]:
    """Make synthetic strips of 400 x 50 pixels from those of about these proportions."""
    pages = make_pages()
    strips = (pages.strip(STRIP_SERIES, number).picture for number in itertools.count())
    long = (strip for strip in strips if 5 <= strip.shape[1] / strip.shape[0] <= 10)
    return [
        np.asarray(Image.fromarray(strip).resize((400, 50)))
        for strip in itertools.islice(long, count)
    ]


def row(result: EvaluationResult) -> str:
    """Return the line of one data set."""
    if not isinstance(result, NumbersResult):
        return str(result)
    low, high = result.interval
    detection = result.detection
    boxes = f"{detection[0]:>11.2f} {detection[1]:>8.2f}" if detection else f"{'-':>11} {'-':>8}"
    return (
        f"{result.data:<18}{len(result.labels):>7,}{result.accuracy:>9.2f}   {low:.2f} to"
        f" {high:.2f}"
        f"{result.cer:>8.2f}{result.best_half:>15.2f}{boxes}{result.to_dict()['ece']:>8.2f}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("data", nargs="*", help="data folders of numbers or grids")
    parser.add_argument(
        "--model", help="a run folder, or another name that numeye read --model takes"
    )
    parser.add_argument(
        "--n", type=int, default=2_000, help="strings of each kind that are made here"
    )
    parser.add_argument(
        "--rivals",
        type=int,
        default=0,
        metavar="N",
        help="strings of each kind that RapidOCR and Tesseract read, too",
    )
    parser.add_argument(
        "--rapidocr", type=Path, default=Path(".venv-rapidocr/bin/python"), metavar="PYTHON"
    )
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument(
        "--mistakes", type=Path, help="write the worst mistakes of each kind as PNG"
    )
    options = parser.parse_args()
    try:
        reader, own = Reader(options.model), [open_data(name) for name in options.data]
    except NumeyeError as error:
        raise SystemExit(f"pages.py: {error}") from error
    print(describe_machine())
    fonts.fetch()
    clean, synthetic = draw_strings("mnist", options.n), draw_strips(options.n)
    every = [
        replace(clean, name="clean strings"),
        replace(synthetic, name="synthetic strips"),
        *own,
    ]
    strings = [
        data
        for data in every
        if data.layout == "numbers" and not any(" " in label for label in data.labels)
    ]
    print_accuracy(reader, every, options.mistakes)
    for data in strings if options.rivals else ():
        chosen = sample(with_digits_only(data), options.rivals)
        print(f"\n{data.name}: {len(chosen):,} of {len(data):,}, by turns")
        print(
            table(read_all(chosen, False, options.rapidocr, options.model), chosen.labels),
            flush=True,
        )
    print_false_numbers(reader)
    if not options.no_speed:
        print_speed(reader)


def with_digits_only(data: DataSet) -> DataSet:
    """Return the pictures whose label has no sign."""
    return data.subset(np.flatnonzero([label.isdecimal() for label in data.labels]))


def print_accuracy(reader: Reader, every: list[DataSet], mistakes: Path | None) -> None:
    """Print how well each data set is read."""
    print(
        f"{'':<18}{'n':>7}{'exact %':>9}   {'95 % interval':<14}{'CER %':>8}{'surest half %':>15}",
        end="",
    )
    print(f"{'precision %':>11} {'recall %':>8}{'ECE %':>8}")
    for data in every:
        result = evaluate(reader, data)
        print(row(result), flush=True)
        if mistakes:
            print(f"worst mistakes: {result.save_mistakes(mistakes)}", file=sys.stderr)


def print_false_numbers(reader: Reader) -> None:
    """Print on how many pages without a number one is read, and how many in all."""
    print(
        "\npages without a number (100 each): on how many one is read, and detected but rejected;"
        " numbers read on all"
    )
    for name, pages in draw_empty_pages(100).items():
        readings = list(reader.read_many(pages.pictures))
        read = sum(bool(reading.text.strip(" ?\n")) for reading in readings)
        detected = sum(bool(reading.digits) for reading in readings)
        numbers = sum(not number.rejected for reading in readings for number in reading.numbers)
        print(f"{name:<18}{read:>7}{detected - read:>7}{numbers:>7}", flush=True)


def print_speed(reader: Reader) -> None:
    """Print durations and memory."""
    page, photograph, sheet = (
        page_of_numbers(1400, 1000),
        jpeg(4000, 3000),
        jpeg(4000, 3000, enlarged=1.2),
    )
    strips = long_strips(200)
    print(f"\nmedians of {ROUNDS} rounds, start-up apart")
    digits = len(reader.read(page).digits)
    print(
        f"page of 1,000 x 1,400, {digits} digits   {median_ms(lambda: reader.read(page)):8.0f} ms"
    )
    print(
        "JPEG of 12 megapixels, decoded       "
        f" {median_ms(lambda: reader.read(photograph)):8.0f} ms"
    )
    digits = len(reader.read(sheet).digits)
    print(
        f"the same, {digits:>4,} digits, 0.4 as high   "
        f" {median_ms(lambda: reader.read(sheet)):8.0f} ms"
    )
    together = median_ms(lambda: list(reader.read_many(strips)))
    print(f"strips of 400 x 50                    {len(strips) / together * 1000:8.0f} a second")
    print(f"memory at 40 megapixels (Linux)       {peak_memory(jpeg(7300, 5500)):8.0f} MB at most")


if __name__ == "__main__":
    main()
