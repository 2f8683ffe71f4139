"""What decides the pixels of a pool of crops, tiles or lines, and how a pool is stored.

The folder of a pool has a hash in its name: of the fields of its spec, of the names and values of
all parameters (`parameters.py`), and of the versions below. So whoever changes any of them gets
another folder, and the pool is rendered again.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from numeye.recognition.transcription.line_pictures import LINE_HEIGHT_PX, LINE_WIDTHS_PX
from numeye.training.synthetic.canvas import MAX_CHARACTERS
from numeye.training.synthetic.lines.line import MAX_LINE_CHARACTERS
from numeye.training.synthetic.page_tiles import TILE_PX
from numeye.training.synthetic.parameters import PageRanges, Ranges

# Count these up when the same seed gives other pixels; `tests/training/synthetic/test_versions.py`
# fails where that is forgotten.
CROP_VERSION = 7  # of the augmentations that crops and tiles share
TILE_VERSION = 11  # of everything else on tiles
LINE_VERSION = 1  # of how lines are chosen and cut out

# One tile or line of so many is cut out of a document; the others are drawn alone.
DOCUMENT_EVERY = 2

Split = Literal["fit", "validation"]
FONT_PARTS: dict[Split, Literal["train", "held-out"]] = {"fit": "train", "validation": "held-out"}

Row = tuple[Any, ...]  # the values of one row of a file, in the order of its dtype


def crop_dtype(size: int) -> np.dtype:
    """Return the type of one crop in a file."""
    return np.dtype([("picture", "u1", (size, size)), ("label", "u1"), ("box", "f4", (4,))])


@dataclass(frozen=True, kw_only=True)
class PoolSpec:
    """What decides the pixels of a pool of crops.

    Attributes:
        split: whether the digits and fonts are those to learn from, or those for validation.
        writers: whether MNIST's digits are split by their writers, else at random.
        pendigits: whether pen trajectories are among the digits to learn from. Those for validation
            have none.
        seed: number of the series of crops.
        size: pixels a side.
        without: families of augmentations that are left out.
    """

    split: Split
    writers: bool = False
    pendigits: bool = False
    seed: int = 0
    size: int = 48
    without: tuple[str, ...] = ()

    kind: ClassVar[str] = "crops"

    @property
    def name(self) -> str:
        """The name of the pool's folder, which no other pool has."""
        return _folder_name("", self, asdict(Ranges()), CROP_VERSION)

    @property
    def row(self) -> np.dtype:
        """The type of one crop in a file."""
        return crop_dtype(self.size)


@dataclass(frozen=True, kw_only=True)
class TileSpec:
    """What decides the pixels of a pool of tiles.

    Attributes:
        split: whether the digits and fonts are those to learn from, or those for validation.
        writers: whether MNIST's digits are split by their writers, else at random.
        pendigits: whether pen trajectories are among the digits to learn from. Those for validation
            have none.
        seed: number of the series of tiles.
    """

    split: Split
    writers: bool = False
    pendigits: bool = False
    seed: int = 0

    kind: ClassVar[str] = "tiles"

    @property
    def name(self) -> str:
        """The name of the pool's folder, which no other pool has."""
        ranges, versions = [asdict(Ranges()), asdict(PageRanges())], [CROP_VERSION, TILE_VERSION]
        return _folder_name("pages-", self, ranges, versions)

    @property
    def row(self) -> np.dtype:
        """The type of one tile in a file: the places behind its `count` characters are empty."""
        return np.dtype(
            [
                ("picture", "u1", (TILE_PX, TILE_PX)),
                ("count", "u1"),
                ("label", "u1", MAX_CHARACTERS),
                ("box", "f2", (MAX_CHARACTERS, 4)),
            ]
        )


@dataclass(frozen=True, kw_only=True)
class LineSpec:
    """What decides the pixels of a pool of lines, which are pictures of one number each.

    Attributes:
        split: whether the digits and fonts are those to learn from, or those for validation.
        writers: whether MNIST's digits are split by their writers, else at random.
        pendigits: whether pen trajectories are among the digits to learn from. Those for validation
            have none.
        seed: number of the series of lines.
    """

    split: Split
    writers: bool = False
    pendigits: bool = False
    seed: int = 0

    kind: ClassVar[str] = "lines"

    @property
    def name(self) -> str:
        """The name of the pool's folder, which no other pool has."""
        ranges = [asdict(Ranges()), asdict(PageRanges())]
        versions = [CROP_VERSION, TILE_VERSION, LINE_VERSION]
        return _folder_name("lines-", self, ranges, versions)

    @property
    def row(self) -> np.dtype:
        """The type of one line in a file: behind its `width` and `count` there is nothing."""
        return np.dtype(
            [
                ("picture", "u1", (LINE_HEIGHT_PX, LINE_WIDTHS_PX[1])),
                ("width", "u2"),
                ("count", "u1"),
                ("label", "u1", MAX_LINE_CHARACTERS),
            ]
        )


Spec = PoolSpec | TileSpec | LineSpec


def _folder_name(prefix: str, spec: Spec, ranges: Any, version: Any) -> str:
    key = json.dumps({**asdict(spec), "ranges": ranges, "version": version}, sort_keys=True)
    return f"{prefix}{spec.split}-{hashlib.sha256(key.encode()).hexdigest()[:12]}"
