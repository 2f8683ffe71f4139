"""How fast synthetic paper is made, on one core: crops of 48x48 rendered, and views cut from them.

Usage: python benchmarks/paper_speed.py   (half a minute; needs numeye[train], MNIST and the fonts)
In the clock: everything from (seed, number) to the finished crop; then everything from the pool to the batch.
"""

from __future__ import annotations

import time

import cv2
import numpy as np
import torch

from numeye.training.paper import fonts
from numeye.training.paper.pool import Pool, PoolSpec, crop_type, make_paper
from numeye.training.views import Views

COUNT = 5_000


def main() -> None:
    """Print both rates."""
    cv2.setNumThreads(1)
    torch.set_num_threads(1)
    fonts.fetch()
    paper = make_paper(PoolSpec(split="validation"))
    part = np.empty(COUNT, crop_type(paper.size))
    begun = time.perf_counter()
    for number in range(COUNT):
        crop = paper.crop(0, number)
        part[number] = (crop.picture, crop.label, crop.box)
    rendered = time.perf_counter() - begun
    views = Views(Pool([part]), 128, torch.Generator())
    begun = time.perf_counter()
    seen = sum(len(images) for images, _ in views)
    cut = time.perf_counter() - begun
    print(f"crops of {paper.size}x{paper.size}: {COUNT / rendered:,.0f} a second on one core (n = {COUNT:,})")
    print(f"views of 40x40: {seen / cut:,.0f} a second on one core (n = {seen:,})")


if __name__ == "__main__":
    main()
