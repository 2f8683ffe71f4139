"""The versions of the synthetic pictures must be counted up when their pixels change.

Else old pools would be used in place of new ones. Only strokes are drawn here, without MNIST and
fonts. The labels and the mean greys of some pictures stand for all pixels.
"""

from __future__ import annotations

import numpy as np
import pytest

from numeye.io.pendigits import parse
from numeye.training.synthetic import distance_fields, specs
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.glyph_sources import group_by_writer
from numeye.training.synthetic.page_tiles import PageGenerator
from numeye.training.synthetic.parameters import PageRanges, Ranges
from tests.io.unipen_samples import few_digits

UNUSED = distance_fields.DistanceFields(
    edge=np.zeros((1, 56, 56), np.uint8), skeleton=None, labels=np.zeros(1, np.int64)
)
# Two writers who write a circle for every digit, with a bar through odd ones.
PENS = group_by_writer(parse(few_digits(2), "few digits"))

# These pictures belong to these versions: change all three together.
VERSIONS = (7, 11)
CROPS = "4 200|8 155|10 170|9 163|4 129|8 244|2 56|9 149|7 184|8 226|10 238|1 28"
TILES = " 0|84-6192:~7.0 13| 207|$$2 98|4'0306852 194|$21,90 201"
PEN_CROPS = "5 6|6 243|10 170|6 109|5 114|6 129"


def parse_expected(pictures: str) -> list[tuple[str, object]]:
    """Return labels and mean greys; other releases of OpenCV round some pixels differently."""
    pairs = [picture.rsplit(" ", 1) for picture in pictures.split("|")]
    return [(label, pytest.approx(int(mean), abs=1.5)) for label, mean in pairs]


def test_versions_change_with_what_is_drawn() -> None:
    crop_generator = CropGenerator(digits=UNUSED, ranges=Ranges(pens=1.0, fonts=0.0))
    page_generator = PageGenerator(
        crop_generator=crop_generator, ranges=PageRanges(pens=1.0, some_pens=1.0, printed=0.0)
    )
    crops = [crop_generator.crop(5, number) for number in range(12)]
    tiles = [page_generator.tile(5, number) for number in range(6)]
    assert [(str(crop.label), crop.picture.mean()) for crop in crops] == parse_expected(CROPS)
    assert [(tile.text, tile.picture.mean()) for tile in tiles] == parse_expected(TILES)
    assert (specs.CROP_VERSION, specs.TILE_VERSION) == VERSIONS


def test_the_version_of_crops_changes_with_what_pens_write() -> None:
    ranges = Ranges(pens=0.0, fonts=0.0, trajectories=1.0)
    crop_generator = CropGenerator(digits=UNUSED, pens=PENS, ranges=ranges)
    crops = [crop_generator.crop(5, number) for number in range(6)]
    assert [(str(crop.label), crop.picture.mean()) for crop in crops] == parse_expected(PEN_CROPS)
    assert VERSIONS[0] == specs.CROP_VERSION
