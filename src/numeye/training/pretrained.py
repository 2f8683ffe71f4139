"""Starts a training from the weights of a packaged model.

An exported graph has its batch normalizations folded into the convolutions, and perhaps weights in
8 bits. So weights are converted back to floating point, and each normalization gets the mean and
the deviation that its convolution has on some batches, with the scale and shift that undo them:
before the first step, the network gives the answers of the packaged one.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

import numpy as np
import onnx
import torch
from onnx import numpy_helper
from torch import Tensor, nn

from numeye.errors import RunError
from numeye.models import registry
from numeye.models.characters import NO_CHARACTER

if TYPE_CHECKING:
    from jaxtyping import Float32

BIAS_SUFFIX = "_bias"  # of a bias that batch normalization left in a weight's graph
STATISTICS_BATCHES = 8
BOX_CHANNELS = 4  # the last ones of a detector's maps


def describe_pretrained(name: str) -> dict[str, Any]:
    """Return what a card says about the first weights: whose they are, and how they were trained.

    Args:
        name: of the packaged model.
    """
    card = registry.load(name).card
    keys = ("sha256", "recipe", "epochs", "data", "pretrained", "trained")
    return {"name": name, **{key: card[key] for key in keys if key in card}}


def load_pretrained(model: nn.Module, name: str, batches: Iterable[Tensor]) -> None:
    """Set the weights of a network to those of a packaged model.

    Classes that the packaged model does not know keep their random first weights.

    Args:
        model: the network, of the same architecture.
        name: of the packaged model.
        batches: pictures (B, 1, H, W), to measure means and deviations.

    Raises:
        RunError: the packaged model has another architecture.
    """
    arrays = _read_arrays(registry.load(name).onnx)
    modules = list(model.named_modules())
    normalizations = dict[str, nn.BatchNorm2d]()
    with torch.no_grad():
        for index, (path, module) in enumerate(modules):
            if not isinstance(module, nn.Conv2d):
                continue
            follower = modules[index + 1][1] if index + 1 < len(modules) else None
            weight, bias = _parameters(arrays, path, name)
            if weight.shape != module.weight.shape:
                weight, bias = _spread_classes(module, weight, bias, name)
            module.weight.copy_(torch.from_numpy(weight))
            if isinstance(follower, nn.BatchNorm2d):
                follower.bias.copy_(torch.from_numpy(bias))
                normalizations[path] = follower
            elif module.bias is not None:
                module.bias.copy_(torch.from_numpy(bias))
        _measure_statistics(model, normalizations, batches)


def _read_arrays(graph: bytes) -> dict[str, Float32[np.ndarray, ...]]:
    """Return all weights of a graph in floating point, by their names in the network."""
    stored = {
        tensor.name: numpy_helper.to_array(tensor)
        for tensor in onnx.load_from_string(graph).graph.initializer
    }
    arrays = {}
    for name, array in stored.items():
        base = name.removesuffix("_quantized")
        if base != name:
            scales = stored.get(f"{name}_scale", stored.get(f"{base}_scale"))
            scale = np.asarray(scales).reshape(-1, *[1] * (array.ndim - 1))
            arrays[base] = (array * scale).astype(np.float32)
        elif array.dtype == np.float32:
            arrays[base] = array
    return arrays


def _parameters(
    arrays: dict[str, Float32[np.ndarray, ...]], path: str, name: str
) -> tuple[Float32[np.ndarray, "o i h w"], Float32[np.ndarray, " o"]]:
    weight = arrays.get(f"{path}.weight")
    bias = arrays.get(f"{path}.weight{BIAS_SUFFIX}", arrays.get(f"{path}.bias"))
    if weight is None or bias is None:
        raise RunError(f"pretrained {name}: it has no layer {path}; choose another model")
    return np.array(weight, np.float32), np.array(bias, np.float32)


def _spread_classes(
    layer: nn.Conv2d,
    weight: Float32[np.ndarray, "k i h w"],
    bias: Float32[np.ndarray, " k"],
    name: str,
) -> tuple[Float32[np.ndarray, "o i h w"], Float32[np.ndarray, " o"]]:
    """Return the last layer with room for the classes that are new."""
    known = len(weight) - BOX_CHANNELS
    if layer.bias is None or known > 1 + NO_CHARACTER or weight.shape[1:] != layer.weight.shape[1:]:
        raise RunError(f"pretrained {name}: it has other layers; choose another model")
    wide, wide_bias = layer.weight.detach().numpy().copy(), layer.bias.detach().numpy().copy()
    wide[:known], wide_bias[:known] = weight[:known], bias[:known]
    wide[-BOX_CHANNELS:], wide_bias[-BOX_CHANNELS:] = weight[known:], bias[known:]
    return wide, wide_bias


def _measure_statistics(
    model: nn.Module, normalizations: dict[str, nn.BatchNorm2d], batches: Iterable[Tensor]
) -> None:
    """Give each normalization the statistics of its inputs, without changing its outputs.

    It must have scale 1, mean 0 and variance 1 before.
    """
    sums = {path: [torch.zeros(layer.num_features)] * 2 for path, layer in normalizations.items()}
    counts = dict.fromkeys(normalizations, 0)
    handles = []
    for path, layer in normalizations.items():

        def add(_: nn.Module, inputs: tuple[Tensor, ...], __: Tensor, path: str = path) -> None:
            x = inputs[0]
            sums[path] = [
                total + (x**power).sum(dim=(0, 2, 3))
                for total, power in zip(sums[path], (1, 2), strict=True)
            ]
            counts[path] += x.numel() // x.shape[1]

        handles.append(layer.register_forward_hook(add))
    model.eval()
    for images in batches:
        model(images)
    model.train()
    for handle in handles:
        handle.remove()
    for path, layer in normalizations.items():
        mean = sums[path][0] / counts[path]
        variance = sums[path][1] / counts[path] - mean**2
        deviation = (variance + layer.eps).sqrt()
        # The weights before were of a normalization with mean 0 and variance 1.
        exact = (1.0 + layer.eps) ** -0.5
        layer.weight.copy_(deviation * exact)
        layer.bias.add_(mean * exact)
        layer.get_buffer("running_mean").copy_(mean)
        layer.get_buffer("running_var").copy_(variance)
