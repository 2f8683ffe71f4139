from __future__ import annotations

import gzip
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis.extra import numpy as arrays

from numeye.errors import DataError
from numeye.io import mnist
from tests.io.data_samples import idx


@settings(max_examples=40)
@given(values=arrays.arrays(np.uint8, arrays.array_shapes(max_dims=3, max_side=6)))
def test_idx_files_are_read_as_they_were_written(
    values: np.ndarray, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("idx")
    (folder / "plain").write_bytes(idx(values))
    (folder / "packed.gz").write_bytes(gzip.compress(idx(values)))
    for name in ("plain", "packed.gz"):
        read = mnist.read_idx(folder / name)
        assert read.dtype == np.uint8
        assert np.array_equal(read, values)


VALID_IDX = idx(np.zeros((3, 4, 5), np.uint8))
IDX_FAULTS = {
    "empty": (b"", "starts with nothing"),
    "only the magic": (VALID_IDX[:4], "not a raw IDX file"),
    "cut in the sizes": (VALID_IDX[:10], "IDX|missing|incomplete"),
    "only the header": (
        VALID_IDX[:16],
        r"0 values, expected 60 of shape \(3, 4, 5\); the file is incomplete",
    ),
    "cut in the values": (VALID_IDX[:-1], "59 values, expected 60"),
    "too long": (VALID_IDX + b"\0", "61 values, expected 60"),
    "a picture": (b"\x89PNG\r\n\x1a\n" + VALID_IDX, "starts with 89 50 4e 47"),
    "floats": (b"\0\0\x0d" + VALID_IDX[3:], "not a raw IDX file of bytes"),
    "rank 0": (b"\0\0\x08\0" + VALID_IDX[4:], "not a raw IDX file"),
    "rank 4": (b"\0\0\x08\4" + VALID_IDX[4:], "not a raw IDX file"),
    "sizes beyond 64 bits": (
        b"\0\0\x08\3" + np.array([2**31, 2**31, 4], ">u4").tobytes(),
        "IDX|missing|incomplete",
    ),
    "packed under a plain name": (gzip.compress(VALID_IDX), "starts with 1f 8b"),
}


@pytest.mark.parametrize("fault", IDX_FAULTS)
def test_another_kind_of_file_is_a_data_error(fault: str, tmp_path: Path) -> None:
    content, message = IDX_FAULTS[fault]
    path = tmp_path / "some-images-idx3-ubyte"
    path.write_bytes(content)
    with pytest.raises(DataError, match=message) as refused:
        mnist.read_idx(path)
    assert str(refused.value).startswith(f"{path}: ")


@pytest.mark.parametrize(
    "content",
    [None, b"", b"plain", gzip.compress(VALID_IDX)[:-9], gzip.compress(VALID_IDX)[:14]],
    ids=["missing", "empty", "plain", "cut at its end", "cut at its beginning"],
)
def test_a_packed_file_that_is_missing_or_damaged_is_a_data_error(
    content: bytes | None, tmp_path: Path
) -> None:
    path = tmp_path / "some.gz"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(DataError, match=r"some\.gz: "):
        mnist.read_idx(path)
