"""Calibration of a network for transcription: its fusion with detector and recognizer.

It uses strips: numbers on synthetic paper, made of validation digits and held-out fonts, which no
network learned from. A third of them fits the weights. The others count errors.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from numeye.evaluation import metrics
from numeye.models import registry
from numeye.models.card import Model
from numeye.models.runtime import Network
from numeye.recognition.digit_readers import LocalizationReader
from numeye.recognition.number_reader import NumberReader
from numeye.recognition.page_reader import PageReader, build_page_reader
from numeye.recognition.transcription.line_fusion import Candidates, LineFusion
from numeye.recognition.transcription.line_reader import LineReader, find_candidates
from numeye.results import Number, Reading
from numeye.training.calibration.calibrate_digits import (
    CONFIDENCE_LEVEL,
    error_curve,
    starting_threshold,
)
from numeye.training.calibration.calibrate_numbers import FIT_EVERY, MIN_CONFIDENCE
from numeye.training.calibration.likelihood_fits import minimize
from numeye.training.calibration.strip_readings import (
    are_correct,
    confidences_of,
    joined_text,
    number_confidences,
    read_strips,
)
from numeye.training.synthetic.page_tiles import PageGenerator, Tile

if TYPE_CHECKING:
    from jaxtyping import Float64, UInt8

    Grey = UInt8[np.ndarray, "height width"]

STRIP_COUNT, STRIP_SERIES = 6_000, 3  # number of strips, and the seed of their series
WEIGHTS = tuple(np.linspace(0, 1.5, 16).round(2).tolist())  # that are tried
INSERTED = (-1.0, -2.0, -3.0, -4.0, -6.0)  # likewise
PENALTY = 1e-3  # of the squared distance from the defaults, so that few numbers do not fit anything
MIN_NUMBERS = 30  # unsure ones, on which the weights can be fitted


@dataclass(frozen=True, eq=False)
class UnsureNumber:
    """An unsure number of a strip.

    Attributes:
        number: as it was read.
        columns: log probabilities of its columns by the network.
        text: what it is.
    """

    number: Number
    columns: Float64[np.ndarray, "columns 29"]
    text: str


@dataclass(frozen=True, eq=False)
class Case:
    """What an unsure number may be, and what it is.

    Attributes:
        candidates: what it may be.
        text: what it is.
    """

    candidates: Candidates
    text: str

    def is_right(self, fusion: LineFusion) -> bool:
        """Return whether the best candidate is right."""
        best = int(fusion.shares(self.candidates).argmax())
        return self.candidates.texts[best] == self.text


class RecordingLineReader(LineReader):
    """Reads numbers as a whole, and keeps those of the last page.

    Attributes:
        numbers: as they were before.
        unsure: the unsure ones, with the log probabilities of their columns.
    """

    numbers: Sequence[Number] = ()
    unsure: Sequence[tuple[Number, np.ndarray]] = ()

    def forget(self) -> None:
        """Forget the last page."""
        self.numbers, self.unsure = (), ()

    def reread(self, grey: Grey, numbers: Sequence[Number], reader: NumberReader) -> list[Number]:
        """Return the numbers of a page, the unsure ones read again."""
        self.forget()
        self.numbers = numbers
        return super().reread(grey, numbers, reader)

    def reread_number(
        self, number: Number, columns: np.ndarray, reader: NumberReader, shape: tuple[int, ...]
    ) -> Number:
        """Return an unsure number, read again."""
        self.unsure = (*self.unsure, (number, columns))
        return super().reread_number(number, columns, reader, shape)


def calibrate(graph: bytes, pages: PageGenerator) -> dict[str, Any]:
    """Return the card's entries about the fusion and its confidence.

    They are `fusion`, `detector`, `recognizer`, `rejection`, `readers`, `calibration` and
    `reliability`. `readers` counts the right strips of detector and recognizer alone, and with the
    network.

    Args:
        graph: the network as ONNX.
        pages: of validation digits and held-out fonts.
    """
    network = Network(Model(name=registry.LINE_RECOGNIZER, onnx=graph, card={}), 0)

    def run(pixels: np.ndarray) -> np.ndarray:
        return network(pixels)[0]

    strips = [pages.strip(STRIP_SERIES, number) for number in range(STRIP_COUNT)]
    fit_strips = strips[::FIT_EVERY]
    counted = [strip for number, strip in enumerate(strips) if number % FIT_EVERY]
    fusion = fit_fusion(collect_unsure(RecordingLineReader(run, LineFusion()), fit_strips))
    recorder = RecordingLineReader(run, fusion)
    reader = build_reader(recorder)
    fit_readings = read_strips(reader, fit_strips)
    start = starting_threshold(
        confidences_of(fit_readings), are_correct(fit_readings, fit_strips), MIN_CONFIDENCE
    )
    readings, alone = _read_both_ways(reader, recorder, counted)
    correct = are_correct(readings, counted)
    confidences = confidences_of(readings)
    return {
        "fusion": fusion.to_card(),
        **_partners(),
        "rejection": {"no_digit": 0.5, "unsure": MIN_CONFIDENCE},
        "readers": {"n": len(counted), "parts": alone, "fused": int(correct.sum())},
        "calibration": {
            "data": (
                "numbers of 1 to 8 digits on synthetic paper, of validation digits and held-out"
                " fonts"
            ),
            "n": len(correct),
            "level": CONFIDENCE_LEVEL,
            "start": start,
            "curve": error_curve(confidences, correct, MIN_CONFIDENCE),
        },
        "reliability": {
            "data": "the numbers of the calibration",
            "n": len(correct),
            **metrics.calibration(number_confidences(readings), correct),
        },
    }


def _read_both_ways(
    reader: PageReader, recorder: RecordingLineReader, strips: Sequence[Tile]
) -> tuple[list[Reading], int]:
    """Return the readings of strips, and how many were right before numbers were read again."""
    readings, right_before = list[Reading](), 0
    for strip in strips:
        recorder.forget()
        (reading,) = read_strips(reader, [strip])
        before: Sequence[Number] = recorder.numbers or reading.numbers
        right_before += joined_text(before) == strip.text
        readings.append(reading)
    return readings, right_before


def build_reader(line_reader: LineReader | None) -> PageReader:
    """Return the reader of the packaged detector and recognizer, with or without a line reader."""
    detector, recognizer = registry.load(registry.DETECTOR), registry.load()
    network = Network(recognizer, 0)
    return build_page_reader(
        Network(detector, 0),
        network,
        detector,
        LocalizationReader(network, recognizer, None, on_page=True),
        None,
        line_reader=line_reader,
    )


def collect_unsure(recorder: RecordingLineReader, strips: Sequence[Tile]) -> list[UnsureNumber]:
    """Return the unsure numbers of strips on which a single number was found.

    Args:
        recorder: with the network.
        strips: with their true characters.
    """
    reader, unsure = build_reader(recorder), []
    for strip in strips:
        recorder.forget()
        read_strips(reader, [strip])
        if len(recorder.numbers) == len(recorder.unsure) == 1:
            number, columns = recorder.unsure[0]
            unsure.append(UnsureNumber(number, columns, strip.text))
    return unsure


def fit_fusion(unsure: Sequence[UnsureNumber]) -> LineFusion:
    """Return the weights with the most right numbers, and those of a calibrated confidence.

    With few numbers the defaults stay.
    """
    if len(unsure) < MIN_NUMBERS:
        return LineFusion()
    fits = []
    for inserted in INSERTED:
        cases = [_case(each, inserted) for each in unsure]
        fusion = fit_weight(cases, LineFusion(inserted=inserted))
        fits.append((count_right(fusion, cases), fusion, cases))
    _, fusion, cases = max(fits, key=lambda fit: fit[0])
    return fit_confidence(cases, fusion)


def _case(unsure: UnsureNumber, inserted: float) -> Case:
    candidates = find_candidates(unsure.number, unsure.columns, None, inserted)
    if candidates is None:  # no string of it is a number; then its own remains
        candidates = Candidates((joined_text([unsure.number]),), np.zeros(1), np.zeros(1))
    return Case(candidates, unsure.text)


def fit_weight(cases: Sequence[Case], fusion: LineFusion) -> LineFusion:
    """Return the fusion with the weight that gives the most right numbers; the smallest of equals.

    Args:
        cases: unsure numbers.
        fusion: its other weights stay.
    """
    tried = [replace(fusion, weight=weight) for weight in WEIGHTS]
    return max(tried, key=lambda each: (count_right(each, cases), -each.weight))


def fit_confidence(cases: Sequence[Case], fusion: LineFusion) -> LineFusion:
    """Return the fusion with weights of its confidence under which the cases are most likely.

    They stay near the defaults where there are few numbers, and as they are if all numbers are
    right, or none.

    Args:
        cases: unsure numbers.
        fusion: how their strings are scored.
    """
    right = [case.is_right(fusion) for case in cases]
    if all(right) or not any(right):
        return fusion
    best = [int(fusion.shares(case.candidates).argmax()) for case in cases]
    features = torch.tensor(
        [fusion.features(case.candidates, each) for case, each in zip(cases, best, strict=True)],
        dtype=torch.float64,
    )
    truth = torch.tensor(right, dtype=torch.float64)
    start = torch.tensor(LineFusion().number, dtype=torch.float64)

    def loss(weights: Tensor) -> Tensor:
        errors = functional.binary_cross_entropy_with_logits(features @ weights, truth)
        return errors + PENALTY * (weights - start).square().sum()

    constant, odds, parts, lines = minimize(loss, LineFusion().number)
    return replace(fusion, number=(constant, max(odds, 0.0), parts, lines))


def count_right(fusion: LineFusion, cases: Sequence[Case]) -> int:
    """Return how many unsure numbers are right with these weights."""
    return sum(case.is_right(fusion) for case in cases)


def _partners() -> dict[str, Any]:
    """Return the names and hashes of the models that the fusion is fitted with."""
    models = {"detector": registry.load(registry.DETECTOR), "recognizer": registry.load()}
    return {
        name: {"name": model.name, "sha256": model.card.get("sha256")}
        for name, model in models.items()
    }
