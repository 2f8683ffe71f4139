"""Does each layer know more of digits than the one before? Probes, selectivity, maps and likeness of layers.

All is asked of trained networks and of the same networks with their first random weights: what those do as well was
not learnt.
"""

from __future__ import annotations

from functools import partial
from itertools import combinations
from typing import TYPE_CHECKING

import numpy as np
from sklearn.decomposition import PCA
from sklearn.linear_model import LogisticRegression
from sklearn.manifold import TSNE
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from numeye.training.evidence import digits, layers
from numeye.training.evidence.layers import LAYERS, flat
from numeye.training.evidence.study import Result, Step, Study
from numeye.training.evidence.traditional import CNN, result_name
from numeye.training.models import Classic

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, Int64

KINDS = ("trained", "untrained")
PROBED = 5_000  # digits a probe learns from, at most: of those that the networks did not learn from
LIKENED = 2_000  # test digits by which layers are likened
EMBEDDING, LIKENESS = "hierarchy/embedding", "hierarchy/likeness"


def steps(study: Study) -> list[Step]:
    """Probes and selectivity of every seed, and the rest."""
    networks = [result_name(CNN, seed) for seed in study.seeds]
    probes = [
        Step(probe_name(kind, seed), partial(_probe, kind, seed), networks) for kind in KINDS for seed in study.seeds
    ]
    return [*probes, Step(LIKENESS, _likeness, networks), Step(EMBEDDING, _embedding, networks)]


def probe_name(kind: str, seed: int) -> str:
    """Of the step that asks one network."""
    return f"hierarchy/probe/{kind}/seed{seed}"


def network(study: Study, kind: str, seed: int) -> Classic:
    """Trained or not."""
    return layers.trained(study, seed) if kind == "trained" else layers.untrained(seed)


def class_selectivity(
    features: Float[np.ndarray, "n units"], labels: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " units"]:
    """Of each unit, (best - rest) / (best + rest): its mean answer to its best digit, and to all others; 0 to 1.

    Morcos et al. 2018, "On the importance of single directions for generalization" (https://arxiv.org/abs/1803.06959).
    A unit that never answers has none: nan.
    """
    means = np.array([features[labels == digit].mean(axis=0) for digit in range(10)], np.float64)
    best = means.max(axis=0)
    rest = (means.sum(axis=0) - best) / 9
    with np.errstate(invalid="ignore"):
        return np.where(best + rest > 1e-9, (best - rest) / (best + rest), np.nan)


def likeness(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> float:
    """Linear CKA, 0 to 1: 1 where one is the other, turned and scaled.

    Kornblith et al. 2019 (https://arxiv.org/abs/1905.00414).
    """
    a, b = (features.astype(np.float64) - features.mean(axis=0) for features in (a, b))
    one, other = a @ a.T, b @ b.T  # how alike any two pictures are; fewer numbers than by features
    return float((one * other).sum() / (np.linalg.norm(one) * np.linalg.norm(other)))


def _probe(kind: str, seed: int, study: Study) -> Result:
    """A linear model on what each layer says: how plainly it says which digit it is."""
    model = network(study, kind, seed)
    some, test = digits.validation(study).some(PROBED, seed), digits.test(study)
    learnt, asked = layers.seen(model, some.pixels), layers.seen(model, test.pixels)
    arrays: dict[str, np.ndarray] = {}
    for name in LAYERS:
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200, tol=1e-3))
        probe.fit(flat(learnt[name]), some.labels)
        arrays[name] = probe.predict(flat(asked[name])).astype(np.int8)
        arrays[f"{name}.selectivity"] = class_selectivity(_units(asked[name]), test.labels)
    return Result({}, arrays)


def _units(features: Float32[np.ndarray, "n ..."]) -> Float32[np.ndarray, "n units"]:
    """A map counts as one unit, by its mean answer; pixels and the hidden layer are units themselves."""
    return features.mean(axis=(2, 3)) if features.ndim == 4 else flat(features)


def _likeness(study: Study) -> Result:
    """Of every layer of one network to every layer of another; and within one."""
    pixels = digits.test(study).pixels[:LIKENED]
    seeds = study.seeds
    facts = {}
    for kind in KINDS:
        said = [{n: flat(f) for n, f in layers.seen(network(study, kind, s), pixels).items()} for s in seeds]
        pairs = list(combinations(range(len(seeds)), 2))
        facts[kind] = [
            [float(np.mean([likeness(said[i][one], said[j][other]) for i, j in pairs])) for other in LAYERS]
            for one in LAYERS
        ]
    return Result(facts)


def _embedding(study: Study) -> Result:
    """Where each layer lays test digits, drawn in two dimensions by t-SNE (van der Maaten and Hinton 2008)."""
    some = digits.test(study).first(study.scale.embedded)
    said = layers.seen(layers.trained(study, study.seeds[0]), some.pixels)
    arrays: dict[str, np.ndarray] = {"labels": some.labels}
    for name in LAYERS:
        reduced = PCA(50, random_state=study.seed).fit_transform(flat(said[name]))
        arrays[name] = TSNE(random_state=study.seed, init="pca").fit_transform(reduced).astype(np.float32)
    return Result({}, arrays)
