"""Every architecture, registered by name.

A network here takes pictures of shape (N, 1, H, W) with values 0 to 1 and returns logits of shape (N, 10): ten
numbers a picture, the higher the more it looks like that digit. Softmax makes probabilities of them; the loss does
that on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from torch import Tensor, nn

from numeye.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import Float

_MODELS: dict[str, Callable[[], nn.Module]] = {}


def register(name: str) -> Callable[[type[nn.Module]], type[nn.Module]]:
    """Make a network known by a name, for recipes and `create_model`."""

    def add(model: type[nn.Module]) -> type[nn.Module]:
        _MODELS[name] = model
        return model

    return add


def list_models() -> list[str]:
    """The names of all architectures."""
    return sorted(_MODELS)


def create_model(name: str) -> nn.Module:
    """A network with fresh random weights, drawn from torch's global generator.

    Raises:
        UsageError: there is none of that name.
    """
    if name not in _MODELS:
        raise UsageError(f"no network {name!r}; there are {', '.join(list_models())}")
    return _MODELS[name]()


def count_parameters(model: nn.Module) -> int:
    """How many numbers training adjusts."""
    return sum(parameter.numel() for parameter in model.parameters())


@register("classic")
class Classic(nn.Module):
    """The network of the textbook: eyes, focus, decision. 206,922 parameters.

    The eyes (convolution) look for the same small pattern everywhere; the focus (pooling) keeps where it was seen
    best and forgets the exact pixel; the decision (fully connected) weighs all that was seen.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)  # 16 patterns of 3x3 pixels: edges
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)  # 32 patterns of edges: corners, curves
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2, 2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Logits of pictures with values 0 to 1."""
        x = images  # (N, 1, 28, 28)
        x = self.pool(self.relu(self.conv1(x)))  # (N, 16, 14, 14)
        x = self.pool(self.relu(self.conv2(x)))  # (N, 32, 7, 7)
        x = self.flatten(x)  # (N, 1568)
        x = self.relu(self.fc1(x))  # (N, 128)
        logits: Tensor = self.fc2(x)  # (N, 10)
        return logits
