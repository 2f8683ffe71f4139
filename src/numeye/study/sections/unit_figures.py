"""Figures of section 4: what units answer to, and how layers represent digits."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from numeye.models.probabilities import softmax
from numeye.study import figures
from numeye.study.experiments.feature_visualization import (
    EXAMPLE_STEP,
    MAXIMIZED_STEP,
    PATCHES_PER_UNIT,
    PATCHES_STEP,
)
from numeye.study.experiments.hierarchy import CKA_STEP, EMBEDDING_STEP, KINDS
from numeye.study.experiments.layers import LAYERS
from numeye.study.experiments.tuning import (
    ANGLES_DEGREES,
    MIN_ANSWER,
    SHAPES,
    preferred_shapes,
    shape_pictures,
    tuning_step,
)
from numeye.study.report_elements import Figure
from numeye.study.steps import Study


def filters_figure(study: Study) -> Figure:
    """Return the kernels of conv1, and the mean of each one's top patches."""
    kernels, patches = study[PATCHES_STEP].arrays["filters"], study[PATCHES_STEP].arrays["conv1"]
    drawing, (left, right) = figures.new_figure(1, 2, height=3.2)
    largest = float(np.abs(kernels).max())
    figures.draw_pictures(left, kernels, columns=4, low=-largest, high=largest)
    left.set_title("the 16 kernels of conv1")
    figures.draw_pictures(right, patches.mean(axis=1), columns=4)
    right.set_title(f"the mean of the {PATCHES_PER_UNIT} patches each answers to most")
    return Figure(
        name="filters",
        svg=figures.to_svg(drawing),
        alt=(
            "Sixteen 3x3 kernels as grey squares, and beside them the mean patches of digits that"
            " they answer to."
        ),
        caption=(
            "Kernels: white pulls up, black pulls down. Patches are of training digits. One"
            " network, the first seed."
        ),
    )


def tuning_figure(study: Study) -> Figure:
    """Return the answers of conv1's units to gratings, by direction."""
    drawing, panels = figures.new_figure(1, 2, height=3.2)
    for axes, kind in zip(panels, KINDS, strict=True):
        curves = study[tuning_step(kind, study.seeds[0])].arrays["tuning"]
        for number, curve in enumerate(curves):
            if curve.max() > MIN_ANSWER:
                axes.plot(
                    ANGLES_DEGREES,
                    curve / curve.max(),
                    color=figures.COLOURS[number % 7],
                    alpha=0.8,
                    linewidth=1.2,
                )
        axes.set(xlabel="direction of the grating (degrees)", ylim=(0, 1.05), title=kind)
        axes.set_xticks(range(0, 181, 45))
    panels[0].set_ylabel("answer, of its largest")
    return Figure(
        name="tuning",
        svg=figures.to_svg(drawing),
        alt=(
            "Curves of the answers of conv1's units against the direction of a grating, trained and"
            " untrained."
        ),
        caption=(
            "Orientation tuning of conv1's units, each at the wave length that suits it best. First"
            " seed."
        ),
    )


def shapes_figure(study: Study) -> Figure:
    """Return the shapes, and how many units of conv2 answer most to each."""
    drawing, (left, right) = figures.new_figure(1, 2, height=3.0)
    shown = np.concatenate([shape_pictures(name)[12:20] for name in SHAPES])[:, 5:23, 5:23]
    figures.draw_pictures(left, shown, columns=8)
    left.set_title("lines, corners, curves, loops (8 of 36 each)")
    width = 0.38
    for series, kind in enumerate(KINDS):
        by_seed = [
            preferred_shapes(study[tuning_step(kind, seed)].arrays["shapes"])
            for seed in study.seeds
        ]
        counts = np.mean([np.bincount(best, minlength=len(SHAPES)) for best in by_seed], axis=0)
        right.bar(
            np.arange(len(SHAPES)) + (series - 0.5) * width,
            counts,
            width,
            label=kind,
            color=figures.COLOURS[series],
        )
    right.set_xticks(range(len(SHAPES)), SHAPES)
    right.set_ylabel("units of conv2 (of 32)")
    right.legend(frameon=False)
    return Figure(
        name="shapes",
        svg=figures.to_svg(drawing),
        alt=(
            "Left: small strokes in four shapes. Right: bars of how many units answer most to each,"
            " trained and untrained."
        ),
        caption=(
            f"How many units of conv2 answer most to each shape, mean of {len(study.seeds)}"
            " networks."
        ),
    )


def patches_figure(study: Study) -> Figure:
    """Return the top patches of units of conv2, among training digits."""
    patches = study[PATCHES_STEP].arrays["conv2"][:16]
    drawing, panels = figures.new_figure(8, 2, height=5.2)
    for unit, axes in enumerate(panels.T.ravel()):
        figures.draw_pictures(axes, patches[unit], columns=PATCHES_PER_UNIT)
    return Figure(
        name="patches",
        svg=figures.to_svg(drawing),
        alt="Sixteen rows of eight 8x8 patches of digits, a row for each unit.",
        caption=(
            f"The {PATCHES_PER_UNIT} training patches, of as many digits, that each of 16 units of"
            " conv2 answers to most."
        ),
    )


def maximized_figure(study: Study) -> Figure:
    """Return pictures that maximize the activation of units."""
    drawing, panels = figures.new_figure(1, 3, height=3.2)
    titles = {
        "conv2": "16 units of conv2",
        "fc1": "16 units of the hidden layer",
        "logits": "the ten answers, 0 to 9",
    }
    for axes, (layer, title) in zip(panels, titles.items(), strict=True):
        figures.draw_pictures(axes, study[MAXIMIZED_STEP].arrays[layer], columns=4)
        axes.set_title(title)
    return Figure(
        name="ideals",
        svg=figures.to_svg(drawing),
        alt=(
            "Grey pictures: small blobs for conv2, strokes over the whole picture for the hidden"
            " layer and the answers."
        ),
        caption=(
            "Pictures that units answer to most, by gradient ascent. What pleases an answer need"
            " not look like its digit to a person; see section 5."
        ),
    )


def embedding_figure(study: Study) -> Figure:
    """Return the t-SNE maps of test digits, one for each layer."""
    drawing, panels = figures.new_figure(1, 4, height=2.7)
    labels = study[EMBEDDING_STEP].arrays["labels"]
    # Ten colours that colour-blind people can tell apart (Petroff 2021).
    colours = np.array(mpl.color_sequences["petroff10"])
    for axes, layer in zip(panels, LAYERS, strict=True):
        points = study[EMBEDDING_STEP].arrays[layer]
        axes.scatter(*points.T, c=colours[labels], s=3, linewidths=0, rasterized=True)
        for digit in range(10):
            middle = np.median(points[labels == digit], axis=0)
            axes.text(*middle, str(digit), weight="bold", ha="center", va="center", size=11)
        axes.set(title=layer, xticks=[], yticks=[])
    return Figure(
        name="embedding",
        svg=figures.to_svg(drawing),
        alt="Four maps of test digits, coloured by class, from pixels to the hidden layer.",
        caption=(
            f"t-SNE of {len(labels):,} test digits by what each layer says; the numbers stand in"
            " the middle of each class."
        ),
    )


def similarity_figure(study: Study) -> Figure:
    """Return the CKA between layers of networks of different seeds."""
    drawing, panels = figures.new_figure(1, 2, height=3.6)
    for axes, kind in zip(panels, KINDS, strict=True):
        figures.draw_heat_map(axes, np.array(study[CKA_STEP].facts[kind]), LAYERS, low=0, high=1)
        axes.set_title(f"{kind}, one seed against another")
    return Figure(
        name="likeness",
        svg=figures.to_svg(drawing),
        alt=(
            "Two tables in colours: how alike each layer of one network is to each layer of"
            " another."
        ),
        caption=(
            "Linear CKA between layers of networks of different seeds, mean of all pairs: do they"
            " learn the same?"
        ),
    )


def logits_figure(study: Study) -> Figure:
    """Return the ten logits of three digits, and their probabilities."""
    examples = study[EXAMPLE_STEP].arrays
    drawing, panels = figures.new_figure(len(examples["labels"]), 3, height=4.8)
    probabilities = softmax(examples["logits"].astype(np.float64))
    for row, pixels in enumerate(examples["pixels"]):
        left, middle, right = panels[row]
        figures.draw_pictures(left, pixels[None], columns=1)
        left.set_title(f"labelled {examples['labels'][row]}")
        middle.bar(range(10), examples["logits"][row], color=figures.COLOURS[0])
        right.bar(range(10), probabilities[row], color=figures.COLOURS[1])
        right.set_ylim(0, 1.05)
        for axes in (middle, right):
            axes.set_xticks(range(10))
    panels[0][1].set_title("ten logits")
    panels[0][2].set_title("softmax: ten probabilities")
    return Figure(
        name="logits",
        svg=figures.to_svg(drawing),
        alt=(
            "Three digits, each with bars of its ten logits and its ten probabilities: one sure,"
            " one usual, one in doubt."
        ),
        caption=(
            "Of 1,000 test digits the surest, a usual and the most doubtful one. Softmax raises e"
            " to each logit and divides by the sum: what counts is by how much the best logit is"
            " ahead."
        ),
    )
