"""Data sets that are drawn for `numeye evaluate --data synthetic:NAME`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from numeye import DataSet
from numeye.errors import UsageError
from numeye.training.synthetic import fonts, validation_sets


@pytest.fixture(scope="module")
def font_cache() -> Path:
    return fonts.fetch()


@pytest.mark.parametrize(
    "name", ["synthetic:", "synthetic:no", "strings5", "synthetic:strings5:no"]
)
def test_an_unknown_name_is_refused_before_anything_is_fetched(name: str, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="expected synthetic:documents, synthetic:letters, "):
        validation_sets.open_validation_set(name, tmp_path)
    assert not list(tmp_path.iterdir())


def test_strings_are_five_digits_and_always_the_same(mnist_cache: Path) -> None:
    data = validation_sets.draw_strings("mnist:validation", 3, mnist_cache)
    assert (
        data.labels == validation_sets.draw_strings("mnist:validation", 9, mnist_cache).labels[:3]
    )
    assert data.layout == "numbers"
    assert [len(label) for label in data.labels] == [5, 5, 5]
    for picture in data.pictures:
        assert isinstance(picture, np.ndarray)
        assert picture.shape[0] == 36
        assert picture[:4].min() == 255


def test_letters_are_no_digits_and_each_is_drawn_in_several_ways(font_cache: Path) -> None:
    data = validation_sets.draw_letters(cache=font_cache)
    glyphs = fonts.load_glyphs("held-out", font_cache)
    unambiguous = [c for c in glyphs.characters if c not in fonts.DIGITS + fonts.LOOKALIKES]
    assert len(data) == validation_sets.LETTER_VARIANTS * len(unambiguous) >= 2_000
    assert (data.is_empty, data.layout) == (True, "digit")
    contrasts = [int(np.ptp(np.asarray(picture))) for picture in data.pictures]
    assert min(contrasts) > 40
    assert min(contrasts[: len(unambiguous)]) > 200


def test_pages_without_a_number_are_documents_without_labels(font_cache: Path) -> None:
    kinds = validation_sets.draw_empty_pages(2, font_cache)
    assert list(kinds) == ["blank", "noise", "ruled", "words"]
    for data in kinds.values():
        assert (len(data), data.is_empty, data.layout) == (2, True, "document")
        assert {np.asarray(picture).shape for picture in data.pictures} == {(1000, 700)}


def test_documents_have_all_their_numbers_as_label(font_cache: Path, mnist_cache: Path) -> None:
    assert font_cache == mnist_cache
    data = validation_sets.draw_documents(3, mnist_cache)
    assert isinstance(data, DataSet)
    assert (len(data), data.layout) == (3, "document")
    assert data.tables is not None
    assert all(any(sign.isdigit() for sign in label) for label in data.labels)
