"""Localization: find the digit in a crop and read it, or say that there is none."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import nn

from numeye.io.datasets import open_data, validation_name
from numeye.models.recipe import RunConfig
from numeye.models.task import LOCALIZATION
from numeye.training.calibration import calibrate_digits
from numeye.training.loaders import Loaders
from numeye.training.losses import LocalizationLoss
from numeye.training.onnx_export import Signature, export_checked
from numeye.training.synthetic.disk_cache import open_pool, open_tiles
from numeye.training.synthetic.specs import PoolSpec, TileSpec
from numeye.training.tasks.crop_samples import CropSamples
from numeye.training.tasks.cropping import CROP_SIDE_PX
from numeye.training.tasks.trainer import TaskTrainer, require_mnist

VALIDATION_CROPS, CALIBRATION_CROPS = 20_000, 40_000
# Seeds of the two series. Crops without a digit are the same where series and number are the same.
CALIBRATION_SERIES, VALIDATION_SERIES = 1, 2
VALIDATION_BATCH_SIZE = 500


class LocalizationTrainer(TaskTrainer):
    """Trains networks that find and read one digit, on crops of synthetic paper."""

    task = LOCALIZATION
    samples = "crops"
    loss = LocalizationLoss
    example_shape = (1, CROP_SIDE_PX, CROP_SIDE_PX)
    output_shape = (15,)
    signature = Signature(outputs=("logits", "boxes"), split=11)
    preprocessing: ClassVar[dict[str, Any]] = {
        "size": [CROP_SIDE_PX, CROP_SIDE_PX],
        "range": [0, 1],
        "polarity": "any",
    }

    def make_loaders(
        self,
        config: RunConfig,
        cache: str | Path | None = None,
        progress: Callable[[str], object] = lambda _: None,
    ) -> Loaders:
        """Return batches of crops: the recipe's to train on, 20,000 to validate on.

        Families of effects that the recipe leaves out are left out of the training crops only. Its
        text lines, too, are for training only.
        """
        require_mnist(config)
        recipe = config.recipe
        writers, pendigits = recipe.splits_writers, recipe.pendigits
        fit = PoolSpec(
            split="fit", writers=writers, pendigits=pendigits, without=tuple(recipe.without)
        )
        validation = PoolSpec(split="validation", writers=writers, seed=VALIDATION_SERIES)
        calibration = PoolSpec(split="validation", writers=writers, seed=CALIBRATION_SERIES)
        training_crops = open_pool(fit, recipe.paper, cache, progress=progress)
        validation_crops = open_pool(validation, VALIDATION_CROPS, cache, progress=progress)
        calibration_crops = open_pool(calibration, CALIBRATION_CROPS, cache, progress=progress)
        lines = None
        if recipe.lines:
            line_spec = TileSpec(split="fit", writers=writers, pendigits=pendigits)
            lines = open_tiles(line_spec, recipe.lines, cache, progress=progress)
        generator = torch.Generator()
        return Loaders(
            train=CropSamples(training_crops, recipe.batch_size, generator, lines),
            validation=CropSamples(validation_crops, VALIDATION_BATCH_SIZE),
            generator=generator,
            calibration=calibration_crops,
            writers=writers,
        )

    def export(
        self, model: nn.Module, loaders: Loaders, cache: str | Path | None = None
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the ONNX file and its calibration on crops of validation digits."""
        images = torch.cat([images for images, _ in loaders.validation])
        graph, _ = export_checked(model, images, self.signature)
        crops: Any = loaders.calibration or loaders.validation.dataset
        plain = open_data(validation_name(writers=loaders.writers), cache=cache)
        return graph, calibrate_digits.calibrate(graph, crops, plain)
