from __future__ import annotations

import gzip
import hashlib
import io
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from numeye import image
from numeye.datasets import SPLITS, DataSet, is_data_folder, open_data, validation_split
from numeye.errors import DataError, UsageError

FEW = settings(max_examples=80)


def idx(values: np.ndarray) -> bytes:
    return b"\0\0\x08" + bytes([values.ndim]) + np.array(values.shape, ">u4").tobytes() + values.tobytes()


def digits(count: int, height: int = 28, width: int = 28) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (count, height, width), dtype=np.uint8)


def save(picture: np.ndarray, path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(picture).save(path)


def npz(**arrays: np.ndarray) -> bytes:
    buffer = io.BytesIO()
    np.savez_compressed(buffer, **arrays)
    return buffer.getvalue()


def class_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        save(picture, folder / str(label) / f"{number}.png")
    return folder


def csv_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    lines = ["file,label,remark"]
    for number, (picture, label) in enumerate(zip(pictures, labels, strict=True)):
        save(picture, folder / "scans" / f"{number}.png")
        lines.append(f"scans/{number}.png,{label},")
    (folder / "labels.csv").write_text("\r\n".join(lines), encoding="utf-8-sig")
    return folder


def npz_file(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    (folder / "own.npz").write_bytes(npz(images=pictures, labels=np.array(labels)))
    return folder / "own.npz"


def idx_file(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    (folder / "own-images-idx3-ubyte").write_bytes(idx(pictures))
    (folder / "own-labels-idx1-ubyte").write_bytes(idx(np.array(labels, np.uint8)))
    return folder / "own-images-idx3-ubyte"


def idx_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    return idx_file(folder, pictures, labels).parent


def packed_idx_folder(folder: Path, pictures: np.ndarray, labels: list[int]) -> Path:
    for path in (idx_file(folder, pictures, labels), folder / "own-labels-idx1-ubyte"):
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()
    return folder


KINDS = [class_folder, csv_folder, npz_file, idx_file, idx_folder, packed_idx_folder]
Kind = Callable[[Path, np.ndarray, list[int]], Path]


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
        (page,) = image.pages(given_picture)
        assert np.array_equal(page.grey, expected)


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_set_is_named_as_the_user_named_it(kind: Kind, tmp_path: Path) -> None:
    path = str(kind(tmp_path, digits(1), [5]))
    assert open_data(path).name == path


@pytest.mark.parametrize("kind", KINDS)
def test_a_part_of_a_data_set_keeps_pictures_and_labels_together(kind: Kind, tmp_path: Path) -> None:
    whole = open_data(str(kind(tmp_path, digits(5), [0, 1, 2, 3, 4])))
    part = whole.subset(np.array([3, 0]))
    assert (part.labels, part.name, part.framed) == (("3", "0"), whole.name, whole.framed)
    for picture, number in zip(part.pictures, (3, 0), strict=True):
        assert np.array_equal(picture, whole.pictures[number])
    with pytest.raises(DataError, match="holds no picture"):
        whole.subset(np.zeros(0, np.int64))


def write_part(folder: Path, stem: str, label: int, *, packed: bool = False) -> None:
    for name, values in (("images-idx3", digits(1)), ("labels-idx1", np.array([label], np.uint8))):
        content = gzip.compress(idx(values)) if packed else idx(values)
        (folder / f"{stem}-{name}-ubyte{'.gz' if packed else ''}").write_bytes(content)


@pytest.mark.parametrize("stems", [("train", "t10k"), ("emnist-digits-train", "emnist-digits-test")])
@pytest.mark.parametrize("packed", ["neither", "train", "test", "both"])
def test_a_part_is_found_by_its_name_whether_packed_or_not(stems: tuple[str, str], packed: str, tmp_path: Path) -> None:
    write_part(tmp_path, stems[0], 1, packed=packed in ("train", "both"))
    write_part(tmp_path, stems[1], 2, packed=packed in ("test", "both"))
    assert open_data(str(tmp_path)).labels == ("2",)
    assert open_data(str(tmp_path), part="train").labels == ("1",)


def test_a_part_that_lies_there_packed_and_unpacked_is_one(tmp_path: Path) -> None:
    write_part(tmp_path, "own", 3, packed=True)
    write_part(tmp_path, "own", 4)
    assert open_data(str(tmp_path)).labels == ("4",)


@pytest.mark.parametrize("stems", [("train", "own"), ("first", "second"), ("t10k", "test"), ("latest", "own")])
def test_several_idx_files_of_which_none_is_meant_are_a_data_error(stems: tuple[str, str], tmp_path: Path) -> None:
    for stem in stems:
        write_part(tmp_path, stem, 1)
    with pytest.raises(DataError, match="holds .*; expected one with t10k or test in its name") as refused:
        open_data(str(tmp_path))
    assert all(f"{stem}-images-idx3-ubyte" in str(refused.value) for stem in stems)
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
    with pytest.raises(DataError, match="read .*Permission denied") as refused:
        open_data(str(tmp_path))
    assert str(refused.value).startswith(str(tmp_path / closed))


@pytest.mark.parametrize("kind", KINDS)
def test_a_data_folder_is_known_by_its_marks(kind: Kind, tmp_path: Path) -> None:
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


def test_labels_may_be_strings_of_digits_but_are_then_no_numbers(tmp_path: Path) -> None:
    (tmp_path / "labels.csv").write_text("label,file\n 007 ,a.png\n\n4,b.png\n")
    data = open_data(str(tmp_path))
    assert data.labels == ("007", "4")
    assert data.pictures == [str(tmp_path / "a.png"), str(tmp_path / "b.png")]
    with pytest.raises(DataError, match=f"{tmp_path}: the label '007' is not one digit, 0 to 9"):
        data.digits()


@pytest.mark.parametrize("label", ["", "x", "-1", "12", "٣", "½"])
def test_what_is_not_one_digit_is_named(label: str) -> None:
    data = DataSet(name="own", pictures=digits(2), labels=("5", label))
    with pytest.raises(DataError, match=f"own: the label '{label}' is not one digit"):
        data.digits()


@pytest.mark.parametrize(("pictures", "labels"), [(3, ("1", "2")), (0, ()), (0, ("1",))])
def test_a_data_set_has_as_many_pictures_as_labels_and_at_least_one(pictures: int, labels: tuple[str, ...]) -> None:
    with pytest.raises(DataError, match=r"own: (\d pictures but \d labels|holds no picture)"):
        DataSet(name="own", pictures=digits(pictures), labels=labels)


WHOLE = npz(images=digits(3), labels=np.array([1, 2, 3]))


def npy() -> bytes:
    buffer = io.BytesIO()
    np.save(buffer, digits(3))
    return buffer.getvalue()


def pickled() -> bytes:
    objects = np.empty(3, object)
    return npz(images=objects, labels=np.array([1, 2, 3]))


def other_archive() -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("images.npy", b"no array")
        archive.writestr("labels.npy", b"no array")
    return buffer.getvalue()


def with_broken_values() -> bytes:
    """Whole as an archive, but the packed values are none."""
    at = WHOLE.index(b"images.npy") + 60
    return WHOLE[:at] + b"\xff" * 40 + WHOLE[at + 40 :]


NPZ_FAULTS = {
    "no labels": (npz(images=digits(3)), "no array 'labels'; expected images"),
    "no images": (npz(pictures=digits(3), labels=np.array([1, 2, 3])), "no array 'images'"),
    "pickled": (pickled(), "not an .npz that can be read"),
    "empty": (b"", "not an .npz"),
    "text": (b"no archive", "not an .npz"),
    "cut early": (WHOLE[:50], "not an .npz"),
    "cut late": (WHOLE[:-30], "not an .npz"),
    "broken values": (with_broken_values(), "not an .npz"),
    "a .npy": (npy(), "npz"),
    "other files": (other_archive(), "npz"),
    "colours": (npz(images=np.zeros((3, 9, 9, 3), np.uint8), labels=np.array([1, 2, 3])), "expected images"),
    "labels of one-hot rows": (npz(images=digits(3), labels=np.eye(3, 10, dtype=int)), "expected images"),
    "labels of text": (npz(images=digits(3), labels=np.array(["1", "2", "3"])), "whole numbers"),
    "labels of floats": (npz(images=digits(3), labels=np.array([1.0, 2.0, 3.0])), "whole numbers"),
    "too few labels": (npz(images=digits(3), labels=np.array([1, 2])), "3 pictures but 2 labels"),
    "nothing in it": (npz(images=digits(0), labels=np.zeros(0, int)), "holds no picture"),
}


@pytest.mark.parametrize("fault", NPZ_FAULTS)
def test_a_faulty_npz_is_a_data_error_that_names_it(fault: str, tmp_path: Path) -> None:
    content, message = NPZ_FAULTS[fault]
    path = tmp_path / "own.npz"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        open_data(str(path))
    assert str(refused.value).startswith(f"{path}: ")


@FEW
@given(
    end=st.integers(1, len(WHOLE)),
    changes=st.lists(st.tuples(st.integers(0, len(WHOLE) - 1), st.integers(0, 255)), max_size=4),
)
def test_an_npz_damaged_anywhere_is_a_data_error_at_worst(
    end: int, changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(WHOLE)
    for at, value in changes:
        content[at] = value
    path = tmp_path_factory.mktemp("npz") / "own.npz"
    path.write_bytes(content[:end] if not changes else content)
    try:
        assert len(open_data(str(path))) == 3
    except DataError as error:
        assert str(error).startswith(f"{path}: ")


CSV_FAULTS = {
    "empty": (b"", "columns None; expected file and label"),
    "other columns": (b"name,digit\na.png,1\n", r"columns \['name', 'digit'\]; expected file and label"),
    "semicolons": (b"file;label\na.png;1\n", "expected file and label"),
    "no label": (b"file,label\na.png,1\nb.png,\n", "line 3 has no label"),
    "blank label": (b"file,label\na.png,  \n", "line 2 has no label"),
    "short line": (b"file,label\na.png\n", "line 2 has no label"),
    "no file": (b"file,label\n,1\n", "line 2 has no file"),
    "only columns": (b"file,label\n", "holds no picture"),
    "not UTF-8": (b"file,label\n\xff.png,1\n", "not a table"),
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_a_faulty_table_is_a_data_error_that_names_it(fault: str, tmp_path: Path) -> None:
    content, message = CSV_FAULTS[fault]
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        open_data(str(tmp_path))
    assert str(refused.value).startswith(str(tmp_path))


IDX_FAULTS = {
    "no labels": ({"own-images-idx3-ubyte": idx(digits(2))}, "no labels beside it"),
    "labels alone": ({"own-labels-idx1-ubyte": idx(np.zeros(2, np.uint8))}, "not a data folder"),
    "cut images": (
        {"own-images-idx3-ubyte": idx(digits(2))[:-1], "own-labels-idx1-ubyte": idx(np.zeros(2, np.uint8))},
        "values, expected",
    ),
    "labels of rank 3": ({"own-images-idx3-ubyte": idx(digits(2)), "own-labels-idx1-ubyte": idx(digits(2))}, "rank 3"),
    "images of rank 1": (
        {"own-images-idx3-ubyte": idx(np.zeros(2, np.uint8)), "own-labels-idx1-ubyte": idx(np.zeros(2, np.uint8))},
        "images of rank 1",
    ),
    "too few labels": (
        {"own-images-idx3-ubyte": idx(digits(2)), "own-labels-idx1-ubyte": idx(np.zeros(3, np.uint8))},
        "2 pictures but 3 labels",
    ),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
def test_faulty_idx_files_are_a_data_error_that_names_them(fault: str, tmp_path: Path) -> None:
    files, message = IDX_FAULTS[fault]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        open_data(str(tmp_path))
    assert str(refused.value).startswith(str(tmp_path))


def test_what_holds_no_data_is_named_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path}: not a data folder; expected folders 0 to 9"):
        open_data(str(tmp_path))
    save(digits(1)[0], tmp_path / "digit.png")
    with pytest.raises(DataError, match=r"digit\.png: "):
        open_data(str(tmp_path / "digit.png"))


@pytest.mark.parametrize("name", ["missing", "missing.npz", "mnist:test", "MNIST", "long" * 2_000, "nul\0"])
def test_a_data_set_that_is_not_there_is_a_usage_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError, match="no data set .* expected mnist, mnist:train, mnist:fit, mnist:validation, or"):
        open_data(name)


@pytest.mark.parametrize(
    ("name", "count"), [("mnist", 10_000), ("mnist:train", 60_000), ("mnist:fit", 55_000), ("mnist:validation", 5_000)]
)
def test_the_parts_of_mnist(name: str, count: int, mnist_cache: Path) -> None:
    data = open_data(name, cache=mnist_cache)
    assert (data.name, len(data), data.framed) == (name, count, True)
    assert isinstance(data.pictures, np.ndarray)
    assert (data.pictures.shape, data.pictures.dtype) == ((count, 28, 28), np.uint8)
    assert set(data.labels) == set("0123456789")
    assert name in SPLITS


def digest(indices: np.ndarray) -> str:
    return hashlib.sha256(indices.astype("<i8").tobytes()).hexdigest()


def test_the_validation_digits_are_the_same_for_ever(train_labels: np.ndarray) -> None:
    fitted, held = validation_split(train_labels, 5_000)
    assert digest(held) == "02c6ebf1ad0c4a5ccac02fc4b99014e11bb19e361066acea3497e8053851410c"
    assert digest(fitted) == "99a179688a78d36fa4545df1d875e3d698b88ce4005981c70f869534efd718c5"
    assert validation_split(np.arange(20) % 3, 7)[1].tolist() == [0, 2, 4, 9, 10, 15, 17]


def test_validation_digits_are_not_fitted_to(
    mnist_cache: Path, train_images: np.ndarray, train_labels: np.ndarray
) -> None:
    fitted, held = validation_split(train_labels, 5_000)
    assert np.array_equal(np.sort(np.concatenate([fitted, held])), np.arange(60_000))
    assert np.array_equal(open_data("mnist:validation", cache=mnist_cache).pictures, train_images[held])
    assert np.array_equal(open_data("mnist:fit", cache=mnist_cache).pictures, train_images[fitted])


@FEW
@given(
    labels=st.lists(st.integers(0, 9), min_size=1, max_size=300), share=st.floats(0, 1), seed=st.integers(0, 2**31 - 1)
)
def test_a_split_is_complete_disjoint_and_stratified(labels: list[int], share: float, seed: int) -> None:
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
