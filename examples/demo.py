"""Read the sample pictures with the packaged models and check the answers."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numeye

HERE = Path(__file__).parent
NUMBERS = {"rows.png": "407 1250 / 88 31170 / 9526", "card.png": "4539 1488 0343 6467"}


def main() -> int:
    """Print a line for each picture; return 1 if an answer is wrong."""
    started = time.perf_counter()
    wrong = 0
    readings = list(numeye.read_many([HERE / "digits"], single=True))
    for reading in readings:
        name = Path(reading.image).stem
        expected = "" if name == "blank" else name[0]
        wrong += reading.text != expected
        answer = f"-   {reading.rejected}"
        if reading.text:
            answer = f"{reading.text}   {reading.confidence:6.1%}"
        remark = "" if reading.text == expected else f"   expected {expected}"
        print(f"{Path(reading.image).name:<20} {answer}{remark}")
    for name, expected in NUMBERS.items():
        reading = numeye.read(HERE / "numbers" / name)
        text = reading.text.replace("\n", " / ")
        wrong += text != expected
        print(f"{name:<20} {text}   {reading.confidence:.1%}")
    seconds = time.perf_counter() - started
    print(f"{len(readings) + len(NUMBERS)} pictures in {seconds:.2f} s, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
