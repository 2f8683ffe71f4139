"""Compare three readers on synthetic numbers: the line recognizer, the detector, and both fused.

Usage: python benchmarks/line_recognizer.py MODEL [--count N]

MODEL is a run folder, an ONNX file or a packaged model of the task transcription. Needs
numeye[train,evidence]; takes about five minutes for 2,000 numbers on 2 cores. The numbers are the
first ones of `synthetic:strips`: digits, fonts and pens that no network learned from. A number is
right if all of its characters are, signs included; rejected ones count by their best answer. The
line recognizer alone gets the true box of the number. Printed are the right numbers with Wilson's
95 % interval, exact McNemar tests against the detector on the same numbers, and the time of a
number of 400x50 pixels with both fused, as a multiple of the time with the detector alone.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Callable

import numpy as np
from PIL import Image

from numeye.evaluation.metrics import wilson_interval
from numeye.io.images import Page
from numeye.layout.number_bounds import find_numbers
from numeye.models import registry
from numeye.models.characters import CHARACTERS, FILLERS
from numeye.models.probabilities import log_softmax
from numeye.models.runtime import Network
from numeye.models.task import TRANSCRIPTION
from numeye.recognition.page_reader import PageReader
from numeye.recognition.transcription import ctc
from numeye.recognition.transcription.line_pictures import add_margins, cut_line, stack_lines
from numeye.recognition.transcription.line_reader import LineReader
from numeye.study.measures import mcnemar
from numeye.training.calibration.calibrate_lines import build_reader
from numeye.training.calibration.strip_readings import joined_text
from numeye.training.synthetic import fonts
from numeye.training.synthetic.page_tiles import Tile
from numeye.training.synthetic.validation_sets import STRIP_COUNT, STRIP_SERIES, make_pages

STRIP_PX = (400, 50)  # width and height of the timed number
TIMED_STRIPS, REPEATS = 20, 3

Answer = Callable[[Tile], str]


def answer_of(reader: PageReader) -> Answer:
    """Return a function that reads a strip as a page; without spaces between numbers."""

    def read(strip: Tile) -> str:
        reading = reader.read([Page(name="", index=0, grey=strip.picture)])[0]
        return joined_text(reading.numbers)

    return read


def line_answer(network: Network) -> Answer:
    """Return a function that reads a strip with the line recognizer alone."""

    def read(strip: Tile) -> str:
        texts = [CHARACTERS[label] for label in strip.labels.tolist()]
        places = [place for own in find_numbers(texts) for place in own]
        boxes = strip.boxes[[place for place in places if texts[place] not in FILLERS]]
        left, top, right, bottom = *boxes[:, :2].min(axis=0), *boxes[:, 2:].max(axis=0)
        box = add_margins((float(left), float(top), float(right), float(bottom)))
        logits = network(stack_lines([cut_line(strip.picture, box)]))[0]
        return "".join(ctc.find_best_strings(log_softmax(logits[0]), 1))

    return read


def seconds_a_number(reader: PageReader, strips: list[Tile]) -> float:
    """Return the mean time of one number of `STRIP_PX`, the best of some repeats."""
    pages = [
        Page(name="", index=0, grey=np.asarray(Image.fromarray(strip.picture).resize(STRIP_PX)))
        for strip in strips
    ]
    times = []
    for _ in range(REPEATS):
        started = time.perf_counter()
        reader.read(pages)
        times.append((time.perf_counter() - started) / len(pages))
    return min(times)


def main() -> None:
    """Print a line for each reader, the tests, and the times."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--count", type=int, default=STRIP_COUNT)
    options = parser.parse_args()
    fonts.fetch()
    model = registry.load(options.model)
    network = Network(model, 0)
    if network.task != TRANSCRIPTION.name:
        parser.error(f"{model.name}: its task is {network.task}; expected {TRANSCRIPTION.name}")
    pages = make_pages()
    strips = [pages.strip(STRIP_SERIES, number) for number in range(options.count)]
    alone, fused = build_reader(None), build_reader(LineReader.of_model(network, model))
    answers = {
        "line recognizer": line_answer(network),
        "detector": answer_of(alone),
        "both fused": answer_of(fused),
    }
    right = {
        name: np.array([answer(strip) == strip.text for strip in strips])
        for name, answer in answers.items()
    }
    for name, each in right.items():
        count = int(each.sum())
        low, high = wilson_interval(count, len(each))
        print(
            f"{name:<16} {count:,} / {len(each):,} * 100 = {count / len(each) * 100:.2f} % right"
            f" (95 % interval {low:.2f} to {high:.2f})"
        )
    for name in ("line recognizer", "both fused"):
        gained, lost, p = mcnemar(right[name], right["detector"])
        print(f"{name} against detector: {gained} gained, {lost} lost, McNemar p = {p:.3g}")
    timed = strips[:TIMED_STRIPS]
    before, after = (seconds_a_number(reader, timed) for reader in (alone, fused))
    print(
        f"{STRIP_PX[0]}x{STRIP_PX[1]} pixels: {after / before:.2f} times the"
        f" {before * 1e3:.1f} ms of the detector (n = {len(timed)}, best of {REPEATS})"
    )


if __name__ == "__main__":
    main()
