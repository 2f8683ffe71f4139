"""Networks with something of `classic` left out, and one that knows nothing of space."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from torch import Tensor, nn

from numeye.training.models import Classic, register

if TYPE_CHECKING:
    from jaxtyping import Float


class Variant(Classic):
    """`classic` with parts left out or changed.

    Args:
        pooling: False: nothing is pooled, and the decision sees 32 maps of 28x28. 3 million parameters more.
        strides: True: in place of pooling, every second place of a map is looked at.
        active: False: without ReLU.
        frozen: True: both convolutions stay the random ones they began as.
        scale: by which the pixels, 0 to 1, are multiplied.
    """

    def __init__(
        self,
        *,
        pooling: bool = True,
        strides: bool = False,
        active: bool = True,
        frozen: bool = False,
        scale: float = 1.0,
    ) -> None:
        super().__init__()
        self.scale = scale
        if strides:
            self.pool = nn.MaxPool2d(1, 2)  # of one place, every second one
        elif not pooling:
            self.pool = nn.MaxPool2d(1, 1)
            self.fc1 = nn.Linear(32 * 28 * 28, 128)
        if not active:
            self.add_module("relu", nn.Identity())
        if frozen:
            self.conv1.requires_grad_(False)
            self.conv2.requires_grad_(False)

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Logits of pictures with values 0 to 1."""
        return super().forward(images * self.scale)  # (N, 10)


class Perceptron(nn.Module):
    """Every pixel to every unit of one hidden layer: nothing in it knows which pixels lie side by side."""

    def __init__(self, hidden: int) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Flatten(),  # (N, 784)
            nn.Linear(784, hidden),  # (N, hidden)
            nn.ReLU(),
            nn.Linear(hidden, 10),  # (N, 10)
        )

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Logits of pictures with values 0 to 1."""
        logits: Tensor = self.layers(images)
        return logits


_known = partial(register, listed=False)
_known("mlp")(partial(Perceptron, 260))  # 206,710 parameters; `classic` has 206,922
_known("classic-no-convolution")(partial(Perceptron, 128))  # the decision of `classic` alone
_known("classic-no-pooling")(partial(Variant, pooling=False))
_known("classic-strides")(partial(Variant, strides=True))
_known("classic-no-relu")(partial(Variant, active=False))
_known("classic-frozen")(partial(Variant, frozen=True))
_known("classic-bytes")(partial(Variant, scale=255.0))
