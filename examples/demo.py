"""Read the sample pictures with the packaged weights, and check the answers against their names."""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numeye

HERE = Path(__file__).parent / "digits"


def main() -> int:
    """Print a line a picture; the status is 1 if one is read wrong."""
    begun = time.perf_counter()
    wrong = 0
    for reading in numeye.read_many([HERE]):
        name = Path(reading.image).stem
        expected = "" if name == "blank" else name[0]
        wrong += reading.text != expected
        said = f"{reading.text}   {reading.confidence:6.1%}" if reading.text else f"-   {reading.rejected}"
        print(
            f"{Path(reading.image).name:<20} {said}" + ("" if reading.text == expected else f"   expected {expected}")
        )
    seconds = time.perf_counter() - begun
    print(f"{len(list(HERE.glob('*.*'))) - 1} pictures in {seconds:.2f} s, {wrong} wrong")
    return 1 if wrong else 0


if __name__ == "__main__":
    sys.exit(main())
