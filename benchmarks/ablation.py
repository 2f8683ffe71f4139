"""What each family of effects on the synthetic paper contributes: short trainings, each without one of them.

Usage: python benchmarks/ablation.py [FAMILY...] [--run FOLDER] [--crops N] [--epochs N]   (3 minutes a training, 10 of
them where no family is named, on 2 cores; needs numeye[train]). A training that is there already is not done again;
the test digits are not touched.

Each is measured on what was held back and is the same for all: the digits of the whole synthetic paper, MNIST's
validation digits as they are, digits of held-out fonts on the same paper, and crops with no digit against those with
one (area under the ROC curve of P(no digit)).
"""

from __future__ import annotations

import argparse
import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from numeye import metrics, open_data
from numeye.config import RunConfig, load_recipe
from numeye.runs import Run
from numeye.training import calibrate, export
from numeye.training.data import HELD
from numeye.training.loop import Training, hardware
from numeye.training.paper.crop import NO_DIGIT, Paper
from numeye.training.paper.ink import Fields
from numeye.training.paper.pool import PoolSpec, glyph_fields, open_pool
from numeye.training.paper.ranges import FAMILIES
from numeye.training.train import run_loaders

CROPS, EPOCHS = 40_000, 3
AVERAGE = 100  # steps; over the recipe's 1,000, as many as there are here, the first random weights would still count
MEASURED = 5_000


def trained(folder: Path, config: RunConfig) -> bytes:
    """The network of a run as ONNX; the run goes on where it was."""
    batches = run_loaders(config, say=print)
    there = (folder / "config.json").is_file()
    run = Run.open(folder) if there else Run.create(folder, config, hardware())
    if run.config != config:
        sys.exit(f"{folder}: a run of other epochs or crops; choose another folder with --run")
    training = Training(run, batches)
    if there:
        training.resume(print)
    training.fit()
    return export.to_onnx(training.kept.eval(), torch.zeros(2, 1, 40, 40))


def written() -> tuple[list[np.ndarray], np.ndarray]:
    """Crops of the whole paper."""
    pool = open_pool(PoolSpec(split="validation", seed=HELD), 20_000)
    kept = [number for number in range(MEASURED) if calibrate.legible(pool, number)]
    return [np.asarray(pool.picture(number)) for number in kept], pool.labels[kept]


def printed() -> tuple[list[np.ndarray], np.ndarray]:
    """Digits of held-out fonts, and nothing else, on the whole paper."""
    fonts = glyph_fields("held-out")[:2]  # printed, and handwritten
    edges, labels = (np.concatenate(parts) for parts in zip(*((one.edge, one.labels) for one in fonts), strict=True))
    paper = Paper(digits=Fields(edge=edges, line=None, labels=labels)).leaving_out("pens", "fonts", "no digit")
    crops = [paper.crop(1, number) for number in range(MEASURED // 5)]
    return [crop.picture for crop in crops], np.array([crop.label for crop in crops])


def main() -> None:
    """Print a row for each training."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "family", nargs="*", choices=[[], *FAMILIES], help="to leave out; each in turn if none is named"
    )
    parser.add_argument("--run", type=Path, default=Path("runs/ablation"))
    parser.add_argument("--crops", type=int, default=CROPS)
    parser.add_argument("--epochs", type=int, default=EPOCHS)
    asked = parser.parse_args()
    plain = open_data("mnist:validation")
    recipe = replace(load_recipe("reader"), paper=asked.crops, lines=0, epochs=asked.epochs, average=AVERAGE)
    sets = {
        "paper": written,
        "MNIST": lambda: (list(np.asarray(plain.pictures)), plain.digits()),
        "fonts": printed,
    }
    print(f"{asked.epochs * asked.crops:,} views of {asked.crops:,} crops each, seed 0; % of digits read right")
    print(f"{'without':<14}" + "".join(f"{name:>9}" for name in sets) + f"{'AUROC':>9}")
    for family in asked.family or ("", *FAMILIES):
        config = RunConfig(recipe=replace(recipe, without=(family,) if family else ()), epochs=asked.epochs)
        graph = trained(asked.run / (family.replace(" ", "-") or "whole"), config)
        row, area = [], 0.0
        for name, pictures in sets.items():
            logs, labels = calibrate.read(graph, *pictures())
            there = labels != NO_DIGIT
            row.append(float((logs[there, :NO_DIGIT].argmax(axis=1) == labels[there]).mean() * 100))
            if name == "paper":
                area = metrics.auroc(-logs[there, NO_DIGIT], -logs[~there, NO_DIGIT])
        print(f"{family or '(nothing)':<14}" + "".join(f"{share:>9.2f}" for share in row) + f"{area:>9.4f}", flush=True)


if __name__ == "__main__":
    main()
