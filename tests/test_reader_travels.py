"""A reader in another process, as a copy, and where memory ends."""

from __future__ import annotations

import copy
import multiprocessing
import pickle
from pathlib import Path

import numpy as np
import pytest

import numeye
from numeye import Reader, Reading
from numeye.errors import PictureError, UsageError
from numeye.io import images

SEVEN_BYTES = (Path(__file__).parent.parent / "examples" / "digits" / "7-turned.jpg").read_bytes()


def test_a_reader_travels_to_another_process_and_is_copied() -> None:
    reader = Reader("classic", threads=1)
    with multiprocessing.get_context("spawn").Pool(1) as pool:
        (text,) = pool.map(_read_with, [(reader, SEVEN_BYTES)])
    assert text == reader.read(SEVEN_BYTES).text == "7"
    pickled = pickle.loads(pickle.dumps(reader))  # noqa: S301
    for twin in (copy.copy(reader), copy.deepcopy(reader), pickled):
        assert twin is not reader
        assert twin.read(SEVEN_BYTES).to_dict() == reader.read(SEVEN_BYTES).to_dict()
    strict = pickle.loads(pickle.dumps(Reader(max_error=0.05, digits=5)))  # noqa: S301
    assert (strict.single, strict.risk_threshold.max_error, strict.name) == (
        False,
        0.05,
        "detector + recognizer",
    )


def _read_with(reader_and_picture: tuple[Reader, bytes]) -> str:
    return reader_and_picture[0].read(reader_and_picture[1]).text


def test_an_empty_name_is_not_the_default() -> None:
    for give in (
        lambda: Reader(""),
        lambda: numeye.read(SEVEN_BYTES, model=""),
        lambda: numeye.open_data(""),
    ):
        with pytest.raises(UsageError, match="is empty; expected"):
            give()
    with pytest.raises(PictureError, match="the name of a picture is empty"):
        numeye.read("")


def test_where_memory_ends_the_others_are_read(monkeypatch: pytest.MonkeyPatch) -> None:
    reader = Reader("classic", threads=1)
    read = reader._digit_reader.read

    def fails(pages: list[images.Page]) -> list[Reading]:
        if any(page.grey.shape[1] == 100 for page in pages):
            raise MemoryError
        return read(pages)

    monkeypatch.setattr(reader._digit_reader, "read", fails)
    wide = np.full((50, 100), 255, np.uint8)
    answers = list(reader.stream([SEVEN_BYTES, wide, SEVEN_BYTES]))
    assert [getattr(answer, "text", None) for answer in answers] == ["7", None, "7"]
    assert (
        answers[1].error
        == "the picture: not enough memory to read 100x50 pixels; make the picture smaller"
    )
