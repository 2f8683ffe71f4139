from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np

from numeye.cli.overlays import OverlayFolder
from numeye.results import Digit, Reading

FOUR = Digit(digit=4, confidence=0.95, box=(3, 2, 14, 20), probabilities=(0.1,) * 10)
PAGE = np.full((24, 20), 255, np.uint8)


def test_overlays_never_share_a_name_and_names_of_earlier_runs_stay(
    tmp_path: Path,
) -> None:
    overlay_folder = OverlayFolder(tmp_path, drawn_before=["a/x.png"])
    pages: tuple[dict[str, Any], ...] = (
        {"image": "b/x.png"},
        {"image": "b/x.png", "page": 1},
        {"image": "b/x.png", "region": "sum €"},
        {"image": "b/x.png", "region": "sum $"},
        {"image": "a/x.png"},
        {"image": "a/x.png"},  # the same once more
    )
    for changes in pages:
        overlay_folder.add(Reading(digits=(FOUR,), picture=PAGE, **changes))
    names = {path.name.removesuffix(".read.png") for path in tmp_path.iterdir()}
    assert names == {"x.png", "x.png.2", "x.png.2.page2", "x.png.2.sum-", "x.png.2.sum-.2"}
