"""Measure what each family of augmentations contributes: short trainings without one of them.

Usage: python benchmarks/ablation.py [FAMILY...] [--run FOLDER] [--crops N] [--epochs N]

Needs numeye[train]; 3 minutes a training on 2 cores, and 10 trainings if no family is named. A
training that is finished already is not repeated.

All are evaluated on the same held-out crops, never on the test digits: digits on synthetic paper,
MNIST's validation digits as they are, digits of held-out fonts on the same paper, and crops with
and without a digit (area under the ROC curve of P(no digit)).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from numeye import open_data
from numeye.models.probabilities import NO_DIGIT
from numeye.models.recipe import RunConfig, load_recipe
from numeye.models.run_folder import Run
from numeye.study import measures
from numeye.training.calibration import calibrate_digits
from numeye.training.loop import Training
from numeye.training.onnx_export import to_onnx
from numeye.training.reproducibility import hardware
from numeye.training.synthetic.digit_crops import CropGenerator
from numeye.training.synthetic.disk_cache import open_pool
from numeye.training.synthetic.distance_fields import DistanceFields
from numeye.training.synthetic.generators import load_glyph_fields
from numeye.training.synthetic.parameters import FAMILIES
from numeye.training.synthetic.specs import PoolSpec
from numeye.training.tasks import trainer_for
from numeye.training.tasks.localization import VALIDATION_SERIES

CROPS, EPOCHS = 40_000, 3
# The recipe averages the weights of 1,000 steps. These trainings are not longer than that, so the
# average would still contain the random weights of the start.
AVERAGED_STEPS = 100
EVALUATED_CROPS = 5_000


def train(folder: Path, config: RunConfig) -> bytes:
    """Train or resume a run and return its network as ONNX."""
    trainer = trainer_for(config.recipe)
    loaders = trainer.make_loaders(config, progress=print)
    is_resumed = (folder / "config.json").is_file()
    run = Run.open(folder) if is_resumed else Run.create(folder, config, hardware())
    if run.config != config:
        sys.exit(f"{folder}: a run with other epochs or crops; choose another folder with --run")
    training = Training(run, loaders)
    if is_resumed:
        training.resume(print)
    training.fit()
    examples = torch.zeros(2, *trainer.example_shape)
    return to_onnx(training.evaluated_model.eval(), examples, trainer.signature)


def make_handwritten() -> tuple[list[np.ndarray], np.ndarray]:
    """Return crops with all augmentations, and their labels."""
    spec = PoolSpec(split="validation", writers=True, seed=VALIDATION_SERIES)
    pool = open_pool(spec, 20_000)
    kept = [
        number for number in range(EVALUATED_CROPS) if calibrate_digits.is_legible(pool, number)
    ]
    return [np.asarray(pool.picture(number)) for number in kept], pool.labels[kept]


def make_printed() -> tuple[list[np.ndarray], np.ndarray]:
    """Return crops with digits of held-out fonts, and their labels."""
    fonts = load_glyph_fields("held-out")[:2]  # printed, and handwritten
    edges, labels = (
        np.concatenate(parts)
        for parts in zip(*((font.edge, font.labels) for font in fonts), strict=True)
    )
    paper = CropGenerator(digits=DistanceFields(edge=edges, skeleton=None, labels=labels)).exclude(
        "pens", "fonts", "no digit"
    )
    crops = [paper.crop(1, number) for number in range(EVALUATED_CROPS // 5)]
    return [crop.picture for crop in crops], np.array([crop.label for crop in crops])


def parse_options() -> argparse.Namespace:
    """Return the options of the command line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "family",
        nargs="*",
        choices=[[], *FAMILIES],
        help="family to leave out (default: each in turn)",
    )
    parser.add_argument("--run", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--crops", type=int, default=CROPS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    return parser.parse_args()


def main() -> None:
    """Print a row for each training."""
    options = parse_options()
    plain = open_data("mnist:writers")
    recipe = replace(
        load_recipe("recognizer"),
        paper=options.crops,
        lines=0,
        epochs=options.epochs,
        average=AVERAGED_STEPS,
    )
    sets = {
        "paper": make_handwritten,
        "MNIST": lambda: (list(np.asarray(plain.pictures)), plain.digits()),
        "fonts": make_printed,
    }
    print(
        f"{options.epochs * options.crops:,} samples of {options.crops:,} crops each, seed 0;"
        " % of digits read right"
    )
    print(f"{'without':<14}" + "".join(f"{name:>9}" for name in sets) + f"{'AUROC':>9}")
    for family in options.family or ("", *FAMILIES):
        config = RunConfig(
            recipe=replace(recipe, without=(family,) if family else ()), epochs=options.epochs
        )
        graph = train(options.run / (family.replace(" ", "-") or "whole"), config)
        row, area = [], 0.0
        for name, pictures in sets.items():
            logs, labels = calibrate_digits.read_pictures(graph, *pictures())
            has_digit = labels != NO_DIGIT
            answers = logs[has_digit, :NO_DIGIT].argmax(axis=1)
            row.append(float((answers == labels[has_digit]).mean() * 100))
            if name == "paper":
                area = measures.auroc(-logs[has_digit, NO_DIGIT], -logs[~has_digit, NO_DIGIT])
        print(
            f"{family or '(nothing)':<14}"
            + "".join(f"{share:>9.2f}" for share in row)
            + f"{area:>9.4f}",
            flush=True,
        )


if __name__ == "__main__":
    main()
