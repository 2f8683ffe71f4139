"""How large the light install is: the files of Numeye's own dependencies, and of theirs, as pip recorded them.

Extras are left out, so the answer is the same in an environment that holds more. Fails above the limit.
"""

from __future__ import annotations

import re
import sys
from importlib import metadata
from pathlib import Path

LIMIT_MB = 230


def light_closure(name: str) -> set[str]:
    """The names of a distribution and of all it needs without extras."""
    found: set[str] = set()
    waiting = [name]
    while waiting:
        current = re.sub(r"[-_.]+", "-", waiting.pop()).lower()
        if current in found:
            continue
        try:
            requirements = metadata.requires(current) or []
        except metadata.PackageNotFoundError:
            continue  # only for another system or an older Python
        found.add(current)
        waiting += [re.split(r"[^A-Za-z0-9._-]", line)[0] for line in requirements if "extra ==" not in line]
    return found


def size_mb(name: str) -> float:
    """Megabytes of a distribution's files, compiled ones included."""
    files = metadata.files(name) or []
    paths = {Path(str(file.locate())).resolve() for file in files}
    return sum(path.stat().st_size for path in paths if path.is_file()) / 1e6


def main() -> int:
    """Print it; the status is 1 above the limit."""
    sizes = {name: size_mb(name) for name in light_closure("numeye")}
    total = sum(sizes.values())
    largest = ", ".join(f"{name} {size:.0f}" for name, size in sorted(sizes.items(), key=lambda pair: -pair[1])[:4])
    print(f"light install: {total:.0f} MB of site-packages, pip apart, at most {LIMIT_MB} ({largest})")
    return 0 if total <= LIMIT_MB else 1


if __name__ == "__main__":
    sys.exit(main())
