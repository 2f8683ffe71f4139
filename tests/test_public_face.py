from __future__ import annotations

import json
import subprocess
import sys

import pytest

import numeye

# What the light commands may load beside the standard library. Whoever adds a name here makes every
# start slower.
READING = {"numeye", "numpy", "PIL", "onnxruntime", "flatbuffers", "google", "packaging"}
TYPER = {"typer", "shellingham", "annotated_doc", "typing_extensions", "annotated_types", "click"}
TYPER |= {"pydantic", "pydantic_core", "typing_inspection"}
TYPER |= {"rich", "pygments", "markdown_it", "mdurl"}

LOADED = """
import json, os, sys
sys.argv = ["numeye", *{arguments!r}]
before = set(sys.modules)
out = os.dup(1); os.dup2(2, 1)
try:
    {code}
except SystemExit as end:
    assert not end.code, end.code
names = {{name.partition(".")[0] for name in set(sys.modules) - before}}
os.write(out, json.dumps(sorted(names - set(sys.stdlib_module_names))).encode())
"""


def loaded(code: str, *arguments: str) -> set[str]:
    script = LOADED.format(code=code, arguments=list(arguments))
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 0, done.stderr
    return {name for name in json.loads(done.stdout) if not name.startswith(("_", "sitecustomize"))}


def test_the_public_names_are_frozen() -> None:
    assert numeye.__all__ == [
        "Box", "Character", "DataError", "DataSet", "Digit", "DigitsResult", "DocumentsResult",
        "EvaluationResult", "Explanation", "FalseClaimsResult", "Form", "Framing", "GridsResult",
        "MissingExtra", "ModelError", "Number", "NumbersResult", "NumeyeError", "OutputError",
        "PictureError", "ReadOptions", "Reader", "Reading", "Region", "Run", "RunError", "Table",
        "TrainingError", "Unreadable", "UsageError", "__version__", "compare", "evaluate",
        "explain", "frame", "list_models", "load_form", "open_data", "read", "read_many", "train",
    ]  # fmt: skip
    for name in numeye.__all__:
        assert getattr(numeye, name) is not None
    assert set(numeye.__all__) <= set(dir(numeye))


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="has no attribute 'reed'"):
        numeye.reed  # noqa: B018


def test_importing_numeye_loads_nothing_else() -> None:
    assert loaded("import numeye") == {"numeye"}


def test_help_loads_the_command_line_and_no_more() -> None:
    names = loaded("import numeye.cli.app; numeye.cli.app.run()", "--help")
    assert names - TYPER == {"numeye"}
    assert "rich" not in names


def test_reading_loads_neither_torch_nor_anything_else_that_is_heavy() -> None:
    names = loaded(
        "import numeye.cli.app; numeye.cli.app.run()", "read", "examples/digits/7-turned.jpg"
    )
    assert names - TYPER <= READING, names - TYPER - READING


def test_without_the_extra_training_names_it() -> None:
    code = "import sys; sys.modules['torch'] = None; import numeye; numeye.train"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=60)
    assert (
        done.stderr.splitlines()[-1]
        == "numeye.errors.MissingExtra: training needs the extra [train]: pip install"
        " 'numeye[train]'"
    )
