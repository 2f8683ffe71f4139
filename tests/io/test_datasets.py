from __future__ import annotations

import gzip
import hashlib
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.errors import DataError
from numeye.io import images
from numeye.io.datasets import (
    SPLITS,
    DataSet,
    is_data_folder,
    open_data,
    split_training_digits,
    validation_split,
)
from numeye.io.labels import LAYOUTS
from tests.io.data_samples import KINDS, Kind, class_folder, digits, idx, save

FEW = settings(max_examples=80)


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("size", [(1, 1), (28, 28), (40, 25)])
def test_every_kind_of_data_folder_holds_pictures_of_any_size(
    kind: Kind, size: tuple[int, int], tmp_path: Path
) -> None:
    pictures, labels = digits(4, *size) | 2, [0, 1, 1, 9]
    data = open_data(str(kind(tmp_path, pictures, labels)))
    assert (len(data), data.labels) == (4, ("0", "1", "1", "9"))
    assert data.digits().dtype == np.int64
    assert data.digits().tolist() == labels
    assert data.framed == (size == (28, 28) and "idx" in kind.__name__)
    for given_picture, expected in zip(data.pictures, pictures, strict=True):
        (page,) = images.pages(given_picture)
        assert np.array_equal(page.grey, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_set_is_named_as_the_user_named_it(kind: Kind, tmp_path: Path) -> None:
    path = str(kind(tmp_path, digits(1), [5]))
    assert open_data(path).name == path


@pytest.mark.parametrize("kind", KINDS)
def test_a_subset_keeps_pictures_and_labels_together(kind: Kind, tmp_path: Path) -> None:
    dataset = open_data(str(kind(tmp_path, digits(5), [0, 1, 2, 3, 4])))
    subset = dataset.subset(np.array([3, 0]))
    assert (subset.labels, subset.name, subset.framed) == (("3", "0"), dataset.name, dataset.framed)
    for picture, number in zip(subset.pictures, (3, 0), strict=True):
        assert np.array_equal(picture, dataset.pictures[number])
    with pytest.raises(DataError, match="holds no picture"):
        dataset.subset(np.zeros(0, np.int64))


def write_part(folder: Path, stem: str, label: int, *, packed: bool = False) -> None:
    for name, values in (("images-idx3", digits(1)), ("labels-idx1", np.array([label], np.uint8))):
        content = gzip.compress(idx(values)) if packed else idx(values)
        (folder / f"{stem}-{name}-ubyte{'.gz' if packed else ''}").write_bytes(content)


@pytest.mark.parametrize(
    "stems", [("train", "t10k"), ("emnist-digits-train", "emnist-digits-test")]
)
@pytest.mark.parametrize("packed", ["neither", "train", "test", "both"])
def test_the_split_is_found_by_the_file_name_packed_or_not(
    stems: tuple[str, str], packed: str, tmp_path: Path
) -> None:
    write_part(tmp_path, stems[0], 1, packed=packed in ("train", "both"))
    write_part(tmp_path, stems[1], 2, packed=packed in ("test", "both"))
    assert open_data(str(tmp_path)).labels == ("2",)
    assert open_data(str(tmp_path), split="train").labels == ("1",)


def test_a_file_that_is_packed_and_unpacked_counts_once(tmp_path: Path) -> None:
    write_part(tmp_path, "own", 3, packed=True)
    write_part(tmp_path, "own", 4)
    assert open_data(str(tmp_path)).labels == ("4",)


@pytest.mark.parametrize(
    "stems", [("train", "own"), ("first", "second"), ("t10k", "test"), ("latest", "own")]
)
def test_several_idx_files_without_one_of_the_split_are_a_data_error(
    stems: tuple[str, str], tmp_path: Path
) -> None:
    for stem in stems:
        write_part(tmp_path, stem, 1)
    with pytest.raises(
        DataError, match="holds .*; expected one with t10k or test in its name"
    ) as error:
        open_data(str(tmp_path))
    assert all(f"{stem}-images-idx3-ubyte" in str(error.value) for stem in stems)
    assert len(open_data(str(tmp_path / f"{stems[1]}-images-idx3-ubyte"))) == 1


@pytest.mark.parametrize("closed", ["", "3"])
def test_a_folder_that_cannot_be_read_is_not_an_empty_one(
    closed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class_folder(tmp_path, digits(2), [3, 7])
    listed = Path.iterdir

    def iterdir(path: Path) -> Iterator[Path]:
        if path == tmp_path / closed:
            raise PermissionError(13, "Permission denied", str(path))
        return listed(path)

    monkeypatch.setattr(Path, "iterdir", iterdir)
    with pytest.raises(DataError, match="read .*Permission denied") as error:
        open_data(str(tmp_path))
    assert str(error.value).startswith(str(tmp_path / closed))


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_folder_is_recognized_by_its_files(kind: Kind, tmp_path: Path) -> None:
    assert not is_data_folder(tmp_path)
    path = kind(tmp_path, digits(1), [5])
    assert is_data_folder(tmp_path) == (path.suffix != ".npz")


def test_only_the_ten_class_folders_count_and_some_may_be_empty(tmp_path: Path) -> None:
    class_folder(tmp_path, digits(2), [3, 7])
    save(digits(1)[0], tmp_path / "other" / "x.png")
    (tmp_path / "0").mkdir()
    (tmp_path / "3" / "notes.txt").touch()
    (tmp_path / "5").touch()
    assert open_data(str(tmp_path)).labels == ("3", "7")


def test_labels_that_are_strings_of_digits_are_no_single_digits(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("label,file\n 007 ,a.png\n\n4,b.png\n")
    data = open_data(str(tmp_path))
    assert data.labels == ("007", "4")
    assert data.pictures == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    with pytest.raises(DataError, match=f"{tmp_path}: the label '007' is not one digit, 0 to 9"):
        data.digits()


def write_table(folder: Path, text: str) -> DataSet:
    (folder / "labels.csv").write_text(text)
    return open_data(str(folder))


@pytest.mark.parametrize("layout", LAYOUTS)
def test_a_table_says_what_its_labels_look_like(layout: str, tmp_path: Path) -> None:
    data = write_table(tmp_path, f"file,label,layout\na.png,12/34,{layout}\nb.png,5/6, {layout}\n")
    assert data.layout == layout
    assert data.subset(np.array([1])).layout == layout


@pytest.mark.parametrize(
    ("labels", "layout"),
    [
        (("7", "4"), "digit"),
        (("7", "12"), "numbers"),
        (("7", "1 2"), "numbers"),
        (("12/03", "45/67"), "grid"),
        (("1?0/203", "4/5/6"), "grid"),
        (("12/03", "17/2"), "numbers"),
        (("12/03", "407"), "numbers"),
        (("1 2/3 4", "1/2"), "numbers"),
        (("17/20.5", "12/03"), "numbers"),
        (("1?2", "123"), "numbers"),
    ],
)
def test_without_the_column_the_labels_say_what_they_look_like(
    labels: tuple[str, ...], layout: str, tmp_path: Path
) -> None:
    rows = "".join(f"{number}.png,{label}\n" for number, label in enumerate(labels))
    data = write_table(tmp_path, f"file,label\n{rows}")
    assert (data.layout, data.is_empty) == (layout, False)


def test_a_label_in_quotes_has_rows_and_a_document_may_have_none(tmp_path: Path) -> None:
    text = 'file,label,layout\na.png,"12 3\n4,5",document\nb.png,,document\n'
    data = write_table(tmp_path, text)
    assert data.labels == ("12 3\n4,5", "")
    assert not data.is_empty
    assert data.subset(np.array([1])).is_empty


def test_a_table_of_labels_holds_the_tables_of_a_page(tmp_path: Path) -> None:
    text = 'file,label,layout,tables\na.png,1 2,document,"[[[""1"", """"], ["""", ""2""]]]"\n'
    data = write_table(tmp_path, f"{text}b.png,3,document,\n")
    assert data.tables == (((("1", ""), ("", "2")),), ())
    assert data.subset(np.array([1])).tables == ((),)


@pytest.mark.parametrize("label", ["", "x", "-1", "12", "٣", "½"])
def test_a_label_that_is_not_one_digit_is_named(label: str) -> None:
    data = DataSet(name="own", pictures=digits(2), labels=("5", label))
    with pytest.raises(DataError, match=f"own: the label '{label}' is not one digit"):
        data.digits()


@pytest.mark.parametrize(("pictures", "labels"), [(3, ("1", "2")), (0, ()), (0, ("1",))])
def test_a_data_set_has_one_label_per_picture_and_at_least_one(
    pictures: int, labels: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match=r"own: (\d pictures but \d labels|holds no picture)"):
        DataSet(name="own", pictures=digits(pictures), labels=labels)


@pytest.mark.parametrize(
    ("name", "count"),
    [
        ("mnist", 10_000),
        ("mnist:train", 60_000),
        ("mnist:fit", 55_000),
        ("mnist:validation", 5_000),
        ("mnist:writers:fit", 55_012),
        ("mnist:writers", 4_988),
    ],
)
def test_the_splits_of_mnist(name: str, count: int, mnist_cache: Path) -> None:
    data = open_data(name, cache=mnist_cache)
    assert (data.name, len(data), data.framed) == (name, count, True)
    assert isinstance(data.pictures, np.ndarray)
    assert (data.pictures.shape, data.pictures.dtype) == ((count, 28, 28), np.uint8)
    assert set(data.labels) == set("0123456789")
    assert name in SPLITS


def digest(indices: np.ndarray) -> str:
    return hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()


def test_the_validation_digits_never_change(train_labels: np.ndarray) -> None:
    fitted, held = validation_split(train_labels, 5_000)
    assert digest(held) == "02c6ebf1ad0c4a5ccac02fc4b99014e11bb19e361066acea3497e8053851410c"
    assert digest(fitted) == "99a179688a78d36fa4545df1d875e3d698b88ce4005981c70f869534efd718c5"
    assert validation_split(np.arange(20) % 3, 7)[1].tolist() == [0, 2, 4, 9, 10, 15, 17]


def test_validation_digits_are_not_in_the_fit_split(
    mnist_cache: Path, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    fitted, held = validation_split(train_labels, 5_000)
    assert np.array_equal(np.sort(np.concatenate([fitted, held])), np.arange(60_000))
    assert np.array_equal(
        open_data("mnist:validation", cache=mnist_cache).pictures, train_images[held]
    )
    assert np.array_equal(open_data("mnist:fit", cache=mnist_cache).pictures, train_images[fitted])


def test_the_digits_of_the_split_by_writers_never_change(train_labels: np.ndarray) -> None:
    fitted, held = split_training_digits(train_labels, writers=True)
    assert digest(held) == "0156c2c95b2dc116316a88f2d96a889407befc2042ada970295889b299acb2d5"
    assert np.array_equal(np.sort(np.concatenate([fitted, held])), np.arange(60_000))
    shares = np.bincount(train_labels[held]) / np.bincount(train_labels)
    assert (shares.min(), shares.max()) == pytest.approx((0.083, 0.083), abs=0.008)
    assert np.array_equal(
        split_training_digits(train_labels, writers=False)[1],
        validation_split(train_labels, 5_000)[1],
    )


@FEW
@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=300),
    share=st.floats(0, 1),
    seed=st.integers(0, 2**31 - 1),
)
def test_a_split_is_complete_disjoint_and_stratified(
    labels: list[int], share: float, seed: int
) -> None:
    count = round(share * len(labels))
    fitted, held = validation_split(np.array(labels), count, seed)
    assert len(held) == count
    assert sorted([*fitted.tolist(), *held.tolist()]) == list(range(len(labels)))
    in_all, in_held = Counter(labels), Counter(labels[number] for number in held)
    for label, total in in_all.items():
        assert abs(in_held[label] - total * count / len(labels)) < 1 + 1e-9
    again = validation_split(np.array(labels), count, seed)
    assert np.array_equal(again[1], held)


def test_another_seed_is_another_split(train_labels: np.ndarray) -> None:
    splits = [validation_split(train_labels, 5_000, seed)[1] for seed in (0, 1)]
    assert len(np.intersect1d(*splits)) < 1_000
