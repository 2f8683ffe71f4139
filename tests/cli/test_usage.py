"""Wrong usage ends in one line of the form that the docs promise."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
import typer

from numeye import __main__ as entry
from numeye.cli import usage
from numeye.cli.app import app
from numeye.errors import NumeyeError, UsageError, is_out_of_memory
from tests.conftest import Numeye

COMMAND = typer.main.get_command(app)
WRONG = {
    "an unknown command": (
        ["reed"],
        "no such command 'reed'. Did you mean 'read'? see numeye --help",
    ),
    "an unknown command below": (
        ["bench", "reed"],
        "no such command 'reed'. Did you mean 'read'? see numeye bench --help",
    ),
    "an unknown option": (["read", "--nope", "x"], "no such option: --nope"),
    "an option of none": (["--nope"], "no such option: --nope; see numeye --help"),
    "a missing argument": (
        ["read"],
        "missing argument 'IMAGE'; see numeye read --help",
    ),
    "a missing value": (
        ["serve", "--port"],
        "option '--port' requires an argument; see numeye serve --help",
    ),
    "a bad number": (["read", "--digits", "x", "y"], "digits x: expected a number or a range"),
    "a number too large": (["serve", "--port", "99999"], "invalid value for '--port': "),
    "too much": (["export", "a", "b"], "got unexpected extra argument"),
    "a date in an unknown order": (
        ["read", "--date=dym", "x"],
        "invalid value for '--date': 'dym' is not one of 'dmy', 'mdy', 'ymd', 'any'",
    ),
    "tables without their format": (["read", "x", "--out", "y"], "--out: expected --csv with it"),
    "an empty model": (
        ["read", "--model", "", "x"],
        "--model is empty; expected a value, or leave the option out",
    ),
    "an empty model with =": (["evaluate", "--model="], "--model is empty; expected a value"),
    "an empty data set": (["evaluate", "--data", ""], "--data is empty; expected a value"),
    "an empty file": (["read", "x", "--append", ""], "--append is empty; expected a value"),
    "an empty folder": (["train", "--run", ""], "--run is empty; expected a value"),
    "an empty picture": (["read", ""], "IMAGE is empty; expected a name"),
    "an empty picture behind a flag": (["read", "--csv", ""], "IMAGE is empty; expected a name"),
    "an empty picture behind --": (["read", "--", ""], "IMAGE is empty; expected a name"),
    "an empty run": (["export", ""], "RUN is empty; expected a name"),
    "an empty command": ([""], "COMMAND is empty; expected a name"),
}


@pytest.mark.parametrize("case", WRONG)
def test_wrong_usage_is_one_line(case: str) -> None:
    arguments, expected = WRONG[case]
    with pytest.raises(UsageError) as caught:
        usage.run(COMMAND, arguments)
    assert str(caught.value).startswith(expected)
    assert "\n" not in str(caught.value)


def test_wrong_usage_on_the_command_line(numeye: Numeye) -> None:
    process = numeye("read", "--mod\x1b[2J")
    assert (process.returncode, process.stdout) == (2, "")
    assert process.stderr.startswith(r"numeye: no such option: --mod\x1b[2J")
    assert len(process.stderr.splitlines()) == 1


def test_without_a_command_the_help_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert usage.run(COMMAND, []) == usage.run(COMMAND, ["bench"]) == 2
    assert "Usage: numeye" in "".join(capsys.readouterr())


@pytest.mark.parametrize(
    ("written", "completed"),
    [
        ("read --date", "read --date=any"),
        ("read --date dmy x", "read --date dmy x"),
        ("read --date=ymd x", "read --date=ymd x"),
        ("read --date x.png --json", "read --date=any x.png --json"),
        ("read x --date --json", "read x --date=any --json"),
        ("read --json -- --date", "read --json -- --date"),
        ("read --date -- dmy", "read --date=any -- dmy"),
    ],
)
def test_an_option_may_stand_without_its_value(written: str, completed: str) -> None:
    assert usage.complete_options(written.split()) == completed.split()


def test_no_seeds_is_a_list_of_seeds() -> None:
    usage.check_not_empty(COMMAND, ["bench", "train", "--seeds", ""])


def test_messages_are_one_line_whatever_a_file_is_called() -> None:
    assert str(NumeyeError("a\nb\x1b: missing")) == r"a\nb\x1b: missing"


def test_out_of_memory_is_recognized_in_messages_of_libraries() -> None:
    assert is_out_of_memory(MemoryError())
    assert is_out_of_memory(
        RuntimeError("[ONNXRuntimeError] : 6 : RUNTIME_EXCEPTION : std::bad_alloc")
    )
    assert is_out_of_memory(SystemError("error return without exception set"))
    assert not is_out_of_memory(SystemError("bad argument to internal function"))
    assert not is_out_of_memory(RuntimeError("the shapes do not fit"))


def test_an_interrupt_is_raised_only_within_the_command_and_once(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    ends: list[int] = []

    def end() -> None:
        ends.append(1)
        raise SystemExit

    monkeypatch.setattr(entry, "end_at_once", end)
    interrupt_handler = entry.InterruptHandler()
    frame = SimpleNamespace(f_code=SimpleNamespace(co_filename="cli.py"), f_back=None)
    loading = SimpleNamespace(
        f_code=SimpleNamespace(co_filename="<frozen importlib._bootstrap>"), f_back=frame
    )
    with pytest.raises(SystemExit):  # before the command
        interrupt_handler._on_signal(signal.SIGINT, frame)  # type: ignore[arg-type]
    interrupt_handler.interruptible_code = frame.f_code
    with pytest.raises(SystemExit):  # a module is being loaded
        interrupt_handler._on_signal(signal.SIGINT, loading)  # type: ignore[arg-type]
    with pytest.raises(KeyboardInterrupt):
        interrupt_handler._on_signal(signal.SIGINT, frame)  # type: ignore[arg-type]
    with pytest.raises(SystemExit):  # the second one
        interrupt_handler._on_signal(signal.SIGINT, frame)  # type: ignore[arg-type]
    assert len(ends) == 3


@pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
def test_an_interrupt_during_an_import_ends_silently(tmp_path: Path) -> None:
    (tmp_path / "typer.py").write_text(
        "import os, signal; os.kill(os.getpid(), signal.SIGINT)\nimport time; time.sleep(9)"
    )
    command = [
        sys.executable,
        "-c",
        f"import sys, numeye.__main__ as m; sys.path.insert(0, {str(tmp_path)!r}); m.main()",
    ]
    process = subprocess.run(command, capture_output=True, text=True, check=False)
    assert (process.returncode, process.stdout, process.stderr) == (130, "", "")
