"""The check of annotated shapes in tests; every annotated call of the package goes through it."""

from __future__ import annotations

from beartype import BeartypeConf, beartype

# An int is a float, as mypy has it.
checked = beartype(conf=BeartypeConf(is_pep484_tower=True))
