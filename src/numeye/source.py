"""Which code, which machine: what a run writes down before its first step."""

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

PACKAGES = ("numpy", "pillow", "onnxruntime", "torch", "torchvision", "opencv-python-headless", "safetensors", "onnx",
            "onnxscript", "scikit-learn", "scikit-image", "scipy", "adversarial-robustness-toolbox",
            "cleanlab")  # fmt: skip
_HERE = Path(__file__).parent


def version() -> str:
    """The version of Numeye that is installed."""
    return metadata.version("numeye")


def source_revision() -> dict[str, Any]:
    """Which source this is: version, git commit where there is one, and a digest of every line of the package."""
    return {"version": version(), "commit": _commit(), "sha256": _digest()}


def environment() -> dict[str, Any]:
    """The machine and the packages on it. Nothing here names the user, the host or a folder."""
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": processor(),
        "cores": cores(),
        "packages": {name: found for name in PACKAGES if (found := _installed(name))},
    }


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


@lru_cache(maxsize=1)
def processor() -> str:
    """The processor's name, as the system tells it."""
    info = Path("/proc/cpuinfo")
    if sys.platform == "linux" and info.is_file():
        for line in info.read_text(encoding="utf-8", errors="replace").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


def _installed(name: str) -> str | None:
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return None


def _commit() -> str | None:
    """The commit of the checkout that this package lies in, with `+changes` where files differ from it."""
    try:
        _git("ls-files", "--error-unmatch", __file__)  # fails where the package is no part of a checkout
        changed = _git("status", "--porcelain", "--", str(_HERE))
        return _git("rev-parse", "HEAD") + ("+changes" if changed else "")
    except (OSError, subprocess.SubprocessError):
        return None  # installed from a wheel, or no git: the digest says it


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(_HERE), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()


def _digest() -> str:
    digest = hashlib.sha256()
    for path in sorted([*_HERE.rglob("*.py"), *_HERE.rglob("*.toml")]):
        digest.update(path.relative_to(_HERE).as_posix().encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()
