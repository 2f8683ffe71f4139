"""A small training that several tests compare with."""

from __future__ import annotations

from pathlib import Path

import pytest

from numeye.models.run_folder import MODEL
from numeye.training.train import train

EPOCHS = 3


def final_weights(folder: Path) -> bytes:
    """Return the weights after the last epoch, as the file has them."""
    return (folder / "checkpoints" / f"epoch-{EPOCHS:04d}" / MODEL).read_bytes()


@pytest.fixture(scope="session")
def uninterrupted(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    """Return the folder of a run of 3 epochs that nothing stopped."""
    folder = tmp_path_factory.mktemp("runs") / "uninterrupted"
    train("classic", epochs=EPOCHS, data=str(few_digits), run=folder, device="cpu")
    return folder
