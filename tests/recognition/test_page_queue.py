"""Pages are read side by side, and a failed one neither takes memory nor stops the others."""

from __future__ import annotations

import gc
import threading
import weakref
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from numeye.io import images
from numeye.io.images import Page
from numeye.models import environment
from numeye.recognition.page_queue import open_pages, read_side_by_side
from numeye.results import Reading, Unreadable

PATIENCE_S = 20


def blank_page(name: str) -> Page:
    return Page(name=name, index=0, grey=np.full((4, 4), 255, np.uint8))


def reading_of(page: Page) -> list[Reading]:
    return [Reading(image=page.name, digits=(), picture=page.grey)]


def test_a_page_that_lacked_memory_beside_another_is_read_again_without_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(environment, "cores", lambda: 2)
    both_are_read = threading.Barrier(2, timeout=PATIENCE_S)
    attempts: list[str] = []

    def read(page: Page) -> list[Reading]:
        attempts.append(page.name)
        if attempts.count(page.name) == 1:
            both_are_read.wait()
            if page.name == "first":
                raise MemoryError
        return reading_of(page)

    results = list(read_side_by_side(map(blank_page, ("first", "second")), read))
    assert [result.image for result in results] == ["first", "second"]
    assert not any(isinstance(result, Unreadable) for result in results)
    assert sorted(attempts) == ["first", "first", "second"]


def test_a_page_too_large_for_the_memory_is_unreadable_and_the_others_are_read() -> None:
    def read(page: Page) -> list[Reading]:
        if page.name == "large":
            raise MemoryError
        return reading_of(page)

    large, small = read_side_by_side(map(blank_page, ("large", "small")), read)
    assert large == Unreadable(
        image="large",
        error="large: not enough memory to read 4x4 pixels; make the picture smaller",
    )
    assert isinstance(small, Reading)
    assert small.image == "small"


class Pixels:
    """What is in memory of a picture when it fails."""


PIXELS: list[weakref.ref[Pixels]] = []


def fail_with_pixels(*_: object, **__: object) -> np.ndarray:
    pixels = Pixels()
    PIXELS.append(weakref.ref(pixels))
    raise MemoryError


class Picture:
    """A picture whose pixels are too many for the memory."""

    __array__ = fail_with_pixels


@pytest.fixture
def no_collection() -> Iterator[None]:
    """Free nothing that only the garbage collector would find, which may run much later."""
    gc.collect()
    gc.disable()
    yield
    gc.enable()


@pytest.mark.usefixtures("no_collection")
@pytest.mark.parametrize("kind", ["array", "file"])
def test_nothing_of_a_picture_that_failed_stays_in_memory(
    kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    PIXELS.clear()
    file = tmp_path / "large.png"
    Image.new("L", (4, 4)).save(file)
    monkeypatch.setattr(images, "to_grey", fail_with_pixels)
    pages = open_pages([file if kind == "file" else Picture(), np.zeros((4, 4), np.uint8)])
    assert isinstance(next(pages), Unreadable)
    assert [pixels() for pixels in PIXELS] == [None]
    assert isinstance(next(pages), Page)
