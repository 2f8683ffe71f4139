"""Keeps files that libraries write for themselves, such as matplotlib's font list, out of the home.

A command of Numeye should leave nothing in the user's home but its own cache.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

HOME_VARIABLE = "USERPROFILE" if os.name == "nt" else "HOME"


def set_matplotlib_cache(cache: Path) -> None:
    """Let matplotlib keep its font list in a folder of the cache.

    A folder in the variable `MPLCONFIGDIR` has priority. The setting holds for this process and
    those it starts. So it is for commands only: a program that imports Numeye can have settings
    of matplotlib in the usual place.
    """
    os.environ.setdefault("MPLCONFIGDIR", str(cache / "matplotlib"))


@contextmanager
def temporary_home() -> Iterator[None]:
    """Replace the user's home by an empty folder while the block runs."""
    previous_home = os.environ.get(HOME_VARIABLE)
    with tempfile.TemporaryDirectory(prefix="numeye-home-") as folder:
        os.environ[HOME_VARIABLE] = folder
        try:
            yield
        finally:
            if previous_home is None:
                del os.environ[HOME_VARIABLE]
            else:
                os.environ[HOME_VARIABLE] = previous_home
