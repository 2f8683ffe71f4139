"""Does each layer represent digits better than the one before?

Linear probes, class selectivity, t-SNE maps and the similarity of layers. Each is measured on
trained networks, and on the same networks with their first random weights: what those do equally
well was not learned.
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

from numeye.study.experiments import digits, layers
from numeye.study.experiments.layers import LAYERS, flatten
from numeye.study.experiments.traditional import CNN, training_step
from numeye.study.steps import Result, Step, Study
from numeye.training.networks import Classic

if TYPE_CHECKING:
    from jaxtyping import Float, Float32, Float64, Int64

KINDS = ("trained", "untrained")
MAX_PROBE_DIGITS = 5_000  # that a probe learns from; the networks did not learn from them
MAX_CKA_DIGITS = 2_000  # test digits by which layers are compared
EMBEDDING_STEP, CKA_STEP = "hierarchy/embedding", "hierarchy/likeness"
# A unit whose mean activations sum to less is silent; it has no selectivity.
MIN_ACTIVATION = 1e-9


def steps(study: Study) -> list[Step]:
    """Return the steps: probes and selectivity of every seed, similarity of layers, maps."""
    networks = [training_step(CNN, seed) for seed in study.seeds]
    probes = [
        Step(probe_step(kind, seed), partial(_probe, kind, seed), networks)
        for kind in KINDS
        for seed in study.seeds
    ]
    return [
        *probes,
        Step(CKA_STEP, _compare_layers, networks),
        Step(EMBEDDING_STEP, _embed, networks),
    ]


def probe_step(kind: str, seed: int) -> str:
    """Return the name of the step that probes a network."""
    return f"hierarchy/probe/{kind}/seed{seed}"


def load_network(study: Study, kind: str, seed: int) -> Classic:
    """Return a network, trained or untrained."""
    return layers.load_trained(study, seed) if kind == "trained" else layers.create_untrained(seed)


def class_selectivity(
    features: Float[np.ndarray, "n units"], labels: Int64[np.ndarray, " n"]
) -> Float64[np.ndarray, " units"]:
    """Return the class selectivity of each unit, 0 to 1; nan for a silent unit.

    It is (best - rest) / (best + rest), of the mean activation for the unit's best digit and for
    all others. Morcos et al. 2018, "On the importance of single directions for generalization"
    (https://arxiv.org/abs/1803.06959).
    """
    means = np.array([features[labels == digit].mean(axis=0) for digit in range(10)], np.float64)
    best = means.max(axis=0)
    rest = (means.sum(axis=0) - best) / 9
    with np.errstate(invalid="ignore"):
        return np.where(best + rest > MIN_ACTIVATION, (best - rest) / (best + rest), np.nan)


def linear_cka(a: Float[np.ndarray, "n p"], b: Float[np.ndarray, "n q"]) -> float:
    """Return the linear CKA of two representations of the same pictures, 0 to 1.

    It is 1 if they differ only by rotation and scale. Kornblith et al. 2019
    (https://arxiv.org/abs/1905.00414).
    """
    a, b = (features.astype(np.float64) - features.mean(axis=0) for features in (a, b))
    # Similarity of each pair of pictures: n x n is smaller than features x features.
    similar_a, similar_b = a @ a.T, b @ b.T
    norms = np.linalg.norm(similar_a) * np.linalg.norm(similar_b)
    return float((similar_a * similar_b).sum() / norms)


def _probe(kind: str, seed: int, study: Study) -> Result:
    """Fit a linear model to each layer; keep its answers, and the selectivity of the units."""
    model = load_network(study, kind, seed)
    training = digits.load_validation(study).sample(MAX_PROBE_DIGITS, seed)
    test = digits.load_test(study)
    training_features = layers.activations(model, training.pixels)
    test_features = layers.activations(model, test.pixels)
    arrays: dict[str, np.ndarray] = {}
    for name in LAYERS:
        probe = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200, tol=1e-3))
        probe.fit(flatten(training_features[name]), training.labels)
        arrays[name] = probe.predict(flatten(test_features[name])).astype(np.int8)
        units = _mean_of_units(test_features[name])
        arrays[f"{name}.selectivity"] = class_selectivity(units, test.labels)
    return Result({}, arrays)


def _mean_of_units(features: Float32[np.ndarray, "n ..."]) -> Float32[np.ndarray, "n units"]:
    """Return one activation for each unit: the mean of a map, or that of a pixel or hidden unit."""
    return features.mean(axis=(2, 3)) if features.ndim == 4 else flatten(features)


def _compare_layers(study: Study) -> Result:
    """Compare each layer of one network with each layer of another; mean over pairs of seeds."""
    pixels = digits.load_test(study).pixels[:MAX_CKA_DIGITS]
    seeds = study.seeds
    facts = {}
    for kind in KINDS:
        features = [
            {
                name: flatten(values)
                for name, values in layers.activations(
                    load_network(study, kind, seed), pixels
                ).items()
            }
            for seed in seeds
        ]
        pairs = list(combinations(range(len(seeds)), 2))
        facts[kind] = [
            [
                float(
                    np.mean([linear_cka(features[i][row], features[j][column]) for i, j in pairs])
                )
                for column in LAYERS
            ]
            for row in LAYERS
        ]
    return Result(facts)


def _embed(study: Study) -> Result:
    """Map test digits to two dimensions by each layer, with t-SNE (van der Maaten, Hinton 2008)."""
    test = digits.load_test(study).first(study.scale.embedded)
    features = layers.activations(layers.load_trained(study, study.seeds[0]), test.pixels)
    arrays: dict[str, np.ndarray] = {"labels": test.labels}
    for name in LAYERS:
        reduced = PCA(50, random_state=study.seed).fit_transform(flatten(features[name]))
        embedding = TSNE(random_state=study.seed, init="pca").fit_transform(reduced)
        arrays[name] = embedding.astype(np.float32)
    return Result({}, arrays)
