"""Openly licensed fonts as masks of glyphs, for pictures of digits and of what is no digit.

MNIST holds digits of one country, and nothing but digits. Fonts add handwriting of others (a 1 with
a flag, a 7 with a bar), printed digits, and letters and signs that must be rejected.

The fonts come from the npm packages `@fontsource/NAME`, one `.woff` file each, and are kept with
their licences in `<cache>/fonts`; Numeye contains none. `fonts.csv`, beside this file, lists them.
No network learns from those of the part "held-out": they are for measuring.
"""

from __future__ import annotations

import csv
import functools
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from numeye.errors import DataError
from numeye.io.files import write_bytes
from numeye.io.mnist import OnMessage, Progress, State, cache_folder

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Int64, UInt8

MASK_PX, GLYPH_PX = 56, 44  # side of a mask, and the longer side of the glyph in it
FONT_PX = 160  # size at which glyphs are drawn before they are scaled
PACKAGES_PER_CALL = 16  # how many packages one call of npm fetches
NPM_TIMEOUT_S = 600.0
_HELP = "install npm and check the network, or copy the folder `fonts` from another machine's cache"

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
# With the sign of multiplication, not the letter x.
SIGNS = '+-=%&$#@*/()?!<>{}[]:;"|\\~^£€§¥×÷'  # noqa: RUF001
POINTS = ".,'"  # no more than dots and short strokes

# Characters that only their neighbours tell from a digit: some people or fonts write the digit just
# so, and a mask keeps neither size nor place on the line. 0: OoDQ, 1: Iil|!/, 2: Zz, 5: Ss, 6: Gb,
# 8: B, 9: gq. Benchmarks measure apart how often these are rejected.
LOOKALIKES = "OoDQIil|!/ZzSsGbBgq"

Part = Literal["train", "held-out"]


@dataclass(frozen=True, kw_only=True)
class Font:
    """One font of an npm package: its Latin letters, upright and of regular weight.

    Attributes:
        name: name of the package, without `@fontsource/`.
        version: version of the package.
        kind: `handwritten` or `printed`.
        part: `train` or `held-out`.
        licence: its identifier at SPDX: OFL-1.1 or Apache-2.0.
        sha256: SHA-256 of the font's file.
    """

    name: str
    version: str
    kind: Literal["handwritten", "printed"]
    part: Part
    licence: str
    sha256: str

    @property
    def package(self) -> str:
        """What npm is asked for, with the version pinned."""
        return f"@fontsource/{self.name}@{self.version}"

    @property
    def file(self) -> str:
        """The font file's name in the cache."""
        return f"{self.name}-{self.version}.woff"

    @property
    def licence_file(self) -> str:
        """The name of the licence's text in the cache."""
        return f"{self.name}-LICENSE.txt"

    def matches(self, content: bytes) -> bool:
        """Return whether these are the bytes of the font's file."""
        return hashlib.sha256(content).hexdigest() == self.sha256


@dataclass(frozen=True, kw_only=True)
class Glyphs:
    """Masks of n glyphs, with their characters and fonts.

    Attributes:
        masks: 0 paper to 255 stroke; the longer side of each glyph has `GLYPH_PX` pixels.
        heights: heights of the glyphs, in heights of their font's 0.
        descents: how far they reach below the line, likewise; negative for those above it.
        characters: the character of each.
        fonts: the name of each one's font.
        handwritten: whether its font is a handwritten one.
    """

    masks: UInt8[np.ndarray, "n 56 56"]
    heights: Float32[np.ndarray, " n"]
    descents: Float32[np.ndarray, " n"]
    characters: tuple[str, ...]
    fonts: tuple[str, ...]
    handwritten: Bool[np.ndarray, " n"]

    def indices_of(self, characters: str) -> Int64[np.ndarray, " k"]:
        """Return the indices of all glyphs of these characters, in rising order."""
        matches = [character in characters for character in self.characters]
        return np.flatnonzero(matches).astype(np.int64)


@functools.cache
def list_fonts() -> tuple[Font, ...]:
    """Return all fonts of `fonts.csv`."""
    with Path(__file__).with_name("fonts.csv").open(encoding="utf-8", newline="") as file:
        rows: list[Any] = list(csv.DictReader(file))
    return tuple(Font(**row) for row in rows)  # a column for each field


def fonts_folder(cache: str | Path | None = None) -> Path:
    """Return the folder of the font files and their licences."""
    return cache_folder(cache) / "fonts"


# --- fetching


def status(cache: str | Path | None = None) -> dict[str, State]:
    """Return for each font, by name, whether its file is `ok`, `missing` or `damaged`."""
    return {font.name: _check_file(font, fonts_folder(cache)) for font in list_fonts()}


def _check_file(font: Font, folder: Path) -> State:
    path = folder / font.file
    if not path.is_file():
        return "missing"
    return "ok" if font.matches(path.read_bytes()) else "damaged"


def _ignore(*_: object) -> None: ...


def fetch(
    cache: str | Path | None = None,
    *,
    on_message: OnMessage = _ignore,
    progress: Progress = _ignore,
) -> Path:
    """Fetch the fonts that are missing or damaged with `npm pack`, and return the cache folder.

    All of them take about 20 seconds. If it fails, the fonts that came before are kept. Two
    processes may do this at the same time. Arguments are those of `numeye.io.mnist.fetch`.

    Raises:
        DataError: npm is not installed, fails, or returns another file.
        OutputError: the cache folder cannot be written.
    """
    folder = fonts_folder(cache)
    states = status(cache)
    needed = [font for font in list_fonts() if states[font.name] != "ok"]
    for font in needed:
        if states[font.name] == "damaged":
            on_message(f"{folder / font.file}: damaged (wrong SHA-256); fetching it again")
    for start in range(0, len(needed), PACKAGES_PER_CALL):
        batch = needed[start : start + PACKAGES_PER_CALL]
        _fetch_batch(batch, folder, progress)
        on_message(f"{len(batch)} fonts from npm: {', '.join(font.name for font in batch)}")
    return cache_folder(cache)


def _fetch_batch(batch: list[Font], folder: Path, progress: Progress) -> None:
    progress(f"npm packages {batch[0].package} ... ({len(batch)})", 0, None)
    with tempfile.TemporaryDirectory() as archives:
        _run_npm_pack(batch, archives)
        for font in batch:
            content, licence = _extract(font, Path(archives))
            # the licence comes first: no font is ever without it
            write_bytes(folder / font.licence_file, licence)
            write_bytes(folder / font.file, content)
            progress(font.file, len(content), len(content))


def _run_npm_pack(batch: list[Font], archives: str) -> None:
    """Write the archives of the packages into the folder `archives`."""
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(f"fonts: npm is needed to fetch them, and is not on the PATH; {_HELP}")
    packages = [font.package for font in batch]
    command = [npm, "pack", *packages, "--silent", "--pack-destination", archives]
    try:
        process = subprocess.run(
            command,
            capture_output=True,
            text=True,
            timeout=NPM_TIMEOUT_S,
            cwd=archives,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"fonts: npm pack failed ({type(error).__name__}); {_HELP}") from error
    if process.returncode:
        lines = (process.stderr or process.stdout).strip().splitlines()
        reason = lines[-1] if lines else f"exit status {process.returncode}"
        raise DataError(f"fonts: npm pack failed ({reason}); {_HELP}")


def _extract(font: Font, archives: Path) -> tuple[bytes, bytes]:
    """Return the font's file, after a check of its SHA-256, and its licence."""
    try:
        with tarfile.open(archives / f"fontsource-{font.name}-{font.version}.tgz", "r:gz") as tar:
            members = [
                tar.extractfile(f"package/{name}")
                for name in (f"files/{font.name}-latin-400-normal.woff", "LICENSE")
            ]
            content, licence = (file.read() if file else b"" for file in members)
    except (OSError, tarfile.TarError, KeyError, EOFError, zlib.error) as error:
        raise DataError(f"{font.package} is not as expected ({error}); {_HELP}") from error
    if not font.matches(content):
        raise DataError(
            f"{font.package}: {font.file} has the wrong SHA-256 ({len(content):,} bytes); {_HELP}"
        )
    return content, licence


# --- drawing


def load_glyphs(part: Part, cache: str | Path | None = None) -> Glyphs:
    """Return every character of every font of one part, drawn in about a second.

    They are in the order of the fonts; in each, digits, letters, then signs. Letters and signs that
    a font lacks are left out. Call `fetch` first.

    Raises:
        DataError: a font of the part is missing or damaged.
    """
    folder = fonts_folder(cache)
    chosen = [font for font in list_fonts() if font.part == part]
    unusable = [font.name for font in chosen if _check_file(font, folder) != "ok"]
    if unusable:
        raise DataError(
            f"{folder}: {len(unusable)} of {len(chosen)} fonts are missing or damaged"
            f" ({unusable[0]}, ...); numeye.training.synthetic.fonts.fetch() fetches them"
        )
    drawn = [(*glyph, font) for font in chosen for glyph in _draw_font(folder / font.file)]
    return Glyphs(
        masks=np.stack([mask for mask, *_ in drawn]),  # (n, 56, 56)
        heights=np.array([height for _, height, *_ in drawn], np.float32),
        descents=np.array([descent for _, _, descent, *_ in drawn], np.float32),
        characters=tuple(character for *_, character, _ in drawn),
        fonts=tuple(font.name for *_, font in drawn),
        handwritten=np.array([font.kind == "handwritten" for *_, font in drawn]),
    )


def _draw_font(path: Path) -> list[tuple[np.ndarray, float, float, str]]:
    """Return mask, height, descent and character of each glyph. The font's 0 has height 1."""
    glyphs = _draw_characters(path)
    zero_px = glyphs["0"][0].height
    return [
        (_to_mask(image), image.height / zero_px, descent_px / zero_px, character)
        for character, (image, descent_px) in glyphs.items()
    ]


def _draw_characters(path: Path) -> dict[str, tuple[Image.Image, int]]:
    """Return picture and descent in pixels of each character that the font has."""
    font = ImageFont.truetype(
        io.BytesIO(path.read_bytes()),
        FONT_PX,
        layout_engine=ImageFont.Layout.BASIC,  # the other one is not in every build of Pillow
    )
    # No font has this character: what is drawn stands for any missing one.
    absent = _draw_character("\uffff", font)
    characters = DIGITS + LETTERS + SIGNS + POINTS
    drawn = {character: _draw_character(character, font) for character in characters}
    return {
        character: glyph
        for character, glyph in drawn.items()
        if glyph is not None and (absent is None or glyph != absent)
    }


def _draw_character(character: str, font: ImageFont.FreeTypeFont) -> tuple[Image.Image, int] | None:
    """Return the character, 255 on 0 and cropped, and its descent; None where it is empty."""
    left, top, right, bottom = font.getbbox(character, anchor="ls")
    image = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - top))))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font, anchor="ls")
    box = image.getbbox()
    return (image.crop(box), int(top) + box[3]) if box else None


def _to_mask(glyph: Image.Image) -> UInt8[np.ndarray, "56 56"]:
    """Return the glyph in the middle of a mask, with `GLYPH_PX` pixels on its longer side."""
    scale = GLYPH_PX / max(glyph.size)
    width, height = (max(1, round(side * scale)) for side in glyph.size)
    scaled = glyph.resize((width, height), Image.Resampling.HAMMING)
    mask = Image.new("L", (MASK_PX, MASK_PX))
    mask.paste(scaled, ((MASK_PX - width) // 2, (MASK_PX - height) // 2))
    return np.asarray(mask)
