"""Runs a user's ONNX file once in a separate process with little memory and time.

A graph does not show what it costs: a convolution with wide pads, sums that are broadcast in two
directions, a tensor doubled by fifty Concats, ten million empty nodes. So the file is run where it
does no harm. The process does everything that the page may ask of a network later, so a file that
passes may be run in the server.
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
    from numeye.explanation.activations import NetworkInspector

MAX_MEMORY_BYTES = 1_500_000_000  # of address space; the libraries alone take 230 MB
MAX_CPU_S = 20  # and twice that on the clock; the default model takes 2 s
EXIT_REJECTED = 3  # exit status if the file is rejected; the reason is on standard output
PICTURE_SIDE_PX = 60


def check_in_sandbox(content: bytes) -> None:
    """Accept an ONNX file that passes `onnx_policy.check` and costs little to run and explain.

    Args:
        content: The file's bytes.

    Raises:
        UsageError: The file is rejected, with the reason.
        MissingExtra: onnx is not installed.
    """
    if importlib.util.find_spec("onnx") is None:
        raise MissingExtra("own networks", "serve")
    threads = dict.fromkeys(("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"), "1")
    try:
        process = subprocess.run(
            # -P: nothing in the current folder is imported
            [sys.executable, "-P", "-m", "numeye.server.security.onnx_sandbox"],
            input=content,
            capture_output=True,
            env={**os.environ, **threads, "PYTHONIOENCODING": "utf-8"},
            timeout=2 * MAX_CPU_S,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise _too_expensive() from error
    if process.returncode == EXIT_REJECTED:
        raise UsageError(process.stdout.decode("utf-8", "replace").strip())
    if process.returncode != 0:  # it was killed, or had too little memory
        raise _too_expensive()


def _too_expensive() -> UsageError:
    return UsageError(
        f"the network takes more than {MAX_CPU_S} s or {MAX_MEMORY_BYTES // 10**6:,} MB, or crashes"
        " the process that runs it; expected a network that reads a digit in a few milliseconds"
    )


def _limit_resources() -> None:
    try:
        import resource
    except ImportError:  # Windows has no such limits; there only `check_in_sandbox`'s timeout helps
        return
    for resource_kind, max_value in (
        (resource.RLIMIT_AS, MAX_MEMORY_BYTES),
        (resource.RLIMIT_CPU, MAX_CPU_S),
        (resource.RLIMIT_CORE, 0),
    ):
        _, hard = resource.getrlimit(resource_kind)
        soft = max_value if hard == resource.RLIM_INFINITY else min(max_value, hard)
        resource.setrlimit(resource_kind, (soft, hard))


def _run_checks(content: bytes) -> None:
    """Do everything that the page asks of a network, with the picture that costs most."""
    import numpy as np

    from numeye.explanation.explainer import Explainer
    from numeye.models.card import Model
    from numeye.server import serialization
    from numeye.server.security import onnx_policy

    onnx_policy.check(content)
    explainer = Explainer(Model(name="the network", onnx=content, card={}))
    side = PICTURE_SIDE_PX
    picture = np.random.default_rng(0).integers(0, 255, (side, side), np.uint8)
    explanation = explainer.explain(picture, occlusion_map=True, ablation_cam=True)
    json.dumps(serialization.explanation_to_dict(explanation, explainer, picture.shape)).encode()
    for layer in explainer.inspector.layers:
        explainer.inspector.layer_weights(layer)
    _run_top_activations(explainer.inspector)


def _run_top_activations(inspector: NetworkInspector) -> None:
    """Run as many digits at once as the search for top activations does.

    They are run up to the layer with the largest output, and up to the last one.
    """
    import numpy as np

    from numeye.explanation import top_activations

    digits = np.random.default_rng(0).integers(
        0, 255, (top_activations.BATCH_SIZE, 28, 28), np.uint8
    )
    largest = max(inspector.layers, key=lambda layer: math.prod(layer.shape))
    for layer in (largest, inspector.layers[-1]):
        for _ in top_activations.compute_in_batches(inspector, layer, digits):
            pass


def main() -> int:
    """Check the file on standard input; write the reason for a rejection to standard output."""
    content = sys.stdin.buffer.read()
    _limit_resources()
    try:
        _run_checks(content)
    except NumeyeError as error:
        print(error)  # noqa: T201 - `check_in_sandbox` reads it
        return EXIT_REJECTED
    return 0


if __name__ == "__main__":
    sys.exit(main())
