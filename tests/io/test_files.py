from __future__ import annotations

import os
import stat
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from numeye.errors import OutputError
from numeye.io import files


@pytest.fixture
def umask() -> Iterator[Callable[[int], int]]:
    before = os.umask(0)
    os.umask(before)
    yield os.umask
    os.umask(before)


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_content_is_written_and_missing_folders_are_made(tmp_path: Path) -> None:
    path = tmp_path / "a" / "b" / "file"
    files.write_bytes(path, b"old")
    files.write_text(path, "ü\n")
    assert path.read_bytes() == b"\xc3\xbc\n"
    assert names(path.parent) == ["file"]


@pytest.mark.parametrize("step", ["fsync", "replace"])
@pytest.mark.parametrize(
    ("fault", "raised"),
    [
        (OSError(28, "No space left on device"), OutputError),
        (KeyboardInterrupt(), KeyboardInterrupt),
    ],
)
def test_a_write_that_fails_leaves_the_old_content_and_nothing_else(
    step: str,
    fault: BaseException,
    raised: type[BaseException],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")

    def fail(*_: object) -> None:
        raise fault

    monkeypatch.setattr(os, step, fail)
    with pytest.raises(raised) as caught:
        files.write_bytes(path, b"new")
    assert path.read_bytes() == b"old"
    assert names(tmp_path) == ["file"]
    if raised is OutputError:
        assert (
            str(caught.value)
            == f"{path}: cannot be written (No space left on device); choose another place"
        )


def test_the_new_file_is_complete_and_in_the_same_folder_before_it_is_renamed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "file"
    path.write_bytes(b"old")
    seen: list[tuple[bytes, bytes, Path]] = []
    replace = os.replace

    def watch(source: Path, target: Path) -> None:
        seen.append((Path(source).read_bytes(), Path(target).read_bytes(), Path(source).parent))
        replace(source, target)

    monkeypatch.setattr(os, "replace", watch)
    files.write_bytes(path, b"new" * 1_000)
    assert seen == [(b"new" * 1_000, b"old", tmp_path)]


def test_a_reader_never_finds_half_a_file_while_others_write(tmp_path: Path) -> None:
    path = tmp_path / "file"
    contents = [bytes([letter]) * 300_000 for letter in b"ab"]
    files.write_bytes(path, contents[0])

    def write(content: bytes) -> None:
        for _ in range(15):
            files.write_bytes(path, content)

    writers = [threading.Thread(target=write, args=(content,)) for content in contents]
    for writer in writers:
        writer.start()
    while any(writer.is_alive() for writer in writers):
        assert path.read_bytes() in contents
    assert names(tmp_path) == ["file"]


@pytest.mark.parametrize(
    ("mask", "file", "folder"),
    [(0o022, 0o644, 0o755), (0o027, 0o640, 0o750), (0o077, 0o600, 0o700)],
)
def test_permissions_follow_the_umask(
    mask: int, file: int, folder: int, tmp_path: Path, umask: Callable[[int], int]
) -> None:
    umask(mask)
    files.write_bytes(tmp_path / "file", b"")
    with files.new_folder(tmp_path / "folder"):
        pass
    assert (mode(tmp_path / "file"), mode(tmp_path / "folder")) == (file, folder)
    assert umask(0) == mask


def test_a_file_that_cannot_be_written_is_an_output_error(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    for path in (tmp_path / "file" / "below", tmp_path / "folder", tmp_path / ("long" * 100)):
        with pytest.raises(OutputError, match="cannot be written .* choose another place"):
            files.write_bytes(path, b"new")
    assert names(tmp_path) == ["file", "folder"]


def test_a_new_folder_appears_when_it_is_filled(tmp_path: Path) -> None:
    path = tmp_path / "runs" / "first"
    with files.new_folder(path) as filling:
        (filling / "config.json").write_text("{}")
        assert not path.exists()
        assert filling.parent == path.parent
    assert names(path) == ["config.json"]
    assert names(path.parent) == ["first"]


@pytest.mark.parametrize(
    "fault", [ValueError("no"), OSError("the block's own"), KeyboardInterrupt()]
)
def test_a_new_folder_vanishes_when_filling_it_fails(fault: BaseException, tmp_path: Path) -> None:
    with pytest.raises(type(fault)) as caught, files.new_folder(tmp_path / "first") as filling:
        (filling / "half").touch()
        raise fault
    assert caught.value is fault
    assert names(tmp_path) == []


def test_a_new_folder_does_not_replace_an_existing_one(tmp_path: Path) -> None:
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "precious").touch()
    (tmp_path / "file").touch()
    (tmp_path / "empty").mkdir()
    for name in ("full", "file", "file/below"):
        with (
            pytest.raises(OutputError, match="cannot be written"),
            files.new_folder(tmp_path / name) as filling,
        ):
            (filling / "new").touch()
    with files.new_folder(tmp_path / "empty") as filling:
        (filling / "new").touch()
    assert names(tmp_path) == ["empty", "file", "full"]
    assert (names(tmp_path / "full"), names(tmp_path / "empty")) == (["precious"], ["new"])
