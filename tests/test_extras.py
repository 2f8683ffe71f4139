"""A missing extra gives one line, before anything is downloaded or written."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

WITHOUT = (
    "import sys; sys.modules.update(dict.fromkeys({names!r})); "
    "import numeye.cli.app; numeye.cli.app.run()"
)
SEVEN = str(Path(__file__).parent.parent / "examples" / "digits" / "7-turned.jpg")


@pytest.mark.parametrize(
    ("missing_module", "arguments", "feature", "extra"),
    [
        ("torch", ["train", "classic"], "training", "train"),
        ("onnxscript", ["train"], "training", "train"),
        ("torch", ["bench", "train"], "training", "train"),
        ("torch", ["export", "."], "training", "train"),
        ("cv2", ["data", "--show", "paper"], "training", "train"),
        ("art", ["compare", "--quick"], "the evidence", "evidence"),
        ("torch", ["compare"], "the evidence", "evidence"),
        (
            "jinja2",
            ["evaluate", ".", "--report", "r"],
            "the report",
            "train",
        ),
        (
            "cv2",
            ["evaluate", "--data", "synthetic:letters"],
            "drawing synthetic data sets",
            "train",
        ),
        ("fastapi", ["serve"], "the server", "serve"),
        ("prometheus_client", ["bench", "serve"], "the server", "serve"),
        ("httptools", ["bench", "serve"], "the server", "serve"),
        ("onnx", ["explain", SEVEN], "explaining", "explain"),
    ],
)
def test_a_missing_extra_is_named_in_one_line(
    missing_module: str, arguments: list[str], feature: str, extra: str, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", WITHOUT.format(names=(missing_module,)), *arguments]
    process = subprocess.run(
        command,
        capture_output=True,
        text=True,
        timeout=60,
        cwd=tmp_path,
        env={**os.environ, "NUMEYE_CACHE": str(tmp_path / "cache")},
    )
    line = f"{feature} needs the extra [{extra}]: pip install 'numeye[{extra}]'"
    assert (process.returncode, process.stdout, process.stderr) == (1, "", f"numeye: {line}\n")
    assert not list(tmp_path.iterdir())
