"""Which labels may be wrong?

Fifteen test digits whose labels are known to be doubtful, and what cleanlab finds in train.
"""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from cleanlab.filter import find_label_issues

from numeye.models import probabilities
from numeye.study.experiments import digits, networks
from numeye.study.experiments.networks import TrainingSpec
from numeye.study.steps import Result, Step, Study

if TYPE_CHECKING:
    from jaxtyping import Int64

# Indices of test digits, from the list of Northcutt, Athalye and Mueller 2021,
# https://labelerrors.com.
DOUBTFUL_TEST_DIGITS = (
    *(947, 1621, 1901, 2130, 2462, 2597, 2654, 3520),
    *(3558, 5937, 6651, 6783, 8527, 9679, 9729),
)
ISSUES_STEP = "doubts/found"
MAX_SHOWN = 32


def steps(study: Study) -> list[Step]:
    """Return the steps: train a network for each fold, then judge the labels by their answers."""
    folds = [Step(fold_step(n), partial(_train_fold, n)) for n in range(study.scale.folds)]
    return [*folds, Step(ISSUES_STEP, _find_issues, [step.name for step in folds])]


def fold_step(fold: int) -> str:
    """Return the name of the step that judges one fold."""
    return f"doubts/fold{fold}"


def _fold_of_digits(study: Study) -> Int64[np.ndarray, " n"]:
    """Return the fold of each training digit."""
    count = len(digits.load_training(study))
    folds: np.ndarray = np.random.default_rng(study.seed).permutation(count) % study.scale.folds
    return folds


def _train_fold(fold: int, study: Study) -> Result:
    """Train a network on all other folds, and keep its logits of this one."""
    training, is_held_out = digits.load_training(study), _fold_of_digits(study) == fold
    spec = TrainingSpec(
        name=f"fold{fold}",
        model="classic",
        digits=training.take(np.flatnonzero(~is_held_out)),
        seed=study.seed,
        epochs=study.scale.epochs,
    )
    trained = networks.train(study, spec)
    held_out = training.take(np.flatnonzero(is_held_out))
    return Result({}, {"logits": networks.logits(trained.model, held_out.pixels)})


def _find_issues(study: Study) -> Result:
    """Find digits whose label is probably wrong, the least likely labels first.

    Northcutt, Jiang and Chuang 2021, "Confident learning" (https://arxiv.org/abs/1911.00068).
    """
    training, folds = digits.load_training(study), _fold_of_digits(study)
    predicted = np.empty((len(training), 10))
    for fold in range(study.scale.folds):
        logits = study[fold_step(fold)].arrays["logits"].astype(np.float64)
        predicted[folds == fold] = probabilities.softmax(logits)
    issues = find_label_issues(
        training.labels, predicted, return_indices_ranked_by="self_confidence", n_jobs=1
    )
    shown = issues[:MAX_SHOWN]
    arrays = {
        "pixels": training.pixels[shown],
        "labels": training.labels[shown],
        "said": predicted[shown].argmax(axis=1),
        "sure": predicted[shown].max(axis=1),
    }
    return Result({"issues": len(issues), "of": len(training)}, arrays)
