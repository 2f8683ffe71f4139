"""Detection: find all digits of a page."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from numeye.errors import RunError
from numeye.models.recipe import RunConfig
from numeye.models.task import DETECTION
from numeye.training.calibration import calibrate_numbers
from numeye.training.loaders import Loaders
from numeye.training.losses import DetectionLoss
from numeye.training.networks import DETECTOR_CHANNELS
from numeye.training.onnx_export import Signature, export_checked
from numeye.training.quantization import quantize
from numeye.training.synthetic.disk_cache import open_tiles
from numeye.training.synthetic.generators import make_page_generator
from numeye.training.synthetic.specs import TileSpec
from numeye.training.tasks.tile_samples import SAMPLE_SIDE_PX, TileSamples
from numeye.training.tasks.trainer import TaskTrainer, require_mnist

VALIDATION_TILES, VALIDATION_SERIES = 2_000, 1
VALIDATION_BATCH_SIZE = 100
PARITY_BATCHES = 5
QUANTIZATION_TILES = 100  # they give the range of each layer's outputs
MAX_LOST_PERCENT = 1.0  # of the validation tiles that 8 bits may read wrong in addition


class DetectionTrainer(TaskTrainer):
    """Trains networks that find all digits, on tiles of synthetic pages; exports 8-bit weights."""

    task = DETECTION
    samples = validated = "tiles"
    loss = DetectionLoss
    example_shape = (1, SAMPLE_SIDE_PX, SAMPLE_SIDE_PX)
    output_shape = (DETECTOR_CHANNELS, SAMPLE_SIDE_PX // 4, SAMPLE_SIDE_PX // 4)
    signature = Signature(outputs=("maps",), side_multiple=16)
    preprocessing: ClassVar[dict[str, Any]] = {"range": [0, 1], "polarity": "any"}
    reads_single_digits = False

    def make_loaders(
        self,
        config: RunConfig,
        cache: str | Path | None = None,
        progress: Callable[[str], object] = lambda _: None,
    ) -> Loaders:
        """Return batches of tiles: the recipe's to train on, 2,000 to validate on."""
        require_mnist(config)
        recipe = config.recipe
        writers = recipe.splits_writers
        fit = TileSpec(split="fit", writers=writers, pendigits=recipe.pendigits)
        validation = TileSpec(split="validation", writers=writers, seed=VALIDATION_SERIES)
        training_tiles = open_tiles(fit, recipe.tiles, cache, progress=progress)
        validation_tiles = open_tiles(validation, VALIDATION_TILES, cache, progress=progress)
        generator = torch.Generator()
        return Loaders(
            train=TileSamples(training_tiles, recipe.batch_size, generator),
            validation=TileSamples(validation_tiles, VALIDATION_BATCH_SIZE),
            generator=generator,
            writers=writers,
        )

    def export(
        self, model: nn.Module, loaders: Loaders, cache: str | Path | None = None
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the ONNX file in 8 bits, what that costs, and its calibration on numbers."""
        images = torch.cat([images for images, _ in islice(loaders.validation, PARITY_BATCHES)])
        exact, _ = export_checked(model, images, self.signature)
        graph = quantize(exact, images[:QUANTIZATION_TILES].numpy())
        quantized = compare_quantized(exact, graph, loaders.validation)
        pages = make_page_generator("validation", cache, writers=loaders.writers)
        return graph, {"quantised": quantized, **calibrate_numbers.calibrate(graph, pages)}


def compare_quantized(
    exact: bytes, quantized: bytes, validation: Iterable[tuple[Tensor, Tensor]]
) -> dict[str, Any]:
    """Count the validation tiles of which all digits are found and read, with both networks.

    Args:
        exact: the detector as ONNX, in floating point.
        quantized: the same in 8 bits.
        validation: batches of tiles and targets.

    Returns:
        The entry `quantised` of a card.

    Raises:
        RunError: the network in 8 bits loses too many.
    """
    loss, correct, tiles = DetectionLoss(), np.zeros(2, np.int64), 0
    networks = [calibrate_numbers.onnx_detector(graph) for graph in (exact, quantized)]
    for images, targets in validation:
        maps = [torch.from_numpy(network(images.numpy())) for network in networks]
        correct += [int(loss.correct(outputs, targets).sum()) for outputs in maps]
        tiles += len(targets)
    if correct[0] - correct[1] > MAX_LOST_PERCENT / 100 * tiles:
        raise RunError(
            f"the network in 8 bits reads {correct[1]:,} of {tiles:,} tiles correctly, before it"
            f" was {correct[0]:,}; expected a loss of at most {MAX_LOST_PERCENT:g} % of the tiles"
        )
    return {"bits": 8, "tiles": tiles, "right": int(correct[1]), "right_before": int(correct[0])}
