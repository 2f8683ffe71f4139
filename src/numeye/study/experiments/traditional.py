"""Do convolutional networks beat traditional models? Seven of those, and the recipe `classic`.

Settings are chosen by the held-out digits, from models that learn from few digits. Then each model
learns from all digits, and reads every picture of `numeye.study.experiments.test_sets` once. Models
whose training is not random are trained once.
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

from numeye.study.experiments import digits, networks, test_sets
from numeye.study.experiments.digits import Digits
from numeye.study.experiments.networks import TrainingSpec
from numeye.study.steps import Result, Step, Study
from numeye.training.networks import count_parameters

if TYPE_CHECKING:
    from jaxtyping import Float32

Setting = dict[str, Any]
CNN, MLP = "classic", "mlp"
TRAIN_ACCURACY_DIGITS = 10_000  # training digits by which the training accuracy is measured
TIMED_DIGITS, WARM_UP_DIGITS = 500, 50


@dataclass(frozen=True, kw_only=True)
class Model:
    """A traditional model, and the settings to choose from.

    Attributes:
        title: its name in the report.
        create: returns an untrained model; takes a setting and a seed.
        settings: to try.
        is_random: whether two trainings may differ.
    """

    title: str
    create: Callable[[Setting, int], Any]
    settings: tuple[Setting, ...]
    is_random: bool = False


def hog_features(pixels: Float32[np.ndarray, "n 784"]) -> Float32[np.ndarray, "n features"]:
    """Return histograms of oriented gradients, a hand-made feature (Dalal and Triggs 2005)."""
    features: np.ndarray = np.array(
        [
            hog(picture, orientations=9, pixels_per_cell=(7, 7), cells_per_block=(2, 2))
            for picture in pixels.reshape(-1, 28, 28)
        ]
    )
    return features


def _logistic(setting: Setting, _: int) -> Any:
    return make_pipeline(StandardScaler(), LogisticRegression(**setting, max_iter=300, tol=1e-3))


def _hog(setting: Setting, seed: int) -> Any:
    return make_pipeline(
        FunctionTransformer(hog_features), LinearSVC(**setting, dual=False, random_state=seed)
    )


def _forest(setting: Setting, seed: int) -> Any:
    return RandomForestClassifier(**setting, n_estimators=300, random_state=seed)


def _boosting(setting: Setting, seed: int) -> Any:
    return HistGradientBoostingClassifier(
        **setting, max_iter=100, max_bins=64, early_stopping=False, random_state=seed
    )


MODELS = {
    "logistic": Model(
        title="logistic regression",
        create=_logistic,
        settings=tuple({"C": c} for c in (0.001, 0.01, 0.1)),
    ),
    "neighbours": Model(
        title="k nearest neighbours",
        create=lambda setting, _: KNeighborsClassifier(**setting, algorithm="brute"),
        settings=tuple({"n_neighbors": k, "weights": "distance"} for k in (1, 3, 5)),
    ),
    "svm": Model(
        title="SVM, RBF kernel",
        create=lambda setting, _: SVC(**setting, cache_size=1000),
        settings=tuple({"C": c, "gamma": g} for c in (3, 10) for g in (0.01, 0.02, 0.03)),
    ),
    "forest": Model(
        title="random forest",
        create=_forest,
        settings=tuple({"max_features": f} for f in (14, 28, 56)),
        is_random=True,
    ),
    "boosting": Model(
        title="gradient boosting",
        create=_boosting,
        settings=tuple(
            {"learning_rate": r, "max_leaf_nodes": n} for r in (0.1, 0.2) for n in (15, 31)
        ),
    ),
    "hog": Model(
        title="HOG + linear SVM",
        create=_hog,
        settings=tuple({"C": c} for c in (0.1, 1, 10)),
    ),
}
# `times` multiplies the epochs.
MLP_SETTINGS = tuple(
    {"learning_rate": rate, "times": times} for rate in (1e-3, 5e-4, 2e-3) for times in (1, 3)
)
TITLES = {name: model.title for name, model in MODELS.items()} | {
    MLP: "MLP, as many parameters",
    CNN: "CNN, the recipe classic",
}


def steps(study: Study) -> list[Step]:
    """Return the steps: choose settings for each model but the CNN, then train with each seed."""
    test = test_sets.required_steps(study)
    mlp_search = Step(search_step(MLP), _search_mlp)
    cnn = [
        Step(training_step(CNN, seed), partial(_train_network, CNN, seed), test)
        for seed in study.seeds
    ]
    mlp = [
        Step(training_step(MLP, seed), partial(_train_network, MLP, seed), [*test, mlp_search.name])
        for seed in study.seeds
    ]
    traditional = []
    for name in MODELS:
        search = Step(search_step(name), partial(_search, name))
        needs = [*test, search.name]
        traditional += [search] + [
            Step(training_step(name, seed), partial(_train_traditional, name, seed), needs)
            for seed in seeds_of(study, name)
        ]
    return [mlp_search, *cnn, *traditional, *mlp]


def search_step(name: str) -> str:
    """Return the name of the step that chooses a model's setting."""
    return f"traditional/{name}/search"


def chosen_setting(study: Study, name: str) -> Setting:
    """Return the setting that was chosen for a model."""
    setting: Setting = study[search_step(name)].facts["chosen"]
    return setting


def training_step(name: str, seed: int) -> str:
    """Return the name of the step that trains a model."""
    return f"traditional/{name}/seed{seed}"


def seeds_of(study: Study, name: str) -> list[int]:
    """Return the seeds with which a model is trained."""
    return study.seeds if name not in MODELS or MODELS[name].is_random else study.seeds[:1]


def _search(name: str, study: Study) -> Result:
    training = digits.load_training(study).sample(study.scale.search)
    validation = digits.load_validation(study)
    trials = []
    for setting in MODELS[name].settings[: study.scale.tries]:
        model = MODELS[name].create(setting, study.seed).fit(training.flat, training.labels)
        accuracy = digits.accuracy(model.predict(validation.flat), validation)
        trials.append({"setting": setting, "accuracy": accuracy})
    return _choose(trials)


def _search_mlp(study: Study) -> Result:
    training = digits.load_training(study).sample(study.scale.search)
    validation = digits.load_validation(study)
    trials = []
    for setting in MLP_SETTINGS[: study.scale.tries]:
        name = f"mlp-{setting['learning_rate']}-{setting['times']}"
        trained = networks.train(study, _mlp_spec(name, training, study.seed, setting, study))
        accuracy = networks.accuracy(trained.model, validation)
        trials.append({"setting": setting, "accuracy": accuracy})
    return _choose(trials)


def _choose(trials: list[dict[str, Any]]) -> Result:
    """Choose the setting with the best accuracy, the first of equal ones."""
    best = max(trials, key=lambda trial: float(trial["accuracy"]))
    return Result({"tried": trials, "chosen": best["setting"]})


def _train_traditional(name: str, seed: int, study: Study) -> Result:
    setting = chosen_setting(study, name)
    training = digits.load_training(study)
    start = time.perf_counter()
    model = MODELS[name].create(setting, seed).fit(training.flat, training.labels)
    seconds = time.perf_counter() - start

    def predict(pixels: Float32[np.ndarray, "n 28 28"]) -> np.ndarray:
        answers: np.ndarray = model.predict(pixels.reshape(len(pixels), -1))
        return answers

    facts = {
        "seconds": seconds,
        "bytes": len(pickle.dumps(model)),
        "milliseconds": _milliseconds_per_digit(predict, study),
    }
    return Result(facts, test_sets.predict_all(study, predict))


def network_spec(study: Study, model: str, name: str, training: Digits, seed: int) -> TrainingSpec:
    """Return how to train either network: the CNN by its recipe, the MLP by its chosen setting."""
    if model == MLP:
        return _mlp_spec(name, training, seed, chosen_setting(study, MLP), study)
    return TrainingSpec(name=name, model=CNN, digits=training, seed=seed, epochs=study.scale.epochs)


def _mlp_spec(
    name: str, training: Digits, seed: int, setting: Setting, study: Study
) -> TrainingSpec:
    return TrainingSpec(
        name=name,
        model=MLP,
        digits=training,
        seed=seed,
        epochs=int(study.scale.epochs * setting["times"]),
        learning_rate=float(setting["learning_rate"]),
    )


def _train_network(name: str, seed: int, study: Study) -> Result:
    """Train the CNN or the MLP; keep its weights and logits as well as its answers."""
    training = digits.load_training(study)
    spec = network_spec(study, name, f"{name}-seed{seed}", training, seed)
    trained = networks.train(study, spec)
    model = trained.model
    predict = partial(networks.predict, model)
    arrays = {
        **test_sets.predict_all(study, predict),
        "logits": networks.logits(model, digits.load_test(study).pixels),
        "validation.logits": networks.logits(model, digits.load_validation(study).pixels),
        **networks.weights_of(model),
    }
    facts = {
        "seconds": trained.seconds,
        "bytes": 4 * count_parameters(model),
        "train_accuracy": networks.accuracy(model, training.first(TRAIN_ACCURACY_DIGITS)),
        "milliseconds": _milliseconds_per_digit(predict, study),
    }
    return Result(facts, arrays)


def _milliseconds_per_digit(predict: test_sets.Predict, study: Study) -> float:
    """Return the time to read one digit, of `TIMED_DIGITS` that are read together."""
    pixels = digits.load_validation(study).first(TIMED_DIGITS).pixels
    predict(pixels[:WARM_UP_DIGITS])  # one-time work is not timed
    start = time.perf_counter()
    predict(pixels)
    return (time.perf_counter() - start) / len(pixels) * 1000
