"""Does the CNN gain by spatial structure? Three experiments.

Shuffled pixels: the same networks learn digits whose pixels are all moved by one fixed permutation.
A model that uses only what each pixel holds loses nothing; one that uses which pixels are
neighbours does. Displacement: digits are shifted, rotated and resized, as no model has seen them in
training. Sample efficiency: models learn from few digits.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.svm import SVC

from numeye.study.experiments import digits, networks
from numeye.study.experiments.digits import Digits
from numeye.study.experiments.traditional import (
    CNN,
    MLP,
    chosen_setting,
    network_spec,
    search_step,
)
from numeye.study.steps import Result, Step, Study

NETWORKS = (CNN, MLP)
MAX_SVM_DIGITS = 3_000  # the SVM is slow to learn from more


def steps(study: Study) -> list[Step]:
    """Return the steps of the first and the third experiment.

    The models of the comparison answer the second one.
    """
    mlp_search = [search_step(MLP)]
    shuffled = [
        Step(shuffled_step(name, seed), partial(_train_shuffled, name, seed), mlp_search)
        for name in NETWORKS
        for seed in study.seeds
    ]
    few = []
    for size in study.scale.sizes:
        for seed in study.seeds:
            few += [
                Step(few_step(name, size, seed), partial(_train_few, name, size, seed), mlp_search)
                for name in NETWORKS
            ]
            if size <= MAX_SVM_DIGITS:
                train = partial(_train_few_svm, size, seed)
                few.append(Step(few_step("svm", size, seed), train, [search_step("svm")]))
    return shuffled + few


def shuffled_step(name: str, seed: int) -> str:
    """Return the name of the step in which a network learns from shuffled pixels."""
    return f"structure/shuffled/{name}/seed{seed}"


def few_step(name: str, size: int, seed: int) -> str:
    """Return the name of the step in which a model learns from `size` digits."""
    return f"structure/few/{name}/{size}/seed{seed}"


def shuffle_pixels(digits: Digits, seed: int = 0) -> Digits:
    """Return digits whose pixels are all moved by one random permutation."""
    order = np.random.default_rng(seed).permutation(28 * 28)
    return Digits(digits.flat[:, order].reshape(-1, 28, 28), digits.labels)


def _train_shuffled(name: str, seed: int, study: Study) -> Result:
    """Train a network on shuffled pixels; each seed has another permutation."""
    training = shuffle_pixels(digits.load_training(study), seed)
    validation = shuffle_pixels(digits.load_validation(study), seed)
    spec = network_spec(study, name, f"shuffled-{name}-seed{seed}", training, seed)
    trained = networks.train(study, replace(spec, validation=validation))
    test = shuffle_pixels(digits.load_test(study), seed)
    return Result({}, {"test": networks.predict(trained.model, test.pixels).astype(np.int8)})


def _train_few(name: str, size: int, seed: int, study: Study) -> Result:
    sample = digits.load_training(study).sample(size, seed)
    spec = network_spec(study, name, f"few-{name}-{size}-seed{seed}", sample, seed)
    trained = networks.train(study, spec)
    test = digits.load_test(study)
    return Result({}, {"test": networks.predict(trained.model, test.pixels).astype(np.int8)})


def _train_few_svm(size: int, seed: int, study: Study) -> Result:
    sample = digits.load_training(study).sample(size, seed)
    svm = SVC(**chosen_setting(study, "svm")).fit(sample.flat, sample.labels)
    return Result({}, {"test": svm.predict(digits.load_test(study).flat).astype(np.int8)})
