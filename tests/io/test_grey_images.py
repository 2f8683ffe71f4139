from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image

from numeye.errors import PictureError
from numeye.io import images
from tests.io.picture_samples import (
    BLACK,
    WHITE,
    corner,
    encoded,
    grey_of,
    three_levels,
)

LEVELS = [
    ("bool", [False, True], [0, 255]),
    ("uint8", [0, 16, 255], [0, 16, 255]),
    ("uint8", [0, 1], [0, 255]),
    ("uint8", [0, 0], [0, 0]),
    ("uint16", [0, 32_768, 65_535], [0, 128, 255]),
    (">u2", [0, 2_048, 4_095], [0, 128, 255]),
    ("int32", [0, 100, 255], [0, 100, 255]),
    ("int64", [0, 8, 16], [0, 128, 255]),
    ("int64", [-5, -5], [0, 0]),
    ("int64", [0, 2**62], [0, 255]),
    ("uint64", [0, 2**63, 2**64 - 1], [0, 128, 255]),
    ("float16", [0, 0.5, 1], [0, 128, 255]),
    ("float32", [0, 0.25, 1], [0, 64, 255]),
    ("float32", [0, 4, 16], [0, 64, 255]),
    ("float64", [0, 100.4, 255], [0, 100, 255]),
    ("float32", [0, 0.5, 1.02], [0, 128, 255]),
    ("float64", [0, 51, 255.00002], [0, 51, 255]),
    ("int32", [0, 512, 4_095], [0, 32, 255]),
    ("float64", [0, 65_535], [0, 255]),
    ("float32", [-1, 0, 1], [0, 128, 255]),
    ("float64", [-0.42, 2.82], [0, 255]),
    ("float64", [0, 100_000], [0, 255]),
    ("float64", [0, 1e300], [0, 255]),
    ("float32", [-3e38, 3e38], [0, 255]),
]


@pytest.mark.parametrize(("dtype", "values", "levels"), LEVELS)
def test_an_array_of_any_dtype_and_range_becomes_0_to_255(
    dtype: str, values: list[float], levels: list[int]
) -> None:
    array = np.array([values], dtype)
    assert grey_of(array).tolist() == [levels]
    assert grey_of(array[:, ::-1]).tolist() == [levels[::-1]]


class TensorLike:
    def __init__(self, array: np.ndarray) -> None:
        self.array = array

    def __array__(self, dtype: Any = None, copy: Any = None) -> np.ndarray:
        return self.array


GREY = np.arange(0, 240, 20, np.uint8).reshape(3, 4)
OPAQUE = np.full_like(GREY, 255)
SHAPES = {
    "H,W": GREY,
    "1,H,W": GREY[None],
    "H,W,1": GREY[:, :, None],
    "H,W,2": np.dstack([GREY, OPAQUE]),
    "H,W,3": np.dstack([GREY] * 3),
    "H,W,4": np.dstack([GREY] * 3 + [OPAQUE]),
    "a tensor": TensorLike(GREY[None]),
    "columns first": np.asfortranarray(GREY),
}


@pytest.mark.parametrize("shape", SHAPES)
def test_channels_may_be_first_last_or_absent(shape: str) -> None:
    assert np.array_equal(grey_of(SHAPES[shape]), GREY)


def test_an_array_of_floats_may_be_coloured_and_transparent() -> None:
    red_on_nothing = np.zeros((2, 2, 4))
    red_on_nothing[0, 0] = (1, 0, 0, 1)
    assert grey_of(red_on_nothing).tolist() == [[76, 255], [255, 255]]


NO_PICTURES = {
    "no rows": np.zeros((0, 5)),
    "no columns": np.zeros((5, 0), np.uint8),
    "no channels": np.zeros((5, 5, 0)),
    "five channels": np.zeros((5, 5, 5)),
    "colours first": np.zeros((3, 28, 28)),
    "one number": np.array(3.0),
    "a row": np.zeros(5),
    "a batch": np.zeros((2, 1, 28, 28)),
    "not a number": np.array([[0.0, np.nan]]),
    "infinite": np.array([[0.0, np.inf]]),
    "all nan": np.full((3, 3, 3), np.nan, np.float32),
    "objects": np.array([[None, 1]], object),
    "complex": np.ones((3, 3), complex),
    "text": np.array([["a", "b"]]),
    "times": np.array([["2020-01-01"]], "datetime64[s]"),
    "a list": [[0, 1], [1, 0]],
    "nothing": None,
    "a number": 7,
}


@pytest.mark.parametrize("fault", NO_PICTURES)
def test_a_value_that_is_no_picture_is_rejected(fault: str) -> None:
    with pytest.raises(PictureError, match=r"expected|not finite"):
        list(images.pages(NO_PICTURES[fault]))


UPRIGHT_TO_STORED = {
    1: None,
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_90,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_270,
}


def stored_sideways(orientation: int) -> tuple[Image.Image, Image.Exif]:
    how = UPRIGHT_TO_STORED[orientation]
    exif = Image.Exif()
    exif[0x0112] = orientation
    return corner() if how is None else corner().transpose(how), exif


@pytest.mark.parametrize("orientation", UPRIGHT_TO_STORED)
@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF", "WEBP"])
def test_every_exif_orientation_gives_the_same_upright_picture(kind: str, orientation: int) -> None:
    stored, exif = stored_sideways(orientation)
    content = encoded(stored, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
    for picture in (content, Image.open(io.BytesIO(content))):
        upright = grey_of(picture).astype(int)
        assert upright.shape == (48, 64)
        assert np.abs(upright - np.asarray(corner())).max() <= 3


def test_each_page_of_a_tiff_has_its_own_orientation() -> None:
    first, second = stored_sideways(1)[0], stored_sideways(6)[0]
    first.encoderinfo = {"tiffinfo": {0x0112: 1}}
    second.encoderinfo = {"tiffinfo": {0x0112: 6}}
    pages = list(images.pages(encoded(first, "TIFF", save_all=True, append_images=[second])))
    assert [page.grey.shape for page in pages] == [(48, 64), (48, 64)]
    assert np.array_equal(pages[0].grey, pages[1].grey)


def transparent(mode: str, level: int) -> Image.Image:
    """A picture whose left half is opaque and whose right half is transparent."""
    flat = Image.new("LA", (8, 8), (level, 0))
    flat.paste((level, 255), (0, 0, 4, 8))
    return flat.convert(mode)


def palette(level: int) -> Image.Image:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([level] * 6)
    picture.paste(0, (0, 0, 4, 8))
    return picture


def with_alpha(picture: Image.Image) -> Image.Image:
    picture.putalpha(transparent("LA", BLACK).getchannel("A"))
    return picture


def keyed(mode: str, level: int) -> Image.Image:
    picture = Image.new(mode, (8, 8), "#808080")
    picture.paste(("black", "white")[level == WHITE], (0, 0, 4, 8))
    return picture


@pytest.mark.parametrize("level", [BLACK, WHITE])
@pytest.mark.parametrize(
    "how",
    [
        "RGBA",
        "LA",
        "PA",
        "png LA",
        "png RGBA",
        "webp",
        "gif",
        "png palette",
        "tiff",
        "png L key",
        "png RGB key",
        "array",
    ],
)
def test_a_drawing_on_a_transparent_background_is_visible(how: str, level: int) -> None:
    picture = {
        "RGBA": lambda: transparent("RGBA", level),
        "LA": lambda: transparent("LA", level),
        "PA": lambda: with_alpha(palette(level).convert("PA")),
        "png LA": lambda: encoded(transparent("LA", level), "PNG"),
        "png RGBA": lambda: encoded(transparent("RGBA", level), "PNG"),
        "webp": lambda: encoded(transparent("RGBA", level), "WEBP", lossless=True, exact=True),
        "gif": lambda: encoded(palette(level), "GIF", transparency=1, optimize=False),
        "png palette": lambda: encoded(palette(level), "PNG", transparency=1),
        "tiff": lambda: encoded(transparent("RGBA", level), "TIFF"),
        "png L key": lambda: encoded(keyed("L", level), "PNG", transparency=128),
        "png RGB key": lambda: encoded(keyed("RGB", level), "PNG", transparency=(128, 128, 128)),
        "array": lambda: np.asarray(transparent("RGBA", level)),
    }[how]()
    grey = grey_of(picture)
    assert set(grey[:, :4].ravel().tolist()) == {level}
    assert set(grey[:, 4:].ravel().tolist()) == {255 - level}


DEEP = {
    "16 bit PNG": lambda: encoded(Image.fromarray(three_levels().astype(np.uint16) * 257), "PNG"),
    "12 bit PNG": lambda: encoded(
        Image.fromarray(np.array([[0, 2048, 4095]], np.uint16).repeat(16, 1)), "PNG"
    ),
    "16 bit TIFF": lambda: encoded(Image.fromarray(three_levels().astype(np.uint16) * 257), "TIFF"),
    "32 bit TIFF": lambda: encoded(Image.fromarray(three_levels().astype(np.int32) * 257), "TIFF"),
    "float TIFF": lambda: encoded(Image.fromarray(three_levels().astype(np.float32) / 255), "TIFF"),
    "float image": lambda: Image.fromarray(three_levels().astype(np.float32)),
    "integer image": lambda: Image.fromarray(three_levels().astype(np.int32)),
    "CMYK JPEG": lambda: encoded(
        Image.fromarray(three_levels()).convert("CMYK"), "JPEG", quality=95
    ),
    "CMYK TIFF": lambda: encoded(Image.fromarray(three_levels()).convert("CMYK"), "TIFF"),
    "YCbCr image": lambda: Image.fromarray(three_levels()).convert("YCbCr"),
    "HSV image": lambda: Image.fromarray(three_levels()).convert("RGB").convert("HSV"),
    "palette PNG": lambda: encoded(Image.fromarray(three_levels()).convert("P"), "PNG"),
}


@pytest.mark.parametrize("how", DEEP)
def test_every_mode_gives_black_grey_and_white(how: str) -> None:
    grey = grey_of(DEEP[how]()).astype(int)
    assert np.abs(grey[:, [8, 24, 40]] - (0, 128, 255)).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit_is_black_or_white(kind: str) -> None:
    assert np.array_equal(grey_of(encoded(corner().convert("1"), kind)), np.asarray(corner()))


def test_colours_have_the_weights_of_human_vision() -> None:
    colours = Image.new("RGB", (3, 1))
    colours.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255)])
    assert grey_of(colours).tolist() == [[76, 150, 29]]


def test_a_page_keeps_its_values_when_the_array_changes() -> None:
    for shape in ((20, 30), (1, 20, 30), (20, 30, 1)):
        frame = np.full(shape, 200, np.uint8)
        (page,) = images.pages(frame)
        frame[:] = 10
        assert int(page.grey.min()) == 200
