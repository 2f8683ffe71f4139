from __future__ import annotations

import io
import zipfile
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from numeye.errors import DataError, UsageError
from numeye.io.datasets import open_data
from tests.io.data_samples import digits, idx, npz, save

FEW = settings(max_examples=80)


VALID_NPZ = npz(images=digits(3), labels=np.array([1, 2, 3]))


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
    """A complete archive whose packed values are damaged."""
    at = VALID_NPZ.index(b"images.npy") + 60
    return VALID_NPZ[:at] + b"\xff" * 40 + VALID_NPZ[at + 40 :]


NPZ_FAULTS = {
    "no labels": (npz(images=digits(3)), "no array 'labels'; expected images"),
    "no images": (npz(pictures=digits(3), labels=np.array([1, 2, 3])), "no array 'images'"),
    "pickled": (pickled(), "not an .npz that can be read"),
    "empty": (b"", "not an .npz"),
    "text": (b"no archive", "not an .npz"),
    "cut early": (VALID_NPZ[:50], "not an .npz"),
    "cut late": (VALID_NPZ[:-30], "not an .npz"),
    "broken values": (with_broken_values(), "not an .npz"),
    "a .npy": (npy(), "npz"),
    "other files": (other_archive(), "npz"),
    "colours": (
        npz(images=np.zeros((3, 9, 9, 3), np.uint8), labels=np.array([1, 2, 3])),
        "expected images",
    ),
    "labels of one-hot rows": (
        npz(images=digits(3), labels=np.eye(3, 10, dtype=int)),
        "expected images",
    ),
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
    with pytest.raises(DataError, match=message) as error:
        open_data(str(path))
    assert str(error.value).startswith(f"{path}: ")


@FEW
@given(
    end=st.integers(1, len(VALID_NPZ)),
    changes=st.lists(
        st.tuples(st.integers(0, len(VALID_NPZ) - 1), st.integers(0, 255)), max_size=4
    ),
)
def test_an_npz_damaged_anywhere_is_a_data_error_at_worst(
    end: int, changes: list[tuple[int, int]], tmp_path_factory: pytest.TempPathFactory
) -> None:
    content = bytearray(VALID_NPZ)
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
    "other columns": (
        b"name,digit\na.png,1\n",
        r"columns \['name', 'digit'\]; expected file and label",
    ),
    "semicolons": (b"file;label\na.png;1\n", "expected file and label"),
    "no label": (b"file,label\na.png,1\nb.png,\n", "line 3 has no label"),
    "blank label": (b"file,label\na.png,  \n", "line 2 has no label"),
    "short line": (b"file,label\na.png\n", "line 2 has no label"),
    "no file": (b"file,label\n,1\n", "line 2 has no file"),
    "only columns": (b"file,label\n", "holds no picture"),
    "not UTF-8": (b"file,label\n\xff.png,1\n", "not a table"),
    "unknown layout": (
        b"file,label,layout\na.png,1,digit\nb.png,1,table\n",
        "line 3: the layout is 'table'; expected digit, numbers, grid, document$",
    ),
    "no layout": (b"file,label,layout\na.png,1\n", "line 2: the layout is ''; expected digit"),
    "two layouts": (
        b"file,label,layout\na.png,1,digit\nb.png,1 2,numbers\n",
        "line 3: the layout is numbers, and digit in the first row; expected one layout",
    ),
    "no label of numbers": (b"file,label,layout\na.png,,numbers\n", "line 2 has no label"),
    **{
        f"tables {number}": (
            b'file,label,tables\na.png,1,"%s"\n' % text.replace(b'"', b'""'),
            "tables are '.*'; expected a JSON list with a list of rows for each table",
        )
        for number, text in enumerate(
            [
                b"1",
                b"[[1]]",
                b"[[[1]]]",
                b'["1"]',
                b'[[["1"],["2","3"]]]',
                b"[[[]]]",
                b"[",
                b"[" * 9999,
            ]
        )
    },
}


@pytest.mark.parametrize("fault", CSV_FAULTS)
def test_a_faulty_table_is_a_data_error_that_names_it(fault: str, tmp_path: Path) -> None:
    content, message = CSV_FAULTS[fault]
    (tmp_path / "labels.csv").write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        open_data(str(tmp_path))
    assert str(error.value).startswith(str(tmp_path))


IDX_FAULTS = {
    "no labels": ({"own-images-idx3-ubyte": idx(digits(2))}, "no labels beside it"),
    "labels alone": ({"own-labels-idx1-ubyte": idx(np.zeros(2, np.uint8))}, "not a data folder"),
    "cut images": (
        {
            "own-images-idx3-ubyte": idx(digits(2))[:-1],
            "own-labels-idx1-ubyte": idx(np.zeros(2, np.uint8)),
        },
        "values, expected",
    ),
    "labels of rank 3": (
        {"own-images-idx3-ubyte": idx(digits(2)), "own-labels-idx1-ubyte": idx(digits(2))},
        "rank 3",
    ),
    "images of rank 1": (
        {
            "own-images-idx3-ubyte": idx(np.zeros(2, np.uint8)),
            "own-labels-idx1-ubyte": idx(np.zeros(2, np.uint8)),
        },
        "images of rank 1",
    ),
    "too few labels": (
        {
            "own-images-idx3-ubyte": idx(digits(2)),
            "own-labels-idx1-ubyte": idx(np.zeros(3, np.uint8)),
        },
        "2 pictures but 3 labels",
    ),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
def test_faulty_idx_files_are_a_data_error_that_names_them(fault: str, tmp_path: Path) -> None:
    files, message = IDX_FAULTS[fault]
    for name, content in files.items():
        (tmp_path / name).write_bytes(content)
    with pytest.raises(DataError, match=message) as error:
        open_data(str(tmp_path))
    assert str(error.value).startswith(str(tmp_path))


def test_a_folder_without_data_is_named_with_what_was_expected(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=f"{tmp_path}: not a data folder; expected folders 0 to 9"):
        open_data(str(tmp_path))
    save(digits(1)[0], tmp_path / "digit.png")
    with pytest.raises(DataError, match=r"digit\.png: "):
        open_data(str(tmp_path / "digit.png"))


@pytest.mark.parametrize(
    "name", ["missing", "missing.npz", "mnist:test", "MNIST", "long" * 2_000, "nul\0"]
)
def test_a_missing_data_set_is_a_usage_error(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(
        UsageError,
        match="no data set .* expected mnist, mnist:train, mnist:fit, mnist:validation,",
    ):
        open_data(name)
