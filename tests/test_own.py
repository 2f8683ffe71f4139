"""Somebody's own networks: which are taken, which are refused, and that none of these costs much."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnx
import pytest
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import Tensor, nn

import numeye
from numeye import excitement, weights
from numeye.anatomy import Anatomy
from numeye.errors import MissingExtra, UsageError
from numeye.layers import LAYERS, Layer
from numeye.server import own, trial
from numeye.training.export import to_onnx

SOURCE = Path(numeye.__file__).parents[1]
SECONDS = 15  # for each that is refused
WHOLE = "expected a network whole in one file, of standard operators"


def node(kind: str, inputs: str, output: str, **told: Any) -> onnx.NodeProto:
    return helper.make_node(kind, inputs.split(), [output], **told)


def zeros(*shape: int) -> np.ndarray:
    return np.zeros(shape, np.float32)


def network(
    nodes: Sequence[onnx.NodeProto], sides: Sequence[int | str] = ("n", 1, 28, 28), **stored: np.ndarray
) -> onnx.ModelProto:
    """One of these nodes, from `x` to `e`, whose places are then weighed together."""
    ports = [helper.make_tensor_value_info("x", TensorProto.FLOAT, sides)]
    outputs = [helper.make_tensor_value_info("y", TensorProto.FLOAT, ["n", 10])]
    kept = [numpy_helper.from_array(value, name) for name, value in {"last": zeros(1, 10), **stored}.items()]
    end = [
        node("ReduceMean", "e", "m", axes=[1], keepdims=1),
        node("GlobalAveragePool", "m", "g"),
        node("Flatten", "g", "f"),
        node("Gemm", "f last", "y"),
    ]
    graph = helper.make_graph([*nodes, *end], "own", ports, outputs, kept)
    return helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)


def content(*nodes: onnx.NodeProto, **more: Any) -> bytes:
    made: bytes = network(nodes, **more).SerializeToString()
    return made


class Usual(nn.Module):
    """What a tutorial builds."""

    def __init__(self) -> None:
        super().__init__()
        self.seen = nn.Sequential(
            nn.Conv2d(1, 8, 3),
            nn.BatchNorm2d(8),
            nn.SiLU(),
            nn.AvgPool2d(2),
            nn.Conv2d(8, 8, 3, groups=2, bias=False),
            nn.GELU(),
            nn.Dropout(),
        )
        self.said = nn.Linear(8 * 11 * 11, 10)

    def forward(self, images: Tensor) -> Tensor:
        return torch.log_softmax(self.said(self.seen(images).reshape(images.shape[0], -1)), dim=1)


@pytest.mark.parametrize("name", ["classic", "reader", "usual"])
def test_networks_that_read_one_digit_are_taken(name: str) -> None:
    folded = to_onnx(Usual().eval(), torch.zeros(2, 1, 28, 28)) if name == "usual" else weights.load(name).onnx
    own.check(folded)
    trial.hold(folded)


def test_all_layers_that_are_shown_may_be_there() -> None:
    assert set(LAYERS) <= own.ALLOWED


def test_whatever_takes_sizes_is_known_to() -> None:
    """Inputs that take whole numbers and nothing else say how a result is laid out."""
    only_indices = {"Gather"}  # of the first's numbers; as many come out as there are indices
    whole = {"tensor(int64)", "tensor(int32)"}
    for name in own.ALLOWED:
        schema = onnx.defs.get_schema(name)
        kinds = {one.type_param_str: set(one.allowed_type_strs) for one in schema.type_constraints}
        if any(kinds.get(one.type_str, {one.type_str}) <= whole for one in schema.inputs):
            assert name in own.SIZED | only_indices


def test_sizes_may_hang_on_how_many_pictures_come() -> None:
    batch = [node("Shape", "x", "s"), node("Slice", "s zero one", "n"), node("Concat", "n rest", "t", axis=0)]
    own.check(
        content(
            *batch,
            node("Reshape", "x t", "e"),
            zero=np.zeros(1, np.int64),
            one=np.ones(1, np.int64),
            rest=np.array([1, 28, 28]),
        )
    )


def external(attribute: bool) -> bytes:
    model = network([node("Identity", "x", "e")])
    if attribute:
        model.graph.node.insert(0, helper.make_node("Constant", [], ["k"], value=numpy_helper.from_array(zeros(2))))
    tensor = model.graph.node[0].attribute[0].t if attribute else model.graph.initializer[0]
    tensor.ClearField("raw_data")
    tensor.data_location = TensorProto.EXTERNAL
    tensor.external_data.add(key="location", value="/etc/passwd")
    made: bytes = model.SerializeToString()
    return made


def altered(alter: Any) -> bytes:
    model = network([node("Identity", "x", "e")])
    alter(model)
    made: bytes = model.SerializeToString()
    return made


def with_function(model: onnx.ModelProto) -> None:
    model.functions.append(
        helper.make_function("d", "f", ["a"], ["b"], [node("Relu", "a", "b")], [helper.make_opsetid("", 17)])
    )


def with_sparse_weights(model: onnx.ModelProto) -> None:
    value = helper.make_tensor("s", TensorProto.FLOAT, [1], [1.0])
    place = helper.make_tensor("i", TensorProto.INT64, [1], [0])
    model.graph.sparse_initializer.append(helper.make_sparse_tensor(value, place, [2**40]))


def branch() -> onnx.NodeProto:
    graph = helper.make_graph(
        [node("Relu", "x", "t")], "b", [], [helper.make_tensor_value_info("t", TensorProto.FLOAT, None)]
    )
    return node("If", "c", "e", then_branch=graph, else_branch=graph)


def hidden_graph() -> bytes:
    """In an attribute of an operator that is allowed."""
    inner = node("Relu", "x", "e")
    inner.attribute.append(helper.make_attribute("body", helper.make_graph([], "b", [], [])))
    return content(inner)


# A number of the picture's pixels, as a list of one.
COUNTED = [
    node("ReduceMax", "x", "r", keepdims=0),
    node("Mul", "r scale", "m"),
    node("Cast", "m", "k", to=TensorProto.INT64),
]
SCALE = {"scale": np.full(1, 50_000, np.float32)}


def by_the_picture(kind: str) -> bytes:
    inputs = "x k k" if kind == "Slice" else "x k"
    model = network([*COUNTED, node(kind, inputs, "e")], **SCALE)
    model.opset_import[0].version = 18  # since when all of them are told by an input
    model.graph.node[0].CopyFrom(node("GlobalMaxPool", "x", "r"))  # a ReduceMax would have to be told its axes
    made: bytes = model.SerializeToString()
    return made


EARLY = {
    "noise": (np.random.default_rng(0).bytes(5_000), "not an ONNX model that can be read"),
    "nothing": (b"", "not an ONNX model that can be read"),
    "cut off": (weights.load("classic").onnx[:100_000], "not an ONNX model that can be read"),
    "not a network": (Path(__file__).read_bytes(), "not an ONNX model that can be read"),
    "too large": (bytes(own.BYTES + 1), "a network of 20,000,001 bytes; at most 20,000,000"),
    "too many nodes": (
        content(*[node("Relu", "x", f"r{n}") for n in range(2_000)], node("Relu", "x", "e")),
        "2,005 nodes",
    ),
    "weights elsewhere": (external(False), "whose weights lie in other files"),
    "constants elsewhere": (external(True), "whose weights lie in other files"),
    "a domain of its own": (
        content(node("Run", "x", "e", domain="com.example")),
        "an operator of its own (com.example.Run)",
    ),
    "the runtime's own": (
        content(node("FusedConv", "x w", "e", domain="com.microsoft"), w=zeros(1, 1, 3, 3)),
        "com.microsoft",
    ),
    "functions": (altered(with_function), "functions of its own"),
    "training": (altered(lambda model: model.training_info.add()), "graphs that train it"),
    "sparse weights": (altered(with_sparse_weights), "sparse weights"),
    "a branch": (content(branch(), c=np.array(True)), "the operator If"),
    "a graph where none is": (hidden_graph(), "the operator Relu"),
    "any size": (
        content(node("ConstantOfShape", "s", "z"), node("Add", "x z", "e"), s=np.array([1, 1, 10**6, 10**6])),
        "the operator ConstantOfShape",
    ),
    "spread": (content(node("Expand", "x s", "e"), s=np.array([1, 1, 28, 28])), "the operator Expand"),
    "chance": (
        content(helper.make_node("RandomNormal", [], ["r"], shape=[10**9]), node("Identity", "x", "e")),
        "the operator RandomNormal",
    ),
    "borders by the picture": (
        content(
            node("ReduceMax", "x", "r", keepdims=0),
            node("Cast", "r", "i", to=TensorProto.INT64),
            node("Mul", "i s", "p"),
            node("Pad", "x p", "e"),
            s=np.ones(8, np.int64),
        ),
        "a Pad by what the picture shows",
    ),
    "a product of a slice": (
        content(
            *COUNTED,
            node("Slice", "v zero k zero", "t"),
            node("Reshape", "t column", "a"),
            node("Reshape", "t row", "b"),
            node("MatMul", "a b", "c"),
            node("ReduceMax", "c", "d", keepdims=0),
            node("Add", "x d", "e"),
            v=zeros(50_000),
            zero=np.zeros(1, np.int64),
            column=np.array([-1, 1]),
            row=np.array([1, -1]),
            **SCALE,
        ),
        "a Slice by what the picture shows",
    ),
    "borders as wide as a slice": (
        content(
            *COUNTED,
            node("Slice", "v zero k zero", "t"),
            node("Shape", "t", "z"),
            node("Concat", "nothing z z", "p", axis=0),
            node("Pad", "x p", "e"),
            v=zeros(50_000),
            zero=np.zeros(1, np.int64),
            nothing=np.zeros(6, np.int64),
            **SCALE,
        ),
        "a Slice by what the picture shows",
    ),
    **{kind: (by_the_picture(kind), f"a {kind} by what the picture shows") for kind in sorted(own.SIZED)},
}


@pytest.mark.parametrize("name", EARLY)
def test_what_is_refused_before_anything_runs(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Neither a runtime nor any other file is touched."""
    monkeypatch.setitem(sys.modules, "onnxruntime", None)
    sent, said = EARLY[name]
    with pytest.raises(UsageError) as refused:
        own.check(sent)
    assert said in str(refused.value)
    assert "\n" not in str(refused.value)
    assert WHOLE in str(refused.value) or "ONNX" in said or "bytes" in said


def empty_nodes(count: int) -> bytes:
    """Two bytes each, and hundreds in memory."""
    graph = b"\x0a\x00" * count
    length, size = b"", len(graph)
    while size > 127:
        length, size = length + bytes([size & 127 | 128]), size >> 7
    return b"\x3a" + length + bytes([size]) + graph


DOUBLED = [node("Concat", "x x", "d0", axis=1), *[node("Concat", f"d{n} d{n}", f"d{n + 1}", axis=1) for n in range(30)]]
WIDE = {"w": zeros(64, 1, 3, 3), "v": zeros(256, 64, 3, 3)}
BOMBS = {
    "ten million nodes": empty_nodes(9_900_000),
    "wide pads": content(node("Conv", "x w", "e", pads=[20_000] * 4), w=zeros(1, 1, 3, 3)),
    "pads beyond numbers": content(
        node("Conv", "x w", "e", pads=[2**62] * 4, strides=[2**40] * 2), w=zeros(1, 1, 3, 3)
    ),
    "wide borders": content(node("Pad", "x p", "e"), p=np.array([0, 0, 0, 0, 0, 0, 30_000, 30_000])),
    "spread two ways": content(
        node("Add", "a b", "c"),
        node("ReduceMax", "c", "d", keepdims=0),
        node("Add", "x d", "e"),
        a=zeros(1, 1, 1, 50_000),
        b=zeros(1, 1, 50_000, 1),
    ),
    "doubled": content(*DOUBLED, node("Identity", "d30", "e")),
    "a large pool": content(
        node("Conv", "x w", "c", pads=[400] * 4),
        node("MaxPool", "c", "e", kernel_shape=[399] * 2, pads=[198] * 4),
        w=zeros(64, 1, 3, 3),
    ),
    "many maps": content(node("Conv", "x w", "c", pads=[60] * 4), node("Conv", "c v", "e", pads=[1] * 4), **WIDE),
    "many numbers to tell": content(
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


# A server that is sent one: why it refuses, how long that takes, and by how many kB its memory grew at most.
SENT = r"""
import re, sys, time
from pathlib import Path
from numeye.errors import UsageError
from numeye.server import trial

def peak():  # of this program alone; ru_maxrss begins with that of whoever started it
    return int(re.search(r"VmHWM:\s*(\d+)", Path("/proc/self/status").read_text())[1])

trial.SECONDS = 5
content = sys.stdin.buffer.read()
before, begun = peak(), time.perf_counter()
try:
    trial.hold(content)
except UsageError as refused:
    print(refused)
print(time.perf_counter() - begun)
print(peak() - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere there is no /proc")
@pytest.mark.parametrize("name", BOMBS)
def test_what_costs_too_much_is_refused_soon_and_costs_nothing_here(name: str) -> None:
    done = subprocess.run([sys.executable, "-c", SENT], input=BOMBS[name], capture_output=True, check=True)
    refused, seconds, grown = done.stdout.decode().splitlines()
    assert refused
    assert float(seconds) < SECONDS
    assert int(grown) < 200_000


OTHERS = {
    "other sides": (content(node("Identity", "x", "e"), sides=["n", 1, 32, 32]), "another network: inputs"),
    "one picture only": (
        content(node("Reshape", "x s", "r"), node("Add", "r r", "e"), s=np.array([1, 1, 28, 28])),
        "the network: cannot be run",
    ),
    "always one": (content(node("Identity", "x", "e"), sides=[1, 1, 28, 28]), "another network: inputs"),
    "names a file": (EARLY["weights elsewhere"][0], "whose weights lie in other files"),
}


@pytest.mark.parametrize("name", OTHERS)
def test_what_cannot_be_shown_is_told_as_it_is_elsewhere(name: str) -> None:
    sent, said = OTHERS[name]
    with pytest.raises(UsageError) as refused:
        trial.hold(sent)
    assert said in str(refused.value)


def test_a_trial_shows_digits_as_the_page_does(monkeypatch: pytest.MonkeyPatch) -> None:
    """Up to the layer that gives most and to the last, as many at once."""
    asked = []

    def shown(anatomy: Anatomy, layer: Layer, digits: np.ndarray) -> list[np.ndarray]:
        asked.append((layer.name, digits.shape))
        return []

    monkeypatch.setattr(excitement, "shown", shown)
    trial._try(weights.load("classic").onnx)
    assert asked == [("convolution 1", (50, 28, 28)), ("linear 2", (50, 28, 28))]


def test_nothing_beside_the_server_is_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where its path is told, the package is still found."""
    monkeypatch.setenv("PYTHONPATH", os.path.relpath(SOURCE, tmp_path))
    monkeypatch.chdir(tmp_path)
    for name in ("numpy", "onnx", "json"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit(9)")
    trial.hold(weights.load("classic").onnx)


def test_without_onnx_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(MissingExtra, match=r"own networks needs the extra \[serve\]"):
        trial.hold(b"")
