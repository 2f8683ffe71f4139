"""Where the networks fail: attacks, pictures that are no digits, and how much their certainty is worth.

For `classic` as the study trained it, and the packaged reader, side by side.
"""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from art.attacks.evasion import (
    AutoAttack,
    AutoProjectedGradientDescent,
    DeepFool,
    FastGradientMethod,
    ProjectedGradientDescent,
    SquareAttack,
)
from art.estimators.classification import PyTorchClassifier
from torch import nn

from numeye import metrics, mnist
from numeye.errors import DataError
from numeye.framing import frame
from numeye.training.evidence import digits, layers, networks, packaged, questions
from numeye.training.evidence.study import Result, Step, Study
from numeye.training.evidence.traditional import CNN, result_name
from numeye.training.paper import fonts

if TYPE_CHECKING:
    from jaxtyping import Float32, UInt8

    Pictures = list[UInt8[np.ndarray, "_ _"]]

READERS = ("classic", "reader")
FAST = (0.02, 0.05, 0.1, 0.2, 0.3)  # of the range from black to white, that each pixel may be changed by
EPSILON, ITERATIONS, QUERIES = 0.1, 40, 1_000  # the last of the attack that knows no gradients
KINDS = ("noise", "blank", "letters and signs", "clothes")
READER, OUTSIDE = "failures/reader", "failures/outside"
DEBIAN = Path("/usr/share/datasets/fashion-mnist/t10k-images-idx3-ubyte.gz")  # of the package dataset-fashion-mnist


def steps(study: Study) -> list[Step]:
    """What both say of test digits and of what is none, and attacks on both."""
    network = [result_name(CNN, study.seeds[0])]
    attacks = [
        Step(attack_name(name), partial(_attacked, name), needs)
        for name, needs in zip(READERS, (network, ()), strict=True)
    ]
    return [
        *reversed(attacks),
        Step(READER, _reader, questions.needed(study)),
        Step(OUTSIDE, _outside, network),
    ]


def attack_name(name: str) -> str:
    """Of the step that attacks one of them."""
    return f"failures/attacks/{name}"


def _reader(study: Study) -> Result:
    """What the packaged reader says of all that the other models were asked; of test digits, how surely."""
    asked = questions.asked(study)
    arrays = {name: packaged.answers(_bytes(pixels)) for name, pixels in asked if name not in _own(study)}
    arrays |= {name: packaged.answers(questions.wild_pictures(study, name)) for name in _own(study)}
    arrays["told"] = packaged.told(_bytes(digits.test(study).pixels))
    return Result({}, arrays)


def _own(study: Study) -> list[str]:
    """Of these it sees the pictures themselves, not MNIST's frame."""
    return [f"wild/{name}" for name in questions.wild_sets(study)]


def _bytes(pixels: Float32[np.ndarray, "n 28 28"]) -> Pictures:
    return list(np.rint(pixels * 255).astype(np.uint8))


def _outside(study: Study) -> Result:
    """How like digits pictures look that are none: to the CNN by its best answer, to the reader by its eleventh."""
    model = layers.trained(study, study.seeds[0])
    arrays: dict[str, np.ndarray] = {}
    for kind, pictures in [("digits", _bytes(digits.validation(study).pixels)), *_kinds(study)]:
        framed = [p if p.shape == (28, 28) else np.rint(frame(p).pixels * 255).astype(np.uint8) for p in pictures]
        said = metrics.softmax(networks.logits(model, np.array(framed, np.float32) / 255).astype(np.float64))
        arrays[f"{kind}.classic"] = said.max(axis=1)
        arrays[f"{kind}.reader"] = 1 - packaged.told(pictures)[:, 10]
    kinds = sorted({name.partition(".")[0] for name in arrays} - {"digits"})
    return Result({"kinds": kinds, "left_out": [kind for kind in KINDS if kind not in kinds]}, arrays)


def _kinds(study: Study) -> list[tuple[str, Pictures]]:
    count = study.scale.corrupted
    random = np.random.default_rng(study.seed)
    found: list[tuple[str, Pictures]] = [
        ("noise", list(random.integers(0, 256, (count, 28, 28), dtype=np.uint8))),
        ("blank", [np.zeros((28, 28), np.uint8)]),
    ]
    try:
        fonts.fetch(study.cache, say=study.say)
        glyphs = fonts.load_glyphs("held-out", study.cache)
    except DataError as error:
        study.say(f"letters are left out: {error}")
    else:
        letters = [
            255 - mask
            for mask, character in zip(glyphs.masks, glyphs.characters, strict=True)
            if character not in fonts.DIGITS and character not in fonts.LOOKALIKES
        ]
        found.append(("letters and signs", [letters[n] for n in random.permutation(len(letters))[:count]]))
    clothes = study.fashion or (DEBIAN if DEBIAN.exists() else None)
    if clothes is not None:
        found.append(("clothes", list(mnist.read_idx(clothes)[:count])))
    return found


def _attacked(name: str, study: Study) -> Result:
    """How many digits stay right while each pixel is changed by at most epsilon."""
    model: nn.Module = packaged.Glance() if name == "reader" else layers.trained(study, study.seeds[0])
    some = digits.test(study).first(study.scale.corrupted)
    pictures, labels = some.pixels[:, None], some.labels
    victim = PyTorchClassifier(
        model, nn.CrossEntropyLoss(), input_shape=(1, 28, 28), nb_classes=10, clip_values=(0.0, 1.0), device_type="cpu"
    )
    right: dict[str, list[bool]] = {"clean": _right(model, pictures, labels)}
    for epsilon in FAST:
        made = FastGradientMethod(victim, eps=epsilon, batch_size=200).generate(pictures, labels)
        right[f"FGSM {epsilon:g}"] = _right(model, made, labels)
    made = _descent(victim).generate(pictures, labels)
    right[f"PGD {EPSILON:g}"] = _right(model, made, labels)
    arrays = {"example": made[:8, 0]}
    if name == "reader":
        read = packaged.answers(_bytes(made[:, 0]))
        right[f"PGD {EPSILON:g}, read as numeye reads"] = (read == labels).tolist()
    few = study.scale.attacked
    np.random.seed(study.seed)  # noqa: NPY002 - the library draws from there
    made = _auto_attack(victim).generate(pictures[:few], labels[:few])
    right[f"AutoAttack {EPSILON:g}"] = _right(model, made, labels[:few])
    return Result({"right": right}, arrays)


def _descent(victim: PyTorchClassifier) -> Any:
    return ProjectedGradientDescent(
        victim, eps=EPSILON, eps_step=EPSILON / 10, max_iter=ITERATIONS, batch_size=200, verbose=False
    )


def _auto_attack(victim: PyTorchClassifier) -> AutoAttack:
    """Of the library's five attacks all but plain PGD, with one start each: Croce and Hein 2020."""
    usual: dict[str, Any] = {"eps": EPSILON, "batch_size": 100, "verbose": False}
    one_start: dict[str, Any] = {**usual, "eps_step": EPSILON / 4, "max_iter": 100, "nb_random_init": 1}
    attacks = [
        AutoProjectedGradientDescent(victim, **one_start, loss_type="cross_entropy"),
        AutoProjectedGradientDescent(victim, **one_start, loss_type="difference_logits_ratio"),
        DeepFool(victim, max_iter=100, epsilon=1e-3, nb_grads=10, batch_size=100, verbose=False),
        SquareAttack(victim, **usual, max_iter=QUERIES, nb_restarts=1),
    ]
    return AutoAttack(victim, eps=EPSILON, eps_step=EPSILON / 4, attacks=attacks, batch_size=100)


@torch.no_grad()
def _right(model: nn.Module, pictures: Float32[np.ndarray, "n 1 28 28"], labels: np.ndarray) -> list[bool]:
    correct: list[bool] = (networks.answers(model, pictures[:, 0]) == labels).tolist()
    return correct
