"""The sandbox accepts usual networks and rejects expensive ones at little cost."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import torch
from torch import Tensor, nn

import numeye
from numeye.errors import MissingExtra, UsageError
from numeye.explanation import top_activations
from numeye.explanation.activations import NetworkInspector
from numeye.explanation.onnx_graph import Layer
from numeye.models import registry
from numeye.server.security import onnx_policy, onnx_sandbox
from numeye.training.onnx_export import to_onnx
from tests.server.onnx_networks import content, make_external, node, zeros

SOURCE = Path(numeye.__file__).parents[1]
MAX_SECONDS = 15  # for rejecting a network
MAX_GROWTH_KB = 200_000


class TutorialNetwork(nn.Module):
    """A network as in a tutorial."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.BatchNorm2d(8),
            nn.SiLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(8, 8, 3, groups=2, bias=False),
            nn.GELU(),
            nn.Dropout(),
        )
        self.classifier = nn.Linear(8 * 11 * 11, 10)

    def forward(self, images: Tensor) -> Tensor:
        return torch.log_softmax(
            self.classifier(self.features(images).reshape(images.shape[0], -1)), dim=1
        )


@pytest.mark.parametrize("name", ["classic", "recognizer", "tutorial"])
def test_networks_that_read_one_digit_are_accepted(name: str) -> None:
    model = (
        to_onnx(TutorialNetwork().eval(), torch.zeros(2, 1, 28, 28))
        if name == "tutorial"
        else registry.load(name).onnx
    )
    onnx_policy.check(model)
    onnx_sandbox.check_in_sandbox(model)


def empty_nodes(count: int) -> bytes:
    """Return a model with empty nodes, each two bytes in the file and hundreds in memory."""
    graph = b"\x0a\x00" * count
    length, size = b"", len(graph)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return b"\x3a" + length + bytes([size]) + graph


DOUBLING_NODES = [
    node("Concat", "x x", "d0", axis=1),
    *[node("Concat", f"d{n} d{n}", f"d{n + 1}", axis=1) for n in range(30)],
]
WIDE_WEIGHTS = {"w": zeros(64, 1, 3, 3), "v": zeros(256, 64, 3, 3)}
BOMBS = {
    "ten million nodes": empty_nodes(9_900_000),
    "wide pads": content(node("Conv", "x w", "e", pads=[20_000] * 4), w=zeros(1, 1, 3, 3)),
    "overflowing pads": content(
        node("Conv", "x w", "e", pads=[2**62] * 4, strides=[2**40] * 2), w=zeros(1, 1, 3, 3)
    ),
    "wide padding": content(
        node("Pad", "x p", "e"), p=np.array([0, 0, 0, 0, 0, 0, 30_000, 30_000])
    ),
    "broadcast in two directions": content(
        node("Add", "a b", "c"),
        node("ReduceMax", "c", "d", keepdims=0),
        node("Add", "x d", "e"),
        a=zeros(1, 1, 1, 50_000),
        b=zeros(1, 1, 50_000, 1),
    ),
    "doubled": content(*DOUBLING_NODES, node("Identity", "d30", "e")),
    "a large pool": content(
        node("Conv", "x w", "c", pads=[400] * 4),
        node("MaxPool", "c", "e", kernel_shape=[399] * 2, pads=[198] * 4),
        w=zeros(64, 1, 3, 3),
    ),
    "many maps": content(
        node("Conv", "x w", "c", pads=[60] * 4),
        node("Conv", "c v", "e", pads=[1] * 4),
        **WIDE_WEIGHTS,
    ),
    "many activations": content(
        node("Conv", "x w", "r0", pads=[1] * 4),
        *[node("Relu", f"r{n}", f"r{n + 1}") for n in range(1_500)],
        node("Identity", "r1500", "e"),
        w=zeros(64, 1, 3, 3),
    ),
    "slow": content(
        node("Conv", "x w", "c0", pads=[1] * 4),
        *[node("Conv", f"c{n} v", f"c{n + 1}", pads=[1] * 4) for n in range(300)],
        node("Relu", "c300", "e"),
        w=zeros(64, 1, 3, 3),
        v=zeros(64, 64, 3, 3),
    ),
}
# Prints why a network is rejected, how many seconds that takes, and by how many kB memory grew.
SANDBOX_PROGRAM = r"""
import re, sys, time
from pathlib import Path
from numeye.errors import UsageError
from numeye.server.security import onnx_sandbox

def measure_peak():  # ru_maxrss would begin with that of the parent process
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])

onnx_sandbox.MAX_CPU_S = 5
content = sys.stdin.buffer.read()
before, started_at = measure_peak(), time.perf_counter()
try:
    onnx_sandbox.check_in_sandbox(content)
except UsageError as error:
    print(error)
print(time.perf_counter() - started_at)
print(measure_peak() - before)
"""


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="measuring memory needs /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_expensive_networks_are_rejected_soon_and_cost_little_here(name: str) -> None:
    process = subprocess.run(
        [sys.executable, "-c", SANDBOX_PROGRAM], input=BOMBS[name], capture_output=True, check=True
    )
    error, seconds, growth_kb = process.stdout.decode().splitlines()
    assert error
    assert float(seconds) < MAX_SECONDS
    assert int(growth_kb) < MAX_GROWTH_KB


OTHER_NETWORKS = {
    "another input size": (
        content(node("Identity", "x", "e"), sides=["n", 1, 32, 32]),
        "another network: inputs",
    ),
    "fixed batch size inside": (
        content(node("Reshape", "x s", "r"), node("Add", "r r", "e"), s=np.array([1, 1, 28, 28])),
        "the network: cannot be run",
    ),
    "fixed batch size": (
        content(node("Identity", "x", "e"), sides=[1, 1, 28, 28]),
        "another network: inputs",
    ),
    "weights in a file": (make_external(attribute=False), "weights are in other files"),
}


@pytest.mark.parametrize("name", OTHER_NETWORKS)
def test_networks_that_cannot_be_explained_are_rejected(name: str) -> None:
    content, message = OTHER_NETWORKS[name]
    with pytest.raises(UsageError) as error:
        onnx_sandbox.check_in_sandbox(content)
    assert message in str(error.value)


def test_the_sandbox_runs_as_many_digits_as_the_page(monkeypatch: pytest.MonkeyPatch) -> None:
    """They run up to the layer with the largest output and up to the last one."""
    shapes = []

    def shown(inspector: NetworkInspector, layer: Layer, digits: np.ndarray) -> list[np.ndarray]:
        shapes.append((layer.name, digits.shape))
        return []

    monkeypatch.setattr(top_activations, "compute_in_batches", shown)
    onnx_sandbox._run_checks(registry.load("classic").onnx)
    assert shapes == [("convolution 1", (50, 28, 28)), ("linear 2", (50, 28, 28))]


def test_nothing_in_the_current_folder_is_imported(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The package itself is still found by PYTHONPATH."""
    monkeypatch.setenv("PYTHONPATH", os.path.relpath(SOURCE, tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("numpy", "onnx", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    onnx_sandbox.check_in_sandbox(registry.load("classic").onnx)


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"own networks needs the extra \[serve\]"):
        onnx_sandbox.check_in_sandbox(b"")
