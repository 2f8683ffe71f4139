"""Section 4: edges, shapes, digits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from numeye.training.evidence import digits
from numeye.training.evidence.document import Finding, Measure, Section, Table, differences, verdict
from numeye.training.evidence.hierarchy import KINDS, LIKENED, LIKENESS, PROBED, probe_name
from numeye.training.evidence.layers import LAYERS
from numeye.training.evidence.sections import drawings
from numeye.training.evidence.study import Study
from numeye.training.evidence.tuning import SHAPES, name_of, preferred, shape_selectivity


def section(study: Study) -> Section:
    """Probes, selectivity, tuning, maps of digits, units."""
    probes = {kind: {layer: _probed(study, kind, layer) for layer in LAYERS} for kind in KINDS}
    selective = {kind: {layer: _selective(study, kind, layer) for layer in LAYERS} for kind in KINDS}
    return Section(
        title="Edges, shapes, digits",
        question="Do deeper layers know more of digits, and does each see what is said of it?",
        method=(
            "The networks of section 1 are asked, and the same networks with their first random weights: what those "
            "do as well was not learnt. A linear probe on each layer (logistic regression, C 0.01) learns from "
            f"{min(PROBED, study.scale.held):,} digits that no network has learnt from, and tells how plainly the "
            "layer says which digit it is. Class selectivity is (best - rest) / (best + rest) of a unit's mean "
            "answers to each digit. conv1 is shown gratings of 12 directions; a unit's answer is how far it swings "
            "while the stripes pass by, its orientation selectivity one less the circular variance. conv2 is shown "
            "lines, corners, curves and loops, strokes of one contrast and about the size of what one of its units "
            "sees, in 12 directions and 3 sizes. Likeness of layers is linear CKA on "
            f"{min(LIKENED, study.scale.test):,} test digits."
        ),
        findings=[_deeper(study), _edges(study), _shapes(study), _classes(study)],
        parts=[
            _table(probes, selective, study),
            drawings.filters(study),
            drawings.tuning(study),
            drawings.shapes(study),
            drawings.patches(study),
            drawings.ideals(study),
            drawings.embedding(study),
            drawings.likeness(study),
            drawings.example(study),
        ],
        numbers=_numbers(study, probes, selective),
    )


def _values(study: Study, kind: str, layer: str) -> list[float]:
    test = digits.test(study)
    return [digits.accuracy(study[probe_name(kind, seed)].arrays[layer], test) for seed in study.seeds]


def _probed(study: Study, kind: str, layer: str) -> Measure:
    return Measure.of_seeds(_values(study, kind, layer))


def _selectivities(study: Study, kind: str, layer: str) -> list[float]:
    key = f"{layer}.selectivity"
    return [float(np.nanmean(study[probe_name(kind, seed)].arrays[key])) for seed in study.seeds]


def _selective(study: Study, kind: str, layer: str) -> Measure:
    return Measure.of_seeds(_selectivities(study, kind, layer))


def _deeper(study: Study) -> Finding:
    values = {layer: _values(study, "trained", layer) for layer in LAYERS}
    steps = {f"{one} to {other}": differences(values[other], values[one]) for one, other in pairwise(LAYERS)}
    up = [name for name, step in steps.items() if step.low > 0]
    told = ", ".join(f"{name} {step.value:+.2f} ± {step.half:.2f}" for name, step in steps.items())
    learnt = differences(values["fc1"], _values(study, "untrained", "fc1"))
    return Finding(
        claim="Each layer says more plainly than the one before which digit it is",
        verdict=verdict(len(up), len(steps)),
        text=(
            f"From layer to layer the probe gains, in points: {told}. The hidden layer of the trained network is "
            f"{learnt} points ahead of the same layer before training."
        ),
    )


def _edges(study: Study) -> Finding:
    found = {kind: _tuned(study, kind) for kind in KINDS}
    gain = differences(found["trained"], found["untrained"])
    return Finding(
        claim="conv1 sees edges",
        verdict="shown" if gain.low > 0 else "not shown",
        text=(
            f"Orientation selectivity of conv1's units is {Measure.of_seeds(found['trained'])} on average, of the "
            f"untrained network's {Measure.of_seeds(found['untrained'])}: training changes it by {gain}. Any small "
            "filter prefers some direction; only what training adds is a learnt detector of edges."
        ),
    )


def _tuned(study: Study, kind: str) -> list[float]:
    return [float(np.nanmean(study[name_of(kind, s)].arrays["selectivity"])) for s in study.seeds]


def _shapes(study: Study) -> Finding:
    means = {kind: [float(np.nanmean(shape_selectivity(one))) for one in _answers(study, kind)] for kind in KINDS}
    bent = {kind: [float((best > 0).mean() * 100) for best in map(preferred, _answers(study, kind))] for kind in KINDS}
    more, gain = (differences(of["trained"], of["untrained"]) for of in (bent, means))
    best = np.concatenate([preferred(one) for one in _answers(study, "trained")])
    counts = ", ".join(f"{name}s {int((best == n).sum())}" for n, name in enumerate(SHAPES))
    return Finding(
        claim="conv2 sees corners, curves and loops",
        verdict="shown" if min(more.low, gain.low) > 0 else "in part" if max(more.low, gain.low) > 0 else "not shown",
        text=(
            f"Of the {len(best)} units of {study.scale.seeds} trained networks that answer at all, so many answer most "
            f"to: {counts}. {Measure.of_seeds(bent['trained'])} % prefer a shape that is no line, of the untrained "
            f"networks' {Measure.of_seeds(bent['untrained'])} %: training changes it by {more}. Their selectivity for "
            f"shapes is {Measure.of_seeds(means['trained'])}, before training {Measure.of_seeds(means['untrained'])}: "
            f"it changes by {gain}."
        ),
    )


def _answers(study: Study, kind: str) -> list[np.ndarray]:
    """Of each network, what units answer to shapes: (shapes, units, variants)."""
    return [study[name_of(kind, seed)].arrays["shapes"] for seed in study.seeds]


def _classes(study: Study) -> Finding:
    found = {kind: {layer: _selectivities(study, kind, layer) for layer in LAYERS[1:]} for kind in KINDS}
    learnt = {layer: differences(found["trained"][layer], found["untrained"][layer]) for layer in LAYERS[1:]}
    up = [layer for layer, gain in learnt.items() if gain.low > 0]
    told = ", ".join(f"{layer} {Measure.of_seeds(values)}" for layer, values in found["trained"].items())
    gains = ", ".join(f"{layer} {gain}" for layer, gain in learnt.items())
    return Finding(
        claim="Training makes units belong to digits",
        verdict=verdict(len(up), len(learnt)),
        text=(
            f"Class selectivity: {told}. By training it changes by: {gains}. Units of a convolution are averaged over "
            "all places, so that the hidden layer's is not to be compared with theirs."
        ),
    )


def _table(probes: dict[str, dict[str, Measure]], selective: dict[str, dict[str, Measure]], study: Study) -> Table:
    return Table(
        caption=(
            f"Probes on {study.scale.test:,} test digits, and class selectivity of units, of a map by its mean answer; "
            f"mean of {len(study.seeds)} seeds with its 95 % interval."
        ),
        head=["layer", "probe, trained", "probe, untrained", "selectivity, trained", "selectivity, untrained"],
        rows=[
            [layer, *(f"{probes[kind][layer]} %" for kind in KINDS), *(str(selective[kind][layer]) for kind in KINDS)]
            for layer in LAYERS
        ],
    )


def _numbers(
    study: Study, probes: dict[str, dict[str, Measure]], selective: dict[str, dict[str, Measure]]
) -> dict[str, Any]:
    return {
        "probes": {kind: {name: m.to_json() for name, m in of.items()} for kind, of in probes.items()},
        "class_selectivity": {kind: {name: m.to_json() for name, m in of.items()} for kind, of in selective.items()},
        "orientation_selectivity": {kind: Measure.of_seeds(_tuned(study, kind)).to_json() for kind in KINDS},
        "likeness": study[LIKENESS].facts,
    }
