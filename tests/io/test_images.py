from __future__ import annotations

import io
import os
import sys
from collections import Counter
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from numeye.errors import MissingExtra, PictureError
from numeye.io import images
from tests.io.picture_samples import (
    BLACK,
    EXIF,
    SAMPLES,
    WHITE,
    corner,
    encoded,
    grey_of,
    noise,
)

FEW = settings(max_examples=150)


def unexpected_errors(contents: list[bytes]) -> dict[str, int]:
    """The errors of `pages` other than PictureError, and how often each occurs."""
    others: Counter[str] = Counter()
    for content in contents:
        try:
            list(images.pages(content))
        except PictureError as error:
            assert "\n" not in str(error)
        except Exception as error:  # noqa: BLE001 - counts what should not come
            others[f"{type(error).__name__}: {error}"] += 1
    return dict(others)


@pytest.mark.parametrize("kind", SAMPLES)
def test_every_format_can_be_read(kind: str) -> None:
    pages = list(images.pages(SAMPLES[kind]))
    assert [page.index for page in pages] == list(range(3 if kind == "tiff pages" else 1))


@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_cut_anywhere_is_a_picture_error_at_worst(kind: str) -> None:
    content = SAMPLES[kind]
    assert (
        unexpected_errors(
            [content[:end] for end in range(1, len(content), max(1, len(content) // 300))]
        )
        == {}
    )


@pytest.mark.slow
@pytest.mark.parametrize("kind", SAMPLES)
def test_a_file_with_any_byte_altered_is_a_picture_error_at_worst(kind: str) -> None:
    content = SAMPLES[kind]
    step = max(1, len(content) // 400)
    altered = [
        content[:at] + bytes([value]) + content[at + 1 :]
        for at in range(0, len(content), step)
        for value in (0, 1, 12, 255, content[at] ^ 16)
    ]
    assert unexpected_errors(altered) == {}


@FEW
@given(
    content=st.builds(
        bytes.__add__,
        st.sampled_from(
            [
                b"",
                b"\x89PNG\r\n\x1a\n",
                b"\xff\xd8\xff",
                b"II*\0",
                b"MM\0*",
                b"GIF89a",
                b"BM",
                b"P5 ",
                b"RIFF",
            ]
        ),
        st.binary(max_size=200),
    )
)
def test_random_bytes_are_a_picture_error(content: bytes) -> None:
    assert unexpected_errors([content]) == {}


@FEW
@given(
    kind=st.sampled_from(["png", "png exif", "jpeg", "jpeg exif"]),
    flips=st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 7)), min_size=1, max_size=20),
)
def test_flipped_bits_are_a_picture_error_at_worst(kind: str, flips: list[tuple[int, int]]) -> None:
    content = bytearray(SAMPLES[kind])
    for at, bit in flips:
        content[at % len(content)] ^= 1 << bit
    assert unexpected_errors([bytes(content)]) == {}


@pytest.mark.parametrize("kind", ["jpeg", "png", "gif", "tiff"])
@pytest.mark.parametrize("share", [0.3, 0.6, 0.9])
def test_an_incomplete_file_is_rejected_and_not_half_read(
    kind: str, share: float, tmp_path: Path
) -> None:
    picture = noise(64, 64).convert("P") if kind == "gif" else noise(64, 64)
    content = encoded(
        picture, kind.upper(), **({"compression": "tiff_lzw"} if kind == "tiff" else {})
    )
    path = tmp_path / f"cut.{kind}"
    path.write_bytes(content[: int(share * len(content))])
    with pytest.raises(PictureError, match=f"cut.{kind}: (damaged|not a picture)"):
        list(images.pages(path))


def test_a_picture_with_damaged_exif_is_read() -> None:
    content = encoded(corner(), "JPEG", exif=b"Exif\0\0" + EXIF.tobytes()[:-12])
    assert grey_of(content).size == 48 * 64
    none = encoded(corner(), "PNG", exif=b"Exif\0\0no header of a TIFF")
    assert np.array_equal(grey_of(none), np.asarray(corner()))


@pytest.mark.parametrize(
    "give", ["str", "Path", "bytes", "bytearray", "memoryview", "image", "standard input"]
)
def test_a_picture_may_be_given_in_many_ways(
    give: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
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
    (page,) = images.pages(picture)
    assert (page.name, page.index) == (name, 0)
    assert np.array_equal(page.grey, np.asarray(corner()))


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "PNG"])
def test_of_an_animation_the_first_picture_is_read(kind: str) -> None:
    options = {"lossless": True} if kind == "WEBP" else {}
    moving = encoded(
        corner(),
        kind,
        save_all=True,
        append_images=[corner().rotate(180)] * 2,
        duration=50,
        **options,
    )
    with Image.open(io.BytesIO(moving)) as opened:
        assert opened.n_frames > 1
    assert np.array_equal(grey_of(moving), np.asarray(corner()))


def test_every_page_of_a_tiff_is_read(tmp_path: Path) -> None:
    sheets = [Image.new("L", (10 + level, 20), level) for level in (0, 100, 200)]
    path = tmp_path / "pages.tif"
    sheets[0].save(path, save_all=True, append_images=sheets[1:])
    pages = list(images.pages(path))
    assert [
        (page.name, page.index, page.grey.shape[1], int(page.grey[0, 0])) for page in pages
    ] == [
        (str(path), 0, 10, 0),
        (str(path), 1, 110, 100),
        (str(path), 2, 210, 200),
    ]


def test_a_damaged_page_of_a_tiff_does_not_stop_the_pages_after_it() -> None:
    sheets = [Image.fromarray(np.full((40, 40), level, np.uint8)) for level in (10, 100, 200)]
    content = encoded(
        sheets[0], "TIFF", save_all=True, append_images=sheets[1:], compression="tiff_deflate"
    )
    with Image.open(io.BytesIO(content)) as opened:
        opened.seek(1)
        (place,) = opened.tag_v2[273]  # type: ignore[attr-defined]  # where its pixels are
    pages, pages_read = images.pages(content[:place] + bytes(8) + content[place + 8 :]), []
    with pytest.raises(PictureError, match="the bytes, page 2: damaged"):
        pages_read.extend(iter(lambda: next(pages), None))
    assert [page.index for page in pages_read] == [0, 2]


def two_page_pdf() -> bytes:
    return encoded(
        Image.new("L", (72, 36), BLACK),
        "PDF",
        save_all=True,
        append_images=[Image.new("L", (36, 72), WHITE)],
    )


def test_every_page_of_a_pdf_is_read_at_200_dots_an_inch() -> None:
    pages = list(images.pages(two_page_pdf()))
    assert [(page.index, page.grey.shape, int(np.median(page.grey))) for page in pages] == [
        (0, (100, 200), BLACK),
        (1, (200, 100), WHITE),
    ]


def test_a_pdf_may_begin_with_an_empty_line() -> None:
    assert len(list(images.pages(b"\xef\xbb\xbf\r\n" + two_page_pdf()))) == 2


def test_a_damaged_page_of_a_pdf_does_not_stop_the_pages_after_it() -> None:
    pages, pages_read = images.pages(two_page_pdf(), max_pixels=19_999), []
    with pytest.raises(
        PictureError,
        match=r"the bytes, page 1: 200x100 is 0 megapixels.*\(and 1 more of its pages\)",
    ):
        pages_read += list(pages)
    large = Image.new("L", (720, 36), BLACK)
    others = [Image.new("L", (36, 72), WHITE)] * 2
    pages = images.pages(
        encoded(large, "PDF", save_all=True, append_images=others), max_pixels=30_000
    )
    assert [next(pages).index, next(pages).index] == [1, 2]
    with pytest.raises(
        PictureError, match="page 1: 2000x100 is 0 megapixels, at most 0 are read; make it smaller$"
    ):
        next(pages)


def test_of_a_pdf_with_only_unreadable_pages_ten_are_tried() -> None:
    page = Image.new("L", (72, 36), BLACK)
    with pytest.raises(PictureError, match="page 10: .*; this is the 10th unreadable page"):
        list(
            images.pages(
                encoded(page, "PDF", save_all=True, append_images=[page] * 11), max_pixels=10_000
            )
        )


def test_a_pdf_without_its_extra_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pypdfium2", None)
    with pytest.raises(MissingExtra, match=r"pip install 'numeye\[pdf\]'"):
        list(images.pages(two_page_pdf()))


def test_a_pdf_without_pages_is_a_picture_error() -> None:
    catalog = (
        b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count"
        b" 0>>endobj\n"
    )
    with pytest.raises(PictureError):
        list(images.pages(catalog + b"trailer<</Root 1 0 R>>\n%%EOF"))


def test_only_page_rejects_a_picture_with_several_pages() -> None:
    assert np.array_equal(images.only_page(corner()).grey, np.asarray(corner()))
    with pytest.raises(PictureError, match="has more than one page, expected one; numeye read and"):
        images.only_page(SAMPLES["tiff pages"])


FAULTS = {
    "empty": (b"", "empty"),
    "text": (
        b"Lorem ipsum dolor sit amet, consectetur.\n",
        "not a picture that can be read; expected PNG",
    ),
    "svg": (b"<svg xmlns='http://www.w3.org/2000/svg'/>", "text; save it as PNG"),
    "html": (b"\n<!DOCTYPE html><html></html>", "text; save it as PNG"),
    "heic": (b"\0\0\0\x18ftypheic\0\0\0\0mif1heic" + bytes(64), "HEIC; save it as JPEG or PNG"),
    "zeros": (bytes(300), "not a picture"),
    "head of a PNG": (b"\x89PNG\r\n\x1a\n", "cut: (damaged|not a picture)"),
    "no PDF": (b"%PDF-1.7 but nothing else", "PDF that cannot be opened"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_file_that_is_no_picture_is_named_with_the_reason(fault: str, tmp_path: Path) -> None:
    content, message = FAULTS[fault]
    path = tmp_path / "cut"
    path.write_bytes(content)
    with pytest.raises(PictureError, match=message) as error:
        list(images.pages(path))
    assert str(error.value).startswith(f"{path}: ")
    with pytest.raises(PictureError, match=message.replace("cut: ", "")):
        list(images.pages(content))


@pytest.mark.parametrize(
    "name", ["missing.png", "missing/deeper.png", "nul\0.png", "long" * 2_000 + ".png"]
)
def test_a_name_without_a_file_is_a_picture_error(name: str, tmp_path: Path) -> None:
    with pytest.raises(PictureError):
        list(images.pages(str(tmp_path / name)))
    with pytest.raises(PictureError):
        list(images.pages(next(images.expand_folders([str(tmp_path / name)]))))


def test_a_folder_is_no_picture(tmp_path: Path) -> None:
    with pytest.raises(PictureError, match="a folder; expected a picture"):
        list(images.pages(tmp_path))


def test_a_folder_means_the_pictures_directly_in_it_by_name(tmp_path: Path) -> None:
    for name in ("b.PNG", "a.jpg", "c.tiff", "notes.txt", "deeper/d.png", "e.png/f.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    inside = [str(tmp_path / name) for name in ("a.jpg", "b.PNG", "c.tiff")]
    assert list(map(str, images.pictures_in_folder(tmp_path))) == inside
    array = np.zeros((2, 2))
    given_here = [tmp_path, "-", array, "missing.png", str(tmp_path)]
    expanded = list(images.expand_folders(given_here))
    assert expanded[2 + len(inside) - 1] is array
    assert [item for item in expanded if item is not array] == [
        *inside,
        "-",
        "missing.png",
        *inside,
    ]


def test_hidden_files_are_no_pictures_of_a_folder(tmp_path: Path) -> None:
    (tmp_path / "._seven.png").write_bytes(b"what another system notes")
    (tmp_path / "seven.png").write_bytes(b"")
    assert images.pictures_in_folder(tmp_path) == [tmp_path / "seven.png"]


def test_a_link_that_cannot_be_followed_is_reported_when_it_is_read(
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
    assert [path.name for path in images.pictures_in_folder(tmp_path)] == ["a.png", "b.png"]


def test_a_folder_without_pictures_is_a_picture_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    for call in (images.pictures_in_folder, lambda folder: list(images.expand_folders([folder]))):
        with pytest.raises(PictureError, match="no picture in this folder"):
            call(tmp_path)
    with pytest.raises(PictureError):
        images.pictures_in_folder(tmp_path / "missing")
