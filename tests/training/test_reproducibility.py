"""Pinned instruction sets: who asks for them, and how a run records and keeps them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from numeye.errors import UsageError
from numeye.models.recipe import RECIPES, list_recipes, load_recipe
from numeye.training import reproducibility
from numeye.training.reproducibility import PINNED

pytestmark = pytest.mark.skipif(
    not reproducibility.can_pin(), reason="no x86-64 processor with AVX2 under Linux"
)

TORCH_FIRST = (
    "import torch, numeye; numeye.train({recipe!r}, epochs=1, data={data!r}, run={run!r},"
    " progress=print)"
)
THREADS = (
    "import os; os.environ['OMP_NUM_THREADS'] = '4'; import numeye.cli.app; numeye.cli.app.run()"
)


def start(code: list[str], **variables: str) -> subprocess.CompletedProcess[str]:
    """Run Python without the variables that this process has."""
    environment = {name: value for name, value in os.environ.items() if name not in PINNED}
    command = [sys.executable, *code]
    return subprocess.run(
        command, capture_output=True, text=True, timeout=200, env={**environment, **variables}
    )


def starts(run: Path) -> list[dict[str, object]]:
    return [json.loads(line) for line in (run / "environment.jsonl").read_text().splitlines()]


def weights(run: Path, epoch: int = 1) -> bytes:
    return (run / "checkpoints" / f"epoch-{epoch:04d}" / "model.safetensors").read_bytes()


@pytest.fixture
def recipe(tmp_path: Path) -> str:
    """`classic`, with pinned instruction sets."""
    path = tmp_path / "pinned.toml"
    path.write_text("reproducible = true\n" + (RECIPES / "classic.toml").read_text())
    return str(path)


def test_packaged_recipes_are_not_pinned_and_an_own_recipe_can_be(
    tmp_path: Path, recipe: str
) -> None:
    assert not any(load_recipe(name).reproducible for name in list_recipes())
    assert load_recipe(recipe).reproducible
    own = tmp_path / "own.toml"
    own.write_text('model = "classic"\nreproducible = "yes"\n')
    with pytest.raises(UsageError, match="reproducible"):
        load_recipe(str(own))


@pytest.mark.slow
def test_a_pinned_run_records_its_instruction_sets_and_always_uses_two_threads(
    few_digits: Path, tmp_path: Path, recipe: str
) -> None:
    options = [
        "train",
        recipe,
        "--epochs",
        "1",
        "--data",
        str(few_digits),
        "--device",
        "cpu",
        "--run",
    ]
    for name, code in (("a", ["-m", "numeye"]), ("b", ["-c", THREADS])):
        result = start([*code, *options, str(tmp_path / name)])
        assert result.returncode == 0, result.stderr
        (record,) = starts(tmp_path / name)
        assert (record["instruction_sets"], record["threads"]) == (PINNED, 2)
    assert weights(tmp_path / "a") == weights(tmp_path / "b")


@pytest.mark.slow
def test_a_run_that_began_after_torch_was_loaded_reports_it_and_continues_so(
    few_digits: Path, tmp_path: Path, recipe: str
) -> None:
    run = tmp_path / "run"
    result = start(["-c", TORCH_FIRST.format(recipe=recipe, data=str(few_digits), run=str(run))])
    assert result.returncode == 0, result.stderr
    assert (
        "instruction sets: the processor's own instead of ATEN_CPU_CAPABILITY=avx2" in result.stdout
    )
    resume = [
        "-m",
        "numeye",
        "train",
        "--run",
        str(run),
        "--resume",
        "--epochs",
        "+1",
        "--device",
        "cpu",
    ]
    refused = start(resume, **PINNED)
    assert refused.returncode == 1
    assert (
        f"{run}: began with other instruction sets (the processor's own) than this process has"
        " (ATEN_CPU_CAPABILITY=avx2" in refused.stderr
    )
    assert start(resume).returncode == 0
    assert [record["instruction_sets"] for record in starts(run)] == [{}, {}]
