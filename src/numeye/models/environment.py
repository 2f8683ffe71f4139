"""The source, the machine and the packages that a run records before its first step."""

from __future__ import annotations

import hashlib
import os
import platform
import subprocess
import sys
from functools import lru_cache
from importlib import metadata
from pathlib import Path
from typing import Any

PACKAGES = (
    "numpy",
    "pillow",
    "onnxruntime",
    "torch",
    "torchvision",
    "opencv-python-headless",
    "safetensors",
    "onnx",
    "onnxscript",
    "scikit-learn",
    "scikit-image",
    "scipy",
    "adversarial-robustness-toolbox",
    "cleanlab",
)
GIT_TIMEOUT_S = 10
_PACKAGE = Path(__file__).parents[1]


def version() -> str:
    """Return the version of Numeye that is installed."""
    return metadata.version("numeye")


def source_revision() -> dict[str, Any]:
    """Return the version, the git commit (None without git) and a digest of the whole package."""
    return {"version": version(), "commit": _commit(), "sha256": _source_sha256()}


def environment() -> dict[str, Any]:
    """Return the machine and its packages; nothing that names the user, the host or a folder."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": cores(),
        "packages": {name: number for name in PACKAGES if (number := _installed_version(name))},
    }


def cores() -> int:
    """Return how many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def processor() -> str:
    """Return the name of the processor, as the system reports it."""
    info = Path("/proc/cpuinfo")
    if sys.platform == "linux" and info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed_version(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """Return the commit of this checkout, with `+changes` if files of the package differ."""
    try:
        _run_git("ls-files", "--error-unmatch", __file__)  # fails outside a checkout
        changed = _run_git("status", "--porcelain", "--", str(_PACKAGE))
        return _run_git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None  # installed from a wheel, or no git


def _run_git(*arguments: str) -> str:
    # Without optional locks git writes nothing.
    command = ["git", "--no-optional-locks", "-C", str(_PACKAGE), *arguments]
    process = subprocess.run(
        command, capture_output=True, text=True, check=True, timeout=GIT_TIMEOUT_S
    )
    return process.stdout.strip()


def _source_sha256() -> str:
    digest = hashlib.sha256()
    for path in sorted([*_PACKAGE.rglob("*.py"), *_PACKAGE.rglob("*.toml")]):
        digest.update(path.relative_to(_PACKAGE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
