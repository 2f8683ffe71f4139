"""Names of the files that `numeye read` writes for each page."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable
from pathlib import Path

from numeye.results import Reading


class PageNames:
    """Gives every page, or region of a page, a file name that no other one has.

    Args:
        named_before: pictures that an earlier run has named, in their order.
        number_all: whether the first page of a picture has its number in the name, too.
    """

    def __init__(self, named_before: Iterable[str] = (), *, number_all: bool = False) -> None:
        self._number_all = number_all
        self._picture_names: dict[str, str] = {}
        self._page_names: dict[tuple[str, int, str | None], str] = {}
        for image in named_before:
            self._name_picture(image)

    def name(self, reading: Reading) -> str:
        """Return the name of a reading's page, such as "scan.png.page2", without an ending."""
        key = reading.image, reading.page, reading.region
        if key not in self._page_names:
            name = self._name_picture(reading.image)
            if reading.page or self._number_all:
                name += f".page{reading.page + 1}"
            if reading.region is not None:
                name += "." + re.sub(r"[^\w.-]+", "-", reading.region)
            self._page_names[key] = _unused_name(name, self._page_names.values())
        return self._page_names[key]

    def _name_picture(self, image: str) -> str:
        """Return a picture's file name; with a number where other folders have the same name."""
        if image not in self._picture_names:
            base = Path(image).name if image not in ("", "-") else "standard-input"
            self._picture_names[image] = _unused_name(base, self._picture_names.values())
        return self._picture_names[image]


def _unused_name(name: str, used: Collection[str]) -> str:
    """Return `name`; with a number behind it where it is used already."""
    unused, number = name, 2
    while unused in used:
        unused, number = f"{name}.{number}", number + 1
    return unused
