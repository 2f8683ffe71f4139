"""What every test stands on.

Shapes checked at run time, MNIST, small data sets, and the command line.
"""

from __future__ import annotations

import builtins
import os
import shutil
import socket
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

import hypothesis
import jaxtyping
import numpy as np
import pytest

import tests.shapes  # noqa: F401 - so that the hook below finds it

if TYPE_CHECKING:
    from fastapi import FastAPI
    from playwright.sync_api import Browser

    from tests.fake_localizer import FakeModel
    from tests.web.screen import Screen

# The same examples in every run, however slow the machine is just then.
hypothesis.settings.register_profile(
    "same", deadline=None, derandomize=True, suppress_health_check=[hypothesis.HealthCheck.too_slow]
)
hypothesis.settings.load_profile("same")

# The package names its shapes for readers and mypy only: jaxtyping is no part of the light install,
# so at run time the names do not exist there. Here they do, and every annotated call is checked
# against them.
for _name in ("Bool", "Float", "Float32", "Float64", "Int64", "Num", "UInt8"):
    setattr(builtins, _name, getattr(jaxtyping, _name))
jaxtyping.install_import_hook("numeye", "tests.shapes.checked")

from numeye.io import mnist  # noqa: E402 - after the hook


@pytest.fixture(scope="session")
def mnist_cache() -> Path:
    """The cache folder, with MNIST whole in it."""
    return mnist.fetch()


@pytest.fixture(scope="session")
def train_images(mnist_cache: Path) -> np.ndarray:
    return mnist.load("train", mnist_cache)[0]


@pytest.fixture(scope="session")
def train_labels(mnist_cache: Path) -> np.ndarray:
    return mnist.load("train", mnist_cache)[1]


@pytest.fixture(scope="session")
def few_digits(
    tmp_path_factory: pytest.TempPathFactory, train_images: np.ndarray, train_labels: np.ndarray
) -> Path:
    """A data folder of 640 raw training digits, so that an epoch takes a moment."""
    return write_idx(tmp_path_factory.mktemp("few"), train_images[:640], train_labels[:640])


def write_idx(folder: Path, images: np.ndarray, labels: np.ndarray) -> Path:
    """Raw IDX files of training digits."""
    for name, values in (("train-images-idx3-ubyte", images), ("train-labels-idx1-ubyte", labels)):
        header = b"\0\0\x08" + bytes([values.ndim]) + np.array(values.shape, ">u4").tobytes()
        (folder / name).write_bytes(header + values.astype(np.uint8).tobytes())
    return folder


Numeye = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture(scope="session")
def numeye(mnist_cache: Path) -> Numeye:
    """Run the command line as a process of its own."""

    def run(
        *arguments: object, stdin: bytes | None = None, cwd: Path | None = None
    ) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, "-m", "numeye", *map(str, arguments)],
            input=stdin,
            capture_output=True,
            cwd=cwd,
            env={**os.environ, "NUMEYE_CACHE": str(mnist_cache)},
            timeout=240,
        )
        return subprocess.CompletedProcess(
            done.args, done.returncode, done.stdout.decode("utf-8"), done.stderr.decode("utf-8")
        )

    return run


# Trains on the few digits whatever is asked for, so that an epoch takes a moment.
TRAIN_FEW = "import sys, numeye.cli.app; sys.argv += ['--data', {folder!r}]; numeye.cli.app.run()"


@pytest.fixture(scope="session")
def server(tmp_path_factory: pytest.TempPathFactory, few_digits: Path) -> Iterator[str]:
    """The base URL of the page and the HTTP API, on a thread and a free port of this machine.

    It is one's own machine: own networks are taken, and trainings started in a folder that is
    thrown away.
    """
    from numeye.server import app as application
    from numeye.server.routes.training_jobs import TrainingJobs

    command = [sys.executable, "-c", TRAIN_FEW.format(folder=str(few_digits))]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(application, "TrainingJobs", lambda folder: TrainingJobs(folder, command))
        app = application.create_app(runs=tmp_path_factory.mktemp("served") / "runs")
    with serving(app) as address:
        yield address


@contextmanager
def serving(app: FastAPI) -> Iterator[str]:
    """The address of an app on a thread and a free port."""
    import uvicorn

    with socket.create_server(("127.0.0.1", 0)) as listening:
        served = uvicorn.Server(uvicorn.Config(app, log_level="warning", access_log=False))
        thread = threading.Thread(target=served.run, kwargs={"sockets": [listening]})
        thread.start()
        try:
            yield f"http://127.0.0.1:{listening.getsockname()[1]}"
        finally:
            served.should_exit = True
            thread.join()


def _without_a_browser(reason: str) -> NoReturn:
    if os.environ.get("NUMEYE_WEB_REQUIRED"):
        pytest.fail(f"{reason}, and NUMEYE_WEB_REQUIRED is set")
    pytest.skip(reason)


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """The system's chromium, without a window."""
    try:
        from playwright.sync_api import sync_playwright
    except ModuleNotFoundError:
        _without_a_browser("no playwright: pip install playwright")
    found = next(
        filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
    )
    if found is None:
        _without_a_browser("no chromium, chromium-browser or google-chrome")
    with sync_playwright() as playwright:
        # as root there is no sandbox
        one = playwright.chromium.launch(executable_path=found, args=["--no-sandbox"])
        yield one
        one.close()


@pytest.fixture
def screen(server: str, browser: Browser) -> Iterator[Screen]:
    """The page in a fresh window.

    At the end nothing must have gone wrong in it but what a test took from `faults`.
    """
    from tests.web.screen import Screen

    with browser.new_context(
        viewport={"width": 1280, "height": 900}, accept_downloads=True
    ) as context:
        one = Screen(server, context)
        yield one
        assert one.faults == []


@pytest.fixture
def fake(tmp_path: Path) -> FakeModel:
    """Return a function that writes a fake model; see `write_fake_model`."""
    from tests.fake_localizer import write_fake_model

    return partial(write_fake_model, tmp_path)
