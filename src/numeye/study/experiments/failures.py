"""Where do the networks fail? Attacks, pictures without a digit, and the packaged reader's answers.

Two networks are compared: `classic` as the study trained it, and the packaged reader.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from torch import nn

from numeye.errors import DataError
from numeye.io import mnist
from numeye.models.probabilities import softmax
from numeye.recognition.preprocessing import frame
from numeye.study.experiments import digits, layers, networks, packaged, test_sets
from numeye.study.experiments.traditional import CNN, training_step
from numeye.study.steps import Result, Step, Study
from numeye.study.toolbox import (
    AutoAttack,
    AutoProjectedGradientDescent,
    DeepFool,
    FastGradientMethod,
    ProjectedGradientDescent,
    PyTorchClassifier,
    SquareAttack,
)
from numeye.training.synthetic import fonts

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    Pictures = list[UInt8[np.ndarray, "_ _"]]

NETWORKS = ("classic", "reader")
# An attack changes each pixel by at most epsilon, a share of the range from black to white.
EPSILON = 0.1
FGSM_EPSILONS = (0.02, 0.05, 0.1, 0.2, 0.3)
PGD_ITERATIONS = 40
SQUARE_QUERIES = 1_000  # of the attack that uses no gradients
MAX_EXAMPLES = 8
NON_DIGIT_KINDS = ("noise", "blank", "letters and signs", "clothes")
PACKAGED_STEP, NON_DIGITS_STEP = "failures/reader", "failures/outside"
# From Debian's package dataset-fashion-mnist.
DEBIAN_FASHION_FILE = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")


def steps(study: Study) -> list[Step]:
    """Return the steps: attacks, the packaged reader's answers, and pictures without a digit."""
    cnn = [training_step(CNN, study.seeds[0])]
    return [
        Step(attack_step("reader"), partial(_attack, "reader")),
        Step(attack_step("classic"), partial(_attack, "classic"), cnn),
        Step(PACKAGED_STEP, _read_with_packaged, test_sets.required_steps(study)),
        Step(NON_DIGITS_STEP, _score_non_digits, cnn),
    ]


def attack_step(name: str) -> str:
    """Return the name of the step that attacks a network."""
    return f"failures/attacks/{name}"


def _read_with_packaged(study: Study) -> Result:
    """Read all test sets with the packaged reader; keep its probabilities of the test digits.

    It reads real pictures as they are, not in MNIST's frame.
    """
    wild = [f"wild/{name}" for name in test_sets.wild_names(study)]
    arrays = {
        name: packaged.predict(_to_uint8(pixels))
        for name, pixels in test_sets.pictures(study)
        if name not in wild
    }
    arrays |= {name: packaged.predict(test_sets.wild_pictures(study, name)) for name in wild}
    arrays["told"] = packaged.probabilities(_to_uint8(digits.load_test(study).pixels))
    return Result({}, arrays)


def _to_uint8(pixels: Float32[np.ndarray, "n 28 28"]) -> Pictures:
    return list(np.rint(pixels * 255).astype(np.uint8))


def _score_non_digits(study: Study) -> Result:
    """Score how much pictures with and without a digit look like digits.

    The score of the CNN is its highest probability, that of the reader one minus its probability of
    no digit.
    """
    model = layers.load_trained(study, study.seeds[0])
    arrays: dict[str, np.ndarray] = {}
    validation = _to_uint8(digits.load_validation(study).pixels)
    for kind, pictures in [("digits", validation), *_non_digits(study)]:
        framed = np.array([_frame(picture) for picture in pictures], np.float32) / 255
        probabilities = softmax(networks.logits(model, framed).astype(np.float64))
        arrays[f"{kind}.classic"] = probabilities.max(axis=1)
        arrays[f"{kind}.reader"] = 1 - packaged.probabilities(pictures)[:, 10]
    kinds = sorted({name.partition(".")[0] for name in arrays} - {"digits"})
    left_out = [kind for kind in NON_DIGIT_KINDS if kind not in kinds]
    return Result({"kinds": kinds, "left_out": left_out}, arrays)


def _frame(picture: UInt8[np.ndarray, "_ _"]) -> UInt8[np.ndarray, "28 28"]:
    if picture.shape == (28, 28):
        return picture
    framed: np.ndarray = np.rint(frame(picture).pixels * 255).astype(np.uint8)
    return framed


def _non_digits(study: Study) -> list[tuple[str, Pictures]]:
    """Return the kinds of pictures without a digit that are available, with pictures of each."""
    count = study.scale.corrupted
    random = np.random.default_rng(study.seed)
    kinds: list[tuple[str, Pictures]] = [
        ("noise", list(random.integers(0, 256, (count, 28, 28), dtype=np.uint8))),
        ("blank", [np.zeros((28, 28), np.uint8)]),
    ]
    try:
        letters = _letters(study)
    except DataError as error:
        study.progress(f"letters are left out: {error}")
    else:
        chosen = random.permutation(len(letters))[:count]
        kinds.append(("letters and signs", [letters[number] for number in chosen]))
    clothes = study.fashion or (DEBIAN_FASHION_FILE if DEBIAN_FASHION_FILE.exists() else None)
    if clothes is not None:
        kinds.append(("clothes", list(mnist.read_idx(clothes)[:count])))
    return kinds


def _letters(study: Study) -> Pictures:
    """Return the letters and signs of the held-out fonts that do not look like digits.

    Raises:
        DataError: the fonts are not available.
    """
    fonts.fetch(study.cache, on_message=study.progress)
    glyphs = fonts.load_glyphs("held-out", study.cache)
    return [
        255 - mask
        for mask, character in zip(glyphs.masks, glyphs.characters, strict=True)
        if character not in fonts.DIGITS and character not in fonts.LOOKALIKES
    ]


def _attack(name: str, study: Study) -> Result:
    """Measure which digits are still read right under each attack."""
    model: nn.Module = (
        packaged.TorchRecognizer()
        if name == "reader"
        else layers.load_trained(study, study.seeds[0])
    )
    test = digits.load_test(study).first(study.scale.corrupted)
    pictures, labels = test.pixels[:, None], test.labels
    classifier = PyTorchClassifier(
        model,
        nn.CrossEntropyLoss(),
        input_shape=(1, 28, 28),
        nb_classes=10,
        clip_values=(0.0, 1.0),
        device_type="cpu",
    )
    right: dict[str, list[bool]] = {"clean": _is_right(model, pictures, labels)}
    for epsilon in FGSM_EPSILONS:
        fgsm = FastGradientMethod(classifier, eps=epsilon, batch_size=200)
        right[f"FGSM {epsilon:g}"] = _is_right(model, fgsm.generate(pictures, labels), labels)
    attacked = _pgd(classifier).generate(pictures, labels)
    right[f"PGD {EPSILON:g}"] = _is_right(model, attacked, labels)
    arrays = {"example": attacked[:MAX_EXAMPLES, 0]}
    if name == "reader":
        answers = packaged.predict(_to_uint8(attacked[:, 0]))
        right[f"PGD {EPSILON:g}, read as numeye reads"] = (answers == labels).tolist()
    count = study.scale.attacked
    np.random.seed(study.seed)  # noqa: NPY002 - the library uses the global generator
    attacked = _auto_attack(classifier).generate(pictures[:count], labels[:count])
    right[f"AutoAttack {EPSILON:g}"] = _is_right(model, attacked, labels[:count])
    return Result({"right": right}, arrays)


def _pgd(classifier: PyTorchClassifier) -> Any:
    return ProjectedGradientDescent(
        classifier,
        eps=EPSILON,
        eps_step=EPSILON / 10,
        max_iter=PGD_ITERATIONS,
        batch_size=200,
        verbose=False,
    )


def _auto_attack(classifier: PyTorchClassifier) -> AutoAttack:
    """Return AutoAttack (Croce and Hein 2020) with one start for each of its attacks.

    Of the attacks that the library uses by default, plain PGD is left out; it is measured alone.
    """
    shared: dict[str, Any] = {"eps": EPSILON, "batch_size": 100, "verbose": False}
    apgd: dict[str, Any] = {
        **shared,
        "eps_step": EPSILON / 4,
        "max_iter": 100,
        "nb_random_init": 1,
    }
    attacks = [
        AutoProjectedGradientDescent(classifier, **apgd, loss_type="cross_entropy"),
        AutoProjectedGradientDescent(classifier, **apgd, loss_type="difference_logits_ratio"),
        DeepFool(
            classifier, max_iter=100, epsilon=1e-3, nb_grads=10, batch_size=100, verbose=False
        ),
        SquareAttack(classifier, **shared, max_iter=SQUARE_QUERIES, nb_restarts=1),
    ]
    return AutoAttack(
        classifier, eps=EPSILON, eps_step=EPSILON / 4, attacks=attacks, batch_size=100
    )


@torch.no_grad()
def _is_right(
    model: nn.Module, pictures: Float32[np.ndarray, "n 1 28 28"], labels: np.ndarray
) -> list[bool]:
    correct: list[bool] = (networks.predict(model, pictures[:, 0]) == labels).tolist()
    return correct
