"""Every architecture, registered by name.

A network here takes pictures of shape (N, 1, H, W) with values 0 to 1 and returns logits, of shape (N, 10) where it
reads one digit and no more: ten numbers a picture, the higher the more it looks like that digit. Softmax makes
probabilities of them; the loss does that on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from numeye.errors import UsageError

if TYPE_CHECKING:
    from jaxtyping import Float

_MODELS: dict[str, Callable[[], nn.Module]] = {}
_LISTED: set[str] = set()


Make = TypeVar("Make", bound=Callable[[], nn.Module])


def register(name: str, *, listed: bool = True) -> Callable[[Make], Make]:
    """Make a network known by a name, for recipes and `create_model`: its class, or what else makes it.

    Args:
        name: of it.
        listed: False for one that is there for a study and offered to nobody.
    """

    def add(make: Make) -> Make:
        _MODELS[name] = make
        if listed:
            _LISTED.add(name)
        return make

    return add


def list_models() -> list[str]:
    """The names of all architectures that are offered."""
    return sorted(_LISTED)


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


@register("reader")
class Reader(nn.Module):
    """The network that reads in the world: ten digits and "no digit", and where the digit is. 838 thousand parameters.

    A residual network (He et al. 2015, https://arxiv.org/abs/1512.03385) over raw pixels. Returns (N, 15): eleven
    logits, the last for "no digit", then the box as fractions of the picture: centre x, centre y, width, height.
    """

    classes = 11

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(1, 24)  # (N, 24, 40, 40): edges
        self.down1 = _convolution(24, 48, stride=2)  # (N, 48, 20, 20): bends, ends, crossings
        self.down2 = nn.Sequential(_convolution(48, 96, stride=2), Residual(96))  # (N, 96, 10, 10): strokes, loops
        self.down3 = nn.Sequential(_convolution(96, 160, stride=2), Residual(160))  # (N, 160, 5, 5): digits
        self.digit = nn.Linear(2 * 160, 11)
        self.box = nn.Linear(160 * 5 * 5, 4)
        nn.init.constant_(self.box.bias, 0.5)

    def forward(self, images: Float[Tensor, "n 1 40 40"]) -> Float[Tensor, "n 15"]:
        """Logits and boxes of pictures with values 0 to 1, of any contrast and polarity."""
        x = standardise(images)  # (N, 1, 40, 40)
        x = self.down3(self.down2(self.down1(self.stem(x))))  # (N, 160, 5, 5)
        seen = torch.cat([x.amax(dim=(2, 3)), x.mean(dim=(2, 3))], dim=1)  # (N, 320): best seen, and seen on average
        return torch.cat([self.digit(seen), self.box(x.flatten(1))], dim=1)  # (N, 15)


@register("spotter")
class Spotter(nn.Module):
    """The network that finds every digit of a page at once, however many there are. 1.2 million parameters.

    Fully convolutional: it takes pictures of any size (sides multiples of 16) and gives a map of 15 numbers for each
    4x4 pixels: how likely a digit's middle is there (a logit), which digit (ten logits), and its box (see
    `numeye.locate`). Sight widens on the way down to a sixteenth of the resolution, and what was understood there is
    handed back up to where the strokes are (U-Net, Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597).
    """

    def __init__(self) -> None:
        super().__init__()
        # On the way down. (N, 48, H/4, W/4): edges, then strokes and joins
        self.fine = nn.Sequential(_convolution(1, 16, stride=2), _convolution(16, 48, stride=2), Residual(48))
        # (N, 96, H/8, W/8): loops, bends, halves of digits
        self.middle = nn.Sequential(_convolution(48, 96, stride=2), Residual(96))
        # (N, 112, H/16, W/16): digits and their neighbours
        self.wide = nn.Sequential(_convolution(96, 112, stride=2), Residual(112), Residual(112))
        # And up again
        self.widened = nn.Conv2d(112, 96, 1)
        self.join_middle = nn.Sequential(Residual(96), Residual(96))
        self.refined = nn.Conv2d(96, 48, 1)
        self.join_fine = Residual(48)
        self.head = nn.Conv2d(48, 15, 1)
        bias = torch.zeros(15)
        bias[0] = -3.0  # most places are no digit's middle
        self.head.bias = nn.Parameter(bias)

    def forward(self, images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 15 h/4 w/4"]:
        """Maps of pictures with values 0 to 1, of any contrast and polarity."""
        x = standardise_locally(images)  # (N, 1, H, W)
        fine = self.fine(x)  # (N, 48, H/4, W/4)
        middle = self.middle(fine)  # (N, 96, H/8, W/8)
        wide = self.wide(middle)  # (N, 112, H/16, W/16)
        middle = self.join_middle(nn.functional.relu(middle + _doubled(self.widened(wide))))  # (N, 96, H/8, W/8)
        fine = self.join_fine(nn.functional.relu(fine + _doubled(self.refined(middle))))  # (N, 48, H/4, W/4)
        maps: Tensor = self.head(fine)  # (N, 15, H/4, W/4)
        return maps


def standardise_locally(images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Mean 0 and deviation 1 in the 100 pixels around each place, so that a shadow on a page makes no difference."""
    images = images - images.mean(dim=(2, 3), keepdim=True)  # near 0, squares lose no digits to rounding
    small = nn.functional.avg_pool2d(images, 4)  # (N, 1, H/4, W/4)
    square = nn.functional.avg_pool2d(images.square(), 4)
    mean, square = (nn.functional.avg_pool2d(m, 25, 1, 12, count_include_pad=False) for m in (small, square))
    deviation = (square - mean.square()).clamp(min=0).sqrt() + 0.02
    return (images - _doubled(_doubled(mean))) / _doubled(_doubled(deviation))


def _doubled(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def standardise(images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Mean 0, deviation 1, and ink up: ink is the rarer of the two, so the tail of the greys points to it."""
    centred = images - images.mean(dim=(2, 3), keepdim=True)
    scaled = centred / (centred.square().mean(dim=(2, 3), keepdim=True).sqrt() + 0.01)
    tail = scaled.pow(3).mean(dim=(2, 3), keepdim=True)
    return torch.where(tail < 0, -scaled, scaled)


class Residual(nn.Module):
    """Two convolutions that add to what came in."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = _convolution(channels, channels, active=False)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """The same shape."""
        return nn.functional.relu(x + self.second(self.first(x)))


def _convolution(before: int, after: int, *, stride: int = 1, active: bool = True) -> nn.Sequential:
    layers = [nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False), nn.BatchNorm2d(after)]
    return nn.Sequential(*layers, *([nn.ReLU()] if active else []))
