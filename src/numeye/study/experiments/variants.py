"""Variants of `classic` with a part left out, and a network without any notion of space."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor, nn

from numeye.training.networks import Classic, register

if TYPE_CHECKING:
    from jaxtyping import Float


class Variant(Classic):
    """`classic` with parts left out or changed.

    Args:
        pooling: False for no pooling; the decision then sees 32 maps of 28x28, which takes 3
            million parameters more.
        strides: True to keep every second position of a map in place of pooling.
        relu: False for no ReLU.
        frozen: True to leave both convolutions at their first random weights.
        scale: factor by which the pixels, 0 to 1, are multiplied.
    """

    def __init__(
        self,
        *,
        pooling: bool = True,
        strides: bool = False,
        relu: bool = True,
        frozen: bool = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.scale = scale
        if strides:
            self.pool = nn.MaxPool2d(1, 2)  # a window of one position: every second one is kept
        elif not pooling:
            self.pool = nn.MaxPool2d(1, 1)
            self.fc1 = nn.Linear(32 * 28 * 28, 128)
        if not relu:
            self.add_module("relu", nn.Identity())
        if frozen:
            self.conv1.requires_grad_(False)
            self.conv2.requires_grad_(False)

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Return the logits of pictures with values 0 to 1."""
        return super().forward(images * self.scale)  # (N, 10)


class Perceptron(nn.Module):
    """A network with one hidden layer, in which every pixel is connected to every unit.

    Nothing in it knows which pixels are neighbours.
    """

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),  # (N, 784)
            nn.Linear(784, hidden),  # (N, hidden)
            nn.ReLU(),
            nn.Linear(hidden, 10),  # (N, 10)
        )

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Return the logits of pictures with values 0 to 1."""
        logits: Tensor = self.layers(images)
        return logits


_register = partial(register, listed=False)
_register("mlp")(partial(Perceptron, 260))  # 206,710 parameters; `classic` has 206,922
_register("classic-no-convolution")(partial(Perceptron, 128))  # the decision of `classic` alone
_register("classic-no-pooling")(partial(Variant, pooling=False))
_register("classic-strides")(partial(Variant, strides=True))
_register("classic-no-relu")(partial(Variant, relu=False))
_register("classic-frozen")(partial(Variant, frozen=True))
_register("classic-bytes")(partial(Variant, scale=255.0))
