"""Access to the layers of a network: their activations and weights, and parts of the network.

The tensors of the layers are added to the outputs of the ONNX graph; then it runs as usual.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import numpy as np

from numeye.errors import MissingExtra, ModelError, UsageError, first_line
from numeye.explanation import onnx_graph
from numeye.explanation.onnx_graph import INTERMEDIATE, Layer
from numeye.models.card import Model

if TYPE_CHECKING:
    from jaxtyping import Float32


@dataclass(frozen=True, kw_only=True)
class UnitWeights:
    """The weights of one unit of a layer.

    Attributes:
        weight: (inputs, rows, columns) of a convolution, (inputs,) of a linear layer.
        bias: the constant that is added.
    """

    weight: Float32[np.ndarray, ...]
    bias: float


class NetworkInspector:
    """Computes activations of a network and returns its weights; safe for several threads.

    Args:
        model: a model that reads single digits.

    Attributes:
        model: the model.
        input: name of the input tensor.
        side: rows and columns of the input.
        layers: all layers, in the order in which they are computed.

    Raises:
        UsageError: the network has no layer of a known kind, or takes pictures of any size.
        ModelError: it is damaged, or cannot be run.
        MissingExtra: onnx is not installed.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._graph = _load_graph(model)
        drafts = onnx_graph.find_layers(self._graph.graph)
        if not any(draft.kind != INTERMEDIATE for draft in drafts):
            known = ", ".join(onnx_graph.LAYER_KINDS)
            raise UsageError(
                f"{model.name}: none of {known} is in its graph; nothing of it can be shown"
            )
        self._session = self._start_session(drafts)
        port = self._session.get_inputs()[0]
        if not isinstance(port.shape[-1], int):
            raise UsageError(
                f"{model.name}: takes pictures of any size; expected a model that reads one digit"
            )
        self.input, self.side = port.name, port.shape[-1]
        self.layers = self._complete(drafts)

    def _complete(self, drafts: list[Layer]) -> tuple[Layer, ...]:
        """Add shapes and names, which takes one run with an empty picture."""
        values = self._run([draft.tensor for draft in drafts], self._empty_picture)
        # Tensors of other shapes are no layers, but single numbers on the way to one.
        layers = [draft for draft in drafts if _is_layer(values[draft.tensor])]
        shapes = {layer.tensor: values[layer.tensor].shape[1:] for layer in layers}
        shapes[self.input] = (1, self.side, self.side)
        return tuple(
            onnx_graph.name_layers(
                [
                    onnx_graph.complete_layer(layer, self._graph.graph, shapes, self._stored)
                    for layer in layers
                ]
            )
        )

    @property
    def _empty_picture(self) -> Float32[np.ndarray, "1 side side"]:
        return np.zeros((1, self.side, self.side), np.float32)

    def compute_activations(
        self, pixels: Float32[np.ndarray, "n side side"], layers: Sequence[Layer] = ()
    ) -> dict[str, Float32[np.ndarray, "n ..."]]:
        """Return the activations of the given layers, or of all, by the names of their tensors."""
        return self._run([layer.tensor for layer in layers or self.layers], pixels)

    def build_head(self, layer: Layer) -> Callable[[np.ndarray], np.ndarray]:
        """Return the network up to a layer: pictures (n, side, side) to activations.

        It needs memory for this layer only, not for all.
        """
        session = self._cut([self.input], layer.tensor)

        def head(pixels: np.ndarray) -> np.ndarray:
            return self._run([layer.tensor], pixels, session)[layer.tensor]

        return head

    def unit_weights(self, layer: Layer, number: int) -> UnitWeights | None:
        """Return the weights of a unit; None if its layer has none.

        Raises:
            UsageError: the layer has no unit of this number.
        """
        if not 0 <= number < layer.shape[0]:
            raise UsageError(
                f"{layer.name} has the units 0 to {layer.shape[0] - 1}; found {number}"
            )
        weight = self.layer_weights(layer)
        if weight is None:
            return None
        bias = 0.0
        if len(layer.weights) > 1:
            biases = self._stored(layer.weights[1]).ravel()
            bias = float(biases[number if biases.size > 1 else 0])  # all units may share one
        return UnitWeights(weight=weight[number], bias=bias * layer.scales[1])

    def layer_weights(self, layer: Layer) -> Float32[np.ndarray, "units ..."] | None:
        """Return the weights of all units of a layer; None if it has none."""
        if not layer.weights:
            return None
        weight = self._stored(layer.weights[0])
        if not layer.units_first:
            weight = weight.T
        scaled: np.ndarray = (weight * layer.scales[0]).astype(np.float32)
        return scaled

    def find_layer(self, name: str) -> Layer:
        """Return the layer with this name.

        Raises:
            UsageError: there is none.
        """
        for layer in self.layers:
            if layer.name == name:
                return layer
        raise UsageError(
            f"{self.model.name} has no layer {name!r}; it has"
            f" {', '.join(layer.name for layer in self.layers)}"
        )

    def build_tail(self, layer: Layer) -> Callable[[np.ndarray], np.ndarray] | None:
        """Return the network after a layer: activations (n, ...) to logits (n, classes).

        None if the picture also reaches the logits by a way around the layer.
        """
        logits = self._graph.graph.output[0].name
        if logits in onnx_graph.find_picture_tensors(self._graph.graph, past=layer.tensor):
            return None
        session = self._cut([layer.tensor, self.input], logits)
        if session is None:
            return None
        inputs = {port.name for port in session.get_inputs()}

        def tail(activations: np.ndarray) -> np.ndarray:
            # Some graphs use the shape of the picture, so an empty one is at hand.
            empty = np.zeros((len(activations), 1, self.side, self.side), np.float32)
            values = {layer.tensor: activations, self.input: empty}
            logits: np.ndarray = session.run(None, {name: values[name] for name in inputs})[0]
            return logits

        return tail

    def _cut(self, sources: list[str], tensor: str) -> Any:
        """Return a session for a part of the graph; None if it cannot be cut out."""
        import onnx

        try:
            model = onnx.load_model_from_string(self._graph.SerializeToString())
            if tensor not in {port.name for port in (*model.graph.value_info, *model.graph.output)}:
                model.graph.value_info.append(onnx.helper.make_empty_tensor_value_info(tensor))
            extractor = onnx.utils.Extractor(model)
            content = extractor.extract_model(sources, [tensor]).SerializeToString()
            return _session(content)
        except Exception:  # noqa: BLE001 - of several packages; each means: it cannot be cut
            return None

    @cached_property
    def _initializers(self) -> dict[str, Any]:
        return {tensor.name: tensor for tensor in self._graph.graph.initializer}

    def _stored(self, name: str) -> np.ndarray:
        """Return a weight; the session computes one that the graph makes of others."""
        import onnx

        if name in self._initializers:
            stored = onnx.numpy_helper.to_array(self._initializers[name])
            weight: np.ndarray = stored.astype(np.float32)
            return weight
        return self._run([name], self._empty_picture)[name]

    def _start_session(self, layers: list[Layer]) -> Any:
        """Return a session that also outputs all layers and the weights that are not stored."""
        import onnx

        graph = onnx.load_model_from_string(self._graph.SerializeToString())
        known = {tensor.name for tensor in (*graph.graph.output, *graph.graph.initializer)}
        required = {name for layer in layers for name in (layer.tensor, *layer.weights)}
        for name in sorted(required - known):
            graph.graph.output.append(onnx.helper.make_empty_tensor_value_info(name))
        try:
            return _session(graph.SerializeToString())
        except Exception as error:
            raise ModelError(
                f"{self.model.name}: cannot be run with its layers shown ({first_line(error)})"
            ) from error

    def _run(
        self, names: list[str], pixels: np.ndarray, session: Any = None
    ) -> dict[str, np.ndarray]:
        session = session or self._session
        try:
            outputs = session.run(names, {session.get_inputs()[0].name: pixels[:, None]})
        except Exception as error:
            raise ModelError(f"{self.model.name}: cannot be run ({first_line(error)})") from error
        return {
            name: values.astype(np.float32, copy=False)
            for name, values in zip(names, outputs, strict=True)
        }


def _session(content: bytes) -> Any:
    import onnxruntime

    # Without `enable_fallback=0` ONNX Runtime prints what fails and tries the same provider again.
    providers = ["CPUExecutionProvider"]
    return onnxruntime.InferenceSession(content, _options(), providers=providers, enable_fallback=0)


def _options() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 4  # errors are raised, so they need not be printed
    options.intra_op_num_threads = 1  # the server answers several requests at once
    options.enable_cpu_mem_arena = False  # which would keep memory for all layers
    return options


def _load_graph(model: Model) -> Any:
    try:
        import onnx
        import onnx.utils
    except ImportError as error:
        raise MissingExtra("explaining", "explain") from error
    try:
        return onnx.load_model_from_string(model.onnx)
    except Exception as error:  # onnx has no common base class of its errors
        raise ModelError(f"{model.name}: not an ONNX model ({first_line(error)})") from error


def _is_layer(values: np.ndarray) -> bool:
    return values.ndim in (2, 4) and len(values) > 0 and values[0].size > 1
