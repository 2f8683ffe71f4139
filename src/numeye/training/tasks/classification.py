"""Classification: which digit is in a 28x28 frame."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import nn

from numeye.evaluation.metrics import fit_temperature
from numeye.models.recipe import RunConfig
from numeye.models.task import CLASSIFICATION
from numeye.training.loaders import Loaders, digit_loaders
from numeye.training.losses import ClassificationLoss
from numeye.training.onnx_export import Signature, export_checked
from numeye.training.tasks.trainer import MNIST_LICENCE, TaskTrainer


class ClassificationTrainer(TaskTrainer):
    """Trains networks that classify framed digits; the card gets a temperature."""

    task = CLASSIFICATION
    samples = "digits"
    loss = ClassificationLoss
    example_shape = (1, 28, 28)
    output_shape = (10,)
    signature = Signature(outputs=("logits",))
    preprocessing: ClassVar[dict[str, Any]] = {
        "size": [28, 28],
        "range": [0, 1],
        "polarity": "light on dark",
    }
    licence = MNIST_LICENCE

    def make_loaders(
        self,
        config: RunConfig,
        cache: str | Path | None = None,
        progress: Callable[[str], object] = lambda _: None,
    ) -> Loaders:
        """Return batches of framed digits, of MNIST or of a data folder."""
        return digit_loaders(config.data, config.recipe.batch_size, cache, progress)

    def export(
        self, model: nn.Module, loaders: Loaders, cache: str | Path | None = None
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the ONNX file and the temperature that fits the validation digits."""
        images, labels = (torch.cat(parts) for parts in zip(*loaders.validation, strict=True))
        graph, logits = export_checked(model, images, self.signature)
        return graph, {"temperature": safe_temperature(logits, labels.numpy()[: len(logits)])}


def safe_temperature(logits: np.ndarray, labels: np.ndarray) -> float:
    """Return the temperature that fits; at least 1 if all answers are correct.

    Without a single error the digits cannot tell how confident the network may be. Then its
    confidence is not raised.

    Args:
        logits: (N, 10).
        labels: (N,).
    """
    temperature = fit_temperature(logits, labels)
    has_errors = (logits.argmax(axis=1) != labels).any()
    return temperature if has_errors else max(1.0, temperature)
