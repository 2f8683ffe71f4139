"""Calibration of a detector: the fusion of its scores with the recognizer's, and counts of errors.

It uses strips: numbers on synthetic paper, made of validation digits and held-out fonts, which
neither network learned from. A third of them fits the weights. The others count errors, so that the
counts are not too optimistic.
"""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import numpy as np
import onnxruntime
import torch
from torch.nn import functional

from numeye.evaluation import metrics
from numeye.models import registry
from numeye.models.characters import NO_CHARACTER
from numeye.models.probabilities import NO_DIGIT
from numeye.models.runtime import Network
from numeye.recognition import boxes, detector
from numeye.recognition.boxes import Detections
from numeye.recognition.digit_readers import LocalizationReader
from numeye.recognition.page_reader import PageReader
from numeye.recognition.score_fusion import ScoreFusion, digit_log_odds
from numeye.training.calibration.calibrate_digits import (
    CONFIDENCE_LEVEL,
    error_curve,
    starting_threshold,
)
from numeye.training.calibration.likelihood_fits import fit_logistic, minimize
from numeye.training.calibration.strip_readings import (
    are_correct,
    confidences_of,
    number_confidences,
    read_strips,
)
from numeye.training.synthetic.page_tiles import PageGenerator, Tile

if TYPE_CHECKING:
    from jaxtyping import Int64

STRIP_COUNT, STRIP_SERIES = 6_000, 1  # number of strips, and the seed of their series
FIT_EVERY = 3  # one strip of so many fits the weights
MIN_CONFIDENCE = 0.5  # of an accepted number
MIN_IOU = 0.4  # of a detection and the character that it has found
MIN_DIGIT_SHARE = 0.5  # probability from which on the detector takes a character for a digit


def calibrate(
    graph: bytes, pages: PageGenerator, fusion: ScoreFusion | None = None
) -> dict[str, Any]:
    """Return the card's entries about confidence.

    They are `fusion`, `rejection`, `recognizer`, `calibration` and `reliability`.

    Args:
        graph: the detector as ONNX.
        pages: of validation digits and held-out fonts.
        fusion: weights that are fitted already; None fits them.
    """
    model = registry.load()
    network = Network(model, 0)
    detect, classify = onnx_detector(graph), network.localize
    single_reader = LocalizationReader(network, model, None, on_page=True)
    strips = draw_digit_strips(pages, STRIP_COUNT)
    fit_strips = strips[::FIT_EVERY]
    counted_strips = [strip for number, strip in enumerate(strips) if number % FIT_EVERY]
    if fusion is None:
        fusion = fit_fusion(PageReader(detect, classify, ScoreFusion()), fit_strips)
        number = _fit_number_confidence(PageReader(detect, classify, fusion), fit_strips)
        fusion = replace(fusion, number=number)
    # As pages are read in the end: if there is no number, a single digit is looked for.
    reader = PageReader(detect, classify, fusion, single_reader=single_reader)
    readings = read_strips(reader, counted_strips)
    correct = are_correct(readings, counted_strips)
    return {
        "fusion": fusion.to_card(),
        "rejection": {"no_digit": 0.5, "unsure": MIN_CONFIDENCE},
        "recognizer": {"name": model.name, "sha256": model.card.get("sha256")},
        "calibration": {
            "data": (
                "numbers of 1 to 8 digits on synthetic paper, of validation digits and held-out"
                " fonts"
            ),
            "n": len(correct),
            "level": CONFIDENCE_LEVEL,
            "start": _starting_threshold(reader, fit_strips),
            "curve": error_curve(confidences_of(readings), correct, MIN_CONFIDENCE),
        },
        "reliability": {
            "data": "the numbers of the calibration",
            "n": len(correct),
            **metrics.calibration(number_confidences(readings), correct),
        },
    }


def draw_digit_strips(pages: PageGenerator, count: int) -> list[Tile]:
    """Return strips with a number of digits only.

    Strips with signs are left out: they have far more signs than documents, each of which may be
    missed, so their error rates would say little about others.

    Args:
        pages: draws them.
        count: how many.
    """
    strips = (pages.strip(STRIP_SERIES, number) for number in itertools.count())
    return list(itertools.islice((strip for strip in strips if strip.text.isdecimal()), count))


def onnx_detector(graph: bytes) -> detector.Network:
    """Return a detector, given as ONNX, as a function of pictures (N, 1, H, W)."""
    session = onnxruntime.InferenceSession(graph, providers=["CPUExecutionProvider"])
    return lambda pixels: np.asarray(session.run(None, {"images": pixels})[0])


def fit_fusion(reader: PageReader, strips: Sequence[Tile]) -> ScoreFusion:
    """Return the weights of both networks' scores under which the strips are most likely.

    Detections that the detector takes for other characters than digits are left out.

    Args:
        reader: detects and classifies; its own weights are not used.
        strips: with their true characters.
    """
    scores = [reader.detect_and_classify(strip.picture) for strip in strips]
    detections = [strip_detections for strip_detections, _ in scores]
    labels = np.concatenate(
        [match_detections(*pair) for pair in zip(detections, strips, strict=True)]
    )
    objectness = np.concatenate([strip_detections.objectness for strip_detections in detections])
    detector_logits = np.concatenate(
        [strip_detections.class_logits for strip_detections in detections]
    )
    recognizer_logs = np.concatenate([logs for _, logs in scores])
    shares = np.concatenate([strip_detections.digit_shares for strip_detections in detections])
    like_digit = shares >= MIN_DIGIT_SHARE
    labels, objectness = labels[like_digit], objectness[like_digit]
    detector_logits = detector_logits[like_digit, :NO_DIGIT]
    recognizer_logs = recognizer_logs[like_digit]
    is_digit = torch.from_numpy(labels < NO_DIGIT)
    odds = [np.ones_like(objectness), objectness, digit_log_odds(recognizer_logs)]
    features = torch.from_numpy(np.stack(odds, axis=1))
    # (M, 10, 2)
    classes = torch.from_numpy(np.stack([detector_logits, recognizer_logs[:, :NO_DIGIT]], axis=2))[
        is_digit
    ]
    digits = torch.from_numpy(labels)[is_digit]
    detector_weight, recognizer_weight = minimize(
        lambda w: functional.cross_entropy(classes @ w, digits), (1.0, 0.5)
    )
    constant, weight, odds_weight = fit_logistic(features, is_digit, (0.0, 1.0, 0.0))
    return ScoreFusion(
        detector=detector_weight,
        recognizer=recognizer_weight,
        objectness=(constant, weight, odds_weight),
    )


def match_detections(detections: Detections, strip: Tile) -> Int64[np.ndarray, " n"]:
    """Return the true character of each detection, by overlap.

    A detection that matches none gets `NO_CHARACTER`, and so does the less likely one of two that
    match the same character.
    """
    labels = np.full(len(detections), NO_CHARACTER, np.int64)
    unmatched = list(range(len(strip.labels)))
    for number in np.argsort(-detections.objectness, kind="stable").tolist():
        if unmatched:
            candidates = strip.boxes[unmatched].astype(np.float64)
            overlaps = boxes.iou(detections.boxes[number], candidates)
            if overlaps.max() >= MIN_IOU:
                labels[number] = strip.labels[unmatched.pop(int(overlaps.argmax()))]
    return labels


def _fit_number_confidence(reader: PageReader, strips: Sequence[Tile]) -> tuple[float, float]:
    """Return constant and weight that turn a number's log-odds into a calibrated confidence."""
    readings = read_strips(reader, strips)
    odds = torch.logit(torch.from_numpy(confidences_of(readings)), eps=1e-9)
    features = torch.stack([torch.ones_like(odds), odds], dim=1)
    correct = torch.from_numpy(are_correct(readings, strips))
    constant, weight = fit_logistic(features, correct, (0.0, 1.0))
    return constant, weight


def _starting_threshold(reader: PageReader, strips: Sequence[Tile]) -> float:
    """Return the threshold to start from, chosen on strips that the curve does not count."""
    readings = read_strips(reader, strips)
    return starting_threshold(
        confidences_of(readings), are_correct(readings, strips), MIN_CONFIDENCE
    )
