"""Is it spatial structure that the CNN gains by? Three experiments.

Pixels shuffled: the same networks learn digits whose pixels are all moved by one fixed permutation. Whoever uses only
what each pixel holds loses nothing; whoever uses which pixels lie side by side does. Displacement: how much digits may
be moved, turned or resized, which no model has seen in training. Sample efficiency: how few digits suffice.
"""

from __future__ import annotations

from dataclasses import replace
from functools import partial

import numpy as np
from sklearn.svm import SVC

from numeye.training.evidence import digits, networks
from numeye.training.evidence.digits import Digits
from numeye.training.evidence.study import Result, Step, Study
from numeye.training.evidence.traditional import CNN, MLP, chosen, network_asked, search_name

NETWORKS = (CNN, MLP)
MOST_OF_SVM = 3_000  # digits it learns from here; it is slow with more


def steps(study: Study) -> list[Step]:
    """Of the first experiment and the third; the second is answered by those models that the comparison has trained."""
    after = [search_name(MLP)]
    made = [Step(shuffled_name(n, seed), partial(_shuffled, n, seed), after) for n in NETWORKS for seed in study.seeds]
    for size in study.scale.sizes:
        for seed in study.seeds:
            made += [Step(few_name(n, size, seed), partial(_few, n, size, seed), after) for n in NETWORKS]
            if size <= MOST_OF_SVM:
                made.append(Step(few_name("svm", size, seed), partial(_few_svm, size, seed), [search_name("svm")]))
    return made


def shuffled_name(name: str, seed: int) -> str:
    """Of the step in which a network learnt from shuffled pixels."""
    return f"structure/shuffled/{name}/seed{seed}"


def few_name(name: str, size: int, seed: int) -> str:
    """Of the step in which a model learnt from so many digits."""
    return f"structure/few/{name}/{size}/seed{seed}"


def shuffle(some: Digits, seed: int = 0) -> Digits:
    """The same digits with their pixels moved, all by the one permutation of that seed."""
    order = np.random.default_rng(seed).permutation(28 * 28)
    return Digits(some.flat[:, order].reshape(-1, 28, 28), some.labels)


def _shuffled(name: str, seed: int, study: Study) -> Result:
    """Another permutation for each seed."""
    whole = shuffle(digits.fitted(study), seed)
    asked = network_asked(study, name, f"shuffled-{name}-seed{seed}", whole, seed)
    trained = networks.train(study, replace(asked, validation=shuffle(digits.validation(study), seed)))
    said = networks.answers(trained.model, shuffle(digits.test(study), seed).pixels)
    return Result({}, {"test": said.astype(np.int8)})


def _few(name: str, size: int, seed: int, study: Study) -> Result:
    some = digits.fitted(study).some(size, seed)
    trained = networks.train(study, network_asked(study, name, f"few-{name}-{size}-seed{seed}", some, seed))
    return Result({}, {"test": networks.answers(trained.model, digits.test(study).pixels).astype(np.int8)})


def _few_svm(size: int, seed: int, study: Study) -> Result:
    some = digits.fitted(study).some(size, seed)
    fitted = SVC(**chosen(study, "svm")).fit(some.flat, some.labels)
    return Result({}, {"test": fitted.predict(digits.test(study).flat).astype(np.int8)})
