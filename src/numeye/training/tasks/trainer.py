"""The interface of a task: what training and export ask of it."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

from torch import nn

from numeye.errors import UsageError
from numeye.models.recipe import RunConfig
from numeye.models.task import Task
from numeye.training.loaders import Loaders
from numeye.training.onnx_export import Signature

PENDIGITS_LICENCE = "on pen trajectories of pendigits (Alpaydin, Alimoglu 1998), CC BY 4.0"
MNIST_LICENCE = "weights: Apache-2.0; trained on MNIST (LeCun, Cortes, Burges), CC BY-SA 3.0"
SYNTHETIC_LICENCE = (
    f"{MNIST_LICENCE}, and on pictures of fonts under the SIL Open Font License 1.1 and Apache-2.0"
)


class TaskTrainer(ABC):
    """How the networks of one task are trained and exported.

    Attributes:
        task: its name, and the shapes of the exported model.
        samples: what the network learns from, in the plural, for messages.
        validated: what the best epoch is chosen on, in the plural, for the card.
        loss: type of its loss function.
        example_shape: channels, height and width of a sample.
        output_shape: of what the network returns for one sample.
        signature: of the ONNX file.
        preprocessing: what the card says about the input, besides its size.
        licence: of weights that learned from MNIST.
        reads_single_digits: whether accuracy is measured on MNIST's test digits.
    """

    task: ClassVar[Task]
    samples: ClassVar[str]
    validated: ClassVar[str] = "digits"
    loss: ClassVar[type[nn.Module]]
    example_shape: ClassVar[tuple[int, int, int]]
    output_shape: ClassVar[tuple[int, ...]]
    signature: ClassVar[Signature]
    preprocessing: ClassVar[dict[str, Any]]
    licence: ClassVar[str] = SYNTHETIC_LICENCE
    reads_single_digits: ClassVar[bool] = True

    def card_data(self, config: RunConfig) -> dict[str, Any]:
        """Return what a card says about the data: its name, and the licence of the weights."""
        if config.data != "mnist":
            return {"data": Path(config.data).name, "licence": None}
        if config.recipe.pendigits:
            return {
                "data": "mnist, pendigits",
                "licence": f"{self.licence}, and {PENDIGITS_LICENCE}",
            }
        return {"data": "mnist", "licence": self.licence}

    @abstractmethod
    def make_loaders(
        self,
        config: RunConfig,
        cache: str | Path | None = None,
        progress: Callable[[str], object] = lambda _: None,
    ) -> Loaders:
        """Return the batches that a run trains and validates on.

        Args:
            config: of the run.
            cache: where MNIST, fonts and synthetic pictures are kept.
            progress: receives one line for each thing that takes time or is left out.

        Raises:
            UsageError: the task cannot learn from this data set.
        """

    @abstractmethod
    def export(
        self, model: nn.Module, loaders: Loaders, cache: str | Path | None = None
    ) -> tuple[bytes, dict[str, Any]]:
        """Return a network as ONNX, and the card's entries about its confidence.

        Args:
            model: in evaluation mode, on the CPU.
            loaders: of its run; only validation pictures are used.
            cache: where MNIST is kept.

        Raises:
            RunError: PyTorch and ONNX Runtime disagree.
        """


def require_mnist(config: RunConfig) -> None:
    """Check that a run learns from MNIST: synthetic pictures are made of its digits only.

    Raises:
        UsageError: it has another data set.
    """
    if config.data != "mnist":
        raise UsageError(
            f"--data {config.data}: {config.recipe.name} learns from synthetic pictures of MNIST's"
            " digits only; leave --data out, or choose another recipe"
        )
