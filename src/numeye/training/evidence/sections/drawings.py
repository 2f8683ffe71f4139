"""Figures of section 4: what units want, and where layers lay digits."""

from __future__ import annotations

import matplotlib as mpl
import numpy as np

from numeye.metrics import softmax
from numeye.training.evidence import figures
from numeye.training.evidence.document import Figure
from numeye.training.evidence.hierarchy import EMBEDDING, KINDS, LIKENESS
from numeye.training.evidence.layers import LAYERS
from numeye.training.evidence.study import Study
from numeye.training.evidence.tuning import ANGLES, SHAPES, name_of, preferred
from numeye.training.evidence.tuning import shapes as drawn
from numeye.training.evidence.units import BEST, EXAMPLE, IDEAL, PATCHES


def filters(study: Study) -> Figure:
    """conv1's kernels, and the patches that each answers to most."""
    kernels, patches = study[PATCHES].arrays["filters"], study[PATCHES].arrays["conv1"]
    drawing, (left, right) = figures.canvas(1, 2, height=3.2)
    most = float(np.abs(kernels).max())
    figures.pictures(left, kernels, columns=4, low=-most, high=most)
    left.set_title("the 16 kernels of conv1")
    figures.pictures(right, patches.mean(axis=1), columns=4)
    right.set_title(f"the mean of the {BEST} patches each answers to most")
    return Figure(
        name="filters",
        svg=figures.to_svg(drawing),
        alt="Sixteen 3x3 kernels as grey squares, and beside them the mean patches of digits that they answer to.",
        caption=(
            "Kernels: white pulls up, black pulls down. Patches are of training digits. One network, the first seed."
        ),
    )


def tuning(study: Study) -> Figure:
    """Answers to gratings by direction."""
    drawing, panels = figures.canvas(1, 2, height=3.2)
    for axes, kind in zip(panels, KINDS, strict=True):
        curves = study[name_of(kind, study.seeds[0])].arrays["tuning"]
        for number, curve in enumerate(curves):
            if curve.max() > 1e-6:
                axes.plot(ANGLES, curve / curve.max(), color=figures.COLOURS[number % 7], alpha=0.8, linewidth=1.2)
        axes.set(xlabel="direction of the grating (degrees)", ylim=(0, 1.05), title=kind)
        axes.set_xticks(range(0, 181, 45))
    panels[0].set_ylabel("answer, of its largest")
    return Figure(
        name="tuning",
        svg=figures.to_svg(drawing),
        alt="Curves of the answers of conv1's units against the direction of a grating, trained and untrained.",
        caption="Orientation tuning of conv1's units, each at the wave length that suits it best. First seed.",
    )


def shapes(study: Study) -> Figure:
    """The shapes, and which of them units of conv2 answer to most."""
    drawing, (left, right) = figures.canvas(1, 2, height=3.0)
    shown = np.concatenate([drawn(name)[12:20] for name in SHAPES])[:, 5:23, 5:23]
    figures.pictures(left, shown, columns=8)
    left.set_title("lines, corners, curves, loops (8 of 36 each)")
    width = 0.38
    for place, kind in enumerate(KINDS):
        found = [preferred(study[name_of(kind, seed)].arrays["shapes"]) for seed in study.seeds]
        counts = np.mean([np.bincount(best, minlength=len(SHAPES)) for best in found], axis=0)
        right.bar(
            np.arange(len(SHAPES)) + (place - 0.5) * width, counts, width, label=kind, color=figures.COLOURS[place]
        )
    right.set_xticks(range(len(SHAPES)), SHAPES)
    right.set_ylabel("units of conv2 (of 32)")
    right.legend(frameon=False)
    return Figure(
        name="shapes",
        svg=figures.to_svg(drawing),
        alt=(
            "Left: small strokes in four shapes. Right: bars of how many units answer most to each, trained and "
            "untrained."
        ),
        caption=f"How many units of conv2 answer most to each shape, mean of {len(study.seeds)} networks.",
    )


def patches(study: Study) -> Figure:
    """What units of conv2 answer to most among training digits."""
    found = study[PATCHES].arrays["conv2"][:16]
    drawing, panels = figures.canvas(8, 2, height=5.2)
    for unit, axes in enumerate(panels.T.ravel()):
        figures.pictures(axes, found[unit], columns=BEST)
    return Figure(
        name="patches",
        svg=figures.to_svg(drawing),
        alt="Sixteen rows of eight 8x8 patches of digits, a row for each unit.",
        caption=f"The {BEST} training patches, of as many digits, that each of 16 units of conv2 answers to most.",
    )


def ideals(study: Study) -> Figure:
    """Pictures made to please units."""
    drawing, panels = figures.canvas(1, 3, height=3.2)
    titles = {"conv2": "16 units of conv2", "fc1": "16 units of the hidden layer", "logits": "the ten answers, 0 to 9"}
    for axes, (layer, title) in zip(panels, titles.items(), strict=True):
        figures.pictures(axes, study[IDEAL].arrays[layer], columns=4)
        axes.set_title(title)
    return Figure(
        name="ideals",
        svg=figures.to_svg(drawing),
        alt=(
            "Grey pictures: small blobs for conv2, strokes over the whole picture for the hidden layer and the answers."
        ),
        caption=(
            "Pictures that units answer to most, by gradient ascent. What pleases an answer need not look like its "
            "digit to a person; see section 5."
        ),
    )


def embedding(study: Study) -> Figure:
    """Test digits as each layer lays them."""
    drawing, panels = figures.canvas(1, 4, height=2.7)
    labels = study[EMBEDDING].arrays["labels"]
    colours = np.array(mpl.color_sequences["petroff10"])  # ten that colour-blind people tell apart (Petroff 2021)
    for axes, layer in zip(panels, LAYERS, strict=True):
        places = study[EMBEDDING].arrays[layer]
        axes.scatter(*places.T, c=colours[labels], s=3, linewidths=0, rasterized=True)
        for digit in range(10):
            middle = np.median(places[labels == digit], axis=0)
            axes.text(*middle, str(digit), weight="bold", ha="center", va="center", size=11)
        axes.set(title=layer, xticks=[], yticks=[])
    return Figure(
        name="embedding",
        svg=figures.to_svg(drawing),
        alt="Four maps of test digits, coloured by class, from pixels to the hidden layer.",
        caption=(
            f"t-SNE of {len(labels):,} test digits by what each layer says; the numbers stand in the middle of each "
            "class."
        ),
    )


def likeness(study: Study) -> Figure:
    """CKA between networks of different seeds."""
    drawing, panels = figures.canvas(1, 2, height=3.6)
    for axes, kind in zip(panels, KINDS, strict=True):
        figures.heat(axes, np.array(study[LIKENESS].facts[kind]), LAYERS, low=0, high=1)
        axes.set_title(f"{kind}, one seed against another")
    return Figure(
        name="likeness",
        svg=figures.to_svg(drawing),
        alt="Two tables in colours: how alike each layer of one network is to each layer of another.",
        caption="Linear CKA between layers of networks of different seeds, mean of all pairs: do they learn the same?",
    )


def example(study: Study) -> Figure:
    """Ten logits, and what softmax makes of them."""
    found = study[EXAMPLE].arrays
    drawing, panels = figures.canvas(len(found["labels"]), 3, height=4.8)
    chances = softmax(found["logits"].astype(np.float64))
    for row, pixels in enumerate(found["pixels"]):
        picture, logits, probabilities = panels[row]
        figures.pictures(picture, pixels[None], columns=1)
        picture.set_title(f"labelled {found['labels'][row]}")
        logits.bar(range(10), found["logits"][row], color=figures.COLOURS[0])
        probabilities.bar(range(10), chances[row], color=figures.COLOURS[1])
        probabilities.set_ylim(0, 1.05)
        for axes in (logits, probabilities):
            axes.set_xticks(range(10))
    panels[0][1].set_title("ten logits")
    panels[0][2].set_title("softmax: ten probabilities")
    return Figure(
        name="logits",
        svg=figures.to_svg(drawing),
        alt=(
            "Three digits, each with bars of its ten logits and its ten probabilities: one sure, one usual, one in "
            "doubt."
        ),
        caption=(
            "Of 1,000 test digits the surest, a usual and the most doubtful one. Softmax raises e to each logit and "
            "divides by the sum: what counts is by how much the best logit is ahead."
        ),
    )
