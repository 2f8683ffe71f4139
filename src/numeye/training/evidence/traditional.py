"""Do networks of convolutions beat traditional models? Seven of those, and the network of the recipe `classic`.

Settings are chosen by the digits held back, from models that learnt from few digits; then each learns from all, and
answers every picture of `numeye.training.evidence.questions` once. Models in which there is no chance are trained once.
"""

from __future__ import annotations

import pickle
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from skimage.feature import hog
from sklearn.ensemble import HistGradientBoostingClassifier, RandomForestClassifier
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, StandardScaler
from sklearn.svm import SVC, LinearSVC

from numeye.training.evidence import digits, networks, questions
from numeye.training.evidence.digits import Digits
from numeye.training.evidence.networks import Asked
from numeye.training.evidence.study import Result, Step, Study
from numeye.training.models import count_parameters

if TYPE_CHECKING:
    from jaxtyping import Float32

Setting = dict[str, Any]
CNN, MLP = "classic", "mlp"
MEASURED = 10_000  # digits of those learnt from that the accuracy in training is measured on
TIMED = 500  # digits whose reading is in the clock


@dataclass(frozen=True, kw_only=True)
class Model:
    """A traditional model, and the settings to choose from.

    Attributes:
        title: for people.
        make: an untrained one; is given a setting and a seed.
        settings: to try.
        chance: True where two trainings may differ.
    """

    title: str
    make: Callable[[Setting, int], Any]
    settings: tuple[Setting, ...]
    chance: bool = False


def edges(pixels: Float32[np.ndarray, "n 784"]) -> Float32[np.ndarray, "n features"]:
    """Histograms of oriented gradients, as people made them by hand (Dalal and Triggs 2005)."""
    pictures = pixels.reshape(-1, 28, 28)
    made = [hog(p, orientations=9, pixels_per_cell=(7, 7), cells_per_block=(2, 2)) for p in pictures]
    found: np.ndarray = np.array(made)
    return found


def _logistic(setting: Setting, _: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(**setting, max_iter=300, tol=1e-3))


def _hog(setting: Setting, seed: int) -> Any:
    return make_pipeline(FunctionTransformer(edges), LinearSVC(**setting, dual=False, random_state=seed))


def _forest(setting: Setting, seed: int) -> Any:
    return RandomForestClassifier(**setting, n_estimators=300, random_state=seed)


def _boosting(setting: Setting, seed: int) -> Any:
    return HistGradientBoostingClassifier(**setting, max_iter=100, max_bins=64, early_stopping=False, random_state=seed)


MODELS = {
    "logistic": Model(
        title="logistic regression", make=_logistic, settings=tuple({"C": c} for c in (0.001, 0.01, 0.1))
    ),
    "neighbours": Model(
        title="k nearest neighbours",
        make=lambda setting, _: KNeighborsClassifier(**setting, algorithm="brute"),
        settings=tuple({"n_neighbors": k, "weights": "distance"} for k in (1, 3, 5)),
    ),
    "svm": Model(
        title="SVM, RBF kernel",
        make=lambda setting, _: SVC(**setting, cache_size=1000),
        settings=tuple({"C": c, "gamma": g} for c in (3, 10) for g in (0.01, 0.02, 0.03)),
    ),
    "forest": Model(
        title="random forest", make=_forest, settings=tuple({"max_features": f} for f in (14, 28, 56)), chance=True
    ),
    "boosting": Model(
        title="gradient boosting",
        make=_boosting,
        settings=tuple({"learning_rate": r, "max_leaf_nodes": n} for r in (0.1, 0.2) for n in (15, 31)),
    ),
    "hog": Model(title="HOG + linear SVM", make=_hog, settings=tuple({"C": c} for c in (0.1, 1, 10))),
}
NETWORK_SETTINGS = tuple({"learning_rate": rate, "times": t} for rate in (1e-3, 5e-4, 2e-3) for t in (1, 3))
TITLES = {name: model.title for name, model in MODELS.items()} | {
    MLP: "MLP, as many parameters",
    CNN: "CNN, the recipe classic",
}


def steps(study: Study) -> list[Step]:
    """A search of settings for each model but the CNN, then a training for each seed."""
    asked = questions.needed(study)
    made = [Step(search_name(MLP), _search_mlp)]
    made += [Step(result_name(CNN, seed), partial(_train, CNN, seed), asked) for seed in study.seeds]
    for name in MODELS:
        made.append(Step(search_name(name), partial(_search, name)))
        after = [*asked, search_name(name)]
        made += [Step(result_name(name, seed), partial(_learn, name, seed), after) for seed in seeds_of(study, name)]
    after = [*asked, search_name(MLP)]
    return made + [Step(result_name(MLP, seed), partial(_train, MLP, seed), after) for seed in study.seeds]


def search_name(name: str) -> str:
    """Of the step that chose a model's setting."""
    return f"traditional/{name}/search"


def chosen(study: Study, name: str) -> Setting:
    """The setting that was chosen for a model."""
    setting: Setting = study[search_name(name)].facts["chosen"]
    return setting


def result_name(name: str, seed: int) -> str:
    """Of the step in which a model learnt."""
    return f"traditional/{name}/seed{seed}"


def seeds_of(study: Study, name: str) -> list[int]:
    """With which a model was trained."""
    return study.seeds if name not in MODELS or MODELS[name].chance else study.seeds[:1]


def _search(name: str, study: Study) -> Result:
    some, held = digits.fitted(study).some(study.scale.search), digits.validation(study)
    tried = []
    for setting in MODELS[name].settings[: study.scale.tries]:
        fitted = MODELS[name].make(setting, study.seed).fit(some.flat, some.labels)
        tried.append({"setting": setting, "accuracy": digits.accuracy(fitted.predict(held.flat), held)})
    return _best(tried)


def _best(tried: list[dict[str, Any]]) -> Result:
    best = max(tried, key=lambda one: float(one["accuracy"]))
    return Result({"tried": tried, "chosen": best["setting"]})


def _learn(name: str, seed: int, study: Study) -> Result:
    setting = chosen(study, name)
    whole = digits.fitted(study)
    begun = time.perf_counter()
    fitted = MODELS[name].make(setting, seed).fit(whole.flat, whole.labels)
    seconds = time.perf_counter() - begun

    def answer(pixels: Float32[np.ndarray, "n 28 28"]) -> np.ndarray:
        said: np.ndarray = fitted.predict(pixels.reshape(len(pixels), -1))
        return said

    facts = {"seconds": seconds, "bytes": len(pickle.dumps(fitted)), **_clock(answer, study)}
    return Result(facts, questions.answered(study, answer))


def _search_mlp(study: Study) -> Result:
    some, held = digits.fitted(study).some(study.scale.search), digits.validation(study)
    tried = []
    for setting in NETWORK_SETTINGS[: study.scale.tries]:
        name = f"mlp-{setting['learning_rate']}-{setting['times']}"
        trained = networks.train(study, _mlp(name, some, study.seed, setting, study))
        accuracy = digits.accuracy(networks.answers(trained.model, held.pixels), held)
        tried.append({"setting": setting, "accuracy": accuracy})
    return _best(tried)


def network_asked(study: Study, model: str, name: str, some: Digits, seed: int) -> Asked:
    """A training of either network as the comparison has it: the CNN by its recipe, the MLP by what was chosen."""
    if model == MLP:
        return _mlp(name, some, seed, chosen(study, MLP), study)
    return Asked(name=name, model=CNN, digits=some, seed=seed, epochs=study.scale.epochs)


def _mlp(name: str, some: Digits, seed: int, setting: Setting, study: Study) -> Asked:
    epochs = int(study.scale.epochs * setting["times"])
    rate = float(setting["learning_rate"])
    return Asked(name=name, model=MLP, digits=some, seed=seed, epochs=epochs, learning_rate=rate)


def _train(name: str, seed: int, study: Study) -> Result:
    """One of the two networks; of the CNN, weights are kept, and what it says of its own training digits."""
    whole, key = digits.fitted(study), f"{name}-seed{seed}"
    trained = networks.train(study, network_asked(study, name, key, whole, seed))
    answer = partial(networks.answers, trained.model)
    arrays = questions.answered(study, answer)
    arrays["logits"] = networks.logits(trained.model, digits.test(study).pixels)
    arrays["validation.logits"] = networks.logits(trained.model, digits.validation(study).pixels)
    arrays |= networks.weights_of(trained.model)
    some = whole.first(MEASURED)
    facts = {
        "seconds": trained.seconds,
        "bytes": 4 * count_parameters(trained.model),
        "train_accuracy": digits.accuracy(answer(some.pixels), some),
        **_clock(answer, study),
    }
    return Result(facts, arrays)


def _clock(answer: questions.Answer, study: Study) -> dict[str, float]:
    """What reading one digit takes, of so many read together."""
    some = digits.validation(study).first(TIMED).pixels
    answer(some[:50])  # what is done once is not in the clock
    begun = time.perf_counter()
    answer(some)
    return {"milliseconds": (time.perf_counter() - begun) / len(some) * 1000}
