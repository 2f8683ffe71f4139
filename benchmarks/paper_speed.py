"""Measure how fast synthetic crops are rendered, and samples cut from them, on one core.

Usage: python benchmarks/paper_speed.py

Takes half a minute; needs numeye[train], MNIST and the fonts. Timed is everything from (seed,
number) to the finished crop of 48x48 pixels, then everything from the pool to the batch.
"""

from __future__ import annotations

import time

import cv2
import numpy as np
import torch

from numeye.training.synthetic import fonts
from numeye.training.synthetic.disk_cache import Pool
from numeye.training.synthetic.generators import make_crop_generator
from numeye.training.synthetic.specs import PoolSpec, crop_dtype
from numeye.training.tasks.crop_samples import CropSamples

COUNT = 5_000


def main() -> None:
    """Print both speeds."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    fonts.fetch()
    paper = make_crop_generator(PoolSpec(split="validation"))
    part = np.empty(COUNT, crop_dtype(paper.size))
    started = time.perf_counter()
    for number in range(COUNT):
        crop = paper.crop(0, number)
        part[number] = (crop.picture, crop.label, crop.box)
    render_s = time.perf_counter() - started
    samples = CropSamples(Pool([part]), 128, torch.Generator())
    started = time.perf_counter()
    count = sum(len(images) for images, _ in samples)
    cut_s = time.perf_counter() - started
    print(
        f"crops of {paper.size}x{paper.size}: {COUNT / render_s:,.0f} a second on one core (n ="
        f" {COUNT:,})"
    )
    print(f"samples of 40x40: {count / cut_s:,.0f} a second on one core (n = {count:,})")


if __name__ == "__main__":
    main()
