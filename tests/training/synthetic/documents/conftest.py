"""Stationery for tests: some of MNIST's digits, and two fonts that come with matplotlib."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
import numpy as np
import pytest

from numeye.training.synthetic import distance_fields
from numeye.training.synthetic.documents.letterpress import Face
from numeye.training.synthetic.documents.stationery import Stationery
from numeye.training.synthetic.parameters import Ranges


@pytest.fixture(scope="session")
def stationery(train_images: np.ndarray, train_labels: np.ndarray) -> Stationery:
    """Return what documents are written with, without any font to fetch."""
    edges, skeletons = distance_fields.compute_fields(train_images[:200])
    digits = distance_fields.DistanceFields(
        edge=edges, skeleton=skeletons, labels=train_labels[:200]
    )
    folder = Path(mpl.get_data_path()) / "fonts" / "ttf"
    return Stationery(
        digits=digits,
        written=(),
        pens=(Face(folder / "DejaVuSans-Oblique.ttf", handwritten=True),),
        presses=(Face(folder / "DejaVuSerif.ttf", handwritten=False),),
        ranges=Ranges(),
    )
