"""TOML and JSON from anybody: their values in a moment, or one line that says why not."""

from __future__ import annotations

import gzip
import io
import json
import os
import stat
import threading
import time
from pathlib import Path

import pytest

from numeye.io import file_limits, structured_files
from numeye.printable import printable

TOML = {
    "dots": ("a" + ".a" * 20_000 + " = 1", "a key of more than 16 parts"),
    "quoted dots": (".".join(["''"] * 20_000) + " = 1", "a key of more than 16 parts"),
    "dots with spaces": ("[" + " . ".join("a" * 9_000) + "]", "a key of more than 16 parts"),
    "lists": ("a = " + "[" * 30_000, "nested more than 40 deep"),
    "tables": ("a = " + "{a=" * 15_000, "nested more than 40 deep"),
    "a long key": ("a" * 63_000, "Expected '='"),
    "quotes": ('"' * 63_000, "Expected '='"),
    "a long number": ("a = " + "9" * 60_000, "a number of too many digits"),
    "a large number": ("a = 0x" + "f" * 60_000, "more than 64 bits"),
    "bytes": (b"\xff", "not UTF-8: byte 0 is 0xff"),
    "twice": ("a = 1\na = 2", "overwrite"),
}


@pytest.mark.parametrize("case", TOML)
def test_costly_and_meaningless_toml_is_rejected_at_once(case: str, tmp_path: Path) -> None:
    content, expected = TOML[case]
    path = tmp_path / "a.toml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    begun = time.perf_counter()
    with pytest.raises(structured_files.StructuredFileError, match=expected):
        structured_files.load_toml(path)
    assert time.perf_counter() - begun < 1.0


def test_toml_with_brackets_in_strings_is_not_deep(tmp_path: Path) -> None:
    path = tmp_path / "a.toml"
    dots, brackets = "x." * 100, "[" * 100
    path.write_text(
        f"\ufeffa = '{dots}{brackets}'  # {brackets}{dots}\r\nb = '''\n{brackets}'''\n[c.d]\ne ="
        " [[1.5]]\n"
    )
    assert structured_files.load_toml(path) == {
        "a": dots + brackets,
        "b": brackets,
        "c": {"d": {"e": [[1.5]]}},
    }


JSON = {
    "lists": ("[" * 100_000, "nested more than 40 deep"),
    "objects": ('{"a":' * 100_000, "nested more than 40 deep"),
    "41 lists": ("[" * 41 + "]" * 41, "nested more than 40 deep"),
    "nan": ('{"a": NaN}', "nan is no finite number"),
    "infinite": ("1e999", "inf is no finite number"),
    "digits": ("9" * 5_000, "a number of too many digits"),
    "a large number": ("9" * 400, "more than 64 bits"),
    "twice": ('{"a": 1, "b": 2, "a": 3}', "the key 'a' appears twice"),
    "half a character": ('{"\\ud800": 1}', "half of a character"),
    "nothing": ("", "Expecting value"),
}


@pytest.mark.parametrize("case", JSON)
def test_meaningless_json_is_rejected(case: str) -> None:
    content, expected = JSON[case]
    with pytest.raises(structured_files.StructuredFileError, match=expected):
        structured_files.parse_json(content)


def test_json_is_read_with_a_byte_order_mark_and_names_of_bytes(tmp_path: Path) -> None:
    path = tmp_path / "a.json"
    value = {"name": os.fsdecode(b"\xff"), "deep": json.loads("[" * 38 + "]" * 38)}
    path.write_text("\ufeff" + json.dumps(value))
    assert structured_files.load_json(path) == value


def test_a_wrong_line_of_json_is_named_and_an_unfinished_one_can_be_dropped(
    tmp_path: Path,
) -> None:
    path = tmp_path / "a.jsonl"
    path.write_text('{"a": 1}\n{"a":')
    assert structured_files.load_json_lines(path, drop_unfinished_line=True) == [{"a": 1}]
    with pytest.raises(structured_files.StructuredFileError, match="^line 2: "):
        structured_files.load_json_lines(path)


def test_a_file_with_more_bytes_than_the_limit_is_rejected(tmp_path: Path) -> None:
    path = tmp_path / "file"
    path.write_bytes(bytes(1000))
    assert file_limits.read(path, 1000) == bytes(1000)
    with pytest.raises(file_limits.TooLarge) as caught:
        file_limits.read(path, 999)
    assert (
        caught.value.strerror == "1,000 bytes, at most 999 are read; make it smaller, or split it"
    )


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="named pipes of Unix")
def test_an_endless_pipe_is_read_up_to_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "pipe"
    os.mkfifo(path)

    def write() -> None:
        try:
            with path.open("wb", buffering=0) as pipe:
                while True:
                    pipe.write(bytes(1 << 16))
        except BrokenPipeError:
            pass

    writer = threading.Thread(target=write)
    writer.start()
    with pytest.raises(file_limits.TooLarge, match="more than 300,000 bytes, at most 300,000"):
        file_limits.read(path, 300_000)
    writer.join(10)
    assert not writer.is_alive()


def test_devices_and_sockets_are_not_read() -> None:
    for kind in (stat.S_IFCHR, stat.S_IFBLK, stat.S_IFSOCK):
        with pytest.raises(file_limits.NotAFile):
            file_limits.check_not_device(kind)
    for kind in (stat.S_IFREG, stat.S_IFDIR, stat.S_IFIFO):
        file_limits.check_not_device(kind)


def test_gzip_is_unpacked_up_to_the_limit() -> None:
    packed = gzip.compress(b"one") + gzip.compress(b"two") + b"\0\0"
    assert file_limits.unpack_gzip(packed, 6) == b"onetwo"
    with pytest.raises(file_limits.TooLarge):
        file_limits.unpack_gzip(packed, 5)
    with pytest.raises(file_limits.TooLarge):
        file_limits.unpack_gzip(gzip.compress(bytes(50_000_000)), 1_000)
    with pytest.raises(EOFError):
        file_limits.unpack_gzip(packed[:10], 6)


def test_a_stream_without_a_size_is_read_to_its_end() -> None:
    assert file_limits.read_stream(io.BytesIO(b"abc"), 3) == b"abc"


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb", r"a\nb"),
        ("\x1b[2J", r"\x1b[2J"),
        ("a\tb\r", r"a\tb\r"),
        ("\x9b\x7f\x00", r"\x9b\x7f\x00"),
        ("\u202egnp.a\u2028", r"\u202egnp.a\u2028"),
        ("C:\\ü 数.png", "C:\\ü 数.png"),
    ],
)
def test_control_characters_are_shown_as_escapes(text: str, shown: str) -> None:
    assert printable(text) == shown == printable(shown)
