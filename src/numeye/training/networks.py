"""The architectures, registered by name.

A network takes pictures of shape (N, 1, H, W) with values 0 to 1. One that classifies returns
logits of shape (N, 10): for each picture ten numbers, and the higher a number, the more the picture
looks like that digit. Softmax turns logits into probabilities; the loss does that on its own.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

import torch
from torch import Tensor, nn

from numeye.errors import UsageError
from numeye.models.characters import NO_CHARACTER

if TYPE_CHECKING:
    from jaxtyping import Float

_MODELS: dict[str, Callable[[], nn.Module]] = {}
_LISTED: set[str] = set()

# Of the maps: objectness, class logits, x and y of the centre, width and height.
DETECTOR_CHANNELS = 1 + NO_CHARACTER + 4
LINE_CLASSES = NO_CHARACTER + 1  # all characters, and the blank of CTC

Factory = TypeVar("Factory", bound=Callable[[], nn.Module])


def register(name: str, *, listed: bool = True) -> Callable[[Factory], Factory]:
    """Register a network, by its class or another factory, for recipes and `create_model`.

    Args:
        name: of the network.
        listed: False for a network of a study, which `list_models` does not offer.
    """

    def add(factory: Factory) -> Factory:
        _MODELS[name] = factory
        if listed:
            _LISTED.add(name)
        return factory

    return add


def list_models() -> list[str]:
    """Return the names of all listed architectures."""
    return sorted(_LISTED)


def create_model(name: str) -> nn.Module:
    """Return a network with new random weights, drawn from torch's global generator.

    Raises:
        UsageError: there is no network of this name.
    """
    if name not in _MODELS:
        raise UsageError(f"no network {name!r}; expected one of {', '.join(list_models())}")
    return _MODELS[name]()


def count_parameters(model: nn.Module) -> int:
    """Return the number of parameters: the numbers that training changes."""
    return sum(parameter.numel() for parameter in model.parameters())


@register("classic")
class Classic(nn.Module):
    """The textbook's network: eyes, focus, decision. 206,922 parameters.

    The eyes (convolution) look for the same small pattern everywhere. The focus (pooling) keeps
    where a pattern is strongest and forgets the exact pixel. The decision (fully connected) weighs
    all patterns.
    """

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=3, padding=1)  # 16 patterns of 3x3 pixels: edges
        # 32 patterns of edges: corners, curves
        self.conv2 = nn.Conv2d(16, 32, kernel_size=3, padding=1)
        self.relu = nn.ReLU()
        self.pool = nn.MaxPool2d(2, 2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(32 * 7 * 7, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, images: Float[Tensor, "n 1 28 28"]) -> Float[Tensor, "n 10"]:
        """Return the logits of pictures with values 0 to 1."""
        x = images  # (N, 1, 28, 28)
        x = self.pool(self.relu(self.conv1(x)))  # (N, 16, 14, 14)
        x = self.pool(self.relu(self.conv2(x)))  # (N, 32, 7, 7)
        x = self.flatten(x)  # (N, 1568)
        x = self.relu(self.fc1(x))  # (N, 128)
        logits: Tensor = self.fc2(x)  # (N, 10)
        return logits


@register("recognizer")
class Recognizer(nn.Module):
    """A residual network that finds one digit and reads it. 838 thousand parameters.

    It works on raw pixels (He et al. 2015, https://arxiv.org/abs/1512.03385) and returns (N, 15):
    ten logits for the digits and one for "no digit", then the box as shares of the picture: centre
    x, centre y, width, height.
    """

    classes = 11

    def __init__(self) -> None:
        super().__init__()
        self.stem = _convolution(1, 24)  # (N, 24, 40, 40): edges
        self.down1 = _convolution(24, 48, stride=2)  # (N, 48, 20, 20): bends, ends, crossings
        # (N, 96, 10, 10): strokes, loops
        self.down2 = nn.Sequential(_convolution(48, 96, stride=2), Residual(96))
        # (N, 160, 5, 5): digits
        self.down3 = nn.Sequential(_convolution(96, 160, stride=2), Residual(160))
        self.digit = nn.Linear(2 * 160, 11)
        self.box = nn.Linear(160 * 5 * 5, 4)
        nn.init.constant_(self.box.bias, 0.5)

    def forward(self, images: Float[Tensor, "n 1 40 40"]) -> Float[Tensor, "n 15"]:
        """Return logits and boxes of pictures with values 0 to 1, of any contrast and polarity."""
        x = standardise(images)  # (N, 1, 40, 40)
        x = self.down3(self.down2(self.down1(self.stem(x))))  # (N, 160, 5, 5)
        # (N, 320): each map's maximum and mean
        features = torch.cat([x.amax(dim=(2, 3)), x.mean(dim=(2, 3))], dim=1)
        return torch.cat([self.digit(features), self.box(x.flatten(1))], dim=1)  # (N, 15)


@register("detector")
class Detector(nn.Module):
    """A fully convolutional network that finds all characters of a page. 1.2 million parameters.

    It takes pictures of any size whose sides are multiples of 16. For each 4x4 pixels it returns 33
    numbers: objectness (the logit of the centre of a character), 28 class logits, and the box (see
    `numeye.recognition.detector`). On the way down to a sixteenth of the resolution each cell sees
    a wider part of the page. The way up brings this context back to the fine strokes (U-Net,
    Ronneberger et al. 2015, https://arxiv.org/abs/1505.04597).
    """

    def __init__(self) -> None:
        super().__init__()
        # Down. (N, 48, H/4, W/4): edges, then strokes and joins
        self.fine = nn.Sequential(
            _convolution(1, 16, stride=2), _convolution(16, 48, stride=2), Residual(48)
        )
        # (N, 96, H/8, W/8): loops, bends, halves of digits
        self.middle = nn.Sequential(_convolution(48, 96, stride=2), Residual(96))
        # (N, 112, H/16, W/16): digits and their neighbours
        self.wide = nn.Sequential(_convolution(96, 112, stride=2), Residual(112), Residual(112))
        # Up.
        self.widened = nn.Conv2d(112, 96, 1)
        self.join_middle = nn.Sequential(Residual(96), Residual(96))
        self.refined = nn.Conv2d(96, 48, 1)
        self.join_fine = Residual(48)
        self.head = nn.Conv2d(48, DETECTOR_CHANNELS, 1)
        bias = torch.zeros(DETECTOR_CHANNELS)
        bias[0] = -3.0  # most cells hold no centre of a character
        self.head.bias = nn.Parameter(bias)

    def forward(self, images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 33 h/4 w/4"]:
        """Return the maps of pictures with values 0 to 1, of any contrast and polarity."""
        x = standardise_locally(images)  # (N, 1, H, W)
        fine = self.fine(x)  # (N, 48, H/4, W/4)
        middle = self.middle(fine)  # (N, 96, H/8, W/8)
        wide = self.wide(middle)  # (N, 112, H/16, W/16)
        # (N, 96, H/8, W/8)
        middle = self.join_middle(nn.functional.relu(middle + _upsample(self.widened(wide))))
        # (N, 48, H/4, W/4)
        fine = self.join_fine(nn.functional.relu(fine + _upsample(self.refined(middle))))
        maps: Tensor = self.head(fine)  # (N, 33, H/4, W/4)
        return maps


@register("transcription")
class LineRecognizer(nn.Module):
    """A convolutional and recurrent network that reads a number as a whole. 468 thousand weights.

    It takes a picture of one number, 32 pixels high and a multiple of 4 pixels wide. Convolutions
    shrink it to a row of columns, one for four pixels across; a recurrent layer then sees each
    column together with all others, from both sides (CRNN, Shi et al. 2015,
    https://arxiv.org/abs/1507.05717). A column returns 28 class logits and one for the blank of
    CTC (Graves et al. 2006, https://doi.org/10.1145/1143844.1143891): no new character.
    """

    columns, hidden = 128, 128  # numbers of features of a column, and of the layer each way

    def __init__(self) -> None:
        super().__init__()
        self.fine = nn.Sequential(
            _convolution(1, 16, stride=2),  # (N, 16, 16, W/2): edges
            _convolution(16, 32, stride=2),  # (N, 32, 8, W/4): strokes
            Residual(32),
        )
        self.middle = nn.Sequential(  # (N, 64, 4, W/4): loops, bends
            _convolution(32, 64, stride=(2, 1)), Residual(64)
        )
        self.wide = _convolution(64, 96, stride=(2, 1))  # (N, 96, 2, W/4): halves of digits
        self.flatten = nn.Sequential(  # (N, 128, 1, W/4): digits
            nn.Conv2d(96, self.columns, (2, 1), bias=False), nn.BatchNorm2d(self.columns), nn.ReLU()
        )
        self.sequence = nn.LSTM(self.columns, self.hidden, batch_first=True, bidirectional=True)
        self.dropout = nn.Dropout(0.1)
        self.head = nn.Linear(2 * self.hidden, LINE_CLASSES)

    def forward(self, images: Float[Tensor, "n 1 32 w"]) -> Float[Tensor, "n w/4 29"]:
        """Return the logits of the columns of pictures with values 0 to 1, of any polarity."""
        x = standardise(images)  # (N, 1, 32, W)
        x = self.flatten(self.wide(self.middle(self.fine(x))))  # (N, 128, 1, W/4)
        x, _ = self.sequence(x[:, :, 0].transpose(1, 2))  # (N, W/4, 256)
        logits: Tensor = self.head(self.dropout(x))  # (N, W/4, 29)
        return logits


def standardise_locally(images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Scale to mean 0 and standard deviation 1 around each pixel, so that shadows do not matter.

    The neighbourhood is 100 pixels wide and high.
    """
    # Near 0, squares keep their precision.
    images = images - images.mean(dim=(2, 3), keepdim=True)
    small = nn.functional.avg_pool2d(images, 4)  # (N, 1, H/4, W/4)
    square = nn.functional.avg_pool2d(images.square(), 4)
    mean, square = (
        nn.functional.avg_pool2d(m, 25, 1, 12, count_include_pad=False) for m in (small, square)
    )
    deviation = (square - mean.square()).clamp(min=0).sqrt() + 0.02
    return (images - _upsample(_upsample(mean))) / _upsample(_upsample(deviation))


def _upsample(x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c 2*h 2*w"]:
    return nn.functional.interpolate(x, scale_factor=2.0, mode="nearest")


def standardise(images: Float[Tensor, "n 1 h w"]) -> Float[Tensor, "n 1 h w"]:
    """Scale each picture to mean 0 and standard deviation 1, with strokes lighter than paper.

    Strokes cover less than paper does, so the longer tail of the grey levels belongs to them.
    """
    centred = images - images.mean(dim=(2, 3), keepdim=True)
    scaled = centred / (centred.square().mean(dim=(2, 3), keepdim=True).sqrt() + 0.01)
    tail = scaled.pow(3).mean(dim=(2, 3), keepdim=True)
    return torch.where(tail < 0, -scaled, scaled)


class Residual(nn.Module):
    """Two convolutions whose result is added to their input."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.first = _convolution(channels, channels)
        self.second = _convolution(channels, channels, active=False)

    def forward(self, x: Float[Tensor, "n c h w"]) -> Float[Tensor, "n c h w"]:
        """Return maps of the same shape."""
        return nn.functional.relu(x + self.second(self.first(x)))


def _convolution(
    before: int, after: int, *, stride: int | tuple[int, int] = 1, active: bool = True
) -> nn.Sequential:
    layers = [
        nn.Conv2d(before, after, 3, stride=stride, padding=1, bias=False),
        nn.BatchNorm2d(after),
    ]
    return nn.Sequential(*layers, *([nn.ReLU()] if active else []))
