"""Training: this package and `numeye.study` are the only ones that import torch."""

# First, because it records whether torch was imported before.
from numeye.training import reproducibility  # noqa: F401 - see above
