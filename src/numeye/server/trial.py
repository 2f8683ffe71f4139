"""Somebody's own network on trial: looked at and run once in a process of its own, which may take only so much.

Nobody can tell from a graph what it costs: a convolution with wide pads, sums that are spread in two directions, a
name doubled by fifty Concats, ten million empty nodes. So it is found out where it does no harm. What is kept may then
be run in the server, for all that the page asks of it has been done here before.
"""

from __future__ import annotations

import importlib.util
import json
import math
import os
import subprocess
import sys
from typing import TYPE_CHECKING

from numeye.errors import MissingExtra, NumeyeError, UsageError

if TYPE_CHECKING:
    from numeye.anatomy import Anatomy

MEMORY = 1_500_000_000  # bytes of addresses; 230 MB before anything is read
SECONDS = 20  # of a processor, and twice of the clock; the default reader takes 2
REFUSED = 3  # the status of a trial whose network is no good, and says why


def hold(content: bytes) -> None:
    """Let an ONNX file pass that `own.check` lets pass, and that can be run and shown at a bearable cost.

    Raises:
        UsageError: it is not.
        MissingExtra: onnx is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise MissingExtra("own networks", "serve")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        done = subprocess.run(
            [sys.executable, "-P", "-m", "numeye.server.trial"],  # -P: nothing in the current folder is imported
            input=content,
            capture_output=True,
            env={**os.environ, **threads, "PYTHONIOENCODING": "utf-8"},
            timeout=2 * SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _costly() from error
    if done.returncode == REFUSED:
        raise UsageError(done.stdout.decode("utf-8", "replace").strip())
    if done.returncode != 0:  # it was ended, or ended itself for want of memory
        raise _costly()


def _costly() -> UsageError:
    return UsageError(
        f"a network that takes more than {SECONDS} s or {MEMORY // 10**6:,} MB, or breaks what runs it; "
        "expected one that reads a digit in some milliseconds"
    )


def _limit() -> None:
    """Where the system has no such limits, only the time that `hold` waits is one."""
    try:
        import resource
    except ImportError:  # on Windows
        return
    for what, most in ((resource.RLIMIT_AS, MEMORY), (resource.RLIMIT_CPU, SECONDS), (resource.RLIMIT_CORE, 0)):
        _, hard = resource.getrlimit(what)
        resource.setrlimit(what, (most if hard == resource.RLIM_INFINITY else min(most, hard), hard))


def _try(content: bytes) -> None:
    """All that is asked of a network, with the picture that costs most, and as it is told."""
    import numpy as np

    from numeye.explain import Explainer
    from numeye.server import own, telling
    from numeye.weights import Model

    own.check(content)
    explainer = Explainer(Model(name="the network", onnx=content, card={}))
    shades = np.random.default_rng(0).integers(0, 255, (60, 60), np.uint8)
    found = explainer.explain(shades, hidden=True, activation=True)
    json.dumps(telling.explained(found, explainer, shades.shape)).encode()
    for layer in explainer.anatomy.layers:
        explainer.anatomy.weight(layer)
    _show_digits(explainer.anatomy)


def _show_digits(anatomy: Anatomy) -> None:
    """As many at once as are shown to find what excites a unit: up to the layer that gives most, and to the last."""
    import numpy as np

    from numeye import excitement

    digits = np.random.default_rng(0).integers(0, 255, (excitement.AT_ONCE, 28, 28), np.uint8)
    for layer in (max(anatomy.layers, key=lambda one: math.prod(one.shape)), anatomy.layers[-1]):
        for _ in excitement.shown(anatomy, layer, digits):
            pass


def main() -> int:
    """The network comes on standard input; why it is refused goes to standard output."""
    content = sys.stdin.buffer.read()
    _limit()
    try:
        _try(content)
    except NumeyeError as error:
        print(error)  # noqa: T201 - to `hold`
        return REFUSED
    return 0


if __name__ == "__main__":
    sys.exit(main())
