"""Fonts as masks of glyphs: the real ones in the cache, and a fake npm for what can go wrong."""

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

from numeye.errors import DataError
from numeye.io import mnist
from numeye.training.synthetic import fonts
from numeye.training.synthetic.fonts import Font, Glyphs

CONTENT = b"a font"
FONT = Font(
    name="some",
    version="1.2.3",
    kind="handwritten",
    part="train",
    licence="OFL-1.1",
    sha256=hashlib.sha256(CONTENT).hexdigest(),
)


@pytest.fixture(scope="session")
def font_cache() -> Path:
    """Return the cache folder, with all fonts in it."""
    return fonts.fetch()


@pytest.fixture(scope="session")
def parts(font_cache: Path) -> dict[str, Glyphs]:
    return {
        "train": fonts.load_glyphs("train", font_cache),
        "held-out": fonts.load_glyphs("held-out", font_cache),
    }


def package(content: bytes, name: str = "files/some-latin-400-normal.woff") -> bytes:
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w:gz") as tar:
        for member, value in ((name, content), ("LICENSE", b"the licence")):
            info = tarfile.TarInfo(f"package/{member}")
            info.size = len(value)
            tar.addfile(info, io.BytesIO(value))
    return packed.getvalue()


def fake_npm(
    monkeypatch: pytest.MonkeyPatch, archive: bytes | None, status: int = 0, output: str = ""
) -> list[list[str]]:
    """Fake a list of one font and an npm that returns `archive`. Return its commands."""
    commands: list[list[str]] = []

    def run(command: list[str], **_: object) -> subprocess.CompletedProcess[str]:
        commands.append(command)
        if archive is not None:
            (Path(command[-1]) / "fontsource-some-1.2.3.tgz").write_bytes(archive)
        return subprocess.CompletedProcess(command, status, "", output)

    monkeypatch.setattr(fonts, "list_fonts", lambda: (FONT,))
    monkeypatch.setattr(shutil, "which", lambda _: "npm")
    monkeypatch.setattr(subprocess, "run", run)
    return commands


def test_every_font_is_complete_and_has_its_licence(font_cache: Path) -> None:
    assert set(fonts.status(font_cache).values()) == {"ok"}
    folder = fonts.fonts_folder(font_cache)
    for font in fonts.list_fonts():
        licence = (folder / font.licence_file).read_text(encoding="utf-8")
        assert (
            "SIL OPEN FONT LICENSE" if font.licence == "OFL-1.1" else "Apache License"
        ) in licence


def test_each_part_has_its_fonts_and_no_other(parts: dict[str, Glyphs]) -> None:
    for part, glyphs in parts.items():
        assert set(glyphs.fonts) == {font.name for font in fonts.list_fonts() if font.part == part}
    assert not set(parts["train"].fonts) & set(parts["held-out"].fonts)
    kinds = {font.name: font.kind for font in fonts.list_fonts()}
    for glyphs in parts.values():
        assert glyphs.handwritten.tolist() == [
            kinds[name] == "handwritten" for name in glyphs.fonts
        ]


def test_every_font_has_every_digit_and_letter_once(parts: dict[str, Glyphs]) -> None:
    for glyphs in parts.values():
        drawn = list(zip(glyphs.fonts, glyphs.characters, strict=True))
        assert len(set(drawn)) == len(drawn) == len(glyphs.masks)
        for name in set(glyphs.fonts):
            assert set(fonts.DIGITS + fonts.LETTERS) <= {
                character for font, character in drawn if font == name
            }


def test_masks_are_filled_to_their_longer_side_and_centred(parts: dict[str, Glyphs]) -> None:
    for glyphs in parts.values():
        assert glyphs.masks.dtype == np.uint8
        for mask in glyphs.masks:
            left, top, right, bottom = Image.fromarray(mask).getbbox() or (0, 0, 0, 0)
            assert fonts.GLYPH_PX - 2 <= max(right - left, bottom - top) <= fonts.GLYPH_PX
            assert abs(left + right - fonts.MASK_PX) <= 3
            assert abs(top + bottom - fonts.MASK_PX) <= 3
            assert mask.max() > 100


def test_a_character_that_a_font_lacks_is_left_out(parts: dict[str, Glyphs]) -> None:
    train = parts["train"]
    with_percent = {train.fonts[index] for index in train.indices_of("%")}
    assert "roboto" in with_percent
    assert "covered-by-your-grace" not in with_percent


def test_glyphs_are_found_by_their_characters(parts: dict[str, Glyphs]) -> None:
    train = parts["train"]
    indices = train.indices_of("7a")
    assert {train.characters[index] for index in indices} == {"7", "a"}
    assert len(indices) == 2 * len(set(train.fonts))
    assert train.indices_of("").tolist() == []


def test_glyphs_have_their_heights_and_descents(
    parts: dict[str, Glyphs],
) -> None:
    glyphs = parts["train"]
    typical = {
        character: (float(np.median(glyphs.heights[of])), float(np.median(glyphs.descents[of])))
        for character in "0xpl"
        for of in (
            np.array(
                [
                    number
                    for number in glyphs.indices_of(character)
                    if not glyphs.handwritten[number]
                ]
            ),
        )
    }
    assert typical["0"] == pytest.approx((1, 0), abs=0.05)
    assert typical["x"] == pytest.approx((0.7, 0), abs=0.1)
    assert typical["p"] == pytest.approx((1, 0.3), abs=0.15)
    assert typical["l"] == pytest.approx((1.05, 0), abs=0.12)


def test_lookalikes_are_letters_and_signs() -> None:
    assert set(fonts.LOOKALIKES) <= set(fonts.LETTERS + fonts.SIGNS)
    characters = fonts.DIGITS + fonts.LETTERS + fonts.SIGNS
    assert len(set(characters)) == len(characters)


def test_what_is_missing_or_damaged_is_fetched_and_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    commands = fake_npm(monkeypatch, package(CONTENT))
    messages: list[str] = []
    assert fonts.fetch(tmp_path, on_message=messages.append) == tmp_path
    file = tmp_path / "fonts" / "some-1.2.3.woff"
    assert file.read_bytes() == CONTENT
    assert (tmp_path / "fonts" / "some-LICENSE.txt").read_bytes() == b"the licence"
    fonts.fetch(tmp_path, on_message=messages.append)
    assert (len(commands), len(messages)) == (1, 1)
    assert commands[0][1:3] == ["pack", "@fontsource/some@1.2.3"]
    file.write_bytes(CONTENT[:-1])
    fonts.fetch(tmp_path, on_message=messages.append)
    assert file.read_bytes() == CONTENT
    assert messages[1] == f"{file}: damaged (wrong SHA-256); fetching it again"


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
def test_a_failure_of_npm_is_an_error_of_one_line_and_leaves_nothing(
    archive: bytes | None,
    status: int,
    message: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    fake_npm(monkeypatch, archive, status, "npm warns\nE404\n")
    with pytest.raises(DataError, match=message) as raised:
        fonts.fetch(tmp_path)
    assert "\n" not in str(raised.value)
    assert "install npm" in str(raised.value)
    assert not (tmp_path / "fonts").exists()


def test_the_fonts_lie_beside_mnist(tmp_path: Path) -> None:
    assert fonts.fonts_folder(tmp_path) == mnist.cache_folder(tmp_path) / "fonts"
