"""Openly licensed fonts as glyph masks, for made pictures of digits and of what is no digit.

MNIST holds digits of one country and nothing but digits. Fonts add other hands (the 1 with a flag, the 7 with a bar),
printed digits, and letters and signs that a reader must refuse. They come from the npm packages `@fontsource/NAME`, one
`.woff` file each, and lie with their licences in `<cache>/fonts`; none is shipped. `fonts.csv`, beside this file, lists
them. Those of the part "held-out" are never trained on, so that they can measure.
"""

from __future__ import annotations

import csv
import hashlib
import io
import shutil
import subprocess
import tarfile
import tempfile
import zlib
from dataclasses import dataclass
from functools import cache as remember
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
from PIL import Image, ImageDraw, ImageFont

from numeye import atomic
from numeye.errors import DataError
from numeye.mnist import Progress, Say, State, cache_folder

if TYPE_CHECKING:
    from jaxtyping import Bool, Float32, Int64, UInt8

SIZE, LONGER = 56, 44  # pixels: the side of a mask, and the longer side of the ink in it
DRAWN = 160  # the font size at which glyphs are drawn before they are scaled
BATCH, TIMEOUT = 16, 600.0  # packages asked of npm at once, and the seconds they may take
_HELP = "install npm and check the network, or copy the folder `fonts` from another machine's cache"

DIGITS = "0123456789"
LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
SIGNS = '+-=%&$#@*/()?!<>{}[]:;"|\\~^£€§¥×÷'  # noqa: RUF001 - the sign of multiplication is meant

# What only its neighbours tell from a digit, since some hand or type writes the digit just so, and a mask keeps neither
# size nor place on the line: 0 OoDQ, 1 Iil|!/, 2 Zz, 5 Ss, 6 Gb, 8 B, 9 gq. Refusing these is scored apart.
LOOKALIKES = "OoDQIil|!/ZzSsGbBgq"

Part = Literal["train", "held-out"]
Drawn = tuple[Image.Image, int]  # ink, and how far it goes below the line, pixels


@dataclass(frozen=True, kw_only=True)
class Font:
    """One font: the Latin letters, upright and of regular weight, of an npm package."""

    name: str
    version: str
    kind: Literal["hand", "print"]
    part: Part
    licence: str  # as SPDX names it: OFL-1.1 or Apache-2.0
    sha256: str  # of the file

    @property
    def package(self) -> str:
        """What npm is asked for, with the version pinned."""
        return f"@fontsource/{self.name}@{self.version}"

    @property
    def file(self) -> str:
        """The file's name in the cache."""
        return f"{self.name}-{self.version}.woff"

    @property
    def licence_file(self) -> str:
        """The name of the licence's text in the cache."""
        return f"{self.name}-LICENSE.txt"

    def whole(self, content: bytes) -> bool:
        """Whether these are the file's bytes."""
        return hashlib.sha256(content).hexdigest() == self.sha256


@dataclass(frozen=True, kw_only=True)
class Glyphs:
    """Drawn characters: one mask each, with what it is and where it is from."""

    masks: UInt8[np.ndarray, "n 56 56"]  # 0 paper to 255 ink
    heights: Float32[np.ndarray, " n"]  # of the ink, of that of the font's 0
    feet: Float32[np.ndarray, " n"]  # how far below the line the ink goes, likewise
    characters: tuple[str, ...]
    fonts: tuple[str, ...]
    handwritten: Bool[np.ndarray, " n"]  # drawn by a font of kind "hand"

    def of(self, characters: str) -> Int64[np.ndarray, " k"]:
        """The indices of all glyphs of these characters, rising."""
        return np.flatnonzero([character in characters for character in self.characters]).astype(np.int64)


@remember
def list_fonts() -> tuple[Font, ...]:
    """All fonts, as `fonts.csv` has them."""
    with Path(__file__).with_name("fonts.csv").open(encoding="utf-8", newline="") as file:
        rows: list[Any] = list(csv.DictReader(file))
    return tuple(Font(**row) for row in rows)  # a column for each field


def _silent(*_: object) -> None: ...


def fonts_folder(cache: str | Path | None = None) -> Path:
    """The folder of the font files and their licences."""
    return cache_folder(cache) / "fonts"


def status(cache: str | Path | None = None) -> dict[str, State]:
    """Say of each font, by name, whether it is there, and whole by its SHA-256."""
    return {font.name: _state(font, fonts_folder(cache)) for font in list_fonts()}


def fetch(cache: str | Path | None = None, *, say: Say = _silent, progress: Progress = _silent) -> Path:
    """Make sure that all fonts are there and whole, and return the cache folder.

    What is missing or altered is fetched with `npm pack`, about 20 seconds for all; what came before a failure is
    kept. Two processes may do this at once. The arguments are as in `numeye.mnist.fetch`.

    Raises:
        DataError: npm is missing or fails, or brings another file.
        OutputError: the cache folder cannot be written.
    """
    folder = fonts_folder(cache)
    states = status(cache)
    wanted = [font for font in list_fonts() if states[font.name] != "ok"]
    for font in wanted:
        if states[font.name] == "damaged":
            say(f"{folder / font.file}: damaged (wrong SHA-256); fetching it again")
    for start in range(0, len(wanted), BATCH):
        batch = wanted[start : start + BATCH]
        _fetch_batch(batch, folder, progress)
        say(f"{len(batch)} fonts from npm: {', '.join(font.name for font in batch)}")
    return cache_folder(cache)


def _fetch_batch(batch: list[Font], folder: Path, progress: Progress) -> None:
    progress(f"npm packages {batch[0].package} ... ({len(batch)})", 0, None)
    with tempfile.TemporaryDirectory() as packed:
        _pack(batch, packed)
        for font in batch:
            content, licence = _untar(font, Path(packed))
            atomic.write_bytes(folder / font.licence_file, licence)  # first: no font without its licence
            atomic.write_bytes(folder / font.file, content)
            progress(font.file, len(content), len(content))


def _pack(batch: list[Font], packed: str) -> None:
    npm = shutil.which("npm")
    if npm is None:
        raise DataError(f"fonts: npm, which fetches them, is not on the PATH; {_HELP}")
    command = [npm, "pack", *(font.package for font in batch), "--silent", "--pack-destination", packed]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=TIMEOUT, cwd=packed, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise DataError(f"fonts: npm pack failed ({type(error).__name__}); {_HELP}") from error
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise DataError(f"fonts: npm pack failed ({said[-1] if said else f'status {done.returncode}'}); {_HELP}")


def _untar(font: Font, packed: Path) -> tuple[bytes, bytes]:
    """The font's file, checked, and its licence."""
    try:
        with tarfile.open(packed / f"fontsource-{font.name}-{font.version}.tgz", "r:gz") as tar:
            files = [
                tar.extractfile(f"package/{name}") for name in (f"files/{font.name}-latin-400-normal.woff", "LICENSE")
            ]
            content, licence = (file.read() if file else b"" for file in files)
    except (OSError, tarfile.TarError, KeyError, EOFError, zlib.error) as error:
        raise DataError(f"{font.package} is not as expected ({error}); {_HELP}") from error
    if not font.whole(content):
        raise DataError(f"{font.package}: {font.file} has the wrong SHA-256 ({len(content):,} bytes); {_HELP}")
    return content, licence


def _state(font: Font, folder: Path) -> State:
    path = folder / font.file
    if not path.is_file():
        return "missing"
    return "ok" if font.whole(path.read_bytes()) else "damaged"


def load_glyphs(part: Part, cache: str | Path | None = None) -> Glyphs:
    """Draw every character of every font of one part, in about a second; `fetch` comes first.

    By font, then digits, letters, signs; letters and signs that a font lacks are left out.

    Raises:
        DataError: a font of the part is missing or damaged.
    """
    folder = fonts_folder(cache)
    chosen = [font for font in list_fonts() if font.part == part]
    lacking = [font.name for font in chosen if _state(font, folder) != "ok"]
    if lacking:
        raise DataError(
            f"{folder}: {len(lacking)} of {len(chosen)} fonts are missing or damaged ({lacking[0]}, ...); "
            "numeye.training.paper.fonts.fetch() brings them"
        )
    drawn = [(*glyph, font) for font in chosen for glyph in _drawn(folder / font.file)]
    return Glyphs(
        masks=np.stack([mask for mask, *_ in drawn]),  # (n, 56, 56)
        heights=np.array([height for _, height, *_ in drawn], np.float32),
        feet=np.array([foot for _, _, foot, *_ in drawn], np.float32),
        characters=tuple(character for *_, character, _ in drawn),
        fonts=tuple(font.name for *_, font in drawn),
        handwritten=np.array([font.kind == "hand" for *_, font in drawn]),
    )


def _drawn(path: Path) -> list[tuple[np.ndarray, float, float, str]]:
    """Mask, height, foot and name of each character of a font; the 0 is 1 high."""
    glyphs = _draw_all(path)
    zero = glyphs["0"][0].height
    return [(_mask(image), image.height / zero, foot / zero, name) for name, (image, foot) in glyphs.items()]


def _draw_all(path: Path) -> dict[str, Drawn]:
    """Each character that the font has."""
    # The basic layout, since the other one is not in every build of Pillow.
    font = ImageFont.truetype(io.BytesIO(path.read_bytes()), DRAWN, layout_engine=ImageFont.Layout.BASIC)
    absent = _draw("\uffff", font)  # no font has it: what stands in for a missing character
    drawn = {character: _draw(character, font) for character in DIGITS + LETTERS + SIGNS}
    return {name: glyph for name, glyph in drawn.items() if glyph is not None and (absent is None or glyph != absent)}


def _draw(character: str, font: ImageFont.FreeTypeFont) -> Drawn | None:
    """The character, 255 ink on 0, cropped to its ink, and how far that goes below the line; None for nothing."""
    left, top, right, bottom = font.getbbox(character, anchor="ls")
    image = Image.new("L", (max(1, int(right - left)), max(1, int(bottom - top))))
    ImageDraw.Draw(image).text((-left, -top), character, fill=255, font=font, anchor="ls")
    box = image.getbbox()
    return (image.crop(box), int(top) + box[3]) if box else None


def _mask(glyph: Image.Image) -> UInt8[np.ndarray, "56 56"]:
    """The glyph with its longer side at `LONGER` pixels, in the middle of a mask."""
    scale = LONGER / max(glyph.size)
    width, height = (max(1, round(side * scale)) for side in glyph.size)
    mask = Image.new("L", (SIZE, SIZE))
    mask.paste(glyph.resize((width, height), Image.Resampling.HAMMING), ((SIZE - width) // 2, (SIZE - height) // 2))
    return np.asarray(mask)
