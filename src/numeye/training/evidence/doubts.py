"""Labels that may be wrong: fifteen test digits that are known to be doubtful, and what cleanlab finds in train."""

from __future__ import annotations

from functools import partial

import numpy as np
from cleanlab.filter import find_label_issues

from numeye import metrics
from numeye.training.evidence import digits, networks
from numeye.training.evidence.networks import Asked
from numeye.training.evidence.study import Result, Step, Study

# Numbers of test digits, from the list of Northcutt, Athalye and Mueller 2021, https://labelerrors.com.
DOUBTFUL = (947, 1621, 1901, 2130, 2462, 2597, 2654, 3520, 3558, 5937, 6651, 6783, 8527, 9679, 9729)
FOUND = "doubts/found"
SHOWN = 32


def steps(study: Study) -> list[Step]:
    """A network for each part of train that learnt from the other parts; then what their answers say of the labels."""
    folds = [Step(fold_name(n), partial(_fold, n)) for n in range(study.scale.folds)]
    return [*folds, Step(FOUND, _found, [step.name for step in folds])]


def fold_name(number: int) -> str:
    """Of the step that judges one part."""
    return f"doubts/fold{number}"


def _parts(study: Study) -> np.ndarray:
    """Which part each training digit is in."""
    count = len(digits.fitted(study))
    parts: np.ndarray = np.random.default_rng(study.seed).permutation(count) % study.scale.folds
    return parts


def _fold(number: int, study: Study) -> Result:
    whole, parts = digits.fitted(study), _parts(study)
    others, own = whole.take(np.flatnonzero(parts != number)), whole.take(np.flatnonzero(parts == number))
    asked = Asked(name=f"fold{number}", model="classic", digits=others, seed=study.seed, epochs=study.scale.epochs)
    trained = networks.train(study, asked)
    return Result({}, {"logits": networks.logits(trained.model, own.pixels)})


def _found(study: Study) -> Result:
    """Digits whose label is unlikely to be right, the least likely first (Northcutt, Jiang and Chuang 2021)."""
    whole, parts = digits.fitted(study), _parts(study)
    said = np.empty((len(whole), 10))
    for number in range(study.scale.folds):
        said[parts == number] = metrics.softmax(study[fold_name(number)].arrays["logits"].astype(np.float64))
    issues = find_label_issues(whole.labels, said, return_indices_ranked_by="self_confidence", n_jobs=1)
    shown = issues[:SHOWN]
    arrays = {
        "pixels": whole.pixels[shown],
        "labels": whole.labels[shown],
        "said": said[shown].argmax(axis=1),
        "sure": said[shown].max(axis=1),
    }
    return Result({"issues": len(issues), "of": len(whole)}, arrays)
