"""How well and how fast numbers are read: strings, beside what a user would pick instead; empty pages; photographs.

Usage: python benchmarks/pages.py [DATA ...] [--n N] [--rivals N] [--no-speed] [--mistakes DIR]   (needs numeye[train])

5 minutes on 2 cores, and one for each data set and the rivals. Each DATA is a data folder of numbers or of grids, which
is read beside what is made here. Of each kind of strings, RapidOCR and Tesseract read some, by turns with numeye; how
they are installed and asked, and what is in the clock, says `rivals.py`.

- clean strings: five of MNIST's test digits side by side, as they are, dark on white, seeded.
- synthetic strips: numbers of 1 to 8 digits on synthetic paper, of MNIST's validation digits and held-out fonts, of a
  series that neither training nor calibration saw.
- pages without a number: blank, ruled, noisy, and words of all letters, an l or an O among them, in held-out fonts; on
  how many a digit is claimed, and on how many one is seen but set aside.
- speed: `Reader.read` and `Reader.read_many`, medians; decoding is in the clock where a file is read, start-up is not.
- memory: the most that a process of its own took, to read one photograph of 40 megapixels, imports and all.
"""

from __future__ import annotations

import argparse
import io
import itertools
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFont
from rivals import read_all, sample, table

from numeye import DataSet, Reader, open_data
from numeye.bench import machine
from numeye.errors import NumeyeError
from numeye.grids import Grids, evaluate_grids
from numeye.strings import Strings, evaluate_strings
from numeye.training.paper import fonts
from numeye.training.paper.pool import make_pages

SEED = 20_261_124  # of all that is made here
STRIPS = 2  # series of synthetic strips; 0 to 1 belong to training and calibration
ROUNDS = 9


def clean_strings(count: int, digits: int = 5) -> DataSet:
    """MNIST's test digits side by side on white, 2 to 8 pixels of paper around each."""
    test, random = open_data("mnist"), np.random.default_rng(SEED)
    pictures, labels = [], []
    for _ in range(count):
        chosen = random.integers(len(test), size=digits)
        gaps = random.integers(-4, 4, digits)  # of the frames of 28 pixels, which have 4 empty ones at each side
        line = np.zeros((36, 8 + 32 * digits), np.uint8)
        left = 6
        for number, gap in zip(chosen.tolist(), gaps.tolist(), strict=True):
            part = line[4:32, left : left + 28]
            np.maximum(part, np.asarray(test.pictures[number]), out=part)
            left += 28 + gap
        pictures.append(255 - line[:, : left + 4])
        labels.append("".join(test.labels[number] for number in chosen.tolist()))
    return DataSet(name="clean strings", pictures=pictures, labels=tuple(labels))


def synthetic_strips(count: int) -> DataSet:
    """Strips of synthetic paper with their boxes."""
    pages = make_pages("validation")
    strips = [pages.strip(STRIPS, number) for number in range(count)]
    return DataSet(
        name="synthetic strips",
        pictures=[np.ascontiguousarray(strip.picture) for strip in strips],
        labels=tuple(strip.text for strip in strips),
        boxes=tuple(strip.boxes.astype(np.float64) for strip in strips),
    )


def empty_pages(count: int) -> dict[str, list[np.ndarray]]:
    """Pages of 700 x 1000 pixels without a number."""
    fonts.fetch()
    random = np.random.default_rng(SEED)
    kinds: dict[str, Callable[[np.random.Generator], np.ndarray]] = {
        "blank": lambda random: np.full((1000, 700), random.integers(120, 256), np.uint8),
        "noise": lambda random: random.normal(200, 12, (1000, 700)).clip(0, 255).astype(np.uint8),
        "ruled": ruled,
        "words": text,
    }
    return {name: [make(random) for _ in range(count)] for name, make in kinds.items()}


def ruled(random: np.random.Generator) -> np.ndarray:
    """Ruled or squared paper."""
    page, step = np.full((1000, 700), 235, np.uint8), int(random.integers(18, 60))
    page[int(random.integers(step)) :: step] = 150
    if random.random() < 0.5:
        page[:, int(random.integers(step)) :: step] = 150
    return page


def text(random: np.random.Generator) -> np.ndarray:
    """Lines of made-up words without a digit: capitals where sentences begin."""
    page = Image.new("L", (700, 1000), 245)
    draw, size = ImageDraw.Draw(page), int(random.integers(14, 44))
    held = [font for font in fonts.list_fonts() if font.part == "held-out"]
    font = ImageFont.truetype(fonts.fonts_folder() / held[int(random.integers(len(held)))].file, size)
    letters = list(fonts.LETTERS[26:])
    for top in range(20, 980 - size, int(size * 1.6)):
        words = ["".join(random.choice(letters, int(random.integers(2, 10)))) for _ in range(20)]
        words[::6] = [word.capitalize() for word in words[::6]]
        draw.text((20, top), " ".join(words), fill=40, font=font)
    return np.asarray(page).copy()


def page_of_numbers(height: int, width: int) -> np.ndarray:
    """Strips of synthetic paper on a white page."""
    pages, page = make_pages("validation"), np.full((height, width), 240, np.uint8)
    top, number = 20, 0
    while top < height - 120:
        left, low = 20, 0
        while True:
            strip = pages.strip(STRIPS, number).picture
            number += 1
            if left + strip.shape[1] > width - 20 or top + strip.shape[0] > height:
                break
            page[top : top + strip.shape[0], left : left + strip.shape[1]] = strip
            left, low = left + strip.shape[1] + 60, max(low, strip.shape[0])
        top += max(low, 40) + 40
    return page


def jpeg(height: int, width: int, *, enlarged: float = 3) -> bytes:
    """A photograph of such a page, as a camera stores it: its digits are so many times as large."""
    small = Image.fromarray(page_of_numbers(round(height / enlarged), round(width / enlarged)))
    file = io.BytesIO()
    small.resize((width, height), Image.Resampling.BICUBIC).convert("RGB").save(file, format="JPEG", quality=90)
    return file.getvalue()


def median_ms(work: Callable[[], object]) -> float:
    """Of `ROUNDS` calls, after one that is not counted."""
    seconds = []
    for _ in range(ROUNDS + 1):
        begun = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - begun)
    return statistics.median(seconds[1:]) * 1000


def peak_memory(photograph: bytes) -> float:
    """Megabytes that a process of its own takes at most to read it."""
    code = "import sys, numeye; numeye.read(sys.argv[1]); print(open('/proc/self/status').read())"
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "photograph.jpg"
        path.write_bytes(photograph)
        done = subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, text=True, check=True)
    (peak,) = re.findall(r"VmHWM:\s*(\d+) kB", done.stdout)  # of the program alone; ru_maxrss counts its parent, too
    return int(peak) / 1024


def long_strips(count: int) -> list[np.ndarray]:
    """Synthetic strips that are about eight times as wide as high, made 400 x 50."""
    pages = make_pages("validation")
    every = (pages.strip(STRIPS, number).picture for number in itertools.count())
    long = (strip for strip in every if 5 <= strip.shape[1] / strip.shape[0] <= 10)
    return [np.asarray(Image.fromarray(strip).resize((400, 50))) for strip in itertools.islice(long, count)]


def row(measured: Strings | Grids) -> str:
    """One data set as a line."""
    if isinstance(measured, Grids):
        return str(measured)
    low, high = measured.interval
    found = measured.detection
    boxes = f"{found[0]:>11.2f} {found[1]:>8.2f}" if found else f"{'-':>11} {'-':>8}"
    return (
        f"{measured.data:<18}{len(measured.labels):>7,}{measured.accuracy:>9.2f}   {low:.2f} to {high:.2f}"
        f"{measured.cer:>8.2f}{measured.best_half:>15.2f}{boxes}{measured.to_dict()['ece']:>8.2f}"
    )


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data", nargs="*", help="data folders of numbers or grids")
    parser.add_argument("--model", help="a run folder, or another name that numeye read --model takes")
    parser.add_argument("--n", type=int, default=2_000, help="strings of each kind that is made here")
    parser.add_argument("--rivals", type=int, default=0, metavar="N", help="strings of each kind that others read, too")
    parser.add_argument("--rapidocr", type=Path, default=Path(".venv-rapidocr/bin/python"), metavar="PYTHON")
    parser.add_argument("--no-speed", action="store_true")
    parser.add_argument("--mistakes", type=Path, help="write the surest mistakes of each kind as PNG")
    asked = parser.parse_args()
    try:
        reader, given = Reader(asked.model), [open_data(name) for name in asked.data]
    except NumeyeError as error:
        raise SystemExit(f"pages.py: {error}") from error
    print(machine())
    every = [clean_strings(asked.n), synthetic_strips(asked.n), *given]
    strings = [data for data in every if data.kind != "grids" and not any(" " in label for label in data.labels)]
    numbers(reader, every, asked.mistakes)
    for data in strings if asked.rivals else ():
        chosen = sample(data, asked.rivals)
        print(f"\n{data.name}: {len(chosen):,} of {len(data):,}, by turns")
        print(table(read_all(chosen, False, asked.rapidocr, asked.model), chosen.labels), flush=True)
    nothing(reader)
    if not asked.no_speed:
        speed(reader)


def numbers(reader: Reader, every: list[DataSet], mistakes: Path | None) -> None:
    """Print how well each data set is read."""
    print(f"{'':<18}{'n':>7}{'exact %':>9}   {'95 % interval':<14}{'CER %':>8}{'surest half %':>15}", end="")
    print(f"{'precision %':>11} {'recall %':>8}{'ECE %':>8}")
    for data in every:
        measured = evaluate_grids(reader, data) if data.kind == "grids" else evaluate_strings(reader, data)
        print(row(measured), flush=True)
        if mistakes:
            print(f"worst mistakes: {measured.save_mistakes(mistakes)}", file=sys.stderr)


def nothing(reader: Reader) -> None:
    """Print on how many pages without a number one is claimed, and how many there are on them."""
    print("\npages without a number (100 each): on how many one is claimed, and seen but set aside; claimed on all")
    for name, pages in empty_pages(100).items():
        readings = list(reader.read_many(pages))
        claimed = sum(bool(reading.text.strip(" ?\n")) for reading in readings)
        seen = sum(bool(reading.digits) for reading in readings)
        numbers_claimed = sum(not number.rejected for reading in readings for number in reading.numbers or ())
        print(f"{name:<18}{claimed:>7}{seen - claimed:>7}{numbers_claimed:>7}", flush=True)


def speed(reader: Reader) -> None:
    """Print how long things take, and how much memory."""
    page, photograph, sheet = page_of_numbers(1400, 1000), jpeg(4000, 3000), jpeg(4000, 3000, enlarged=1.2)
    strips = long_strips(200)
    print(f"\nmedians of {ROUNDS} rounds, start-up apart")
    digits = len(reader.read(page).digits)
    print(f"page of 1,000 x 1,400, {digits} digits   {median_ms(lambda: reader.read(page)):8.0f} ms")
    print(f"JPEG of 12 megapixels, decoded        {median_ms(lambda: reader.read(photograph)):8.0f} ms")
    digits = len(reader.read(sheet).digits)
    print(f"the same, {digits:>4,} digits, 0.4 as high    {median_ms(lambda: reader.read(sheet)):8.0f} ms")
    together = median_ms(lambda: list(reader.read_many(strips)))
    print(f"strips of 400 x 50                    {len(strips) / together * 1000:8.0f} a second")
    print(f"memory at 40 megapixels (Linux)       {peak_memory(jpeg(7300, 5500)):8.0f} MB at most")


if __name__ == "__main__":
    main()
