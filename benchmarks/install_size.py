"""Measure the size of the base install: all dependencies without extras, as pip recorded them.

The result is the same in an environment with more packages. Fails above the limit.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

LIMIT_MB = 230


def light_closure(name: str) -> set[str]:
    """Return the names of a distribution and of all that it needs without extras."""
    names: set[str] = set()
    waiting = [name]
    while waiting:
        current = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if current in names:
            continue
        try:
            requirements = metadata.requires(current) or []
        except metadata.PackageNotFoundError:
            continue  # needed on another system or Python only
        names.add(current)
        waiting += [
            re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requirements if "extra ==" not in line
        ]
    return names


def size_mb(name: str) -> float:
    """Return the size of a distribution's files in megabytes, with compiled ones."""
    files = metadata.files(name) or []
    paths = {Path(str(file.locate())).resolve() for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> int:
    """Print the size; return 1 if it is above the limit."""
    sizes = {name: size_mb(name) for name in light_closure("numeye")}
    total = sum(sizes.values())
    largest = ", ".join(
        f"{name} {size:.0f}" for name, size in sorted(sizes.items(), key=lambda pair: -pair[1])[:4]
    )
    print(
        f"light install: {total:.0f} MB of site-packages, pip apart, at most {LIMIT_MB} ({largest})"
    )
    return 0 if total <= LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
