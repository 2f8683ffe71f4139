"""A network taken apart: what each layer makes of a picture, and what it weighs with.

The results of the layers are added to the outputs of the graph, and the picture goes through it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye import layers
from numeye.errors import MissingExtra, ModelError, UsageError
from numeye.layers import BETWEEN, Layer
from numeye.weights import Model

if TYPE_CHECKING:
    from jaxtyping import Float32


@dataclass(frozen=True, kw_only=True)
class Unit:
    """What one unit of a layer weighs with.

    Attributes:
        weight: (inputs, rows, columns) of a convolution, (inputs,) of a linear layer.
        bias: what it adds.
    """

    weight: Float32[np.ndarray, ...]
    bias: float


@dataclass
class Anatomy:
    """A network taken apart; safe to use from several threads.

    Raises:
        UsageError: it has no layer of a known kind, or takes pictures of any size.
        ModelError: it is damaged, or cannot be run.
        MissingExtra: onnx is not installed.
    """

    model: Model
    layers: tuple[Layer, ...] = ()
    _session: Any = field(default=None, repr=False)

    def __post_init__(self) -> None:
        self._graph = _opened(self.model)
        drafts = layers.drafts(self._graph.graph)
        if not any(draft.kind != BETWEEN for draft in drafts):
            known = ", ".join(layers.LAYERS)
            raise UsageError(f"{self.model.name}: none of {known} is in its graph; nothing of it can be shown")
        self._session = self._started(drafts)
        port = self._session.get_inputs()[0]
        if not isinstance(port.shape[-1], int):
            raise UsageError(f"{self.model.name}: takes pictures of any size; expected a model that reads one digit")
        self.input, self.side = port.name, port.shape[-1]
        made = self._run([draft.tensor for draft in drafts], np.zeros((1, self.side, self.side), np.float32))
        # What has other shapes is no layer, but a number on the way to one.
        whole = [(draft, made[draft.tensor]) for draft in drafts if _is_layer(made[draft.tensor])]
        shapes = {draft.tensor: values.shape[1:] for draft, values in whole}
        shapes[self.input] = (1, self.side, self.side)
        self.layers = tuple(
            layers.numbered([layers.shaped(draft, self._graph.graph, shapes, self._stored) for draft, _ in whole])
        )

    def see(
        self, pixels: Float32[np.ndarray, "n side side"], of: Sequence[Layer] = ()
    ) -> dict[str, Float32[np.ndarray, "n ..."]]:
        """What layers, or all of them, make of pictures, by their tensors' names."""
        return self._run([layer.tensor for layer in of or self.layers], pixels)

    def upto(self, layer: Layer) -> Callable[[np.ndarray], np.ndarray]:
        """The network up to a layer, from pictures (n, side, side) to its maps; it holds no other layer's meanwhile."""
        session = self._cut([self.input], layer.tensor)

        def maps(pixels: np.ndarray) -> np.ndarray:
            return self._run([layer.tensor], pixels, session)[layer.tensor]

        return maps

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
        bias = self._stored(layer.weights[1]).ravel() if len(layer.weights) > 1 else np.zeros(1, np.float32)
        one = float(bias[number if bias.size > 1 else 0])  # a single one is that of all units
        return Unit(weight=weight[number], bias=one * layer.scales[1])

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

    def tail(self, layer: Layer) -> Callable[[np.ndarray], np.ndarray] | None:
        """The rest of the network behind a layer, from its maps to logits; None where others go past it."""
        logits = self._graph.graph.output[0].name
        if logits in layers.of_pictures(self._graph.graph, past=layer.tensor):
            return None
        session = self._cut([layer.tensor, self.input], logits)
        if session is None:
            return None
        wanted = {port.name for port in session.get_inputs()}

        def scores(maps: np.ndarray) -> np.ndarray:
            # Some ask the picture for its shape.
            fed = {layer.tensor: maps, self.input: np.zeros((len(maps), 1, self.side, self.side), np.float32)}
            found: np.ndarray = session.run(None, {name: fed[name] for name in wanted})[0]
            return found

        return scores

    def _cut(self, sources: list[str], tensor: str) -> Any:
        """A session for the part of the graph between these; None where it cannot be cut out."""
        import onnx
        import onnxruntime

        try:
            model = onnx.load_model_from_string(self._graph.SerializeToString())
            if tensor not in {port.name for port in (*model.graph.value_info, *model.graph.output)}:
                model.graph.value_info.append(onnx.helper.make_empty_tensor_value_info(tensor))
            extractor = onnx.utils.Extractor(model)
            content = extractor.extract_model(sources, [tensor]).SerializeToString()
            return onnxruntime.InferenceSession(content, _options(), providers=["CPUExecutionProvider"])
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
        try:
            content = graph.SerializeToString()
            return onnxruntime.InferenceSession(content, _options(), providers=["CPUExecutionProvider"])
        except Exception as error:
            raise ModelError(f"{self.model.name}: cannot be run with its layers shown ({_said(error)})") from error

    def _run(self, names: list[str], pixels: np.ndarray, session: Any = None) -> dict[str, np.ndarray]:
        session = session or self._session  # of all layers
        try:
            found = session.run(names, {session.get_inputs()[0].name: pixels[:, None]})
        except Exception as error:
            raise ModelError(f"{self.model.name}: cannot be run ({_said(error)})") from error
        return {name: values.astype(np.float32, copy=False) for name, values in zip(names, found, strict=True)}


def _options() -> Any:
    """One thread, for requests are answered side by side; what goes wrong is raised and not printed as well."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4
    options.intra_op_num_threads = 1
    return options


def _said(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def _opened(model: Model) -> Any:
    try:
        import onnx
        import onnx.utils
    except ImportError as error:
        raise MissingExtra("explaining", "explain") from error
    try:
        return onnx.load_model_from_string(model.onnx)
    except Exception as error:  # it has several, of other packages
        raise ModelError(f"{model.name}: not an ONNX model ({_said(error)})") from error


def _is_layer(values: np.ndarray) -> bool:
    return values.ndim in (2, 4) and len(values) > 0 and values[0].size > 1
