"""Section 4: edges, shapes, digits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from numeye.study.experiments import digits
from numeye.study.experiments.hierarchy import (
    CKA_STEP,
    KINDS,
    MAX_CKA_DIGITS,
    MAX_PROBE_DIGITS,
    probe_step,
)
from numeye.study.experiments.layers import LAYERS
from numeye.study.experiments.tuning import (
    SHAPES,
    preferred_shapes,
    shape_selectivity,
    tuning_step,
)
from numeye.study.measures import Measure, paired_difference
from numeye.study.report_elements import Finding, Section, Table, verdict_of
from numeye.study.sections import unit_figures
from numeye.study.steps import Study


def section(study: Study) -> Section:
    """Report probes, selectivity, tuning, maps of digits, and what units answer to."""
    probes = {
        kind: {layer: _probe_measure(study, kind, layer) for layer in LAYERS} for kind in KINDS
    }
    selective = {
        kind: {layer: _selectivity_measure(study, kind, layer) for layer in LAYERS}
        for kind in KINDS
    }
    return Section(
        title="Edges, shapes, digits",
        question="Do deeper layers know more of digits, and does each see what is said of it?",
        method=(
            "The networks of section 1 are asked, and the same networks with their first random"
            " weights: what those do as well was not learnt. A linear probe on each layer"
            " (logistic regression, C 0.01) learns from"
            f" {min(MAX_PROBE_DIGITS, study.scale.held):,} digits that no network has learnt from,"
            " and tells how plainly the layer says which digit it is. Class selectivity is (best -"
            " rest) / (best + rest) of a unit's mean answers to each digit. conv1 is shown gratings"
            " of 12 directions; a unit's answer is how far it swings while the stripes pass by, its"
            " orientation selectivity one less the circular variance. conv2 is shown lines,"
            " corners, curves and loops, strokes of one contrast and about the size of what one of"
            " its units sees, in 12 directions and 3 sizes. Likeness of layers is linear CKA on"
            f" {min(MAX_CKA_DIGITS, study.scale.test):,} test digits."
        ),
        findings=[
            _depth_finding(study),
            _edges_finding(study),
            _shapes_finding(study),
            _selectivity_finding(study),
        ],
        parts=[
            _table(probes, selective, study),
            unit_figures.filters_figure(study),
            unit_figures.tuning_figure(study),
            unit_figures.shapes_figure(study),
            unit_figures.patches_figure(study),
            unit_figures.maximized_figure(study),
            unit_figures.embedding_figure(study),
            unit_figures.similarity_figure(study),
            unit_figures.logits_figure(study),
        ],
        numbers=_numbers(study, probes, selective),
    )


def _probe_accuracies(study: Study, kind: str, layer: str) -> list[float]:
    test = digits.load_test(study)
    return [
        digits.accuracy(study[probe_step(kind, seed)].arrays[layer], test) for seed in study.seeds
    ]


def _probe_measure(study: Study, kind: str, layer: str) -> Measure:
    return Measure.of_seeds(_probe_accuracies(study, kind, layer))


def _mean_selectivities(study: Study, kind: str, layer: str) -> list[float]:
    key = f"{layer}.selectivity"
    return [float(np.nanmean(study[probe_step(kind, seed)].arrays[key])) for seed in study.seeds]


def _selectivity_measure(study: Study, kind: str, layer: str) -> Measure:
    return Measure.of_seeds(_mean_selectivities(study, kind, layer))


def _depth_finding(study: Study) -> Finding:
    values = {layer: _probe_accuracies(study, "trained", layer) for layer in LAYERS}
    gains = {
        f"{lower} to {higher}": paired_difference(values[higher], values[lower])
        for lower, higher in pairwise(LAYERS)
    }
    improved = [name for name, gain in gains.items() if gain.low > 0]
    measured = ", ".join(
        f"{name} {gain.value:+.2f} ± {gain.half_width:.2f}" for name, gain in gains.items()
    )
    by_training = paired_difference(values["fc1"], _probe_accuracies(study, "untrained", "fc1"))
    return Finding(
        claim="Each layer says more plainly than the one before which digit it is",
        verdict=verdict_of(len(improved), len(gains)),
        text=(
            f"From layer to layer the probe gains, in points: {measured}. The hidden layer of the"
            f" trained network is {by_training} points ahead of the same layer before training."
        ),
    )


def _edges_finding(study: Study) -> Finding:
    values = {kind: _orientation_selectivities(study, kind) for kind in KINDS}
    gain = paired_difference(values["trained"], values["untrained"])
    return Finding(
        claim="conv1 sees edges",
        verdict="shown" if gain.low > 0 else "not shown",
        text=(
            f"Orientation selectivity of conv1's units is {Measure.of_seeds(values['trained'])} on"
            f" average, of the untrained network's {Measure.of_seeds(values['untrained'])}:"
            f" training changes it by {gain}. Any small filter prefers some direction; only what"
            " training adds is a learnt detector of edges."
        ),
    )


def _orientation_selectivities(study: Study, kind: str) -> list[float]:
    return [
        float(np.nanmean(study[tuning_step(kind, s)].arrays["selectivity"])) for s in study.seeds
    ]


def _shapes_finding(study: Study) -> Finding:
    answers = {kind: _shape_answers(study, kind) for kind in KINDS}
    selectivity = {
        kind: [float(np.nanmean(shape_selectivity(network))) for network in answers[kind]]
        for kind in KINDS
    }
    not_line = {
        kind: [float((preferred_shapes(network) > 0).mean() * 100) for network in answers[kind]]
        for kind in KINDS
    }
    gain = paired_difference(selectivity["trained"], selectivity["untrained"])
    not_line_gain = paired_difference(not_line["trained"], not_line["untrained"])
    preferred = np.concatenate([preferred_shapes(network) for network in answers["trained"]])
    counts = ", ".join(
        f"{name}s {int((preferred == index).sum())}" for index, name in enumerate(SHAPES)
    )
    return Finding(
        claim="conv2 sees corners, curves and loops",
        verdict=verdict_of(sum(change.low > 0 for change in (not_line_gain, gain)), 2),
        text=(
            f"Of the {len(preferred)} units of {study.scale.seeds} trained networks that answer at"
            f" all, so many answer most to: {counts}. {Measure.of_seeds(not_line['trained'])} %"
            " prefer a shape that is no line, of the untrained networks'"
            f" {Measure.of_seeds(not_line['untrained'])} %: training changes it by"
            f" {not_line_gain}. Their selectivity for shapes is"
            f" {Measure.of_seeds(selectivity['trained'])}, before training"
            f" {Measure.of_seeds(selectivity['untrained'])}: it changes by {gain}."
        ),
    )


def _shape_answers(study: Study, kind: str) -> list[np.ndarray]:
    """Return the answers of each network's units to shapes: (shapes, units, variants)."""
    return [study[tuning_step(kind, seed)].arrays["shapes"] for seed in study.seeds]


def _selectivity_finding(study: Study) -> Finding:
    selectivities = {
        kind: {layer: _mean_selectivities(study, kind, layer) for layer in LAYERS[1:]}
        for kind in KINDS
    }
    gains = {
        layer: paired_difference(selectivities["trained"][layer], selectivities["untrained"][layer])
        for layer in LAYERS[1:]
    }
    increased = [layer for layer, gain in gains.items() if gain.low > 0]
    measured = ", ".join(
        f"{layer} {Measure.of_seeds(values)}" for layer, values in selectivities["trained"].items()
    )
    changes = ", ".join(f"{layer} {gain}" for layer, gain in gains.items())
    return Finding(
        claim="Training makes units belong to digits",
        verdict=verdict_of(len(increased), len(gains)),
        text=(
            f"Class selectivity: {measured}. By training it changes by: {changes}. Units of a"
            " convolution are averaged over all places, so that the hidden layer's is not to be"
            " compared with theirs."
        ),
    )


def _table(
    probes: dict[str, dict[str, Measure]], selective: dict[str, dict[str, Measure]], study: Study
) -> Table:
    return Table(
        caption=(
            f"Probes on {study.scale.test:,} test digits, and class selectivity of units, of a map"
            f" by its mean answer; mean of {len(study.seeds)} seeds with its 95 % interval."
        ),
        head=[
            "layer",
            "probe, trained",
            "probe, untrained",
            "selectivity, trained",
            "selectivity, untrained",
        ],
        rows=[
            [
                layer,
                *(f"{probes[kind][layer]} %" for kind in KINDS),
                *(str(selective[kind][layer]) for kind in KINDS),
            ]
            for layer in LAYERS
        ],
    )


def _numbers(
    study: Study, probes: dict[str, dict[str, Measure]], selective: dict[str, dict[str, Measure]]
) -> dict[str, Any]:
    return {
        "probes": {
            kind: {layer: measure.to_json() for layer, measure in by_layer.items()}
            for kind, by_layer in probes.items()
        },
        "class_selectivity": {
            kind: {layer: measure.to_json() for layer, measure in by_layer.items()}
            for kind, by_layer in selective.items()
        },
        "orientation_selectivity": {
            kind: Measure.of_seeds(_orientation_selectivities(study, kind)).to_json()
            for kind in KINDS
        },
        "likeness": study[CKA_STEP].facts,
    }
