"""Transcription: read a number as a whole, without finding its characters first."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from numeye.evaluation.metrics import wilson_interval
from numeye.evaluation.numbers import edit_distance
from numeye.io import mnist
from numeye.models.recipe import RunConfig
from numeye.models.task import TRANSCRIPTION
from numeye.training.calibration import calibrate_lines
from numeye.training.loaders import Loaders
from numeye.training.losses import TranscriptionLoss
from numeye.training.networks import LINE_CLASSES
from numeye.training.onnx_export import Signature, check_parity, to_onnx
from numeye.training.synthetic.disk_cache import open_lines
from numeye.training.synthetic.generators import make_page_generator
from numeye.training.synthetic.specs import LineSpec
from numeye.training.tasks.own_lines import load_own_lines
from numeye.training.tasks.text_line_samples import (
    LinePool,
    LinesInMemory,
    MixedLines,
    TextLineSamples,
)
from numeye.training.tasks.trainer import TaskTrainer

VALIDATION_LINES, VALIDATION_SERIES = 2_000, 1
VALIDATION_BATCH_SIZE = 50
PARITY_BATCHES = 8  # each of another width
EXAMPLE_WIDTH_PX = 128
OWN_SHARE = 0.5  # of the samples are a user's own lines, if there are any


class TranscriptionTrainer(TaskTrainer):
    """Trains networks that read lines of one number, on synthetic lines and on a user's own."""

    task = TRANSCRIPTION
    samples = validated = "lines"
    loss = TranscriptionLoss
    example_shape = (1, 32, EXAMPLE_WIDTH_PX)
    output_shape = (EXAMPLE_WIDTH_PX // 4, LINE_CLASSES)
    signature = Signature(outputs=("logits",), width_multiple=4)
    preprocessing: ClassVar[dict[str, Any]] = {"range": [0, 1], "polarity": "any", "height": 32}
    reads_single_digits = False

    def card_data(self, config: RunConfig) -> dict[str, Any]:
        """Return what a card says about the data; synthetic lines are always among it."""
        about = super().card_data(config)
        if config.data == "mnist":
            return about
        synthetic = "mnist, pendigits" if config.recipe.pendigits else "mnist"
        return {**about, "data": f"{about['data']}, {synthetic}"}

    def make_loaders(
        self,
        config: RunConfig,
        cache: str | Path | None = None,
        progress: Callable[[str], object] = lambda _: None,
    ) -> Loaders:
        """Return batches of lines: the recipe's to train on, 2,000 to validate on.

        With a data folder, half of the samples to train on are its lines, and one of 12 of its
        lines validates.
        """
        recipe, writers = config.recipe, config.recipe.splits_writers
        own = None if config.data == "mnist" else load_own_lines(config.data, progress)
        if own is not None:
            mnist.fetch(cache, on_message=progress)
        fit = LineSpec(split="fit", writers=writers, pendigits=recipe.pendigits)
        training: LinePool = open_lines(fit, recipe.strings, cache, progress=progress)
        validation: LinePool
        if own is None:
            spec = LineSpec(split="validation", writers=writers, seed=VALIDATION_SERIES)
            validation = open_lines(spec, VALIDATION_LINES, cache, progress=progress)
        else:
            repeats = round(OWN_SHARE / (1 - OWN_SHARE) * len(training) / len(own.fit))
            training = MixedLines(LinesInMemory(own.fit), training, max(1, repeats))
            validation = LinesInMemory(own.validation)
        generator = torch.Generator()
        return Loaders(
            train=TextLineSamples(training, recipe.batch_size, generator),
            validation=TextLineSamples(validation, VALIDATION_BATCH_SIZE),
            generator=generator,
            digest=None if own is None else own.digest,
            writers=writers,
        )

    def export(
        self, model: nn.Module, loaders: Loaders, cache: str | Path | None = None
    ) -> tuple[bytes, dict[str, Any]]:
        """Return the ONNX file, how well it reads on its own, and its fusion with the detector."""
        batches = [images for images, _ in islice(loaders.validation, PARITY_BATCHES)]
        graph = to_onnx(model, torch.zeros(2, *self.example_shape), self.signature)
        for images in batches:
            check_parity(model, graph, images)
        pages = make_page_generator("validation", cache, writers=loaders.writers)
        alone = validate(model, loaders.validation)
        return graph, {"validation": alone, **calibrate_lines.calibrate(graph, pages)}


@torch.no_grad()
def validate(model: nn.Module, lines: Any) -> dict[str, Any]:
    """Measure a network alone, by the best class of each column.

    Args:
        model: in evaluation mode, on the CPU.
        lines: batches of lines and targets.

    Returns:
        The entry `validation` of a card: number of lines, how many strings are right, their share
        with its interval in percent, and the character error rate (edits over characters).
    """
    loss, right, total, edits, characters = TranscriptionLoss(), 0, 0, 0, 0
    for images, targets in lines:
        texts = [_as_text(path) for path in loss.best_paths(model(images))]
        expected = [_as_text(row[row >= 0].tolist()) for row in _rows(targets)]
        right += sum(text == truth for text, truth in zip(texts, expected, strict=True))
        edits += sum(edit_distance(*pair) for pair in zip(texts, expected, strict=True))
        characters += sum(map(len, expected))
        total += len(expected)
    return {
        "n": total,
        "correct": right,
        "accuracy": right / total * 100,
        "interval": list(wilson_interval(right, total)),
        "cer": edits / max(1, characters) * 100,
    }


def _rows(targets: Tensor) -> list[np.ndarray]:
    return list(targets.numpy())


def _as_text(places: list[int]) -> str:
    """Return characters by their places as one text of as many letters, for comparison."""
    return "".join(map(chr, places))
