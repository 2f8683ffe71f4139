"""Section 4: edges, shapes, digits."""

from __future__ import annotations

from itertools import pairwise
from typing import Any

import numpy as np

from numeye.training.evidence import digits
from numeye.training.evidence.document import Finding, Measure, Section, Table
from numeye.training.evidence.hierarchy import KINDS, LIKENED, LIKENESS, PROBED, probe_name
from numeye.training.evidence.layers import LAYERS
from numeye.training.evidence.sections import drawings
from numeye.training.evidence.study import Study
from numeye.training.evidence.tuning import SHAPES, name_of


def section(study: Study) -> Section:
    """Probes, selectivity, tuning, maps of digits, units."""
    probes = {kind: {layer: _probed(study, kind, layer) for layer in LAYERS} for kind in KINDS}
    selective = {kind: {layer: _selective(study, kind, layer) for layer in LAYERS} for kind in KINDS}
    return Section(
        title="Edges, shapes, digits",
        question="Do deeper layers know more of digits, and does each see what is said of it?",
        method=(
            "The networks of section 1 are asked, and the same networks with their first random weights: what those "
            f"do as well was not learnt. A linear probe on each layer, from {PROBED:,} digits, tells how plainly the "
            "layer says which digit it is. Class selectivity is (best - rest) / (best + rest) of a unit's mean "
            "answers to each digit. conv1 is shown gratings of 12 directions; a unit's answer is how far it swings "
            "while the stripes pass by, its orientation selectivity one less the circular variance. conv2 is shown "
            "lines, corners, curves and loops, strokes of one length and about the size of what one of its units "
            f"sees, in 12 directions and 3 sizes. Likeness of layers is linear CKA on {LIKENED:,} test digits."
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


def _differences(one: list[float], other: list[float]) -> Measure:
    return Measure.of_seeds([a - b for a, b in zip(one, other, strict=True)])


def _deeper(study: Study) -> Finding:
    values = {layer: _values(study, "trained", layer) for layer in LAYERS}
    steps = {f"{one} to {other}": _differences(values[other], values[one]) for one, other in pairwise(LAYERS)}
    up = [name for name, step in steps.items() if step.low > 0]
    told = ", ".join(f"{name} {step.value:+.2f} ± {step.half:.2f}" for name, step in steps.items())
    learnt = _differences(values["fc1"], _values(study, "untrained", "fc1"))
    return Finding(
        claim="Each layer says more plainly than the one before which digit it is",
        verdict="shown" if len(up) == len(steps) else "in part" if up else "not shown",
        text=(
            f"From layer to layer the probe gains, in points: {told}. The hidden layer of the trained network is "
            f"{learnt} points ahead of the same layer before training."
        ),
    )


def _edges(study: Study) -> Finding:
    found = {kind: _tuned(study, kind) for kind in KINDS}
    gain = _differences(found["trained"], found["untrained"])
    return Finding(
        claim="conv1 sees edges",
        verdict="shown" if gain.low > 0 else "not shown",
        text=(
            f"Orientation selectivity of conv1's units is {Measure.of_seeds(found['trained'])} on average, of the "
            f"untrained network's {Measure.of_seeds(found['untrained'])}: training adds {gain}. Any small filter "
            "prefers some direction; only what training adds is a learnt detector of edges."
        ),
    )


def _tuned(study: Study, kind: str) -> list[float]:
    return [float(np.nanmean(study[name_of(kind, s)].arrays["selectivity"])) for s in study.seeds]


def shape_selectivity(answers: np.ndarray) -> np.ndarray:
    """(best - rest) / (best + rest) of each unit's mean answers (shapes, units, variants); nan where it is silent."""
    means = answers.mean(axis=2)
    best = means.max(axis=0)
    rest = (means.sum(axis=0) - best) / (len(means) - 1)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(best + rest > 1e-9, (best - rest) / (best + rest), np.nan)


def _shapes(study: Study) -> Finding:
    answers = {kind: [study[name_of(kind, s)].arrays["shapes"] for s in study.seeds] for kind in KINDS}
    means = {kind: [float(np.nanmean(shape_selectivity(one))) for one in found] for kind, found in answers.items()}
    gain = _differences(means["trained"], means["untrained"])
    best = np.concatenate([one.mean(axis=2).argmax(axis=0) for one in answers["trained"]])
    counts = ", ".join(f"{name}s {int((best == n).sum())}" for n, name in enumerate(SHAPES))
    return Finding(
        claim="conv2 sees corners, curves and loops",
        verdict="shown" if gain.low > 0 else "not shown",
        text=(
            "A unit's answer to the shape that suits it best is ahead of its answer to the others by a selectivity of "
            f"{Measure.of_seeds(means['trained'])}, in the untrained network by "
            f"{Measure.of_seeds(means['untrained'])}: training adds {gain}. Of {len(best)} units of "
            f"{len(answers['trained'])} networks, so many answer most to: {counts}."
        ),
    )


def _classes(study: Study) -> Finding:
    trained = {layer: _selectivities(study, "trained", layer) for layer in ("conv1", "conv2", "fc1")}
    untrained = _selectivities(study, "untrained", "fc1")
    grows = [_differences(trained[b], trained[a]) for a, b in (("conv1", "conv2"), ("conv2", "fc1"))]
    up = sum(step.low > 0 for step in grows)
    told = ", ".join(f"{layer} {Measure.of_seeds(values)}" for layer, values in trained.items())
    return Finding(
        claim="Deeper units belong to digits",
        verdict="shown" if up == len(grows) else "in part" if up else "not shown",
        text=f"Class selectivity: {told}; of the hidden layer before training {Measure.of_seeds(untrained)}.",
    )


def _table(probes: dict[str, dict[str, Measure]], selective: dict[str, dict[str, Measure]], study: Study) -> Table:
    return Table(
        caption=(
            f"Probes on {study.scale.test:,} test digits, and class selectivity of units, of a map by its strongest "
            f"answer; mean of {len(study.seeds)} seeds with its 95 % interval."
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
