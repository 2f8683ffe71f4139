"""The layers of a network, read from its graph: what each of them is, reads from, weighs with and makes of a picture.

The graph of any ONNX model is opened and the results of its layers are added to its outputs; nothing is known beforehand
of packaged models, so own ones are shown as well.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import MissingExtra, ModelError, UsageError
from numeye.weights import Model

if TYPE_CHECKING:
    from jaxtyping import Float32

# Operations whose results are shown, and what people call them. A sum is where a residual block adds what came in.
LAYERS = {
    "Conv": "convolution",
    "BatchNormalization": "normalisation",
    "Relu": "ReLU",
    **dict.fromkeys(("LeakyRelu", "Elu", "Gelu", "Sigmoid", "Tanh", "HardSwish", "PRelu"), "activation"),
    **dict.fromkeys(("MaxPool", "AveragePool", "GlobalAveragePool", "GlobalMaxPool"), "pooling"),
    "Gemm": "linear",
    "MatMul": "linear",
    "Add": "sum",
}
BETWEEN = "step"  # a tensor that a layer reads and none made: what was done to the picture before, or maps joined
FORWARD = frozenset({"Reshape", "Flatten", "Squeeze", "Unsqueeze", "Identity", "Dropout", "Cast"})  # the same numbers


@dataclass(frozen=True, kw_only=True)
class Layer:
    """One layer, or what stands between two.

    Attributes:
        name: kind and number, such as `convolution 2`.
        kind: see `LAYERS`; `BETWEEN` for what is none.
        operation: ONNX's name for it.
        tensor: its result, by ONNX's name.
        shape: (units, height, width) or (units,).
        sources: the tensors that it reads and that come from the picture.
        kernel, strides, dilations: rows and columns; 1 where it has none.
        pads: rows above, columns to the left.
        pads_count: a mean counts what lies outside of the maps as 0.
        group: into how many parts units are divided that do not see each other.
        weights: ONNX's names of weight and bias, as far as it has them.
        scales: what these are multiplied by, and whether the weight lies units first.
    """

    name: str
    kind: str
    operation: str
    tensor: str
    shape: tuple[int, ...] = ()
    sources: tuple[str, ...] = ()
    kernel: tuple[int, int] = (1, 1)
    strides: tuple[int, int] = (1, 1)
    dilations: tuple[int, int] = (1, 1)
    pads: tuple[int, int] = (0, 0)
    pads_count: bool = False
    group: int = 1
    weights: tuple[str, ...] = ()
    scales: tuple[float, float] = (1.0, 1.0)
    units_first: bool = True

    def to_dict(self) -> dict[str, Any]:
        """For JSON, without weights."""
        names = (
            "name",
            "kind",
            "operation",
            "shape",
            "sources",
            "kernel",
            "strides",
            "dilations",
            "pads",
            "pads_count",
        )
        return {name: getattr(self, name) for name in names} | {"group": self.group, "weights": bool(self.weights)}


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one unit of a layer weighs with.

    Attributes:
        weight: (inputs, rows, columns) of a convolution, (inputs,) of a linear layer.
        bias: what it adds.
    """

    weight: Float32[np.ndarray, "..."]
    bias: float


@dataclass
class Anatomy:
    """A network taken apart; safe to use from several threads.

    Raises:
        UsageError: it has no layer of a known kind.
        ModelError: it cannot be run.
        MissingExtra: onnx is not installed.
    """

    model: Model
    layers: tuple[Layer, ...] = ()
    _session: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._graph = _opened(self.model)
        drafts = _drafts(self._graph.graph)
        if not any(draft.kind != BETWEEN for draft in drafts):
            known = ", ".join(LAYERS)
            raise UsageError(f"{self.model.name}: none of {known} is in its graph; nothing of it can be shown")
        self._session = self._started(drafts)
        port = self._session.get_inputs()[0]
        self.input, self.side = port.name, int(port.shape[-1])
        made = self._run([draft.tensor for draft in drafts], np.zeros((1, self.side, self.side), np.float32))
        # What has other shapes is no layer, but a number on the way to one.
        whole = [(draft, made[draft.tensor]) for draft in drafts if _is_layer(made[draft.tensor])]
        shapes = {draft.tensor: values.shape[1:] for draft, values in whole}
        shapes[self.input] = (1, self.side, self.side)
        self.layers = tuple(_numbered([_shaped(draft, self._graph.graph, shapes) for draft, _ in whole]))

    def see(
        self, pixels: Float32[np.ndarray, "n side side"], layers: Sequence[Layer] = ()
    ) -> dict[str, Float32[np.ndarray, "n ..."]]:
        """What layers, or all of them, make of pictures, by their tensors' names."""
        return self._run([layer.tensor for layer in layers or self.layers], pixels)

    def unit(self, layer: Layer, number: int) -> Unit | None:
        """What a unit weighs with; None where its layer has no weights.

        Raises:
            UsageError: it has not so many units.
        """
        if not 0 <= number < layer.shape[0]:
            raise UsageError(f"{layer.name} has the units 0 to {layer.shape[0] - 1}; found {number}")
        weight = self.weight(layer)
        if weight is None:
            return None
        bias = float(self._stored(layer.weights[1]).ravel()[number]) if len(layer.weights) > 1 else 0.0
        return Unit(weight=weight[number], bias=bias * layer.scales[1])

    def weight(self, layer: Layer) -> Float32[np.ndarray, "units ..."] | None:
        """What all units of a layer weigh with; None where it has no weights."""
        if not layer.weights:
            return None
        weight = self._stored(layer.weights[0])
        scaled: np.ndarray = ((weight if layer.units_first else weight.T) * layer.scales[0]).astype(np.float32)
        return scaled

    def find(self, name: str) -> Layer:
        """The layer of that name.

        Raises:
            UsageError: there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise UsageError(
            f"{self.model.name} has no layer {name!r}; it has {', '.join(one.name for one in self.layers)}"
        )

    def tail(self, layer: Layer) -> Any:
        """The rest of the network behind a layer, as a session that is fed with its maps; None where others go past it."""
        import onnx
        import onnxruntime

        logits = self._graph.graph.output[0].name
        try:
            extractor = onnx.utils.Extractor(onnx.load_model_from_string(self._graph.SerializeToString()))
            rest = extractor.extract_model([layer.tensor], [logits])
            return onnxruntime.InferenceSession(rest.SerializeToString(), providers=["CPUExecutionProvider"])
        except Exception:  # noqa: BLE001 - whatever it is: it cannot be cut there
            return None

    @cached_property
    def _initializers(self) -> dict[str, Any]:
        return {one.name: one for one in self._graph.graph.initializer}

    def _stored(self, name: str) -> np.ndarray:
        """A weight; one that the graph makes of another, such as by a cast, is asked of the session."""
        import onnx

        if name in self._initializers:
            found: np.ndarray = onnx.numpy_helper.to_array(self._initializers[name]).astype(np.float32)
            return found
        return self._run([name], np.zeros((1, self.side, self.side), np.float32))[name]

    def _started(self, drafts: list[Layer]) -> Any:
        import onnx
        import onnxruntime

        graph = onnx.load_model_from_string(self._graph.SerializeToString())
        there = {output.name for output in graph.graph.output} | {one.name for one in graph.graph.initializer}
        wanted = {draft.tensor for draft in drafts} | {name for draft in drafts for name in draft.weights}
        for name in sorted(wanted - there):
            graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        options = onnxruntime.SessionOptions()
        options.log_severity_level = 4
        options.intra_op_num_threads = 1
        return onnxruntime.InferenceSession(graph.SerializeToString(), options, providers=["CPUExecutionProvider"])

    def _run(self, names: list[str], pixels: np.ndarray) -> dict[str, np.ndarray]:
        try:
            made = self._session.run(names, {self._session.get_inputs()[0].name: pixels[:, None]})
        except Exception as error:  # some of what a graph asks for is refused only when it is run
            first = (str(error).strip().splitlines() or [type(error).__name__])[0]
            raise ModelError(f"{self.model.name}: cannot be run ({first[:300]})") from error
        return dict(zip(names, made, strict=True))


def _opened(model: Model) -> Any:
    try:
        import onnx
        import onnx.utils
    except ImportError as error:
        raise MissingExtra("explaining", "explain") from error
    return onnx.load_model_from_string(model.onnx)


def _is_layer(values: np.ndarray) -> bool:
    return values.ndim in (2, 4) and len(values) > 0 and values[0].size > 1


def _drafts(graph: Any) -> list[Layer]:
    """Its layers and what they read, in the order in which they work; without names and shapes."""
    made_by = {name: node for node in graph.node for name in node.output}
    pictures = _of_pictures(graph)
    drafts: dict[str, Layer] = {}
    for node in graph.node:
        if node.op_type not in LAYERS or node.output[0] not in pictures:
            continue
        sources = tuple(_origin(name, made_by) for name in node.input if name in pictures)
        if node.op_type == "Add" and len(sources) < 2:  # a bias
            continue
        for name in sources:
            if name in made_by and name not in drafts:
                drafts[name] = Layer(name="", kind=BETWEEN, operation=made_by[name].op_type, tensor=name)
        weights = tuple(name for name in node.input if name and name not in pictures)
        drafts[node.output[0]] = Layer(
            name="",
            kind=LAYERS[node.op_type],
            operation=node.op_type,
            tensor=node.output[0],
            sources=sources,
            weights=weights[:2] if node.op_type in ("Conv", "Gemm", "MatMul") else (),
        )
    return list(drafts.values())


def _of_pictures(graph: Any) -> set[str]:
    """The tensors that hang on what goes in; all others are the same for every picture."""
    constants = {one.name for one in graph.initializer}
    found = {port.name for port in graph.input if port.name not in constants}
    for node in graph.node:
        if found.intersection(node.input):
            found.update(node.output)
    return found


def _origin(name: str, made_by: dict[str, Any]) -> str:
    """The tensor that holds the same numbers before they were only laid out anew."""
    while name in made_by and made_by[name].op_type in FORWARD:
        name = made_by[name].input[0]
    return name


def _numbered(layers: list[Layer]) -> list[Layer]:
    counted: Counter[str] = Counter()
    found = []
    for layer in layers:
        counted[layer.kind] += 1
        found.append(replace(layer, name=f"{layer.kind} {counted[layer.kind]}"))
    return found


def _shaped(layer: Layer, graph: Any, shapes: dict[str, tuple[int, ...]]) -> Layer:
    """With its shape, and what its node says of kernels and strides."""
    shaped = replace(layer, shape=shapes[layer.tensor])
    if layer.kind == BETWEEN:
        return shaped
    node = next(node for node in graph.node if layer.tensor in node.output)
    told = {one.name: one for one in node.attribute}
    if layer.operation in ("Gemm", "MatMul"):
        alpha, beta = (told[name].f if name in told else 1.0 for name in ("alpha", "beta"))
        return replace(shaped, scales=(alpha, beta), units_first=bool("transB" in told and told["transB"].i))
    before = next((shapes[name] for name in layer.sources if name in shapes), shaped.shape)
    if layer.operation.startswith("Global") and len(before) == 3:
        return replace(shaped, kernel=(before[1], before[2]))
    if layer.operation not in ("Conv", "MaxPool", "AveragePool") or len(before) != 3:
        return shaped
    kernel = _pair(told, "kernel_shape", None) or _kernel_of(graph, layer)
    strides, dilations = _pair(told, "strides", (1, 1)), _pair(told, "dilations", (1, 1))
    assert kernel and strides and dilations  # noqa: S101 - for mypy: both have defaults
    return replace(
        shaped,
        kernel=kernel,
        strides=strides,
        dilations=dilations,
        pads=_pads(told, before, kernel, strides, dilations),
        pads_count="count_include_pad" in told and bool(told["count_include_pad"].i),
        group=told["group"].i if "group" in told else 1,
    )


def _pair(told: dict[str, Any], name: str, otherwise: tuple[int, int] | None) -> tuple[int, int] | None:
    values = list(told[name].ints) if name in told else []
    return (values[0], values[1]) if len(values) >= 2 else otherwise


def _kernel_of(graph: Any, layer: Layer) -> tuple[int, int]:
    dims = next((one.dims for one in graph.initializer if one.name == layer.weights[0]), [0, 0, 1, 1])
    return int(dims[2]), int(dims[3])


def _pads(
    told: dict[str, Any],
    before: tuple[int, ...],
    kernel: tuple[int, int],
    strides: tuple[int, int],
    dilations: tuple[int, int],
) -> tuple[int, int]:
    """Rows above and columns to the left, where the graph leaves it to the runtime, too."""
    automatic = told["auto_pad"].s.decode() if "auto_pad" in told else "NOTSET"
    if not automatic.startswith("SAME"):
        values = list(told["pads"].ints) if "pads" in told and automatic == "NOTSET" else [0, 0]
        return values[0], values[1]
    missing = [
        max((-(-side // stride) - 1) * stride + (size - 1) * apart + 1 - side, 0)
        for side, stride, size, apart in zip(before[1:], strides, kernel, dilations, strict=True)
    ]
    first = [one // 2 if automatic == "SAME_UPPER" else -(-one // 2) for one in missing]
    return first[0], first[1]
