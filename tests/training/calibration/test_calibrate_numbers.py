"""Calibration of the detector: fusion with the recognizer, and 8-bit weights."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from numeye.errors import RunError
from numeye.io.images import Page
from numeye.models.characters import NO_CHARACTER
from numeye.models.probabilities import NO_DIGIT, log_softmax
from numeye.recognition.boxes import Detections
from numeye.recognition.detector import UNKNOWN_CLASS_LOGIT
from numeye.recognition.page_reader import PageReader
from numeye.recognition.score_fusion import ScoreFusion
from numeye.training.calibration import calibrate_numbers
from numeye.training.networks import create_model
from numeye.training.onnx_export import check_parity, to_onnx
from numeye.training.quantization import quantize
from numeye.training.synthetic.page_tiles import Tile
from numeye.training.tasks.detection import DetectionTrainer, compare_quantized


def strip(labels: list[int], boxes: list[list[float]]) -> Tile:
    return Tile(
        picture=np.zeros((40, 400), np.uint8),
        labels=np.array(labels, np.int64),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
    )


def detections(boxes: list[list[float]], objectness: list[float]) -> Detections:
    return Detections(
        np.array(boxes, float).reshape(-1, 4),
        np.array(objectness, float),
        np.zeros((len(objectness), NO_CHARACTER)),
    )


def test_each_character_matches_the_likeliest_detection_on_it() -> None:
    truth = strip([4, 7], [[0, 0, 20, 30], [25, 0, 45, 30]])
    detected = detections(
        [[1, 0, 21, 30], [3, 1, 22, 30], [26, 0, 44, 29], [100, 0, 120, 30]], [1.0, 3.0, 2.0, 5.0]
    )
    assert calibrate_numbers.match_detections(detected, truth).tolist() == [
        NO_CHARACTER,
        4,
        7,
        NO_CHARACTER,
    ]
    assert (
        calibrate_numbers.match_detections(detected, strip([], [])).tolist() == [NO_CHARACTER] * 4
    )


class DrawnScores(PageReader):
    """A reader with random scores, drawn so that certain weights are the true ones."""

    def __init__(self, fusion: ScoreFusion, count: int) -> None:
        random = np.random.default_rng(0)
        known = random.normal(0, 2, (count, 10))
        self.class_logits = np.pad(known, ((0, 0), (0, 18)), constant_values=UNKNOWN_CLASS_LOGIT)
        self.class_logs = log_softmax(random.normal(0, 2, (count, 11)))
        self.objectness = random.normal(0, 2, count)
        probability, digits = fusion.fuse_digits(
            Detections(np.zeros((count, 4)), self.objectness, self.class_logits), self.class_logs
        )
        labels = np.array([random.choice(10, p=row) for row in digits])
        self.labels = np.where(random.random(count) < probability, labels, NO_DIGIT)
        self.next = iter(range(count))

    def detect_and_classify(self, _: Any) -> tuple[Detections, np.ndarray]:
        number = next(self.next)
        row = slice(number, number + 1)
        return Detections(
            np.array([[0.0, 0, 20, 30]]), self.objectness[row], self.class_logits[row]
        ), self.class_logs[row]

    @property
    def strips(self) -> list[Tile]:
        return [
            strip([label], [[0, 0, 20, 30]]) if label < NO_DIGIT else strip([], [])
            for label in self.labels
        ]


def test_the_weights_are_those_under_which_the_answers_were_drawn() -> None:
    true = ScoreFusion(detector=0.8, recognizer=0.4, objectness=(-0.5, 0.9, 0.3))
    drawn = DrawnScores(true, 4000)
    fusion = calibrate_numbers.fit_fusion(drawn, drawn.strips)
    assert (fusion.detector, fusion.recognizer) == pytest.approx((0.8, 0.4), abs=0.06)
    assert fusion.objectness == pytest.approx(true.objectness, abs=0.15)


def test_a_detector_as_onnx_computes_what_torch_computes_for_pages_of_any_size() -> None:
    torch.manual_seed(0)
    model = create_model("detector").eval()
    graph = to_onnx(model, torch.zeros(2, 1, 128, 128), DetectionTrainer.signature)
    check_parity(model, graph, torch.rand(3, 1, 64, 208))
    images = torch.rand(12, 1, 64, 208)
    quantized = quantize(graph, images.numpy())
    assert len(quantized) < 0.3 * len(graph)
    with torch.no_grad():
        expected = model(images[:4]).numpy()
    difference = calibrate_numbers.onnx_detector(quantized)(images[:4].numpy()) - expected
    assert np.abs(difference).max() < 0.1 * np.abs(expected).max()

    def classify(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(pixels), 11)), np.zeros((len(pixels), 4))

    reader = PageReader(calibrate_numbers.onnx_detector(quantized), classify, ScoreFusion())
    page = np.random.default_rng(0).integers(0, 256, (50, 77), np.uint8)
    assert reader.read([Page(name="", index=0, grey=page)])[0].picture is page


def test_8_bit_weights_that_lose_digits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    no_digit = np.full((4, 15, 8, 8), -9, np.float32)
    false_detection = no_digit.copy()
    false_detection[:, 0, 3, 3] = 9
    outputs = {b"exact": no_digit, b"as good": no_digit, b"worse": false_detection}
    monkeypatch.setattr(calibrate_numbers, "onnx_detector", lambda graph: lambda _: outputs[graph])
    tiles = [(torch.zeros(4, 1, 32, 32), torch.full((4, 1, 5), -1.0))]  # without a digit
    counted = compare_quantized(b"exact", b"as good", tiles)
    assert counted == {"bits": 8, "tiles": 4, "right": 4, "right_before": 4}
    with pytest.raises(RunError, match="in 8 bits reads 0 of 4 tiles correctly, before it was 4"):
        compare_quantized(b"exact", b"worse", tiles)
