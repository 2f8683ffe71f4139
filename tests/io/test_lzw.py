from __future__ import annotations

import zlib
from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from numeye.io.file_limits import TooLarge
from numeye.io.lzw import unpack_z
from tests.io.lzw_packing import pack_z

GOLDEN = bytes.fromhex("1f9d90549e0829f2448a932754020e2ca890a04184")  # `gzip -d` unpacks it, too


def test_a_file_of_compress_is_unpacked() -> None:
    assert unpack_z(GOLDEN, 24) == b"TOBEORNOTTOBEORTOBEORNOT"


@given(
    content=st.binary(max_size=3_000) | st.text("01 .", max_size=3_000).map(str.encode),
    max_bits=st.sampled_from([10, 12, 16]),
    clears=st.booleans(),
    period=st.sampled_from([0, 7, 300]),
)
def test_what_was_packed_is_unpacked(
    content: bytes, max_bits: int, clears: bool, period: int
) -> None:
    packed = pack_z(content, max_bits=max_bits, clears=clears, period=period)
    assert unpack_z(packed, 10_000) == content


def test_long_contents_fill_the_table() -> None:
    content = b"".join(b"%d " % (number * 7919 % 100_003) for number in range(30_000))
    assert unpack_z(pack_z(content), 1_000_000) == content
    assert unpack_z(pack_z(content, max_bits=12), 1_000_000) == content


@pytest.mark.parametrize(
    "packed", [b"", b"\x1f\x9d", b"\x1f\x9d\x89ab", b"\x1f\x9d\x91ab", b"\x1f\x8b\x08\0", b"text"]
)
def test_other_files_are_refused(packed: bytes) -> None:
    with pytest.raises(zlib.error, match="not packed by compress"):
        unpack_z(packed, 1_000)


def test_a_code_without_a_string_is_damage() -> None:
    first_code_300 = b"\x1f\x9d\x90" + (300).to_bytes(2, "little")
    with pytest.raises(zlib.error, match="code 300"):
        unpack_z(first_code_300, 1_000)


def test_no_more_than_the_limit_comes_out() -> None:
    with pytest.raises(TooLarge):
        unpack_z(pack_z(b"0" * 50_000), 49_999)
    assert len(unpack_z(pack_z(b"0" * 50_000), 50_000)) == 50_000


@given(st.binary(max_size=200))
def test_any_bytes_end_in_an_answer_or_a_clear_error(rest: bytes) -> None:
    with suppress(zlib.error, TooLarge):
        unpack_z(b"\x1f\x9d\x90" + rest, 100_000)
