"""A full disk: every writer ends in one line that names its file, and nothing is lost."""

from __future__ import annotations

import os
import resource
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

pytestmark = [
    pytest.mark.fault,
    pytest.mark.skipif(sys.platform != "linux", reason="mounts and limits as Linux has"),
]

SIZE = 16 << 20  # bytes; a whole run folder takes 9 million
EXAMPLES = Path("examples").resolve()
SEVEN = EXAMPLES / "digits" / "7-turned.jpg"
PAGES = [
    EXAMPLES / "numbers" / name for name in ("rows.png", "card.png", "table.png", "form-blank.png")
]
NO_ROOM = ("No space left on device", "File too large", "Disk quota exceeded")


@dataclass
class Disk:
    """A small disk.

    Attributes:
        folder: where it is mounted.
        is_mounted: whether that worked; else the size of each file is limited instead.
    """

    folder: Path
    is_mounted: bool

    def numeye(
        self, room: int, *arguments: object, stdout: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        """Run a command while `room` bytes are free; standard output can go into a file."""
        filler = self.folder / "filler"
        if self.is_mounted:
            status = os.statvfs(self.folder)
            filler.write_bytes(bytes(max(status.f_bavail * status.f_frsize - room, 0)))
        command = [sys.executable, "-m", "numeye", *map(str, arguments)]
        output = subprocess.PIPE if stdout is None else stdout.open("w")
        try:
            return subprocess.run(
                command,
                stdout=output,
                stderr=subprocess.PIPE,
                text=True,
                timeout=240,
                preexec_fn=self._limit(room),
            )
        finally:
            filler.unlink(missing_ok=True)
            if not isinstance(output, int):
                output.close()

    def _limit(self, room: int) -> Callable[[], None] | None:
        if self.is_mounted:
            return None
        return lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (room, room))

    def half_written(self) -> list[Path]:
        """Temporary files, which a writer that failed must have deleted."""
        return [
            path
            for path in self.folder.rglob("*")
            if path.name.startswith(".") and path.name != ".lock"
        ]


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Disk]:
    folder = tmp_path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", f"size={SIZE}", "tmpfs", str(folder)]
    is_mounted = subprocess.run(mount, capture_output=True).returncode == 0
    yield Disk(folder, is_mounted)
    if is_mounted:
        subprocess.run(["umount", str(folder)], check=True)


@pytest.fixture(scope="module")
def run_folder(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    """A finished run."""
    folder = tmp_path_factory.mktemp("trained") / "run"
    command = [
        sys.executable,
        "-m",
        "numeye",
        "train",
        "classic",
        "--epochs",
        "1",
        "--data",
        few_digits,
        "--run",
        folder,
    ]
    subprocess.run(list(map(str, command)), check=True, capture_output=True, timeout=240)
    return folder


def check_failed(process: subprocess.CompletedProcess[str], file: Path) -> None:
    """Check that one line names the file, or one in that folder, and says what is wrong."""
    assert "Traceback" not in process.stderr, process.stderr
    lines = [
        line
        for line in process.stderr.splitlines()
        if line.startswith("numeye: ") and "rejected" not in line
    ]
    assert process.returncode == 1, process.stderr
    assert len(lines) == 1, process.stderr
    assert str(file) in lines[0]
    assert any(reason in lines[0] for reason in NO_ROOM), lines[0]


WRITERS: dict[str, Callable[[Path], list[object]]] = {
    "overlay": lambda to: ["read", *PAGES, "--overlay", to],
    "picture of an explanation": lambda to: ["explain", SEVEN, "--save", to / "seven.png"],
    "page of an explanation": lambda to: ["explain", SEVEN, "--save", to / "seven.html"],
}


@pytest.mark.parametrize("room", [0, 4096])
@pytest.mark.parametrize("writer", WRITERS)
def test_a_picture_or_page_is_complete_or_absent(writer: str, room: int, disk: Disk) -> None:
    process = disk.numeye(room, *WRITERS[writer](disk.folder))
    check_failed(process, disk.folder)
    assert disk.half_written() == []


@pytest.mark.parametrize("kind", ["--csv", "--json"])
@pytest.mark.parametrize("room", [0, 4096, 12_288])
def test_answers_are_added_while_there_is_space_and_continued_later(
    kind: str, room: int, disk: Disk
) -> None:
    file, complete = disk.folder / "answers", disk.folder.parent / "whole"
    pictures = sorted((EXAMPLES / "digits").glob("[0-9]*")) + PAGES
    assert disk.numeye(SIZE, "read", *pictures, kind, "--append", complete).returncode in (0, 3)
    assert disk.numeye(SIZE, "read", *pictures[:2], kind, "--append", file).returncode == 0
    before = file.read_bytes()
    process = disk.numeye(room, "read", *pictures, kind, "--append", file)
    if len(complete.read_bytes()) > len(before) + room + 4096:
        check_failed(process, file)
    lines = file.read_bytes().splitlines(keepends=True)
    # no row in part, and none lost
    assert lines == complete.read_bytes().splitlines(keepends=True)[: len(lines)]
    assert disk.numeye(SIZE, "read", *pictures, kind, "--append", file).returncode in (0, 3)
    assert file.read_bytes() == complete.read_bytes()
    assert disk.half_written() == []


def test_a_line_of_a_log_is_complete_or_absent(disk: Disk, few_digits: Path) -> None:
    log = disk.folder / "log.jsonl"
    log.write_text('{"before": 1}\n')
    process = disk.numeye(
        0, "evaluate", "--wild", few_digits.parent, "--log", log, "--reason", "x" * 5_000
    )
    check_failed(process, log)
    assert log.read_text() == '{"before": 1}\n'


def test_standard_output_on_a_full_disk_is_named(disk: Disk) -> None:
    if not disk.is_mounted:
        pytest.skip("the limit on files does not make a full disk of standard output")
    check_failed(
        disk.numeye(0, "read", *PAGES, "--json", stdout=disk.folder / "out"),
        Path("standard output"),
    )


@pytest.mark.parametrize("room", [16_384, 4_000_000])
def test_a_training_on_a_full_disk_continues_when_there_is_space(
    room: int, disk: Disk, few_digits: Path
) -> None:
    train = [
        "train",
        "classic",
        "--epochs",
        "2",
        "--data",
        few_digits,
        "--run",
        disk.folder / "run",
        "--resume",
    ]
    check_failed(disk.numeye(room, *train), disk.folder / "run")
    assert disk.numeye(SIZE, *train).returncode == 0
    assert disk.half_written() == []


@pytest.mark.parametrize("room", [0, 100_000])
def test_exports_and_reports_are_complete_or_absent(
    room: int, disk: Disk, run_folder: Path, few_digits: Path
) -> None:
    to = disk.folder / "export"
    check_failed(disk.numeye(room, "export", run_folder, "--to", to), disk.folder)
    report = disk.folder / "report.html"
    check_failed(
        disk.numeye(0, "evaluate", run_folder, "--data", few_digits, "--report", report),
        disk.folder,
    )
    assert disk.half_written() == []
    assert not report.exists()
