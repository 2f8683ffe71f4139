"""The same weights, bit for bit, on every x86-64 processor with AVX2.

PyTorch, oneDNN and MKL choose their code by the processor: wider registers add in another order,
and the last bits differ. A recipe with `reproducible = true` pins all three to what every such
processor has, and uses two threads. It also uses the fused optimizer: the other one calls
`torch.sqrt`, which calls MKL, whose square roots differ in their last bits between makers of
processors. The libraries read these variables when they first compute, and never again.
"""

from __future__ import annotations

import os
import platform
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path
from typing import Any

from numeye.errors import RunError
from numeye.models.recipe import Recipe
from numeye.models.run_folder import Run

THREADS = 2  # sums of four threads have other last bits than those of two
PINNED = {
    "ATEN_CPU_CAPABILITY": "avx2",  # PyTorch's own kernels
    "ONEDNN_MAX_CPU_ISA": "AVX2",  # convolutions
    # Matrix products. "AVX2" would be another code path on processors that are not Intel's.
    "MKL_CBWR": "COMPATIBLE",
}

_active: dict[str, str] | None = None  # the variables of this process, once they are fixed


def _variables() -> dict[str, str]:
    """Return those of the variables that this process has."""
    return {name: os.environ[name] for name in PINNED if name in os.environ}


if "torch" in sys.modules:  # it may have computed already, and so have read them
    _active = _variables()


@lru_cache(maxsize=1)
def can_pin() -> bool:
    """Return whether this is Linux on an x86-64 processor with AVX2 and FMA.

    Other processors would crash with pinned instruction sets.
    """
    if sys.platform != "linux" or platform.machine() not in ("x86_64", "AMD64"):
        return False
    try:
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return False
    flags = next((set(line.split()) for line in lines if line.startswith("flags")), set())
    return {"avx2", "fma"} <= flags


def pin_instruction_sets(variables: Mapping[str, str]) -> dict[str, str]:
    """Fix the instruction sets of this process before it first computes, and return them.

    Variables that the user set stay. Calls after the first one change nothing.

    Args:
        variables: to set, as in `PINNED`; empty for the processor's own choice.

    Returns:
        The variables that hold for this process.
    """
    global _active
    if _active is None:
        if can_pin():
            for name, value in variables.items():
                os.environ.setdefault(name, value)
        _active = _variables()
    return dict(_active)


def choose_instruction_sets(
    recipe: Recipe, run: Run | None, progress: Callable[[str], object]
) -> None:
    """Fix what a recipe asks for, or what a run began with; before anything is computed.

    Args:
        recipe: to train.
        run: to continue; None for a new one.
        progress: receives one line if the weights will differ from those of a reproducible run.

    Raises:
        RunError: the run began with other instruction sets than this process can still choose.
    """
    start: Mapping[str, Any] = next(iter(run.starts()), {}) if run is not None else {}
    recorded = start.get("instruction_sets")
    default = PINNED if recipe.reproducible else {}
    expected = recorded if isinstance(recorded, dict) else default
    actual = pin_instruction_sets(expected)
    if actual == expected:
        return
    if run is not None and recorded is not None and can_pin():
        raise RunError(
            f"{run.folder}: began with other instruction sets ({_describe(expected)}) than this"
            f" process has ({_describe(actual)}); unset these variables, and continue in a new"
            f" process with: {run.resume_command()}"
        )
    progress(
        f"instruction sets: {_describe(actual)} instead of {_describe(expected)}: the weights may"
        " differ in their last bits"
    )


def _describe(variables: Mapping[str, str]) -> str:
    settings = " ".join(f"{name}={value}" for name, value in sorted(variables.items()))
    return settings or "the processor's own"


def hardware() -> dict[str, Any]:
    """Return what, besides the source, decides the last bits of the weights.

    These are the number of torch's threads, the GPU, whether bfloat16 is used if a recipe asks for
    it, and the variables that pin instruction sets (empty if the processor decides).
    """
    import torch

    gpu = torch.cuda.get_device_name() if torch.cuda.is_available() else None
    return {
        "threads": torch.get_num_threads(),
        "gpu": gpu,
        "bfloat16": gpu is not None or cpu_has_bfloat16(),
        "instruction_sets": pin_instruction_sets({}),
    }


def cpu_has_bfloat16() -> bool:
    """Return whether the processor computes convolutions in bfloat16.

    One that cannot emulates them, which takes much longer than float32.
    """
    import torch

    return bool(torch.ops.mkldnn._is_mkldnn_bf16_supported())


@contextmanager
def fixed_threads(reproducible: bool) -> Iterator[None]:
    """Compute with two threads inside the block if `reproducible`, however many cores there are."""
    import torch

    before = torch.get_num_threads()
    if reproducible:
        torch.set_num_threads(THREADS)
    try:
        yield
    finally:
        torch.set_num_threads(before)
