"""The example pictures that tests of the command line read."""

from pathlib import Path

SAMPLES = Path(__file__).parents[2] / "examples" / "digits"
NUMBERS = SAMPLES.parent / "numbers"
SEVEN, THREE, BLANK = SAMPLES / "7-turned.jpg", SAMPLES / "3-pencil.png", SAMPLES / "blank.png"
