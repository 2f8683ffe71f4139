from __future__ import annotations

import io
import os
import struct
import sys
import time
import zlib
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageFile, features

from numeye import image
from numeye.errors import MissingExtra, PictureError

FEW = settings(max_examples=150)
WHITE, BLACK = 255, 0


def encoded(picture: Image.Image, kind: str, **options: Any) -> bytes:
    buffer = io.BytesIO()
    picture.save(buffer, format=kind, **options)
    return buffer.getvalue()


def grey_of(picture: Any) -> np.ndarray:
    (page,) = image.pages(picture)
    assert page.index == 0
    assert page.grey.dtype == np.uint8
    return page.grey


def noise(height: int = 5, width: int = 6) -> Image.Image:
    return Image.fromarray(np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8))


def corner() -> Image.Image:
    """White with a black rectangle in the upper left: no two of its eight orientations look alike."""
    grey = np.full((48, 64), WHITE, np.uint8)
    grey[:16, :32] = BLACK
    return Image.fromarray(grey)


def three_levels() -> np.ndarray:
    return np.repeat(np.repeat(np.array([[0, 128, 255]], np.uint8), 16, axis=0), 16, axis=1)


EXIF = Image.Exif()
EXIF[0x0112], EXIF[0x0132] = 6, "2020:01:01 00:00:00"
SAMPLES = {
    "png": encoded(noise(), "PNG"),
    "png exif": encoded(noise(), "PNG", exif=EXIF),
    "png palette": encoded(noise().convert("P"), "PNG", transparency=3),
    "png 16 bit": encoded(Image.fromarray(np.arange(0, 60_000, 2_000, np.uint16).reshape(5, 6)), "PNG"),
    "png 1 bit": encoded(noise().convert("1"), "PNG"),
    "apng": encoded(noise(), "PNG", save_all=True, append_images=[noise(5, 6).rotate(180)]),
    "jpeg": encoded(noise(), "JPEG"),
    "jpeg exif": encoded(noise(), "JPEG", exif=EXIF),
    "jpeg cmyk": encoded(noise().convert("CMYK"), "JPEG"),
    "mpo": encoded(noise(), "MPO", save_all=True, append_images=[noise()]),
    "tiff": encoded(noise(), "TIFF"),
    "tiff lzw": encoded(noise(), "TIFF", compression="tiff_lzw"),
    "tiff float": encoded(Image.fromarray(np.linspace(0, 1, 30, dtype=np.float32).reshape(5, 6)), "TIFF"),
    "tiff pages": encoded(noise(), "TIFF", save_all=True, append_images=[noise(), noise()]),
    "gif": encoded(noise().convert("P"), "GIF"),
    "gif transparent": encoded(noise().convert("P"), "GIF", transparency=3),
    "webp": encoded(noise(), "WEBP", exif=EXIF),
    "bmp": encoded(noise(), "BMP"),
    "ppm": encoded(noise(), "PPM"),
    "jpeg 2000": encoded(noise(16, 16), "JPEG2000"),
    "ico": encoded(noise(16, 16), "ICO"),
    "tga": encoded(noise(), "TGA"),
    "pcx": encoded(noise(), "PCX"),
    "pdf": encoded(noise(), "PDF"),
}
if features.check("avif"):  # not in every build of Pillow
    SAMPLES["avif"] = encoded(noise(16, 16), "AVIF")


def escaped(contents: list[bytes]) -> dict[str, int]:
    """All that comes out of `pages` but pages and PictureError, and how often."""
    others: Counter[str] = Counter()
    for content in contents:
        try:
            list(image.pages(content))
        except PictureError as error:
            assert "\n" not in str(error)
        except Exception as error:  # noqa: BLE001
            others[f"{type(error).__name__}: {error}"] += 1
    return dict(others)


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_format_can_be_read(kind: str) -> None:
    pages = list(image.pages(SAMPLES[kind]))
    assert [page.index for page in pages] == list(range(3 if kind == "tiff pages" else 1))


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_cut_anywhere_is_a_picture_error_at_worst(kind: str) -> None:
    content = SAMPLES[kind]
    assert escaped([content[:end] for end in range(1, len(content), max(1, len(content) // 300))]) == {}


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_with_any_byte_altered_is_a_picture_error_at_worst(kind: str) -> None:
    content = SAMPLES[kind]
    step = max(1, len(content) // 400)
    altered = [
        content[:at] + bytes([value]) + content[at + 1 :]
        for at in range(0, len(content), step)
        for value in (0, 1, 12, 255, content[at] ^ 16)
    ]
    assert escaped(altered) == {}


@FEW
@given(
    content=st.builds(
        bytes.__add__,
        st.sampled_from(
            [b"", b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF89a", b"BM", b"P5 ", b"RIFF"]
        ),
        st.binary(max_size=200),
    )
)
def test_random_bytes_are_a_picture_error(content: bytes) -> None:
    assert escaped([content]) == {}


@FEW
@given(
    kind=st.sampled_from(["png", "png exif", "jpeg", "jpeg exif"]),
    flips=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 7)), min_size=1, max_size=20),
)
def test_flipped_bits_are_a_picture_error_at_worst(kind: str, flips: list[tuple[int, int]]) -> None:
    content = bytearray(SAMPLES[kind])
    for at, bit in flips:
        content[at % len(content)] ^= 1 << bit
    assert escaped([bytes(content)]) == {}


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "tiff"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_a_cut_file_is_refused_not_half_read(kind: str, share: float, tmp_path: Path) -> None:
    picture = noise(64, 64).convert("P") if kind == "gif" else noise(64, 64)
    content = encoded(picture, kind.upper(), **({"compression": "tiff_lzw"} if kind == "tiff" else {}))
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(PictureError, match=f"cut.{kind}: (damaged|not a picture)"):
        list(image.pages(path))


def test_a_picture_whose_exif_is_damaged_is_read_all_the_same() -> None:
    content = encoded(corner(), "JPEG", exif=b"Exif\0\0" + EXIF.tobytes()[:-12])
    assert grey_of(content).size == 48 * 64
    none = encoded(corner(), "PNG", exif=b"Exif\0\0no header of a TIFF")
    assert np.array_equal(grey_of(none), np.asarray(corner()))


@pytest.mark.parametrize("give", ["str", "Path", "bytes", "bytearray", "memoryview", "image", "standard input"])
def test_a_picture_may_be_given_in_many_ways(give: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "corner ü.png"
    content = encoded(corner(), "PNG")
    path.write_bytes(content)
    monkeypatch.setattr("sys.stdin", SimpleNamespace(buffer=io.BytesIO(content)))
    picture, name = {
        "str": (str(path), str(path)),
        "Path": (path, str(path)),
        "bytes": (content, ""),
        "bytearray": (bytearray(content), ""),
        "memoryview": (memoryview(content), ""),
        "image": (corner(), ""),
        "standard input": ("-", "-"),
    }[give]
    (page,) = image.pages(picture)
    assert (page.name, page.index) == (name, 0)
    assert np.array_equal(page.grey, np.asarray(corner()))


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
def test_an_array_of_any_dtype_and_range_becomes_0_to_255(dtype: str, values: list[float], levels: list[int]) -> None:
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
def test_channels_may_stand_first_last_or_nowhere(shape: str) -> None:
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
def test_what_is_no_picture_is_refused(fault: str) -> None:
    with pytest.raises(PictureError, match=r"expected|not finite"):
        list(image.pages(NO_PICTURES[fault]))


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
    pages = list(image.pages(encoded(first, "TIFF", save_all=True, append_images=[second])))
    assert [page.grey.shape for page in pages] == [(48, 64), (48, 64)]
    assert np.array_equal(pages[0].grey, pages[1].grey)


def transparent(mode: str, ink: int) -> Image.Image:
    """Ink on the left half, nothing on the right."""
    flat = Image.new("LA", (8, 8), (ink, 0))
    flat.paste((ink, 255), (0, 0, 4, 8))
    return flat.convert(mode)


def palette(ink: int) -> Image.Image:
    picture = Image.new("P", (8, 8), 1)
    picture.putpalette([ink] * 6)
    picture.paste(0, (0, 0, 4, 8))
    return picture


def with_alpha(picture: Image.Image) -> Image.Image:
    picture.putalpha(transparent("LA", BLACK).getchannel("A"))
    return picture


def keyed(mode: str, ink: int) -> Image.Image:
    picture = Image.new(mode, (8, 8), "#808080")
    picture.paste(("black", "white")[ink == WHITE], (0, 0, 4, 8))
    return picture


@pytest.mark.parametrize("ink", [BLACK, WHITE])
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
def test_ink_on_a_transparent_ground_can_be_seen(how: str, ink: int) -> None:
    picture = {
        "RGBA": lambda: transparent("RGBA", ink),
        "LA": lambda: transparent("LA", ink),
        "PA": lambda: with_alpha(palette(ink).convert("PA")),
        "png LA": lambda: encoded(transparent("LA", ink), "PNG"),
        "png RGBA": lambda: encoded(transparent("RGBA", ink), "PNG"),
        "webp": lambda: encoded(transparent("RGBA", ink), "WEBP", lossless=True, exact=True),
        "gif": lambda: encoded(palette(ink), "GIF", transparency=1, optimize=False),
        "png palette": lambda: encoded(palette(ink), "PNG", transparency=1),
        "tiff": lambda: encoded(transparent("RGBA", ink), "TIFF"),
        "png L key": lambda: encoded(keyed("L", ink), "PNG", transparency=128),
        "png RGB key": lambda: encoded(keyed("RGB", ink), "PNG", transparency=(128, 128, 128)),
        "array": lambda: np.asarray(transparent("RGBA", ink)),
    }[how]()
    grey = grey_of(picture)
    assert set(grey[:, :4].ravel().tolist()) == {ink}
    assert set(grey[:, 4:].ravel().tolist()) == {255 - ink}


DEEP = {
    "16 bit PNG": lambda: encoded(Image.fromarray(three_levels().astype(np.uint16) * 257), "PNG"),
    "12 bit PNG": lambda: encoded(Image.fromarray(np.array([[0, 2048, 4095]], np.uint16).repeat(16, 1)), "PNG"),
    "16 bit TIFF": lambda: encoded(Image.fromarray(three_levels().astype(np.uint16) * 257), "TIFF"),
    "32 bit TIFF": lambda: encoded(Image.fromarray(three_levels().astype(np.int32) * 257), "TIFF"),
    "float TIFF": lambda: encoded(Image.fromarray(three_levels().astype(np.float32) / 255), "TIFF"),
    "float image": lambda: Image.fromarray(three_levels().astype(np.float32)),
    "integer image": lambda: Image.fromarray(three_levels().astype(np.int32)),
    "CMYK JPEG": lambda: encoded(Image.fromarray(three_levels()).convert("CMYK"), "JPEG", quality=95),
    "CMYK TIFF": lambda: encoded(Image.fromarray(three_levels()).convert("CMYK"), "TIFF"),
    "YCbCr image": lambda: Image.fromarray(three_levels()).convert("YCbCr"),
    "HSV image": lambda: Image.fromarray(three_levels()).convert("RGB").convert("HSV"),
    "palette PNG": lambda: encoded(Image.fromarray(three_levels()).convert("P"), "PNG"),
}


@pytest.mark.parametrize("how", DEEP)
def test_black_grey_and_white_come_out_of_every_mode(how: str) -> None:
    grey = grey_of(DEEP[how]()).astype(int)
    assert np.abs(grey[:, [8, 24, 40]] - (0, 128, 255)).max() <= 3


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "BMP", "PPM"])
def test_one_bit_is_black_or_white(kind: str) -> None:
    assert np.array_equal(grey_of(encoded(corner().convert("1"), kind)), np.asarray(corner()))


def test_colours_are_weighed_as_the_eye_does() -> None:
    colours = Image.new("RGB", (3, 1))
    colours.putdata([(255, 0, 0), (0, 255, 0), (0, 0, 255)])
    assert grey_of(colours).tolist() == [[76, 150, 29]]


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_what_moves_the_first_picture_is_read(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    moving = encoded(corner(), kind, save_all=True, append_images=[corner().rotate(180)] * 2, duration=50, **options)
    with Image.open(io.BytesIO(moving)) as opened:
        assert opened.n_frames > 1
    assert np.array_equal(grey_of(moving), np.asarray(corner()))


def test_every_page_of_a_tiff_is_read(tmp_path: Path) -> None:
    sheets = [Image.new("L", (10 + level, 20), level) for level in (0, 100, 200)]
    path = tmp_path / "pages.tif"
    sheets[0].save(path, save_all=True, append_images=sheets[1:])
    pages = list(image.pages(path))
    assert [(page.name, page.index, page.grey.shape[1], int(page.grey[0, 0])) for page in pages] == [
        (str(path), 0, 10, 0),
        (str(path), 1, 110, 100),
        (str(path), 2, 210, 200),
    ]


def test_a_page_of_a_tiff_that_is_damaged_does_not_keep_those_behind_it() -> None:
    sheets = [Image.fromarray(np.full((40, 40), level, np.uint8)) for level in (10, 100, 200)]
    content = encoded(sheets[0], "TIFF", save_all=True, append_images=sheets[1:], compression="tiff_deflate")
    with Image.open(io.BytesIO(content)) as opened:
        opened.seek(1)
        (place,) = opened.tag_v2[273]  # type: ignore[attr-defined]  # where its pixels are
    pages, found = image.pages(content[:place] + bytes(8) + content[place + 8 :]), []
    with pytest.raises(PictureError, match="the bytes, page 2: damaged"):
        found.extend(iter(lambda: next(pages), None))
    assert [page.index for page in found] == [0, 2]


def test_an_array_may_be_filled_anew_before_its_page_is_read() -> None:
    for shape in ((20, 30), (1, 20, 30), (20, 30, 1)):
        frame = np.full(shape, 200, np.uint8)
        (page,) = image.pages(frame)
        frame[:] = 10
        assert int(page.grey.min()) == 200


def two_page_pdf() -> bytes:
    return encoded(
        Image.new("L", (72, 36), BLACK), "PDF", save_all=True, append_images=[Image.new("L", (36, 72), WHITE)]
    )


def test_every_page_of_a_pdf_is_read_at_200_dots_an_inch() -> None:
    pages = list(image.pages(two_page_pdf()))
    assert [(page.index, page.grey.shape, int(np.median(page.grey))) for page in pages] == [
        (0, (100, 200), BLACK),
        (1, (200, 100), WHITE),
    ]


def test_a_pdf_may_begin_with_an_empty_line() -> None:
    assert len(list(image.pages(b"\xef\xbb\xbf\r\n" + two_page_pdf()))) == 2


def test_a_page_of_a_pdf_that_fails_does_not_keep_those_behind_it() -> None:
    pages, found = image.pages(two_page_pdf(), max_pixels=19_999), []
    with pytest.raises(PictureError, match=r"the bytes, page 1: 200x100 is 0 megapixels.*\(and 1 more of its pages\)"):
        found += list(pages)
    large = Image.new("L", (720, 36), BLACK)
    others = [Image.new("L", (36, 72), WHITE)] * 2
    pages = image.pages(encoded(large, "PDF", save_all=True, append_images=others), max_pixels=30_000)
    assert [next(pages).index, next(pages).index] == [1, 2]
    with pytest.raises(PictureError, match="page 1: 2000x100 is 0 megapixels, at most 0 are read; make it smaller$"):
        next(pages)


def test_of_a_pdf_in_which_all_is_wrong_ten_pages_are_tried() -> None:
    page = Image.new("L", (72, 36), BLACK)
    with pytest.raises(PictureError, match="page 10: .*; the 10th that fails, none behind it is read"):
        list(image.pages(encoded(page, "PDF", save_all=True, append_images=[page] * 11), max_pixels=10_000))


def test_a_pdf_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'numeye\[pdf\]'"):
        list(image.pages(two_page_pdf()))


def test_a_pdf_without_pages_is_a_picture_error() -> None:
    catalog = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n"
    with pytest.raises(PictureError):
        list(image.pages(catalog + b"trailer<</Root 1 0 R>>\n%%EOF"))


def test_a_picture_of_one_page_is_told_from_one_of_several() -> None:
    assert np.array_equal(image.only_page(corner()).grey, np.asarray(corner()))
    with pytest.raises(PictureError, match="has more than one page; read_many reads them all"):
        image.only_page(SAMPLES["tiff pages"])


FAULTS = {
    "empty": (b"", "empty"),
    "text": (b"Lorem ipsum dolor sit amet, consectetur.\n", "not a picture that can be read; expected PNG"),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text; save it as PNG"),
    "html": (b"\n<!DOCTYPE html><html></html>", "text; save it as PNG"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "HEIC; save it as JPEG or PNG"),
    "zeros": (bytes(300), "not a picture"),
    "head of a PNG": (b"\x89PNG\r\n\x1a\n", "cut: (damaged|not a picture)"),
    "no PDF": (b"%PDF-1.7 but nothing else", "PDF that cannot be opened"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_is_no_picture_is_named_with_what_is_wrong(fault: str, tmp_path: Path) -> None:
    content, message = FAULTS[fault]
    path = tmp_path / "cut"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=message) as refused:
        list(image.pages(path))
    assert str(refused.value).startswith(f"{path}: ")
    with pytest.raises(PictureError, match=message.replace("cut: ", "")):
        list(image.pages(content))


@pytest.mark.parametrize("name", ["missing.png", "missing/deeper.png", "nul\0.png", "long" * 2_000 + ".png"])
def test_a_name_without_a_file_is_a_picture_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        list(image.pages(str(tmp_path / name)))
    with pytest.raises(PictureError):
        list(image.pages(next(image.expand([str(tmp_path / name)]))))


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="a folder; expected a picture"):
        list(image.pages(tmp_path))


def png_that_claims(width: int, height: int) -> bytes:
    def chunk(name: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + name + content + struct.pack(">I", zlib.crc32(name + content))

    header = struct.pack(">IIBBBBB", width, height, 8, 0, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", header)
        + chunk(b"IDAT", zlib.compress(bytes(1_000)))
        + chunk(b"IEND", b"")
    )


BOMBS = {
    "60000x60000 PNG": png_that_claims(60_000, 60_000),
    "12000x12000 PNG": png_that_claims(12_000, 12_000),
    "9000x9000 PNG": png_that_claims(9_000, 9_000),
    "60000x60000 PGM": b"P5 60000 60000 255\n" + bytes(1_000),
    "60000x60000 GIF": b"GIF89a"
    + struct.pack("<HH3x", 60_000, 60_000)
    + b","
    + struct.pack("<4HB", 0, 0, 60_000, 60_000, 0)
    + b"\x08",
    "60000x60000 BMP": b"BM" + struct.pack("<IHHIIiiHHIIiiII", 54, 0, 0, 54, 40, 60_000, 60_000, 1, 24, *[0] * 6),
    "12000x12000 PNG in an icon": struct.pack("<3H4B2H2I", 0, 1, 1, 16, 16, 0, 0, 1, 32, 100, 22)
    + png_that_claims(12_000, 12_000),
}


@pytest.mark.parametrize("bomb", BOMBS)
def test_a_small_file_that_claims_to_be_huge_is_refused_before_it_is_decoded(
    bomb: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def decode(*_: object) -> None:
        raise AssertionError("decoded")

    monkeypatch.setattr(Image.Image, "load", decode)
    monkeypatch.setattr(ImageFile.ImageFile, "load", decode)
    began = time.perf_counter()
    with pytest.raises(PictureError, match=r"too large|megapixels, at most 80"):
        list(image.pages(BOMBS[bomb]))
    assert time.perf_counter() - began < 1


def test_a_jpeg_of_endless_scans_or_segments_is_refused() -> None:
    whole = encoded(noise(40, 40), "JPEG", progressive=True)
    scan = whole.rfind(b"\xff\xda")
    many = whole[:scan] + whole[scan:-2] * 200 + whole[-2:]
    with pytest.raises(PictureError, match=r"^the bytes: a JPEG of more than 200 scans"):
        list(image.pages(many))
    with pytest.raises(PictureError, match=r"^the bytes: a JPEG of more than 10,000 segments"):
        list(image.pages(whole[:2] + b"\xff\xfe\0\2" * 10_001 + whole[2:]))
    some = (
        whole[:2] + b"\xff\xfe\0\x0a" + b"\xff\xda" * 4 + whole[2:] + b"\xff\xda" * 300
    )  # in a comment, and after its end
    assert len(list(image.pages(some))) == 1
    assert len(list(image.pages(whole))) == 1


LIMITED = {
    "file": lambda: encoded(Image.new("L", (10, 10)), "PNG"),
    "image": lambda: Image.new("L", (10, 10)),
    "array": lambda: np.zeros((10, 10)),
    "16 bit": lambda: Image.fromarray(np.zeros((10, 10), np.uint16)),
}


@pytest.mark.parametrize("give", LIMITED)
def test_the_limit_of_pixels_is_the_callers(give: str) -> None:
    assert len(list(image.pages(LIMITED[give](), max_pixels=100))) == 1
    with pytest.raises(PictureError, match=r"10x10 is 0 megapixels.*make it smaller"):
        list(image.pages(LIMITED[give](), max_pixels=99))


def test_the_limit_counts_for_each_page() -> None:
    sheets = [Image.new("L", (10, 10)), Image.new("L", (20, 20))]
    for kind, limit in (("TIFF", 150), ("PDF", 1_500)):
        pages = image.pages(encoded(sheets[0], kind, save_all=True, append_images=sheets[1:]), max_pixels=limit)
        assert next(pages).index == 0
        with pytest.raises(PictureError, match="make it smaller"):
            next(pages)


def test_a_folder_stands_for_the_pictures_directly_in_it_by_name(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.tiff", "notes.txt", "deeper/d.png", "e.png/f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    inside = [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "c.tiff")]
    assert list(map(str, image.in_folder(tmp_path))) == inside
    array = np.zeros((2, 2))
    given_here = [tmp_path, "-", array, "missing.png", str(tmp_path)]
    expanded = list(image.expand(given_here))
    assert expanded[2 + len(inside) - 1] is array
    assert [one for one in expanded if one is not array] == [*inside, "-", "missing.png", *inside]


def test_hidden_files_are_no_pictures_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "._seven.png").write_bytes(b"what another system notes")
    (tmp_path / "seven.png").write_bytes(b"")
    assert image.in_folder(tmp_path) == [tmp_path / "seven.png"]


def test_a_link_that_may_not_be_followed_is_told_where_it_is_read(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "a.png").touch()
    (tmp_path / "b.png").touch()

    seen = Path.stat

    def stat(path: Path) -> os.stat_result:
        if path.name == "a.png":
            raise PermissionError(13, "Permission denied")
        return seen(path)

    monkeypatch.setattr(Path, "stat", stat)
    assert [path.name for path in image.in_folder(tmp_path)] == ["a.png", "b.png"]


def test_a_folder_without_pictures_is_a_picture_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for call in (image.in_folder, lambda folder: list(image.expand([folder]))):
        with pytest.raises(PictureError, match="no picture in this folder"):
            call(tmp_path)
    with pytest.raises(PictureError):
        image.in_folder(tmp_path / "missing")
