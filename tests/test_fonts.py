"""Fonts as glyph masks. Those of the session's cache are the real ones; the faults are played with a small npm."""

from __future__ import annotations

import hashlib
import io
import shutil
import subprocess
import tarfile
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye import mnist
from numeye.errors import DataError
from numeye.training.paper import fonts
from numeye.training.paper.fonts import Font, Glyphs

CONTENT = b"a font"
FONT = Font(
    name="some",
    version="1.2.3",
    kind="hand",
    part="train",
    licence="OFL-1.1",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture(scope="session")
def font_cache() -> Path:
    """The cache folder, with the fonts whole in it."""
    return fonts.fetch()


@pytest.fixture(scope="session")
def parts(font_cache: Path) -> dict[str, Glyphs]:
    return {"train": fonts.load_glyphs("train", font_cache), "held-out": fonts.load_glyphs("held-out", font_cache)}


def package(content: bytes, name: str = "files/some-latin-400-normal.woff") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member, value in ((name, content), ("LICENSE", b"the licence")):
            info = tarfile.TarInfo(f"package/{member}")
            info.size = len(value)
            tar.addfile(info, io.BytesIO(value))
    return packed.getvalue()


def play_npm(
    monkeypatch: pytest.MonkeyPatch, archive: bytes | None, status: int = 0, said: str = ""
) -> list[list[str]]:
    """One font, and an npm that brings `archive`; what it is asked is in the list."""
    asked: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        asked.append(command)
        if archive is not None:
            (Path(command[-1]) / "fontsource-some-1.2.3.tgz").write_bytes(archive)
        return subprocess.CompletedProcess(command, status, "", said)

    monkeypatch.setattr(fonts, "list_fonts", lambda: (FONT,))
    monkeypatch.setattr(shutil, "which", lambda _: "npm")
    monkeypatch.setattr(subprocess, "run", run)
    return asked


def test_every_font_is_whole_and_beside_its_licence(font_cache: Path) -> None:
    assert set(fonts.status(font_cache).values()) == {"ok"}
    folder = fonts.fonts_folder(font_cache)
    for font in fonts.list_fonts():
        licence = (folder / font.licence_file).read_text(encoding="utf-8")
        assert ("SIL OPEN FONT LICENSE" if font.licence == "OFL-1.1" else "Apache License") in licence


def test_each_part_has_its_fonts_and_no_other(parts: dict[str, Glyphs]) -> None:
    for part, glyphs in parts.items():
        assert set(glyphs.fonts) == {font.name for font in fonts.list_fonts() if font.part == part}
    assert not set(parts["train"].fonts) & set(parts["held-out"].fonts)
    kinds = {font.name: font.kind for font in fonts.list_fonts()}
    for glyphs in parts.values():
        assert glyphs.handwritten.tolist() == [kinds[name] == "hand" for name in glyphs.fonts]


def test_every_font_has_every_digit_and_letter_once(parts: dict[str, Glyphs]) -> None:
    for glyphs in parts.values():
        drawn = list(zip(glyphs.fonts, glyphs.characters, strict=True))
        assert len(set(drawn)) == len(drawn) == len(glyphs.masks)
        for name in set(glyphs.fonts):
            assert set(fonts.DIGITS + fonts.LETTERS) <= {character for font, character in drawn if font == name}


def test_masks_are_filled_to_their_longer_side_and_centred(parts: dict[str, Glyphs]) -> None:
    for glyphs in parts.values():
        assert glyphs.masks.dtype == np.uint8
        for mask in glyphs.masks:
            left, top, right, bottom = Image.fromarray(mask).getbbox() or (0, 0, 0, 0)
            assert fonts.LONGER - 2 <= max(right - left, bottom - top) <= fonts.LONGER
            assert abs(left + right - fonts.SIZE) <= 3
            assert abs(top + bottom - fonts.SIZE) <= 3
            assert mask.max() > 100


def test_a_character_that_a_font_lacks_is_left_out(parts: dict[str, Glyphs]) -> None:
    train = parts["train"]
    with_percent = {train.fonts[index] for index in train.of("%")}
    assert "roboto" in with_percent
    assert "covered-by-your-grace" not in with_percent


def test_glyphs_are_found_by_their_characters(parts: dict[str, Glyphs]) -> None:
    train = parts["train"]
    found = train.of("7a")
    assert {train.characters[index] for index in found} == {"7", "a"}
    assert len(found) == 2 * len(set(train.fonts))
    assert train.of("").tolist() == []


def test_glyphs_know_how_high_they_are_and_how_far_below_the_line_they_go(parts: dict[str, Glyphs]) -> None:
    glyphs = parts["train"]
    typical = {
        character: (float(np.median(glyphs.heights[of])), float(np.median(glyphs.feet[of])))
        for character in "0xpl"
        for of in (np.array([number for number in glyphs.of(character) if not glyphs.handwritten[number]]),)
    }
    assert typical["0"] == pytest.approx((1, 0), abs=0.05)
    assert typical["x"] == pytest.approx((0.7, 0), abs=0.1)
    assert typical["p"] == pytest.approx((1, 0.3), abs=0.15)
    assert typical["l"] == pytest.approx((1.05, 0), abs=0.12)


def test_lookalikes_are_drawn_and_no_digits() -> None:
    assert set(fonts.LOOKALIKES) <= set(fonts.LETTERS + fonts.SIGNS)
    characters = fonts.DIGITS + fonts.LETTERS + fonts.SIGNS
    assert len(set(characters)) == len(characters)


def test_what_is_missing_or_damaged_is_fetched_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = play_npm(monkeypatch, package(CONTENT))
    said: list[str] = []
    assert fonts.fetch(tmp_path, say=said.append) == tmp_path
    file = tmp_path / "fonts" / "some-1.2.3.woff"
    assert file.read_bytes() == CONTENT
    assert (tmp_path / "fonts" / "some-LICENSE.txt").read_bytes() == b"the licence"
    fonts.fetch(tmp_path, say=said.append)
    assert (len(asked), len(said)) == (1, 1)
    assert asked[0][1:3] == ["pack", "@fontsource/some@1.2.3"]
    file.write_bytes(CONTENT[:-1])
    fonts.fetch(tmp_path, say=said.append)
    assert file.read_bytes() == CONTENT
    assert said[1] == f"{file}: damaged (wrong SHA-256); fetching it again"


@pytest.mark.parametrize(
    ("archive", "status", "message"),
    [
        (None, 1, r"npm pack failed \(E404\)"),
        (None, 0, "@fontsource/some@1.2.3 is not as expected"),
        (b"no archive", 0, "@fontsource/some@1.2.3 is not as expected"),
        (package(CONTENT)[:-30], 0, "@fontsource/some@1.2.3 is not as expected"),
        (package(CONTENT, "files/other.woff"), 0, "@fontsource/some@1.2.3 is not as expected"),
        (package(b"other"), 0, r"has the wrong SHA-256 \(5 bytes\)"),
    ],
)
def test_what_npm_does_wrong_is_one_line_and_leaves_nothing(
    archive: bytes | None, status: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    play_npm(monkeypatch, archive, status, "npm warns\nE404\n")
    with pytest.raises(DataError, match=message) as refused:
        fonts.fetch(tmp_path)
    assert "\n" not in str(refused.value)
    assert "install npm" in str(refused.value)
    assert not (tmp_path / "fonts").exists()


def test_the_fonts_lie_beside_mnist(tmp_path: Path) -> None:
    assert fonts.fonts_folder(tmp_path) == mnist.cache_folder(tmp_path) / "fonts"
