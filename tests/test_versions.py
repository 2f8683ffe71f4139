"""Pools of synthetic paper are found by their versions: whoever changes the pixels counts these up.

Else old pools would be taken for new ones. Pen strokes alone are drawn here, without MNIST or fonts; the label and the
mean grey of some pictures stand for all pixels.
"""

from __future__ import annotations

import numpy as np
import pytest

from numeye.training.paper import ink, pool
from numeye.training.paper.crop import Paper
from numeye.training.paper.page import PageRanges, Pages
from numeye.training.paper.ranges import Ranges

# Of these versions these are the pictures: change all three together.
VERSIONS = (7, 8)
CROPS = "4 200, 8 155, 10 170, 9 163, 4 129, 8 244, 2 56, 9 149, 7 184, 8 226, 10 238, 1 28"
TILES = " 121, 1037732801022468210 238,  180, 107510 233, 1005 15, 7966000 57"


def told(pictures: str) -> list[tuple[str, object]]:
    """Labels and mean greys; another release of OpenCV may round some pixels otherwise."""
    pairs = [one.split(" ") for one in pictures.split(", ")]
    return [(label, pytest.approx(int(mean), abs=1.5)) for label, mean in pairs]


def test_versions_change_with_what_is_drawn() -> None:
    nobody = ink.Fields(edge=np.zeros((1, 56, 56), np.uint8), line=None, labels=np.zeros(1, np.int64))
    paper = Paper(digits=nobody, ranges=Ranges(pens=1.0, fonts=0.0))
    pages = Pages(paper=paper, ranges=PageRanges(pens=1.0, some_pens=1.0, printed=0.0))
    crops = [paper.crop(5, number) for number in range(12)]
    tiles = [pages.tile(5, number) for number in range(6)]
    assert [(str(crop.label), crop.picture.mean()) for crop in crops] == told(CROPS)
    assert [(tile.text, tile.picture.mean()) for tile in tiles] == told(TILES)
    assert (pool.VERSION, pool.TILE_VERSION) == VERSIONS
