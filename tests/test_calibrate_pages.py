"""How the spotter and the reader are weighed."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from numeye.errors import RunError
from numeye.image import Page
from numeye.locate import Spots
from numeye.scan import PageEyes
from numeye.training import calibrate_pages
from numeye.training.export import _quantised, check_parity, to_onnx
from numeye.training.models import create_model
from numeye.training.paper.page import Tile
from numeye.training.quantise import quantise
from numeye.weighing import NO_DIGIT, Weighing
from numeye.zoom import log_softmax


def strip(labels: list[int], boxes: list[list[float]]) -> Tile:
    return Tile(
        picture=np.zeros((40, 400), np.uint8),
        labels=np.array(labels, np.int64),
        boxes=np.array(boxes, np.float32).reshape(-1, 4),
    )


def spots(boxes: list[list[float]], there: list[float]) -> Spots:
    return Spots(np.array(boxes, float).reshape(-1, 4), np.array(there, float), np.zeros((len(there), 10)))


def test_each_digit_is_the_likeliest_spot_that_lies_on_it() -> None:
    truth = strip([4, 7], [[0, 0, 20, 30], [25, 0, 45, 30]])
    found = spots([[1, 0, 21, 30], [3, 1, 22, 30], [26, 0, 44, 29], [100, 0, 120, 30]], [1.0, 3.0, 2.0, 5.0])
    assert calibrate_pages.match(found, truth).tolist() == [NO_DIGIT, 4, 7, NO_DIGIT]
    assert calibrate_pages.match(found, strip([], [])).tolist() == [NO_DIGIT] * 4


class Drawn(PageEyes):
    """Eyes whose answers were drawn at random so that certain weights are the right ones."""

    def __init__(self, weighing: Weighing, count: int) -> None:
        random = np.random.default_rng(0)
        self.which = random.normal(0, 2, (count, 10))
        self.looks = log_softmax(random.normal(0, 2, (count, 11)))
        self.there = random.normal(0, 2, count)
        chance, digits = weighing.weigh(Spots(np.zeros((count, 4)), self.there, self.which), self.looks)
        labels = np.array([random.choice(10, p=row) for row in digits])
        self.labels = np.where(random.random(count) < chance, labels, NO_DIGIT)
        self.next = iter(range(count))

    def see(self, _: Any) -> tuple[Spots, np.ndarray]:
        number = next(self.next)
        one = slice(number, number + 1)
        return Spots(np.array([[0.0, 0, 20, 30]]), self.there[one], self.which[one]), self.looks[one]

    @property
    def strips(self) -> list[Tile]:
        return [strip([label], [[0, 0, 20, 30]]) if label < NO_DIGIT else strip([], []) for label in self.labels]


def test_the_weights_are_those_under_which_the_answers_were_drawn() -> None:
    true = Weighing(spotter=0.8, reader=0.4, there=(-0.5, 0.9, 0.3))
    drawn = Drawn(true, 4000)
    found = calibrate_pages.fit_weighing(drawn, drawn.strips)
    assert (found.spotter, found.reader) == pytest.approx((0.8, 0.4), abs=0.06)
    assert found.there == pytest.approx(true.there, abs=0.15)


def test_a_spotter_as_onnx_says_what_torch_says_and_pages_of_any_size_go_through_it() -> None:
    torch.manual_seed(0)
    model = create_model("spotter").eval()
    graph = to_onnx(model, torch.zeros(2, 1, 128, 128))
    check_parity(model, graph, torch.rand(3, 1, 64, 208))
    images = torch.rand(12, 1, 64, 208)
    small = quantise(graph, images.numpy())
    assert len(small) < 0.3 * len(graph)
    with torch.no_grad():
        exact = model(images[:4]).numpy()
    apart = calibrate_pages.finder(small)(images[:4].numpy()) - exact
    assert np.abs(apart).max() < 0.1 * np.abs(exact).max()

    def look(pixels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        return np.zeros((len(pixels), 11)), np.zeros((len(pixels), 4))

    eyes = PageEyes(calibrate_pages.finder(small), look, Weighing())
    page = np.random.default_rng(0).integers(0, 256, (50, 77), np.uint8)
    assert eyes.read([Page(name="", index=0, grey=page)])[0].picture is page


def test_whole_numbers_that_lose_digits_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    nothing = np.full((4, 15, 8, 8), -9, np.float32)
    claims = nothing.copy()
    claims[:, 0, 3, 3] = 9
    says = {b"exact": nothing, b"as good": nothing, b"worse": claims}
    monkeypatch.setattr(calibrate_pages, "finder", lambda graph: lambda _: says[graph])
    tiles = [(torch.zeros(4, 1, 32, 32), torch.full((4, 1, 5), -1.0))]  # without a digit
    counted = _quantised(b"exact", b"as good", tiles)
    assert counted == {"bits": 8, "tiles": 4, "right": 4, "right_before": 4}
    with pytest.raises(RunError, match="in whole numbers 0 of 4 tiles are read right, before 4"):
        _quantised(b"exact", b"worse", tiles)
