"""The README's commands, run as they stand there, print what stands there."""

from __future__ import annotations

import re
import shlex
import sys
from pathlib import Path

import pytest

from tests.conftest import Numeye

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text(encoding="utf-8")


def _console() -> list[tuple[str, list[str]]]:
    """Each command of the console blocks with the lines that are printed below it."""
    found: list[tuple[str, list[str]]] = []
    for block in re.findall(r"```console\n(.*?)```", README, flags=re.DOTALL):
        for line in block.splitlines():
            if line.startswith("$ "):
                found.append((line[2:], []))
            else:
                found[-1][1].append(line.strip())
    return found


@pytest.mark.parametrize(
    ("command", "printed"), _console(), ids=[command for command, _ in _console()]
)
def test_a_command_prints_what_the_readme_says(
    command: str, printed: list[str], numeye: Numeye
) -> None:
    program, *arguments = shlex.split(command)
    assert program == "numeye"
    done = numeye(*arguments, cwd=ROOT)
    assert done.returncode in (0, 3)
    said = [line.strip() for line in (done.stdout + done.stderr).splitlines()]
    assert printed
    assert said[: len(printed)] == printed


def test_the_demo_prints_what_the_readme_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "examples"))
    import demo

    assert demo.main() == 0
    *shown, last = capsys.readouterr().out.splitlines()
    assert "\n".join(shown) in README
    assert re.fullmatch(rf"{len(shown)} pictures in \d+\.\d\d s, 0 wrong", last)


def test_the_python_example_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (code,) = re.findall(r"```python\n(.*?)```", README, flags=re.DOTALL)
    (tmp_path / "examples").symlink_to(ROOT / "examples")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    exec(compile(code, "README.md", "exec"), names)  # noqa: S102
    assert str(names["reading"]) == "7"
    assert (tmp_path / "answer.png").stat().st_size > 1000


def test_every_file_that_it_names_is_there() -> None:
    for target in re.findall(r"\]\(([^)]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_light_install_is_as_large_as_it_says(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    import install_size

    assert install_size.main() == 0
    pattern = r"light install: (\d+) MB"
    shown, told = (int(re.findall(pattern, text)[0]) for text in (capsys.readouterr().out, README))
    # other releases of its packages are a little larger or smaller
    assert shown == pytest.approx(told, abs=10)
    assert "torch" not in install_size.light_closure("numeye")
    assert sys.modules["install_size"].LIMIT_MB == 230
