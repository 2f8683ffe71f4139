"""Clients, run folders and trainings for the tests of the server."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from fastapi.testclient import TestClient

from numeye.io import mnist
from numeye.server.app import create_app
from numeye.server.routes.training_jobs import TrainingJobs
from numeye.server.security.limits import Limits
from tests.server.explaining import LOCAL
from tests.server.fake_training import FAKE_TRAINING


@pytest.fixture(scope="module")
def client() -> Iterator[TestClient]:
    """A client on another machine, with lower limits than usual."""
    limits = Limits(
        request_bytes=3_000_000, json_bytes=2_000_000, page_px=2_000_000, pictures=70, pages=2
    )
    with TestClient(create_app(limits)) as client:
        yield client


@pytest.fixture(scope="module")
def digits(mnist_cache: Path) -> np.ndarray:
    """Return 64 training digits (64, 28, 28)."""
    return mnist.load("train", mnist_cache)[0][:64]


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Path:
    """Return a folder with a finished run that was watched."""
    from numeye.training.train import train  # torch is slow to import

    folder = tmp_path_factory.mktemp("runs")
    train(
        "classic", epochs=1, data=str(few_digits), run=folder / "watched", device="cpu", watch=True
    )
    return folder


@pytest.fixture(scope="module")
def local_client(runs: Path) -> Iterator[TestClient]:
    """A client on the server's machine."""
    limits = Limits(request_bytes=3_000_000, page_px=2_000_000)
    with TestClient(create_app(limits, runs=runs), **LOCAL) as client:
        yield client


@pytest.fixture(scope="module")
def remote_client() -> Iterator[TestClient]:
    """A client on another machine, of a server that has packaged networks only."""
    with TestClient(create_app()) as client:
        yield client


@pytest.fixture
def jobs(tmp_path: Path) -> Iterator[TrainingJobs]:
    """Trainings that only pretend to train."""
    jobs = TrainingJobs(tmp_path / "runs", [sys.executable, "-c", FAKE_TRAINING])
    yield jobs
    jobs.close()
